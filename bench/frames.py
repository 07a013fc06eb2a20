"""The calls that the bench sends, their answers, and the websocket frames of both, made beforehand.

Everything is valid OCPP 1.6 (JSON): a frame is put together from finished parts, and only the twelve hexadecimal digits
at the end of the message id differ from call to call. They start on a multiple of four, so that one table of masked
digits serves every frame of a process (RFC 6455 section 5.3).
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass

from websockets.speedups import apply_mask

TEXT = 0x81
"""First byte of an unfragmented text frame."""
ID_AT, ID_END = 4, 40
"""Where the message id stands in `[2,"…"` and in `[3,"…"`: 36 characters, as a UUID has."""
OPENING = "5f0e7a10-0000-4000-8000-"
"""The first 24 characters of every id; then four digits name the station and eight count its calls."""
DIGITS = 16**4
MOMENT = "2026-11-21T00:00:00.000Z"


@dataclass(frozen=True, slots=True)
class Kind:
    """One call of the bench: its action, its payload and the payload of its answer (JSON)."""

    name: str
    action: str
    payload: bytes
    answer: bytes

    def call(self, message_id: bytes) -> bytes:
        """Give the whole text of the call with that id."""
        return b'[2,"%s","%s",%s]' % (message_id, self.action.encode(), self.payload)

    def result(self, message_id: bytes) -> bytes:
        """Give the whole text of the answer to the call with that id."""
        return b'[3,"%s",%s]' % (message_id, self.answer)

    @property
    def size(self) -> int:
        """Bytes of the call's text, by which the backend tells the kinds apart."""
        return len(self.call(bytes(ID_END - ID_AT)))


def compact(value: object) -> bytes:
    """Write JSON as chargers do: without spaces."""
    return json.dumps(value, separators=(",", ":")).encode()


def sample(value: str, measurand: str, phase: str, unit: str) -> dict[str, str]:
    """Give one sampled value (OCPP 1.6 section 7.43) with the fields that chargers fill in."""
    found = {"value": value, "context": "Sample.Periodic", "measurand": measurand}
    return found | ({"phase": phase} if phase else {}) | {"unit": unit}


SAMPLES = [
    sample("4711.250", "Energy.Active.Import.Register", "", "Wh"),
    sample("11040.00", "Power.Active.Import", "", "W"),
    *(sample(f"16.{n}0", "Current.Import", f"L{n}", "A") for n in (1, 2, 3)),
    *(sample(f"23{n}.40", "Voltage", f"L{n}-N", "V") for n in (1, 2, 3)),
    sample("16.00", "Current.Offered", "", "A"),
    sample("41.00", "SoC", "", "Percent"),
    *(sample(f"368{n}.00", "Power.Active.Import", f"L{n}", "W") for n in (1, 2, 3)),
    *(sample(f"15{n}0.417", "Energy.Active.Import.Register", f"L{n}", "Wh") for n in (1, 2, 3)),
    *(sample(f"21{n}.00", "Power.Reactive.Import", f"L{n}", "var") for n in (1, 2, 3)),
]


def meter_values(size: int) -> Kind:
    """Make a MeterValues call of exactly `size` bytes: as many sampled values as fit, with zeros to fill up."""
    count = 1
    while count < len(SAMPLES) and measured(count + 1, 0).size <= size:
        count += 1
    return measured(count, size - measured(count, 0).size)


