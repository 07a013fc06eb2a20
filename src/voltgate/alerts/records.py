"""What is kept of alerts: each as it stands, what is sent of them and to whom, and what is not told."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

from voltgate.alerts.message import Kind
from voltgate.alerts.rules import Mute, Whom
from voltgate.relay.event_list import Severity

Status: TypeAlias = Literal["held", "open", "muted", "ending", "recovered", "replaced", "passed"]
"""How an alert stands.

- `held`: it is to be told, once it has lasted and its group is complete. What ends before is deleted.
- `open`: it was told, and lasts.
- `muted`: it is not told.
- `ending`: it is over, which is to be told; if the same comes again before, it is open as if nothing had been.
- `recovered`: it is over. `replaced`: the same is otherwise now, which is told.
- `passed`: it was told; such a thing never lasts.
"""


@dataclass(frozen=True, slots=True)
class Alert:
    """One alert of one rule. All times are in seconds since 1970.

    `subject` and `state` are those of its kind; `key` is the station, as stations are compared. It was `at`, has lasted
    long enough at `due`, and `goes` out then or with those that come in the meantime; while it is muted it is looked
    at again then. `current`: there is at most one
    such row of a rule, an event and a subject. `seen` is when somebody last said that it lasts. `data` holds the fields
    for templates, and what of the rule it takes to tell it.
    """

    id: str
    rule: str
    event: str
    subject: str
    state: str
    key: str
    station: str
    backend: str
    severity: Severity
    urgent: bool
    lasting: bool
    at: float
    due: float
    goes: float
    status: Status
    current: bool
    seen: float
    ended_at: float | None
    data: Mapping[str, Any]

    @property
    def identity(self) -> tuple[str, str, str]:
        """What it is known by while it is current."""
        return self.rule, self.event, self.subject


DeliveryStatus: TypeAlias = Literal["due", "sent", "given up", "digest", "in digest"]
"""`digest`: more than the channel takes in an hour; it waits to be told with others. `in digest`: it was."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """A message to one channel, and what became of it. `id` is that of the message. Times as in `Alert`.

    It is tried at `due`; `error` is why it did not get through the last time, `note` what the channel said of it.
    """

    id: str
    channel: str
    rule: str
    kind: Kind
    event: str
    severity: Severity
    urgent: bool
    subject: str
    text: str
    html: str
    items: tuple[Mapping[str, Any], ...]
    count: int
    at: float
    created: float
    due: float
    attempts: int = 0
    status: DeliveryStatus = "due"
    error: str = ""
    note: str = ""
    ended_at: float | None = None


@dataclass(frozen=True, slots=True)
class StoredMute:
    """What an operator has muted: globs of events, stations and backends; until when, None: until it is taken back."""

    id: str
    events: tuple[str, ...]
    stations: tuple[str, ...]
    backends: tuple[str, ...]
    at: float
    until: float | None
    by: str
    reason: str = ""

    @property
    def mute(self) -> Mute:
        """The same as a rule has it; its end aside."""
        return Mute(self.events, Whom(self.stations, self.backends), reason=self.reason)


@dataclass(frozen=True, slots=True)
class Policy:
    """What bounds a channel: messages an hour (0: none), seconds between digests, and of trying again."""

    rate: int = 60
    digest: float = 900.0
    give_up: float = 86_400.0


@dataclass(frozen=True, slots=True)
class Group:
    """Alerts that go out together: those to be listed, and how many there are in all. All of one rule and event."""

    kind: Kind
    rule: str
    event: str
    alerts: tuple[Alert, ...]
    count: int
    urgent: bool


@dataclass(slots=True)
class Counts:
    """What is counted, for /metrics."""

    sent: dict[str, int] = field(default_factory=dict)
    failed: dict[str, int] = field(default_factory=dict)
    given_up: dict[str, int] = field(default_factory=dict)
    """Messages by channel: those that got through, tries that failed, and those that never will."""
