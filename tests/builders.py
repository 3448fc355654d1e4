"""Builders of the model's objects for tests: a case names only the fields that matter to it."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from trainlease.model import conditions as cond
from trainlease.model.base import Meta
from trainlease.model.machine import Holder, Machine, MachineSpec, MachineStatus, NodeSlot
from trainlease.model.machine_lease import (
    JobRef,
    MachineLease,
    MachineLeaseSpec,
    MachineLeaseStatus,
)
from trainlease.model.mode import PAUSED, Mode
from trainlease.model.observed import Exit, MachineView, Power, Told
from trainlease.model.platform import Confirm, Database, Language, Platform, PlatformSpec, Tracking
from trainlease.model.reasons import Cause, JobCondition, LeaseCondition, MachineState, Outcome
from trainlease.model.settings import Settings
from trainlease.model.training_job import (
    Attempt,
    TrainingJob,
    TrainingJobSpec,
    TrainingJobStatus,
    lease_name,
)
from trainlease.plan.rows import PlatformFact, RowKnowledge

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
SETTINGS = Settings(allow_process_machines=True)


def at(seconds: float) -> datetime:
    """So many seconds after (or, negative, before) NOW."""
    return NOW + timedelta(seconds=seconds)


def a_machine(
    name: str = "gpu-1",
    *,
    pool: str = "onprem",
    platforms: tuple[str, ...] | None = None,
    mode: Mode = Mode.ENFORCE,
    paused: bool = False,
    deleting: bool = False,
    created: datetime = NOW,
    spec: dict[str, Any] | None = None,
    **status: Any,
) -> Machine:
    """Free in generation 1 unless said otherwise; `spec` has further fields of the spec."""
    status = {"state": MachineState.FREE, "generation": 1, "since": at(-3600), **status}
    provider = {} if spec and ("aws" in spec or "process" in spec) else {"node": NodeSlot(name="s")}
    return Machine(
        metadata=Meta(
            name=name,
            uid=f"uid-{name}",
            resource_version="1",
            creation_timestamp=created,
            deletion_timestamp=NOW if deleting else None,
            annotations={PAUSED: "true"} if paused else {},
        ),
        spec=MachineSpec(mode=mode, pool=pool, platforms=platforms, **{**provider, **(spec or {})}),
        status=MachineStatus(**status),
    )


def a_claimed_machine(lease: MachineLease, name: str = "gpu-1", **fields: Any) -> Machine:
    """Held by this lease in generation 7 since a minute ago, for two hours at most."""
    job = lease.spec.job
    holder = Holder(
        namespace=lease.namespace,
        name=lease.name,
        uid=lease.uid,
        platform="saturno" if job else "",
        job=job.name if job else None,
        job_uid=job.uid if job else None,
        attempt=lease.spec.attempt,
    )
    defaults = {
        "state": MachineState.CLAIMED,
        "generation": 7,
        "holder": holder,
        "holder_title": holder.title,
        "since": at(-60),
        "deadline": at(7200),
    }
    return a_machine(name, **{**defaults, **fields})


def a_job(
    name: str = "caries",
    *,
    namespace: str = "saturno",
    created: datetime = NOW,
    attempts: Iterable[Attempt] = (),
    conditions: Mapping[str, bool] | None = None,
    deleting: bool = False,
    status: dict[str, Any] | None = None,
    **spec: Any,
) -> TrainingJob:
    """A job that was accepted and has no attempt; `status` has further fields of the status."""
    spec = {"image": "train:1", **spec}
    if "machine" not in spec:
        spec.setdefault("pool", "onprem")
    marks = {str(JobCondition.ACCEPTED): True} if conditions is None else conditions
    return TrainingJob(
        metadata=Meta(
            name=name,
            namespace=namespace,
            uid=f"uid-{name}",
            resource_version="1",
            generation=1,
            creation_timestamp=created,
            deletion_timestamp=NOW if deleting else None,
        ),
        spec=TrainingJobSpec(**spec),
        status=TrainingJobStatus(
            attempts=tuple(attempts), conditions=_conditions(marks), **(status or {})
        ),
    )


def an_attempt(number: int = 1, cause: Cause | None = None, **fields: Any) -> Attempt:
    """Open, or ended by this cause (with an outcome that goes with it)."""
    if cause is not None:
        ended = {"outcome": _OUTCOME.get(cause, Outcome.FAILED), "cause": cause, "ended": NOW}
        fields = {"started": at(-600), "machine": "gpu-1", **ended, **fields}
    return Attempt(number=number, **fields)


def a_lease(
    job: TrainingJob,
    attempt: int = 1,
    *,
    bound_to: str | None = None,
    generation: int = 7,
    released: bool = False,
) -> MachineLease:
    """The lease of a job's attempt, without a machine unless it is bound to one."""
    name = lease_name(job.name, attempt)
    spec = MachineLeaseSpec(
        job=JobRef(name=job.name, uid=job.uid),
        attempt=attempt,
        pool=job.spec.pool,
        machine=job.spec.machine,
    )
    return _lease(name, job.namespace, spec, bound_to, generation, released)


