"""That a station is there, and what it may say before it is accepted."""

from __future__ import annotations

from typing import Any

import pytest

from tests.csms.payloads import minimal
from tests.csms.stage import NOON, FakeStation, Note, Stage, StatusChange
from voltgate.csms.handling import Command
from voltgate.csms.model import Connector, Network, Station, Token, Transaction
from voltgate.csms.ports import StoreAway
from voltgate.ocpp.messages import Reply, Unanswered
from voltgate.ocpp.times import stamp

BOOT = {"chargePointVendor": "Acme", "chargePointModel": "AC-22"}
BOOT_2X = {"reason": "PowerUp", "chargingStation": {"vendorName": "Acme", "model": "AC-22"}}


def status(word: str, at: float = NOON, connector: int = 1, error: str = "NoError") -> dict[str, Any]:
    return {"connectorId": connector, "status": word, "errorCode": error, "timestamp": stamp(at)}


async def boot(station: FakeStation) -> str:
    """Boot, and return what the station is told."""
    payload = BOOT_2X if station.protocol.startswith("ocpp2") else BOOT
    answer = (await station.say("BootNotification", payload))["status"]
    assert isinstance(answer, str)
    return answer


async def test_all_that_a_boot_says_is_kept() -> None:
    async with Stage() as stage:
        more = {"chargePointSerialNumber": "S", "chargeBoxSerialNumber": "B", "meterSerialNumber": "M", "iccid": "I"}
        answer = await stage.station().say("BootNotification", BOOT | more)
        assert answer == {"currentTime": stamp(NOON), "interval": 300, "status": "Accepted"}
        row = stage.one(Station)
        assert (row.vendor, row.model, row.serial, row.box_serial, row.meter_serial, row.iccid) == (
            "Acme", "AC-22", "S", "B", "M", "I",
        )  # fmt: skip
        assert (row.booted, row.told, row.version) == (NOON, "Accepted", "ocpp1.6")


@pytest.mark.parametrize("interval", [0, -5])
async def test_no_station_is_told_to_say_that_it_is_there_without_a_pause(interval: int) -> None:
    async with Stage(interval=interval) as stage:
        stage.rows.put(Network("main", "Main", interval=interval))
        assert (await stage.station().say("BootNotification", BOOT))["interval"] == 1


async def test_a_boot_that_was_asked_for_is_none() -> None:
    async with Stage() as stage:
        station = stage.station(protocol="ocpp2.0.1")
        await boot(station)
        stage.now += 60
        await station.say("BootNotification", BOOT_2X | {"reason": "Triggered"})
        assert (stage.one(Station).booted, stage.one(Station).boot_reason) == (NOON, "PowerUp")


# Before it is accepted.


@pytest.mark.parametrize("version", ["ocpp1.6", "ocpp2.0.1", "ocpp2.1"])
@pytest.mark.parametrize("decision", ["Pending", "Rejected"])
async def test_a_station_that_is_not_accepted_asks_in_vain(version: str, decision: Any) -> None:
    async with Stage() as stage:
        stage.rows.put(Station("cp-1", "CP-1", registration=decision))
        station = stage.station(protocol=version)
        assert await boot(station) == decision
        assert await boot(station) == decision  # it asks again, as it was told to
        for action in ("Authorize", "Heartbeat", "StatusNotification", "DataTransfer"):
            assert (await station.refused(action, minimal(version, action)))[0] == "SecurityError"
        assert stage.rows.all(StatusChange) == []
        assert stage.csms.rounds.counts.barred == 4


async def test_a_transaction_of_1x_is_kept_and_not_allowed_before_its_station_is_accepted() -> None:
    async with Stage(registration="Rejected") as stage:
        stage.rows.put(Token("x", "x"))
        station = stage.station()
        await boot(station)
        answer = await station.say("StartTransaction", minimal("ocpp1.6", "StartTransaction") | {"idTag": "x"})
        assert answer == {"idTagInfo": {"status": "Invalid"}, "transactionId": stage.one(Transaction).number}


