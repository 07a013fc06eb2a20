"""Thresholds: from when on what is measured is told of."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Thresholds:
    """From when on what is measured is told of. Times are in seconds, unless a name says otherwise."""

    backend_away: float = 5.0
    """No link has been open for so long: a single one that is lost may come back at once."""
    backend_errors: float = 0.5
    backend_calls: int = 20
    backend_window: float = 60.0
    """So many calls ended within a window, and this share of them badly. A backend is sound again below half of it."""
    boots: int = 5
    boots_within: float = 600.0
    """So many boots within so long are too many."""
    transaction_length: float = 86_400.0
    """A transaction that runs for longer is unusually long."""
    transaction_energy_wh: float = 10.0
    """A transaction that took no more took none."""
    journal_entries: int = 1000
    journal_age: float = 3600.0
    """A backend is owed so many messages, or one for so long; until both are below half of it."""
    certificate_days: tuple[int, ...] = (30, 14, 7, 3, 1, 0)
    """Days before its end at which a certificate is told of."""
    disk_share: float = 0.1
    disk_free: int = 5 << 30
    """A disk is nearly full when less than this share and fewer bytes are free; a tenth more, and it is not."""


DEFAULT = Thresholds()
"""Those that hold unless the configuration says otherwise."""
