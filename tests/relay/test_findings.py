"""Transcripts that fail on the reshaped relay. Run: cd /tmp/wt/run && .venv/bin/python -m pytest -p no:cacheprovider /tmp/r1/test_findings.py"""

from __future__ import annotations

from typing import Any

from tests.relay.stage import Stage, one, playing
from voltgate.ocpp.messages import Call, Result
from voltgate.relay.permit import Permit
from voltgate.relay.plan import Chain
from voltgate.relay.records import OwedRecord, TransactionRecord
from voltgate.relay.rule import Rule
from voltgate.relay.tokens import listed

BEGIN = {"connectorId": 1, "idTag": "04EM17", "meterStart": 0, "timestamp": "t"}
START = (2, "s", "StartTransaction", BEGIN)
ACC = {"idTagInfo": {"status": "Accepted"}}
TOKEN = {"idToken": "04EM", "type": "ISO14443"}


def stop(number: int) -> tuple[Any, ...]:
    return (2, "x", "StopTransaction", {"transactionId": number, "meterStop": 9, "timestamp": "u"})


def boots(stage: Stage, name: str = "a") -> None:
    stage.station.sends(2, "b", "BootNotification", {"v": 1})
    stage[name].line.take()
    stage[name].sends(3, "b", {"status": "Accepted", "interval": 10})
    stage.station.take()


def test_f1_owed_is_stuck_after_a_full_buffer() -> None:
    stage = playing("a", "b", backends={"b": {"deliver": "always"}})
    stage.station.sends(*START)
    stage["a"].sends(3, "s", {"transactionId": 5, **ACC})
    number = stage.station.take()[0][2]["transactionId"]
    stage.station.sends(*stop(number))
    stage["a"].sends(3, "x", {})
    stage["b"].line.take()
    stage["b"].line.is_full()
    stage["b"].sends(3, "s", {"transactionId": 9, **ACC})
    stage["b"].line.has_drained()
    stage.wait(3600)
    assert [m[2] for m in stage["b"].line.take()][:1] == ["StopTransaction"]


def test_f1_owed_is_stuck_after_a_try_that_found_the_window_full() -> None:
    stage = playing("a", backends={"a": {"when_down": "answer", "window": 1}})
    boots(stage)
    stage["a"].hangs_up()
    stage.station.sends(*START)
    stage.wait(1.2)
    stage.up("a")
    stage["a"].sends(3, stage["a"].line.take()[0][1], {"status": "Accepted"})
    stage["a"].line.take()
    stage["a"].sends(4, "s", "InternalError", "busy", {})
    stage.station.sends(2, "d", "DataTransfer", {"vendorId": "v"})
    stage.wait(2)
    stage["a"].line.take()
    stage["a"].sends(3, "d", {})
    stage.wait(3600)
    assert [m[2] for m in stage["a"].line.take()][:1] == ["StartTransaction"]


def test_f2_owed_is_starved_by_chatter() -> None:
    stage = playing("a", backends={"a": {"when_down": "answer", "window": 1}})
    boots(stage)
    stage["a"].hangs_up()
    stage.station.sends(*START)
    stage.wait(1.2)
    for n in range(3):
        stage.station.sends(2, f"e{n}", "Heartbeat", {})
    stage.up("a")
    stage["a"].sends(3, stage["a"].line.take()[0][1], {"status": "Accepted"})
    stage["a"].line.take()
    stage["a"].sends(4, "s", "InternalError", "busy", {})
    for n in range(300):
        stage.station.sends(2, f"d{2 * n}", "DataTransfer", {})
        stage.station.sends(2, f"d{2 * n + 1}", "DataTransfer", {})
        stage.wait(1)
        for message in stage["a"].line.take():
            if message[2] == "StartTransaction":
                return
            stage["a"].sends(3, message[1], {})
        stage.station.take()
    raise AssertionError("in 300 s the journal had no turn")


