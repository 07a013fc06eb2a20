"""A short fault run: `make chaos` is the long one."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from chaos.books import compare
from chaos.charger import Charge
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


def _entry(kind: str, number: int, value: int, **more: object) -> dict[str, object]:
    key = json.dumps([value]) if kind == "start" else ""
    return {"kind": kind, "station": "CP-1", "number": number, "value": value, "key": key, "repeated": False, **more}


WHOLE = [_entry("start", 1, 7), _entry("meter", 1, 0), _entry("stop", 1, 7)]


@pytest.mark.parametrize(
    ("entries", "found"),
    [
        (WHOLE, (0, 0, 0)),
        ([*WHOLE, _entry("meter", 1, 0, repeated=True)], (0, 0, 0)),
        (WHOLE[:2], (1, 0, 0)),
        ([], (1, 0, 0)),
        ([*WHOLE, _entry("meter", 1, 0)], (0, 1, 0)),
        ([WHOLE[1], WHOLE[0], WHOLE[2]], (0, 0, 1)),
        ([*WHOLE[:2], _entry("stop", 1, 8)], (0, 0, 1)),
        ([*WHOLE, _entry("stop", 2, 7)], (0, 0, 1)),
    ],
)
def test_the_comparison_finds_what_is_wrong(
    tmp_path: Path, entries: list[dict[str, object]], found: tuple[int, int, int]
) -> None:
    """A book that lacks something, has it twice, in another order or of somebody else, is found out."""
    book = tmp_path / "billing.jsonl"
    book.write_text("".join(json.dumps(entry) + "\n" for entry in entries))
    charge = Charge("CP-1", "ocpp1.6", "GUEST7", 7, 1234, 3, "billing", ended=True)
    verdict = compare([charge], {"billing": book})
    assert (len(verdict.lost), len(verdict.doubled), len(verdict.wrong)) == found
    assert verdict.good is (found == (0, 0, 0))


def test_a_wrong_owner_and_a_number_given_twice_are_found() -> None:
    """Who answered must own the token, and no station may be given one number for two transactions."""
    mine = Charge("CP-1", "ocpp1.6", "EMP7", 7, 1234, 0, "billing", ended=True)
    other = Charge("CP-1", "ocpp1.6", "GUEST7", 8, 1234, 0, "billing", ended=True)
    verdict = compare([mine, other], {})
    assert len(verdict.wrong) == 2
