"""The port to the API server. Objects are plain dicts, so that no unknown field is dropped."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

Body = dict[str, Any]


class Kube(Protocol):
    """What the operator asks of the API server.

    `plural` is one of `kinds.KINDS`; `namespace` is empty for a cluster-scoped kind. Every call
    has a timeout. Errors: Conflict (409 on a stale write), NotFound, AlreadyExists, BadSpec (422,
    400), Forbidden (401, 403), Unavailable (refused, 429, 5xx), AnswerLost (sent, but no answer).
    """

    async def get(self, plural: str, namespace: str, name: str) -> Body:
        """A live, consistent read: never from a cache."""
        ...

    async def list(
        self,
        plural: str,
        namespace: str = "",
        *,
        labels: Mapping[str, str] = {},
        fields: Sequence[str] = (),
    ) -> tuple[list[Body], str]:
        """All objects (in all namespaces if none is named) and the list's resourceVersion.

        Only those with these labels, and of which each field selector (`PATH=VALUE`,
        `PATH!=VALUE`) is true.
        """
        ...

    async def create(self, plural: str, body: Body) -> Body:
        """Create; unknown fields are refused (fieldValidation=Strict)."""
        ...

    async def patch(self, plural: str, namespace: str, name: str, patch: Mapping[str, Any]) -> Body:
        """A merge-patch of metadata or spec; with metadata.resourceVersion it is guarded."""
        ...

    async def patch_status(
        self, plural: str, namespace: str, name: str, status: Mapping[str, Any], version: str
    ) -> Body:
        """A merge-patch of the status subresource, refused (Conflict) if `version` is stale."""
        ...

    async def delete(self, plural: str, namespace: str, name: str, uid: str) -> None:
        """Delete the object with this uid; one that is gone, or another's uid, is NotFound."""
        ...
