"""One effect for each action: the table from what was decided to the code that does it.

Promises: the leader is asked right before each call; a write is refused (Conflict) if what it was
decided on has changed; what a call answered is in the store before the next decision. Each line of
TABLE is a crash point of the simulator. Not in here: any decision.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from trainlease.effects.kube.base import Body
from trainlease.effects.kube.merge import difference
from trainlease.effects.machines.base import Provider
from trainlease.model.base import KubeObject, Shape
from trainlease.model.errors import (
    AlreadyExists,
    AnswerLost,
    BadSpec,
    Conflict,
    ImageMissing,
    NeedsPerson,
    NotFound,
    Refused,
    Restored,
    TrainleaseError,
    Unavailable,
)
from trainlease.model.machine import Machine
from trainlease.model.machine_lease import MachineLease
from trainlease.model.reasons import Cause, JobState, Outcome
from trainlease.model.training_job import Attempt, TrainingJob, lease_name
from trainlease.plan import actions as act
from trainlease.plan import outcome, pod, workload
from trainlease.plan.job import accepted_status
from trainlease.reconcile import metering
from trainlease.reconcile.context import Context
from trainlease.reconcile.secrets import secret_environment

Performer = Callable[[Context, Any], Awaitable[None]]


async def perform(table: Mapping[type, Performer], context: Context, action: act.Action) -> None:
    """Do it, if this process is the leader."""
    context.check()
    await table[type(action)](context, action)


# --- the ledger ----------------------------------------------------------------------------------


async def claim(context: Context, action: act.Claim) -> None:
    """The first of the two compare-and-sets; the second is decided by the machine's next look."""
    claim_ = (action.machine.uid, action.status.generation)
    # Before it is sent: its event may come before its answer, and the start of this claim with it.
    context.memory.made.add(claim_)
    try:
        machine = await _write_status(context, action.machine, action.status)
    except TrainleaseError:
        context.memory.made.discard(claim_)
        raise
    context.memory.forget_before(machine)


async def write_machine(context: Context, action: act.WriteMachine) -> None:
    machine = await _write_status(context, action.machine, action.status)
    context.memory.forget_before(machine)
    before, after = action.machine.status.debts, machine.status.debts
    for name in sorted(set(before) ^ set(after)):
        context.ring("platform", name)


async def bind(context: Context, action: act.Bind) -> None:
    await _write_status(context, action.lease, action.status)


async def write_lease(context: Context, action: act.WriteLease) -> None:
    await _write_status(context, action.lease, action.status)


async def write_platform(context: Context, action: act.WritePlatform) -> None:
    await _write_status(context, action.platform, action.status)


# --- the databases -------------------------------------------------------------------------------


async def tell(context: Context, action: act.Tell) -> None:
    """Begun here, in parallel; each answer rings the machine."""
    context.databases.tell(action.machine, action.entries, take_over=action.take_over)


# --- the machine ---------------------------------------------------------------------------------


async def start(context: Context, action: act.Start) -> None:
    """The one effect that cannot be fenced: job and Machine are read anew right before it."""
    machine, job, number = action.machine, action.job, action.lease.spec.attempt or 0
    provider = _provider(context, machine)
    platform = context.store.platform_of(job.namespace)
    refs = workload.secret_refs(job, platform) if machine.spec.needs_secret_values else ()
    try:
        secrets = await secret_environment(context.ports.kube, job.namespace, refs)
    except NeedsPerson as error:
        await _check_unchanged(context, machine, job, number)
        await _cannot_start(context, action, Cause.SECRET_MISSING, str(error))
        return
    run_id = await context.results.ensure(job, number)
    # Last of all reads: MLflow may take half a minute to answer.
    await _check_unchanged(context, machine, job, number)
    what = workload.workload(
        job,
        machine,
        platform,
        number,
        run_id,
        context.settings.tracking_uri,
        machine.status.deadline or context.now(),
        secrets,
    )
    what = pod.with_pod(job, machine, what, context.now(), context.settings)
    claim_ = (machine.uid, machine.status.generation)
    context.check()
    was_made = claim_ in context.memory.made
    context.memory.made.discard(claim_)
    context.memory.issued.add(claim_)
    try:
        async with asyncio.timeout(context.settings.call_timeout):
            await provider.ensure_on(machine, what)
    except (Refused, NotFound, NeedsPerson) as error:  # a definite no: nothing was begun
        context.memory.issued.discard(claim_)
        if was_made:
            context.memory.made.add(claim_)
        await _cannot_start(context, action, _why_not(error), str(error))
    except TimeoutError:
        raise AnswerLost(f"{machine.name}: the start was not answered in time") from None
    finally:
        context.ring("machine", machine.name)


