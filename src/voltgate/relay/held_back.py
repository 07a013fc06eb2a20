"""What a backend asks while something that it said before is not on disk yet waits: nothing is overtaken."""

from __future__ import annotations

from collections import deque

from voltgate.ocpp.messages import Call, Handler, Reason, Respond, Unanswered

_MOST, _MOST_BYTES = 64, 1 << 20
"""Calls of a backend that wait for the disk, and the bytes of all of them: one large call waits alone."""


class HeldBack:
    """The calls of one backend that wait for the disk. `handler` gets them."""

    __slots__ = ("_calls", "_handler", "_holds")

    def __init__(self, handler: Handler) -> None:
        self._handler = handler
        self._calls: deque[tuple[Call, Respond]] = deque()
        self._holds = 0

    def hold(self) -> None:
        """Let no call pass until `release`; both are counted."""
        self._holds += 1

    def release(self) -> bool:
        """Undo one `hold`; return whether calls pass again."""
        self._holds -= 1
        while self._calls and not self._holds:
            self._handler(*self._calls.popleft())
        return not self._holds

    def add(self, call: Call, respond: Respond) -> None:
        """Keep a call, behind those before it."""
        waiting = sum(each.size for each, _ in self._calls)
        if not self._calls or (len(self._calls) < _MOST and waiting + call.size <= _MOST_BYTES):
            self._calls.append((call, respond))
        else:
            respond(Unanswered(Reason.OVERLOADED, "Too many calls wait for the disk"))
