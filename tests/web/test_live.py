"""Live pages: one websocket each, told of what is on the screen."""

from __future__ import annotations

import asyncio
import json
import struct
from collections.abc import AsyncIterator, Iterable
from itertools import count
from types import SimpleNamespace
from typing import Any

import aiohttp
import pytest
from structlog.testing import capture_logs

from tests.harness import until, within
from tests.web.cluster import Member, answers, cluster
from tests.web.tab import dialled, tab
from voltgate.relay.events import ClaimsChanged
from voltgate.relay.records import AuditRecord, StoreAway
from voltgate.web import connections
from voltgate.web.access import AccessToken
from voltgate.web.audited import Audit
from voltgate.web.bearer import digest_of
from voltgate.web.connections import LARGEST_MESSAGE, Connection
from voltgate.web.live import feeds, outbox, overview, pages, rows, topics
from voltgate.web.live.feeds import Feeds
from voltgate.web.live.outbox import Outbox
from voltgate.web.stream import Item, Pieces, item
from voltgate.web.wide import lists

ROW = {
    "identity": "CP1",
    "name": "North yard 1",
    "tags": ["yard"],
    "route": "main",
    "claimed_by": None,
    "source": "entry",
    "connected": False,
    "carrier": None,
    "version": None,
    "address": None,
    "since": None,
}
"""CP1 while it is away."""


@pytest.fixture
async def alone() -> AsyncIterator[Member]:
    """A gateway that is alone."""
    async with cluster("gw1") as one:
        yield one["gw1"]


def token_of(member: Member, role: str) -> str:
    """Give the token of a role."""
    return member.web.tokens[role]


def feeds_of(member: Member) -> Feeds:
    """Give what is made for live pages."""
    return pages.pages_of(member.web.app).topics.feeds


# Who may.


async def test_a_page_shows_that_it_was_signed_in(alone: Member) -> None:
    """A page that has a cookie says what only that page knows; without it, or without a cookie, nothing is told."""
    token = token_of(alone, "viewer")
    signed_in = await alone.web.ask("POST", "/api/v1/sign-in", json={"token": token})
    cookie = {"Cookie": f"voltgate={token}"}
    async with dialled(alone.url, **cookie) as page:
        await page.says(csrf=signed_in.json["csrf"])
        await page.says(subscribe="stations", id="s1", identities=["CP1"])
        assert await page.take(1) == [("s1", "row", ROW)]
    for headers, said, code in (
        (cookie, {"csrf": "0" * 64}, 4403),
        (cookie, {}, 4403),
        ({}, {"csrf": signed_in.json["csrf"]}, 4401),
        ({}, {}, 4401),
        (cookie | {"Sec-Fetch-Site": "same-site"}, {"csrf": signed_in.json["csrf"]}, 4401),
    ):
        async with dialled(alone.url, **headers) as page:
            await page.says(**said)
            assert (await page.closed())[0] == code


async def test_a_page_knows_that_it_is_heard(alone: Member, monkeypatch: pytest.MonkeyPatch) -> None:
    """A page is told something as soon as it is let in, and from time to time, though there is nothing to tell."""
    monkeypatch.setattr(pages, "BEAT", 0.01)
    async with tab(alone.url, token_of(alone, "viewer")) as page:
        for _ in range(3):
            heard = await within(page.socket.receive(), "a message to the page")
            assert json.loads(heard.data)["items"] == []


async def test_unknown_tokens_are_held_back(alone: Member) -> None:
    """Tokens are tried here as seldom as in a header, and who tries is in the audit trail."""
    ends = []
    kept: list[AuditRecord] = []
    alone.web.app.state.audit = Audit(kept.append)
    for _ in range(11):
        async with tab(alone.url, "vg_of-nobody") as page:
            ends.append(await page.closed())
    assert ends == [(4401, "The bearer token is not known.")] * 10 + [
        (4401, "Too many tokens that are not known came from there.")
    ]
    alone.web.app.state.audit.refusals.close()
    assert [(each.action, each.answer, each.detail) for each in kept] == [
        ("GET /live", "401 Unauthorized", "/live"),
        ("GET /live", "429 Too Many Requests", "/live"),
        ("GET /live", "401 Unauthorized", "9 more, the first: /live"),
    ]


