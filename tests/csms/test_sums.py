"""What a thousand transactions add up to, to the Wh and the cent, whatever happens between stations and the database.

Chargers of three versions keep books of their own. Calls get lost, and so do answers; they are made again, with the
same id or another one. Connections break, the process starts anew, chargers are offline and tell afterwards, events of
2.x come in any order, and some transactions are never ended. In the end the database has to say what the books say.
"""

from __future__ import annotations

import asyncio
import itertools
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import msgspec
import pytest
from sqlalchemy import select

from tests.harness import until
from tests.store.conftest import agree, still
from voltgate.csms.ends import ANOTHER
from voltgate.csms.model import Transaction
from voltgate.csms.service import ManagementSystem
from voltgate.csms.settings import CsmsSettings
from voltgate.csms.tariffs import Tariff
from voltgate.ocpp.messages import Call, Error, Handler, Reply, Respond, Result, Unanswered
from voltgate.ocpp.times import stamp
from voltgate.ocpp.wheel import Wheel
from voltgate.store import Database, DatabaseSettings, database
from voltgate.store.address import read_address
from voltgate.store.csms.shapes import shape
from voltgate.store.csms.store import CsmsStore
from voltgate.store.csms.tariffs import TariffStore
from voltgate.telemetry.supervision import Supervision

CHARGERS, EACH, RESTARTS = 40, 25, 5
NOON = 1_790_000_000
VERSIONS = ("ocpp1.6", "ocpp2.0.1", "ocpp2.1")
PRICES = {"per_kwh": "0.4079", "per_minute": "0.013", "per_session": "0.35", "per_idle_minute": "0.17", "vat": "19"}


@dataclass
class Session:
    """A transaction in the books of its charger. Registers are in Wh, times are in seconds."""

    charger: str
    began: int
    start: int
    readings: list[tuple[int, int]] = field(default_factory=list)
    """Times and registers."""
    ended: int = 0
    stop: int | None = None
    """None: it was never ended."""
    ref: str = ""

    def energy(self) -> int:
        return (self.readings[-1][1] if self.stop is None else self.stop) - self.start

    def cents(self) -> int:
        """Return the cost as whoever has the books and the tariff would compute it by hand."""
        price = {name: Fraction(text) for name, text in PRICES.items()}
        known = [*self.readings, *([] if self.stop is None else [(self.ended, self.stop)])]
        then = [(self.began, self.start), *known]
        risen = [at for (at, now), (_, before) in zip(known, then, strict=False) if now > before]
        idle = self.ended - risen[-1] if risen else 0
        net = Fraction(self.energy(), 1000) * price["per_kwh"] + price["per_session"]
        net += Fraction(self.ended - self.began, 60) * price["per_minute"]
        net += Fraction(idle, 60) * price["per_idle_minute"]
        return int(net * (100 + price["vat"]) + Fraction(1, 2))


class System:
    """The management system in a process that is killed and started again."""

    def __init__(self, path: Path) -> None:
        self.up = asyncio.Event()
        self.handlers: dict[str, Handler] = {}
        self._asked: set[asyncio.Future[Reply | None]] = set()
        self._address = read_address(f"sqlite:///{path}/sums.db", path)

    async def start(self) -> None:
        self.database = Database(self._address, DatabaseSettings(), still(), None, Supervision(shortest=0.01))
        await self.database.open()
        self.csms = ManagementSystem(
            CsmsStore(self.database),
            CsmsSettings(tokens="any"),
            Wheel(0.0),
            lambda: 0.0,
            lambda: NOON + EACH * 10_000,
            str.casefold,
            "here",
        )
        self._rounds = asyncio.gather(*(self._repeat(work) for _, work in self.csms.rounds.tasks()))
        self.up.set()

    async def _repeat(self, work: Callable[[], Awaitable[None]]) -> None:
        while True:
            await work()

    async def call(self, charger: Charger, call: Call) -> Reply | None:
        """Make a call, and return what it is answered; None if it is not, since the connection was lost."""
        await self.up.wait()
        if charger.identity not in self.handlers:
            self.handlers[charger.identity] = self.csms.serve(Peer(charger.identity, charger.version))
        heard: asyncio.Future[Reply | None] = asyncio.get_running_loop().create_future()
        self._asked.add(heard)
        self.handlers[charger.identity](call, lambda reply: None if heard.done() else heard.set_result(reply))
        async with asyncio.timeout(10):
            return await heard

    async def kill(self) -> None:
        """End it in the middle of a round; nobody gets an answer any more."""
        self.up.clear()
        self.handlers.clear()
        for heard in self._asked:
            if not heard.done():
                heard.set_result(None)
        self._asked.clear()
        self._rounds.cancel()
        await asyncio.gather(self._rounds, return_exceptions=True)
        await self.database.close()


@dataclass
class Peer:
    """A connection."""

    identity: str
    protocol: str
    holder: str = ""
    said_at: float = 0.0

    def hold(self) -> Callable[[], None]:
        return lambda: None

    def command(self, call: Call, respond: Respond) -> None:
        respond(Result(call.id, b"{}"))


