"""The cluster parts are built once, also where the machine has no Go of its own."""

from __future__ import annotations

import shutil
import subprocess

import pytest

from bed.cluster_binary import cluster_binary
from bed.go_program import is_new_enough, toolchain, version_of


def test_it_is_built_once() -> None:
    first = cluster_binary()
    built_at = first.stat().st_mtime_ns

    assert cluster_binary() == first
    assert first.stat().st_mtime_ns == built_at


@pytest.mark.parametrize("part", ["etcd", "apiserver", "controller-manager", "scheduler"])
def test_it_has_the_parts_of_a_control_plane(part: str) -> None:
    helped = subprocess.run([cluster_binary(), part, "--help"], capture_output=True, text=True)

    assert helped.returncode == 0, helped.stderr


@pytest.mark.parametrize("part", ["kubelet", "proxy"])
def test_it_has_the_parts_of_a_node(part: str) -> None:
    helped = subprocess.run([cluster_binary(), part, "--help"], capture_output=True, text=True)

    assert helped.returncode == 0, helped.stderr


def test_another_part_is_refused() -> None:
    refused = subprocess.run([cluster_binary(), "cloud"], capture_output=True, text=True)

    assert refused.returncode == 2
    assert refused.stderr.startswith("usage: cluster etcd|")


def test_a_machine_without_go_gets_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    assert shutil.which("go") is None or not is_new_enough(version_of(toolchain()))

    go = toolchain()

    assert "trainlease" in str(go)
    assert is_new_enough(version_of(go))


@pytest.mark.parametrize(
    ("version", "want"),
    [
        ("go1.26.0 linux amd64", True),
        ("go1.27 linux arm64", True),
        ("go2.0", True),
        ("go1.25.9 linux amd64", False),
        ("", False),
    ],
)
def test_old_versions_are_told_from_new_ones(version: str, want: bool) -> None:
    assert is_new_enough(version) is want
