"""Mutants of a claim's steps: bind, tell, start, run, outcome, stop, free (plan/claim.py)."""

from mutants.mutant import mutant

_CLAIM = "plan/claim.py"

MUTANTS = (
    mutant(
        "half-bind-undone",
        "A half bind (Claimed, lease still unbound) is completed, not undone.",
        (
            _CLAIM,
            "    return act.Bind(lease, leases.bound(lease, facts.machine, now))",
            '    return _free(facts, now, settings, "undone: a half bind")',
        ),
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
    ),
    mutant(
        "start-unconfirmed",
        "Occupied stands in every needed database before the start.",
        (_CLAIM, "not facts.is_off or not confirmed:", "not facts.is_off:"),
    ),
    mutant(
        "no-cool-down",
        "The cool-down comes before free is told.",
        (_CLAIM, "        _cool_down,\n", ""),
    ),
)
