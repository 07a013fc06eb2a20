"""Lists of stations as text: one identity a line, or lines of a hosts file."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import BinaryIO

from voltgate.client.failure import Refused
from voltgate.client.terminal_text import clean, counted, listed

LARGEST = 32 * 1024 * 1024
"""Bytes of a list that the API accepts."""
_SHOWN = 5


@dataclass(frozen=True, slots=True)
class HostLine:
    """One line `<IP> <identity>` of a hosts file: this station belongs to the backend at this address."""

    number: int
    ip: str
    identity: str


def read_text(file: BinaryIO, name: str) -> str:
    """Return the whole text of a list. Raises Refused if it is too large or not UTF-8."""
    data = file.read(LARGEST + 1)
    if len(data) > LARGEST:
        raise Refused(f"{name} is larger than {LARGEST // 1024 // 1024} MB: that is no list of stations")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise Refused(f"{name}, line {line}: is not UTF-8 text") from None


def read_list(text: str, name: str) -> list[str]:
    """Return the identities, one a line, each once, in order. Raises Refused for lines of a hosts file."""
    identities: dict[str, None] = {}
    for number, line in _lines(text):
        first, *rest = line.split(maxsplit=1)
        if rest and ip_of(first) is not None:
            raise Refused(f"{name}, line {number}: an address stands before the identity: give such a file to --hosts")
        identities[line] = None
    return list(identities)


def read_hosts(text: str, name: str) -> list[HostLine]:
    """Return lines `<IP> <identity>`. Raises Refused with the numbers of all lines that are not, or that conflict."""
    found: dict[str, HostLine] = {}
    wrong: list[str] = []
    for number, line in _lines(text):
        first, *rest = line.split(maxsplit=1)
        ip = ip_of(first)
        if ip is None or not rest:
            wrong.append(f'line {number}: "{clean(line[:80])}" is not an IP address and an identity')
            continue
        earlier = found.setdefault(rest[0], HostLine(number, ip, rest[0]))
        if earlier.ip != ip:
            wrong.append(f'line {number}: "{clean(rest[0])}" belongs to {earlier.ip} already on line {earlier.number}')
    if wrong:
        raise Refused(several(name, wrong))
    return list(found.values())


def several(name: str, wrong: list[str]) -> str:
    """Return a message with the first few mistakes of a file, and how many more there are."""
    more = [f"{counted(len(wrong) - _SHOWN, 'more line')} like these"] if len(wrong) > _SHOWN else []
    return f"{name}: {'; '.join([*wrong[:_SHOWN], *more])}. Nothing was changed"


def ip_of(text: str) -> str | None:
    """Return an IP address in its canonical spelling, IPv4 also if it was mapped into IPv6; None if it is not one."""
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return str(mapped or address)


def _lines(text: str) -> Iterator[tuple[int, str]]:
    """Yield the lines that are not empty, with their numbers; `#` at the start or after a blank begins a comment."""
    for number, line in enumerate(text.split("\n"), 1):
        content = _without_comment(line).strip()
        if content:
            yield number, content


def _without_comment(line: str) -> str:
    if "#" not in line:
        return line
    comments = (index for index, letter in enumerate(line) if letter == "#" and line[max(index - 1, 0)] in "# \t")
    return line[: next(comments, None)]


def numbers(lines: Iterable[HostLine]) -> str:
    """Return line numbers as text: "line 3", "lines 3, 4 and 5"."""
    found = [str(line.number) for line in lines]
    shown = [*found[:_SHOWN], f"{len(found) - _SHOWN:,} more"] if len(found) > _SHOWN + 1 else found
    return f"line{'' if len(found) == 1 else 's'} {listed(shown)}"
