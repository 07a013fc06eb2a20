"""BootNotification: the interval that a station is given."""

from __future__ import annotations

import pytest

from tests.relay.calls import BOOT
from tests.relay.stage import Stage, one
from voltgate.relay.events import StationBooted
from voltgate.relay.records import FactRecord

TIME = b'"currentTime":"2027-01-15T08:00:00Z"'


@pytest.mark.parametrize("version", ["ocpp1.6", "ocpp2.0.1", "ocpp2.1"])
@pytest.mark.parametrize("status", [b"Accepted", b"Pending", b"Rejected"])
@pytest.mark.parametrize(
    "interval",
    [b"0", b"-1", b"2147483648", b"9223372036854775808", b"1e999", b"30.5", b"null", b"true", b"[]", b"{}"],
)
def test_an_interval_that_cannot_be_used(version: str, status: bytes, interval: bytes) -> None:
    """A station never gets an interval of 0, or one that is no number it can count: it gets 300, all else stays."""
    stage = Stage(one("a"), version=version)
    stage.up("a")
    stage.station.sends(*BOOT)
    stage["a"].sends(
        b'[3,"b",{"status":"' + status + b'",' + TIME + b',"interval":' + interval + b',"customData":{"n":1.50}}]'
    )
    stage.station.gets(b'[3,"b",{"status":"' + status + b'",' + TIME + b',"interval":300,"customData":{"n":1.50}}]')


def test_an_answer_without_interval() -> None:
    """A missing interval is added, one that stands there twice stands there once, and a text becomes a number."""
    stage = Stage(one("a"))
    stage.up("a")
    for sent, heard in (
        (b'{"status":"Accepted"}', b'{"status":"Accepted","interval":300}'),
        (b'{"interval":0,"status":"Accepted","interval":60}', b'{"interval":60,"status":"Accepted"}'),
        (b'{"interval":"60","status":"Accepted"}', b'{"interval":60,"status":"Accepted"}'),
    ):
        stage.station.sends(*BOOT)
        stage["a"].sends(b'[3,"b",' + sent + b"]")
        stage.station.gets(b'[3,"b",' + heard + b"]")


@pytest.mark.parametrize(
    "answer",
    [
        b'{ "status":"Accepted", "currentTime":"x","interval" : 14400 }',
        b'{"status":"Accepted","interval":2147483647}',
        b'{"status":"Accepted","interval":1}',
        b"{}",
        b'{"interval":0}',
    ],
)
def test_other_answers_keep_their_bytes(answer: bytes) -> None:
    """An answer whose interval can be used, or that is no answer to a BootNotification, passes as it came."""
    stage = Stage(one("a"))
    stage.up("a")
    stage.station.sends(*BOOT)
    stage["a"].sends(b'[3, "b" ,' + answer + b"]")
    stage.station.gets(b'[3, "b" ,' + answer + b"]")


@pytest.mark.parametrize("interval", [0, 2**31, "x"])
def test_the_interval_of_the_stand_in(interval: object) -> None:
    """What is answered in a backend's place has an interval that can be used, whatever that named before."""
    stage = Stage(one("a"), backends={"a": {"when_down": "answer"}})
    stage.up("a")
    stage.station.sends(*BOOT)
    stage["a"].sends(3, "b", {"status": "Accepted", "interval": interval})
    stage.station.take()
    stage["a"].hangs_up()
    stage.session.ledger.note("accepted:a", {"accepted": True, "interval": interval})
    stage.station.sends(*BOOT)
    ((*_, answer),) = stage.station.take()
    assert answer["interval"] == 300


def test_a_signed_boot() -> None:
    """A signed BootNotification registers the station, but cannot be told again: it is signed under its own name."""
    stage = Stage(one("a", copy=("b",)), version="ocpp2.0.1", registered=None)
    stage.up("a", "b")
    stage["b"].sends(2, "r", "Reset", {"type": "Immediate"})
    stage.station.sends(2, "b", "BootNotification-Signed", {"payload": "e30", "signatures": []})
    stage.station.gets()
    stage["a"].sends(3, "b", {"status": "Accepted", "interval": 60})
    stage.station.gets([3, "b", {"status": "Accepted", "interval": 60}], [2, "r", "Reset", {"type": "Immediate"}])
    assert [fact.name for fact in stage.store.of(FactRecord)] == ["registration"]
    assert stage.session.boot is None


# What is told of it.


@pytest.mark.parametrize(
    ("version", "payload", "told"),
    [
        (
            "ocpp1.6",
            b'{"chargePointVendor":"Acme","chargePointModel":"X1","firmwareVersion":"1.2"}',
            ("Acme", "X1", "1.2", ""),
        ),
        (
            "ocpp2.0.1",
            b'{"reason":"Watchdog","chargingStation":{"vendorName":"Acme","model":"X1"}}',
            ("Acme", "X1", "", "Watchdog"),
        ),
        ("ocpp2.0.1", b'{"reason":7,"chargingStation":[]}', ("", "", "", "")),
        ("ocpp1.6", b"{}", ("", "", "", "")),
    ],
)
def test_a_boot_is_told(version: str, payload: bytes, told: tuple[str, ...]) -> None:
    """What has started, and why if it says so; each time that it says so."""
    stage = Stage(one("a"), version=version)
    stage.up("a")
    for number in (b"1", b"2"):
        stage.station.sends(b'[2,"' + number + b'","BootNotification",' + payload + b"]")
    assert stage.happened(StationBooted) == [StationBooted("CP-1", *told)] * 2


def test_a_large_boot_is_passed_on_and_not_kept() -> None:
    """A BootNotification of more than 16 KiB goes on whole, and is neither written down nor told again."""
    stage = Stage(one("a"))
    stage.up("a")
    stage.station.sends(2, "b", "BootNotification", {"chargePointVendor": "x" * 20_000})
    ((*_, heard),) = stage["a"].line.take()
    assert len(heard["chargePointVendor"]) == 20_000
    assert [fact for fact in stage.store.of(FactRecord) if fact.name == "boot"] == []
    assert stage.session.boot is None
