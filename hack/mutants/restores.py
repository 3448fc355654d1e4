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
)
