"""A seed gives the same fleet again."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.simulator.world import QUICK, World
from voltgate.simulator.backend import VERSIONS
from voltgate.simulator.profile import StationSettings
from voltgate.simulator.seeded_random import SeededRandom

SHAKY = StationSettings(echo=True, timeout=2.0, history=1000).impatient()


def _life(version: str, seed: int, *, cuts: bool = False) -> list[bytes]:
    world = World(replace(QUICK, think=(0.0, 0.3)), SHAKY, seed=seed)
    world.station(version, "CP1")
    world.station(version, "CP2")
    for _ in range(4):
        world.run(2)
        if cuts:
            world.cut()
    world.finish()
    assert world.tally.begun == world.tally.confirmed > 0
    assert world.backend.tally.failures == 0, world.backend.tally.examples
    return world.said


@pytest.mark.parametrize("version", VERSIONS)
def test_a_seed_gives_the_same_lives_again(version: str) -> None:
    """With the same seed every frame is the same byte for byte; with another seed lives differ."""
    assert _life(version, 1) == _life(version, 1)
    assert _life(version, 1) != _life(version, 2)


@pytest.mark.parametrize("version", VERSIONS)
def test_lives_are_the_same_again_when_connections_break(version: str) -> None:
    """Back-off and what is sent again are part of what a seed fixes."""
    assert _life(version, 3, cuts=True) == _life(version, 3, cuts=True)


def test_stations_of_one_fleet_differ() -> None:
    """Two stations of one seed are not copies of each other."""
    first, second = SeededRandom(1, "CP1"), SeededRandom(1, "CP2")
    assert [first.bits() for _ in range(4)] != [second.bits() for _ in range(4)]


def test_random_numbers_are_even_enough() -> None:
    """Chance covers its range evenly: no decile of 10,000 throws is off by more than a fifth."""
    chance = SeededRandom(7, "fair")
    throws = [chance.uniform(0, 10) for _ in range(10_000)]
    deciles = [sum(low <= throw < low + 1 for throw in throws) for low in range(10)]
    assert all(800 < number < 1200 for number in deciles)
    assert len({chance.uuid() for _ in range(1000)}) == 1000
