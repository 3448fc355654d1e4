"""A part of this machine for a node alone: its own network, mounts and processes.

A kubelet and its runtime change the machine that they run on: bridges, packet filters, mounts,
kernel settings, files in fixed places. In here they change only what ends with the enclosure's
first process, so that its end, by whatever hand, takes all of it away at once. What is left then
(control groups) is noted in `traces`. One enclosure at a time on a machine: a process of its own
holds the lock, which outlives the starter and is ended with the rest.

The outside is one pair of addresses: `HOST` is this machine's, `NODE` the enclosure's; there is no
way from in here to any other network.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import secrets
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from bed import traces
from bed.cache import progress
from bed.debian import DebianPrograms
from bed.errors import NodeUnavailable, PartFailed, TimedOut
from bed.processes import Part, Processes, children, sweep_abandoned
from bed.server import Stoppable
from bed.waiting import wait_until

HOST = "198.18.243.1"  # of RFC 2544's range: in no real network, and not link-local
NODE = "198.18.243.2"
_PREFIX_LENGTH = 30
PODS = "10.244.0.0/24"
SERVICES = "10.96.0.0/16"

_LOCK = Path("/run/trainlease-bed-node.lock")  # the machine's, whatever a user's cache folder is
_PATIENCE = 900.0
_READY_SECONDS = 20.0
_PROGRAMS = DebianPrograms(
    part="what a node stands on",
    packages=("iproute2", "nftables"),
    programs=("unshare", "nsenter", "mount", "ip", "nft"),
)
# The first of its processes: it waits for orphans, as an init must.
_INIT = "trap 'exit 0' TERM; while :; do sleep infinity & wait; done"
# The kubelet sets these for the whole machine; in here it finds them set, in files of ours.
_KERNEL = {
    "kernel/keys/root_maxbytes": "25000000",
    "kernel/keys/root_maxkeys": "1000000",
    "kernel/panic": "10",
    "kernel/panic_on_oops": "1",
    "vm/overcommit_memory": "1",
    "vm/panic_on_oom": "0",
}
_BOOT_ID = "kernel/random/boot_id"
_WRITTEN = ("/var/lib", "/var/log")
_MASQUERADE = f"""
table ip {traces.PREFIX}nat {{
  chain postrouting {{
    type nat hook postrouting priority srcnat;
    ip saddr {PODS} oifname uplink masquerade
  }}
}}
"""


class Enclosure(Stoppable):
    """Made by `start`, ended by `stop`, by the end of a `with` block, or by `sweep`."""

    def __init__(self, folder: Path) -> None:
        self.processes = Processes(folder)
        self.folder = self.processes.folder
        self.name = f"{traces.PREFIX}{secrets.token_hex(4)}"
        """Of its control groups and of the machine's end of its link."""
        self._holder: Part | None = None
        self._door: Part | None = None
        self._init = 0

    @staticmethod
    def ensure_installed() -> None:
        """NodeUnavailable where no node can be; the tools for it are installed by root."""
        if sys.platform != "linux":
            raise NodeUnavailable("this is not Linux", "use the process provider")
        if os.geteuid() != 0:
            raise NodeUnavailable("this is not root", "run it as root, or use the process provider")
        _PROGRAMS.ensure_installed()

    @classmethod
    def start(cls, folder: Path, *, patience: float = _PATIENCE) -> Enclosure:
        """An empty one; another bed's is waited for, `patience` seconds, then NodeUnavailable."""
        Enclosure.ensure_installed()
        enclosure = cls(folder)
        lock = _locked(enclosure.folder, patience)
        try:
            holder = enclosure.processes.start("lock", ["sleep", "infinity"], keep_open=[lock])
        finally:
            os.close(lock)
        enclosure._holder = holder
        try:
            traces.take_away_all()
            enclosure._open()
        except BaseException:
            enclosure.stop()
            raise
        return enclosure

    def enter(self, command: Sequence[str | Path]) -> list[str | Path]:
        """The command line that runs `command` in here."""
        door = ["nsenter", f"--target={self._init}", "--mount", "--net", "--pid", "--"]
        return [*door, *command]

    def run(self, *command: str | Path, input: str = "") -> str:
        """What it prints; PartFailed quotes what it said on an error."""
        done = subprocess.run(self.enter(command), input=input, capture_output=True, text=True)
        if done.returncode != 0:
            problem = f"{' '.join(map(str, command))} ended with {done.returncode}"
            raise PartFailed("the enclosure", problem, done.stderr)
        return done.stdout

    def reboot(self) -> None:
        """As when the power went: all processes in here are gone, its boot id is another."""
        self._end()
        self._open()

    def stop(self) -> None:
        """End all that is in here, at once; the files in the folder stay."""
        self._end()
        if self._holder is not None:
            self._holder.kill()

    def _end(self) -> None:
        if self._door is not None:
            self._door.kill()
        traces.take_away(self.folder)

    def _open(self) -> None:
        traces.note(self.folder, self.name)
        spaces = ["--mount", "--propagation=private", "--net", "--pid", "--mount-proc"]
        init = ["unshare", *spaces, "--fork", "--kill-child", "/bin/sh", "-c", _INIT]
        self._door = self.processes.start("enclosure", init)
        self._init = self._first_process(self._door)
        self._make_mounts()
        self._make_network()
        self._make_groups()

    def _first_process(self, door: Part) -> int:
        try:
            door.until(lambda: bool(children(door.pid)), _READY_SECONDS)
            (init,) = children(door.pid)
            door.until(lambda: Path(f"/proc/{init}/exe").resolve().name != "unshare", 5)
        except PartFailed as failed:
            remedy = "run it on a machine, or in a container, that may make namespaces"
            raise NodeUnavailable(f"namespaces are refused ({failed})", remedy) from failed
        return init

    def _make_mounts(self) -> None:
        self.run("mount", "--make-rshared", "/")  # a pod's mount may ask for propagation
        self.run("mount", "-t", "tmpfs", "-o", "mode=755", "tmpfs", "/run")
        for place in _WRITTEN:
            layers = f"/run/{place.replace('/', '-')}"
            self.run("mkdir", "-p", f"{layers}/upper", f"{layers}/work")
            options = f"lowerdir={place},upperdir={layers}/upper,workdir={layers}/work"
            self.run("mount", "-t", "overlay", "-o", options, "overlay", place)
        boot = f"{secrets.token_hex(4)}-{secrets.token_hex(2)}-4000-8000-{secrets.token_hex(6)}"
        for setting, value in (_KERNEL | {_BOOT_ID: boot}).items():
            file = self.folder / "kernel" / setting.replace("/", ".")
            file.parent.mkdir(exist_ok=True)
            file.write_text(f"{value}\n")
            self.run("mount", "--bind", file, f"/proc/sys/{setting}")

    def _make_network(self) -> None:
        peer = ["peer", "name", "uplink", "netns", str(self._init)]
        outside = [
            ["link", "add", self.name, "type", "veth", *peer],
            ["address", "add", f"{HOST}/{_PREFIX_LENGTH}", "dev", self.name],
            ["link", "set", self.name, "up"],
        ]
        inside = [
            ["link", "set", "lo", "up"],
            ["address", "add", f"{NODE}/{_PREFIX_LENGTH}", "dev", "uplink"],
            ["link", "set", "uplink", "up"],
            ["route", "add", SERVICES, "dev", "uplink"],  # looked up before it is redirected
        ]
        for arguments in outside:
            done = subprocess.run(["ip", *arguments], capture_output=True, text=True)
            if done.returncode != 0:
                raise NodeUnavailable(done.stderr.strip(), f"free the addresses beside {HOST}")
        for arguments in inside:
            self.run("ip", *arguments)
        self.run("sysctl", "-q", "-w", "net.ipv4.ip_forward=1")
        self.run("nft", "-f", "-", input=_MASQUERADE)

    def _make_groups(self) -> None:
        for root in traces.hierarchies():
            with contextlib.suppress(FileNotFoundError):  # version 1 has no such file
                controllers = (root / "cgroup.controllers").read_text().split()
                wanted = " ".join(f"+{controller}" for controller in controllers)
                (root / "cgroup.subtree_control").write_text(wanted)
            (root / self.name).mkdir(exist_ok=True)


def _locked(folder: Path, patience: float) -> int:
    """The machine's lock: held for as long as anybody has this file open."""
    handle = os.open(_LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        if not _try_lock(handle):
            sweep_abandoned()
            with progress("waiting for another bed's node"):
                wait_until(lambda: _try_lock(handle), patience, "the machine's node")
    except TimedOut as late:
        holder = os.pread(handle, 4096, 0).decode()
        os.close(handle)
        remedy = f"end it: python -m bed sweep {holder}"
        raise NodeUnavailable("another bed's node runs on this machine", remedy) from late
    except BaseException:
        os.close(handle)
        raise
    os.ftruncate(handle, 0)
    os.pwrite(handle, str(folder).encode(), 0)
    return handle


def _try_lock(handle: int) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
