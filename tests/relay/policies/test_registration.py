"""Registration: what passes between station and backends before the station is accepted."""

from __future__ import annotations

from typing import Any

import pytest

from tests.relay.calls import BEAT, BOOT, RESET, START, boots
from tests.relay.stage import Stage, one
from voltgate.ocpp.messages import Call, Reply
from voltgate.relay.events import CommandRefused
from voltgate.relay.permit import EVERYTHING, FULL, Permit
from voltgate.relay.records import AuditRecord

VERSIONS = ("ocpp1.6", "ocpp2.0.1", "ocpp2.1")
REMOTE = {
    "ocpp1.6": ("RemoteStartTransaction", "RemoteStopTransaction"),
    "ocpp2.0.1": ("RequestStartTransaction", "RequestStopTransaction"),
    "ocpp2.1": ("RequestStartTransaction", "RequestStopTransaction"),
}
REFUSED = [4, "1", "SecurityError", "The BootNotification is not accepted yet", {}]


def shared(version: str = "ocpp1.6", registered: str | None = None, **settings: Any) -> Stage:
    """Make a stage whose station is shared by two backends; the first of them answers."""
    stage = Stage(one("a", copy=("b",)), version=version, registered=registered, **settings)
    stage.up("a", "b")
    return stage


def told(stage: Stage, status: str) -> None:
    """Have the station boot, and the first backend answer; the second hears of it."""
    boots(stage, status)
    if "b" in stage.far:
        stage["b"].line.take()


def refused(stage: Stage, action: str, fields: dict[str, Any], by: str = "b") -> str:
    """Have a backend ask for what the station must not be asked; give why that is."""
    stage[by].sends(2, "c", action, fields)
    stage.station.gets()
    ((kind, asked, code, description, details),) = stage[by].line.take()
    assert (kind, asked, code, details) == (4, "c", "SecurityError", {})
    line = stage.store.of(AuditRecord)[-1]
    assert (line.backend, line.action, line.outcome, line.detail) == (by, action, "refused", description)
    assert stage.happened(CommandRefused)[-1].reason == description
    return str(description)


# Commands (RG-04).


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("by", ["a", "b"])
def test_a_rejected_station_is_asked_nothing(version: str, by: str) -> None:
    """While the station is rejected no backend's command reaches it, and the backend is told why."""
    stage = shared(version)
    told(stage, "Rejected")
    assert (
        refused(stage, "Reset", {"type": "Soft"}, by) == "The station was not asked: its BootNotification was rejected"
    )
    stage.station.sends(*BOOT)
    stage["a"].line.take()
    stage["a"].sends(3, "b", {"status": "Accepted", "interval": 60})
    stage.station.take()
    stage[by].line.take()
    stage[by].sends(*RESET)
    stage.station.gets([*RESET])


@pytest.mark.parametrize("version", VERSIONS)
def test_a_pending_station_starts_and_stops_nothing(version: str) -> None:
    """While the station is Pending it is configured, but no transaction is started or stopped (1.6 section 4.2)."""
    stage = shared(version)
    told(stage, "Pending")
    for action in REMOTE[version]:
        assert "it is pending" in refused(stage, action, {"idTag": "77"})
    stage["b"].sends(*RESET)
    stage.station.gets([*RESET])


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("permit", [FULL, EVERYTHING])
def test_a_start_inside_a_data_transfer(version: str, permit: Permit) -> None:
    """What must wait until the station is accepted waits inside a DataTransfer as well."""
    stage = shared(version, backends={"b": {"permit": permit}})
    told(stage, "Pending")
    for action in REMOTE[version]:
        for wrapped in (action, f" {action}.req", f"{action}-Signed"):
            asked = {"vendorId": "v", "messageId": wrapped, "data": '{"idTag":"77"}'}
            assert f"{action} must wait" in refused(stage, "DataTransfer", asked)
    vendors = {"vendorId": "v", "messageId": "own"}
    stage["b"].sends(2, "c", "DataTransfer", vendors)
    stage.station.gets([2, "c", "DataTransfer", vendors])


