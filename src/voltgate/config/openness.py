"""How open a configuration is: what `voltgate check --security` says, line by line, with what to write instead.

It judges what is written, not who stands before it: a firewall, or a proxy on another machine, is not seen from here.
"""

from __future__ import annotations

import ipaddress
import stat
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path as File
from typing import Any, Literal, TypeAlias
from urllib.parse import urlsplit

from pydantic import SecretStr

from voltgate.config.backends import Backend
from voltgate.config.draft import Draft
from voltgate.config.hosts import is_loopback
from voltgate.config.lines import Path
from voltgate.config.listen import Address, Listener
from voltgate.config.model import Config
from voltgate.config.proofs import claimants, hears, unproven
from voltgate.config.stations import StationEntry
from voltgate.config.store import OFF
from voltgate.config.values import Network, split_url

Level: TypeAlias = Literal["open", "weak", "good"]
LEVELS: tuple[Level, ...] = ("open", "weak", "good")
"""`open`: a stranger can read, command or be somebody else; `weak`: one defence less than there could be; `good`."""

_WIDEST = {4: 8, 6: 32}
"""The shortest prefix of a network, by the version of IP, that can be somebody's own."""
_CLAIMED = '[[stations]] with match = "*" and route = "claimed" is about them'
_ANYBODY = "{}: anybody there may say from which address he comes. Write the proxies' own addresses"
_NO_LIMITS = {
    "handshakes_per_second": "one stranger can spend all of the gateway's time on handshakes",
    "failed_logins": "passwords of stations can be guessed as fast as the gateway answers",
    "connections": "one stranger can take every connection that the system has",
    "messages_per_second": "one station can take the time of all others",
    "commands_per_second": "one backend can take the time of all stations",
    "command_bytes_per_second": "one backend can take the memory that all share",
}
"""The keys of `[limits]` whose 0 lifts a bound, and what follows."""
_NO_SOAP_LIMITS = {
    "bytes_per_second": "one station can take the time of all others",
    "stranger_bytes_per_second": "one stranger can take the time of all stations",
}
"""The same of `[soap]`."""


@dataclass(frozen=True, slots=True)
class Judged:
    """What was found about one key: how open it is, why, and what to write instead."""

    level: Level
    path: Path
    message: str


def judge(draft: Draft, source: File | None) -> Iterator[Judged]:
    """Yield what can be said of each part of a configuration whose file is `source`, with positions of the file."""
    for found in _all(draft, source):
        yield Judged(found.level, draft.original(found.path), found.message)


def _all(draft: Draft, source: File | None) -> Iterator[Judged]:
    config = draft.config
    for number, listener in enumerate(config.listen.stations):
        yield from _listener(("listen", "stations", number), listener, "wss")
    for number, soap in enumerate(config.listen.soap):
        yield from _listener(("listen", "soap", number), soap, "https")
    yield from _http(config)
    yield from _who_stations_are(draft)
    for name, backend in config.backends.items():
        yield from _backend(draft, ("backends", name), backend)
    yield from _permits(config)
    yield from _callers(config)
    yield from _bounds(config)
    yield from _kept(config)
    yield from _secrets(draft, source)


# Where Voltgate listens.


def _listener(path: Path, listener: Address, secure: str) -> Iterator[Judged]:
    at = (*path, "url")
    if listener.secure:
        yield Judged("good", at, f"{listener.url}: by TLS")
    elif is_loopback(listener.host):
        yield Judged("good", at, f"{listener.url}: only this machine reaches it, or a proxy that runs here")
    else:
        message = (
            f"{listener.url}: passwords (HTTP Basic), cards and commands can be read and changed on the way. Write "
            f"{secure}:// with certificate and key; or listen on 127.0.0.1, behind a proxy that speaks TLS"
        )
        yield Judged("open", at, message)
    for number, network in enumerate(listener.trusted_proxies):
        if _is_wide(network):
            yield Judged("open", (*path, "trusted_proxies", number), _ANYBODY.format(network))
    if isinstance(listener, Listener) and listener.client_authority is not None:
        if not listener.organizations:
            message = "not written: a station of any operator whom client_authority signs for is let in. Write your own"
            yield Judged("weak", (*path, "organizations"), message)
        if not listener.revocation_lists and listener.ocsp == "off":
            message = (
                "not written: a certificate that was revoked is good until it ends. Write the authorities' lists, or "
                'ocsp = "hard"'
            )
            yield Judged("weak", (*path, "revocation_lists"), message)
        elif not listener.revocation_lists and listener.ocsp == "soft":
            message = '"soft": a certificate that was revoked is good while the responder is away. Write "hard"'
            yield Judged("weak", (*path, "ocsp"), message)


