"""A station's clock that is wrong is noticed by the times that its messages bear; what was kept offline is no proof."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from tests.relay.policies.test_statuses import says
from tests.relay.stage import CALENDAR, Stage, playing
from voltgate.relay.events import ClockRight, ClockWrong


def at(stage: Stage, off: float, zone: str = "Z") -> str:
    """Write the time that a clock shows which is wrong by so many seconds."""
    return datetime.fromtimestamp(stage.now + CALENDAR + off, UTC).strftime("%Y-%m-%dT%H:%M:%S") + zone


def status(stage: Stage, off: float, connector: int = 1) -> None:
    """Say a status with the time of such a clock."""
    payload = {"connectorId": connector, "status": "Available", "errorCode": "NoError", "timestamp": at(stage, off)}
    says(stage, "StatusNotification", payload)


def told(stage: Stage) -> list[Any]:
    """Give what was told of the clock since the last look."""
    found = [event for event in stage.events if isinstance(event, ClockWrong | ClockRight)]
    stage.events.clear()
    return [round(event.seconds) if isinstance(event, ClockWrong) else "right" for event in found]


def test_a_clock_that_is_ahead() -> None:
    """One message is enough, and it is told once, until the clock is right."""
    stage = playing("a")
    status(stage, 20)
    status(stage, -20)
    assert told(stage) == []
    status(stage, 3600)
    status(stage, 3700)
    assert told(stage) == [3600]
    status(stage, 1)
    status(stage, 1)
    assert told(stage) == ["right"]


def test_a_clock_that_is_behind() -> None:
    """Two messages have to say so, some time apart."""
    stage = playing("a")
    status(stage, -3600)
    stage.wait(10)
    status(stage, -3600)
    assert told(stage) == []
    stage.wait(25)
    status(stage, -3601)
    assert told(stage) == [-3601]


def test_messages_that_were_kept_offline() -> None:
    """They are sent one after the other and bear the times of what happened: that is no wrong clock."""
    stage = playing("a")
    for age in (7200, 5000, 4000, 300, 100):
        status(stage, -age)
        stage.wait(40)
    status(stage, -80)
    status(stage, 0)
    stage.wait(40)
    status(stage, -80)
    assert told(stage) == []


def test_a_clock_that_was_wrong_is_known_on_the_next_connection() -> None:
    """The station was told the time meanwhile: that its clock is right again is told as well."""
    stage = playing("a")
    status(stage, 3600)
    stage.station.hangs_up()
    stage.session, stage.station = stage.newcomer()
    stage.open()
    stage.up("a")
    status(stage, 0)
    assert told(stage) == [3600, "right"]


@pytest.mark.parametrize(
    ("action", "payload"),
    [
        ("TransactionEvent", {"eventType": "Started", "transactionInfo": {"transactionId": "t"}}),
        ("StatusNotification", {"evseId": 1, "connectorId": 1, "connectorStatus": "Available"}),
        ("NotifyEvent", {"eventData": []}),
    ],
)
def test_clocks_in_2_x(action: str, payload: dict[str, Any]) -> None:
    """Messages of 2.x that bear a time are looked at; those that say that they were kept offline are not."""
    stage = playing("a", version="ocpp2.0.1")
    name = "generatedAt" if action == "NotifyEvent" else "timestamp"
    if action == "TransactionEvent":
        says(stage, action, payload | {name: at(stage, 3600), "offline": True})
        assert told(stage) == []
        payload = payload | {"eventType": "Ended"}
    says(stage, action, payload | {name: at(stage, 3600)})
    assert told(stage) == [3600]


def test_a_stop_bears_a_time_too() -> None:
    """So does that of a transaction of 1.6, whoever knows it."""
    stage = playing("a")
    says(stage, "StopTransaction", {"transactionId": 1, "meterStop": 1, "timestamp": at(stage, 3600, "+00:00")})
    assert told(stage) == [3600]


@pytest.mark.parametrize("timestamp", [None, 7, "", "tea", "2027-01-15", "9" * 100, "0001-01-01T00:00:00+23:59", []])
def test_times_that_are_none(timestamp: Any) -> None:
    """What is no time says nothing of the clock, and one so old only if it is said again."""
    stage = playing("a")
    payload = {"connectorId": 1, "status": "Available", "errorCode": "NoError", "timestamp": timestamp}
    says(stage, "StatusNotification", payload)
    assert told(stage) == []


def test_a_time_without_a_zone_is_utc() -> None:
    """Many stations write none."""
    stage = playing("a")
    payload = {"connectorId": 1, "status": "Available", "errorCode": "NoError", "timestamp": at(stage, 0, "")}
    says(stage, "StatusNotification", payload)
    assert told(stage) == []
