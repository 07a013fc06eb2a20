"""Stations, and the directory that knows them: from an identity off the wire to what was said of it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal, TypeAlias

from voltgate.directory.register import Register
from voltgate.ocpp.globs import compile_glob

CLAIMED = "claimed"
"""The route of stations that only a claim admits."""

Source: TypeAlias = Literal["entry", "accepted", "claim", "pattern", "stranger"]
"""How a station is known: by an entry of its own, from the waiting room, by a claim, a pattern, or not at all."""

OLD_VERSIONS = ("ocpp1.6", "ocpp1.5", "ocpp1.2")
"""The versions that state no rule for identities."""

_IDENTIFIER = re.compile(r"[A-Za-z0-9*\-_=+|@.]{1,48}")
"""identifierString without ":" (2.1 Part 4 section 3.1.1, Part 2 A00.FR.204)."""

_WILD = frozenset("*?[")


@dataclass(frozen=True, slots=True)
class Credentials:
    """What a station proves itself by: a password, its argon2 hash, or the word of a hook (a URL).

    `spellings` of a 1.6 password: "bytes" (a hex key sent decoded), "hex" (its digits), "text".
    """

    password: str | None = None
    hook: str | None = None
    spellings: tuple[str, ...] = ("bytes", "hex", "text")

    def __repr__(self) -> str:
        return f"Credentials({'hook' if self.hook else 'password'})"


@dataclass(frozen=True, slots=True)
class Entry:
    """What the directory says of one station (`identity`), or of all whose identity fits a pattern (`match`).

    Without a `route` the station goes to the backend that claims it, else by the directory's default.
    `missing_subprotocol` is the version to assume when the station names none, or "refuse". `more` is carried for
    whoever made the entry.
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
    more: object = None

    @property
    def exact(self) -> str:
        """The one identity it is for; "" when it is for a pattern."""
        return self.identity or ("" if _WILD & set(self.match) else self.match)


@dataclass(frozen=True, slots=True)
class Station:
    """One station as it came: its identity as written, the `key` it is compared by, and its entry.

    `route` is the name of its route, `claimant` the backend that holds it by a claim ("" none). `versions` is what it
    may speak; empty: anything.
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
        """What people call it."""
        return self.entry.name or self.identity

    @property
    def tags(self) -> frozenset[str]:
        """The words that rules can ask for."""
        return self.entry.tags

    @property
    def missing_subprotocol(self) -> str:
        """The version to assume when it names none, or "refuse"."""
        return self.entry.missing_subprotocol

    @property
    def credentials(self) -> Credentials | None:
        """What it proves itself by; None: nothing is checked here."""
        return self.entry.credentials


class Directory:
    """The stations that are known. An entry for one identity beats patterns; of patterns the first that fits counts."""

    __slots__ = (
        "_aliases",
        "_case_sensitive",
        "_default",
        "_exact",
        "_longest",
        "_nameless",
        "_patterns",
        "_stranger",
        "register",
    )

    def __init__(
        self,
        entries: Iterable[Entry],
        *,
        stranger: Entry | None = None,
        nameless: Entry | None = None,
        register: Register | None = None,
        default: str = "",
        case_sensitive: bool = False,
        longest: int = 48,
    ) -> None:
        """`stranger` stands for stations that no entry knows (None: they are unknown). `longest` is in characters.

        `nameless` is what is said of stations that only the register knows, `default` the route of entries without
        one ("": there is none).
        """
        self.register = register or Register()
        self._nameless = nameless or Entry("", match="*")
        self._default = default
        self._case_sensitive = case_sensitive
        self._longest = longest
        self._stranger = stranger
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
        """Give what identities are compared by (2.x: identifierString is case-insensitive)."""
        return identity if self._case_sensitive else identity.casefold()

    def find(self, identity: str, target: str = "") -> Station | None:
        """Find the station of an identity, or of a raw request target that is an alias; None: unknown or not lawful."""
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
        """Find a station that no entry speaks of: by its claim, or as a stranger."""
        claimed = self._station(identity, self._nameless, "claim")
        if claimed is not None or self._stranger is None:
            return claimed
        return self._station(identity, self._stranger, "stranger")

    def _station(self, identity: str, entry: Entry, source: Source, route: str = "") -> Station | None:
        """Make a station. Whose identity 2.x forbids speaks no 2.x (2.1 Part 4 section 3.1.1), or is unknown.

        What is written goes before a claim, and a claim before the default; without any of them it is unknown.
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
        """Give a station that is known by itself and has no route now; None: nobody knows it."""
        key = self.key(identity)
        entry = self._exact.get(key)
        if entry is not None:
            return Station(identity, key, entry, "", source="entry", versions=entry.versions)
        claimed = bool(self.register.standing(key))
        return Station(identity, key, self._nameless, "", source="claim") if claimed else None

    def named(self) -> Iterator[str]:
        """Give the identities that the configuration and the waiting room name, each once."""
        known = {key: entry.exact for key, entry in self._exact.items()}
        known.update((key, accepted.identity) for key, accepted in self.register.accepted.items())
        yield from known.values()

    def objection(self, identity: str) -> str | None:
        """Say why an identity cannot be one, whatever the version; None: it can."""
        if _IDENTIFIER.fullmatch(identity) and len(identity) <= self._longest and identity.strip("."):
            return None
        return unlawful(identity, self._longest)


def unlawful(identity: str, longest: int) -> str | None:
    """Say why `identity` is not one in any version of OCPP; None: it may be (2.x asks for more, see `Directory`)."""
    if not identity:
        return "The path names no station"
    if len(identity) > longest:
        return f"The identity is longer than {longest} characters"
    if not identity.isprintable():
        return "The identity contains control characters"
    if identity != identity.strip():
        return "The identity begins or ends with a space"
    if "/" in identity or "\\" in identity:
        return "The identity contains a slash"
    if not identity.strip("."):
        return "The identity consists of dots"
    return None
