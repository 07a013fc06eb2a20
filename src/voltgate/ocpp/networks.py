"""Networks: what counts as one address."""

from __future__ import annotations

import ipaddress


def network_of(address: str) -> str:
    """Return what counts as one address: itself, or for IPv6 its /64, which belongs to one subscriber."""
    if ":" not in address:
        return address
    try:
        parsed = ipaddress.IPv6Address(address.partition("%")[0])
    except ValueError:
        return address
    return str(parsed.ipv4_mapped or ipaddress.IPv6Network((int(parsed) >> 64 << 64, 64)))
