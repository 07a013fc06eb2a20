"""A small charging network as an operator has it, for pictures: stations that charge, and what they charged lately."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.dashboard.managed import asked
from tests.dashboard.theatre import Theatre
from tests.harness import boot_payload
from tests.harness.station import ScriptedStation

HARBOUR = [f"HARBOUR-{number:02}" for number in range(1, 13)]
DEPOT = [f"DEPOT-{number:02}" for number in range(1, 9)]
STREET = [f"STREET-{number:02}" for number in range(1, 5)]
NAMES = {
    identity: f"{place} {(number + 3) // 4}, place {number}"
    for place, stations in (("Deck", HARBOUR), ("Bay", DEPOT), ("Street", STREET))
    for number, identity in enumerate(stations, 1)
}
"""What people call each."""

CONFIG: dict[str, Any] = {
    "backends": {"csms": {"url": "local:"}, "roaming": {"url": "ws://127.0.0.1:9/ocpp/{station}"}},
    "routes": {
        "main": {
            "admit": "gateway",
            "rules": [
                {"actions": ["DataTransfer"], "answer": "billing"},
                {"tokens": ["FLEET*"], "answer": "billing", "copy": ["csms"]},
                {"answer": "csms", "copy": ["billing"]},
            ],
        },
        "street": {"admit": "gateway", "rules": [{"answer": "billing", "copy": ["roaming"]}]},
    },
    "stations": [
        {"match": identity, "name": name, "route": "street" if identity in STREET else "main"}
        for identity, name in NAMES.items()
    ],
    "messages": {"stations": ["*"]},
    "alerts": {
        "channels": {
            "ops": {"mail": {"from": "voltgate@example.com", "to": ["ops@example.com"], "sendmail": "/bin/true"}}
        },
        "rules": [
            {"name": "faults", "events": ["conStatusFaulted"], "channels": ["ops"], "hold": 0, "group": 0},
            {"name": "backends", "events": ["backendAway", "backendBack"], "channels": ["ops"], "hold": 0, "group": 0},
        ],
    },
    "store": None,
}
"""What is added to the configuration of the gateway."""

AWAY = {"HARBOUR-09", "DEPOT-07"}
"""Stations that are known and not there."""
MAKERS = [("Finch", "Sparrow 22"), ("Finch", "Wren Duo"), ("Heron Power", "HP-50 DC")]
CARDS = [
    ("04A2B3C4D5", "Ada Lovelace", "staff"),
    ("04B7719E22", "Emmy Noether", "staff"),
    ("04C0FFEE11", "Grace Hopper", ""),
    ("04D15EA5E9", "Lise Meitner", ""),
    ("04E4A7B810", "Delivery van 1", "fleet"),
    ("04E4A7B811", "Delivery van 2", "fleet"),
    ("04F00DBABE", "Visitors' card", ""),
]
ACCEPTED = {"idTagInfo": {"status": "Accepted"}}
BESIDE: dict[str, dict[str, Any]] = {
    "Authorize": ACCEPTED,
    "BootNotification": {"status": "Accepted", "interval": 300},
    "DataTransfer": {"status": "Accepted"},
    "Heartbeat": {},
    "MeterValues": {},
    "StartTransaction": {"transactionId": 1, **ACCEPTED},
    "StatusNotification": {},
    "StopTransaction": {},
    "TransactionEvent": {},
}
"""What the backend beside answers."""


@dataclass(frozen=True, slots=True)
class Session:
    """What somebody charged: begun so many hours ago, for so many minutes, at kW."""

    station: str
    card: str
    ago: float
    minutes: int
    power: float
    runs: bool = False


def sessions() -> list[Session]:
    """Return what was charged in the last two days, the same each time, and what is charged now."""
    drawn = random.Random(15)
    past = [
        Session(
            station, drawn.choice(CARDS)[0], 44 - 6.5 * turn - drawn.random() * 4, drawn.randrange(35, 150, 5), power
        )
        for turn in range(4)
        for station, power in zip((*HARBOUR[:6], *DEPOT[:4]), (11, 22, 7.4, 11, 22, 11, 43, 50, 22, 50), strict=True)
        if drawn.random() < 0.7
    ]
    running = [
        Session(HARBOUR[1], CARDS[0][0], 1.1, 65, 11, runs=True),
        Session(HARBOUR[3], CARDS[2][0], 2.4, 140, 7.4, runs=True),
        Session(HARBOUR[5], CARDS[4][0], 0.6, 35, 22, runs=True),
        Session(DEPOT[0], CARDS[5][0], 0.5, 30, 50, runs=True),
        Session(DEPOT[2], CARDS[1][0], 0.8, 45, 22, runs=True),
    ]
    return sorted(past, key=lambda session: -session.ago) + running


def curve(session: Session) -> Iterator[tuple[datetime, float, float]]:
    """Give the times each five minutes, with power in kW and what was charged by then in kWh: full towards the end."""
    begun = datetime.now(UTC) - timedelta(hours=session.ago)
    energy = 0.0
    for minute in range(5, session.minutes, 5):
        part = minute / session.minutes
        full = 1 if part < 0.65 or session.runs else max(0.15, 1 - (part - 0.65) * 2.3)
        power = session.power * full * (0.97 + 0.03 * ((minute * 7) % 5) / 4)
        energy += power * 5 / 60
        yield begun + timedelta(minutes=minute), power, energy


def at(moment: datetime) -> str:
    """Return a moment as stations write it."""
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


class Scene:
    """The network: what is in the management system, and the stations that are there."""

    def __init__(self, theatre: Theatre) -> None:
        self._theatre = theatre
        self._there: dict[str, ScriptedStation] = {}
        self._meters = dict.fromkeys((*HARBOUR, *DEPOT), 120_000.0)
        self._living: asyncio.Task[None] | None = None

    def set(self) -> None:
        """Put everything there, and let stations go on."""
        self._make()
        self._theatre.play(self._come(), 300)
        self._command()

    def _ask(self, method: str, path: str, **body: object) -> Any:
        return asked(self._theatre, method, path, body)

    def _make(self) -> None:
        places = {"harbour": ("Harbour car park", "Kiel", HARBOUR), "depot": ("Bus depot", "Lübeck", DEPOT)}
        for network, (name, place, stations) in places.items():
            self._ask("POST", "/networks", id=network, name=name, location=place, currency="EUR")
            for identity in stations:
                made = {"identity": identity, "name": NAMES[identity], "location": place}
                self._ask("POST", f"/networks/{network}/stations", **made)
        for token, holder, group in CARDS:
            self._ask("POST", "/id-tokens", token=token, holder=holder, group=group, type="ISO14443")
        lost = {"token": "04DEADBEEF", "holder": "Lost on 3 November", "type": "ISO14443", "status": "Blocked"}
        self._ask("POST", "/id-tokens", **lost)
        prices = {"currency": "EUR", "vat": "19", "since": "2026-01-01T00:00:00Z"}
        self._ask("PUT", "/tariffs/public", per_kwh="0.45", **prices)
        self._ask("PUT", "/tariffs/public", per_kwh="0.49", per_idle_minute="0.05", free_minutes="240", **prices)
        self._ask("PUT", "/tariffs/staff", per_kwh="0.25", group="staff", **prices)
        self._ask("PUT", "/tariffs/fleet", per_kwh="0.19", group="fleet", per_session="0.50", **prices)
        self._ask("PUT", "/tariffs/public-2027", per_kwh="0.52", currency="EUR", vat="19", since="2027-01-01T00:00:00Z")
        self._ask("PUT", "/backends/billing/stations", stations=[*STREET, "DEPOT-06"])
        people = {"ada": ("Ada Lovelace", {"*": "operator"}), "emmy": ("Emmy Noether", {"depot": "admin"})}
        for login, (person, roles) in people.items():
            self._ask("POST", "/users", login=login, person=person, roles=roles)
        self._ask("POST", "/tokens", name="spreadsheet", role="viewer")
        muted = {"stations": ["DEPOT-07"], "events": ["*"], "seconds": 7200, "reason": "New switchgear"}
        self._ask("POST", "/alerts/mutes", **muted)

    async def _come(self) -> None:
        for action, payload in BESIDE.items():
            times = {"currentTime": at(datetime.now(UTC))} if action in ("BootNotification", "Heartbeat") else {}
            self._theatre.backend.answers(action, payload | times)
        for identity in (*HARBOUR, *DEPOT, *STREET):
            if identity not in AWAY:
                await self._connect(identity)
        for session in sessions():
            await (self._charge_2 if session.station in DEPOT else self._charge_1)(session)
        fault = {"connectorId": 1, "status": "Faulted", "errorCode": "ConnectorLockFailure", "info": "Lock jammed"}
        await self._there[HARBOUR[7]].call("StatusNotification", fault)
        for number in (1, 2, 3):
            with contextlib.suppress(AssertionError):
                await self._theatre.stage.refused(f"NEW-{4700 + number}", "ocpp2.0.1" if number == 2 else "ocpp1.6")
        self._living = asyncio.ensure_future(self._live())

    def _command(self) -> None:
        """Have stations do something, for the audit trail."""
        for identity, command, body in (
            (HARBOUR[0], "trigger", {"message": "Heartbeat"}),
            (HARBOUR[3], "availability", {"operative": True}),
            (HARBOUR[7], "unlock", {"evse": 1}),
            (HARBOUR[7], "reset", {"kind": "soft"}),
            (DEPOT[1], "trigger", {"message": "StatusNotification"}),
        ):
            self._ask("POST", f"/csms/stations/{identity}/commands/{command}", **body)

    async def _connect(self, identity: str) -> None:
        number = int(identity[-2:])
        versions = ("ocpp2.1", "ocpp2.0.1") if identity in DEPOT and number % 3 == 0 else ("ocpp2.0.1",)
        offers = versions if identity in DEPOT else ("ocpp1.6",)
        station = await self._theatre.stage.station(identity, *offers)
        for action in ("Reset", "TriggerMessage", "GetBaseReport", "ChangeAvailability"):
            station.answers(action, {"status": "Accepted"})
        station.answers("UnlockConnector", {"status": "UnlockFailed"})
        station.answers("GetConfiguration", {"configurationKey": [], "unknownKey": []})
        self._there[identity] = station
        vendor, model = MAKERS[number % len(MAKERS)]
        if identity in DEPOT:
            more: dict[str, Any] = {"vendorName": vendor, "model": model, "firmwareVersion": "3.4.1"}
            payload = boot_payload("ocpp2.0.1") | {"chargingStation": {**more, "serialNumber": f"F{8800 + number}"}}
        else:
            more = {"chargePointVendor": vendor, "chargePointModel": model, "firmwareVersion": "1.9.12"}
            payload = {**more, "chargePointSerialNumber": f"F{4400 + number}"}
        await station.call("BootNotification", payload)
        for connector in (1, 2):
            await self._status(identity, connector, "Available")

    async def _status(self, identity: str, connector: int, status: str) -> None:
        if identity in DEPOT:
            word = "Occupied" if status == "Charging" else status
            payload = {
                "evseId": connector,
                "connectorId": 1,
                "connectorStatus": word,
                "timestamp": at(datetime.now(UTC)),
            }
        else:
            payload = {"connectorId": connector, "status": status, "errorCode": "NoError"}
        await self._there[identity].call("StatusNotification", payload)

    async def _charge_1(self, session: Session) -> None:
        station, start = self._there[session.station], self._meters[session.station]
        begun = datetime.now(UTC) - timedelta(hours=session.ago)
        await station.call("Authorize", {"idTag": session.card})
        if session.runs:
            await self._status(session.station, 1, "Charging")
        opening = {"connectorId": 1, "idTag": session.card, "meterStart": int(start), "timestamp": at(begun)}
        number = (await station.call("StartTransaction", opening)).payload["transactionId"]
        meter = start
        for moment, power, energy in curve(session):
            meter = start + energy * 1000
            values = [
                {"value": f"{meter:.0f}", "measurand": "Energy.Active.Import.Register", "unit": "Wh"},
                {"value": f"{power:.2f}", "measurand": "Power.Active.Import", "unit": "kW"},
            ]
            reading = {"timestamp": at(moment), "sampledValue": values}
            await station.call("MeterValues", {"connectorId": 1, "transactionId": number, "meterValue": [reading]})
        self._meters[session.station] = meter
        if not session.runs:
            over = begun + timedelta(minutes=session.minutes)
            closing = {"transactionId": number, "meterStop": int(meter), "timestamp": at(over), "idTag": session.card}
            await station.call("StopTransaction", {**closing, "reason": "EVDisconnected"})

    async def _charge_2(self, session: Session) -> None:
        station, start = self._there[session.station], self._meters[session.station]
        begun = datetime.now(UTC) - timedelta(hours=session.ago)
        if session.runs:
            await self._status(session.station, 1, "Charging")
        ref = f"{session.station[-2:]}-{int(begun.timestamp()) // 60}"
        count = 0

        async def tell(kind: str, trigger: str, moment: datetime, meter: float, power: float, **more: Any) -> None:
            nonlocal count
            values = [
                {"value": round(meter), "measurand": "Energy.Active.Import.Register", "unitOfMeasure": {"unit": "Wh"}},
                {"value": round(power * 1000), "measurand": "Power.Active.Import", "unitOfMeasure": {"unit": "W"}},
            ]
            ended = kind == "Ended"
            about = {"transactionId": ref, "chargingState": "EVConnected" if ended else "Charging"}
            await station.call(
                "TransactionEvent",
                {
                    "eventType": kind,
                    "timestamp": at(moment),
                    "triggerReason": trigger,
                    "seqNo": count,
                    "transactionInfo": about | ({"stoppedReason": "EVDisconnected"} if ended else {}),
                    "evse": {"id": 1, "connectorId": 1},
                    "meterValue": [{"timestamp": at(moment), "sampledValue": values}],
                    **more,
                },
            )
            count += 1

        card = {"idToken": {"idToken": session.card, "type": "ISO14443"}}
        await tell("Started", "Authorized", begun, start, 0, **card)
        meter = start
        for moment, power, energy in curve(session):
            meter = start + energy * 1000
            await tell("Updated", "MeterValuePeriodic", moment, meter, power)
        self._meters[session.station] = meter
        if not session.runs:
            await tell("Ended", "EVDeparted", begun + timedelta(minutes=session.minutes), meter, 0)

    async def _live(self) -> None:
        """Have stations say a little, for what is live."""
        drawn = random.Random(16)
        while True:
            identity = drawn.choice([*HARBOUR[:6], *DEPOT[:6]])
            match drawn.randrange(4):
                case 0:
                    await self._status(identity, 2, drawn.choice(("Available", "Reserved")))
                case 1 if identity in HARBOUR:
                    await self._there[identity].call("Authorize", {"idTag": drawn.choice(CARDS)[0]})
                case 2:
                    transfer = {"vendorId": "com.example", "messageId": "Tick"}
                    await self._there[identity].call("DataTransfer", transfer)
                case _:
                    await self._there[identity].call("Heartbeat")
            await asyncio.sleep(drawn.uniform(0.05, 0.25))

    def newest(self, identity: str) -> str:
        """Return what the last transaction of a station that has ended is called."""
        found = asked(self._theatre, "GET", f"/transactions?station={identity}&state=ended&limit=1")
        return str(found["items"][0]["ref"])

    def strike(self) -> None:
        """Have stations say nothing more."""
        if self._living is not None:
            self._theatre.play(self._cancel(self._living))

    @staticmethod
    async def _cancel(task: asyncio.Task[None]) -> None:
        task.cancel()
        await asyncio.wait([task])
