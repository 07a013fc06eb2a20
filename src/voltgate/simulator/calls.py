"""Calls of one side of a connection: what is sent, how it ends, and the ids of the messages."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

from voltgate.simulator.tally import Fault


@dataclass(frozen=True, slots=True)
class CallError:
    """A CALLERROR in place of a result; also the outcome of a call whose result was unusable."""

    code: str
    description: str = ""


Answer: TypeAlias = dict[str, Any] | CallError | None
"""The outcome of a call: its result, an error, or None when none arrived (timed out, or the connection was lost)."""

OnAnswer: TypeAlias = Callable[[Answer, float], None]
"""Called exactly once for each call, with the answer and the time."""

AnswerCheck: TypeAlias = Callable[[dict[str, Any]], str | None]
"""Return what shows that a result does not belong to the call that it claims to answer; None when nothing does."""


class OutgoingCall:
    """A call to the far end. Its latency counts from `due`; a `kept` call outlives the connection.

    `payload` may be a function when it is known only at the moment of sending (1.6 transaction numbers).
    """

    __slots__ = ("action", "attempts", "deadline", "due", "id", "kept", "on_answer", "payload", "verify")

    def __init__(
        self,
        action: str,
        payload: dict[str, Any] | Callable[[], dict[str, Any]],
        on_answer: OnAnswer,
        *,
        kept: bool = False,
        verify: AnswerCheck | None = None,
        due: float | None = None,
    ) -> None:
        self.action = action
        self.payload = payload
        self.on_answer = on_answer
        self.kept = kept
        self.verify = verify
        self.due = due
        self.id: str | None = None
        self.attempts = 0
        self.deadline = 0.0


class MessageIds:
    """The message ids of one sender, all different and recognizable: "0000002a-5eed-4000-8000-000000000007".

    With `plain` a counter ("7") instead: many stations count so, and a gateway that confuses two of them is detected.
    """

    __slots__ = ("_prefix", "last")

    def __init__(self, number: int, *, plain: bool = False) -> None:
        self._prefix = "" if plain else f"{number:08x}-5eed-4000-8000-"
        self.last = 0

    def mint(self) -> str:
        """Return the next id."""
        self.last += 1
        return f"{self._prefix}{self.last:012x}" if self._prefix else str(self.last)

    def number(self, message_id: str) -> int | None:
        """Return the sequence number of an id; None for an id of another sender."""
        if not message_id.startswith(self._prefix):
            return None
        digits = message_id[len(self._prefix) :]
        try:
            return int(digits, 16 if self._prefix else 10)
        except ValueError:
            return None

    def foreign(self, message_id: str) -> bool:
        """Return whether this is the id of another simulated sender."""
        return bool(self._prefix) and message_id[8:24] == self._prefix[8:] and not message_id.startswith(self._prefix)

    def judge(self, message_id: str, first: int) -> tuple[Fault, str]:
        """Classify an answer that no open call waits for; the connection's own ids begin with number `first`."""
        if self.foreign(message_id):
            return Fault.WRONG, "the answer to another station's call"
        number = self.number(message_id)
        if number is None or not 0 < number <= self.last:
            return Fault.STRAY, "the answer to a call that was never made"
        if number < first:
            return Fault.LATE, "the answer to a call of an earlier connection"
        return Fault.DOUBLED, "a second answer to the same call"
