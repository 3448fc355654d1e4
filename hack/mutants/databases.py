"""Mutants of what a platform's database is told (plan/platform_rows.py, plan/rows.py)."""

from mutants.mutant import mutant

_JUDGE = "plan/platform_rows.py"
_ROWS = "plan/rows.py"
_LINKS = "reconcile/databases.py"

MUTANTS = (
    mutant(
        "no-fence",
        "A row changes only if its stored fence is smaller.",
        (
            _JUDGE,
            "    if stored_fence(rows) > entry.fence:\n        return Told.FENCED\n    return None",
            "    return None",
        ),
        within=40,
    ),
    mutant(
        "free-on-the-fence-of-occupied",
        "The fence of free is one above that of occupied.",
        (
            _ROWS,
            "    fence = status.occupied_fence + (1 if state is RowState.FREE else 0)\n",
            "    fence = status.occupied_fence\n",
        ),
        (
            _ROWS,
            "    return machine.status.occupied_fence + (1 if state is RowState.FREE else 0)",
            "    return machine.status.occupied_fence",
        ),
        (
            "plan/claim.py",
            "    fence = facts.status.occupied_fence + 1\n",
            "    fence = facts.status.occupied_fence\n",
        ),
        (
            "model/machine.py",
            "        return self.occupied_fence + (1 if self.state is MachineState.FREE else 0)",
            "        return self.occupied_fence",
        ),
        (
            _JUDGE,
            "    if stored_fence(rows) == entry.fence:\n        return _same_fence(entry, rows)\n",
            "    if stored_fence(rows) == entry.fence and rows.side and rows.side.state is "
            "entry.state:\n        return _same_fence(entry, rows)\n",
        ),
        within=40,
    ),
    mutant(
        "foreign-row-taken",
        "The first occupied is a compare-and-set on the platform's own row: it must say free.",
        (
            _JUDGE,
            "    if not is_foreign(rows):\n        return _answer(rows, Write.BOTH",
            "    if not is_foreign(rows) or entry.state is RowState.OCCUPIED:\n"
            "        return _answer(rows, Write.BOTH",
        ),
        needs=("legacy run", "legacy leaves it on"),
        within=60,
    ),
    mutant(
        "stored-free-repeated",
        "Equal and odd (free): nothing is written.",
        (
            _JUDGE,
            "    if entry.state is RowState.FREE:\n"
            "        return _answer(rows, Write.NOTHING, Told.IN_STEP)\n",
            "    if entry.state is RowState.FREE:\n"
            "        taken = rows.own is RowState.OCCUPIED\n"
            "        return _answer(rows, Write.OWN_ONLY if taken else Write.NOTHING, "
            "Told.IN_STEP)\n",
        ),
        within=40,
    ),
    mutant(
        "free-clears-a-foreign-row",
        "A newer free changes the platform's own row only if the occupied there is ours.",
        (
            _JUDGE,
            "    return _answer(rows, Write.SIDE_ONLY, Told.IN_STEP)",
            "    return _answer(rows, Write.BOTH, Told.IN_STEP)",
        ),
        needs=("row edited: another owner", "row edited: an odd word", "row edited: occupied"),
        within=60,
    ),
    mutant(
        "freed-row-left-free",
        "Equal and even (occupied, ours): occupied is restored where somebody freed it.",
        (_JUDGE, "Write.OWN_ONLY if freed else Write.NOTHING", "Write.NOTHING"),
        needs=("legacy frees", "row edited: free"),
        within=60,
    ),
    mutant(
        "every-occupied-is-ours",
        "Ours means that the side table says occupied by us.",
        (
            _JUDGE,
            "    side_says_so = rows.side is not None and rows.side.state is RowState.OCCUPIED\n",
            "    side_says_so = True\n",
        ),
        within=40,
    ),
    mutant(
        "fence-not-raised",
        "Larger than ours in our own cluster's name: fenceBase is raised above it.",
        ("plan/claim.py", "    if highest <= facts.status.fence:", "    if True:"),
        needs=("side row edited: a larger fence",),
        within=60,
    ),
    mutant(
        "own-database-not-needed",
        "Own: occupied in the platform's own database before its leases start.",
        (_ROWS, "            return confirm is not Confirm.NEVER\n", "            return False\n"),
        within=40,
    ),
    mutant(
        "confirm-all-unheeded",
        "All: occupied in that database before any lease starts.",
        (_ROWS, "        return confirm is Confirm.ALL and here", "        return False"),
        within=40,
    ),
    mutant(
        "told-is-confirmed",
        "Confirmed is only a row that says what the ledger says.",
        (
            _ROWS,
            "known.fence - fence in (0, 1) and known.told is Told.IN_STEP",
            "known.fence - fence in (0, 1)",
        ),
        ("plan/claim.py", "        _give_back,\n", ""),
        needs=("side row edited: a larger fence", "another cluster's side row"),
        within=60,
    ),
    mutant(
        "observed-platform-told",
        "Observe: read, compare, report; no SQL write.",
        (
            _ROWS,
            "    return tuple(p for p in platforms if p.platform.is_enforced and not "
            "p.platform.is_paused)",
            "    return tuple(platforms)",
        ),
        within=100,
    ),
    mutant(
        "training-final-before-its-job",
        "A training's row says a final word only after Finished is stored: running never follows.",
        (
            "plan/trainings.py",
            "    state = job.status.state\n    if state is JobState.RUNNING:",
            "    state, last = job.status.state, job.status.last_attempt\n"
            "    if last is not None and last.outcome is not None:\n"
            "        return Rank.FINAL\n    if state is JobState.RUNNING:",
        ),
        within=40,
    ),
    mutant(
        "trainings-not-swept",
        "A sweep compares open rows with live jobs: the row of a job that is gone gets its last "
        "word.",
        (
            "reconcile/sweeps.py",
            "        for training in found:\n",
            "        for training in ():\n",
        ),
        within=40,
    ),
    mutant(
        "owner-unread",
        "Ours means that the side table says occupied by us, and that nobody else took the row "
        "after us.",
        (
            _JUDGE,
            "    owned_by_us = rows.owner is None or rows.owner.startswith(OUR_MARK)\n",
            "    owned_by_us = True\n",
        ),
        needs=("row edited: another owner",),
        within=60,
    ),
)
