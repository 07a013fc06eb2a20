"""Folding: two identities that are one, and two that are not."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from voltgate.ocpp.folding import fold, folding


@given(st.text())
def test_only_letters_of_ascii_are_folded(text: str) -> None:
    """What is not ASCII stays as it is, and nothing else becomes ASCII."""
    folded = fold(text)
    assert len(folded) == len(text)
    assert all(new == (old.lower() if old.isascii() else old) for old, new in zip(text, folded, strict=True))


def test_where_case_counts_nothing_is_folded() -> None:
    """Identities are compared as they are written, or folded."""
    assert folding(case_sensitive=True)("CP1") == "CP1"
    assert folding(case_sensitive=False)("CP1") == "cp1"
