"""Transactions that run for unusually long."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from voltgate.alerts.thresholds import DEFAULT, Thresholds
from voltgate.relay.events import Event, TransactionLong
from voltgate.relay.transaction import Transaction


class Lengths:
    """Tells of each transaction that runs for long, once. A round looks at all stations, some at a time."""

    def __init__(self) -> None:
        self._told: set[str] = set()
        self._seen: set[str] = set()

    def look(
        self, station: str, running: Iterable[Transaction], wall: float, bounds: Thresholds = DEFAULT
    ) -> Iterator[Event]:
        """Yield which transactions of a station have become too long; `wall` is in seconds since 1970."""
        for tx in running:
            seconds = wall - tx.began
            if seconds > bounds.transaction_length:
                self._seen.add(tx.ref)
                if tx.ref not in self._told:
                    yield TransactionLong(station, tx.id, tx.owner, tx.connector, seconds)

    def end_round(self) -> None:
        """Forget those that have ended."""
        self._told, self._seen = self._seen, set()
