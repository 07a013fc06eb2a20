"""A backend with a book on disk, as a process that may be killed: `python -m chaos.backend NAME PORT BOOK`.

It numbers the transactions of each station from 1, so that every number collides with everybody else's, and dismisses
what it has heard before by its content, as a backend must.
"""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

NOW = "2026-01-01T00:00:00Z"


class Book:
    """What a backend was told, one line of JSON each; it is read again after a death."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("a+b")
        self._file.seek(0)
        self.numbers: dict[tuple[str, str], int] = {}
        self.known: set[str] = set()
        for line in self._file:
            if line.endswith(b"\n"):  # the last may have been cut off
                self._take(json.loads(line))

    def _take(self, entry: dict[str, Any]) -> None:
        self.known.add(entry["content"])
        if entry["kind"] == "start":
            self.numbers[entry["station"], entry["key"]] = entry["number"]

    def number(self, station: str, key: str) -> int:
        """Give a start its number; the same one again gets the same."""
        taken = sum(1 for each, _ in self.numbers if each == station)
        return self.numbers.get((station, key), taken + 1)

    def enter(self, **entry: Any) -> None:
        """Enter something once; what comes again is entered as a repetition."""
        entry["repeated"] = entry["content"] in self.known
        self._take(entry)
        self._file.write(json.dumps(entry).encode() + b"\n")
        self._file.flush()


class Backend:
    """One backend: answers every station, and writes down what somebody is paid by."""

    def __init__(self, name: str, book: Book) -> None:
        self.name = name
        self.book = book

    async def serve(self, connection: ServerConnection) -> None:
        """Answer one station until it goes."""
        assert connection.request is not None
        station = connection.request.path.rpartition("/")[2]
        try:
            async for text in connection:
                kind, message_id, action, fields = json.loads(text)
                if kind == 2:
                    reply = self.answer(station, action, fields)
                    await connection.send(json.dumps([3, message_id, reply]))
        except ConnectionClosed:
            return  # it comes again

    def answer(self, station: str, action: str, fields: dict[str, Any]) -> dict[str, Any]:
        """Answer a call; who answered is told in the group of the token."""
        info = {"status": "Accepted", "parentIdTag": self.name}
        match action:
            case "BootNotification":
                return {"status": "Accepted", "currentTime": NOW, "interval": 3600}
            case "Authorize":
                return {"idTagInfo": info} if "idTag" in fields else {"idTokenInfo": self._group()}
            case "StartTransaction":
                key = json.dumps([fields["connectorId"], fields["idTag"], fields["timestamp"], fields["meterStart"]])
                number = self.book.number(station, key)
                self._enter("start", station, number, fields["meterStart"], key, fields)
                return {"transactionId": number, "idTagInfo": info}
            case "StopTransaction":
                self._enter("stop", station, fields["transactionId"], fields["meterStop"], "", fields)
                return {"idTagInfo": info}
            case "MeterValues":
                self._enter("meter", station, fields.get("transactionId"), 0, "", fields)
                return {}
            case "TransactionEvent":
                name = fields["transactionInfo"]["transactionId"]
                self._enter("event", station, name, fields["seqNo"], "", fields)
                return {"idTokenInfo": self._group()} if "idToken" in fields else {}
            case _:
                return {}

    def _group(self) -> dict[str, Any]:
        return {"status": "Accepted", "groupIdToken": {"idToken": self.name, "type": "Central"}}

    def _enter(self, kind: str, station: str, number: Any, value: int, key: str, fields: dict[str, Any]) -> None:
        content = json.dumps([kind, station, number, fields], sort_keys=True)
        self.book.enter(kind=kind, station=station, number=number, value=value, key=key, content=content)


async def _run(name: str, port: int, path: Path) -> None:
    backend = Backend(name, Book(path))
    versions = ["ocpp1.6", "ocpp2.0.1"]
    async with serve(backend.serve, "127.0.0.1", port, subprotocols=versions, ping_interval=None, compression=None):  # type: ignore[arg-type]
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(_run(sys.argv[1], int(sys.argv[2]), Path(sys.argv[3])))
