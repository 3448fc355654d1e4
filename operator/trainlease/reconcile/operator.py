"""One operator process: stands by, is elected, looks at everything, and ends when it is over.

Events are doorbells: what they bring goes into the store, and every decision reads the whole
state. Only the leader looks. A process that was the leader and is no more ends, so that nothing
that it remembers outlives its right to act on it; so does one whose watch is dead, and each one,
the leader or not, that sees the API server back at an earlier state.
"""

import asyncio
from collections.abc import Mapping

import structlog

from trainlease.effects.kube.base import Body
from trainlease.model.errors import NotLeader, Restored, TrainleaseError
from trainlease.model.machine import Machine
from trainlease.model.machine_lease import MachineLease
from trainlease.model.platform import Platform
from trainlease.model.settings import Settings
from trainlease.model.training_job import TrainingJob
from trainlease.reconcile.context import Context
from trainlease.reconcile.databases import Databases
from trainlease.reconcile.doorbells import Doorbells
from trainlease.reconcile.facts import Facts
from trainlease.reconcile.gauges import gauges
from trainlease.reconcile.leader import Leader
from trainlease.reconcile.looks import Looks
from trainlease.reconcile.memory import Memory
from trainlease.reconcile.perform import TABLE, Performer
from trainlease.reconcile.ports import Ports
from trainlease.reconcile.queue import Key, KeyedQueue
from trainlease.reconcile.results import Results
from trainlease.reconcile.store import Store

LEASE_NAME = "trainlease-operator"
_KINDS = (Platform.plural, Machine.plural, TrainingJob.plural, MachineLease.plural)
_WORKERS = 16

log = structlog.get_logger(__name__)


class LeadershipLost(Exception):
    """This process was the leader and is no more: it must end."""


class DeadWatch(Exception):
    """The watch has not brought what a LIST showed long ago: the process must end."""