async def test_a_transaction_of_2x_is_kept_and_not_allowed_before_its_station_is_accepted() -> None:
    async with Stage(registration="Rejected") as stage:
        stage.rows.put(Token("x", "x"))
        station = stage.station(protocol="ocpp2.0.1")
        await boot(station)
        said = minimal("ocpp2.0.1", "TransactionEvent") | {"idToken": {"idToken": "x", "type": "ISO14443"}}
        assert await station.say("TransactionEvent", said) == {"idTokenInfo": {"status": "Invalid"}}
        assert stage.one(Transaction).token == "x"


@pytest.mark.parametrize(
    ("version", "command", "caused"),
    [
        ("ocpp1.6", Command("TriggerMessage", {"requestedMessage": "StatusNotification"}), "StatusNotification"),
        ("ocpp2.0.1", Command("GetBaseReport", {"requestId": 1, "reportBase": "FullInventory"}), "NotifyReport"),
        ("ocpp2.1", Command("TriggerMessage", {"requestedMessage": "SignV2GCertificate"}), "SignCertificate"),
    ],
)
async def test_what_a_pending_station_was_asked_for_is_taken(version: str, command: Command, caused: str) -> None:
    async with Stage(registration="Pending") as stage:
        station = stage.station(protocol=version)
        await boot(station)
        assert (await station.refused(caused, minimal(version, caused)))[0] == "SecurityError"
        stage.csms.command(station, command, lambda reply: None, 30.0)
        await station.say(caused, minimal(version, caused))
        station.leave()
        again = stage.station(protocol=version)
        assert (await again.refused(caused, minimal(version, caused)))[0] == "SecurityError"


REFUSED = [
    ("Rejected", Command("Reset", {"type": "Soft"}), "its BootNotification was rejected"),
    ("Pending", Command("RemoteStartTransaction", {"idTag": "04AA"}), "RemoteStartTransaction must wait"),
    ("Accepted", Command("TriggerMessage", {"requestedMessage": "BootNotification"}), "an accepted station"),
    (
        "Pending",
        Command("DataTransfer", {"vendorId": "v", "messageId": "RemoteStartTransaction", "data": '{"idTag":"04AA"}'}),
        "RemoteStartTransaction must wait",
    ),
]


def ask(stage: Stage, station: FakeStation, command: Command) -> str:
    """Make a station a call, and return why it was not made; "" if it was."""
    heard: list[Reply] = []
    stage.csms.command(station, command, heard.append, 30.0)
    return heard[0].description if isinstance(heard[0], Unanswered) else ""


@pytest.mark.parametrize(("decision", "command", "why"), REFUSED)
async def test_what_a_station_is_not_asked(decision: Any, command: Command, why: str) -> None:
    """Neither by the connection on which it was told, nor by a later one."""
    async with Stage(registration=decision) as stage:
        station = stage.station()
        await boot(station)
        assert why in ask(stage, station, command)
        station.leave()
        assert stage.csms._registered == {}
        again = stage.station()
        await stage.wait(1)
        assert why in ask(stage, again, command)
        assert bool(ask(stage, again, Command("ClearCache", {}))) == (decision == "Rejected")
        assert [action for action, _ in station.asked + again.asked] == ["ClearCache"] * (decision != "Rejected")


async def test_a_decision_counts_from_the_next_boot_on() -> None:
    """Until then the station works by what it was told."""
    async with Stage() as stage:
        station = stage.station()
        await boot(station)
        row = stage.one(Station)
        row.registration = "Rejected"
        await station.say("Heartbeat", {})
        assert await boot(station) == "Rejected"
        await station.refused("Heartbeat", {})
        row = stage.one(Station)
        row.registration = "Accepted"
        assert await boot(station) == "Accepted"
        await station.say("Heartbeat", {})


