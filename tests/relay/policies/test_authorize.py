"""Authorities: several backends are asked whether a token may charge; the one that accepts it owns the session."""

from __future__ import annotations

from typing import Any

import pytest

from tests.relay.policies.test_transactions_2x import event
from tests.relay.stage import Stage, one
from voltgate.relay.plan import Chain
from voltgate.relay.records import InvitationRecord, TransactionRecord
from voltgate.relay.rule import Rule

ACCEPTED = {"idTagInfo": {"status": "Accepted"}}
INVALID = {"idTagInfo": {"status": "Invalid"}}
START = {"connectorId": 1, "idTag": "77", "timestamp": "t", "meterStart": 0}


def asking(version: str = "ocpp1.6", copy: tuple[str, ...] = ("c",), **chain: Any) -> Stage:
    """Make a stage where `a` is asked first, then `b`; `c` is told."""
    rule = Rule(answer=("a",), copy=("b", *copy), chain=Chain(("a", "b"), **chain))
    stage = Stage(rule, version=version)
    stage.up("a", "b", *copy)
    return stage


def authorizes(stage: Stage, *replies: tuple[str, Any]) -> Any:
    """Have the station ask, and the backends answer in turn; give what the station hears."""
    stage.station.sends(2, "1", "Authorize", {"idTag": "77"})
    for name, reply in replies:
        stage[name].gets([2, "1", "Authorize", {"idTag": "77"}])
        stage[name].sends(3, "1", reply)
    (heard,) = stage.station.take()
    return heard[2]


def test_the_second_accepts_and_owns_the_session() -> None:
    """The first says Invalid, the second accepts: the second owns the session that follows, and the first is told."""
    stage = asking()
    assert authorizes(stage, ("a", INVALID), ("b", ACCEPTED)) == ACCEPTED
    stage["c"].gets([2, "1", "Authorize", {"idTag": "77"}])
    assert len(stage.store.of(InvitationRecord)) == 1
    stage.station.sends(2, "s", "StartTransaction", START)
    for name in ("b", "a", "c"):
        stage[name].gets([2, "s", "StartTransaction", START])
    stage["b"].sends(3, "s", {"transactionId": 5, **ACCEPTED})
    (record,) = stage.store.of(TransactionRecord)
    assert record.owner == "b"
    assert stage.store.of(InvitationRecord) == []


@pytest.mark.parametrize("status", ["Invalid", "Unknown"])
def test_a_token_that_is_not_known(status: str) -> None:
    """2.x has two words for it: after either the next is asked."""
    stage = asking("ocpp2.0.1")
    request = {"idToken": {"idToken": "77", "type": "ISO14443"}}
    stage.station.sends(2, "1", "Authorize", request)
    stage["a"].gets([2, "1", "Authorize", request])
    stage["a"].sends(3, "1", {"idTokenInfo": {"status": status}})
    stage["b"].gets([2, "1", "Authorize", request])


@pytest.mark.parametrize("status", ["Accepted", "Blocked", "Expired", "ConcurrentTx"])
def test_an_answer_that_counts(status: str) -> None:
    """Whoever knows the token has the last word: Blocked, Expired and ConcurrentTx are not asked further."""
    stage = asking()
    reply = {"idTagInfo": {"status": status}}
    assert authorizes(stage, ("a", reply)) == reply
    stage["b"].gets()


def test_nobody_accepts() -> None:
    """When nobody accepts it, the station hears the last answer."""
    assert authorizes(asking(), ("a", INVALID), ("b", INVALID)) == INVALID


def test_silence() -> None:
    """One that does not answer is passed over only when that is set; each has its share of the time."""
    for silence in (False, True):
        stage = asking(silence=silence, within=4)
        stage.station.sends(2, "1", "Authorize", {"idTag": "77"})
        stage["a"].line.take()
        stage.wait(2.2)
        if silence:
            stage["b"].gets([2, "1", "Authorize", {"idTag": "77"}])
            stage["b"].sends(3, "1", ACCEPTED)
            stage.station.gets([3, "1", ACCEPTED])
        else:
            stage["b"].gets()
            assert stage.station.take()[0][0] == 4


