"""Whether a town at rest has what was promised: one run, one version, one promotion each.

It reads the server past every gate, and its history of moves. What cannot be judged for want of a
compare-and-set in MLflow is counted as a race, never passed over in silence: a person's move that
came between an operator's last read and the landing of its own move, or between that landing and
the record of it.
"""

import itertools
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from bench.mlflow_storm import PATIENCE, Hold, Move
from bench.mlflow_town import METRIC, MODELS, Town
from trainlease.effects.tracking.api import VersionRow
from trainlease.model import conditions as cond
from trainlease.model import tracking as word
from trainlease.model.reasons import JobCondition, JobState
from trainlease.model.training_job import Attempt, TrainingJob
from trainlease.plan import results as plan
from trainlease.plan.promotion import PromotionReason as Reason

_DECISION = 3 * PATIENCE
"""Seconds from the read on which a promotion is decided to the last read before its move."""
_WON = (Reason.FIRST, Reason.BETTER, Reason.ALREADY)


@dataclass
class Judgement:
    """`breaches` are sentences; `races` counts moves that crossed a person's."""

    breaches: list[str] = field(default_factory=list)
    races: int = 0
    promotions: int = 0
    late_words: int = 0
    """Reasons on versions that landed late, over the one that the job's condition has."""


def judge(town: Town) -> Judgement:
    """Hold everything against the promises."""
    found = Judgement([*town.breaches, *town.server.needless])
    found.breaches += _runs(town)
    found.breaches += _versions(town)
    for model in MODELS:
        if model in town.server.models:
            _Registered(town, model, found).judge()
    return found


def _runs(town: Town) -> Iterator[str]:
    live = [run for run in town.server.runs.values() if not run.deleted]
    counts = Counter((r.tags[word.JOB_UID], int(r.tags[word.ATTEMPT])) for r in live)
    for job in town.jobs.values():
        for attempt in job.status.attempts:
            count = counts.pop((job.uid, attempt.number), 0)
            if count != 1:
                yield f"{job.uid}: attempt {attempt.number} has {count} runs"
            yield from _run(town, job, attempt)
    yield from (f"{uid}: {n} runs of no attempt {number}" for (uid, number), n in counts.items())


def _run(town: Town, job: TrainingJob, attempt: Attempt) -> Iterator[str]:
    run = town.server.runs[attempt.run_id or ""]
    assert attempt.outcome is not None, "a town at rest has no open attempt"
    if run.deleted:
        yield f"{job.uid}: the run of attempt {attempt.number} is deleted"
    if run.tags.get(word.STATE) != word.ENDED or run.status is not plan.end_status(attempt.outcome):
        yield f"{job.uid}: the run of attempt {attempt.number} is {run.status}"
    if dict(attempt.metrics) != dict(run.metrics):
        yield f"{job.uid}: attempt {attempt.number} does not have its run's metrics"


def _versions(town: Town) -> Iterator[str]:
    for job in town.jobs.values():
        last = job.status.last_attempt
        wants = job.status.state is JobState.SUCCEEDED and last is not None
        wants = wants and last is not None and town.fates[job.uid, last.number].logs_model
        rows = [
            row
            for model in town.server.models.values()
            for row in model.versions.values()
            if row.run_id in [a.run_id for a in job.status.attempts]
            if job.status.model == f"{row.model}/{row.version}" or not _was_chosen(town, row)
        ]
        if len(rows) != int(wants):
            yield f"{job.uid}: {len(rows)} versions"
        elif rows and job.status.model != f"{rows[0].model}/{rows[0].version}":
            yield f"{job.uid}: says {job.status.model}, and has v{rows[0].version}"


def _was_chosen(town: Town, row: VersionRow) -> bool:
    """Whether a person made it Production once: then it stays, be it a twin."""
    moves = (m for m in town.server.moves if m.alias == word.PRODUCTION and m.seen is None)
    return any((move.model, move.new) == (row.model, row.version) for move in moves)


