"""Backends: what the configuration says of each, and what is counted for it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import quote, unquote

from voltgate.ocpp.actions import ACTIONS, TRANSACTION_ACTIONS, plain_action
from voltgate.ocpp.counts import Counts
from voltgate.ocpp.dialect import SUBPROTOCOLS, Dialect
from voltgate.ocpp.messages import Call, Reply
from voltgate.ocpp.turn_ports import Bounds
from voltgate.relay.admission import Admission
from voltgate.relay.permit import Permit
from voltgate.relay.policy import Wrap
from voltgate.relay.stand_in import StandIn
from voltgate.relay.tallies import OTHER, Tallies


@dataclass(frozen=True, slots=True)
class Retry:
    """When a lost link is dialled again: `first` seconds, then `factor` times as many, up to `longest`.

    A fixed `schedule` of seconds takes the place of the three; its last is repeated. The share `jitter` of each wait is
    left to chance, so that not all come at once. `tries` in a row may fail (None: any number).
    """

    first: float = 1.0
    factor: float = 2.0
    longest: float = 60.0
    jitter: float = 0.5
    tries: int | None = None
    schedule: tuple[float, ...] = ()

    def delay(self, failures: int, draw: Callable[[], float]) -> float | None:
        """Return the seconds before the next try after `failures` in a row; None if that was the last."""
        if self.tries is not None and failures > self.tries:
            return None
        return self._exact(failures) * (1 - self.jitter * draw())

    def _exact(self, failures: int) -> float:
        if self.schedule:
            return self.schedule[min(failures, len(self.schedule)) - 1]
        try:
            return min(self.first * float(self.factor) ** (failures - 1), self.longest)
        except OverflowError:
            return self.longest


_SEGMENT = re.compile(r"[A-Za-z0-9._~!$&'()*+,;=:@|%-]+")
"""A segment of a path (RFC 3986 section 3.3), and "|", which identities of 2.x may hold (2.1 Part 4 section 3.1.1)."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One address of a backend. The scheme of its URL picks the carrier; `how` is what only that carrier looks into.

    The URL holds `{station}` where the station's identity goes, if anywhere. `carrier` is the name of that carrier;
    `takes` are the versions in which a session's calls may be handed to it (None: those of the backend). `brokered`: a
    broker is in between, and tells all gateways that listen for a station what the backend says to it.
    """

    url: str
    how: object = None
    carrier: str = "websocket"
    takes: tuple[str, ...] | None = None
    brokered: bool = False

    @property
    def scheme(self) -> str:
        """What picks the carrier: "wss", "http", "local" …."""
        return self.url.partition(":")[0].lower()

    def address(self, identity: str, target: str = "") -> str:
        """Return the URL for one station: its identity is one percent-encoded segment of the path.

        The segment is the station's own, byte for byte, where `target`, the path that it came by, ends with it: not
        every backend decodes it.
        """
        path, mark, query = self.url.partition("?")
        encoded = quote(identity, safe="")
        own = target.partition("?")[0].rstrip("/").rpartition("/")[2]
        segment = own if _SEGMENT.fullmatch(own) and unquote(own) == identity else encoded
        return path.replace("{station}", segment) + mark + query.replace("{station}", encoded)


@dataclass(frozen=True, slots=True)
class BackendSettings:
    """What the configuration says of a backend, as far as the relay needs it.

    `when_down`: calls wait up to `wait` seconds, are refused, the station's socket is closed, or a stand-in answers;
    `then` says whether a call that has waited for too long is refused, or closes it. `deliver`: what is copied to it
    goes through the journal as far as `owed` names it, or is dropped when it is away. `invites`: the session that its
    remote start causes is its own ("own": with a token that the rules give it; "none": never), else whose the rules
    say. `dialect` is how it is spoken to (None: as the station speaks). `from_backend` and `to_backend` stand on its
    two arrows; the first of them sees a call first. `endpoints` are its addresses, one of each carrier: two backends
    are the same only when these are equal too.
    """

    name: str
    versions: tuple[str, ...] = SUBPROTOCOLS
    when_down: Literal["wait", "refuse", "close", "answer"] = "wait"
    wait: float = 10.0
    then: Literal["close", "refuse"] = "close"
    retry: Retry = Retry()
    replay_boot: bool = True
    window: int = 16
    waiting: int = 64
    waiting_bytes: int = 1 << 20
    deliver: Literal["once", "always"] = "once"
    owed: frozenset[str] = TRANSACTION_ACTIONS
    stand_in: StandIn = StandIn()  # noqa: RUF009 - frozen
    permit: Permit | None = None
    invites: Literal["any", "own", "none"] = "any"
    dialect: Dialect | None = None
    from_backend: tuple[Wrap, ...] = ()
    to_backend: tuple[Wrap, ...] = ()
    endpoints: tuple[Endpoint, ...] = ()

    def bounds(self, patience: float) -> Bounds:
        """Return the bounds of turns with it; `patience` is how long its own calls may take, in seconds."""
        return Bounds(self.window, self.waiting, self.waiting_bytes, patience)

    def offers(self, versions: Iterable[str], carrier: str = "websocket") -> tuple[str, ...]:
        """Return those of a station's versions that it is offered: its own dialect instead, if it has one.

        `carrier` is the one that the station came by.
        """
        if self.dialect is not None:
            return (self.dialect.version,)
        endpoint = self.endpoint_for(carrier)
        taken = self.versions if endpoint is None or endpoint.takes is None else endpoint.takes
        return tuple(version for version in versions if version in taken)

    def endpoint_for(self, carrier: str) -> Endpoint | None:
        """Return the address for stations that came by a carrier: that of the same one, else the first; None: none."""
        same = (endpoint for endpoint in self.endpoints if endpoint.carrier == carrier)
        return next(same, self.endpoints[0] if self.endpoints else None)

    @property
    def stood_in(self) -> StandIn | None:
        """How it is stood in for while it is away; None if it is not."""
        return self.stand_in if self.when_down == "answer" else None

    def owes(self, action: str) -> bool:
        """Return whether a copy of this action must reach the backend, whatever happens."""
        return self.deliver == "always" and plain_action(action) in self.owed

    @property
    def closes(self) -> bool:
        """Return whether the station is let go when this backend stays away."""
        return self.when_down == "close" or (self.when_down == "wait" and self.then == "close")


@dataclass(slots=True, eq=False)
class Backend:
    """One backend with what is counted for it over all its legs."""

    settings: BackendSettings
    calls: Tallies = field(default_factory=Tallies)
    commands: Tallies = field(default_factory=Tallies)
    counts: Counts = field(default_factory=Counts)
    legs: int = 0
    up: int = 0
    copies_dropped: dict[str, int] = field(default_factory=dict)
    commands_refused: dict[str, int] = field(default_factory=dict)
    left_out: int = 0
    """Sessions that began, or went on, without it: their stations speak a version that it does not take."""
    given_up: int = 0
    """Messages of the journal that the backend will never get."""
    admission: Admission = field(default_factory=Admission)
    """Who may send it an overdue message."""

    @property
    def name(self) -> str:
        """The backend's name in the configuration."""
        return self.settings.name

    @property
    def invites(self) -> str:
        """Which sessions that its remote starts cause are its own."""
        return self.settings.invites

    def refuse(self, action: str) -> None:
        """Count a command that it was refused."""
        label = action if action in ACTIONS else OTHER
        self.commands_refused[label] = self.commands_refused.get(label, 0) + 1

    def drop_copy(self, reason: str) -> None:
        """Count a copy that it was not told of."""
        self.copies_dropped[reason] = self.copies_dropped.get(reason, 0) + 1


def observe(call: Call, reply: Reply, now: float) -> None:
    """Count a backend's call to a station for its backend: it is the asker."""
    if isinstance(call.asker, Backend):
        call.asker.commands.observe(call, reply, now)
