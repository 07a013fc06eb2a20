"""Chargers of the PyPI `ocpp` package that live through a day: at each step they say what a station says then."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import websockets
from ocpp.routing import on
from ocpp.v16 import ChargePoint as ChargePoint16
from ocpp.v16 import call as call16
from ocpp.v16 import call_result as result16
from ocpp.v21 import ChargePoint as ChargePoint21
from ocpp.v21 import call as call21
from ocpp.v21 import call_result as result21
from ocpp.v201 import ChargePoint as ChargePoint201
from ocpp.v201 import call as call201
from ocpp.v201 import call_result as result201

TOKEN = "04E1"


def clock(minute: int) -> str:
    """Return a time of the day, so many minutes after ten."""
    return f"2026-11-21T{10 + minute // 60:02}:{minute % 60:02}:00Z"


class Day16(ChargePoint16):
    """A 1.6 charger with one connector; `number` is that of its transaction."""

    number = 0

    @on("Reset")
    def reset(self, type: str, **_: Any) -> Any:  # noqa: A002 - OCPP's name
        """Do as the CSMS says."""
        return result16.Reset(status="Accepted" if type == "Hard" else "Rejected")

    async def say(self, call: Any) -> Any:
        """Call the CSMS; raise what it refuses."""
        return await self.call(call, suppress=False)

    async def _status(self, status: str, minute: int, error: str = "NoError", connector: int = 1) -> None:
        await self.say(
            call16.StatusNotification(connector_id=connector, error_code=error, status=status, timestamp=clock(minute))
        )

    async def morning(self) -> str:
        """Boot and be free."""
        booted = await self.say(
            call16.BootNotification(
                charge_point_vendor="Finch",
                charge_point_model="Sparrow",
                charge_point_serial_number="S-16",
                firmware_version="1.0",
                meter_serial_number="M-16",
            )
        )
        await self._status("Available", 0, connector=0)
        await self._status("Available", 0)
        return str(booted.status)

    async def begin(self) -> None:
        """Begin to charge."""
        authorized = await self.say(call16.Authorize(id_tag=TOKEN))
        assert authorized.id_tag_info["status"] == "Accepted"
        await self._status("Preparing", 1)
        begun = await self.say(
            call16.StartTransaction(connector_id=1, id_tag=TOKEN, meter_start=1000, timestamp=clock(2))
        )
        assert begun.id_tag_info["status"] == "Accepted"
        self.number = begun.transaction_id
        await self._status("Charging", 2)
        samples = [
            {"value": "4.5", "measurand": "Energy.Active.Import.Register", "unit": "kWh"},
            {"value": "7.4", "measurand": "Power.Active.Import", "unit": "kW"},
            {"value": "55", "measurand": "SoC", "unit": "Percent"},
        ]
        await self.say(
            call16.MeterValues(
                connector_id=1,
                transaction_id=self.number,
                meter_value=[{"timestamp": clock(30), "sampledValue": samples}],
            )
        )

    async def fail(self) -> None:
        """Report a fault, and go on living."""
        await self._status("Faulted", 31, "GroundFailure")
        await self.say(call16.Heartbeat())

    async def mend(self) -> None:
        """Charge again, after the connection was lost."""
        await self.say(call16.Heartbeat())
        await self._status("Charging", 40)

    async def upkeep(self) -> None:
        """Report what goes on beside charging."""
        await self.say(call16.FirmwareStatusNotification(status="Downloaded"))
        await self.say(call16.DiagnosticsStatusNotification(status="Uploaded"))
        await self.say(
            call16.SecurityEventNotification(type="TamperDetectionActivated", timestamp=clock(41), tech_info="door")
        )

    async def end(self) -> None:
        """Stop charging, and be free."""
        await self.say(
            call16.StopTransaction(
                transaction_id=self.number, id_tag=TOKEN, meter_stop=8400, timestamp=clock(62), reason="Local"
            )
        )
        await self._status("Available", 63)

    @property
    def ref(self) -> str:
        """What the transaction is called."""
        return str(self.number)


class _Day2x:
    """What 2.x chargers have in common, but for the package's classes: `calls` holds those of the version."""

    calls: Any
    ref = "t-1"
    sequence = 0

    async def say(self, call: Any) -> Any:
        """Call the CSMS; raise what it refuses."""
        return await self.call(call, suppress=False)  # type: ignore[attr-defined]

    async def _status(self, status: str, minute: int) -> None:
        said = self.calls.StatusNotification(
            timestamp=clock(minute), connector_status=status, evse_id=1, connector_id=1
        )
        await self.say(said)

    async def _event(self, kind: str, minute: int, why: str, energy: float, state: str, **more: Any) -> Any:
        samples = [
            {
                "value": energy,
                "measurand": "Energy.Active.Import.Register",
                "unitOfMeasure": {"unit": "Wh", "multiplier": 0},
            }
        ]
        event = self.calls.TransactionEvent(
            event_type=kind,
            timestamp=clock(minute),
            trigger_reason=why,
            seq_no=self.sequence,
            transaction_info={"transactionId": self.ref, "chargingState": state, **more.pop("info", {})},
            evse={"id": 1, "connectorId": 1},
            meter_value=[{"timestamp": clock(minute), "sampledValue": samples}],
            **more,
        )
        self.sequence += 1
        return await self.say(event)

    async def morning(self) -> str:
        """Boot and be free."""
        charger = {
            "model": "Sparrow",
            "vendorName": "Finch",
            "serialNumber": "S-2x",
            "firmwareVersion": "1.0",
        }
        booted = await self.say(self.calls.BootNotification(charging_station=charger, reason="PowerUp"))
        await self._status("Available", 0)
        return str(booted.status)

    async def begin(self) -> None:
        """Begin to charge."""
        token = {"idToken": TOKEN, "type": "ISO14443"}
        authorized = await self.say(self.calls.Authorize(id_token=token))
        assert authorized.id_token_info["status"] == "Accepted"
        await self._status("Occupied", 1)
        await self._event("Started", 2, "Authorized", 1000, "EVConnected", id_token=token)
        await self._event("Updated", 30, "MeterValuePeriodic", 4500, "Charging")

    async def fail(self) -> None:
        """Report a fault, and go on living."""
        await self._status("Faulted", 31)
        await self.say(self.calls.Heartbeat())

    async def mend(self) -> None:
        """Charge again, after the connection was lost."""
        await self.say(self.calls.Heartbeat())
        await self._status("Occupied", 40)

    async def upkeep(self) -> None:
        """Report what goes on beside charging."""
        await self.say(self.calls.FirmwareStatusNotification(status="Downloaded", request_id=1))
        await self.say(self.calls.LogStatusNotification(status="Uploaded", request_id=2))
        event = self.calls.SecurityEventNotification(type="TamperDetectionActivated", timestamp=clock(41))
        await self.say(event)

    async def end(self) -> None:
        """Stop charging, and be free."""
        info = {"info": {"stoppedReason": "Local"}}
        await self._event("Ended", 62, "StopAuthorized", 8400, "Idle", **info)
        await self._status("Available", 63)


