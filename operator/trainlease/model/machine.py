"""Machine: one GPU machine. Its status is the ledger, the one truth about who holds it."""

from decimal import Decimal as Number
from typing import Annotated, ClassVar

from pydantic import Field, model_validator

from trainlease.model.base import (
    AnyName,
    Count,
    Decimal,
    Duration,
    Name,
    Rule,
    Says,
    Shape,
    StatusShape,
    Text,
    Time,
    Uid,
)
from trainlease.model.conditions import Conditions
from trainlease.model.mode import Allowing, Mode
from trainlease.model.reasons import MachineState

FINALIZER = "trainlease.dev/ledger"
CONFIRM_OFF = "trainlease.dev/confirm-off"
FORCE_RELEASE = "trainlease.dev/force-release"
CLAIM = "trainlease.dev/claim"
QUARANTINE_OVER = "trainlease.dev/quarantine-over"


Title = Annotated[str, Field(max_length=512)]
"""A holder as people read it: `namespace/name`."""


class NodeSlot(Shape):
    """A slot on a Kubernetes node."""

    name: Annotated[str, Field(min_length=1, max_length=253)]
    """The node's name."""
    gpus: Annotated[int, Field(ge=0, le=64)] = 1
    """GPUs of the node that a holder gets; 0 for a slot without one."""


class AwsInstance(Shape):
    """An EC2 instance that is turned on and off."""

    instance_id: Annotated[
        str,
        Field(pattern=r"^i-[0-9a-f]{8,17}$", max_length=19),
        Says("write an EC2 instance id, such as i-0abc123def4567890"),
    ]
    """The instance; it is turned on and off, never made or terminated."""
    region: Annotated[
        str,
        Field(pattern=r"^[a-z]{2}(-[a-z]+)+-[0-9]$", max_length=32),
        Says("write an AWS region, such as us-east-1"),
    ]
    """The region that the instance is in."""


class LocalProcess(Shape):
    """A process group on the operator's host: `images` maps an image to its folder there."""

    images: Annotated[
        dict[Annotated[str, Field(max_length=512)], Annotated[str, Field(max_length=1024)]],
        Field(min_length=1, max_length=32),
    ]
    """Folder of the operator's host by image: where the command of a job is run."""


class MachineSpec(Shape):
    """The machine and who may use it. `node` and `aws` are fixed: another machine is another one.

    Were they changed in a claim, *off* would be confirmed of the wrong machine.
    """

    mutable: ClassVar[frozenset[str] | None] = frozenset(
        {"mode", "pool", "platforms", "pricePerHour", "maxOn", "cordon", "process"}
    )
    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            "(has(self.node) ? 1 : 0) + (has(self.aws) ? 1 : 0) + (has(self.process) ? 1 : 0) == 1",
            "name exactly one of node, aws and process",
        ),
    )

    mode: Mode = Mode.OBSERVE
    """Observe reads and reports, and writes nothing; Enforce is a person's word to act."""
    pool: Name
    """The pool that jobs name."""
    platforms: Annotated[tuple[Name, ...], Field(min_length=1, max_length=64)] | None = None
    """The platforms that may use it; each may where it is left out."""
    price_per_hour: Decimal = "0"
    """What an hour costs, as a string, such as "3.06"."""
    max_on: Duration | None = None
    """The longest claim; 24h where it is left out."""
    cordon: bool = False
    """True takes no new claim; what runs goes on."""
    node: NodeSlot | None = None
    """A slot on a Kubernetes node. Exactly one of node, aws and process. Fixed at creation."""
    aws: AwsInstance | None = None
    """An EC2 instance. Exactly one of node, aws and process. Fixed at creation."""
    process: LocalProcess | None = None
    """Processes on the operator's host, where it was started with --allow-process-machines."""

    @model_validator(mode="after")
    def _one_provider(self) -> "MachineSpec":
        if sum(p is not None for p in (self.node, self.aws, self.process)) != 1:
            raise ValueError("name exactly one of node, aws and process")
        return self

    @property
    def provider(self) -> str:
        """`node`, `aws` or `process`."""
        return "node" if self.node else "aws" if self.aws else "process"

    @property
    def needs_secret_values(self) -> bool:
        """Whether what runs there cannot refer to a Secret, so that it is handed the values."""
        return self.node is None

    def permits(self, platform: str) -> bool:
        """Whether this platform may use the machine; no list means each may."""
        return self.platforms is None or platform in self.platforms


