"""Where the numbers of /metrics come from."""

from __future__ import annotations

from tests.test_versions import owing
from voltgate.app.gauges import calls_of


async def test_calls_of_arrears_are_counted() -> None:
    """What a backend is owed of an earlier version, and has not answered yet, is an open call like any other."""
    world, _ = await owing()
    assert [leg.turns.open_calls for leg in world.session.roster.arrears.values()] == [1]
    assert calls_of([world.session]) == (0, 1)
