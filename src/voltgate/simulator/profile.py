"""The profiles of simulated stations: how often they send what, and how they behave when something fails."""

from __future__ import annotations

import enum
from dataclasses import dataclass, replace
from typing import TypeAlias

Span: TypeAlias = tuple[float, float]
"""Lower and upper bound in seconds; values between them are drawn evenly."""

DEFAULT = "lively"


@dataclass(frozen=True, slots=True)
class Profile:
    """The daily life of a station. All times are in seconds.

    `heartbeat` None means: as the backend says in its answer to the boot. `idle` is the pause between two sessions of
    a connector, `charging` the length of one; without `idle` no car ever arrives. `samples` is the number of values in
    a meter reading, `think` the time before a command is answered. With `load_station` there is no daily life: the
    next call is sent as soon as the last is answered.
    """

    name: str
    connectors: int = 1
    heartbeat: float | None = None
    metering: float = 60.0
    idle: Span | None = (60.0, 600.0)
    charging: Span = (120.0, 1200.0)
    samples: int = 1
    think: Span = (0.0, 0.0)
    load_station: bool = False


PROFILES = {
    profile.name: profile
    for profile in (
        Profile("lively", 2, 30.0, 5.0, (2.0, 30.0), (15.0, 60.0), samples=4, think=(0.05, 0.5)),
        Profile("lazy", 1, 3600.0, 300.0, (3600.0, 36000.0), (3600.0, 14400.0)),
        Profile("typical", 2, 300.0, 60.0, (600.0, 7200.0), (1200.0, 7200.0), samples=8),
        Profile("chatty", 1, 60.0, 10.0, (600.0, 7200.0), (1200.0, 7200.0), samples=8),
        Profile("fast", 2, 300.0, 30.0, (120.0, 1200.0), (600.0, 2400.0), samples=12),
        Profile("busy", 1, None, 1.0, (0.1, 1.0), (1.0, 4.0), samples=4),
        Profile("idle", 1, None, idle=None),
        Profile("treadmill", 1, None, idle=None, load_station=True),
    )
}
"""Lazy to fast are estimates from the field; busy and treadmill are for load, lively is for watching."""


class Ids(enum.StrEnum):
    """How a station numbers its messages."""

    UNIQUE = "unique"
    PLAIN = "plain"


class Boots(enum.StrEnum):
    """When a station sends a BootNotification: after it was switched on, or after every reconnect too."""

    ONCE = "once"
    ALWAYS = "always"


@dataclass(frozen=True, slots=True)
class StationSettings:
    """The protocol settings of a station. All times are in seconds.

    `backoff` is RetryBackOffWaitMinimum, RetryBackOffRandomRange and RetryBackOffRepeatTimes (2.1 Part 4 section 5.4);
    `attempts` and `retry` are TransactionMessageAttempts and TransactionMessageRetryInterval (1.6 section 9.1). Plain
    `ids` count from 1 at every station. `echo` says that the backend is Voltgate's simulated one, whose answers show
    for which station they are. `history` is the number of past transactions that a station remembers.
    """

    timeout: float = 30.0
    ping: float = 60.0
    open_calls: int = 1
    backoff: tuple[float, float, int] = (1.0, 5.0, 5)
    attempts: int = 3
    retry: float = 10.0
    ids: Ids = Ids.UNIQUE
    echo: bool = False
    boots: Boots = Boots.ONCE
    reconnects: bool = True
    transactions: int | None = None
    history: int = 0

    def impatient(self) -> StationSettings:
        """Return the same settings with short waits, for tests and demonstrations on loopback."""
        return replace(self, backoff=(0.1, 0.2, 3), retry=0.2)
