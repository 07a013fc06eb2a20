"""Whether somebody consumes: by a topic on which consumers say that they are there.

A consumer publishes a retained message there when it has come, and has a will that takes it back: an empty message, or
`offline`. The topic may hold wildcards, one name for each consumer: one of them is enough.
"""

from __future__ import annotations

_GONE = frozenset({b"", b"offline"})
_MOST = 10_000
"""Consumers that are told apart."""


class Presence:
    """Who is there. Without a topic, somebody always is: whether anybody consumes then shows when something is said."""

    def __init__(self, topic: str) -> None:
        self.topic = topic
        self._levels = topic.encode().split(b"/")
        self._there: set[bytes] = set()

    @property
    def missing(self) -> str:
        """Why nobody can be reached; "" if a consumer is there, as far as that is said."""
        return f"no consumer is present at {self.topic}" if self.topic and not self._there else ""

    def matches(self, topic: bytes) -> bool:
        """Return whether this is a topic at which consumers say that they are there (MQTT 5 section 4.7)."""
        if not self.topic:
            return False
        levels = topic.split(b"/")
        for place, level in enumerate(self._levels):
            if level == b"#":
                return True
            if place >= len(levels) or level not in (b"+", levels[place]):
                return False
        return len(levels) == len(self._levels)

    def take(self, topic: bytes, payload: bytes) -> None:
        """Take what a consumer says of itself."""
        if payload.strip().lower() in _GONE:
            self._there.discard(topic)
        elif len(self._there) < _MOST:
            self._there.add(topic)

    def forget(self) -> None:
        """Forget who was there: the broker says it again."""
        self._there.clear()
