"""A backend that may be broken in many ways, and writes down everything that it gets.

It numbers the transactions of each station from 1, so that its numbers collide with everybody else's, and gives a start
that it has heard before the number that it gave then, as a backend must.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import time
from collections import Counter
from dataclasses import dataclass, field
from http import HTTPStatus
from random import Random
from typing import Any
from uuid import uuid4

from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response
from websockets.typing import Subprotocol

from chaos.marks import kind_and_mark, plain_number
from chaos.records import PAID, Books, Command, Delivery
from chaos.shape import PATIENCE

NOW = "2026-01-01T00:00:00Z"
SAID_BY = "chaos: "
"""What every error of a backend begins with: an error that does not is the gateway's."""
_VERSIONS = [Subprotocol("ocpp1.6"), Subprotocol("ocpp2.0.1")]
_REFUSED = {"content refused": frozenset({"meter", "event"}), "transactions refused": frozenset({"start", "stop"})}
_CONTENT = ("PropertyConstraintViolation", "TypeConstraintViolation")


@dataclass(slots=True, eq=False)
class Link:
    """One connection of one station. `gateway` is the number of the gateway, which is in the path."""

    number: int
    station: str
    gateway: int
    opened: float
    connection: ServerConnection
    deliveries: list[Delivery] = field(default_factory=list)

    @property
    def version(self) -> str:
        """The version that was agreed on."""
        return str(self.connection.subprotocol)


