"""The clients against a real gateway with real ends."""

from __future__ import annotations

import asyncio
import json
import re
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from tests.client.counterpart import Ended, environment
from tests.harness import VOLTGATE, Gateway, Link, Stage, until, within
from tests.harness.offspring import ended

TOKEN = "a-token-for-tests-alone"


class Terminal:
    """Types commands that ask one gateway."""

    def __init__(self, gateway: Gateway) -> None:
        self.gateway = gateway
        url = f"http://127.0.0.1:{gateway.http_port}"
        self.environment = environment(gateway.folder, VOLTGATE_URL=url, VOLTGATE_TOKEN=TOKEN)

    async def __call__(self, *words: str, stdin: str = "") -> Ended:
        given = (words, self.gateway.folder, self.environment, stdin.encode(), 60.0)
        code, out, err = await asyncio.to_thread(ended, *given)
        return Ended(code, out.decode(), err.decode())

    @asynccontextmanager
    async def start(self, *words: str) -> AsyncIterator[Process]:
        """Start a command that may go on."""
        process = await asyncio.create_subprocess_exec(
            *VOLTGATE, *words, stdin=PIPE, stdout=PIPE, stderr=PIPE, env=self.environment, cwd=self.gateway.folder
        )
        try:
            yield process
        finally:
            if process.returncode is None:
                process.kill()
            await process.communicate()


async def line(process: Process) -> str:
    """Read one line that a command prints."""
    assert process.stdout is not None
    return (await within(process.stdout.readline(), "a line of a command", 60)).decode().rstrip("\n")


async def terminal(stage: Stage, **changes: Any) -> Terminal:
    """Start the stage's gateway with an API, and sit down at a terminal."""
    gateway = await stage.gateway(**{"admin_token": TOKEN, "store": {"url": "off"}, **changes})
    return Terminal(gateway)


@asynccontextmanager
async def beating(station: Link) -> AsyncIterator[None]:
    """Have a station say something again and again: a tail shows what comes after it began to listen."""

    async def beat() -> None:
        while True:
            await station.call("Heartbeat")
            await asyncio.sleep(0.05)

    task = asyncio.ensure_future(beat())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])


async def test_what_the_gateway_knows(stage: Stage) -> None:
    """Stations, sessions and backends are listed and shown as they are, whatever is in an identity."""
    await stage.backend("a")
    voltgate = await terminal(stage, stations=[{"match": "RDAM*", "route": "main"}])
    station, link = await stage.meet("RDAM 1%2#ü")
    listed = await voltgate("stations", "--connected", "--json")
    assert [item["identity"] for item in listed.json["items"]] == ["RDAM 1%2#ü"]
    assert (await voltgate("stations")).out.splitlines()[1].startswith("RDAM 1%2#ü  main ")
    shown = await voltgate("stations", "RDAM 1%2#ü")
    assert "version    ocpp1.6\n" in shown.out
    assert "\na    up " in shown.out
    session = await voltgate("sessions", "RDAM 1%2#ü", "--json")
    assert session.json["legs"][0]["backend"] == "a"
    assert "RDAM 1%2#ü" in (await voltgate("sessions", "--ocpp", "1.6", "--sort=-since", "--backend", "a")).out
    assert (await voltgate("sessions", "--ocpp", "2.0.1")).err == "no sessions\n"
    assert (await voltgate("backends")).out.splitlines()[1].startswith("a ")
    assert (await voltgate("backends", "a")).out.startswith("name     a\nstate    up\n")
    for words in (["stations", "CP9"], ["backends", "b"], ["sessions", "CP9"], ["stations", "--sort", "colour"]):
        refused = await voltgate(*words)
        assert (refused.code, refused.out, len(refused.err.splitlines())) == (1, "", 1)
    await stage.quiet(station, link)


async def test_who_is_left_out_is_shown(stage: Stage) -> None:
    """A backend that does not take a version has no leg there: the session, the station and it itself say so."""
    for name in ("a", "b"):
        await stage.backend(name)
    backends = stage.configuration()["backends"]
    backends["b"]["versions"] = ["ocpp2.0.1"]
    voltgate = await terminal(stage, backends=backends, routes={"main": {"rules": [{"answer": "a", "copy": ["b"]}]}})
    station = await stage.station("CP1")
    link = await stage.backends["a"].station("CP1")
    headings, row = (await voltgate("sessions")).out.splitlines()
    assert row[headings.index("left out") :].split()[0] == "b"
    for words in (["sessions", "CP1"], ["stations", "CP1"]):
        assert re.search(r"^left out +b$", (await voltgate(*words)).out, re.MULTILINE)
    assert re.search(r"^left out +1 session$", (await voltgate("backends", "b")).out, re.MULTILINE)
    await stage.quiet(station, link)