def test_a_caller_of_the_api_asks_a_rejected_station() -> None:
    """Nobody is let through: what Voltgate itself would send is held back as well."""
    stage = shared()
    told(stage, "Rejected")
    heard: list[Reply] = []
    stage.session.command(Call("x", "Reset", b"{}"), heard.append)
    stage.station.gets()
    assert repr(heard[0]).startswith("Error('', SecurityError")


def test_a_command_waits_and_the_station_is_rejected_meanwhile() -> None:
    """A command that waits for its turn is not sent to a station that was rejected before that came."""
    stage = shared(registered="Accepted")
    stage["b"].sends(2, "1", "GetConfiguration", {})
    stage["b"].sends(2, "2", "Reset", {"type": "Soft"})
    stage.station.gets([2, "1", "GetConfiguration", {}])
    told(stage, "Rejected")
    stage.station.sends(3, "1", {"configurationKey": []})
    stage.station.gets()
    answer, refusal = stage["b"].line.take()
    assert (answer[0], refusal[:3]) == (3, [4, "2", "SecurityError"])
    assert stage.store.of(AuditRecord)[-1].outcome == "refused"


def test_registration_lasts_over_a_reconnect() -> None:
    """A station that was rejected and comes again without a BootNotification is rejected still."""
    stage = shared()
    told(stage, "Rejected")
    stage.station.hangs_up()
    stage.session, stage.station = stage.newcomer()
    stage.open()
    stage.up("a", "b")
    stage.station.sends(*BEAT)
    stage.station.gets(REFUSED)
    refused(stage, "Reset", {"type": "Soft"})


@pytest.mark.parametrize("status", ["Pending", "Rejected", None])
def test_an_only_backend_asks_what_it_likes(status: str | None) -> None:
    """With one backend it is as though nothing stood between: what it asks of the station passes at once."""
    stage = Stage(one("a"), registered=status)
    stage.up("a")
    stage["a"].sends(2, "s", "RemoteStartTransaction", {"idTag": "77"})
    stage.station.gets([2, "s", "RemoteStartTransaction", {"idTag": "77"}])


def test_an_only_backend_is_held_to_the_rules_by_setting() -> None:
    """With `registration = "gateway"` Voltgate enforces them for one backend too."""
    stage = Stage(one("a"), registration="gateway")
    stage.up("a")
    told(stage, "Pending")
    refused(stage, "RemoteStartTransaction", {"idTag": "77"}, by="a")


# Commands before the BootNotification is answered (RG-06).


@pytest.mark.parametrize("version", VERSIONS)
def test_no_command_before_the_boot_is_answered(version: str) -> None:
    """What a backend asks of a station that has not booted yet is sent after the answer to its BootNotification."""
    stage = shared(version)
    stage["b"].sends(*RESET)
    stage["b"].sends(2, "g", "GetLog", {})
    stage.station.gets()
    stage.station.sends(*BOOT)
    stage["a"].gets([*BOOT])
    stage.station.gets()
    stage["a"].sends(3, "b", {"status": "Accepted", "interval": 60})
    stage.station.gets([3, "b", {"status": "Accepted", "interval": 60}], [*RESET])
    stage.station.sends(3, "r", {"status": "Accepted"})
    stage.station.gets([2, "g", "GetLog", {}])


def test_what_waited_is_judged_by_the_answer() -> None:
    """A command that waited for the answer is refused when that is Rejected."""
    stage = shared()
    stage["b"].sends(*RESET)
    told(stage, "Rejected")
    stage.station.gets()
    assert stage.store.of(AuditRecord)[-1].outcome == "refused"


def test_a_station_that_does_without_a_boot() -> None:
    """A station that says anything else has no BootNotification to make: what waited for it goes out."""
    stage = shared()
    stage["b"].sends(*RESET)
    stage.station.gets()
    stage.station.sends(*BEAT)
    stage.station.gets([*RESET])


def test_a_station_on_record_is_asked_at_once() -> None:
    """A station that was accepted on an earlier connection need not boot again: nothing waits."""
    stage = shared(registered="Accepted")
    stage["b"].sends(*RESET)
    stage.station.gets([*RESET])


