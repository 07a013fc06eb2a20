"""The player: one side of one station's connection, played as it was recorded.

It makes the recorded calls of its side, one at a time and in order, and answers the far end's by action and order.
"""

from __future__ import annotations

import asyncio
import math
import uuid
from collections.abc import AsyncIterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Protocol

import msgspec
from websockets.exceptions import ConnectionClosed

from voltgate.replay.differences import Answer, Report
from voltgate.replay.putting import Numbers, StandIns, put, timely
from voltgate.replay.recording import Caller, Record, Recording

CALL, RESULT, ERROR, SEND = 2, 3, 4, 6
GONE = Answer("unanswered")
_MOST_ACTIONS = 500
"""Actions that a far end's calls are told apart by."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast it goes: so many times the recorded speed, infinity for as fast as answers come."""

    speed: float
    timeout: float
    """Seconds that an answer may take."""
    began: float = 0.0
    """When the first record is played, on the clock of the event loop."""
    first: float = 0.0
    """When it was, in seconds since 1970."""

    async def until(self, at: float) -> None:
        """Wait for the time at which something that was recorded `at` is to be played."""
        if self.speed != math.inf:
            due = self.began + (at - self.first) / self.speed
            await asyncio.sleep(max(0.0, due - asyncio.get_running_loop().time()))


class Link(Protocol):
    """An open websocket."""

    async def send(self, message: str, /) -> None:
        """Send a text."""


@dataclass(slots=True)
class Player:
    """Plays one side of the connection of one station, on one link after the other."""

    recording: Recording
    station: str
    leg: str
    side: Caller
    pace: Pace
    stand_ins: StandIns
    report: Report
    numbers: Numbers = field(default_factory=Numbers)
    answered: int = 0
    """Messages of the far end: answered, left alone as recorded, or SENDs."""
    repeated: int = 0
    """Of them, those that it said when it was recorded."""
    heard: asyncio.Event = field(default_factory=asyncio.Event)
    """Set with each call of the far end."""
    _open: dict[str, asyncio.Future[Answer]] = field(default_factory=dict)
    _theirs: dict[str, tuple[Iterator[Record], Record | None]] = field(default_factory=dict)

    @property
    def far_side(self) -> Caller:
        """Who is at the other end."""
        return "backend" if self.side == "station" else "station"

    def script(self) -> Iterator[Record]:
        """Return what this side has to say, in order."""
        return self.recording.calls(self.station, self.side, leg=self.leg)

    # What this side says.

    async def say(self, link: Link, record: Record) -> Answer | None:
        """Make a recorded call, and wait for what comes of it; None for a SEND. The report is not told yet."""
        message_id = str(uuid.uuid4())
        payload = put(record.payload, self.stand_ins, self.numbers.of)
        kind = SEND if record.kind == "send" else CALL
        waiting: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._open[message_id] = waiting
        try:
            async with asyncio.timeout(self.pace.timeout):
                await link.send(_encoded([kind, message_id, record.action, payload]))
                if kind == SEND:
                    return None
                answer = await waiting
        except TimeoutError:
            answer = GONE
        finally:
            del self._open[message_id]
        if answer.outcome == "result":
            self.numbers.answered(record.action or "", record.reply, answer.payload)
        return answer

    # What the far end says.

    async def is_asked(self, longest: float) -> None:
        """Wait until the far end has said as much as it did when it was recorded, for so many seconds at most."""
        wanted = self.recording.count(self.station, self.far_side, self.leg)
        with suppress(TimeoutError):
            async with asyncio.timeout(longest):
                while self.repeated < wanted:
                    self.heard.clear()
                    await self.heard.wait()

    async def listen(self, link: Link, texts: AsyncIterable[str | bytes]) -> None:
        """Take what the far end says until the link ends; what is open then is unanswered."""
        try:
            with suppress(ConnectionClosed):
                async for text in texts:
                    await self._take(link, text)
        finally:
            for waiting in self._open.values():
                if not waiting.done():
                    waiting.set_result(GONE)

    async def _take(self, link: Link, text: str | bytes) -> None:
        try:
            parts = msgspec.json.decode(text)
        except (msgspec.DecodeError, RecursionError):
            parts = None
        match parts:
            case [2, str(message_id), str(action), payload]:
                await self._answer(link, message_id, action, payload)
            case [3, str(message_id), payload]:
                self._resolve(message_id, Answer("result", payload))
            case [4, str(message_id), str(code), *_]:
                self._resolve(message_id, Answer("error", code=code))
            case [6, _, str(action), *_]:
                self._recorded(action)
                self.answered += 1
                self.heard.set()
            case _:
                self.report.fault(f"{self.station}: the far end sent what is no message: {text[:80]!r}")

    def _resolve(self, message_id: str, answer: Answer) -> None:
        waiting = self._open.get(message_id)
        if waiting is not None and not waiting.done():
            waiting.set_result(answer)

    async def _answer(self, link: Link, message_id: str, action: str, payload: Any) -> None:
        record = self._recorded(action)
        self.answered += 1
        if record is None:
            self.report.unknown += 1
            said = [ERROR, message_id, "NotSupported", f"Nothing was recorded for {action[:100]}", {}]
        else:
            self.report.asked += 1
            self.numbers.asked(action, record.payload, payload)
            reply = put(record.reply, self.stand_ins, self.numbers.of)
            said = _reply(record, message_id, reply)
        self.heard.set()
        if said:
            with suppress(ConnectionClosed):
                await link.send(_encoded(said))

    def _recorded(self, action: str) -> Record | None:
        """Return the next call of an action that the far end made when it was recorded; the last one once all were."""
        calls, last = self._theirs.get(action, (None, None))
        if calls is None:
            if len(self._theirs) >= _MOST_ACTIONS:
                return None
            calls = self.recording.calls(self.station, self.far_side, action, self.leg)
        following = next(calls, None)
        self.repeated += following is not None
        self._theirs[action] = (calls, following or last)
        return following or last


def _reply(record: Record, message_id: str, reply: Any) -> list[Any]:
    """Return the frame that answers as recorded; an empty one if nobody did."""
    if record.outcome == "result":
        return [RESULT, message_id, timely(reply)]
    if record.outcome == "error":
        return [ERROR, message_id, reply.get("code"), reply.get("description") or "", reply.get("details") or {}]
    return []


def _encoded(frame: list[Any]) -> str:
    return msgspec.json.encode(frame).decode()
