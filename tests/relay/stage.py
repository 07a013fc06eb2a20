"""A stage to play a session on: a station, its backends and a dialler in memory, and a clock moved by hand.

A test reads like a transcript: the station sends …; a backend gets …; the backend sends …; the station gets … .
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Literal

from voltgate.ocpp.counts import Counts
from voltgate.ocpp.dialect import Dialect
from voltgate.ocpp.wheel import Wheel
from voltgate.relay.backend import Backend, BackendSettings
from voltgate.relay.calendar import Calendar
from voltgate.relay.carrier import DialContext
from voltgate.relay.events import Event
from voltgate.relay.ledger import Ledger
from voltgate.relay.leg import Leg
from voltgate.relay.notifier import Notifier
from voltgate.relay.permit import FULL
from voltgate.relay.ports import Ports, SessionSettings
from voltgate.relay.records import (
    OWED_AT_ONCE,
    Debt,
    FactRecord,
    InvitationRecord,
    Lease,
    NumberRecord,
    OwedRecord,
    Page,
    Piece,
    Record,
    TransactionRecord,
)
from voltgate.relay.route import Plans, Route
from voltgate.relay.rule import Rule
from voltgate.relay.session import Session
from voltgate.relay.tap import Taps
from voltgate.relay.wire import Receiver

START = 5000.0
CALENDAR = 1_800_000_000.0
"""What the calendar shows when the stage's clock shows 0, in seconds since 1970."""


class Shelf:
    """A store in memory. With `slow` nothing is on disk until `writes`; with `broken` nothing ever is."""

    def __init__(self) -> None:
        self.records: dict[tuple[Any, ...], Record] = {}
        self.slow = False
        self.broken = False
        self.elsewhere = False
        """Whether another process has the right to deliver."""
        self.epoch = 1
        self.leased = False
        self.unreadable: list[Record] = []
        self._waiting: list[Callable[[bool], None]] = []

    def put(self, record: Record) -> None:
        """Keep a record."""
        self.records[type(record), *record.key] = record

    def strike(self, record: Record) -> None:
        """Forget a record."""
        self.records.pop((type(record), *record.key), None)

    def after(self, then: Callable[[bool], None], station: str = "") -> None:
        """Call back when all is on disk."""
        if self.slow:
            self._waiting.append(then)
        else:
            then(not self.broken)

    owed_bytes = 0

    @property
    def lasting(self) -> bool:
        """Keep what is put."""
        return True

    def read_owed(
        self, station: str, backend: str, without: tuple[str, ...], then: Callable[[Piece | None], None]
    ) -> None:
        """Read the next messages that a backend is owed; with `slow` not before `writes`, with `broken` none."""
        if self.slow:
            self._waiting.append(lambda there: self._read_owed(backend, without, then, there))
        else:
            self._read_owed(backend, without, then, not self.broken)

    def _read_owed(
        self, backend: str, without: tuple[str, ...], then: Callable[[Piece | None], None], there: bool
    ) -> None:
        mine = [each for each in self._owed() if each.backend == backend and each.transaction not in without]
        owed = tuple(mine[:OWED_AT_ONCE])
        refs = {each.transaction for each in owed}
        then(Piece(owed, tuple(tx for tx in self.of(TransactionRecord) if tx.ref in refs)) if there else None)

    def _owed(self) -> list[OwedRecord]:
        return sorted(self.of(OwedRecord), key=lambda record: record.seq)

    def lease(self, station: str, then: Callable[[Lease | None], None]) -> None:
        """Let this process deliver, unless the test says that another does; with `slow` not before `writes`."""
        if self.slow:
            self._waiting.append(lambda _: self._lease(then))
        else:
            self._lease(then)

    def _lease(self, then: Callable[[Lease | None], None]) -> None:
        self.leased = not self.elsewhere
        self.epoch += self.elsewhere
        then(None if self.elsewhere or self.broken else Lease(60.0, self.epoch))

    def release(self, station: str) -> None:
        """Let another process deliver."""
        self.leased = False

    def spoilt(self, record: Record) -> None:
        """Note that a record cannot be read."""
        self.unreadable.append(record)

    def writes(self) -> None:
        """Bring everything to disk."""
        waiting, self._waiting = self._waiting, []
        for then in waiting:
            then(not self.broken)

    def of(self, kind: type[Record]) -> list[Any]:
        """Give the records of a kind."""
        return [record for record in self.records.values() if isinstance(record, kind)]

    def page(self, station: str) -> Page:
        """Give what is on record of a station."""
        owed = self._owed()
        by_backend = {each.backend: [mine for mine in owed if mine.backend == each.backend] for each in owed}
        return Page(
            station,
            tuple(self.of(TransactionRecord)),
            tuple(self.of(InvitationRecord)),
            tuple(self.of(NumberRecord)),
            tuple(self.of(FactRecord)),
            tuple(record for mine in by_backend.values() for record in mine[:OWED_AT_ONCE]),
            tuple(Debt(backend, len(mine)) for backend, mine in by_backend.items()),
            owed[-1].seq if owed else 0,
        )


