"""All providers, each with a bench that leaves nothing running."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.machines.benches import Bench, FakeBench, ProcessBench
from tests.machines.node_bench import NodeBench, node_bench

from bed import Node


@pytest.fixture(params=["process", "fake", pytest.param("slots", marks=pytest.mark.part("node"))])
def bench(request: pytest.FixtureRequest) -> Bench:
    made: Bench = request.getfixturevalue(request.param)
    return made


@pytest.fixture
async def fake() -> Bench:
    return FakeBench()


@pytest.fixture
async def slots(node: Node, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[NodeBench]:
    monkeypatch.setenv("KUBECONFIG", str(node.plane.kubeconfig))
    async with node_bench(node) as made:
        yield made


@pytest.fixture
async def process(tmp_path: Path) -> AsyncIterator[ProcessBench]:
    made = ProcessBench(tmp_path)
    yield made
    made.close()
