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

_OWN_NODE = {"no_node", "no_node_here"}
_NODE = {"node", *_OWN_NODE}
"""What this machine has room for once: its tests run in one worker, one after the other."""
_PARTS = {
    "control_plane",
    "control_plane_factory",
    "mariadb_servers",
    "mlflow_server",
    "stage",
    *_NODE,
}
"""Fixtures that stand for real parts: the bed's, and a site of a suite's own."""
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
            not _OWN_NODE & needs[item],  # the node of all others is not ended in between
        )
    )
    for item in items:
        if needs[item] & _NODE:
            # What pytest-xdist 3.8 does for its mark xdist_group, but where pytest 9.2 looks.
            item._id = coerce_node_id(f"{item.nodeid}@node")


def _parts(item: pytest.Item) -> set[str]:
    """By its fixtures, or named by the mark `part` where a parameter chooses the fixture."""
    names: tuple[str, ...] = getattr(item, "fixturenames", ())
    marked = {name for mark in item.iter_markers("part") for name in mark.args}
    return _PARTS & {*names, *marked}
