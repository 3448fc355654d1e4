"""The bed by hand: up, use it, down, and nothing is left."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from bed import running, sweep

HACK = Path(__file__).resolve().parents[2] / "hack"
PARTS = ["apiserver", "controller-manager", "etcd", "latam", "mlflow", "nutresa", "saturno"]


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path / "bed"
    sweep(tmp_path, timeout=0)


def bed(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "bed", *arguments],
        env=os.environ | {"PYTHONPATH": str(HACK)},
        capture_output=True,
        text=True,
    )


def test_up_and_down(folder: Path) -> None:
    up = bed("up", folder)
    assert up.returncode == 0, up.stderr
    assert running(folder) == sorted([*PARTS, "scheduler"])

    used = subprocess.run(
        ["sh", "-ec", f"{up.stdout}\nkubectl get namespace default -o name; env"],
        capture_output=True,
        text=True,
    )
    assert used.returncode == 0, used.stderr
    assert used.stdout.startswith("namespace/default\n")
    assert "MLFLOW_TRACKING_URI=http://127.0.0.1:" in used.stdout
    assert "SATURNO_DSN=mysql+pymysql://root@127.0.0.1:" in used.stdout

    again = bed("up", folder)
    assert again.returncode == 1
    assert "already run in" in again.stderr

    down = bed("down", folder)
    assert down.stdout.split() == sorted([*PARTS, "scheduler"])
    assert not folder.exists()
    assert running(folder) == []


def test_down_removes_no_folder_but_its_own(folder: Path) -> None:
    folder.mkdir()
    (folder / "thesis").touch()

    assert bed("down", folder).returncode == 0

    assert (folder / "thesis").exists()


def test_sweep_of_a_folder_ends_what_runs_there(folder: Path) -> None:
    assert bed("sweep", folder).returncode == 0
