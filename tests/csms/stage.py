"""A stage for the management system: stations that say things, and rows in memory in place of a database."""

from __future__ import annotations

import asyncio
import copy
import itertools
import json
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from voltgate.csms.model import (
    MAIN,
    Connector,
    MeterValue,
    Network,
    Note,
    Profile,
    Report,
    Reservation,
    Row,
    SigningRequest,
    Station,
    StatusChange,
    Token,
    Transaction,
    Variable,
)
from voltgate.csms.ports import Decide, Found, Needs, StoreAway
from voltgate.csms.service import ManagementSystem
from voltgate.csms.settings import CsmsSettings
from voltgate.csms.tariffs import Tariff
from voltgate.csms.watch import Watch
from voltgate.ocpp.messages import Call, Error, Handler, Reply, Respond, Result, Unanswered
from voltgate.ocpp.wheel import Wheel

NOON = 1_780_000_000.0
"""2026-05-28T20:26:40Z, when every story begins."""

KEYS: dict[type, tuple[str, ...]] = {
    Network: ("id",),
    Station: ("key",),
    Connector: ("station", "evse", "connector"),
    Token: ("id",),
    Transaction: ("station", "ref"),
    Reservation: ("station", "number"),
    Report: ("station", "kind", "request"),
    Profile: ("station", "evse", "profile", "source"),
    SigningRequest: ("station", "number"),
    Variable: ("station", "component", "variable", "attribute"),
}
"""What the rows that change are known by; all others are kept as they come."""


def _key(row: Row) -> tuple[Any, ...]:
    return tuple(getattr(row, name) for name in KEYS.get(type(row)) or row.__dataclass_fields__)


@dataclass
class Rows:
    """A store in memory: what a round changes is there when it has ended, and only then."""

    away: str = ""
    tables: dict[type, dict[tuple[Any, ...], Any]] = field(default_factory=dict)
    rounds: int = 0
    at_once: int = 1
    tariffs: tuple[Tariff, ...] = ()
    dropped: int = 0
    """Rows that each round says it had to drop."""
    _numbers: Any = field(default_factory=lambda: itertools.count(1))

    def put(self, row: Row) -> None:
        kept = self.tables.get(type(row), {}).get(_key(row))
        if isinstance(row, Variable | Profile) and kept is not None and kept.at > row.at:
            return
        self.tables.setdefault(type(row), {})[_key(row)] = copy.copy(row)

    def all(self, kind: type) -> list[Any]:
        return list(self.tables.get(kind, {}).values())

    async def holders(self) -> set[str]:
        return {each.holder for each in self.all(Station) if each.connected}

    async def held_by(self, holder: str) -> list[Station]:
        return [each for each in self.all(Station) if each.connected and each.holder == holder]

    async def away_since(self, before: float) -> list[Station]:
        return [each for each in self.all(Station) if not each.connected and each.holder and each.since <= before]

    async def station(self, key: str) -> Station | None:
        return self.tables.get(Station, {}).get((key,))

    async def round(self, needs: Needs, decide: Decide) -> int:
        if self.away:
            raise StoreAway(self.away)
        self.rounds += 1
        await asyncio.sleep(0)
        for row in decide(self._found(needs)):
            self.put(row)
        return self.dropped

    def _found(self, needs: Needs) -> Found:
        for key, identity in needs.stations.items():
            if (key,) not in self.tables.get(Station, {}):
                self.put(Station(key, identity))
        found = Found(tariffs=self.tariffs, networks={each.id: each for each in self._copies(Network)})
        found.networks.setdefault(MAIN, Network(MAIN, "Main"))
        wanted = needs.stations.keys() | needs.there
        found.stations = {each.key: each for each in self._copies(Station) if each.key in wanted}
        found.connectors = {
            (each.station, each.evse, each.connector): each
            for each in self._copies(Connector)
            if each.station in wanted
        }
        found.tokens = {each.id: each for each in self._copies(Token) if each.id in needs.tokens}
        for tx in self._copies(Transaction):
            if tx.state == "running" and tx.token.casefold() in needs.used:
                found.used.setdefault(tx.token.casefold(), set()).add((tx.station, tx.ref))
            asked = (tx.station, tx.ref) in needs.transactions or (tx.station, tx.evse) in needs.last
            asked = asked or (tx.station, tx.ended) in needs.ended or (tx.station, tx.called) in needs.called
            if asked or (tx.state == "running" and tx.station in needs.running):
                found.transactions[tx.station, tx.ref] = tx
        found.reservations = {
            (each.station, each.number): each
            for each in self._copies(Reservation)
            if (each.station, each.number) in needs.reservations
        }
        found.reports = {_key(each): each for each in self._copies(Report) if _key(each) in needs.reports}
        found.profiles = {
            _key(each): each  # type: ignore[misc]
            for each in self._copies(Profile)
            if each.station in needs.profiles and not each.cleared
        }
        found.signing = {
            (each.station, each.number): each
            for each in self._copies(SigningRequest)
            if each.station in needs.signing and each.status == "waiting"
        }
        found.numbers = [next(self._numbers) for _ in range(needs.numbers)]
        return found

    def _copies(self, kind: type) -> Iterable[Any]:
        return [copy.copy(row) for row in self.all(kind)]

    async def seen(self, stations: dict[str, float]) -> list[str]:
        if self.away:
            raise StoreAway(self.away)
        for key, at in stations.items():
            self.tables[Station][key,].seen = at
        return [key for key in stations if not self.tables[Station][key,].connected]


