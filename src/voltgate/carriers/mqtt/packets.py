"""The packets of MQTT 5 that a client of QoS 0 and 1 needs, as bytes and back. No I/O.

Source: MQTT Version 5.0, OASIS Standard of 7 March 2019; sections are named where they count.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

CONNECT, CONNACK, PUBLISH, PUBACK, SUBSCRIBE, SUBACK, UNSUBSCRIBE, UNSUBACK = 1, 2, 3, 4, 8, 9, 10, 11
PINGREQ, PINGRESP, DISCONNECT = 12, 13, 14
"""The packet types (section 2.1.2)."""

CONTENT_TYPE, RESPONSE_TOPIC, CORRELATION, KEEP_ALIVE, REASON = 3, 8, 9, 19, 31
RECEIVE_MAXIMUM, MAXIMUM_QOS, MAXIMUM_PACKET = 33, 36, 39
"""The properties that count here (section 2.2.2.2)."""

NO_SUBSCRIBERS = 0x10
"""PUBACK: the broker has the message, and nobody to give it to (section 3.4.2.1)."""
REFUSED = 0x80
"""Reason codes from this one on are failures."""
TOO_LARGE, QUOTA = 0x95, 0x97
NOT_OURS = frozenset({0x87, 0x90})
"""Of those: the ones that are meant for a topic, and not for a moment or a message."""

_FORMS = {
    **dict.fromkeys((1, 23, 25, 36, 37, 40, 41, 42), "B"),
    **dict.fromkeys((19, 33, 34, 35), "H"),
    **dict.fromkeys((2, 17, 24, 39), "I"),
    **dict.fromkeys((3, 8, 9, 18, 21, 22, 26, 28, 31), "bytes"),
    11: "varint",
    38: "pair",
}
_REASONS = {
    0x81: "malformed packet",
    0x82: "protocol error",
    0x84: "it does not speak MQTT 5",
    0x85: "client identifier not valid",
    0x86: "bad user name or password",
    0x87: "not authorized",
    0x88: "server unavailable",
    0x89: "server busy",
    0x8A: "banned",
    0x8B: "server shutting down",
    0x8D: "keep alive timeout",
    0x8E: "session taken over",
    0x90: "topic name invalid",
    0x93: "receive maximum exceeded",
    0x95: "packet too large",
    0x96: "message rate too high",
    0x97: "quota exceeded",
    0x98: "administrative action",
    0x9C: "use another server",
    0x9D: "server moved",
    0x9F: "connection rate exceeded",
}

Value: TypeAlias = int | bytes
Properties: TypeAlias = Mapping[int, Value]


class BadPacket(Exception):  # noqa: N818 - what the broker did
    """The broker sent bytes that are no packet of MQTT 5; the text says why."""


def reason(code: int, properties: Properties | None = None) -> str:
    """Return what a reason code says, and what the broker says besides."""
    named = f"{_REASONS[code]} (0x{code:02X})" if code in _REASONS else f"reason code 0x{code:02X}"
    said = (properties or {}).get(REASON)
    return f"{named}: {said.decode(errors='replace')[:200]}" if isinstance(said, bytes) else named


# Writing.


def varint(number: int) -> bytes:
    """Write a variable byte integer (section 1.5.5)."""
    if number < 128:
        return bytes((number,))
    written = bytearray()
    while number > 127:
        written.append(number & 127 | 128)
        number >>= 7
    written.append(number)
    return bytes(written)


def field(data: bytes) -> bytes:
    """Write binary data, or a string in UTF-8, behind its length (sections 1.5.4, 1.5.6)."""
    return struct.pack(">H", len(data)) + data


def _packet(first: int, body: bytes) -> bytes:
    return bytes((first,)) + varint(len(body)) + body


def complete(body: bytes) -> bytes:
    """Write properties behind their length."""
    return varint(len(body)) + body


def user_property(name: str, value: str) -> bytes:
    """Write a user property (section 3.3.2.3.7)."""
    return b"\x26" + field(name.encode()) + field(value.encode())


@dataclass(frozen=True, slots=True)
class Will:
    """A message that the broker publishes, and keeps for a day, when the connection has ended otherwise than well."""

    topic: bytes
    payload: bytes


FOR_A_DAY = b"\x05\x02" + struct.pack(">I", 86_400)
"""Complete properties: the message expires in a day (section 3.3.2.3.3)."""


def connect(
    client_id: str, login: tuple[str, str] | None, keep_alive: int, largest: int, will: Will | None = None
) -> bytes:
    """Write a CONNECT: a clean start, and a session that ends with the connection.

    `keep_alive` is in seconds, `largest` what we take of the broker in bytes; `login` user name and password.
    """
    flags, payload = 0b10, field(client_id.encode())
    if will is not None:
        flags |= 0b101100
        payload += FOR_A_DAY + field(will.topic) + field(will.payload)
    if login is not None:
        flags |= 0b11000000
        payload += field(login[0].encode()) + field(login[1].encode())
    said = complete(struct.pack(">BI", MAXIMUM_PACKET, largest))
    head = field(b"MQTT") + struct.pack(">BBH", 5, flags, keep_alive)
    return _packet(CONNECT << 4, head + said + payload)


def publish(topic: bytes, properties: bytes, payload: bytes, packet_id: int | None, *, retain: bool = False) -> bytes:
    """Write a PUBLISH: of QoS 1 with a packet id, else of QoS 0. `topic` is a `field`, `properties` are complete."""
    numbered = b"" if packet_id is None else packet_id.to_bytes(2, "big")
    first = PUBLISH << 4 | (0 if packet_id is None else 2) | retain
    size = len(topic) + len(numbered) + len(properties) + len(payload)
    return b"".join((bytes((first,)), varint(size), topic, numbered, properties, payload))


def puback(packet_id: int) -> bytes:
    """Write a PUBACK that says that all is well."""
    return b"\x40\x02" + packet_id.to_bytes(2, "big")


def subscribe(packet_id: int, topics: Iterable[bytes], qos: int, *, retained: bool) -> bytes:
    """Write a SUBSCRIBE; `retained` asks for the messages that the broker keeps for these topics.

    What we publish ourselves does not come back (section 3.8.3.1).
    """
    options = bytes((qos | 0b100 | (0 if retained else 2 << 4),))
    return _packet(0x82, packet_id.to_bytes(2, "big") + b"\0" + b"".join(field(topic) + options for topic in topics))


def unsubscribe(packet_id: int, topics: Iterable[bytes]) -> bytes:
    """Write an UNSUBSCRIBE."""
    return _packet(0xA2, packet_id.to_bytes(2, "big") + b"\0" + b"".join(map(field, topics)))


PING = b"\xc0\x00"
GOODBYE = b"\xe0\x00"
"""A DISCONNECT that says that all is well."""


# Reading.


@dataclass(frozen=True, slots=True)
class Published:
    """A PUBLISH of the broker. `packet_id` is None for QoS 0."""

    topic: bytes
    payload: bytes
    packet_id: int | None
    retained: bool
    correlation: bytes | None


def split(buffer: bytearray, largest: int) -> list[tuple[int, bytes]]:
    """Take the complete packets off the front of `buffer`: the first byte and the rest of each. Raise BadPacket."""
    found: list[tuple[int, bytes]] = []
    at = 0
    while (head := _number(buffer, at + 1)) is not None:
        length, begin = head
        if length > largest:
            raise BadPacket(f"a packet of {length} bytes; it was told that {largest} are taken")
        if len(buffer) - begin < length:
            break
        found.append((buffer[at], bytes(buffer[begin : begin + length])))
        at = begin + length
    del buffer[:at]
    return found


def _number(data: bytes | bytearray, at: int) -> tuple[int, int] | None:
    """Read a variable byte integer: return it and where it ends; None if it is cut off. Raise BadPacket."""
    number = 0
    for place in range(4):
        if at + place >= len(data):
            return None
        byte = data[at + place]
        number |= (byte & 127) << 7 * place
        if byte < 128:
            return number, at + place + 1
    raise BadPacket("a number of more than four bytes")


def read_properties(body: bytes, at: int) -> tuple[dict[int, Value], int]:
    """Read the properties that begin at `at`; return them and where they end. Raise BadPacket."""
    length, at = _varint(body, at)
    end = at + length
    found: dict[int, Value] = {}
    if end > len(body):
        raise BadPacket("properties that are longer than their packet")
    while at < end:
        name = body[at]
        value, at = _value(name, body, at + 1)
        found[name] = value
    if at != end:
        raise BadPacket("properties that do not end where they say")
    return found, end


def _value(name: int, body: bytes, at: int) -> tuple[Value, int]:
    form = _FORMS.get(name)
    try:
        match form:
            case "B" | "H" | "I":
                (number,) = struct.unpack_from(f">{form}", body, at)
                return number, at + struct.calcsize(form)
            case "varint":
                return _varint(body, at)
            case "bytes":
                return _data(body, at)
            case "pair":
                key, at = _data(body, at)
                _, at = _data(body, at)
                return key, at
            case _:
                raise BadPacket(f"property {name}, which MQTT 5 does not have")
    except struct.error:
        raise BadPacket("properties that are cut off") from None


def _varint(body: bytes, at: int) -> tuple[int, int]:
    found = _number(body, at)
    if found is None:
        raise BadPacket("a packet that is cut off")
    return found


def _data(body: bytes, at: int) -> tuple[bytes, int]:
    if at + 2 > len(body):
        raise BadPacket("a packet that is cut off")
    end = at + 2 + int.from_bytes(body[at : at + 2], "big")
    if end > len(body):
        raise BadPacket("a packet that is cut off")
    return body[at + 2 : end], end


def read_published(first: int, body: bytes) -> Published:
    """Read a PUBLISH. Raise BadPacket, for QoS 2 as well: nothing was subscribed to with it."""
    qos = first >> 1 & 3
    topic, at = _data(body, 0)
    packet_id = None
    if qos > 1:
        raise BadPacket("a PUBLISH of QoS 2, which nobody asked for")
    if qos:
        packet_id, at = int.from_bytes(body[at : at + 2], "big"), at + 2
    properties, at = read_properties(body, at)
    correlation = properties.get(CORRELATION)
    return Published(
        topic, body[at:], packet_id, bool(first & 1), correlation if isinstance(correlation, bytes) else None
    )


def read_connack(body: bytes) -> tuple[int, dict[int, Value]]:
    """Read a CONNACK: its reason code and its properties. Raise BadPacket."""
    if len(body) < 2:
        raise BadPacket("a CONNACK that is cut off")
    properties = read_properties(body, 2)[0] if len(body) > 2 else {}
    return body[1], properties


def read_ack(body: bytes) -> tuple[int, int]:
    """Read a PUBACK: its packet id and its reason code. Raise BadPacket."""
    if len(body) < 2:
        raise BadPacket("a PUBACK that is cut off")
    return int.from_bytes(body[:2], "big"), body[2] if len(body) > 2 else 0


def read_codes(body: bytes) -> tuple[int, bytes]:
    """Read a SUBACK or UNSUBACK: its packet id and a reason code for each topic. Raise BadPacket."""
    if len(body) < 3:
        raise BadPacket("a SUBACK that is cut off")
    _, at = read_properties(body, 2)
    return int.from_bytes(body[:2], "big"), body[at:]


def read_disconnect(body: bytes) -> str:
    """Return why the broker closes the connection."""
    properties = read_properties(body, 1)[0] if len(body) > 1 else {}
    return reason(body[0] if body else 0, properties)
