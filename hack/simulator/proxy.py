"""The four ports, as an operator process sees them: the fakes at the end of a line.

Each call says how long its caller waits, whether it writes, and how late it may still land: a call
to the API server within the caller's timeout, one to a provider within the cool-down, one to a
database or to MLflow any time (fences and tags are there for that).
"""

from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import Any, TypeVar

from simulator.line import Line, Server
from simulator.loop import Process
from simulator.weather import Call
from trainlease.effects.kube.base import Body, Kube
from trainlease.effects.machines.base import Doorbell, Provider
from trainlease.effects.platforms.base import Database, Judge
from trainlease.effects.tracking.base import NewRun, Tracker
from trainlease.model.machine import Machine
from trainlease.model.observed import (
    LedgerEntry,
    MachineRows,
    MachineView,
    ModelState,
    ModelVersion,
    OpenTraining,
    RunInfo,
    RunStatus,
    SchemaReport,
    TrainingEntry,
    Verdict,
    Workload,
)

Answer = TypeVar("Answer")
KUBE_TIMEOUT = 5.0
DATABASE_TIMEOUT = 4.0
POWER_TIMEOUT = 5.0
TRACKER_TIMEOUT = 5.0
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
        return await self._send(call, lambda: self._kube.get(plural, namespace, name))

    async def list(self, plural: str, namespace: str = "") -> tuple[list[Body], str]:
        call = Call("kube", "list", False, KUBE_TIMEOUT)
        return await self._send(call, lambda: self._kube.list(plural, namespace))

    async def create(self, plural: str, body: Body) -> Body:
        call = _write("create", plural, "", "", guarded=False)
        return await self._send(call, lambda: self._kube.create(plural, body))

    async def patch(self, plural: str, namespace: str, name: str, patch: Mapping[str, Any]) -> Body:
        guarded = "resourceVersion" in patch.get("metadata", {})
        call = _write("patch", plural, namespace, name, guarded=guarded)
        return await self._send(call, lambda: self._kube.patch(plural, namespace, name, patch))

    async def patch_status(
        self, plural: str, namespace: str, name: str, status: Mapping[str, Any], version: str
    ) -> Body:
        call = _write("patch", plural, namespace, name, guarded=True)
        return await self._send(
            call, lambda: self._kube.patch_status(plural, namespace, name, status, version)
        )

    async def delete(self, plural: str, namespace: str, name: str, uid: str) -> None:
        call = _write("delete", plural, namespace, name, guarded=False)
        await self._send(call, lambda: self._kube.delete(plural, namespace, name, uid))

    async def _send(self, call: Call, act: Callable[[], Coroutine[Any, Any, Answer]]) -> Answer:
        return await self._line.send(self._server, call, act)


def _write(verb: str, plural: str, namespace: str, name: str, *, guarded: bool) -> Call:
    key = (plural, namespace, name)
    return Call("kube", verb, True, KUBE_TIMEOUT, KUBE_TIMEOUT, guarded, key)


class LineDatabase:
    """One platform's database at the end of the line."""

    def __init__(self, line: Line, server: Server, database: Database) -> None:
        self._line, self._server, self._database = line, server, database

    async def check(self) -> SchemaReport:
        return await self._read("check", self._database.check)

    async def rows(self, machines: Mapping[str, str], cluster: str) -> dict[str, MachineRows]:
        return await self._read("rows", lambda: self._database.rows(machines, cluster))

    async def tell(self, entry: LedgerEntry, judge: Judge) -> Verdict:
        call = Call("database", "tell", True, DATABASE_TIMEOUT, LATEST_SQL)
        return await self._line.send(self._server, call, lambda: self._database.tell(entry, judge))

    async def tell_training(self, entry: TrainingEntry) -> bool:
        call = Call("database", "tell_training", True, DATABASE_TIMEOUT, LATEST_SQL)
        return await self._line.send(
            self._server, call, lambda: self._database.tell_training(entry)
        )

    async def open_trainings(self, cluster: str) -> Sequence[OpenTraining]:
        return await self._read("open", lambda: self._database.open_trainings(cluster))

    async def close(self) -> None:
        return

    async def _read(self, verb: str, act: Callable[[], Coroutine[Any, Any, Answer]]) -> Answer:
        call = Call("database", verb, False, DATABASE_TIMEOUT)
        return await self._line.send(self._server, call, act)


