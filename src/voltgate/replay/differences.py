"""What differs between an answer that was recorded and the one that came in a replay, ids and times apart."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from voltgate.replay.recording import PSEUDONYM, SECRET, Record

MOST = 1000
"""Differences that are kept with what they are; others are counted."""
_NUMBERS = frozenset({"transactionId", "reservationId", "requestId", "messageId"})
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d")


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of a call: "result" with its payload, "error" with its code, or "unanswered"."""

    outcome: str
    payload: Any = None
    code: str = ""


@dataclass(frozen=True, slots=True)
class Difference:
    """One field of one answer. `at` is when the call was recorded; `field` is "" for the outcome as a whole."""

    station: str
    at: str
    action: str
    message_id: str
    field: str
    recorded: Any
    given: Any


@dataclass(slots=True)
class Report:
    """What came of a replay. `calls` were made and `same` of their answers are as recorded.

    `asked` are calls of the far end that were answered as recorded, `unknown` those that nothing was recorded for.
    `untold` are recorded calls that could not be made. `faults` says what went wrong with connections.
    """

    calls: int = 0
    same: int = 0
    different: int = 0
    asked: int = 0
    unknown: int = 0
    untold: int = 0
    skipped: int = 0
    differences: list[Difference] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)

    def answered(self, record: Record, answer: Answer) -> None:
        """Take an answer."""
        found = [
            Difference(record.station, record.at, record.action or "", record.message_id or "", *each)
            for each in differences(record, answer)
        ]
        if found:
            self.different += 1
            self.differences += found[: max(0, MOST - len(self.differences))]
        else:
            self.same += 1

    def fault(self, text: str) -> None:
        """Take note that a connection failed."""
        if len(self.faults) < MOST:
            self.faults.append(text)

    @property
    def code(self) -> int:
        """The exit code: 1 if an answer differs, 2 if not all could be played."""
        return 1 if self.different else 2 if self.untold or self.faults else 0


def differences(record: Record, answer: Answer) -> Iterator[tuple[str, Any, Any]]:
    """Yield each field that differs, with what was recorded and what came."""
    recorded = record.outcome or "unanswered"
    if recorded == "error" or recorded != answer.outcome:
        was, given = _outcome(recorded, record.reply), _outcome(answer.outcome, {"code": answer.code})
        if was != given:
            yield "", was, given
    elif recorded == "result":
        yield from _fields("", record.reply, answer.payload)


def _outcome(outcome: str, reply: Any) -> str:
    code = reply.get("code") if isinstance(reply, dict) else None
    return f"error {code}" if outcome == "error" else outcome


def _fields(name: str, was: Any, given: Any) -> Iterator[tuple[str, Any, Any]]:
    if isinstance(was, dict) and isinstance(given, dict):
        for key in dict.fromkeys((*was, *given)):
            if key not in _NUMBERS or (key in was) is not (key in given):
                yield from _fields(f"{name}.{key}" if name else key, was.get(key), given.get(key))
    elif isinstance(was, list) and isinstance(given, list) and len(was) == len(given):
        for number, (one, other) in enumerate(zip(was, given, strict=True)):
            yield from _fields(f"{name}[{number}]", one, other)
    elif was != given and not _as_good(was, given):
        yield name, was, given


def _as_good(was: Any, given: Any) -> bool:
    """Return whether two values cannot be compared: times, and what was masked."""
    if not isinstance(was, str) or given is None:
        return False
    if SECRET in was or PSEUDONYM.search(was) is not None:
        return True
    return isinstance(given, str) and bool(_TIME.match(was) and _TIME.match(given))
