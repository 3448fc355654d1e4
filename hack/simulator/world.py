"""One world: everything outside the operators, built from a scenario, and what it tells.

It holds the servers and their fakes, turns what happens there into facts for the observer, and
keeps the trace. What people, programs and mishaps do to it is in `deeds`; the order of a whole run
is in `runner`.
"""

import hashlib
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from math import inf
from random import Random
from typing import Any

from simulator import objects
from simulator.databases import Databases
from simulator.facts import By, Fact, Powered, RunMade, Wrote
from simulator.limits import Limits
from simulator.line import Grounds, Landing, Line, Server, finish
from simulator.loop import Process, VirtualClock, VirtualLoop
from simulator.observer import Observer
from simulator.operators import Operators, Table
from simulator.proxy import (
    LATEST_POWER,
    LATEST_TRACKER,
    LineDatabase,
    LineKube,
    LineProvider,
    Troubles,
    line_tracker,
)
from simulator.scenario import Behaviour, Scenario
from simulator.weather import Call, Weather
from trainlease.effects.kube.fake import ADMIN, COLLECTOR, FakeKube
from trainlease.effects.machines.fake_world import Course, FakeMachines, Flavour, PowerChange, Who
from trainlease.effects.tracking.fake_server import FakeMlflow
from trainlease.model import tracking as word
from trainlease.model.errors import NotFound, TrainleaseError
from trainlease.model.observed import Workload
from trainlease.model.platform import Platform
from trainlease.model.reasons import Cause
from trainlease.model.settings import Settings
from trainlease.reconcile.perform import TABLE
from trainlease.reconcile.ports import Ports

GATEWAY = "gateway"
SETTINGS = Settings(
    tracking_uri="http://mlflow",
    boot_timeout=60,
    quarantine_for=90,
    backoff_most=40,
    resync_every=100,
    compare_every=100,
    leader_retry=4,
    allow_process_machines=True,
)
"""The production's, but for waits that would only make a run longer, and fewer renewals
of the leader's Lease, half of all calls: there are still two tries before it runs out."""
_AUTHORS = {ADMIN: By.PERSON, COLLECTOR: By.CONTROLLER}
_POWERED = {Who.US: By.US, Who.LEGACY: By.LEGACY, Who.ITSELF: By.ITSELF}
_SKEW = 0.5
_TWIN = "-again"
_GARBAGE = 5.0
_SHORT = 20.0
_CODES = {Cause.COMPLETED: 0, Cause.OUT_OF_MEMORY: 137, Cause.EXIT_CODE: 1}

Finished = Callable[[Workload, Behaviour], None]


@dataclass(frozen=True)
class Trace:
    """A digest of all that happened, and its lines if somebody wants to read them."""

    lines: list[str] | None
    digest: Any

    def add(self, line: str, more: str = "", text: str = "") -> None:
        """A line; `more` is for people only, `text` for the digest only."""
        self.digest.update(f"{line}{text}".encode())
        if self.lines is not None:
            self.lines.append(f"{line} {more}\n")


