"""A version is judged against what its alias says at that moment, and the verdict carried out.

Promises: a person's move of the alias is respected, whenever it comes; no move is sent while an
earlier one, whoever sent it, may still land. Not in here: the rule (plan.promotion).
"""

from collections.abc import Callable
from contextlib import suppress

from trainlease.effects.clock import Clock
from trainlease.effects.tracking.base import Tracker
from trainlease.model import tracking as word
from trainlease.model.base import joined
from trainlease.model.errors import BadSpec, Conflict, Unavailable
from trainlease.model.observed import ModelState, ModelVersion
from trainlease.model.training_job import Promote
from trainlease.plan.promotion import Promotion, PromotionReason, decide
from trainlease.plan.rollback import Rollback
from trainlease.reconcile.tracking_line import Ask

_TRIES = 3
_LATEST = 30.0
"""Seconds until a request that nobody waits for any more has landed, if MLflow answers others: it
is sent within three times a request's patience (effects.tracking.mlflow), or never."""


class Promoting:
    """Asks by `ask`; one model is judged by one caller at a time."""

    def __init__(self, ask: Ask, clock: Clock, server: Callable[[], Tracker]) -> None:
        self._ask = ask
        self._clock = clock
        self._server = server
        self._begun: dict[str, dict[int, float]] = {}

    async def judge(self, rule: Promote, version: ModelVersion) -> Promotion:
        """Decide, and do it; again where somebody moved the alias in between.

        Conflict if it moves all the time, Unavailable while another move may be under way.
        """
        server, model, number = self._server(), version.model, version.version
        for _ in range(_TRIES):
            state = await self._ask(server.model_state, model)
            verdict = decide(rule, version, state)
            over = state.production.version if state.production else None
            if not verdict.promoted:
                reason = {word.REASON: verdict.sentence}
                await self._ask(server.describe, model, number, reason)
                return verdict
            if verdict.reason is not PromotionReason.ALREADY:
                self._wait_for_moves(model, state)
                self._begun[model].pop(number, None)
            with suppress(Conflict):
                await self._ask(server.promote, model, number, over, verdict.sentence)
                return verdict
        raise Conflict(f"the alias production of {model} moves too often")

    async def roll_back(self, asked: Rollback, says: Callable[[int], str]) -> int:
        """Move the alias back as a person asked: to which version.

        Conflict or BadSpec where there is nothing to do about it, Unavailable while another move
        may be under way.
        """
        server, model = self._server(), asked.model
        state = await self._ask(server.model_state, model)
        to = asked.to or state.previous
        if to is None:
            raise BadSpec(f"{model} has no version with the alias {word.PREVIOUS}: name one")
        self._wait_for_moves(model, state)
        self._begun[model].pop(to, None)
        await self._ask(server.roll_back, model, asked.version, to, says(to))
        return to

    def _wait_for_moves(self, model: str, state: ModelState) -> None:
        """Unavailable while an earlier move of the alias may land after one that is sent now.

        Whoever sent it, it has landed so long after MLflow was first seen to answer again.
        """
        now, known = self._clock.monotonic(), self._begun.get(model, {})
        seen = self._begun[model] = {v: known.get(v, now) for v in state.begun}
        late = [f"v{version}" for version, since in seen.items() if now < since + _LATEST]
        if late:
            raise Unavailable(f"the alias production of {model} may yet move to {joined(late)}")
