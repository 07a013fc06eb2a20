"""Templates: an envelope that begins with the same bytes as a parsed one has the same headers and operation.

The envelopes of one station differ in their MessageID and their bodies. The bytes of a parsed envelope, up to and
including the start tag of the operation, are compared with those of later ones; nothing else is read out of bytes that
were not parsed. What follows that tag can then only be the content of the operation: an envelope with anything that
could be a header, another operation or a document type is left to the parser.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from voltgate.ocpp.soap.addressing import readdress
from voltgate.ocpp.soap.characters import document
from voltgate.ocpp.soap.envelope import DEEPEST, Envelope
from voltgate.ocpp.soap.names import ANONYMOUS

_MOST_WAYS = 8
"""Pairs of addresses that the envelopes of one template are sent on to."""
_tags = re.compile(rb"<(/)|<[^<>\"'/]*(/)>|<").findall
"""Finds tags: whether it is an end tag, whether an empty element; a tag with attributes counts as a start tag."""
_id_at = re.compile(rb"[!#-%(-;=?-~]{1,120}(?=<)").match
"""Finds a MessageID of plain characters, none of which has a meaning in XML."""
_rest_of_tag = re.compile(rb"(?:[^\"'<>]++|\"[^\"]*+\"|'[^']*+')*+>").match
"""Finds the end of a start tag; a `>` inside an attribute is not the end."""


@dataclass(frozen=True, slots=True)
class Match:
    """An envelope that matches: its MessageID and RelatesTo ("" if it has none), and the offset of its content."""

    message_id: str
    relates_to: str
    content: int


@dataclass(frozen=True, slots=True)
class Template:
    """The bytes that envelopes share: the pieces between their ids, and their end. `envelope` is the parsed one."""

    envelope: Envelope
    pieces: tuple[bytes, ...]
    names: tuple[str, ...]
    end: bytes
    ways: dict[tuple[str, str], Forwarding | None] = field(default_factory=dict, compare=False, repr=False)
    """How its envelopes are sent on, by the addresses To and From that they get."""

    def forwarded(self, raw: bytes, match: Match, to: str, sender: str) -> bytes | None:
        """Return an envelope with other addresses; None if it has to be parsed and readdressed as a whole."""
        key = (to, sender)
        if key not in self.ways:
            if len(self.ways) >= _MOST_WAYS:
                self.ways.clear()
            self.ways[key] = forwarding(raw, self, to, sender)
        way = self.ways[key]
        return None if way is None else way.written(raw, match)

    def match(self, raw: bytes) -> Match | None:
        """Return the ids of an envelope that matches; None if it has to be parsed."""
        pieces = self.pieces
        if not raw.startswith(pieces[0]) or not raw.endswith(self.end):
            return None
        found = {"MessageID": "", "RelatesTo": ""}
        at = len(pieces[0])
        for name, piece in zip(self.names, pieces[1:], strict=True):
            value = _id_at(raw, at)
            if value is None or not raw.startswith(piece, value.end()):
                return None
            found[name] = value[0].decode()
            at = value.end() + len(piece)
        if not self._is_content(raw, at):
            return None
        return Match(found["MessageID"], found["RelatesTo"], at)

    def _is_content(self, raw: bytes, at: int) -> bool:
        """Return whether the rest can only be the content of one operation, if it is well-formed XML."""
        if raw[at - 2 : at] == b"/>":
            return len(raw) == at + len(self.end)
        closing = b"Request" if self.envelope.kind == "request" else b"Response"
        return (
            raw.count(closing, at) == 1
            and raw.find(b"Header", at) < 0
            and raw.find(b"chargeBoxIdentity", at) < 0
            and raw.find(b"<!", at) < 0
            and raw.find(b"<?", at) < 0
            and (raw.count(b"<", at) - raw.count(b"</", at) <= DEEPEST or _deepest(raw[at:]) <= DEEPEST)
        )


def _deepest(content: bytes) -> int:
    """Return an upper bound of the depth of nested elements."""
    depth = deepest = 0
    for closes, is_empty in _tags(content):
        depth += -1 if closes else not is_empty
        deepest = max(deepest, depth)
    return deepest


def template(raw: bytes, envelope: Envelope) -> Template | None:
    """Return the template of a parsed envelope; None for one that is written in an unusual way."""
    found = document(raw)
    if found is None or found.codec != "utf-8" or found.start or b"<!" in raw or raw.rfind(b"<?") > 0:
        return None
    ids = {"MessageID": envelope.message_id, "RelatesTo": envelope.relates_to}
    places = []
    for name, value in ids.items():
        if value:
            start = _place_of(raw, name, value.encode())
            if start is None:
                return None
            places.append((start, start + len(value), name))
    content = _content_of(raw, envelope)
    places.sort()
    if content is None or not places or places[-1][1] > content:
        return None
    pieces, at = [], 0
    for start, stop, _ in places:
        pieces.append(raw[at:start])
        at = stop
    pieces.append(raw[at:content])
    closes = raw.rfind(b"</", 0, raw.rfind(b"</", 0, raw.rfind(b"</")))
    made = Template(envelope, tuple(pieces), tuple(name for _, _, name in places), _end(raw, content, closes))
    return made if made.match(raw) is not None else None


def _end(raw: bytes, content: int, closes: int) -> bytes:
    """Return the end of the envelope: the end tags of operation, body and envelope; of the last two after `/>`."""
    if raw[content - 2 : content] == b"/>":
        return raw[content:]
    return raw[closes:] if closes >= content else raw[content:]


def _content_of(raw: bytes, envelope: Envelope) -> int | None:
    """Return the offset of the end of the operation's start tag; None if it is not found, or not unique."""
    body = envelope.body
    name = str(body.tag).rpartition("}")[2]
    tag = (f"<{body.prefix}:{name}" if body.prefix else f"<{name}").encode()
    opened = _rest_of_tag(raw, raw.find(tag) + len(tag))
    return opened.end() if opened is not None and raw.count(tag) == 1 else None


