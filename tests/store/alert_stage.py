"""Alerts as a node of the cluster decides on them, by a clock that the test moves."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from tests.store.conftest import NOW
from voltgate.alerts.catalogue import ALERTS
from voltgate.alerts.engine import Engine, Known
from voltgate.alerts.records import Alert, Delivery, Policy
from voltgate.alerts.rules import Mute, Rule, Rules
from voltgate.alerts.writing import Author
from voltgate.relay.events import Event, StatusChanged
from voltgate.store.alerts import AlertStore


def rule(*events: str, name: str = "r", hold: float = 60, group: float = 10, **more: object) -> Rule:
    """Make a rule for a channel that is called ops."""
    return Rule(name, frozenset(events or ALERTS), ("ops",), hold=hold, group=group, **more)  # type: ignore[arg-type]


def status(status: str, error: str = "NoError", station: str = "CP-1", connector: int = 1) -> StatusChanged:
    """Make the event of another status."""
    return StatusChanged(station, None, connector, status, error, "")


def stranger(identity: str) -> Known:
    """Say of a station what anybody knows."""
    return Known(identity.casefold(), identity, frozenset({"depot"}))


class Clock:
    """The time, in seconds since 1970."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> float:
        """Return it."""
        return self.now


class Node:
    """One node: sees events, and tells what is due."""

    def __init__(
        self,
        store: AlertStore,
        rules: Iterable[Rule],
        clock: Clock,
        mutes: Iterable[Mute] = (),
        policies: dict[str, Policy] | None = None,
    ) -> None:
        self.store = store
        self.engine = Engine(stranger)
        self.engine.rules = Rules(rules, mutes)
        self.clock = clock
        self.policies = policies or {}
        self._author = Author()
        self._shown: set[str] = set()

    async def sees(self, *events: Event) -> None:
        """See events, one after the other, and write them down together."""
        seen = []
        for event in events:
            self.engine.note(event, self.clock.now)
        for noted in self.engine.first(100_000):
            seen += self.engine.sightings(noted)
        self.engine.done(len(self.engine))
        await self.store.note(seen)

    async def after(self, seconds: float) -> list[str]:
        """Let time pass; return what is told by then that was not told before."""
        self.clock.now += seconds
        while await self.store.tell(
            self.clock.now, self._author.write, self._author.digest, self.policies, self.engine.rules.mutes
        ):
            pass
        return [f"{each.kind}: {each.subject}" for each in await self.news()]

    async def news(self) -> list[Delivery]:
        """Return the messages that were made since the last time."""
        made = [each for each in reversed(await self.store.deliveries((), None, 1000)) if each.id not in self._shown]
        made = [each for each in made if each.status not in ("digest", "in digest")]
        self._shown |= {each.id for each in made}
        return made

    async def rows(self, chosen: Callable[[Alert], bool] = lambda _: True) -> list[tuple[str, str]]:
        """Return each alert that there is: its subject and how it stands."""
        return [(each.subject, each.status) for each in await self.store.alerts((), None, 10_000) if chosen(each)]
