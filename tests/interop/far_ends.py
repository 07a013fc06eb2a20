"""Far ends that nobody here wrote: a charger and a CSMS of the PyPI `ocpp` package, and both of the npm `ocpp-rpc`."""

from __future__ import annotations

import asyncio
import contextlib
import json
import shutil
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import filelock
import websockets
from ocpp.exceptions import NotSupportedError
from ocpp.routing import on
from ocpp.v16 import ChargePoint as ChargePoint16
from ocpp.v16 import call as call16
from ocpp.v16 import call_result as result16
from ocpp.v201 import ChargePoint as ChargePoint201
from ocpp.v201 import call as call201
from ocpp.v201 import call_result as result201
from websockets.asyncio.server import ServerConnection

from tests.harness import free_port, until, within

NOW = "2026-01-01T00:00:00Z"
NODE = Path(__file__).parent / "node"
CHARGER16, CHARGER201 = (
    {"charge_point_vendor": "Finch", "charge_point_model": "Sparrow"},
    {
        "model": "Sparrow",
        "vendor_name": "Finch",
    },
)
TOKEN = {"id_token": "04E1", "type": "ISO14443"}


class Charger16(ChargePoint16):
    """A 1.6 charger that lives through one session."""

    @on("ChangeAvailability")
    def change(self, **_: Any) -> Any:
        """Do as the CSMS says."""
        return result16.ChangeAvailability(status="Accepted")

    @on("ClearCache")
    def clear(self, **_: Any) -> Any:
        """Have no cache."""
        raise NotSupportedError(description="not here")

    async def live(self) -> list[Any]:
        """Say a whole session, and give the answers."""
        said = [
            call16.BootNotification(**CHARGER16),
            call16.StatusNotification(connector_id=1, error_code="NoError", status="Preparing"),
            call16.Authorize(id_tag="04E1"),
            call16.StartTransaction(connector_id=1, id_tag="04E1", meter_start=0, timestamp=NOW),
            call16.MeterValues(
                connector_id=1, transaction_id=7, meter_value=[{"timestamp": NOW, "sampledValue": [{"value": "21.40"}]}]
            ),
            call16.StopTransaction(transaction_id=7, meter_stop=9, timestamp=NOW),
        ]
        return [await self.call(each, suppress=False) for each in said]

    async def transfer(self) -> Any:
        """Say what the CSMS does not serve."""
        return await self.call(call16.DataTransfer(vendor_id="Finch"), suppress=False)


class Charger201(ChargePoint201):
    """The same in 2.0.1."""

    @on("ChangeAvailability")
    def change(self, **_: Any) -> Any:
        """Do as the CSMS says."""
        return result201.ChangeAvailability(status="Accepted")

    @on("ClearCache")
    def clear(self, **_: Any) -> Any:
        """Have no cache."""
        raise NotSupportedError(description="not here")

    def _event(self, kind: str, number: int, why: str, **more: Any) -> Any:
        return call201.TransactionEvent(
            event_type=kind,
            timestamp=NOW,
            trigger_reason=why,
            seq_no=number,
            transaction_info={"transaction_id": "t-1"},
            **more,
        )

    async def live(self) -> list[Any]:
        """Say a whole session, and give the answers."""
        value = [{"timestamp": NOW, "sampledValue": [{"value": 21.4}]}]
        said = [
            call201.BootNotification(charging_station=CHARGER201, reason="PowerUp"),
            call201.StatusNotification(timestamp=NOW, connector_status="Occupied", evse_id=1, connector_id=1),
            call201.Authorize(id_token=TOKEN),
            self._event("Started", 0, "Authorized", id_token=TOKEN, evse={"id": 1}),
            self._event("Updated", 1, "MeterValuePeriodic", meter_value=value),
            self._event("Ended", 2, "StopAuthorized"),
        ]
        return [await self.call(each, suppress=False) for each in said]

    async def transfer(self) -> Any:
        """Say what the CSMS does not serve."""
        return await self.call(call201.DataTransfer(vendor_id="Finch"), suppress=False)


class System16(ChargePoint16):
    """A 1.6 CSMS; `heard` is what it was told."""

    heard: list[str]

    @on("BootNotification")
    def boot(self, **_: Any) -> Any:
        """Accept everybody."""
        self.heard.append("BootNotification")
        return result16.BootNotification(current_time=NOW, interval=300, status="Accepted")

    @on("StatusNotification")
    def status(self, **_: Any) -> Any:
        """Take note."""
        self.heard.append("StatusNotification")
        return result16.StatusNotification()

    @on("Authorize")
    def authorize(self, **_: Any) -> Any:
        """Accept every card."""
        self.heard.append("Authorize")
        return result16.Authorize(id_tag_info={"status": "Accepted"})

    @on("StartTransaction")
    def begin(self, **_: Any) -> Any:
        """Number it."""
        self.heard.append("StartTransaction")
        return result16.StartTransaction(transaction_id=7, id_tag_info={"status": "Accepted"})

    @on("MeterValues")
    def meter(self, **_: Any) -> Any:
        """Take note."""
        self.heard.append("MeterValues")
        return result16.MeterValues()

    @on("StopTransaction")
    def stop(self, **_: Any) -> Any:
        """Take note."""
        self.heard.append("StopTransaction")
        return result16.StopTransaction()

    async def command(self) -> list[Any]:
        """Ask for something that is done, and for something that is not."""
        done = await self.call(call16.ChangeAvailability(connector_id=0, type="Operative"), suppress=False)
        with contextlib.suppress(NotSupportedError):
            await self.call(call16.ClearCache(), suppress=False)
            return [done, None]
        return [done, "NotSupported"]


