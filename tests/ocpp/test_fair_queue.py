"""The bounded queue in which askers take turns."""

from __future__ import annotations

from typing import NamedTuple

import pytest

from voltgate.ocpp.fair_queue import FairQueue
from voltgate.ocpp.messages import Call


class Kept(NamedTuple):
    """A call that waits."""

    call: Call


def kept(message_id: str, asker: str = "a", payload: bytes = b"{}", text: bytes | None = None) -> Kept:
    call = Call(message_id, "Reset", payload, text)
    call.asker = asker
    return Kept(call)


def queue(*entries: Kept, most: int = 10, most_bytes: int = 1000) -> FairQueue[Kept]:
    made: FairQueue[Kept] = FairQueue(most, most_bytes)
    assert all(made.add(entry) for entry in entries)
    return made


def ids(entries: object) -> list[str]:
    return [entry.call.id for entry in entries]  # type: ignore[attr-defined]


def drained(waiting: FairQueue[Kept]) -> list[str]:
    return [waiting.pop().call.id for _ in range(len(waiting))]


def test_the_askers_take_turns() -> None:
    """Nobody waits for all the calls of somebody else, and each asker's calls keep their order."""
    waiting = queue(*(kept(f"a{n}") for n in range(3)), kept("b0", "b"), kept("b1", "b"), kept("c0", "c"))
    assert len(waiting) == 6
    assert drained(waiting) == ["a0", "b0", "c0", "a1", "b1", "a2"]
    assert not waiting


def test_who_comes_again_comes_last() -> None:
    """An asker whose last call has gone takes its next turn behind the others."""
    waiting = queue(kept("a0"), kept("b0", "b"), kept("b1", "b"))
    assert waiting.pop().call.id == "a0"
    waiting.add(kept("a1"))
    assert drained(waiting) == ["b0", "a1", "b1"]


def test_nothing_is_in_an_empty_queue() -> None:
    """An empty queue has nothing to give."""
    with pytest.raises(StopIteration):
        queue().pop()


def test_each_asker_has_its_number() -> None:
    """The calls of one asker are bounded by number, and keep nobody else out."""
    waiting = queue(kept("a0"), kept("a1"), most=2)
    assert not waiting.add(kept("a2"))
    assert waiting.add(kept("b0", "b"))
    assert len(waiting) == 3
    waiting.pop()
    assert waiting.add(kept("a3"))


def test_nobody_takes_the_bytes_of_others() -> None:
    """One asker alone has all the bytes, and then there is room for others; those of a call that has gone are free."""
    waiting = queue(kept("a0", payload=b"x" * 60), most_bytes=100)
    assert not waiting.add(kept("a1", payload=b"x" * 41))
    assert waiting.add(kept("a2", payload=b"x" * 40))
    assert not waiting.add(kept("b0", "b", payload=b"x" * 51))
    assert waiting.add(kept("b1", "b", payload=b"x" * 50))
    assert not waiting.add(kept("c0", "c", payload=b"x" * 26))
    assert waiting.add(kept("c1", "c", payload=b"x" * 25))
    assert waiting.pop().call.id == "a0"
    assert not waiting.add(kept("b2", "b", payload=b"x" * 19))
    assert waiting.add(kept("b3", "b", payload=b"x" * 17))
    assert ids(waiting.take(lambda entry: entry.call.id in ("a2", "b3"))) == ["b3", "a2"]
    assert waiting.add(kept("d0", "d", payload=b"x" * 62))
    assert not waiting.add(kept("c2", "c", payload=b"x" * 26))
    assert drained(waiting) == ["b1", "c1", "d0"]
    assert waiting.add(kept("e0", "e", payload=b"x" * 100))


def test_what_does_not_fit_leaves_nothing_behind() -> None:
    """An asker whose first call is refused has no turn."""
    waiting = queue(most_bytes=1)
    assert not waiting.add(kept("a0"))
    assert (len(waiting), list(waiting)) == (0, [])


def test_the_size_of_a_call() -> None:
    """A call counts with the message that it came as; one that never was a message, with its payload."""
    assert kept("1", payload=b"{}", text=b'[2,"1","Reset",{}]').call.size == 18
    assert kept("1", payload=b'{"a":1}').call.size == 7


def test_some_can_be_taken_out() -> None:
    """What is taken out comes in order; the rest keeps its order and the askers their turns."""
    waiting = queue(*(kept(f"a{n}") for n in range(4)), kept("b0", "b"), kept("c0", "c"))
    assert ids(waiting.take(lambda entry: entry.call.id in ("a0", "a2", "b0"))) == ["a0", "a2", "b0"]
    assert ids(waiting) == ["a1", "a3", "c0"]
    assert drained(waiting) == ["a1", "c0", "a3"]
    assert waiting.take(lambda _: True) == []
