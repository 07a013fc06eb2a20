"""Checks of security profiles: whether those asked for can be met, and by what."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from contextlib import suppress

from voltgate.config.draft import Draft, Finding
from voltgate.config.lines import Path
from voltgate.config.listen import Address, Listener
from voltgate.config.stations import StationEntry

_ALL = frozenset({0, 1, 2, 3})
_BY_TLS = frozenset({2, 3})
_CERTIFICATE = 3


def check_security(draft: Draft) -> Iterator[Finding]:
    """Yield what is wrong with security profiles and what they need, with positions of the draft."""
    listen = draft.config.listen
    by_hash = any(entry.certificate_lookup is not None for entry in draft.config.stations)
    for number, listener in enumerate(listen.stations):
        yield from _listener(("listen", "stations", number), listener)
        yield from _ocsp(("listen", "stations", number), listener, by_hash=by_hash)
    offered = frozenset[int]().union(*(_offers(listener) for listener in (*listen.stations, *listen.soap)))
    for number, entry in enumerate(draft.config.stations):
        yield from _entry(draft, ("stations", number), entry, offered)


def _listener(path: Path, listener: Listener) -> Iterator[Finding]:
    is_for_ocsp = listener.ocsp != "off" and bool(listener.trusted_proxies)
    if listener.client_authority is not None and not listener.secure and not is_for_ocsp:
        yield Finding((*path, "client_authority"), f"is for a {listener.schemes[1]}:// listener")
        return
    if listener.revocation_lists and not listener.secure and is_for_ocsp:
        yield Finding((*path, "revocation_lists"), f"is for a {listener.schemes[1]}:// listener: the proxy reads them")
    elif listener.revocation_lists and listener.client_authority is None:
        yield Finding((*path, "revocation_lists"), "has no meaning without client_authority")
    yield from _authorities(path, listener)
    profiles = frozenset(listener.security_profiles or ())
    can = _can(listener)
    for profile in sorted(profiles - can):
        yield Finding((*path, "security_profiles"), f"{profile} {_lacking(listener, profile)}")


def _ocsp(path: Path, listener: Listener, *, by_hash: bool) -> Iterator[Finding]:
    if listener.ocsp == "off":
        if listener.ocsp_url is not None:
            yield Finding((*path, "ocsp_url"), "has no meaning without ocsp")
        return
    if listener.client_authority is None:
        yield Finding((*path, "ocsp"), "needs client_authority, which has the authorities that sign")
    if by_hash and listener.trusted_proxies and not listener.proxy_protocol:
        message = (
            "cannot be asked of a certificate of which a proxy hands on the hash alone (certificate_lookup): have the "
            'proxy ask, and write "off" here'
        )
        yield Finding((*path, "ocsp"), message)


def _authorities(path: Path, listener: Listener) -> Iterator[Finding]:
    """Load the files of authorities and of what they have revoked, as the listener will."""
    keys = [("client_authority", listener.client_authority)]
    for key, file in (*keys, *(("revocation_lists", each) for each in listener.revocation_lists)):
        if file is None:
            continue
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        try:
            file.read_bytes()
            with suppress(ssl.SSLError):
                context.load_verify_locations(file)
        except OSError as error:
            yield Finding((*path, key), f"cannot read {file}: {error.strerror}")
            continue
        is_list = key == "revocation_lists"
        kind, what = ("crl", "revocation list") if is_list else ("x509", "certificate of an authority")
        if not context.cert_store_stats()[kind]:
            yield Finding((*path, key), f"{file} holds no {what} in PEM")


def _can(listener: Address) -> frozenset[int]:
    """Return the profiles with which stations can come by a listener."""
    if listener.trusted_proxies:
        return _BY_TLS if listener.secure else _ALL
    if not listener.secure:
        return _ALL - _BY_TLS
    has_authority = isinstance(listener, Listener) and listener.client_authority is not None
    return _BY_TLS if has_authority else _BY_TLS - {_CERTIFICATE}


def _lacking(listener: Address, profile: int) -> str:
    if listener.secure:
        return "needs client_authority" if profile == _CERTIFICATE else "is without TLS, and this listener is with it"
    return f"is with TLS: write {listener.schemes[1]}://, or name the proxy that speaks it in trusted_proxies"


def _offers(listener: Address) -> frozenset[int]:
    said = listener.security_profiles if isinstance(listener, Listener) else None
    can = _can(listener) if isinstance(listener, Listener) else _can(listener) - {_CERTIFICATE}
    return can if said is None else can & frozenset(said)


def _entry(draft: Draft, path: Path, entry: StationEntry, offered: frozenset[int]) -> Iterator[Finding]:
    profiles = frozenset(entry.security_profiles or ())
    by_certificate = _CERTIFICATE in (profiles or offered)
    if entry.organizations and entry.auth_lookup is None and not by_certificate:
        yield Finding((*path, "organizations"), "has no meaning without auth_lookup, or security profile 3")
    if not profiles:
        return
    if entry.auth_lookup is not None:
        message = "contradicts auth_lookup, which says with which profile a station comes"
        yield Finding((*path, "security_profiles"), message)
        return
    if not profiles & offered:
        message = f"no listener takes security profile {' or '.join(map(str, sorted(profiles)))}"
        yield Finding((*path, "security_profiles"), message)
    by_password = profiles & {1, 2}
    if by_password and not entry.checked and _admit(draft, entry) == "gateway":
        message = f'{min(by_password)} needs password or password_hook: with admit = "gateway" no backend checks it'
        yield Finding((*path, "security_profiles"), message)


def _admit(draft: Draft, entry: StationEntry) -> str:
    """Return who admits the stations of an entry; "" if its route is not there."""
    route = entry.route or draft.config.only_route
    return draft.config.admit(route) if route in draft.config.routes else ""
