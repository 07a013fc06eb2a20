"""Texts that a comment or a CDATA section breaks: readers disagree about them, and so they are refused.

`CP1<!-- -->X` is CP1X to one reader, CP1 to another that takes the first piece: a station would prove itself by one
name and act by another. Between elements comments are harmless, and vendors wrap XML in a CDATA section where a
DataTransfer has its `data`: nobody decides anything by that.
Source: XML 1.0 sections 2.5 and 2.7.
"""

from __future__ import annotations

from dataclasses import dataclass
from xml.parsers import expat

MOST = 256
"""Comments and CDATA sections of a message."""

_COMMENT, _CDATA = b"<!--", b"<![CDATA["
_WRAPPED = ("dataTransferRequest", "dataTransferResponse")
_BODY = 3
"""The depth of an operation: below envelope and body."""


@dataclass(slots=True)
class _Open:
    """An element that is open: what stands directly in it."""

    name: str
    has_elements: bool = False
    has_text: bool = False
    is_broken: bool = False


class _Found(Exception):  # noqa: N818 - stops the parser
    """Raised at a broken text, to stop the parser."""


class _Texts:
    """Looks at each element when it ends: one that holds a text must hold it whole."""

    def __init__(self) -> None:
        self.parser = parser = expat.ParserCreate("utf-8", " ")
        parser.buffer_text = True
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._text
        parser.CommentHandler = self._comment
        parser.StartCdataSectionHandler = self._cdata
        self._path = [_Open("")]

    def _start(self, name: str, _: dict[str, str]) -> None:
        self._path[-1].has_elements = True
        self._path.append(_Open(name.rpartition(" ")[2]))

    def _end(self, _: str) -> None:
        ended = self._path.pop()
        if ended.is_broken and (ended.has_text or not ended.has_elements):
            raise _Found

    def _text(self, text: str) -> None:
        if not self._path[-1].has_text and not text.isspace():
            self._path[-1].has_text = True

    def _comment(self, _: str) -> None:
        self._path[-1].is_broken = True

    def _cdata(self) -> None:
        names = [each.name for each in self._path]
        if not (len(names) == _BODY + 2 and names[_BODY] in _WRAPPED and names[-1] == "data"):
            self._path[-1].is_broken = True


def breaks_a_text(utf8: bytes) -> bool:
    """Return whether a comment or CDATA section breaks a text of a message, in UTF-8, or whether they are too many.

    True, too, for a message with either that the parser used here does not accept.
    """
    number = utf8.count(_COMMENT) + utf8.count(_CDATA)
    if not number:
        return False
    if number > MOST:
        return True
    try:
        _Texts().parser.Parse(utf8, True)
    except (_Found, expat.ExpatError):
        return True
    return False
