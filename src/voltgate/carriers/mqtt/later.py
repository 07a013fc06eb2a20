"""Answers that no consumer has heard yet: they are published again, for as long as somebody may wait for them."""

from __future__ import annotations

from collections.abc import Callable

from voltgate.carriers.mqtt.connection import Publication
from voltgate.carriers.mqtt.wire import MqttCounts
from voltgate.ocpp.wheel import Wheel

_MOST = 10_000
_AGAIN = 1.0
"""Seconds until an answer is published again that nobody has heard."""
_STALE = 30.0
"""Seconds after which it is not: nobody waits for it any more."""


class Later:
    """Messages that are to be published once more, all of them at a time."""

    def __init__(
        self, publish: Callable[[Publication], object], wheel: Wheel, clock: Callable[[], float], counts: MqttCounts
    ) -> None:
        self._publish = publish
        self._wheel = wheel
        self._clock = clock
        self._counts = counts
        self._waiting: list[Publication] = []

    def put(self, message: Publication) -> None:
        """Publish a message in a moment; one that is too old, or one too many, is counted as lost."""
        now = self._clock()
        if len(self._waiting) >= _MOST or now - message.at >= _STALE:
            self._counts.answers_lost += 1
            return
        if not self._waiting:
            self._wheel.at(now + _AGAIN, self._look)
        self._waiting.append(message)

    def _look(self, now: float) -> None:
        waiting, self._waiting = self._waiting, []
        for message in waiting:
            self._publish(message)
