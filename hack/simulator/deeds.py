"""What people, other programs and mishaps do to a world, each deed a line in one table.

None of it goes through an operator's line: people's calls always arrive. Each deed that befell
something is counted. Not in here: when it happens (`scenario`).
"""

from collections import Counter
from collections.abc import Callable
from typing import Any

from simulator import objects
from simulator.deeds_databases import DatabaseDeeds
from simulator.deeds_kube import KubeDeeds
from simulator.deeds_machines import MachineDeeds
from simulator.deeds_people import PeopleDeeds
from simulator.fields import status_of
from simulator.line import Health, Server, finish
from simulator.scenario import HOLDS, Behaviour, Deed, HoldPlan, JobPlan
from simulator.scenario_clocks import CLOCK_SET
from simulator.scenario_haste import HANGING_BOOT, SLOW_STOP
from simulator.scenario_tracker import MAKES_TWICE
from simulator.world import GATEWAY, SETTINGS, World
from trainlease.effects.kube.merge import difference
from trainlease.model.errors import NotFound
from trainlease.model.machine import FORCE_RELEASE
from trainlease.model.observed import Workload
from trainlease.model.reasons import Cause, Outcome
from trainlease.model.training_job import Attempt, TrainingJob
from trainlease.plan import outcome

Act = Callable[[Deed], None]
_GATEWAY_TRIES = 5
_ADAPTER_RETRY = 5.0
_AGENT_RETRY = 10.0


