"""The four arrows: what stands on them sees every call on its way, and its answer on the way back."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from tests.relay.stage import Stage, one
from voltgate.ocpp.dialect import Dialect
from voltgate.ocpp.messages import Call, Handler, Reply, Respond, Result
from voltgate.relay.context import Context
from voltgate.relay.policy import Wrap
from voltgate.relay.records import OwedRecord
from voltgate.relay.rule import Rule
from voltgate.relay.tokens import listed

EMPLOYER = Rule(tokens=listed(["04EM*"]), answer=("b",), copy=("a",))
RULES = (EMPLOYER, one("a", copy=("b",)))


def renames(there: Mapping[str, str], back: Mapping[str, str]) -> Wrap:
    """Make what renames fields of each call on its way there, and of each result on its way back."""

    def wrap(context: Context, handler: Handler) -> Handler:
        def renamed(call: Call, respond: Respond) -> None:
            def answered(reply: Reply) -> None:
                respond(reply.with_payload(_renamed(reply.payload, back)) if isinstance(reply, Result) else reply)

            handler(call.with_payload(_renamed(call.payload, there)), answered)

        return renamed

    return wrap


def _renamed(payload: Any, names: Mapping[str, str]) -> bytes:
    fields = {names.get(name, name): value for name, value in json.loads(bytes(payload)).items()}
    return json.dumps(fields, separators=(",", ":")).encode()


def renaming(version: str, to_station: dict[str, str], from_station: dict[str, str], **backend: Wrap) -> Stage:
    """Make a stage of two owners, whose station and backends spell fields in their own way; `a` hears everything."""
    inward = {theirs: ours for ours, theirs in from_station.items()}
    settings = {name: (wrap,) for name, wrap in backend.items()}
    return Stage(
        *RULES,
        version=version,
        backends={"a": {**settings, "deliver": "always"}, "b": settings},
        from_station=(renames(inward, from_station),),
        to_station=(renames(to_station, {"Status": "status"}),),
    )


def restarts(stage: Stage) -> None:
    """Let the gateway go, and the station come to the next one, which reads what was written down."""
    stage.station.hangs_up()
    for far in stage.far.values():
        far.dials.clear()
    stage.session, stage.station = stage.newcomer()
    stage.open()


def test_four_spellings_of_1_6() -> None:
    """A field is spelt in one way by the station and in another by backends, over a restart, numbers and journal."""
    ours_to_backend = {"meterStart": "meter_start", "transactionId": "transaction_id"}
    stage = renaming(
        "ocpp1.6",
        {"transactionId": "transactionID"},
        {"idTag": "idTAG", "idTagInfo": "idTAGInfo", "transactionId": "transactionID"},
        to_backend=renames(ours_to_backend, {"transaction_id": "transactionId"}),
        from_backend=renames({"transaction_id": "transactionId"}, {"status": "state"}),
    )
    stage.up("b")
    stage["a"].refuses()
    start = {"connectorId": 1, "timestamp": "t"}
    stage.station.sends(2, "s", "StartTransaction", {**start, "idTAG": "04EM17", "meterStart": 0})
    stage["b"].gets([2, "s", "StartTransaction", {**start, "idTag": "04EM17", "meter_start": 0}])
    stage["b"].sends(3, "s", {"transaction_id": 5, "idTagInfo": {"status": "Accepted"}})
    ((_, _, started),) = stage.station.take()
    assert started["idTAGInfo"] == {"status": "Accepted"}
    number = started["transactionID"]

    restarts(stage)
    stage.up("b")
    stage["b"].line.take()
    stage["b"].sends(2, "r", "RemoteStopTransaction", {"transaction_id": 5})
    stage.station.gets([2, "r", "RemoteStopTransaction", {"transactionID": number}])
    stage.station.sends(3, "r", {"Status": "Accepted"})
    stage["b"].gets([3, "r", {"state": "Accepted"}])
    stage.station.sends(2, "x", "StopTransaction", {"transactionID": number, "meterStop": 9, "idTAG": "04EM17"})
    stage["b"].gets([2, "x", "StopTransaction", {"transaction_id": 5, "meterStop": 9, "idTag": "04EM17"}])
    stage["b"].sends(3, "x", {})
    stage.station.gets([3, "x", {}])

    stage.up("a")
    stage.wait(1)
    stage["a"].gets([2, "s", "StartTransaction", {**start, "idTag": "04EM17", "meter_start": 0}])
    stage["a"].sends(3, "s", {"transaction_id": 900, "idTagInfo": {"status": "Accepted"}})
    stage.wait(1)
    stage["a"].gets([2, "x", "StopTransaction", {"transaction_id": 900, "meterStop": 9, "idTag": "04EM17"}])
    stage["a"].sends(3, "x", {})
    assert stage.store.of(OwedRecord) == []


def test_four_spellings_of_2_0_1() -> None:
    """In 2.0.1 as well: the owner is found by a token that the station spells in its own way."""
    stage = renaming(
        "ocpp2.0.1",
        {"transactionId": "transactionID"},
        {"idToken": "IDToken", "idTokenInfo": "IDTokenInfo"},
        to_backend=renames({"eventType": "event_type"}, {"id_token_info": "idTokenInfo"}),
        from_backend=renames({"transaction_id": "transactionId"}, {"status": "state"}),
    )
    stage.up("b")
    stage["a"].refuses()
    info = {"transactionInfo": {"transactionId": "T1"}}
    token = {"idToken": "04EM17", "type": "ISO14443"}
    stage.station.sends(2, "1", "TransactionEvent", {"eventType": "Started", **info, "IDToken": token})
    stage["b"].gets([2, "1", "TransactionEvent", {"event_type": "Started", **info, "idToken": token}])
    stage["b"].sends(3, "1", {"id_token_info": {"status": "Accepted"}})
    stage.station.gets([3, "1", {"IDTokenInfo": {"status": "Accepted"}}])

    restarts(stage)
    stage.up("b")
    stage["b"].line.take()
    stage["b"].sends(2, "r", "RequestStopTransaction", {"transaction_id": "T1"})
    stage.station.gets([2, "r", "RequestStopTransaction", {"transactionID": "T1"}])
    stage.station.sends(3, "r", {"Status": "Accepted"})
    stage["b"].gets([3, "r", {"state": "Accepted"}])
    stage.station.sends(2, "2", "TransactionEvent", {"eventType": "Ended", **info})
    stage["b"].gets([2, "2", "TransactionEvent", {"event_type": "Ended", **info}])
    stage["b"].sends(3, "2", {})
    stage.station.gets([3, "2", {}])

    stage.up("a")
    for message_id, kind in (("1", "Started"), ("2", "Ended")):
        stage.wait(1)
        ((_, came, _, payload),) = stage["a"].line.take()
        assert (came, payload["event_type"]) == (message_id, kind)
        stage["a"].sends(3, came, {})
    assert stage.store.of(OwedRecord) == []


def test_a_replayed_boot_goes_through_what_stands_on_the_arrow() -> None:
    """A backend that comes back hears the last BootNotification in its own spelling too."""
    wrap = renames({"chargePointVendor": "vendor"}, {})
    stage = Stage(one("a"), backends={"a": {"to_backend": (wrap,)}})
    stage.up("a")
    stage.station.sends(2, "b", "BootNotification", {"chargePointVendor": "v"})
    stage["a"].gets([2, "b", "BootNotification", {"vendor": "v"}])
    stage["a"].sends(3, "b", {"status": "Accepted"})
    stage["a"].hangs_up()
    stage.wait(1.2)
    stage.up("a")
    ((_, _, action, payload),) = stage["a"].line.take()
    assert (action, payload) == ("BootNotification", {"vendor": "v"})


def test_a_leg_has_a_dialect_of_its_own() -> None:
    """A backend that is spoken to in another version than the station speaks is dialled, and answered, in that one."""
    stage = Stage(one("a"), backends={"a": {"dialect": Dialect("ocpp2.0.1")}})
    stage.up("a")
    assert stage["a"].offered == ("ocpp2.0.1",)
    stage["a"].sends(b"[2")
    ((kind, message_id, code, *_),) = stage["a"].line.take()
    assert (kind, message_id, code) == (4, "-1", "RpcFrameworkError")
    stage.station.sends(b"[2")
    stage.station.gets()
