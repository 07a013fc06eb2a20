"""The fuzzer with a fixed budget: `python -m tests.attacks.fuzz --seconds 3600` does the same for an hour."""

from __future__ import annotations

from tests.attacks.fuzz import fuzz
from tests.harness import Stage

ROUNDS = 40


async def test_nothing_that_is_nearly_right_brings_the_gateway_down(stage: Stage) -> None:
    """Heads, frames and JSON that are nearly right: the gateway goes on, logs no fault, and hears its neighbour."""
    fuzzer = await fuzz(stage, seed=16, more=lambda done: done < ROUNDS)
    assert fuzzer.opened > ROUNDS / 2
