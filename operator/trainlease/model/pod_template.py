"""What a job may lay over its pod on a node slot: an allow-list, named as in a PodTemplateSpec.

What is not here cannot be asked for: it is refused at `kubectl apply` as an unknown field. So a
training reaches no path, network, process or account of its node, takes no other node and no more
GPUs than its slot has, and reads Secrets of its own namespace alone. How the fields go into the
pod: plan.pod.
"""

from enum import StrEnum
from typing import Annotated, ClassVar

from pydantic import Field, model_validator

from trainlease.model.base import Name, Quantity, Rule, Says, Shape

CONTAINER = "training"
"""The name of the one container of a pod."""

_Label = Annotated[
    str,
    Field(pattern=r"^([A-Za-z0-9]([A-Za-z0-9_.-]*[A-Za-z0-9])?)?$", max_length=63),
    Says("write a value of letters, digits and _ . -, with a letter or digit at both ends"),
]
_LabelKey = Annotated[
    str,
    Field(
        pattern=r"^([a-z0-9]([a-z0-9.-]*[a-z0-9])?/)?[A-Za-z0-9]([A-Za-z0-9_.-]*[A-Za-z0-9])?$",
        max_length=63,
    ),
    Says("write a key such as team or example.com/team"),
]
_Any253 = Annotated[str, Field(min_length=1, max_length=253)]
_Path = Annotated[
    str,
    Field(pattern=r"^/.*$", max_length=512),
    Says("write an absolute path in the container, such as /data"),
]
_UserId = Annotated[int, Field(ge=1, le=2**31 - 1)]
"""Never 0: a training does not run as root."""


class ContainerName(StrEnum):
    TRAINING = CONTAINER


class Effect(StrEnum):
    NO_SCHEDULE = "NoSchedule"
    PREFER_NO_SCHEDULE = "PreferNoSchedule"
    NO_EXECUTE = "NoExecute"


class Operator(StrEnum):
    EXISTS = "Exists"
    EQUAL = "Equal"


class Medium(StrEnum):
    MEMORY = "Memory"


class PullPolicy(StrEnum):
    ALWAYS = "Always"
    IF_NOT_PRESENT = "IfNotPresent"
    NEVER = "Never"


class Toleration(Shape):
    """A taint of the node that the pod puts up with. It names its key: how long a pod stays on a
    node that is lost is not its own to say."""

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            "!self.key.startsWith('node.kubernetes.io/')",
            "taints of node.kubernetes.io are the operator's to tolerate: name another key",
        ),
    )

    key: _LabelKey
    """The taint's key."""
    operator: Operator | None = None
    """Exists for any value; Equal, where it is left out."""
    value: _Label | None = None
    """The taint's value."""
    effect: Effect | None = None
    """The taint's effect; any where it is left out."""

    @model_validator(mode="after")
    def _not_the_nodes(self) -> "Toleration":
        if self.key.startswith("node.kubernetes.io/"):
            raise ValueError("taints of node.kubernetes.io are the operator's to tolerate")
        return self


class EmptyDir(Shape):
    """A folder that begins empty and goes with the pod."""

    medium: Medium | None = None
    """Memory for a RAM disk, such as a larger /dev/shm; else the node's disk."""
    size_limit: Quantity | None = None
    """Bytes that it may hold."""


class SecretFiles(Shape):
    """A Secret of the job's namespace as files."""

    secret_name: _Any253
    """The Secret."""


class ConfigMapFiles(Shape):
    """A ConfigMap of the job's namespace as files."""

    name: _Any253
    """The ConfigMap."""


class Claim(Shape):
    """A PersistentVolumeClaim of the job's namespace."""

    claim_name: _Any253
    """The PersistentVolumeClaim."""
    read_only: bool = False
    """True mounts it read-only."""


