"""`voltgate check --security`: how open a configuration is, line by line, with what to write instead."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.keypair import write_pair
from voltgate.config import judged

VOLTGATE = Path(sys.executable).parent / "voltgate"

SAFE = """\
[listen]
stations = [{ url = "wss://0.0.0.0:9000", certificate = "a.crt", key = "a.key" }]
[backends.main]
url = "wss://csms.example.com/ocpp"
[routes.home]
rules = [{ answer = "main" }]
[protocol]
compression = false
[[stations]]
match = "*"
password_hook = "https://hook.example.com/"
"""
"""A configuration with nothing open, and nothing weak."""


def told(folder: Path, text: str, environ: dict[str, str] | None = None, mode: int = 0o600) -> dict[str, list[str]]:
    """Return what is said of a configuration, by level, each without the name of the file."""
    write_pair(folder / "a.crt", folder / "a.key")
    file = folder / "voltgate.toml"
    file.write_text(text)
    file.chmod(mode)
    _, found = judged(file, environ or {})
    lines: dict[str, list[str]] = {"open": [], "weak": [], "good": []}
    for level, problem in found:
        lines[level].append(str(problem).removeprefix(str(file)).removeprefix(":").strip())
    return lines


def test_nothing_is_open(tmp_path: Path) -> None:
    """What is defended is said as well: who reads it sees what was looked at."""
    found = told(tmp_path, SAFE)
    assert found["open"] == found["weak"] == []
    assert found["good"] == [
        "1: listen.http: 127.0.0.1: only this machine reaches it, or a proxy that runs here",
        "1: listen.metrics: off",
        "1: listen.uploads: off",
        "2: listen.stations[0].url: wss://0.0.0.0:9000: by TLS",
        "4: backends.main.url: csms.example.com: by TLS, its certificate is verified",
        '9: stations[0]: "*": prove here who they are',
        "limits: handshakes, wrong passwords, connections and messages are bounded",
        "unknown.policy: refuse: a station that no entry matches is not let in",
    ]


IN_THE_CLEAR = 'stations = ["ws://0.0.0.0:9000"]\nsoap = ["http://0.0.0.0:9001"]\nhttp = "0.0.0.0:8000"\n'


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (
            (r"stations = \[.*\]\n", IN_THE_CLEAR),
            [
                "open 2: listen.stations[0].url: ws://0.0.0.0:9000: passwords (HTTP Basic), cards and commands can be "
                "read and changed on the way. Write wss:// with certificate and key; or listen on 127.0.0.1, behind a "
                "proxy that speaks TLS",
                "open 3: listen.soap[0].url: http://0.0.0.0:9001: passwords (HTTP Basic), cards and commands can be "
                "read and changed on the way. Write https:// with certificate and key; or listen on 127.0.0.1, behind "
                "a proxy that speaks TLS",
                "open 4: listen.http: 0.0.0.0 by plain HTTP: tokens, passwords and all that the API says can be read "
                "on the way. Write http_tls with certificate and key; or 127.0.0.1, behind a proxy that speaks TLS",
                "weak api.metrics: open: how many stations there are, and what they do, is for everybody. Write "
                '"token"',
            ],
        ),
        (
            (r'key = "a.key" ', 'key = "a.key", trusted_proxies = ["0.0.0.0/0", "10.1.0.0/16"] '),
            [
                "open 2: listen.stations[0].trusted_proxies[0]: 0.0.0.0/0: anybody there may say from which address he "
                "comes. Write the proxies' own addresses"
            ],
        ),
        (
            (r"\[listen\]\n", '[listen]\nmetrics = "10.0.0.1:9100"\n'),
            [
                "weak 2: listen.metrics: 10.0.0.1 by plain HTTP: how many stations there are, and what they do can be "
                "read on the way. Write 127.0.0.1, behind a proxy that speaks TLS",
                "weak api.metrics: open: how many stations there are, and what they do, is for everybody. Write "
                '"token"',
            ],
        ),
        (
            (r"\Z", '[api]\ntrusted_proxies = ["::/0"]\n'),
            [
                "open 13: api.trusted_proxies[0]: ::/0: anybody there may say from which address he comes. Write the "
                "proxies' own addresses"
            ],
        ),
        (
            (r"https://hook", "http://hook"),
            [
                "open 11: stations[0].password_hook: http://hook.example.com: what stations prove themselves by can be "
                "read on the way. Write https://"
            ],
        ),
        (
            (r"compression = false", "compression = true"),
            ["weak 8: protocol.compression: true: 1 kB that a station sends becomes 1 MB here. Write false"],
        ),
        (
            (r"password_hook.*\n", ""),
            [
                'weak 9: stations[0]: "*": the backend decides by what they show it. Write password here and '
                'admit = "gateway" to decide before it is asked'
            ],
        ),
        (
            (r'url = "wss://csms', 'url = "ws://csms'),
            [
                "weak 4: backends.main.url: ws://csms.example.com: what stations and backend say, and our password for "
                "it, can be read and changed on the way. Write wss://"
            ],
        ),
        (
            (r"\Z", "[limits]\nfailed_logins = 0\nmessages_per_second = 0\n[api]\nfailed_tokens = 0\n"),
            [
                "open 13: limits.failed_logins: 0: passwords of stations can be guessed as fast as the gateway "
                "answers. Leave it out",
                "open 14: limits.messages_per_second: 0: one station can take the time of all others. Leave it out",
                "open 16: api.failed_tokens: 0: tokens and passwords can be guessed as fast as the gateway answers. "
                "Leave it out (10)",
            ],
        ),
        (
            (r"\Z", '[messages]\nmask = "none"\n[store]\nurl = "postgresql://u@db.example.com/v"\n'),
            [
                'open 13: messages.mask: "none": passwords and cards stand in the log as they were said. Write '
                '"secrets"',
                "weak 15: store.url: db.example.com: nothing says that the link is by TLS and its certificate "
                "verified. Write ?ssl=verify-full behind the name of the database; PGSSLROOTCERT names the file of its "
                "authority",
            ],
        ),
        (
            (r"\Z", '[store]\nurl = "postgresql://u:p@db.example.com/v?sslmode=verify-full"\n'),
            [
                "weak 13: store.url: a password stands in it, which whoever reads this file knows. Write password = "
                '{ env = "…" }'
            ],
        ),
    ],
)
def test_one_thing_is_open(tmp_path: Path, change: tuple[str, str], expected: list[str]) -> None:
    """Each opening is named by its line and key, with what to write instead."""
    text = re.sub(change[0], change[1], SAFE, count=1)
    found = told(tmp_path, text)
    assert [f"{level} {line}" for level in ("open", "weak") for line in found[level]] == expected


def test_who_may_come_as_anybody(tmp_path: Path) -> None:
    """Stations whose identity is all that they show are open; stations of one kind are told of together."""
    text = (
        SAFE
        + """\
