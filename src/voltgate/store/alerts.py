"""Alerts in the database, where all nodes decide on them together: each is told once.

What is decided takes a lock that all nodes share, for one short transaction; what is sent is taken by a lease.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Collection, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, and_, delete, func, insert, or_, select, tuple_, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from voltgate.alerts.deciding import REPEATS, Deciding
from voltgate.alerts.engine import WATCHED, Sighting
from voltgate.alerts.message import Message
from voltgate.alerts.records import Alert, Delivery, Group, Policy, StoredMute
from voltgate.alerts.rules import Mute
from voltgate.store.address import POSTGRESQL, SQLITE
from voltgate.store.alert_rows import (
    COLUMNS,
    alert_in,
    delivery_in,
    delivery_of,
    document,
    mute_in,
    new_id,
    row_of,
    row_of_delivery,
)
from voltgate.store.alert_tables import alerts, deliveries, mutes
from voltgate.store.leases import clock_of
from voltgate.store.reach import Reach

T = TypeVar("T")

LISTED = 500
"""Alerts of a group that are listed; those beyond are counted."""
LEASE = 10.0
"""Seconds after which another node may send what a node has taken, unless that says that it is still at it."""
UNSEEN = 300.0
"""Seconds after which something of WATCHED is over that nobody says lasts."""
STRANGE = frozenset({"unknownStation", "wrongPassword"})
"""What strangers bring about, under any names that they like."""
MUTES = 1000
"""Mutes that there are at most; those that are over go with what is old."""
_ALONE = 50
"""Alerts that go out with one commit, a message each."""
_GROUPS, _SUBJECTS, _DIGESTED, _DELETED = 20, 400, 200, 1000
"""How much is done at once: groups that go out, subjects that are looked up, messages in a digest, old rows."""
_HOUR = 3600.0
_DECIDING = int.from_bytes(b"alerts")
"""The number of the lock that whoever decides has."""

_A, _D = alerts.c, deliveries.c

Write = Callable[[Group], Message]
"""Writes the message about a group."""
WriteDigest = Callable[[str, Sequence[Delivery], int], Message]
"""Writes the digest of messages that were held back: of those that are listed, and how many there are."""
Meant = Callable[[Alert], bool]
"""Whether a rule still tells of an alert."""


class AlertStore:
    """The tables of alerts. `node` is this process. Every method raises StoreAway."""

    def __init__(self, reach: Reach, node: str) -> None:
        self._reach = reach
        self._node = node

    # What was seen.

    async def note(self, sightings: Sequence[Sighting]) -> None:
        """Decide on sightings, in this order."""
        if not sightings:
            return
        async with self._deciding() as connection:
            found = await self._known(connection, sightings)
            deciding = Deciding(found, await _mutes(connection), new_id)
            for seen in sightings:
                deciding.take(seen)
            await self._write(connection, deciding.changed)

    async def _known(self, connection: AsyncConnection, sightings: Sequence[Sighting]) -> list[Alert]:
        """Return the rows that may matter to sightings."""
        found: list[Alert] = []
        since = min(seen.at for seen in sightings) - REPEATS
        passed = and_(_A.lasting.is_(False), _A.at >= since, _A.current.is_(False))
        subjects = sorted({seen.subject for seen in sightings})
        for start in range(0, len(subjects), _SUBJECTS):
            few = subjects[start : start + _SUBJECTS]
            for which in (_A.current.is_(True), passed):
                found += map(alert_in, await connection.execute(select(alerts).where(_A.subject.in_(few), which)))
        return found

    async def _write(self, connection: AsyncConnection, changed: Mapping[str, Alert | None]) -> None:
        gone = [each for each, alert in changed.items() if alert is None]
        rows = [row_of(alert) for alert in changed.values() if alert is not None]
        if gone:
            await connection.execute(delete(alerts).where(_A.id.in_(gone)))
        # first what is current no more: there is room for one that is
        for current in (False, True):
            if few := [row for row in rows if row["current"] is current]:
                await connection.execute(_upsert(connection), few)

    async def confirm(self, standing: Collection[tuple[str, str]], now: float) -> None:
        """Say that these last, by the names of alerts and their subjects; end those that nobody says last."""
        async with self._deciding() as connection:
            for event, subject in sorted(standing):
                which = and_(_A.current.is_(True), _A.subject == subject, _A.event == event)
                await connection.execute(update(alerts).where(which).values(seen=now))
            await self._end(connection, and_(_A.seen < now - UNSEEN, _A.event.in_(WATCHED)), now)

    async def end(self, over: Collection[tuple[str, str]], now: float) -> None:
        """End these, by the names of alerts and their subjects, as far as they last."""
        async with self._deciding() as connection:
            await self._end(connection, tuple_(_A.event, _A.subject).in_(sorted(over)), now)

    async def _end(self, connection: AsyncConnection, which: ColumnElement[bool], now: float) -> None:
        lasts = and_(_A.current.is_(True), _A.status.in_(("open", "held", "muted")))
        for row in (await connection.execute(select(alerts).where(lasts, which))).all():
            alert = alert_in(row)
            deciding = Deciding([alert], (), str)
            deciding.end(alert, now, tell=bool(alert.data["recovery"]))
            await self._write(connection, deciding.changed)

    async def retire(self, meant: Meant, channels: Collection[str], now: float) -> None:
        """End what lasts by no rule any more, and strangers who knock no more; give up what has no channel any more.

        Nothing is ended or given up that is not a day old.
        """
        lasts = and_(_A.current.is_(True), _A.status.in_(("open", "muted")), _A.seen < now - REPEATS)
        gone = and_(_D.status.in_(("due", "digest")), _D.channel.not_in(channels), _D.created < now - REPEATS)
        async with self._deciding() as connection:
            given_up = {"status": "given up", "error": "there is no such channel any more", "ended_at": now}
            await connection.execute(update(deliveries).where(gone).values(given_up))
        after, over = "", {"status": "recovered", "current": False, "ended_at": now}
        while True:
            async with self._deciding() as connection:
                wanted = select(alerts).where(lasts, _A.id > after).order_by(_A.id).limit(_DELETED)
                found = list(map(alert_in, await connection.execute(wanted)))
                done = [each.id for each in found if each.event in STRANGE or not meant(each)]
                await connection.execute(update(alerts).where(_A.id.in_(done)).values(over))
            if len(found) < _DELETED:
                return
            after = found[-1].id

    # What is told.

    async def tell(
        self,
        now: float,
        write: Write,
        digest: WriteDigest,
        policies: Mapping[str, Policy],
        mutes: Sequence[Mute] = (),
    ) -> int:
        """Make messages of some of what is due; return how many. `mutes` are those of the configuration."""
        due = and_(_A.status.in_(("held", "ending")), _A.goes <= now)
        waits = _D.status == "digest"
        muted = and_(_A.status == "muted", _A.goes <= now, _A.current.is_(True))
        async with self._reach.read() as connection:  # no lock, when there is nothing to do
            is_due = (await connection.execute(select(_A.id).where(due).limit(1))).first()
            waiting = (await connection.execute(select(_D.id).where(waits).limit(1))).first()
            is_muted = (await connection.execute(select(_A.id).where(muted).limit(1))).first()
        made = 0
        if is_muted is not None:
            async with self._deciding() as connection:
                few = list(map(alert_in, await connection.execute(select(alerts).where(muted).limit(LISTED))))
                deciding = Deciding(few, await _mutes(connection), new_id)
                for alert in few:
                    deciding.look_again(alert, now, mutes)
                await self._write(connection, deciding.changed)
        if is_due is not None:
            async with self._deciding() as connection:
                whose = select(_A.rule, _A.event, _A.status).where(due).distinct().limit(_GROUPS)
                for rule, event, status in (await connection.execute(whose)).all():
                    made += await self._tell_group(connection, (rule, event, status), now, write, policies)
        if waiting is not None:
            async with self._deciding() as connection:
                made += await self._digest(connection, now, digest, policies)
        return made

    async def _tell_group(
        self,
        connection: AsyncConnection,
        whose: tuple[str, str, str],
        now: float,
        write: Write,
        policies: Mapping[str, Policy],
    ) -> int:
        rule, event, status = whose
        mine = and_(_A.rule == rule, _A.event == event, _A.status == status, _A.due <= now)
        first = select(alerts).where(mine).order_by(_A.urgent.desc(), _A.at, _A.station, _A.id).limit(LISTED)
        listed = tuple(map(alert_in, await connection.execute(first)))
        recovery, within = status == "ending", float(listed[0].data["group"])
        if within:
            count = int((await connection.execute(select(func.count()).where(mine))).scalar_one())
            parts = [(listed, count)]
        else:  # a message each
            listed = listed[:_ALONE]
            parts, mine = [((each,), 1) for each in listed], and_(mine, _A.id.in_([each.id for each in listed]))
        groups = [
            Group(
                kind="recovery" if recovery else "alert",
                rule=rule,
                event=event,
                alerts=some,
                count=count,
                urgent=not recovery and any(alert.urgent for alert in some),
            )
            for some, count in parts
        ]
        messages = await asyncio.to_thread(lambda: list(map(write, groups)))
        channels = dict.fromkeys(name for alert in listed for name in alert.data["channels"])
        for group, message in zip(groups, messages, strict=True):
            for channel in channels:
                await self._deliver(connection, channel, group, message, now, policies.get(channel, Policy()))
        if recovery:
            await connection.execute(update(alerts).where(mine).values(status="recovered", current=False))
        else:
            await _told(connection, mine, now, now + within)
        return len(groups)

    async def _deliver(
        self, connection: AsyncConnection, channel: str, group: Group, message: Message, now: float, policy: Policy
    ) -> None:
        waits = not group.urgent and policy.rate and await _sent_lately(connection, channel, now) >= policy.rate
        status = "digest" if waits else "due"
        made = delivery_of(channel, group.rule, message, group.count, now, urgent=group.urgent)
        await connection.execute(insert(deliveries), row_of_delivery(made) | {"status": status})

    async def _digest(
        self, connection: AsyncConnection, now: float, digest: WriteDigest, policies: Mapping[str, Policy]
    ) -> int:
        made = 0
        waiting = select(_D.channel, func.min(_D.created)).where(_D.status == "digest").group_by(_D.channel)
        for channel, first in (await connection.execute(waiting)).all():
            if first + policies.get(channel, Policy()).digest > now:
                continue
            mine = and_(_D.status == "digest", _D.channel == channel)
            few = select(*COLUMNS).where(mine).order_by(_D.created, _D.id).limit(_DIGESTED)
            held = [delivery_in(row) for row in await connection.execute(few)]
            counted = select(func.count(), func.sum(_D.count)).where(mine)
            count, alerts_in_all = (await connection.execute(counted)).one()
            message = await asyncio.to_thread(digest, channel, held, int(count))
            told = delivery_of(channel, "", message, int(alerts_in_all), now, urgent=False)
            await connection.execute(update(deliveries).where(mine).values(status="in digest", ended_at=now))
            await connection.execute(insert(deliveries), row_of_delivery(told))
            made += 1
        return made

    async def put(self, channel: str, message: Message, now: float) -> Delivery:
        """Have a message sent, which bounds of the channel do not hold back; return it."""
        made = delivery_of(channel, "", message, len(message.items), now, urgent=False)
        async with self._reach.write() as connection:
            await connection.execute(insert(deliveries), row_of_delivery(made))
        return made

    # What is sent.

    async def claim(self, slots: Mapping[str, int], now: float) -> list[Delivery]:
        """Lease what is due for these channels, at most so many of each: urgent ones first, then the oldest."""
        free = [channel for channel, most in slots.items() if most > 0]
        async with self._reach.read() as connection:
            clock = clock_of(connection.dialect.name)
            due = and_(_D.status == "due", _D.due <= now, self._is_free(connection, clock))
            asked = select(_D.channel).where(due, _D.channel.in_(free)).distinct()
            wanted = sorted((await connection.execute(asked)).scalars())
        if not wanted:
            return []
        claimed: list[Delivery] = []
        async with self._reach.write() as connection:
            for channel in wanted:
                some = select(_D.id).where(due, _D.channel == channel)
                some = some.order_by(_D.urgent.desc(), _D.due, _D.id).limit(slots[channel])
                ids = list((await connection.execute(some.with_for_update(skip_locked=True))).scalars())
                taking = update(deliveries).where(_D.id.in_(ids)).values(holder=self._node, until=clock + LEASE)
                claimed += map(delivery_in, await connection.execute(taking.returning(*COLUMNS)))
        return sorted(claimed, key=lambda each: (not each.urgent, each.due, each.id))

    def _is_free(self, connection: AsyncConnection, clock: Any) -> ColumnElement[bool]:
        """Return the condition that nobody sends a message. SQLite is one process's: another one has none any more."""
        free = or_(_D.until <= clock, _D.until > clock + 10 * LEASE)
        return or_(free, _D.holder != self._node) if connection.dialect.name == SQLITE else free

    async def renew(self, ids: Collection[str]) -> None:
        """Say that these are still being sent."""
        async with self._reach.write() as connection:
            until = clock_of(connection.dialect.name) + LEASE
            mine = and_(_D.id.in_(ids), _D.holder == self._node)
            await connection.execute(update(deliveries).where(mine).values(until=until))

    async def settle(self, delivery: Delivery) -> None:
        """Write down what became of a message, and give its lease back."""
        names = ("attempts", "status", "error", "note", "due", "ended_at")
        values = {name: getattr(delivery, name) for name in names} | {"holder": "", "until": 0.0}
        mine = and_(_D.id == delivery.id, _D.holder == self._node)
        async with self._reach.write() as connection:
            await connection.execute(update(deliveries).where(mine).values(values))

    # What operators mute.

    async def mutes(self) -> list[StoredMute]:
        """Return what is muted, and was."""
        async with self._reach.read() as connection:
            return await _mutes(connection)

    async def add_mute(self, mute: StoredMute) -> bool:
        """Mute something, unless as much is muted as anybody can look through; return whether it is."""
        lists = {name: document(getattr(mute, name)) for name in ("events", "stations", "backends")}
        others = {name: getattr(mute, name) for name in ("id", "at", "until", "by", "reason")}
        async with self._reach.write() as connection:
            if int((await connection.execute(select(func.count()).select_from(mutes))).scalar_one()) >= MUTES:
                return False
            await connection.execute(insert(mutes), lists | others)
        return True

    async def remove_mute(self, id: str) -> bool:  # noqa: A002 - as in the record
        """Take a mute back; return whether there was one."""
        muted = and_(_A.status == "muted", _A.current.is_(True))
        async with self._deciding() as connection:
            await connection.execute(update(alerts).where(muted).values(goes=0.0))  # they are looked at again
            return (await connection.execute(delete(mutes).where(mutes.c.id == id))).rowcount > 0

    # What is read.

    async def alerts(
        self, which: Iterable[ColumnElement[bool]], after: tuple[float, str] | None, limit: int
    ) -> list[Alert]:
        """Return alerts, the last one first; `after` is the time and the id of the one before."""
        wanted = select(alerts).where(*which, *_before(_A.at, _A.id, after)).order_by(_A.at.desc(), _A.id.desc())
        async with self._reach.read() as connection:
            return list(map(alert_in, await connection.execute(wanted.limit(limit))))

    async def deliveries(
        self, which: Iterable[ColumnElement[bool]], after: tuple[float, str] | None, limit: int
    ) -> list[Delivery]:
        """Return messages, the last one first."""
        wanted = select(*COLUMNS).where(*which, *_before(_D.created, _D.id, after))
        async with self._reach.read() as connection:
            ordered = wanted.order_by(_D.created.desc(), _D.id.desc()).limit(limit)
            return list(map(delivery_in, await connection.execute(ordered)))

    async def numbers(self) -> dict[str, int]:
        """Return how many alerts are held, open and muted, and how many messages wait."""
        current = select(_A.status, func.count()).where(_A.current.is_(True)).group_by(_A.status)
        waiting = select(_D.status, func.count()).where(_D.status.in_(("due", "digest"))).group_by(_D.status)
        async with self._reach.read() as connection:
            rows = [*(await connection.execute(current)), *(await connection.execute(waiting))]
        return {str(status): int(count) for status, count in rows}

    # What becomes old.

    async def purge(self, before: float) -> int:
        """Delete what was over before a time, a little at a time; return how much that was."""
        gone = 0
        for table in (alerts, deliveries):
            old = select(table.c.id).where(table.c.ended_at < before).limit(_DELETED)
            there = _DELETED
            while there >= _DELETED:
                async with self._reach.write() as connection:
                    there = (await connection.execute(delete(table).where(table.c.id.in_(old)))).rowcount
                gone += there
        async with self._reach.write() as connection:
            await connection.execute(delete(mutes).where(mutes.c.until < before))
        return gone

    @asynccontextmanager
    async def _deciding(self) -> AsyncIterator[AsyncConnection]:
        """Give a transaction in which nobody else decides."""
        async with self._reach.write() as connection:
            if connection.dialect.name == POSTGRESQL:
                await connection.execute(select(func.pg_advisory_xact_lock(_DECIDING)))
            yield connection


