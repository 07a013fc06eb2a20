"""Changes of the routes through the API: written into the file of the configuration, and taken as a reload is."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import structlog

from voltgate.app.active import ActiveConfiguration
from voltgate.app.replacing import alone, objection, replace
from voltgate.config import ConfigErrors
from voltgate.config import Problem as Mistake
from voltgate.config.loading import read_as
from voltgate.config.routes_text import SECTION, RoutesText, Written, cut
from voltgate.config.toml import decoded, tree_of
from voltgate.relay.records import AuditRecord
from voltgate.web.api.configuration import Checked, Remark, RoutesWritten, tag_of
from voltgate.web.calling import Asker
from voltgate.web.problems import Problem, title_of

_BOM = b"\xef\xbb\xbf"
_CLOSED = "it is not allowed: write edit_routes = true in [api] of the configuration, and have it taken"

log = structlog.get_logger("voltgate")


@dataclass(frozen=True, slots=True)
class _Held:
    """A file as it was read."""

    file: Path
    raw: bytes
    routes: RoutesText

    def with_text(self, text: str) -> bytes:
        """Return the content of the file with another text."""
        return (_BOM if self.raw.startswith(_BOM) else b"") + text.encode()


class RouteEditing:
    """The routes in the file of a gateway. `change` has the file taken, `note` keeps a line of the audit trail.

    Of several workers each has one; they take the same file as soon as they see that it has changed.
    """

    def __init__(
        self,
        active: ActiveConfiguration,
        change: Callable[[], Awaitable[None]],
        note: Callable[[AuditRecord], None],
        *,
        shared: bool,
    ) -> None:
        self._active = active
        self._change = change
        self._note = note
        self._shared = shared
        self._changing = asyncio.Lock()

    async def show(self) -> RoutesWritten:
        """Return the routes as they are written, and whether they can be changed; if not, why."""
        source = self._active.loaded.source
        if source is None:
            return self._closed("there is no file of the configuration")
        if not self._active.config.api.edit_routes:
            return self._closed(_CLOSED)
        if why := self._elsewhere():
            return self._closed(why)
        try:
            held = await asyncio.to_thread(_held, source)
        except (ConfigErrors, OSError) as error:
            return self._closed(str(error))
        why = objection(held.file)
        return self._shown(held.routes.routes, why)

    def _closed(self, why: str) -> RoutesWritten:
        return self._shown(None, why)

    def _shown(self, text: str | None, why: str = "") -> RoutesWritten:
        source = self._active.loaded.source
        return RoutesWritten(
            file=None if source is None else str(source),
            text=None if text is None else text.replace("\r\n", "\n"),
            editable=not why,
            why=why or None,
            shared=self._shared,
        )

    async def check(self, text: str) -> Checked:
        """Say what is wrong with other routes. Raise Problem 409."""
        return (await asyncio.to_thread(self._checked, self._open(), text))[1]

    async def put(self, text: str, tag: str, by: str) -> RoutesWritten:
        """Write other routes and go by them. Raise Problem: 409, 412, 422."""
        async with self._changing:
            source = self._open()
            held, written = await asyncio.to_thread(self._write, source, text, tag)
            await self._take(held, written)
        changed = _difference(held.routes.routes, text, source)
        log.info("routes changed through the API", by=by, file=str(source), routes=changed)
        name = Asker(by).name
        self._note(AuditRecord(uuid4().hex, time.time(), "", name, "ChangeRoutes", "", "passed", "Accepted", changed))
        return await self.show()

    async def _take(self, held: _Held, written: Written) -> None:
        """Go by the file that was written, or put back what stood in it. Raise Problem 409."""
        taken = False
        try:
            await self._change()
            problems = self._active.problems
            taken = not problems
        finally:
            if not taken:
                await asyncio.to_thread(_put_back, held, held.with_text(written.text))
        if not taken:
            await self._change()
            raise _conflict(f"The routes are as they were: {'; '.join(problems)}.")

    def _open(self) -> Path:
        """Return the file. Raise Problem 409 where it is not to be changed here."""
        source = self._active.loaded.source
        if source is None:
            raise _conflict("The routes cannot be changed here: there is no file of the configuration.")
        if not self._active.config.api.edit_routes:
            raise _conflict(f"The routes cannot be changed here: {_CLOSED}.")
        if why := self._elsewhere():
            raise _conflict(f"The routes cannot be changed here: {why}.")
        return source

    def _elsewhere(self) -> str:
        """Say in which included files routes stand; "" if there are none."""
        files = [str(file) for file, keys in self._active.loaded.included.items() if SECTION in keys]
        return f"some stand in files that are included, where they can be edited: {', '.join(files)}" if files else ""

    def _checked(self, source: Path, text: str) -> tuple[tuple[_Held, Written] | None, Checked]:
        """Return what would be written, None if it must not be, and what is to be said of it. Raise Problem 409."""
        try:
            held = _held(source)
        except (ConfigErrors, OSError) as error:
            raise _conflict(f"The routes cannot be changed here: {error}.") from None
        try:
            written = held.routes.with_routes(text)
        except ConfigErrors as errors:  # its lines are those of the text
            alone_there = Written(text, 1, text.count("\n") + 1)
            return None, Checked(items=[_remark(mistake, source, alone_there) for mistake in errors.problems])
        try:
            loaded = read_as(source, written.text, os.environ, self._active.config)
        except ConfigErrors as errors:
            return None, Checked(items=[_remark(mistake, source, written) for mistake in errors.problems])
        if why := self._active.objection(loaded):
            return None, Checked(items=[_remark(Mistake(str(source), None, "", why), source, written)])
        warnings = [_remark(mistake, source, written, warning=True) for mistake in loaded.warnings]
        return (held, written), Checked(items=warnings)

    def _write(self, source: Path, text: str, tag: str) -> tuple[_Held, Written]:
        """Write other routes; return the file as it was. Raise Problem: 409, 412, 422."""
        try:
            with alone(source.resolve()):
                wanted, checked = self._checked(source, text)
                if wanted is None:
                    detail = "These routes are not taken: nothing was changed."
                    raise Problem(422, title_of(422), detail, errors=[_mistake(remark) for remark in checked.items])
                held, written = wanted
                if tag != tag_of(held.routes.routes.replace("\r\n", "\n")):
                    raise Problem(
                        412, title_of(412), "Somebody else has changed the routes meanwhile: load them again."
                    )
                if why := objection(held.file):
                    raise _conflict(f"The routes cannot be changed here: {why}.")
                replace(held.file, held.with_text(written.text), keep=True)
                return held, written
        except OSError as error:
            raise _conflict(f"{source} cannot be written: {error.strerror or error}. Nothing was changed.") from None


def _held(source: Path) -> _Held:
    file = source.resolve(strict=True)
    raw = file.read_bytes()
    return _Held(file, raw, cut(source, decoded(source, raw)))


def _put_back(held: _Held, written: bytes) -> None:
    """Put a file back that was not taken, unless somebody has changed it meanwhile."""
    with alone(held.file):
        if held.file.read_bytes() == written:
            replace(held.file, held.raw)


def _remark(mistake: Mistake, source: Path, written: Written, *, warning: bool = False) -> Remark:
    if mistake.line is not None and mistake.file != str(source):  # of a file that is included
        key, message = f"{mistake.file}:{mistake.line}", f"{mistake.key}: {mistake.message}"
        return Remark(line=None, file_line=None, key=key, message=message, warning=warning)
    line = None if mistake.line is None else mistake.line - written.first + 1
    inside = line is not None and 1 <= line <= max(written.count, 1)
    return Remark(
        line=line if inside else None,
        file_line=mistake.line,
        key=mistake.key,
        message=mistake.message,
        warning=warning,
    )


def _mistake(remark: Remark) -> Mapping[str, str]:
    where = f"line {remark.line}" if remark.line is not None else f"line {remark.file_line} of the file"
    named = remark.key if remark.line is None and remark.file_line is None else where
    return {"where": named, "problem": f"{remark.key}: {remark.message}" if remark.key else remark.message}


def _difference(old: str, new: str, source: Path) -> str:
    """Say which routes were added, changed and removed."""
    before: dict[str, Any] = tree_of(source, old).get(SECTION, {})
    after: dict[str, Any] = tree_of(source, new).get(SECTION, {})
    said = [f"{name} added" for name in after if name not in before]
    said += [f"{name} changed" for name in after if name in before and before[name] != after[name]]
    said += [f"{name} removed" for name in before if name not in after]
    return ", ".join(said) or "nothing but how it is written"


def _conflict(detail: str) -> Problem:
    return Problem(409, title_of(409), detail)
