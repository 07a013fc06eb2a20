"""Numbers that are written otherwise: `"7"`, `7.0` and the like are what a lenient reader takes them for."""

from __future__ import annotations

from typing import Any

import pytest

from tests.relay.policies.test_commands import BOTH, PROFILE, asks
from tests.relay.policies.test_lingering import OWN
from tests.relay.policies.test_transactions_2x import EMPLOYEE, event, happens
from tests.relay.policies.test_transactions_2x import split as split_2x
from tests.relay.policies.test_transactions_16 import START, split, starts, told
from tests.relay.stage import Stage, one

REFUSED = {"status": "Rejected"}


def written(number: int) -> tuple[bytes, ...]:
    """Give ways to write a number that some reader understands."""
    digits = str(number).encode()
    return b'"%s"' % digits, b'"00%s"' % digits, b'" %s "' % digits, b"%s.0" % digits, b"%se0" % digits


@pytest.mark.parametrize("way", range(5))
def test_a_station_writes_the_number_of_its_transaction_otherwise(way: int) -> None:
    """Its owner and the copies get the number that each of them gave, as a number."""
    stage = split()
    number = starts(stage, "b", 5)
    told(stage, "a", 40)
    spelt = written(number)[way]
    for action in ("MeterValues", "StopTransaction"):
        stage.station.sends(b'[2,"m","%s",{"transactionId":%s}]' % (action.encode(), spelt))
        stage["b"].gets([2, "m", action, {"transactionId": 5}])
        stage["a"].gets([2, "m", action, {"transactionId": 40}])
        stage["b"].sends(3, "m", {})
        stage["a"].sends(3, "m", {})
    assert not stage.session.ledger.running


@pytest.mark.parametrize("way", range(5))
def test_a_backend_gives_the_number_of_its_transaction_otherwise(way: int) -> None:
    """A backend that gives `"7"` has given 7: the station gets a number, and the backend its own back.

    In a command that is no number: it is refused.
    """
    stage = split()
    stage.station.sends(2, "s", "StartTransaction", START)
    stage["b"].line.take()
    stage["a"].line.take()
    stage["b"].sends(b'[3,"s",{"transactionId":%s}]' % written(5)[way])
    stage["a"].sends(b'[3,"s",{"transactionId":%s}]' % written(40)[way])
    ((_, _, reply),) = stage.station.take()
    number = reply["transactionId"]
    assert isinstance(number, int)
    stage["b"].line.take()
    stage["b"].sends(b'[2,"q","RemoteStopTransaction",{"transactionId":%s}]' % written(5)[way])
    stage["b"].gets([3, "q", REFUSED])
    fields = b'{"connectorId":1,"csChargingProfiles":{"transactionId":%s}}' % written(5)[way]
    stage["b"].sends(b'[2,"q","SetChargingProfile",%s]' % fields)
    stage["b"].gets([3, "q", REFUSED])
    assert asks(stage, "b", "RemoteStopTransaction", {"transactionId": 5})[1] == {"transactionId": number}
    stage.station.sends(2, "x", "StopTransaction", {"transactionId": number})
    stage["a"].gets([2, "x", "StopTransaction", {"transactionId": 40}])


@pytest.mark.parametrize("way", range(5))
@pytest.mark.parametrize("permits", [{}, BOTH])
def test_a_number_in_quotes_stops_nobody_elses_session(way: int, permits: dict[str, Any]) -> None:
    """A backend that writes its own number as text reaches no transaction, not that of another at the station."""
    stage = split(backends=permits)
    stage.draw = 0.25
    of_b = starts(stage, "b", 5)
    told(stage, "a", 40)
    stage.draw = 0.75
    starts(stage, "a", of_b, START | {"connectorId": 2, "idTag": "77"}, "t")  # a's number is b's at the station
    told(stage, "b", 41, START | {"connectorId": 2, "idTag": "77"}, "t")
    stage["a"].sends(b'[2,"q","RemoteStopTransaction",{"transactionId":%s}]' % written(of_b)[way])
    stage.station.gets()
    stage["a"].gets([3, "q", REFUSED])