class Day201(_Day2x, ChargePoint201):
    """A 2.0.1 charger."""

    calls = call201

    @on("Reset")
    def reset(self, type: str, **_: Any) -> Any:  # noqa: A002
        """Do as the CSMS says."""
        return result201.Reset(status="Accepted" if type == "Immediate" else "Rejected")


class Day21(_Day2x, ChargePoint21):
    """A 2.1 charger."""

    calls = call21

    @on("Reset")
    def reset(self, type: str, **_: Any) -> Any:  # noqa: A002
        """Do as the CSMS says."""
        return result21.Reset(status="Accepted" if type == "Immediate" else "Rejected")


DAYS = {"ocpp1.6": Day16, "ocpp2.0.1": Day201, "ocpp2.1": Day21}
Day = Day16 | Day201 | Day21


@contextlib.asynccontextmanager
async def connected(charger: Day | None, url: str, version: str) -> AsyncIterator[Day]:
    """Connect a charger; one that was connected before goes on where it was. The connection is lost at the end."""
    async with websockets.connect(url, subprotocols=[version]) as link:  # type: ignore[list-item]
        if charger is None:
            charger = DAYS[version](url.rpartition("/")[2], link)  # type: ignore[abstract]
        charger._connection = link
        listening = asyncio.ensure_future(charger.start())
        try:
            yield charger
        finally:
            listening.cancel()
            await asyncio.gather(listening, return_exceptions=True)
            link.transport.abort()  # no farewell: as if the power were gone
