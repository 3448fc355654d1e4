"""Results over a fake MLflow in virtual time, with a gate that the test works."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from tests.builders import NOW, a_job, an_attempt

from simulator.loop import VirtualClock, VirtualLoop, run
from trainlease.effects.tracking.fake import FakeTracker
from trainlease.effects.tracking.fake_server import Call, FakeMlflow
from trainlease.model import conditions as cond
from trainlease.model.errors import AnswerLost, NotLeader, Unavailable
from trainlease.model.reasons import Cause, JobCondition, JobState, Outcome
from trainlease.model.settings import Settings
from trainlease.model.training_job import Attempt, TrainingJob, TrainingJobStatus
from trainlease.reconcile.results import Results

CLUSTER = "cluster-1"
MODEL = "saturno.caries"
RULE = {"metric": "val_f1", "eval_data": "holdout-3"}


class Stopped(Exception):
    """The process ends here, as by a crash."""


@dataclass
class Weather:
    """The way to MLflow: up or down, or an end of the process at one request."""

    down: bool = False
    stop_before: int | None = None
    stop_after: int | None = None
    lose_answer_of: str | None = None
    slow: float = 0.0
    """Seconds that each request is under way, before it arrives or fails."""
    at: dict[str, Callable[[], None]] = field(default_factory=dict)
    """What happens right before the first request with this verb."""
    calls: list[str] = field(default_factory=list)
    under_way: int = 0
    most_under_way: int = 0

    async def before(self, call: Call) -> None:
        self.calls.append(call.verb)
        self.at.pop(call.verb, lambda: None)()
        await self._travel()
        if self.down:
            raise Unavailable("MLflow cannot be reached")
        if self.stop_before == len(self.calls):
            raise Stopped

    async def _travel(self) -> None:
        if not self.slow:
            return
        self.under_way += 1
        self.most_under_way = max(self.most_under_way, self.under_way)
        await asyncio.sleep(self.slow)
        self.under_way -= 1

    async def after(self, call: Call) -> None:
        if self.stop_after == len(self.calls):
            raise Stopped
        if self.lose_answer_of == call.verb:
            self.lose_answer_of = None
            raise AnswerLost("the answer did not come")


class Bench:
    """One server, and one operator process after another."""

    def __init__(self, loop: VirtualLoop) -> None:
        self.clock = VirtualClock(loop)
        self.server = FakeMlflow()
        self.weather = Weather()
        self.rung: list[tuple[str, str]] = []
        self.leads = True
        self.results = self.start()

    def start(self) -> Results:
        """A new process: nothing is remembered."""
        self.weather = Weather()
        tracker = FakeTracker(self.server, gate=self.weather)
        self.results = Results(tracker, self.clock, Settings(), self._check, self._ring)
        self.results.cluster = CLUSTER
        return self.results

    async def trained(self, job: TrainingJob, **metrics: float) -> TrainingJob:
        """The job's last attempt as a training: it got a run, logged, and logged its model."""
        last = job.status.attempts[-1]
        run_id = await self.run_of(job, last.number)
        self.server.log_metrics(run_id, metrics)
        self.server.log_model(run_id)
        return with_status(job, attempts=(*job.status.attempts[:-1], last.but(run_id=run_id)))

    async def run_of(self, job: TrainingJob, number: int = 1) -> str:
        self.results.prepare(job, number)
        while (found := self.results.run_id(job, number)) is None:
            await sleep()
        return found

    async def recorded(self, job: TrainingJob) -> TrainingJob:
        """The job with what was recorded of it, stored."""
        status = await self.results.record(job, {})
        assert status is not None
        return job.model_copy(update={"status": status})

    def _check(self) -> None:
        if not self.leads:
            raise NotLeader("not the leader")

    def _ring(self, kind: str, name: str) -> None:
        self.rung.append((kind, name))


def in_virtual_time(test: Callable[[Bench], Awaitable[None]]) -> Callable[[], None]:
    """The test in a loop of its own, where an hour passes at once."""

    def in_loop() -> None:
        async def main(loop: VirtualLoop) -> None:
            await test(Bench(loop))
            assert loop.failures == []

        run(main, until=3600.0)

    in_loop.__name__ = getattr(test, "__name__", "test")
    return in_loop


async def sleep(seconds: float = 0.01) -> None:
    await asyncio.sleep(seconds)


def a_success(name: str = "caries", **fields: Any) -> TrainingJob:
    """A job that succeeded in its first attempt, with a rule of promotion."""
    return finished(name, [an_attempt(1, Cause.COMPLETED)], **fields)


def finished(
    name: str, attempts: Iterable[Attempt], *, promote: Any = RULE, **spec: Any
) -> TrainingJob:
    ended = tuple(attempts)
    good = bool(ended) and ended[-1].outcome is Outcome.SUCCEEDED
    state = JobState.SUCCEEDED if good else JobState.FAILED
    return a_job(
        name,
        attempts=ended,
        status={"state": state, "finished": NOW, "why": "as it ended"},
        **{"model": "caries", "promote": promote, **spec},
    )


def with_status(job: TrainingJob, **changes: Any) -> TrainingJob:
    return job.model_copy(update={"status": job.status.but(**changes)})


def said(status: TrainingJobStatus, kind: JobCondition) -> tuple[str, str, str]:
    """A condition as (status, reason, message)."""
    found = cond.get(status.conditions, kind)
    assert found is not None
    return found.status, found.reason, found.message


async def nobody_is_gone(namespace: str, name: str, uid: str) -> bool:
    """What a sweep is told where every job lives."""
    return False