route = "home"
[backends.ours]
url = "wss://csms.example.com/ocpp"
username = "us"
password = { env = "OURS" }
[backends.shown]
url = "wss://shown.example.com/ocpp"
forward = "never"
[routes.deaf]
admit = "backend"
rules = [{ answer = ["ours", "shown"] }]
[routes.free]
admit = "gateway"
rules = [{ answer = "main" }]
[unknown]
policy = "route"
route = "free"
auth = "none"
[[stations]]
identity = "CP-1"
route = "deaf"
auth = "none"
[[stations]]
identity = "CP-2"
route = "deaf"
auth = "none"
[[stations]]
identity = "CP-3"
route = "free"
auth = "none"
"""
    )
    found = told(tmp_path, text, {"OURS": "secret"})
    assert found["open"] == [
        "27: unknown.policy: stations that no entry matches: whoever knows an identity is that station. Write password "
        "(`voltgate hash`), password_hook or auth_lookup",
        '30: stations[1]: "CP-1" and 1 more: prove nothing here, and ours, shown cannot look at what they show (it '
        "gets our own password, or none): whoever knows an identity is that station. Write password (`voltgate hash`), "
        "password_hook or auth_lookup",
        '38: stations[3]: "CP-3": whoever knows an identity is that station. Write password (`voltgate hash`), '
        "password_hook or auth_lookup",
    ]


BEHIND = """\
[listen]
stations = [{ url = "ws://127.0.0.1:9000", trusted_proxies = ["127.0.0.1"] }]
[backends.main]
url = "wss://csms.example.com/ocpp"
[routes.home]
admit = "gateway"
rules = [{ answer = "main" }]
[[stations]]
match = "*"
auth = "none"
"""


def test_a_proxy_of_this_machine_brings_others(tmp_path: Path) -> None:
    """A listener on loopback is not this machine's alone, if it believes a proxy; without one it is."""
    (line,) = told(tmp_path, BEHIND)["open"]
    assert line.startswith('8: stations[0]: "*": whoever knows an identity is that station.')
    assert told(tmp_path, re.sub(", trusted.*]", " }]", BEHIND, count=1))["open"] == []


