"""What bounds the use of a database, and how it is."""

from __future__ import annotations

from dataclasses import dataclass

_A_DAY = 86400.0


@dataclass(frozen=True, slots=True)
class DatabaseSettings:
    """What bounds the use of a database.

    `patience` is how many seconds something may take before its caller is told that it cannot be had; `pending` how
    many records may wait to be written. Ended transactions and numbers are kept for `keep` seconds, the audit trail for
    `keep_audit`, what a backend is owed for `keep_owed`. `lease` is for how many seconds a process may
    deliver what is owed of a station before it has to ask again.
    """

    patience: float = 5.0
    pending: int = 200_000
    keep: float = 30 * _A_DAY
    keep_audit: float = 90 * _A_DAY
    keep_owed: float = 30 * _A_DAY
    lease: float = 60.0


@dataclass(frozen=True, slots=True)
class State:
    """How a database is. `reason` is why it is away, None when it is not; times are in seconds.

    `unwritable` counts records that no database would take, `unreadable` those on disk that cannot be read, `faults`
    the faults of our own: each is logged. `overtaken` counts records that were not written because another gateway has
    their station by now.
    """

    reason: str | None
    pending: int
    commits: int
    written: int
    failures: int
    dropped: int
    unwritable: int
    unreadable: int
    faults: int
    overtaken: int
    slowest: float
    owed: int
    oldest_owed: float
    owed_bytes: int


@dataclass(slots=True)
class Counts:
    """What is counted for `State`; `oldest_owed` is in seconds since 1970."""

    commits: int = 0
    written: int = 0
    failures: int = 0
    unwritable: int = 0
    unreadable: int = 0
    faults: int = 0
    overtaken: int = 0
    slowest: float = 0.0
    owed: int = 0
    oldest_owed: float = 0.0
    owed_bytes: int = 0

    def state(self, reason: str | None, pending: int, dropped: int, now: float) -> State:
        """Return how the database is."""
        return State(
            reason,
            pending,
            self.commits,
            self.written,
            self.failures,
            dropped,
            self.unwritable,
            self.unreadable,
            self.faults,
            self.overtaken,
            self.slowest,
            self.owed,
            max(0.0, now - self.oldest_owed) if self.owed else 0.0,
            self.owed_bytes,
        )
