"""What is known of one station for Home Assistant: of each connector its status, power, energy and session.

A connector is one of OCPP 1.6, or an EVSE of OCPP 2.x, which is read as a whole: its status is the one of its
connectors that says most. Everything is read from what the station says anyway, and may be missing or odd.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, TypeGuard
from uuid import uuid4

from voltgate.carriers.mqtt.meters import reading, watt_hours
from voltgate.ocpp.messages import Call

STATUSES_16 = (
    "Available", "Preparing", "Charging", "SuspendedEVSE", "SuspendedEV", "Finishing", "Reserved", "Unavailable",
    "Faulted",
)  # fmt: skip
STATUSES_2X = ("Occupied", "Reserved", "Available", "Faulted", "Unavailable")
"""In the order in which a status of one connector is that of the whole EVSE."""
_MOST_CONNECTORS = 32
_LARGEST_NUMBER = 9_999
_MOST_OPEN = 16
_LONGEST_TEXT = 64


@dataclass(slots=True)
class Connector:
    """A connector. `power` is in W, the register `energy` and where it `began` in Wh; `transaction` is its id."""

    statuses: dict[int, str] = field(default_factory=dict)
    power: float | None = None
    energy: float | None = None
    began: float | None = None
    session: float | None = None
    transaction: int | str | None = None

    def state(self, statuses: tuple[str, ...]) -> dict[str, Any]:
        """Return what Home Assistant is shown: W and kWh, null for what is not known."""
        return {
            "status": next((each for each in statuses if each in self.statuses.values()), None),
            "power": None if self.power is None else round(self.power, 1),
            "energy": None if self.energy is None else round(self.energy / 1000, 3),
            "session": None if self.session is None else round(self.session / 1000, 3),
        }

    def begin(self, transaction: int | str | None, register: float | None) -> None:
        """Begin a session; `register` is where it begins, None if that is not said."""
        self.transaction, self.began, self.session = transaction, register, 0.0

    def end(self) -> None:
        """End the session: its energy stays to be seen."""
        self.transaction = self.began = None
        self.power = 0.0

    def read(self, meter_value: object) -> None:
        """Take meter values."""
        power, energy = reading(meter_value)
        self.power = self.power if power is None else power
        if energy is not None:
            self._count(energy)

    def _count(self, energy: float) -> None:
        self.energy = energy
        if self.session is None or (self.transaction is None and self.began is None):
            return
        self.began = energy if self.began is None else self.began
        self.session = max(energy - self.began, 0.0)

    def stopped_at(self, register: float | None) -> None:
        """Take the register at the end of the session."""
        if register is not None:
            self._count(register)


class Device:
    """A station. `is_modern` says that it speaks 2.x; `about` is what it says of its make."""

    def __init__(self, protocol: str) -> None:
        self.is_modern = protocol != "ocpp1.6"
        self.statuses = STATUSES_2X if self.is_modern else STATUSES_16
        self.connectors: dict[int, Connector] = {}
        self.about: dict[str, str] = {}
        self._starting: dict[str, Connector] = {}

    # What the station says.

    def take(self, call: Call) -> None:
        """Take a call of the station."""
        says = _SAYS.get(call.action)
        if says is not None:
            says(self, call)

    def _boot(self, call: Call) -> None:
        fields, names = call.fields, _ABOUT_16
        if self.is_modern:
            station = fields.get("chargingStation")
            fields, names = station if isinstance(station, dict) else {}, _ABOUT_2X
        said = {key: fields.get(name) for key, name in names.items()}
        self.about = {
            key: text[:_LONGEST_TEXT]
            for key, text in said.items()
            if isinstance(text, str) and text.strip() and text.isprintable()
        }

    def _status(self, call: Call) -> None:
        fields = call.fields
        number, status = fields.get("connectorId"), fields.get("connectorStatus" if self.is_modern else "status")
        connector = self._connector(fields.get("evseId") if self.is_modern else number)
        if connector is None or not isinstance(status, str) or status not in self.statuses:
            return
        part = number if self.is_modern and _is_number(number) else 0
        if part in connector.statuses or len(connector.statuses) < _MOST_CONNECTORS:
            connector.statuses[part] = status

    def _meter_values(self, call: Call) -> None:
        fields = call.fields
        connector = self._connector(fields.get("evseId" if self.is_modern else "connectorId"))
        if connector is None:
            return
        transaction = fields.get("transactionId")
        if connector.transaction is None and _is_id(transaction):
            connector.begin(transaction, None)  # it began before we were there
        connector.read(fields.get("meterValue"))

    def _start(self, call: Call) -> None:
        connector = self._connector(call.fields.get("connectorId"))
        if connector is not None and len(self._starting) < _MOST_OPEN:
            connector.begin(None, watt_hours(call.fields.get("meterStart")) or 0.0)
            self._starting[call.id] = connector

    def awaits(self, message_id: str) -> bool:
        """Return whether the answer to this call says something."""
        return message_id in self._starting

    def started(self, message_id: str, fields: dict[str, Any]) -> None:
        """Take the answer to a StartTransaction: the number by which this backend knows it."""
        connector = self._starting.pop(message_id, None)
        if connector is not None and _is_id(fields.get("transactionId")):
            connector.transaction = fields["transactionId"]

    def _stop(self, call: Call) -> None:
        fields = call.fields
        connector = self._of(fields.get("transactionId"))
        if connector is not None:
            connector.read(fields.get("transactionData"))
            connector.stopped_at(watt_hours(fields.get("meterStop")))
            connector.end()

    def _event(self, call: Call) -> None:
        fields = call.fields
        info, evse, kind = fields.get("transactionInfo"), fields.get("evse"), fields.get("eventType")
        transaction = info.get("transactionId") if isinstance(info, dict) else None
        connector = self._connector(evse.get("id")) if isinstance(evse, dict) else self._of(transaction)
        if connector is None or not _is_id(transaction):
            return
        if kind != "Ended" and connector.transaction != transaction:
            connector.begin(transaction, None)
        connector.read(fields.get("meterValue"))
        if kind == "Ended" and connector.transaction == transaction:
            connector.end()

    def _connector(self, number: object) -> Connector | None:
        if not _is_number(number):
            return None
        if number not in self.connectors and len(self.connectors) < _MOST_CONNECTORS:
            self.connectors[number] = Connector()
        return self.connectors.get(number)

    def _of(self, transaction: object) -> Connector | None:
        """Return the connector of a transaction; of a station with one connector that one."""
        connectors = list(self.connectors.values())
        found = next((each for each in connectors if _is_id(transaction) and each.transaction == transaction), None)
        return connectors[0] if found is None and len(connectors) == 1 else found

    # What Home Assistant asks.

    def begin(self, number: int, token: str) -> tuple[str, dict[str, Any]]:
        """Return the call that begins a session."""
        if not self.is_modern:
            return "RemoteStartTransaction", {"connectorId": number, "idTag": token}
        started = {
            "evseId": number,
            "remoteStartId": uuid4().int >> 97,
            "idToken": {"idToken": token, "type": "Central"},
        }
        return "RequestStartTransaction", started

    def end(self, number: int) -> tuple[str, dict[str, Any]] | None:
        """Return the call that ends the session of a connector; None if none is known."""
        connector = self.connectors.get(number)
        if connector is None or connector.transaction is None:
            return None
        action = "RequestStopTransaction" if self.is_modern else "RemoteStopTransaction"
        return action, {"transactionId": connector.transaction}

    # Where nobody consumes.

    def answer(self, call: Call, now: str) -> dict[str, Any]:
        """Return what a call of the station is answered where nobody else reads it, and it is answered elsewhere."""
        accepted = {"status": "Accepted"}
        match call.action:
            case "BootNotification":
                return accepted | {"currentTime": now, "interval": 300}
            case "Heartbeat":
                return {"currentTime": now}
            case "Authorize":
                return {"idTokenInfo" if self.is_modern else "idTagInfo": accepted}
            case "StartTransaction":
                return {"transactionId": uuid4().int >> 97, "idTagInfo": accepted}
            case "DataTransfer":
                return {"status": "UnknownVendorId"}
            case _:
                return {}


_ABOUT_16 = {
    "manufacturer": "chargePointVendor",
    "model": "chargePointModel",
    "serial_number": "chargePointSerialNumber",
    "sw_version": "firmwareVersion",
}
_ABOUT_2X = {
    "manufacturer": "vendorName",
    "model": "model",
    "serial_number": "serialNumber",
    "sw_version": "firmwareVersion",
}
_SAYS = {
    "BootNotification": Device._boot,
    "StatusNotification": Device._status,
    "MeterValues": Device._meter_values,
    "StartTransaction": Device._start,
    "StopTransaction": Device._stop,
    "TransactionEvent": Device._event,
}


def _is_number(number: object) -> TypeGuard[int]:
    """Whether this numbers a connector: 0 is the station as a whole."""
    return isinstance(number, int) and not isinstance(number, bool) and 0 < number <= _LARGEST_NUMBER


def _is_id(transaction: object) -> bool:
    if isinstance(transaction, str):
        return 0 < len(transaction) <= _LONGEST_TEXT
    return isinstance(transaction, int) and not isinstance(transaction, bool)