async def nobody(holders: set[str]) -> set[str]:
    """Return none of them: all live."""
    return set()


class FakeStation:
    """One station's connection. `asked` has what it was called with; it accepts what nobody has told it to refuse."""

    def __init__(self, stage: Stage, identity: str, protocol: str, holder: str = "", said_at: float = 0.0) -> None:
        self.holder = holder
        self.said_at = said_at
        self.identity = identity
        self.protocol = protocol
        self.asked: list[tuple[str, dict[str, Any]]] = []
        self.replies: dict[str, dict[str, Any] | Error] = {}
        self.kept = 0
        """How often it was written down that it has come, or gone."""
        self._stage = stage
        self._handler: Handler = stage.csms.serve(self)

    def hold(self) -> Callable[[], None]:
        def keep() -> None:
            self.kept += 1

        return keep

    def command(self, call: Call, respond: Respond) -> None:
        self.asked.append((call.action, call.fields))
        reply = self.replies.get(call.action, {"status": "Accepted"})
        respond(reply if isinstance(reply, Error) else Result(call.id, json.dumps(reply).encode()))

    async def say(self, action: str, payload: dict[str, Any], message_id: str = "") -> dict[str, Any]:
        """Make a call, and return the payload of its result."""
        reply = await self.call(action, payload, message_id)
        assert isinstance(reply, Result), reply
        return reply.fields

    async def refused(self, action: str, payload: dict[str, Any]) -> tuple[str, str]:
        """Make a call that is refused; return code and description."""
        reply = await self.call(action, payload)
        assert isinstance(reply, Error), reply
        assert not isinstance(reply, Unanswered), reply
        return reply.code, reply.description

    async def call(self, action: str, payload: dict[str, Any], message_id: str = "") -> Reply:
        """Make a call, and return what it is answered."""
        return await self.call_with(action, json.dumps(payload).encode(), message_id)

    async def call_with(self, action: str, payload: bytes, message_id: str = "") -> Reply:
        """Make a call with a payload as it is written, and return what it is answered."""
        answer: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
        call = Call(message_id or self._stage.message_id(), action, payload)
        self._handler(call, answer.set_result)
        async with asyncio.timeout(5):
            return await answer

    def leave(self) -> None:
        """Go away."""
        self._stage.csms.left(self)


class Stage:
    """The management system with its clock in hand."""

    def __init__(self, rows: Rows | None = None, **settings: Any) -> None:
        self.now = NOON
        self.rows = Rows() if rows is None else rows
        self.wheel = Wheel(0.0)
        self.csms = ManagementSystem(
            self.rows,
            CsmsSettings(**settings),
            self.wheel,
            lambda: self.now - NOON,
            lambda: self.now,
            str.casefold,
            "here",
        )
        self.watch = Watch(self.csms.rounds, self.rows, nobody, lambda: self.now)
        self._ids = itertools.count(1)
        self._tasks = [asyncio.ensure_future(self._repeat(work)) for _, work in self.csms.rounds.tasks()]

    async def _repeat(self, work: Callable[[], Awaitable[None]]) -> None:
        while True:
            await work()

    async def __aenter__(self) -> Stage:
        return self

    async def __aexit__(self, *raised: object) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def message_id(self) -> str:
        return f"m{next(self._ids)}"

    def station(self, identity: str = "CP-1", protocol: str = "ocpp1.6", holder: str = "") -> FakeStation:
        """Have a station come, to a gateway of its own if `holder` says so."""
        return FakeStation(self, identity, protocol, holder, self.now if holder else 0.0)

    async def wait(self, seconds: float) -> None:
        """Let time go by, and what is due then be done."""
        self.now += seconds
        self.wheel.tick(self.now - NOON)
        for _ in range(5):
            await asyncio.sleep(0)

    async def look(self, dead: set[str] | None = None) -> None:
        """Look for stations that stay away, and for those of holders that are dead."""

        async def are_dead(holders: set[str]) -> set[str]:
            return holders & (dead or set())

        self.watch.dead = are_dead
        await self.watch.look()
        await self.wait(0)

    def one(self, kind: type) -> Any:
        """Return the only row of a kind."""
        (row,) = self.rows.all(kind)
        return row

    def statuses(self) -> dict[tuple[int, int], str]:
        """Return the status of each connector."""
        return {(each.evse, each.connector): each.status for each in self.rows.all(Connector)}


__all__ = ["NOON", "FakeStation", "MeterValue", "Note", "Stage", "StatusChange"]
