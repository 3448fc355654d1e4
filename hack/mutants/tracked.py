"""Mutants of what MLflow is told: one run, one version and one promotion each."""

from mutants.mutant import mutant

_RESULTS = "reconcile/results.py"
_PROMOTING = "reconcile/promoting.py"
_BEGUN = "effects/tracking/begun.py"
_ONCE = "effects/tracking/exactly_once.py"

MUTANTS = (
    mutant(
        "twin-runs-kept",
        "A create whose answer was lost may have landed: of twins one is kept.",
        (
            _ONCE,
            "            if twin.run_id != kept.run_id:\n                with",
            "            if False:\n                with",
        ),
        needs=("create_run lands late", "create_run answer lost"),
        within=60,
    ),
    mutant(
        "late-twin-left-open",
        "A run that lands after its attempt's run was handed out is deleted.",
        (
            _ONCE,
            "for row in rows if not await self._is_late_twin(row)]",
            "for row in rows]",
        ),
        (
            _ONCE,
            "        if key is not None:  # a twin may have landed after the search that chose this one",
            "        if False:",
        ),
        needs=("create_run lands late", "create_run answer lost"),
        within=60,
    ),
    mutant(
        "version-created-anew",
        "The version is registered once.",
        (
            _ONCE,
            "            found = await self.api.versions(model, run_id)\n            if not found:\n"
            "                logged",
            "            found = []\n            if not found:\n                logged",
        ),
        (_ONCE, "        if len(ours) > 1:\n", "        if False:\n"),
        (_ONCE, "            await self._delete_late_versions(model, row)\n", ""),
        needs=(
            "create_version lands late",
            "create_version answer lost",
            "create_version crash after",
        ),
        within=60,
    ),
    mutant(
        "runs-not-ended",
        "The run is ended with the attempt's true status.",
        (_ONCE, "        await self.api.end_run(run_id, status)\n", ""),
        (_BEGUN, "            count += await _end(api, row, status)\n", "            pass\n"),
        within=40,
    ),
    mutant(
        "open-runs-not-swept",
        "A sweep compares open runs with live jobs.",
        (
            _RESULTS,
            "        for run in await self._ask(self._server.open_runs, self.cluster):\n",
            "        for run in ():\n",
        ),
        within=40,
    ),
    mutant(
        "promoted-while-a-move-may-land",
        "An alias is moved only once an earlier move, whoever sent it, has landed.",
        (_PROMOTING, "                self._wait_for_moves(model, state)\n", ""),
        needs=("set_alias lands late", "set_alias frozen before"),
        within=60,
    ),
    mutant(
        "worst-promoted",
        "The best version is promoted by the rule that was written down.",
        (
            "plan/promotion.py",
            "    if gain > 0 and gain >= _exact(rule.min_gain):",
            "    if gain < 0:",
        ),
        within=40,
    ),
)