class Known(Mapping[str, Backend]):
    """The backends of a stage: whatever the rules name is there."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage

    def __getitem__(self, name: str) -> Backend:
        return self._stage.known(name)

    def __contains__(self, name: object) -> bool:
        return name not in self._stage.unknown

    def __iter__(self) -> Iterator[str]:
        return iter(self._stage.far)

    def __len__(self) -> int:
        return len(self._stage.far)


class Line:
    """One connection in memory: a wire for the relay, and the far end in the hand of the test."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self.receiver: Receiver | None = None
        self.sent: list[bytes] = []
        self.closed: tuple[int, str] | None = None
        self.pauses = 0
        self.subprotocol: str | None = None
        self.shared = False

    # The wire.

    def start(self, receiver: Receiver) -> None:
        """Bring messages to a receiver."""
        self.receiver = receiver

    def send(self, text: bytes, frame: bytes | None = None) -> None:
        """Take a message of the relay."""
        assert isinstance(frame, bytes | None)
        if self.closed is None:
            self.sent.append(text)

    def close(self, code: int, reason: str) -> None:
        """Take the relay's farewell."""
        if self.closed is None:
            self.closed = (code, reason)

    def pause(self) -> None:
        """Stop reading."""
        self.pauses += 1

    def resume(self) -> None:
        """Undo one pause; more than there were is a fault."""
        self.pauses -= 1
        assert self.pauses >= 0

    # The far end.

    def sends(self, *message: Any) -> None:
        """Send a message: an array, or the very bytes."""
        text = message[0] if isinstance(message[0], bytes) else json.dumps(message, separators=(",", ":")).encode()
        assert self.receiver is not None
        assert self.closed is None, "what comes after the farewell is not delivered"
        self.receiver.received(text, None, self._stage.now)

    def gets(self, *messages: Any) -> None:
        """See that exactly these messages have come since the last look: arrays, or the very bytes."""
        sent, self.sent = self.sent, []
        as_bytes = bool(messages) and isinstance(messages[0], bytes)
        assert (sent if as_bytes else [json.loads(text) for text in sent]) == list(messages)

    def take(self) -> list[Any]:
        """Give the messages that have come since the last look."""
        sent, self.sent = self.sent, []
        return [json.loads(text) for text in sent]

    def hangs_up(self, code: int = 1006, reason: str = "") -> None:
        """End the connection from the far side, or finish the farewell of ours."""
        if self.closed is None:
            self.closed = (code, reason)
        assert self.receiver is not None
        self.receiver.lost(code, reason)

    def is_full(self) -> None:
        """Let the write buffer towards the far end run full."""
        assert self.receiver is not None
        self.receiver.writable(False)

    def has_drained(self) -> None:
        """Let the write buffer drain."""
        assert self.receiver is not None
        self.receiver.writable(True)


class FarBackend:
    """One backend of the stage, which accepts or refuses when the test says so."""

    def __init__(self, stage: Stage, backend: Backend) -> None:
        self._stage = stage
        self.backend = backend
        self.dials: list[Leg] = []
        """Legs that are being dialled."""
        self.dialled = 0
        self.offered: tuple[str, ...] = ()
        """What the last dial offered."""
        self.lines: list[Line] = []

    @property
    def line(self) -> Line:
        """The newest connection."""
        return self.lines[-1]

    def accepts(self) -> Line:
        """Accept the one dial that is under way."""
        (leg,) = self.dials
        self.dials.clear()
        line = Line(self._stage)
        self.lines.append(line)
        leg.opened(line)
        return line

    def refuses(self, reason: str = "connection refused") -> None:
        """Refuse the one dial that is under way."""
        (leg,) = self.dials
        self.dials.clear()
        leg.failed(reason)

    def sends(self, *message: Any) -> None:
        """Send on the newest connection."""
        self.line.sends(*message)

    def gets(self, *messages: Any) -> None:
        """See what came on the newest connection."""
        self.line.gets(*messages)

    def hangs_up(self, code: int = 1006, reason: str = "") -> None:
        """End the newest connection."""
        self.line.hangs_up(code, reason)