class System201(ChargePoint201):
    """The same in 2.0.1."""

    heard: list[str]

    @on("BootNotification")
    def boot(self, **_: Any) -> Any:
        """Accept everybody."""
        self.heard.append("BootNotification")
        return result201.BootNotification(current_time=NOW, interval=300, status="Accepted")

    @on("StatusNotification")
    def status(self, **_: Any) -> Any:
        """Take note."""
        self.heard.append("StatusNotification")
        return result201.StatusNotification()

    @on("Authorize")
    def authorize(self, **_: Any) -> Any:
        """Accept every card."""
        self.heard.append("Authorize")
        return result201.Authorize(id_token_info={"status": "Accepted"})

    @on("TransactionEvent")
    def event(self, **_: Any) -> Any:
        """Take note."""
        self.heard.append("TransactionEvent")
        return result201.TransactionEvent()

    async def command(self) -> list[Any]:
        """Ask for something that is done, and for something that is not."""
        done = await self.call(call201.ChangeAvailability(operational_status="Operative"), suppress=False)
        with contextlib.suppress(NotSupportedError):
            await self.call(call201.ClearCache(), suppress=False)
            return [done, None]
        return [done, "NotSupported"]


CHARGERS = {"ocpp1.6": Charger16, "ocpp2.0.1": Charger201}
SYSTEMS = {"ocpp1.6": System16, "ocpp2.0.1": System201}


class PythonBackend:
    """A CSMS of the PyPI package on a port of its own; it commands each charger that has told it everything."""

    def __init__(self, version: str) -> None:
        self.version = version
        self.port = free_port()
        self.heard: list[str] = []
        self.commanded: list[Any] = []
        self._server: websockets.Server | None = None

    async def start(self) -> None:
        """Listen."""
        self._server = await websockets.serve(self._serve, "127.0.0.1", self.port, subprotocols=[self.version])  # type: ignore[list-item]

    async def _serve(self, link: ServerConnection) -> None:
        system = SYSTEMS[self.version]("CP1", link)
        system.heard = self.heard
        listening = asyncio.ensure_future(system.start())
        await until(lambda: len(self.heard) == 6, "the charger's whole session")
        self.commanded = await within(system.command(), "the answers to commands")
        with contextlib.suppress(websockets.ConnectionClosed):
            await listening

    async def drop(self) -> None:
        """Leave nothing behind."""
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()


class NodeBackend:
    """A CSMS of the npm package, as a child process."""

    def __init__(self, version: str) -> None:
        self.version = version
        self.port = free_port()
        self.process: subprocess.Popen[str] | None = None

    async def start(self) -> None:
        """Start it and wait until it listens."""
        self.process = await asyncio.to_thread(node, "server", str(self.port), self.version)
        stdout = self.process.stdout
        assert stdout is not None
        line = await within(asyncio.to_thread(stdout.readline), "the CSMS on Node.js listens")
        assert json.loads(line)["what"] == "listening", line

    async def events(self, last: str) -> list[dict[str, Any]]:
        """Read what happened until `last` did."""
        assert self.process is not None
        stdout = self.process.stdout
        assert stdout is not None
        found: list[dict[str, Any]] = []
        while not found or found[-1]["what"] != last:
            line = await within(asyncio.to_thread(stdout.readline), f"{last} at the CSMS on Node.js, after {found}")
            assert line, f"the CSMS on Node.js ended after {found}"
            found.append(json.loads(line))
        return found

    async def drop(self) -> None:
        """Leave no process behind."""
        if self.process is not None:
            self.process.kill()
            await asyncio.to_thread(self.process.communicate)


def node(*words: str, program: str = "peer.mjs") -> subprocess.Popen[str]:
    """Start a far end on Node.js; their packages are installed from the lock file the first time."""
    for needed in ("node", "npm"):
        if shutil.which(needed) is None:
            raise AssertionError(f"{needed} is needed for these tests and is not installed (Debian: nodejs npm)")
    with filelock.FileLock(NODE / ".lock", timeout=300):
        if not all((NODE / "node_modules" / name).is_dir() for name in ("mqtt", "ocpp-rpc", "soap")):
            command = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
            subprocess.run(command, cwd=NODE, check=True, capture_output=True, timeout=300)
    called = [program] if program else []
    return subprocess.Popen(
        ["node", *called, *words], cwd=NODE, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True
    )


@contextlib.asynccontextmanager
async def python_charger(url: str, version: str) -> AsyncIterator[Charger16 | Charger201]:
    """Connect a charger of the PyPI package."""
    async with websockets.connect(url, subprotocols=[version]) as link:  # type: ignore[list-item]
        charger = CHARGERS[version]("CP1", link)
        listening = asyncio.ensure_future(charger.start())
        yield charger
        listening.cancel()
        await asyncio.gather(listening, return_exceptions=True)