def test_an_error_is_no_answer() -> None:
    """A CALLERROR says nothing of the token: it is the station's to deal with, unless silence is passed over."""
    stage = asking()
    stage.station.sends(2, "1", "Authorize", {"idTag": "77"})
    stage["a"].sends(4, "1", "InternalError", "", {})
    stage.station.gets([4, "1", "InternalError", "", {}])


def test_a_start_without_authorize() -> None:
    """A session that begins without Authorize is asked about first; the one that accepts the token gets the start."""
    stage = asking()
    stage.station.sends(2, "s", "StartTransaction", START)
    stage.station.sends(2, "s2", "StartTransaction", START)
    for name, reply in (("a", INVALID), ("b", ACCEPTED)):
        (question,) = stage[name].line.take()
        assert question[2:] == ["Authorize", {"idTag": "77"}]
        stage[name].sends(3, question[1], reply)
    stage["b"].gets([2, "s", "StartTransaction", START])
    stage["b"].sends(3, "s", {"transactionId": 5, **ACCEPTED})
    assert [reply[1] for reply in stage.station.take()] == ["s", "s2"]


def test_a_start_that_nobody_accepts() -> None:
    """A start cannot be refused: when nobody accepts its token it goes to the first."""
    stage = asking()
    stage.station.sends(2, "s", "StartTransaction", START)
    for name in ("a", "b"):
        (question,) = stage[name].line.take()
        stage[name].sends(3, question[1], INVALID)
    stage["a"].gets([2, "s", "StartTransaction", START])


def test_events_of_2() -> None:
    """In 2.x the question is asked before the event that binds the transaction; repeated events wait with it."""
    stage = asking("ocpp2.0.1", ())
    token = {"idToken": "77", "type": "ISO14443"}
    started = event("Started", 0, idToken=token)
    stage.station.sends(2, "e", "TransactionEvent", started)
    stage.station.sends(2, "e2", "TransactionEvent", started)
    for name, status in (("a", "Invalid"), ("b", "Accepted")):
        (question,) = stage[name].line.take()
        assert question[2:] == ["Authorize", {"idToken": token}]
        stage[name].sends(3, question[1], {"idTokenInfo": {"status": status}})
    stage["b"].gets([2, "e", "TransactionEvent", started])
    stage["a"].gets([2, "e", "TransactionEvent", started])
    stage["b"].sends(3, "e", {})
    stage.station.gets([3, "e", {}], [3, "e2", {}])


def test_the_station_goes_while_somebody_is_asked() -> None:
    """When the station goes, nobody else is asked on its behalf."""
    stage = asking(silence=True)
    stage.station.sends(2, "1", "Authorize", {"idTag": "77"})
    stage.station.hangs_up()
    stage["b"].gets()


def test_the_rules_change_while_somebody_is_asked() -> None:
    """A backend that is taken out of the configuration while it is asked owns nothing that begins."""
    stage = asking(copy=())
    stage.station.sends(2, "s", "StartTransaction", START)
    (question,) = stage["a"].line.take()
    stage.unknown.update("ab")
    stage.moves(one("c"))
    stage["a"].sends(3, question[1], ACCEPTED)
    assert stage.station.closed == (1008, "No rule says who answers StartTransaction")


def test_a_token_that_is_remembered_is_not_asked_again() -> None:
    """While a remote start is expected its backend answers for the token."""
    stage = asking()
    stage["b"].sends(2, "r", "RemoteStartTransaction", {"idTag": "77"})
    stage.station.sends(3, "r", {"status": "Accepted"})
    stage.station.take()
    stage["b"].line.take()
    stage.station.sends(2, "1", "Authorize", {"idTag": "77"})
    stage["b"].gets([2, "1", "Authorize", {"idTag": "77"}])
    stage.station.sends(2, "s", "StartTransaction", START)
    stage["b"].gets([2, "s", "StartTransaction", START])


def test_a_token_without_chain() -> None:
    """Without a chain the rule's backend answers."""
    stage = Stage(one("a", copy=("b",)))
    stage.up("a", "b")
    stage.station.sends(2, "1", "Authorize", {"idTag": 5})
    stage["a"].gets([2, "1", "Authorize", {"idTag": 5}])


# What comes while a chain is asked.