async def test_a_call_and_its_answer(stage: Stage) -> None:
    """`voltgate send` reaches the charger, and prints its result or its error."""
    await stage.backend("a")
    voltgate = await terminal(stage)
    station, _ = await stage.meet("CP1")
    station.answers("Reset", lambda call: {"status": "Accepted" if call.payload == {"type": "Soft"} else "Rejected"})
    sent = await voltgate("send", "CP1", "Reset", '{"type": "Soft"}')
    assert (sent.code, json.loads(sent.out)) == (0, {"status": "Accepted"})
    assert sent.err.startswith("CP1 answered Reset in ")
    async with voltgate.start("send", "CP1", "ClearCache", "--json") as process:
        await station.fail(await station.expect("ClearCache"), "NotSupported", "never")
        assert json.loads(await line(process))["error"]["code"] == "NotSupported"
        assert await within(process.wait(), "the command ends") == 1


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["CP1", "Reset", '{"type": "Purple"}'], "/type"),
        (["CP1", "Nonsense"], "Nonsense"),
        (["CP9", "Reset", '{"type": "Soft"}'], "station"),
        (["CP1", "GetConfiguration", "--timeout", "1"], "the call was sent"),
    ],
)
async def test_a_call_that_comes_to_nothing(stage: Stage, words: list[str], said: str) -> None:
    """Why a call came to nothing is one sentence."""
    await stage.backend("a")
    voltgate = await terminal(stage)
    await stage.meet("CP1")
    refused = await voltgate("send", *words)
    assert (refused.code, refused.out, len(refused.err.splitlines())) == (1, "", 1)
    assert said in refused.err


async def test_a_station_is_disconnected(stage: Stage) -> None:
    """`voltgate disconnect` closes the connection of a station, and says so of one that is connected only."""
    await stage.backend("a")
    voltgate = await terminal(stage)
    station, _ = await stage.meet("RDAM 1%2")
    done = await voltgate("disconnect", "RDAM 1%2")
    assert (done.code, done.out, done.err) == (0, "RDAM 1%2 is disconnected: it will come again\n", "")
    assert (await station.closed()).code == 1001
    refused = await voltgate("disconnect", "RDAM 1%2")
    assert (refused.code, refused.out, len(refused.err.splitlines())) == (1, "", 1)
    station, _ = await stage.meet("RDAM 1%2")
    assert (await voltgate("disconnect", "RDAM 1%2", "--json")).json == {"disconnected": "RDAM 1%2"}
    assert (await station.closed()).code == 1001


async def test_who_did_what(stage: Stage) -> None:
    """`voltgate audit` lists who asked what and what came of it, the last first, and finds it by each filter."""
    await stage.backend("a")
    voltgate = await terminal(stage, store=None)
    station, link = await stage.meet("CP1")
    station.answers("Reset", {"status": "Accepted"})
    await link.call("Reset", {"type": "Soft"})
    assert (await voltgate("disconnect", "CP1")).code == 0
    await station.closed()

    async def actions(*words: str) -> list[str]:
        return [item["action"] for item in (await voltgate("audit", *words, "--json")).json["items"]]

    asked = "POST /stations/{identity}/disconnect"

    async def is_written() -> bool:
        return await actions() == [asked, "Reset", "Start"]

    await until(is_written, "the lines are written")
    assert await actions("--by", "a") == ["Reset"] == await actions("list", "--station", "cp1", "--action", "Reset")
    assert await actions("--by", "api:admin", "--since", "1h") == [asked]
    assert await actions("--outcome", "refused") == [] == await actions("--until", "1d")
    part = (await voltgate("audit", "--limit", "1", "--json")).json
    assert (len(part["items"]), part["next"] is None) == (1, False)
    shown = await voltgate("audit", "--limit", "2")
    headings, *rows = shown.out.splitlines()
    assert headings.split() == ["at", "by", "address", "action", "station", "outcome", "answer", "detail"]
    assert [row[headings.index("station") :].split()[0] for row in rows] == ["CP1", "CP1"]
    assert shown.err == "the newest 2; --limit shows more\n"
    assert (await voltgate("audit", "--station", "CP9")).err == "no lines\n"
    refused = await voltgate("audit", "--outcome", "purple")
    assert (refused.code, refused.out, len(refused.err.splitlines())) == (1, "", 1)
    assert (await voltgate("audit", "verify", "-c", "voltgate.toml")).code == 0