@pytest.mark.parametrize("boots", [True, False])
async def test_a_heartbeat_of_a_station_that_is_accepted_waits_for_no_round(boots: bool) -> None:
    """It is what stations say most, and nothing of it need be on disk at once: `seen` is written down in time."""
    async with Stage() as stage:
        station = stage.station()
        await (boot(station) if boots else station.say("Heartbeat", {}))
        rounds, calls = stage.rows.rounds, stage.csms.rounds.counts.calls
        await stage.wait(30)
        assert await station.say("Heartbeat", {}) == {"currentTime": stamp(NOON + 30)}
        assert (stage.rows.rounds, stage.csms.rounds.counts.calls) == (rounds, calls + 1)
        await stage.csms.write_seen()
        assert stage.one(Station).seen == NOON + 30
        code, _ = await station.refused("Heartbeat", {"status": 5})
        assert code == "OccurenceConstraintViolation"
        stage.rows.away = "gone"
        assert isinstance(await station.call("Heartbeat", {}), Unanswered)


async def test_what_is_heard_while_the_database_goes_away(monkeypatch: pytest.MonkeyPatch) -> None:
    """When a station was heard last is written down once the database is back, and the latest time counts."""
    async with Stage() as stage:
        station, other = stage.station(), stage.station("CP-2")
        await boot(station)
        await boot(other)

        async def go_away(stations: dict[str, float]) -> None:
            assert stations.keys() == {"cp-1", "cp-2"}
            await stage.wait(30)
            await station.say("Heartbeat", {})
            raise StoreAway("gone")

        monkeypatch.setattr(stage.rows, "seen", go_away)
        with pytest.raises(StoreAway):
            await stage.csms.write_seen()
        monkeypatch.undo()
        for row in stage.rows.all(Station):
            row.seen = None
        await stage.csms.write_seen()
        assert {row.key: row.seen for row in stage.rows.all(Station)} == {"cp-1": NOON + 30, "cp-2": NOON}


async def test_a_station_that_does_not_boot_here_works() -> None:
    """Many only boot when they were switched on, not when they come again."""
    async with Stage(registration="Pending") as stage:
        await stage.station().say("Heartbeat", {})


# How strictly.


@pytest.mark.parametrize(
    ("setting", "own", "is_taken"),
    [("lenient", "", True), ("lenient", "strict", False), ("strict", "lenient", True), ("strict", "", False)],
)
async def test_each_station_is_held_to_the_schemas_as_its_operator_says(setting: str, own: Any, is_taken: bool) -> None:
    async with Stage(validation=setting) as stage:
        stage.rows.put(Station("cp-1", "CP-1", validation=own))
        station, payload = stage.station(), status("Available", error="Error")  # Legrand
        if is_taken:
            await station.say("StatusNotification", payload)
        else:
            assert (await station.refused("StatusNotification", payload))[0] == "PropertyConstraintViolation"
        counts = stage.csms.rounds.counts
        assert (counts.forgiven, counts.invalid) == (int(is_taken), int(not is_taken))
        await station.refused("StatusNotification", {"connectorId": "one"})  # nobody understands that


# Statuses.


async def test_a_heartbeat_does_not_wipe_a_fault() -> None:
    async with Stage() as stage:
        station = stage.station()
        await station.say("StatusNotification", status("Faulted", error="GroundFailure"))
        await station.say("Heartbeat", {})
        assert (stage.one(Connector).status, stage.one(Connector).error_code) == ("Faulted", "GroundFailure")


async def test_what_is_older_is_kept_and_changes_nothing() -> None:
    async with Stage() as stage:
        station = stage.station()
        await station.say("StatusNotification", status("Faulted", NOON - 10))
        await station.say("StatusNotification", status("Available", NOON - 60))
        assert stage.statuses() == {(1, 1): "Faulted"}
        assert [row.status for row in stage.rows.all(StatusChange)] == ["Faulted", "Available"]


