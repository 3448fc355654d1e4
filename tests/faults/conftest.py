"""One site for all faults, and figures that people ask for."""

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.faults.crew import Crew
from tests.faults.stage import Stage, build, mend

from bed.control_plane import ControlPlane
from bed.processes import sweep

FIGURES = "TRAINLEASE_FIGURES"
"""The variable that names a file for the figures, one JSON object a line (bench.faults)."""
Figure = Callable[[str, float], None]


@pytest.fixture(scope="session")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """A control plane, three MariaDB servers and the observer, for all tests of this folder."""
    folder = tmp_path_factory.mktemp("faults")
    built = build(folder, ControlPlane.start(folder / "control-plane"))
    with built.watcher:
        yield built
        for left in built.watcher.alive:  # of a test that failed: trainings outlive operators
            built.watcher.kill(left.claim)
    for door in built.doors.values():
        door.stop()
    sweep(folder)


@pytest.fixture
def crew(stage: Stage, tmp_path: Path) -> Iterator[Crew]:
    """The operator's replicas of this test."""
    made = Crew(stage.plane, tmp_path / "crew", stage.claims)
    yield made
    mend(stage)
    made.close()


@pytest.fixture(scope="module")
def crew_of_module(stage: Stage, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Crew]:
    """Replicas for a whole module: who is killed in one test has a successor for the next."""
    made = Crew(stage.plane, tmp_path_factory.mktemp("crew"), stage.claims)
    yield made
    mend(stage)
    made.close()


@pytest.fixture
def mended(stage: Stage) -> Iterator[None]:
    """What the test did to the servers is undone, also where it failed."""
    yield
    mend(stage)


@pytest.fixture
def figure() -> Figure:
    """Keeps a figure, in seconds or as a count, for `python -m bench.faults`."""

    def keep(name: str, value: float) -> None:
        print(f"{name}: {value:.2f}")
        if file := os.environ.get(FIGURES):
            with Path(file).open("a") as lines:
                lines.write(json.dumps({"name": name, "value": value}) + "\n")

    return keep