class World:
    """See the module. `finished` is called when a training on a machine without records ends."""

    def __init__(
        self,
        scenario: Scenario,
        loop: VirtualLoop,
        *,
        table: Table = TABLE,
        lines: list[str] | None = None,
    ) -> None:
        self.scenario = scenario
        self.loop = loop
        self.rng = Random(f"world {scenario.seed}")
        self.trace = Trace(lines, hashlib.sha256())
        self.moved_at = 0.0
        self.writes = 0
        """Accepted writes at the API server, but for Leases."""
        self.finished: Finished = lambda workload, behaviour: None
        self.clock = VirtualClock(loop)
        self.jumps: dict[str, float] = {}
        """Host of an operator -> seconds by which its wall clock was set."""
        self.clocks: dict[str, VirtualClock] = {}
        """Host of an operator -> the clock of the process that was last started there."""
        self.weather = Weather(Random(f"weather {scenario.seed}"), scenario.rates, scenario.aims)
        self.grounds = Grounds(
            loop,
            self.weather,
            self.rng,
            Landing(),
            touch=self._touch,
            pause=lambda process: self.operators.pause_process(process),
            kill=lambda process: self.operators.kill_process(process),
        )
        self.kube_server, self.mlflow_server = Server("API server"), Server("MLflow")
        self.power_server = Server("provider")
        self.makes_twice = False
        """Whether MLflow makes twice whatever it is to make."""
        self.troubles: Troubles = {}
        """What a provider answers to a verb about a machine, instead of doing it."""
        self._build_outside()
        self.operators = Operators(
            self.grounds, self.kube, SETTINGS, self._connect, self.complain, table
        )
        self._counted = len(self.kube.writes)

    # -- building --------------------------------------------------------------------------------

    def _build_outside(self) -> None:
        scenario = self.scenario
        names = objects.namespaces(scenario.platforms)
        self.kube = FakeKube(self.clock, seed=scenario.seed, namespaces=names)
        system = next(
            n for n in self.kube.objects("namespaces") if n["metadata"]["name"] == "kube-system"
        )
        limits = Limits(
            cluster=system["metadata"]["uid"],
            call_lateness=LATEST_POWER,
            letting_go=SETTINGS.letting_go_after,
        )
        self.observer = Observer(limits)
        self.observer.book.secrets = tuple(objects.password(p.name) for p in scenario.platforms)
        for body in self.kube.objects("namespaces"):
            self.observer.book.objects["namespaces"]["", body["metadata"]["name"]] = body
        self.kube.subscribe(self._wrote)
        self.databases = Databases(scenario, limits.cluster, self.loop, self.see)
        self.mlflow = FakeMlflow()
        self.machines = {
            "process": self._machines_of(Flavour.OBJECT),
            "aws": self._machines_of(Flavour.INSTANCE),
        }
        self.behaviours = {(j.namespace, j.name): j for j in scenario.jobs}
        self._long_runs: set[tuple[str, str, int]] = set()
        """(job uid, machine, generation) of runs that end only by the world's word."""
        self.short_runs: set[tuple[str, int]] = set()
        """(machine, generation) of trainings that end by themselves, and have not yet."""
        self.machine_uids: dict[str, str] = {}
        """The uid of the present Machine of this name, or of the last that there was."""
        self.coming = 0
        """How many objects people will make again once they have gone."""
        self.hanging: set[str] = set()
        """Machines on which the next start never comes up."""
        self.is_ending = False
        """Whether no run lasts any more: the first rest is over."""

    def _machines_of(self, flavour: Flavour) -> FakeMachines:
        return FakeMachines(
            self.clock,
            script=lambda workload: self._course(workload, flavour),
            flavour=flavour,
            journal=self._powered,
        )

    async def apply_all(self) -> None:
        """What stands before the first job comes: platforms, their Secrets, machines."""
        for platform in self.scenario.platforms:
            await self.kube.create("secrets", objects.secret(platform))
            own_names = self.databases.own_names(platform.name)
            await self.kube.create("platforms", objects.platform(platform, own_names))
        for machine in self.scenario.machines:
            await self.kube.create("machines", objects.machine(machine))

    def _connect(self, user: str, line: Line, process: Process) -> Ports:
        def open_database(platform: Platform, dsn: str) -> LineDatabase:
            book = self.databases[platform.name]
            return LineDatabase(line, book.server, book.database.client())

        return Ports(
            kube=LineKube(line, self.kube_server, self.kube.client_for(user)),
            clock=self._clock_of(process),
            providers={
                name: LineProvider(line, self.power_server, machines, self.troubles)
                for name, machines in self.machines.items()
            },
            open_database=open_database,
            tracker=line_tracker(
                line, self.mlflow_server, self.mlflow, self._made, self._once_more, user
            ),
        )

    def _clock_of(self, process: Process) -> VirtualClock:
        """The clock of the host on which it runs, never quite right."""
        host = process.name.rpartition("-")[0]
        skew = self.jumps.get(host, 0.0) + self.rng.uniform(-_SKEW, _SKEW)
        clock = self.clocks[host] = VirtualClock(self.loop, skew)
        return clock

    def set_clock(self, host: str, seconds: float) -> None:
        """The wall clock of an operator's host jumps by so many seconds."""
        self.jumps[host] = self.jumps.get(host, 0.0) + seconds
        self.clocks[host].skew += seconds

    # -- questions -------------------------------------------------------------------------------

    @property
    def long_runs(self) -> frozenset[str]:
        """Uids of jobs of which a run ends only by the world's word."""
        return frozenset(job_uid for job_uid, _, _ in self._long_runs)

    def provider_of(self, machine: str) -> FakeMachines:
        """The machines among which this one is."""
        plan = next(m for m in self.scenario.machines if m.name == machine.removesuffix(_TWIN))
        return self.machines["process" if plan.leaves_record else "aws"]

    def name_twin(self, machine: str) -> str:
        """The name of a second Machine on the same hardware."""
        name = f"{machine}{_TWIN}"
        self.provider_of(machine).twins[name] = machine
        return name

    def generation_on(self, machine: str) -> int | None:
        """The claim by which the hardware of this Machine is on, if it is by one."""
        return self.on().get(machine.removesuffix(_TWIN))

    def is_instance(self, machine: str) -> bool:
        """Whether it is a cloud machine, which is on or off whoever asks."""
        return self.provider_of(machine).flavour is Flavour.INSTANCE

    def uid_of(self, plural: str, namespace: str, name: str) -> str | None:
        body = self.body_of(plural, namespace, name)
        return body["metadata"]["uid"] if body else None

    def body_of(self, plural: str, namespace: str, name: str) -> dict[str, Any] | None:
        return self.observer.book.objects[plural].get((namespace, name))

    def on(self) -> dict[str, int | None]:
        """Machines that are on, with the generation that turned them on (None: not ours)."""
        return {name: g for machines in self.machines.values() for name, g in machines.on().items()}

    def on_by_present(self) -> dict[str, int | None]:
        """The same; what a Machine turned on that is no more is nobody's."""
        uids = {body["metadata"]["uid"] for _, body in self.observer.book.machines()}
        found = (machines.on(uids) for machines in self.machines.values())
        return {name: generation for on in found for name, generation in on.items()}

    def is_now(self, machine: str, uid: str) -> None:
        """The Machine of this name has this uid: agents of another are believed no more."""
        if self.machine_uids.get(machine, uid) != uid:
            self.short_runs = {run for run in self.short_runs if run[0] != machine}
        self.machine_uids[machine] = uid
        self.provider_of(machine).names[uid] = machine

    # -- what happens becomes facts --------------------------------------------------------------

    def see(self, fact: Fact, line: str, more: str = "", text: str = "") -> None:
        """Tell the observer and the trace."""
        self.moved_at = self.loop.time()
        self.trace.add(f"{fact.at:10.3f}  {line}", more, text)
        known = len(self.observer.breaches)
        self.observer.see(fact)
        for breach in self.observer.breaches[known:]:
            self.trace.add(f"{breach.at:10.3f}  BREACH {breach.promise}: {breach.detail}")

    def _wrote(self, verb: str, plural: str, body: dict[str, Any]) -> None:
        write = self.kube.writes[-1]
        if plural == "leases":
            return
        self.writes += 1
        by = _AUTHORS.get(write.user, By.US)
        namespace, name = write.namespace, write.name
        before = self.body_of(plural, namespace, name)
        after = None if write.now is None else body
        text = repr(body)
        version = body["metadata"]["resourceVersion"]
        line = f"{write.user} {verb} {plural} {namespace}/{name} @{version}"
        more = _changes(before, after) if self.trace.lines is not None else ""
        fact = Wrote(self.loop.time(), by, plural, namespace, name, before, after, text)
        self.see(fact, line, more, text)
        self.operators.tell(verb, plural, body)
        if plural == "machines":
            self.is_now(name, body["metadata"]["uid"])
        if plural == "trainingjobs" and after is None:
            self.grounds.later(self.rng.uniform(0.05, 5.0), self._collect)
        elif plural == "machineleases" and before is None:  # its owner may have gone before
            self.grounds.later(_GARBAGE, self._collect)

    def _collect(self) -> None:
        self.kube.collect_garbage()

    def _powered(self, change: PowerChange) -> None:
        if not change.on:
            self._long_runs.discard((change.job_uid, change.machine, change.generation or 0))
            self.short_runs.discard((change.machine, change.generation or 0))
        lateness = change.lateness if change.by is Who.US else 0.0
        fact = Powered(
            self.loop.time(),
            _POWERED[change.by],
            change.machine,
            change.uid,
            change.on,
            change.generation,
            change.job_uid,
            change.attempt,
            lateness,
        )
        way = "on" if change.on else "off"
        self.see(fact, f"{change.by} turned {change.machine} {way}, generation {change.generation}")

    def _made(self, tags: dict[str, str]) -> None:
        uid, attempt = tags[word.JOB_UID], int(tags[word.ATTEMPT])
        self.see(RunMade(self.loop.time(), uid, attempt), f"run of {uid} attempt {attempt}")

    def _once_more(self, request: Callable[[], object]) -> None:
        """MLflow is asked again for what it has just made, if it makes all twice now."""
        if self.makes_twice:
            delay = self.rng.uniform(0.0, LATEST_TRACKER)
            self.grounds.later(delay, self._repeat, request)

    def _repeat(self, request: Callable[[], object]) -> None:
        with suppress(TrainleaseError):  # what it is about may be gone
            request()

    def complain(self, name: str, detail: str) -> None:
        """The world itself saw a promise broken."""
        self.trace.add(f"{self.loop.time():10.3f}  BREACH {name}: {detail}")
        self.observer.complain(self.loop.time(), name, detail)

    # -- how trainings go ------------------------------------------------------------------------

    def _course(self, workload: Workload, flavour: Flavour) -> Course:
        plan = self.behaviours[workload.job_namespace, workload.job_name]
        behaviour = plan.behaviour(workload.attempt)
        if workload.machine in self.hanging:
            self.hanging.discard(workload.machine)
            return Course(None, inf)
        self._log(workload, behaviour)
        boot = self.rng.uniform(0.0, 8.0)
        if behaviour.length is None and not self.is_ending:
            run = workload.job_uid, workload.machine, workload.generation
            self._long_runs.add(run)
            return Course(None, boot)
        length = _SHORT if behaviour.length is None else behaviour.length
        self.short_runs.add((workload.machine, workload.generation))
        if flavour is Flavour.INSTANCE and behaviour.cause is not Cause.MACHINE_LOST:
            # Its agent says how it ended; the machine stays on until it is turned off.
            self.grounds.later(boot + length, self._agent_ends, workload, behaviour)
            return Course(None, boot)
        code = _CODES.get(behaviour.cause)
        return Course(length, boot, behaviour.cause, code, f"as drawn: {code}")

    def _agent_ends(self, workload: Workload, behaviour: Behaviour) -> None:
        """Its training has ended. When it goes off is the operators' word, who may not believe it:
        a backup can have brought back a hold, which keeps what it finds."""
        self.short_runs.discard((workload.machine, workload.generation))
        self.finished(workload, behaviour)

    def _log(self, workload: Workload, behaviour: Behaviour) -> None:
        run_id = workload.env.get("MLFLOW_RUN_ID")
        if run_id in self.mlflow.runs and behaviour.score is not None:
            self.mlflow.log_metrics(run_id, {"val_f1": behaviour.score})
            self.mlflow.log_model(run_id)

    # -- faults ----------------------------------------------------------------------------------

    def _touch(self, call: Call) -> None:
        """Somebody else changes the object that a call is about to change."""
        plural, namespace, name = call.key
        patch = {"metadata": {"annotations": {"touched": f"{self.loop.time():.6f}"}}}
        try:
            finish(self.kube.patch(plural, namespace, name, patch))
        except NotFound:
            return


def _changes(before: Any, after: Any) -> str:
    """What of an object's status and spec has changed, for people who read a trace."""
    if before is None or after is None:
        return ""
    parts = []
    for name in ("spec", "status"):
        old, new = before.get(name) or {}, after.get(name) or {}
        parts += [f"{k}={new.get(k)}" for k in new if new.get(k) != old.get(k)]
        parts += [f"-{k}" for k in old if k not in new]
    meta = after["metadata"].get("annotations"), before["metadata"].get("annotations")
    return " ".join(parts) + (" (annotations)" if meta[0] != meta[1] else "")