async def test_roles_count(alone: Member) -> None:
    """A viewer sees the gateway and no message; a backend sees nothing."""
    asked = [("overview", {}), ("stations", {"identities": ["CP1"]}), ("station", {"identity": "CP1"}), ("events", {})]
    async with tab(alone.url, token_of(alone, "backend")) as page:
        for topic, more in (*asked, ("messages", {}), ("alerts", {})):
            await page.says(subscribe=topic, id=topic, **more)
            ((of, kind, said),) = await page.take(1)
            assert (of, kind, said["status"]) == (topic, "error", 403)
    async with tab(alone.url, token_of(alone, "viewer")) as page:
        await page.says(subscribe="messages", id="m")
        ((_, kind, said),) = await page.take(1)
        assert (kind, said["status"], said["detail"]) == (
            "error",
            403,
            'This takes the role "operator", at least in a network. The token "the-viewer" has "viewer".',
        )
        await page.says(subscribe="station", id="s", identity="CP1")
        assert await page.take(1) == [("s", "row", ROW | {"session": None})]


async def test_a_token_that_is_withdrawn_ends_the_page(alone: Member) -> None:
    """Who loses the token, or its role, is told nothing more, and why."""
    async with tab(alone.url, token_of(alone, "viewer")) as page:
        await page.says(subscribe="stations", id="s1", identities=["CP1"])
        await page.take(1)
        alone.web.access.replace([AccessToken("the-viewer", "operator", digest_of(token_of(alone, "viewer")))])
        assert await page.closed() == (4401, "The token does not allow this any more.")
    await until(lambda: len(feeds_of(alone)) == 0, "nothing is made for the page any more")


# What is no message of a page.


@pytest.mark.parametrize(
    "said",
    [
        "no JSON",
        "[]",
        "{}",
        '{"pause": 1}',
        '{"pause": true, "more": 1}',
        '{"unsubscribe": 7}',
        '{"subscribe": "overview"}',
        '{"subscribe": "overview", "id": "with a blank"}',
        '{"subscribe": "overview", "id": 7}',
        '{"csrf": "again"}',
        b"binary",
        '{"subscribe": ' + "[" * 50_000,
    ],
)
async def test_what_nobody_understands_ends_a_page(alone: Member, said: str | bytes) -> None:
    """What is no message of a page ends its websocket, with a reason."""
    async with tab(alone.url, alone.token) as page:
        await (page.socket.send_bytes(said) if isinstance(said, bytes) else page.socket.send_str(said))
        code, reason = await page.closed()
        assert (code, bool(reason)) == (4400, True)


@pytest.mark.parametrize("said", ["{", '{"token": 7}', '{"password": "x"}', '{"' + "ä" * 200 + '": 1}', b"{}"])
async def test_what_is_no_first_message(alone: Member, said: str | bytes) -> None:
    """The first message says who it is, and nothing else."""
    async with dialled(alone.url) as page:
        await (page.socket.send_bytes(said) if isinstance(said, bytes) else page.socket.send_str(said))
        assert (await page.closed())[0] == 4400


@pytest.mark.parametrize(
    "asked",
    [
        {"subscribe": "weather"},
        {"subscribe": "overview", "of": "us"},
        {"subscribe": "stations"},
        {"subscribe": "stations", "identities": ["x" * 256]},
        {"subscribe": "stations", "identities": ["x"] * 501},
        {"subscribe": "events", "kinds": ["nothing_known"]},
    ],
)
async def test_a_wrong_subscription_is_refused(alone: Member, asked: Any) -> None:
    """What cannot be subscribed to is said, and the others go on."""
    async with tab(alone.url, alone.token) as page:
        await page.says(id="wrong", **asked)
        ((of, kind, said),) = await page.take(1)
        assert (of, kind, said["status"], len(said["errors"])) == ("wrong", "error", 422, 1)
        await page.says(subscribe="stations", id="s1", identities=["CP1"])
        assert await page.take(1) == [("s1", "row", ROW)]


async def test_a_page_asks_for_so_much(alone: Member) -> None:
    """A page has so many subscriptions, and shows so many stations; one that ends makes room."""
    async with tab(alone.url, alone.token) as page:
        for number in range(pages.SUBSCRIPTIONS):
            await page.says(subscribe="stations", id=f"s{number}", identities=[f"EX-{number}"])
        await page.take(pages.SUBSCRIPTIONS)
        await page.says(subscribe="overview", id="one-more")
        assert (await page.until("error"))["detail"].startswith("A page has 32 subscriptions")
        await page.says(unsubscribe="s0")
        many = [f"CP-{number}" for number in range(topics.IDENTITIES)]
        await page.says(subscribe="stations", id="many", identities=many)
        assert (await page.until("error"))["detail"].startswith("A page shows 500 stations")
        await page.says(subscribe="stations", id="s0", identities=["CP1"])
        assert await page.take(1) == [("s0", "row", ROW)]


