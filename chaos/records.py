"""What is written down during a run: what chargers said, what backends got, who commanded what, and what was broken."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

PAID = frozenset({"start", "meter", "stop", "event"})
"""The kinds of messages that somebody is paid by; the other kind is "status"."""


@dataclass(frozen=True, slots=True)
class Saying:
    """One time that a message was said, under a message id, to one gateway."""

    message_id: str
    at: float
    gateway: int = 0


@dataclass(slots=True, eq=False)
class Entry:
    """One message as its charger means it, however often it is said. `place` is its place among the charger's."""

    station: str
    place: int
    kind: str
    mark: str
    action: str
    fields: dict[str, Any]
    charge: Charge | None = None
    sayings: list[Saying] = field(default_factory=list)
    answered: float | None = None
    given_up: bool = False

    def __str__(self) -> str:
        return f"{self.station} {self.kind} {self.mark}"


@dataclass(slots=True, eq=False)
class Charge:
    """One transaction as its charger did it. `number` is the one that the charger was given, or gave in 2.x.

    `invitation` is the message id of the remote start that it follows, `bound` when its owner was settled.
    """

    station: str
    version: str
    tag: str
    mark: int
    invitation: str = ""
    number: int | str = ""
    answered_by: str = ""
    bound: float | None = None
    ended: bool = False
    refused: bool = False
    entries: list[Entry] = field(default_factory=list)

    @property
    def begun(self) -> float:
        """When its first message was first said."""
        return self.entries[0].sayings[0].at

    def __str__(self) -> str:
        return f"{self.station} {self.tag} {self.mark}"


@dataclass(slots=True, eq=False)
class Delivery:
    """One message as it reached a backend. `opened` is when its link was; `known` when the answer was surely read."""

    backend: str
    gateway: int
    station: str
    link: int
    opened: float
    at: float
    message_id: str
    action: str
    fields: dict[str, Any]
    kind: str
    mark: str
    answer: str = ""
    number: int | None = None
    answered: float | None = None
    known: float | None = None
    lost: float | None = None

    @property
    def taken(self) -> bool:
        """Tell whether it needs not be delivered again: it was accepted, or refused for what it says."""
        return self.answer in ("result", "content")

    def __str__(self) -> str:
        return f"{self.backend} {self.at:.2f} link {self.link} {self.station} {self.kind} {self.mark} {self.message_id}"


@dataclass(slots=True, eq=False)
class Command:
    """What a backend asked of a station; `about` is the delivery of the start or event that it wants stopped."""

    backend: str
    station: str
    message_id: str
    action: str
    fields: dict[str, Any]
    at: float
    about: Delivery | None = None
    reply: Any = None


@dataclass(frozen=True, slots=True)
class Heard:
    """A command as it reached a charger, and what that charger was charging then."""

    station: str
    message_id: str
    action: str
    fields: dict[str, Any]
    at: float
    charge: Charge | None


@dataclass(frozen=True, slots=True)
class Owners:
    """Who may own what begins then, who else may hear of it, and who must (`deliver = "always"`).

    `before` are those who may answer a 2.x transaction before a card binds it.
    """

    owners: frozenset[str]
    told: frozenset[str] = frozenset()
    owed: frozenset[str] = frozenset()
    before: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Spell:
    """A time in which something was so; `what` says what."""

    what: str
    begun: float
    over: float

    def overlaps(self, begun: float, over: float) -> bool:
        """Tell whether some of it lies in that time."""
        return self.begun < over and begun < self.over


@dataclass(frozen=True, slots=True)
class Look:
    """What a process of a gateway held at one time: descriptors (but files of the database) and bytes of memory.

    `what` is "before", "after" or the fault that was just over, `life` which process it was, `worked` the seconds of a
    processor that it had taken, and `explained` how many of the descriptors are links that their backends have too.
    """

    gateway: int
    life: float
    what: str
    at: float
    worked: float
    open: int
    memory: int
    explained: int = 0


@dataclass(slots=True)
class Books:
    """All that a run wrote down."""

    entries: list[Entry] = field(default_factory=list)
    charges: list[Charge] = field(default_factory=list)
    deliveries: list[Delivery] = field(default_factory=list)
    commands: list[Command] = field(default_factory=list)
    heard: list[Heard] = field(default_factory=list)
    deaths: list[tuple[int, float]] = field(default_factory=list)
    database: list[Spell] = field(default_factory=list)
    mute: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    looks: list[Look] = field(default_factory=list)
    connects: int = 0
