"""What happens to stations and backends, as values: logs, alerts and the dashboard are told of nothing else."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from voltgate.ocpp.actions import ACTIONS, plain_action
from voltgate.ocpp.carried import CarriedResult
from voltgate.ocpp.messages import Call, Reply, Result, Unanswered


@dataclass(frozen=True, slots=True)
class StationCame:
    """A station was let in."""

    station: str
    address: str
    version: str
    route: str
    replaced: bool


@dataclass(frozen=True, slots=True)
class StationRefused:
    """A station was turned away before the upgrade. `target` is what it asked for, as it came."""

    station: str
    target: str
    address: str
    status: int
    reason: str


@dataclass(frozen=True, slots=True)
class StationWent:
    """A session has ended. `by` is who ended it."""

    station: str
    code: int
    reason: str
    by: str
    seconds: float


@dataclass(frozen=True, slots=True)
class LegUp:
    """A backend's link is open. `first` is false when it came back."""

    station: str
    backend: str
    first: bool


@dataclass(frozen=True, slots=True)
class LegDown:
    """A backend's link was lost or could not be opened. `retry` is the seconds until the next try, None for never."""

    station: str
    backend: str
    reason: str
    retry: float | None


@dataclass(frozen=True, slots=True)
class CarrierUp:
    """The connection to a backend that carries many stations is open. `first` is false when it came back."""

    backend: str
    first: bool


@dataclass(frozen=True, slots=True)
class CarrierDown:
    """The connection to a backend that carries many stations was lost, or not opened. `retry` is as in LegDown."""

    backend: str
    reason: str
    retry: float | None


@dataclass(frozen=True, slots=True)
class StationMoved:
    """A connected station was moved to another route."""

    station: str
    route: str


@dataclass(frozen=True, slots=True)
class BackendLeftOut:
    """A backend does not take the version that a station speaks: it has no part in the session."""

    station: str
    backend: str
    version: str


@dataclass(frozen=True, slots=True)
class TransactionBegan:
    """A transaction has an owner. `transaction` is the station's id of it."""

    station: str
    transaction: str
    owner: str
    connector: int | None


@dataclass(frozen=True, slots=True)
class GivenUp:
    """A message that a backend was owed will never reach it."""

    station: str
    backend: str
    action: str
    reason: str


@dataclass(frozen=True, slots=True)
class CommandRefused:
    """A backend asked a station for something that it may not, or not now."""

    station: str
    backend: str
    action: str
    reason: str


@dataclass(frozen=True, slots=True)
class ClaimsChanged:
    """A backend's list of stations was changed. `by` is who did it; `stations` are those of the list now."""

    backend: str
    by: str
    stations: int
    added: int
    removed: int
    contested: int


@dataclass(frozen=True, slots=True)
class ClaimContested:
    """Several backends claim a station. `holder` gets it ("": none of them); `by` is whose claim was the last."""

    station: str
    holder: str
    backends: tuple[str, ...]
    by: str


@dataclass(frozen=True, slots=True)
class BackendMoved:
    """A backend said that it is somewhere else. `url` and `soap_url` are "" where the configuration counts."""

    backend: str
    url: str
    soap_url: str
    by: str


@dataclass(frozen=True, slots=True)
class StationAccepted:
    """A station was let in from the waiting room."""

    station: str
    route: str
    by: str


Event: TypeAlias = (
    StationCame
    | StationRefused
    | StationWent
    | LegUp
    | LegDown
    | CarrierUp
    | CarrierDown
    | StationMoved
    | BackendLeftOut
    | TransactionBegan
    | GivenUp
    | CommandRefused
    | ClaimsChanged
    | ClaimContested
    | BackendMoved
    | StationAccepted
)
Listen: TypeAlias = Callable[[Event], None]

BUCKETS = (0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
"""Upper bounds of the latency histogram, in seconds."""

OTHER = "other"
"""The label of every action that is in no version of OCPP: the wire must not make labels."""


class Tally:
    """How the calls of one action ended, and how long they took."""

    __slots__ = ("buckets", "errors", "results", "seconds", "unanswered")

    def __init__(self) -> None:
        self.results = 0
        self.errors = 0
        self.unanswered: dict[str, int] = {}
        self.seconds = 0.0
        self.buckets = [0] * (len(BUCKETS) + 1)

    @property
    def count(self) -> int:
        """The number of calls that ended."""
        return sum(self.buckets)


class Tallies:
    """One tally for each action: the calls in one direction between one backend and its stations."""

    __slots__ = ("_by_action", "by_label")

    def __init__(self) -> None:
        self.by_label: dict[str, Tally] = {}
        self._by_action: dict[str, Tally] = {}

    def observe(self, call: Call, reply: Reply, now: float) -> None:
        """Count a call that ended."""
        tally = self._by_action.get(call.action) or self._tally(call.action)
        if type(reply) is Result or isinstance(reply, CarriedResult):
            tally.results += 1
        elif isinstance(reply, Unanswered):
            reason = reply.reason.value
            tally.unanswered[reason] = tally.unanswered.get(reason, 0) + 1
        else:
            tally.errors += 1
        took = now - call.at
        tally.seconds += took
        tally.buckets[bisect_left(BUCKETS, took)] += 1

    def _tally(self, action: str) -> Tally:
        label = plain_action(action)
        known = label in ACTIONS
        tally = self.by_label.setdefault(label if known else OTHER, Tally())
        if known:
            self._by_action[action] = tally
        return tally
