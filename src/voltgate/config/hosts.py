"""Hosts in URLs: which names there can be, and which addresses a listener takes."""

from __future__ import annotations

import ipaddress
import re
import socket
from collections.abc import Iterator
from typing import TypeAlias

Network: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network

_LONGEST = 253
"""Characters of a name (RFC 1035 section 2.3.4, without the lengths' octets)."""
_LABEL = re.compile(r"[A-Za-z0-9_-]+")


def objection(host: str) -> str:
    """Return why there can be no host of this name or address; "" if there can."""
    if ":" in host:
        return "" if _is_address(host) else "is not an IPv6 address"
    labels = host.removesuffix(".").split(".")
    if not all(labels):
        return "has nothing between two dots, or before the first"
    if labels[-1].isdecimal():
        return "" if _is_address(host) else "is not an IPv4 address"
    try:
        encoded = host.encode("idna").decode()
    except UnicodeError:
        long = any(len(label) > 63 for label in labels)
        return "has a part of more than 63 characters" if long else "holds characters that no name of a host has"
    if len(encoded) > _LONGEST:
        return f"has more than {_LONGEST} characters"
    fits = all(_LABEL.fullmatch(label) for label in encoded.removesuffix(".").split("."))
    return "" if fits else "holds characters that no name of a host has"


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def is_loopback(host: str) -> bool:
    """Return whether a host is this machine, as it calls itself: nothing goes over a network to it."""
    return host == "localhost" or (_is_address(host) and ipaddress.ip_address(host).is_loopback)


def overlap(first: str, second: str, *, mapped: bool = False) -> bool:
    """Return whether two hosts of this machine have an address in common, wildcards being all of their family.

    `mapped`: an IPv6 wildcard takes IPv4 as well, as it does where nobody says otherwise (RFC 3493 section 3.7). Names
    are looked up; one that cannot be is taken for no address at all.
    """
    if first == second:
        return True
    ones, others = (list(_taken(host, mapped=mapped)) for host in (first, second))
    return any(one.version == other.version and one.overlaps(other) for one in ones for other in others)


def _taken(host: str, *, mapped: bool) -> Iterator[Network]:
    """Yield what listening on a host takes."""
    for text in [host] if _is_address(host) else _looked_up(host):
        address = ipaddress.ip_address(text.partition("%")[0])
        if isinstance(address, ipaddress.IPv6Address):
            address = address.ipv4_mapped or address
        if not address.is_unspecified:
            yield ipaddress.ip_network(address)
            continue
        if address.version == 4 or mapped:
            yield ipaddress.ip_network("0.0.0.0/0")
        if address.version == 6:
            yield ipaddress.ip_network("::/0")


def _looked_up(name: str) -> list[str]:
    try:
        return [str(info[4][0]) for info in socket.getaddrinfo(name, None, type=socket.SOCK_STREAM)]
    except (OSError, UnicodeError):
        return []
