"""What one side answers: replies in its own spelling, objections to odd frames, and complaints about answers."""

from __future__ import annotations

from typing import Protocol

from voltgate.ocpp.counts import FAULTS
from voltgate.ocpp.dialect import Dialect
from voltgate.ocpp.framing import Malformed, UnknownType, encode_error, encode_result
from voltgate.ocpp.messages import Error, Origin, Reply, Result

_REMEMBERED = 8
"""Answers that a CALLRESULTERROR may still complain about."""
UNREADABLE_ID = "-1"
"""The id of an answer to a frame whose own id cannot be read (2.1 Part 4 section 4.2.3)."""


class Giver(Protocol):
    """A side of a connection that answers calls."""

    stay: int
    """The number of the connection."""

    def answer(self, message_id: str, reply: Reply, stay: int) -> None:
        """Send the reply to a call that arrived during `stay`."""


class Answer:
    """The respond of one call that arrived: carries the reply home, once."""

    __slots__ = ("_giver", "_id", "_stay")

    def __init__(self, giver: Giver, message_id: str) -> None:
        self._giver: Giver | None = giver
        self._id = message_id
        self._stay = giver.stay

    def __call__(self, reply: Reply) -> None:
        """Send the reply home."""
        giver, self._giver = self._giver, None
        if giver is not None:
            giver.answer(self._id, reply, self._stay)
        else:
            FAULTS.faults += 1


def encoded(dialect: Dialect, message_id: str, reply: Reply) -> bytes:
    """Return a reply as text, its code spelt as the version does."""
    if isinstance(reply, Result):
        return encode_result(message_id, reply.payload)
    return encode_error(message_id, dialect.spell(reply.code), reply.description, reply.details)


def is_misspelt(dialect: Dialect, error: Error) -> bool:
    """Return whether the code of an error has to be spelt otherwise."""
    return dialect.error_codes == "translate" and dialect.spell(error.code) != error.code


def objection(dialect: Dialect, frame: Malformed | UnknownType) -> bytes | None:
    """Return the CALLERROR that a frame which is no call and no answer gets; None where it gets none."""
    match frame:
        case UnknownType():
            if dialect.unknown_message_type != "answer":
                return None
            code, description = "MessageTypeNotSupported", frame.description
        case Malformed(kind=2, id=str()):
            code, description = frame.code, frame.description
        case Malformed(kind=3 | 4 | 5 | 6):
            return None  # never answered, not even when they are bad (2.1 Part 2 FR.07; Java-OCA-OCPP#406)
        case _:
            if not dialect.answers_bad_frames:
                return None
            return encode_error(UNREADABLE_ID, dialect.spell(frame.code), frame.description)
    return encode_error(frame.id or UNREADABLE_ID, dialect.spell(code), description)


class Given:
    """The last few answers that were given on a connection, with where each came from (2.1 Part 4 section 4.2.5)."""

    __slots__ = ("_by_id",)

    def __init__(self) -> None:
        self._by_id: dict[str, tuple[Origin, int, str]] = {}

    def remember(self, message_id: str, origin: Origin, origin_id: str) -> None:
        """Remember that the answer given as `message_id` came from `origin`, which knows it as `origin_id`."""
        if len(self._by_id) >= _REMEMBERED:
            del self._by_id[next(iter(self._by_id))]
        self._by_id[message_id] = (origin, origin.stay, origin_id)

    def complain(self, message_id: str, text: bytes) -> bool:
        """Pass a CALLRESULTERROR on to where the answer came from; return False if that is not known."""
        found = self._by_id.pop(message_id, None)
        if found is not None:
            origin, stay, origin_id = found
            origin.complain(origin_id, text, stay)
        return found is not None
