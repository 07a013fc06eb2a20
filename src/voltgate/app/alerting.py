"""Alerting: the tasks that write down what was seen, make messages of it, and send them. No station waits for any."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import NamedTuple
from uuid import uuid4

import structlog

from voltgate.alerts.channels.channel import Channel
from voltgate.alerts.engine import Engine, Identify, Known, Sighting
from voltgate.alerts.records import Counts, Delivery, Policy
from voltgate.alerts.rules import Rules
from voltgate.alerts.sender import Sender, Ways
from voltgate.alerts.writing import Author
from voltgate.app.alert_channels import channels_of, templates_of
from voltgate.app.alert_rules import policies_of, rules_of, zone_of
from voltgate.config import Config
from voltgate.config.alert_checks import KINDS
from voltgate.config.alerts import read_names
from voltgate.directory.stations import Directory
from voltgate.relay.calendar import Calendar
from voltgate.relay.events import Event
from voltgate.relay.records import StoreAway
from voltgate.store import Database
from voltgate.store.alerts import AlertStore
from voltgate.store.alerts_here import AlertsHere
from voltgate.store.reach import Reach
from voltgate.telemetry.supervision import Supervision

_TICK, _GATHER = 1.0, 0.2
"""Seconds between two looks at what is due; for which events come together before they are written."""
_EVENTS, _SIGHTINGS = 2000, 300
"""Events that are looked at for one commit, and what rules see in them that is written with it."""
_SLICE = 0.005
"""Seconds of work between two turns of the event loop."""
_UPKEEP, _PURGE_EVERY = 60.0, 60
"""Seconds between two times that it is said what lasts; how many of these between two looks at what is old."""
_TRIES = 3
"""How often what is refused by a database that works is written, before it is written one by one."""
_LAST = 5.0
"""Seconds that the last events may take to be written down."""
_A_DAY = 86_400.0

log = structlog.get_logger("voltgate.alerts")


class _Settings(NamedTuple):
    """What a configuration says."""

    ways: Ways
    author: Author
    names: Path | None
    keep: float
    kinds: Mapping[str, str]


def _settings(config: Config, before: Mapping[str, Channel]) -> _Settings:
    """Return what a configuration says; channels that are as they were before go on."""
    alerts = config.alerts
    ways = Ways(channels_of(alerts, before), policies_of(alerts))
    kinds = {
        name: next(kind for kind in KINDS if getattr(section, kind) is not None)
        for name, section in alerts.channels.items()
    }
    author = Author(templates_of(alerts), zone_of(alerts))
    return _Settings(ways, author, alerts.names, alerts.keep_days * _A_DAY, kinds)


class Alerting:
    """The alerts of one process. Without a database they are kept in memory."""

    def __init__(
        self,
        config: Config,
        database: Database | None,
        calendar: Calendar,
        identify: Identify,
        supervision: Supervision,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._calendar, self.wall = calendar, wall
        self._wake = asyncio.Event()
        self.engine = Engine(identify, self._wake.set)
        self.counts = Counts()
        node = uuid4().hex if database is None else database.node
        self._database = database
        self.here = AlertsHere(node)
        """What this process tells by itself: that the database is away, and what endangers people meanwhile."""
        self.store: AlertStore = self.here
        if database is not None:
            self.store = AlertStore(Reach(database.there, database.patience), node)
        self.stores = tuple(dict.fromkeys((self.store, self.here)))
        self._standing_here = False
        self._refused = self._rounds = 0
        self._names_as: tuple[Path, int] | None = None
        self.numbers: Mapping[str, int] = {}
        """How many alerts are held, open and muted, and how many messages wait; some seconds ago."""
        self._settings = _settings(config, {})
        self.follow(config)
        self.sender = Sender(
            self.stores,
            lambda: self._settings.ways,
            wall,
            self.counts,
            partial(supervision.failed, "alerts sending"),
        )

    def follow(self, config: Config) -> None:
        """Go by a configuration from now on; what was seen before is told as it was to be told then."""
        self._settings = _settings(config, self.channels)
        self.engine.rules = rules_of(config)

    # As it happens.

    def note(self, event: Event) -> None:
        """Take note of an event."""
        self.engine.note(event, self.wall())

    # Tasks.

    def tasks(self) -> Iterator[tuple[str, Callable[[], Awaitable[None]]]]:
        """Yield what is to be done as long as the process lives, by name."""
        yield "alerts", self._look
        yield "alerts sending", self.sender.run
        yield "alerts upkeep", self._keep_up

    async def close(self) -> None:
        """Write down what was noted last, as far as the database is there. The tasks have ended."""
        with suppress(StoreAway, TimeoutError):
            async with asyncio.timeout(_LAST):
                await self.write()
        await self.here.close()

    async def _look(self) -> None:
        """Write down what has come, and make messages of what is due."""
        with suppress(TimeoutError):
            async with asyncio.timeout(_TICK):
                await self._wake.wait()
                await asyncio.sleep(_GATHER)
        self._wake.clear()
        await self._follow_names()
        await self.write()
        await self.tell()

    async def write(self) -> None:
        """Write down all that has been noted, as far as the database is there."""
        engine, store = self.engine, self.store
        away = store is not self.here and self._is_away()
        here = [seen for noted in engine.take_here(away=away) for seen in engine.sightings(noted)]
        await self.here.note(here)
        self._standing_here = self._standing_here or any(seen.told for seen in here)
        while len(engine) and not away:
            events, sightings = await self._next()
            try:
                await self._note(sightings)
            except StoreAway:
                self._refused += 1
                if self._refused < _TRIES or self._is_away():
                    self._wake.set()
                    return
                await self._note_each(sightings)
            self._refused = 0
            engine.done(events)
        if not away and (over := engine.over):
            with suppress(StoreAway):
                await store.end(over, self.wall())
                engine.ended(over)

    def _is_away(self) -> bool:
        return self._database is not None and self._database.state.reason is not None

    async def _next(self) -> tuple[int, list[Sighting]]:
        """Return what rules see in the events that have waited longest, and how many these are."""
        found: list[Sighting] = []
        events, began = 0, time.monotonic()
        for noted in self.engine.first(_EVENTS):
            found += self.engine.sightings(noted)
            events += 1
            if len(found) >= _SIGHTINGS:
                break
            if time.monotonic() - began > _SLICE:
                await asyncio.sleep(0)
                began = time.monotonic()
        return events, found

    async def _note(self, sightings: list[Sighting]) -> None:
        await self.store.note(sightings)
        if self._standing_here and self.store is not self.here:  # what began here while the database was away
            await self.here.note([replace(seen, told=False) for seen in sightings if seen.ends])

    async def _note_each(self, sightings: list[Sighting]) -> None:
        """Write what the database refuses as a whole one by one, and lose what cannot be written."""
        for seen in sightings:
            try:
                await self.store.note([seen])
            except StoreAway as error:
                self.engine.dropped += 1
                log.warning(
                    "an alert cannot be written down", event=seen.event, subject=seen.subject, reason=str(error)
                )

    async def tell(self) -> None:
        """Make messages of what is due."""
        author, ways = self._settings.author, self._settings.ways
        if not ways.channels:
            return
        for store in self.stores:
            with suppress(StoreAway):
                while await store.tell(self.wall(), author.write, author.digest, ways.policies, self.rules.mutes):
                    self.sender.wake()

    async def _keep_up(self) -> None:
        """Look after what is kept, again and again."""
        with suppress(StoreAway):
            await self.keep_up()
        await asyncio.sleep(_UPKEEP)

    async def keep_up(self) -> None:
        """Say what lasts, end what nobody says lasts, delete what is old, and count. Raise StoreAway."""
        for store in self.stores:
            await store.confirm(self.engine.standing, self.wall())
        self.numbers = await self.store.numbers()
        if self._rounds % _PURGE_EVERY == 0 and self._calendar.is_steady:
            for store in self.stores:
                await store.retire(self.engine.means, self.channels, self.wall())
                await store.purge(self._calendar() - self._settings.keep)
        self._rounds += 1

    async def _follow_names(self) -> None:
        """Read the file of names if it has changed; one that cannot be read changes nothing."""
        file = self._settings.names
        try:
            stamp = None if file is None else (file, file.stat().st_mtime_ns)
        except OSError:
            return
        if stamp == self._names_as:
            return
        self._names_as = stamp
        try:
            self.engine.names = {} if file is None else await asyncio.to_thread(read_names, file)
        except ValueError as error:
            log.warning("names of stations stay as they were", reason=str(error))

    # What it goes by, for the API.

    @property
    def channels(self) -> Mapping[str, Channel]:
        """The channels by name."""
        return self._settings.ways.channels

    @property
    def kinds(self) -> Mapping[str, str]:
        """What kind of channel each is, by name."""
        return self._settings.kinds

    @property
    def rules(self) -> Rules:
        """The rules in force."""
        return self.engine.rules

    @property
    def policies(self) -> Mapping[str, Policy]:
        """What bounds the channels, by name."""
        return self._settings.ways.policies

    @property
    def author(self) -> Author:
        """Who writes the messages."""
        return self._settings.author

    @property
    def names(self) -> Path | None:
        """The file with what people call stations."""
        return self._settings.names

    @property
    def keep(self) -> float:
        """Seconds for which what is over is kept."""
        return self._settings.keep

    async def test(self, channel: str, by: str) -> Delivery:
        """Have a message sent that only shows that a channel works; return it. Raise StoreAway."""
        now = self.wall()
        delivery = await self.store.put(channel, self._settings.author.test(channel, by, now), now)
        self.sender.wake()
        return delivery


def identify_by(directory: Callable[[], Directory]) -> Identify:
    """Return what says what is known of a station by a directory."""

    def identify(identity: str) -> Known:
        found = directory().find(identity)
        if found is None:
            return Known(directory().key(identity), identity, frozenset())
        return Known(found.key, found.name, found.tags)

    return identify
