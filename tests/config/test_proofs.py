"""Stations that show nobody who they are: who lets them in, where, and what to write instead."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.config.test_check import problems
from tests.keypair import Authority, write_pair
from voltgate.config import read

LISTEN = '[listen]\nhttp = "off"\nstations = ["ws://0.0.0.0:9000"]\n'
HERE = LISTEN.replace("0.0.0.0", "127.0.0.1")
CERTIFIED = """\
[listen]
http = "off"
stations = [{ url = "wss://0.0.0.0:9000", certificate = "a.pem", key = "a.key", client_authority = "authority.pem", \
security_profiles = [3] }]
"""
MAIN = '[backends.main]\nurl = "wss://csms.example.com/ocpp"\n'
PASSWORD = 'username = "us"\npassword = { env = "OURS" }\n'
NEVER = 'forward = "never"\n'
OTHER = '[backends.other]\nurl = "wss://other.example.com/ocpp"\n'
BROKER = '[backends.broker]\nurl = "mqtts://broker.example.com/"\n'
CLAIMS = 'claims = { stations = ["A*"], hosts = ["csms.example.com"] }\n'
HOME = '[routes.home]\nrules = [{ answer = "main" }]\n'
GATEWAY = HOME.replace("rules", 'admit = "gateway"\nrules')
WHO = '[[stations]]\nmatch = "*"\n'
UNKNOWN = '[unknown]\npolicy = "route"\nroute = "home"\n'
CHECKED = 'password = "sixteen-letters-"\n'
MEANT = 'auth = "none"\n'

WRITE = 'write password, password_hook or auth_lookup here, or auth = "none" if that is meant'
FOR_THEM = 'write [[stations]] for them, or auth = "none" if that is meant'
DEAF = 'backend "{}" is not shown what stations prove themselves by, and lets anybody in as any station'
LETS_IN = "the gateway lets in whoever comes to {} as whoever it says to be"
AGREES = 'backend "{}" agrees to whoever comes to ws://0.0.0.0:9000 as whoever it says to be'
CLAIMED = (
    'that it claims; write [[stations]] with match = "*", route = "claimed", and password, password_hook or '
    'auth_lookup, or auth = "none" if that is meant'
)


def _files(tmp_path: Path) -> None:
    write_pair(tmp_path / "a.pem", tmp_path / "a.key")
    Authority(tmp_path)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (LISTEN + MAIN + PASSWORD + HOME + WHO, f"{DEAF.format('main')} here; {WRITE}"),
        (HERE + MAIN + PASSWORD + HOME + WHO, f"{DEAF.format('main')} here; {WRITE}"),
        (LISTEN + MAIN + NEVER + HOME + WHO, f"{DEAF.format('main')} here; {WRITE}"),
        (LISTEN + MAIN + GATEWAY + WHO, f"{LETS_IN.format('ws://0.0.0.0:9000')}; {WRITE}"),
        (LISTEN + MAIN + NEVER + GATEWAY + WHO, f"{LETS_IN.format('ws://0.0.0.0:9000')}; {WRITE}"),
        (
            CERTIFIED.replace("[3]", "[2, 3]") + MAIN + GATEWAY + WHO,
            f"{LETS_IN.format('wss://0.0.0.0:9000')}; {WRITE}",
        ),
        (
            CERTIFIED + 'soap = ["http://0.0.0.0:9001"]\n' + MAIN + GATEWAY + WHO,
            f"{LETS_IN.format('http://0.0.0.0:9001')}; {WRITE}",
        ),
        (LISTEN + BROKER + HOME.replace("main", "broker") + WHO, f"{AGREES.format('broker')}; {WRITE}"),
        (LISTEN + MAIN + GATEWAY + UNKNOWN, f"{LETS_IN.format('ws://0.0.0.0:9000')}; {FOR_THEM}"),
        (
            LISTEN + MAIN + OTHER + NEVER + HOME.replace('"main"', "{ main = 1, other = 1 }") + WHO,
            f"{DEAF.format('other')} here; {WRITE}",
        ),
        (LISTEN + MAIN + OTHER + NEVER + CLAIMS + HOME + WHO, f"{DEAF.format('other')} here; {WRITE}"),
        (
            LISTEN + MAIN + OTHER + NEVER + CLAIMS + HOME + WHO + 'route = "claimed"\n',
            f"{DEAF.format('other')} here; {WRITE}",
        ),
        (LISTEN + MAIN + OTHER + NEVER + CLAIMS + HOME, f"{DEAF.format('other')} {CLAIMED}"),
    ],
)
def test_who_lets_anybody_in(tmp_path: Path, text: str, said: str) -> None:
    """One sentence says who lets in whoever comes, at which address, and what to write."""
    _files(tmp_path)
    (problem,) = problems(tmp_path, text, {"OURS": "sixteen-letters-"})
    assert problem.endswith(f": {said}")


@pytest.mark.parametrize(
    "text",
    [
        LISTEN + MAIN + HOME + WHO,
        LISTEN + MAIN + PASSWORD + HOME + WHO + CHECKED,
        LISTEN + MAIN + PASSWORD + HOME + WHO + MEANT,
        LISTEN + MAIN + GATEWAY + WHO + MEANT,
        HERE + MAIN + GATEWAY + WHO,
        HERE + BROKER + HOME.replace("main", "broker") + WHO,
        CERTIFIED + MAIN + GATEWAY + WHO,
        CERTIFIED + MAIN + PASSWORD + HOME + WHO,
        CERTIFIED + MAIN + OTHER + NEVER + CLAIMS + HOME,
        LISTEN + MAIN + GATEWAY + UNKNOWN + MEANT,
        LISTEN + MAIN + GATEWAY + UNKNOWN.replace('"route"\n', '"refuse"\n'),
        LISTEN + MAIN + OTHER + CLAIMS + HOME,
        LISTEN + MAIN + OTHER + NEVER + CLAIMS + HOME + WHO + 'route = "home"\n',
        LISTEN + MAIN + OTHER + NEVER + CLAIMS + GATEWAY + WHO + CHECKED,
    ],
)
def test_who_does_not(tmp_path: Path, text: str) -> None:
    """Nothing is wrong where stations show who they are, where only this machine comes, or where it is meant."""
    _files(tmp_path)
    file = tmp_path / "voltgate.toml"
    file.write_text(text)
    assert read(file, {"OURS": "sixteen-letters-"}).config.routes.keys() == {"home"}