class Holder(StatusShape):
    """The lease that holds the machine, and whose attempt it is (blank for a hold)."""

    namespace: AnyName
    """The lease's namespace."""
    name: AnyName
    """The lease's name."""
    uid: Uid
    """The lease's uid: a later lease of that name is another one."""
    platform: AnyName = ""
    """The platform whose claim it is; blank for a hold."""
    job: AnyName | None = None
    """The job's name."""
    job_uid: Uid | None = None
    """The job's uid."""
    attempt: Count | None = None
    """The number of the attempt."""

    @property
    def title(self) -> str:
        """What people read: the job, or the hold."""
        return f"{self.namespace}/{self.job or self.name}"


class Usage(StatusShape):
    """What one platform used of this machine: decayed for the queue, whole for the bill."""

    platform: AnyName
    """Whose use it is."""
    seconds: float = 0.0
    """Seconds that the platform held this machine, ever."""
    decayed: float = 0.0
    """The same with a half-life, as the queue reckons it, at `decayedAt`."""
    decayed_at: Time
    """When `decayed` was reckoned."""
    cost: Decimal = "0"
    """Seconds held times the price at their time."""


class Transition(StatusShape):
    """One line of a machine's history."""

    at: Time
    """When it was written."""
    state: MachineState
    """The state from then on."""
    generation: Count
    """The claim's generation."""
    holder: Title | None = None
    """Who held the machine."""
    reason: Text
    """Why."""


class MachineStatus(StatusShape):
    """The ledger. `dbs`, `until` and `why` are what the printer columns show."""

    state: MachineState | None = None
    """Free, Claimed or Stopping; none was ever observed where it is left out."""
    holder: Holder | None = None
    """The lease that has it."""
    generation: Count = 0
    """Counts the claims: one more at each."""
    fence_base: Count = 0
    """What the fences of this machine start from: raised over one that is larger."""
    since: Time | None = None
    """When the state began."""
    deadline: Time | None = None
    """When the claim ends at the latest."""
    debts: Annotated[tuple[AnyName, ...], Field(max_length=64)] = ()
    """Platforms whose database could not be told yet."""
    usage: Annotated[tuple[Usage, ...], Field(max_length=64)] = ()
    """Time and cost by platform."""
    history: Annotated[tuple[Transition, ...], Field(max_length=20)] = ()
    """The last 20 transitions, the oldest first."""
    blamed: Count = 0
    """Failures in a row that the machine is to blame for."""
    quarantined_until: Time | None = None
    """Until when it takes no new claim."""
    holder_title: Title | None = None
    """The holder as people read it: the job, or the hold."""
    until: Annotated[str, Field(max_length=32)] | None = None
    """The deadline as people read it."""
    dbs: Annotated[str, Field(max_length=16)] | None = None
    """How many databases agree, of how many: 3/3."""
    why: Annotated[str, Field(max_length=1024)] | None = None
    """What keeps it from a claim, or is owed."""
    conditions: Conditions = ()
    """The conditions, each with reason and message."""

    def usage_of(self, platform: str) -> Usage | None:
        return next((u for u in self.usage if u.platform == platform), None)

    @property
    def occupied_fence(self) -> int:
        """The fence of this claim's *occupied*; its *free* is one above."""
        return self.fence_base + 2 * self.generation

    @property
    def fence(self) -> int:
        """fenceBase + 2 x generation + (1 if free)."""
        return self.occupied_fence + (1 if self.state is MachineState.FREE else 0)


class Machine(Allowing):
    """A slot on a node, a cloud instance or a local process, lent to one holder at a time."""

    kind_name: ClassVar[str] = "Machine"
    plural: ClassVar[str] = "machines"
    namespaced: ClassVar[bool] = False

    spec: MachineSpec
    status: MachineStatus = MachineStatus()

    @property
    def price(self) -> Number:
        """Price of an hour."""
        return Number(self.spec.price_per_hour)
