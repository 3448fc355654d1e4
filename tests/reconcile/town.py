"""A whole town in virtual time: a fake of everything that an operator reaches, and the operator.

    async def scenario(town: Town) -> None: ...
    in_town(scenario)

Machines gpu-1 and gpu-2 in the pool onprem, platforms saturno and nutresa with a database each.
"""

import asyncio
import base64
from collections.abc import Callable, Coroutine
from typing import Any

from simulator.loop import VirtualClock, VirtualLoop, run
from trainlease.effects.gate import Gate
from trainlease.effects.kube.base import Body
from trainlease.effects.kube.fake import Call, FakeKube
from trainlease.effects.machines.fake import FakeProvider
from trainlease.effects.machines.fake_world import Course, FakeMachines
from trainlease.effects.platforms.base import Database
from trainlease.effects.platforms.fake import FakeDatabase
from trainlease.effects.tracking.fake import FakeTracker
from trainlease.effects.tracking.fake_server import FakeMlflow
from trainlease.model.observed import RowState, TrainingWord, Workload
from trainlease.model.platform import Platform
from trainlease.model.settings import Settings
from trainlease.reconcile.operator import Operator
from trainlease.reconcile.ports import Ports

PLATFORMS = ("nutresa", "saturno")
MACHINES = ("gpu-1", "gpu-2")
OURS = ("machines", "platforms", "trainingjobs", "machineleases")
SYSTEM = "trainlease-system"
Scenario = Callable[["Town"], Coroutine[Any, Any, None]]


class Town:
    """`course` says how workloads run, by job name; the default is a minute to a good end."""

    def __init__(self, loop: VirtualLoop, **settings: Any) -> None:
        self.loop = loop
        self.clock = VirtualClock(loop)
        self.kube = FakeKube(self.clock, namespaces=(*PLATFORMS, SYSTEM, "ops"))
        self.courses: dict[str, Course] = {}
        self.machines = FakeMachines(self.clock, script=self._course)
        self.mlflow = FakeMlflow()
        self.settings = Settings(allow_process_machines=True, **settings)
        names = {name: name for name in MACHINES}
        self.databases = {name: FakeDatabase(name, names, ["7", "8"]) for name in PLATFORMS}
        self.operators: list[asyncio.Task[None]] = []
        self.is_deaf = False
        """No operator's watch brings anything."""

    async def build(self) -> None:
        for name in PLATFORMS:
            await self.create_secret(name)
            await self.kube.create("platforms", {"metadata": {"name": name}, "spec": _owner(name)})
        for name in MACHINES:
            await self.kube.create("machines", {"metadata": {"name": name}, "spec": _slot()})

    async def create_secret(self, platform: str) -> None:
        """The address of its database."""
        dsn = base64.b64encode(b"fake://secret-password").decode()
        meta = {"name": f"{platform}-db", "namespace": SYSTEM}
        await self.kube.create("secrets", {"metadata": meta, "data": {"dsn": dsn}})

    def start_operator(
        self, identity: str = "one", *, gate: Gate[Call] | None = None, **ports: Any
    ) -> Operator:
        """An operator process with a watch of its own; its calls to kube go through the gate."""
        client = self.kube.client_for(identity, gate)
        chosen: dict[str, Any] = {
            "providers": dict.fromkeys(("process", "node"), FakeProvider(self.machines, identity)),
            "open_database": self._open,
            "tracker": FakeTracker(self.mlflow, identity),
        }
        operator = Operator(Ports(client, self.clock, **(chosen | ports)), self.settings, identity)
        end = self.kube.subscribe(
            lambda word, plural, body: (
                operator.heard(word, plural, body) if plural in OURS and not self.is_deaf else None
            )
        )
        for plural in OURS:  # a watch begins with all that there is
            for body in self.kube.objects(plural):
                operator.heard("ADDED", plural, body)
        task = self.loop.create_task(operator.run())
        task.add_done_callback(lambda _: end())
        self.operators.append(task)
        return operator

    async def stop_operators(self) -> None:
        for task in self.operators:
            task.cancel()
        await asyncio.gather(*self.operators, return_exceptions=True)
        self.operators.clear()

    async def create_job(self, name: str, namespace: str = "saturno", **spec: Any) -> Body:
        wish = {"pool": "onprem", "image": "train:1", **spec}
        meta = {"name": name, "namespace": namespace}
        return await self.kube.create("trainingjobs", {"metadata": meta, "spec": wish})

    async def job(self, name: str, namespace: str = "saturno") -> Body:
        return await self.kube.get("trainingjobs", namespace, name)

    async def state(self, name: str, namespace: str = "saturno") -> str:
        return str((await self.job(name, namespace)).get("status", {}).get("state", ""))

    async def until_state(self, name: str, want: str, namespace: str = "saturno") -> Body:
        async def there() -> bool:
            return await self.state(name, namespace) == want

        await self.until(there)
        return await self.job(name, namespace)

    async def machine(self, name: str) -> dict[str, Any]:
        return dict((await self.kube.get("machines", "", name)).get("status", {}))

    async def until_free(self, *names: str) -> None:
        async def free() -> bool:
            return all([(await self.machine(n)).get("state") == "Free" for n in names or MACHINES])

        await self.until(free)

    async def until(self, true: Callable[[], Coroutine[Any, Any, bool]]) -> None:
        """Let time pass until it is so; the loop's own limit ends a wait in vain."""
        while not await true():  # noqa: ASYNC110  (virtual time: a look costs nothing)
            await asyncio.sleep(0.5)

    def machines_by_name(self) -> list[str]:
        return [body["metadata"]["name"] for body in self.kube.objects("machines")]

    def rows(self, machine: str) -> dict[str, RowState | None]:
        """What each database's own row says of a machine."""
        return {name: db.read(machine).own for name, db in self.databases.items()}

    def training(self, training_id: str) -> TrainingWord | None:
        """What saturno's own row says of a training."""
        return self.databases["saturno"].data.trainings[training_id].word

    def writes(self, plural: str, user: str = "one") -> list[str]:
        """Verb and subresource of each accepted write by the operator."""
        return [
            f"{w.verb} {w.subresource}".strip()
            for w in self.kube.writes
            if w.plural == plural and w.user == user
        ]

    def _open(self, platform: Platform, dsn: str) -> Database:
        return self.databases[platform.name].client()

    def _course(self, workload: Workload) -> Course:
        return self.courses.get(workload.job_name, Course(seconds=60))


def in_town(scenario: Scenario, *, hours: float = 48, **settings: Any) -> None:
    """Play it in virtual time, in a town with an operator that has come to rest."""

    async def main(loop: VirtualLoop) -> None:
        town = Town(loop, **settings)
        await town.build()
        town.start_operator()
        await town.until_free()
        await scenario(town)
        await town.stop_operators()
        assert not loop.failures, loop.failures

    run(main, until=hours * 3600)


def condition(body: Body, kind: str) -> dict[str, Any]:
    found = [c for c in body["status"]["conditions"] if c["type"] == kind]
    assert found, f"no condition {kind} in {body['status']['conditions']}"
    return dict(found[0])


def _owner(name: str) -> dict[str, Any]:
    database = {"secret": f"{name}-db", "preset": "integrations-v1"}
    return {"mode": "Enforce", "namespace": name, "database": database}


def _slot() -> dict[str, Any]:
    return {"mode": "Enforce", "pool": "onprem", "process": {"images": {"train:1": "/srv/train"}}}
