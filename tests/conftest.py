"""Real parts for every test that asks for them, and the order in which tests run.

Quick tests come first. Each worker of pytest-xdist has servers of its own; what a machine has room
for once is one worker's.
"""

import logging
from collections.abc import Iterator

import pytest
import structlog
from _pytest.nodeid import coerce_node_id

pytest_plugins = ["bed.fixtures"]

_PARTS = {
    "control_plane": "control-plane",
    "control_plane_factory": "control-plane",
    "mariadb_servers": "MariaDB",
    "mlflow_server": "MLflow",
    "node": "node",
    "no_node": "node",
    "no_node_here": "node",
    "stage": "faults",
}
"""Fixtures by the part that they stand for: the bed's, and a site of a suite's own."""
_ONE_ON_A_MACHINE = {"node"}
"""Parts that this machine has room for once: their tests run in one worker, one after the other."""
_OWN_NODE = {"no_node", "no_node_here"}
_COMPUTING = ("tests/mutants", "tests/simulator")


@pytest.fixture(autouse=True)
def log_as_before() -> Iterator[None]:
    """A test that runs the simulator silences the operator's log in its process: not for others."""
    logger, told = logging.getLogger("trainlease"), structlog.get_config()
    handlers, level, propagate = logger.handlers, logger.level, logger.propagate
    yield
    logger.handlers, logger.propagate = handlers, propagate
    logger.setLevel(level)
    structlog.configure(**told)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Sort what is quick first; tests that need a node are one group, so one worker's."""
    needs = {item: _parts(item) for item in items}
    items.sort(
        key=lambda item: (
            bool(needs[item]),
            item.nodeid.startswith(_COMPUTING),
            not _OWN_NODE & set(_fixtures(item)),  # the node of all others is not ended in between
        )
    )
    for item in items:
        if needs[item] & _ONE_ON_A_MACHINE:
            # What pytest-xdist 3.8 does for its mark xdist_group, but where pytest 9.2 looks.
            item._id = coerce_node_id(f"{item.nodeid}@{min(needs[item] & _ONE_ON_A_MACHINE)}")


def _parts(item: pytest.Item) -> frozenset[str]:
    """By its fixtures, or named by the mark `part` where a parameter chooses the fixture."""
    named = {part for mark in item.iter_markers("part") for part in mark.args}
    return frozenset(_PARTS[name] for name in _fixtures(item) if name in _PARTS) | named


def _fixtures(item: pytest.Item) -> tuple[str, ...]:
    names: tuple[str, ...] = getattr(item, "fixturenames", ())
    return names
