"""What a person allows the operator to do with a Machine or a Platform."""

from enum import StrEnum
from typing import Any

from trainlease.model.base import KubeObject

PAUSED = "trainlease.dev/paused"


class Mode(StrEnum):
    OBSERVE = "Observe"
    ENFORCE = "Enforce"


class Allowing(KubeObject):
    """An object whose spec has a `mode`, and that may be paused by an annotation."""

    spec: Any

    @property
    def is_enforced(self) -> bool:
        return bool(self.spec.mode is Mode.ENFORCE)

    @property
    def is_paused(self) -> bool:
        return self.metadata.annotations.get(PAUSED) == "true"
