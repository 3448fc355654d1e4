"""The three faults of the demo's play: a machine that dies, a database that goes and comes back.

(The third, a job that is wrong for good, is in its manifest.) Each fault has its cue in what is
seen from outside, and the outage ends once it has shown what it is there to show.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Protocol

from demo.facts import Kill, Outage, Process
from demo.view import View
from demo.watcher import Seen

VICTIM = "nutresa/digits-lr-mid"
AWAY = "saturno"
_UNDER_WAY = timedelta(seconds=2)
_LONGEST_OUTAGE = timedelta(minutes=4)


class Stage(Protocol):
    """What the director sees of the trainings, and the one thing he does to them."""

    @property
    def alive(self) -> tuple[Seen, ...]: ...

    @property
    def processes(self) -> tuple[Process, ...]: ...

    def kill(self, claim: str) -> None: ...


class Switch(Protocol):
    """A database that can be ended and started."""

    def stop(self) -> None: ...

    def start(self) -> None: ...


@dataclass
class Director:
    """`look` is called with each view; `say` is told what was done."""

    stage: Stage
    database: Switch
    say: Callable[[str], None]
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    kill: Kill | None = None
    outage: Outage | None = None
    _away_since: datetime | None = None

    def look(self, view: View) -> None:
        """Play what is due now."""
        if self.kill is None:
            self._kill_when_under_way()
        if self._away_since is None and self.outage is None:
            self._stop_when_its_training_runs()
        elif self._away_since is not None and self._has_shown(view, self._away_since):
            self.bring_back()

    def bring_back(self) -> None:
        """Start the database again, if it is away."""
        if self._away_since is None:
            return
        end = self.clock()  # before it is up: what starts from now on may have asked it
        self.database.start()
        self.outage = Outage(AWAY, self._away_since, end)
        self._away_since = None
        self.say(f"{AWAY}'s database is back")

    @property
    def is_over(self) -> bool:
        """Whether both faults have been played."""
        return self.kill is not None and self.outage is not None

    def _kill_when_under_way(self) -> None:
        for seen in self.stage.alive:
            if seen.job == VICTIM and self.clock() - seen.started > _UNDER_WAY:
                self.stage.kill(seen.claim)
                self.kill = Kill(VICTIM, seen.job_uid, seen.attempt)
                self.say(f"killed {VICTIM} and its supervisor, as a machine that dies would")
                return

    def _stop_when_its_training_runs(self) -> None:
        if any(seen.job.startswith(f"{AWAY}/") for seen in self.stage.alive):
            self.database.stop()
            self._away_since = self.clock()  # once it is down: what started before is not judged
            self.say(f"stopped {AWAY}'s database")

    def _has_shown(self, view: View, since: datetime) -> bool:
        """A debt, a job that waits for it, and a training of another platform that does not."""
        owed = any(AWAY in machine.debts for machine in view.machines)
        waits = any(
            job.title.startswith(f"{AWAY}/") and "PlatformDatabaseDown" in job.why
            for job in view.jobs
        )
        theirs = {seen.job_uid for seen in self.stage.alive if seen.job.startswith(f"{AWAY}/")}
        others = any(p.started > since and p.job_uid not in theirs for p in self.stage.processes)
        late = self.clock() - since > _LONGEST_OUTAGE
        return late or (owed and waits and others)
