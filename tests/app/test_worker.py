"""A worker and its supervisor: how they hear of each other's end."""

from __future__ import annotations

import asyncio
import socket
from pathlib import Path

import pytest

from tests.harness.waiting import within
from voltgate.app.worker import STOP, Worker


@pytest.mark.parametrize("lives", [True, False])
async def test_the_folder_of_the_workers(tmp_path: Path, *, lives: bool) -> None:
    """The last worker removes it when the supervisor is gone: else another one may be about to listen there."""
    folder = tmp_path / "workers"
    folder.mkdir()
    ours, theirs = socket.socketpair()
    stop = asyncio.Event()
    with ours, Worker(1, 2, 0, str(folder), theirs.detach()).attached(stop, asyncio.Event(), lambda: None):
        if lives:
            ours.send(STOP)
        else:
            ours.close()
        await within(stop.wait(), "it hears that it is to end")
    assert folder.exists() is lives
