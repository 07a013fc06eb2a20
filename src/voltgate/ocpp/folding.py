"""Folding: what identities are compared by where their case does not count.

Only the letters of ASCII have a case here, as all characters of an identifierString are ASCII (2.1 Part 2 appendix, and
Part 4 section 3.1.1). Others would make one identity of two: KELVIN SIGN is a `k` to `str.casefold`, and long s an `s`.
"""

from __future__ import annotations

from collections.abc import Callable
from string import ascii_lowercase, ascii_uppercase

_SMALL = str.maketrans(ascii_uppercase, ascii_lowercase)


def fold(identity: str) -> str:
    """Return an identity, or a pattern of identities, with the letters of ASCII in lower case."""
    return identity.lower() if identity.isascii() else identity.translate(_SMALL)


def as_written(identity: str) -> str:
    """Return an identity as it is: for where case counts."""
    return identity


def folding(*, case_sensitive: bool) -> Callable[[str], str]:
    """Return what identities are compared by."""
    return as_written if case_sensitive else fold