def test_a_certificate_says_who_a_station_is(tmp_path: Path) -> None:
    """Where every listener asks for security profile 3, nothing is open; a SOAP listener beside it is."""
    shown = BEHIND.replace('["127.0.0.1"] }', '["127.0.0.1"], security_profiles = [3] }').replace('auth = "none"\n', "")
    found = told(tmp_path, shown)
    assert found["open"] == []
    assert '8: stations[0]: "*": show a certificate of their own' in found["good"]
    soap = shown.replace("[backends.main]", 'soap = ["http://127.0.0.1:9001"]\n[backends.main]') + 'auth = "none"\n'
    assert told(tmp_path, soap)["open"] == []
    (_, line) = told(tmp_path, soap.replace("127.0.0.1:9001", "0.0.0.0:9001"))["open"]
    assert "whoever knows an identity is that station" in line


def test_everything_has_more_than_one_spelling(tmp_path: Path) -> None:
    """Claims of every station, and of every host, however they are written."""
    claims = 'url = "wss://csms.example.com/ocpp"\nclaims = { stations = ["?*"], hosts = ["0.0.0.0/1", "128.0.0.0/1"] }'
    text = (
        SAFE.replace('url = "wss://csms.example.com/ocpp"', claims) + '[backends.other]\nurl = "wss://other.example"\n'
    )
    hosts, stations = told(tmp_path, text)["open"]
    assert "backends.main.claims.hosts: it may send stations anywhere" in hosts
    assert "backends.main.claims.stations: it may claim every station, those of others included" in stations


def test_what_anybody_may_send(tmp_path: Path) -> None:
    """A bound of SOAP that is lifted, and callers who are believed, are said where there are SOAP stations."""
    lifted = """\
[soap]
bytes_per_second = 0
stranger_bytes_per_second = 0
believe_from = "always"
stations_at = ["0.0.0.0/0"]
[limits]
commands_per_second = 0
command_bytes_per_second = 0
"""
    assert [line.split(": ")[1] for line in told(tmp_path, SAFE + lifted)["open"]] == [
        "limits.commands_per_second",
        "limits.command_bytes_per_second",
    ]
    with_soap = SAFE.replace("[backends.main]", 'soap = ["http://127.0.0.1:9001"]\n[backends.main]', 1)
    assert [line.split(": ")[1] for line in told(tmp_path, with_soap + lifted)["open"]] == [
        "soap.bytes_per_second",
        "soap.stranger_bytes_per_second",
        "soap.believe_from",
        "soap.stations_at[0]",
        "limits.commands_per_second",
        "limits.command_bytes_per_second",
    ]


