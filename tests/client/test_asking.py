"""Asking: which token goes where, and what a person reads when it does not work."""

from __future__ import annotations

import ssl
import subprocess
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.client.counterpart import Answer, Counterpart, Terminal, environment, nobody, problem
from tests.harness import VOLTGATE
from tests.keypair import write_pair

EMPTY = {"items": [], "total": 0}


def test_a_token_file_goes_before_the_environment(api: Counterpart, voltgate: Terminal) -> None:
    """The token of a file that was named is the one that counts."""
    api.says("GET backends", EMPTY)
    (voltgate.folder / "token").write_text("vg_file\n")
    assert voltgate("backends", "--token-file", "token").code == 0
    assert api.asked[0].headers["authorization"] == "Bearer vg_file"


@pytest.mark.parametrize("content", ["", "\n", "two words\n", "bö\n"])
def test_a_file_without_token(api: Counterpart, voltgate: Terminal, content: str) -> None:
    """A file that holds no token is refused by name; its content is not shown."""
    (voltgate.folder / "token").write_text(content)
    ended = voltgate("backends", "--token-file", "token")
    assert (ended.code, ended.err) == (1, "voltgate: token holds no token: a token is one word on one line\n")
    assert voltgate("backends", "--token-file", "nowhere").code == 1
    assert api.asked == []


def prepared(folder: Path, *, token: str | None) -> Path:
    """Make a configuration with a database, and what a gateway leaves beside it."""
    (folder / "data").mkdir()
    file = folder / "own.toml"
    file.write_text('[store]\nurl = "sqlite:///data/own.db"\n')
    if token is not None:
        (folder / "data" / "admin-token").write_text(f"{token}\n")
    return file


def test_the_token_of_this_machines_gateway(api: Counterpart, voltgate: Terminal) -> None:
    """Without a token, the one that the gateway left beside its database is used."""
    api.says("GET backends", EMPTY)
    file = prepared(voltgate.folder, token="vg_local")
    env = environment(voltgate.folder, VOLTGATE_URL=api.url)
    assert voltgate("backends", "-c", str(file), env=env).code == 0
    file.rename(voltgate.folder / "voltgate.toml")
    assert voltgate("backends", env=env).code == 0
    assert voltgate("backends", env=env | {"VOLTGATE_ADMIN_TOKEN": "vg_configured_token"}).code == 0
    sent = [asked.headers["authorization"] for asked in api.asked]
    assert sent == ["Bearer vg_local", "Bearer vg_local", "Bearer vg_configured_token"]


def test_the_configuration_says_where_the_api_is(api: Counterpart, voltgate: Terminal) -> None:
    """Whoever names a configuration asks the gateway that runs by it; --url and VOLTGATE_URL go before it."""
    api.says("GET backends", EMPTY)
    file = voltgate.folder / "own.toml"
    env = environment(voltgate.folder, VOLTGATE_TOKEN="vg_test")
    for host in ("127.0.0.1", "0.0.0.0", "localhost"):
        file.write_text(f'[listen]\nhttp = "{host}:{urlsplit(api.url).port}"\n')
        assert voltgate("backends", "-c", str(file), env=env).code == 0
    file.write_text('[listen]\nhttp = "off"\n')
    assert voltgate("backends", "-c", str(file), "--url", api.url, env=env).code == 0
    assert voltgate("backends", "-c", str(file)).code == 0
    assert len(api.asked) == 5
    ended = voltgate("backends", "-c", str(file), env=env)
    assert (ended.code, ended.err) == (1, f'voltgate: {file} has http = "off": that gateway has no API\n')
    file.write_text("listen = 3\n")
    ended = voltgate("backends", "-c", str(file), env=env)
    assert (ended.code, len(ended.err.splitlines())) == (1, 1)
    assert "own.toml:1" in ended.err
    assert "--url" in ended.err


def test_the_gateways_secrets_are_not_needed(api: Counterpart, voltgate: Terminal) -> None:
    """Where the API is, and its token, are found in a shell that has none of the variables of the gateway."""
    api.says("GET backends", EMPTY)
    file = prepared(voltgate.folder, token="vg_local")
    file.write_text(
        f"""
[listen]
http = "127.0.0.1:{urlsplit(api.url).port}"
[store]
url = "sqlite:///data/own.db"
[backends.csms]
url = {{ env = "CSMS_URL" }}
[alerts.channels.ops.mail]
from = "alerts@example.com"
to = ["ops@example.com"]
service = "Gmail"
auth = {{ user = "u", pass = {{ env = "SMTP_PASSWORD" }} }}
[[alerts.rules]]
events = ["*"]
channels = ["opps"]
"""
    )
    assert voltgate("backends", "-c", str(file), env=environment(voltgate.folder)).code == 0
    assert [asked.headers["authorization"] for asked in api.asked] == ["Bearer vg_local"]


