"""`/alerts`: what people were told of, how that went, and what is muted."""

from __future__ import annotations

import base64
import fnmatch
import json
from typing import Annotated, Any, Literal, TypeAlias
from uuid import uuid4

from fastapi import APIRouter, Path, Query, Request, Response
from pydantic import BaseModel, Field

from voltgate.alerts.catalogue import ALERTS
from voltgate.alerts.plain import one_line
from voltgate.alerts.records import Alert as AlertRecord
from voltgate.alerts.records import Delivery as DeliveryRecord
from voltgate.alerts.records import StoredMute
from voltgate.alerts.writing import titled
from voltgate.relay.records import StoreAway
from voltgate.store.alert_choice import alerts_chosen, deliveries_chosen
from voltgate.web.access import Operator, Viewer
from voltgate.web.alerting import Alerting
from voltgate.web.api.dependencies import QueriesDependency
from voltgate.web.audited import say, told
from voltgate.web.models import Asked, Time
from voltgate.web.networks import ViewerReach
from voltgate.web.problems import Problem, declared, invalid
from voltgate.web.times import seconds_of, stamp, stamp_or_none

router = APIRouter(tags=["alerts"])

Status: TypeAlias = Literal["held", "open", "muted", "ending", "recovered", "replaced", "passed"]
Severity: TypeAlias = Literal["info", "warning", "error", "danger"]
DeliveryStatus: TypeAlias = Literal["due", "sent", "given up", "digest", "in digest"]
Kind: TypeAlias = Literal["alert", "recovery", "digest", "test"]
Limit = Annotated[int, Query(ge=1, le=1000, description="How many items to give.")]
Cursor = Annotated[str | None, Query(max_length=200, description="Where the part before ended.")]
When = Annotated[str | None, Query(max_length=40, description="RFC 3339, or a day.")]
_LONGEST = 600
"""Characters of what strangers said that are shown."""
Globs = Annotated[list[Annotated[str, Field(min_length=1, max_length=255)]], Field(min_length=1, max_length=100)]


class Alert(BaseModel):
    """An alert of one rule."""

    id: str
    rule: str
    event: str
    title: str
    station: str | None
    backend: str | None
    severity: Severity
    status: Status = Field(
        description="held: it has not lasted long enough yet; open: it was told, and lasts; muted; ending: that it is "
        "over is about to be told; recovered; replaced: it is otherwise now; passed: it was told, and never lasts."
    )
    at: Time
    ended: Time | None
    fields: dict[str, Any] = Field(description="What is known of it, by name.")


class AlertPage(BaseModel):
    """A part of the alerts."""

    items: list[Alert]
    next: str | None = Field(description="The `cursor` of older ones; null: there are none.")


class Delivery(BaseModel):
    """A message to one channel, and what became of it."""

    id: str
    channel: str
    rule: str | None
    kind: Kind
    event: str | None = Field(description="Null: of several.")
    severity: Severity
    subject: str
    count: int = Field(description="How many alerts it is about.")
    created: Time
    status: DeliveryStatus = Field(
        description="due: it is sent, or tried again, at `due`; digest: more than the channel takes, it waits to be "
        "told with others; in digest: it was."
    )
    due: Time
    attempts: int
    error: str | None = Field(description="Why it did not get through the last time.")
    note: str | None = Field(description="What the other side said of it.")
    ended: Time | None


class DeliveryPage(BaseModel):
    """A part of the messages."""

    items: list[Delivery]
    next: str | None = Field(description="The `cursor` of older ones; null: there are none.")


class Channel(BaseModel):
    """A way to people."""

    name: str
    kind: Literal["mail", "pushover", "webhook", "apprise"]
    rate: int = Field(description="Messages an hour; 0: no bound.")
    digest: float = Field(description="Seconds between digests.")
    give_up: float = Field(description="Seconds for which a message is tried again.")
    rules: list[str] = Field(description="The rules that name it.")


class Channels(BaseModel):
    """All channels."""

    items: list[Channel]


class Rule(BaseModel):
    """What is told to whom, as it is configured."""

    name: str
    events: list[str]
    channels: list[str]
    stations: list[str]
    tags: list[str]
    backends: list[str]
    severity: Severity
    hold: float
    group: float
    recovery: bool


class RuleList(BaseModel):
    """All rules."""

    items: list[Rule]


class WantedMute(Asked):
    """What is not to be told. What endangers people is told all the same."""

    events: Globs = Field(default=["*"], description="Names of alerts, or patterns of them.")
    stations: Globs = Field(default=["*"], description="Patterns of identities.")
    backends: Globs = Field(default=["*"], description="Patterns of the names of backends.")
    seconds: float | None = Field(
        default=None, gt=0, le=366 * 86400, description="For how long; null: until it is taken back."
    )
    reason: str = Field(default="", max_length=300)


