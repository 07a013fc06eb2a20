"""What the log goes to breaks: stations are served as ever, what is lost is counted and said, and the process ends."""

from __future__ import annotations

import asyncio
import json
import os
import pty
from collections.abc import AsyncIterator
from http import HTTPStatus
from typing import Any

import pytest

from tests.harness import Gateway, Stage, until

START = {"connectorId": 1, "idTag": "A", "timestamp": "2026-01-01T10:00:00Z", "meterStart": 0}
STARTED = {"transactionId": 5, "idTagInfo": {"status": "Accepted"}}
PIPE = 64 * 1024
"""Bytes that a pipe holds."""
LOST = "voltgate_log_lines_lost_total"


class Reader:
    """Whoever reads the log: comes, goes, and stops reading as a test says. The way to it is a FIFO."""

    def __init__(self, stage: Stage) -> None:
        self._path = stage.folder / "log"
        os.mkfifo(self._path)
        self._end = -1
        self.read = b""

    def comes(self) -> None:
        """Open the FIFO."""
        self._end = os.open(self._path, os.O_RDONLY | os.O_NONBLOCK)

    def goes(self) -> None:
        """Close it: whoever writes gets EPIPE."""
        os.close(self._end)

    def writers_end(self) -> int:
        """Open it for the gateway."""
        return os.open(self._path, os.O_WRONLY)

    @property
    def lines(self) -> list[dict[str, Any]]:
        """Read what is there; return the lines of the log so far, without what else was printed."""
        try:
            while some := os.read(self._end, PIPE):
                self.read += some
        except BlockingIOError:
            pass
        return [json.loads(line) for line in self.read.split(b"\n")[:-1] if line.startswith(b"{")]

    async def finds(self, event: str) -> dict[str, Any]:
        """Read until a line comes with this event, and return it."""

        def found() -> dict[str, Any] | None:
            return next((line for line in self.lines if line["event"] == event), None)

        line: dict[str, Any] = await until(found, f"the line {event!r}")
        return line


@pytest.fixture
async def reader(stage: Stage) -> AsyncIterator[Reader]:
    reader = Reader(stage)
    reader.comes()
    yield reader
    reader.goes()


async def is_served(stage: Stage, gateway: Gateway, identity: str) -> None:
    """See that a station comes, starts a transaction and goes, and that the gateway's own pages are served."""
    backend = stage.backends["main"]
    station = await stage.station(identity)
    asked = await station.ask("StartTransaction", START)
    link = await backend.station(identity)
    await link.answer(await link.expect("StartTransaction"), STARTED)
    assert (await station.expect_result(asked)).payload["idTagInfo"] == {"status": "Accepted"}
    await station.close()
    await until(lambda: _none_connected(gateway), "its session has ended")
    assert (await gateway.get("/healthz")).status == (await gateway.get("/readyz")).status == HTTPStatus.OK


async def _none_connected(gateway: Gateway) -> bool:
    return await gateway.metric("voltgate_stations") == 0


async def _changes(gateway: Gateway) -> int:
    return int(json.loads((await gateway.get("/readyz")).body)["configuration"]["changes"])


async def started(stage: Stage, output: int) -> Gateway:
    """Start a gateway that logs to `output`, which is closed here."""
    await stage.backend()
    gateway = stage.prepare(stage.configuration())
    await gateway.start(output=output)
    os.close(output)
    return gateway


async def loses(gateway: Gateway, reason: str) -> float:
    """Wait until lines are lost for a reason; return their number."""
    found: float = await until(lambda: gateway.metric(LOST, reason=reason), f"lines are lost: {reason}")
    return found


async def test_a_reader_that_goes_comes_back_and_stalls(stage: Stage, reader: Reader) -> None:
    """Stations notice nothing; whoever comes back is told how much was lost, and gets what waited meanwhile."""
    gateway = await started(stage, reader.writers_end())
    await reader.finds("listening")
    reader.goes()
    await is_served(stage, gateway, "CP1")
    await loses(gateway, "cannot be written")
    reader.comes()
    said = await reader.finds("lines of the log were lost")
    assert said["cannot_be_written"] == await gateway.metric(LOST, reason="cannot be written")
    assert said["level"] == "warning"

    read, too_long = len(reader.lines), "x" * 3000  # from here on nobody reads
    refused = 2 * PIPE // len(too_long)
    for number in range(refused):
        assert (await stage.refused(f"{too_long}{number}")).status_code == HTTPStatus.BAD_REQUEST
    await is_served(stage, gateway, "CP2")
    await until(lambda: any(line["event"] == "station went" for line in reader.lines[read:]), "all of it is read")
    events = [line["event"] for line in reader.lines[read:]]
    assert events[:refused] == ["station refused"] * refused
    assert events[refused:] == [
        "backend linked",
        "station came",
        "transaction began",
        "backend unlinked",
        "station went",
    ]
    assert await gateway.metric(LOST) == said["cannot_be_written"]

    for number in range(refused):  # nobody reads again
        await stage.refused(f"{number}{too_long}")
    await gateway.stop()


async def test_a_device_that_is_full_from_the_start(stage: Stage) -> None:
    """The gateway starts, serves and ends as ever; one that cannot start ends with the same code as ever."""
    full = os.open("/dev/full", os.O_WRONLY)
    gateway = await started(stage, os.dup(full))
    await is_served(stage, gateway, "CP1")
    assert await loses(gateway, "cannot be written") >= 4
    second = stage.prepare(stage.configuration(listen={"stations": [f"ws://127.0.0.1:{gateway.stations_port}"]}))
    await second.launch(output=full)
    os.close(full)
    assert await second.exited() == 2
    await gateway.stop()


async def test_a_terminal_that_is_closed(stage: Stage) -> None:
    """The gateway goes on without it, and takes the SIGHUP that comes of it for a reload."""
    terminal, output = pty.openpty()
    gateway = await started(stage, output)
    seen = b""
    while b"listening" not in seen:
        seen += await asyncio.to_thread(os.read, terminal, PIPE)
    os.close(terminal)
    gateway.reload()
    await until(lambda: _changes(gateway), "the configuration is read again")
    await is_served(stage, gateway, "CP1")
    await loses(gateway, "cannot be written")
    await gateway.stop()
