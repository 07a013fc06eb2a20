"""What is kept of stations' security: the profile they came with, new passwords, and when certificates end."""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.client.test_real import TOKEN, Terminal
from tests.harness import Gateway, Refused, ScriptedStation, Stage, basic, until
from tests.harness.configuration import toml
from tests.harness.ports import free_port
from tests.keypair import Authority, write_pair
from tests.servers import PostgreSQL

OLD = "the-password-until-now"
BOTH = {"admin_token": TOKEN, "routes": {"main": {"admit": "gateway"}}}


class Scene:
    """A gateway with a listener without TLS and one with it, and stations that come to either."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.authority = Authority(stage.folder / "authority")
        self.pair = stage.folder / "gateway.pem", stage.folder / "gateway-key.pem"
        write_pair(*self.pair)

    async def start(self, **changes: Any) -> Terminal:
        """Start a gateway, another one on the same database if there is one, and sit down at it."""
        if not self.stage.backends:
            await self.stage.backend("main")
        self.secure = free_port()
        tls = {
            "url": f"wss://127.0.0.1:{self.secure}",
            "certificate": str(self.pair[0]),
            "key": str(self.pair[1]),
            "client_authority": str(self.authority.certificate),
        }
        self.document = self.stage.configuration(**BOTH | changes)
        self.document["listen"]["stations"].append(tls)
        self.gateway = await self.stage.gateway(self.document)
        return Terminal(self.gateway)

    async def comes(
        self,
        *,
        secure: bool = False,
        pair: tuple[Path, Path] | None = None,
        password: str | bytes = OLD,
        identity: str = "CP1",
        offers: Sequence[str] = ("ocpp1.6",),
        gateway: Gateway | None = None,
    ) -> int | ScriptedStation:
        """Return the station, or the status that it gets instead."""
        more: dict[str, Any] = {}
        url = (gateway or self.gateway).url(identity)
        if secure:
            context = ssl.create_default_context(cafile=str(self.pair[0]))
            context.check_hostname = False
            if pair is not None:
                context.load_cert_chain(*pair)
            more, url = {"tls": context}, f"wss://127.0.0.1:{self.secure}/{identity}"
        headers = {"Authorization": basic(identity, password)} if password else {}
        try:
            return await self.stage.station(identity, *offers, url=url, headers=headers, **more)
        except Refused as refused:
            return int(refused.response.status_code)

    async def is_in(self, **how: Any) -> bool:
        """Return whether a station is let in; it goes again."""
        found = await self.comes(**how)
        if isinstance(found, int):
            return False
        await found.close()
        return True


@pytest.fixture
def scene(stage: Stage) -> Scene:
    """A scene on which nothing runs yet."""
    return Scene(stage)


def entry(*profiles: int, **more: Any) -> dict[str, Any]:
    """The configuration of all stations, with a password unless a certificate alone counts."""
    common = {"match": "*", "route": "main", "security_profiles": list(profiles)}
    return {"stations": [common | ({} if profiles == (3,) else {"password": OLD}) | more]}


async def test_each_station_comes_with_its_own_profile(scene: Scene) -> None:
    """0 and 1 without TLS, 2 and 3 with it: an entry takes what it names, and nothing else."""
    await scene.stage.backend("main")
    stations = [
        {"identity": "CP0", "route": "main", "security_profiles": [0]},
        *({"identity": f"CP{n}", "route": "main", "security_profiles": [n], "password": OLD} for n in (1, 2)),
        {"identity": "CP3", "route": "main", "security_profiles": [3], "organizations": ["Ours"]},
    ]
    await scene.start(stations=stations)
    own = scene.authority.issue("CP3", "Ours")
    ways: tuple[dict[str, Any], ...] = (
        {"password": ""},
        {},
        {"secure": True},
        {"secure": True, "password": "", "pair": own},
    )
    for number in range(4):
        for way, how in enumerate(ways):
            assert await scene.is_in(identity=f"CP{number}", **how) is (way == number), (number, way)
    assert await scene.comes(identity="CP1", password="") == 401
    assert await scene.comes(identity="CP1", password="wrong") == 401
    assert await scene.comes(identity="CP1", secure=True) == 403
    foreign = scene.authority.issue("CP3", "Theirs")
    assert await scene.comes(identity="CP3", secure=True, password="", pair=foreign) == 403


async def test_no_station_falls_below_its_profile(scene: Scene) -> None:
    """Who came with 3 comes with neither 2 nor 1, also after a restart, until an operator lets it; and then again."""
    voltgate = await scene.start(**entry(1, 2, 3))
    own = scene.authority.issue("CP1", "Ours")
    by_certificate: dict[str, Any] = {"secure": True, "pair": own, "password": ""}
    assert await scene.is_in()
    assert await scene.is_in(secure=True)
    assert await scene.comes() == 403
    await scene.gateway.logged("station refused", "security profile 1, below the 2 that it has come with")
    assert await scene.is_in(**by_certificate)
    assert await scene.comes(secure=True) == 403
    assert await scene.is_in(identity="CP2"), "another station is free to"

    async def is_written() -> bool:
        return '"profile":3' in (await voltgate("security", "show", "CP1", "--json")).out

    await until(is_written, "the profile is known")
    await scene.gateway.stop()
    await scene.gateway.start()
    assert await scene.comes() == 403
    assert await scene.comes(secure=True) == 403
    assert await scene.is_in(**by_certificate)

    ended = await voltgate("security", "lower", "CP1", "--to", "1")
    assert "may come with security profile 1" in ended.out
    shown = json.loads((await voltgate("security", "show", "CP1", "--json")).out)
    assert (shown["profile"], shown["lowered_by"]) == (1, "admin")
    assert (await voltgate("security", "lower", "CP1", "--to", "1")).code != 0, "it may already"
    await scene.gateway.stop()
    await scene.gateway.start()
    assert await scene.is_in()
    assert await scene.is_in(secure=True)
    assert await scene.comes() == 403, "from here on it counts again"


async def test_only_what_is_proven_binds_a_station(scene: Scene) -> None:
    """A stranger who comes in the name of a station with a better profile, and a wrong password, keeps nobody out."""
    await scene.start(**entry(1, 2, 3))
    assert await scene.comes(secure=True, password="wrong") == 401
    foreign = scene.authority.issue("CP2", "Ours")
    assert await scene.comes(secure=True, password="", pair=foreign) == 403
    assert await scene.is_in()


async def test_the_profile_holds_without_a_word_in_the_configuration(scene: Scene) -> None:
    """Where none is asked for, who came by TLS with its password comes no more without, however it writes its name."""
    await scene.start(stations=[{"match": "*", "route": "main", "password": OLD}])
    assert await scene.is_in(secure=True)
    assert await scene.comes() == 403
    assert await scene.comes(identity="cp1") == 403


async def test_the_profile_and_a_password_hold_in_a_cluster(cluster: Stage, server: PostgreSQL) -> None:
    """What a station came with at one gateway counts at the other, and so does a password that it was given there."""
    scene = Scene(cluster)
    common = entry(1, 2, 3) | {"store": {"url": server.url, "patience": 2}}
    voltgate = await scene.start(**common)
    first = scene.gateway
    await scene.start(**common)
    assert await scene.is_in(secure=True)

    async def is_refused_there() -> bool:
        return await scene.comes(gateway=first) == 403

    await until(is_refused_there, "the first gateway has heard of it")
    assert (await voltgate("security", "lower", "CP1", "--to", "0")).code == 0

    async def is_let_in_here() -> bool:
        return await scene.is_in()

    await until(is_let_in_here, "the second gateway has heard of it")
    station = await scene.comes()
    assert isinstance(station, ScriptedStation)
    await station.ask("Heartbeat")  # until it says something, a station that several share is told nothing
    sent = await changing(voltgate, station, "Accepted", outcome="taken")
    await station.close()
    assert await scene.is_in(password=sent)

    async def counts_there() -> bool:
        return await scene.is_in(password=sent, gateway=first) and await scene.comes(gateway=first) == 401

    await until(counts_there, "the first gateway has heard of the password")


async def changing(
    voltgate: Terminal, station: ScriptedStation, answer: Any, *options: str, outcome: str, stdin: str = ""
) -> str:
    """Change the password of a station, which answers so (None: not at all); return what it was sent."""
    asking = asyncio.create_task(voltgate("security", "password", "CP1", "--json", *options, stdin=stdin))
    action = "ChangeConfiguration" if station.subprotocol == "ocpp1.6" else "SetVariables"
    expecting = asyncio.create_task(station.expect(action))
    await asyncio.wait({asking, expecting}, return_when=asyncio.FIRST_COMPLETED)
    assert expecting.done(), asking.result()
    call = expecting.result()
    if action == "ChangeConfiguration":
        assert call.payload["key"] == "AuthorizationKey"
        sent: str = call.payload["value"]
        reply: Any = {"status": answer}
    else:
        (data,) = call.payload["setVariableData"]
        names = {"component": {"name": "SecurityCtrlr"}, "variable": {"name": "BasicAuthPassword"}}
        sent = data["attributeValue"]
        assert data == {**names, "attributeValue": sent}
        reply = {"setVariableResult": [{**names, "attributeStatus": answer}]}
    if answer is not None:
        await station.answer(call, reply)
    ended = await asking
    assert json.loads(ended.out)["outcome"] == outcome, ended
    return sent


def both(password: str) -> tuple[str | bytes, ...]:
    """Return how stations send a key of digits: as they are, in either case, or as the bytes that they stand for."""
    return password, password.lower(), bytes.fromhex(password)


async def test_a_key_that_is_made_counts_once_it_is_taken(scene: Scene) -> None:
    """Of 1.6, where no operator gives one: 40 digits, which stations send as such or as bytes; the old one ends."""
    voltgate = await scene.start(**entry(1, 2))
    station = await scene.comes()
    assert isinstance(station, ScriptedStation)
    sent = await changing(voltgate, station, "Accepted", outcome="taken")
    assert len(sent) == 40
    for spelt in both(sent):
        assert await scene.is_in(password=spelt)
    assert await scene.comes() == 401
    await scene.gateway.stop()
    await scene.gateway.start()
    assert await scene.comes() == 401
    assert await scene.is_in(password=sent)

    kept = b"".join(file.read_bytes() for file in scene.gateway.folder.rglob("*.db*"))
    for secret in (sent, sent.lower(), OLD):
        assert secret not in scene.gateway.log
        assert secret.encode() not in kept

    assert (await voltgate("security", "forget-password", "CP1")).code == 0
    assert await scene.is_in()
    assert await scene.comes(password=sent) == 401


@pytest.mark.parametrize(
    ("options", "password", "sent", "comes_with"),
    [
        (("--spelling", "text"), "sixteen-letters-", "sixteen-letters-", b"sixteen-letters-"),
        (("--spelling", "hex"), "sixteen-letters-", b"sixteen-letters-".hex().upper(), b"sixteen-letters-"),
        (("--spelling", "key"), "0001020304050607ffffffffffffffffffffffff", None, bytes(range(8)) + b"\xff" * 12),
        ((), "0001020304050607FFFFFFFFFFFFFFFFFFFFFFFF", None, "0001020304050607ffffffffffffffffffffffff"),
        ((), "sixteen-letters-", "sixteen-letters-", "sixteen-letters-"),
    ],
)
async def test_the_spellings_of_1_6(
    scene: Scene, options: tuple[str, ...], password: str, sent: str | None, comes_with: str | bytes
) -> None:
    """A password goes as text, as the digits of its bytes, or is such digits; however it goes, the station comes in."""
    voltgate = await scene.start(**entry(1))
    station = await scene.comes()
    assert isinstance(station, ScriptedStation)
    given = await changing(voltgate, station, "Accepted", "--file", "-", *options, outcome="taken", stdin=password)
    assert given == (sent or password)
    assert await scene.is_in(password=comes_with)
    assert await scene.comes() == 401


@pytest.mark.parametrize("version", ["ocpp2.0.1", "ocpp2.1"])
async def test_a_password_of_2_x(scene: Scene, version: str) -> None:
    """It goes by SetVariables, and counts when the station says Accepted to this variable, not before."""
    voltgate = await scene.start(**entry(1))
    station = await scene.comes(offers=[version])
    assert isinstance(station, ScriptedStation)
    refused = await changing(voltgate, station, "Rejected", outcome="refused")
    assert await scene.comes(password=refused, offers=[version]) == 401
    assert await scene.is_in(offers=[version])
    station = await scene.comes(offers=[version])
    assert isinstance(station, ScriptedStation)
    sent = await changing(voltgate, station, "Accepted", outcome="taken")
    assert await scene.is_in(password=sent, offers=[version])
    assert await scene.comes(offers=[version]) == 401


@pytest.mark.parametrize("status", ["Rejected", "NotSupported"])
async def test_what_the_station_refuses_does_not_count(scene: Scene, status: str) -> None:
    """The old password counts on, and no other."""
    voltgate = await scene.start(**entry(1))
    station = await scene.comes()
    assert isinstance(station, ScriptedStation)
    sent = await changing(voltgate, station, status, outcome="refused")
    assert await scene.comes(password=sent) == 401
    assert await scene.is_in()


@pytest.mark.parametrize("status", ["RebootRequired", None])
async def test_in_doubt_both_count(scene: Scene, status: str | None) -> None:
    """Without an answer, or if it takes a restart first, old and new count, until it has come with the new one."""
    voltgate = await scene.start(**entry(1))
    station = await scene.comes()
    assert isinstance(station, ScriptedStation)
    first = await changing(voltgate, station, status, "--timeout", "0.5", outcome="unknown")
    await station.close()
    shown = json.loads((await voltgate("security", "show", "CP1", "--json")).out)
    assert shown["password"] == "unknown"
    assert await scene.is_in()
    station = await scene.comes()
    assert isinstance(station, ScriptedStation)
    second = await changing(voltgate, station, status, "--timeout", "0.5", outcome="unknown")
    await station.close()
    await scene.gateway.stop()
    await scene.gateway.start()
    assert await scene.is_in(), "nor does a restart change it"
    assert await scene.is_in(password=first), "it may have taken the one before only"
    assert await scene.comes() == 401
    assert await scene.comes(password=second) == 401
    assert await scene.is_in(password=first)


async def test_what_cannot_be_changed_here(scene: Scene) -> None:
    """A station that is away, one whose password a backend checks, what is no password: a sentence, and no change."""
    stations = [{"identity": "CP1", "password": OLD, "route": "main"}, {"identity": "CP2", "route": "main"}]
    voltgate = await scene.start(stations=stations)
    away = await voltgate("security", "password", "CP1")
    assert away.code != 0
    assert "not connected" in away.err
    await scene.stage.station("CP2")
    other = await voltgate("security", "password", "CP2")
    assert "not checked here" in other.err
    station = await scene.comes()
    assert isinstance(station, ScriptedStation)
    for options, password in (((), "too-short"), (("--spelling", "key"), "sixteen-letters-")):
        assert (await voltgate("security", "password", "CP1", "--file", "-", *options, stdin=password)).code != 0
    await scene.stage.quiet(station)


async def test_certificates_that_end_soon_are_seen(scene: Scene) -> None:
    """The gateway's own, the authority's and a station's that is connected: in log, metrics, API and command."""
    voltgate = await scene.start(**entry(3))
    own = scene.authority.issue("CP1", "Ours")
    station = await scene.comes(secure=True, pair=own, password="")
    assert isinstance(station, ScriptedStation)
    scene.gateway.reload(toml(scene.document | {"log": {"level": "debug"}}))  # it looks at once
    await scene.gateway.logged("certificate is about to expire", "station CP1")
    for file in (scene.pair[0], scene.authority.certificate):
        await scene.gateway.logged("certificate is about to expire", str(file))
        assert await scene.gateway.metric("voltgate_certificate_end_seconds", file=str(file)) > 1_700_000_000
    assert await scene.gateway.metric("voltgate_station_certificates_expiring") == 1
    listed = json.loads((await voltgate("certificates", "--json")).out)
    assert [each["name"] for each in listed["stations"]] == ["CP1"]
    assert 0 < listed["stations"][0]["days"] <= 1
    assert {str(scene.pair[0]), str(scene.authority.certificate)} <= {each["name"] for each in listed["files"]}
    assert "CP1" in (await voltgate("certificates")).out