class Stage:
    """A session with its station and backends.

    `backends` are settings by name; a backend that only the rules name has the default ones. With `opened=False` the
    station has not come in yet. `admit` says who lets it in, `checked` whether its password is checked here.
    `registered` is what the station was last told of its registration, on an earlier connection.
    """

    def __init__(
        self,
        *rules: Rule,
        version: str = "ocpp1.6",
        backends: dict[str, dict[str, Any]] | None = None,
        opened: bool = True,
        admit: Literal["backend", "gateway"] = "gateway",
        checked: bool = False,
        registered: str | None = "Accepted",
        **settings: Any,
    ) -> None:
        self.now = START
        self.ahead = 0.0
        """Seconds by which the calendar has jumped."""
        self.draw = 0.0
        self.wheel = Wheel(START)
        self.counts = Counts()
        self.events: list[Event] = []
        self.ended: list[Session] = []
        self.unknown: set[str] = set()
        """Backends that are not configured any more."""
        self._settings = backends or {}
        self.far: dict[str, FarBackend] = {}
        self.store = Shelf()
        if registered is not None:
            self.store.put(FactRecord("cp-1", "registration", CALENDAR, json.dumps(registered).encode()))
        self.reports: list[tuple[str, str, int]] = []
        """What listeners raised, as far as it is reported."""
        self.notifier = Notifier(lambda: self.now, self._report)
        self.ports = Ports(
            self.wheel,
            lambda: self.now,
            lambda: self.draw,
            self._dial,
            self.events.append,
            self.counts,
            Calendar(lambda: self.now + CALENDAR + self.ahead, lambda: self.now),
            self.store,
            Taps(self.notifier),
        )
        self._version, self._session_settings = version, SessionSettings(**settings)
        self.admit, self.checked = admit, checked
        self.route = Route("home", admit, rules)
        self.session, self.station = self.newcomer()
        if opened:
            self.open()

    def _report(self, listener: str, fault: Exception, times: int) -> None:
        self.reports.append((listener, str(fault), times))

    def _dial(self, leg: Leg, dial_context: DialContext | None, offer: tuple[str, ...], *, answering: bool) -> None:
        assert answering is (leg.host.is_answering(leg))
        far = self.far[leg.name]
        far.dialled += 1
        far.offered = offer
        far.dials.append(leg)

    def newcomer(self, ledger: Ledger | None = None) -> tuple[Session, Line]:
        """Make a session for the station, which has not come in yet; its ledger is read anew, or the one in use."""
        dialect = Dialect(self._version)
        ledger = ledger or self.ports.ledger("cp-1", self.store.page("cp-1"))
        session = Session("CP-1", "cp-1", dialect, self._session_settings, self.ports, self.ended.append, ledger)
        line = Line(self)
        line.receiver = session
        return session, line

    def open(self) -> None:
        """Let the station in."""
        self.session.opened(self.station, self.plans(), "home", Known(self))

    def plans(self, claimant: str = "") -> Plans:
        """Give the plans of the station on its route."""
        return self.route.plans("cp-1", frozenset(), claimant, checked=self.checked)

    def moves(self, *rules: Rule, name: str = "away", claimant: str = "") -> None:
        """Put the station on another route, or let a backend claim it there."""
        self.route = Route(name, self.admit, rules)
        self.session.follow(self.plans(claimant), name, Known(self))

    def replaces(self, name: str, **settings: Any) -> FarBackend:
        """Configure a backend anew; the old one is another from now on."""
        self._settings[name] = settings
        old = self.far.pop(name)
        self.known(name)
        return old

    def known(self, name: str) -> Backend:
        """Give the backend of a name."""
        if name not in self.far:
            settings = {"permit": FULL} | self._settings.get(name, {})
            self.far[name] = FarBackend(self, Backend(BackendSettings(name, **settings)))
        return self.far[name].backend

    def __getitem__(self, name: str) -> FarBackend:
        """Give the backend of a name, as the test plays it."""
        return self.far[name]

    def up(self, *names: str) -> None:
        """Let backends accept their dials."""
        for name in names:
            self.far[name].accepts()

    def wait(self, seconds: float) -> None:
        """Let time pass, in ticks."""
        until = self.now + seconds
        while self.now < until:
            self.now = min(self.now + 0.1, until)
            self.wheel.tick(self.now)

    def happened(self, kind: type[Event]) -> list[Any]:
        """Give the events of a kind."""
        return [event for event in self.events if isinstance(event, kind)]


def one(*answer: str, copy: tuple[str, ...] = (), actions: tuple[str, ...] = ()) -> Rule:
    """Make a rule."""
    return Rule(actions=actions, answer=answer, copy=copy)


def playing(*names: str, **more: Any) -> Stage:
    """Make a stage where the first of the backends answers, the others are told, and all are there."""
    stage = Stage(one(names[0], copy=names[1:]), **more)
    stage.up(*names)
    return stage
