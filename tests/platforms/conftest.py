"""Databases for the tests of this folder: real servers, SQLite files and the fake."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from tests.platforms.backends import KINDS, Backend, SqlBackend, make_backend

from bed import MariaDB


@pytest.fixture(scope="session")
def prepared() -> dict[str, tuple[str, str]]:
    """Databases on the servers that the contract uses again and again: creating one takes long."""
    return {}


@pytest_asyncio.fixture(params=KINDS)
async def backend(
    request: pytest.FixtureRequest,
    tmp_path: Path,
    mariadb_servers: dict[str, MariaDB],
    prepared: dict[str, tuple[str, str]],
) -> AsyncIterator[Backend]:
    """Each kind of database in turn, as if freshly prepared."""
    made = make_backend(request.param, tmp_path, mariadb_servers, prepared)
    yield made
    await made.database.close()


@pytest_asyncio.fixture
async def saturno(mariadb_servers: dict[str, MariaDB]) -> AsyncIterator[SqlBackend]:
    """The preset's schema on a real server."""
    made = SqlBackend("saturno", mariadb_servers["saturno"])
    yield made
    await made.database.close()


@pytest_asyncio.fixture
async def latam(mariadb_servers: dict[str, MariaDB]) -> AsyncIterator[SqlBackend]:
    """The schema with ENUM words on a real server."""
    made = SqlBackend("latam", mariadb_servers["latam"])
    yield made
    await made.database.close()
