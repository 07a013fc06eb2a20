"""What an alert is: which events it means, whom they concern, and what is said of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import Any, TypeAlias

from voltgate.relay.event_list import Severity, endangers
from voltgate.relay.events import Event

Says: TypeAlias = Callable[[Event], str]


def always(_: Event) -> bool:
    """Return True: each event of the type is meant."""
    return True


@dataclass(frozen=True, slots=True)
class AlertKind:
    """One alert that rules can name.

    It is any `event` of this type, or of the type `also`, for which `when` is true. `subject` says whom it concerns: an
    alert and what ends it have the same one. `state` says what is told of the subject: the same state is not told
    twice. Alerts of one `family` are states of the same thing, of which one holds at a time. `lasting` is false for
    what happens and is over: nothing ends it, and it is never open. `once`: what happens is not said twice, so it is
    told though the words are the same. What is no `news` is told only if it ends something. `recovers` names the alerts
    that this one ends. `title` and `body` are templates over `details`.
    """

    name: str
    event: type[Event]
    when: Callable[[Event], bool]
    subject: Says
    state: Says
    severity: Severity
    title: str
    recovers: tuple[str, ...] = ()
    family: str = ""
    lasting: bool = True
    body: str = ""
    meaning: str = ""
    also: type[Event] | None = None
    once: bool = False
    news: Callable[[Event], bool] = always

    @property
    def events(self) -> tuple[type[Event], ...]:
        """The types of the events that it may be."""
        return (self.event,) if self.also is None else (self.event, self.also)

    def severity_of(self, event: Event) -> Severity:
        """Return how much one such event matters: "danger" passes hold times, mutes and digests."""
        return "danger" if endangers(event) else self.severity


def place_of(event: Event) -> str:
    """Return which connector is meant, as people write it: "2" in 1.x, in 2.x the EVSE, with "1.2" for its second one.

    It is "0" for a station as a whole, or where the station does not say.
    """
    evse, connector = getattr(event, "evse", None), getattr(event, "connector", None)
    if evse is None:
        return str(connector or 0)
    return str(evse) if connector in (None, 0, 1) else f"{evse}.{connector}"


def details(event: Event, names: Mapping[str, str] | None = None) -> dict[str, Any]:
    """Return what templates may name: the fields of an event, `name` and `place`; bytes in GB as well.

    `name` is that of the station by `names`, its identity if it has none there. An event without station has the `name`
    that it has itself, or "".
    """
    found = {each.name: getattr(event, each.name) for each in fields(event)}
    station = found.get("station", found.get("name", ""))
    in_gb = {f"{name}_gb": found[name] / 1e9 for name in ("free", "total") if name in found}
    return found | in_gb | {"name": (names or {}).get(station, station), "place": place_of(event)}


# Whom an event concerns.


def field(name: str) -> Says:
    """Return what says a field of an event."""
    return lambda event: str(getattr(event, name))


def word(state: str) -> Says:
    """Return what says the same of every event."""
    return lambda _: state


station, backend, node, path, name = map(field, ("station", "backend", "node", "path", "name"))


def link(event: Event) -> str:
    """Say which backend of which station."""
    return f"{station(event)} {backend(event)}"


def connector(event: Event) -> str:
    """Say which connector of which station."""
    return f"{station(event)} #{place_of(event)}"


def transaction(event: Event) -> str:
    """Say which transaction of which station."""
    return f"{station(event)} {getattr(event, 'transaction', '')}"


def stranger(event: Event) -> str:
    """Say who was refused: the station as it named itself, else where it came from."""
    return station(event) or str(getattr(event, "address", ""))


def action(event: Event) -> str:
    """Say which message it is about, and why."""
    return f"{getattr(event, 'action', '')}: {getattr(event, 'reason', '')}"
