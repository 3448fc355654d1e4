"""A control plane with one real node: all that a pod needs to run, up and down in one call."""

from __future__ import annotations

from pathlib import Path

from bed.control_plane import ControlPlane
from bed.enclosure import HOST, Enclosure
from bed.node import Node
from bed.server import Stoppable


class Cluster(Stoppable):
    """Made by `start`; ended by `stop`, by the end of a `with` block, or by `sweep`."""

    def __init__(self, plane: ControlPlane, node: Node) -> None:
        self.plane = plane
        self.node = node

    @classmethod
    def start(
        cls,
        folder: Path,
        *,
        gpus: int = 2,
        audit: bool = True,
        node_grace: int | None = None,
    ) -> Cluster:
        """A Ready node with `gpus` slots; what it keeps is in `folder`.

        Another bed's node on this machine is waited for. `node_grace` is as for `ControlPlane`.
        """
        Node.ensure_installed()
        enclosure = Enclosure.start(folder / "node")
        plane: ControlPlane | None = None
        try:
            plane = ControlPlane.start(
                folder / "control-plane",
                scheduler=True,
                audit=audit,
                address=HOST,
                node_grace=node_grace,
            )
            return cls(plane, Node.start(plane, enclosure, gpus=gpus))
        except BaseException:
            enclosure.stop()
            if plane is not None:
                plane.stop()
            raise

    def stop(self) -> None:
        """The node first, then the control plane; the files in the folder stay."""
        self.node.stop()
        self.plane.stop()
