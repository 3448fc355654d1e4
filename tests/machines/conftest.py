"""Both providers, each with a bench that leaves nothing running."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.machines.benches import Bench, FakeBench, ProcessBench


@pytest.fixture(params=[ProcessBench, FakeBench], ids=["process", "fake"])
async def bench(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Bench]:
    made: Bench = request.param(tmp_path)
    yield made
    made.close()


@pytest.fixture
async def process(tmp_path: Path) -> AsyncIterator[ProcessBench]:
    made = ProcessBench(tmp_path)
    yield made
    made.close()
