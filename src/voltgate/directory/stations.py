"""Stations, and the directory that finds them: from an identity on the wire to its entry."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal, TypeAlias

from voltgate.directory.register import Register
from voltgate.ocpp.folding import fold
from voltgate.ocpp.globs import compile_glob

CLAIMED = "claimed"
"""The name of the route of stations that only a claim admits."""

Source: TypeAlias = Literal["entry", "accepted", "claim", "pattern", "stranger"]
"""How a station was found: an entry of its own, the waiting room, a claim, a pattern, or the rule for unknown ones."""

OLD_VERSIONS = ("ocpp1.6", "ocpp1.5", "ocpp1.2")
"""The versions that have no rule for identities."""

_IDENTIFIER = re.compile(r"[A-Za-z0-9*\-_=+|@.]{1,48}")
"""identifierString without ":" (2.1 Part 4 section 3.1.1, Part 2 A00.FR.204)."""

_WILD = frozenset("*?[")


@dataclass(frozen=True, slots=True)
class Credentials:
    """What a station is authenticated by: a password, its argon2 hash, a hook or a registry (a URL each).

    `organizations` are those of which one must stand in the certificate of a station that comes with one;
    `certificates` is the URL at which the registry has those that a proxy has verified.
    `spellings` of a 1.6 password: "bytes" (a hex key sent decoded), "hex" (its digits), "text".
    """

    password: str | None = None
    hook: str | None = None
    spellings: tuple[str, ...] = ("bytes", "hex", "text")
    lookup: str | None = None
    organizations: frozenset[str] = frozenset()
    certificates: str | None = None

    def __repr__(self) -> str:
        return f"Credentials({'hook' if self.hook else 'lookup' if self.lookup else 'password'})"


@dataclass(frozen=True, slots=True)
class Entry:
    """The settings of one station (`identity`), or of all whose identity matches a pattern (`match`).

    Without a `route` the station goes to the backend that claims it, else by the directory's default.
    `missing_subprotocol` is the version to assume if the station offers none, or "refuse". `more` is opaque, for the
    creator of the entry.
    """

    route: str
    match: str = ""
    identity: str = ""
    name: str = ""
    tags: frozenset[str] = frozenset()
    versions: tuple[str, ...] = ()
    missing_subprotocol: str = "ocpp1.6"
    credentials: Credentials | None = None
    aliases: tuple[str, ...] = ()
    profiles: frozenset[int] | None = None
    """The security profiles of which it must come with one; None: as its listener asks for."""
    organizations: frozenset[str] = frozenset()
    """Those of which one must stand in its certificate; none: as its listener asks for."""
    more: object = None

    @property
    def exact(self) -> str:
        """The one identity it is for; "" if it is for a pattern."""
        return self.identity or ("" if _WILD & set(self.match) else self.match)


@dataclass(frozen=True, slots=True)
class Station:
    """A station at its handshake: its identity as written, the `key` it is compared by, and its entry.

    `route` is the name of its route, `claimant` the backend that holds it by a claim ("" none). `versions` are those
    it may speak; empty: any.
    """

    identity: str
    key: str
    entry: Entry
    route: str
    claimant: str = ""
    source: Source = "pattern"
    versions: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """Its name for people."""
        return self.entry.name or self.identity

    @property
    def tags(self) -> frozenset[str]:
        """The tags that rules can match."""
        return self.entry.tags

    @property
    def missing_subprotocol(self) -> str:
        """The version to assume if it offers none, or "refuse"."""
        return self.entry.missing_subprotocol

    @property
    def credentials(self) -> Credentials | None:
        """Its credentials; None: nothing is checked here."""
        return self.entry.credentials

    @property
    def traits(self) -> tuple[str, frozenset[str], str]:
        """What rules can ask of it: its key, its tags, and who holds it by a claim."""
        return self.key, self.tags, self.claimant

    @property
    def checked(self) -> bool:
        """Whether it proves itself here, and not to its backend alone."""
        return self.credentials is not None


class Directory:
    """The known stations. An entry for one identity precedes patterns; of patterns the first that matches counts."""

    __slots__ = (
        "_aliases",
        "_default",
        "_exact",
        "_longest",
        "_nameless",
        "_patterns",
        "_unknown",
        "case_sensitive",
        "register",
    )

    def __init__(
        self,
        entries: Iterable[Entry],
        *,
        unknown: Entry | None = None,
        nameless: Entry | None = None,
        register: Register | None = None,
        default: str = "",
        case_sensitive: bool = False,
        longest: int = 48,
    ) -> None:
        """`unknown` is the entry of stations without one (None: they are not found). `longest` is in characters.

        `nameless` is the entry of stations that only the register has, `default` the route of entries without one
        ("": there is none).
        """
        self.register = register or Register()
        self._nameless = nameless or Entry("", match="*")
        self._default = default
        self.case_sensitive = case_sensitive
        self._longest = longest
        self._unknown = unknown
        self._exact: dict[str, Entry] = {}
        self._aliases: dict[str, Entry] = {}
        self._patterns: list[tuple[re.Pattern[str], Entry]] = []
        for entry in entries:
            self._add(entry)

    def _add(self, entry: Entry) -> None:
        if entry.exact:
            self._exact.setdefault(self.key(entry.exact), entry)
        else:
            self._patterns.append((compile_glob(self.key(entry.match)), entry))
        for alias in entry.aliases:
            self._aliases.setdefault(alias, entry)

    def key(self, identity: str) -> str:
        """Return what identities are compared by (2.x: identifierString is case-insensitive)."""
        return identity if self.case_sensitive else fold(identity)

    def as_written(self, identity: str) -> str:
        """Return an identity as its entry has it, if it has one of its own."""
        entry = self._exact.get(self.key(identity))
        return identity if entry is None else entry.exact

    def find(self, identity: str, target: str = "") -> Station | None:
        """Return the station of an identity, or of a raw request target that is an alias; None: unknown or invalid."""
        alias = self._aliases.get(target.partition("?")[0]) if self._aliases else None
        if alias is not None:
            return self._station(alias.exact, alias, "entry")
        if self.objection(identity) is not None:
            return None
        key = self.key(identity)
        entry = self._exact.get(key)
        if entry is not None:
            return self._station(identity, entry, "entry")
        entry = next((entry for pattern, entry in self._patterns if pattern.match(key)), None)
        accepted = self.register.accepted.get(key)
        if accepted is not None:
            return self._station(identity, entry or self._nameless, "accepted", accepted.route)
        return self._station(identity, entry, "pattern") if entry is not None else self._unnamed(identity)

    def _unnamed(self, identity: str) -> Station | None:
        """Return a station without an entry: by its claim, or by the entry for unknown stations."""
        claimed = self._station(identity, self._nameless, "claim")
        if claimed is not None or self._unknown is None:
            return claimed
        return self._station(identity, self._unknown, "stranger")

    def _station(self, identity: str, entry: Entry, source: Source, route: str = "") -> Station | None:
        """Return a station. With an identity that 2.x forbids it speaks no 2.x (2.1 Part 4 section 3.1.1), or is None.

        A configured route precedes a claim, and a claim the default; without any of them it is None.
        """
        versions, key = entry.versions, self.key(identity)
        if _IDENTIFIER.fullmatch(identity) is None:
            versions = tuple(version for version in versions or OLD_VERSIONS if version in OLD_VERSIONS)
            if not versions:
                return None
        claimant = self.register.holder(key)
        route = route or entry.route or (CLAIMED if claimant else "" if source == "claim" else self._default)
        if not route or (route == CLAIMED and not claimant):
            return None
        return Station(identity, key, entry, route, claimant, source, versions)

    def unplaced(self, identity: str) -> Station | None:
        """Return a station that has an entry or a claim but no route now; None if it has neither."""
        key = self.key(identity)
        entry = self._exact.get(key)
        if entry is not None:
            return Station(identity, key, entry, "", source="entry", versions=entry.versions)
        claimed = bool(self.register.standing(key))
        return Station(identity, key, self._nameless, "", source="claim") if claimed else None

    def named(self) -> Iterator[str]:
        """Yield the identities of single entries and of accepted stations, each once."""
        identities = {key: entry.exact for key, entry in self._exact.items()}
        identities.update((key, accepted.identity) for key, accepted in self.register.accepted.items())
        yield from identities.values()

    def objection(self, identity: str) -> str | None:
        """Return why an identity is not valid in any version; None if it is."""
        if _IDENTIFIER.fullmatch(identity) and len(identity) <= self._longest and identity.strip("."):
            return None
        return unlawful(identity, self._longest)


def unlawful(identity: str, longest: int) -> str | None:
    """Return why `identity` is valid in no version of OCPP; None: it may be (2.x asks for more, see `Directory`)."""
    if not identity:
        return "The path names no station"
    if len(identity) > longest:
        return f"The identity is longer than {longest} characters"
    if not identity.isprintable():
        return "The identity contains control characters, or others that cannot be printed"
    if identity != identity.strip():
        return "The identity begins or ends with a space"
    if "/" in identity or "\\" in identity:
        return "The identity contains a slash"
    if not identity.strip("."):
        return "The identity consists of dots"
    return None
