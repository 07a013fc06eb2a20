"""The engine: which rules an event matters to, and what each has to know of it. It writes and waits for nothing.

The event is put in a queue as it happens; rules are looked at when a task has time for it.
"""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, NamedTuple, TypeAlias

from voltgate.alerts.catalogue import ALERTS
from voltgate.alerts.kind import AlertKind, connector, details, stranger
from voltgate.alerts.plain import cut
from voltgate.alerts.records import Alert
from voltgate.alerts.rules import Rule, Rules
from voltgate.relay.event_list import Severity, endangers
from voltgate.relay.events import DatabaseAway, DatabaseBack, Event, StationRefused, StationWent, StatusChanged

MOST = 10_000
"""Events that wait to be written; of those that endanger people a tenth more."""
_HOUR, _DAY = 3600.0, 86_400.0
_WORDS = 600
"""Characters of what strangers say that are kept."""
_LONGEST = 600
"""Bytes of a subject, or of what a station is compared by."""
STRANGERS = 1000
"""Who is refused within an hour, for one reason, and is noted: anybody can knock under one name after the other."""
PLACES, _PLAUSIBLE = 256, 64
"""Connectors with numbers beyond the plausible that are noted of a station within a day: it may invent them."""
WATCHED = frozenset(
    "backendAway backendFailing journalGrowing stationRestarting certificateExpiring diskFilling "
    "databaseAway nodeLost".split()
)
"""What a process knows by heart, and would not end after a restart: it says again and again that it lasts, and what
it has looked at first and does not say lasts is over."""


class Known(NamedTuple):
    """What is known of a station: what it is compared by, what people call it, and its tags."""

    key: str
    name: str
    tags: frozenset[str]


Identify: TypeAlias = Callable[[str], Known]


class Noted(NamedTuple):
    """An event, and when it was (seconds since 1970)."""

    event: Event
    at: float


@dataclass(frozen=True, slots=True)
class Sighting:
    """An event as one rule sees it.

    `told`: the rule tells of it; else it only ends what is in `ends`, names of alerts that this rule tells of. `muted`
    is by the configuration. `once`: such a thing is not said twice, so each is told. `news`: it is told whatever it
    ends, else only what it ends makes it news. The rest is as in `Alert` and `Rule`.
    """

    rule: str
    event: str
    subject: str
    state: str
    key: str
    station: str
    backend: str
    severity: Severity
    urgent: bool
    lasting: bool
    once: bool
    news: bool
    at: float
    told: bool
    muted: bool
    ends: tuple[str, ...]
    hold: float
    group: float
    recovery: bool
    channels: tuple[str, ...]
    fields: Mapping[str, Any]


