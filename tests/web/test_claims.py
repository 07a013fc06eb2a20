"""Claims through the API: what backends may say, and what they are answered."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from typing import Any

import pytest

from tests.claimants import Api, api_of
from tests.harness import Gateway, Json, Stage, until
from tests.keypair import write_pair

A: Json = {"url": "ws://127.0.0.1:9/ocpp/{station}"}
B: Json = {"url": "wss://b.example.com/ocpp/{station}"}
BACKENDS = {"a": A, "b": B}
ROUTES: Json = {"main": None}
"""No routes at all: claims are enough."""


def fleet(number: int, first: int = 0) -> list[str]:
    """Name some stations."""
    return [f"CP{n:03}" for n in range(first, first + number)]


# Lists.


async def test_a_list_is_set_amended_and_read(stage: Stage) -> None:
    """A backend says which stations are its own, adds some, takes some back, and reads what it has said."""
    async with api_of(stage, BACKENDS, routes=ROUTES) as (api, _):
        body = (await api.put("a", "CP2", "CP1")).gives(200)
        assert body == {
            "backend": "a",
            "stations": 2,
            "added": 2,
            "removed": 0,
            "contested": 0,
            "conflicts": [],
            "url": None,
            "soap_url": None,
        }
        body = (await api.patch("a", "CP3", "CP4", remove=("CP1", "nobody"))).gives(200)
        assert (body["stations"], body["added"], body["removed"]) == (3, 2, 1)
        page = await api.get("/backends/a/stations", by="a")
        assert [item["station"] for item in page["items"]] == ["CP2", "CP3", "CP4"]
        assert (page["total"], page["offset"], page["limit"]) == (3, 0, 100)
        item = page["items"][0]
        assert (item["by"], item["holds"]) == ("a", True)
        assert item["since"].endswith("Z")
        assert item["since"] <= item["renewed"]
        again = (await api.put("a", "CP2", "CP3", "CP4")).gives(200)
        assert (again["stations"], again["added"], again["removed"]) == (3, 0, 0)
        assert (await api.get("/backends/a/stations"))["items"][0]["since"] == item["since"]
        assert (await api.get("/backends/b/stations", by="b"))["total"] == 0


async def test_pages(stage: Stage) -> None:
    """A long list comes in pages, in the order of identities, and tells how long it is."""
    async with api_of(stage, BACKENDS, routes=ROUTES) as (api, _):
        (await api.put("a", *reversed(fleet(25)))).gives(200)
        page = await api.get("/backends/a/stations", offset="20", limit="10")
        assert [item["station"] for item in page["items"]] == fleet(5, 20)
        assert (page["total"], page["offset"], page["limit"]) == (25, 20, 10)
        for query in ({"limit": "0"}, {"limit": "1001"}, {"offset": "-1"}, {"format": "xml"}, {"lmit": "5"}):
            (await api.ask("GET", "/backends/a/stations", **query)).gives(422)


async def test_the_hosts_format(stage: Stage) -> None:
    """A line for each station that the backend gets, with its host: none stands there for two backends."""
    async with api_of(stage, BACKENDS, routes=ROUTES) as (api, _):
        (await api.put("a", "CP1", "CP2")).gives(200)
        (await api.put("b", "CP2", "CP3")).gives(200)
        lines = {name: await api.get(f"/backends/{name}/stations", format="hosts") for name in BACKENDS}
        assert sorted(lines["a"].splitlines()) == ["127.0.0.1 CP1", "127.0.0.1 CP2"]
        assert lines["b"] == "b.example.com CP3\n"


LENGTHS = [
    (0, 0, 409),
    (0, 1, 200),
    (1, 0, 409),
    (10, 9, 409),
    (10, 10, 200),
    (20, 19, 200),
    (19, 17, 409),
    (9, 20, 200),
]


async def test_a_list_that_is_much_shorter(stage: Stage) -> None:
    """A list that is empty or a tenth shorter than the one before is refused and changes nothing, unless forced."""
    async with api_of(stage, BACKENDS, routes=ROUTES) as (api, _):
        for before, now, status in LENGTHS:
            (await api.put("a", *fleet(before), force=True)).gives(200)
            body = (await api.put("a", *fleet(now))).gives(status)
            if status == 409:
                assert (body["stations"], body["before"]) == (now, before)
                assert "force=true" in body["detail"]
                assert await api.stations("a") == fleet(before)
                (await api.put("a", *fleet(now), force=True)).gives(200)
            assert await api.stations("a") == fleet(now)


async def test_what_is_said_twice_counts_once(stage: Stage) -> None:
    """A broken job that names one station again and again has a short list all the same."""
    async with api_of(stage, BACKENDS, routes=ROUTES) as (api, _):
        (await api.put("a", *fleet(10))).gives(200)
        spellings = [identity for name in fleet(5) for identity in (name, name.lower(), name.title(), name)]
        assert (await api.put("a", *spellings)).gives(409)["stations"] == 5
        assert (await api.put("a", *spellings, force=True)).gives(200)["stations"] == 5


async def test_two_short_lists_at_once(stage: Stage) -> None:
    """Of lists that come at the same time each is measured against the one before it."""
    async with api_of(stage, BACKENDS, routes=ROUTES) as (api, _):
        (await api.put("a", *fleet(200))).gives(200)
        answers = await asyncio.gather(*(api.put("a", *fleet(n)) for n in (181, 162)))
        assert [answer.status for answer in answers] == [200, 409]
        assert await api.stations("a") == fleet(181)


# Bodies.


WRONG: list[tuple[Any, str]] = [
    ({}, "body"),
    ([], "body"),
    ({"stations": None}, "body.stations"),
    ({"stations": "CP1"}, "body.stations"),
    ({"stations": ["CP1", 2]}, "body.stations[1]"),
    ({"stations": ["CP1", ["CP2"]]}, "body.stations[1]"),
    ({"stations": ["CP1"], "station": []}, "body"),
    ({"stations": ["CP1"], "url": 5}, "body.url"),
    ({"stations": ["CP1"], "add": []}, "body"),
    ({"stations": ["CP1"], "ip": "10.0.0.1", "url": "ws://a/"}, "body.ip"),
    ({"stations": ["CP1"], "ip": "example.com"}, "body.ip"),
    ({"stations": ["CP1"], "ip": "10.0.0.1/8"}, "body.ip"),
]


async def test_bodies_of_the_wrong_shape(stage: Stage) -> None:
    """A body that is not what it should be is refused with the place where it is not, and changes nothing."""
    async with api_of(stage, BACKENDS, routes=ROUTES) as (api, _):
        for body, where in WRONG:
            problem = (await api.ask("PUT", "/backends/a/stations", body, by="a")).gives(422)
            assert [error["where"] for error in problem["errors"]] == [where], body
        assert await api.stations("a") == []


NOT_JSON = [
    b"",
    b"CP1\nCP2\n",
    b'{"stations": ["CP1"]',
    b'{"stations": ["CP\xff"]}',
    b'{"stations": ["\\ud800"]}',
    b'\xef\xbb\xbf{"stations": ["CP1"]}',
    b'{"stations": ["CP1"]} {}',
    b"\x00",
]


async def test_bodies_that_are_not_json(stage: Stage) -> None:
    """What is not JSON is refused as such."""
    async with api_of(stage, BACKENDS, routes=ROUTES) as (api, _):
        for data in NOT_JSON:
            (await api.ask("PUT", "/backends/a/stations", data=data, by="a")).gives(400)
        assert await api.stations("a") == []


NO_IDENTITIES = ["", " CP1", "CP1 ", "CP1\n", "a/b", "a\\b", ".", "..", "CP\x00", "CP\u200b1", "x" * 49, "\ufeffCP1"]


async def test_identities_that_are_none(stage: Stage) -> None:
    """What cannot be an identity is named with its place in the list; the rest of the list is not taken either."""
    async with api_of(stage, BACKENDS, routes=ROUTES) as (api, _):
        for identity in NO_IDENTITIES:
            problem = (await api.put("a", "CP1", identity)).gives(422)
            assert [error["where"] for error in problem["errors"]] == ["body.stations[1]"], identity
            problem = (await api.patch("a", identity)).gives(422)
            assert [error["where"] for error in problem["errors"]] == ["body.add[0]"], identity
        assert await api.stations("a") == []


async def test_many_identities_that_are_none(stage: Stage) -> None:
    """Of a thousand mistakes only the first are told."""
    async with api_of(stage, BACKENDS, routes=ROUTES) as (api, _):
        problem = (await api.put("a", *["a/b"] * 1000)).gives(422)
        assert 0 < len(problem["errors"]) <= 100


async def test_identities_are_compared_as_stations_are(stage: Stage) -> None:
    """A claim is for the station however its letters are written, unless the configuration says that they count."""
    async with api_of(stage, BACKENDS, routes=ROUTES) as (api, _):
        (await api.put("a", "Depot-1")).gives(200)
        assert (await api.put("b", "DEPOT-1")).gives(200)["contested"] == 1
        assert (await api.get("/claims", station="dePOT-1"))["total"] == 2
        assert (await api.get("/stations/DEPOT-1"))["claimed_by"] == "a"
        (await api.patch("a", remove=("dEPOT-1",))).gives(200)
        assert await api.stations("a") == []
    async with api_of(stage, BACKENDS, routes=ROUTES, directory={"case_sensitive": True}) as (api, _):
        (await api.put("a", "Depot-1")).gives(200)
        assert (await api.put("b", "DEPOT-1")).gives(200)["contested"] == 0
        assert (await api.get("/stations/DEPOT-1"))["claimed_by"] == "b"
        (await api.ask("GET", "/stations/depot-1")).gives(404)


async def test_identities_beyond_ascii(stage: Stage) -> None:
    """Identities that OCPP 1.6 allows are claimed and given back as they were written."""
    async with api_of(stage, BACKENDS, routes=ROUTES) as (api, _):
        written = ["Ladesäule 7", "CP#1?", "充電器", "100%"]
        (await api.put("a", *written)).gives(200)
        assert sorted(await api.stations("a")) == sorted(written)
        assert (await api.get("/claims", station="LADESäULE 7"))["total"] == 1


async def test_a_list_that_is_too_long(stage: Stage) -> None:
    """More stations than one call may name, or than all backends may claim, change nothing."""
    async with api_of(stage, BACKENDS, routes=ROUTES, claims={"most": 10}) as (api, _):
        problem = (await api.put("a", *fleet(11))).gives(409)
        assert "claims.most" in problem["detail"]
        assert await api.stations("a") == []
        problem = (await api.put("a", *["CP1"] * 250_001)).gives(422)
        assert [error["where"] for error in problem["errors"]] == ["body.stations"]


# Who may.


async def test_who_may_claim(stage: Stage) -> None:
    """A backend's token is for its own list and nothing else; only an administrator claims for it."""
    async with api_of(stage, BACKENDS, routes=ROUTES) as (api, _):
        (await api.put("a", "CP1")).gives(200)
        (await api.put("a", "CP2", by="b")).gives(403)
        (await api.patch("a", "CP2", by="b")).gives(403)
        (await api.ask("GET", "/backends/a/stations", by="b")).gives(403)
        (await api.put("a", "CP2", by="nobody")).gives(401)
        (await api.ask("PUT", "/backends/a/stations", {"stations": ["CP2"]}, by="a", access_token="x")).gives(422)
        for path in ("/claims", "/stations", "/backends", "/waiting", "/sessions", "/tokens", "/backends/a"):
            (await api.ask("GET", path, by="a")).gives(403)
        (await api.put("nobody", "CP1", by="admin")).gives(404)
        (await api.put("nobody", "CP1", by="a")).gives(403)
        assert await api.stations("a") == ["CP1"]
        (await api.put("a", "CP1", "CP2", by="admin")).gives(200)
        assert [item["by"] for item in (await api.get("/claims"))["items"]] == ["a", "admin"]


