"""One timing wheel for the process: what must happen later, without a timer a call.

Whoever waits asks to be woken with `at` and looks for itself whether there is still something to do: nothing is ever
cancelled, so waiting costs one list entry and answering in time costs nothing.
"""

from __future__ import annotations

from collections.abc import Callable

Wake = Callable[[float], None]
"""Called with the time of the tick; runs at or after the time asked for, within one tick."""


class Wheel:
    """Wakes callbacks by time. `tick` is called by whoever owns a clock, every `step` seconds or so."""

    def __init__(self, now: float, step: float = 0.1) -> None:
        self._step = step
        self._next = int(now / step)
        self._slots: dict[int, list[Wake]] = {}

    def at(self, when: float, wake: Wake) -> None:
        """Have `wake` called at `when` (seconds, same clock as `tick`); what is already due runs with the next tick."""
        slot = max(int(when / self._step) + 1, self._next)
        waiting = self._slots.get(slot)
        if waiting is None:
            self._slots[slot] = [wake]
        else:
            waiting.append(wake)

    def tick(self, now: float) -> None:
        """Wake all that is due. A callback that fails keeps no other from running; failures are raised at the end."""
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
