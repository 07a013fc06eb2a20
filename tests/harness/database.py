"""The database that gateways of the stage begin with: made once by the product, and copied."""

from __future__ import annotations

import asyncio
import tempfile
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path

from voltgate.app.database import upgrade
from voltgate.store.address import read_address


@cache
def _empty() -> bytes:
    """Return the file of a database that is up to date, with nothing in it."""
    with tempfile.TemporaryDirectory(prefix="voltgate-db-") as folder, ThreadPoolExecutor(1) as beside:
        beside.submit(asyncio.run, upgrade(read_address("sqlite:///empty.db", Path(folder)))).result()
        return Path(folder, "empty.db").read_bytes()


def lay_out(folder: Path) -> None:
    """Put the database where a gateway without a setting of its own has it: to make one takes it a quarter second."""
    (folder / "var").mkdir(mode=0o700)
    (folder / "var" / "voltgate.db").write_bytes(_empty())
