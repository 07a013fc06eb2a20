"""Texts of strangers (identities, words of vendors, answers of servers) made fit for one line."""

from __future__ import annotations

import re

_ELLIPSIS = "…"
_UNFIT = re.compile("[\\s\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff\ud800-\udfff]+")
"""White space, what breaks a line or turns the writing around, and what is no character: a run becomes one space."""


def one_line(text: str, longest: int) -> str:
    """Return a text as one line of at most `longest` characters; what is cut off is shown by an ellipsis."""
    return cut(_UNFIT.sub(" ", text[: longest * 4]).strip(), longest)


def cut(text: str, longest: int) -> str:
    """Return a text of at most `longest` characters; what is cut off is shown by an ellipsis."""
    return text if len(text) <= longest else text[: longest - 1].rstrip() + _ELLIPSIS