def a_hold(
    name: str = "driver-update",
    *,
    namespace: str = "ops",
    machine: str = "gpu-1",
    bound_to: str | None = None,
    generation: int = 7,
    released: bool = False,
    ended: Any = None,
    **spec: Any,
) -> MachineLease:
    """A hold by a person."""
    lease_spec = MachineLeaseSpec(machine=machine, **spec)
    hold = _lease(name, namespace, lease_spec, bound_to, generation, released)
    return hold.model_copy(update={"status": hold.status.but(ended=ended)})


def a_platform(
    name: str = "saturno",
    *,
    mode: Mode = Mode.ENFORCE,
    confirm: Confirm = Confirm.OWN,
    paused: bool = False,
    language: Language = Language.EN,
    names: dict[str, str] | None = None,
    deleting: bool = False,
    tracking: str | None = None,
    **status: Any,
) -> Platform:
    """A platform that owns the namespace of its own name; `tracking` names a Secret."""
    return Platform(
        metadata=Meta(
            name=name,
            uid=f"uid-{name}",
            deletion_timestamp=NOW if deleting else None,
            annotations={PAUSED: "true"} if paused else {},
        ),
        spec=PlatformSpec(
            mode=mode,
            namespace=name,
            language=language,
            tracking=Tracking(secret=tracking) if tracking else None,
            database=Database(
                secret=f"{name}-db", preset="integrations-v1", confirm=confirm, names=names or {}
            ),
        ),
        status=status,
    )


def a_fact(
    platform: Platform | str = "saturno",
    *,
    down: bool = False,
    trouble: str = "",
    compared: bool = True,
    **fields: Any,
) -> PlatformFact:
    """A platform as the claim steps see it: up, unless said otherwise."""
    found = a_platform(platform, **fields) if isinstance(platform, str) else platform
    return PlatformFact(found, down, trouble, compared)


def known(machine: Machine, told: Told | None = Told.IN_STEP, *, free: bool | None = None) -> Any:
    """What was heard of this machine's rows at the ledger's present fence (or its free)."""
    fence = machine.status.fence if free is None else machine.status.occupied_fence + free
    foreign = told is Told.FOREIGN
    return RowKnowledge(fence, told, is_foreign=foreign, owner="ANA" if foreign else None)


def off(*exits: Exit) -> MachineView:
    return MachineView(Power.OFF, exits={e.generation: e for e in exits})


def on(generation: int | None = 7) -> MachineView:
    return MachineView(Power.ON, generation=generation)


def an_exit(cause: Cause = Cause.COMPLETED, generation: int = 7, message: str = "exit 0") -> Exit:
    return Exit(generation=generation, cause=cause, message=message, at=NOW)


def _lease(
    name: str,
    namespace: str,
    spec: MachineLeaseSpec,
    bound_to: str | None,
    generation: int,
    released: bool,
) -> MachineLease:
    bound = {
        "machine": bound_to,
        "machine_uid": f"uid-{bound_to}",
        "generation": generation,
        "bound_at": at(-60),
    }
    marks = {str(LeaseCondition.RELEASED): True} if released else {}
    return MachineLease(
        metadata=Meta(
            name=name,
            namespace=namespace,
            uid=f"uid-{name}",
            resource_version="1",
            creation_timestamp=NOW,
        ),
        spec=spec,
        status=MachineLeaseStatus(
            conditions=_conditions(marks),
            **(bound if bound_to else {}),
        ),
    )


def _conditions(marks: Mapping[str, bool]) -> tuple[cond.Condition, ...]:
    found: tuple[cond.Condition, ...] = ()
    for kind, value in marks.items():
        found = cond.with_condition(found, kind, value, "Said", now=NOW)
    return found


_OUTCOME = {
    Cause.COMPLETED: Outcome.SUCCEEDED,
    Cause.MACHINE_LOST: Outcome.LOST,
    Cause.NOT_HELD: Outcome.LOST,
    Cause.CANCELLED: Outcome.CANCELLED,
    Cause.SUSPENDED: Outcome.SUSPENDED,
    Cause.START_TIMEOUT: Outcome.START_FAILED,
    Cause.START_REFUSED: Outcome.START_FAILED,
    Cause.OCCUPIED_ELSEWHERE: Outcome.START_FAILED,
    Cause.RUNNING_LIMIT: Outcome.LIMIT_EXCEEDED,
    Cause.TOTAL_LIMIT: Outcome.LIMIT_EXCEEDED,
}
