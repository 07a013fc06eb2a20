"""One station's share of a connection that many share: a `Wire`, as far as it is the same behind every broker.

What comes for a station is held back, in a bounded list, until it can be brought there; a carrier's own wire says what
a message is.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Hashable
from dataclasses import dataclass, replace
from typing import Generic, Protocol, TypeVar

from voltgate.ocpp.close_codes import NO_CLOSE
from voltgate.ocpp.messages import FOREVER
from voltgate.relay.wire import Receiver

MOST_HELD = 8
"""Messages for one station that wait until they can be brought there."""
GONE = "The station has gone"
UNKNOWN_OUTCOME = "The broker was lost before the station had answered: whether it did this is not known"


@dataclass(frozen=True, slots=True, kw_only=True)
class Past:
    """What a station's next wire has to know of the one that has ended; false if that is nothing."""

    apart: bool = False
    """Whether it was lost alone, while the connection that it shared stayed."""

    def __bool__(self) -> bool:
        return self.apart


NameT = TypeVar("NameT", bound=Hashable)
PastT = TypeVar("PastT", bound=Past)


class Post(Protocol[NameT, PastT]):
    """What a wire needs of the connection that many share."""

    clock: Callable[[], float]

    def attach(self, wire: BusWire[NameT, PastT], receiver: Receiver) -> None:
        """Tell `receiver` when the connection is lost."""

    def forget(self, wire: BusWire[NameT, PastT], past: PastT) -> bool:
        """Bring this wire nothing more; keep `past` for the next one. Return whether it was the station's last one."""

    def soon(self, callback: Callable[[], None]) -> None:
        """Call something in the next turn of the event loop."""


class BusWire(ABC, Generic[NameT, PastT]):
    """A station's wire. `name` is what its bus knows the station by; `shared`: it goes with the connection only."""

    __slots__ = ("_held", "_is_over", "_pauses", "_post", "_receiver", "name", "shared", "subprotocol")

    def __init__(self, post: Post[NameT, PastT], name: NameT, protocol: str, *, shared: bool) -> None:
        self.name = name
        self.subprotocol = protocol
        self.shared = shared
        self._post = post
        self._receiver: Receiver | None = None
        self._held: list[tuple[bytes, float]] = []
        self._pauses = 0
        self._is_over = False

    @property
    def identity(self) -> str:
        """The station's identity."""
        return str(self.name)

    @abstractmethod
    def send(self, text: bytes, frame: bytes | None = None) -> None:
        """Send one message of the station."""

    @abstractmethod
    def close(self, code: int, reason: str) -> None:
        """End, because the station has gone."""

    @abstractmethod
    def _past(self) -> PastT:
        """Return what the next wire of this station has to know."""

    @property
    def started(self) -> bool:
        """Whether there is somebody who takes its messages."""
        return self._receiver is not None

    def start(self, receiver: Receiver) -> None:
        """Bring messages to `receiver` from now on: those first that came while the session began."""
        if self._is_over:
            receiver.lost(NO_CLOSE, "the connection was lost meanwhile")
            return
        self._receiver = receiver
        self._post.attach(self, receiver)
        self._begin()
        if not self._waits:
            self._release()

    def _begin(self) -> None:
        """Do what is to be done before anything is brought to the station."""

    # Towards the station.

    def pause(self) -> None:
        """Refuse what comes: the station does not read. Others share the connection, which goes on."""
        self._pauses += 1

    def resume(self) -> None:
        """Undo one `pause`."""
        self._pauses -= 1

    @property
    def _waits(self) -> bool:
        """Whether what comes is held back."""
        return self._receiver is None

    @property
    def _hindrance(self) -> str:
        """Why nothing more can be taken for the station; "" if it can."""
        if self._pauses:
            return "The station does not read"
        return "Too many calls wait for the station" if self._waits and len(self._held) >= MOST_HELD else ""

    def _bring(self, text: bytes, until: float = FOREVER) -> None:
        """Bring a message, of use `until` then, to the station, now or when it is held back no longer."""
        if self._waits:
            self._held.append((text, until))
        else:
            self._receive(text, until)

    def _release(self) -> None:
        """Bring what was held back: it waits for what the station asked before it came, and for nothing later."""
        while self._held and self._receiver is not None and not self._is_over:
            self._receive(*self._held.pop(0))

    def _receive(self, text: bytes, until: float = FOREVER) -> None:
        if self._receiver is not None and not self._is_over:
            self._receiver.received(text, None, self._post.clock(), until)

    # The end.

    def lose(self, reason: str, code: int = NO_CLOSE) -> None:
        """End because nobody can be reached on this station's behalf, whatever the connection does."""
        if self._is_over:
            return
        self.shared = False  # what befalls this one alone is reported of this one
        receiver, past = self._receiver, self.end()
        self._post.forget(self, replace(past, apart=True))
        if receiver is not None:
            receiver.lost(code, reason)

    def end(self) -> PastT:
        """End; return what the next wire of this station has to know."""
        self._is_over = True
        self._held.clear()
        return self._past()
