"""Proofs: whether stations that anybody can dial as show somebody who they are."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache, partial

from voltgate.config.advice import admitting, named
from voltgate.config.backends import Backend
from voltgate.config.draft import Draft, Finding
from voltgate.config.listen import Address, Listen

CLAIMED = "claimed"
"""The route of stations that only a claim admits."""

_WRITE = 'write password, password_hook or auth_lookup here, or auth = "none" if that is meant'
_WRITE_FOR_THEM = 'write [[stations]] for them, or auth = "none" if that is meant'


def unproven(listen: Listen) -> list[Address]:
    """Return the listeners at which no certificate says who a station is."""
    return [*(each for each in listen.stations if each.security_profiles != (3,)), *listen.soap]


def check_proofs(draft: Draft) -> Iterator[Finding]:
    """Yield the entries by which anybody is let in as anybody, unless they say that this is meant."""
    config = draft.config
    if not unproven(config.listen):
        return
    by_route = cache(partial(_openness, draft))
    for number, entry in enumerate(config.stations):
        if entry.auth is None and not entry.proven and (found := by_route(entry.route)):
            yield Finding(("stations", number), f"{found}; {_WRITE}")
    if config.unknown.policy == "route" and config.unknown.auth is None and (found := by_route(config.unknown.route)):
        yield Finding(("unknown",), f"{found}; {_WRITE_FOR_THEM}")
    if not any(entry.match == "*" for entry in config.stations):
        for name in claimants(draft):
            if not hears(config.backends[name]):
                yield Finding(("backends", name), f"{_blind(name)} that it claims; {_ENTRY}")


def hears(backend: Backend) -> bool:
    """Return whether a backend that answers a handshake is shown what the station proves itself by."""
    return not backend.websocket_template or (backend.username is None and backend.forward != "never")


_ENTRY = (
    'write [[stations]] with match = "*", route = "claimed", and password, password_hook or auth_lookup, or auth = '
    '"none" if that is meant'
)


def _openness(draft: Draft, written: str | None) -> str | None:
    """Return who lets in whoever comes, if anybody does: stations without proof, with this as their written route."""
    config, route = draft.config, written or draft.config.only_route
    by_gateway = route in config.routes and config.admit(str(route)) == "gateway"
    asked = [] if by_gateway else list(_asked(draft, written, str(route)))
    deaf = next((name for name in asked if not hears(config.backends[name])), None)
    if deaf is not None:
        return f"{_blind(deaf)} here"
    open_to_all = next((each.url for each in unproven(config.listen) if not each.is_here), None)
    agrees = next((name for name in asked if not config.backends[name].websocket_template), None)
    if open_to_all is None or (agrees is None and not by_gateway):
        return None
    who = "the gateway lets in" if by_gateway else f'backend "{agrees}" agrees to'
    return f"{who} whoever comes to {open_to_all} as whoever it says to be"


def _asked(draft: Draft, written: str | None, route: str) -> Iterator[str]:
    """Yield the backends that are asked whether such a station may come in."""
    config = draft.config
    if route in config.routes:
        for rule in admitting(config.routes[route]):
            for names in rule.answer.choices:
                yield from (name for name in named(draft, names) if name in config.backends)
    if written in (None, CLAIMED):
        yield from claimants(draft)


def claimants(draft: Draft) -> Iterator[str]:
    """Yield the backends that may claim stations by themselves."""
    return (name for name in draft.config.backends if draft.written(("backends", name, "claims")))


def _blind(name: str) -> str:
    return f'backend "{name}" is not shown what stations prove themselves by, and lets anybody in as any station'
