"""Chargers that give an id twice: a late answer is not taken for that to the next message of its id."""

from __future__ import annotations

from tests.relay.stage import playing
from tests.relay.test_catching_up import owes, split
from tests.relay.test_comes_again import START
from voltgate.ocpp.messages import Call
from voltgate.relay.journal import JournalSettings


def test_the_late_answer_to_a_copy_is_not_that_to_the_next_of_its_id() -> None:
    """A number that a copy gives a start too late is not the number of the next start."""
    stage = playing("a", "b")
    for n in (5, 6):
        stage.station.sends(2, "s", "StartTransaction", START | {"meterStart": n})
        stage["a"].sends(3, "s", {"transactionId": n})
        (message,) = stage["b"].line.take()
        assert (message[1] == "s") is (n == 5)
        stage.wait(31 if n == 5 else 0)
    stage["b"].sends(3, "s", {"transactionId": 900})
    (running,) = stage.session.ledger.running.values()
    assert "b" not in running.numbers


def test_the_late_answer_to_what_was_given_up_is_not_that_to_the_next_of_its_id() -> None:
    """A message that is owed under the id of one that was given up is settled by its own answer only."""
    stage = split(backend_patience=5, journal=JournalSettings(attempts=1))
    for n in (1, 2):
        owes(stage, "a", Call("m", "MeterValues", b'{"connectorId":%d}' % n))
        stage.session.legs["a"].deliver()
        (message,) = stage["a"].line.take()
        assert (message[1] == "m", message[3]) == (n == 1, {"connectorId": n})
        stage.wait(5.2 if n == 1 else 0)
    stage["a"].sends(3, "m", {})
    assert stage.session.ledger.journal.messages("a") == 1


def test_the_late_answer_to_what_stands_back_is_not_that_to_the_next_of_its_id() -> None:
    """A number that a backend gives too late to an owed start is not that of the start of the same id behind it."""
    stage = playing("a", "b", backends={"b": {"deliver": "always"}}, backend_patience=5)
    for n in (5, 6):
        stage.station.sends(2, "s", "StartTransaction", START | {"connectorId": n})
        stage["a"].sends(3, "s", {"transactionId": n})
    stage["b"].gets([2, "s", "StartTransaction", START | {"connectorId": 5}])
    stage.wait(5.2)
    ((_, again, _, fields),) = stage["b"].line.take()
    assert fields["connectorId"] == 6
    stage["b"].sends(3, "s", {"transactionId": 900})
    stage["b"].sends(3, again, {"transactionId": 901})
    assert {tx.connector: tx.numbers.get("b") for tx in stage.session.ledger} == {5: None, 6: 901}
