"""All platforms' databases: told in parallel, each on its own, and compared with the ledger.

Promises: no platform waits for another; what is known of a row comes from a read inside the
transaction that told it, or from a compare; nothing is known of a database that was away until all
of it was compared again. What a row may become is plan.platform_rows, decided there in the
transaction. Not in here: when to tell (plan.claim), what a training's word is (plan.trainings).
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from typing import Any, TypeVar

import structlog

from trainlease.effects.metrics import catalog
from trainlease.effects.platforms.base import Database, Judge
from trainlease.model import conditions as cond
from trainlease.model.errors import (
    NeedsPerson,
    NotFound,
    NotLeader,
    SchemaInvalid,
    Unavailable,
)
from trainlease.model.machine import Machine
from trainlease.model.observed import (
    LedgerEntry,
    OpenTraining,
    RowState,
    TrainingEntry,
)
from trainlease.model.platform import Platform
from trainlease.model.reasons import PlatformCondition
from trainlease.model.settings import Settings
from trainlease.plan import platform_rows, rows
from trainlease.plan.rows import PlatformFact, RowKnowledge, Rows
from trainlease.reconcile.breaker import Breaker
from trainlease.reconcile.link import Link
from trainlease.reconcile.ports import Ports
from trainlease.reconcile.secrets import database_address
from trainlease.reconcile.store import Store

Answer = TypeVar("Answer")
Ring = Callable[[str, str], None]
"""Wakes a key of the queue: (kind, name)."""

log = structlog.get_logger(__name__)


class Databases:
    """Made once per process; `cluster` is known only once the API server was reached."""

    def __init__(
        self, ports: Ports, store: Store, settings: Settings, check: Callable[[], None], ring: Ring
    ) -> None:
        self.cluster = ""
        self._ports = ports
        self._store = store
        self._settings = settings
        self._check = check
        self._ring = ring
        self._links: dict[str, Link] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    # -- what the plan asks ----------------------------------------------------------------------

    def facts(self) -> tuple[PlatformFact, ...]:
        """Every Platform there is, by name; one without a connection is down."""
        return tuple(self._fact(self._store.platforms[n]) for n in sorted(self._store.platforms))

    def rows(self, machine: Machine) -> Rows:
        """What was last heard of this machine's rows, by platform."""
        links = ((name, self._links[name].rows.get(machine.uid)) for name in sorted(self._links))
        return {name: known for name, known in links if known is not None}

    def telling(self, machine: Machine) -> Mapping[str, int]:
        """The fences that are on their way now, by platform."""
        links = ((name, self._links[name].telling.get(machine.uid)) for name in sorted(self._links))
        return {name: fence for name, fence in links if fence is not None}

    def link(self, platform: str) -> Link | None:
        return self._links.get(platform)

    def is_word_due(self, entry: TrainingEntry, platform: str) -> bool:
        """Whether this word about a training was not told yet, and can be now."""
        link = self._links.get(platform)
        if link is None or not link.is_ready:
            return False
        word = (entry.attempt, entry.rank)
        done = link.words.get(entry.job_uid), link.saying.get(entry.job_uid)
        return all(known is None or known < word for known in done)

    def word_trouble(self, job_uid: str, platform: str) -> str | None:
        """Why a training's row could not be written, if a person must act; empty if it was.

        None while this process has told nothing of it yet.
        """
        link = self._links.get(platform)
        if link is None:
            return None
        return link.word_troubles.get(job_uid, "" if job_uid in link.words else None)

    # -- telling ---------------------------------------------------------------------------------

    def tell(
        self,
        machine: Machine,
        entries: Sequence[tuple[str, LedgerEntry]],
        *,
        take_over: bool = False,
    ) -> None:
        """Begin to tell each of them, and ring the machine as the answers come.

        `take_over`: a person has claimed the rows, whoever has them.
        """
        judge = platform_rows.take_over if take_over else platform_rows.judge
        for name, entry in entries:
            link = self._links.get(name)
            if link is not None:
                link.telling[machine.uid] = entry.fence
                self._begin(self._tell, link, machine, entry, judge)

    def say(self, entry: TrainingEntry, platform: str) -> None:
        """Begin to write a training's row, and ring its job if it failed."""
        link = self._links.get(platform)
        if link is not None:
            link.saying[entry.job_uid] = (entry.attempt, entry.rank)
            self._begin(self._say, link, entry)

    async def read_anew(self, machine: Machine) -> frozenset[str]:
        """Read this machine's rows everywhere now; the platforms whose database answered."""
        names = sorted(self._links)
        answers = (self._read_anew(self._links[name], machine) for name in names)
        read = zip(names, await asyncio.gather(*answers), strict=True)
        return frozenset(name for name, is_read in read if is_read)

    async def _read_anew(self, link: Link, machine: Machine) -> bool:
        own_names = {machine.name: link.platform.machine_name(machine.name)}
        try:
            found = await self._call(link, lambda database: database.rows(own_names, self.cluster))
        except (Unavailable, NeedsPerson):
            return False
        entry = self._entry(link, machine)
        if entry is None or machine.uid in link.telling or not self._is_current(machine):
            return False
        self._keep(link, machine.uid, platform_rows.knowledge(entry, found[machine.name]))
        return True

    async def _tell(self, link: Link, machine: Machine, entry: LedgerEntry, judge: Judge) -> None:
        try:
            verdict = await self._call(link, lambda database: database.tell(entry, judge))
            self._keep(link, machine.uid, platform_rows.heard(entry, verdict))
        except NeedsPerson as error:
            self._keep(link, machine.uid, RowKnowledge(entry.fence, None, trouble=str(error)))
            link.schema = None
        except Unavailable as error:
            log.warning("not told", platform=link.name, machine=machine.name, why=str(error))
        finally:
            if link.telling.get(machine.uid) == entry.fence:
                del link.telling[machine.uid]
            self._ring("machine", machine.name)
            if not link.is_ready or (not link.telling and not self._is_said_in_sync(link)):
                self._ring("platform", link.name)

    async def _say(self, link: Link, entry: TrainingEntry) -> None:
        word = (entry.attempt, entry.rank)
        try:
            await self._call(link, lambda database: database.tell_training(entry))
            link.words[entry.job_uid] = max(word, link.words.get(entry.job_uid, word))
            if link.word_troubles.pop(entry.job_uid, None):
                self._ring("job", f"{entry.namespace}/{entry.name}")
        except NeedsPerson as error:
            link.words[entry.job_uid] = word  # until the next compare: a person must act first
            link.word_troubles[entry.job_uid] = str(error)
            self._ring("job", f"{entry.namespace}/{entry.name}")
        except Unavailable as error:
            log.warning("not told", platform=link.name, training=entry.training_id, why=str(error))
            self._ring("job", f"{entry.namespace}/{entry.name}")
        finally:
            if link.saying.get(entry.job_uid) == word:
                del link.saying[entry.job_uid]

    def _keep(self, link: Link, uid: str, knowledge: RowKnowledge) -> None:
        """The latest answer is what is known: a link makes one call at a time, in their order."""
        how = platform_rows.foreign_hand(link.rows.get(uid), knowledge)
        if how:
            self._ports.metrics.count(catalog.FOREIGN_WRITES, link.name, how)
        link.rows[uid] = knowledge

    def _is_said_in_sync(self, link: Link) -> bool:
        platform = self._store.platforms.get(link.name)
        return platform is not None and cond.is_true(
            platform.status.conditions, PlatformCondition.IN_SYNC
        )

    async def _call(self, link: Link, ask: Callable[[Database], Awaitable[Answer]]) -> Answer:
        """One call in its turn; where it cannot be reached, what hangs on it looks at once."""
        try:
            return await link.call(ask, self._check)
        except Unavailable:
            self._ring("platform", link.name)
            self._ring("placement", "")
            raise

    # -- tending ---------------------------------------------------------------------------------

    async def tend(self, platform: Platform) -> float:
        """Connect, check the schema and compare, as each is due; seconds until the next look."""
        link = self._links.setdefault(
            platform.name, Link(platform, self._breaker(), self._ports.clock)
        )
        async with link.lock:
            was_ready, failed = link.is_ready, False
            try:
                await self._connect(link, platform)
                await self._prove(link)
            except (Unavailable, NotFound, NeedsPerson) as error:
                link.trouble = str(error)
                failed = isinstance(error, Unavailable)
        if link.is_ready is not was_ready:
            self._wake_all()
        return self._next_look(link, failed=failed)

    async def drop(self, name: str) -> None:
        """The Platform is gone."""
        link = self._links.pop(name, None)
        if link is not None:
            await link.close()
            self._wake_all()

    async def close(self) -> None:
        for task in tuple(self._tasks):
            task.cancel()
        for name in sorted(self._links):
            await self._links[name].close()

    async def open_trainings(self, platform: str) -> Sequence[OpenTraining]:
        """Our trainings there without a final word; none where the database is away."""
        link = self._links.get(platform)
        if link is None or not link.is_ready:
            return ()
        return await self._call(link, lambda database: database.open_trainings(self.cluster))

    async def _connect(self, link: Link, platform: Platform) -> None:
        """Open it anew where its address, its credentials or its mapping have changed."""
        due = link.database is None or not link.is_ready or self._is_compare_due(link)
        changed = link.platform.spec.database != platform.spec.database
        changed = changed or link.platform.uid != platform.uid
        link.platform = platform
        if not due and not changed:
            return
        dsn = await database_address(self._ports.kube, self._settings.namespace, platform)
        if changed or dsn != link.dsn or link.database is None:
            await link.close()
            link.breaker.succeeded()
            link.dsn = dsn
            link.database = self._ports.open_database(platform, dsn)

    async def _prove(self, link: Link) -> None:
        """Check the schema and compare all rows, where that is due and the breaker lets it."""
        database, now = link.database, self._ports.clock.monotonic()
        if database is None or not link.breaker.may_try(now):
            return
        if link.schema is not None and link.schema.is_valid and not self._is_compare_due(link):
            return
        link.schema = await link.probe(database.check, self._check)
        if link.schema.is_valid:
            await self._compare(link, database)
            link.trouble = ""
            return
        link.compared_at = None
        try:
            if not link.platform.is_enforced:  # what would be written there is said all the same
                await self._compare(link, database)
        except SchemaInvalid:
            link.rows.clear()
        link.trouble = "; ".join(link.schema.problems)

    async def _compare(self, link: Link, database: Database) -> None:
        """Read all rows; what is not in step is forgotten here, so that it is told anew.

        Of a database that was compared before, only those hear whose rows have changed, and its
        own jobs, whose words are told anew.
        """
        link.in_doubt = False
        machines = [self._store.machines[n] for n in sorted(self._store.machines)]
        names = {m.name: link.platform.machine_name(m.name) for m in machines}
        found = await link.probe(lambda: database.rows(names, self.cluster), self._check)
        for machine in machines:
            if machine.uid in link.telling or not self._is_current(machine):
                continue
            entry, before = self._entry(link, machine), link.rows.get(machine.uid)
            known = platform_rows.knowledge(entry, found[machine.name]) if entry else None
            if known is None:
                link.rows.pop(machine.uid, None)
            else:
                self._keep(link, machine.uid, known)
            if known != before:
                self._ring("machine", machine.name)
                self._ring("placement", "")
        for gone in link.rows.keys() - {machine.uid for machine in machines}:
            del link.rows[gone]
        link.words.clear()
        was_compared = link.compared_at is not None
        link.compared_at = self._ports.clock.now()
        link.compared_tick = self._ports.clock.monotonic()
        if was_compared:
            self._wake_jobs(link.platform.spec.namespace)
        else:
            self._wake_all()

    def _wake_jobs(self, namespace: str) -> None:
        for title, job in self._store.jobs.items():
            if job.namespace == namespace:
                self._ring("job", title)

    def _entry(self, link: Link, machine: Machine) -> LedgerEntry | None:
        status = machine.status
        if status.state is None:
            return None
        known, free = link.rows.get(machine.uid), rows.fence_of(machine, RowState.FREE)
        # Free was told already, and the ledger follows: that is what must stand there.
        state = rows.desired(machine, ending=known is not None and known.fence >= free)
        return rows.entry(self.cluster, machine, link.platform, state, self._ports.clock.now())

    def _is_current(self, machine: Machine) -> bool:
        now = self._store.machines.get(machine.name)
        return (
            now is not None and now.uid == machine.uid and now.status.fence == machine.status.fence
        )

    def _is_compare_due(self, link: Link) -> bool:
        if link.compared_at is None or link.in_doubt:
            return True
        age = self._ports.clock.monotonic() - link.compared_tick
        return age >= self._settings.compare_every

    def _next_look(self, link: Link, *, failed: bool) -> float:
        """`failed`: nobody answered now; once alone opens no breaker."""
        if link.is_ready and not self._is_compare_due(link):
            return self._settings.compare_every
        if link.breaker.retry_at is not None:
            return max(0.05, link.breaker.retry_at - self._ports.clock.monotonic())
        if failed or (link.schema is None and link.database is not None):
            return self._settings.breaker_first
        return self._settings.repair_every

    # -- small things ----------------------------------------------------------------------------

    def _breaker(self) -> Breaker:
        settings = self._settings
        return Breaker(
            settings.breaker_opens_after, settings.breaker_first, settings.breaker_most_database
        )

    def _fact(self, platform: Platform) -> PlatformFact:
        link = self._links.get(platform.name)
        if link is None:
            return PlatformFact(platform, True, "not connected yet", compared=False)
        compared = link.compared_at is not None
        return PlatformFact(platform, not link.is_ready, link.trouble, compared=compared)

    def _wake_all(self) -> None:
        for name in self._store.machines:
            self._ring("machine", name)
        for key in self._store.jobs:
            self._ring("job", key)
        self._ring("placement", "")

    def _begin(self, work: Callable[..., Coroutine[Any, Any, None]], *what: Any) -> None:
        task = asyncio.get_running_loop().create_task(_quiet(work, *what))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


async def _quiet(work: Callable[..., Coroutine[Any, Any, None]], *what: Any) -> None:
    """Leadership may be lost on the way: then another process does it."""
    try:
        await work(*what)
    except NotLeader:
        log.info("not the leader any more: nothing was told")