async def test_operators_read(stage: Stage) -> None:
    """Who may look after stations reads the lists of backends; to change them takes an administrator."""
    async with api_of(stage, BACKENDS, routes=ROUTES) as (api, _):
        (await api.put("a", "CP1")).gives(200)
        for role, status in (("viewer", 403), ("operator", 200)):
            made = (await api.ask("POST", "/tokens", {"name": role, "role": role})).gives(201)
            headers = {"Authorization": f"Bearer {made['token']}"}
            async with api._session.get(f"{api._root}/backends/a/stations", headers=headers) as response:
                assert response.status == status
            async with api._session.put(
                f"{api._root}/backends/a/stations", json={"stations": ["CP2"]}, headers=headers
            ) as response:
                assert response.status == 403
            async with api._session.get(f"{api._root}/claims", headers=headers) as response:
                assert response.status == 200


async def test_patterns(stage: Stage) -> None:
    """A backend claims what its patterns allow; one station that they do not refuses the whole list."""
    narrow = {"a": A | {"claims": {"stations": ["Depot-*", "CP[0-9]"]}}, "b": B | {"claims": {"stations": []}}}
    async with api_of(stage, narrow, routes=ROUTES) as (api, _):
        (await api.put("a", "depot-1", "DEPOT-2", "cp7")).gives(200)
        problem = (await api.put("a", "Depot-1", "XDepot-1", "CP77")).gives(403)
        assert problem["stations"] == ["XDepot-1", "CP77"]
        (await api.patch("a", "CP77")).gives(403)
        (await api.put("a", "CP77", by="admin", force=True)).gives(403)
        assert await api.stations("a") == ["cp7", "depot-1", "DEPOT-2"]
        (await api.patch("a", remove=("CP7", "CP77"))).gives(200)
        (await api.put("b", "CP1")).gives(403)


