"""Attacks of somebody who says to be a station: another one, without a proof, by guesses, by names that look alike."""

from __future__ import annotations

import pytest

from tests.harness import Stage, basic
from voltgate.config import ConfigErrors, read

KELVIN, LONG_S, DOTLESS_I, DOTTED_I = "\u212a", "\u017f", "\u0131", "\u0130"


# Who is let in without a proof.

OWN = 'username = "{station}"\npassword = "ours"'


def configured(
    backend: str = "",
    *,
    url: str = "ws://127.0.0.1:9100/{station}",
    listen: str = "ws://127.0.0.1:9000",
    route: str = "",
    entry: str = "",
    rest: str = "",
) -> str:
    """Write a configuration with one backend, and a listener that others can reach or cannot."""
    stations = f'[[stations]]\nmatch = "*"\n{entry}' if entry is not None else ""
    return (
        f'[listen]\nstations = ["{listen}"]\n[backends.main]\nurl = "{url}"\n{backend}\n'
        f'[routes.main]\nrules = [{{ answer = "main" }}]\n{route}\n{stations}\n{rest}\n'
    )


OPEN = "ws://0.0.0.0:9000"
GATEWAY = 'admit = "gateway"'
WITHOUT_A_PROOF = {
    "our own credentials": configured(OWN),
    "our own credentials, written out": configured(OWN, route='admit = "backend"'),
    "a backend that never hears of the station's": configured('forward = "never"'),
    "strangers, our own credentials": configured(
        OWN, entry='password = "x-is-long-enough"', route='admit = "backend"', rest='[unknown]\npolicy = "route"'
    ),
    "claimed, our own credentials": f'[backends.main]\nurl = "ws://127.0.0.1:9100/{{station}}"\n{OWN}\nclaims = {{}}\n',
    "by the gateway": configured(listen=OPEN, route=GATEWAY),
    "by the gateway, on IPv6": configured(listen="ws://[::]:9000", route=GATEWAY),
    "by the gateway, one of several": configured(
        listen=OPEN,
        entry='auth = "none"',
        rest='[[stations]]\nidentity = "CP1"\n[[stations]]\nidentity = "CP2"\npassword = "x-is-long-enough"',
    ),
    "strangers, by the gateway": configured(
        listen=OPEN, entry='auth = "none"', route=GATEWAY, rest='[unknown]\npolicy = "route"'
    ),
    "by the gateway, behind a proxy of this machine": configured(route=GATEWAY).replace(
        '["ws://127.0.0.1:9000"]', '[{ url = "ws://127.0.0.1:9000", trusted_proxies = ["127.0.0.1"] }]'
    ),
    "by the gateway, SOAP beside": configured(route=GATEWAY).replace(
        "[listen]\n", '[listen]\nsoap = ["http://0.0.0.0:9001"]\n'
    ),
    "behind a broker": configured(url="mqtt://127.0.0.1:1883", listen=OPEN),
    "at the management system": configured(url="local:", listen=OPEN),
}
MEANT = {
    "our own credentials, meant": configured(OWN, entry='auth = "none"'),
    "our own credentials, and a password": configured(OWN, entry='password = "x-is-long-enough"'),
    "the backend asks the station": configured(listen=OPEN),
    "our own certificate does not keep the station's from it": configured('headers = { X-Key = "1" }', listen=OPEN),
    "by the gateway, by loopback": configured(route=GATEWAY),
    "by the gateway, meant": configured(listen=OPEN, route=GATEWAY, entry='auth = "none"'),
    "by the gateway, with passwords": configured(listen=OPEN, route=GATEWAY, entry='password = "x-is-long-enough"'),
    "by the gateway, a hook": configured(listen=OPEN, route=GATEWAY, entry='password_hook = "http://127.0.0.1:1/"'),
    "strangers, meant": configured(
        listen=OPEN, entry='auth = "none"', route=GATEWAY, rest='[unknown]\npolicy = "route"\nauth = "none"'
    ),
    "at the management system, by loopback": configured(url="local:"),
    "claimed": '[backends.main]\nurl = "ws://127.0.0.1:9100/{station}"\nclaims = {}\n',
}


@pytest.mark.parametrize("name", WITHOUT_A_PROOF)
async def test_nobody_is_let_in_as_anybody_unless_that_is_meant(stage: Stage, name: str) -> None:
    """Where nobody asks for a proof of who a station is, the configuration is refused: the line says what to write."""
    file = stage.folder / "voltgate.toml"
    file.write_text(WITHOUT_A_PROOF[name])
    with pytest.raises(ConfigErrors) as wrong:
        read(file, {})
    (problem,) = map(str, wrong.value.problems)
    assert 'auth = "none"' in problem
    assert "any station" in problem or "whoever it says to be" in problem


