"""Mutants of how one process acts: compare-and-set, the leader, what it knows (reconcile/)."""

from mutants.mutant import mutant

_PERFORM = "reconcile/perform.py"
_LEADER = "reconcile/leader.py"
_SHELF = "reconcile/shelf.py"


def _without_compare(plural: str) -> tuple[str, str, str]:
    """A status of this kind is written whatever stands there: an empty version names none."""
    version = f'"" if was.plural == "{plural}" else was.metadata.resource_version'
    return _PERFORM, "patch, was.metadata.resource_version\n", f"patch, {version}\n"


MUTANTS = (
    mutant(
        "job-without-compare",
        "The outcome is set once with resourceVersion; the loser reads again.",
        _without_compare("trainingjobs"),
        needs=("SetOutcome frozen before", "WriteJob frozen before"),
        within=60,
    ),
    mutant(
        "outcome-overwritten",
        "An outcome that is stored is never set again.",
        (
            "plan/outcome.py",
            "    if stored.outcome is not None or job.is_finished:\n        return None\n",
            "",
        ),
        _without_compare("trainingjobs"),
        needs=("SetOutcome frozen before", "WriteJob frozen before"),
        within=60,
    ),
    mutant(
        "leader-not-waited-for",
        "Another's Lease counts as over only after it was seen unchanged for its own duration.",
        (_LEADER, "        return now - self._seen[1] >= read.duration", "        return True"),
        within=40,
    ),
    mutant(
        "another-uid-taken-for-it",
        "Gone is also an object of that name with another uid.",
        (
            "reconcile/facts.py",
            '        if uid is not None and body["metadata"]["uid"] != uid:\n            return None\n',
            "",
        ),
        needs=("lease anew", "job anew"),
        within=60,
    ),
    mutant(
        "written-though-nothing-changed",
        "Nothing is written when nothing changed.",
        (_PERFORM, "    if not patch:\n        return was\n", ""),
        (
            "reconcile/looks.py",
            "        return action if said == machine.status else act.WriteMachine(machine, said)",
            "        return act.WriteMachine(machine, said)",
        ),
        within=40,
    ),
    mutant(
        "machine-without-compare",
        "The ledger is changed only by compare-and-set with the resourceVersion of the read on "
        "which the decision was made.",
        _without_compare("machines"),
        needs=("WriteMachine frozen before", "Claim frozen before"),
        within=100,
    ),
    mutant(
        "lease-without-compare",
        "The lease's bind is a compare-and-set, which fails if the lease is bound or ended.",
        _without_compare("machineleases"),
        needs=("Bind frozen before", "WriteLease frozen before"),
        within=100,
    ),
)