class _Registered:
    """One registered model: its versions, its moves, its jobs."""

    def __init__(self, town: Town, model: str, found: Judgement) -> None:
        self._town, self._model, self._found = town, model, found
        there = town.server.models[model]
        self._aliases, self._rows = there.aliases, there.versions
        every = [move for move in town.server.moves if move.model == model]
        self._moves = [move for move in every if move.alias == word.PRODUCTION]
        self._previous = [move for move in every if move.alias == word.PREVIOUS]
        self._people = [move.at for move in self._moves if move.seen is None]

    def judge(self) -> None:
        found = self._found
        for move in self._moves:
            if move.seen is not None:
                found.breaches += self._move(move, move.seen)
        for row in self._rows.values():
            found.breaches += self._version(row)
        for job in self._town.jobs.values():
            if job.status.model and job.status.model.startswith(f"{self._model}/"):
                found.breaches += self._job(job, int(job.status.model.rpartition("/")[2]))
        found.breaches += self._at_rest()

    def _move(self, move: Move, seen: float) -> Iterator[str]:
        """A move by the rule: up only, and never over what a person chose and it could see."""
        title = f"{self._model}: moved from v{move.old} to v{move.new}"
        if any(seen < at <= move.at for at in self._people):
            self._found.races += 1
            return
        if move.old is not None and not self._value(move.new) > self._value(move.old):
            yield f"{title}, which is not better{' (landed late)' if move.late else ''}"
        over = f" over v{move.old}:" if move.old is not None else " version"
        if over not in move.reason:
            yield f"{title}, and it says {move.reason!r}"
        for hold in self._holds_of(move.new):
            if hold.since < seen - _DECISION and hold.until > move.at:
                yield f"{title}, while {hold.name} was held"

    def _version(self, row: VersionRow) -> Iterator[str]:
        wins = [m for m in self._moves if m.new == row.version and m.seen is not None]
        self._found.promotions += bool(wins)
        marked = self._town.server.marked.get((self._model, row.version))
        was = any(move.new == row.version for move in self._moves)
        if wins and marked is None and any(wins[-1].at < at for at in self._people):
            self._found.races += 1  # taken back before its promoter had heard of it
        elif (wins and marked is None) or (marked is not None and not was):
            yield f"{self._model}: v{row.version} won {len(wins)} times, its tags: {row.tags}"
        for one, other in itertools.pairwise(wins):
            if any(one.at < at < min(other.at, marked or other.at) for at in self._people):
                self._found.races += 1
            else:
                yield f"{self._model}: v{row.version} won at {one.at:.0f} and {other.at:.0f}"

    def _job(self, job: TrainingJob, version: int) -> Iterator[str]:
        said = cond.get(job.status.conditions, JobCondition.PROMOTED)
        title = f"{self._model}: v{version}"
        if said is None:
            yield f"{title} was not judged"
            return
        won = any(m.new == version for m in self._moves)
        if (said.status == "True") != (said.reason in _WON) or (said.status == "True" and not won):
            yield f"{title} says {said.reason}, won {won}"
        if said.reason == Reason.ROLLED_BACK and not won:
            yield f"{title} was never Production and says RolledBack"
        if said.reason == Reason.NOT_BETTER and not self._was_beaten(version):
            yield f"{title} says NotBetter, and nothing better was ever Production"
        if said.reason == Reason.HELD and not self._holds_of(version):
            yield f"{title} says Held, and nobody held it"
        tag = self._rows[version].tags.get(word.REASON)
        if (self._model, version) in self._town.server.late_words:
            self._found.late_words += tag != said.message
        elif tag != said.message and said.reason != Reason.ALREADY:
            yield f"{title} says {said.message!r}, its tag {tag!r}"

    def _at_rest(self) -> Iterator[str]:
        production = self._aliases.get(word.PRODUCTION)
        stages = [v.version for v in self._rows.values() if v.stage == word.STAGE]
        if stages != ([] if production is None else [production]):
            yield f"{self._model}: production is v{production}, the stages say {stages}"
        if self._people or any(map(self._holds_of, self._rows)) or not self._rows:
            return
        best = max(self._value(version) for version in self._rows)
        if production is None or self._value(production) != best:
            yield f"{self._model}: v{production} is Production, and is not the best"
        last = self._moves[-1].old if self._moves else None
        if self._aliases.get(word.PREVIOUS) != last:
            yield f"{self._model}: previous is not v{last}, which was before"

    def _value(self, version: int | None) -> float:
        server = self._town.server
        return server.runs[server.run_of[self._model, version or 0]].metrics[METRIC]

    def _was_beaten(self, version: int) -> bool:
        return any(self._value(m.new) >= self._value(version) for m in self._moves)

    def _holds_of(self, version: int | None) -> list[Hold]:
        names = (self._model, f"{self._model}/{version}")
        return [hold for hold in self._town.server.holds if hold.name in names]
