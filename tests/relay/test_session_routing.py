"""A session: who answers the station, who gets a copy, and which way a backend's call takes."""

from __future__ import annotations

from tests.relay.calls import BEAT, RESET, START
from tests.relay.stage import Stage, one, playing
from voltgate.ocpp.messages import Call, Reply

# One backend.


def test_one_backend() -> None:
    """The station's call goes to its backend, and the answer comes back, byte for byte."""
    stage = playing("a")
    stage.station.sends(b'[2, "1", "MeterValues", {"v": 21.40, "\\u00e9": 1e3}]')
    stage["a"].gets(b'[2, "1", "MeterValues", {"v": 21.40, "\\u00e9": 1e3}]')
    stage["a"].sends(b'[3, "1", { }]')
    stage.station.gets(b'[3, "1", { }]')


def test_a_backend_commands_the_station() -> None:
    """A backend's call goes to the station, and the answer to the backend."""
    stage = playing("a")
    stage["a"].sends(*RESET)
    stage.station.gets([*RESET])
    stage.station.sends(3, "r", {"status": "Accepted"})
    stage["a"].gets([3, "r", {"status": "Accepted"}])
    tallies = stage["a"].backend.commands.by_label
    assert tallies["Reset"].results == 1


def test_several_calls_of_the_station() -> None:
    """A station that sends several calls at once is served as it is: in order to the backend, answers in any order."""
    stage = playing("a")
    for n in "123":
        stage.station.sends(2, n, "Heartbeat", {})
    stage["a"].gets(*([2, n, "Heartbeat", {}] for n in "123"))
    for n in "312":
        stage["a"].sends(3, n, {})
    stage.station.gets(*([3, n, {}] for n in "312"))


def test_an_error_of_the_backend() -> None:
    """A backend's error reaches the station, also for a transaction: it is the backend's own."""
    stage = playing("a")
    stage.station.sends(*START)
    stage["a"].gets([*START])
    stage["a"].sends(4, "s", "InternalError", "sorry", {})
    stage.station.gets([4, "s", "InternalError", "sorry", {}])
    assert stage.station.closed is None


def test_a_mute_backend() -> None:
    """A call that the backend does not answer in time is answered by us; the late answer is dropped."""
    stage = playing("a", backend_patience=30)
    stage.station.sends(*BEAT)
    stage.wait(30.2)
    stage.station.gets([4, "1", "InternalError", "No answer within 30 s", {}])
    stage["a"].sends(3, "1", {})
    stage.station.gets()
    assert stage["a"].backend.counts.late == 1
    assert stage["a"].backend.calls.by_label["Heartbeat"].unanswered == {"timed out": 1}


def test_a_mute_station() -> None:
    """A command that the station does not answer in time ends for its backend; the next goes out."""
    stage = playing("a", station_patience=60)
    stage["a"].sends(*RESET)
    stage["a"].sends(2, "r2", "ClearCache", {})
    stage.station.gets([*RESET])
    stage.wait(60.2)
    assert [(kind, message_id) for kind, message_id, *_ in stage["a"].line.take()] == [(4, "r"), (4, "r2")]
    assert stage["a"].backend.commands.by_label["Reset"].unanswered == {"timed out": 1}


def test_nobody_answers() -> None:
    """A call that no rule concerns is refused with an error; a transaction is left to the station."""
    stage = Stage(one("a", actions=("Boot*",)))
    stage.up("a")
    stage.station.sends(*BEAT)
    stage.station.gets([4, "1", "NotSupported", "No rule says who answers this", {}])
    stage.station.sends(*START)
    stage.station.gets()
    assert stage.station.closed == (1008, "No rule says who answers StartTransaction")


# Copies.


def test_a_copy_is_told() -> None:
    """Copies get the station's call; their answers end here, and one that is slow or silent costs nothing."""
    stage = playing("a", "b", "c")
    stage.station.sends(*BEAT)
    for name in "abc":
        stage[name].gets([*BEAT])
    stage["b"].sends(3, "1", {"from": "b"})
    stage["c"].sends(4, "1", "GenericError", "from c", {})
    stage.station.gets()
    stage["a"].sends(3, "1", {"from": "a"})
    stage.station.gets([3, "1", {"from": "a"}])
    stage.wait(60)
    assert stage["b"].backend.copies_dropped == {}


def test_a_copy_that_is_away() -> None:
    """A copy that is away costs the station nothing; what it missed is counted."""
    stage = Stage(one("a", copy=("b",)))
    stage.up("a")
    stage["b"].refuses()
    stage.station.sends(*BEAT)
    stage["a"].sends(3, "1", {})
    stage.station.gets([3, "1", {}])
    stage.wait(10.3)
    assert stage["b"].backend.copies_dropped == {"gone": 1}
    assert stage.station.closed is None


