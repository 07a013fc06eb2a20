"""Detection of the character encoding of an XML document, before it is parsed.

Only UTF-8, ISO 8859-1 and UTF-16 are accepted: an encoding in which `<` is written otherwise, such as UTF-7, could show
a backend what it hides from Voltgate. A byte order mark and the first bytes take precedence over the declaration.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_PADDING = b" \t\r\n\x00"
_declared = re.compile(rb"<\?xml\s[^>]{0,200}?encoding\s*=\s*[\"']([A-Za-z0-9._-]{1,40})[\"']").match
_CODECS = {
    "utf-8": "utf-8",
    "utf8": "utf-8",
    "us-ascii": "utf-8",
    "ascii": "utf-8",
    "utf-16": "utf-8",  # what .NET writes into a document that it then sends as UTF-8
    "iso-8859-1": "iso-8859-1",
    "iso8859-1": "iso-8859-1",
    "iso_8859-1": "iso-8859-1",
    "latin-1": "iso-8859-1",
    "latin1": "iso-8859-1",
}
_MARKS = ((b"\xef\xbb\xbf", "utf-8"), (b"\xff\xfe", "utf-16le"), (b"\xfe\xff", "utf-16be"))
_FIRST = ((b"<\x00", "utf-16le"), (b"\x00<", "utf-16be"))


@dataclass(frozen=True, slots=True)
class Document:
    """The bytes of a document without byte order mark and padding, their offset in the message, and their encoding."""

    start: int
    content: bytes
    codec: str

    @property
    def utf8(self) -> bytes | None:
        """The document in UTF-8; None if its bytes are invalid. UTF-8 itself is checked by the parser."""
        if self.codec == "utf-8":
            return self.content
        try:
            return self.content.decode(self.codec).encode()
        except UnicodeDecodeError:
            return None


def document(raw: bytes) -> Document | None:
    """Return a document with its encoding; None if the encoding is not accepted."""
    for mark, codec in _MARKS:
        if raw.startswith(mark):
            return _stripped(raw, len(mark), codec)
    for first, codec in _FIRST:
        if raw.startswith(first):
            return Document(0, raw, codec)
    plain = _stripped(raw, 0, "utf-8")
    declaration = _declared(plain.content)
    if declaration is None:
        return plain
    declared = _CODECS.get(declaration[1].decode().lower())
    return None if declared is None else Document(plain.start, plain.content, declared)


def _stripped(raw: bytes, start: int, codec: str) -> Document:
    """Remove what stations send around a document: line breaks before it, the NUL of a C string after it."""
    if codec != "utf-8":
        return Document(start, raw[start:], codec)
    content = raw[start:].lstrip(_PADDING)
    return Document(len(raw) - len(content), content.rstrip(_PADDING), codec)
