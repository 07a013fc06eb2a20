"""The outbox of a simulated station: the calls that wait to be sent."""

from __future__ import annotations

from voltgate.simulator.calls import OutgoingCall

MOST_KEPT = 10_000
"""Messages that a station keeps while its backend is away; a transaction message beyond that is lost, and counted."""


class Outbox:
    """Calls in the order in which they were queued. Those that are `kept` outlive a connection, the others do not."""

    __slots__ = ("_pause", "_waiting")

    def __init__(self) -> None:
        self._waiting: list[OutgoingCall] = []
        self._pause = 0.0

    def __len__(self) -> int:
        return len(self._waiting)

    @property
    def has_kept(self) -> bool:
        """Whether a transaction message waits."""
        return any(call.kept for call in self._waiting)

    def put(self, call: OutgoingCall) -> bool:
        """Add a call at the end; False when MOST_KEPT wait."""
        if len(self._waiting) >= MOST_KEPT:
            return False
        self._waiting.append(call)
        return True

    def put_back(self, call: OutgoingCall, until: float) -> None:
        """Put a transaction message first, for another try: none is sent before `until`, so that their order holds."""
        call.due = None
        self._waiting.insert(0, call)
        self._pause = until

    def take(self, now: float) -> OutgoingCall | None:
        """Remove and return the next call: in order, except that others overtake transaction messages that pause."""
        if not self._waiting:
            return None
        if now >= self._pause:
            return self._waiting.pop(0)
        position = next((position for position, call in enumerate(self._waiting) if not call.kept), None)
        return None if position is None else self._waiting.pop(position)

    def resume(self) -> None:
        """End the pause: there is a new connection."""
        self._pause = 0.0

    def keep(self, unanswered: list[OutgoingCall]) -> list[OutgoingCall]:
        """Keep the transaction messages, those that a lost connection left unanswered first; return all other calls."""
        everything = unanswered + self._waiting
        self._waiting = [call for call in everything if call.kept]
        return [call for call in everything if not call.kept]
