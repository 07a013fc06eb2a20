"""The topics of live pages: what can be asked for, by whom, and where it comes from."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Annotated, Any, Literal, TypeAlias

from fastapi import FastAPI
from pydantic import Field, TypeAdapter, ValidationError

from voltgate.relay.records import StoreAway
from voltgate.store.alert_choice import alerts_chosen
from voltgate.web.access import Caller, forbidden, rank_of
from voltgate.web.alerting import AlertParts
from voltgate.web.api.alerts import shown as shown_alert
from voltgate.web.api.events import wanted_events
from voltgate.web.api.messages import see_within
from voltgate.web.live.changes import Changes
from voltgate.web.live.feeds import Feeds
from voltgate.web.live.outbox import Outbox
from voltgate.web.live.overview import Counting, Overview, Overviews
from voltgate.web.live.rows import Rows
from voltgate.web.models import Asked
from voltgate.web.networks import reach_in_some
from voltgate.web.problems import Problem
from voltgate.web.queries import Queries
from voltgate.web.stream import Item, Pieces, item
from voltgate.web.wide import one_station, streams

IDENTITIES = 500
"""Stations of a list that one page shows at most."""
_ALERTS = 500
"""Open alerts that are shown at most: the newest."""
_MESSAGES, _PACE = 40, 0.2
"""Messages that a page is told at once at most, and seconds in between: nobody reads more, and each one costs."""
_BATCH = 0.1
"""Seconds between two looks at a station that something happens to."""
_LOOK, _LOOK_AT_ALERTS = 1.0, 2.0
"""Seconds between two looks at a station in full, and at what is open."""

_PATIENCE = 15.0
"""Seconds within which an overview is there: other nodes may take some."""

Id = Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]{1,32}$")]
Identity = Annotated[str, Field(min_length=1, max_length=255)]


class ForOverview(Asked):
    """The overview, each second."""

    subscribe: Literal["overview"]
    id: Id


class ForStations(Asked):
    """Rows of the list of stations: those on the screen."""

    subscribe: Literal["stations"]
    id: Id
    identities: Annotated[list[Identity], Field(max_length=IDENTITIES)]


class ForStation(Asked):
    """One station, with its session."""

    subscribe: Literal["station"]
    id: Id
    identity: Identity


class ForMessages(Asked):
    """Messages, of one station or of all."""

    subscribe: Literal["messages"]
    id: Id
    station: Identity | None = None


class ForEvents(Asked):
    """Events. `last` is the id of the last one that was seen: what came after it is told first."""

    subscribe: Literal["events"]
    id: Id
    station: Identity | None = None
    kinds: list[Annotated[str, Field(max_length=100)]] = Field(default=[], max_length=20)
    last: Annotated[str | None, Field(max_length=4096)] = None


class ForAlerts(Asked):
    """The alerts that are open."""

    subscribe: Literal["alerts"]
    id: Id


Topic: TypeAlias = ForOverview | ForStations | ForStation | ForMessages | ForEvents | ForAlerts
TOPIC: TypeAdapter[Topic] = TypeAdapter(Annotated[Topic, Field(discriminator="subscribe")])


class Topics:
    """Where the topics of a process come from."""

    def __init__(self, queries: Queries, app: FastAPI) -> None:
        self.queries = queries
        self.feeds = Feeds()
        self._app = app
        self._alerting: AlertParts | None = getattr(app.state, "alerting", None)
        self._changes = Changes(queries, self.feeds)
        self._rows = Rows(queries, self.feeds, self._changes)
        self._overviews = Overviews(queries, self._alerting, Counting(queries))

    async def open(self, topic: Topic, caller: Caller, outbox: Outbox) -> Callable[[], None]:
        """Tell a page of a topic, until what is returned is called. Raise Problem: 403, 404, 422, 503."""
        of = topic.id

        def state(items: Sequence[Item]) -> None:
            outbox.keep(of, "", items[-1])

        def happened(items: Sequence[Item]) -> None:
            outbox.add(of, items)

        match topic:
            case ForOverview():
                _see_role(caller)
                return self.feeds.follow("overview", self._overviews.pieces, state, keeps=True)
            case ForStations(identities=identities):
                _see_role(caller)
                return self._rows.follow(identities, lambda identity, row: outbox.keep(of, identity, row))
            case ForStation(identity=identity):
                _see_role(caller)
                name = ("station", identity)
                return self.feeds.follow(name, lambda: self._station(identity), state, keeps=True)
            case ForMessages(station=station):
                key = await self._within(caller, station)
                return self.feeds.follow(
                    ("messages", key), lambda: streams.messages(self.queries, key, _MESSAGES, _PACE), happened
                )
            case ForEvents():
                _see_role(caller)
                return self._events(topic, happened)
            case ForAlerts():
                return self._open_alerts(caller, state)

    # Stations.

    async def _station(self, identity: str) -> Pieces:
        """Yield a station in full, when it has changed."""
        last: Item | None = None
        async with self._changes.of(self.queries.snapshot.directory.key(identity)) as wait:
            while True:
                shown = await self._shown(identity)
                yield () if shown == last else [shown]
                last = shown
                await asyncio.sleep(_BATCH)
                await wait(_LOOK)

    async def _shown(self, identity: str) -> Item:
        try:
            station = await one_station.show(self.queries, identity)
        except Problem as problem:
            if problem.status == 404:
                return item("gone", {"identity": identity})
            return error(problem)
        return Item("row", station.model_dump_json(exclude_unset=True).encode())

    # Messages and events.

    async def _within(self, caller: Caller, station: str | None) -> str | None:
        """Return the key of the station whose messages somebody may see; None: of all. Raise Problem."""
        reach = reach_in_some(caller, "operator")
        key = None if station is None else self.queries.snapshot.directory.key(station)
        await see_within(reach, self._app, key, ("station",))
        return key

    def _events(self, topic: ForEvents, take: Callable[[Sequence[Item]], None]) -> Callable[[], None]:
        wanted = wanted_events(self.queries, topic.station, topic.kinds, ("kinds",))

        def named(items: Sequence[Item]) -> None:
            take([each if each.kind in ("lost", "missing", "error") else each._replace(kind="event") for each in items])

        shared = ("events", wanted.key, tuple(sorted(wanted.kinds)))
        name: Any = shared if topic.last is None else object()  # who goes on after an event is alone in that
        return self.feeds.follow(name, lambda: streams.events(self.queries, wanted, topic.last), named)

    # Alerts.

    def _open_alerts(self, caller: Caller, take: Callable[[Sequence[Item]], None]) -> Callable[[], None]:
        reach, alerting = reach_in_some(caller, "viewer"), self._alerting
        if alerting is None:
            raise Problem(503, "Service Unavailable", "No alerts are kept here.")
        networks = reach.networks
        return self.feeds.follow(("alerts", networks), lambda: _alerts(alerting, networks), take, keeps=True)

    # Once.

    async def overview(self) -> Overview:
        """Return the overview that pages are told, once rates are known. Raise Problem 503."""
        told: asyncio.Queue[Item] = asyncio.Queue()
        close = self.feeds.follow(
            "overview", self._overviews.pieces, lambda items: told.put_nowait(items[-1]), keeps=True
        )
        try:
            async with asyncio.timeout(_PATIENCE):
                while True:
                    overview = Overview.model_validate_json((await told.get()).data)
                    if overview.calls.per_second is not None:
                        return overview
        except (TimeoutError, ValidationError):
            raise Problem(503, "Service Unavailable", "The overview cannot be had now: the log may say why.") from None
        finally:
            close()


async def _alerts(alerting: AlertParts, networks: frozenset[str] | None) -> Pieces:
    """Yield the alerts that are open, the newest first, when they have changed."""
    last: Item | None = None
    which = alerts_chosen(status=["open"], networks=networks)
    while True:
        try:
            stores = alerting.stores if networks is None else alerting.stores[:1]
            found = [each for store in stores for each in await store.alerts(which, None, _ALERTS)]
            found.sort(key=lambda each: (each.at, each.id), reverse=True)
            told = item("alerts", {"items": [shown_alert(each).model_dump(mode="json") for each in found[:_ALERTS]]})
        except StoreAway as away:
            told = error(Problem(503, "Service Unavailable", f"Alerts cannot be read: {away}."))
        yield () if told == last else [told]
        last = told
        await asyncio.sleep(_LOOK_AT_ALERTS)


def _see_role(caller: Caller) -> None:
    if caller.rank < rank_of("viewer"):
        raise forbidden(caller, 'This takes the role "viewer".')


def error(problem: Problem) -> Item:
    """Return an item that says why something comes to nothing."""
    return item("error", {"status": problem.status, "detail": problem.detail or problem.title, **problem.more})
