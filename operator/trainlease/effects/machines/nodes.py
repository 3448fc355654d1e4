"""What is known of the nodes that slots are on: Ready or not, since when we saw it so, which boot.

A node's word is its kubelet's: while it is not Ready nobody knows what runs there.
"""

from dataclasses import dataclass, field

from trainlease.effects.kube.base import Body
from trainlease.model import pods

_OUT_OF_SERVICE = "node.kubernetes.io/out-of-service"


@dataclass(frozen=True)
class Node:
    """A node as it was seen last. `ready_since`: monotonic seconds, None while it is not Ready.

    `gpus`: how many it has, taken or not; None where there is no node.
    """

    name: str
    why_not: str = ""
    ready_since: float | None = None
    boot: str = ""
    is_there: bool = True
    is_out_of_service: bool = False
    gpus: int | None = None

    @property
    def is_ready(self) -> bool:
        return self.ready_since is not None


@dataclass
class Nodes:
    """The nodes by name, and when each was read last."""

    seen: dict[str, Node] = field(default_factory=dict)
    read_at: dict[str, float] = field(default_factory=dict)

    def saw(self, name: str, body: Body | None, tick: float) -> None:
        """Keep what was read at `tick` (None: there is no such node)."""
        before = self.seen.get(name)
        self.seen[name] = _gone(name) if body is None else _read(name, body, before, tick)
        self.read_at[name] = tick


def _gone(name: str) -> Node:
    return Node(name, f"there is no node {name}", is_there=False)


def _read(name: str, body: Body, before: Node | None, tick: float) -> Node:
    status = body.get("status") or {}
    conditions: list[Body] = status.get("conditions") or []
    ready = next((c for c in conditions if c["type"] == "Ready"), {})
    boot = (status.get("nodeInfo") or {}).get("bootID", "")
    taints = (body.get("spec") or {}).get("taints") or []
    gpus = int((status.get("capacity") or {}).get(pods.GPU, 0))
    is_out = any(taint["key"] == _OUT_OF_SERVICE for taint in taints)
    if ready.get("status") != "True":
        why = ready.get("message") or ready.get("reason") or "it never was"
        return Node(name, f"its node {name} is not Ready: {why}", None, boot, True, is_out, gpus)
    since = before.ready_since if before and before.boot == boot else None
    why = f"its node {name} is out of service" if is_out else ""
    return Node(name, why, tick if since is None else since, boot, True, is_out, gpus)