def test_a_stand_in_that_is_a_copy() -> None:
    """A backend that is told, and stands in for the one that answers, hears of a call once."""
    stage = Stage(one("a", "b", copy=("b",)))
    stage.up("a", "b")
    stage.station.sends(*BEAT)
    stage["b"].gets([*BEAT])
    stage["a"].hangs_up()
    stage.station.sends(2, "2", "Heartbeat", {})
    stage["b"].gets([2, "2", "Heartbeat", {}])
    stage["b"].sends(3, "2", {})
    stage.station.take()


def test_a_command_of_our_own() -> None:
    """A command that no backend made counts for none."""
    stage = playing("a")
    heard: list[Reply] = []
    stage.session.turns.ask(Call("1", "Reset", b"{}"), heard.append)
    stage.station.sends(3, "1", {})
    assert len(heard) == 1
    assert stage["a"].backend.commands.by_label == {}


def test_a_copy_commands_the_station() -> None:
    """Any backend may call the station; with equal ids each gets its own answer, one call after the other."""
    stage = playing("a", "b")
    stage["a"].sends(*RESET)
    stage["b"].sends(2, "r", "ClearCache", {})
    stage.station.gets([*RESET])
    stage.station.sends(3, "r", {"for": "a"})
    stage["a"].gets([3, "r", {"for": "a"}])
    stage.station.gets([2, "r", "ClearCache", {}])
    stage.station.sends(3, "r", {"for": "b"})
    stage["b"].gets([3, "r", {"for": "b"}])
    stage["a"].gets()


def test_equal_ids_at_one_time() -> None:
    """Where a station may have several calls open, an id that is taken is replaced, and put back in the answer."""
    stage = playing("a", "b", window=2)
    stage["a"].sends(*RESET)
    stage["b"].sends(2, "r", "ClearCache", {})
    (_, first, *_), (_, second, *_) = stage.station.take()
    assert first == "r" != second
    stage.station.sends(3, second, {"for": "b"})
    stage.station.sends(3, "r", {"for": "a"})
    stage["b"].gets([3, "r", {"for": "b"}])
    stage["a"].gets([3, "r", {"for": "a"}])
    assert stage.counts.minted == 1


# SEND and CALLRESULTERROR.


STREAM = (6, "x", "NotifyPeriodicEventStream", {"id": 1})


def test_a_send_passes() -> None:
    """A SEND goes to whoever would answer, and to the copies; nothing comes back (FR-04)."""
    stage = playing("a", "b", version="ocpp2.1")
    stage.station.sends(*BEAT)
    stage.station.sends(*STREAM)
    stage["a"].gets([*BEAT], [*STREAM])
    stage["b"].gets([*BEAT], [*STREAM])
    stage.wait(60)
    assert [sent[1] for sent in stage.station.take()] == ["1"]


def test_a_send_that_nobody_takes() -> None:
    """A SEND that no rule is for, or that no backend is there for, is dropped in silence."""
    stage = Stage(one("a", actions=("Notify*",)), version="ocpp2.1", backends={"a": {"when_down": "refuse"}})
    stage.station.sends(6, "x", "Other", {})
    stage["a"].refuses()
    stage.station.sends(*STREAM)
    stage.wait(20)
    stage.station.gets()
    assert stage["a"].backend.copies_dropped == {"gone": 1}


def test_a_complaint_passes() -> None:
    """A CALLRESULTERROR goes to the backend whose answer it is about (FR-03)."""
    stage = playing("a", "b", version="ocpp2.1")
    stage.station.sends(2, "1", "Authorize", {})
    stage["b"].sends(3, "1", {})
    stage["a"].sends(3, "1", {"tariff": 1})
    stage.station.gets([3, "1", {"tariff": 1}])
    stage.station.sends(5, "1", "PropertyConstraintViolation", "No such tariff", {})
    stage["a"].gets([2, "1", "Authorize", {}], [5, "1", "PropertyConstraintViolation", "No such tariff", {}])
    stage["b"].gets([2, "1", "Authorize", {}])


def test_a_complaint_of_a_backend() -> None:
    """A backend that dislikes the station's answer tells the station so."""
    stage = playing("a", version="ocpp2.1")
    stage["a"].sends(*RESET)
    stage.station.sends(3, "r", {"status": "Perhaps"})
    stage["a"].sends(5, "r", "PropertyConstraintViolation", "", {})
    stage.station.gets([*RESET], [5, "r", "PropertyConstraintViolation", "", {}])
