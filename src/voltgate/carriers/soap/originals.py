"""Originals: the envelopes that messages were made of, to go on as they came where nothing has changed."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

from voltgate.ocpp.soap.names import Edition, Version

_REMEMBERED = 32
"""Envelopes of one station that may still go on as they came."""
_MOST_BYTES = 1 << 20
"""Bytes of these envelopes; the last one may be longer."""


@dataclass(frozen=True, slots=True)
class Original:
    """An envelope as it came."""

    version: Version
    edition: Edition
    message_id: str
    raw: bytes


class Originals:
    """The envelopes that the last messages of one station and its backends were made of, by the message's text."""

    __slots__ = ("_by_text", "_bytes")

    def __init__(self) -> None:
        self._by_text: OrderedDict[bytes, Original] = OrderedDict()
        self._bytes = 0

    def keep(self, text: bytes, original: Original) -> None:
        """Remember an envelope."""
        former = self._by_text.pop(text, None)
        if former is not None:
            self._bytes -= len(text) + len(former.raw)
        self._by_text[text] = original
        self._bytes += len(text) + len(original.raw)
        while len(self._by_text) > _REMEMBERED or (self._bytes > _MOST_BYTES and len(self._by_text) > 1):
            text, former = self._by_text.popitem(last=False)
            self._bytes -= len(text) + len(former.raw)

    def find(self, text: bytes, version: Version, edition: Edition) -> Original | None:
        """Return the envelope of an unchanged message, if the other side speaks that version of OCPP and SOAP."""
        known = self._by_text.get(text)
        return known if known is not None and (known.version, known.edition) == (version, edition) else None
