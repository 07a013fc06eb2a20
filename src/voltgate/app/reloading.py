"""Changes of the configuration while a process runs: read whole and checked whole, then taken, or nothing is."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
from abc import ABC, abstractmethod
from pathlib import Path

import structlog

from voltgate.app.active import ActiveConfiguration
from voltgate.config import ConfigErrors, Loaded, read
from voltgate.config.toml import SHORTAGES
from voltgate.store.chain import GATEWAY
from voltgate.web.audited import Note, line, unnoted

_LOOK_AT_FILES = 2.0
"""Seconds between looks at the files of the configuration."""

log = structlog.get_logger("voltgate")


class Reloading(ABC):
    """Changes the configuration of a process. `note` keeps a line of the audit trail."""

    def __init__(self, active: ActiveConfiguration, note: Note = unnoted) -> None:
        self._active = active
        self._note = note
        self._changing = asyncio.Lock()
        self.begun = asyncio.Event()
        """Set when the process has begun: there is nothing to change before."""

    async def watch(self, asked: asyncio.Event) -> None:
        """Change the configuration when `asked` is set, or when one of its files has changed."""
        await self.begun.wait()
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_LOOK_AT_FILES):
                    await asked.wait()
            if asked.is_set() or self._active.files_changed():
                asked.clear()
                await self.change()

    async def change(self) -> None:
        """Read the configuration again and go by it: all of it or nothing. A fault of ours is said here, and raised."""
        async with self._changing:
            self._active.note_files()
            await self._change_alone()

    async def _change_alone(self) -> None:
        try:
            await self._change()
        except ConfigErrors as errors:
            self._active.follow(errors.files)
            self._keep([str(problem) for problem in errors.problems])
        except OSError as error:
            if error.errno in SHORTAGES:
                self._active.look_again()
            self._keep([str(error) if error.filename is not None or error.strerror is None else error.strerror])
        except Exception as error:
            self._keep([f"a fault of Voltgate: {type(error).__name__}"])  # its text may hold a secret
            raise

    def _keep(self, problems: list[str]) -> None:
        """Keep the configuration in force, and log why."""
        self._active.refuse(problems)
        self._said("refused", "; ".join(problems))
        for problem in problems:
            log.error("configuration not changed", problem=problem)

    async def _change(self) -> None:
        # in a thread: lists of tokens may be long, and names of hosts are looked up
        loaded = await asyncio.to_thread(read, self._active.loaded.source, os.environ, self._active.config)
        self._active.follow(loaded.files)
        if objection := self._active.objection(loaded):
            self._keep([objection])
        else:
            await self._take(loaded)
            digest = "" if loaded.source is None else await asyncio.to_thread(_digest, loaded.source, *loaded.included)
            more = f" and {len(loaded.included)} included" if loaded.included else ""
            self._said("passed", f"{loaded.source}{more}, sha256 {digest}")

    def _said(self, outcome: str, detail: str) -> None:
        self._note(line(GATEWAY, "ChangeConfiguration", outcome, "", detail))

    @abstractmethod
    async def _take(self, loaded: Loaded) -> None:
        """Go by a configuration. Raise OSError for what cannot be had; then nothing has changed."""

    def _warn(self, loaded: Loaded) -> None:
        for warning in loaded.warnings:
            log.warning("configuration", problem=str(warning), key=warning.key)


def _digest(*files: Path) -> str:
    """Return the digest of files, one behind the other, as `cat FILE … | sha256sum` has it."""
    try:
        return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()
    except OSError:
        return "unknown"