class Engine:
    """Takes note of events, and says what rules see in them. `identify` says what is known of a station."""

    def __init__(self, identify: Identify, wake: Callable[[], None] = lambda: None) -> None:
        self.rules = Rules()
        self.names: Mapping[str, str] = {}
        """What people call stations, by identity; over what `identify` says."""
        self.noted = self.dropped = 0
        self.standing: set[tuple[str, str]] = set()
        """What lasts of WATCHED by what this process has seen: names of alerts, and subjects."""
        self._looked: set[tuple[str, str]] = set()
        self._judged: set[tuple[str, str]] = set()
        self._identify, self._wake = identify, wake
        self._refused: dict[int, set[str]] = {}
        self._refused_since = 0.0
        self._places: dict[str, set[str]] = {}
        self._places_since = 0.0
        self._queue: deque[Noted] = deque()
        self._here: deque[Noted] = deque()

    def __len__(self) -> int:
        return len(self._queue) + len(self._here)

    # As it happens.

    def note(self, event: Event, at: float) -> None:
        """Take note of an event. One that no rule is about costs a look into a dictionary."""
        if type(event) not in self.rules.kinds or _is_no_loss(event):
            return
        queue = self._here if isinstance(event, DatabaseAway | DatabaseBack) else self._queue
        if (isinstance(event, StationRefused) and self._is_beyond(event, at)) or (
            isinstance(event, StatusChanged) and not endangers(event) and self._is_invented(event, at)
        ):
            self.dropped += 1
            return
        if len(queue) >= MOST and not (endangers(event) and len(queue) < MOST + MOST // 10):
            self.dropped += 1
            return
        self.noted += 1
        queue.append(Noted(event, at))
        self._wake()

    def _is_invented(self, event: StatusChanged, at: float) -> bool:
        """Return whether a station has spoken of too many connectors that hardly any station has."""
        if max(event.evse or 0, event.connector or 0) <= _PLAUSIBLE:
            return False
        if not 0 <= at - self._places_since < _DAY:
            self._places, self._places_since = {}, at
        who, place = _bounded(event.station), connector(event)
        known = self._places.setdefault(who, set()) if len(self._places) < STRANGERS else self._places.get(who, set())
        if place not in known and len(known) < PLACES and who in self._places:
            known.add(place)
        return place not in known

    def _is_beyond(self, event: StationRefused, at: float) -> bool:
        """Return whether somebody is refused after too many others."""
        if not 0 <= at - self._refused_since < _HOUR:
            self._refused, self._refused_since = {}, at
        who, others = _bounded(stranger(event)), self._refused.setdefault(event.status, set())
        if who not in others and len(others) >= STRANGERS:
            return True
        others.add(who)
        return False

    def looked(self, alert: str, subject: str) -> None:
        """Take note that this process has seen how something of WATCHED stands. Only the first time matters."""
        which = alert, _bounded(subject)
        if which not in self._judged and len(self._judged) < MOST:
            self._looked.add(which)

    # Later.

    @property
    def over(self) -> set[tuple[str, str]]:
        """What was looked at and does not last, whatever a process before has told: names of alerts, and subjects."""
        return self._looked - self.standing

    def ended(self, over: set[tuple[str, str]]) -> None:
        """Forget some of what is `over`: it has been ended."""
        self._judged |= over
        self._looked -= over

    def first(self, most: int) -> list[Noted]:
        """Return what has waited longest, at most so many; it stays until it is `done`."""
        return [self._queue[place] for place in range(min(most, len(self._queue)))]

    def done(self, count: int) -> None:
        """Forget so many of those that have waited longest."""
        for _ in range(count):
            self._queue.popleft()

    def take_here(self, *, away: bool) -> list[Noted]:
        """Take what is told by this process alone: that the database is away; what endangers people while it is."""
        taken, self._here = list(self._here), deque()
        if away and any(endangers(noted.event) for noted in self._queue):
            taken += [noted for noted in self._queue if endangers(noted.event)]
            self._queue = deque(noted for noted in self._queue if not endangers(noted.event))
        return taken

    def sightings(self, noted: Noted) -> Iterator[Sighting]:
        """Yield what each rule sees in an event."""
        event, at = noted
        identity = getattr(event, "station", "")
        station = self._identify(identity) if identity else Known("", "", frozenset())
        backend = getattr(event, "backend", "") or getattr(event, "owner", "")
        about = replace(event, station=station.key) if identity else event  # type: ignore[arg-type]
        for kind in self.rules.kinds.get(type(event), ()):
            if kind.when(event):
                subject = _bounded(kind.subject(about))
                self._remember(kind, subject)
                for rule in self.rules.of(kind, station.key, backend, station.tags):
                    yield self._seen(rule, kind, event, at, subject, station, backend)

    def means(self, alert: Alert) -> bool:
        """Return whether a rule still tells of an alert: by its name, its event, and whom it means."""
        tags = self._identify(alert.station).tags if alert.station else frozenset[str]()
        return any(
            alert.event in rule.events and rule.whom.means(alert.key, alert.backend, tags)
            for rule in self.rules.all
            if rule.name == alert.rule
        )

    def _remember(self, kind: AlertKind, subject: str) -> None:
        if kind.name in WATCHED:
            self.standing.add((kind.name, subject))
        for name in kind.recovers:
            self.standing.discard((name, subject))

    def _seen(
        self, rule: Rule, kind: AlertKind, event: Event, at: float, subject: str, station: Known, backend: str
    ) -> Sighting:
        identity = getattr(event, "station", "")
        severity, urgent = kind.severity_of(event), endangers(event)
        mutes = () if urgent else self.rules.mutes
        names = {identity: self.names.get(identity, station.name)} if identity else {}
        said = details(event, names)
        return Sighting(
            rule=rule.name,
            event=kind.name,
            subject=subject,
            state=kind.state(event),
            key=_bounded(station.key),
            station=identity,
            backend=backend,
            severity=severity,
            urgent=urgent,
            lasting=kind.lasting,
            once=kind.once,
            news=kind.news(event),
            at=at,
            told=rule.tells(kind, severity, at),
            muted=any(mute.silences(kind.name, station.key, backend, at) for mute in mutes),
            ends=tuple(name for name in kind.recovers if name in rule.events),
            hold=rule.hold if kind.lasting and not urgent else 0.0,
            group=rule.group,
            recovery=rule.recovery and severity != "info",
            channels=rule.channels,
            fields={name: cut(value, _WORDS) if isinstance(value, str) else value for name, value in said.items()},
        )


def _bounded(text: str) -> str:
    """Return a text that fits into an index, whatever strangers wrote: a long one by its beginning and its digest."""
    if len(text.encode("unicode_escape")) <= _LONGEST:
        return text
    return f"{text[:20]}… {hashlib.sha256(text.encode(errors='surrogatepass')).hexdigest()}"


def _is_no_loss(event: Event) -> bool:
    """Return whether an event says that a station went which has a newer connection, here or elsewhere."""
    return isinstance(event, StationWent) and event.goes_on


def title_of(event: str) -> tuple[str, str]:
    """Return the templates of the title and of the body of an alert; of one that is not known any more, its name."""
    kind = ALERTS.get(event)
    return (event, "") if kind is None else (kind.title, kind.body)
