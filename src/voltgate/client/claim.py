"""The command `claim`: replaces or changes the list of stations that a backend claims."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

import typer

from voltgate.client.api import LONG, Api, path
from voltgate.client.failure import Failure, Refused
from voltgate.client.identities import HostLine, ip_of, numbers, read_hosts, read_list, read_text, several
from voltgate.client.output import Json, print_json, remark
from voltgate.client.terminal_text import clean, counted, moment
from voltgate.client.views import all_backends

SSH = "SSH_CONNECTION"
"""The variable in which sshd names the connection: client address and port, server address and port."""
_STDIN = "standard input"
_SHOWN = 10
MOST = 250_000
"""Stations that the API accepts in one call."""


@dataclass(frozen=True, slots=True)
class BackendAddress:
    """The address of the backend that a list is for: URLs, an IP with the configured ports, or unchanged."""

    url: str | None = None
    soap_url: str | None = None
    ip: str | None = None

    def as_dict(self) -> Json:
        """Return the keys of the API's body for it."""
        keys = {"url": self.url, "soap_url": self.soap_url, "ip": self.ip}
        return {key: value for key, value in keys.items() if value is not None}


def new_address(url: str | None, soap_url: str | None, ip: str | None, *, from_ssh: bool) -> BackendAddress:
    """Return the new address of a backend, from the command's options. Raises Refused."""
    if from_ssh:
        return BackendAddress(ip=ip_of_ssh(os.environ))
    return BackendAddress(url, soap_url, None if ip is None else sound_ip(ip))


def run_list(api: Api, backend: str, address: BackendAddress, force: bool, as_json: bool) -> None:
    """Claim the list on standard input."""
    stations = read_list(_standard_input(), _STDIN)
    report(replace(api, backend, stations, address, force), as_json)


def run_change(api: Api, backend: str, how: Literal["add", "remove"], address: BackendAddress, as_json: bool) -> None:
    """Add the stations on standard input, or remove them."""
    stations = read_list(_standard_input(), _STDIN)
    if not stations:
        raise Refused(f"there is no station in {_STDIN}: nothing was changed")
    report(change(api, backend, how, stations, address), as_json)


def run_hosts(api: Api, file: str, force: bool, as_json: bool) -> None:
    """Claim the stations of a hosts file, `-` being standard input; the JSON is a line for each backend."""
    if file == "-":
        lines, name = read_hosts(_standard_input(), _STDIN), _STDIN
    else:
        lines, name = read_hosts(_text_of(Path(file)), file), file
    if not lines:
        raise Refused(f"there is no station in {name}: nothing was changed")
    for answer in claim_hosts(api, lines, name, force):
        report(answer, as_json)


def _standard_input() -> str:
    if sys.stdin.isatty():
        remark("one identity a line; Ctrl-D ends the list")
    return read_text(sys.stdin.buffer, _STDIN)


def _text_of(file: Path) -> str:
    try:
        with file.open("rb") as data:
            return read_text(data, str(file))
    except OSError as error:
        raise Refused(f"{file} cannot be read: {error.strerror}") from None


def ip_of_ssh(environ: Mapping[str, str]) -> str:
    """Return the client address of the ssh connection. Raises Refused."""
    ip = ip_of(environ.get(SSH, "").partition(" ")[0])
    if ip is None:
        raise Refused(f"--ip-from-ssh wants to be run by sshd, which says in {SSH} who is connected: give --ip")
    return ip


def sound_ip(text: str) -> str:
    """Return an address in its canonical spelling. Raises Refused."""
    ip = ip_of(text)
    if ip is None:
        raise Refused(f'"{clean(text)}" is no IP address: give one like 192.0.2.7, or a whole URL by --url')
    return ip


def replace(api: Api, backend: str, stations: list[str], address: BackendAddress, force: bool) -> Json:
    """Replace the list that a backend claims. Raises Refused, with what to do if it shrank too much."""
    _bounded(stations)
    body = {"stations": stations, **address.as_dict()}
    query = {"force": True} if force else {}
    try:
        answer: Json = api.ask("PUT", path("backends", backend, "stations"), body, query=query, wait=LONG)
    except Refused as refused:
        raise _shrunk(refused) from None
    return answer


def _bounded(stations: list[str]) -> None:
    if len(stations) > MOST:
        excess = f"the list holds {counted(len(stations), 'station')}, and one call takes {MOST:,}"
        raise Refused(f"{excess}: claim the first ones so, and the others by --add")


def _shrunk(refused: Refused) -> Refused:
    """Return the refusal of a list that shrank too much with how to force it; other refusals unchanged."""
    now, before = refused.members.get("stations"), refused.members.get("before")
    if not isinstance(now, int) or not isinstance(before, int):
        return refused
    lost = f"the list holds {counted(now, 'station')}, the one before held {before:,}: nothing was changed"
    return Refused(f"{lost}; if that is meant, say so with --force", refused.status)


