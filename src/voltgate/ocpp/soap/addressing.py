"""Readdressing: a message sent on to another receiver, with its body, its identity and its MessageID unchanged.

Only the values of To, From and ReplyTo are replaced, and a missing MessageID is added, in the bytes themselves: their
positions are found by a parser that counts bytes and stops at the body. Source: WS-Addressing 1.0 section 3.
"""

from __future__ import annotations

from dataclasses import dataclass
from xml.parsers import expat

from voltgate.ocpp.soap.characters import document
from voltgate.ocpp.soap.elements import escaped
from voltgate.ocpp.soap.envelope import BadEnvelope
from voltgate.ocpp.soap.names import ADDRESSING, SOAP

_ENVELOPE, _HEADER, _BODY = f"{SOAP} Envelope", f"{SOAP} Header", f"{SOAP} Body"
_ENDPOINTS = (f"{ADDRESSING} From", f"{ADDRESSING} ReplyTo")
_NAMES = (f"{ADDRESSING} To", *_ENDPOINTS, f"{ADDRESSING} MessageID")
_UNREADABLE = BadEnvelope("ProtocolError", "The header cannot be read")


@dataclass(slots=True)
class _Span:
    """The position of one element in the bytes: the start of its tag, and the start and end of its content."""

    start: int
    content: int = -1
    end: int = -1


class _AtBody(Exception):  # noqa: N818 - stops the parser
    """Raised at the body, to stop the parser."""


class _Doctype(Exception):  # noqa: N818 - as above
    """Raised at a document type."""


class _Places:
    """Finds the positions of the header, of the body and of the headers to be replaced."""

    def __init__(self, codec: str) -> None:
        self._parser = parser = expat.ParserCreate(codec, " ")
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.StartDoctypeDeclHandler = self._doctype
        self._path: list[str] = []
        self._open: _Span | None = None
        self.spans: dict[str, _Span] = {}
        self.body = -1

    def find(self, content: bytes) -> bool:
        """Parse up to the body; return False if there is none or the message cannot be parsed."""
        try:
            self._parser.Parse(content, True)
        except _AtBody:
            return True
        except (expat.ExpatError, _Doctype):
            return False
        return False

    def _start(self, name: str, _: dict[str, str]) -> None:
        here = self._parser.CurrentByteIndex
        self._close_tag(here)
        if self._path == [_ENVELOPE] and name == _BODY:
            self.body = here
            raise _AtBody
        self._path.append(name)
        if self._is_wanted():
            self._open = self.spans[name] = _Span(here)
            self._parser.CharacterDataHandler = self._parser.DefaultHandler = self._other

    def _end(self, name: str) -> None:
        here = self._parser.CurrentByteIndex
        self._close_tag(here)
        if self._is_wanted():
            self.spans[name].end = here
        self._path.pop()

    def _other(self, _: str) -> None:
        self._close_tag(self._parser.CurrentByteIndex)

    def _close_tag(self, here: int) -> None:
        """Take the position of what follows a start tag as the end of that tag."""
        if self._open is not None:
            self._open.content, self._open = here, None
            self._parser.CharacterDataHandler = self._parser.DefaultHandler = None

    def _is_wanted(self) -> bool:
        match self._path:
            case [_, name] if name == _HEADER:
                return True
            case [_, header, name] if header == _HEADER and name in _NAMES:
                return True
        return False

    def _doctype(self, *_: object) -> None:
        raise _Doctype


def readdress(
    raw: bytes,
    to: str | None = None,
    sender: str | None = None,
    reply_to: str | None = None,
    message_id: str | None = None,
) -> bytes | BadEnvelope:
    """Return the message with other values of To, From, ReplyTo and MessageID; None keeps a header as it is.

    Every other byte is kept. A missing header is added. `message_id` is for a message without one. `raw` is a message
    of SOAP 1.2 that `envelope.parse` accepted; a BadEnvelope is returned for one that the parser used here does not
    accept, such as one with names of letters that earlier editions of XML did not allow.
    """
    values = zip(_NAMES, (to, sender, reply_to, message_id), strict=True)
    wanted = {name: value for name, value in values if value is not None}
    found = document(raw)
    if found is None:
        return _UNREADABLE
    places = _Places(found.codec)
    if not places.find(found.content):
        return _UNREADABLE
    content, after = found.content, raw[found.start + len(found.content) :]
    for start, end, text in sorted(_changes(content, found.codec, places, wanted), reverse=True):
        content = content[:start] + text.encode(found.codec, "xmlcharrefreplace") + content[end:]
    return raw[: found.start] + content + after


def _changes(content: bytes, codec: str, places: _Places, wanted: dict[str, str]) -> list[tuple[int, int, str]]:
    """Return the replacements: start, end, text."""
    changes = []
    missing = ""
    for name, value in wanted.items():
        span = places.spans.get(name)
        if span is None:
            missing += _element(name, value)
        else:
            changes.append(_filled(content, codec, span, _value(name, value)))
    if missing:
        header = places.spans.get(_HEADER)
        if header is None:
            added = f'<e:Header xmlns:e="{SOAP}">{missing}</e:Header>'
            changes.append((places.body, places.body, added))
        elif _is_empty(content, codec, header):
            changes.append(_filled(content, codec, header, missing))
        else:
            changes.append((header.end, header.end, missing))
    return changes


def _value(name: str, value: str) -> str:
    text = escaped(value)
    return f'<Address xmlns="{ADDRESSING}">{text}</Address>' if name in _ENDPOINTS else text


def _element(name: str, value: str) -> str:
    local = name.rpartition(" ")[2]
    return f'<a:{local} xmlns:a="{ADDRESSING}">{_value(name, value)}</a:{local}>'


def _is_empty(content: bytes, codec: str, span: _Span) -> bool:
    return content[: span.content].endswith("/>".encode(codec)) and span.content == span.end


def _filled(content: bytes, codec: str, span: _Span, text: str) -> tuple[int, int, str]:
    """Return the replacement of an element's content; an empty-element tag becomes a pair of tags."""
    if not _is_empty(content, codec, span):
        return span.content, span.end, text
    tag = content[span.start : span.content].decode(codec)
    name = tag[1:-2].split(maxsplit=1)[0]
    return span.start, span.content, f"{tag[:-2]}>{text}</{name}>"
