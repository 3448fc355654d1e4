"""Replicas of the operator as processes, each known to the audit log by a group of its own."""

import itertools
import os
import signal
import urllib.request
from collections.abc import Callable
from pathlib import Path

from tests.wiring.process import ACCOUNT, COMMAND, GROUPS, holder

from bed.control_plane import ControlPlane
from bed.ports import free_port
from bed.processes import Part, Processes, sweep
from bed.proxy import Proxy, api_proxy, plain_kubeconfig
from bed.waiting import wait_until

PATIENCE = 90.0
QUICK = {
    "TRAINLEASE_LEADER_DURATION": "6",
    "TRAINLEASE_LEADER_RENEW": "3.5",
    "TRAINLEASE_LEADER_RETRY": "0.5",
    "TRAINLEASE_CALL_TIMEOUT": "2.5",
    "TRAINLEASE_COOLDOWN": "0.5",
    "TRAINLEASE_BACKOFF_FIRST": "0.1",
    "TRAINLEASE_OBSERVE_EVERY": "2",
}
"""Shorter than in production: a leader that is gone is followed in 6 s."""
_numbers = itertools.count(1)


class Replica:
    """`trainlease operator` behind a proxy of its own, `api`, with the rights of its account."""

    def __init__(
        self, plane: ControlPlane, folder: Path, claims: Path, settings: dict[str, str]
    ) -> None:
        self.identity = f"crew-{next(_numbers)}"
        self.group = f"bed:{self.identity}"
        self.plane = plane
        self.api: Proxy = api_proxy(plane, ACCOUNT, (*GROUPS, self.group))
        folder.mkdir(parents=True, exist_ok=True)
        kubeconfig = plain_kubeconfig(folder / f"{self.identity}.kubeconfig", self.api.url)
        command: list[str | Path] = [COMMAND, "operator", "--kubeconfig", kubeconfig]
        command += ["--identity", self.identity, "--allow-process-machines"]
        command += ["--process-folder", claims]
        self._probe = f"http://127.0.0.1:{free_port()}/healthz"
        command += ["--probe", self._probe]
        env = {"PATH": os.environ["PATH"], "HOME": str(folder), **settings}
        self.part: Part = Processes(folder).start(self.identity, command, env=env)

    @property
    def leads(self) -> bool:
        """By the Lease, whether or not it still runs."""
        return holder(self.plane) == self.identity

    @property
    def stands_by(self) -> bool:
        try:
            with urllib.request.urlopen(self._probe) as answer:
                return b"standing by" in answer.read()
        except OSError:
            return False

    def until_leader(self) -> "Replica":
        self.part.until(lambda: self.leads, PATIENCE, "the leader")
        return self

    def kill(self) -> None:
        """SIGKILL; the connections that it had are gone with it."""
        self.part.kill()

    def terminate(self) -> None:
        """SIGTERM, as a kubelet does."""
        os.kill(self.part.pid, signal.SIGTERM)

    def until_ended(self) -> int:
        wait_until(lambda: not self.part.is_running, PATIENCE, f"{self.identity}'s end")
        assert self.part.exit_code is not None
        return self.part.exit_code


class Crew:
    """The replicas of one test, or of a few; two of them stand ready, as people run it."""

    def __init__(self, plane: ControlPlane, folder: Path, claims: Path) -> None:
        self._plane, self._folder, self._claims = plane, folder, claims
        self.replicas: list[Replica] = []

    def start(self, **settings: str) -> Replica:
        """One more, not awaited."""
        replica = Replica(self._plane, self._folder, self._claims, {**QUICK, **settings})
        self.replicas.append(replica)
        return replica

    def lead(self, **settings: str) -> Replica:
        """One more, once it leads."""
        return self.start(**settings).until_leader()

    def leader(self, **settings: str) -> Replica:
        """Who leads of those that run, once one does; there are two again, if need be with these
        settings."""
        self._restart(**settings)
        return self.successor()

    def until(self, is_so: Callable[[], object], what: str) -> None:
        """Wait for it; who ends meanwhile is followed, as where a kubelet sees to it."""

        def look() -> object:
            self._restart()
            return is_so()

        wait_until(look, 2 * PATIENCE, what)

    def successor(self) -> Replica:
        """Who leads of those that run, once one does."""

        def found() -> Replica | None:
            name = holder(self._plane)
            running = (r for r in self.replicas if r.part.is_running)
            return next((r for r in running if r.identity == name), None)

        return wait_until(found, PATIENCE, "a leader")

    def _restart(self, **settings: str) -> None:
        while sum(replica.part.is_running for replica in self.replicas) < 2:
            self.start(**settings)

    def close(self) -> None:
        """All end in good order, so that the next leader need not wait."""
        for replica in self.replicas:
            replica.part.thaw()
            if replica.part.is_running:
                replica.terminate()
        for replica in self.replicas:
            replica.part.stop()
            replica.api.stop()
        sweep(self._folder)
