"""Shrinking: the fewest faults and chargers with which a run still fails, found by running it again with fewer."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace

from chaos.plan import Plan

Fails = Callable[[Plan], Awaitable[bool]]
"""Runs a plan, and tells whether it failed."""


@dataclass(slots=True)
class Budget:
    """How many runs and how many seconds shrinking may take."""

    tries: int
    seconds: float
    began: float = 0.0

    def spend(self) -> bool:
        """Take one run from it; tell whether there was one."""
        self.began = self.began or time.monotonic()
        if self.tries <= 0 or time.monotonic() - self.began > self.seconds:
            return False
        self.tries -= 1
        return True


async def shrink(plan: Plan, fails: Fails, budget: Budget) -> Plan:
    """Return the smallest plan that was seen to fail: chargers without habits, fewer faults, fewer chargers.

    A fault is left out only when the run failed without it. Timing is real: what fails seldom shrinks little.
    """
    if not plan.plain and budget.spend() and await fails(replace(plan, plain=True)):
        plan = replace(plan, plain=True)
    plan = await _fewer_faults(plan, fails, budget)
    while plan.stations > 1 and budget.spend():
        smaller = replace(plan, stations=plan.stations // 2)
        if not await fails(smaller):
            break
        plan = smaller
    return plan


async def _fewer_faults(plan: Plan, fails: Fails, budget: Budget) -> Plan:
    """Zeller's ddmin on the complements: leave out halves, then quarters, and so on, down to single faults."""
    parts = 2
    while len(plan.faults) > 0:
        numbers = [number for number, _ in plan.faults]
        parts = min(parts, len(numbers))
        smaller = None
        for left_out in _cut(numbers, parts):
            if not budget.spend():
                return plan
            candidate = plan.keeping(frozenset(numbers) - set(left_out))
            if await fails(candidate):
                smaller = candidate
                break
        if smaller is not None:
            plan, parts = smaller, max(parts - 1, 2)
        elif parts == len(numbers):
            break
        else:
            parts *= 2
    return plan


def _cut(numbers: list[int], parts: int) -> list[list[int]]:
    size, rest = divmod(len(numbers), parts)
    cut, at = [], 0
    for part in range(parts):
        length = size + (part < rest)
        cut.append(numbers[at : at + length])
        at += length
    return cut
