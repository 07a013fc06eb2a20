"""Turns: the ids of calls, kept as they are or replaced."""

from __future__ import annotations

from uuid import UUID

from tests.ocpp.line import Line
from voltgate.ocpp.turn_ports import Bounds


def minted(message_id: str) -> bool:
    return str(UUID(message_id)) == message_id


def test_equal_ids_of_two_askers() -> None:
    """Two askers with one id each get their own answer."""
    line = Line(bounds=Bounds(window=2))
    wire = line.connect()
    first, second = line.ask("1", "a"), line.ask("1", "b")
    (_, kept, _, _), (_, other, _, _) = wire.take()
    assert kept == "1"
    assert minted(other)
    line.result(other, b'{"for":"b"}')
    line.result("1", b'{"for":"a"}')
    assert (first.short, second.short) == ('{"for":"a"}', '{"for":"b"}')
    assert line.counts.minted == 1


def test_an_id_stays_the_askers_own_when_it_can() -> None:
    """An id that was used before and answered is used again (FR-12)."""
    line = Line()
    wire = line.connect()
    for asker in "ab":
        line.ask("1", asker)
        line.result("1")
    assert [sent[1] for sent in wire.take()] == ["1", "1"]
    assert line.counts.minted == 0


def test_an_id_that_is_too_long_is_replaced() -> None:
    """An id of 36 characters is kept; a longer one is not sent (FR-09)."""
    line = Line()
    wire = line.connect()
    line.ask("x" * 36)
    line.result("x" * 36)
    heard = line.ask("x" * 37)
    kept, other = (sent[1] for sent in wire.take())
    assert kept == "x" * 36
    assert minted(other)
    line.result(other, b'{"a":1}')
    assert heard.short == '{"a":1}'


def test_a_retry_keeps_its_id() -> None:
    """An asker that repeats a call that timed out keeps its id: the answer to either will do (FR-10)."""
    line = Line()
    wire = line.connect()
    first = line.ask("1", patience=5)
    line.wait(6)
    assert first.short == "timed out"
    second = line.ask("1")
    line.result("1")
    assert [sent[1] for sent in wire.take()] == ["1", "1"]
    assert second.short == "{}"
    line.result("1")
    assert (line.counts.late, line.counts.unknown) == (1, 0)


def test_a_late_answer_reaches_nobody_else() -> None:
    """While the answer to a call that timed out may still come, its id is nobody else's (FR-16)."""
    line = Line()
    wire = line.connect()
    line.ask("1", "a", patience=5)
    line.wait(6)
    other = line.ask("1", "b")
    _, (_, replaced, _, _) = wire.take()
    line.result("1", b'{"late":true}')
    assert other.short is None
    assert line.counts.late == 1
    line.result(replaced)
    assert other.short == "{}"


def test_ids_that_timed_out_are_remembered_up_to_a_bound() -> None:
    """Of the ids that timed out the last 32 are remembered: a mute station fills no memory."""
    line = Line()
    line.connect()
    for n in range(40):
        line.ask(str(n), patience=1)
        line.wait(2)
    for n in range(40):
        line.result(str(n))
    assert (line.counts.late, line.counts.unknown) == (32, 8)


def test_a_new_connection_forgets_what_timed_out() -> None:
    """On a new connection ids start afresh (FR-11)."""
    line = Line()
    line.connect()
    line.ask("1", "a", patience=5)
    line.wait(6)
    line.disconnect()
    wire = line.connect()
    line.ask("1", "b")
    assert [sent[1] for sent in wire.take()] == ["1"]
