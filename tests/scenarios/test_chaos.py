"""A short fault run: `make chaos` is the long one."""

from __future__ import annotations

from pathlib import Path

import pytest

from chaos.run import Plan, run


@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
async def test_nothing_is_lost_doubled_or_anothers(tmp_path: Path, database: str) -> None:
    """Chargers charge while Voltgate, its backends and its database die; then every book is right."""
    outcome = await run(Plan(stations=20, seconds=8, seed=7, database=database), tmp_path)  # type: ignore[arg-type]
    assert outcome.verdict.lost == []
    assert outcome.verdict.doubled == []
    assert outcome.verdict.wrong == []
    assert outcome.deeds.errors == []
    assert outcome.good, outcome.log[-5000:]
    assert outcome.faults.total() >= 3
    assert outcome.verdict.entries == 2 * sum(charge.messages for charge in outcome.deeds.charges)


async def test_the_comparison_can_fail(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the journal the same faults lose messages, and the comparison says so."""
    monkeypatch.setattr("chaos.run._CONFIGURATION", _without_journal())
    monkeypatch.setattr("chaos.run._DRAIN", 1.0)
    outcome = await run(Plan(stations=20, seconds=8, seed=7), tmp_path)
    assert outcome.verdict.lost
    assert not outcome.good


def _without_journal() -> str:
    from chaos import run as running

    return running._CONFIGURATION.replace('deliver = "always"', 'deliver = "once"')
