"""Records that wait to be written, and the callers that wait for them."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from voltgate.relay.records import AuditRecord, Record

_Key: TypeAlias = tuple[type[Record], tuple[str | int, ...]]
Batch: TypeAlias = dict[_Key, tuple[Record, bool]]
"""What is to be written: for each key the last record, and whether it is deleted."""


@dataclass(slots=True, eq=False)
class _Waiter:
    then: Callable[[bool], None]
    serial: int
    """The number of the last record that it waits for."""
    timer: asyncio.TimerHandle | None = None


class Pending:
    """A queue of at most `most` keys. Only the last record of a key is written."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._records: Batch = {}
        self._serial = 0
        self._waiters: deque[_Waiter] = deque()
        self._writing = False
        self.dropped = 0
        """Records for which there was no room."""

    def __len__(self) -> int:
        return len(self._records)

    @property
    def is_idle(self) -> bool:
        """Whether all that was entered is on disk."""
        return not self._records and not self._writing

    @property
    def is_full(self) -> bool:
        """Whether a record with a new key is refused, unless it can take the place of a line of the audit trail."""
        return len(self._records) >= self._most

    def enter(self, record: Record, *, deleted: bool) -> bool:
        """Take a record; False when there is no room for it, which is counted."""
        key = (type(record), record.key)
        if self.is_full and key not in self._records and not self._make_room():
            self.dropped += 1
            return False
        self._serial += 1
        self._records[key] = (record, deleted)
        return True

    def _make_room(self) -> bool:
        """Drop the oldest line of the audit trail, if there is any to drop."""
        oldest = next((key for key in self._records if key[0] is AuditRecord), None)
        if oldest is None:
            return False
        del self._records[oldest]
        self.dropped += 1
        return True

    # Writing.

    def take(self) -> tuple[Batch, int]:
        """Take all that waits, with the number of its last record. `written` or `put_back` must follow."""
        batch, self._records = self._records, {}
        self._writing = True
        return batch, self._serial

    def put_back(self, batch: Batch) -> None:
        """Keep what could not be written; what was entered meanwhile replaces it."""
        self._records = batch | self._records
        self._writing = False

    def written(self, last: int) -> None:
        """Call those who wait for nothing later than record number `last`."""
        self._writing = False
        while self._waiters and self._waiters[0].serial <= last:
            waiter = self._waiters.popleft()
            if waiter.timer is not None:
                waiter.timer.cancel()
                waiter.then(True)

    # Waiting.

    def wait(self, then: Callable[[bool], None], patience: float) -> None:
        """Call `then(True)` once all that was entered so far is written, `then(False)` after `patience` seconds."""
        waiter = _Waiter(then, self._serial)
        waiter.timer = asyncio.get_running_loop().call_later(patience, self._give_up, waiter)
        self._waiters.append(waiter)

    def _give_up(self, waiter: _Waiter) -> None:
        waiter.timer = None
        if waiter in self._waiters:
            self._waiters.remove(waiter)
            waiter.then(False)

    def close(self) -> None:
        """Call those who still wait with False."""
        waiters, self._waiters = list(self._waiters), deque()
        for waiter in waiters:
            if waiter.timer is not None:
                waiter.timer.cancel()
        for waiter in waiters:
            waiter.then(False)
