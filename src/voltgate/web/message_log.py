"""The message log of one gateway, as the API works with it: what is recorded, and what was."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TypeVar, TypeVarTuple

import msgspec

from voltgate.telemetry.messages.reading import SHARE, Found, Search, find
from voltgate.telemetry.messages.recorder import NOTHING, Recorder, Recording

_Made = TypeVar("_Made")
_Given = TypeVarTuple("_Given")
_AT_ONCE = 2
"""Searches at a time; others wait."""
_LOOK = 1.0
"""Seconds between two looks whether a recording is over."""
_NOTE = "recording.json"
"""The file in the folder of the log that says what somebody has asked to record, for the next start."""


class MessageLog:
    """The log of this gateway. `look` has every session look whether it is recorded, `fold` makes keys of globs."""

    def __init__(
        self, recorder: Recorder, folder: Path, look: Callable[[], Awaitable[None]], fold: Callable[[str], str]
    ) -> None:
        self.recorder = recorder
        self._folder = folder
        self._look = look
        self._fold = fold
        self._pool = ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="messages")
        self._seen = recorder.recordings

    async def find(self, search: Search, share: int = SHARE) -> Found:
        """Return the records that are wanted of what this gateway has written down, about `share` bytes of them."""
        return await self.aside(find, self._folder, search, share)

    async def aside(self, work: Callable[[*_Given], _Made], *given: *_Given) -> _Made:
        """Return what a function that takes a while makes of this, and do not keep the event loop meanwhile."""
        return await asyncio.get_running_loop().run_in_executor(self._pool, work, *given)

    async def ask(self, recording: Recording) -> None:
        """Record these too from now on, in place of what was asked before; the next start goes by it as well."""
        self.recorder.asked = replace(recording, stations=tuple(map(self._fold, recording.stations)))
        await self.aside(self._note)
        await self._refresh()

    async def tend(self) -> None:
        """Have sessions know when what is recorded has changed: by the configuration, or as its time is over."""
        await asyncio.sleep(_LOOK)
        if self.recorder.recordings != self._seen:
            await self._refresh()

    async def _refresh(self) -> None:
        self._seen = self.recorder.recordings
        await self._look()

    def _note(self) -> None:
        """Write down what was asked; a folder that cannot be written to is told of by the writer."""
        path = self._folder / _NOTE
        with suppress(OSError):
            if self.recorder.asked:
                self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
                whole = path.with_suffix(".new")
                whole.unlink(missing_ok=True)
                with os.fdopen(os.open(whole, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as note:
                    note.write(msgspec.json.encode(self.recorder.asked))
                whole.replace(path)
            else:
                path.unlink(missing_ok=True)

    def remember(self) -> None:
        """Go on with what was asked before the start."""
        with suppress(OSError, msgspec.DecodeError, msgspec.ValidationError):
            self.recorder.asked = msgspec.json.decode((self._folder / _NOTE).read_bytes(), type=Recording)
            if not self.recorder.asked:
                self.recorder.asked = NOTHING

    def close(self) -> None:
        """Take no more searches."""
        self._pool.shutdown(wait=False, cancel_futures=True)
