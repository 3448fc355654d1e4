"""FakeDatabase: a small honest platform's database in memory, for the simulator and unit tests.

It has no threads and no chance of its own, and a call takes effect without giving way to other
tasks; whoever wants delays, faults or lost answers at one caller hangs a `Gate` before its client.
The knobs are faults of the database itself. It passes the contract suite of the real one.
"""

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from trainlease.effects.gate import Gate, OpenGate
from trainlease.effects.platforms.base import Judge
from trainlease.effects.platforms.fake_tables import (
    FREE,
    OCCUPIED,
    FakeTables,
    Journal,
    OwnRow,
    OwnTraining,
    Tables,
)
from trainlease.model.errors import AnswerLost, SchemaInvalid, Unavailable
from trainlease.model.observed import (
    LedgerEntry,
    MachineRows,
    OpenTraining,
    SchemaReport,
    SideRow,
    TrainingEntry,
    TrainingWord,
    Verdict,
)

Answer = TypeVar("Answer")

OPERATOR = "operator"
LEGACY = "legacy"
PERSON = "person"
BACKUP = "backup"
"""Users of the database, as the journal names them."""
_NOT_OURS = ("table trainlease_ledger is not there: CREATE TABLE trainlease_ledger (...);",)


@dataclass(frozen=True)
class Call:
    """One call, as a gate sees it. Verbs: check, rows, tell, tell_training, open_trainings."""

    user: str
    platform: str
    verb: str
    subject: str = ""

    @property
    def is_write(self) -> bool:
        return self.verb in ("tell", "tell_training")


class FakeDatabase:
    """The database, with its knobs; `client` gives the port.

    `machines` maps our names to the platform's own. `down`, `read_only`, `lacks` (problems of the
    schema) and `lose_answers` (how many next writes land without an answer) may be set any time;
    so may `lacks_ours`: our two tables are not there, and the platform's own can be read.
    """

    def __init__(
        self,
        platform: str,
        machines: Mapping[str, str],
        trainings: Iterable[str] = (),
        *,
        cluster: str = "cluster",
        has_owner: bool = True,
        maps_trainings: bool = True,
        timeout: float = 4.0,
        journal: Journal | None = None,
    ) -> None:
        self.platform = platform
        self.timeout = timeout
        self.down = False
        self.read_only = False
        self.lose_answers = 0
        self.lacks: tuple[str, ...] = ()
        self.lacks_ours = False
        self._frozen: asyncio.Event | None = None
        self._tables = FakeTables(
            machines,
            trainings,
            cluster=cluster,
            has_owner=has_owner,
            maps_trainings=maps_trainings,
            journal=journal,
        )

    def client(self, user: str = OPERATOR, gate: Gate[Call] | None = None) -> "FakeDatabaseClient":
        """The port, as one user reaches it."""
        return FakeDatabaseClient(self, user, gate or OpenGate())

    # -- knobs -----------------------------------------------------------------------------------

    def freeze(self) -> None:
        """Take calls and answer none: each waits for `release`, or fails after the timeout."""
        self._frozen = self._frozen or asyncio.Event()

    def release(self) -> None:
        """Answer all that waits."""
        if self._frozen is not None:
            self._frozen.set()
            self._frozen = None

    @property
    def problems(self) -> tuple[str, ...]:
        """What the check says."""
        return (*self.lacks, *(_NOT_OURS if self.lacks_ours else ()))

    @property
    def data(self) -> Tables:
        """All rows, to be read."""
        return self._tables.data

    def snapshot(self) -> Tables:
        """A backup."""
        return self._tables.data.copy()

    def restore(self, backup: Tables) -> None:
        """Put a backup back: what was stored since is gone."""
        self._tables.replace_all(BACKUP, backup)

    def read(self, machine: str) -> MachineRows:
        """What is said of one machine, by our name of it."""
        return self._tables.rows(machine, self._tables.names[machine], self._tables.cluster)

    def occupy(self, machine: str, owner: str = "", by: str = LEGACY) -> bool:
        """The legacy program takes a machine; False if its row does not say free."""
        row = self._tables.data.machines.get(self._tables.names[machine])
        if row is None or row.status != FREE:
            return False
        self.edit(machine, OCCUPIED, owner, by)
        return True

    def free(self, machine: str, by: str = LEGACY) -> None:
        """The legacy program gives a machine back, whosever it is."""
        self.edit(machine, FREE, "", by)

    def edit(self, machine: str, status: str, owner: str = "", by: str = PERSON) -> None:
        """Write a machine's own row by hand, with any word."""
        kept = owner if self._tables.has_owner else ""
        self._tables.put_machine(by, machine, OwnRow(status, kept))

    def remove(self, machine: str, by: str = PERSON) -> None:
        """Take a machine's own row away."""
        self._tables.put_machine(by, machine, None)

    def edit_side(
        self, machine: str, row: SideRow | None, *, cluster: str = "", by: str = PERSON
    ) -> None:
        """Write a side row by hand, of our own cluster or of another; None takes it away."""
        self._tables.put_side(by, machine, cluster or self._tables.cluster, row)

    def remove_training(self, training_id: str) -> None:
        """Take a training's own row away."""
        self._tables.data.trainings.pop(training_id, None)

    def edit_training(self, training_id: str, word: TrainingWord, by: str = PERSON) -> None:
        """Write a training's own row by hand; there is one from then on."""
        self._tables.put_training(by, training_id, OwnTraining(word))

    # -- what the client asks --------------------------------------------------------------------

    async def answer(self, call: Call, act: Callable[[FakeTables], Answer]) -> Answer:
        """Let a call take effect, as far as the knobs let it."""
        await self._until_released()
        if self.down:
            raise Unavailable(f"{self.platform}'s database: it refuses connections")
        if call.is_write and self.read_only:
            raise Unavailable(f"{self.platform}'s database: it is read-only")
        can_read = call.verb == "rows" and not self.lacks
        if self.problems and call.verb != "check" and not can_read:
            raise SchemaInvalid(f"{self.platform}'s database: {'; '.join(self.problems)}")
        result = act(self._tables)
        if call.is_write and self.lose_answers > 0:
            self.lose_answers -= 1
            raise AnswerLost(f"{self.platform}'s database: no answer")
        return result

    async def _until_released(self) -> None:
        if self._frozen is None:
            return
        try:
            async with asyncio.timeout(self.timeout):
                await self._frozen.wait()
        except TimeoutError:
            raise Unavailable(f"{self.platform}'s database: it does not answer") from None


