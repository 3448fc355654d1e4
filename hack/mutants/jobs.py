"""Mutants of jobs, leases, the queue and results (plan/job.py, leases.py, placement.py, ...)."""

from mutants.mutant import mutant

_JOB = "plan/job.py"
_LEASES = "plan/leases.py"
_OUTCOME = "plan/outcome.py"
_PLACING = "reconcile/placing.py"
_QUEUE = "plan/placement.py"
_RESULTS = "reconcile/results.py"
_ONCE = "effects/tracking/exactly_once.py"

MUTANTS = (
    mutant(
        "next-attempt-before-the-outcome",
        "A next attempt is made only after the outcome of the one before is stored.",
        (
            _JOB,
            "    if facts.open_number is not None:\n        return None\n",
            "    if facts.lease is not None and not facts.lease.is_bound:\n        return None\n",
        ),
        within=100,
    ),
    mutant(
        "lease-never-released",
        "A lease is released when its machine no longer holds it.",
        (_LEASES, "(_stands, _not_held, _release,", "(_stands, _not_held,"),
        within=40,
    ),
    mutant(
        "released-while-held",
        "A lease is released only once its machine no longer holds it.",
        (
            _LEASES,
            "    if facts.lease.is_released or facts.is_held or facts.is_undecided:",
            "    if facts.lease.is_released or facts.is_undecided:",
        ),
        within=40,
    ),
)
