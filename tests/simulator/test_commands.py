"""How a simulated station obeys."""

from __future__ import annotations

from typing import Any

import pytest

from tests.simulator.world import STILL, World
from voltgate.ocpp import actions
from voltgate.ocpp.schemas import check, schema_of
from voltgate.simulator import commands
from voltgate.simulator.backend import VERSIONS
from voltgate.simulator.calls import Answer, CallError

EVERY_COMMAND = [(version, action) for version in VERSIONS for action in sorted(actions.from_backends(version))]


def least(schema: dict[str, Any], whole: dict[str, Any] | None = None) -> Any:
    """Make the smallest value that a schema allows."""
    whole = whole or schema
    if "$ref" in schema:
        return least(whole["definitions"][schema["$ref"].rpartition("/")[2]], whole)
    if "enum" in schema:
        return schema["enum"][0]
    if schema.get("format") == "date-time":
        return "2026-01-01T00:00:00Z"
    match schema.get("type"):
        case "object":
            return {name: least(schema["properties"][name], whole) for name in schema.get("required", [])}
        case "array":
            return [least(schema["items"], whole)] * schema.get("minItems", 1)
        case "integer" | "number":
            return int(schema.get("minimum", 1))
        case "boolean":
            return True
    return "x"


def ask(version: str, action: str, payload: dict[str, Any]) -> tuple[World, Answer]:
    """Send a command to an idle station, and give the answer."""
    world = World(STILL)
    world.station(version)
    world.run(1)
    answers: list[Answer] = []
    assert world.backend.command("CP1", action, payload, lambda answer, now: answers.append(answer))
    world.run(3)
    assert len(answers) == 1
    assert world.tally.failures == 0, world.tally.examples
    return world, answers[0]


@pytest.mark.parametrize(("version", "action"), EVERY_COMMAND)
def test_every_command_gets_an_answer_that_its_schema_allows(version: str, action: str) -> None:
    """A simulated station answers every command of its version, and what it does not do it says so."""
    schema = schema_of(version, action)
    assert schema is not None
    payload = least(schema)
    assert check(version, action, "request", payload) is None
    world, answer = ask(version, action, payload)
    if action in commands.supported(version):
        assert isinstance(answer, dict)
        assert world.backend.tally.failures == 0, world.backend.tally.examples
    else:
        assert isinstance(answer, CallError)
        assert answer.code == "NotSupported"


@pytest.mark.parametrize("version", VERSIONS)
def test_lv_03_websocket_ping_interval(version: str) -> None:
    """WebSocketPingInterval: 0 switches pings off, more are seconds, less is Rejected."""
    for value, accepted in (("0", True), ("60", True), ("-1", False), ("1.5", False), ("", False), ("²", False)):
        world, answer = ask(version, *_set(version, "OCPPCommCtrlr", "WebSocketPingInterval", value))
        assert _status(answer) == ("Accepted" if accepted else "Rejected"), value
        assert world.chargers[0].ping == (float(value) if accepted else 60.0)
        told = ask_again(world, *_get(version, "OCPPCommCtrlr", "WebSocketPingInterval"))
        assert _value(told) == (value if accepted else "60")


@pytest.mark.parametrize("version", VERSIONS)
def test_a_new_heartbeat_interval_is_kept(version: str) -> None:
    """A station beats at the pace that its backend sets."""
    world, _ = ask(version, *_set(version, "OCPPCommCtrlr", "HeartbeatInterval", "2"))
    world.run(9)
    assert 4 <= world.tally.answered["Heartbeat"] <= 6


@pytest.mark.parametrize("version", VERSIONS)
def test_a_password_is_taken_and_never_told(version: str) -> None:
    """A new password is used for the next connection, cannot be read, and stands in no summary."""
    secret = "00112233445566778899aabbccddeeff00112233" if version == "ocpp1.6" else "correct-horse-battery"
    name = "AuthorizationKey" if version == "ocpp1.6" else "BasicAuthPassword"
    world, answer = ask(version, *_set(version, "SecurityCtrlr", name, secret))
    assert _status(answer) == "Accepted"
    assert world.chargers[0].password == (bytes.fromhex(secret) if version == "ocpp1.6" else secret)
    assert world.tally.connected == 2, "it comes back with the new password"
    told = ask_again(world, *_get(version, "SecurityCtrlr", name))
    assert secret not in repr(told)
    assert secret not in repr(world.tally.as_dict())


