from collections.abc import AsyncIterator

import pytest
from tests.tracking.world import FakeWorld, MlflowWorld, World

from bed import MLflow


@pytest.fixture(params=["fake", "mlflow"])
async def world(request: pytest.FixtureRequest) -> AsyncIterator[World]:
    """Each test of the contract runs on the fake and on a real server."""
    made: World
    if request.param == "fake":
        made = FakeWorld()
    else:
        server: MLflow = request.getfixturevalue("mlflow_server")
        made = MlflowWorld(server.url)
    yield made
    await made.tracker.close()
