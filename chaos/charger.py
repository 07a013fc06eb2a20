"""An honest charger: keeps a transaction message until it was answered, and writes down what it did."""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from random import Random
from typing import Any
from uuid import uuid4

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidMessage
from websockets.typing import Subprotocol

_PATIENCE = 20.0
"""Seconds that an answer is waited for before the charger comes again."""
_AWAY = (OSError, ConnectionClosed, InvalidHandshake, InvalidMessage, TimeoutError, EOFError)

_counter = itertools.count(1)


@dataclass(slots=True)
class Charge:
    """One transaction as its charger did it. `mark` is unique: the meter's value at the start."""

    station: str
    version: str
    tag: str
    mark: int
    number: int | str = ""
    messages: int = 0
    answered_by: str = ""
    ended: bool = False


@dataclass(slots=True)
class Deeds:
    """What all chargers did together."""

    charges: list[Charge] = field(default_factory=list)
    connects: int = 0
    repeated: int = 0
    errors: list[str] = field(default_factory=list)


class Charger:
    """One charger with one connector."""

    def __init__(self, url: str, name: str, version: str, random: Random, deeds: Deeds) -> None:
        self.name = name
        self._url = f"{url}/{name}"
        self._version = version
        self._random = random
        self._deeds = deeds
        self._wire: ClientConnection | None = None

    async def charge_until(self, enough: asyncio.Event, gone: asyncio.Event) -> None:
        """Charge one car after the other until it is enough; then stay connected until `gone`."""
        await self._say("BootNotification", self._boot())
        while not enough.is_set():
            await (self._charge_16() if self._version == "ocpp1.6" else self._charge_2())
            await asyncio.sleep(self._random.uniform(0.05, 0.4))
        while not gone.is_set():
            await self._say("Heartbeat", {})
            await asyncio.sleep(0.5)
        if self._wire is not None:
            await self._wire.close()

    def cut(self) -> None:
        """Lose the connection without a word."""
        if self._wire is not None:
            self._wire.transport.abort()

    def _boot(self) -> dict[str, Any]:
        if self._version == "ocpp1.6":
            return {"chargePointVendor": "v", "chargePointModel": "m"}
        return {"reason": "PowerUp", "chargingStation": {"model": "m", "vendorName": "v"}}

    def _begin(self) -> Charge:
        tag = self._random.choice(["EMP7", "GUEST7"])
        charge = Charge(self.name, self._version, tag, next(_counter))
        self._deeds.charges.append(charge)
        return charge

    async def _charge_16(self) -> None:
        charge = self._begin()
        when = f"2026-01-01T00:00:00.{charge.mark:06}Z"
        start = {"connectorId": 1, "idTag": charge.tag, "timestamp": when, "meterStart": charge.mark}
        reply = await self._say("StartTransaction", start)
        charge.number = reply["transactionId"]
        charge.answered_by = reply["idTagInfo"].get("parentIdTag", "stand-in")
        charge.messages += 1
        for value in range(self._random.randint(0, 3)):
            await asyncio.sleep(self._random.uniform(0, 0.2))
            sample = [{"timestamp": when, "sampledValue": [{"value": str(value)}]}]
            await self._say("MeterValues", {"connectorId": 1, "transactionId": charge.number, "meterValue": sample})
            charge.messages += 1
        stop = {"transactionId": charge.number, "meterStop": charge.mark, "timestamp": when}
        await self._say("StopTransaction", stop)
        charge.messages += 1
        charge.ended = True

    async def _charge_2(self) -> None:
        charge = self._begin()
        charge.number = f"{self.name}-{charge.mark}"
        last = self._random.randint(1, 4)
        card = self._random.choice([0, min(1, last)])
        for seq in range(last + 1):
            kind = "Started" if not seq else ("Ended" if seq == last else "Updated")
            fields: dict[str, Any] = {
                "eventType": kind,
                "seqNo": seq,
                "timestamp": "2026-01-01T00:00:00Z",
                "triggerReason": "Authorized",
                "transactionInfo": {"transactionId": charge.number},
                "evse": {"id": 1},
            }
            if seq == card:
                fields["idToken"] = {"idToken": charge.tag, "type": "ISO14443"}
            reply = await self._say("TransactionEvent", fields)
            if seq == card:
                charge.answered_by = reply["idTokenInfo"].get("groupIdToken", {}).get("idToken", "stand-in")
            charge.messages += 1
            await asyncio.sleep(self._random.uniform(0, 0.2))
        charge.ended = True

    # The wire.

    async def _say(self, action: str, fields: dict[str, Any]) -> Any:
        """Say something until it is answered, over as many connections as it takes."""
        for attempt in itertools.count():
            self._deeds.repeated += attempt > 0
            try:
                async with asyncio.timeout(_PATIENCE):
                    reply = await self._ask(action, fields)
            except _AWAY:
                await self._lose()
                continue
            if reply[0] == 3:
                return reply[2]
            self._deeds.errors.append(f"{self.name}: {action} was answered {reply[2:4]}")
            await asyncio.sleep(0.2)
        raise AssertionError

    async def _lose(self) -> None:
        wire, self._wire = self._wire, None
        if wire is not None:
            wire.transport.abort()
        await asyncio.sleep(self._random.uniform(0.05, 0.3))

    async def _ask(self, action: str, fields: dict[str, Any]) -> Any:
        if self._wire is None:
            version = Subprotocol(self._version)
            self._wire = await connect(
                self._url, subprotocols=[version], ping_interval=None, compression=None, open_timeout=10
            )
            self._deeds.connects += 1
        message_id = str(uuid4())
        await self._wire.send(json.dumps([2, message_id, action, fields]))
        async for message in self._messages(self._wire):
            if message[0] in (3, 4) and message[1] == message_id:
                return message
        raise EOFError

    async def _messages(self, wire: ClientConnection) -> AsyncIterator[Any]:
        """Give what comes; commands are accepted."""
        async for text in wire:
            message = json.loads(text)
            if message[0] == 2:
                await wire.send(json.dumps([3, message[1], {"status": "Accepted"}]))
            yield message
