"""Wires in memory, and the adapters between handlers and coroutines."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from voltgate.carriers.memory import Answering, MemoryCarrier, MemoryWire, PairSettings, answering, ask, pair
from voltgate.ocpp.counts import FAULTS
from voltgate.ocpp.messages import (
    FOREVER,
    SEND,
    Call,
    Error,
    Handler,
    Reason,
    Reply,
    Respond,
    Result,
    Unanswered,
    unheard,
)
from voltgate.relay.backend import Backend, BackendSettings, Endpoint
from voltgate.relay.carrier import DialContext, Verdict

SMALL = PairSettings(high=1000, bound=4000)


@dataclass
class End:
    """A receiver that keeps what happened at one end of a pair."""

    wire: MemoryWire
    heard: list[bytes] = field(default_factory=list)
    lost_as: list[tuple[int, str]] = field(default_factory=list)
    marks: list[bool] = field(default_factory=list)
    then: Callable[[bytes], None] = lambda text: None

    def received(self, text: bytes, frame: bytes | None, now: float, until: float = FOREVER) -> None:
        """Keep it, and do as told."""
        assert frame is None
        assert now == 7.0
        self.heard.append(text)
        self.then(text)

    def lost(self, code: int, reason: str) -> None:
        """Keep how it ended."""
        self.lost_as.append((code, reason))

    def writable(self, yes: bool) -> None:
        """Keep it."""
        self.marks.append(yes)


@dataclass
class Loop:
    """A scheduler that is turned by hand."""

    soon: deque[Callable[[], None]] = field(default_factory=deque)

    def __call__(self, callback: Callable[[], None]) -> None:
        self.soon.append(callback)

    def turn(self) -> None:
        """Do what was due when the turn began."""
        for _ in range(len(self.soon)):
            self.soon.popleft()()

    def rest(self) -> None:
        """Turn until nothing is due."""
        for _ in range(1000):
            self.turn()
        assert not self.soon


def ends(settings: PairSettings = SMALL, *, started: bool = True) -> tuple[End, End, Loop]:
    """Make a pair with a receiver at each end."""
    loop = Loop()
    near, far = (End(wire) for wire in pair("ocpp1.6", settings, schedule=loop, clock=lambda: 7.0))
    if started:
        near.wire.start(near)
        far.wire.start(far)
    return near, far, loop


# Messages.


def test_messages_come_whole_and_in_order() -> None:
    """What one end sends comes to the other's receiver, in a later turn."""
    near, far, loop = ends()
    for text in (b"1", b"2", b"3"):
        near.wire.send(text, b"a frame")
    far.wire.send(b"back")
    assert not far.heard
    loop.turn()
    assert (far.heard, near.heard) == ([b"1", b"2", b"3"], [b"back"])
    assert near.wire.subprotocol == far.wire.subprotocol == "ocpp1.6"
    assert not near.wire.shared


def test_two_ends_that_answer_each_other_do_not_recurse() -> None:
    """An exchange of ten thousand messages takes as many turns, and no stack."""
    near, far, loop = ends()
    left = [10_000]

    def answer(wire: MemoryWire) -> Callable[[bytes], None]:
        def then(text: bytes) -> None:
            left[0] -= 1
            if left[0]:
                wire.send(text)

        return then

    near.then, far.then = answer(near.wire), answer(far.wire)
    near.wire.send(b"ball")
    while loop.soon:
        loop.turn()
    assert left == [0]
    assert len(near.heard) == len(far.heard) == 5000


def test_what_is_sent_before_the_start_is_kept() -> None:
    """Nothing is delivered before `start`, and nothing is lost by that."""
    near, far, loop = ends(started=False)
    near.wire.start(near)
    near.wire.send(b"early")
    loop.rest()
    assert not far.heard
    far.wire.start(far)
    loop.rest()
    assert far.heard == [b"early"]


def test_pauses_are_counted() -> None:
    """Reading goes on when each pause was undone, also one that was made while a message was delivered."""
    near, far, loop = ends()
    far.then = lambda text: far.wire.pause()
    near.wire.send(b"1")
    near.wire.send(b"2")
    loop.rest()
    far.wire.pause()
    far.wire.resume()
    loop.rest()
    assert far.heard == [b"1"]
    far.wire.resume()
    loop.rest()
    assert far.heard == [b"1", b"2"]


# Bounds.


def test_a_sender_is_told_when_the_far_end_is_full() -> None:
    """Above the mark it is not writable; it is again when most has been read."""
    near, far, loop = ends()
    far.wire.pause()
    for _ in range(3):
        near.wire.send(b"x" * 400)
    assert near.marks == [False]
    far.wire.resume()
    loop.rest()
    assert near.marks == [False, True]
    assert len(far.heard) == 3