def _place_of(raw: bytes, name: str, value: bytes) -> int | None:
    """Return the offset of an id in its own element; None if it occurs elsewhere too, or is written otherwise.

    The bytes there may differ from one envelope to the next: were they those of another element with the same text,
    such as chargeBoxIdentity, a station could take any identity.
    """
    tags = name.encode()
    if raw.count(tags) != 2 or raw.count(b">" + value + b"<") != 1 or not _is_plain(value):
        return None
    opened = _rest_of_tag(raw, raw.index(tags) + len(tags))
    return opened.end() if opened is not None and raw.startswith(value + b"</", opened.end()) else None


def _is_plain(value: bytes) -> bool:
    return _id_at(value + b"<", 0) is not None


@dataclass(slots=True)
class Forwarding:
    """The bytes of a template with other addresses, before and after its MessageID."""

    before: bytes
    after: bytes

    def written(self, raw: bytes, match: Match) -> bytes:
        """Return the envelope of a match, with the content of `raw`."""
        return b"".join((self.before, match.message_id.encode(), self.after, raw[match.content :]))


def forwarding(raw: bytes, made: Template, to: str, sender: str) -> Forwarding | None:
    """Return how envelopes of a template are sent on, derived from one of them; None if they cannot be."""
    if made.names != ("MessageID",):
        return None
    readdressed = readdress(raw, to=to, sender=sender or None, reply_to=ANONYMOUS)
    match = made.match(raw)
    if not isinstance(readdressed, bytes) or match is None:
        return None
    message_id = match.message_id.encode()
    if readdressed.count(b">" + message_id + b"<") != 1 or not readdressed.endswith(raw[match.content :]):
        return None
    at = readdressed.index(b">" + message_id + b"<") + 1
    content = len(readdressed) - len(raw) + match.content
    return Forwarding(readdressed[:at], readdressed[at + len(message_id) : content])
