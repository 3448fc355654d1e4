"""A node leaves no trace on its machine: not at its end, and not after its starter was killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from bed import Cluster, pods, running, sweep_abandoned, traces, wait_until
from bed.enclosure import Enclosure

HACK = Path(__file__).resolve().parents[2] / "hack"
CRASHES = """
import os, pathlib, sys
from bed import Cluster, pods
cluster = Cluster.start(pathlib.Path(sys.argv[1]))
pods.new_namespace(cluster.node)
cluster.plane.apply(pods.shell_pod(cluster.node, "default", "main", "sleep 3600"))
pods.await_phase(cluster.node, "default", "main", "Running")
os.kill(os.getpid(), 9)
"""
SETTINGS = ("kernel/panic", "kernel/panic_on_oops", "vm/overcommit_memory", "net/ipv4/ip_forward")
PATIENCE = 900.0
KEPT_BY_NODES = ("/var/lib/kubelet", "/var/lib/cni", "/var/log/pods", "/var/log/containers")


@dataclass(frozen=True)
class Machine:
    """All of this machine that a node changes while it is up."""

    links: str
    routes: str
    tables: str
    mounts: str
    groups: frozenset[str]
    apart: frozenset[int]
    """Processes with mounts of their own, whoever started them."""
    settings: tuple[str, ...]
    places: tuple[bool, ...]


def seen() -> Machine:
    return Machine(
        links=said("ip", "-o", "link"),
        routes=said("ip", "route"),
        tables=said("nft", "list", "tables"),
        mounts=Path("/proc/mounts").read_text(),
        groups=groups(),
        apart=frozenset(pid for pid in processes() if mounts_of(pid) != mounts_of("self")),
        settings=tuple(Path("/proc/sys", name).read_text() for name in SETTINGS),
        places=tuple(Path(place).exists() for place in KEPT_BY_NODES),
    )


def groups() -> frozenset[str]:
    found = (root.glob(f"{traces.PREFIX}*") for root in traces.hierarchies())
    return frozenset(str(path) for paths in found for path in paths)


def said(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def processes() -> list[int]:
    return [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]


def mounts_of(pid: int | str) -> str:
    try:
        return str(Path(f"/proc/{pid}/ns/mnt").readlink())
    except OSError:  # it ended meanwhile, or is the first of a container that we are in
        return mounts_of("self")


@pytest.fixture
def before(no_node: None) -> Machine:
    """The machine without any node: another bed's is waited for."""
    wait_until(lambda: not seen().groups, PATIENCE, "the end of another bed's node")
    return seen()


def await_same(before: Machine) -> None:
    """At once, where no other bed begins a node right then."""
    wait_until(lambda: seen() == before, PATIENCE, "a machine as before")


@pytest.fixture
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a short name: a runtime's sockets lie deep in it, and Linux has 107 letters."""
    return tmp_path_factory.mktemp("n")


def test_an_orderly_end_leaves_no_trace(before: Machine, place: Path) -> None:
    with Cluster.start(place) as cluster:
        cluster.plane.apply(pods.shell_pod(cluster.node, "default", "main", "sleep 3600"))
        pods.await_phase(cluster.node, "default", "main", "Running")
        during = seen()

    await_same(before)
    assert running(place) == []
    assert during.links != before.links
    assert during.groups > before.groups
    assert len(during.apart) > len(before.apart) + 5  # kubelet, runtime, proxy, DNS, the pod
    untouched = ("routes", "tables", "mounts", "settings", "places")
    changed = [name for name in untouched if getattr(during, name) != getattr(before, name)]
    assert changed == ["routes"]


def test_whoever_comes_next_takes_away_what_a_killed_starter_left(
    before: Machine, place: Path
) -> None:
    crashed = subprocess.run(
        [sys.executable, "-c", CRASHES, place],
        env=os.environ | {"PYTHONPATH": str(HACK)},
        capture_output=True,
        text=True,
    )
    assert crashed.returncode == -signal.SIGKILL, crashed.stderr
    assert "kubelet" in running(place)
    assert seen().groups > before.groups

    sweep_abandoned()

    await_same(before)
    assert running(place) == []


@pytest.mark.usefixtures("no_node")
def test_the_next_node_finds_the_place_free_although_nobody_swept(tmp_path: Path) -> None:
    crash = (
        "import os, pathlib, sys; from bed.enclosure import Enclosure;"
        "Enclosure.start(pathlib.Path(sys.argv[1])); os.kill(os.getpid(), 9)"
    )
    subprocess.run(
        [sys.executable, "-c", crash, tmp_path / "first"],
        env=os.environ | {"PYTHONPATH": str(HACK)},
        check=False,
    )
    assert running(tmp_path / "first") == ["enclosure", "lock"]

    with Enclosure.start(tmp_path / "second") as second:
        assert running(tmp_path / "first") == []
        assert {Path(group).name for group in groups()} == {second.name}


@pytest.mark.usefixtures("no_node")
def test_orphans_in_an_enclosure_are_waited_for(tmp_path: Path) -> None:
    with Enclosure.start(tmp_path) as enclosure:
        enclosure.run("sh", "-c", "(sleep 0.01 &) ; (sleep 0.01 &)")
        until_gone = "while grep -q '^State:.Z' /proc/[0-9]*/status; do :; done"
        enclosure.run("timeout", "20", "sh", "-c", until_gone)


@pytest.mark.usefixtures("no_node")
def test_what_has_not_the_name_of_a_bed_is_not_taken_away(tmp_path: Path) -> None:
    group = traces.hierarchies()[0] / f"someones-{os.getpid()}"
    group.mkdir()
    try:
        traces.note(tmp_path, group.name)
        traces.take_away(tmp_path)
        assert group.exists()
    finally:
        group.rmdir()


@pytest.mark.parametrize(
    ("files", "want"),
    [
        (["cgroup.controllers", "cgroup.procs", "system.slice/cgroup.procs"], ["."]),
        (["cpu/cgroup.procs", "memory/cgroup.procs", "unified/cgroup.procs"], None),
    ],
    ids=["version 2", "version 1"],
)
def test_control_groups_are_one_tree_or_one_a_controller(
    tmp_path: Path, files: list[str], want: list[str] | None
) -> None:
    for file in files:
        (tmp_path / file).parent.mkdir(exist_ok=True)
        (tmp_path / file).touch()

    found = [str(path.relative_to(tmp_path)) for path in traces.hierarchies(tmp_path)]

    assert found == (want or ["cpu", "memory", "unified"])