async def test_a_message_that_is_too_large(alone: Member) -> None:
    """A page says little; who sends more is cut off."""
    async with dialled(alone.url) as page:
        await page.socket.send_str("x" * (LARGEST_MESSAGE + 1))
        assert (await page.closed())[0] == 1009


async def test_who_says_nothing_has_to_go(alone: Member, monkeypatch: pytest.MonkeyPatch) -> None:
    """A websocket that does not say in time who it is ends."""
    monkeypatch.setattr(pages, "FIRST", 0.05)
    async with dialled(alone.url) as page:
        assert (await page.closed())[0] == 4408


async def test_there_are_only_so_many(alone: Member, monkeypatch: pytest.MonkeyPatch) -> None:
    """Strangers take no room from pages, and there is an end to pages, too."""
    monkeypatch.setattr(pages, "STRANGERS", 1)
    monkeypatch.setattr(pages, "PAGES", 1)
    async with tab(alone.url, alone.token) as page:
        await page.says(subscribe="stations", id="s1", identities=["CP1"])
        await page.take(1)
        async with dialled(alone.url), dialled(alone.url) as third:
            assert (await third.closed())[0] == 1013
        async with tab(alone.url, alone.token) as second:
            assert await second.closed() == (1013, "1 pages of yours are open: close one.")
    await until(lambda: pages.pages_of(alone.web.app)._pages._open.total() == 0, "a page that is gone makes room")


async def test_where_there_is_no_gateway(alone: Member) -> None:
    """A process without a gateway has no live pages."""
    del alone.web.app.state.queries
    with pytest.raises(aiohttp.WSServerHandshakeError):
        async with dialled(alone.url):
            pass


# Stations.


