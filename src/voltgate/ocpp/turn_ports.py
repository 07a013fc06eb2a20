"""What turns are given and give back: bounds, the seams to a connection and to their owner."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple, Protocol, TypeAlias, runtime_checkable

from voltgate.ocpp.messages import Call, Reply, Respond


class Send(Protocol):
    """What turns need of a connection."""

    def send(self, text: bytes, frame: bytes | None = None) -> None:
        """Send one text message, or the frame that holds it."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """How much may be open and waiting.

    `window` calls open at a time; `waiting` calls waiting for each asker; `waiting_bytes` of them in all; `patience`
    seconds that the other side's calls may take here.
    """

    window: int = 1
    waiting: int = 32
    waiting_bytes: int = 1 << 20
    patience: float = 30.0


class Left(NamedTuple):
    """A call that a lost connection left open, with the id that it was sent under."""

    id: str
    call: Call
    respond: Respond


class Feeder(Protocol):
    """An owner of turns that keeps calls of its own waiting."""

    def pump(self, now: float) -> None:
        """Send what may be sent: a call has ended, or the write buffer has drained."""


class Listener(Protocol):
    """Hears what passes on one connection."""

    def ended(self, call: Call, reply: Reply | None, now: float) -> None:
        """Hear of a call of ours that ended, or of a SEND that goes out (no reply)."""

    def malformed(self, text: bytes, why: str) -> None:
        """Hear a frame that is no message, and why it is none."""


@runtime_checkable
class HearsUnreadable(Protocol):
    """Who takes the messages of a connection, and hears as well of what ended it."""

    @property
    def unreadable(self) -> Callable[[bytes, str], None]:
        """Hears the beginning of what is no message, and why it is none."""


@runtime_checkable
class Meters(Protocol):
    """Who takes the messages of a connection, and counts what is none as well."""

    @property
    def allows(self) -> Callable[[float], bool]:
        """Counts a frame that came at a time and is no message; returns whether it may still come."""


Observe: TypeAlias = Callable[[Call, Reply, float], None]
"""Told of each call of ours that ended, with the time: for metrics."""


def unobserved(call: Call, reply: Reply, now: float) -> None:
    """Observe nothing."""
