"""The kinds that the port knows by their plural: one table for the client and for its fake."""

from dataclasses import dataclass
from urllib.parse import quote

from trainlease.model.base import GROUP, VERSION
from trainlease.model.errors import BadSpec


@dataclass(frozen=True)
class Kind:
    """How one kind is addressed at the API server."""

    plural: str
    kind: str
    group: str
    version: str
    namespaced: bool
    has_status: bool
    """Whether its status is a subresource, so that a write of the rest passes over it."""

    @property
    def api_version(self) -> str:
        return f"{self.group}/{self.version}" if self.group else self.version

    def collection(self, namespace: str) -> str:
        """The path of all objects, or of those of one namespace."""
        root = f"/apis/{self.group}" if self.group else "/api"
        place = f"/namespaces/{quote(namespace, safe='')}" if namespace and self.namespaced else ""
        return f"{root}/{self.version}{place}/{self.plural}"

    def check_namespace(self, namespace: str) -> None:
        """A namespaced object without a namespace would be a call on the whole collection."""
        if self.namespaced and not namespace:
            raise BadSpec(f"{self.plural} are namespaced: name the namespace")
        if namespace and not self.namespaced:
            raise BadSpec(f"{self.plural} are not namespaced: leave out {namespace}")

    def object(self, namespace: str, name: str) -> str:
        """The path of one object."""
        self.check_namespace(namespace)
        if not name:
            raise BadSpec(f"name one of the {self.plural}")
        return f"{self.collection(namespace)}/{quote(name, safe='')}"


KINDS = {
    kind.plural: kind
    for kind in (
        Kind("trainingjobs", "TrainingJob", GROUP, VERSION, True, True),
        Kind("machineleases", "MachineLease", GROUP, VERSION, True, True),
        Kind("machines", "Machine", GROUP, VERSION, False, True),
        Kind("platforms", "Platform", GROUP, VERSION, False, True),
        Kind("secrets", "Secret", "", "v1", True, False),
        Kind("events", "Event", "", "v1", True, False),
        Kind("leases", "Lease", "coordination.k8s.io", "v1", True, False),
        Kind("namespaces", "Namespace", "", "v1", False, True),
        Kind("nodes", "Node", "", "v1", False, True),
        Kind("pods", "Pod", "", "v1", True, True),
    )
}


def kind_of(plural: str) -> Kind:
    """The kind of this plural; BadSpec for one that the port does not know."""
    found = KINDS.get(plural)
    if found is None:
        raise BadSpec(f"the port does not know {plural}")
    return found
