"""The faults have their cue in what is seen, and are played once."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from demo.director import AWAY, VICTIM, Director
from demo.facts import Process
from demo.view import JobLine, MachineLine, View
from demo.watcher import Seen

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
OWED = MachineLine("gpu-1", "Claimed", "", "", "2/3", "", debts=(AWAY,))
WAITS = JobLine(
    f"{AWAY}/b", "Waiting", "", "PlatformDatabaseDown: it refuses connections", "", False
)
SHOWN = View((WAITS,), (OWED,))


@dataclass(frozen=True)
class Training(Seen):
    """A process whose start is given in seconds after noon."""

    at: float = 0

    @property
    def started(self) -> datetime:
        return NOON + timedelta(seconds=self.at)


def training(job: str, at: float = 0) -> Training:
    return Training(7, 0, f"/claims/{job}", job, f"uid of {job}", 1, at)


@dataclass
class Stage:
    """Trainings that run, and what was killed."""

    alive: tuple[Seen, ...] = ()
    processes: tuple[Process, ...] = ()
    killed: list[str] = field(default_factory=list)

    def kill(self, claim: str) -> None:
        self.killed.append(claim)


@dataclass
class Switch:
    """A database that notes what is done to it."""

    done: list[str] = field(default_factory=list)

    def stop(self) -> None:
        self.done.append("stop")

    def start(self) -> None:
        self.done.append("start")


class Play:
    """A director on a stage, at a time that the test sets."""

    def __init__(self) -> None:
        self.now, self.said = 0.0, list[str]()
        self.stage, self.switch = Stage(), Switch()
        self.director = Director(self.stage, self.switch, self.said.append, self.clock)

    def clock(self) -> datetime:
        return NOON + timedelta(seconds=self.now)

    def look(self, at: float, view: View = SHOWN) -> None:
        self.now = at
        self.director.look(view)

    def another_starts(self, at: float) -> None:
        when = NOON + timedelta(seconds=at)
        self.stage.processes = (Process("uid of another", 1, when, when),)


def test_the_victim_is_killed_once_when_its_training_is_under_way() -> None:
    play = Play()
    play.stage.alive = (training(VICTIM),)

    play.look(1)
    assert play.stage.killed == []

    play.look(3)
    play.look(4)
    assert play.stage.killed == [f"/claims/{VICTIM}"]
    assert play.director.kill is not None
    assert (play.director.kill.job, play.director.kill.attempt) == (VICTIM, 1)


def test_another_training_is_let_live() -> None:
    play = Play()
    play.stage.alive = (training("latam/x"),)

    play.look(60)

    assert play.stage.killed == []


def test_the_database_goes_when_a_training_of_its_platform_runs() -> None:
    play = Play()
    play.look(1)
    assert play.switch.done == []

    play.stage.alive = (training(f"{AWAY}/a"),)
    play.look(2)
    assert play.switch.done == ["stop"]


def test_the_outage_ends_when_it_has_shown_debt_wait_and_anothers_start() -> None:
    play = Play()
    play.stage.alive = (training(f"{AWAY}/a"),)
    play.look(2)

    play.look(5)
    assert play.switch.done == ["stop"], "nobody else started yet"
    play.another_starts(6)
    play.look(7, View((WAITS,), ()))
    assert play.switch.done == ["stop"], "nothing is owed yet"
    play.look(8, View((), (OWED,)))
    assert play.switch.done == ["stop"], "nobody waits for it yet"

    play.look(9)
    play.look(10)
    assert play.switch.done == ["stop", "start"]
    assert play.director.outage is not None
    assert play.director.outage.end - play.director.outage.begin == timedelta(seconds=7)


def test_an_outage_that_shows_nothing_ends_too() -> None:
    play = Play()
    play.stage.alive = (training(f"{AWAY}/a"),)
    play.look(0)

    play.look(241, View())

    assert play.switch.done == ["stop", "start"]


def test_a_demo_that_is_broken_off_brings_the_database_back() -> None:
    play = Play()
    play.director.bring_back()
    assert play.switch.done == []

    play.stage.alive = (training(f"{AWAY}/a"),)
    play.look(0)
    play.director.bring_back()
    assert play.switch.done == ["stop", "start"]


def test_the_play_is_over_when_both_faults_were_played() -> None:
    play = Play()
    play.stage.alive = (training(f"{AWAY}/a"), training(VICTIM))
    play.another_starts(1)
    play.look(0)
    assert not play.director.is_over

    play.look(3)
    assert play.director.is_over
