"""Checks across the whole configuration: names without a section, contradictions, sections that are never used."""

from __future__ import annotations

import re
from collections.abc import Iterator

from voltgate.config.advice import CLAIMANT, advise
from voltgate.config.alert_checks import check_alerts
from voltgate.config.api_checks import check_api
from voltgate.config.backends import STATION, Backend
from voltgate.config.certificate_checks import check_ends, check_pair, unreadable
from voltgate.config.draft import Draft, Finding
from voltgate.config.hosts import overlap
from voltgate.config.lines import Path
from voltgate.config.listen import Address
from voltgate.config.oidc_checks import check_oidc
from voltgate.config.permits import PRESETS, Permit
from voltgate.config.problems import did_you_mean
from voltgate.config.proofs import CLAIMED, check_proofs, claimants
from voltgate.config.routes import Route, Rule
from voltgate.config.security_checks import check_security
from voltgate.config.stations import StationEntry
from voltgate.config.store import OFF
from voltgate.config.tokens import TokenGroup

_OF_BROKERS = {
    "qos": ("mqtt",),
    "presence": ("mqtt",),
    "envelope": ("mqtt", "amqp"),
    "homeassistant": ("mqtt",),
    "homeassistant_prefix": ("mqtt",),
    "start_token": ("mqtt",),
    "layout": ("amqp",),
    "prefix": ("amqp",),
    "queues": ("amqp",),
}
"""The keys that are for a backend behind a broker, with the schemes that say so."""
_DISCOVERY = re.compile(r"[^+#$/\0][^+#\0/]*(/[^+#\0/]+)*")
_PRESENCE = re.compile(r"[^+#$/\0][^+#\0/]*(/(\+|[^+#\0/]+))*")
_WILDCARDS = ("0.0.0.0", "::")  # noqa: S104 - compared, not bound


def check(draft: Draft) -> Iterator[Finding]:
    """Yield what is wrong (and, marked as warnings, what is doubtful) across `draft`, with positions of the file."""
    for finding in _all(draft):
        yield Finding(draft.original(finding.path), finding.message, finding.warning)


def _all(draft: Draft) -> Iterator[Finding]:
    yield from _listeners(draft)
    for name, backend in draft.config.backends.items():
        yield from _backend(("backends", name), backend)
        yield from _trust(draft, ("backends", name), backend)
    for name, route in draft.config.routes.items():
        yield from _route(draft, ("routes", name), route)
    for number, route_name in enumerate(draft.config.messages.routes):
        yield from _exists(draft, ("messages", "routes", number), "routes", route_name)
    for name, group in draft.config.token_groups.items():
        yield from _group(("token_groups", name), group)
    for name, permit in draft.config.permits.items():
        yield from _permit(draft, ("permits", name), permit)
    yield from _stations(draft)
    yield from _unknown(draft)
    yield from check_proofs(draft)
    yield from _unused(draft)
    if (authority := draft.config.csms.authority) is not None:
        yield from check_pair(("csms", "authority"), authority.certificate, authority.key)
    if draft.config.listen.metrics_address is not None and draft.config.listen.http_url is None:
        yield Finding(("listen", "metrics"), "is for metrics beside listen.http, which is off: give that an address")
    if (pair := draft.config.listen.http_tls) is not None:
        yield from check_pair(("listen", "http_tls"), pair.certificate, pair.key)
    yield from check_ends(draft)
    yield from check_security(draft)
    yield from check_api(draft)
    yield from check_oidc(draft)
    yield from check_alerts(draft)


# Listeners.


def _listeners(draft: Draft) -> Iterator[Finding]:
    listen = draft.config.listen
    listeners: list[tuple[Path, Address]] = [
        *((("listen", "stations", number), listener) for number, listener in enumerate(listen.stations)),
        *((("listen", "soap", number), listener) for number, listener in enumerate(listen.soap)),
    ]
    for number, (path, listener) in enumerate(listeners):
        yield from _apart(draft, path, listener, [other for _, other in listeners[:number]])
        yield from _certificates(path, listener)
        if listener.proxy_protocol and not listener.trusted_proxies:
            yield Finding(
                (*path, "proxy_protocol"), "needs trusted_proxies: PROXY headers of anybody else are not read"
            )
    yield from _callback(draft)
    for _, listener in listeners:
        http = listen.http_address
        if http is not None and http[1] == listener.port and overlap(http[0], listener.host, mapped=True):
            yield Finding(("listen", "http"), f"{listen.http} is taken by {listener.url}")


