"""What a simulated station did: one record for each transaction, to be compared with the backend's."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class TransactionRecord:
    """A transaction as the station carried it out. Meter readings are in Wh, `started` is the event loop's time.

    `name` is the number (1.6) or name (2.x), None while there is none; `samples` counts meter readings between
    start and stop; `confirmed` means that every message of it was answered, `lost` that one never will be.
    """

    connector: int
    tag: str
    meter_start: int
    started: float
    name: int | str | None = None
    meter_stop: int | None = None
    samples: int = 0
    confirmed: bool = False
    lost: bool = False
