"""What the tests of the API share."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.web.world import Web, serving
from voltgate.app.database import upgrade
from voltgate.store.address import open_engine, read_address
from voltgate.store.api_tokens import ApiTokens


@pytest.fixture
async def table(tmp_path: Path) -> AsyncIterator[ApiTokens]:
    """The table of tokens in a real database."""
    address = read_address("sqlite:///x.db", tmp_path)
    await upgrade(address)
    engine = open_engine(address, 5)
    yield ApiTokens(engine)
    await engine.dispose()


@pytest.fixture
async def web(table: ApiTokens) -> AsyncIterator[Web]:
    """A server with the API, and a database for tokens."""
    async with serving(table) as web:
        yield web
