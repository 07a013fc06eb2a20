"""The selection of stations for a list: candidates, filter and order."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from voltgate.directory.claims import Holding
from voltgate.directory.stations import Station
from voltgate.relay.session import Session
from voltgate.snapshot import Snapshot
from voltgate.versions import version_of

StationSort: TypeAlias = Literal["identity", "-identity", "since", "-since", "route"]
SessionSort: TypeAlias = Literal["identity", "-identity", "since", "-since", "route", "-route"]


@dataclass(frozen=True, slots=True)
class Filter:
    """The filter of a list of stations; None: any. `text` is part of the identity or the name."""

    text: str | None = None
    route: str | None = None
    backend: str | None = None
    tag: str | None = None
    connected: bool | None = None
    version: str | None = None


@dataclass(frozen=True, slots=True)
class SessionFilter:
    """The filter of a list of sessions; None: any."""

    route: str | None = None
    backend: str | None = None
    version: str | None = None

    def takes(self, session: Session) -> bool:
        """Return whether a session matches."""
        return (
            self.route in (None, session.route)
            and (self.backend is None or self.backend in session.legs)
            and self.version in (None, session.dialect.version)
        )


def session_rank(sort: SessionSort, began: float) -> Callable[[Session], tuple[float | str, str]]:
    """Return what gives the sort key of a session; a sort that begins with "-" is the same backwards."""
    name = sort.removeprefix("-")

    def rank(session: Session) -> tuple[float | str, str]:
        first = began + session.connected_at if name == "since" else session.route if name == "route" else ""
        return first, session.key

    return rank


class Choice:
    """A selection from a snapshot of the stations, by identity: a million of them may be claimed.

    Conditions on the identity or the session alone are tested first: only the rest is looked up.
    """

    def __init__(
        self,
        snapshot: Snapshot,
        sessions: Mapping[str, Session],
        wanted: Filter,
        sort: StationSort,
        began: float = 0.0,
    ) -> None:
        """`began` is what the sessions' clock showed 0 at, in seconds since 1970: nodes compare when stations came."""
        self._directory = snapshot.directory
        self._routes = snapshot.routes
        self._sessions = dict(sessions)
        self._wanted = wanted
        self._text = None if wanted.text is None else wanted.text.casefold()
        self._sort = sort
        self._began = began
        self._named = {self._directory.key(identity): identity for identity in self._directory.named()}
        claims = self._directory.register.claims
        self._holdings = [holding for name, holding in claims.holdings.items() if name in claims.known]

    def roster(self) -> Iterator[str]:
        """Yield the identity of every station that is known individually or connected, each once."""
        if self._wanted.connected or self._wanted.version is not None:
            yield from (session.identity for session in self._sessions.values())
            return
        yield from self._named.values()
        for number, holding in enumerate(self._holdings):
            before = self._holdings[:number]
            yield from (claim.identity for key, claim in holding if self._is_new(key, before))
        for key, session in self._sessions.items():
            if self._is_new(key, self._holdings):
                yield session.identity

    def lists(self, key: str) -> bool:
        """Return whether a station is known individually: it is on the list also while it is away."""
        return not self._is_new(key, self._holdings)

    def _is_new(self, key: str, before: list[Holding]) -> bool:
        return key not in self._named and not any(holding.find(key) for holding in before)

    def takes(self, identity: str) -> bool:
        """Return whether a station matches the filter."""
        wanted, key = self._wanted, self._directory.key(identity)
        session = self._sessions.get(key)
        if wanted.connected is not None and wanted.connected is (session is None):
            return False
        if wanted.version is not None and (session is None or version_of(session) != wanted.version):
            return False
        if self._text is not None and self._text not in identity.casefold() and not self._name_matches(key, identity):
            return False
        if wanted.route is None and wanted.tag is None and wanted.backend is None:
            return True
        station = self._find(identity)
        return (
            station is not None
            and wanted.route in (None, station.route)
            and (wanted.tag is None or wanted.tag in station.tags)
            and (wanted.backend is None or self._has_leg(station, session, wanted.backend))
        )

    def _name_matches(self, key: str, identity: str) -> bool:
        """Return whether the text is in the name; stations without a name of their own are named by their identity."""
        station = self._find(identity) if key in self._named else None
        return station is not None and str(self._text) in station.name.casefold()

    def _has_leg(self, station: Station, session: Session | None, backend: str) -> bool:
        """Return whether a backend has a leg in the session of a station, or would have one."""
        if session is not None:
            return backend in session.legs
        route = self._routes.get(station.route)
        return route is not None and backend in route.plans(*station.traits).backends

    def _find(self, identity: str) -> Station | None:
        return self._directory.find(identity) or self._directory.unplaced(identity)

    def rank(self, identity: str) -> Any:
        """Return the sort key of a station; those that are not connected come after those that are."""
        key = self._directory.key(identity)
        match self._sort:
            case "identity" | "-identity":
                return key
            case "route":
                station = self._find(identity)
                return "" if station is None else station.route, key
            case _:
                session = self._sessions.get(key)
                connected_at = 0.0 if session is None else self._began + session.connected_at
                return session is None, connected_at if self._sort == "since" else -connected_at, key
