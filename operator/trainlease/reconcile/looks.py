"""One look at one key: gather the facts, ask the plan, perform the one action.

A look answers after how many seconds to look again, or None. Where it acted it looks again at once,
so that each action is decided on what the one before has left. What was refused because something
had changed is dropped, and decided anew. Not in here: what rings a key (doorbells), the workers.
"""

from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta

import structlog

from trainlease.model.errors import AlreadyExists, AnswerLost, Conflict, NotFound, NotLeader
from trainlease.model.platform import Platform
from trainlease.model.settings import Settings
from trainlease.model.training_job import TrainingJob
from trainlease.plan import actions as act
from trainlease.plan import claim, finalizers, job, leases, report, trainings, twins
from trainlease.plan.machine_facts import MachineFacts
from trainlease.reconcile import metering
from trainlease.reconcile.context import Context
from trainlease.reconcile.facts import Facts
from trainlease.reconcile.perform import Performer, perform
from trainlease.reconcile.placing import Placing
from trainlease.reconcile.platforms import Platforms
from trainlease.reconcile.queue import Key
from trainlease.reconcile.sweeps import Sweeps

_SOON = 0.05
_BEGUN = (act.Tell, act.Start)
"""Actions whose end rings the machine: to look again at once would find nothing new."""

log = structlog.get_logger(__name__)


class Looks:
    """The looks by kind of key."""

    def __init__(self, context: Context, table: Mapping[type, Performer], facts: Facts) -> None:
        self._context = context
        self._table = table
        self._facts = facts
        self._placing = Placing(context)
        self._platforms = Platforms(context)
        self._sweeps = Sweeps(context, facts)
        self.kinds: dict[str, Callable[[str], Awaitable[float | None]]] = {
            "machine": self._machine,
            "job": self._job,
            "results": self._record,
            "lease": self._lease,
            "platform": self._platform,
            "placement": self._queue,
            "sweep": self._sweep,
        }

    async def look(self, key: Key) -> float | None:
        """The queue's handler."""
        kind, name = key
        try:
            with metering.look(self._context.ports, kind):
                return await self.kinds[kind](name)
        except (Conflict, AlreadyExists, NotFound, AnswerLost) as error:
            log.debug("decided on what has changed", kind=kind, name=name, why=str(error))
            return _SOON
        except NotLeader:  # the process ends, unless its renewal was only late
            return self._settings.leader_retry

    @property
    def _settings(self) -> Settings:
        return self._context.settings

    async def _do(self, action: act.Action) -> bool:
        """Perform it; whether there was anything to do."""
        if isinstance(action, act.Wait):
            return False
        await perform(self._table, self._context, action)
        return True

    async def _machine(self, name: str) -> float | None:
        machines = self._context.store.machines
        machine = machines.get(name)
        if machine is None:
            self._context.memory.forget_others({m.uid for m in machines.values()})
            return None
        now = self._context.now()
        if await self._do(finalizers.of_machine(machine, now, self._settings)):
            return 0
        facts = await self._facts.of_machine(machine)
        action = self._with_report(facts, claim.decide(facts, self._context.now(), self._settings))
        if not await self._do(action):
            return self._seconds(action, self._settings.observe_every)
        if isinstance(action, act.TurnOff):  # its end rings; until then it is asked now and then
            return self._settings.call_timeout
        return self._settings.observe_every if isinstance(action, _BEGUN) else 0

    def _with_report(self, facts: MachineFacts, action: act.Action) -> act.Action:
        """What people read goes along with a write of the ledger, or alone if it has changed."""
        if not isinstance(action, act.Wait | act.WriteMachine):
            return action
        machine = facts.machine
        status = action.status if isinstance(action, act.WriteMachine) else machine.status
        said = report.report(
            machine.model_copy(update={"status": status}),
            facts.platforms,
            facts.rows,
            facts.telling,
            facts.view,
            self._context.now(),
            self._settings,
            double=twins.double(machine, self._context.store.machines.values(), facts.view),
        )
        return action if said == machine.status else act.WriteMachine(machine, said)

    async def _job(self, title: str) -> float | None:
        store, results = self._context.store, self._context.results
        found = store.jobs.get(title)
        if found is None:
            return None
        facts = await self._facts.of_job(found)
        action = job.decide(facts, self._context.now(), self._settings)
        if await self._do(action):
            return 0
        self._say(found, facts.platform)
        if results.is_due(found):
            self._context.ring("results", title)
        return self._seconds(action, self._settings.resync_every)

    def _say(self, found: TrainingJob, platform: Platform | None) -> None:
        """The training's row in the platform's own table follows what is stored."""
        if platform is None or not platform.is_enforced or platform.is_paused:
            return
        databases = self._context.databases
        entry = trainings.entry(found, databases.cluster, platform, self._context.now())
        if entry is not None and databases.is_word_due(entry, platform.name):
            databases.say(entry, platform.name)

    async def _record(self, title: str) -> float | None:
        store, memory = self._context.store, self._context.memory
        found = store.jobs.get(title)
        if found is None:
            return None
        exits = {
            a.number: memory.exit_of(store.machines.get(a.machine or ""), a.generation)
            for a in found.status.attempts
        }
        known = {number: exit_ for number, exit_ in exits.items() if exit_ is not None}
        status = await self._context.results.record(found, known)
        if status is not None and status != found.status:
            await self._do(act.WriteJob(found, status))
        return None

    async def _lease(self, title: str) -> float | None:
        lease = self._context.store.leases.get(title)
        if lease is None or lease.is_released:
            return None
        facts = await self._facts.of_lease(lease)
        action = leases.decide(facts, self._context.now(), self._settings)
        if await self._do(action):
            return 0
        return self._seconds(action, self._settings.resync_every)

    async def _platform(self, name: str) -> float | None:
        platform = self._context.store.platforms.get(name)
        if platform is None:
            await self._context.databases.drop(name)
            return None
        if await self._do(await self._platforms.finalizer(platform)):
            return 0
        delay = await self._context.databases.tend(platform)
        status = self._platforms.status(platform)
        if status != platform.status:
            await self._do(act.WritePlatform(platform, status))
        return min(delay, self._settings.observe_every) if platform.deleting else delay

    async def _queue(self, _: str) -> float | None:
        await self._placing.turn(self._do)
        return self._settings.wait_reason_every

    async def _sweep(self, _: str) -> float | None:
        await self._sweeps.sweep()
        return self._settings.compare_every

    def _seconds(self, action: act.Action, most: float) -> float:
        """Until the next look: as the plan says, and never so long that a wrong clock matters."""
        until = action.until if isinstance(action, act.Wait) else None
        if until is None:
            return most
        return max(_SOON, min(until, timedelta(seconds=most)).total_seconds())