async def turn_off(context: Context, action: act.TurnOff) -> None:
    machine = action.machine
    provider = _provider(context, machine)
    fresh = await context.ports.kube.get("machines", "", machine.name)
    _check_same(machine, fresh)
    context.check()
    try:
        async with asyncio.timeout(context.settings.call_timeout):
            await provider.ensure_off(machine)
    except NotFound as error:  # of its instance: nothing that a fresh read of ours would show
        raise Unavailable(str(error)) from None
    except TimeoutError:
        raise AnswerLost(f"{machine.name}: the stop was not answered in time") from None


async def _check_unchanged(
    context: Context, machine: Machine, job: TrainingJob, number: int
) -> None:
    """The claim stands, and its attempt has no outcome, by live reads made now."""
    kube = context.ports.kube
    fresh, fresh_job = await asyncio.gather(
        kube.get("machines", "", machine.name), kube.get("trainingjobs", job.namespace, job.name)
    )
    _check_same(machine, fresh)
    if fresh_job["metadata"]["uid"] != job.uid:
        raise Conflict(f"{job.title} is another job now")
    context.store.wrote("trainingjobs", fresh_job)
    now = TrainingJob.model_validate(fresh_job)
    attempt = now.status.attempt(number)
    if now.is_finished or (attempt is not None and attempt.outcome is not None):
        raise Conflict(f"attempt {number} of {job.title} has ended already")


def _check_same(machine: Machine, fresh: Body) -> None:
    _check_not_restored(machine, fresh)
    if fresh["metadata"]["resourceVersion"] != machine.metadata.resource_version:
        raise Conflict(f"{machine.name} has changed since it was read")


async def _cannot_start(context: Context, action: act.Start, cause: Cause, message: str) -> None:
    """Nothing runs and nothing will: the attempt ends here, and says what to do."""
    number = action.lease.spec.attempt or 0
    how = Outcome.START_FAILED if cause is Cause.START_REFUSED else Outcome.FAILED
    ended = act.SetOutcome(action.job, number, how, cause, message, action.machine)
    await set_outcome(context, ended)


def _why_not(error: TrainleaseError) -> Cause:
    if isinstance(error, Refused | NotFound):
        return Cause.START_REFUSED
    return Cause.IMAGE_MISSING if isinstance(error, ImageMissing) else Cause.CANNOT_START


def _provider(context: Context, machine: Machine) -> Provider:
    found = context.ports.providers.get(machine.spec.provider)
    if found is None:
        raise BadSpec(f"{machine.name}: provider {machine.spec.provider} is not enabled")
    return found


# --- the job -------------------------------------------------------------------------------------


async def set_outcome(context: Context, action: act.SetOutcome) -> None:
    """Stored once: where another was quicker, or the job changed, the write is refused."""
    job, machine, number = action.job, action.machine, action.number
    attempt = Attempt(
        number=number,
        machine=machine.name if machine else None,
        generation=machine.status.generation if machine else None,
        run_id=context.results.run_id(job, number),
        started=context.memory.started_at(machine) if machine else None,
    )
    now = context.now()
    platform = context.store.platform_of(job.namespace)
    status = outcome.with_outcome(
        accepted_status(job, platform, machine, now),
        attempt,
        action.outcome,
        action.cause,
        action.message,
        now,
        context.settings,
        ended=action.ended,
    )
    if status is None:
        return
    await _write_status(context, job, status)
    context.ring("results", job.title)
    context.ring("placement", "")


async def write_job(context: Context, action: act.WriteJob) -> None:
    await _write_status(context, action.job, action.status)
    if action.status.state is JobState.WAITING:
        context.memory.said[action.job.uid] = context.now()
    else:
        context.memory.said.pop(action.job.uid, None)