def test_a_station_on_record_that_boots() -> None:
    """While its BootNotification is open a station is asked nothing, whatever it was before, and whatever it says."""
    stage = shared(registered="Accepted")
    stage.station.sends(*BOOT)
    stage["b"].sends(*RESET)
    stage.station.sends(*BEAT)
    stage.station.gets()
    stage["a"].sends(3, "b", {"status": "Accepted", "interval": 60})
    stage.station.gets([3, "b", {"status": "Accepted", "interval": 60}], [*RESET])


def test_a_command_in_the_queue_when_the_station_boots() -> None:
    """What waits for its turn when the station boots is not sent in the place of what that one answers meanwhile."""
    stage = shared(registered="Accepted")
    stage["b"].sends(*RESET)
    stage["b"].sends(2, "c", "ClearCache", {})
    stage.station.gets([*RESET])
    stage.station.sends(*BOOT)
    stage.station.sends(3, "r", {"status": "Accepted"})
    stage.station.gets()
    stage["a"].sends(3, "b", {"status": "Accepted", "interval": 60})
    stage.station.gets([3, "b", {"status": "Accepted", "interval": 60}], [2, "c", "ClearCache", {}])


def test_a_boot_that_nobody_takes() -> None:
    """An error is no answer to go by: commands wait on, until the station says something else."""
    stage = shared(registered="Accepted")
    stage["b"].sends(*RESET)
    stage.station.sends(3, stage.station.take()[0][1], {"status": "Accepted"})
    stage.station.sends(*BOOT)
    stage["a"].sends(4, "b", "InternalError", "", {})
    stage["b"].line.take()
    stage["b"].sends(2, "c", "ClearCache", {})
    stage.station.gets([4, "b", "InternalError", "", {}])
    stage.station.sends(*BEAT)
    stage.station.gets([2, "c", "ClearCache", {}])


def test_a_command_waits_no_longer_than_its_deadline() -> None:
    """What waited for a station that says nothing is answered at its deadline, and never sent."""
    stage = shared()
    stage["b"].sends(*RESET)
    stage.wait(61)
    ((kind, asked, *_),) = stage["b"].line.take()
    assert (kind, asked) == (4, "r")
    stage.station.sends(*BEAT)
    stage.station.gets()


def test_too_many_commands_wait() -> None:
    """What waits for the station is bounded: beyond that a backend is told at once."""
    stage = shared(waiting=2)
    for n in range(3):
        stage["b"].sends(2, str(n), "ClearCache", {})
    ((kind, asked, *_),) = stage["b"].line.take()
    assert (kind, asked) == (4, "2")


def test_a_second_boot_while_the_first_is_open() -> None:
    """The last BootNotification counts: the answer to the one before lets go what that told, the last one the rest."""
    stage = shared()
    stage.station.sends(*BOOT)
    stage.station.sends(2, "again", *BOOT[2:])
    stage["a"].sends(4, "b", "InternalError", "", {})
    stage["b"].sends(*RESET)
    stage.station.gets([4, "b", "InternalError", "", {}])
    stage["a"].sends(3, "again", {"status": "Accepted", "interval": 60})
    stage.station.gets([3, "again", {"status": "Accepted", "interval": 60}], [*RESET])


def test_a_backend_that_comes_later() -> None:
    """Who shares a station from the middle of a session on waits for it as well."""
    stage = Stage(one("a"), registered=None)
    stage.up("a")
    stage.moves(one("a", copy=("b",)))
    stage.up("b")
    stage["b"].sends(*RESET)
    stage.station.gets()
    stage.station.sends(*BEAT)
    stage.station.gets([*RESET])


# Triggers (RG-06, RG-08).


