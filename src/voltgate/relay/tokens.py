"""Which tokens a rule is for: listed ones, any, or none at all."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from voltgate.ocpp.ids import Token


@dataclass(frozen=True, slots=True)
class Spelling:
    """How tokens are compared; they are passed on as they came.

    `reverse_bytes`: the bytes of a hexadecimal token may come in reversed order; `strip_zeros`: leading zeros do not
    count. Readers do both (sap/ev-server#1774, lbbrhzn/ocpp#514, evcc#4858).
    """

    case_sensitive: bool = False
    reverse_bytes: bool = False
    strip_zeros: bool = False

    def of(self, text: str) -> str:
        """Return the spelling in which two are compared."""
        text = text if self.case_sensitive else text.casefold()
        return (text.lstrip("0") or "0") if self.strip_zeros and text else text

    def all_of(self, text: str) -> Iterator[str]:
        """Yield every spelling in which a token may be listed."""
        yield self.of(text)
        if self.reverse_bytes:
            turned = _reversed(text)
            if turned is not None:
                yield self.of(turned)


def _reversed(text: str) -> str | None:
    """Turn the order of the bytes of a hexadecimal token round; None if it is none."""
    if len(text) % 2 or not all(char in "0123456789abcdefABCDEF" for char in text):
        return None
    return "".join(reversed([text[at : at + 2] for at in range(0, len(text), 2)]))


@dataclass(frozen=True, slots=True)
class Tokens:
    """The tokens that a rule is for: `exact` ones and those that begin with one of `prefixes`, "any", or "none".

    `kinds` are the types of 2.x tokens (none: every type).
    """

    which: Literal["listed", "any", "none"] = "listed"
    exact: frozenset[str] = frozenset()
    prefixes: frozenset[str] = frozenset()
    lengths: tuple[int, ...] = ()
    kinds: frozenset[str] = frozenset()
    spelling: Spelling = Spelling()

    def matches(self, token: Token | None) -> bool:
        """Return whether a call with this token (None: without any) is meant."""
        if self.which == "none" or token is None:
            return (self.which == "none") is (token is None)
        if self.kinds and token.kind not in self.kinds:
            return False
        return self.which == "any" or any(self._lists(text) for text in self.spelling.all_of(token.text))

    def _lists(self, text: str) -> bool:
        return text in self.exact or any(text[:length] in self.prefixes for length in self.lengths)


ANY, NONE = Tokens("any"), Tokens("none")


def listed(patterns: Iterable[str], kinds: Iterable[str] = (), spelling: Spelling | None = None) -> Tokens:
    """Compile a list of tokens; `"04EM*"` stands for all that begin so."""
    spelling = spelling or Spelling()
    patterns = tuple(patterns)
    exact = frozenset(spelling.of(pattern) for pattern in patterns if not pattern.endswith("*"))
    prefixes = frozenset(
        spelling.of(pattern[:-1]) if len(pattern) > 1 else "" for pattern in patterns if pattern.endswith("*")
    )
    lengths = tuple(sorted({len(prefix) for prefix in prefixes}))
    return Tokens("listed", exact, prefixes, lengths, frozenset(kinds), spelling)