class Charger:
    """A charger with its books, which says each thing until it is answered."""

    def __init__(self, number: int, system: System) -> None:
        self.identity, self.version = f"CP-{number:02}", VERSIONS[number % 3]
        self.sessions: list[Session] = []
        self._system = system
        self._chance = random.Random(number)
        self._ids = itertools.count()

    async def live(self) -> None:
        """Charge; now and then what was kept while it was offline is said at once."""
        at, register = NOON, self._chance.randrange(10_000_000)
        for _ in range(EACH):
            session = Session(self.identity, at + self._chance.randrange(1, 500), register)
            self._charge(session)
            self.sessions.append(session)
            at, register = session.readings[-1] if session.stop is None else (session.ended, session.stop)
            await (self._tell_16(session) if self.version == "ocpp1.6" else self._tell_2x(session))
        for before, after in itertools.pairwise(self.sessions):
            before.ended = after.began if before.stop is None else before.ended

    def _charge(self, session: Session) -> None:
        chance, at, register = self._chance, session.began, session.start
        grows = chance.random() < 0.9
        for _ in range(chance.randrange(1, 6)):
            at, grows = at + chance.randrange(1, 900), grows and chance.random() < 0.8
            register += chance.randrange(1, 5000) * grows
            session.readings.append((at, register))
        is_last = len(self.sessions) == EACH - 1
        if is_last or chance.random() < 0.95:
            session.ended = at + chance.randrange(1, 900)
            session.stop = register + chance.randrange(5000) * grows

    async def _tell_16(self, session: Session) -> None:
        begun = {"connectorId": 1, "idTag": "TAG", "meterStart": session.start, "timestamp": stamp(session.began)}
        number = (await self._say("StartTransaction", begun))["transactionId"]
        session.ref = str(number)
        for at, register in session.readings:
            value = {"timestamp": stamp(at), "sampledValue": [{"value": f"{register / 1000:.3f}", "unit": "kWh"}]}
            await self._say("MeterValues", {"connectorId": 1, "transactionId": number, "meterValue": [value]})
        if session.stop is not None:
            over = {"transactionId": number, "meterStop": session.stop, "timestamp": stamp(session.ended)}
            await self._say("StopTransaction", over)

    async def _tell_2x(self, session: Session) -> None:
        session.ref = f"{self.identity}-{session.began}"
        said = [("Started", session.began, session.start)]
        said += [("Updated", at, register) for at, register in session.readings]
        said += [] if session.stop is None else [("Ended", session.ended, session.stop)]
        events = [self._event(session.ref, number, *each) for number, each in enumerate(said)]
        if self._chance.random() < 0.3:
            self._chance.shuffle(events)
        for event in events:
            await self._say("TransactionEvent", event)

    def _event(self, ref: str, number: int, kind: str, at: int, register: int) -> dict[str, Any]:
        context = {"Started": "Transaction.Begin", "Ended": "Transaction.End"}.get(kind, "Sample.Periodic")
        return {
            "eventType": kind,
            "seqNo": number,
            "timestamp": stamp(at),
            "triggerReason": "MeterValuePeriodic",
            "transactionInfo": {"transactionId": ref},
            "evse": {"id": 1, "connectorId": 1},
            "idToken": {"idToken": "TAG", "type": "ISO14443"},
            "meterValue": [{"timestamp": stamp(at), "sampledValue": [{"value": register, "context": context}]}],
        }

    async def _say(self, action: str, payload: dict[str, Any]) -> dict[str, Any]:
        """Say something until it is answered."""
        text = msgspec.json.encode(payload)
        message_id = f"{self.identity}-{next(self._ids)}"
        while True:
            fate = self._chance.random()
            if fate < 0.03:
                self._system.handlers.pop(self.identity, None)  # the connection is lost
            reply = None if fate < 0.08 else await self._system.call(self, Call(message_id, action, text))
            if fate >= 0.13 and isinstance(reply, Result):
                return reply.fields
            assert not isinstance(reply, Error) or isinstance(reply, Unanswered), reply
            if self._chance.random() < 0.5:
                message_id = f"{self.identity}-{next(self._ids)}"


async def test_a_thousand_transactions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The database has each transaction once, with the energy and the cost that its charger's books say."""
    monkeypatch.setattr(database, "clocks_agree", agree)
    system = System(tmp_path)
    await system.start()
    prices = {name: Decimal(text) for name, text in PRICES.items()}
    await TariffStore(system.database).put(Tariff(name="all", currency="EUR", **prices))  # type: ignore[arg-type]
    chargers = [Charger(number, system) for number in range(CHARGERS)]
    async with asyncio.timeout(90), asyncio.TaskGroup() as living:
        for charger in chargers:
            living.create_task(charger.live())
        for restart in range(1, RESTARTS + 1):
            due = restart * CHARGERS * EACH // (RESTARTS + 1)
            await until(lambda due=due: sum(len(each.sessions) for each in chargers) > due, "they charge")
            await system.kill()
            await system.start()
    books = [session for charger in chargers for session in charger.sessions]
    async with system.database.there().connect() as connection:
        mine = shape(Transaction)
        rows = await connection.execute(select(*(mine.table.columns[name] for name in mine.own)))
        stored = [Transaction(*row) for row in rows]
    await system.kill()
    assert len(books) == CHARGERS * EACH == len(stored)
    by_ref = {tx.ref: tx for tx in stored}
    said = [(each.ref, each.began, each.ended, each.energy(), each.cents()) for each in books]
    kept = [(tx.ref, tx.began, tx.ended, tx.energy, tx.cost) for tx in (by_ref[each.ref] for each in books)]
    assert kept == said
    assert {tx.ref for tx in stored if tx.estimated} == {each.ref for each in books if each.stop is None}
    assert {tx.estimated for tx in stored} == {"", ANOTHER}
    assert {tx.missing for tx in stored} == {""}