async def test_which_rule_would_decide(stage: Stage) -> None:
    """`voltgate routes` shows routes and rules; `match` says which rule decides, why none before does, who is told."""
    for name in ("a", "b"):
        await stage.backend(name)
    first = {"actions": ["Authorize", "Start*"], "tokens": ["04EM*"], "answer": ["b", "a"], "authorize": ["b", "a"]}
    rules = [first, {"actions": ["Heartbeat", "Start*"], "answer": "a", "copy": ["b"]}, {"answer": "b"}]
    voltgate = await terminal(stage, routes={"main": {"admit": "gateway", "rules": rules}})
    assert [line.split() for line in (await voltgate("routes")).out.splitlines()] == [
        ["name", "admit", "rules"],
        ["claimed", "backend", "1"],
        ["main", "gateway", "3"],
    ]
    shown = (await voltgate("routes", "show", "main")).out.splitlines()
    assert shown[-2].split() == ["2", "actions", '["Heartbeat","Start*"]', "a", "b"]
    assert shown[-1].split() == ["3", "every", "call", "b"]
    assert (await voltgate("routes", "show", "main", "--json")).json["rules"] == rules
    whatever = "A call of a transaction that runs goes to its owner, whatever the rules say."
    unlike = 'Rule 1 of the route "main" does not match: it is for tokens ["04EM*"], actions ["Authorize","Start*"].'
    by_token = ("routes", "match", "CP1", "StartTransaction", "--token", "04EM77", "--connector", "1")
    assert (await voltgate(*by_token)).out.splitlines() == [
        'Rule 1 of the route "main" decides: it is for tokens ["04EM*"], actions ["Authorize","Start*"].',
        "b answers; if it is away, a.",
        "Whether the token may charge is asked of b and a, one after the other.",
        whatever,
    ]
    assert (await voltgate("routes", "match", "CP1", "Heartbeat")).out.splitlines() == [
        unlike,
        'Rule 2 of the route "main" decides: it is for actions ["Heartbeat","Start*"].',
        "a answers.",
        "b is told besides.",
        whatever,
    ]
    assert (await voltgate("routes", "match", "CP1", "MeterValues", "--ocpp", "1.6")).out.splitlines() == [
        unlike,
        'Rule 2 of the route "main" does not match: it is for actions ["Heartbeat","Start*"].',
        'Rule 3 of the route "main" decides: it is for every call.',
        "b answers.",
        whatever,
    ]
    found = (await voltgate(*by_token, "--json")).json
    assert (found["route"], found["rule"], found["answer"]) == ("main", 0, ["b", "a"])
    for words in (["match", "CP1", "Reset"], ["match", "CP1", "Heartbeat", "--ocpp", "7"], ["show", "nowhere"]):
        refused = await voltgate("routes", *words)
        assert (refused.code, refused.out, len(refused.err.splitlines())) == (1, "", 1)


async def test_live_messages_of_both_legs_across_a_restart(stage: Stage) -> None:
    """`voltgate tail --legs` shows a call on either leg with its answer, and goes on when the gateway starts again."""
    await stage.backend("a")
    voltgate = await terminal(stage)
    async with voltgate.start("tail", "CP1", "--legs") as tail:
        for _ in range(2):
            station, link = await stage.meet("CP1")
            link.answers("Heartbeat", {"currentTime": "2026-01-01T00:00:00Z"})
            async with beating(station):
                seen = [(await line(tail)).partition("CP1  ")[2] for _ in range(4)]
            told = 'Heartbeat {}  ⇒ {"currentTime":"2026-01-01T00:00:00Z"}  '
            assert any(one.startswith(f"→ a  {told}") for one in seen), seen
            assert any(one.startswith(f"station →  {told}") and one.endswith("by a") for one in seen), seen
            await voltgate.gateway.stop()
            await voltgate.gateway.start()


