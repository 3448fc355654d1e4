"""The four ports, as an operator process sees them: the fakes at the end of a line.

Each call says how long its caller waits, whether it writes, and how late it may still land: a call
to the API server within the caller's timeout, one to a provider within the cool-down, one to MLflow
long after the caller gave up, one to a database any time (fences are there for that).
"""

from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import Any, TypeVar, cast

from simulator.line import Line, Server, finish
from simulator.weather import TRACKER_WRITES, Call
from trainlease.effects.gate import OpenGate
from trainlease.effects.kube.base import Body, Kube
from trainlease.effects.machines.base import Doorbell
from trainlease.effects.machines.fake_world import FakeMachines
from trainlease.effects.platforms.base import Database, Judge
from trainlease.effects.tracking.api import Api
from trainlease.effects.tracking.base import Tracker
from trainlease.effects.tracking.exactly_once import ExactlyOnce
from trainlease.effects.tracking.fake import FakeApi
from trainlease.effects.tracking.fake_server import FakeMlflow
from trainlease.model.errors import TrainleaseError
from trainlease.model.machine import Machine
from trainlease.model.observed import (
    LedgerEntry,
    MachineRows,
    MachineView,
    OpenTraining,
    SchemaReport,
    TrainingEntry,
    Verdict,
    Workload,
)

Answer = TypeVar("Answer")
Troubles = dict[tuple[str, str], TrainleaseError]
"""(verb, machine) -> the error that its provider answers now."""
Made = Callable[[dict[str, str]], None]
"""Hears the tags of each run that has come into being."""
Again = Callable[[Callable[[], object]], None]
"""Is given each request that has made something, and may send it once more."""
UNFENCED = ("create_run", "create_version")
"""Requests that make another one each time: only the search by tags tells the twins."""

KUBE_TIMEOUT = 5.0
DATABASE_TIMEOUT = 4.0
POWER_TIMEOUT = 5.0
TRACKER_TIMEOUT = 5.0
LATEST_TRACKER = 28.0
"""How late MLflow may do what it was asked: within what the operator waits for an alias's move."""
LATEST_SQL = 90.0
"""How late a statement may land whose answer nobody waits for."""
LATEST_POWER = 14.0
"""How late a power call may land: within the cool-down."""


class LineKube:
    """The API server at the end of the line."""

    def __init__(self, line: Line, server: Server, kube: Kube) -> None:
        self._line, self._server, self._kube = line, server, kube

    async def get(self, plural: str, namespace: str, name: str) -> Body:
        call = Call("kube", "get", False, KUBE_TIMEOUT)
        return await self._send(call, lambda: finish(self._kube.get(plural, namespace, name)))

    async def list(
        self,
        plural: str,
        namespace: str = "",
        *,
        labels: Mapping[str, str] = {},
        fields: Sequence[str] = (),
    ) -> tuple[list[Body], str]:
        call = Call("kube", "list", False, KUBE_TIMEOUT)
        return await self._send(
            call,
            lambda: finish(self._kube.list(plural, namespace, labels=labels, fields=fields)),
        )

    async def create(self, plural: str, body: Body) -> Body:
        call = _write("create", plural, "", "", guarded=False)
        return await self._send(call, lambda: finish(self._kube.create(plural, body)))

    async def patch(self, plural: str, namespace: str, name: str, patch: Mapping[str, Any]) -> Body:
        guarded = "resourceVersion" in patch.get("metadata", {})
        call = _write("patch", plural, namespace, name, guarded=guarded)
        return await self._send(
            call, lambda: finish(self._kube.patch(plural, namespace, name, patch))
        )

    async def patch_status(
        self, plural: str, namespace: str, name: str, status: Mapping[str, Any], version: str
    ) -> Body:
        call = _write("patch", plural, namespace, name, guarded=True)
        return await self._send(
            call, lambda: finish(self._kube.patch_status(plural, namespace, name, status, version))
        )

    async def delete(self, plural: str, namespace: str, name: str, uid: str) -> None:
        call = _write("delete", plural, namespace, name, guarded=False)
        await self._send(call, lambda: finish(self._kube.delete(plural, namespace, name, uid)))

    async def _send(self, call: Call, act: Callable[[], Answer]) -> Answer:
        return await self._line.send(self._server, call, act)


def _write(verb: str, plural: str, namespace: str, name: str, *, guarded: bool) -> Call:
    key = (plural, namespace, name)
    return Call("kube", verb, True, KUBE_TIMEOUT, KUBE_TIMEOUT, guarded, key)