def _is_wide(network: Network) -> bool:
    return network.prefixlen < _WIDEST[network.version]


def _http(config: Config) -> Iterator[Judged]:
    if (at := config.listen.http_socket) is not None:
        yield Judged("good", ("listen", "http_socket"), f"{at}: only users of this machine in the gateway's group")
    for key, address, what in (
        ("http", config.listen.http_address, "tokens, passwords and all that the API says"),
        ("metrics", config.listen.metrics_address, "how many stations there are, and what they do"),
        ("uploads", config.listen.uploads_address, "the files that stations upload"),
    ):
        path = ("listen", key)
        if address is None:
            yield Judged("good", path, "off")
        elif key == "http" and config.listen.http_tls is not None:
            yield Judged("good", path, f"{address[0]}: by TLS")
        elif is_loopback(address[0]):
            yield Judged("good", path, f"{address[0]}: only this machine reaches it, or a proxy that runs here")
        else:
            instead = (
                "http_tls with certificate and key; or 127.0.0.1, behind" if key == "http" else "127.0.0.1, behind"
            )
            message = (
                f"{address[0]} by plain HTTP: {what} can be read on the way. Write {instead} a proxy that speaks TLS"
            )
            yield Judged("open" if key == "http" else "weak", path, message)


# Who may come.


def _who_stations_are(draft: Draft) -> Iterator[Judged]:
    """Judge by what stations prove who they are, entries of one kind together."""
    config = draft.config
    groups: dict[tuple[str, str], list[int]] = {}
    for number, entry in enumerate(config.stations):
        groups.setdefault((_proof(config, entry), config.route_of(entry)), []).append(number)
    for number, entry in enumerate(config.stations):
        for key in ("password_hook", "auth_lookup", "certificate_lookup"):
            url = split_url(getattr(entry, key) or "")
            if url.scheme == "http" and url.hostname and not is_loopback(url.hostname):
                message = (
                    f"http://{url.hostname}: what stations prove themselves by can be read on the way. Write https://"
                )
                yield Judged("open", ("stations", number, key), message)
    for (proof, route), numbers in groups.items():
        path: Path = ("stations", numbers[0])
        first = config.stations[numbers[0]]
        named = f'"{first.identity or first.match}"'
        who = named if len(numbers) == 1 else f"{named} and {len(numbers) - 1} more"
        yield _of_stations(config, path, who, proof, _answering(config, route))
    if not any(entry.match == "*" for entry in config.stations):
        claiming = {*claimants(draft), *(name for name, each in config.backends.items() if each.local_url)}
        for name in sorted(claiming):
            yield _of_stations(config, ("backends", name), f"stations that it claims ({_CLAIMED})", "backend", [name])
    policy, path = config.unknown.policy, ("unknown", "policy")
    if policy == "route":
        route = config.unknown.route or config.only_route
        yield _of_stations(
            config, path, "stations that no entry matches", _admission(config, route), _answering(config, route)
        )
    else:
        yield Judged("good", path, f"{policy}: a station that no entry matches is not let in")


def _proof(config: Config, entry: StationEntry) -> str:
    return "checked" if entry.proven else _admission(config, config.route_of(entry))


def _admission(config: Config, route: str) -> str:
    return config.admit(route) if route in config.routes else "backend"


def _of_stations(config: Config, path: Path, who: str, proof: str, asked: list[str]) -> Judged:
    if proof == "checked":
        return Judged("good", path, f"{who}: prove here who they are")
    if not unproven(config.listen):
        return Judged("good", path, f"{who}: show a certificate of their own")
    if _is_alone(config):
        return Judged("good", path, f"{who}: prove nothing here, and only this machine reaches the listeners")
    if proof == "gateway":
        message = (
            f"{who}: whoever knows an identity is that station. Write password (`voltgate hash`), password_hook or "
            "auth_lookup"
        )
        return Judged("open", path, message)
    deaf = [name for name in asked if not config.backends[name].websocket_template or not hears(config.backends[name])]
    if deaf:
        message = (
            f"{who}: prove nothing here, and {', '.join(deaf)} cannot look at what they show (it gets our own "
            "password, or none): whoever knows an identity is that station. Write password (`voltgate hash`), "
            "password_hook or auth_lookup"
        )
        return Judged("open", path, message)
    message = f'{who}: the backend decides by what they show it. Write password here and admit = "gateway" to decide'
    return Judged("weak", path, f"{message} before it is asked")


def _is_alone(config: Config) -> bool:
    """Return whether only this machine reaches the listeners for stations."""
    return all(each.is_here for each in unproven(config.listen))


def _answering(config: Config, route: str) -> list[str]:
    """Return the backends that answer on a route."""
    rules = config.routes[route].rules if route in config.routes else ()
    return list(dict.fromkeys(name for rule in rules for name in rule.answer.backends if name in config.backends))