@pytest.mark.parametrize("odd", ["x", "7x", "0x7", "1" * 30, 1.5, True, [7], {}])
def test_what_is_no_number_names_nobody(odd: Any) -> None:
    """Where several backends share a station, none gets a number through that readers may understand differently."""
    stage = split()
    assert asks(stage, "a", "RemoteStopTransaction", {"transactionId": odd}) == REFUSED
    assert asks(stage, "a", "SetChargingProfile", {"csChargingProfiles": PROFILE | {"transactionId": odd}}) == REFUSED
    assert asks(stage, "a", "CancelReservation", {"reservationId": odd}) == REFUSED
    assert asks(stage, "a", "ReserveNow", {"reservationId": odd, "connectorId": 1}) == REFUSED
    stage = Stage(one("a"))
    stage.up("a")
    assert asks(stage, "a", "RemoteStopTransaction", {"transactionId": odd})[1] == {"transactionId": odd}


def test_other_numbers_in_quotes() -> None:
    """A reservation of another backend is not cancelled by its number in quotes, nor a report led astray."""
    stage = split()
    reserve = {"reservationId": 1, "connectorId": 1, "idTag": "77"}
    numbers = [asks(stage, name, "ReserveNow", reserve)[1]["reservationId"] for name in ("a", "b")]
    assert asks(stage, "b", "CancelReservation", {"reservationId": "1"}) == REFUSED
    assert asks(stage, "b", "CancelReservation", {"reservationId": 1})[1] == {"reservationId": numbers[1]}
    asks(stage, "b", "GetLog", {"requestId": 3, "logType": "DiagnosticsLog"})
    stage["a"].line.take()
    stage.station.sends(2, "l", "LogStatusNotification", {"requestId": "3", "status": "Uploaded"})
    stage["b"].gets([2, "l", "LogStatusNotification", {"requestId": "3", "status": "Uploaded"}])
    stage["a"].gets()


def test_a_connector_in_quotes() -> None:
    """A connector that is written as a text is that connector; in a command it may be all of them to the station."""
    stage = split(backends={"a": OWN, "b": OWN})
    starts(stage, "b", 5, START | {"connectorId": "1"})
    told(stage, "a", 40, START | {"connectorId": "1"})
    assert asks(stage, "a", "UnlockConnector", {"connectorId": 1.0}) == {"status": "UnlockFailed"}
    assert asks(stage, "a", "UnlockConnector", {"connectorId": "2"}) == {"status": "UnlockFailed"}


def test_a_name_of_digits() -> None:
    """In 2.x a transaction is named by a text, and "007" is not "7"."""
    stage = split_2x(backends=BOTH)
    happens(stage, "1", event("Started", 0, "007", idToken=EMPLOYEE), "b", "c")
    stop = {"transactionId": "007"}
    assert asks(stage, "b", "RequestStopTransaction", stop) == ["RequestStopTransaction", stop]
    assert asks(stage, "b", "RequestStopTransaction", {"transactionId": "7"}) == REFUSED
    assert asks(stage, "a", "RequestStopTransaction", stop) == REFUSED


def test_with_one_backend_no_byte_changes() -> None:
    """With one backend its spelling goes on as it is, and the ledger knows the number all the same."""
    stage = Stage(one("a"))
    stage.up("a")
    stage.station.sends(2, "s", "StartTransaction", START)
    stage["a"].line.take()
    stage["a"].sends(b'[3,"s",{"transactionId": "7"}]')
    stage.station.gets(b'[3,"s",{"transactionId": "7"}]')
    stage.station.sends(b'[2,"x","StopTransaction",{"transactionId": "7"}]')
    stage["a"].gets(b'[2,"x","StopTransaction",{"transactionId": "7"}]')
    stage["a"].sends(3, "x", {})
    assert not stage.session.ledger.running
