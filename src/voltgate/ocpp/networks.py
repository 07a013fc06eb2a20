"""Networks: what counts as one address, and what is remembered of so many of them."""

from __future__ import annotations

import ipaddress
from collections import OrderedDict
from collections.abc import Hashable
from typing import TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


def network_of(address: str) -> str:
    """Return what counts as one address: itself, or for IPv6 its /64, which belongs to one subscriber.

    One of IPv4 that is written as IPv6 (RFC 4291 section 2.5.5.2) is that of IPv4.
    """
    if ":" not in address:
        return address
    try:
        parsed = ipaddress.IPv6Address(address)
    except ValueError:
        return address
    return str(parsed.ipv4_mapped or ipaddress.IPv6Network((int(parsed) >> 64 << 64, 64)))


def remember(table: OrderedDict[K, V], key: K, value: V, most: int) -> None:
    """Put something into a table of `most`; what was put there longest ago goes first."""
    table[key] = value
    table.move_to_end(key)
    if len(table) > most:
        table.popitem(last=False)