async def test_a_call_is_one_line_of_the_tail(stage: Stage) -> None:
    """`voltgate tail` shows a call once, whoever is told of it; of one backend it shows what that was told."""
    for name in ("a", "b"):
        await stage.backend(name)
    voltgate = await terminal(stage, routes={"main": {"rules": [{"answer": "a", "copy": ["b"]}]}})
    station, *links = await stage.meet("CP1")
    for each in links:
        each.answers("Heartbeat", {"currentTime": "2026-01-01T00:00:00Z"})
    heard = 'Heartbeat {}  ⇒ {"currentTime":"2026-01-01T00:00:00Z"}  '
    filtered = ["--action", "Heartbeat", "--outcome", "result"]
    async with (
        voltgate.start("tail", *filtered) as tail,
        voltgate.start("tail", *filtered, "--backend", "b") as told,
        beating(station),
    ):
        for _ in range(3):
            one = (await line(tail)).partition("CP1  ")[2]
            assert (one.startswith(f"station →  {heard}"), one.endswith("answered by a")) == (True, True), one
            assert (await line(told)).partition("CP1  ")[2].startswith(f"→ b  {heard}")


async def test_the_kinds_of_events(stage: Stage) -> None:
    """`voltgate events --kinds` lists exactly the kinds that a gateway takes, with severity and meaning."""
    voltgate = await terminal(stage, **claimants())
    items = (await voltgate("events", "--kinds", "--json")).json["items"]
    refused = await voltgate("events", "--kind", "Nonsense")
    assert refused.code == 1
    known = re.search(r"kinds are ([\w, ]+)", refused.err)
    assert known is not None
    assert known[1].split(", ") == sorted(item["kind"] for item in items)
    assert {"kind": "LegDown", "severity": "warning", "line": "backend away"}.items() <= items[16].items()
    assert all(item["meaning"] for item in items)
    shown = (await voltgate("events", "--kinds")).out.splitlines()
    assert [one.split()[0] for one in shown[1:]] == [item["kind"] for item in items]


async def test_events_go_on_across_a_restart(stage: Stage) -> None:
    """`voltgate events` shows who came, and goes on when the gateway was started again."""
    await stage.backend("a")
    voltgate = await terminal(stage)
    async with voltgate.start("events", "--kind", "StationCame", "--after", "0") as events:
        for number in range(2):
            await stage.meet(f"CP{number}")
            assert f"StationCame  station=CP{number} " in await line(events)
            await voltgate.gateway.stop()
            await voltgate.gateway.start()


async def test_a_stranger_is_let_in(stage: Stage) -> None:
    """A station that nobody knows waits, is let in by one command, and another is dismissed."""
    await stage.backend("a")
    strangers = {"stations": [{"identity": "CP1"}], "unknown": {"policy": "quarantine"}, "store": None}
    voltgate = await terminal(stage, **strangers)
    await stage.refused("XX1")
    await stage.refused("XX2")
    waiting = (await voltgate("waiting")).out.splitlines()[1:]
    assert [one.split()[0] for one in waiting] == ["XX2", "XX1"]
    assert (await voltgate("waiting", "--accept", "XX1", "--route", "nowhere")).code == 1
    assert (await voltgate("waiting", "--accept", "XX1", "--route", "main")).code == 0
    assert (await voltgate("waiting", "--accept", "XX2")).code == 2
    assert (await voltgate("waiting", "--dismiss", "XX2", "--json")).json == {"dismissed": "XX2"}
    assert (await voltgate("waiting", "--dismiss", "XX2")).code == 1
    assert (await voltgate("waiting")).err == "no waiting stations\n"
    await stage.meet("XX1")
    await stage.refused("XX2")


# Claims.

AT = ("127.0.0.2", "127.0.0.3")


def claimants(**more: Any) -> dict[str, Any]:
    """Give the configuration of two backends that claim, each on an address of its own."""
    backends = {
        name: {
            "url": f"ws://{ip}:9/{{station}}",
            "claims": {"hosts": ["127.0.0.0/8"], "token": f"own-token-of-backend-{name}"},
        }
        for name, ip in zip("ab", AT, strict=True)
    }
    return {"backends": backends, "routes": None, "stations": None, **more}


async def listed(voltgate: Terminal, *words: str) -> list[tuple[str, str, bool]]:
    """List claims: station, backend, and whether it gets the station."""
    items = (await voltgate("claims", "--json", *words)).json["items"]
    return [(item["station"], item["backend"], item["holds"]) for item in items]


