"""WebSocket frames, written without regard to whether they are legal."""

from __future__ import annotations

import os
import struct


def frame(opcode: int, data: bytes, *, fin: bool = True, rsv1: bool = False, mask: bool = True) -> bytes:
    """Return one frame; it need not be a legal one."""
    length = len(data)
    head = bytes([fin << 7 | rsv1 << 6 | opcode])
    bit = mask << 7
    if length < 126:
        head += bytes([bit | length])
    elif length < 1 << 16:
        head += struct.pack("!BH", bit | 126, length)
    else:
        head += struct.pack("!BQ", bit | 127, length)
    if not mask:
        return head + data
    key = os.urandom(4)
    whole = (key * (length // 4 + 1))[:length]
    return head + key + (int.from_bytes(data, "big") ^ int.from_bytes(whole, "big")).to_bytes(length, "big")