# Whom Voltgate speaks to, and what they may.


def _backend(draft: Draft, path: Path, backend: Backend) -> Iterator[Judged]:
    for key in ("url", "soap_url"):
        url = getattr(backend, key)
        host = split_url(url).hostname if url else None
        if host is None:
            continue
        if split_url(url).scheme in ("wss", "https", "mqtts", "amqps"):
            yield Judged("good", (*path, key), f"{host}: by TLS, its certificate is verified")
        elif is_loopback(host):
            yield Judged("good", (*path, key), f"{host}: on this machine")
        else:
            scheme = split_url(url).scheme
            message = (
                f"{scheme}://{host}: what stations and backend say, and our password for it, can be read and changed "
                f"on the way. Write {scheme}s://"
            )
            yield Judged("weak", (*path, key), message)
    claims = (*path, "claims")
    if not draft.written(draft.original(claims)):
        return
    if any(set(glob) <= set("*?") for glob in backend.claims.stations):
        alone = len(draft.config.backends) == 1
        message = "it may claim every station" + (
            ", as the only backend" if alone else ", those of others included. Write the patterns of its own"
        )
        yield Judged("good" if alone else "open", (*claims, "stations"), message)
    if any(set(host) <= set("*?.") or _is_anywhere(host) for host in backend.claims.hosts):
        message = "it may send stations anywhere. Write the hosts that are its own"
        yield Judged("open", (*claims, "hosts"), message)


def _is_anywhere(host: str) -> bool:
    try:
        return _is_wide(ipaddress.ip_network(host))
    except ValueError:  # it is a name
        return False


def _permits(config: Config) -> Iterator[Judged]:
    wide = {"full", *(name for name, permit in config.permits.items() if permit.base == "full")}
    full = [name for name, backend in config.backends.items() if backend.permit in wide]
    if len(full) > 1:
        for name in full:
            message = (
                f'"full", as {len(full)} backends have: each may reset stations and change their passwords. Write '
                '"charge" for those that stations do not belong to'
            )
            yield Judged("weak", ("backends", name, "permit"), message)
    for name, permit in config.permits.items():
        if permit.credentials:
            message = "whoever has this permit may change what stations prove themselves by. Write false"
            yield Judged("weak", ("permits", name, "credentials"), message)
        if permit.stop == "any":
            message = 'whoever has this permit may stop what others charge for. Write "own"'
            yield Judged("weak", ("permits", name, "stop"), message)


def _callers(config: Config) -> Iterator[Judged]:
    """Judge who may use the API."""
    if config.listen.http_url is None:
        return
    for number, network in enumerate(config.api.trusted_proxies):
        if _is_wide(network):
            yield Judged("open", ("api", "trusted_proxies", number), _ANYBODY.format(network))
    for number, token in enumerate(config.api.tokens):
        if token.role == "admin" and token.expires is None:
            message = "not written: a token that may do everything never ends. Write when it does: 2027-06-30T12:00:00Z"
            yield Judged("weak", ("api", "tokens", number, "expires"), message)
    admins = [number for number, token in enumerate(config.api.tokens) if token.role == "admin"]
    if len(admins) > 1:
        message = f'one of {len(admins)} tokens that may do everything. Write role = "operator" where that is enough'
        for number in admins:
            yield Judged("weak", ("api", "tokens", number, "role"), message)
    if config.api.failed_tokens == 0:
        message = "0: tokens and passwords can be guessed as fast as the gateway answers. Leave it out (10)"
        yield Judged("open", ("api", "failed_tokens"), message)
    if config.api.edit_routes:
        message = "true: whoever has an administrator's token sends stations elsewhere. Leave it out unless it is used"
        yield Judged("weak", ("api", "edit_routes"), message)
    at = config.listen.metrics_address or config.listen.http_address
    if at is not None and not is_loopback(at[0]) and config.api.metrics == "open":
        message = 'open: how many stations there are, and what they do, is for everybody. Write "token"'
        yield Judged("weak", ("api", "metrics"), message)
    is_managed = any(backend.local_url for backend in config.backends.values())
    if config.csms.tokens == "any" and is_managed and not _is_alone(config):
        message = '"any": every card charges. Write "known", and make the id tokens known (`voltgate id-tokens`)'
        yield Judged("open", ("csms", "tokens"), message)


# What bounds there are, and what is kept.


