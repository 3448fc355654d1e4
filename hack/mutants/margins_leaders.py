"""Mutants of what one process knows, and may do, that unit tests see and no promise needs.

Leadership and the ledger right before a call, what is known of a row, what is in the store.
"""

from mutants.mutant import mutant

_PERFORM = "reconcile/perform.py"
_SHELF = "reconcile/shelf.py"
_OPERATOR = "reconcile/operator.py"
_LAST_MOMENT = ("tests/reconcile/test_last_moment.py",)
_COMPARES = ("tests/reconcile/test_compares.py",)
_WATCH = ("tests/reconcile/test_watch.py",)
_STORE = ("tests/reconcile/test_store.py",)
_READ_BEFORE_OFF = (
    '    fresh = await context.ports.kube.get("machines", "", machine.name)\n'
    "    _check_same(machine, fresh)\n"
)
_LED = "    context.check()\n"
_OFF = (
    "    try:\n        async with asyncio.timeout(context.settings.call_timeout):\n"
    "            await provider.ensure_off"
)

MUTANTS = (
    mutant(
        "start-unled",
        "The leader is asked right before the call that turns a machine on.",
        (_PERFORM, "    context.check()\n    was_made", "    was_made"),
        tests=_LAST_MOMENT,
    ),
    mutant(
        "stop-unled",
        "The leader is asked right before the call that turns a machine off.",
        (_PERFORM, _READ_BEFORE_OFF + _LED + _OFF, _READ_BEFORE_OFF + _OFF),
        tests=_LAST_MOMENT,
    ),
    mutant(
        "started-on-a-stale-ledger",
        "A start is decided on a fresh read of the Machine.",
        (
            _PERFORM,
            "    _check_same(machine, fresh)\n    if fresh_job",
            "    if fresh_job",
        ),
        tests=_LAST_MOMENT,
    ),
    mutant(
        "turned-off-on-a-stale-ledger",
        "Turned off is decided on a fresh read of the Machine.",
        (_PERFORM, _READ_BEFORE_OFF + _LED + _OFF, _LED + _OFF),
        tests=_LAST_MOMENT,
    ),
    mutant(
        "cool-down-from-stopping-only",
        "The cool-down counts from when it was seen off, not only from the decision to stop.",
        (
            "plan/claim.py",
            "    if not elsewhere and not vouched:\n"
            "        past = min(past, facts.off_for or timedelta(0))\n",
            "",
        ),
        tests=("tests/plan/test_claim_end.py",),
    ),
    mutant(
        "gone-by-an-error",
        "Gone means a live GET that answers NotFound: never a 403, never no answer.",
        (
            "reconcile/facts.py",
            "        except NotFound:\n            if uid is not None:\n",
            "        except TrainleaseError:\n            if uid is not None:\n",
        ),
        tests=("tests/reconcile/test_gone_on_the_way.py",),
    ),
    mutant(
        "told-while-it-is-told",
        "A database is told a word once at a time.",
        (
            "plan/rows.py",
            "        return not heard and telling.get(fact.name, -1) < fence",
            "        return not heard",
        ),
        tests=("tests/plan/test_claim_begin.py",),
    ),
    mutant(
        "not-compared-after-a-failure",
        "All of a database is compared once a call to it failed: it may have been restored.",
        ("reconcile/link.py", "            self.in_doubt = True\n", ""),
        tests=("tests/reconcile/test_databases.py",),
    ),
    mutant(
        "in-sync-before-its-rows-were-read",
        "In sync is said only from a read-back.",
        (
            "reconcile/link.py",
            "                self.compared_at = None  # when it is back, all of it is compared\n",
            "                pass\n",
        ),
        tests=_COMPARES,
    ),
    mutant(
        "no-resync",
        "The store is filled by a LIST at intervals, which also brings what a dead watch did not.",
        (_OPERATOR, "        await self._list()\n        self._unheard", "        self._unheard"),
        tests=_WATCH,
    ),
    mutant(
        "dead-watch-goes-on",
        "A process ends whose watch has not brought what a LIST showed long ago.",
        (_OPERATOR, "        if late:\n", "        if False:\n"),
        tests=_WATCH,
    ),
    mutant(
        "end-unheard",
        "A process that ends leaves no error behind that nobody has heard of.",
        (
            _OPERATOR,
            "            if self._over.done():\n",
            "            if self._over.cancelled():\n",
        ),
        tests=("tests/reconcile/test_operators.py",),
    ),
    mutant(
        "refused-write-not-read-anew",
        "What a write was refused on is read anew, so that the next decision stands on it.",
        (
            _PERFORM,
            "        metering.count_refusal(context.ports.metrics, was, error)\n"
            "        await refresh(context, was)\n        raise",
            "        metering.count_refusal(context.ports.metrics, was, error)\n        raise",
        ),
        tests=_WATCH,
    ),
    mutant(
        "ghosts",
        "What a LIST does not have is gone.",
        (
            _SHELF,
            "        changed = [self._forget(title) for title in gone]\n",
            "        changed = [title for title in gone]\n",
        ),
        tests=_STORE,
    ),
    mutant(
        "store-goes-back",
        "Nothing in the store is ever older than what it replaces.",
        (
            _SHELF,
            "        if known and seen.version <= known[1]:\n            return None\n",
            "",
        ),
        tests=_STORE,
    ),
    mutant(
        "the-dead-come-back",
        "An object that is known to be gone does not come back by a late event.",
        (
            _SHELF,
            "        if grave and seen.version <= grave.version:\n            return None\n",
            "",
        ),
        tests=_STORE,
    ),
)
