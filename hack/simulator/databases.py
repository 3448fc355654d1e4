"""The platforms' databases of a world, what the legacy program does in them, and their facts."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from simulator.facts import By, Fact, RowChanged, TrainingChanged
from simulator.line import Server
from simulator.loop import VirtualLoop
from simulator.scenario import PlatformPlan, Scenario
from trainlease.effects.platforms.fake import BACKUP, LEGACY, OPERATOR, FakeDatabase
from trainlease.effects.platforms.fake_tables import OwnTraining
from trainlease.model.observed import MachineRows, RowState, TrainingWord

See = Callable[[Fact, str], None]
_AUTHORS = {OPERATOR: By.US, LEGACY: By.LEGACY, BACKUP: By.BACKUP}
_LEGACY_OWNER = "batch"


@dataclass
class PlatformDatabase:
    """One platform's database and the server that it is on."""

    plan: PlatformPlan
    server: Server
    database: FakeDatabase


class Databases:
    """All of them, by platform."""

    def __init__(self, scenario: Scenario, cluster: str, loop: VirtualLoop, see: See) -> None:
        self._machines = [machine.name for machine in scenario.machines]
        self._taken: dict[tuple[str, str], None] = {}
        self._all: dict[str, PlatformDatabase] = {}
        for plan in scenario.platforms:
            journal = _Journal(plan.name, loop, see)
            names = {name: self.own_names(plan.name).get(name, name) for name in self._machines}
            database = FakeDatabase(
                plan.name,
                names,
                cluster=cluster,
                has_owner=plan.has_owner,
                maps_trainings=plan.has_trainings,
                journal=journal,
            )
            self._all[plan.name] = PlatformDatabase(
                plan, Server(f"{plan.name}'s database"), database
            )
            for machine in self._machines:
                nothing = MachineRows(None, "", None, None)
                journal.row(LEGACY, machine, nothing, database.read(machine))

    def __getitem__(self, platform: str) -> PlatformDatabase:
        return self._all[platform]

    def __iter__(self) -> Iterator[PlatformDatabase]:
        return iter(self._all.values())

    @property
    def taken(self) -> frozenset[tuple[str, str]]:
        """(platform, machine) that the legacy program has taken and not given back."""
        return frozenset(self._taken)

    def own_names(self, platform: str) -> dict[str, str]:
        """Our name of a machine -> the platform's, where they differ."""
        if platform != "nutresa":
            return {}
        return {name: name.upper().replace("-", "") for name in self._machines}

    def trainings(self) -> dict[tuple[str, str], TrainingWord | None]:
        """What each training's own row says; None: what the platform first wrote."""
        return {
            (found.plan.name, training): row.word
            for found in self
            if found.plan.has_trainings
            for training, row in found.database.data.trainings.items()
        }

    def add_training(self, platform: str, training: str) -> None:
        """The platform's own program writes the row of a training that is about to be asked for."""
        self[platform].database.data.trainings[training] = OwnTraining()

    # -- the legacy program ----------------------------------------------------------------------

    def legacy_takes(self, platform: str, machine: str) -> bool:
        """Occupied, if the row says free; where no column says by whom, never over a claim of ours.

        (There it could not be told from ours: protocol.md, "not modelled".)
        """
        found = self[platform]
        side = found.database.read(machine).side
        ours = side is not None and side.state is RowState.OCCUPIED
        if (ours and not found.plan.has_owner) or not found.database.occupy(machine, _LEGACY_OWNER):
            return False
        self._taken[platform, machine] = None
        return True

    def legacy_gives_back(self, platform: str, machine: str) -> None:
        self._taken.pop((platform, machine), None)
        self[platform].database.free(machine)

    def legacy_frees(self, platform: str, machine: str) -> None:
        """Its clean-up: whatever was not taken by itself is set free."""
        if (platform, machine) not in self._taken:
            self[platform].database.free(machine)


@dataclass
class _Journal:
    """Makes facts of what one database's journal hears."""

    platform: str
    loop: VirtualLoop
    see: See

    def row(self, by: str, machine: str, before: MachineRows, after: MachineRows) -> None:
        author = _AUTHORS.get(by, By.PERSON)
        fact = RowChanged(self.loop.time(), author, self.platform, machine, before, after)
        side = f"{after.side.state} with {after.side.fence}" if after.side else "nothing"
        self.see(fact, f"{by} in {self.platform}: {machine} {after.raw}, side row {side}")

    def training(
        self, by: str, training_id: str, before: TrainingWord | None, after: TrainingWord
    ) -> None:
        author = _AUTHORS.get(by, By.PERSON)
        fact = TrainingChanged(self.loop.time(), author, self.platform, training_id, before, after)
        self.see(fact, f"{by} in {self.platform}: training {training_id} {after}")
