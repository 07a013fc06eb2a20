"""From the configuration to the values that the gateway works with."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from voltgate.app.authentication import Authentication
from voltgate.app.carriers import endpoints_of, is_only_told
from voltgate.config import Config
from voltgate.config.backends import Backend as BackendSection
from voltgate.config.routes import Route as RouteSection
from voltgate.config.routes import Rule as RuleSection
from voltgate.config.stations import StationEntry
from voltgate.directory.register import Register
from voltgate.directory.rows import Address
from voltgate.directory.stations import CLAIMED, Credentials, Directory, Entry, Station
from voltgate.directory.waiting import WaitingRoom
from voltgate.ocpp.dialect import Dialect
from voltgate.ocpp.folding import folding
from voltgate.relay.backend import Backend, BackendSettings, Retry
from voltgate.relay.journal import JournalSettings
from voltgate.relay.ledger import LedgerSettings
from voltgate.relay.permit import PRESETS, Permit
from voltgate.relay.plan import Chain
from voltgate.relay.policies.validation import strictly
from voltgate.relay.ports import SessionSettings
from voltgate.relay.rate import Pace
from voltgate.relay.route import Route
from voltgate.relay.rule import CLAIMANT, Rule
from voltgate.relay.stand_in import StandIn
from voltgate.relay.tokens import ANY, NONE, Spelling, Tokens, listed
from voltgate.snapshot import Habits, Snapshot


@dataclass(slots=True)
class Surroundings:
    """What outlives a change of the configuration: the register, the waiting room, what authentication remembers."""

    register: Register = field(default_factory=Register)
    authentication: Authentication = field(default_factory=Authentication)
    room: WaitingRoom = field(default_factory=WaitingRoom)

    def follow(self, config: Config) -> None:
        """Go by a configuration, once all of it has been taken."""
        claims = config.claims
        fold = folding(case_sensitive=config.directory.case_sensitive)
        lasting = [name for name, section in config.backends.items() if section.local_url]
        shares = {name: section.claims.most for name, section in config.backends.items()}
        self.register.follow(fold, config.backends, claims.conflict, claims.expire, claims.most, lasting, shares)
        self.authentication.follow(config)
        self.room.trim(config.unknown.remembered if config.unknown.policy == "quarantine" else 0)

    def close(self) -> None:
        """Stop what runs in threads."""
        self.authentication.close()


def build(config: Config, surroundings: Surroundings, before: Snapshot | None) -> Snapshot:
    """Make the snapshot that a configuration describes. Raise OSError for certificate files that cannot be read.

    What has not changed since `before` is the same object again, so that sessions can tell that nothing changed. The
    surroundings do not go by it yet: see `Surroundings.follow`.
    """
    old_backends = before.backends if before is not None else {}
    old_routes = before.routes if before is not None else {}
    written = [_route(name, section, config) for name, section in config.routes.items()]
    routes = {route.name: _same(route, old_routes) for route in (_CLAIMED, *written)}
    register = surroundings.register
    backends = {
        name: _backend(name, section, config, old_backends, register.addresses.get(name, Address()))
        for name, section in config.backends.items()
    }
    return Snapshot(
        directory=_directory(config, register),
        routes=routes,
        backends=backends,
        settings=_settings_of(config),
        habits=_habits,
        dialect=_dialect_of(config),
        authenticate=surroundings.authentication.check,
        attempt=surroundings.authentication.attempt,
        came=surroundings.authentication.came,
        running=config.claims.running,
        no_common_subprotocol=config.protocol.no_common_subprotocol,
        subprotocol_aliases=config.protocol.subprotocol_aliases,
    )


# Stations.

_CLAIMED = Route(CLAIMED, "backend", (Rule(answer=(CLAIMANT,)),))
"""Where stations go that only a claim admits, unless the configuration has a route of that name."""


def _directory(config: Config, register: Register) -> Directory:
    def anybody(route: str) -> Entry:
        missing = config.protocol.missing_subprotocol
        return Entry(route, match="*", missing_subprotocol=missing, more=StationEntry(match="*"))

    stranger = config.unknown.route or config.only_route if config.unknown.policy == "route" else ""
    return Directory(
        (_entry(section, config) for section in config.stations),
        unknown=anybody(stranger) if stranger else None,
        nameless=anybody(""),
        register=register,
        default=config.only_route,
        case_sensitive=config.directory.case_sensitive,
        longest=config.limits.identity_length,
    )


def _entry(section: StationEntry, config: Config) -> Entry:
    protocol = section.protocol(config.protocol)
    return Entry(
        section.route or "",
        match=section.match or "",
        identity=section.identity or "",
        name=section.name or "",
        tags=frozenset(section.tags),
        versions=section.versions or (),
        missing_subprotocol=protocol.missing_subprotocol,
        credentials=_credentials(section, protocol.basic_passwords),
        aliases=section.aliases,
        profiles=None if section.security_profiles is None else frozenset(section.security_profiles),
        organizations=frozenset(section.organizations),
        more=section,
    )


def _credentials(section: StationEntry, spellings: tuple[str, ...]) -> Credentials | None:
    if not section.checked:
        return None
    password = section.password.get_secret_value() if section.password is not None else None
    return Credentials(
        password,
        section.password_hook,
        spellings,
        lookup=section.auth_lookup,
        organizations=frozenset(section.organizations),
        certificates=section.certificate_lookup,
    )


def section_of(station: Station) -> StationEntry:
    """Return what the configuration says of a station."""
    assert isinstance(station.entry.more, StationEntry)  # noqa: S101 - _directory makes no other
    return station.entry.more


def _habits(station: Station) -> Habits:
    section = section_of(station)
    return Habits(section.ping, section.compression)


def _dialect_of(config: Config) -> Callable[[Station, str], Dialect]:
    made: dict[tuple[str, str, str], Dialect] = {}

    def dialect(station: Station, version: str) -> Dialect:
        protocol = section_of(station).protocol(config.protocol)
        key = (version, protocol.bad_frame, protocol.unknown_message_type)
        if key not in made:
            made[key] = Dialect(version, protocol.bad_frame, protocol.unknown_message_type, protocol.error_codes)
        return made[key]

    return dialect


def _settings_of(config: Config) -> Callable[[Station, str], SessionSettings]:
    common = SessionSettings(
        backend_patience=config.calls.backend,
        station_patience=config.calls.station,
        window=config.calls.station_window,
        waiting=config.limits.waiting_calls,
        waiting_bytes=config.limits.waiting_bytes,
        messages_per_second=config.limits.messages_per_second,
        burst=config.limits.messages_burst,
        commands=Pace(
            config.limits.commands_per_second,
            config.limits.commands_burst,
            config.limits.command_bytes_per_second,
            config.limits.command_bytes_burst,
        ),
        registration=config.protocol.registration,
        ledger=LedgerSettings(config.ledger.invitation, config.ledger.silence),
        journal=JournalSettings(
            config.journal.days * 86400,
            config.journal.entries,
            config.journal.bytes,
            config.journal.total,
            config.journal.rate,
            config.journal.attempts,
        ),
    )
    made: dict[tuple[int, bool], SessionSettings] = {}

    def settings(station: Station, version: str) -> SessionSettings:
        section = section_of(station)
        window = section.window or common.window
        strict = section.protocol(config.protocol).validation == "strict"
        key = (window, strict)
        if key not in made:
            made[key] = replace(common, window=window, from_station=(strictly,) if strict else ())
        return made[key]

    return settings


# Routes.


def _same(route: Route, before: Mapping[str, Route]) -> Route:
    old = before.get(route.name)
    return old if old == route else route


def _route(name: str, section: RouteSection, config: Config) -> Route:
    fold = folding(case_sensitive=config.directory.case_sensitive)
    rules = []
    for rule in section.rules:
        weights = tuple((n, w) for n, w in zip(rule.answer.backends, rule.answer.weights, strict=False) if w > 0)
        rules.append(
            Rule(
                tokens=_tokens(rule, config),
                connectors=frozenset(rule.connectors),
                claimed_by=frozenset(rule.claimed_by),
                chain=_chain(rule),
                actions=rule.actions,
                stations=fold(rule.stations or ""),
                tags=frozenset(rule.tags),
                answer=() if weights else rule.answer.backends,
                weights=weights,
                copy=rule.copies,
            )
        )
    return Route(name, config.admit(name), tuple(rules), section.close_when_all_down)


def _tokens(rule: RuleSection, config: Config) -> Tokens | None:
    if rule.tokens is None and not rule.token_groups:
        return None
    if rule.tokens == "none":
        return NONE
    kinds = frozenset(rule.token_types)
    if rule.tokens == "any":
        return replace(ANY, kinds=kinds)
    spelling = Spelling(
        rule.case_sensitive,
        reverse_bytes="reverse_bytes" in rule.normalize,
        strip_zeros="strip_zeros" in rule.normalize,
    )
    return listed((*(rule.tokens or ()), *_grouped(rule.token_groups, config)), kinds, spelling)


def _grouped(names: tuple[str, ...], config: Config) -> Iterator[str]:
    """Return the tokens of some groups. Raise OSError for a file that cannot be read any more."""
    for name in names:
        try:
            yield from config.token_groups[name].all
        except ValueError as error:
            raise OSError(str(error)) from None


def _chain(rule: RuleSection) -> Chain | None:
    if not rule.authorize:
        return None
    return Chain(rule.authorize, frozenset(rule.authorize_on), rule.authorize_silence, rule.authorize_within)


# Backends.


def _permit(name: str, config: Config) -> Permit:
    """Resolve a permit: what it says of itself, over what it begins with."""
    if name in PRESETS:
        return PRESETS[name]
    section = config.permits[name]
    base = _permit(section.base, config)
    return Permit(
        name,
        allow=(*base.allow, *section.allow),
        refuse=(*(glob for glob in base.refuse if glob not in section.allow), *section.refuse),
        not_supported=(*base.not_supported, *section.not_supported),
        keys_pass=(*base.keys_pass, *section.keys.allow),
        keys_refuse=(*base.keys_refuse, *section.keys.refuse),
        keys_absorb=(*base.keys_absorb, *section.keys.absorb),
        stop=section.stop or base.stop,
        limit=base.limit if section.limit is None else section.limit,
        credentials=base.credentials if section.credentials is None else section.credentials,
    )


def _stand_in(section: BackendSection, config: Config) -> StandIn:
    written = section.stand_in
    tokens = listed((*written.tokens, *_grouped(written.token_groups, config)))
    return StandIn(written.accept, tokens, written.stop_refused)


def _backend(
    name: str, section: BackendSection, config: Config, before: Mapping[str, Backend], told: Address
) -> Backend:
    settings = BackendSettings(
        name,
        versions=section.versions,
        when_down=section.when_down,
        wait=section.wait,
        then=section.then,
        retry=retry_of(section),
        replay_boot=section.replay_boot,
        window=section.window or (1 if section.broker_url else config.calls.backend_window),
        waiting=section.copy_waiting,
        waiting_bytes=config.limits.waiting_bytes,
        deliver=section.deliver,
        owed=frozenset(section.owed),
        stand_in=_stand_in(section, config),
        permit=None if section.permit is None else _permit(section.permit, config),
        invites="none" if section.homeassistant and is_only_told(section, config) else section.invites,
        endpoints=endpoints_of(section, config, told),
    )
    old = before.get(name)
    if old is None:
        return Backend(settings)
    return old if old.settings == settings else Backend(settings, old.calls, old.commands, old.counts)


def retry_of(section: BackendSection) -> Retry:
    """Return when a backend is dialled again."""
    retry = section.retry
    return Retry(retry.first, retry.factor, retry.max, retry.jitter, retry.tries or None, tuple(retry.schedule or ()))