class LineDatabase:
    """One platform's database at the end of the line."""

    def __init__(self, line: Line, server: Server, database: Database) -> None:
        self._line, self._server, self._database = line, server, database

    async def check(self) -> SchemaReport:
        return await self._read("check", lambda: finish(self._database.check()))

    async def rows(self, machines: Mapping[str, str], cluster: str) -> dict[str, MachineRows]:
        return await self._read("rows", lambda: finish(self._database.rows(machines, cluster)))

    async def tell(self, entry: LedgerEntry, judge: Judge) -> Verdict:
        call = Call("database", "tell", True, DATABASE_TIMEOUT, LATEST_SQL)
        return await self._line.send(
            self._server, call, lambda: finish(self._database.tell(entry, judge))
        )

    async def tell_training(self, entry: TrainingEntry) -> bool:
        call = Call("database", "tell_training", True, DATABASE_TIMEOUT, LATEST_SQL)
        return await self._line.send(
            self._server, call, lambda: finish(self._database.tell_training(entry))
        )

    async def open_trainings(self, cluster: str) -> Sequence[OpenTraining]:
        return await self._read("open", lambda: finish(self._database.open_trainings(cluster)))

    async def close(self) -> None:
        return

    async def _read(self, verb: str, act: Callable[[], Answer]) -> Answer:
        call = Call("database", verb, False, DATABASE_TIMEOUT)
        return await self._line.send(self._server, call, act)


class LineProvider:
    """The machines of one flavour at the end of the line; `troubles` come before what is asked."""

    def __init__(
        self, line: Line, server: Server, machines: FakeMachines, troubles: Troubles
    ) -> None:
        self._line, self._server, self._machines = line, server, machines
        self._troubles = troubles

    async def observe(self, machine: Machine) -> MachineView:
        call = Call("provider", "observe", False, POWER_TIMEOUT)

        def view() -> MachineView:
            self._trouble("observe", machine)
            return self._machines.view(machine)

        return await self._send(call, view)

    async def ensure_on(self, machine: Machine, workload: Workload) -> None:
        call = Call("provider", "ensure_on", True, POWER_TIMEOUT, LATEST_POWER)
        landing = self._line.landing

        def start() -> None:
            self._trouble("ensure_on", machine)
            self._machines.start(machine, workload, landing.lateness)

        await self._send(call, start)

    async def ensure_off(self, machine: Machine) -> None:
        call = Call("provider", "ensure_off", True, POWER_TIMEOUT, LATEST_POWER)
        landing = self._line.landing

        def stop() -> None:
            self._trouble("ensure_off", machine)
            self._machines.stop(machine, landing.lateness)

        await self._send(call, stop)

    async def forget(self, machine_uid: str, generation: int) -> None:
        call = Call("provider", "forget", True, POWER_TIMEOUT, LATEST_POWER)
        await self._send(call, lambda: self._machines.forget(machine_uid, generation))

    def on_change(self, doorbell: Doorbell) -> None:
        self._machines.add_bell(doorbell)

    def _trouble(self, verb: str, machine: Machine) -> None:
        error = self._troubles.get((verb, machine.name))
        if error is not None:
            raise error

    async def _send(self, call: Call, act: Callable[[], Answer]) -> Answer:
        return await self._line.send(self._server, call, act)


class LineApi:
    """MLflow at the end of the line, request by request: what a request is called says all.

    It is the Api of effects.tracking, whose twenty methods need no more than this.
    """

    def __init__(self, line: Line, server: Server, api: FakeApi, made: Made, again: Again) -> None:
        self._line, self._server, self._api, self._made = line, server, api, made
        self._again = again

    def __getattr__(self, verb: str) -> Callable[..., Coroutine[Any, Any, Any]]:
        writes = verb in TRACKER_WRITES
        call = Call("tracker", verb, writes, TRACKER_TIMEOUT, LATEST_TRACKER if writes else 0.0)
        request = getattr(self._api, verb)

        async def send(*args: Any, **more: Any) -> Any:
            def act() -> Any:
                answer = finish(request(*args, **more))
                if verb == "create_run":
                    self._made(args[2])
                if verb in UNFENCED:
                    self._again(lambda: finish(request(*args, **more)))
                return answer

            return await self._line.send(self._server, call, act)

        return send


def line_tracker(
    line: Line, server: Server, mlflow: FakeMlflow, made: Made, again: Again, user: str
) -> Tracker:
    """The production's tracker, over requests that go through the line."""
    api = FakeApi(mlflow, user, OpenGate())
    return ExactlyOnce(cast("Api", LineApi(line, server, api, made, again)))