def _apart(draft: Draft, path: Path, listener: Address, others: list[Address]) -> Iterator[Finding]:
    """Check that a listener takes no address that another has; with `reuse_port` the more exact one gets it."""
    for other in others:
        if listener.port != other.port or (draft.config.listen.reuse_port and listener.host != other.host):
            continue
        if overlap(listener.host, other.host):
            yield Finding((*path, "url"), f"{listener.url} listens where {other.url} does already")
            return


def _callback(draft: Draft) -> Iterator[Finding]:
    """Check that SOAP backends can be given a URL at which they call their stations."""
    soap, listeners = draft.config.soap, draft.config.listen.soap
    needed = any(backend.soap_address for backend in draft.config.backends.values())
    if listeners and needed and soap.callback is None and listeners[0].host in _WILDCARDS:
        message = "is needed: how SOAP backends reach this gateway, as in https://gateway.example:9001"
        yield Finding(("soap", "callback"), message)


def _certificates(path: Path, listener: Address) -> Iterator[Finding]:
    if (listener.certificate is None) is not (listener.key is None):
        missing = "key" if listener.key is None else "certificate"
        yield Finding(path, f"{missing} is missing: certificate and key go together")
    elif listener.secure and not listener.pairs:
        yield Finding((*path, "url"), f"a {listener.schemes[1]}:// listener needs certificate and key")
    elif not listener.secure and listener.pairs:
        plain, secure = listener.schemes
        yield Finding((*path, "certificate"), f"a certificate is for a {secure}:// listener; this one is {plain}://")
    for pair in listener.pairs:
        yield from check_pair(path, pair.certificate, pair.key)


# Backends.


def _backend(path: Path, backend: Backend) -> Iterator[Finding]:
    if path[-1] == CLAIMANT:
        yield Finding(path, f'"{CLAIMANT}" stands in rules for the backend that claims a station: choose another name')
    if backend.soap_url is not None and backend.soap_address == backend.url:
        yield Finding((*path, "soap_url"), "has no meaning beside a url that is SOAP already")
    for name in ("ca", "certificate", "key"):
        file = getattr(backend, name)
        if file is None:
            continue
        if not backend.secure:
            secure = f"{backend.scheme}s"
            yield Finding((*path, name), f"is for a {secure}:// backend; this one is {backend.scheme}://")
        elif (problem := unreadable(file)) is not None:
            yield Finding((*path, name), problem)
    if (backend.certificate is None) is not (backend.key is None):
        missing = "key" if backend.key is None else "certificate"
        yield Finding(path, f"{missing} is missing: certificate and key go together")
    if backend.password is not None and backend.username is None:
        yield Finding((*path, "password"), "needs username")
    if backend.broker_url:
        yield from _brokered(path, backend)
    for key in sorted(_OF_BROKERS.keys() & backend.model_fields_set):
        schemes = _OF_BROKERS[key]
        if not backend.scheme.startswith(schemes):
            known = " or ".join(f"{scheme}://" for scheme in schemes)
            yield Finding((*path, key), f"is for a backend behind a broker ({known}); this one is {backend.scheme}://")
    if backend.username is not None and ":" in backend.username and not backend.broker_url:
        yield Finding((*path, "username"), 'must not contain ":": HTTP Basic ends the user name there')


def _brokered(path: Path, backend: Backend) -> Iterator[Finding]:
    if STATION in (backend.username or ""):
        yield Finding((*path, "username"), f"knows no {STATION}: one connection to the broker carries all stations")
    if backend.headers:
        yield Finding((*path, "headers"), "are of HTTP: a broker takes none")
    stations = tuple(f"{backend.topic_prefix}/{way}/" for way in ("in", "out"))
    if backend.presence is not None and (
        not _PRESENCE.fullmatch(backend.presence) or f"{backend.presence}/".startswith(stations)
    ):
        yield Finding((*path, "presence"), "must be a topic apart from those of stations, as in cs/consumers/+")
    if not _DISCOVERY.fullmatch(backend.homeassistant_prefix) or f"{backend.homeassistant_prefix}/".startswith(
        stations
    ):
        yield Finding((*path, "homeassistant_prefix"), "must be a topic apart from those of stations, without + and #")
    if backend.start_token is not None and not backend.homeassistant:
        yield Finding((*path, "start_token"), "has no meaning without homeassistant = true")


