"""A gateway process run inside the test, by a configuration that the test writes."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import structlog

from tests.harness.configuration import toml
from tests.harness.waiting import within
from voltgate.app.active import ActiveConfiguration
from voltgate.app.composition import Composition
from voltgate.app.process import Process
from voltgate.config import read


class Running:
    """A process that listens, and the file of its configuration."""

    def __init__(self, file: Path, process: Process) -> None:
        self.file = file
        self.process = process
        self.parts: Composition = process._parts  # what runs is what is looked at
        self.active: ActiveConfiguration = process._active

    async def change(self, document: dict[str, Any]) -> tuple[str, ...]:
        """Write another configuration and have it taken; return what was wrong with it."""
        self.file.write_text(toml(document))
        return await self.change_again()

    async def change_again(self) -> tuple[str, ...]:
        """Have the file taken as it stands; return what was wrong with it."""
        await self.process._reload.change()
        return self.active.problems


@contextlib.asynccontextmanager
async def running(folder: Path, document: dict[str, Any]) -> AsyncIterator[Running]:
    """Run a gateway process until the end of the block, and drain it."""
    file = folder / "voltgate.toml"
    file.write_text(toml(document))
    process, ready, stop = Process(read(file, {})), asyncio.Event(), asyncio.Event()
    living = asyncio.ensure_future(process.live(lambda _: ready.set(), stop))
    starting = asyncio.ensure_future(ready.wait())
    logging = structlog.get_config()  # a change of the configuration sets up logs anew
    await within(asyncio.wait((living, starting), return_when=asyncio.FIRST_COMPLETED), "the process listens")
    try:
        if living.done():
            await living
        yield Running(file, process)
    finally:
        starting.cancel()
        stop.set()
        await within(living, "the process has ended")
        structlog.configure(**logging)