# Where a backend is.

HERE: Json = {
    "a": {"url": "ws://127.0.0.1:9/ocpp/{station}", "claims": {"hosts": ["*.example.com", "10.0.0.0/8", "fd00::/8"]}},
    "b": {"url": "wss://b.example.com:8443/b", "soap_url": "https://b.example.com/soap"},
    "s": {"url": "http://s.example.com/soap", "claims": {"hosts": ["10.0.0.0/8"]}},
}


ALLOWED: list[tuple[str, dict[str, str], str]] = [
    ("a", {"url": "ws://x.example.com:81/y"}, "ws://x.example.com:81/y"),
    ("a", {"url": "wss://X.Example.COM/y/{station}"}, "wss://X.Example.COM/y/{station}"),
    ("a", {"url": "ws://10.1.2.3/y"}, "ws://10.1.2.3/y"),
    ("a", {"url": "ws://[fd00::1]:80/y"}, "ws://[fd00::1]:80/y"),
    ("a", {"url": "ws://127.0.0.1:10/moved"}, "ws://127.0.0.1:10/moved"),
    ("a", {"ip": "10.1.2.3"}, "ws://10.1.2.3:9/ocpp/{station}"),
    ("a", {"ip": "fd00::1"}, "ws://[fd00::1]:9/ocpp/{station}"),
    ("b", {"url": "wss://b.example.com/other"}, "wss://b.example.com/other"),
]


