"""Mutants of jobs, leases, words and results that no promise sees: unit tests catch them.

Another guard or a write that is refused keeps the promise without them; what they keep is what
people read, the writes that it costs, and the machines that would be claimed for nothing.
"""

from mutants.mutant import mutant

_JOB = "plan/job.py"
_OUTCOME = "plan/outcome.py"
_PLACING = "reconcile/placing.py"
_PERFORM = "reconcile/perform.py"
_RESULTS = "reconcile/results.py"
_ONCE = "effects/tracking/exactly_once.py"
_TESTS_OF_GRANTS = ("tests/reconcile/test_grants.py",)
_TESTS_OF_JOBS = ("tests/plan/test_job.py",)
_TESTS_OF_WORDS = ("tests/plan/test_by_hand.py",)
_TESTS_OF_RESULTS = ("tests/reconcile/test_results.py",)

MUTANTS = (
    mutant(
        "withdrawn-lease-unnoticed",
        "An open attempt whose lease is gone ends as Cancelled.",
        (_JOB, "    if facts.lease_gone:\n", "    if False:\n"),
        tests=_TESTS_OF_JOBS,
    ),
    mutant(
        "waiting-suspend-unheard",
        "A waiting job that is suspended ends its open attempt.",
        (
            _JOB,
            "    if job.spec.suspend:\n        return act.SetOutcome(job, number",
            "    if False:\n        return act.SetOutcome(job, number",
        ),
        tests=_TESTS_OF_JOBS,
    ),
    mutant(
        "begins-while-suspended",
        "A suspended job begins no attempt.",
        (_JOB, "    if job.spec.suspend:\n        why =", "    if False:\n        why ="),
        tests=_TESTS_OF_JOBS,
    ),
    mutant(
        "finished-changes",
        "Finished with Succeeded or Failed never change.",
        (
            _OUTCOME,
            "    if stored.outcome is not None or job.is_finished:",
            "    if stored.outcome is not None:",
        ),
        tests=("tests/plan/test_outcome.py",),
    ),
    mutant(
        "run-created-anew",
        "Exactly one MLflow run for each attempt, found by its tags.",
        (
            _ONCE,
            "        found = await self.api.search_runs([experiment], key)\n        if not found:\n"
            "            about",
            "        found = []\n        if not found:\n            about",
        ),
        (
            _ONCE,
            "        await self._delete_twins(kept, found)\n        return _run_info(kept)",
            "        return _run_info(kept)",
        ),
        tests=("tests/tracking/test_exactly_once.py",),
    ),
    mutant(
        "promoted-over-a-move",
        "Two promotions at once, or a person's move in between: the alias is read again.",
        (
            _ONCE,
            "            if current not in (previous, version):\n                raise Conflict",
            "            if False:\n                raise Conflict",
        ),
        tests=_TESTS_OF_RESULTS,
    ),
    mutant(
        "results-judged-anew",
        "A verdict is kept until it is stored: a write that is refused must not judge anew.",
        (
            _RESULTS,
            "                found = self._found[job.uid] = await self._results(job)",
            "                found = await self._results(job)",
        ),
        tests=_TESTS_OF_RESULTS,
    ),
    mutant(
        "force-release-unheard",
        "force-release ends the claim whose generation it names.",
        ("plan/claim.py", "        by_hand.force,\n", ""),
        tests=_TESTS_OF_WORDS,
    ),
    mutant(
        "words-of-any-generation",
        "A word counts only for the generation that it names.",
        (
            "plan/words.py",
            "    return word if word and word.generation == machine.status.generation else None",
            "    return word",
        ),
        tests=_TESTS_OF_WORDS,
    ),
    mutant(
        "words-not-taken-off",
        "A word that was obeyed is taken off, so that it cannot speak twice.",
        (
            "plan/by_hand.py",
            "    return act.TakeOff(facts.machine, spent) if spent else None",
            "    return None",
        ),
        tests=_TESTS_OF_WORDS,
    ),
    mutant(
        "taken-name-asked-for-at-once",
        "A lease whose name is taken (an earlier job of that name left it) is asked for again "
        "after a while.",
        (
            _PERFORM,
            "        context.store.wrote(MachineLease.plural, body)\n        raise\n",
            "        context.store.wrote(MachineLease.plural, body)\n        return\n",
        ),
        tests=_TESTS_OF_GRANTS,
    ),
    mutant(
        "held-lease-granted-again",
        "Never two machines for one lease: one whose bind is under way waits no more.",
        (
            _PLACING,
            "            if over or lease.uid in held or refused:",
            "            if over or refused:",
        ),
        tests=_TESTS_OF_GRANTS,
    ),
    mutant(
        "bound-lease-granted-again",
        "Never two machines for one lease: one that is bound waits no more.",
        (
            _PLACING,
            "            over = lease.is_bound or lease.is_released or lease.status.ended or "
            "lease.deleting",
            "            over = lease.is_released or lease.status.ended or lease.deleting",
        ),
        tests=_TESTS_OF_GRANTS,
    ),
    mutant(
        "goes-on-after-it-led",
        "A process that was the leader and is no more ends: nothing that it remembers outlives "
        "its right to act on it.",
        (
            "reconcile/operator.py",
            "            self.leader.run(lambda: self._end(lost), lambda: self._end(restored))\n",
            "            self.leader.run(lambda: None, lambda: self._end(restored))\n",
        ),
        tests=("tests/reconcile/test_operators.py",),
    ),
    mutant(
        "lease-under-a-new-name",
        "Names are functions of (job, attempt): a lease whose create was not answered is found "
        "again.",
        (_PERFORM, "import asyncio\n", "import asyncio\nimport uuid\n"),
        (
            _PERFORM,
            "    name = lease_name(job.name, action.number)\n",
            '    name = f"{lease_name(job.name, action.number)}-{uuid.uuid4().hex}"\n',
        ),
        tests=_TESTS_OF_GRANTS,
    ),
)
