"""Templates: an envelope that is written like a parsed one need not be parsed.

The envelopes of one station differ in their MessageID and in the content of the operation. All other bytes are
compared with those of the parsed one, and the content with a pattern made from the WSDL. `Template.match` says when
that will do.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from voltgate.ocpp.soap.addressing import readdress
from voltgate.ocpp.soap.content import BEHIND, Fits, fits, nothing
from voltgate.ocpp.soap.envelope import LARGEST, Envelope
from voltgate.ocpp.soap.names import ANONYMOUS

_MOST_WAYS = 8
"""Pairs of addresses that the envelopes of one template are sent on to."""
_LONGEST = 1 << 14
"""Bytes of an envelope; in so few, the content cannot hold more elements than the parser takes."""
_id_at = re.compile(rb"[!#-%(-;=?-~]{1,120}(?=<)").match
"""Finds a MessageID of plain characters, none of which has a meaning in XML."""


@dataclass(frozen=True, slots=True)
class Match:
    """An envelope that matches: its MessageID and RelatesTo ("" if it has none), and the offset of its content."""

    message_id: str
    relates_to: str
    content: int


@dataclass(frozen=True, slots=True)
class Template:
    """The bytes that envelopes share: the pieces between their ids, and their end. `envelope` is the parsed one.

    `fits` tells whether bytes are content of the operation, behind the `prefix` of their elements, which `BEHIND` ends.
    """

    envelope: Envelope
    pieces: tuple[bytes, ...]
    names: tuple[str, ...]
    fits: Fits
    prefix: bytes
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

    def match(self, raw: bytes, largest: int = LARGEST) -> Match | None:
        """Return the ids of an envelope that need not be parsed; None if it has to be.

        These are all the conditions. Where they hold, `envelope.parse` finds what it found in `envelope` but for the
        ids and the content, and `codec.decode` finds no violation in that:

        - it is not longer than `largest`, nor than 16 KiB;
        - it has the bytes of the parsed one, but for the values of MessageID and RelatesTo and the operation's content;
        - these values are 1 to 120 characters of ASCII that mean nothing in XML, without blanks;
        - the content is what the WSDL has there, in its order, written plainly: see `content.fits`.
        """
        pieces = self.pieces
        if not raw.startswith(pieces[0]) or not raw.endswith(self.end) or len(raw) > min(largest, _LONGEST):
            return None
        found = {"MessageID": "", "RelatesTo": ""}
        at = len(pieces[0])
        for name, piece in zip(self.names, pieces[1:], strict=True):
            value = _id_at(raw, at)
            if value is None or not raw.startswith(piece, value.end()):
                return None
            found[name] = value[0].decode()
            at = value.end() + len(piece)
        if self.fits(self.prefix + raw[at : len(raw) - len(self.end)]) is None:
            return None
        return Match(found["MessageID"], found["RelatesTo"], at)


def template(raw: bytes, envelope: Envelope) -> Template | None:
    """Return the template of a parsed envelope; None for one that is written in an unusual way."""
    if envelope.kind == "fault":
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
    names = tuple(name for _, _, name in places)
    for how, prefix, end in _ends(raw, envelope, content):
        made = Template(envelope, tuple(pieces), names, how, prefix, end)
        if made.match(raw) is not None:
            return made
    return None


def _ends(raw: bytes, envelope: Envelope, content: int) -> list[tuple[Fits, bytes, bytes]]:
    """Return how the content may be written, and what follows it: the end tags of operation, body and envelope."""
    if raw[content - 2 : content] == b"/>":
        return [(nothing, b"", raw[content:])]
    closes = raw.rfind(b"</", 0, raw.rfind(b"</", 0, raw.rfind(b"</")))
    how = fits(envelope.version, f"{envelope.operation}{envelope.kind.capitalize()}")
    prefix = f"{envelope.body.prefix}:".encode() if envelope.body.prefix else b""
    return [(how, prefix + BEHIND, raw[closes:]), (how, BEHIND, raw[closes:])]


def _content_of(raw: bytes, envelope: Envelope) -> int | None:
    """Return the offset of the end of the operation's start tag; None if it is not found, or not unique."""
    body = envelope.body
    name = str(body.tag).rpartition("}")[2]
    tag = (f"<{body.prefix}:{name}" if body.prefix else f"<{name}").encode()
    return raw.index(b">", raw.index(tag)) + 1 if raw.count(tag) == 1 else None


def _place_of(raw: bytes, name: str, value: bytes) -> int | None:
    """Return the offset of an id in its own element; None if another has that name too, or if it is written otherwise.

    The bytes there may differ from one envelope to the next: were they those of another element with the same text,
    such as chargeBoxIdentity, a station could take any identity.
    """
    tags = name.encode()
    if raw.count(tags) != 2 or not _is_plain(value):
        return None
    at = raw.index(b">", raw.index(tags)) + 1
    return at if raw.startswith(value + b"</", at) else None


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
