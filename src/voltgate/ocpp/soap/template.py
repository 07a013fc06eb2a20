"""Templates: an envelope that begins with the same bytes as one that was parsed says the same.

The envelopes of one station differ in their MessageID and their bodies. What was parsed once is compared from then on,
byte by byte, up to and with the start tag of the operation; nothing is ever read out of bytes that no parser has seen.
What stands behind that tag can then be only the operation's own content: whatever could be a header, another operation
or a document type is left to the parser.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from voltgate.ocpp.soap.addressing import readdress
from voltgate.ocpp.soap.characters import document
from voltgate.ocpp.soap.envelope import DEEPEST, Envelope
from voltgate.ocpp.soap.names import ANONYMOUS

_MOST_WAYS = 8
"""Backends, with their addresses, that the envelopes of one template go on to."""
_tags = re.compile(rb"<(/)|<[^<>\"'/]*(/)>|<").findall
"""Finds tags: whether it is an end tag, whether an empty element; one with attributes is taken for a start tag."""
_id_at = re.compile(rb"[!#-%(-;=?-~]{1,120}(?=<)").match
"""Finds a MessageID: plain characters, none of which XML gives a meaning to."""
_rest_of_tag = re.compile(rb"(?:[^\"'<>]++|\"[^\"]*+\"|'[^']*+')*+>").match
"""Finds the end of a start tag: a `>` that stands in an attribute is none."""


@dataclass(frozen=True, slots=True)
class Match:
    """An envelope that fits: its MessageID and RelatesTo ("" when it has none), and where its content begins."""

    message_id: str
    relates_to: str
    content: int


@dataclass(frozen=True, slots=True)
class Template:
    """What envelopes have in common: the pieces between their ids, and how they end. `envelope` is the parsed one."""

    envelope: Envelope
    pieces: tuple[bytes, ...]
    names: tuple[str, ...]
    end: bytes
    ways: dict[tuple[str, str], Forwarding | None] = field(default_factory=dict, compare=False, repr=False)
    """How its envelopes go on, by the addresses that they get."""

    def forwarded(self, raw: bytes, match: Match, to: str, sender: str) -> bytes | None:
        """Write an envelope as it goes on to somebody else; None when it has to be looked at as a whole."""
        key = (to, sender)
        if key not in self.ways:
            if len(self.ways) >= _MOST_WAYS:
                self.ways.clear()
            self.ways[key] = forwarding(raw, self, to, sender)
        way = self.ways[key]
        return None if way is None else way.written(raw, match)

    def match(self, raw: bytes) -> Match | None:
        """Read an envelope that says the same; None: ask the parser."""
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
        """Tell whether all that follows is the content of one operation, if it is XML at all."""
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
    """Count how many elements of a content stand inside one another: at least as many as there are."""
    depth = deepest = 0
    for closes, is_empty in _tags(content):
        depth += -1 if closes else not is_empty
        deepest = max(deepest, depth)
    return deepest


def template(raw: bytes, envelope: Envelope) -> Template | None:
    """Make the template of an envelope that was parsed; None for one that is written in an unusual way."""
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
    """Give how the envelope ends: the end tags of operation, body and envelope; of two for an empty operation."""
    if raw[content - 2 : content] == b"/>":
        return raw[content:]
    return raw[closes:] if closes >= content else raw[content:]


def _content_of(raw: bytes, envelope: Envelope) -> int | None:
    """Find the end of the operation's start tag."""
    body = envelope.body
    name = str(body.tag).rpartition("}")[2]
    tag = (f"<{body.prefix}:{name}" if body.prefix else f"<{name}").encode()
    opened = _rest_of_tag(raw, raw.find(tag) + len(tag))
    return opened.end() if opened is not None and raw.count(tag) == 1 else None


def _place_of(raw: bytes, name: str, value: bytes) -> int | None:
    """Find where an id stands, in its own element and nowhere else; None when it is written in another way there.

    What stands there may differ from one envelope to the next: were it another element that says the same, a
    chargeBoxIdentity, a station would go on under whatever name it likes.
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
    """A template as it goes on: with other addresses, and everything else as it came."""

    before: bytes
    after: bytes

    def written(self, raw: bytes, match: Match) -> bytes:
        """Write the envelope of a match."""
        return b"".join((self.before, match.message_id.encode(), self.after, raw[match.content :]))


def forwarding(raw: bytes, made: Template, to: str, sender: str) -> Forwarding | None:
    """Find out how envelopes of a template go on, by one of them; None for those that nothing is known of."""
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
