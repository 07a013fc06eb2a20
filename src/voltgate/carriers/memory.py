"""The carrier of `local:`, wires within one process, and the two adapters between handlers and coroutines."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeAlias

import structlog

from voltgate.ocpp.close_codes import INTERNAL, NO_CLOSE
from voltgate.ocpp.counts import FAULTS
from voltgate.ocpp.messages import FOREVER, SEND, Call, Error, Handler, Reason, Reply, Respond, Unanswered
from voltgate.relay.backend import Backend, Endpoint
from voltgate.relay.carrier import DialContext, Verdict
from voltgate.relay.wire import Receiver

Schedule: TypeAlias = Callable[[Callable[[], None]], object]
"""Has something called soon, never at once: by default in the next turn of the event loop."""
Clock: TypeAlias = Callable[[], float]

_COST = 64
"""Bytes that a message counts for besides its text, so that empty ones are bounded too."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class PairSettings:
    """How much may wait to be read at either end, in bytes.

    Above `high` the sender is told that it is not `writable`, below a quarter of it that it is again. Beyond `bound`
    the connection is cut, as a websocket is whose far end reads too slowly: nothing is dropped silently.
    """

    high: int = 64 << 10
    bound: int = 5 << 20


def _soon(callback: Callable[[], None]) -> None:
    asyncio.get_running_loop().call_soon(callback)


def pair(
    subprotocol: str | None = None,
    settings: PairSettings = PairSettings(),
    *,
    schedule: Schedule = _soon,
    clock: Clock = time.monotonic,
    shared: bool = False,
) -> tuple[MemoryWire, MemoryWire]:
    """Return the two ends of one connection: what is sent by one comes to the receiver of the other.

    `shared`: its carrier says, once for all its stations, that what answers them is there or away.
    """
    near = MemoryWire(subprotocol, settings, schedule, clock)
    far = MemoryWire(subprotocol, settings, schedule, clock)
    near._far, far._far = far, near
    near.shared = far.shared = shared
    return near, far


class MemoryWire:
    """One end of a pair: a `Wire`, which brings whole messages to its receiver in the order they were sent.

    Messages are delivered by `schedule`, those of one turn together, and never from within `send`: however long two
    receivers answer each other, nothing recurses. Closing lifts the far end's pauses: it gets what was sent before,
    then `lost`; the end that closes gets nothing more but its own `lost`.
    """

    __slots__ = (
        "_clock", "_end", "_far", "_inbox", "_is_full", "_is_scheduled", "_pauses", "_receiver", "_schedule",
        "_settings", "_size", "shared", "subprotocol",
    )  # fmt: skip

    def __init__(self, subprotocol: str | None, settings: PairSettings, schedule: Schedule, clock: Clock) -> None:
        self.subprotocol = subprotocol
        self.shared = False
        self._settings = settings
        self._schedule = schedule
        self._clock = clock
        self._far = self
        self._receiver: Receiver | None = None
        self._pauses = 1  # until start
        self._inbox: deque[bytes] = deque()
        self._size = 0
        self._is_full = False
        self._is_scheduled = False
        self._end: tuple[int, str] | None = None

    # The wire.

    def start(self, receiver: Receiver) -> None:
        """Bring messages to `receiver` from now on, those that came before first."""
        self._receiver = receiver
        if self._far._is_full:
            self._tell_writable(False)
        self.resume()

    def send(self, text: bytes, frame: bytes | None = None) -> None:
        """Send one message; after the end it has no effect."""
        if self._end is None:
            self._far._take(text)

    def close(self, code: int, reason: str) -> None:
        """End the connection: the far end gets what was sent before."""
        if self._end is None:
            self._forget()
            self._ended(code, reason)
            self._far._ended(code, reason)

    def pause(self) -> None:
        """Stop reading until each pause was undone."""
        self._pauses += 1

    def resume(self) -> None:
        """Undo one pause; with the last one reading goes on."""
        self._pauses -= 1
        self._wake()

    # What comes from the far end.

    def _take(self, text: bytes) -> None:
        self._inbox.append(text)
        self._size += len(text) + _COST
        if self._size > self._settings.bound:
            self._cut(f"{self._size} bytes wait to be read")
            return
        if self._size > self._settings.high and not self._is_full:
            self._is_full = True
            self._far._tell_writable(False)
        self._wake()

    def _cut(self, reason: str) -> None:
        for wire in (self, self._far):
            wire._forget()
            wire._ended(NO_CLOSE, reason)

    def _forget(self) -> None:
        self._inbox.clear()
        self._size = 0

    def _ended(self, code: int, reason: str) -> None:
        if self._end is None:
            self._end = (code, reason)
            self._wake()

    # What goes to the receiver.

    @property
    def _reads(self) -> bool:
        return self._receiver is not None and (not self._pauses or self._end is not None)

    def _wake(self) -> None:
        if self._reads and not self._is_scheduled and (self._inbox or self._end is not None):
            self._is_scheduled = True
            self._schedule(self._deliver)

    def _deliver(self) -> None:
        """Deliver what is here by now; what it makes the far end say comes in a later turn."""
        self._is_scheduled = False
        for _ in range(len(self._inbox)):
            if not (self._inbox and self._reads):
                break
            text = self._inbox.popleft()
            self._size -= len(text) + _COST
            self._receive(text)
        self._drained()
        if self._end is not None and not self._inbox:
            self._finish(*self._end)
        else:
            self._wake()

    def _receive(self, text: bytes) -> None:
        try:
            self._receiver.received(text, None, self._clock())  # type: ignore[union-attr]  # `_reads` says so
        except Exception as fault:
            self._faulted(fault)

    def _drained(self) -> None:
        if self._is_full and self._size <= self._settings.high // 4:
            self._is_full = False
            self._far._tell_writable(True)

    def _tell_writable(self, yes: bool) -> None:
        if self._receiver is None or self._end is not None:
            return
        try:
            self._receiver.writable(yes)
        except Exception as fault:
            self._faulted(fault)

    def _finish(self, code: int, reason: str) -> None:
        receiver, self._receiver = self._receiver, None
        if receiver is None:
            return
        try:
            receiver.lost(code, reason)
        except Exception as fault:
            _report(fault)

    def _faulted(self, fault: Exception) -> None:
        _report(fault)
        self.close(INTERNAL, "internal error")


