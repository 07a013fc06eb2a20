"""What every test of the clients has: a counterpart and a terminal."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.client.counterpart import Counterpart, Terminal


@pytest.fixture
def api() -> Iterator[Counterpart]:
    counterpart = Counterpart()
    yield counterpart
    counterpart.close()


@pytest.fixture
def voltgate(tmp_path: Path, api: Counterpart) -> Terminal:
    return Terminal(tmp_path, api.url)
