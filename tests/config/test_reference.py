"""The reference of the configuration is the model's own words."""

from __future__ import annotations

from pathlib import Path

from voltgate.config.reference import reference

PAGE = Path(__file__).parents[2] / "docs" / "configuration.md"


def test_the_reference_is_up_to_date() -> None:
    """docs/configuration.md says what the model says; `python -m voltgate.config.reference` writes it anew."""
    assert PAGE.read_text() == reference()


def test_every_key_is_described() -> None:
    """No key stands there without a word on what it does."""
    rows = [line for line in reference().splitlines() if line.startswith("| `")]
    assert len(rows) > 90
    assert all(len(row.split("|")[3].strip()) > 10 for row in rows)