class Operator:
    """One replica. `heard` takes watch events from the first moment; `run` ends by an error."""

    def __init__(
        self,
        ports: Ports,
        settings: Settings,
        identity: str,
        *,
        table: Mapping[type, Performer] = TABLE,
    ) -> None:
        self._ports = ports
        self._settings = settings
        self._queue = KeyedQueue()
        self._over: asyncio.Future[None] | None = None
        self._unheard: dict[tuple[str, str], int] = {}
        self._leads = False
        self.leader = Leader(
            ports.kube, ports.clock, settings.namespace, LEASE_NAME, identity, settings
        )
        check = self.leader.check
        self.store = Store(self._changed)
        self._bells = Doorbells(self.store, self._ring)
        self._databases = Databases(ports, self.store, settings, check, self._ring)
        self._results = Results(
            ports.tracker, ports.clock, settings, check, self._ring, ports.metrics
        )
        context = Context(
            ports,
            self.store,
            Memory(),
            self._databases,
            self._results,
            settings,
            check,
            self._ring,
        )
        self._facts = Facts(context)
        self._looks = Looks(context, table, self._facts)
        ports.metrics.read_by(lambda: gauges(context, self.leader, self._queue))
        self._looks.kinds |= {"list": self._list_all, "watch": self._look_at_watch}

    @property
    def is_idle(self) -> bool:
        """Whether nothing is being looked at, and nothing is due now."""
        return self._queue.is_idle

    def heard(self, word: str, plural: str, body: Body) -> None:
        """A watch event (ADDED, MODIFIED, DELETED) of one of our kinds."""
        self.store.heard(word, plural, body)

    async def run(self) -> None:
        """Stand by and lead until it is over: LeadershipLost, DeadWatch, Restored; or cancelled."""
        loop = asyncio.get_running_loop()
        self._over = loop.create_future()
        await self._list_until_answered()
        lost = LeadershipLost("another replica may lead now")
        restored = Restored("the API server was restored: nothing that was known of it holds")
        election = loop.create_task(
            self.leader.run(lambda: self._end(lost), lambda: self._end(restored))
        )
        try:
            await self._until_elected(self._over)
            await self._lead(self._over)
        except NotLeader:  # it was lost before the first look
            raise lost from None
        finally:
            self._leads = False
            election.cancel()
            if self._over.done():
                self._over.exception()  # heard, though a NotLeader may have come first
            await self._results.close()
            await self._databases.close()

    async def stop(self) -> None:
        """Give the leadership back, so that another replica need not wait for it to run out."""
        await self.leader.release()

    async def _until_elected(self, over: asyncio.Future[None]) -> None:
        """Stand by; it may be over before this process was the leader."""
        elected = asyncio.get_running_loop().create_task(self.leader.wait())
        try:
            await asyncio.wait((elected, over), return_when=asyncio.FIRST_COMPLETED)
            if over.done():
                over.result()
        finally:
            elected.cancel()

    async def _lead(self, over: asyncio.Future[None]) -> None:
        """Fill the store anew, get to know what it speaks of, and only then look at everything."""
        await self._list_until_answered()
        for provider in self._ports.providers.values():
            provider.on_change(lambda name: self._ring("machine", name))
        await self._get_to_know()
        self._leads = True
        self._bells.all()
        self._queue.add_after(("list", ""), self._settings.resync_every)
        work = asyncio.get_running_loop().create_task(self._queue.run(self._look, _WORKERS))
        try:
            await asyncio.wait((work, over), return_when=asyncio.FIRST_COMPLETED)
            (work if work.done() else over).result()
        finally:
            work.cancel()
            await asyncio.wait([work])  # nothing is in flight when the Lease is given back

    async def _look(self, key: Key) -> float | None:
        try:
            return await self._looks.look(key)
        except Restored as why:
            self._end(why)
            return None

    async def _get_to_know(self) -> None:
        """The cluster's uid, each database (or that it is away), what each machine does now."""
        uid = await self._cluster()
        self._databases.cluster = self._results.cluster = uid
        platforms = [self.store.platforms[n] for n in sorted(self.store.platforms)]
        machines = [self.store.machines[n] for n in sorted(self.store.machines)]
        await asyncio.gather(
            *(self._databases.tend(platform) for platform in platforms),
            *(self._facts.look(machine) for machine in machines),
        )

    async def _cluster(self) -> str:
        """Uid of kube-system: what tells one cluster's rows and runs from another's."""
        while True:
            try:
                system = await self._ports.kube.get("namespaces", "", "kube-system")
            except TrainleaseError as error:
                log.warning("kube-system cannot be read", why=str(error))
                await asyncio.sleep(self._settings.leader_retry)
            else:
                return str(system["metadata"]["uid"])

    async def _list_until_answered(self) -> None:
        """The store filled by LISTs; a server that is away is waited for."""
        while True:
            try:
                await self._list()
            except TrainleaseError as error:
                log.warning("the objects cannot be listed", why=str(error))
                await asyncio.sleep(self._settings.leader_retry)
            else:
                return

    async def _list(self) -> None:
        for plural in _KINDS:
            asked = self.store.newest(plural)
            bodies, version = await self._ports.kube.list(plural)
            self.store.replace(plural, bodies, version, asked)

    async def _list_all(self, _: str) -> float | None:
        """The resync; what it shows and the watch did not bring is looked for a while later."""
        await self._list()
        self._unheard = dict(self.store.unheard)
        self._queue.add_after(("watch", ""), self._settings.watch_grace)
        return self._settings.resync_every

    async def _look_at_watch(self, _: str) -> float | None:
        """A watch that has not brought what a LIST showed long ago is dead."""
        now = self.store.unheard
        late = [key for key, version in self._unheard.items() if now.get(key) == version]
        if late:
            self._end(DeadWatch(f"the watch has not brought {late[0][0]} {late[0][1]}"))
        return None

    def _end(self, why: Exception) -> None:
        if self._over is not None and not self._over.done():
            self._over.set_exception(why)

    def _ring(self, kind: str, name: str) -> None:
        if self._leads:
            self._queue.add((kind, name))

    def _changed(self, plural: str, title: str) -> None:
        if self._leads:
            self._bells.changed(plural, title)