@pytest.mark.parametrize(
    ("http", "url"),
    [
        ("192.0.2.1:8001", "http://192.0.2.1:8001"),
        ("0.0.0.0:8001", "http://127.0.0.1:8001"),
        ("[::]:8001", "http://[::1]:8001"),
        ("[2001:db8::1]:8001", "http://[2001:db8::1]:8001"),
    ],
)
def test_an_address_that_leads_to_the_listener(tmp_path: Path, http: str, url: str) -> None:
    """Where a gateway listens at every address, it is asked on loopback."""
    from voltgate.client.api_url import api_url_of

    file = tmp_path / "own.toml"
    file.write_text(f'[listen]\nhttp = "{http}"\n')
    assert api_url_of(file) == url
    assert api_url_of(None) == "http://127.0.0.1:8000"


def test_the_token_of_this_machine_stays_on_this_machine(voltgate: Terminal) -> None:
    """The local token is for the gateway of this machine: another address gets none of it."""
    from voltgate.client.token_file import token_for

    file = prepared(voltgate.folder, token="vg_local")
    found = {
        url: token_for(url, None, file, {}) for url in ("http://127.0.0.1:8000", "http://localhost", "http://[::1]:1")
    }
    assert set(found.values()) == {"vg_local"}
    for url in (
        "http://192.0.2.1:8000",
        "https://gateway.example",
        "http://127.0.0.1.example",
        "http://localhost@x.example",
    ):
        assert token_for(url, None, file, {}) is None


def test_without_any_token(api: Counterpart, voltgate: Terminal) -> None:
    """Whoever has no token is told how to give one; a broken configuration is told of only when its token is wanted."""
    api.says("GET backends", problem(401, "Unauthorized", "The request has no bearer token."))
    env = environment(voltgate.folder, VOLTGATE_URL=api.url)
    ended = voltgate("backends", env=env)
    assert ended.code == 1
    assert ended.err == (
        "voltgate: The request has no bearer token; give a valid token in VOLTGATE_TOKEN or by --token-file, or this "
        "machine's configuration by -c\n"
    )
    assert "authorization" not in api.asked[0].headers
    (voltgate.folder / "voltgate.toml").write_text("store = 3\n")
    ended = voltgate("backends", env=env)
    assert ended.code == 1
    assert "voltgate.toml:1" in ended.err
    assert "VOLTGATE_TOKEN" in ended.err
    assert len(api.asked) == 1
    api.says("GET backends", EMPTY)
    assert voltgate("backends").code == 0


def test_nobody_answers(voltgate: Terminal) -> None:
    """A gateway that cannot be reached is exit code 2 and one sentence."""
    with nobody() as url:
        ended = voltgate("stations", "--url", url)
    assert ended.code == 2
    assert ended.err.endswith("(connection refused): is the gateway running?\n")
    assert len(ended.err.splitlines()) == 1


def test_an_answer_that_breaks_off(api: Counterpart, voltgate: Terminal) -> None:
    """A connection that ends before the answer is exit code 2."""
    api.says("GET stations", Answer(0))
    ended = voltgate("stations")
    assert ended.code == 2
    assert "try again" in ended.err


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (problem(404, "Not Found", "There is no station CP1."), "There is no station CP1"),
        (problem(404, "Unknown station", "Nobody knows CP1."), "Unknown station: Nobody knows CP1"),
        (problem(503, "Overloaded"), "Overloaded; try again later"),
        (problem(403, "Forbidden", 'This takes "admin".'), 'This takes "admin"'),
        (
            problem(
                422, "Unprocessable Content", "It is wrong.", errors=[{"where": "query.sort", "problem": "is odd"}]
            ),
            "It is wrong; query.sort is odd",
        ),
        (
            problem(422, "Unprocessable Content", errors=[{"where": f"a[{n}]", "problem": "x"} for n in range(9)]),
            "Unprocessable Content; a[0] x; a[1] x; a[2] x; a[3] x; a[4] x; and 4 more",
        ),
        (Answer(502, "no object"), "the answer was HTTP 502 Bad Gateway"),
        (problem(400, "Bad \x1b[31mRequest", "\x07"), r"Bad \x1b[31mRequest: \x07"),
    ],
)
def test_a_problem_is_a_sentence(api: Counterpart, voltgate: Terminal, answer: Answer, said: str) -> None:
    """What the gateway objects to is said in one line, with exit code 1."""
    api.says("GET stations/CP1", answer)
    ended = voltgate("stations", "CP1", "--json")
    assert (ended.code, ended.out, ended.err) == (1, "", f"voltgate: {said}\n")


