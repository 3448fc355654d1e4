"""What our CRDs refuse, for the fake server: unknown fields, wrong values, changed fixed fields.

It judges by the models from which the CRDs are generated, so that whoever writes an object that
the API server would refuse learns it in the simulator too. Defaults are not filled in: the models
do that when an object is read.
"""

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from trainlease.effects.kube.base import Body
from trainlease.model.base import KubeObject, Shape
from trainlease.model.errors import BadSpec
from trainlease.model.machine import Machine, MachineSpec, MachineStatus
from trainlease.model.machine_lease import MachineLease, MachineLeaseSpec, MachineLeaseStatus
from trainlease.model.platform import Platform, PlatformSpec, PlatformStatus
from trainlease.model.training_job import TrainingJob, TrainingJobSpec, TrainingJobStatus

_Shapes = tuple[type[KubeObject], type[Shape], type[Shape]]
_SHAPES: dict[str, _Shapes] = {
    "trainingjobs": (TrainingJob, TrainingJobSpec, TrainingJobStatus),
    "machineleases": (MachineLease, MachineLeaseSpec, MachineLeaseStatus),
    "machines": (Machine, MachineSpec, MachineStatus),
    "platforms": (Platform, PlatformSpec, PlatformStatus),
}
_TOP = frozenset({"apiVersion", "kind", "metadata", "spec", "status"})


def admit_by_schema(plural: str, new: Body, old: Body | None) -> None:
    """BadSpec if the CRD would refuse `new`; other kinds are let through."""
    shapes = _SHAPES.get(plural)
    if shapes is None:
        return
    kind, spec, status = shapes
    what = f"{kind.kind_name} {new['metadata']['name']}"
    unknown = sorted(new.keys() - _TOP)
    if unknown:
        raise BadSpec(f"{what}: unknown field {unknown[0]}")
    if len(new["metadata"]["name"]) > kind.max_name:
        raise BadSpec(f"{what}: the name is longer than {kind.max_name}")
    if old is None or old.get("spec") != new.get("spec"):
        _check(f"{what}: spec", spec, new.get("spec", {}))
        _check_fixed(what, spec, new["spec"], old)
    if old is not None and old.get("status") != new.get("status"):
        _check(f"{what}: status", status, new.get("status", {}))


def _check(where: str, shape: type[Shape], value: Any) -> None:
    try:
        shape.model_validate(value, extra="forbid", by_alias=True, by_name=False)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False, include_context=False)[0]
        path = ".".join(str(part) for part in first["loc"])
        raise BadSpec(f"{where}.{path}: {first['msg']}") from None


def _check_fixed(what: str, shape: type[Shape], new: Mapping[str, Any], old: Body | None) -> None:
    if old is None or shape.mutable is None:
        return
    before = old["spec"]
    for name in sorted(new.keys() | before.keys()):
        if name not in shape.mutable and new.get(name) != before.get(name):
            raise BadSpec(f"{what}: spec.{name} is fixed at creation")