async def test_a_clock_that_begins_at_the_same_time_again_when_its_station_boots() -> None:
    async with Stage() as stage:
        station, built = stage.station(), NOON - 1e8
        await boot(station)
        await station.say("StatusNotification", status("Charging", built + 5000))
        stage.now += 6000
        await boot(station)
        await station.say("StatusNotification", status("Available", built + 60))
        assert stage.statuses() == {(1, 1): "Available"}


async def test_a_clock_that_was_in_the_future() -> None:
    async with Stage() as stage:
        station = stage.station()
        await station.say("StatusNotification", status("Charging", NOON + 1e9))
        await station.say("StatusNotification", status("Available", NOON))
        assert stage.statuses() == {(1, 1): "Available"}


async def test_a_clock_that_is_ahead_all_the_time_tells_older_from_newer() -> None:
    async with Stage() as stage:
        station, ahead = stage.station(), 8 * 3600
        await station.say("StatusNotification", status("Charging", NOON + ahead))
        await station.say("StatusNotification", status("Available", NOON + ahead - 60))
        assert stage.statuses() == {(1, 1): "Charging"}


async def test_what_a_station_reported_counts_again_when_it_comes_back() -> None:
    async with Stage() as stage:
        station = stage.station()
        await station.say("StatusNotification", status("Faulted"))
        await station.say("StatusNotification", status("Available", connector=2))
        stage.rows.put(Connector("cp-1", 3, 1))  # of which nothing was heard yet
        station.leave()
        await stage.wait(61)
        await stage.look()
        assert stage.statuses() == {(1, 1): "Unavailable", (2, 1): "Unavailable", (3, 1): ""}
        await stage.station().say("Heartbeat", {})
        assert stage.statuses() == {(1, 1): "Faulted", (2, 1): "Available", (3, 1): ""}


async def test_a_station_that_comes_back_in_time_was_never_away() -> None:
    async with Stage() as stage:
        station = stage.station()
        await station.say("StatusNotification", status("Charging"))
        station.leave()
        await stage.wait(30)
        await stage.station().say("Heartbeat", {})
        await stage.wait(61)
        await stage.look()
        assert stage.statuses() == {(1, 1): "Charging"}
        assert stage.one(Station).connected


async def test_connectors_that_no_station_has() -> None:
    async with Stage() as stage:
        station = stage.station()
        assert (await station.refused("StatusNotification", status("Available", connector=-1)))[0] == (
            "PropertyConstraintViolation"
        )
        for number in range(1000):
            stage.rows.put(Connector("cp-1", number, 1, at=NOON))
        await station.refused("StatusNotification", status("Available", connector=1001))
        await station.say("StatusNotification", status("Available", connector=7))
        assert len(stage.rows.all(Connector)) == 1000


@pytest.mark.parametrize(
    ("component", "place"),
    [
        ({"name": "Connector", "evse": {"id": 2, "connectorId": 1}}, (2, 1)),
        ({"name": "EVSE", "evse": {"id": 2}}, (2, 0)),
        ({"name": "ChargingStation"}, (0, 0)),
        ({"name": "Connector", "evse": {"id": 2}}, None),
        ({"name": "Controller"}, None),
    ],
)
async def test_a_status_that_an_event_tells(component: dict[str, Any], place: tuple[int, int] | None) -> None:
    """Stations of 2.x may say it so, and not by StatusNotification (G01)."""
    async with Stage() as stage:
        event = minimal("ocpp2.1", "NotifyEvent")["eventData"][0]
        told = {"component": component, "variable": {"name": "AvailabilityState"}, "actualValue": "Faulted"}
        said = minimal("ocpp2.1", "NotifyEvent") | {"eventData": [event | told]}
        await stage.station(protocol="ocpp2.1").say("NotifyEvent", said)
        assert stage.statuses() == ({} if place is None else {place: "Faulted"})
        assert stage.one(Note).kind == "NotifyEvent"
