"""Advice: what may be written and would disappoint, each with the line that mends it; none where all is well."""

from __future__ import annotations

from collections.abc import Iterator
from fnmatch import fnmatchcase

from voltgate.config.backends import Backend
from voltgate.config.draft import Draft, Finding
from voltgate.config.lines import Path
from voltgate.config.permits import PRESETS
from voltgate.config.routes import Route, Rule
from voltgate.config.values import VERSIONS

CLAIMANT = "claimant"
"""The name in rules of the backend that claims a station."""

_SOAP = frozenset({"ocpp1.2", "ocpp1.5", "ocpp1.6"})
"""The versions that there are as SOAP."""
_TO_CONFIGURE = ("Reset", "ChangeConfiguration", "SetVariables")


def advise(draft: Draft, path: Path, route: Route) -> Iterator[Finding]:
    """Yield what is doubtful about a route."""
    yield from _shut_out(draft, path, route)
    yield from _cut_short(draft, path, route)
    yield from _unheard(draft, path, route)
    yield from _nobodys(draft, path, route)


# Stations that nobody lets in.


def _shut_out(draft: Draft, path: Path, route: Route) -> Iterator[Finding]:
    """Warn of a backend that is to be stood in for, and is asked first whether a station may come in."""
    config = draft.config
    if config.admit(str(path[-1])) != "backend" or not config.listen.stations:  # SOAP stations ask no backend
        return
    asked = (names for rule in admitting(route) for names in rule.answer.choices)
    first = dict.fromkeys(name for names in asked for name in named(draft, names))
    for name in first:
        if name in config.backends and config.backends[name].when_down == "answer":
            message = (
                f'"{name}" lets stations in here, so one that comes while it is away gets 503, and when_down = '
                '"answer" does nothing for it: write admit = "gateway" in this route'
            )
            yield Finding((*path, "admit") if route.admit is not None else path, message, warning=True)


def _cut_short(draft: Draft, path: Path, route: Route) -> Iterator[Finding]:
    """Warn of a backend that is to be stood in for, where stations are let go while nobody is there."""
    if route.close_when_all_down is None:
        return
    backends = draft.config.backends
    answering = (name for rule in route.rules for name in named(draft, (*rule.answer.backends, *rule.authorize)))
    for name in dict.fromkeys(answering):
        if name in backends and backends[name].when_down == "answer":
            message = (
                f'"{name}" is stood in for while it is away (when_down = "answer"), but stations are let go '
                f"{route.close_when_all_down:g} s after the last backend went: leave this out to keep them"
            )
            yield Finding((*path, "close_when_all_down"), message, warning=True)


def admitting(route: Route) -> Iterator[Rule]:
    """Yield the rules that a BootNotification without token may meet: their backends are asked at the handshake."""
    for rule in route.rules:
        boots = not rule.actions or any(fnmatchcase("BootNotification", glob) for glob in rule.actions)
        if boots and rule.tokens in (None, "none") and not rule.token_groups and not rule.connectors:
            yield rule
        if rule.catches_all and rule.answer.backends != (CLAIMANT,):  # who is claimed by nobody goes on
            return


def named(draft: Draft, names: tuple[str, ...]) -> tuple[str, ...]:
    """Return the backends that names stand for: any that may claim stands for the claimant."""
    if CLAIMANT not in names:
        return names
    claiming = [name for name in draft.config.backends if draft.written(("backends", name, "claims"))]
    return (*names, *claiming)


# Backends that are never spoken to.