@pytest.mark.parametrize("name", MEANT)
async def test_who_is_asked_for_a_proof_or_is_meant_is_let_be(stage: Stage, name: str) -> None:
    """A proof that somebody asks for, or the word that none is wanted, is enough."""
    file = stage.folder / "voltgate.toml"
    file.write_text(MEANT[name])
    read(file, {})


async def test_a_gateway_that_lets_anybody_in_does_not_start(stage: Stage) -> None:
    """`voltgate run` refuses what `voltgate check` refuses, and says so."""
    await stage.backend("main")
    gateway = await stage.gateway(backends={"main": {"username": "us", "password": "ours"}}, ready=False)
    assert await gateway.exited() == 1
    assert 'auth = \\"none\\"' in gateway.log or 'auth = "none"' in gateway.log


# Guesses that a backend decides on.


@pytest.mark.parametrize("status", [401, 403])
async def test_guesses_that_the_backend_refuses_are_throttled(stage: Stage, status: int) -> None:
    """After so many refusals of the backend a station gets 429, and the backend is not asked; another comes in."""
    main = await stage.backend("main")
    await stage.gateway(limits={"failed_logins": 3})
    main.refuse(status)
    for number in range(3):
        wrong = {"Authorization": basic("CP1", f"guess {number}")}
        assert (await stage.refused("CP1", headers=wrong)).status_code == status
    throttled = await stage.refused("CP1", headers={"Authorization": basic("CP1", "right")})
    assert throttled.status_code == 429
    assert int(throttled.headers["Retry-After"]) > 0
    assert len(main.handshakes) == 3
    main.accept()
    await stage.station("CP2")


async def test_a_backend_that_is_away_throttles_nobody(stage: Stage) -> None:
    """What is no verdict is no guess: a station may come as often as it likes while its backend is broken."""
    main = await stage.backend("main")
    await stage.gateway(limits={"failed_logins": 3})
    main.refuse(503)
    for _ in range(6):
        assert (await stage.refused("CP1")).status_code == 503
    main.accept()
    await stage.station("CP1")


# Names that look alike.


@pytest.mark.parametrize(
    ("one", "other"),
    [("CPK1", f"CP{KELVIN}1"), ("CPS1", f"CP{LONG_S}1"), ("CPI1", f"CP{DOTLESS_I}1"), ("CPSS", "CP\u00df")],
)
async def test_who_differs_by_unicode_folding_is_another_station(stage: Stage, one: str, other: str) -> None:
    """A station is not thrown out by one whose name only folds to its own, nor does that get its password's entry."""
    await stage.backend("main")
    await stage.gateway()
    station, _ = await stage.meet(one, name="one")
    await stage.station(other, name="other")
    await stage.quiet(station)
    folded = await stage.station(one.lower(), name="folded")
    assert (await station.closed()).reason
    await stage.quiet(folded)


async def test_an_entry_is_not_reached_by_unicode_folding(stage: Stage) -> None:
    """Neither the entry of another station, nor its user name, counts for a name that only folds to it."""
    await stage.backend("main")
    entry = {"identity": "CPK1", "password": "the-password-of-it", "route": "main"}
    await stage.gateway(stations=[entry])
    name = f"CP{KELVIN}1"
    header = {"Authorization": basic(name, "the-password-of-it")}
    assert (await stage.refused(name, headers=header)).status_code == 404
    assert (await stage.refused("CPK1", headers=header)).status_code == 401
    await stage.station("cpk1", headers={"Authorization": basic("CPK1", "the-password-of-it")})


# What a terminal, or a reader, would obey.

HOSTILE = ("\x1b[2J", "\x07", "\u202e", "\u2066", "\x9b2J", "\u200f")


async def test_control_and_direction_characters_do_not_reach_the_log(stage: Stage) -> None:
    """Whatever a stranger or a station says in its head, its close or its messages, the log has it escaped."""
    await stage.backend("main")
    gateway = await stage.gateway(stations=[{"match": "CP*", "route": "main"}], log={"format": "json"})
    for text in HOSTILE:
        assert (await stage.refused(f"X{text}")).status_code == 400
        raw = await stage.raw()
        await raw.handshake("/STRANGER", User_Agent="\u202e\x9b".encode().decode("latin-1"))
        station = await stage.station("CP1")
        await station.ask("BootNotification", {"chargePointVendor": text, "chargePointModel": text})
        await station.ask(
            "StatusNotification", {"connectorId": 1, "status": "Faulted", "errorCode": "OtherError", "info": text}
        )
        await station.close(4000, f"bye {text}")
        await gateway.logged("bye")
        gone = await stage.station("CP2")
        await gone.close(4000, text)
    await stage.station("CP3")
    await gateway.logged("CP3")
    written = gateway.log
    assert not [text for text in HOSTILE if text in written]
    assert all(line.isprintable() for line in written.split("\n"))