async def test_places_that_are_allowed(stage: Stage) -> None:
    """A backend says where it is within the hosts that it is allowed, and is dialled there from then on."""
    async with api_of(stage, HERE, routes=ROUTES) as (api, gateway):
        for name, said, url in ALLOWED:
            assert (await api.put(name, "CP1", **said)).gives(200)["url"] == url
            shown = await api.get(f"/backends/{name}")
            assert shown["claimed_url"] == url
            assert shown["url"].removesuffix("/{station}") == url.removesuffix("/{station}")
            assert (await api.put(name, "CP1")).gives(200)["url"] == url
            await gateway.logged("backend moved", f'"backend":"{name}"', f'"url":"{url}"', f'"by":"{name}"')
        shown = await api.get("/backends")
        await gateway.kill()
        await gateway.start()
        assert await api.get("/backends") == shown


NOT_ALLOWED: list[tuple[str, dict[str, str]]] = [
    ("a", {"url": "ws://example.com/y"}),
    ("a", {"url": "ws://example.com.evil.net/y"}),
    ("a", {"url": "ws://x.example.com@evil.net/y"}),
    ("a", {"url": "ws://user:secret@x.example.com/y"}),
    ("a", {"url": "ws://evil.net\\.example.com/y"}),
    ("a", {"url": "ws://evil.net#.example.com/y"}),
    ("a", {"url": "ws://evil.net%2f.example.com/y"}),
    ("a", {"url": "ws://evil.net?.example.com/y"}),
    ("a", {"url": "ws://{station}.example.com/y"}),
    ("a", {"url": "ws://{Station}.example.com/y"}),
    ("a", {"url": "ws://x.example.com/{identity}"}),
    ("a", {"url": "ws://x.example.com/\r\nHost: y"}),
    ("a", {"url": "ws://x.example.com:0/y"}),
    ("a", {"url": "ws://x.example.com:99999/y"}),
    ("a", {"url": "ws:///y"}),
    ("a", {"url": "ws://[fe80::1%25eth0]/y"}),
    ("a", {"url": "ws://11.0.0.1/y"}),
    ("a", {"url": "ws://[::ffff:10.0.0.1]/y"}),
    ("a", {"url": "ws://167772161/y"}),
    ("a", {"url": "http://x.example.com/soap"}),
    ("a", {"soap_url": "http://x.example.com/soap"}),
    ("a", {"url": "file:///etc/passwd"}),
    ("a", {"url": "x"}),
    ("a", {"ip": "11.0.0.1"}),
    ("a", {"ip": "::1"}),
    ("b", {"url": "ws://b.example.com/b"}),
    ("b", {"url": "wss://c.example.com/b"}),
    ("b", {"soap_url": "http://b.example.com/soap"}),
    ("b", {"soap_url": "wss://b.example.com/soap"}),
    ("b", {"ip": "10.0.0.1"}),
    ("s", {"url": "ws://10.0.0.1/x"}),
    ("s", {"soap_url": "http://s.example.net/soap"}),
]


