"""The calls that a consumer has made of one station, as far as somebody may have to know of them later.

A message of QoS 1 may come twice, and must not be done twice: a call with the id and the words of one that is open
waits with it, one that was answered gets the same answer again.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from voltgate.carriers import bus_wire
from voltgate.ocpp.envelope import Asked

_MOST = 16
_MOST_BYTES = 16 << 10
_REMEMBERED = 60.0
"""Seconds for which an answer is given again; later, the same words under the same id are a new call."""


class Open(NamedTuple):
    """A call that is not answered yet, with what its sender wants to find on the answer."""

    asked: Asked
    correlation: bytes | None


class Given(NamedTuple):
    """An answer that was given, as it was published, and the call that it was given to."""

    call: Open
    payload: bytes
    at: float

    @property
    def size(self) -> int:
        """The bytes that it is held in."""
        asked, correlation = self.call
        return len(asked.request) + len(asked.state) + len(correlation or b"") + len(self.payload)


class Answered:
    """The last answers that a consumer was given for one station, as far as they are small: what does something is."""

    __slots__ = ("_bytes", "_given")

    def __init__(self) -> None:
        self._given: dict[str, Given] = {}
        self._bytes = 0

    def __len__(self) -> int:
        return len(self._given)

    def find(self, message_id: str, asked: Asked, now: float) -> Given | None:
        """Return the answer that this very call was given a short while ago."""
        given = self._given.get(message_id)
        is_same = given is not None and given.call.asked == asked and now - given.at < _REMEMBERED
        return given if is_same else None

    def remember(self, message_id: str, given: Given) -> None:
        """Remember an answer, unless it is too long, and forget the oldest ones that it leaves no room for."""
        before = self._given.pop(message_id, None)
        self._bytes -= before.size if before is not None else 0
        if given.size > _MOST_BYTES:
            return
        self._bytes += given.size
        self._given[message_id] = given
        while self._bytes > _MOST_BYTES or len(self._given) > _MOST:
            self._bytes -= self._given.pop(next(iter(self._given))).size


@dataclass(frozen=True, slots=True)
class Past(bus_wire.Past):
    """What a station's next wire has to know of the one that was lost: calls that were open, and answers."""

    open: dict[str, Open] = field(default_factory=dict)
    answered: Answered = field(default_factory=Answered)

    def __bool__(self) -> bool:
        return bool(self.apart or self.open or len(self.answered))