class Volume(Shape):
    """A folder or files that the container may mount; exactly one source."""

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            "(has(self.emptyDir) ? 1 : 0) + (has(self.secret) ? 1 : 0) + "
            "(has(self.configMap) ? 1 : 0) + (has(self.persistentVolumeClaim) ? 1 : 0) == 1",
            "name exactly one of emptyDir, secret, configMap and persistentVolumeClaim",
        ),
        Rule("self.name != 'trainlease'", "the volume trainlease is the operator's: rename it"),
    )

    name: Name
    """What volumeMounts call it."""
    empty_dir: EmptyDir | None = None
    """An empty folder."""
    secret: SecretFiles | None = None
    """A Secret of the job's namespace."""
    config_map: ConfigMapFiles | None = None
    """A ConfigMap of the job's namespace."""
    persistent_volume_claim: Claim | None = None
    """A PersistentVolumeClaim of the job's namespace."""

    @model_validator(mode="after")
    def _one_source(self) -> "Volume":
        sources = (self.empty_dir, self.secret, self.config_map, self.persistent_volume_claim)
        if sum(source is not None for source in sources) != 1:
            raise ValueError("name exactly one source of the volume")
        if self.name == "trainlease":
            raise ValueError("the volume trainlease is the operator's")
        return self


class VolumeMount(Shape):
    """Where a volume is in the container."""

    name: Name
    """The volume."""
    mount_path: _Path
    """The folder in the container."""
    sub_path: Annotated[str, Field(max_length=512)] | None = None
    """A part of the volume."""
    read_only: bool = False
    """True mounts it read-only."""


class PullSecret(Shape):
    """A Secret of the job's namespace with the credentials of a registry."""

    name: _Any253
    """The Secret."""


class PodSecurity(Shape):
    """As whom the training runs. It is never root, whatever the image says."""

    run_as_user: _UserId | None = None
    """The user's id; the image's own where it is left out."""
    run_as_group: _UserId | None = None
    """The group's id."""
    fs_group: _UserId | None = None
    """The group that owns the volumes."""


class ContainerTemplate(Shape):
    """What is laid over the training's container."""

    name: ContainerName
    """Always training: a pod has one container."""
    image_pull_policy: PullPolicy | None = None
    """When the image is pulled; as Kubernetes defaults it where it is left out."""
    working_dir: _Path | None = None
    """Where the command runs; the image's own folder where it is left out."""
    volume_mounts: Annotated[tuple[VolumeMount, ...], Field(max_length=16)] = ()
    """Where the volumes are."""


class TemplateMeta(Shape):
    """Labels and annotations of the pod. Those of trainlease.dev are the operator's."""

    labels: Annotated[dict[_LabelKey, _Label], Field(max_length=16)] = {}
    """Labels; such as those that a NetworkPolicy selects by."""
    annotations: Annotated[
        dict[_LabelKey, Annotated[str, Field(max_length=4096)]], Field(max_length=16)
    ] = {}
    """Annotations."""


class TemplateSpec(Shape):
    """What is laid over the pod."""

    node_selector: Annotated[dict[_LabelKey, _Label], Field(max_length=16)] = {}
    """Labels that the node must have beside being the slot's own."""
    tolerations: Annotated[tuple[Toleration, ...], Field(max_length=16)] = ()
    """Taints that the pod puts up with, beside the GPU's."""
    volumes: Annotated[tuple[Volume, ...], Field(max_length=16)] = ()
    """What the container may mount."""
    image_pull_secrets: Annotated[tuple[PullSecret, ...], Field(max_length=8)] = ()
    """Credentials of the image's registry."""
    security_context: PodSecurity | None = None
    """As whom the training runs."""
    containers: Annotated[tuple[ContainerTemplate, ...], Field(max_length=1)] = ()
    """The container training, and what is laid over it."""


class PodTemplate(Shape):
    """Fields laid over the pod, by an allow-list; what is not listed is refused."""

    metadata: TemplateMeta | None = None
    """Labels and annotations of the pod."""
    spec: TemplateSpec | None = None
    """Fields of the pod and of its container."""