class LineProvider:
    """One provider at the end of the line."""

    def __init__(self, line: Line, server: Server, provider: Provider, process: Process) -> None:
        self._line, self._server, self._provider = line, server, provider
        self._process = process

    async def observe(self, machine: Machine) -> MachineView:
        call = Call("provider", "observe", False, POWER_TIMEOUT)
        return await self._line.send(self._server, call, lambda: self._provider.observe(machine))

    async def ensure_on(self, machine: Machine, workload: Workload) -> None:
        call = Call("provider", "ensure_on", True, POWER_TIMEOUT, LATEST_POWER)
        await self._line.send(
            self._server, call, lambda: self._provider.ensure_on(machine, workload)
        )

    async def ensure_off(self, machine: Machine) -> None:
        call = Call("provider", "ensure_off", True, POWER_TIMEOUT, LATEST_POWER)
        await self._line.send(self._server, call, lambda: self._provider.ensure_off(machine))

    async def forget(self, machine_uid: str, generation: int) -> None:
        call = Call("provider", "forget", True, POWER_TIMEOUT, LATEST_POWER)
        await self._line.send(
            self._server, call, lambda: self._provider.forget(machine_uid, generation)
        )

    def on_change(self, doorbell: Doorbell) -> None:
        self._provider.on_change(lambda name: self._process.call(doorbell, name))


class LineTracker:
    """MLflow at the end of the line. `made` hears of each attempt whose run has come into being."""

    def __init__(
        self, line: Line, server: Server, tracker: Tracker, made: Callable[[NewRun], None]
    ) -> None:
        self._line, self._server, self._tracker = line, server, tracker
        self._made = made

    async def ensure_run(self, run: NewRun) -> RunInfo:
        async def act() -> RunInfo:
            info = await self._tracker.ensure_run(run)
            self._made(run)
            return info

        return await self._write("ensure_run", act)

    async def run(self, run_id: str) -> RunInfo:
        return await self._read("run", lambda: self._tracker.run(run_id))

    async def end_run(
        self, run_id: str, status: RunStatus, tags: Mapping[str, str], log_tail: str
    ) -> None:
        await self._write("end_run", lambda: self._tracker.end_run(run_id, status, tags, log_tail))

    async def open_runs(self, cluster: str) -> Sequence[RunInfo]:
        return await self._read("open_runs", lambda: self._tracker.open_runs(cluster))

    async def ensure_version(
        self, model: str, run_id: str, tags: Mapping[str, str]
    ) -> ModelVersion | None:
        return await self._write(
            "ensure_version", lambda: self._tracker.ensure_version(model, run_id, tags)
        )

    async def model_state(self, model: str) -> ModelState:
        return await self._read("model_state", lambda: self._tracker.model_state(model))

    async def promote(self, model: str, version: int, previous: int | None, reason: str) -> None:
        await self._write(
            "promote", lambda: self._tracker.promote(model, version, previous, reason)
        )

    async def describe(self, model: str, version: int, tags: Mapping[str, str]) -> None:
        await self._write("describe", lambda: self._tracker.describe(model, version, tags))

    async def _read(self, verb: str, act: Callable[[], Coroutine[Any, Any, Answer]]) -> Answer:
        call = Call("tracker", verb, False, TRACKER_TIMEOUT)
        return await self._line.send(self._server, call, act)

    async def _write(self, verb: str, act: Callable[[], Coroutine[Any, Any, Answer]]) -> Answer:
        call = Call("tracker", verb, True, TRACKER_TIMEOUT, LATEST_SQL)
        return await self._line.send(self._server, call, act)
