"""Rules: what is told to whom. An event costs what the rules cost that name it, not what all rules cost."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, tzinfo
from typing import TypeAlias

from voltgate.alerts.catalogue import kinds
from voltgate.alerts.kind import AlertKind
from voltgate.alerts.thresholds import DEFAULT, Thresholds
from voltgate.ocpp.globs import compile_glob
from voltgate.relay.event_list import SEVERITIES, Severity
from voltgate.relay.events import Event

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
"""The days of a week, as the configuration has them."""
_WILD = frozenset("*?[")
_MOST_MEANT = 10_000
"""Stations that are remembered, for a kind each, with the rules that mean them."""

Fold: TypeAlias = Callable[[str], str]


@dataclass(frozen=True, slots=True)
class Hours:
    """Times of day, in minutes: from `begin` to before `end`, over midnight if that is less.

    `days` are those on which they begin, 0 for Monday; none: every day. Without a `zone` it is the machine's time.
    """

    begin: int = 0
    end: int = 24 * 60
    days: frozenset[int] = frozenset()
    zone: tzinfo | None = None

    def hold_at(self, at: float) -> bool:
        """Return whether a time (seconds since 1970) is within them."""
        moment = datetime.fromtimestamp(at).astimezone() if self.zone is None else datetime.fromtimestamp(at, self.zone)
        minute, day = moment.hour * 60 + moment.minute, moment.weekday()
        if self.begin < self.end:
            return self.begin <= minute < self.end and self._begin_on(day)
        return (minute >= self.begin and self._begin_on(day)) or (minute < self.end and self._begin_on((day - 1) % 7))

    def _begin_on(self, day: int) -> bool:
        return not self.days or day in self.days


ALWAYS = Hours()


@dataclass(frozen=True, slots=True)
class Whom:
    """Which stations and backends are meant: globs, of identities as they are folded; tags of stations.

    What has no station, or no backend, is meant by a rule that asks for none.
    """

    stations: tuple[str, ...] = ("*",)
    backends: tuple[str, ...] = ("*",)
    tags: frozenset[str] = frozenset()

    def means(self, station: str, backend: str, tags: frozenset[str]) -> bool:
        """Return whether a station, folded, and a backend are meant; each may be ""."""
        return (
            _any(self.stations, station)
            and _any(self.backends, backend)
            and (not self.tags or not self.tags.isdisjoint(tags))
        )

    @property
    def exact(self) -> tuple[str, ...] | None:
        """The stations that are meant, if they are named one by one."""
        return None if any(_WILD.intersection(glob) for glob in self.stations) else self.stations


def _any(globs: tuple[str, ...], text: str) -> bool:
    return any(glob == "*" or compile_glob(glob).match(text) for glob in globs)


@dataclass(frozen=True, slots=True)
class Rule:
    """What is told to whom. `events` are names of the catalogue; `hold` and `group` are in seconds.

    What is over before `hold` is not told. What comes within `group` of the first goes into one message. `recovery`:
    whether it is told that something is over.
    """

    name: str
    events: frozenset[str]
    channels: tuple[str, ...]
    whom: Whom = Whom()
    hours: Hours = ALWAYS
    severity: Severity = "info"
    hold: float = 60.0
    group: float = 10.0
    recovery: bool = True

    def tells(self, kind: AlertKind, severity: Severity, at: float) -> bool:
        """Return whether an event of a kind is told; whom it concerns has been looked at."""
        return (
            kind.name in self.events
            and SEVERITIES.index(severity) >= SEVERITIES.index(self.severity)
            and self.hours.hold_at(at)
        )


@dataclass(frozen=True, slots=True)
class Mute:
    """What is not told, and when: events by their globs, of these stations and backends, within these hours."""

    events: tuple[str, ...] = ("*",)
    whom: Whom = Whom()
    hours: Hours = ALWAYS
    reason: str = ""

    def silences(self, event: str, station: str, backend: str, at: float) -> bool:
        """Return whether an event is not told."""
        return _any(self.events, event) and self.whom.means(station, backend, frozenset()) and self.hours.hold_at(at)


class _Bucket:
    """The rules to which one kind matters: those for single stations by these, and all others."""

    __slots__ = ("_by_station", "_others")

    def __init__(self, rules: Iterable[Rule]) -> None:
        self._by_station: dict[str, list[Rule]] = {}
        self._others: list[Rule] = []
        for rule in rules:
            if rule.whom.exact is None:
                self._others.append(rule)
            else:
                for station in dict.fromkeys(rule.whom.exact):
                    self._by_station.setdefault(station, []).append(rule)

    def of(self, station: str) -> Iterator[Rule]:
        """Yield the rules that may mean a station."""
        yield from self._by_station.get(station, ())
        yield from self._others


class Rules:
    """All rules, by what they are about."""

    def __init__(self, rules: Iterable[Rule] = (), mutes: Iterable[Mute] = (), bounds: Thresholds = DEFAULT) -> None:
        self.all = tuple(rules)
        self.mutes = tuple(mutes)
        known = kinds(bounds)
        about: dict[str, list[Rule]] = {}
        for rule in self.all:
            for kind in known.values():
                if kind.name in rule.events or not rule.events.isdisjoint(kind.recovers):
                    about.setdefault(kind.name, []).append(rule)
        self._buckets = {name: _Bucket(few) for name, few in about.items()}
        self._meant: dict[tuple[str, str], tuple[Rule, ...]] = {}
        """The rules about a kind that mean a station: globs are tried once, as events of a station come again."""
        self.kinds: dict[type[Event], tuple[AlertKind, ...]] = {}
        """The kinds that matter to any rule, by the event that they are: what is not here costs one look."""
        for name in about:
            kind = known[name]
            for event in kind.events:
                self.kinds[event] = (*self.kinds.get(event, ()), kind)

    def of(self, kind: AlertKind, station: str, backend: str, tags: frozenset[str]) -> Iterator[Rule]:
        """Yield the rules to which an event of a kind matters: those that name it, or what it ends."""
        meant = self._meant.get((kind.name, station))
        if meant is None:
            meant = tuple(rule for rule in self._buckets[kind.name].of(station) if _any(rule.whom.stations, station))
            if len(self._meant) >= _MOST_MEANT:
                self._meant.clear()
            self._meant[kind.name, station] = meant
        return (rule for rule in meant if rule.whom.means(station, backend, tags))
