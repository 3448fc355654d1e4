"""Mutants of what a backup brings back: objects without status, an older etcd, older rows."""

from mutants.mutant import mutant

_CLAIM = "plan/claim.py"
_LINKS = "reconcile/databases.py"
_STATUS_LOST = ("machine without status", "all without status")
_ROWS_BACK = ("restore database", "side row deleted")

MUTANTS = (
    mutant(
        "nothing-adopted",
        "No status: a bound lease of a live job without an outcome is adopted.",
        (_CLAIM, "    if facts.adoptable:\n", "    if False:\n"),
        needs=_STATUS_LOST,
        within=60,
    ),
    mutant(
        "unheld-lease-never-lost",
        "A lease that is bound to a machine which does not hold it ends, its attempt Lost.",
        ("plan/leases.py", "(_stands, _not_held, _release,", "(_stands, _release,"),
        needs=("machine replaced",),
        within=60,
    ),
    mutant(
        "free-rows-uncompared",
        "The rows of Free machines are compared too.",
        (
            _LINKS,
            "            if machine.uid in link.telling or not self._is_current(machine):\n"
            "                continue\n            entry",
            "            if machine.uid in link.telling or not self._is_current(machine):\n"
            "                continue\n"
            "            if machine.status.holder is None and machine.uid in link.rows:\n"
            "                continue\n            entry",
        ),
        needs=_ROWS_BACK,
        within=40,
    ),
    mutant(
        "rows-uncompared",
        "All rows are compared at intervals and after each reconnect.",
        (
            _LINKS,
            "            known = platform_rows.knowledge(entry, found[machine.name]) if entry else "
            "None\n            if known is None:",
            "            known = platform_rows.knowledge(entry, found[machine.name]) if entry else "
            "None\n            known = before or known\n            if known is None:",
        ),
        needs=_ROWS_BACK,
        within=40,
    ),
    mutant(
        "training-not-told-again",
        "After each compare every training's word is told again: a database may have been "
        "restored.",
        (_LINKS, "        link.words.clear()\n", ""),
        needs=("training edited", "restore database"),
        within=60,
    ),
    mutant(
        "word-for-an-older-claim",
        "A person's word that a machine is off is about its own claim: not about a later one that "
        "runs, as after a restore (one seed of ten thousand has that).",
        (
            "plan/by_hand.py",
            "    if facts.is_on_by_us and facts.is_overtaken:\n        return False\n",
            "",
        ),
        tests=("tests/plan/test_by_hand.py",),
    ),
    mutant(
        "taken-back-as-it-was-read",
        "Whether a version was taken back is asked of the alias itself, when it is judged: a person "
        "may have moved it since the version was read.",
        (
            "effects/tracking/exactly_once.py",
            "was_promoted=word.PROMOTED in tags,",
            "was_promoted=word.PROMOTED in tags and word.PRODUCTION not in row.aliases,",
        ),
        tests=("tests/reconcile/test_results.py",),
    ),
    mutant(
        "confirmed-in-a-lost-life",
        "What a database was told in a life that the ledger has lost confirms no start: a clock "
        "that went back gives a Machine without status a smaller fence.",
        (
            "plan/rows.py",
            "known.fence - fence in (0, 1) and known.told",
            "known.fence >= fence and known.told",
        ),
        tests=("tests/plan/test_claim_begin.py",),
    ),
)