def test_f3_what_follows_a_start_that_moves_moves_too() -> None:
    stage = Stage(one("b", actions=("Heartbeat",)), one("a", "b"), backends={"a": {"window": 1}})
    stage.up("a", "b")
    stage.station.sends(2, "d", "DataTransfer", {"vendorId": "v"})
    stage.station.sends(*START)
    stage.station.sends(2, "m", "MeterValues", {"connectorId": 1, "meterValue": []})
    stage["a"].hangs_up()
    assert stage.station.closed is None
    assert [m[1] for m in stage["b"].line.take()] == ["s", "m"]


def test_f4_a_copy_of_2x_waits_for_the_link() -> None:
    stage = playing("a", "b", version="ocpp2.0.1")
    stage["b"].hangs_up()
    event = {"eventType": "Started", "seqNo": 0, "transactionInfo": {"transactionId": "T"}, "idToken": TOKEN}
    stage.station.sends(2, "1", "TransactionEvent", event)
    stage.wait(1.2)
    stage["b"].refuses()
    stage.wait(2.2)
    stage.up("b")
    stage["b"].gets([2, "1", "TransactionEvent", event])


def test_f5_copies_are_bounded_in_bytes_and_time() -> None:
    stage = playing("a", "b", version="ocpp2.0.1")
    stage["b"].line.is_full()
    for n in range(60):
        event = {
            "eventType": "Updated",
            "seqNo": n,
            "transactionInfo": {"transactionId": "T"},
            "idToken": TOKEN,
            "x": "y" * 500_000,
        }
        stage.station.sends(2, str(n), "TransactionEvent", event)
        stage["a"].line.sent.clear()
        stage["a"].sends(3, str(n), {})
    stage.wait(3600)
    stage["b"].line.has_drained()
    assert sum(map(len, stage["b"].line.sent)) <= 1 << 20


def test_f5_a_start_is_not_told_when_its_answer_would_be_ignored() -> None:
    stage = playing("a", "b")
    stage["b"].line.is_full()
    stage.station.sends(*START)
    stage["a"].sends(3, "s", {"transactionId": 5, **ACC})
    number = stage.station.take()[0][2]["transactionId"]
    stage.wait(40)
    stage["b"].line.has_drained()
    told = [m[2] for m in stage["b"].line.take()]
    stage.wait(0.5)
    stage["b"].sends(3, "s", {"transactionId": 9, **ACC}) if told else None
    stage.station.sends(*stop(number))
    told += [m[2] for m in stage["b"].line.take()]
    assert told in ([], ["StartTransaction", "StopTransaction"])


def test_f6_a_wrap_that_answers_the_replayed_boot_does_not_choke_the_leg() -> None:
    def absorbs(context, handler):  # type: ignore[no-untyped-def]
        def wrapped(call, respond):  # type: ignore[no-untyped-def]
            respond(Result(call.id, b'{"status":"Accepted"}')) if call.action == "BootNotification" else handler(
                call, respond
            )

        return wrapped

    stage = playing("a", backends={"a": {"to_backend": (absorbs,)}})
    stage.station.sends(2, "b", "BootNotification", {})
    stage["a"].hangs_up()
    stage.station.sends(*START)
    stage.wait(1.2)
    stage.up("a")
    stage["a"].gets([*START])
    stage["a"].sends(3, "s", {"transactionId": 5, **ACC})
    stage.station.sends(*stop(5))
    stage["a"].gets([*stop(5)])


def test_f7_a_backend_that_was_left_has_no_full_permit_any_more() -> None:
    stage = playing("a", backends={"a": {"permit": None}})
    stage["a"].sends(2, "1", "GetConfiguration", {})
    stage.station.take()
    stage.station.sends(3, "1", {})
    stage.station.sends(2, "h", "Heartbeat", {})
    stage.moves(one("b"))
    stage["a"].sends(2, "2", "ChangeConfiguration", {"key": "HeartbeatInterval", "value": "1"})
    stage.station.gets()


