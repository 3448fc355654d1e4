"""Mutants of a claim's end: stop, free, debts, the reaper, a Machine without status."""

from mutants.mutant import mutant

_CLAIM = "plan/claim.py"
_LEDGER = "plan/ledger.py"
_ROWS = "plan/rows.py"
_REPORT = "plan/report.py"

MUTANTS = (
    mutant(
        "no-cool-down",
        "The cool-down comes before free is told.",
        (_CLAIM, "        _cool_down,\n", ""),
        needs=("Start lands late", "TurnOff lands late"),
        within=60,
    ),
    mutant(
        "never-turned-off",
        "In Stopping we turn off what our own start turned on.",
        (_CLAIM, "        _turn_off,\n", ""),
        within=40,
    ),
    mutant(
        "anything-turned-off",
        "Turned off is what our own start turned on; anything else only if every database was "
        "read and none says occupied elsewhere.",
        (
            _CLAIM,
            "    if view.generation is not None:  # on, or on its way there: a boot that hangs "
            "is ended too\n",
            "    if True:\n",
        ),
        (
            _CLAIM,
            "    if facts.view.generation is None and not _is_nobodys(facts):\n        return None\n",
            "",
        ),
        within=40,
    ),
    mutant(
        "foreign-run-reaped",
        "The same words bind the reaper: what every database was not read of may be the other "
        "program's run.",
        (
            _CLAIM,
            "    return known and rows.foreign_owner(facts.rows) is None and not facts.is_twins",
            "    return not facts.is_twins",
        ),
        (
            _CLAIM,
            "    if facts.is_twins or rows.foreign_owner(facts.rows):\n        return None\n    telling",
            "    telling",
        ),
        within=40,
    ),
    mutant(
        "rows-not-read-anew",
        "What is on by nobody's claim is turned off only on rows that were read after that was "
        "seen.",
        (
            "reconcile/facts.py",
            "        if not theirs and words.spoken(machine, CLAIM) is None:\n",
            "        if words.spoken(machine, CLAIM) is None:\n",
        ),
        needs=("legacy run", "legacy leaves it on"),
        within=60,
    ),
    mutant(
        "foreign-run-holds-back-free",
        "A machine that is occupied elsewhere does not hold back Free.",
        (
            _CLAIM,
            "    if not facts.is_off and not elsewhere and not vouched:",
            "    if not facts.is_off and not vouched:",
        ),
        needs=("legacy run", "legacy leaves it on"),
        within=60,
    ),
    mutant(
        "no-reaper",
        "Free but on is stopped by the reaper.",
        (_CLAIM, "        _reap,\n", ""),
        needs=("legacy leaves it on",),
        within=60,
    ),
    mutant(
        "reaper-calls-the-provider",
        "The reaper writes the ledger first and never calls the provider: a late off would kill "
        "a newer run.",
        (
            _CLAIM,
            "    return act.WriteMachine(facts.machine, ledger.reaped(facts.machine, text, now))",
            "    return act.TurnOff(facts.machine)",
        ),
        (
            "reconcile/perform.py",
            '    fresh = await context.ports.kube.get("machines", "", machine.name)\n'
            "    _check_same(machine, fresh)\n    context.check()\n    try:\n"
            "        async with asyncio.timeout(context.settings.call_timeout):\n"
            "            await provider.ensure_off",
            "    context.check()\n    try:\n"
            "        async with asyncio.timeout(context.settings.call_timeout):\n"
            "            await provider.ensure_off",
        ),
        needs=("TurnOff lands late", "TurnOff frozen before"),
        within=60,
    ),
    mutant(
        "reaped-under-the-old-generation",
        "The reaper takes a new generation.",
        (
            _LEDGER,
            "        reason,\n        now,\n        generation=machine.status.generation + 1,",
            "        reason,\n        now,\n        generation=machine.status.generation,",
        ),
        needs=("legacy leaves it on",),
        within=60,
    ),
    mutant(
        "free-untold",
        "Each write of Free has told every database or noted a debt.",
        (
            _ROWS,
            "    return tuple(sorted(p.name for p in platforms if p.platform.is_enforced and "
            "owes(p)))",
            "    return ()",
        ),
        within=40,
    ),
    mutant(
        "free-told-only-to-who-confirmed",
        "Free is told even to a database that never confirmed occupied.",
        (
            _CLAIM,
            "    telling = _tell(facts, now, RowState.FREE)\n    if telling is not None:\n"
            "        return telling\n    fence = facts.status.occupied_fence + 1\n"
            "    told = rows.told_platforms(facts.platforms)\n",
            "    heard = {n for n, row in facts.rows.items() if row.told is Told.IN_STEP}\n"
            "    telling = _tell(facts, now, RowState.FREE)\n    if telling is not None:\n"
            "        some = tuple(e for e in telling.entries if e[0] in heard)\n"
            "        if some:\n            return act.Tell(facts.machine, some)\n"
            "    fence = facts.status.occupied_fence + 1\n"
            "    told = tuple(\n"
            "        p for p in rows.told_platforms(facts.platforms) if p.name in heard\n    )\n",
        ),
        (
            _ROWS,
            "        if known is None or known.fence < fence:\n            return True\n",
            "        if known is None or known.fence < fence:\n            return False\n",
        ),
        within=40,
    ),
    mutant(
        "debts-dropped",
        "A debt stays until it is paid.",
        (
            _REPORT,
            "    return tuple(d for d in machine.status.debts if d in observed or d in owing)",
            "    return ()",
        ),
        within=40,
    ),
    mutant(
        "debts-never-paid",
        "Free Machines' rows are told too, until each debt is paid.",
        (_CLAIM, "        _tell_free,\n", ""),
        within=40,
    ),
    mutant(
        "dead-database-holds-back-free",
        "A dead database is noted as a debt and does not hold back Free.",
        (
            _ROWS,
            "    return fact.is_down or (known is not None and known.fence >= fence)",
            "    return known is not None and known.fence >= fence",
        ),
        needs=("down at rest",),
        within=60,
    ),
    mutant(
        "free-without-an-answer",
        "Free is written once each database has answered, or its failure to be told is known.",
        (
            _CLAIM,
            "    if not all(rows.is_settled(p, facts.rows, fence) for p in told):\n"
            "        return act.Wait()\n    status = ledger.freed(",
            "    status = ledger.freed(",
        ),
        (
            _ROWS,
            "        if known is None or known.fence < fence:\n            return True\n",
            "        if known is None or known.fence < fence:\n            return fact.is_down\n",
        ),
        within=40,
    ),
    mutant(
        "first-seen-free",
        "A Machine without status is never Free: it is observed first.",
        (
            _LEDGER,
            '        MachineState.STOPPING,\n        "seen for the first time',
            '        MachineState.FREE,\n        "seen for the first time',
        ),
        ("plan/states.py", "Arrow(None, MachineState.STOPPING,", "Arrow(None, MachineState.FREE,"),
        within=40,
    ),
    mutant(
        "first-generation-is-one",
        "A Machine without status takes a generation far above anything ever used.",
        (_LEDGER, "        generation=generation_of(now),", "        generation=1,"),
        needs=("machine without status",),
        within=60,
    ),
    mutant(
        "ended-attempt-adopted",
        "No status: the lease of an attempt that has ended is not adopted.",
        (
            "reconcile/facts.py",
            "            if platform is not None and (attempt is None or attempt.outcome is None):",
            "            if platform is not None:",
        ),
        (
            "reconcile/facts.py",
            "            if found is None or job is None or job.is_finished:",
            "            if found is None or job is None:",
        ),
        needs=("machine without status",),
        within=60,
    ),
    mutant(
        "unbound-lease-adopted",
        "No status: only a lease that is bound to this Machine is adopted.",
        (
            "reconcile/facts.py",
            "            if lease is None or lease.status.machine_uid != machine.uid:",
            "            if lease is None:",
        ),
        (
            "reconcile/facts.py",
            "            if found.status.machine_uid != machine.uid or found.is_released:",
            "            if found.is_released:",
        ),
        needs=("machine without status", "all without status", "machine anew"),
        within=60,
    ),
    mutant(
        "free-while-on",
        "Free only after confirmed off.",
        (
            _CLAIM,
            "    if not facts.is_off and not elsewhere and not vouched:\n        return act.Wait()\n",
            "",
        ),
        (
            _CLAIM,
            "    if not elsewhere and not vouched:\n"
            "        past = min(past, facts.off_for or timedelta(0))\n",
            "",
        ),
        needs=("provider cannot say",),
        within=60,
    ),
)
