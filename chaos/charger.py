"""A charger: it keeps what somebody is paid by until it was answered, has habits, and writes down all it does."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from random import Random
from typing import Any
from uuid import uuid4

from chaos.backend import SAID_BY
from chaos.records import PAID, Books, Charge, Entry, Heard, Saying
from chaos.wires import AWAY, SoapWire, WebsocketWire, Wire

PATIENCE = 12.0
"""Seconds after which a connection on which nothing is answered is mute: every other wait is over long before."""
_INTERNAL_TRIES = 3
_STANDING = "2026-01-01T00:00:00Z"


@dataclass(frozen=True, slots=True)
class Habits:
    """What a charger is like.

    `number_type` is how it writes the numbers of transactions: 7, 7.0 or "7". The last three are likelihoods: to say
    again what was answered, to leave in mid-call, to hop to another gateway.
    """

    version: str
    standing_clock: bool = False
    number_type: type = int
    keeps_ids: bool = False
    leaves_links_open: bool = False
    repeats: float = 0.0
    hasty: float = 0.0
    hops: float = 0.0


def habits(chance: Random) -> Habits:
    """Draw the habits of one charger."""
    version = chance.choices(("ocpp1.6", "ocpp2.0.1", "soap"), (45, 35, 20))[0]
    return Habits(
        version,
        standing_clock=version == "ocpp1.6" and chance.random() < 0.3,
        number_type=chance.choices((int, float, str), (6, 1, 1))[0] if version == "ocpp1.6" else int,
        keeps_ids=chance.random() < 0.3,
        leaves_links_open=chance.random() < 0.3,
        repeats=chance.choice((0.0, 0.15)),
        hasty=chance.choice((0.0, 0.1)),
        hops=chance.choice((0.0, 0.5)) if version != "soap" else 0.0,  # without a connection a gateway sees no hop
    )


@dataclass(frozen=True, slots=True)
class Address:
    """Where one gateway takes stations."""

    websocket: int
    soap: int


class Charger:
    """One charger with one connector."""

    def __init__(self, number: int, addresses: Sequence[Address], seed: int, books: Books, *, plain: bool) -> None:
        self.number = number
        self.name = f"CP-{number:04}"
        self._random = Random(f"{seed} charger {number}")
        drawn = habits(self._random)
        self.habits = Habits(drawn.version) if plain else drawn
        self._addresses = addresses
        self._gateway = number % len(addresses)
        self._books = books
        self._wire: Wire | None = None
        self._left: list[Wire] = []
        self._place = 0
        self._mark = number * 1000
        self._charge: Charge | None = None
        self._invitation: Heard | None = None
        self._remote_start: int | None = None
        self._told_to_stop = asyncio.Event()
        self._calm = False
        self.rests = False

    async def live(self, enough: asyncio.Event, gone: asyncio.Event) -> None:
        """Charge one car after the other until it is enough, and one more in peace; stay connected until `gone`."""
        await self._say(self._entry("", "", "BootNotification", self._boot()))
        while not enough.is_set():
            await self._charge_one()
            await asyncio.sleep(self._random.uniform(0.05, 1.0))
        self._calm = True
        await self._charge_one()
        self.rests = True
        while not gone.is_set():
            await self._say(self._entry("", "", "Heartbeat", {}))
            await asyncio.sleep(0.5)
        for wire in (self._wire, *self._left):
            if wire is not None:
                wire.abort()

    def cut(self) -> None:
        """Lose the connection without a word."""
        if self._wire is not None:
            self._wire.abort()

    @property
    def is_soap(self) -> bool:
        """Tell whether backends cannot call it, since it has no callback address."""
        return self.habits.version == "soap"

    def _was_refused(self) -> bool:
        """Tell whether it has given up a start or a stop: the same card again might be the same start again."""
        mine = (charge for charge in self._books.charges if charge.station == self.name)
        return any(entry.given_up for charge in mine for entry in charge.entries)

    # Charging.

    async def _charge_one(self) -> None:
        charge = self._charge = self._begin()
        try:
            await (self._charge_2(charge) if self.habits.version == "ocpp2.0.1" else self._charge_16(charge))
        finally:
            self._charge = None
            self._told_to_stop.clear()
        charge.ended = True

    def _begin(self) -> Charge:
        self._mark += 1
        is_same = self.habits.standing_clock and not self._was_refused()
        tag = f"{self._random.choice(('EMP', 'GUEST'))}{'' if is_same else self._mark}"
        invitation, self._invitation = self._invitation, None
        charge = Charge(self.name, self.habits.version, tag, self._mark)
        if invitation is not None:
            charge.invitation = invitation.message_id
            card = invitation.fields["idToken"]["idToken"] if "idToken" in invitation.fields else None
            charge.tag = card or invitation.fields["idTag"]
            self._remote_start = invitation.fields.get("remoteStartId")
        self._books.charges.append(charge)
        return charge

    async def _charge_16(self, charge: Charge) -> None:
        when = _STANDING if self.habits.standing_clock else self._now()
        meter = 0 if self.habits.standing_clock else charge.mark
        await self._status_16("Preparing")
        start = {"connectorId": 1, "idTag": charge.tag, "timestamp": when, "meterStart": meter}
        reply = await self._say_paid(charge, "start", str(meter), "StartTransaction", start)
        if reply is None:
            charge.refused = True
            return
        charge.number = reply["transactionId"]
        number = self.habits.number_type(charge.number)
        charge.answered_by = reply["idTagInfo"].get("parentIdTag", "stand-in")
        charge.bound = time.monotonic()
        await self._status_16("Charging")
        for value in range(self._random.randint(0, 3)):
            await self._while_charging()
            sample = {"timestamp": when, "sampledValue": [{"value": f"{charge.mark}.{value}"}]}
            fields = {"connectorId": 1, "transactionId": number, "meterValue": [sample]}
            await self._say_paid(charge, "meter", f"{charge.mark}.{value}", "MeterValues", fields)
        await self._status_16("Finishing")
        stop = {"transactionId": number, "meterStop": charge.mark, "timestamp": when}
        await self._say_paid(charge, "stop", str(charge.mark), "StopTransaction", stop)
        await self._status_16("Available")

    async def _charge_2(self, charge: Charge) -> None:
        charge.number = f"{self.name}-{charge.mark}"
        last = self._random.randint(1, 4)
        card = self._random.choice([0, min(1, last)]) if not charge.invitation else 0
        await self._status_2("Occupied")
        info: dict[str, Any] = {"transactionId": charge.number}
        if charge.invitation:
            info["remoteStartId"] = self._remote_start
        for seq in range(last + 1):
            kind = "Started" if not seq else ("Ended" if seq == last else "Updated")
            reply = await self._say_paid(charge, "event", f"{charge.number} {seq}", "TransactionEvent", {
                "eventType": kind,
                "seqNo": seq,
                "timestamp": self._now(),
                "triggerReason": "Authorized",
                "transactionInfo": info,
                "evse": {"id": 1},
                "meterValue": [{"timestamp": self._now(), "sampledValue": [{"value": 100 * charge.mark + seq * seq}]}],
            } | ({"idToken": {"idToken": charge.tag, "type": "ISO14443"}} if seq == card else {}))  # fmt: skip
            if seq == card:
                charge.bound = time.monotonic()
                if reply is not None:
                    group = reply["idTokenInfo"].get("groupIdToken", {})
                    charge.answered_by = group.get("idToken", "stand-in")
            await self._while_charging()
        await self._status_2("Available")

    async def _while_charging(self) -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(self._told_to_stop.wait(), self._random.uniform(0, 0.3))

    async def _status_16(self, status: str) -> None:
        fields = {"connectorId": 1, "errorCode": "NoError", "status": status}
        await self._say_status(fields)

    async def _status_2(self, status: str) -> None:
        await self._say_status({"connectorStatus": status, "evseId": 1, "connectorId": 1})

    async def _say_status(self, fields: dict[str, Any]) -> None:
        when = self._now()
        await self._say(self._entry("status", when, "StatusNotification", fields | {"timestamp": when}))

    def _now(self) -> str:
        """Return another time at each call, that no other charger has."""
        return f"2026-01-01T{self.number % 24:02}:00:00.{self._place:06}Z"

    def _boot(self) -> dict[str, Any]:
        if self.habits.version == "ocpp2.0.1":
            return {"reason": "PowerUp", "chargingStation": {"model": "m", "vendorName": "v"}}
        return {"chargePointVendor": "v", "chargePointModel": "m"}

    # Saying.

    def _entry(self, kind: str, mark: str, action: str, fields: dict[str, Any], charge: Charge | None = None) -> Entry:
        self._place += 1
        entry = Entry(self.name, self._place, kind, mark, action, fields, charge)
        if kind:
            self._books.entries.append(entry)
        if charge is not None:
            charge.entries.append(entry)
        return entry

    async def _say_paid(
        self, charge: Charge, kind: str, mark: str, action: str, fields: dict[str, Any]
    ) -> dict[str, Any] | None:
        """Say what somebody is paid by, some of it once more; return the first answer, None when it was refused."""
        entry = self._entry(kind, mark, action, fields, charge)
        reply = await self._say(entry)
        if reply is not None and not self._calm and self._random.random() < self.habits.repeats:
            again = await self._say(entry)
            if again is not None and kind == "start" and again["transactionId"] != reply["transactionId"]:
                self._books.errors.append(f"{entry}, said again, was answered {again} after {reply}")
        return reply

    async def _say(self, entry: Entry) -> dict[str, Any] | None:
        """Say something until it is answered, over as many connections as it takes; None when it is given up."""
        refusals = 0
        message_id = str(uuid4())
        while True:
            reply = await self._try(entry, message_id)
            if not self.habits.keeps_ids:
                message_id = str(uuid4())
            if reply is None:
                continue
            if reply[0] == 3:
                entry.answered = entry.answered or time.monotonic()
                return reply[2]  # type: ignore[no-any-return]
            message_id = str(uuid4())
            refusals += SAID_BY in reply[3]
            if entry.kind in PAID and SAID_BY not in reply[3]:
                self._books.errors.append(f"{entry} was answered {reply[2:4]}")
            if refusals and (reply[2] != "InternalError" or refusals == _INTERNAL_TRIES):
                entry.given_up = entry.answered is None
                return None
            await asyncio.sleep(0.2)

    async def _try(self, entry: Entry, message_id: str) -> list[Any] | None:
        hasty = not self._calm and self._random.random() < self.habits.hasty
        began = time.monotonic()
        try:
            async with asyncio.timeout(self._random.uniform(0, 0.3) if hasty else PATIENCE):
                wire = await self._connected()
                entry.sayings.append(Saying(message_id, time.monotonic(), wire.gateway))
                return await wire.ask(message_id, entry.action, entry.fields)
        except TimeoutError:  # which is an OSError
            if not hasty:
                self._books.mute.append(f"{self.name}: {entry.action} from {began:.2f} on was not answered")
        except AWAY:
            pass
        self._leave()
        await asyncio.sleep(0 if hasty else self._random.uniform(0.05, 0.3))
        return None

    def _leave(self) -> None:
        """Give the connection up; some only stop listening to it."""
        wire, self._wire = self._wire, None
        if wire is not None and self.habits.leaves_links_open:
            wire.leave()
            self._left.append(wire)
        elif wire is not None:
            wire.abort()

    async def _connected(self) -> Wire:
        if self._wire is None:
            if self._random.random() < self.habits.hops:
                self._gateway = self._random.randrange(len(self._addresses))
            address = self._addresses[self._gateway]
            self._books.connects += 1
            if self.is_soap:
                self._wire = SoapWire(address.soap, self.name, self._gateway)
            else:
                url = f"ws://127.0.0.1:{address.websocket}/{self.name}"
                self._wire = await WebsocketWire.dial(url, self.habits.version, self._gateway, self._obey)
        return self._wire

    # Commands.

    def _obey(self, message_id: str, action: str, fields: dict[str, Any]) -> dict[str, Any]:
        heard = Heard(self.name, message_id, action, fields, time.monotonic(), self._charge)
        self._books.heard.append(heard)
        match action:
            case "RemoteStartTransaction" | "RequestStartTransaction":
                free = self._charge is None and self._invitation is None and not self._calm
                self._invitation = heard if free else self._invitation
                return {"status": "Accepted" if free else "Rejected"}
            case "RemoteStopTransaction" | "RequestStopTransaction":
                mine = self._charge is not None and self._charge.number == fields["transactionId"]
                if mine:
                    self._told_to_stop.set()
                return {"status": "Accepted" if mine else "Rejected"}
            case _:
                return {"status": "Accepted"}