async def test_places_that_are_not_allowed(stage: Stage) -> None:
    """Anything else is refused with the whole list: hosts, schemes that protect less, what is no URL."""
    async with api_of(stage, HERE, routes=ROUTES) as (api, _):
        before = await api.get("/backends")
        for name, said in NOT_ALLOWED:
            problem = (await api.put(name, "CP1", **said)).gives(403)
            assert "secret" not in json.dumps(problem)
            (await api.patch(name, "CP1", **said)).gives(403)
        assert await api.get("/backends") == before


async def test_soap_backends_say_where_they_are(stage: Stage) -> None:
    """A URL of HTTP is where a backend takes SOAP, as it is in the configuration."""
    async with api_of(stage, HERE, routes=ROUTES) as (api, _):
        body = (await api.put("s", "CP1", url="https://10.0.0.1/other")).gives(200)
        assert (body["url"], body["soap_url"]) == (None, "https://10.0.0.1/other")
        assert (await api.get("/backends/s"))["soap_url"] == "https://10.0.0.1/other"
        body = (await api.patch("s", ip="10.0.0.2")).gives(200)
        assert body["soap_url"] == "http://10.0.0.2/soap"
        body = (await api.put("b", "CP1", soap_url="https://b.example.com:8443/other")).gives(200)
        assert (await api.get("/backends/b"))["soap_url"] == "https://b.example.com:8443/other"


async def test_a_place_that_is_allowed_no_longer(stage: Stage) -> None:
    """When the configuration changes, what a backend said before is measured again: hosts, and wss where it was ws."""
    async with api_of(stage, HERE, routes=ROUTES) as (api, gateway):
        (await api.put("a", "CP1", url="ws://x.example.com/y")).gives(200)
        written = gateway.file.read_text()
        for changed in (
            written.replace('"*.example.com", ', ""),
            written.replace("ws://127.0.0.1:9/", "wss://127.0.0.1:9/"),
        ):
            gateway.reload(changed)
            wanted = "wss:" if "wss://127.0.0.1:9" in changed else "ws:"
            await _shows(api, "a", f"{wanted}//127.0.0.1:9/ocpp/{{station}}")
            gateway.reload(written)
            await _shows(api, "a", "ws://x.example.com/y/{station}")


async def _shows(api: Api, name: str, url: str) -> None:
    async def shows() -> bool:
        return bool((await api.get(f"/backends/{name}"))["url"] == url)

    await until(shows, f"{name} is at {url}")


async def test_a_certificate_that_is_gone(stage: Stage) -> None:
    """A file that cannot be read when a backend moves costs that backend its new address, and nobody anything else."""
    authority = stage.folder / "ca.pem"
    write_pair(authority, stage.folder / "key.pem")
    backends = HERE | {"b": HERE["b"] | {"ca": str(authority)}}
    async with api_of(stage, backends, routes=ROUTES) as (api, gateway):
        authority.unlink()
        (await api.put("b", "CP1", url="wss://b.example.com/moved")).gives(200)
        await gateway.logged("backends stay where they were")
        assert (await api.get("/stations/CP1"))["claimed_by"] == "b"
        assert (await api.get("/backends/b"))["url"] == HERE["b"]["url"] + "/{station}"
        write_pair(authority, stage.folder / "key.pem")
        gateway.reload()
        await _shows(api, "b", "wss://b.example.com/moved/{station}")


# Conflicts.