@pytest.mark.parametrize("action", ["TriggerMessage", "ExtendedTriggerMessage"])
def test_an_accepted_station_is_not_asked_to_boot(action: str) -> None:
    """A backend that triggers a BootNotification is told the last one again; the station hears nothing."""
    stage = shared()
    told(stage, "Accepted")
    stage["b"].sends(2, "t", action, {"requestedMessage": "BootNotification"})
    stage.station.gets()
    answer, boot = stage["b"].line.take()
    assert answer == [3, "t", {"status": "Accepted"}]
    assert boot[2:] == [*BOOT[2:]]
    stage["b"].sends(3, boot[1], {"status": "Rejected", "interval": 0})
    stage.station.gets()
    line = stage.store.of(AuditRecord)[-1]
    assert (line.backend, line.action, line.outcome) == ("b", action, "absorbed")
    stage["b"].sends(2, "h", action, {"requestedMessage": "Heartbeat"})
    stage.station.gets([2, "h", action, {"requestedMessage": "Heartbeat"}])


def test_a_trigger_without_a_boot_on_record() -> None:
    """Where there is no BootNotification to tell again, and for callers of the API, the trigger is refused."""
    stage = shared(registered="Accepted")
    assert "an accepted station" in refused(stage, "TriggerMessage", {"requestedMessage": "BootNotification"})
    told(stage, "Accepted")
    heard: list[Reply] = []
    stage.session.command(Call("x", "TriggerMessage", b'{"requestedMessage":"BootNotification"}'), heard.append)
    stage.station.gets()
    assert "an accepted station" in repr(heard[0])


def test_a_pending_station_may_be_asked_to_boot() -> None:
    """Before the station is accepted a trigger makes it try again."""
    stage = shared()
    told(stage, "Pending")
    stage["b"].sends(2, "t", "TriggerMessage", {"requestedMessage": "BootNotification"})
    stage.station.gets([2, "t", "TriggerMessage", {"requestedMessage": "BootNotification"}])


# The station's calls (RG-02, RG-03).


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("status", ["Pending", "Rejected"])
def test_nothing_else_before_acceptance(version: str, status: str) -> None:
    """Where several backends share a station that is not accepted, its other calls are refused; transactions pass."""
    stage = shared(version)
    told(stage, status)
    stage.station.sends(*BEAT)
    stage.station.gets(REFUSED)
    stage["a"].gets()
    action = START[2] if version == "ocpp1.6" else "TransactionEvent"
    stage.station.sends(2, "s", action, START[3])
    stage["a"].gets([2, "s", action, START[3]])


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("status", ["Pending", "Rejected"])
def test_nothing_inside_a_data_transfer_before_acceptance(version: str, status: str) -> None:
    """What a station that is not accepted wraps in a DataTransfer is refused as that, whatever it is."""
    stage = shared(version)
    told(stage, status)
    for wrapped in ("StartTransaction", "StopTransaction", "TransactionEvent", "BootNotification", "Heartbeat"):
        stage.station.sends(2, "1", "DataTransfer", {"vendorId": "v", "messageId": wrapped, "data": {"idTag": "04EM"}})
        stage.station.gets(REFUSED)
        stage["a"].gets()
        stage["b"].gets()