def test_an_end_that_starts_late_is_told_that_it_is_full() -> None:
    """An end that has filled the other before it had a receiver tells the receiver."""
    near, _, loop = ends(started=False)
    for _ in range(3):
        near.wire.send(b"x" * 400)
    near.wire.start(near)
    loop.rest()
    assert near.marks == [False]


@pytest.mark.parametrize("text", [b"x" * 400, b""])
def test_a_pair_that_overflows_is_cut(text: bytes) -> None:
    """Beyond the bound both ends lose the connection: nothing is dropped silently, empty messages count too."""
    near, far, loop = ends()
    far.wire.pause()
    for _ in range(100):
        near.wire.send(text)
    assert not near.lost_as, "not from within `send`"
    loop.rest()
    assert far.heard == []
    assert near.lost_as == far.lost_as
    ((code, reason),) = near.lost_as
    assert code == 1006
    assert reason.endswith("bytes wait to be read")


# The end.


def test_closing_delivers_what_was_sent_before() -> None:
    """The far end gets what was sent, then the code; the end that closes hears nothing more but the end."""
    near, far, loop = ends()
    far.wire.send(b"too late")
    near.wire.send(b"last words")
    near.wire.close(1000, "done")
    near.wire.close(1001, "again")
    near.wire.send(b"nobody")
    far.wire.send(b"nobody")
    loop.rest()
    assert far.heard == [b"last words"]
    assert near.heard == []
    assert near.lost_as == far.lost_as == [(1000, "done")]


def test_closing_lifts_pauses() -> None:
    """A far end that does not read hears of the end all the same, after what it had not read yet."""
    near, far, loop = ends()
    far.wire.pause()
    near.wire.send(b"1")
    near.wire.close(1000, "done")
    loop.rest()
    assert (far.heard, far.lost_as) == ([b"1"], [(1000, "done")])


def test_an_end_that_starts_after_the_close() -> None:
    """It gets what was sent, and the end, once."""
    near, far, loop = ends(started=False)
    near.wire.send(b"1")
    near.wire.close(1000, "done")
    loop.rest()
    far.wire.start(far)
    loop.rest()
    assert (far.heard, far.lost_as) == ([b"1"], [(1000, "done")])


@pytest.mark.parametrize("fails", ["received", "writable"])
def test_a_receiver_that_fails(fails: str) -> None:
    """An exception of a receiver is logged and ends the connection with 1011, for both."""
    near, far, loop = ends()

    def fail(*_: Any) -> None:
        raise RuntimeError("a fault of ours")

    setattr(near if fails == "writable" else far, fails, fail)
    for _ in range(3):
        near.wire.send(b"x" * 400)
    loop.rest()
    assert near.lost_as == far.lost_as == [(1011, "internal error")]


async def test_the_event_loop_delivers() -> None:
    """Without a scheduler of its own a pair goes by the event loop."""
    near, far = pair()
    heard: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

    class Once:
        def received(self, text: bytes, frame: bytes | None, now: float, until: float = FOREVER) -> None:
            heard.set_result(text)

        def lost(self, code: int, reason: str) -> None: ...

        def writable(self, yes: bool) -> None: ...

    far.start(Once())
    near.send(b"hello")
    assert await asyncio.wait_for(heard, 5) == b"hello"


# The carrier.


async def test_a_dial_is_served() -> None:
    """Each dial opens a pair in the first version offered, and hands its far end to who serves."""
    served: list[tuple[DialContext, MemoryWire]] = []
    carrier = MemoryCarrier(lambda context, wire: served.append((context, wire)))
    backend, context = Backend(BackendSettings("csms")), DialContext("CP-1")
    near = await carrier.dial(backend, Endpoint("local:"), context, ("ocpp2.0.1", "ocpp1.6"), answering=True)
    assert isinstance(near, MemoryWire)
    ((known, far),) = served
    assert (known, near.subprotocol, far.subprotocol) == (context, "ocpp2.0.1", "ocpp2.0.1")
    verdict = await carrier.dial(backend, Endpoint("local:"), context, (), answering=True)
    assert isinstance(verdict, Verdict)
    assert len(served) == 1


# A handler, awaited.


def call(number: int = 1, *, kind: int = 2, within: float | None = None) -> Call:
    """Make a call; `within` seconds it is to be answered."""
    made = Call(str(number), "Heartbeat", b"{}", kind=kind)
    if within is not None:
        made.deadline = time.monotonic() + within
    return made


async def test_ask() -> None:
    """The answer comes, at once or later."""

    def later(asked: Call, respond: Respond) -> None:
        asyncio.get_running_loop().call_later(0.01, respond, Result(asked.id, b"{}"))

    at_once: Handler = lambda asked, respond: respond(Result(asked.id, b"{}"))  # noqa: E731
    assert (await ask(at_once, call(1, within=0))).id == "1"
    assert (await ask(later, call(2))).id == "2"


