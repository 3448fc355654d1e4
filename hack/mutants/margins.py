"""Mutants that no promise sees: their guards are there for the time, the alarm or the margin.

protocol.md names them as such. What catches them is the unit tests that each names.
"""

from mutants.mutant import mutant

_REPORT = "plan/report.py"
_TESTS_OF_REPORT = ("tests/plan/test_report.py",)

MUTANTS = (
    mutant(
        "claimed-while-on",
        "Placement claims only a machine that the provider says is off (margin: the start decides).",
        (
            _REPORT,
            "    if view.power is Power.ON:\n        return UnavailableReason",
            "    if False:\n        return UnavailableReason",
        ),
        tests=_TESTS_OF_REPORT,
    ),
    mutant(
        "claimed-while-occupied-elsewhere",
        "A machine that is occupied elsewhere is not claimed (margin: the compare-and-set on the "
        "row decides).",
        (
            _REPORT,
            '    if foreign is not None:\n        text = f"occupied',
            '    if False:\n        text = f"occupied',
        ),
        tests=_TESTS_OF_REPORT,
    ),
    mutant(
        "cordoned-lent",
        "A machine that is cordoned takes no new claim.",
        (_REPORT, "    if spec.cordon:\n", "    if False:\n"),
        tests=_TESTS_OF_REPORT,
    ),
    mutant(
        "no-alarm-in-stopping",
        "Never give up: alarm, and stay until the provider says off.",
        (_REPORT, "    if not is_overdue(machine, now, settings) or (", "    if True or ("),
        tests=_TESTS_OF_REPORT,
    ),
    mutant(
        "claimed-with-a-needed-database-away",
        "While the breaker of a needed database is open, placement does not leave Free.",
        (
            "plan/rows.py",
            "        if fact.is_down:\n            return fact.why_down\n",
            "",
        ),
        tests=("tests/plan/test_rows.py",),
    ),
    mutant(
        "no-backoff",
        "A next attempt begins after a backoff that doubles.",
        (
            "plan/job.py",
            "    if left:\n        return act.Wait(left)\n",
            "",
        ),
        tests=("tests/plan/test_job.py",),
    ),
    mutant(
        "waits-past-its-limit",
        "Every wait has a deadline: a job gives up when it has waited as long as it may.",
        (
            "plan/job.py",
            "        if now >= due:\n            return act.SetOutcome(",
            "        if False:\n            return act.SetOutcome(",
        ),
        tests=("tests/plan/test_job.py",),
    ),
    mutant(
        "late-renewal-counts-from-its-answer",
        "A renewal of the leader's Lease counts from when it was sent.",
        (
            "reconcile/leader.py",
            "        self._valid_until = sent + self._renew",
            "        self._valid_until = self._clock.monotonic() + self._renew",
        ),
        tests=("tests/reconcile/test_leader.py",),
    ),
    mutant(
        "failed-machine-not-avoided",
        "The machine of the last infrastructure failure is avoided while another permitted one "
        "exists.",
        (
            "plan/placement.py",
            "                return attempt.machine\n",
            "                return None\n",
        ),
        tests=("tests/plan/test_placement.py",),
    ),
    mutant(
        "deleted-machine-waits-for-ever",
        "The finalizer of a Machine has a deadline for what only a dead database holds back.",
        (
            "plan/finalizers.py",
            "        not machine.status.debts or _is_overdue(machine, now, settings)\n",
            "        not machine.status.debts\n",
        ),
        tests=("tests/plan/test_finalizers.py",),
    ),
    mutant(
        "holds-anywhere",
        "A hold is made only in the namespaces of the setting.",
        (
            "plan/leases.py",
            "    if lease.namespace not in settings.hold_namespaces:",
            "    if False:",
        ),
        tests=("tests/plan/test_leases.py",),
    ),
    mutant(
        "shares-unheeded",
        "Platforms in turn by what they used, divided by their share.",
        (
            "plan/placement.py",
            "((used[n] + more) / shares.get(n, 1), n))",
            "(used[n] + more, n))",
        ),
        tests=("tests/plan/test_placement.py",),
    ),
    mutant(
        "retry-loses-its-age",
        "A retry keeps its age in the queue.",
        (
            "plan/placement.py",
            "        return self.job.created if self.job else self.lease.created",
            "        return self.lease.created",
        ),
        tests=("tests/plan/test_placement.py",),
    ),
    mutant(
        "start-on-what-is-on",
        "Started is only what the provider says off of.",
        (
            "plan/claim.py",
            "facts.start_issued or not facts.is_off or not confirmed:",
            "facts.start_issued or not confirmed:",
        ),
        tests=("tests/plan/test_claim_begin.py",),
    ),
    mutant(
        "another-run-unnoticed",
        "Claimed and on, but not by this generation, is Lost.",
        (
            "plan/claim.py",
            "    if facts.is_on:\n        text",
            "    if facts.is_on:\n        return act.Wait()\n        text",
        ),
        tests=("tests/plan/test_claim_end.py", "tests/plan/test_claim_begin.py"),
    ),
    mutant(
        "never-given-back",
        "A row that is not ours, in a needed database and before the start: the claim is given "
        "back (StartFailed, not counted).",
        ("plan/claim.py", "        _give_back,\n", ""),
        tests=("tests/plan/test_claim_begin.py",),
    ),
    mutant(
        "limits-unheeded",
        "Every wait has a deadline and a way out: a claim has its limits.",
        (
            "plan/claim.py",
            "        if now >= due:\n            return _outcome(facts, Outcome.LIMIT_EXCEEDED",
            "        if False:\n            return _outcome(facts, Outcome.LIMIT_EXCEEDED",
        ),
        tests=("tests/plan/test_claim_end.py", "tests/plan/test_claim_begin.py"),
    ),
    mutant(
        "start-issued-twice",
        "At most one start is issued in a claim, as far as one process can know.",
        (
            "plan/claim.py",
            "facts.start_issued or not facts.is_off or not confirmed:",
            "not facts.is_off or not confirmed:",
        ),
        tests=("tests/plan/test_claim_begin.py",),
    ),
    mutant(
        "occupied-untold",
        "Occupied goes to every platform's database at once.",
        ("plan/claim.py", "        _tell_occupied,\n", ""),
        tests=("tests/plan/test_claim_begin.py",),
    ),
    mutant(
        "turned-off-unoccupied",
        "What is nobody's is occupied in every database before it is turned off, so that nobody "
        "takes it by its row while the call is under way.",
        (
            "plan/claim.py",
            "    return act.TurnOff(facts.machine) if settled and _is_nobodys(facts) else act.Wait()",
            "    return act.TurnOff(facts.machine) if _is_nobodys(facts) else act.Wait()",
        ),
        (
            "plan/claim.py",
            "    telling = _tell(facts, now, RowState.OCCUPIED)\n    if telling is not None:\n"
            "        return telling\n    fence, told",
            "    fence, told",
        ),
        tests=("tests/plan/test_claim_end.py", "tests/plan/test_claim_rest.py"),
    ),
    mutant(
        "blame-never-counted",
        "Three failures in a row that a machine is to blame for put it in quarantine.",
        (
            "plan/ledger.py",
            "    if blames_machine and blamed >= settings.quarantine_after:",
            "    if False:",
        ),
        tests=("tests/plan/test_claim_rest.py",),
    ),
    mutant(
        "claim-never-undone",
        "A claim whose lease is bound elsewhere or ended is undone.",
        ("plan/claim.py", "        _undo,\n", ""),
        tests=("tests/plan/test_claim_begin.py",),
    ),
    mutant(
        "foreign-row-put-right",
        "Only rows that are ours are put right.",
        (
            "plan/platform_rows.py",
            "    if is_foreign(rows):\n        return _answer(rows, Write.NOTHING, Told.FOREIGN)\n"
            "    freed = rows.own is RowState.FREE\n",
            "    freed = rows.own is RowState.FREE or is_foreign(rows)\n",
        ),
        tests=("tests/plan/test_platform_rows.py",),
    ),
    mutant(
        "two-machines-one-row",
        "The side table names the Machine by its uid: no other one wins its row silently.",
        (
            "plan/platform_rows.py",
            "    if (side.state, side.machine_uid) != (entry.state, entry.machine_uid):",
            "    if side.state != entry.state:",
        ),
        tests=("tests/plan/test_platform_rows.py",),
    ),
    mutant(
        "other-cluster-overwritten",
        "Another cluster's row: no write until a person claims it.",
        (
            "plan/platform_rows.py",
            "    if rows.other_clusters:\n        return Told.OTHER_CLUSTER\n",
            "",
        ),
        tests=("tests/plan/test_platform_rows.py",),
    ),
    mutant(
        "no-leader-check",
        "One active operator: the leader is asked before each write and each effect.",
        (
            "reconcile/leader.py",
            "        if not self.is_leader:\n            raise NotLeader",
            "        if self._mine is None and self._resigned:\n            raise NotLeader",
        ),
        tests=("tests/reconcile/test_leader.py",),
    ),
    mutant(
        "leader-for-ever",
        "Leadership ends a margin before the Lease does, by the monotonic clock.",
        (
            "reconcile/leader.py",
            "        return self._mine is not None and self._clock.monotonic() < self._valid_until",
            "        return self._mine is not None",
        ),
        tests=("tests/reconcile/test_leader.py",),
    ),
    mutant(
        "lease-taken-without-compare",
        "The leader's Lease is taken and kept by compare-and-set.",
        (
            "reconcile/leader.py",
            '        patch = {"metadata": {"resourceVersion": version}, "spec": spec}',
            '        patch = {"spec": spec}',
        ),
        tests=("tests/reconcile/test_leader.py",),
    ),
    mutant(
        "restored-server-not-noticed",
        "A LIST that is older than what was known shows a restored API server: nothing that is "
        "known is newer than anything then.",
        (
            "reconcile/shelf.py",
            "        if went_back or any(self._is_of_the_past(seen, version) for seen in listed):",
            "        if False:",
        ),
        tests=("tests/reconcile/test_restored.py", "tests/reconcile/test_store.py"),
    ),
    mutant(
        "past-not-seen-in-an-object",
        "A LIST that has an object as it was before a version that the LIST must know shows a "
        "restored API server.",
        (
            "reconcile/shelf.py",
            "        if went_back or any(self._is_of_the_past(seen, version) for seen in listed):",
            "        if went_back:",
        ),
        tests=("tests/reconcile/test_restored.py", "tests/reconcile/test_store.py"),
    ),
    mutant(
        "list-in-flight-taken-for-a-restore",
        "A LIST is older than what is known only if that was known when it was asked for.",
        (
            "reconcile/shelf.py",
            "        went_back = version < max(asked, self._newest_at_list)",
            "        went_back = version < self.newest",
        ),
        tests=("tests/reconcile/test_store.py",),
    ),
    mutant(
        "fence-base-zero",
        "A Machine without status takes a fenceBase far above anything ever used, not only above "
        "what can be read.",
        ("plan/ledger.py", "    return 4 * generation_of(now)", "    return 0"),
        tests=("tests/plan/test_ledger.py",),
    ),
    mutant(
        "quarantined-lent",
        "Quarantine blocks the next claim.",
        (
            "plan/report.py",
            "    if status.quarantined_until is not None and now < status.quarantined_until:",
            "    if False:",
        ),
        tests=("tests/plan/test_report.py",),
    ),
)
