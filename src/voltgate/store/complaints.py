"""Complaints: records that cannot be written, or read. What they hold is not logged: it may be a secret."""

from __future__ import annotations

import structlog

from voltgate.relay.records import Record
from voltgate.store.state import Counts
from voltgate.store.tables import TABLES

_MOST = 10_000
"""Records that cannot be read which are told apart: each is logged once."""

log = structlog.get_logger("voltgate.store")


class Complaints:
    """Logs and counts what is wrong with single records."""

    def __init__(self, counts: Counts) -> None:
        self._counts = counts
        self._spoilt: set[tuple[type[Record], tuple[str | int, ...]]] = set()

    def unreadable(self, record: Record) -> None:
        """Log and count, once, a record that cannot be read back."""
        row = type(record), record.key
        if row in self._spoilt:
            return
        if len(self._spoilt) < _MOST:
            self._spoilt.add(row)
        self._counts.unreadable += 1
        log.error(
            "a record cannot be read, and stays as it is: mend or delete its row, or run the version that made it",
            table=TABLES[type(record)].name,
            key=record.key,
        )

    def unwritable(self, record: Record, error: Exception) -> None:
        """Log and count a record that no database takes."""
        self._counts.unwritable += 1
        kind, station = type(record).__name__, getattr(record, "station", "")[:100]
        cause = getattr(error, "orig", None) or error
        log.error(
            "a record cannot be written, and is given up", kind=kind, station=station, reason=type(cause).__name__
        )
