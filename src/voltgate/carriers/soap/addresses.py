"""Callback addresses that stations give: which of them may be called."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable
from typing import TypeAlias
from urllib.parse import urlsplit

from voltgate.carriers.soap.target import target

LONGEST = 1000
"""Characters of an address that a station may give."""

Network: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network

_unfit = re.compile(r"[^!-~]").search
"""Finds what may not stand in the request line of a call."""


def is_allowed(address: str, networks: Iterable[Network], source: str = "") -> bool:
    """Return whether a station may be called at an address that it gave: always an IP, never a name.

    It lies in one of `networks`, or is `source` where there are none; that is "" for an address on record, which was
    the station's own when it came.
    """
    try:
        parts = urlsplit(address)
        host = _plain(ipaddress.ip_address(parts.hostname or ""))
        target(address)
    except ValueError:
        return False
    if parts.username is not None or len(address) > LONGEST or _unfit(address):
        return False
    within = tuple(networks)
    return any(host in network for network in within) if within else source in ("", str(host))


def _plain(host: ipaddress.IPv4Address | ipaddress.IPv6Address) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    """Return the IPv4 address that an IPv6 one stands for (RFC 4291 section 2.5.5.2): networks are of the former."""
    return (host.ipv4_mapped if isinstance(host, ipaddress.IPv6Address) else None) or host