async def test_a_list_becomes_claims(stage: Stage) -> None:
    """A list replaces the last one, can be changed, and is not believed when it shrank too much."""
    voltgate = await terminal(stage, **claimants())
    many = "".join(f"CP{number:03}\n" for number in range(100))
    said = await voltgate("claim", "--backend", "a", stdin=f"# ours\n{many}")
    assert (said.code, said.out, said.err) == (0, "a claims 100 stations: 100 added, 0 removed\n", "")
    said = await voltgate("claim", "--backend", "a", stdin="CP001\n")
    assert said.code == 1
    assert "the list holds 1 station, the one before held 100: nothing was changed" in said.err
    assert (await voltgate("claim", "--backend", "a", "--force", stdin="CP1\nCP2\n")).code == 0
    assert (await voltgate("claim", "--backend", "a", "--add", stdin="RDAM 3\n")).out.endswith(": 1 added, 0 removed\n")
    assert (await voltgate("claim", "--backend", "a", "--remove", stdin="CP2\n")).code == 0
    assert await listed(voltgate) == [("CP1", "a", True), ("RDAM 3", "a", True)]
    for words, stdin in (
        (["a"], ""),
        (["a", "--remove"], "# none\n"),
        (["nobody"], "CP1\n"),
        (["a", "--add"], "CP\x7f1\n"),
    ):
        said = await voltgate("claim", "--backend", *words, stdin=stdin)
        assert (said.code, len(said.err.splitlines())) == (1, 1)
    assert "CP1" in (await voltgate("claims")).out


async def test_claims_in_conflict_are_reported(stage: Stage) -> None:
    """Who gets a station that two backends claim is said at once, and listed afterwards."""
    voltgate = await terminal(stage, **claimants())
    await voltgate("claim", "--backend", "a", stdin="CP1\nCP2\n")
    said = await voltgate("claim", "--backend", "b", stdin="CP2\nCP3\n")
    assert said.code == 0
    assert said.err.startswith("contested: CP2 goes to a; claimed by ")
    assert await listed(voltgate, "--contested") == [("CP2", "a", True), ("CP2", "b", False)]
    assert await listed(voltgate, "--station", "cp3") == [("CP3", "b", True)]


async def test_a_backend_comes_by_ssh(stage: Stage) -> None:
    """As a forced command, with the backend's own token, the list is claimed and the backend is where it came from."""
    voltgate = await terminal(stage, **claimants())
    (voltgate.gateway.folder / "a.token").write_text("own-token-of-backend-a\n")
    del voltgate.environment["VOLTGATE_TOKEN"]
    voltgate.environment |= {"SSH_CONNECTION": "127.0.0.7 50000 127.0.0.1 22", "SSH_ORIGINAL_COMMAND": "id; reboot"}
    own = ["--token-file", "a.token", "--ip-from-ssh"]
    said = await voltgate("claim", "--backend", "a", *own, stdin="CP1\n")
    assert (said.code, said.out) == (0, "a claims 1 station: 1 added, 0 removed; at ws://127.0.0.7:9/{station}\n")
    assert (await voltgate("claim", "--backend", "b", *own, stdin="CP1\n")).code == 1
    voltgate.environment["SSH_CONNECTION"] = "192.0.2.1 50000 127.0.0.1 22"
    said = await voltgate("claim", "--backend", "a", *own, stdin="CP1\n")
    assert (said.code, len(said.err.splitlines())) == (1, 1)


async def test_a_hosts_file_there_and_back(stage: Stage) -> None:
    """A hosts file becomes the claims of the backends at its addresses, one of which moved, and is printed again."""
    voltgate = await terminal(stage, **claimants())
    await voltgate("claim", "--backend", "b", "--ip", "127.0.0.9", stdin="CP0\n")
    hosts = "127.0.0.2 CP1\n127.0.0.2 RDAM 2\n127.0.0.9 CP3\n"
    said = await voltgate("claim", "--hosts", "-", stdin=hosts)
    assert (said.code, said.err) == (0, "")
    assert sorted((await voltgate("claims", "--hosts")).out.splitlines()) == sorted(hosts.splitlines())
    assert (await voltgate("claims", "--hosts", "--backend", "b")).out == "127.0.0.9 CP3\n"
    said = await voltgate("claim", "--hosts", "-", stdin="127.0.0.2 CP8\n127.0.0.3 CP9\n")
    assert said.code == 1
    assert "line 2: 127.0.0.3 is the address of no backend. Nothing was changed" in said.err
    assert await listed(voltgate, "--station", "CP8") == []


async def test_the_token_of_the_first_start(stage: Stage) -> None:
    """On the gateway's own machine its configuration is all that is needed: the token is beside the database."""
    voltgate = await terminal(stage, **claimants(admin_token=None, store=None))
    del voltgate.environment["VOLTGATE_TOKEN"]
    assert (await voltgate("backends", "-c", "voltgate.toml")).code == 0
    assert (await voltgate("backends")).code == 0
    said = await voltgate("backends", "--token-file", "voltgate.toml")
    assert said.code == 1
