"""Writing what the message log has into a file: as a recording, or as a HAR for other tools."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import IO, Any

import typer

from voltgate.client.api import Api, path
from voltgate.client.failure import Failure, Refused
from voltgate.client.terminal_text import counted
from voltgate.replay.har import write_har
from voltgate.replay.recording import Head, Recording
from voltgate.replay.writing import write

_NOT_FOUND = 404
_MOST_ASKED = 1000
"""Stations that the gateway is asked for, what they speak: of others, the records tell."""


def export(api: Api, records: Iterable[Mapping[str, Any]], file: Path, form: str) -> None:
    """Write records, which come the newest first, to a file: completely, or nothing is left of it."""
    versions = _versions(api)
    beside = file.with_name(f".{file.name}.{os.getpid()}")
    try:
        with _for_oneself(beside) as out:
            head = _write_har(records, out, versions) if form == "har" else write(records, out, versions)
        beside.replace(file)
    except OSError as error:
        raise Failure(f"{file}: {error.strerror}") from None
    finally:
        beside.unlink(missing_ok=True)
    typer.echo(f"{counted(head.records, 'record')} written to {file}")


def _for_oneself(file: Path) -> IO[bytes]:
    """Create a file that nobody else may read: the log says who charged where, whatever is masked."""
    return os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb")


def _write_har(records: Iterable[Mapping[str, Any]], out: IO[bytes], versions: Callable[[str], str | None]) -> Head:
    with tempfile.TemporaryDirectory(prefix="voltgate") as folder:
        whole = Path(folder) / "recording.jsonl"
        with whole.open("wb") as lines:
            head = write(records, lines, versions)
        with Recording(whole) as recording:
            write_har(recording, out)
    return head


def _versions(api: Api) -> Callable[[str], str | None]:
    """Return what says which version a station speaks, if it is connected now."""
    asked = 0

    def of(station: str) -> str | None:
        nonlocal asked
        asked += 1
        if asked > _MOST_ASKED:
            return None
        try:
            version = api.get(path("sessions", station)).get("version")
        except Refused as refused:
            if refused.status == _NOT_FOUND:
                return None
            raise
        return version if isinstance(version, str) else None

    return of