@pytest.mark.parametrize(("conflict", "holder"), [("first", "a"), ("newest", "b"), ("neither", None)])
async def test_conflicts(stage: Stage, conflict: str, holder: str | None) -> None:
    """Whoever claims what another claims is told so, with who and when; all see it; the setting says who gets it."""
    async with api_of(stage, BACKENDS, routes=ROUTES, claims={"conflict": conflict}) as (api, gateway):
        (await api.put("a", "CP1", "CP2", "CP4")).gives(200)
        body = (await api.put("b", "CP2", "CP3", "CP4")).gives(200)
        assert body["contested"] == 2
        told = {each["station"]: each for each in body["conflicts"]}
        assert set(told) == {"CP2", "CP4"}
        assert told["CP2"]["held_by"] == holder
        assert [(claim["backend"], claim["by"]) for claim in told["CP2"]["claims"]] == [("a", "a"), ("b", "b")]
        assert told["CP2"]["claims"][0]["since"] <= told["CP2"]["claims"][1]["since"]
        page = await api.get("/claims", contested="true")
        found = [(item["station"], item["backend"], item["holds"]) for item in page["items"]]
        assert found == [(cp, name, name == holder) for cp in ("CP2", "CP4") for name in ("a", "b")]
        assert page["total"] == 4
        page = await api.get("/claims", contested="false")
        assert [(item["station"], item["backend"]) for item in page["items"]] == [("CP1", "a"), ("CP3", "b")]
        assert (await api.get("/claims"))["total"] == 6
        assert (await api.get("/claims", backend="b", limit="1", offset="1"))["items"][0]["station"] == "CP3"
        assert (await api.get("/claims", backend="nobody"))["total"] == 0
        assert (await api.get("/claims", q="cp2"))["total"] == 2
        assert (await api.get("/claims", q="P", contested="false"))["total"] == 2
        assert (await api.get("/stations/CP2"))["claimed_by"] == holder
        await gateway.logged("station claimed by several backends", '"CP2"', f'"holder":"{holder or ""}"')
        await gateway.logged("claims changed", '"backend":"b"', '"by":"b"', '"added":3', '"contested":2')
        (await api.patch("a", remove=("CP2",))).gives(200)
        assert (await api.get("/stations/CP2"))["claimed_by"] == "b"
        assert (await api.get("/claims", contested="true"))["total"] == 2


async def test_expiry_is_shown(stage: Stage) -> None:
    """A claim that was not said again is struck out, and that is reported like any other change."""
    async with api_of(stage, BACKENDS, routes=ROUTES, claims={"expire": 0.5}) as (api, gateway):
        (await api.put("a", "CP1")).gives(200)
        await gateway.logged("claims changed", '"backend":"a"', '"by":"expiry"', '"removed":1')
        assert await api.stations("a") == []
        (await api.ask("GET", "/stations/CP1")).gives(404)


# The database.


async def test_a_database_that_is_away(stage: Stage) -> None:
    """While nothing can be kept nothing is taken, and that is said; later the same call works."""
    async with api_of(stage, HERE, routes=ROUTES, store={"patience": 0.5}) as (api, gateway):
        (await api.put("a", "CP1", "CP2")).gives(200)
        other = _locked(gateway)
        before = await api.get("/backends/a")
        for answer in (
            await api.put("a", "CP1", "CP2", "CP3", url="ws://10.0.0.1/x"),
            await api.patch("a", "CP3", url="ws://10.0.0.1/x"),
        ):
            assert "Nothing was changed" in answer.gives(503)["detail"]
        assert await api.get("/backends/a") == before
        assert await api.stations("a") == ["CP1", "CP2"]
        other.execute("ROLLBACK")
        other.close()

        async def taken() -> bool:
            return (await api.put("a", "CP1", "CP2", "CP4")).status == 200

        await until(taken, "the list is taken")
        await gateway.kill()
        await gateway.start()
        assert await api.stations("a") == ["CP1", "CP2", "CP4"]
        assert await api.get("/backends/a") == before | {"claims": 3}


async def test_a_database_that_is_away_at_the_start(stage: Stage) -> None:
    """Before the former claims are known nothing is taken; they are found as soon as the database is there."""
    async with api_of(stage, BACKENDS, routes=ROUTES, store={"patience": 0.5}) as (api, gateway):
        (await api.put("a", "CP1", "CP2")).gives(200)
        await gateway.stop()
        other = _locked(gateway)
        await gateway.start()
        (await api.put("a", "CP1", "CP2")).gives(503)
        (await api.patch("a", "CP3")).gives(503)
        assert (await stage.refused("CP1")).status_code == 503
        other.execute("ROLLBACK")
        other.close()

        async def found() -> bool:
            return await api.stations("a") == ["CP1", "CP2"]

        await until(found, "the former claims are found")


def _locked(gateway: Gateway) -> sqlite3.Connection:
    other = sqlite3.connect(gateway.folder / "var" / "voltgate.db", isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    return other
