"""Real parts for every test that asks for them, and the order in which tests run.

Quick tests come first. Tests that share a real part stay in one worker of pytest-xdist, so that
each server is started once, and such suites, which wait, run beside those that compute.
"""

import logging
from collections.abc import Iterator

import pytest
import structlog

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


@pytest.hookimpl(tryfirst=True)  # before pytest-xdist reads the groups
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give each test that needs real parts the group of those parts; sort what is quick first."""
    needs = {item.nodeid: _parts(item) for item in items}
    group = _groups([parts for parts in needs.values() if parts])
    for item in items:
        if parts := needs[item.nodeid]:
            item.add_marker(pytest.mark.xdist_group(group[min(parts)]))
    items.sort(
        key=lambda item: (
            bool(needs[item.nodeid]),
            item.nodeid.startswith(_COMPUTING),
            not _OWN_NODE & set(_fixtures(item)),  # the node of all others is not ended in between
        )
    )


def _parts(item: pytest.Item) -> frozenset[str]:
    """By its fixtures, or named by the mark `part` where a parameter chooses the fixture."""
    named = {part for mark in item.iter_markers("part") for part in mark.args}
    return frozenset(_PARTS[name] for name in _fixtures(item) if name in _PARTS) | named


def _fixtures(item: pytest.Item) -> tuple[str, ...]:
    names: tuple[str, ...] = getattr(item, "fixturenames", ())
    return names


def _groups(sets: list[frozenset[str]]) -> dict[str, str]:
    """Parts that any one test needs together are one group; the answer names it by part."""
    group = {part: frozenset([part]) for part in _PARTS.values()}
    for parts in sets:
        joined = frozenset().union(*(group[part] for part in parts))
        for part in joined:
            group[part] = joined
    return {part: "-and-".join(sorted(together)) for part, together in group.items()}