@pytest.mark.parametrize("version", VERSIONS)
def test_a_reset_ends_transactions_and_boots_again(version: str) -> None:
    """After a Reset the station ends what runs, comes back and sends a BootNotification."""
    world = World(STILL)
    charger = world.station(version)
    world.run(1)
    assert charger.charge(1, "CARD", world.now)
    world.run(1)
    world.backend.command("CP1", "Reset", {"type": "Soft" if version == "ocpp1.6" else "Immediate"})
    world.run(5)
    assert world.tally.sent["BootNotification"] == 2
    assert world.tally.begun == world.tally.confirmed == 1
    assert world.tally.failures == world.backend.tally.failures == 0


@pytest.mark.parametrize("version", VERSIONS)
def test_a_remote_start_and_stop_make_a_transaction(version: str) -> None:
    """A backend starts and stops a transaction from afar, and hears of both."""
    world = World(STILL)
    charger = world.station(version)
    world.run(1)
    if version == "ocpp1.6":
        world.backend.command("CP1", "RemoteStartTransaction", {"idTag": "AFAR"})
    else:
        token = {"idToken": "AFAR", "type": "Central"}
        world.backend.command("CP1", "RequestStartTransaction", {"idToken": token, "remoteStartId": 7})
    world.run(1)
    record = world.backend.records["CP1"]
    name = record.running()
    assert name is not None
    assert not charger.charge(1, "CARD", world.now), "the connector is taken"
    stop = "RemoteStopTransaction" if version == "ocpp1.6" else "RequestStopTransaction"
    world.backend.command("CP1", stop, {"transactionId": name})
    world.run(1)
    assert record.transactions[name].ended
    assert record.transactions[name].tag == "AFAR"
    assert charger.free_connector() == 1


@pytest.mark.parametrize("version", VERSIONS)
def test_a_blocked_card_does_not_charge(version: str) -> None:
    """A card that the backend blocks starts no transaction, or one that is ended at once."""
    world = World(STILL)
    charger = world.station(version)
    world.run(1)
    charger.charge(1, "BLOCKED1", world.now)
    world.run(2)
    assert not charger.sessions
    assert world.backend.records["CP1"].running() is None
    assert world.tally.failures == 0


def ask_again(world: World, action: str, payload: dict[str, Any]) -> Answer:
    """Send one more command."""
    answers: list[Answer] = []
    world.backend.command("CP1", action, payload, lambda answer, now: answers.append(answer))
    world.run(1)
    return answers[0]


def _set(version: str, component: str, name: str, value: str) -> tuple[str, dict[str, Any]]:
    if version == "ocpp1.6":
        return "ChangeConfiguration", {"key": name, "value": value}
    wanted = {"attributeValue": value, "component": {"name": component}, "variable": {"name": name}}
    return "SetVariables", {"setVariableData": [wanted]}


def _get(version: str, component: str, name: str) -> tuple[str, dict[str, Any]]:
    if version == "ocpp1.6":
        return "GetConfiguration", {"key": [name]}
    return "GetVariables", {"getVariableData": [{"component": {"name": component}, "variable": {"name": name}}]}


def _status(answer: Answer) -> str:
    assert isinstance(answer, dict)
    return str(answer["status"] if "status" in answer else answer["setVariableResult"][0]["attributeStatus"])


def _value(answer: Answer) -> str:
    assert isinstance(answer, dict)
    if "configurationKey" in answer:
        return str(answer["configurationKey"][0]["value"])
    return str(answer["getVariableResult"][0]["attributeValue"])


STREAM = {
    "value": 2,
    "type": "Periodic",
    "severity": 8,
    "component": {"name": "EVSE"},
    "variable": {"name": "Voltage"},
    "periodicEventStream": {"interval": 2, "values": 4},
}


def test_a_21_station_tells_a_stream_until_it_is_told_to_stop() -> None:
    """A periodic monitor opens a stream of messages that nobody answers; clearing the monitor closes it."""
    world, answer = ask("ocpp2.1", "SetVariableMonitoring", {"setMonitoringData": [STREAM]})
    assert isinstance(answer, dict)
    assert answer["setMonitoringResult"][0]["status"] == "Accepted"
    world.run(10)
    record = world.backend.records["CP1"]
    assert record.received["OpenPeriodicEventStream"] == 1
    assert record.received["NotifyPeriodicEventStream"] == world.tally.streamed >= 5
    number = answer["setMonitoringResult"][0]["id"]
    assert world.backend.command("CP1", "ClearVariableMonitoring", {"id": [number]})
    world.run(1)
    told = world.tally.streamed
    world.run(10)
    assert record.received["ClosePeriodicEventStream"] == 1
    assert world.tally.streamed == told
    assert (world.tally.failures, world.backend.tally.failures) == (0, 0), world.backend.tally.examples