class Backend:
    """One backend. `moods` counts the faults that it has at the moment, by their names in the plan."""

    def __init__(self, name: str, port: int, books: Books, *, newest_only: bool, seed: int) -> None:
        self.name = name
        self.moods: Counter[str] = Counter()
        self._books = books
        self.links: list[Link] = []
        self._port = port
        self._newest_only = newest_only
        self._random = Random(f"{seed} {name}")
        self._numbers: dict[tuple[str, str], int] = {}
        self._running: dict[str, list[Delivery]] = {}
        self._count: Counter[str] = Counter()
        self._server: Server | None = None
        self._link_numbers = itertools.count(1)
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Listen."""
        self._server = await serve(
            self._serve,
            "127.0.0.1",
            self._port,
            subprotocols=_VERSIONS,
            process_request=self._judge,
            ping_interval=None,
            compression=None,
            open_timeout=None,
            close_timeout=1,
        )

    async def stop(self) -> None:
        """Stop listening, and cut every link as a death does."""
        server, self._server = self._server, None
        if server is not None:
            server.close(close_connections=False)
        self.cut()
        if server is not None:
            await server.wait_closed()

    def cut(self, chosen: Any = None) -> None:
        """Cut the links of the chosen stations, or all."""
        for link in list(self.links):
            if chosen is None or chosen(link.station):
                link.connection.transport.abort()

    async def drop(self) -> None:
        """End, with everything that still waits."""
        await self.stop()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    # Links.

    def _judge(self, connection: ServerConnection, _: Request) -> Response | None:
        if self.moods["handshakes refused"]:
            return connection.respond(HTTPStatus.SERVICE_UNAVAILABLE, "chaos\n")
        return None

    async def _serve(self, connection: ServerConnection) -> None:
        assert connection.request is not None
        _, gateway, _, station = connection.request.path.split("/")
        link = Link(next(self._link_numbers), station, int(gateway), time.monotonic(), connection)
        if self._newest_only:
            self.cut(station.__eq__)
        self.links.append(link)
        try:
            async for text in connection:
                self._take(link, json.loads(text))
        except ConnectionClosed:
            pass  # it comes again
        finally:
            self.links.remove(link)
            for delivery in link.deliveries:
                delivery.lost = time.monotonic()

    def _take(self, link: Link, message: list[Any]) -> None:
        if message[0] != 2:
            self._end_command(message)
            return
        _, message_id, action, fields = message
        kind, mark = kind_and_mark(action, fields)
        now = time.monotonic()
        delivery = Delivery(
            self.name, link.gateway, link.station, link.number, link.opened, now, message_id, action, fields, kind, mark
        )
        if kind:
            self._books.deliveries.append(delivery)
            link.deliveries.append(delivery)
        reply = self._reply(delivery)
        if reply is not None:
            self._spawn(self._answer(link, delivery, reply, self._delay()))

    def _delay(self) -> float:
        if self.moods["late"]:
            return PATIENCE + self._random.uniform(0.1, 1.0)
        return self._random.uniform(0.1, 2.0) if self.moods["slow"] else 0.0

    def _spawn(self, coroutine: Any) -> None:
        task = asyncio.get_running_loop().create_task(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _answer(self, link: Link, delivery: Delivery, reply: list[Any], delay: float) -> None:
        """Answer, and find out by a ping whether the answer was read."""
        if delay:
            await asyncio.sleep(delay)
        with contextlib.suppress(ConnectionClosed):
            for _ in range(2 if self.moods["twice"] else 1):
                await link.connection.send(json.dumps(reply))
            delivery.answered = time.monotonic()
            if delivery.kind in PAID:
                await (await link.connection.ping())
                delivery.known = time.monotonic()

    # Answers.

    def _reply(self, delivery: Delivery) -> list[Any] | None:
        """Return the answer, and take what it accepts into the books; None when it says nothing."""
        message_id = delivery.message_id
        if self.moods["mute"]:
            return None
        if self.moods["internal errors"] and delivery.kind in PAID:
            delivery.answer = "internal"
            return [4, message_id, "InternalError", f"{SAID_BY}{self.name}", {}]
        if any(self.moods[mood] and delivery.kind in kinds for mood, kinds in _REFUSED.items()):
            delivery.answer = "content"
            return [4, message_id, self._random.choice(_CONTENT), f"{SAID_BY}{self.name}", {}]
        delivery.answer = "result"
        return [3, message_id, self._result(delivery)]

    def _result(self, delivery: Delivery) -> dict[str, Any]:
        info = {"status": "Accepted", "parentIdTag": self.name}
        group = {"status": "Accepted", "groupIdToken": {"idToken": self.name, "type": "Central"}}
        fields = delivery.fields
        match delivery.action:
            case "BootNotification":
                return {"status": "Accepted", "currentTime": NOW, "interval": 3600}
            case "Heartbeat":
                return {"currentTime": NOW}
            case "Authorize":
                return {"idTagInfo": info} if "idTag" in fields else {"idTokenInfo": group}
            case "StartTransaction":
                delivery.number = self._number(delivery)
                return {"transactionId": delivery.number, "idTagInfo": info}
            case "StopTransaction":
                self._ended(delivery.station, lambda start: start.number == plain_number(fields["transactionId"]))
                return {"idTagInfo": info}
            case "TransactionEvent":
                self._event(delivery)
                return {"idTokenInfo": group} if "idToken" in fields else {}
            case _:
                return {}

    def _number(self, delivery: Delivery) -> int:
        """Give a start its number: the same one as long as one with the same content runs."""
        running = self._running.setdefault(delivery.station, [])
        for start in running:
            if start.fields == delivery.fields and start.number is not None:
                return start.number
        known = self._numbers.get((delivery.station, delivery.message_id))
        if known is not None:
            return known
        self._count[delivery.station] += 1
        number = self._count[delivery.station]
        self._numbers[delivery.station, delivery.message_id] = number
        running.append(delivery)
        return number

    def _event(self, delivery: Delivery) -> None:
        info = delivery.fields["transactionInfo"]
        if delivery.fields["eventType"] == "Ended":
            self._ended(delivery.station, lambda start: start.mark.split(" ")[0] == info["transactionId"])
        elif "idToken" in delivery.fields:
            self._running.setdefault(delivery.station, []).append(delivery)

    def _ended(self, station: str, ends: Any) -> None:
        running = self._running.get(station, [])
        self._running[station] = [start for start in running if not ends(start)]

    # Commands.

    def remote_start(self, station: str, tag: str) -> None:
        """Ask a station to charge for a card."""
        if (link := self._newest(station)) is not None:
            number = self._random.randrange(1, 50)
            if link.version == "ocpp1.6":
                self._command(link, "RemoteStartTransaction", {"connectorId": number % 2, "idTag": tag})
            else:
                card = {"idToken": tag, "type": "ISO14443"}
                fields = {"idToken": card, "remoteStartId": number, "evseId": 1}
                self._command(link, "RequestStartTransaction", fields)

    def remote_stop(self, station: str) -> None:
        """Ask a station to stop what it charges, as far as this backend knows."""
        link, running = self._newest(station), self._running.get(station)
        if link is None or not running:
            return
        start = running[-1]
        if start.action == "StartTransaction":
            self._command(link, "RemoteStopTransaction", {"transactionId": start.number}, start)
        else:
            name = start.fields["transactionInfo"]["transactionId"]
            self._command(link, "RequestStopTransaction", {"transactionId": name}, start)

    def probe(self, station: str) -> Command | None:
        """Ask a station for a reset, which is refused as long as something runs; None when it is not connected."""
        link = self._newest(station)
        if link is None:
            return None
        return self._command(link, "Reset", {"type": "Soft" if link.version == "ocpp1.6" else "OnIdle"})

    def _newest(self, station: str) -> Link | None:
        return next((link for link in reversed(self.links) if link.station == station), None)

    def _command(self, link: Link, action: str, fields: dict[str, Any], about: Delivery | None = None) -> Command:
        command = Command(self.name, link.station, str(uuid4()), action, fields, time.monotonic(), about)
        self._books.commands.append(command)
        self._spawn(self._send(link, json.dumps([2, command.message_id, action, fields])))
        return command

    async def _send(self, link: Link, text: str) -> None:
        with contextlib.suppress(ConnectionClosed):
            await link.connection.send(text)

    def _end_command(self, message: list[Any]) -> None:
        for command in reversed(self._books.commands):
            if command.message_id == message[1] and command.reply is None:
                command.reply = message
                return
