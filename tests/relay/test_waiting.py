"""Calls that wait for a backend: what was planned for somebody moves only along the failover list of its own plan."""

from __future__ import annotations

from tests.relay.stage import Stage, one
from voltgate.relay.rule import Rule
from voltgate.relay.tokens import listed

EMPLOYER = Rule(tokens=listed(["04EM*"]), answer=("b",))


def test_an_employers_card_is_not_shown_to_another_backend() -> None:
    """An Authorize that waits for the employer's backend is not sent to the other one when the dial fails."""
    stage = Stage(EMPLOYER, one("a"))
    stage.up("a")
    stage.station.sends(2, "1", "Authorize", {"idTag": "04EM17"})
    stage["b"].refuses()
    stage["a"].gets()
    stage.wait(1.2)
    stage.up("b")
    stage["b"].gets([2, "1", "Authorize", {"idTag": "04EM17"}])
    stage["b"].sends(3, "1", {"idTagInfo": {"status": "Accepted"}})
    stage.station.gets([3, "1", {"idTagInfo": {"status": "Accepted"}}])


def test_a_report_goes_to_nobody_but_who_asked_for_it() -> None:
    """A NotifyReport that answers b's request 7 is not sent to a, which has a request 7 of its own."""
    stage = Stage(EMPLOYER, one("a"), version="ocpp2.0.1")
    stage.up("a", "b")
    stage["b"].sends(2, "r", "GetReport", {"requestId": 7})
    stage.station.gets([2, "r", "GetReport", {"requestId": 7}])
    stage.station.sends(3, "r", {"status": "Accepted"})
    stage["a"].sends(2, "r", "GetReport", {"requestId": 7})
    ((_, _, _, asked),) = stage.station.take()
    assert asked["requestId"] != 7
    stage.station.sends(3, "r", {"status": "Accepted"})
    stage["a"].line.take()
    stage["b"].hangs_up()
    stage.station.sends(2, "n", "NotifyReport", {"requestId": 7, "seqNo": 0})
    stage.wait(1.2)
    stage["b"].refuses()
    stage["a"].gets()
    stage.wait(2.2)
    stage.up("b")
    assert stage["b"].line.take()[-1] == [2, "n", "NotifyReport", {"requestId": 7, "seqNo": 0}]


def test_a_copy_is_not_told_twice_of_what_waits_for_the_owner() -> None:
    """A StatusNotification that waits for b, who owns what runs there, reaches a, which had its copy, once."""
    stage = Stage(EMPLOYER, one("a"))
    stage.up("a", "b")
    stage.station.sends(
        2, "s", "StartTransaction", {"connectorId": 1, "idTag": "04EM17", "meterStart": 0, "timestamp": "t"}
    )
    stage["b"].sends(3, "s", {"transactionId": 5, "idTagInfo": {"status": "Accepted"}})
    stage["a"].line.take()
    stage["b"].hangs_up()
    news = {"connectorId": 1, "status": "Charging", "errorCode": "NoError"}
    stage.station.sends(2, "n", "StatusNotification", news)
    stage["a"].gets([2, "n", "StatusNotification", news])
    stage.wait(1.2)
    stage["b"].refuses()
    stage["a"].gets()