def answers_the_chain(stage: Stage, info: str = "idTokenInfo") -> None:
    """Have `a` say that it does not know the token, and `b` accept it."""
    for name, status in (("a", "Invalid"), ("b", "Accepted")):
        (asked,) = stage[name].line.take()
        assert asked[2] == "Authorize"
        stage[name].sends(3, asked[1], {info: {"status": status}})


def test_every_event_of_a_transaction_is_answered() -> None:
    """What is said of a transaction while it is asked whose it is waits in order, and each message id is answered."""
    stage = asking("ocpp2.0.1", (), within=60)
    token = {"idToken": "77", "type": "ISO14443"}
    said = [
        event("Started", 0, idToken=token),
        event("Started", 0, idToken=token),
        event("Updated", 1),
        event("Updated", 2, idToken=token),
        event("Ended", 3),
    ]
    for mid, fields in enumerate(said):
        stage.station.sends(2, str(mid), "TransactionEvent", fields)
    answers_the_chain(stage)
    stage["b"].gets(*([2, mid, "TransactionEvent", said[int(mid)]] for mid in ("0", "2", "3", "4")))
    for mid in ("0", "2", "3", "4"):
        stage["b"].sends(3, mid, {"totalCost": int(mid)})
    replies = stage.station.take()
    assert [(reply[1], reply[2]["totalCost"]) for reply in replies] == [
        ("0", 0),
        ("1", 0),
        ("2", 2),
        ("3", 3),
        ("4", 4),
    ]


def test_an_event_without_token_does_not_overtake_the_one_with_it() -> None:
    """The event that binds a transaction waits for the chain, and the next waits behind it: the order is kept."""
    stage = asking("ocpp2.0.1", (), within=60)
    token = {"idToken": "77", "type": "ISO14443"}
    said = [event("Started", 0), event("Updated", 1, idToken=token), event("Updated", 2)]
    stage.station.sends(2, "0", "TransactionEvent", said[0])
    stage["a"].gets([2, "0", "TransactionEvent", said[0]])
    stage["a"].sends(3, "0", {})
    stage.station.take()
    stage["b"].line.take()
    stage["b"].sends(3, "0", {})
    for mid in ("1", "2"):
        stage.station.sends(2, mid, "TransactionEvent", said[int(mid)])
    answers_the_chain(stage)
    stage["b"].gets(*([2, mid, "TransactionEvent", said[int(mid)]] for mid in ("1", "2")))
    for mid in ("1", "2"):
        stage["b"].sends(3, mid, {})
    assert [reply[1] for reply in stage.station.take()] == ["1", "2"]


def test_two_starts_that_are_one() -> None:
    """A start that is written otherwise the second time is the same: its owner is asked once, and both are answered."""
    stage = asking()
    stage.station.sends(2, "s", "StartTransaction", START)
    stage.station.sends(2, "t", "StartTransaction", dict(reversed(START.items())) | {"vendor": "x"})
    answers_the_chain(stage, "idTagInfo")
    stage["b"].gets([2, "s", "StartTransaction", START])
    stage["b"].sends(3, "s", {"transactionId": 5, **ACCEPTED})
    one_reply, other = stage.station.take()
    assert (one_reply[1], other[1]) == ("s", "t")
    assert one_reply[2] == other[2]


def test_too_much_of_one_transaction() -> None:
    """Beyond a bound the station is let go, and keeps what it has to say of a transaction."""
    stage = asking()
    for n in range(17):
        stage.station.sends(2, f"s{n}", "StartTransaction", START)
    assert stage.station.closed == (1013, "Too much of one transaction waits: keep StartTransaction and come again")


def test_the_station_is_let_go_with_the_first_of_several() -> None:
    """When nobody may take the first of several events, the station is let go once, and the others go to nobody."""
    stage = asking("ocpp2.0.1", (), within=60)
    token = {"idToken": "77", "type": "ISO14443"}
    stage.station.sends(2, "0", "TransactionEvent", event("Started", 0, idToken=token))
    stage.station.sends(2, "1", "TransactionEvent", event("Updated", 1))
    (question,) = stage["a"].line.take()
    stage.unknown.update("ab")
    stage.moves(Rule(actions=("Heartbeat",), answer=("c",)))
    stage["a"].sends(3, question[1], {"idTokenInfo": {"status": "Accepted"}})
    assert stage.station.closed == (1008, "No rule says who answers TransactionEvent")
    assert not stage.session.ledger.running
