"""What the judge of Voltgate's own accounts finds in a database that is wrong."""

from __future__ import annotations

from dataclasses import replace

import pytest

from chaos.accounts import Kept, judge_accounts
from chaos.records import Books, Charge, Entry, Saying

KEPT = Kept("cp-1", "7", "ended", "", "", 5.0, 12.0, 7.0, 1)
WRONG: dict[str, tuple[Kept, ...]] = {
    "lost": (),
    "doubled": (KEPT, replace(KEPT, ref="8")),
    "number": (replace(KEPT, energy=0.0),),
}


def books() -> Books:
    """Return the books of one charger that charged once, all of it answered."""
    charge = Charge("CP-1", "ocpp1.6", "TAG", 1, number=7, ended=True)
    said = [("start", {"meterStart": 5}), ("meter", {"meterValue": []}), ("stop", {"meterStop": 12})]
    for place, (kind, fields) in enumerate(said):
        charge.entries.append(Entry("CP-1", place, kind, "", "", fields, charge, [Saying("m", 1.0)], 2.0))
    return Books(charges=[charge])


def test_what_is_right() -> None:
    """A transaction with the registers of its charger, and as many readings as it took."""
    assert judge_accounts(books(), [KEPT]).good


@pytest.mark.parametrize("what", WRONG)
def test_what_is_wrong(what: str) -> None:
    """A transaction that is missing, there twice, or of another energy."""
    assert list(judge_accounts(books(), list(WRONG[what])).found) == [what]


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"state": "running"}, "lost"),
        ({"estimated": "the connector was free again"}, "lost"),
        ({"readings": 0}, "lost"),
        ({"readings": 2}, "doubled"),
    ],
)
def test_what_is_not_whole(change: dict[str, object], what: str) -> None:
    """An end that was concluded although the charger said it, and readings that are lost or kept twice."""
    assert list(judge_accounts(books(), [replace(KEPT, **change)]).found) == [what]


def test_what_was_never_ended() -> None:
    """A charger that never brought its transaction to an end."""
    mine = books()
    mine.charges[0].ended = False
    assert list(judge_accounts(mine, [KEPT]).found) == ["unfinished"]