def change(api: Api, backend: str, how: Literal["add", "remove"], stations: list[str], address: BackendAddress) -> Json:
    """Add stations to the list that a backend claims, or remove them from it."""
    _bounded(stations)
    answer: Json = api.ask(
        "PATCH", path("backends", backend, "stations"), {how: stations, **address.as_dict()}, wait=LONG
    )
    return answer


def report(answer: Json, as_json: bool) -> None:
    """Print the result of a list: the number of stations, what changed, and which other backends claim some of them."""
    if as_json:
        print_json(answer)
        return
    typer.echo(clean(_summary(answer)))
    for line in _conflicts(answer):
        remark(line)


def _summary(answer: Json) -> str:
    changes = f"{answer.get('added', 0):,} added, {answer.get('removed', 0):,} removed"
    urls = [str(answer[key]) for key in ("url", "soap_url") if answer.get(key)]
    at = f"; at {' and '.join(urls)}" if urls else ""
    return f"{answer.get('backend')} claims {counted(answer.get('stations', 0), 'station')}: {changes}{at}"


def _conflicts(answer: Json) -> Iterator[str]:
    conflicts = answer.get("conflicts") or []
    for conflict in conflicts[:_SHOWN]:
        holder = conflict.get("held_by") or "nobody"
        claims = [f"{one.get('backend')} since {moment(one.get('since'))}" for one in conflict.get("claims") or []]
        yield clean(f"contested: {conflict.get('station')} goes to {holder}; claimed by {' and '.join(claims)}")
    contested = answer.get("contested", len(conflicts))
    if contested > _SHOWN:
        yield f"{counted(contested, 'station')} contested in all: `voltgate claims --contested` lists them"


def claim_hosts(api: Api, lines: list[HostLine], name: str, force: bool) -> Iterator[Json]:
    """Claim the stations of a hosts file, each for the backend at its address; yield the API's answers, one a backend.

    Raises Refused before anything is changed if an address is no backend's. If a list is refused, those of the
    backends before it stay claimed, and the message says so.
    """
    lists = _by_backend(lines, addresses(all_backends(api)["items"]), name)
    done: list[str] = []
    for backend, stations in lists.items():
        try:
            yield replace(api, backend, stations, BackendAddress(), force)
        except Failure as failure:
            raise _halfway(failure, backend, done) from None
        done.append(backend)


def _halfway(failure: Failure, backend: str, done: list[str]) -> Failure:
    before = f"; claimed before that: {', '.join(done)}" if done else ""
    return type(failure)(f"{backend}: {failure}{before}")


def addresses(backends: Iterable[Mapping[str, Any]]) -> dict[str, list[str]]:
    """Return the names of the backends at each IP: by the claimed address, else by the configured one."""
    found: dict[str, list[str]] = {}
    for backend in backends:
        urls = [backend["claimed_url"]] if backend.get("claimed_url") else [backend.get("url"), backend.get("soap_url")]
        for ip in {ip for url in urls if (ip := _ip(url)) is not None}:
            found.setdefault(ip, []).append(str(backend["name"]))
    return found


def _ip(url: str | None) -> str | None:
    return ip_of(urlsplit(url or "").hostname or "")


def _by_backend(lines: list[HostLine], names_by_ip: Mapping[str, list[str]], name: str) -> dict[str, list[str]]:
    by_ip: dict[str, list[HostLine]] = {}
    for line in lines:
        by_ip.setdefault(line.ip, []).append(line)
    wrong = [
        f"{numbers(of)}: {_objection(ip, names_by_ip)}" for ip, of in by_ip.items() if len(names_by_ip.get(ip, [])) != 1
    ]
    if wrong:
        raise Refused(several(name, wrong))
    lists: dict[str, list[str]] = {}
    for ip, of in by_ip.items():
        lists.setdefault(names_by_ip[ip][0], []).extend(line.identity for line in of)
    return lists


def _objection(ip: str, names_by_ip: Mapping[str, list[str]]) -> str:
    if ip in names_by_ip:
        return f"{ip} is the address of {' and of '.join(names_by_ip[ip])}: claim for each by --backend"
    return f"{ip} is the address of no backend"


def print_hosts(api: Api, backend: str | None) -> None:
    """Print the claims of one backend, or of all, as lines `<IP> <identity>`."""
    names = [backend] if backend is not None else [str(one["name"]) for one in all_backends(api)["items"]]
    for name in names:
        for piece in api.text(path("backends", name, "stations"), format="hosts"):
            typer.echo(piece, nl=False)
