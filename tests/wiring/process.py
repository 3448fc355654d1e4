"""A replica of the operator as a process of its own, as people start it."""

import itertools
import json
import os
import signal
import sys
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bed.control_plane import ControlPlane
from bed.ports import free_port
from bed.processes import Part, Processes
from bed.waiting import wait_until

ACCOUNT = "system:serviceaccount:trainlease-system:trainlease-operator"
GROUPS = ("system:serviceaccounts", "system:serviceaccounts:trainlease-system")
COMMAND = Path(sys.executable).parent / "trainlease"
START_SECONDS = 60.0
_LEASE = "/apis/coordination.k8s.io/v1/namespaces/trainlease-system/leases/trainlease-operator"
_numbers = itertools.count(1)


class Replica:
    """`trainlease operator` with the rights of its ServiceAccount, and its log."""

    def __init__(
        self,
        plane: ControlPlane,
        folder: Path,
        *options: str | Path,
        settings: Mapping[str, str] | None = None,
    ) -> None:
        self.identity = f"replica-{next(_numbers)}"
        self.probe = f"http://127.0.0.1:{free_port()}/healthz"
        self._plane = plane
        kubeconfig = plane.kubeconfig_for(ACCOUNT, GROUPS)
        command: list[str | Path] = [COMMAND, "operator", "--kubeconfig", kubeconfig]
        command += ["--identity", self.identity, "--probe", self.probe, *options]
        env = {"PATH": os.environ["PATH"], "HOME": str(folder), **(settings or {})}
        self.part: Part = Processes(folder).start(self.identity, command, env=env)

    def until_leader(self) -> "Replica":
        self.part.until(lambda: holder(self._plane) == self.identity, START_SECONDS, "the leader")
        return self

    def terminate(self) -> int:
        """SIGTERM, as a kubelet does; the exit code."""
        os.kill(self.part.pid, signal.SIGTERM)
        return self.wait()

    def wait(self) -> int:
        """The exit code, once it has ended by itself."""
        wait_until(lambda: not self.part.is_running, START_SECONDS, f"{self.identity}'s end")
        assert self.part.exit_code is not None
        return self.part.exit_code

    def health(self) -> str:
        """What the health endpoint answers; empty where nobody does."""
        try:
            with urllib.request.urlopen(self.probe) as answer:
                said: bytes = answer.read()
        except OSError:
            return ""
        return said.decode()

    @property
    def log(self) -> str:
        return self.part.log.read_text()


def lease(plane: ControlPlane) -> dict[str, Any]:
    """The leader Lease's spec; empty where there is none."""
    status, body = plane.request(_LEASE)
    return dict(json.loads(body)["spec"]) if status == 200 else {}


def holder(plane: ControlPlane) -> str:
    """Who leads, by the Lease."""
    return str(lease(plane).get("holderIdentity", ""))


def scraped(address: str) -> str:
    """What Prometheus would read there."""
    with urllib.request.urlopen(f"http://{address}/metrics") as answer:
        page: bytes = answer.read()
    return page.decode()


def log_lines(replica: Replica) -> list[dict[str, Any]]:
    """The log as JSON: each line must be."""
    return [json.loads(line) for line in replica.log.splitlines()]
