"""Lists of stations as text: one identity a line, or lines of a hosts file."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import BinaryIO

from voltgate.client.failure import Refused
from voltgate.client.terminal_text import clean, counted, listed

LARGEST = 32 * 1024 * 1024
"""Bytes of a list: what the API takes."""
_SHOWN = 5


@dataclass(frozen=True, slots=True)
class HostLine:
    """One line `<IP> <identity>` of a hosts file: this station belongs to the backend at this address."""

    number: int
    ip: str
    identity: str


def read_text(file: BinaryIO, name: str) -> str:
    """Read a list whole. Raises Refused for what is too large or no UTF-8."""
    data = file.read(LARGEST + 1)
    if len(data) > LARGEST:
        raise Refused(f"{name} is larger than {LARGEST // 1024 // 1024} MB: that is no list of stations")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise Refused(f"{name}, line {line}: is not UTF-8 text") from None


def read_list(text: str, name: str) -> list[str]:
    """Read one identity a line, each once, in order. Raises Refused for lines of a hosts file."""
    identities: dict[str, None] = {}
    for number, line in _lines(text):
        first, *rest = line.split(maxsplit=1)
        if rest and ip_of(first) is not None:
            raise Refused(f"{name}, line {number}: an address stands before the identity: give such a file to --hosts")
        identities[line] = None
    return list(identities)


def read_hosts(text: str, name: str) -> list[HostLine]:
    """Read lines `<IP> <identity>`. Raises Refused with the numbers of all lines that are not, or disagree."""
    found: dict[str, HostLine] = {}
    wrong: list[str] = []
    for number, line in _lines(text):
        first, *rest = line.split(maxsplit=1)
        ip = ip_of(first)
        if ip is None or not rest:
            wrong.append(f'line {number}: "{clean(line[:80])}" is not an IP address and an identity')
            continue
        known = found.setdefault(rest[0], HostLine(number, ip, rest[0]))
        if known.ip != ip:
            wrong.append(f'line {number}: "{clean(rest[0])}" belongs to {known.ip} already on line {known.number}')
    if wrong:
        raise Refused(several(name, wrong))
    return list(found.values())


def several(name: str, wrong: list[str]) -> str:
    """Say what is wrong with a few lines of a file, and how many more there are."""
    more = [f"{counted(len(wrong) - _SHOWN, 'more line')} like these"] if len(wrong) > _SHOWN else []
    return f"{name}: {'; '.join([*wrong[:_SHOWN], *more])}. Nothing was changed"


def ip_of(text: str) -> str | None:
    """Give an IP address in its one spelling, IPv4 also where it was mapped into IPv6; None: it is none."""
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return str(mapped or address)


def _lines(text: str) -> Iterator[tuple[int, str]]:
    """Give the lines that say something, with their numbers: `#` at the start or behind a blank begins a comment."""
    for number, line in enumerate(text.split("\n"), 1):
        said = _without_comment(line).strip()
        if said:
            yield number, said


def _without_comment(line: str) -> str:
    if "#" not in line:
        return line
    places = (place for place, letter in enumerate(line) if letter == "#" and line[max(place - 1, 0)] in "# \t")
    return line[: next(places, None)]


def numbers(lines: Iterable[HostLine]) -> str:
    """Name lines by number: "line 3", "lines 3, 4 and 5"."""
    found = [str(line.number) for line in lines]
    shown = [*found[:_SHOWN], f"{len(found) - _SHOWN:,} more"] if len(found) > _SHOWN + 1 else found
    return f"line{'' if len(found) == 1 else 's'} {listed(shown)}"
