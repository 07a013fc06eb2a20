"""What a message of AMQP holds: a JSON array of items, each with one message of one station.

    [{"station": "CP-1", "protocol": "ocpp1.6", "key": "…", "until": 1767225600.0, "message": {…}}, …]

`message` is an envelope, or a frame of OCPP-J as it is. `key` is the same when a call comes again, and an answer has
that of its call. `until` is when nobody needs it any more, in seconds since 1970: a call that is read later is not
made. In place of `message`, or beside it, an item may have `event`: "connected" or "disconnected".
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated

import msgspec

from voltgate.ocpp import envelope
from voltgate.ocpp.envelope import Asked, Message, Read, Unreadable
from voltgate.ocpp.framing import encode_call, encode_error, encode_result
from voltgate.ocpp.messages import UNREADABLE, Call, Error, Result

CONNECTED, DISCONNECTED = "connected", "disconnected"

MOST_READ = 1000
"""Items of a message, five times as many as Voltgate sends: one message must not keep all stations from being heard."""
_NOTHING = msgspec.Raw(b"")
_Few = msgspec.Meta(max_length=MOST_READ)


class Item(msgspec.Struct):
    """One item, as it was read."""

    station: str
    protocol: str = ""
    key: str = ""
    until: float = float("inf")
    message: msgspec.Raw = _NOTHING
    event: str = ""

    @property
    def text(self) -> bytes:
        """The message, as JSON."""
        return bytes(self.message)


quote = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Annotated[list[Item], _Few]).decode
_decode_parts = msgspec.json.Decoder(Annotated[list[msgspec.Raw], _Few]).decode
_decode_item = msgspec.json.Decoder(Item).decode


def head(identity: str, protocol: str) -> bytes:
    """Return what all items of a station begin with."""
    return b'{"station":%b,"protocol":%b' % (quote(identity), quote(protocol))


def message_item(head: bytes, key: str, message: bytes, until: float, event: str = "") -> bytes:
    """Return an item with a message that somebody waits for until then, and with what became of the station."""
    happened = b',"event":%b' % quote(event) if event else b""
    return b'%b,"key":%b,"until":%.3f,"message":%b%b}' % (head, quote(key), until, message, happened)


def event_item(head: bytes, event: str, until: float) -> bytes:
    """Return an item that says what became of a station."""
    return b'%b,"until":%.3f,"event":%b}' % (head, until, quote(event))


def join(items: Iterable[bytes]) -> bytes:
    """Return the body of a message with these items."""
    return b"[%b]" % b",".join(items)


def split(body: bytes) -> tuple[list[Item], int]:
    """Return the items of a body, and the number of those that could not be read: a body with too many is one."""
    try:
        body.decode()  # messages are not looked into
        return _decode(body), 0
    except UNREADABLE:
        return _split_carefully(body)


def _split_carefully(body: bytes) -> tuple[list[Item], int]:
    """Read what can be read: the calls of other stations must not be lost by one that is odd."""
    try:
        body.decode()
        parts = _decode_parts(body)
    except UNREADABLE:
        return [], 1
    items = []
    for part in parts:
        try:
            items.append(_decode_item(part))
        except UNREADABLE:
            continue
    return items, len(parts) - len(items)


# The message of an item.


def read(text: bytes) -> Read | Unreadable:
    """Read the message of an item, whichever form it has."""
    return envelope.read_frame(text) if text.startswith(b"[") else envelope.read(text)


def written(message: Message, text: bytes, asked: Asked | None, *, raw: bool) -> bytes:
    """Return a message, whose frame is `text`, in the form that was agreed; `asked` is the call that it answers."""
    return text if raw else envelope.write(message, asked)


def failed(message_id: str, code: str, description: str, asked: Asked | None, *, raw: bool) -> bytes:
    """Return an error, in the form that was agreed."""
    if raw:
        return encode_error(message_id, code, description)
    return envelope.write_error(message_id, code, description, asked)


def frame(message: Call | Result | Error, message_id: str) -> bytes:
    """Return the frame of a message, under this id."""
    match message:
        case Call():
            return encode_call(message_id, message.action, message.payload, message.kind)
        case Result():
            return encode_result(message_id, message.payload)
        case _:
            return encode_error(message_id, message.code, message.description, message.details)
