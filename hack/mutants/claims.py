"""Mutants of a claim from its bind to its outcome (plan/claim.py and what it asks)."""

from mutants.mutant import mutant

_CLAIM = "plan/claim.py"
_FACTS = "reconcile/facts.py"

MUTANTS = (
    mutant(
        "half-bind-undone",
        "A half bind (Claimed, lease still unbound) is completed, not undone.",
        (
            _CLAIM,
            "    return act.Bind(lease, leases.bound(lease, facts.machine, now))",
            '    return _free(facts, now, settings, "undone: a half bind")',
        ),
        within=40,
    ),
    mutant(
        "started-before-bound",
        "Before the lease names machine and generation back there is no effect at all.",
        (_CLAIM, "        _bind,\n        _undo,", "        _undo,"),
        (
            _CLAIM,
            "        _start,\n        _run,",
            "        _start,\n        _bind,\n        _run,",
        ),
        (
            _CLAIM,
            "if lease is None or lease.is_bound_to(facts.machine.uid, facts.generation):",
            "if lease is None or not lease.is_bound:",
        ),
        within=40,
    ),
    mutant(
        "undone-on-a-cached-lease",
        "Undone is only a claim whose lease, by a live GET made after the Machine was read, is "
        "bound elsewhere or ended.",
        (
            _FACTS,
            "if lease and lease.uid == holder.uid and lease.is_bound_to(machine.uid, generation):",
            "if lease and lease.uid == holder.uid:",
        ),
        (
            _CLAIM,
            "    return act.Bind(lease, leases.bound(lease, facts.machine, now))",
            '    return _free(facts, now, settings, "undone: not bound, as far as is known")',
        ),
        within=40,
    ),
    mutant(
        "gone-lease-straight-to-free",
        "A lease that is gone may have been bound: it goes the way of every end, never straight to "
        "Free.",
        (
            _CLAIM,
            "    return _outcome(facts, Outcome.CANCELLED, Cause.CANCELLED, "
            '"its MachineLease was deleted")',
            '    return _free(facts, now, settings, "its lease is gone")',
        ),
        within=100,
    ),
    mutant(
        "gone-lease-without-outcome",
        "A lease that is gone: if its job lives, Cancelled is stored first.",
        (
            _CLAIM,
            "    return _outcome(facts, Outcome.CANCELLED, Cause.CANCELLED, "
            '"its MachineLease was deleted")',
            '    return act.WriteMachine(facts.machine, ledger.stopping(facts.machine, "", now))',
        ),
        within=100,
    ),
    mutant(
        "left-before-its-outcome",
        "No Machine leaves Claimed for Stopping or Free before the outcome is set.",
        (
            _CLAIM,
            "    if lives and not facts.is_over and not ended:",
            "    if lives and not facts.is_over and not ended and facts.exit is None:",
        ),
        within=40,
    ),
    mutant(
        "hold-ended-by-no-time",
        "A hold ends when its time is over.",
        (
            _CLAIM,
            '    if now >= due:\n        text = f"its time',
            '    if False:\n        text = f"its time',
        ),
        within=40,
    ),
    mutant(
        "start-unconfirmed",
        "Occupied stands in every needed database before the start.",
        (_CLAIM, "not facts.is_off or not confirmed:", "not facts.is_off:"),
        within=40,
    ),
    mutant(
        "started-twice",
        "Once in a claim: Claimed, off, and has been on is Lost.",
        (_CLAIM, "    if facts.has_been_on:\n        text", "    if False:\n        text"),
        (
            _CLAIM,
            "facts.start_issued or not facts.is_off or not confirmed:",
            "not facts.is_off or not confirmed:",
        ),
        within=40,
    ),
    mutant(
        "lost-unnoticed",
        "Claimed, off, and has been on is Lost: else the attempt never ends.",
        (
            _CLAIM,
            "    if facts.has_been_on:\n        text",
            "    if facts.has_been_on:\n        return act.Wait()\n        text",
        ),
        within=40,
    ),
    mutant(
        "no-start-limit",
        "Every wait has a deadline and a way out: a start has its limit.",
        (_CLAIM, "    if left <= timedelta(0):\n", "    if False:\n"),
        within=40,
    ),
    mutant(
        "suspend-not-heard",
        "A job that is suspended gives its machine back.",
        (_CLAIM, "    if job.spec.suspend:\n", "    if False:\n"),
        within=100,
    ),
    mutant(
        "exit-unheeded",
        "What stands there terminated is the outcome of its attempt.",
        (_CLAIM, "        _ended,\n        _troubled", "        _troubled"),
        within=40,
    ),
    mutant(
        "exit-misread",
        "The outcome says how the training ended.",
        (
            "model/reasons.py",
            "    Cause.COMPLETED: Outcome.SUCCEEDED,",
            "    Cause.EXIT_CODE: Outcome.SUCCEEDED,",
        ),
        within=40,
    ),
    mutant(
        "same-generation",
        "Generation + 1 at each claim.",
        (
            "plan/ledger.py",
            "        holder=holder,\n        generation=machine.status.generation + 1,",
            "        holder=holder,\n        generation=machine.status.generation,",
        ),
        within=40,
    ),
    mutant(
        "start-after-the-outcome",
        "Started is only while no outcome is set, by a read made right before.",
        ("reconcile/perform.py", "    if now.is_finished or (", "    if False and ("),
        (_CLAIM, "        _end,\n        _fence,", "        _fence,"),
        (_CLAIM, "        _start,\n        _run,", "        _start,\n        _end,\n        _run,"),
        within=40,
    ),
    mutant(
        "start-forgotten",
        "Claimed goes straight to Free only if no start was ever issued in this claim.",
        (
            "reconcile/perform.py",
            "    context.memory.made.discard(claim_)\n    context.memory.issued",
            "    context.memory.issued",
        ),
        within=40,
    ),
    mutant(
        "unanswered-start-was-none",
        "A start that was not answered may have landed.",
        (
            "reconcile/perform.py",
            "    except (Refused, NotFound, NeedsPerson) as error:  # a definite no: nothing was begun",
            "    except (TrainleaseError, TimeoutError) as error:",
        ),
        needs=("Start answer lost", "Start lands late"),
        within=60,
    ),
)