# Rows.


def _before(at: Any, id: Any, after: tuple[float, str] | None) -> tuple[ColumnElement[bool], ...]:  # noqa: A002
    """Return the condition for what comes behind a place in a list, of which the last one is first."""
    return () if after is None else (or_(at < after[0], and_(at == after[0], id < after[1])),)


def _upsert(connection: AsyncConnection) -> Any:
    made = (postgresql if connection.dialect.name == POSTGRESQL else sqlite).insert(alerts)
    others = {column.name: made.excluded[column.name] for column in alerts.columns if column.name != "id"}
    return made.on_conflict_do_update(index_elements=["id"], set_=others)


async def _told(connection: AsyncConnection, mine: ColumnElement[bool], now: float, goes: float) -> None:
    """Write down that some alerts were told: what lasts is open; of what is over by now that is told as well."""
    over = {"status": "ending", "due": now, "goes": goes}
    await connection.execute(update(alerts).where(mine, _A.ended_at.is_not(None), _A.lasting.is_(True)).values(over))
    lasting = update(alerts).where(mine, _A.lasting.is_(True)).values(status="open", seen=now)
    await connection.execute(lasting)
    passed = {"status": "passed", "current": False, "ended_at": func.coalesce(_A.ended_at, _A.at)}
    await connection.execute(update(alerts).where(mine).values(passed))


async def _sent_lately(connection: AsyncConnection, channel: str, now: float) -> int:
    """Return how many messages a channel was given within an hour, of those that are counted."""
    counted = and_(_D.kind.in_(("alert", "recovery")), _D.urgent.is_(False), _D.status.not_in(("digest", "in digest")))
    which = and_(_D.channel == channel, _D.created > now - _HOUR, counted)
    return int((await connection.execute(select(func.count()).where(which))).scalar_one())


async def _mutes(connection: AsyncConnection) -> list[StoredMute]:
    rows = await connection.execute(select(mutes).order_by(mutes.c.at.desc()).limit(MUTES))
    return [mute_in(row) for row in rows]
