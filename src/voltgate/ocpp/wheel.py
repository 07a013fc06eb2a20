"""The timing wheel: deadlines of the whole process, without a timer for each call.

A callback checks for itself whether there is still something to do: a deadline costs one entry, and meeting it costs
nothing. Whoever ends takes itself off, so that the wheel keeps nothing alive that is over.
"""

from __future__ import annotations

from collections.abc import Callable

from voltgate.ocpp.messages import FOREVER

Wake = Callable[[float], None]
"""A callback; called with the time of the tick, at most one tick after the time it was registered for."""


class Wheel:
    """Calls callbacks by time. The owner of the clock calls `tick` about every `step` seconds."""

    def __init__(self, now: float, step: float = 0.1) -> None:
        self._step = step
        self._next = int(now / step)
        self._slots: dict[int, dict[Wake, None]] = {}

    def at(self, when: float, wake: Wake) -> None:
        """Call `wake` at `when` (seconds, same clock as `tick`), once; if that is past, with the next tick."""
        slot = max(int(when / self._step) + 1, self._next)
        waiting = self._slots.get(slot)
        if waiting is None:
            self._slots[slot] = {wake: None}
        else:
            waiting[wake] = None

    def off(self, when: float, wake: Wake) -> None:
        """Do not call `wake` at `when`, if it is due then."""
        waiting = self._slots.get(max(int(when / self._step) + 1, self._next)) if when < FOREVER else None
        if waiting is not None:
            waiting.pop(wake, None)

    def tick(self, now: float) -> None:
        """Call all that is due. Raise an ExceptionGroup of what callbacks raised, once all have been called."""
        last = int(now / self._step)
        failures: list[Exception] = []
        for slot in self._due(last):
            for wake in self._slots.pop(slot):
                try:
                    wake(now)
                except Exception as failure:
                    failures.append(failure)
        if failures:
            raise ExceptionGroup("callbacks of the wheel failed", failures)

    def _due(self, last: int) -> list[int]:
        first, self._next = self._next, last + 1
        if last - first < len(self._slots):
            return [slot for slot in range(first, last + 1) if slot in self._slots]
        return sorted(slot for slot in self._slots if slot <= last)

    def __len__(self) -> int:
        return sum(map(len, self._slots.values()))