def _trust(draft: Draft, path: Path, backend: Backend) -> Iterator[Finding]:
    if backend.permit is not None:
        yield from _is_permit(draft, (*path, "permit"), backend.permit)
    for name in backend.stand_in.token_groups:
        yield from _exists(draft, (*path, "stand_in", "token_groups"), "token_groups", name)
    if draft.config.store.url == OFF:
        if backend.local_url:
            message = 'needs a database: the management system keeps everything there, and store.url is "off"'
            yield Finding((*path, "url"), message)
        if backend.deliver == "always":
            message = 'needs a database: what a backend is owed must outlive the process, and store.url is "off"'
            yield Finding((*path, "deliver"), message)
        if backend.when_down == "answer":
            message = 'needs a database: what is answered must outlive the process, and store.url is "off"'
            yield Finding((*path, "when_down"), message)


# Permits and tokens.


def _is_permit(draft: Draft, path: Path, name: str) -> Iterator[Finding]:
    names = [*PRESETS, *draft.names("permits")]
    if name not in names:
        yield Finding(path, f'there is no permit "{name}"{did_you_mean(name, names)}')


def _permit(draft: Draft, path: Path, permit: Permit) -> Iterator[Finding]:
    if path[-1] in PRESETS:
        yield Finding(path, f'"{path[-1]}" is a preset: choose another name, with base = "{path[-1]}"')
        return
    yield from _is_permit(draft, (*path, "base"), permit.base)
    seen, base = {path[-1]}, permit.base
    while base in draft.config.permits:
        if base in seen:
            yield Finding((*path, "base"), f'"{base}" is based on this permit itself')
            return
        seen.add(base)
        base = draft.config.permits[base].base


def _group(path: Path, group: TokenGroup) -> Iterator[Finding]:
    try:
        tokens = group.all
    except ValueError as error:
        yield Finding((*path, "file"), str(error))
        return
    if not tokens:
        yield Finding(path, "holds no token: no call will match it", warning=True)


def _tokens(draft: Draft, path: Path, rule: Rule) -> Iterator[Finding]:
    for name in rule.token_groups:
        yield from _exists(draft, (*path, "token_groups"), "token_groups", name)
    if rule.token_groups and isinstance(rule.tokens, str):
        yield Finding((*path, "token_groups"), f'has no meaning beside tokens = "{rule.tokens}"')
    if rule.tokens == ():
        yield Finding((*path, "tokens"), "is empty: no call will match this rule", warning=not rule.token_groups)
    for name in rule.authorize:
        yield from _exists(draft, (*path, "authorize"), "backends", name)
    if rule.authorize and any(names[:1] != rule.authorize[:1] for names in rule.answer.choices):
        yield Finding((*path, "authorize"), "must begin with the backend that answers")
    if len(set(rule.authorize)) != len(rule.authorize) or len(rule.authorize) == 1:
        yield Finding((*path, "authorize"), "names at least two backends, each once")


# Routes.


def _route(draft: Draft, path: Path, route: Route) -> Iterator[Finding]:
    for number, rule in enumerate(route.rules):
        row = (*path, "rules", number)
        for name in rule.answer.backends:
            yield from _backend_exists(draft, (*row, "answer"), name)
        if CLAIMANT in rule.answer.backends and rule.answer.weights:
            yield Finding((*row, "answer"), f'"{CLAIMANT}" cannot be part of a weighted choice')
        for name in rule.claimed_by:
            yield from _exists(draft, (*row, "claimed_by"), "backends", name)
        for name in rule.copies:
            yield from _backend_exists(draft, (*row, "copy"), name)
            if rule.answer.backends == (name,):
                yield Finding((*row, "copy"), f'"{name}" answers already; a copy would tell it twice')
        yield from _tokens(draft, row, rule)
        if rule.catches_all and number < len(route.rules) - 1:
            yield Finding((*row, "answer"), "catches every call: the rules after it are never reached", warning=True)
    yield from advise(draft, path, route)
    if not any(rule.catches_all for rule in route.rules):
        message = (
            "the last rule must match every call (no actions, stations, tags, tokens or connectors), "
            "so that each call has an answer"
        )
        yield Finding((*path, "rules"), message)


def _backend_exists(draft: Draft, path: Path, name: str) -> Iterator[Finding]:
    if name != CLAIMANT:
        yield from _exists(draft, path, "backends", name)


def _exists(draft: Draft, path: Path, section: str, name: str) -> Iterator[Finding]:
    names = draft.names(section)
    if name not in names:
        what = section.removesuffix("s").replace("_", " ")
        yield Finding(path, f'there is no {what} "{name}"{did_you_mean(name, names)}')


# Stations.


