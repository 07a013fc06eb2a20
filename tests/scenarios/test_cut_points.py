"""Voltgate is killed between each pair of messages of a transaction: at the end each backend's book is right."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.harness import Gateway, Message, ScriptedBackend, ScriptedStation, Stage

RULES = [
    {"tokens": ["EMP*"], "answer": "employer", "copy": ["billing"]},
    {"answer": "billing", "copy": ["employer"]},
]
ACCEPTED = {"status": "Accepted"}
CUTS = ("asked", "answered", "heard")
"""When the power goes: the owner has the message, it has answered, the station has the answer."""


@dataclass
class Ledger:
    """A backend's own book: what it was told of, once for each content, as every backend must keep it."""

    name: str
    first: int
    starts: dict[str, int] = field(default_factory=dict)
    stops: list[int] = field(default_factory=list)
    events: list[tuple[str, int]] = field(default_factory=list)
    meters: list[int] = field(default_factory=list)

    def start(self, fields: dict[str, Any]) -> dict[str, Any]:
        """Number a start; the same one again gets the same number."""
        number = self.starts.setdefault(fields["timestamp"], self.first + len(self.starts))
        return {"transactionId": number, "idTagInfo": ACCEPTED}

    def stop(self, fields: dict[str, Any]) -> dict[str, Any]:
        """Enter the end of a transaction by its number."""
        if fields["transactionId"] not in self.stops:
            self.stops.append(fields["transactionId"])
        return {}

    def meter(self, fields: dict[str, Any]) -> dict[str, Any]:
        """Enter meter values by the number of their transaction."""
        if fields["transactionId"] not in self.meters:
            self.meters.append(fields["transactionId"])
        return {}

    def event(self, fields: dict[str, Any]) -> dict[str, Any]:
        """Enter an event of 2.x."""
        entry = (fields["transactionInfo"]["transactionId"], fields["seqNo"])
        if entry not in self.events:
            self.events.append(entry)
        return {}


class Trial:
    """One station, two backends, and a gateway that dies when told."""

    def __init__(self, stage: Stage, gateway: Gateway, version: str) -> None:
        self.stage = stage
        self.gateway = gateway
        self.version = version
        self.station: ScriptedStation | None = None
        self.cut: tuple[str, str] | None = None
        self.deaths = 0
        self.dark = False

    def power_goes(self) -> None:
        """Kill the gateway in this very moment."""
        self.cut, self.dark = None, True
        self.deaths += 1
        self.gateway.signal(signal.SIGKILL)

    def serve(self, backend: ScriptedBackend, book: Ledger) -> None:
        """Have a backend keep its book, and the power go while the owner has a message or has just answered."""
        for action, enter in (
            ("StartTransaction", book.start),
            ("StopTransaction", book.stop),
            ("MeterValues", book.meter),
            ("TransactionEvent", book.event),
        ):
            backend.answers(action, self._answering(book, enter))

    def _answering(self, book: Ledger, enter: Callable[[dict[str, Any]], Any]) -> Callable[[Message], Any]:
        def answer(call: Message) -> Any:
            mark = call.payload.get("eventType", call.action)
            if book.name == "employer" and self.cut == (mark, "asked"):
                self.power_goes()
            elif book.name == "employer" and self.cut == (mark, "answered"):
                asyncio.get_running_loop().call_soon(self.power_goes)
            return enter(call.payload)

        return answer

    async def says(self, action: str, payload: dict[str, Any], mark: str) -> Any:
        """Say something until it is answered, as a station does; the power may go in the middle."""
        while True:
            if self.station is None:
                self.station = await self.stage.station("CP1", self.version)
            try:
                reply = await self.station.call(action, payload)
            except AssertionError:
                if self.station.ending is None:
                    raise
                await self._comes_again()
                continue
            if self.cut == (mark, "heard"):
                self.power_goes()
            if self.dark:
                await self._comes_again()
            return reply.payload

    async def _comes_again(self) -> None:
        self.station = None
        await self.gateway.exited()
        self.dark = False
        await self.gateway.start()


async def settled(holds: Callable[[], bool]) -> None:
    """Wait until a book is right."""
    async with asyncio.timeout(20):
        while not holds():  # noqa: ASYNC110 - there is no event to wait for
            await asyncio.sleep(0.02)


@pytest.mark.parametrize("version", ["ocpp1.6", "ocpp2.0.1"])
async def test_every_cut(stage: Stage, version: str) -> None:
    """Whenever the power goes, the owner has the whole transaction once, and so has the one that must miss nothing."""
    billing, employer = await stage.backend("billing"), await stage.backend("employer")
    gateway = await stage.gateway(
        routes={"main": {"admit": "gateway", "rules": RULES}},
        backends={
            "billing": {"deliver": "always", "retry": {"first": 0.1, "max": 0.2}},
            "employer": {"retry": {"first": 0.1}},
        },
    )
    trial = Trial(stage, gateway, version)
    books = {"billing": Ledger("billing", 900), "employer": Ledger("employer", 5)}
    trial.serve(billing, books["billing"])
    trial.serve(employer, books["employer"])
    marks = (
        ("StartTransaction", "MeterValues", "StopTransaction")
        if version == "ocpp1.6"
        else ("Started", "Updated", "Ended")
    )
    cuts = [None, *((mark, cut) for mark in marks for cut in CUTS)]
    for number, cut in enumerate(cuts):
        trial.cut = cut
        await (charges_16 if version == "ocpp1.6" else charges_2)(trial, f"t{number}")
    whole = len(cuts)
    assert trial.deaths == whole - 1
    trial.station = await stage.station("CP1", version)  # what is owed is delivered while the station is there
    for book in books.values():
        if version == "ocpp1.6":
            await settled(lambda book=book: len(book.stops) == whole)
            assert sorted(book.stops) == sorted(book.starts.values()) == sorted(book.meters)
            assert len(book.starts) == whole
        else:
            wanted = [(f"t{number}", seq) for number in range(whole) for seq in (0, 1, 2)]
            await settled(lambda book=book: len(book.events) == 3 * whole)
            assert book.events == wanted


async def charges_16(trial: Trial, when: str) -> None:
    """Play a transaction of 1.6."""
    start = {"connectorId": 1, "idTag": "EMP1", "timestamp": when, "meterStart": 0}
    number = (await trial.says("StartTransaction", start, "StartTransaction"))["transactionId"]
    values = [{"timestamp": when, "sampledValue": [{"value": "1"}]}]
    await trial.says("MeterValues", {"connectorId": 1, "transactionId": number, "meterValue": values}, "MeterValues")
    await trial.says("StopTransaction", {"transactionId": number, "meterStop": 9, "timestamp": when}, "StopTransaction")


async def charges_2(trial: Trial, name: str) -> None:
    """Play a transaction of 2.x, whose token comes with the second event."""
    for seq, kind in enumerate(("Started", "Updated", "Ended")):
        fields: dict[str, Any] = {
            "eventType": kind,
            "seqNo": seq,
            "timestamp": "2026-01-01T10:00:00Z",
            "triggerReason": "Authorized",
            "transactionInfo": {"transactionId": name},
            "evse": {"id": 1},
        }
        if kind == "Updated":
            fields["idToken"] = {"idToken": "EMP1", "type": "ISO14443"}
        await trial.says("TransactionEvent", fields, kind)