@pytest.mark.parametrize(
    ("version", "command", "fields", "caused", "report"),
    [
        ("ocpp1.6", "TriggerMessage", {"requestedMessage": "Heartbeat"}, "Heartbeat", {}),
        ("ocpp1.6", "GetDiagnostics", {"location": "x"}, "DiagnosticsStatusNotification", {"status": "Idle"}),
        ("ocpp1.6", "UpdateFirmware", {"location": "x"}, "FirmwareStatusNotification", {"status": "Idle"}),
        (
            "ocpp1.6",
            "ExtendedTriggerMessage",
            {"requestedMessage": "SignChargePointCertificate"},
            "SignCertificate",
            {"csr": "x"},
        ),
        ("ocpp2.0.1", "GetBaseReport", {"requestId": 7}, "NotifyReport", {"requestId": 7}),
        ("ocpp2.0.1", "GetReport", {"requestId": 7}, "NotifyReport", {"requestId": 7}),
        ("ocpp2.0.1", "GetLog", {"requestId": 7}, "LogStatusNotification", {"requestId": 7}),
        ("ocpp2.0.1", "UpdateFirmware", {"requestId": 7}, "FirmwareStatusNotification", {"requestId": 7}),
        (
            "ocpp2.1",
            "TriggerMessage",
            {"requestedMessage": "SignChargingStationCertificate"},
            "SignCertificate",
            {"csr": "x"},
        ),
    ],
)
def test_what_a_pending_station_was_asked_for_passes(
    version: str, command: str, fields: dict[str, Any], caused: str, report: dict[str, Any]
) -> None:
    """While Pending a station sends what it was asked for, and nothing else, until it is told something else."""
    permit = Permit("everything", ("*",), credentials=True)
    stage = Stage(one("a"), version=version, registration="gateway", backends={"a": {"permit": permit}})
    stage.up("a")
    told(stage, "Pending")
    stage.station.sends(2, "1", caused, report)
    stage.station.gets(REFUSED)
    stage["a"].sends(2, "c", command, fields)
    stage.station.gets([2, "c", command, fields])
    stage.station.sends(3, "c", {"status": "Accepted"})
    stage["a"].line.take()
    for mid in ("2", "3"):
        stage.station.sends(2, mid, caused, report)
        stage["a"].gets([2, mid, caused, report])
    if "requestId" in report:
        stage.station.sends(2, "1", caused, {"requestId": 8})
        stage.station.gets(REFUSED)
    told(stage, "Pending")
    stage.station.sends(2, "4", caused, report)
    stage["a"].gets([2, "4", caused, report])
    told(stage, "Rejected")
    stage.station.sends(2, "1", caused, report)
    stage.station.gets(REFUSED)


def test_what_was_asked_for_goes_to_who_asked() -> None:
    """The report of a station that is Pending reaches the backend that asked for it, in its number."""
    stage = shared("ocpp2.0.1")
    told(stage, "Pending")
    stage["b"].sends(2, "c", "GetBaseReport", {"requestId": 7, "reportBase": "FullInventory"})
    ((*_, sent),) = stage.station.take()
    stage.station.sends(3, "c", {"status": "Accepted"})
    stage["b"].line.take()
    stage.station.sends(2, "n", "NotifyReport", {"requestId": sent["requestId"], "seqNo": 0})
    stage["b"].gets([2, "n", "NotifyReport", {"requestId": 7, "seqNo": 0}])
    stage["a"].gets()


def test_what_a_station_was_asked_for_is_bounded() -> None:
    """A backend that asks without end, or for things that are no names, fills no memory and breaks nothing."""
    stage = Stage(one("a"), version="ocpp2.0.1", registration="gateway", waiting=1000)
    stage.up("a")
    told(stage, "Pending")
    for n in range(200):
        stage["a"].sends(2, f"r{n}", "GetReport", {"requestId": n})
        stage["a"].sends(2, f"t{n}", "TriggerMessage", {"requestedMessage": {"x": "y" * 1000}})
        stage["a"].sends(2, f"u{n}", "TriggerMessage", {"requestedMessage": "y" * 1000})
    asked = stage.session.dispatcher.registration.asked
    assert len(asked) == 64
    assert max(len(name) for name, _ in asked) == 100


def test_a_send_before_acceptance() -> None:
    """A SEND has no answer: before acceptance it ends here."""
    stage = Stage(one("a"), version="ocpp2.1", registration="gateway")
    stage.up("a")
    told(stage, "Rejected")
    stage.station.sends(6, "1", "NotifyPeriodicEventStream", {})
    stage.station.gets()
    stage["a"].gets()


# Nothing is in the way of a station that is accepted.


def test_an_accepted_station_is_not_looked_at() -> None:
    """Once the station is accepted its calls go straight to the session; before, and after a rejection, they do not."""
    stage = shared()
    turns = stage.session.turns
    assert turns._handler != stage.session.from_station
    told(stage, "Accepted")
    assert turns._handler == stage.session.from_station
    told(stage, "Rejected")
    assert turns._handler != stage.session.from_station
    told(stage, "Accepted")
    assert turns._handler == stage.session.from_station