def test_f8_a_report_that_the_api_asked_for_keeps_its_number() -> None:
    stage = playing("a", "b", version="ocpp2.0.1")

    class Asker:
        name = "api:me"

    call = Call("q", "GetReport", b'{"requestId":7}')
    call.deadline, call.asker = stage.now + 30, Asker()
    stage.session.command(call, lambda _: None)
    stage.station.take()
    stage.station.sends(3, "q", {"status": "Accepted"})
    stage.station.sends(2, "n", "NotifyReport", {"requestId": 7, "seqNo": 0})
    assert [m[3] for m in stage["a"].line.take()] in ([], [{"requestId": 7, "seqNo": 0}])


def test_f9_a_send_is_not_held_up_by_a_tap() -> None:
    stage = playing("a", version="ocpp2.1", backends={"a": {"window": 1}})
    stage.ports.taps.open(None, lambda _: None)
    stage.session.look_for_taps()
    stage.station.sends(2, "h", "Heartbeat", {})
    stage.station.sends(6, "n", "NotifyPeriodicEventStream", {"id": 1})
    assert len(stage["a"].line.take()) == 2


# What is in /tmp/before as well.


def test_o1_a_backup_that_is_also_a_copy_has_one_start() -> None:
    stage = Stage(one("a", "b", copy=("b",)), backends={"a": {"wait": 25}, "b": {"wait": 25}})
    stage.station.sends(*START)
    stage["a"].refuses()
    stage.up("b")
    stage["b"].gets([*START])
    stage["b"].sends(3, "s", {"transactionId": 1, **ACC})
    stage["b"].gets()


def test_o2_a_backup_that_is_owed_something_is_dialled() -> None:
    stage = Stage(one("a", "b"), backends={"b": {"when_down": "answer"}, "a": {"wait": 300}})
    stage.station.sends(2, "b", "BootNotification", {"v": 1})
    stage["a"].refuses()
    stage.up("b")
    stage["b"].sends(3, "b", {"status": "Accepted", "interval": 10})
    stage.station.take()
    stage.station.sends(*START)
    stage["b"].sends(3, "s", {"transactionId": 5, **ACC})
    number = stage.station.take()[-1][2]["transactionId"]
    stage["b"].hangs_up()
    stage.station.sends(*stop(number))
    stage.station.hangs_up()
    stage.session, stage.station = stage.newcomer()
    stage["a"].dials.clear()
    stage["b"].dials.clear()
    stage.open()
    stage.up("a")
    stage.wait(3600)
    assert stage["b"].dials, [r.action for r in stage.store.of(OwedRecord)]


def test_o3_a_backup_that_owns_a_2x_session_is_dialled() -> None:
    stage = Stage(one("a", "b"), version="ocpp2.0.1", backends={"a": {"wait": 300}})
    stage.station.sends(2, "h", "Heartbeat", {})
    stage["a"].refuses()
    stage.up("b")
    stage["b"].sends(2, "r", "RequestStartTransaction", {"idToken": TOKEN, "remoteStartId": 3})
    stage.station.take()
    stage.station.sends(3, "r", {"status": "Accepted"})
    stage.station.hangs_up()
    stage.session, stage.station = stage.newcomer()
    stage["a"].dials.clear()
    stage["b"].dials.clear()
    stage.open()
    stage.up("a")
    info = {"transactionId": "T"}
    stage.station.sends(2, "1", "TransactionEvent", {"eventType": "Started", "seqNo": 0, "transactionInfo": info})
    stage["a"].sends(3, "1", {})
    stage.station.sends(
        2, "2", "TransactionEvent", {"eventType": "Updated", "seqNo": 1, "transactionInfo": info | {"remoteStartId": 3}}
    )
    stage.wait(31)
    assert stage["b"].dials and stage.station.closed is None


def test_o4_an_owed_message_is_not_delivered_twice_by_a_reload() -> None:
    stage = playing("a", "b", backends={"b": {"deliver": "always"}})
    stage.station.sends(*START)
    stage["a"].sends(3, "s", {"transactionId": 5, **ACC})
    stage["b"].line.take()
    old = stage.replaces("b", deliver="always", window=3)
    stage.moves(one("a", copy=("b",)), name="home")
    stage.up("b")
    again = stage["b"].line.take()
    old.sends(3, "s", {"transactionId": 9, **ACC})
    if again:
        stage["b"].sends(3, "s", {"transactionId": 10, **ACC})  # KeyError in Ledger.settle
    assert not again