def test_a_certificate_that_nobody_vouches_for(voltgate: Terminal) -> None:
    """By https only a gateway with a trusted certificate gets the token; SSL_CERT_FILE names who else is trusted."""
    certificate, key = voltgate.folder / "cert.pem", voltgate.folder / "key.pem"
    write_pair(certificate, key)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    api = Counterpart(context)
    try:
        api.says("GET backends", EMPTY)
        ended = voltgate("backends", "--url", api.url)
        assert ended.code == 2
        assert "name its authority in SSL_CERT_FILE" in ended.err
        assert len(ended.err.splitlines()) == 1
        assert api.asked == []
        env = voltgate.environment(SSL_CERT_FILE=str(certificate))
        assert voltgate("backends", "--url", api.url, env=env).code == 0
    finally:
        api.close()


def test_words_that_are_no_text(api: Counterpart, voltgate: Terminal) -> None:
    """Bytes on the command line that are no UTF-8 end in a sentence too."""
    api.says("GET stations/%FF", problem(404, "Not Found", "There is no such station."))
    assert voltgate("stations", "\udcff").err == "voltgate: There is no such station\n"
    assert voltgate("stations", "--q", "\udcff").code == 1


def test_somebody_else_answers(api: Counterpart, voltgate: Terminal) -> None:
    """What is no API of Voltgate is recognised, and a redirect is not followed with the token."""
    api.says("GET stations", Answer(kind="text/html", pieces=("<html>",)), ["a list"])
    for _ in range(2):
        ended = voltgate("stations")
        assert ended.code == 1
        assert "is it the right address?" in ended.err
    api.says("GET backends", Answer(302, headers={"location": "https://login.example/"}))
    ended = voltgate("backends")
    assert ended.code == 1
    assert "leads to https://login.example/" in ended.err


@pytest.mark.parametrize(
    "url",
    [
        "127.0.0.1:8000",
        "ftp://x",
        "http://",
        "http://me:secret@127.0.0.1:8000",
        "http://127.0.0.1:99999",
        "http://[::1",
    ],
)
def test_an_address_that_is_none(voltgate: Terminal, url: str) -> None:
    """An address that cannot be a gateway's is refused with an example; a password in it is not repeated."""
    ended = voltgate("stations", "--url", url)
    assert ended.code == 1
    assert len(ended.err.splitlines()) == 1
    assert "secret" not in ended.err


def test_no_command_takes_a_token_in_words(voltgate: Terminal) -> None:
    """A token on the command line would be read by everybody on the machine: there is no such option."""
    for command in ("stations", "claim", "tail", "send"):
        assert voltgate(command, "--token", "vg_secret").code == 2


def test_help_needs_no_http_client(voltgate: Terminal) -> None:
    """`voltgate --help` lists the clients and imports neither an HTTP client nor what draws tables for them."""
    env = voltgate.environment(PYTHONPROFILEIMPORTTIME="1")
    ended = subprocess.run([*VOLTGATE, "--help"], env=env, capture_output=True, text=True, timeout=60, check=True)
    assert "stations" in ended.stdout
    assert "httpx2" not in ended.stderr
    assert "voltgate.client.output" in ended.stderr
    assert "voltgate.client.api" not in ended.stderr


def test_no_command_reads_more_than_it_needs(voltgate: Terminal) -> None:
    """The configuration is a third of a second's work: who says where the API is, and shows a token, waits for none."""
    token = voltgate.folder / "token"
    token.write_text("vg_x")
    env = voltgate.environment(PYTHONPROFILEIMPORTTIME="1")
    for words in (["--version"], ["stations", "--url", "http://127.0.0.1:1", "--token-file", str(token)]):
        ended = subprocess.run([*VOLTGATE, *words], env=env, capture_output=True, text=True, timeout=60, check=False)
        assert "voltgate.cli" in ended.stderr
        assert "voltgate.config" not in ended.stderr
