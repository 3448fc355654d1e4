"""The node's own container runtime: Debian's containerd and runc, in an enclosure.

Its images and containers are in the bed's folder. As on a real node, containers outlive it:
only the enclosure's end takes them away.
"""

from __future__ import annotations

import contextlib
import json
from pathlib import Path

from bed.debian import DebianPrograms
from bed.enclosure import PODS, Enclosure
from bed.errors import PartFailed
from bed.images import Image
from bed.processes import Part

SOCKET = "/run/containerd/containerd.sock"  # of the enclosure's own /run
_PLUGINS = "/usr/lib/cni"
_READY_SECONDS = 30.0
_PROGRAMS = DebianPrograms(
    part="the container runtime",
    packages=("containerd", "runc", "containernetworking-plugins"),
    programs=("containerd", "ctr", "runc", f"{_PLUGINS}/ptp", f"{_PLUGINS}/host-local"),
)
# One pair of addresses a pod, routed by the node: on a bridge, a Service's answer would go
# around the node, and come from an address that was not asked.
_NETWORK = {
    "cniVersion": "0.4.0",
    "name": "bed",
    "plugins": [
        {
            "type": "ptp",
            "ipam": {
                "type": "host-local",
                "ranges": [[{"subnet": PODS}]],
                "routes": [{"dst": "0.0.0.0/0"}],
            },
        }
    ],
}


class Containerd:
    """Started by `start`; ended with its enclosure."""

    def __init__(self, enclosure: Enclosure, sandbox: Image) -> None:
        self._enclosure = enclosure
        self._sandbox = sandbox
        self._part: Part | None = None

    @staticmethod
    def ensure_installed() -> None:
        _PROGRAMS.ensure_installed()

    @property
    def is_running(self) -> bool:
        return self._part is not None and self._part.is_running

    def start(self) -> None:
        """Up, with the sandbox image; running already is success."""
        if self.is_running:
            return
        config = self._write_config()
        command = self._enclosure.enter(["containerd", "--config", config])
        self._part = self._enclosure.processes.start("containerd", command)
        self._part.until(self._answers, _READY_SECONDS)
        self.load(self._sandbox)

    def stop(self) -> None:
        """An orderly end of the runtime alone: what it started runs on."""
        if self._part is not None:
            self._part.stop_alone()

    def kill(self) -> None:
        """A crash of the runtime alone."""
        if self._part is not None:
            self._part.stop_alone(timeout=0.0)

    def load(self, image: Image) -> None:
        """Pods may use the image from now on."""
        self.ctr("images", "import", image.archive)

    def ctr(self, *arguments: str | Path) -> str:
        """What containerd's own client prints."""
        address = ["--address", SOCKET, "--namespace", "k8s.io"]
        return self._enclosure.run("ctr", *address, *arguments)

    def _answers(self) -> bool:
        with contextlib.suppress(PartFailed):
            return bool(self.ctr("version"))
        return False

    def _write_config(self) -> Path:
        own = self._enclosure.folder / "containerd"
        (own / "cni").mkdir(parents=True, exist_ok=True)
        (own / "cni" / "bed.conflist").write_text(json.dumps(_NETWORK))
        file = own / "config.toml"
        file.write_text(_config(own, self._sandbox.name))
        return file


def _config(own: Path, sandbox: str) -> str:
    """JSON strings are TOML strings."""
    return f"""\
version = 2
root = {json.dumps(str(own / "root"))}
state = "/run/containerd"
[grpc]
address = "{SOCKET}"
[plugins."io.containerd.internal.v1.opt"]
path = {json.dumps(str(own / "opt"))}
[plugins."io.containerd.grpc.v1.cri"]
sandbox_image = {json.dumps(sandbox)}
restrict_oom_score_adj = true  # lowering it may be refused, in a container for one
[plugins."io.containerd.grpc.v1.cri".cni]
bin_dir = "{_PLUGINS}"
conf_dir = {json.dumps(str(own / "cni"))}
"""