def measured(count: int, zeros: int) -> Kind:
    """Make a MeterValues call with `count` sampled values, whose decimals are lengthened by `zeros` digits in all."""
    more = [zeros // count + (n < zeros % count) for n in range(count)]
    samples = [SAMPLES[n] | {"value": SAMPLES[n]["value"] + "0" * more[n]} for n in range(count)]
    values = [{"timestamp": MOMENT, "sampledValue": samples}]
    return Kind(f"MeterValues({count})", "MeterValues", compact({"connectorId": 1, "meterValue": values}), b"{}")


BOOT = Kind(
    "BootNotification",
    "BootNotification",
    compact(
        {
            "chargePointVendor": "Example Vendor",
            "chargePointModel": "Example Model 22",
            "chargePointSerialNumber": "EX-0000-0001",
            "firmwareVersion": "1.2.3-bench",
            "meterType": "Example meter",
        }
    ),
    compact({"status": "Accepted", "currentTime": MOMENT, "interval": 300}),
)
SMALL = Kind("Heartbeat", "Heartbeat", b"{}", compact({"currentTime": MOMENT}))
MIDDLE, LARGE = meter_values(394), meter_values(1940)
PATTERN = (SMALL, MIDDLE, LARGE, SMALL, MIDDLE, SMALL, LARGE, MIDDLE, SMALL, LARGE)
"""57, 394 and 1,940 bytes, 4:3:3, mixed."""
KINDS = (BOOT, SMALL, MIDDLE, LARGE)
BY_SIZE = {kind.size: kind for kind in KINDS}


def head(length: int, masked: bool) -> bytes:
    """Write the head of a text frame for `length` bytes of payload (RFC 6455 section 5.2), without the mask itself."""
    bit = 0x80 if masked else 0
    if length < 126:
        return bytes((TEXT, bit | length))
    if length < 65536:
        return bytes((TEXT, bit | 126)) + length.to_bytes(2, "big")
    return bytes((TEXT, bit | 127)) + length.to_bytes(8, "big")


class Mint:
    """Makes a process's masked calls and the answers that they must get."""

    __slots__ = ("_calls", "_digits", "_mask", "_plain", "_results")

    def __init__(self, mask: bytes | None = None) -> None:
        mask = mask or os.urandom(4)
        self._mask = mask
        self._plain = [b"%04x" % n for n in range(DIGITS)]
        self._digits = [apply_mask(text, mask) for text in self._plain]
        blank = bytes(ID_END - ID_AT)
        self._calls = {k: (head(k.size, True) + mask, apply_mask(k.call(blank)[ID_END:], mask)) for k in KINDS}
        self._results = {k: (head(len(k.result(blank)), False) + b'[3,"', k.result(blank)[ID_END:]) for k in KINDS}

    def openings(self, station: int) -> tuple[bytes, bytes]:
        """Give what a station's (0 to 65,535) calls share: masked from the payload's start, plain from the id's."""
        plain = OPENING.encode() + self._plain[station]
        return apply_mask(b'[2,"' + plain, self._mask), plain

    def mint(self, kind: Kind, openings: tuple[bytes, bytes], sequence: int) -> tuple[bytes, bytes]:
        """Give the frame of a station's call number `sequence` and the frame of its answer."""
        masked, plain = openings
        high, low = sequence >> 16, sequence & 0xFFFF
        before, after = self._calls[kind]
        opening, rest = self._results[kind]
        frame = b"".join((before, masked, self._digits[high], self._digits[low], after))
        return frame, b"".join((opening, plain, self._plain[high], self._plain[low], rest))


def sequence_of(message_id: bytes) -> int:
    """Give the number of the call that has this id; -1 when it is none of ours."""
    if len(message_id) != ID_END - ID_AT or not message_id.startswith(OPENING.encode()):
        return -1
    try:
        return int(message_id[28:], 16)
    except ValueError:
        return -1


class Reader:
    """Takes a stream of frames apart however it was cut; for what does not come as one whole text frame a read."""

    __slots__ = ("_buffer", "_parts")

    def __init__(self) -> None:
        self._buffer = b""
        self._parts: list[bytes] = []

    @property
    def idle(self) -> bool:
        """Tell whether nothing is left over from earlier reads."""
        return not self._buffer and not self._parts

    def feed(self, data: bytes) -> list[tuple[int, bytes]]:
        """Take bytes in; give each complete message and control frame as its opcode and its unmasked payload."""
        self._buffer += data
        found = []
        while (frame := self._next()) is not None:
            final, opcode, payload = frame
            if opcode >= 8:
                found.append((opcode, payload))
                continue
            self._parts.append(payload)
            if final:
                found.append((1, b"".join(self._parts)))
                self._parts = []
        return found

    def _next(self) -> tuple[bool, int, bytes] | None:
        data = self._buffer
        if len(data) < 2:
            return None
        length, at = data[1] & 0x7F, 2
        if length >= 126:
            at = 4 if length == 126 else 10
            length = int.from_bytes(data[2:at], "big")
        masked = bool(data[1] & 0x80)
        end = at + (4 if masked else 0) + length
        if len(data) < max(end, at):
            return None
        payload = apply_mask(data[at + 4 : end], data[at : at + 4]) if masked else data[at:end]
        self._buffer = data[end:]
        return bool(data[0] & 0x80), data[0] & 0x0F, payload


def control(opcode: int, payload: bytes, masked: bool) -> bytes:
    """Write a control frame: 8 close, 9 ping, 10 pong."""
    mask = os.urandom(4) if masked else b""
    text = apply_mask(payload, mask) if masked else payload
    return bytes((0x80 | opcode, (0x80 if masked else 0) | len(payload))) + mask + text