def test_a_new_stream_takes_the_place_of_the_old_one() -> None:
    """A station has one stream at a time: a second monitor closes the first stream."""
    world, _ = ask("ocpp2.1", "SetVariableMonitoring", {"setMonitoringData": [STREAM]})
    slower = STREAM | {"periodicEventStream": {"interval": 5}}
    assert world.backend.command("CP1", "SetVariableMonitoring", {"setMonitoringData": [slower]})
    world.run(1)
    told = world.tally.streamed
    world.run(20)
    assert 3 <= world.tally.streamed - told <= 5
    assert world.backend.records["CP1"].received["ClosePeriodicEventStream"] == 1
    assert world.backend.tally.failures == 0, world.backend.tally.examples


def test_a_201_station_has_no_streams() -> None:
    """In 2.0.1 there are no event streams, and a station takes no monitor."""
    wanted = {name: value for name, value in STREAM.items() if name != "periodicEventStream"}
    _, answer = ask("ocpp2.0.1", "SetVariableMonitoring", {"setMonitoringData": [wanted]})
    assert isinstance(answer, dict)
    assert answer["setMonitoringResult"][0]["status"] == "UnsupportedMonitorType"


def again(world: World, action: str, payload: dict[str, Any]) -> Answer:
    """Send another command to the station, and give the answer."""
    answers: list[Answer] = []
    world.backend.command("CP1", action, payload, lambda answer, now: answers.append(answer))
    world.run(1)
    return answers[0]


def reservation(number: int, connector: int) -> dict[str, Any]:
    return {"connectorId": connector, "expiryDate": "2026-01-01T00:00:00Z", "idTag": "A", "reservationId": number}


def test_a_connector_is_kept_for_one_at_a_time() -> None:
    """A reserved connector is Occupied for others, shows as Reserved, and is free again once that is cancelled."""
    world, answer = ask("ocpp1.6", "ReserveNow", reservation(1, 1))
    charger = world.chargers[0]
    assert (answer, charger.connector_status(1)) == ({"status": "Accepted"}, "Reserved")
    assert again(world, "ReserveNow", reservation(2, 1)) == {"status": "Occupied"}
    assert again(world, "ReserveNow", reservation(3, 9)) == {"status": "Occupied"}
    assert again(world, "CancelReservation", {"reservationId": 1}) == {"status": "Accepted"}
    assert again(world, "CancelReservation", {"reservationId": 1}) == {"status": "Rejected"}
    assert charger.connector_status(1) == "Available"


def test_a_connector_can_be_taken_out_of_service() -> None:
    """An inoperative connector says so and takes no car; a connector that is not there cannot be changed."""
    world, answer = ask("ocpp1.6", "ChangeAvailability", {"connectorId": 1, "type": "Inoperative"})
    charger = world.chargers[0]
    assert (answer, charger.connector_status(1)) == ({"status": "Accepted"}, "Unavailable")
    assert again(world, "RemoteStartTransaction", {"idTag": "A", "connectorId": 1}) == {"status": "Rejected"}
    assert again(world, "ChangeAvailability", {"connectorId": 7, "type": "Inoperative"}) == {"status": "Rejected"}
    again(world, "ChangeAvailability", {"connectorId": 1, "type": "Operative"})
    assert charger.connector_status(1) == "Available"


def test_a_station_has_room_for_so_many_charging_profiles() -> None:
    """The eleventh charging profile is refused; once they are cleared there is room again."""
    schedule = {"chargingRateUnit": "A", "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 16}]}
    purpose = {"stackLevel": 0, "chargingProfilePurpose": "TxDefaultProfile", "chargingProfileKind": "Relative"}

    def profile(number: int) -> dict[str, Any]:
        whole = {"chargingProfileId": number, **purpose, "chargingSchedule": schedule}
        return {"connectorId": 1, "csChargingProfiles": whole}

    world, answer = ask("ocpp1.6", "SetChargingProfile", profile(1))
    answers = [answer, *(again(world, "SetChargingProfile", profile(number)) for number in range(2, 12))]
    assert answers == [{"status": "Accepted"}] * 10 + [{"status": "Rejected"}]
    assert again(world, "ClearChargingProfile", {"id": 3}) == {"status": "Accepted"}
    assert again(world, "ClearChargingProfile", {"id": 3}) == {"status": "Unknown"}
    assert again(world, "ClearChargingProfile", {}) == {"status": "Accepted"}
    assert again(world, "SetChargingProfile", profile(11)) == {"status": "Accepted"}
