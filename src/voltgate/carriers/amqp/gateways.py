"""The gateways that a node has heard lately, by the names of their queues."""

from __future__ import annotations

_LATELY = 15.0
"""Seconds after a message of a gateway for which that counts as there."""
_MOST = 1_000


class Gateways:
    """When each of them was heard last, the one that was at last; bounded, the longest silent is forgotten."""

    def __init__(self) -> None:
        self._heard: dict[str, float] = {}

    def hear(self, queue: str, now: float) -> None:
        """Take note that a gateway is there."""
        self._heard.pop(queue, None)
        self._heard[queue] = now
        if len(self._heard) > _MOST:
            del self._heard[next(iter(self._heard))]

    def is_there(self, queue: str, now: float) -> bool:
        """Return whether a gateway was heard so lately that nobody need look."""
        heard = self._heard.get(queue)
        return heard is not None and now - heard < _LATELY