async def test_ask_until_the_deadline() -> None:
    """A call that nobody answers in time is unanswered; what comes late has no effect."""
    waiting: list[Respond] = []
    reply = await ask(lambda asked, respond: waiting.append(respond), call(within=0.01))
    assert isinstance(reply, Unanswered)
    assert reply.reason is Reason.TIMED_OUT
    before = FAULTS.faults
    waiting[0](Result("1", b"{}"))
    assert FAULTS.faults == before


async def test_a_second_answer_is_counted() -> None:
    """A handler that answers twice is at fault, and the first answer counts."""
    before = FAULTS.faults

    def twice(asked: Call, respond: Respond) -> None:
        respond(Result("1", b"{}"))
        respond(Result("2", b"{}"))

    assert (await ask(twice, call())).id == "1"
    assert FAULTS.faults == before + 1


async def test_nobody_answers_a_send() -> None:
    """A SEND cannot be asked."""
    with pytest.raises(ValueError, match="SEND"):
        await ask(lambda asked, respond: None, call(kind=SEND))


# A coroutine, as a handler.


async def served(handler: Answering, *calls: Call) -> list[Reply]:
    """Have calls answered, all at once."""
    return await asyncio.gather(*(ask(handler, each) for each in calls))


async def test_answering_keeps_the_order() -> None:
    """A station's calls are answered one after the other, however long each takes."""
    done: list[str] = []

    async def slow_at_first(asked: Call) -> Reply:
        await asyncio.sleep(0.02 if asked.id == "0" else 0)
        done.append(asked.id)
        return Result(asked.id, b"{}")

    handler = answering(slow_at_first)
    replies = await served(handler, *map(call, range(3)))
    assert done == [reply.id for reply in replies] == ["0", "1", "2"]
    assert (await served(handler, call(3)))[0].id == "3", "it goes on after a pause"
    handler(call(4, kind=SEND), unheard)
    await asyncio.sleep(0.01)
    assert done[-1] == "4"


async def test_answering_is_bounded() -> None:
    """More calls than may wait are answered at once, as unanswered."""
    going = asyncio.Event()

    async def answer(asked: Call) -> Reply:
        await going.wait()
        return Result(asked.id, b"{}")

    handler = answering(answer, most=2)
    first = asyncio.ensure_future(ask(handler, call(0)))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    rest = [asyncio.ensure_future(ask(handler, call(n))) for n in range(1, 4)]
    await asyncio.sleep(0.01)
    assert [task.done() for task in rest] == [False, False, True]
    refused = rest[2].result()
    assert isinstance(refused, Unanswered)
    assert refused.reason is Reason.OVERLOADED
    going.set()
    assert [reply.id for reply in await asyncio.gather(first, *rest[:2])] == ["0", "1", "2"]


async def test_a_coroutine_that_fails() -> None:
    """Its call is answered with InternalError, without its words; the next call is served."""

    async def answer(asked: Call) -> Reply:
        if asked.id == "1":
            raise RuntimeError("s3cret")
        if asked.id == "2":
            raise TimeoutError("of its own")
        return Result(asked.id, b"{}")

    first, second, third = await served(answering(answer), call(1), call(2), call(3))
    for reply in (first, second):
        assert isinstance(reply, Error)
        assert not isinstance(reply, Unanswered)
        assert (reply.code, "s3cret" in reply.description) == ("InternalError", False)
    assert third.id == "3"


async def test_a_coroutine_that_takes_too_long() -> None:
    """It is given up at its call's deadline, or when its patience ends; calls that waited too long are not begun."""
    begun: list[str] = []

    async def answer(asked: Call) -> Reply:
        begun.append(asked.id)
        await asyncio.sleep(30)
        return Result(asked.id, b"{}")

    replies: dict[str, Reply] = {}
    handler = answering(answer, patience=0.05)
    for each in (call(1, within=0.02), call(2, within=0.01), call(3)):
        handler(each, lambda reply, name=each.id: replies.update({name: reply}))  # type: ignore[misc]
    await asyncio.sleep(0.2)
    assert begun == ["1", "3"]
    reasons = {name: reply.reason for name, reply in replies.items() if isinstance(reply, Unanswered)}
    assert reasons == dict.fromkeys("123", Reason.TIMED_OUT)


async def test_closing_a_handler() -> None:
    """The call that is being answered, those that wait and those to come are all unanswered, and no task is left."""
    cancelled: list[str] = []

    async def answer(asked: Call) -> Reply:
        try:
            await asyncio.sleep(30)
        except asyncio.CancelledError:
            cancelled.append(asked.id)
            raise
        return Result(asked.id, b"{}")

    handler = answering(answer)
    asked = [asyncio.ensure_future(ask(handler, call(n))) for n in (1, 2)]
    await asyncio.sleep(0.01)
    handler.close()
    asked.append(asyncio.ensure_future(ask(handler, call(3))))
    for reply in await asyncio.gather(*asked):
        assert isinstance(reply, Unanswered)
        assert reply.reason is Reason.GONE
    assert cancelled == ["1"]
    assert not [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
