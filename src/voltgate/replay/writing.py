"""Writing a recording: records come the newest first, part by part, and go into a file the oldest first."""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Callable, Iterable, Mapping
from typing import IO, Any

import msgspec

from voltgate.replay.recording import FORMAT, PSEUDONYM, SECRET, VERSION, Head

_PART = 1000
"""Records that are turned round at a time."""
_TOKEN = re.compile(f'"{PSEUDONYM.pattern}"')
_encode = msgspec.json.Encoder().encode


def write(records: Iterable[Mapping[str, Any]], out: IO[bytes], versions: Callable[[str], str | None]) -> Head:
    """Write records, which come the newest first, as a recording; return its head. Raises OSError.

    `versions` says which version a station speaks, if that is known. Few records are in memory at a time: the
    others wait in a temporary file.
    """
    with tempfile.TemporaryFile() as spool:
        head, places = _spooled(records, spool)
        head.stations = {name: versions(name) for name in sorted(head.stations)}
        out.write(_encode(head) + b"\n")
        for place, size in reversed(places):
            spool.seek(place)
            out.writelines(reversed(spool.read(size).splitlines(keepends=True)))
    return head


def _spooled(records: Iterable[Mapping[str, Any]], spool: IO[bytes]) -> tuple[Head, list[tuple[int, int]]]:
    head, places, part = (
        Head(FORMAT, VERSION, masked={"tokens": 0, "secrets": 0}),
        list[tuple[int, int]](),
        list[bytes](),
    )
    for record in records:
        text = json.dumps(record, separators=(",", ":"), ensure_ascii=False)
        _note(head, record, text)
        part.append(text.encode("utf-8", "surrogatepass") + b"\n")
        if len(part) >= _PART:
            places.append(_put(spool, part))
    places.append(_put(spool, part))
    return head, places


def _put(spool: IO[bytes], part: list[bytes]) -> tuple[int, int]:
    place = spool.tell()
    spool.writelines(part)
    part.clear()
    return place, spool.tell() - place


def _note(head: Head, record: Mapping[str, Any], text: str) -> None:
    head.records += 1
    head.since, head.until = record["at"], head.until or record["at"]
    head.stations[record["station"]] = None
    head.masked["tokens"] += len(_TOKEN.findall(text))
    head.masked["secrets"] += text.count(SECRET)