async def create_lease(context: Context, action: act.CreateLease) -> None:
    """An attempt begins: its lease here, its run beside it. The name makes it one at most."""
    job = action.job
    context.results.prepare(job, action.number)
    spec: dict[str, Any] = {"job": {"name": job.name, "uid": job.uid}, "attempt": action.number}
    spec |= {"pool": job.spec.pool} if job.spec.pool else {"machine": job.spec.machine}
    owner = {
        "apiVersion": job.api_version,
        "kind": TrainingJob.kind_name,
        "name": job.name,
        "uid": job.uid,
        "controller": True,
        "blockOwnerDeletion": False,
    }
    name = lease_name(job.name, action.number)
    meta = {"name": name, "namespace": job.namespace, "ownerReferences": [owner]}
    try:
        body = await context.ports.kube.create(
            MachineLease.plural, {"metadata": meta, "spec": spec}
        )
    except AlreadyExists:
        # This job's, by a create that was not answered: the next look finds it in the store. Or an
        # earlier job's of that name, which Kubernetes collects soon.
        body = await context.ports.kube.get(MachineLease.plural, job.namespace, name)
        context.store.wrote(MachineLease.plural, body)
        raise
    context.store.wrote(MachineLease.plural, body)


async def delete_job(context: Context, action: act.DeleteJob) -> None:
    """Its time to live has passed: what its attempts left on machines goes with it."""
    job = action.job
    for attempt in job.status.attempts:
        machine = context.store.machines.get(attempt.machine or "")
        provider = context.ports.providers.get(machine.spec.provider) if machine else None
        if machine is not None and provider is not None and attempt.generation is not None:
            await provider.forget(machine.uid, attempt.generation)
    context.check()
    try:
        await context.ports.kube.delete(TrainingJob.plural, job.namespace, job.name, job.uid)
    except NotFound:
        context.store.removed(TrainingJob.plural, job.title, job.uid)


async def set_finalizer(context: Context, action: act.SetFinalizer) -> None:
    meta = {"resourceVersion": action.version, "finalizers": list(action.finalizers)}
    body = await context.ports.kube.patch(action.plural, "", action.name, {"metadata": meta})
    context.store.wrote(action.plural, body)


async def take_off(context: Context, action: act.TakeOff) -> None:
    """Refused where the Machine has changed: the word may be another one by now."""
    was = action.machine
    gone: dict[str, Any] = dict.fromkeys(action.annotations)
    meta = {"resourceVersion": was.metadata.resource_version, "annotations": gone}
    try:
        body = await context.ports.kube.patch(was.plural, "", was.name, {"metadata": meta})
    except (Conflict, AnswerLost, NotFound):
        await refresh(context, was)
        raise
    context.store.wrote(was.plural, body)


async def wait(context: Context, action: act.Wait) -> None:
    """Nothing: the loop looks again in time."""


async def _write_status(context: Context, was: KubeObject, status: Shape) -> Any:
    """A compare-and-set of what differs, and the object as it stands after it."""
    patch = difference(was.status.wire(), status.wire())  # type: ignore[attr-defined]
    if not patch:
        return was
    context.check()
    try:
        body = await context.ports.kube.patch_status(
            was.plural, was.namespace, was.name, patch, was.metadata.resource_version
        )
    except (Conflict, AnswerLost, NotFound) as error:
        metering.count_refusal(context.ports.metrics, was, error)
        await refresh(context, was)
        raise
    metering.count_write(context.ports.metrics, was, status)
    return context.store.wrote(was.plural, body) or type(was).model_validate(body)


async def refresh(context: Context, was: KubeObject) -> None:
    """Read anew what a write was refused on, so that the next decision stands on it."""
    try:
        body = await context.ports.kube.get(was.plural, was.namespace, was.name)
    except NotFound:
        context.store.removed(was.plural, was.title, was.uid)
    except TrainleaseError:
        return
    else:
        _check_not_restored(was, body)
        context.store.wrote(was.plural, body)


def _check_not_restored(was: KubeObject, fresh: Body) -> None:
    """What is read now is not older than what was known before it was asked for."""
    if int(fresh["metadata"]["resourceVersion"]) < int(was.metadata.resource_version):
        raise Restored(f"{was.plural} {was.title} is back at an earlier version")


TABLE: dict[type, Performer] = {
    act.Wait: wait,
    act.Claim: claim,
    act.Bind: bind,
    act.Tell: tell,
    act.Start: start,
    act.SetOutcome: set_outcome,
    act.WriteMachine: write_machine,
    act.WriteLease: write_lease,
    act.WriteJob: write_job,
    act.WritePlatform: write_platform,
    act.TurnOff: turn_off,
    act.CreateLease: create_lease,
    act.DeleteJob: delete_job,
    act.SetFinalizer: set_finalizer,
    act.TakeOff: take_off,
}