class Mute(BaseModel):
    """What an operator has muted."""

    id: str
    events: list[str]
    stations: list[str]
    backends: list[str]
    at: Time
    until: Time | None
    by: str
    reason: str
    active: bool


class MuteList(BaseModel):
    """What is muted, and was lately."""

    items: list[Mute]


@router.get("/alerts", summary="List alerts", responses=declared(422, 503))
async def alerts(
    reach: ViewerReach,
    alerting: Alerting,
    queries: QueriesDependency,
    status: Annotated[list[Status] | None, Query(max_length=7, description="Only those that stand so.")] = None,
    event: Annotated[str | None, Query(max_length=100)] = None,
    rule: Annotated[str | None, Query(max_length=255)] = None,
    station: Annotated[str | None, Query(max_length=255)] = None,
    backend: Annotated[str | None, Query(max_length=100)] = None,
    severity: Annotated[Severity | None, Query()] = None,
    since: When = None,
    until: When = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> AlertPage:
    """Give the newest alerts of each rule; `next` leads on to older ones.

    Who sees single networks gets the alerts of their stations, and no others.
    """
    if event is not None and event not in ALERTS:
        raise invalid([{"loc": ("query", "event"), "msg": f"there is no {event}; there are {', '.join(ALERTS)}"}])
    which = alerts_chosen(
        status=status,
        event=event,
        rule=rule,
        key=None if station is None else queries.snapshot.directory.key(station),
        backend=backend,
        severity=severity,
        since=_time("since", since),
        until=_time("until", until),
        networks=reach.networks,
    )
    after = _after(cursor)
    found: list[AlertRecord] = []
    for store in alerting.stores if reach.networks is None else alerting.stores[:1]:
        try:
            found += await store.alerts(which, after, limit)
        except StoreAway as away:
            raise _away(away) from None
    found = sorted(found, key=lambda each: (each.at, each.id), reverse=True)[:limit]
    more = _cursor(found[-1].at, found[-1].id) if len(found) == limit else None
    return AlertPage(items=list(map(shown, found)), next=more)


@router.get("/alerts/deliveries", summary="List messages to people", responses=declared(422, 503))
async def deliveries(
    _: Viewer,
    alerting: Alerting,
    channel: Annotated[str | None, Query(max_length=100)] = None,
    status: Annotated[list[DeliveryStatus] | None, Query(max_length=5)] = None,
    since: When = None,
    until: When = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> DeliveryPage:
    """Give the newest messages to people, and what became of each; `next` leads on to older ones."""
    which = deliveries_chosen(channel=channel, status=status, since=_time("since", since), until=_time("until", until))
    after = _after(cursor)
    found: list[DeliveryRecord] = []
    for store in alerting.stores:
        try:
            found += await store.deliveries(which, after, limit)
        except StoreAway as away:
            raise _away(away) from None
    found = sorted(found, key=lambda each: (each.created, each.id), reverse=True)[:limit]
    more = _cursor(found[-1].created, found[-1].id) if len(found) == limit else None
    return DeliveryPage(items=list(map(_delivery, found)), next=more)


@router.get("/alerts/channels", summary="List the ways to people")
async def channels(_: Viewer, alerting: Alerting) -> Channels:
    """List the channels of the configuration. What they are secret with is not shown."""
    return Channels(items=[_channel(alerting, name) for name in alerting.kinds])


@router.post(
    "/alerts/channels/{name}/test", status_code=202, summary="Send a test message", responses=declared(404, 503)
)
async def test(name: Annotated[str, Path(max_length=100)], caller: Operator, alerting: Alerting) -> Delivery:
    """Send a message that only shows that a channel works. What becomes of it is in `/alerts/deliveries`."""
    if name not in alerting.kinds:
        raise Problem(404, "Not Found", f'There is no channel "{name}".')
    try:
        return _delivery(await alerting.test(name, caller.name))
    except StoreAway as away:
        raise _away(away) from None


@router.get("/alerts/rules", summary="List the rules of alerts")
async def rules(_: Viewer, alerting: Alerting) -> RuleList:
    """List the rules in force, in the order of the configuration."""
    return RuleList(
        items=[
            Rule(
                name=rule.name,
                events=[name for name in ALERTS if name in rule.events],
                channels=list(rule.channels),
                stations=list(rule.whom.stations),
                tags=sorted(rule.whom.tags),
                backends=list(rule.whom.backends),
                severity=rule.severity,
                hold=rule.hold,
                group=rule.group,
                recovery=rule.recovery,
            )
            for rule in alerting.rules.all
        ]
    )


@router.get("/alerts/mutes", summary="List what is muted", responses=declared(503))
async def mutes(_: Viewer, alerting: Alerting) -> MuteList:
    """List what operators have muted, the last one first. What the configuration mutes stands there."""
    try:
        found = await alerting.stores[0].mutes()
    except StoreAway as away:
        raise _away(away) from None
    return MuteList(items=[_mute(each, alerting.wall()) for each in found])


@router.post("/alerts/mutes", status_code=201, summary="Mute alerts", responses=declared(409, 422, 503))
async def mute(
    request: Request, wanted: WantedMute, caller: Operator, alerting: Alerting, queries: QueriesDependency
) -> Mute:
    """Have something not told from now on. It is in the list of alerts all the same."""
    say(request, told(wanted))
    for number, pattern in enumerate(wanted.events):
        if not fnmatch.filter(ALERTS, pattern):
            named = f'There is no event "{pattern}"; there are {", ".join(ALERTS)}'
            raise invalid([{"loc": ("body", "events", number), "msg": named}])
    now, store = alerting.wall(), alerting.stores[0]
    fold = queries.snapshot.directory.key
    made = StoredMute(
        id=uuid4().hex,
        events=tuple(wanted.events),
        stations=tuple(map(fold, wanted.stations)),
        backends=tuple(wanted.backends),
        at=now,
        until=None if wanted.seconds is None else now + wanted.seconds,
        by=caller.name,
        reason=wanted.reason,
    )
    try:
        if not await store.add_mute(made):
            raise Problem(409, "Conflict", "So much is muted already that nobody can know what: take some of it back.")
    except StoreAway as away:
        raise _away(away) from None
    say(request, f"{made.id}: {told(wanted)}")
    return _mute(made, now)


@router.delete("/alerts/mutes/{id}", status_code=204, summary="Take a mute back", responses=declared(404, 503))
async def unmute(id: Annotated[str, Path(max_length=64)], _: Operator, alerting: Alerting) -> Response:  # noqa: A002
    """Have it told again."""
    try:
        if not await alerting.stores[0].remove_mute(id):
            raise Problem(404, "Not Found", "There is no such mute.")
    except StoreAway as away:
        raise _away(away) from None
    return Response(status_code=204)


# Shapes.


def shown(alert: AlertRecord) -> Alert:
    """Return an alert as the API shows it."""
    fields = {name: one_line(v, _LONGEST) if isinstance(v, str) else v for name, v in alert.data["fields"].items()}
    return Alert(
        id=alert.id,
        rule=alert.rule,
        event=alert.event,
        title=titled(alert.event, fields),
        station=one_line(alert.station, _LONGEST) or None,
        backend=one_line(alert.backend, _LONGEST) or None,
        severity=alert.severity,
        status=alert.status,
        at=stamp(alert.at),
        ended=stamp_or_none(alert.ended_at),
        fields=fields,
    )


def _delivery(delivery: DeliveryRecord) -> Delivery:
    return Delivery(
        id=delivery.id,
        channel=delivery.channel,
        rule=delivery.rule or None,
        kind=delivery.kind,
        event=delivery.event or None,
        severity=delivery.severity,
        subject=delivery.subject,
        count=delivery.count,
        created=stamp(delivery.created),
        status=delivery.status,
        due=stamp(delivery.due),
        attempts=delivery.attempts,
        error=delivery.error or None,
        note=delivery.note or None,
        ended=stamp_or_none(delivery.ended_at),
    )


def _channel(alerting: Alerting, name: str) -> Channel:
    policy = alerting.policies[name]
    return Channel(
        name=name,
        kind=alerting.kinds[name],  # type: ignore[arg-type]
        rate=policy.rate,
        digest=policy.digest,
        give_up=policy.give_up,
        rules=[rule.name for rule in alerting.rules.all if name in rule.channels],
    )


def _mute(mute: StoredMute, now: float) -> Mute:
    return Mute(
        id=mute.id,
        events=list(mute.events),
        stations=list(mute.stations),
        backends=list(mute.backends),
        at=stamp(mute.at),
        until=stamp_or_none(mute.until),
        by=mute.by,
        reason=mute.reason,
        active=mute.until is None or now < mute.until,
    )


# Parameters.


def _time(name: str, text: str | None) -> float | None:
    try:
        return None if text is None else seconds_of(text)
    except ValueError as error:
        raise invalid([{"loc": ("query", name), "msg": f"is no time: {error}"}]) from None


def _cursor(at: float, key: str) -> str:
    return base64.urlsafe_b64encode(json.dumps([at, key]).encode()).decode()


def _after(cursor: str | None) -> tuple[float, str] | None:
    if cursor is None:
        return None
    try:
        at, key = json.loads(base64.b64decode(cursor, altchars=b"-_", validate=True))
    except (ValueError, TypeError, RecursionError):
        at, key = None, None
    if not isinstance(at, float) or not isinstance(key, str) or not key.isalnum():
        raise invalid([{"loc": ("query", "cursor"), "msg": "this is no cursor"}])
    return at, key


def _away(away: StoreAway) -> Problem:
    return Problem(503, "Service Unavailable", f"Alerts cannot be read: {away}.")