class Deeds:
    """See the module."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._gateway = world.kube.client_for(GATEWAY)
        self._machine_deeds = MachineDeeds(world)
        world.finished = self._finish_call
        self._kube_deeds = KubeDeeds(world)
        self._acts: dict[str, Act] = {
            "suspend": lambda deed: self._set_job(deed.who, {"suspend": True}),
            "resume": lambda deed: self._set_job(deed.who, {"suspend": False}),
            "priority": lambda deed: self._set_job(deed.who, {"priority": 7}),
            "delete job": lambda deed: self._delete("trainingjobs", *_split(deed.who)),
            "delete lease": lambda deed: self._delete_lease(*_split(deed.who)),
            "delete hold": lambda deed: self._delete("machineleases", HOLDS, deed.who),
            "database down": lambda deed: self._turn(self._database(deed), Health.DOWN, deed),
            "database frozen": lambda deed: self._turn(self._database(deed), Health.FROZEN, deed),
            "tracker down": lambda deed: self._turn(world.mlflow_server, Health.DOWN, deed),
            "kube down": lambda deed: self._turn(world.kube_server, Health.DOWN, deed),
            "force release": self._force_release,
            "kill": lambda deed: world.operators.kill(deed.who),
            "freeze": lambda deed: world.operators.pause(deed.who, deed.length),
            "deaf": self._deafen,
            "machine dies": self._lose,
            "legacy run": lambda deed: self._legacy_takes(deed, turns_off=True),
            "legacy leaves it on": lambda deed: self._legacy_takes(deed, turns_off=False),
            "legacy frees": self._legacy_frees,
            SLOW_STOP: self._slow_down,
            HANGING_BOOT: lambda deed: world.hanging.add(deed.who),
            **DatabaseDeeds(world).acts,
            **self._machine_deeds.acts,
            **PeopleDeeds(world).acts,
            **self._kube_deeds.acts,
            MAKES_TWICE: self._double,
            CLOCK_SET: lambda deed: world.set_clock(deed.who, deed.length),
        }
        self.done = Counter(dict.fromkeys(self._acts, 0))
        """How many deeds of each kind that there is befell something."""

    def schedule(self) -> None:
        """All that the scenario has, each at its time."""
        world, scenario = self._world, self._world.scenario
        for job in scenario.jobs:
            world.grounds.later(job.at, self.apply_job, job)
        for hold in scenario.holds:
            world.grounds.later(hold.at, self.apply_hold, hold)
        for deed in scenario.deeds:
            world.grounds.later(deed.at, self.do, deed)

    def do(self, deed: Deed) -> None:
        """One deed, now; what it concerns may be gone by then."""
        world = self._world
        world.trace.add(f"{world.loop.time():10.3f}  DEED {deed}")
        try:
            self._acts[deed.what](deed)
        except NotFound:
            return
        self.done[deed.what] += 1

    def apply_job(self, plan: JobPlan) -> None:
        """kubectl create, by the platform's adapter: its training's row stands before it."""
        training = plan.spec.get("externalId")
        if training is not None:
            self._world.databases.add_training(plan.namespace, training)
        self._create_job(plan)

    def _create_job(self, plan: JobPlan) -> None:
        try:
            finish(self._world.kube.create("trainingjobs", objects.job(plan)))
        except NotFound:  # its namespace is away: the adapter tries again
            self._world.grounds.later(_ADAPTER_RETRY, self._create_job, plan)

    def apply_hold(self, plan: HoldPlan) -> None:
        finish(self._world.kube.create("machineleases", objects.hold(plan)))

    def calm(self) -> None:
        """The storm is over: every server is up, nobody stands still (a dead watch stays dead)."""
        world = self._world
        world.weather.is_stormy = False
        world.operators.thaw_all()
        self._kube_deeds.settle()
        self._machine_deeds.heal()
        self._single()
        for server in (world.kube_server, world.mlflow_server, world.power_server):
            server.turn(Health.UP)
        for platform in world.scenario.platforms:
            away = platform.name == world.scenario.down_at_rest
            world.databases[platform.name].database.read_only = False
            world.databases[platform.name].server.turn(Health.DOWN if away else Health.UP)

    def end_what_lasts(self) -> None:
        """After the first rest: whatever the world kept going comes to an end."""
        world = self._world
        world.is_ending = True
        for platform in world.scenario.platforms:
            world.databases[platform.name].server.turn(Health.UP)
        for hold in world.scenario.holds:
            self.do(Deed(0.0, "delete hold", hold.name))
        for job in world.scenario.jobs:
            uid = world.uid_of("trainingjobs", job.namespace, job.name)
            if uid in world.long_runs:
                self._end_long_run(job)

    def _end_long_run(self, job: JobPlan) -> None:
        title = f"{job.namespace}/{job.name}"
        way = self._world.rng.choice(("delete job", "machine dies", "suspend"))
        if way != "machine dies":
            self.do(Deed(0.0, way, title))
        else:
            body = self._world.body_of("trainingjobs", job.namespace, job.name) or {}
            machine = body.get("status", {}).get("machine")
            self.do(Deed(0.0, way, machine or self._world.scenario.machines[0].name))
        if way == "suspend":  # long enough that a LIST shows it to a leader whose watch is dead
            later = SETTINGS.resync_every + 10.0
            self._world.grounds.later(later, self.do, Deed(0.0, "resume", title))

    # -- people ----------------------------------------------------------------------------------

    def _set_job(self, title: str, spec: dict[str, Any]) -> None:
        finish(self._world.kube.patch("trainingjobs", *_split(title), {"spec": spec}))

    def _delete(self, plural: str, namespace: str, name: str) -> None:
        uid = self._world.uid_of(plural, namespace, name)
        if uid is None:
            raise NotFound(f"{namespace}/{name} is gone already")
        finish(self._world.kube.delete(plural, namespace, name, uid))

    def _delete_lease(self, namespace: str, job: str) -> None:
        """The lease of the job's present attempt, whichever that is."""
        leases = self._world.observer.book.objects["machineleases"]
        mine = [n for s, n in sorted(leases) if s == namespace and n.rpartition("-")[0] == job]
        self._delete("machineleases", namespace, mine[-1] if mine else "")

    def _force_release(self, deed: Deed) -> None:
        """A person's word, for the generation that holds the machine now."""
        body = self._world.body_of("machines", "", deed.who) or {}
        word = f"{body.get('status', {}).get('generation', 0)} ana: it hangs"
        patch = {"metadata": {"annotations": {FORCE_RELEASE: word}}}
        finish(self._world.kube.patch("machines", "", deed.who, patch))

    # -- mishaps ---------------------------------------------------------------------------------

    def _database(self, deed: Deed) -> Server:
        return self._world.databases[deed.who].server

    def _turn(self, server: Server, health: Health, deed: Deed) -> None:
        if server.health is not Health.UP or not self._world.weather.is_stormy:
            return
        server.turn(health)
        self._world.grounds.later(deed.length, self._heal, server)

    def _double(self, deed: Deed) -> None:
        """MLflow makes twice whatever it is to make, for a while."""
        self._world.makes_twice = self._world.weather.is_stormy
        self._world.grounds.later(deed.length, self._single)

    def _single(self) -> None:
        self._world.makes_twice = False

    def _heal(self, server: Server) -> None:
        if self._world.weather.is_stormy:  # else it was healed, or is kept away on purpose
            server.turn(Health.UP)

    def _deafen(self, deed: Deed) -> None:
        if self._world.weather.is_stormy:
            back = self._world.rng.random() < 0.7
            self._world.operators.deafen(deed.who, deed.length, comes_back=back)

    def _lose(self, deed: Deed) -> None:
        self._world.provider_of(deed.who).lose(self._world.machine_uids[deed.who])

    def _slow_down(self, deed: Deed) -> None:
        self._world.provider_of(deed.who).stop_seconds[deed.who] = deed.length

    # -- the legacy program ----------------------------------------------------------------------

    def _legacy_takes(self, deed: Deed, *, turns_off: bool) -> None:
        """It takes the row if that says free, turns the machine on, and ends after a while."""
        world = self._world
        if not world.databases.legacy_takes(deed.where, deed.who):
            return
        world.grounds.later(world.rng.uniform(0.1, 3.0), self._legacy_starts, deed, turns_off)

    def _legacy_starts(self, deed: Deed, turns_off: bool) -> None:
        world = self._world
        if world.on().get(deed.who, "off") != "off":
            self._legacy_ends(deed, False)  # somebody runs there: it gives up
            return
        world.provider_of(deed.who).legacy_on(deed.who, world.machine_uids[deed.who])
        world.grounds.later(deed.length, self._legacy_ends, deed, turns_off)

    def _legacy_ends(self, deed: Deed, turns_off: bool) -> None:
        world = self._world
        if turns_off:
            world.provider_of(deed.who).legacy_off(world.machine_uids[deed.who])
        world.databases.legacy_gives_back(deed.where, deed.who)

    def _legacy_frees(self, deed: Deed) -> None:
        """It sets a row free that it does not own."""
        self._world.databases.legacy_frees(deed.where, deed.who)

    # -- the gateway -----------------------------------------------------------------------------

    def _finish_call(self, workload: Workload, behaviour: Behaviour) -> None:
        """The agent on the machine says how its training ended, until it is turned off.

        The gateway stores it; whoever is not named by the ledger is not believed.
        """
        world = self._world
        if world.generation_on(workload.machine) != workload.generation:
            return
        world.grounds.later(_AGENT_RETRY, self._finish_call, workload, behaviour)
        if world.kube_server.health is not Health.UP or not self._is_named(workload):
            return
        how = Outcome.SUCCEEDED if behaviour.cause is Cause.COMPLETED else Outcome.FAILED
        attempt = Attempt(
            number=workload.attempt,
            machine=workload.machine,
            generation=workload.generation,
            run_id=workload.env.get("MLFLOW_RUN_ID"),
        )
        for _ in range(_GATEWAY_TRIES):
            try:
                body = finish(
                    world.kube.get("trainingjobs", workload.job_namespace, workload.job_name)
                )
                job = TrainingJob.model_validate(body)
                status = outcome.with_outcome(
                    job, attempt, how, behaviour.cause, "finish call", world.clock.now(), SETTINGS
                )
                if status is None or job.uid != workload.job_uid:
                    return
                patch = difference(job.status.wire(), status.wire())
                version = job.metadata.resource_version
                finish(
                    self._gateway.patch_status(
                        "trainingjobs", job.namespace, job.name, patch, version
                    )
                )
            except NotFound:
                return
            else:
                return

    def _is_named(self, workload: Workload) -> bool:
        """Whether the ledger has this claim."""
        status = status_of(self._world.body_of("machines", "", workload.machine))
        holder = status.get("holder") or {}
        claim = holder.get("jobUid"), holder.get("attempt"), status.get("generation")
        return claim == (workload.job_uid, workload.attempt, workload.generation)


def _split(title: str) -> tuple[str, str]:
    namespace, _, name = title.partition("/")
    return namespace, name