def _stations(draft: Draft) -> Iterator[Finding]:
    first: dict[tuple[str, str], int] = {}
    """The first entry for each identity, and for each pattern."""
    for number, entry in enumerate(draft.config.stations):
        path: Path = ("stations", number)
        yield from _entry(draft, path, entry)
        one, many = (_folded(draft, text or "") for text in (entry.exact, entry.match))
        covering = [("one", one)] if one else [("many", many), ("many", "*")]  # an exact identity precedes any pattern
        before = min((first[each] for each in covering if each in first), default=None)
        if before is not None:
            where = f"stations[{draft.original(('stations', before))[-1]}]"
            yield Finding(path, f"can never match: {where} matches the same before it", warning=True)
        first.setdefault(covering[0], number)


def _entry(draft: Draft, path: Path, entry: StationEntry) -> Iterator[Finding]:
    if (entry.match is None) is (entry.identity is None):
        yield Finding(path, "needs either match (a pattern) or identity (one station)")
    yield from _route_of(draft, path, entry)
    if entry.password is not None and entry.password_hook is not None:
        yield Finding((*path, "password_hook"), "takes the place of password: write one or the other")
    if entry.auth_lookup is not None and (entry.password is not None or entry.password_hook is not None):
        yield Finding((*path, "auth_lookup"), "takes the place of password and password_hook: write one of the three")
    is_checkable = entry.model_copy(update={"auth": None}).checked
    if entry.auth == "basic" and not is_checkable:
        yield Finding((*path, "auth"), '"basic" needs password or password_hook')
    if entry.auth == "none" and is_checkable:
        yield Finding((*path, "auth"), '"none" leaves the password unchecked; take out one of the two', warning=True)
    if entry.certificate_lookup is not None and entry.auth_lookup is None:
        yield Finding((*path, "certificate_lookup"), "has no meaning without auth_lookup")
    if entry.aliases and not entry.exact:
        yield Finding((*path, "aliases"), "are for one station: use identity, not a pattern")


def _route_of(draft: Draft, path: Path, entry: StationEntry) -> Iterator[Finding]:
    if entry.route == CLAIMED:
        return
    if entry.route is not None:
        yield from _exists(draft, (*path, "route"), "routes", entry.route)
    elif len(draft.names("routes")) != 1:
        names = ", ".join(draft.names("routes"))
        choice = f"there are several: {names}" if names else "there is none: write [routes.NAME]"
        choice += f'; "{CLAIMED}" is for stations that backends claim'
        yield Finding(path, f"route is missing, and {choice}")


def _folded(draft: Draft, text: str) -> str:
    return text if draft.config.directory.case_sensitive else text.encode().lower().decode()  # of ASCII


def _unknown(draft: Draft) -> Iterator[Finding]:
    unknown = draft.config.unknown
    if unknown.route is not None:
        yield from _exists(draft, ("unknown", "route"), "routes", unknown.route)
        if unknown.policy != "route":
            yield Finding(("unknown", "route"), f'has no meaning with policy = "{unknown.policy}"', warning=True)
    elif unknown.policy == "route" and len(draft.names("routes")) != 1:
        yield Finding(("unknown", "policy"), '"route" needs route')
    if unknown.policy == "refuse" and not draft.config.stations and not any(_may_have(draft)):
        message = "every station is refused: write [[stations]], or policy"
        yield Finding(("unknown", "policy"), f'{message} = "quarantine" to see who comes', warning=True)


def _may_have(draft: Draft) -> Iterator[str]:
    """Yield the backends that may have stations which no entry is for: they claim them, or keep a list of their own."""
    yield from claimants(draft)
    yield from (name for name, backend in draft.config.backends.items() if backend.local_url)


# Sections that are never used.


def _unused(draft: Draft) -> Iterator[Finding]:
    config = draft.config
    rules = [rule for route in config.routes.values() for rule in route.rules]
    used = {name for rule in rules for name in (*rule.answer.backends, *rule.copies, *rule.authorize)}
    for name in config.backends:
        if name not in used and CLAIMANT not in used and not draft.written(("backends", name, "claims")):
            made = ", as of stations that are made in it" if config.backends[name].local_url else ""
            message = f"no rule names this backend: only claims lead to it{made}"
            yield Finding(("backends", name), message, warning=True)
    taken = {entry.route for entry in config.stations} | {config.unknown.route, CLAIMED}
    for name in config.routes:
        if name not in taken and len(config.routes) > 1:
            yield Finding(("routes", name), "no station takes this route", warning=True)
