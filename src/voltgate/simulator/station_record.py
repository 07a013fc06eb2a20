"""What the simulated backend received from each station, to be compared with what the station did."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, TypeAlias

Fields: TypeAlias = dict[str, Any]

MOST_TRANSACTIONS = 1000
"""Transactions of one station that are kept; the oldest are dropped first."""


@dataclass(slots=True)
class ReceivedTransaction:
    """One transaction. Meter readings are in Wh, `messages` counts its messages, `events` are their seqNo (2.x)."""

    name: int | str
    tag: str
    connector: int
    meter_start: int | None = None
    meter_stop: int | None = None
    messages: int = 1
    events: list[int] = field(default_factory=list)
    ended: bool = False

    def as_dict(self) -> Fields:
        """Return the transaction as plain JSON."""
        return {name: getattr(self, name) for name in self.__slots__}


@dataclass(slots=True)
class StationRecord:
    """What one station sent: its transactions by name, and the number of messages for each action."""

    transactions: dict[int | str, ReceivedTransaction] = field(default_factory=dict)
    starts: dict[tuple[int, str, str, int], int] = field(default_factory=dict)
    received: dict[str, int] = field(default_factory=dict)

    def count(self, action: str) -> None:
        """Count a message."""
        self.received[action] = self.received.get(action, 0) + 1

    def add(self, entry: ReceivedTransaction) -> ReceivedTransaction:
        """Add a transaction."""
        self.transactions[entry.name] = entry
        if len(self.transactions) > MOST_TRANSACTIONS:
            del self.transactions[next(iter(self.transactions))]
        if len(self.starts) > MOST_TRANSACTIONS:
            del self.starts[next(iter(self.starts))]
        return entry

    def running(self) -> int | str | None:
        """Return the name of a transaction that has not ended; None when there is none."""
        return next((name for name, entry in self.transactions.items() if not entry.ended), None)

    def as_dict(self) -> Fields:
        """Return the record as plain JSON."""
        return {"said": self.received, "transactions": [entry.as_dict() for entry in self.transactions.values()]}