def _bounds(config: Config) -> Iterator[Judged]:
    lifted = [key for key in _NO_LIMITS if getattr(config.limits, key) == 0]
    for key in lifted:
        yield Judged("open", ("limits", key), f"0: {_NO_LIMITS[key]}. Leave it out")
    if config.listen.soap:
        yield from _soap(config)
    if not lifted:
        yield Judged("good", ("limits",), "handshakes, wrong passwords, connections and messages are bounded")
    if config.protocol.compression:
        message = "true: 1 kB that a station sends becomes 1 MB here. Write false"
        yield Judged("weak", ("protocol", "compression"), message)
    for number, entry in enumerate(config.stations):
        if entry.compression:
            message = "true: 1 kB that such a station sends becomes 1 MB here. Leave it out"
            yield Judged("weak", ("stations", number, "compression"), message)


def _soap(config: Config) -> Iterator[Judged]:
    for key, follows in _NO_SOAP_LIMITS.items():
        if getattr(config.soap, key) == 0:
            yield Judged("open", ("soap", key), f"0: {follows}. Leave it out")
    if config.soap.believe_from == "always":
        message = '"always": whoever knows an identity has its commands sent to an address of his. Leave it out'
        yield Judged("open", ("soap", "believe_from"), message)
    for number, network in enumerate(config.soap.stations_at):
        if _is_wide(network):
            message = f"{network}: commands are sent to any address that a station gives. Write the stations' networks"
            yield Judged("open", ("soap", "stations_at", number), message)


def _kept(config: Config) -> Iterator[Judged]:
    if config.messages.mask == "none":
        message = '"none": passwords and cards stand in the log as they were said. Write "secrets"'
        yield Judged("open", ("messages", "mask"), message)
    if config.store.is_shared:
        parts = urlsplit(config.store.url)
        host = parts.hostname or ""
        if parts.password is not None:
            message = 'a password stands in it, which whoever reads this file knows. Write password = { env = "…" }'
            yield Judged("weak", ("store", "url"), message)
        if is_loopback(host):
            yield Judged("good", ("store", "url"), f"{host}: on this machine")
        elif "=verify-full" not in config.store.url:
            message = (
                f"{host}: nothing says that the link is by TLS and its certificate verified. Write ?ssl=verify-full "
                "behind the name of the database; PGSSLROOTCERT names the file of its authority"
            )
            yield Judged("weak", ("store", "url"), message)
    elif config.store.url == OFF:
        yield Judged("weak", ("store", "url"), '"off": there is no audit trail. Write a database')


# Secrets in the file.


def _secrets(draft: Draft, source: File | None) -> Iterator[Judged]:
    """Judge what is written as it is, where `{ env = … }` or a hash could stand."""
    found = list(_written(draft.config, draft.tree, ()))
    entries = Counter(path[0] for path in found)
    for path in found:
        if path[0] == "stations" and entries["stations"] > 1:
            continue
        instead = "the hash that `voltgate hash` makes" if path[0] == "stations" else '{ env = "…" } or { file = "…" }'
        yield Judged("weak", path, f"a secret that whoever reads this file knows. Write {instead}")
    if (number := entries["stations"]) > 1:
        first = next(path for path in found if path[0] == "stations")
        message = f"{number} passwords that whoever reads this file knows. `voltgate hash` makes hashes of them"
        yield Judged("weak", first, message)
    if found and source is not None and (mode := stat.S_IMODE(source.stat().st_mode)) & stat.S_IROTH:
        message = f"this file holds secrets, and everybody on this machine may read it ({mode:04o}): chmod 640 {source}"
        yield Judged("open", (), message)


def _written(value: Any, tree: Any, path: Path) -> Iterator[Path]:
    """Yield the paths at which a secret stands in the file itself, in the clear."""
    if isinstance(value, SecretStr):
        if isinstance(tree, str) and not tree.startswith("$argon2") and not is_loopback(_host(tree)):
            yield path
        return
    for step, child in _children(value, tree):
        yield from _written(child, tree[step], (*path, step))


def _host(text: str) -> str:
    """Return the host of a URL, as some secrets are one; "" of any other text."""
    try:
        return split_url(text).hostname or "" if "://" in text else ""
    except ValueError:
        return ""


def _children(value: Any, tree: Any) -> Iterator[tuple[Any, Any]]:
    """Yield the steps from a section, table or list to what it holds, as far as they are written."""
    if isinstance(tree, dict):
        read: Callable[[str], Any] = value.get if isinstance(value, dict) else lambda key: _attribute(value, key)
        for key in tree:
            yield key, read(key)
    elif isinstance(tree, list) and isinstance(value, tuple | list) and len(value) == len(tree):
        yield from enumerate(value)


def _attribute(section: Any, key: str) -> Any:
    """Return what a section has under the name that the file has for it."""
    fields = type(section).model_fields if hasattr(type(section), "model_fields") else {}
    name = next((name for name, field in fields.items() if key in (name, field.alias)), key)
    return getattr(section, name, None)