def _unheard(draft: Draft, path: Path, route: Route) -> Iterator[Finding]:
    """Warn of a backend that takes no version with which stations are let in."""
    backends = draft.config.backends
    asked = (names for rule in admitting(route) for names in rule.answer.choices)
    first = {name for names in asked for name in named(draft, names) if name in backends}
    spoken = {version for name in first for version in _sessions(backends[name])}
    for number, rule in enumerate(route.rules):
        for key, names in (("answer", rule.answer.backends), ("copy", rule.copies), ("authorize", rule.authorize)):
            for name in names:
                if first and name in backends and spoken.isdisjoint(_sessions(backends[name])):
                    message = (
                        f'"{name}" has no part in any session here: it takes {_listed(_sessions(backends[name]))}, and '
                        f"those who let stations in take {_listed(spoken)}; see versions in [backends.{name}]"
                    )
                    yield Finding((*path, "rules", number, key), message, warning=True)


def _sessions(backend: Backend) -> set[str]:
    """Return the versions of sessions that a backend can have a part in: SOAP is put into words of 1.6."""
    by_soap = backend.soap_address and not _SOAP.isdisjoint(backend.versions)
    as_it_is = backend.websocket_template or backend.broker_url or backend.local_url
    return {*(backend.versions if as_it_is else ()), *(["ocpp1.6"] if by_soap else [])}


def _listed(versions: set[str]) -> str:
    return ", ".join(version for version in VERSIONS if version in versions) or "none"


# Stations that are nobody's.


def _nobodys(draft: Draft, path: Path, route: Route) -> Iterator[Finding]:
    """Warn if several backends answer a station, and none of those that it has may reset or configure it."""
    offered = dict.fromkeys(name for sharing in _sharing(route) for name in _offered(draft, sharing))
    if offered:
        first, _, last = ", ".join(f"[backends.{name}]" for name in offered).rpartition(", ")
        message = (
            "several backends answer here, so none may reset or configure stations: write "
            f'permit = "full" in {f"{first} and " if first else ""}{last} or whichever they belong to, '
            'or permit = "charge" in each of them to say that none shall'
        )
        yield Finding((*path, "rules"), message, warning=True)


def _offered(draft: Draft, sharing: list[Rule]) -> list[str]:
    """Return the backends of which each would need a permit, if these rules leave stations to nobody; else nothing.

    A weighted choice gives one station to one of its backends: each of them that may not configure it counts by itself.
    """
    backends = draft.config.backends

    def configures(names: tuple[str, ...]) -> bool:
        return any(name in backends and _configures(draft, backends[name].permit) for name in names)

    if any(configures((*rule.copies, *rule.authorize)) for rule in sharing):
        return []
    answers = dict.fromkeys(rule.answer for rule in sharing)  # the same choice twice chooses the same
    left = [[names for names in answer.choices if not configures(names)] for answer in answers]
    if not all(left):
        return []
    for place in reversed(range(len(left))):
        others = {names for choices in (*left[:place], *left[place + 1 :]) for names in choices}
        shared = [names for names in left[place] if others - {names}]
        unset = [
            [name for name in names if name in backends and backends[name].permit is None][-1:] for names in shared
        ]
        if any(unset):
            return [name for names in unset for name in names]
    return []


def _sharing(route: Route) -> Iterator[list[Rule]]:
    """Yield rules that calls of one station can meet, if several backends answer them: by card, connector or action."""
    by_call: list[Rule] = []
    for rule in route.rules:
        if (
            (rule.actions and "*" not in rule.actions)
            or rule.tokens is not None
            or rule.token_groups
            or rule.connectors
        ):
            by_call.append(rule)
            continue
        sharing = [*by_call, rule]
        if len({each.answer for each in sharing}) > 1:
            yield sharing
        if rule.catches_all:
            return


def _configures(draft: Draft, permit: str | None) -> bool:
    """Return whether a permit lets a station be reset, or any of its configuration be changed."""
    seen = set[str]()
    while permit in draft.config.permits and permit not in seen:
        seen.add(permit)
        section = draft.config.permits[permit]
        if section.keys.allow or any(fnmatchcase(action, glob) for glob in section.allow for action in _TO_CONFIGURE):
            return True
        permit = section.base
    return permit is not None and (permit == "full" or permit not in (*PRESETS, *draft.config.permits))
