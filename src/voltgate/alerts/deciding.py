"""What becomes of an alert: pure, of what is known and what is seen. All transitions of an alert stand here.

That no two nodes decide on the same at the same time is the store's to see to.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace

from voltgate.alerts.engine import Sighting
from voltgate.alerts.records import Alert, StoredMute
from voltgate.alerts.rules import Mute

REPEATS = 86_400.0
"""Seconds within which what never lasts, and is said again in the same words, is not told again."""
_DANGER_REPEATS = 300.0
"""The same of what endangers people: a station may have no numbers by which two such things are told apart."""
_MUTED_FOR = 60.0
"""Seconds between two looks whether a mute still holds."""
_NEVER = 1e12
_SEEN_EVERY = 3600.0
"""Seconds between two times that it is written down that something is still said to last."""


class Deciding:
    """Decides on sightings, one after the other.

    `known` are the rows that are current for what is seen, and those of what never lasts, within REPEATS. `new_id`
    makes the id of a new row. `changed` holds the rows that are to be written, by id; None: to be deleted.
    """

    def __init__(self, known: Iterable[Alert], mutes: Iterable[StoredMute], new_id: Callable[[], str]) -> None:
        self.changed: dict[str, Alert | None] = {}
        self._current: dict[tuple[str, str, str], Alert] = {}
        self._told: dict[tuple[str, str, str, str, bool], float] = {}
        for alert in known:
            if alert.current:
                self._current[alert.identity] = alert
            else:
                self._remember(alert)
        self._mutes = [(each, each.mute) for each in mutes]
        self._new_id = new_id

    def _remember(self, alert: Alert) -> None:
        key = (*alert.identity, alert.state, alert.status == "muted")
        self._told[key] = max(alert.at, self._told.get(key, 0.0))

    def _is_repeated(self, alert: Alert) -> bool:
        """Return whether the same was told lately; or was muted lately, and is again."""
        said = (*alert.identity, alert.state)
        last = max(self._told.get((*said, False), 0.0), self._told.get((*said, alert.status == "muted"), 0.0))
        within = _DANGER_REPEATS if alert.urgent else REPEATS
        return alert.at - last <= within

    def take(self, seen: Sighting) -> None:
        """Decide on one sighting."""
        before: dict[str, str] = {}
        undone = ended = False
        instead = seen.told and not self._is_muted(seen)
        """What ends something is told instead of that it has ended."""
        for event in seen.ends:
            former = self._current.get((seen.rule, event, seen.subject))
            if former is None:
                continue
            ended = True
            tell = bool(former.data["recovery"]) and not instead
            if former.status == "held" and former.data["hold"]:
                before |= former.data.get("before", {})
                undone = undone or (before.get(seen.event) == seen.state and not seen.urgent)
            elif former.status == "open" and not tell:
                before[event] = former.state
            self.end(former, seen.at, tell=tell)
        if seen.told and (seen.news or ended):
            self._begin(seen, before, undone=undone)

    def _begin(self, seen: Sighting, before: dict[str, str], *, undone: bool) -> None:
        """Begin what is told. `before` is what it ended without a word; `undone`: it was so before a short moment."""
        former = self._current.get((seen.rule, seen.event, seen.subject))
        if former is None:
            new = self._new(seen, before)
            if undone:
                self._put(replace(new, status="open"))
            elif seen.lasting or seen.once or not self._is_repeated(new):
                self._put(new)
        elif former.state == seen.state and former.status != "ending":
            if seen.at - former.seen >= _SEEN_EVERY:  # it is known
                self._put(replace(former, seen=seen.at))
        elif former.state == seen.state and seen.hold:
            self._put(replace(former, status="open", ended_at=None, seen=seen.at))
        elif former.status == "held" and seen.hold:
            new = self._new(seen, former.data.get("before", {}))  # it lasts since then; only what is told is another
            self._put(replace(new, id=former.id, at=former.at, due=former.due, goes=former.goes))
        else:
            self._replace(former, seen.at)
            self._put(self._new(seen, before))

    def _new(self, seen: Sighting, before: dict[str, str]) -> Alert:
        due = seen.at + seen.hold
        muted = self._is_muted(seen)
        goes = due if seen.urgent else due + seen.group
        return Alert(
            id=self._new_id(),
            rule=seen.rule,
            event=seen.event,
            subject=seen.subject,
            state=seen.state,
            key=seen.key,
            station=seen.station,
            backend=seen.backend,
            severity=seen.severity,
            urgent=seen.urgent,
            lasting=seen.lasting,
            at=seen.at,
            due=due,
            goes=goes if not muted else seen.at if seen.lasting else _NEVER,
            status="muted" if muted else "held",
            current=seen.lasting or not muted,
            seen=seen.at,
            ended_at=seen.at if muted and not seen.lasting else None,
            data={
                "fields": dict(seen.fields),
                "channels": seen.channels,
                "hold": seen.hold,
                "group": seen.group,
                "recovery": seen.recovery,
                "before": before,
            },
        )

    def _is_muted(self, seen: Sighting) -> bool:
        return seen.muted or (not seen.urgent and bool(list(self._muting(seen, seen.at))))

    def _muting(self, what: Sighting | Alert, at: float) -> Iterator[StoredMute]:
        """Yield what mutes something, of what operators have muted."""
        for stored, mute in self._mutes:
            if (stored.until is None or at < stored.until) and mute.silences(what.event, what.key, what.backend, at):
                yield stored

    def look_again(self, alert: Alert, at: float, mutes: Iterable[Mute]) -> None:
        """Have what lasts, and was not told as it was muted, be told if nothing mutes it any more.

        `mutes` are those of the configuration.
        """
        muting = list(self._muting(alert, at))
        if muting or any(mute.silences(alert.event, alert.key, alert.backend, at) for mute in mutes):
            ends = [stored.until for stored in muting if stored.until is not None]
            self._put(replace(alert, goes=min([at + _MUTED_FOR, *ends])))
        else:
            due = max(at, alert.due)
            self._put(replace(alert, status="held", due=due, goes=due + float(alert.data["group"])))

    def end(self, former: Alert, at: float, *, tell: bool) -> None:
        """End what lasts: what was told is told to be over, if it is to be; what was held is as if it had never been.

        What was to be told at once is told, however short it was.
        """
        if former.status == "held" and former.data["hold"]:
            self._drop(former)
        elif former.status == "held":
            self._put(replace(former, ended_at=at, current=False, lasting=tell))
        elif former.status == "open" and tell:
            goes = at + float(former.data["group"])
            self._put(replace(former, status="ending", ended_at=at, due=at, goes=goes))
        elif former.status in ("open", "muted"):
            self._put(replace(former, status="recovered", ended_at=at, current=False))

    def _replace(self, former: Alert, at: float) -> None:
        """Make room for the same in another state, which is told."""
        if former.status == "held" and former.data["hold"]:
            self._drop(former)
        elif former.status == "held":
            self._put(replace(former, current=False, lasting=False))
        elif former.status == "ending":
            self._put(replace(former, current=False))
        else:
            self._put(replace(former, status="replaced", ended_at=at, current=False))

    def _put(self, alert: Alert) -> None:
        self.changed[alert.id] = alert
        if alert.current:
            self._current[alert.identity] = alert
            return
        if (current := self._current.get(alert.identity)) is not None and current.id == alert.id:
            del self._current[alert.identity]
        if not alert.lasting and alert.status == "muted":
            self._remember(alert)

    def _drop(self, alert: Alert) -> None:
        self.changed[alert.id] = None
        del self._current[alert.identity]