def looked_at_often(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Have rows looked at again and again; give what counts the looks."""
    looks: list[int] = []
    asked = lists.rows

    async def counted(queries: Any, identities: list[str]) -> Any:
        looks.append(len(identities))
        return await asked(queries, identities)

    monkeypatch.setattr(lists, "rows", counted)
    monkeypatch.setattr(rows, "_SWEEP", 0.01)
    monkeypatch.setattr(rows, "_BATCH", 0.01)
    return looks


async def test_rows_of_a_list(alone: Member, monkeypatch: pytest.MonkeyPatch) -> None:
    """A page is told of the stations that it shows as the list has them, and again when they change, and only then."""
    looks = looked_at_often(monkeypatch)
    async with tab(alone.url, alone.token) as page:
        await page.says(subscribe="stations", id="s1", identities=["CP1", "CP2", "XX"])
        first = {data["identity"]: (kind, data) for _, kind, data in await page.take(3)}
        listed = (await alone.api.get("/stations")).gives(200)["items"]
        assert first == {
            "CP1": ("row", listed[0]),
            "CP2": ("row", listed[1]),
            "XX": ("gone", {"identity": "XX"}),
        }
        before = len(looks)
        await until(lambda: len(looks) > before + 2 * rows._PARTS, "all were looked at again")
        await alone.comes("CP3")
        await alone.comes("CP2")
        ((_, _, row),) = await page.take(1)
        assert (row["identity"], row["connected"], row["version"]) == ("CP2", True, "ocpp1.6")
        alone.gateway.sessions["cp2"].end(1000, "enough")
        ((_, _, row),) = await page.take(1)
        assert (row["identity"], row["connected"], row["since"]) == ("CP2", False, None)


async def test_what_no_event_tells_of_is_seen_as_well(alone: Member, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows are looked at now and then, whatever events say: tags come from the configuration."""
    looked_at_often(monkeypatch)
    async with tab(alone.url, alone.token) as page:
        await page.says(subscribe="stations", id="s1", identities=["CP1"])
        await page.take(1)
        monkeypatch.setattr(type(alone.queries), "known", lambda self, identity: None)
        assert await page.take(1) == [("s1", "gone", {"identity": "CP1"})]


async def test_what_may_be_of_any_station_has_all_looked_at(alone: Member, monkeypatch: pytest.MonkeyPatch) -> None:
    """An event that names no station may be about each that is shown: a backend's list is another."""
    monkeypatch.setattr(rows, "_SWEEP", 1000.0)
    async with tab(alone.url, alone.token) as page:
        await page.says(subscribe="stations", id="s1", identities=["CP1"])
        await page.take(1)
        monkeypatch.setattr(type(alone.queries), "known", lambda self, identity: None)
        alone.queries.events.note(ClaimsChanged("main-csms", "ada", 0, 0, 1, 0))
        assert await page.take(1) == [("s1", "gone", {"identity": "CP1"})]


async def test_a_station_in_full(alone: Member) -> None:
    """The page of a station is told of its session as it is, and when it comes and goes."""
    async with tab(alone.url, alone.token) as page:
        await page.says(subscribe="station", id="st", identity="CP1")
        assert await page.take(1) == [("st", "row", ROW | {"session": None})]
        line = await alone.comes("CP1")
        shown = await page.until("row")
        while not shown["session"] or shown["session"]["legs"][0]["state"] != "up":
            shown = await page.until("row")
        assert shown["session"]["station"] == "CP1"
        call = asyncio.ensure_future(alone.api.post("/stations/CP1/calls", {"action": "ClearCache"}))
        while not (shown := await page.until("row"))["session"]["open_calls"]:
            pass
        await until(lambda: bool(line.sent), "the station is asked")
        answers(line, {"status": "Accepted"})
        await call
        while (shown := await page.until("row"))["session"]["open_calls"]:
            pass
        await page.says(subscribe="station", id="other", identity="XX")
        assert await page.until("gone") == {"identity": "XX"}


# Messages and events.


async def test_messages_of_a_station(alone: Member) -> None:
    """A page is told what one station says, or all of them; what it shows no more it is not told of."""
    async with tab(alone.url, alone.token) as page, alone.api.stream("/messages") as stream:
        one, two = await alone.comes("CP1"), await alone.comes("CP2")
        await page.says(subscribe="messages", id="one", station="cp1")
        await page.says(subscribe="messages", id="all")
        await page.says(subscribe="stations", id="s", identities=["CP1"])
        await page.until("row")
        await until(lambda: len(alone.queries.taps._everything) == 2, "the page listens")
        one.sends(2, "m1", "Heartbeat", {})
        told = [await page.told() for _ in range(4)]
        of_all = [each["data"] for each in told if each["id"] == "all"]
        assert [each["data"] for each in told if each["id"] == "one"] == of_all
        assert [each.data for each in await stream.take(2)] == of_all
        await page.says(unsubscribe="one")
        two.sends(2, "m2", "Heartbeat", {})
        told = [await page.told() for _ in range(2)]
        assert {(each["id"], each["kind"], each["data"]["station"]) for each in told} == {("all", "message", "CP2")}


async def test_nobody_reads_hundreds_of_messages_a_second(alone: Member) -> None:
    """Of a flood of messages a page is told some, and how many it was not: what they cost does not grow with them."""
    async with tab(alone.url, alone.token) as page:
        stations = [await alone.comes(f"EX-{number}") for number in range(30)]
        await page.says(subscribe="messages", id="m")
        await until(lambda: len(alone.queries.taps._everything) == 1, "the page listens")
        for station in stations:
            station.sends(2, "m1", "Heartbeat", {})
        told = await page.take(41)
        assert [kind for _, kind, _ in told] == ["message"] * 40 + ["lost"]
        assert told[-1][2] == {"lost": 20}


async def test_events(alone: Member) -> None:
    """A page is told of events, of one station and of some kinds if it wants; it may go on behind the last one seen."""
    async with tab(alone.url, alone.token) as page:
        await page.says(subscribe="events", id="came", station="CP1", kinds=["StationCame"])
        await page.says(subscribe="stations", id="s", identities=["CP3"])
        await page.until("row")
        await alone.comes("CP2")
        await alone.comes("CP1")
        data = await page.until("event")
        assert (data["station"], data["kind"]) == ("CP1", "StationCame")
        seen = alone.queries.events.beginning
        await page.says(subscribe="events", id="again", kinds=["StationCame"], last=str(seen))
        again = [await page.until("event"), await page.until("event")]
        assert [each["station"] for each in again] == ["CP2", "CP1"]
        await page.says(pause=True)
        await page.says(pause=False)
        await alone.comes("CP3")
        assert (await page.until("event"))["station"] == "CP3", "what was told is not told again"
        await page.says(subscribe="events", id="old", last="1")
        assert await page.until("lost") == {"lost": None}


# Alerts.


_ALERT: dict[str, Any] = {
    "rule": "all",
    "event": "backend_away",
    "station": "",
    "backend": "main-csms",
    "severity": "error",
    "status": "open",
    "ended_at": None,
    "data": {"fields": {"backend": "main-csms"}},
}


def _alert(number: int) -> Any:
    return SimpleNamespace(**_ALERT, id=f"a{number}", at=float(number))


class _Store:
    """Alerts that a test opens and closes."""

    def __init__(self) -> None:
        self.there: list[Any] = []
        self.away = False

    async def alerts(self, which: Any, after: Any, limit: int) -> list[Any]:
        """Give what is open; in single networks there is nothing."""
        if self.away:
            raise StoreAway("it is away")
        return self.there if len(which) == 1 else []

    async def numbers(self) -> dict[str, int]:
        """Count what is open."""
        if self.away:
            raise StoreAway("it is away")
        return {"open": len(self.there)}


async def test_alerts_that_are_open(alone: Member, monkeypatch: pytest.MonkeyPatch) -> None:
    """A page is told which alerts are open, the newest first, and again when that changes; or that nobody knows."""
    monkeypatch.setattr(topics, "_LOOK_AT_ALERTS", 0.01)
    store = _Store()
    alone.web.app.state.alerting = SimpleNamespace(stores=(store,))
    async with tab(alone.url, alone.token) as page:
        await page.says(subscribe="alerts", id="a")
        assert await page.take(1) == [("a", "alerts", {"items": []})]
        store.there = [_alert(1), _alert(2)]
        shown = (await page.until("alerts"))["items"]
        assert [each["id"] for each in shown] == ["a2", "a1"]
        store.away = True
        assert (await page.until("error"))["detail"] == "Alerts cannot be read: it is away."


async def test_a_member_is_told_of_alerts_in_the_network(alone: Member) -> None:
    """What is told to those who see everything is not told to who sees a network, whoever asked first."""
    store = _Store()
    store.there = [_alert(1)]
    alone.web.app.state.alerting = SimpleNamespace(stores=(store,))
    ada = AccessToken("ada", "member", digest_of("vg_ada"), networks=(("north", "viewer"),))
    alone.web.app.state.access.replace_issued([ada])
    async with tab(alone.url, alone.token) as admin, tab(alone.url, "vg_ada") as member:
        await admin.says(subscribe="alerts", id="a")
        assert [each["id"] for each in (await admin.until("alerts"))["items"]] == ["a1"]
        await member.says(subscribe="alerts", id="a")
        assert await member.take(1) == [("a", "alerts", {"items": []})]


async def test_where_no_alerts_are_kept(alone: Member) -> None:
    """A gateway without alerts says so."""
    async with tab(alone.url, alone.token) as page:
        await page.says(subscribe="alerts", id="a")
        assert await page.take(1) == [("a", "error", {"status": 503, "detail": "No alerts are kept here."})]


# The background.


async def test_a_page_in_the_background_costs_nothing(alone: Member) -> None:
    """Nothing is made for a page that nobody looks at; when somebody does again, it is told how it stands now.

    It is told the events that it has missed, and that it has missed messages.
    """
    async with tab(alone.url, alone.token) as page:
        await page.says(subscribe="stations", id="s", identities=["CP1"])
        await page.says(subscribe="events", id="e", kinds=["StationCame"])
        await page.says(subscribe="messages", id="m")
        await page.says(subscribe="overview", id="o")
        await page.until("overview")
        await page.says(pause=True)
        await page.says(pause=True)
        await until(lambda: len(feeds_of(alone)) == 0, "nothing is made")
        await until(lambda: not alone.queries.taps._everything, "nothing is listened to")
        await alone.comes("CP1")
        await page.says(subscribe="stations", id="later", identities=["CP2"])
        await page.says(pause=False)
        told: dict[str, Any] = {}
        while set(told) != {"s", "e", "m", "o", "later"}:
            each = await page.told()
            told[each["id"]] = (each["kind"], each["data"])
        assert told["s"][1]["connected"] is True
        assert told["e"][1]["station"] == "CP1"
        assert told["m"] == ("lost", {"lost": None})
        assert told["later"][1]["identity"] == "CP2"
    await until(lambda: len(feeds_of(alone)) == 0, "nothing is made for a page that is gone")


async def test_it_is_made_once_for_all(alone: Member) -> None:
    """What several pages show is made once; who comes later is told at once how it stands."""
    async with tab(alone.url, alone.token) as one, tab(alone.url, token_of(alone, "viewer")) as two:
        for page in (one, two):
            await page.says(subscribe="overview", id="o")
            await page.until("overview")
            await page.says(subscribe="stations", id="s", identities=["CP1"])
            await page.until("row")
        assert len(feeds_of(alone)) == 3
        await one.says(unsubscribe="o")
        await two.until("overview")
        await two.says(unsubscribe="o")
        await until(lambda: len(feeds_of(alone)) == 2, "the overview is made no more")
        await one.says(unsubscribe="s")
        await two.says(subscribe="overview", id="s")
        await until(lambda: len(feeds_of(alone)) == 1, "one subscription has taken the place of another")


# The overview.


async def test_the_overview(alone: Member, monkeypatch: pytest.MonkeyPatch) -> None:
    """The state of the network in numbers, once by REST, and each second for those who look."""
    monkeypatch.setattr(overview, "EVERY", 0.05)
    monkeypatch.setattr(overview, "_SELDOM", 0.0)
    alone.web.app.state.alerting = SimpleNamespace(stores=(store := _Store(),))
    store.there = [_alert(1)]
    line = await alone.comes("CP1")
    await alone.refuses("strange")
    assert (await alone.api.get("/overview")).gives(200)["calls"]["per_second"] is not None
    async with tab(alone.url, token_of(alone, "viewer")) as page:
        await page.says(subscribe="overview", id="o")
        shown = await page.until("overview")
        while shown["stations"]["known"] is None or shown["alerts"] is None:
            shown = await page.until("overview")
        assert shown["stations"] == {"known": 4, "connected": 1, "waiting": 1}
        assert shown["backends"] == {"up": 1, "down": 0, "idle": 1, "down_names": []}
        assert (shown["refused"], shown["alerts"], shown["owed"], shown["database"]) == (1, 1, None, "none")
        assert "missing" not in shown
        line.sends(2, "m1", "Heartbeat", {})
        while not shown["calls"]["per_second"]:
            shown = await page.until("overview")
        assert shown["calls"]["errors_per_second"] == 0
        assert 0 < shown["calls"]["p50_ms"] <= shown["calls"]["p95_ms"]
        store.away = True
        while shown["alerts"] is not None:
            shown = await page.until("overview")
    asked = (await alone.api.get("/overview")).gives(200)
    assert sorted(asked) == sorted(shown)
    assert asked["calls"]["per_second"] is not None


def test_latencies_between_two_bounds() -> None:
    """Of the calls between two bounds half took less than what lies in the middle."""
    none = [0] * 15
    assert overview.quantile(none, 0.5) is None
    assert overview.quantile([10, *none[1:]], 0.5) == 1.0
    assert overview.quantile([0, 10, 10, *none[3:]], 0.75) == 7.5
    assert overview.quantile([*none[1:], 4], 0.95) == 60_000.0


def counted(**changes: Any) -> overview._Counted:
    """Give what a node has counted."""
    nothing = {"connected": 0, "ended": 0, "failed": 0, "buckets": [0] * 15, "open": 0, "waiting": 0, "strangers": 0}
    return overview._Counted(**({"began": 1.0, "refused": 0, "backends": {}} | nothing | changes))


def test_a_backend_is_up_if_some_node_says_so() -> None:
    """Of what nodes say of a backend up counts first, then down, in whichever order they say it."""
    nodes = [counted(backends={"a": "down", "b": "idle"}), counted(backends={"a": "up", "b": "down", "c": "idle"})]
    for each in (nodes, nodes[::-1]):
        states = overview._states(each)
        assert (states.up, states.down, states.idle, states.down_names) == (1, 1, 1, ["b"])


def test_rates_begin_again_with_a_node_that_was_started_again() -> None:
    """What a node counts from nought again is no rate of what it had counted before."""
    rates = overview._Rates()
    rates.note(counted(ended=100), 0.0)
    rates.note(counted(ended=200, failed=50), 10.0)
    assert rates.lately() == (10.0, 5.0, [0] * 15)
    rates.note(counted(ended=5, began=2.0), 11.0)
    assert rates.lately() is None
    rates.note(counted(ended=15, began=2.0), 12.0)
    assert rates.lately() == (10.0, 0.0, [0] * 15)


async def test_an_overview_that_cannot_be_had(alone: Member, monkeypatch: pytest.MonkeyPatch) -> None:
    """A fault of an overview is logged, and said; it begins again."""

    async def fails(*_: object) -> None:
        raise RuntimeError("what nobody should read")

    monkeypatch.setattr(overview.Counting, "here", fails)
    with capture_logs() as logs:
        answer = await alone.api.get("/overview")
    assert answer.gives(503)["detail"] == "The overview cannot be had now: the log may say why."
    assert [line["feed"] for line in logs if "begin again" in line["event"]] == ["overview"]


# A cluster.


async def test_pages_see_the_whole_cluster() -> None:
    """Rows, stations, events and the overview are those of all nodes, whichever is asked; who is missing is named."""
    async with cluster("gw1", "gw2") as two:
        await two["gw1"].comes("CP1")
        await two["gw2"].comes("CP2")
        async with tab(two["gw1"].url, two["gw1"].token) as page:
            await page.says(subscribe="stations", id="s", identities=["CP1", "CP2", "CP3"])
            rows = {data["identity"]: data["node"] for _, _, data in await page.take(3)}
            assert rows == {"CP1": "gw1", "CP2": "gw2", "CP3": None}
            await page.says(subscribe="station", id="st", identity="CP2")
            shown = await page.told()
            assert (shown["id"], shown["data"]["session"]["node"]) == ("st", "gw2")
            await page.says(subscribe="overview", id="o")
            shown = await page.until("overview")
            assert (shown["stations"]["connected"], shown["missing"]) == (2, [])
            await page.says(unsubscribe="o")
            await two["gw2"].comes("CP3")
            two.pass_over()
            row = await page.until("row")
            while row["identity"] != "CP3":
                row = await page.until("row")
            assert row["node"] == "gw2"


async def test_a_node_that_does_not_answer_hides_nothing() -> None:
    """While a node does not answer, its stations are shown as they were, and the overview names it."""
    async with cluster("gw1", "gw2") as two:
        await two["gw2"].comes("CP2")
        async with tab(two["gw1"].url, two["gw1"].token) as page:
            await page.says(subscribe="stations", id="s", identities=["CP2"])
            assert (await page.until("row"))["connected"] is True
            post = two["gw2"].post
            assert post is not None
            post.silent = True
            await page.says(subscribe="overview", id="o")
            shown = await page.until("overview")
            assert (shown["missing"], shown["stations"]["connected"]) == (["gw2"], 0)
            await page.says(subscribe="stations", id="again", identities=["CP4", "CP2"])
            row = await page.until("row")
            assert (row["identity"], row["connected"]) == ("CP2", True)


# What waits for a page.


def test_of_states_the_last_counts() -> None:
    """Of a state that has changed again only the last is told; of what happened each is, within bounds."""
    waiting = Outbox()
    waiting.keep("s", "CP1", item("row", 1))
    waiting.keep("s", "CP1", item("row", 2))
    waiting.add("m", [item("message", number) for number in range(outbox.MOST + 7)])
    waiting.add("n", [item("message", 0)])
    told: list[tuple[str, Item]] = []
    while waiting.news.is_set():
        batch = waiting.batch()
        assert 0 < len(batch) <= 502
        told += batch
    assert told[0] == ("s", Item("row", b"2"))
    assert [each.kind for _, each in told].count("message") == outbox.MOST
    assert told[-2:] == [("m", item("lost", {"lost": 7})), ("n", item("lost", {"lost": 1}))]


def test_large_messages_go_one_by_one() -> None:
    """What waits is bounded in bytes, and so is one message to a page."""
    waiting = Outbox()
    waiting.add("m", [Item("message", b"x" * (300 << 10)) for _ in range(10)])
    sizes = [len(waiting.batch()) for _ in range(6)]
    assert sizes == [1, 1, 1, 1, 1, 2]
    assert not waiting.news.is_set()


def test_what_was_unsubscribed_is_not_told() -> None:
    """What waits for a subscription that has ended is forgotten; the rest is told."""
    waiting = Outbox()
    for of in ("a", "b"):
        waiting.keep(of, "", item("row", of))
        waiting.add(of, [item("message", of)])
    waiting.drop("a")
    assert [of for of, _ in waiting.batch()] == ["b", "b"]
    waiting.keep("b", "", item("row", 1))
    waiting.drop("b")
    assert not waiting.news.is_set()


async def test_a_fault_is_said_and_ends_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is told begins again after a fault, and whoever is told of it knows; one that has ended stays so."""
    monkeypatch.setattr(feeds, "_AGAIN", 0.0)
    made = 0
    told: list[Item] = []

    async def source() -> Pieces:
        nonlocal made
        made += 1
        yield [item("row", made)]
        if made == 1:
            raise RuntimeError("what nobody should read")

    with capture_logs() as logs:
        close = Feeds().follow("x", source, told.extend)
        await until(lambda: len(told) == 3, "it is told again")
    close()
    assert [each.kind for each in told] == ["row", "error", "row"]
    assert b"nobody should read" not in told[1].data
    assert len(logs) == 1


# Websockets without manners.


async def raw(member: Member) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Open a websocket by hand."""
    port = int(member.url.rpartition(":")[2])
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(
        b"GET /api/v1/live HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
    )
    await within(reader.readuntil(b"\r\n\r\n"), "the websocket is open")
    return reader, writer


def frame(opcode: int, payload: bytes = b"", *, final: bool = True) -> bytes:
    """Write a frame of a client."""
    size = len(payload)
    head = bytes([(128 if final else 0) | opcode])
    head += bytes([128 | size]) if size < 126 else bytes([128 | 126]) + struct.pack("!H", size)
    return head + bytes(4) + payload


async def _sends_until_cut_off(writer: asyncio.StreamWriter, data: bytes) -> None:
    while True:
        writer.write(data)
        await writer.drain()


@pytest.mark.parametrize(
    "flood",
    [frame(9, b"x" * 125) * 1000, frame(1, b"x", final=False) + frame(0, final=False) * 2000],
    ids=["pings", "fragments"],
)
async def test_a_flood_is_cut_off(alone: Member, flood: bytes) -> None:
    """Who sends pings and does not read, or a message in endless pieces, does not fill the memory."""
    _, writer = await raw(alone)
    with pytest.raises(ConnectionError):
        await within(_sends_until_cut_off(writer, flood), "the server cuts it off")
    writer.close()


async def test_a_page_that_does_not_read_is_cut_off(alone: Member, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a page does not read is not kept for long."""
    monkeypatch.setattr(pages, "PATIENCE", 0.2)
    _reader, writer = await raw(alone)
    writer.transport.pause_reading()  # type: ignore[attr-defined]
    writer.write(frame(1, json.dumps({"token": alone.token}).encode()))
    writer.write(frame(1, b'{"subscribe": "events", "id": "e"}'))
    page = pages.pages_of(alone.web.app)
    await until(lambda: len(page.topics.feeds) == 1, "the page has subscribed")
    told: Any = next(iter(page.topics.feeds._feeds.values()))
    with capture_logs() as logs:

        def cut_off() -> bool:
            told._tell([Item("x", b'"%b"' % (b"y" * 200_000))])
            return len(page.topics.feeds) == 0

        await until(cut_off, "the page is cut off")
    assert [line["event"] for line in logs] == ["a live page was cut off: nobody reads it"]
    writer.close()


async def test_refusals_that_nobody_reads_end_a_page(alone: Member, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who asks for what is refused, and does not read that, does not fill the memory, whatever little it may do."""
    monkeypatch.setattr(pages, "REFUSALS", 10)
    monkeypatch.setattr(connections, "_LINGER", 0.1)
    _reader, writer = await raw(alone)
    writer.transport.pause_reading()  # type: ignore[attr-defined]
    writer.write(frame(1, json.dumps({"token": token_of(alone, "backend")}).encode()))
    asked = ({"subscribe": "stations", "id": f"s{number}", "identities": [""] * 500} for number in count())
    with pytest.raises(ConnectionError):
        await within(_sends_each(writer, (frame(1, json.dumps(each).encode()) for each in asked)), "the page ends")
    writer.close()


async def _sends_each(writer: asyncio.StreamWriter, frames: Iterable[bytes]) -> None:
    for each in frames:
        writer.write(each)
        await writer.drain()


async def test_a_websocket_lasts(alone: Member, monkeypatch: pytest.MonkeyPatch) -> None:
    """The patience with requests does not end a websocket."""
    monkeypatch.setattr(Connection, "patience", 0.1)
    loop = asyncio.get_running_loop()
    async with tab(alone.url, alone.token) as page:
        later = loop.time() + 0.5
        while loop.time() < later:
            await page.says(subscribe="stations", id="s1", identities=["CP1"])
            assert await page.take(1) == [("s1", "row", ROW)]