def _report(fault: Exception) -> None:
    log.error("a fault of Voltgate: a receiver failed", exc_info=fault)


# The carrier.

Serve: TypeAlias = Callable[[DialContext, MemoryWire], None]
"""Takes the far end of a station's connection and starts it; `subprotocol` names the version to speak."""


class MemoryCarrier:
    """Dials what answers stations in this process: `serve` is handed the far end of each connection."""

    def __init__(
        self,
        serve: Serve,
        settings: PairSettings = PairSettings(),
        *,
        schedule: Schedule = _soon,
        clock: Clock = time.monotonic,
        shared: bool = False,
    ) -> None:
        self._serve = serve
        self._shared = shared
        self._settings = settings
        self._schedule = schedule
        self._clock = clock

    async def dial(
        self,
        backend: Backend,
        endpoint: Endpoint,
        dial_context: DialContext,
        offer: tuple[str, ...],
        *,
        answering: bool,
    ) -> MemoryWire | Verdict:
        """Open a pair in the first version of the offer, and have its far end served."""
        if not offer:
            return Verdict(None, f"{backend.name} takes no version that the station speaks")
        near, far = pair(offer[0], self._settings, schedule=self._schedule, clock=self._clock, shared=self._shared)
        self._serve(dial_context, far)
        return near


# Handlers and coroutines.


async def ask(handler: Handler, call: Call, clock: Clock = time.monotonic) -> Reply:
    """Await a handler's answer to a call, until the call's deadline; then it is `Unanswered`.

    Raise ValueError for a SEND, which nobody answers.
    """
    if call.kind == SEND:
        raise ValueError("nobody answers a SEND")
    answer: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()

    def respond(reply: Reply) -> None:
        if not answer.done():
            answer.set_result(reply)
        elif not answer.cancelled():  # else it is merely late
            FAULTS.faults += 1

    handler(call, respond)
    left = None if call.deadline == FOREVER else max(call.deadline - clock(), 0.0)
    try:
        async with asyncio.timeout(left):
            return await answer
    except TimeoutError:
        return _late()


def _late() -> Unanswered:
    return Unanswered(Reason.TIMED_OUT, "No answer in time")


Answer: TypeAlias = Callable[[Call], Awaitable[Reply]]
"""Answers one call."""


def answering(answer: Answer, *, most: int = 64, patience: float = 30.0, clock: Clock = time.monotonic) -> Answering:
    """Return a handler that serves one station's calls with a coroutine, in the order in which they were made.

    Each connection gets a handler of its own: stations do not wait for each other. `most` calls may wait for the one
    that is being answered, more are `Unanswered`; an answer may take `patience` seconds, and no longer than its call's
    deadline. An exception of the coroutine is logged, and the call is answered with InternalError.
    """
    return Answering(answer, most, patience, clock)


class Answering:
    """The handler that `answering` makes. There is a task only while there is a call; `close` ends it."""

    __slots__ = ("_answer", "_clock", "_is_closed", "_most", "_patience", "_queue", "_task")

    def __init__(self, answer: Answer, most: int, patience: float, clock: Clock) -> None:
        self._answer = answer
        self._most = most
        self._patience = patience
        self._clock = clock
        self._queue: deque[tuple[Call, Respond]] = deque()
        self._task: asyncio.Task[None] | None = None
        self._is_closed = False

    def __call__(self, call: Call, respond: Respond) -> None:
        """Have a call answered after those before it."""
        if self._is_closed:
            respond(_gone())
        elif len(self._queue) >= self._most:
            respond(Unanswered(Reason.OVERLOADED, "Too many calls wait to be answered"))
        else:
            self._queue.append((call, respond))
            if self._task is None:
                self._task = asyncio.get_running_loop().create_task(self._serve())

    async def _serve(self) -> None:
        try:
            while self._queue:
                await self._serve_one(*self._queue.popleft())
        finally:
            self._task = None

    async def _serve_one(self, call: Call, respond: Respond) -> None:
        reply: Reply = _gone()
        try:
            reply = await self._reply(call)
        finally:
            _respond(respond, reply)  # also when `close` has cancelled it

    async def _reply(self, call: Call) -> Reply:
        left = min(self._patience, call.deadline - self._clock())
        if left <= 0:
            return _late()
        try:
            async with asyncio.timeout(left) as within:
                return await self._answer(call)
        except TimeoutError as problem:
            return _late() if within.expired() else _failed(call, problem)
        except Exception as problem:
            return _failed(call, problem)

    def close(self) -> None:
        """Answer nobody any more: the call that is being answered, and those that wait, are `Unanswered`."""
        self._is_closed = True
        left, self._queue = self._queue, deque()
        if self._task is not None:
            self._task.cancel()
        for _, respond in left:
            _respond(respond, _gone())


def _gone() -> Unanswered:
    return Unanswered(Reason.GONE, "Nobody is there to answer")


def _failed(call: Call, problem: Exception) -> Error:
    log.error("a fault of Voltgate: a call could not be answered", action=call.action[:100], exc_info=problem)
    return Error("", "InternalError", "The call could not be answered")


def _respond(respond: Respond, reply: Reply) -> None:
    try:
        respond(reply)
    except Exception as fault:
        _report(fault)