class FakeDatabaseClient:
    """One user's view of the database: the port."""

    def __init__(self, database: FakeDatabase, user: str, gate: Gate[Call]) -> None:
        self._database = database
        self._user = user
        self._gate = gate
        self._closed = False

    async def check(self) -> SchemaReport:
        return await self._through("check", "", lambda _: SchemaReport(self._database.problems))

    async def rows(self, machines: Mapping[str, str], cluster: str) -> dict[str, MachineRows]:
        def read(tables: FakeTables) -> dict[str, MachineRows]:
            return {name: tables.rows(name, own, cluster) for name, own in machines.items()}

        return await self._through("rows", "", read)

    async def tell(self, entry: LedgerEntry, judge: Judge) -> Verdict:
        return await self._through(
            "tell", entry.machine, lambda tables: tables.tell(self._user, entry, judge)
        )

    async def tell_training(self, entry: TrainingEntry) -> bool:
        def write(tables: FakeTables) -> bool:
            return not tables.maps_trainings or tables.tell_training(self._user, entry)

        return await self._through("tell_training", entry.training_id, write)

    async def open_trainings(self, cluster: str) -> Sequence[OpenTraining]:
        return await self._through(
            "open_trainings", "", lambda tables: tables.open_trainings(cluster)
        )

    async def close(self) -> None:
        self._closed = True

    async def _through(
        self, verb: str, subject: str, act: Callable[[FakeTables], Answer]
    ) -> Answer:
        if self._closed:
            raise Unavailable(f"{self._database.platform}'s database: its connection is closed")
        call = Call(self._user, self._database.platform, verb, subject)
        await self._gate.before(call)
        answer = await self._database.answer(call, act)
        await self._gate.after(call)
        return answer