def test_certificates_of_whom(tmp_path: Path) -> None:
    """An authority that signs for others too, and lists that nobody looks at, are weak."""
    write_pair(tmp_path / "ca.pem", tmp_path / "ca.key")
    text = SAFE.replace('key = "a.key" ', 'key = "a.key", client_authority = "ca.pem" ')
    assert [line.split(": ")[1] for line in told(tmp_path, text)["weak"]] == [
        "listen.stations[0].organizations",
        "listen.stations[0].revocation_lists",
    ]
    for ocsp, weak in (("soft", ["listen.stations[0].ocsp"]), ("hard", [])):
        asked = text.replace('"ca.pem" ', f'"ca.pem", organizations = ["Ours"], ocsp = "{ocsp}" ')
        assert [line.split(": ")[1] for line in told(tmp_path, asked)["weak"]] == weak


def test_claimed_stations_prove_nothing(tmp_path: Path) -> None:
    """Stations that a backend claims, or that are made in a management system, are judged where no entry is for all."""
    text = """\
[listen]
stations = [{ url = "wss://0.0.0.0:9000", certificate = "a.crt", key = "a.key" }]
[backends.csms]
url = "local:"
[routes.main]
rules = [{ answer = "csms" }]
[unknown]
policy = "quarantine"
"""
    (line,) = told(tmp_path, text)["open"]
    assert "backends.csms: stations that it claims" in line
    entry = '[[stations]]\nmatch = "*"\nroute = "claimed"\npassword_hook = "https://hook.example.com/"\n'
    assert told(tmp_path, text + entry)["open"] == []


def test_what_backends_may(tmp_path: Path) -> None:
    """Claims of everything, permits that two have, and permits that reach what is others'."""
    text = (
        SAFE
        + """\
[backends.main.claims]
stations = ["*"]
hosts = ["*"]
[backends.other]
url = "wss://other.example.com"
permit = "mine"
[permits.mine]
credentials = true
stop = "any"
[backends.one]
url = "wss://one.example.com"
permit = "full"
[backends.two]
url = "wss://two.example.com"
permit = "full"
"""
    )
    found = told(tmp_path, text)
    assert found["open"] == [
        "13: backends.main.claims.stations: it may claim every station, those of others included. Write the patterns "
        "of its own",
        "14: backends.main.claims.hosts: it may send stations anywhere. Write the hosts that are its own",
    ]
    assert found["weak"] == [
        "19: permits.mine.credentials: whoever has this permit may change what stations prove themselves by. Write "
        "false",
        '20: permits.mine.stop: whoever has this permit may stop what others charge for. Write "own"',
        '23: backends.one.permit: "full", as 2 backends have: each may reset stations and change their passwords. '
        'Write "charge" for those that stations do not belong to',
        '26: backends.two.permit: "full", as 2 backends have: each may reset stations and change their passwords. '
        'Write "charge" for those that stations do not belong to',
    ]


def test_who_may_use_the_api_and_charge(tmp_path: Path) -> None:
    """Several administrators, routes that can be edited, and a management system for which every card is good."""
    hashes = ["sha256:" + digit * 64 for digit in "12"]
    ends = ["", "expires = 2100-06-30T12:00:00Z\n"]
    tokens = "".join(
        f'[[api.tokens]]\nname = "t{each[-1]}"\nrole = "admin"\nhash = "{each}"\n{end}'
        for each, end in zip(hashes, ends, strict=True)
    )
    text = SAFE + f'[api]\nedit_routes = true\n{tokens}[backends.own]\nurl = "local:"\n[csms]\ntokens = "any"\n'
    found = told(tmp_path, text)
    assert found["open"] == [
        '26: csms.tokens: "any": every card charges. Write "known", and make the id tokens known (`voltgate id-tokens`)'
    ]
    assert [line.split(": ")[1] for line in found["weak"]] == [
        "api.edit_routes",
        "api.tokens[0].expires",
        "api.tokens[0].role",
        "api.tokens[1].role",
    ]