def test_o5_a_start_that_another_backend_answers_is_that_ones() -> None:
    stage = Stage(one("a"))
    stage["a"].refuses()
    stage.station.sends(*START)
    stage.unknown.add("a")
    stage.moves(one("b"))
    stage.wait(12)
    stage.session, stage.station = stage.newcomer()
    stage["b"].dials.clear()
    stage.open()
    stage.up("b")
    stage.station.sends(*START)
    stage["b"].sends(3, "s", {"transactionId": 77, **ACC})
    stage["b"].line.take()
    stage.station.sends(*stop(77))
    stage["b"].gets([*stop(77)])


def test_o6_a_station_that_goes_while_a_chain_is_asked_binds_nothing() -> None:
    stage = Stage(Rule(answer=("a",), copy=("b",), chain=Chain(("a", "b"))))
    stage.up("a", "b")
    stage.station.sends(*START)
    stage.station.hangs_up()
    assert stage.store.of(TransactionRecord) == []


def test_o7_two_events_of_one_transaction_while_a_chain_is_asked() -> None:
    stage = Stage(Rule(answer=("a",), copy=("b",), chain=Chain(("a", "b"))), version="ocpp2.0.1")
    stage.up("a", "b")
    for n in range(2):
        stage.station.sends(
            2,
            f"e{n}",
            "TransactionEvent",
            {
                "eventType": "Updated" if n else "Started",
                "seqNo": n,
                "transactionInfo": {"transactionId": "T"},
                "idToken": TOKEN,
            },
        )
    stage["a"].sends(3, stage["a"].line.take()[0][1], {"idTokenInfo": {"status": "Accepted"}})
    assert [m[1] for m in stage["a"].line.take()] == ["e0", "e1"]


def test_o8_a_command_that_waited_for_the_disk_is_judged_again() -> None:
    stage = Stage(
        Rule(tokens=listed(["B*"]), answer=("b",), copy=("a",)),
        one("a", copy=("b",)),
        backends={"b": {"permit": Permit("p", ("*",))}},
    )
    stage.up("a", "b")
    stage.station.sends(2, "s", "StartTransaction", BEGIN | {"idTag": "B1"})
    stage["b"].sends(3, "s", {"transactionId": 5, **ACC})
    stage.station.take()
    stage.store.slow = True
    stage["b"].sends(
        2,
        "p",
        "SetChargingProfile",
        {
            "connectorId": 1,
            "csChargingProfiles": {"chargingProfileId": 5, "chargingProfilePurpose": "TxDefaultProfile"},
        },
    )
    stage.station.sends(2, "s2", "StartTransaction", BEGIN | {"idTag": "A1"})
    stage["a"].sends(3, "s2", {"transactionId": 5, **ACC})
    stage.store.writes()
    assert [m for m in stage.station.take() if m[0] == 2] == []


def test_o9_a_station_that_says_it_a_thousand_times() -> None:
    stage = playing("a")
    for n in range(1500):
        stage.station.sends(2, str(n), "StartTransaction", BEGIN)
    stage["a"].sends(3, "0", {"transactionId": 5, **ACC})


def test_o10_a_repeated_start_is_not_left_without_answer_or_farewell() -> None:
    stage = playing("a", "b")
    stage.station.sends(*START)
    stage["a"].sends(3, "s", {"transactionId": 5, **ACC})
    stage.station.take()
    stage.store.broken = True
    stage.station.sends(2, "again", "StartTransaction", BEGIN)
    assert stage.station.closed is not None


def test_o11_a_move_does_not_tell_twice_whom_the_old_route_had_told() -> None:
    stage = Stage(one("a", copy=("b",)))
    stage["a"].refuses()
    stage.up("b")
    stage.station.sends(2, "n", "StatusNotification", {"connectorId": 1})
    stage["b"].line.take()
    stage.moves(one("b"))
    stage["b"].gets()
