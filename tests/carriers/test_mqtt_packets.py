"""Packets of MQTT 5: what we write is read by another implementation, what comes is read whatever it is."""

from __future__ import annotations

import contextlib
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from voltgate.carriers.mqtt import packets
from voltgate.carriers.mqtt.packets import BadPacket


def split(data: bytes, largest: int = 1000) -> list[tuple[int, bytes]]:
    """Read packets that came at once."""
    return packets.split(bytearray(data), largest)


@pytest.mark.parametrize("number", [0, 1, 127, 128, 16_383, 16_384, 2_097_151, 2_097_152, 268_435_455])
def test_numbers_of_variable_length(number: int) -> None:
    """Both ends of each length (section 1.5.5, table 1-1)."""
    body = bytes(min(number, 20_000))
    data = b"\x30" + packets.varint(number)
    assert len(data) - 1 == 1 + (number > 127) + (number > 16_383) + (number > 2_097_151)
    if number <= 20_000:
        assert split(data + body, 20_000) == [(0x30, body)]


def test_a_connect() -> None:
    """A clean start of MQTT 5, with name and password only if there are some (section 3.1)."""
    plain = packets.connect("voltgate1", None, 60, 1000)
    assert plain == b"\x10\x1b\0\x04MQTT\x05\x02\0\x3c\x05\x27\0\0\x03\xe8\0\x09voltgate1"
    ((first, body),) = split(packets.connect("v", ("üser", ""), 0, 1000))
    assert (first, body[7]) == (0x10, 0b11000010)
    assert body.endswith(b"\0\x01v\0\x05" + "üser".encode() + b"\0\0")


@given(
    st.text(min_size=1, max_size=30),
    st.binary(max_size=300),
    st.binary(max_size=200),
    st.none() | st.integers(1, 65_535),
    st.booleans(),
)
def test_a_publish_there_and_back(
    topic: str, payload: bytes, correlation: bytes, packet_id: int | None, retain: bool
) -> None:
    """What is written is read again, whatever the lengths are."""
    said = packets.complete(b"\x09" + packets.field(correlation))
    data = packets.publish(packets.field(topic.encode()), said, payload, packet_id, retain=retain)
    ((first, body),) = split(data)
    found = packets.read_published(first, body)
    assert found == packets.Published(topic.encode(), payload, packet_id, retain, correlation)


def test_properties_of_another_implementation() -> None:
    """All properties that a PUBLISH may have are read past."""
    theirs = Properties(PacketTypes.PUBLISH)
    theirs.PayloadFormatIndicator = 1
    theirs.MessageExpiryInterval = 5
    theirs.ContentType = "application/json"
    theirs.ResponseTopic = "a/b"
    theirs.CorrelationData = b"xyz"
    theirs.SubscriptionIdentifier = 300
    theirs.UserProperty = ("a", "b")
    body = packets.field(b"t") + theirs.pack() + b"payload"
    assert packets.read_published(0x30, body) == packets.Published(b"t", b"payload", None, False, b"xyz")


def test_a_connack_of_another_implementation() -> None:
    """What the broker can do is read, and why it refuses."""
    theirs = Properties(PacketTypes.CONNACK)
    theirs.ReceiveMaximum = 20
    theirs.MaximumQoS = 0
    theirs.MaximumPacketSize = 5000
    theirs.ServerKeepAlive = 30
    theirs.ReasonString = "not you"
    code, found = packets.read_connack(b"\0\x87" + theirs.pack())
    assert (found[packets.RECEIVE_MAXIMUM], found[packets.MAXIMUM_QOS], found[packets.MAXIMUM_PACKET]) == (20, 0, 5000)
    assert found[packets.KEEP_ALIVE] == 30
    assert packets.reason(code, found) == "not authorized (0x87): not you"
    assert packets.reason(0xFE) == "reason code 0xFE"


def test_packets_in_pieces() -> None:
    """A packet is taken when the last byte of it is here, and what follows stays."""
    data = packets.puback(7) + packets.publish(packets.field(b"t"), b"\0", bytes(200), 1) + packets.PING
    for cut in range(len(data) + 1):
        buffer = bytearray(data[:cut])
        found = packets.split(buffer, 1000)
        buffer += data[cut:]
        found += packets.split(buffer, 1000)
        assert [first for first, _ in found] == [0x40, 0x32, 0xC0]
        assert not buffer


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"\x30\xff\xff\xff\xff", "more than four bytes"),
        (b"\x30\xe9\x07", "1001 bytes; it was told that 1000"),
    ],
)
def test_lengths_that_cannot_be(data: bytes, reason: str) -> None:
    """Nothing is waited for that would not be taken."""
    with pytest.raises(BadPacket, match=reason):
        split(data)


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "cut off"),
        (b"\0", "cut off"),
        (b"\0\x05ab", "cut off"),
        (b"\0\x01t", "cut off"),
        (b"\0\x01t\x05", "longer than their packet"),
        (b"\0\x01t\x01\x7e", "property 126"),
        (b"\0\x01t\x03\x02\0\0", "cut off"),
        (b"\0\x01t\x01\x02\0\0\0\0", "do not end where they say"),
        (b"\0\x01t\x03\x09\0\x05a", "cut off"),
        (b"\0\x01t\x02\x26\0", "cut off"),
        (b"\0\x01t\x05\x0b\xff\xff\xff\xff", "four bytes"),
    ],
)
def test_a_publish_that_is_none(body: bytes, reason: str) -> None:
    """Each is refused with what is wrong with it."""
    with pytest.raises(BadPacket, match=reason):
        packets.read_published(0x30, body)


def test_qos_2_is_refused() -> None:
    """Nothing was subscribed to with it."""
    with pytest.raises(BadPacket, match="QoS 2"):
        packets.read_published(0x34, b"\0\x01t\0\x01\0")


@given(st.integers(0, 255), st.binary(max_size=40))
def test_any_bytes_of_a_broker(first: int, body: bytes) -> None:
    """Whatever a broker sends, it is a packet or it is none: nothing else is raised."""
    for look in (
        lambda: packets.read_published(first, body),
        lambda: packets.read_connack(body),
        lambda: packets.read_ack(body),
        lambda: packets.read_codes(body),
        lambda: packets.read_disconnect(body),
        lambda: split(bytes((first,)) + body),
    ):
        with contextlib.suppress(BadPacket):
            look()


def test_acknowledgements() -> None:
    """A PUBACK without a reason code says that all is well (section 3.4.2.1)."""
    assert packets.read_ack(b"\0\x07") == (7, 0)
    assert packets.read_ack(b"\0\x07\x10\0") == (7, packets.NO_SUBSCRIBERS)
    assert packets.read_codes(b"\0\x07\0\x01\x87") == (7, b"\x01\x87")
    assert packets.read_disconnect(b"") == "reason code 0x00"
    assert packets.read_disconnect(b"\x98") == "administrative action (0x98)"


def test_subscriptions() -> None:
    """Our own messages do not come back, and kept ones only where they are wanted (section 3.8.3.1)."""
    ((first, body),) = split(packets.subscribe(5, [b"a", b"bc"], 1, retained=False))
    assert (first, body) == (0x82, struct.pack(">HB", 5, 0) + b"\0\x01a\x25\0\x02bc\x25")
    ((_, body),) = split(packets.subscribe(5, [b"a"], 0, retained=True))
    assert body.endswith(b"a\x04")
    assert split(packets.unsubscribe(6, [b"a"])) == [(0xA2, b"\0\x06\0\0\x01a")]
