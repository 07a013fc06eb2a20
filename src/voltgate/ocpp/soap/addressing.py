"""Readdressing: a message sent on to somebody else, with its body, its identity and its MessageID as they came.

Only the values of To, From and ReplyTo are replaced, and a MessageID that is missing is added, in the bytes as they
are: the places are found by a parser that counts bytes and stops at the body. Source: WS-Addressing 1.0 section 3.
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
    """One element in the bytes: where its tag begins, and where its content begins and ends."""

    start: int
    content: int = -1
    end: int = -1


class _AtBody(Exception):  # noqa: N818 - stops the parser
    """The header is read."""


class _Doctype(Exception):  # noqa: N818 - as above
    """The message has a document type."""


class _Places:
    """Finds the header, the body and the headers to be replaced."""

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
        """Read as far as the body; False when there is none to be found."""
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
        """Learn from the first thing behind a start tag where the tag ended."""
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
    """Replace the values of To, From, ReplyTo and MessageID and keep every other byte; None keeps a header, too.

    A header that is missing is added. `message_id` is for a message that came without. `raw` is a message of SOAP 1.2
    that `envelope.parse` took; a BadEnvelope is one that is read otherwise by another parser, such as one with names
    of letters that XML did not always allow.
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
    """List what to put where: start, end, text."""
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
    """Replace what stands inside an element; a tag that closes itself is opened."""
    if not _is_empty(content, codec, span):
        return span.content, span.end, text
    tag = content[span.start : span.content].decode(codec)
    name = tag[1:-2].split(maxsplit=1)[0]
    return span.start, span.content, f"{tag[:-2]}>{text}</{name}>"