def test_secrets_in_the_file(tmp_path: Path) -> None:
    """A secret that stands in the file is named, not shown; a file of secrets that everybody may read is open."""
    entries = "".join(f'[[stations]]\nidentity = "CP-{number}"\npassword = "hunter{number}"\n' for number in (1, 2))
    text = 'admin_token = "0123456789abcdef"\n' + SAFE + entries
    found = told(tmp_path, text)
    assert found["open"] == []
    assert found["weak"] == [
        '1: admin_token: a secret that whoever reads this file knows. Write { env = "…" } or { file = "…" }',
        "15: stations[1].password: 2 passwords that whoever reads this file knows. `voltgate hash` makes hashes of "
        "them",
    ]
    (said,) = told(tmp_path, text, mode=0o644)["open"]
    assert said == (
        f"this file holds secrets, and everybody on this machine may read it (0644): chmod 640 "
        f"{tmp_path / 'voltgate.toml'}"
    )
    hidden = SAFE + '[[stations]]\nidentity = "CP-1"\npassword = { env = "OF_CP1" }\n'
    found = told(tmp_path, hidden, {"OF_CP1": "hunter"}, mode=0o644)
    assert (found["open"], found["weak"]) == ([], [])


def test_the_command(tmp_path: Path) -> None:
    """It ends with 1 if anything is open, 0 if nothing is, and counts."""
    write_pair(tmp_path / "a.crt", tmp_path / "a.key", days=400)
    file = tmp_path / "voltgate.toml"

    def run(text: str) -> tuple[int, list[str]]:
        file.write_text(text)
        command = [VOLTGATE, "check", "--security", "-c", file.name]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
        assert done.stderr == ""
        return done.returncode, done.stdout.splitlines()

    code, lines = run(SAFE)
    assert (code, lines[0], lines[-1]) == (
        0,
        "voltgate.toml: good. Listens on wss://0.0.0.0:9000; 1 route, 1 backend.",
        "0 open, 0 weak, 8 good.",
    )
    code, lines = run(SAFE.replace("wss://csms", "ws://csms").replace("password_hook", "name"))
    assert (code, lines[-1]) == (0, "0 open, 2 weak, 6 good.")
    code, lines = run(SAFE + '[messages]\nmask = "none"\n')
    assert (code, lines[-1]) == (1, "1 open, 0 weak, 8 good.")
    assert lines[1] == (
        'open  voltgate.toml:13: messages.mask: "none": passwords and cards stand in the log as they were said. Write '
        '"secrets"'
    )


def test_what_is_not_open(tmp_path: Path) -> None:
    """Nothing is said of a hook on this machine, a viewer's token without end, and cards that nobody manages."""
    here = SAFE.replace("https://hook.example.com/", "http://127.0.0.1:9/")
    token = f'[api]\ntokens = [{{ name = "v", role = "viewer", hash = "sha256:{"0" * 64}" }}]\n'
    found = told(tmp_path, here + token + '[csms]\ntokens = "any"\n')
    assert found["open"] == found["weak"] == []
    alone = SAFE.replace(
        '{ url = "wss://0.0.0.0:9000", certificate = "a.crt", key = "a.key" }', '"ws://127.0.0.1:9000"'
    )
    found = told(tmp_path, alone + '[backends.own]\nurl = "local:"\n[csms]\ntokens = "any"\n')
    assert not [line for line in found["open"] if "csms.tokens" in line]


def test_what_one_word_does_not_cover(tmp_path: Path) -> None:
    """TLS of the API is none of the metrics', that of a backend's websocket none of its SOAP; "full" has many names."""
    text = SAFE.replace(
        "[backends.main]",
        'http = "0.0.0.0:8000"\nhttp_tls = { certificate = "a.crt", key = "a.key" }\nmetrics = "0.0.0.0:9100"\n'
        '[permits.wide]\nbase = "full"\n[backends.bus]\nurl = "amqps://bus.example.com"\npermit = "wide"\n'
        '[backends.main]\nsoap_url = "http://soap.example.com/x"\npermit = "wide"',
    )
    found = told(tmp_path, text)
    for words in (
        "api.metrics: open",
        "listen.metrics: 0.0.0.0 by plain HTTP",
        "backends.main.soap_url: http://soap",
        "backends.main.permit",
    ):
        assert [line for line in found["weak"] if words in line], words
    assert [line for line in found["good"] if "bus.example.com: by TLS" in line]
