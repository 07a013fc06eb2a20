"""`voltgate check`: every mistake at once, each with its line, its key and what to do."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.keypair import write_pair
from voltgate.config import ConfigErrors, load, read
from voltgate.config.lines import locate

EXAMPLES = Path(__file__).parents[2] / "examples"
SECRETS = {
    "SMTP_PASSWORD": "secret",
    "HOOK_SECRET": "secret",
    "PUSHOVER_USER": "u" * 30,
    "PUSHOVER_TOKEN": "t" * 30,
}
"""What the examples take from the environment."""
VOLTGATE = Path(sys.executable).parent / "voltgate"

GOOD = """\
[listen]
stations = ["ws://127.0.0.1:9000"]
[backends.main]
url = "ws://127.0.0.1:9100/{station}"
[routes.home]
rules = [{ answer = "main" }]
[[stations]]
match = "*"
"""


def problems(tmp_path: Path, text: str, environ: dict[str, str] | None = None) -> list[str]:
    """List what is wrong, without the file's name."""
    file = tmp_path / "voltgate.toml"
    file.write_text(text)
    with pytest.raises(ConfigErrors) as wrong:
        read(file, environ or {})
    return [str(problem).removeprefix(f"{file}:") for problem in wrong.value.problems]


def warnings(tmp_path: Path, text: str) -> list[str]:
    """List what is doubtful."""
    file = tmp_path / "voltgate.toml"
    file.write_text(text)
    return [str(problem).removeprefix(f"{file}:") for problem in read(file, {}).warnings]


def test_a_good_configuration_is_good(tmp_path: Path) -> None:
    """The smallest useful configuration has neither mistakes nor doubts."""
    assert warnings(tmp_path, GOOD) == []


@pytest.mark.parametrize("example", sorted(EXAMPLES.glob("*.toml")), ids=lambda path: path.stem)
def test_examples_run_as_they_are(example: Path, tmp_path: Path) -> None:
    """Each example passes the check; the one with TLS after the command that stands in it."""
    folder = tmp_path / "examples"
    folder.mkdir()
    copy = folder / example.name
    copy.write_text(example.read_text())
    if example.stem == "tls":
        lines = example.read_text().splitlines()
        command = " ".join(line.lstrip("# ").rstrip("\\") for line in lines[1:3])
        subprocess.run(command, shell=True, cwd=folder, check=True, capture_output=True)
    loaded = read(copy, SECRETS)
    assert loaded.warnings == ()
    assert loaded.config.routes or any(backend.claims.token for backend in loaded.config.backends.values())


def test_a_management_system_that_no_rule_names(tmp_path: Path) -> None:
    """Stations come to it all the same, if they are made in it; the warning says so."""
    text = '[backends.csms]\nurl = "local:"\n'
    said = "1: backends.csms: no rule names this backend: only claims lead to it, as of stations that are made in it"
    assert warnings(tmp_path, text) == [said]


def test_every_mistake_is_reported_at_once(tmp_path: Path) -> None:
    """Unknown keys, wrong types, names that lead nowhere: one run, in the order of the file."""
    text = """\
[listen]
statoins = ["ws://127.0.0.1:9000"]
http = 8000
[backends.billing]
url = "local://here"
[backends.spare]
url = "ws://spare.example/{sation}"
wait = "10s"
[routes.home]
rules = [
  { actions = ["Boot*"], answer = "biling" },
]
[[stations]]
match = "CP-*"
route = "hom"
"""
    found = problems(tmp_path, text)
    assert [line.split(":")[0] for line in found] == ["2", "3", "5", "7", "8", "10", "11", "15"]
    for line, words in zip(
        found,
        (
            "did you mean",
            "must be text",
            "in this process",
            "{station}",
            "numbers of seconds",
            "last rule",
            "billing",
            "home",
        ),
        strict=True,
    ):
        assert words in line, line


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (("[routes.home]", "[routes.home"), "is not TOML"),
        (('url = "ws', 'tokens = 1\nurl = "ws'), "no such key"),
        (('answer = "main"', 'answer = "main", tokens = [4]'), "a token is written in quotes"),
        (('answer = "main"', 'answer = "main", tokens = "04*"'), 'is "any", "none" or a list'),
        (('url = "ws', 'stand_in = { tokens = ["0*4"] }\nurl = "ws'), "a * may only stand at the end"),
        (('url = "ws', 'stand_in = { tokens = "any" }\nurl = "ws'), "is a list of tokens in quotes"),
        (("[routes.home]", '[token_groups.x]\ntokens = "any"\n[routes.home]'), "is a list of tokens in quotes"),
        (('answer = "main"', 'answer = "main", tokens = ["04*"]'), "the last rule must match every call"),
        (('answer = "main"', 'answer = "main", token_groups = ["fleet"]'), 'there is no token group "fleet"'),
        (('answer = "main"', 'answer = "main", authorize = ["main"]'), "at least two backends"),
        (('answer = "main"', 'answer = "main", authorize = ["other", "main"]'), 'there is no backend "other"'),
        (
            ('answer = "main"', 'answer = "main", authorize = ["other", "main"]'),
            "must begin with the backend that answers",
        ),
        (('"main" }', '{ main = 1, b = 1 }, authorize = ["main", "b"] }'), "must begin with the backend that answers"),
        (("[routes.home]", '[token_groups.x]\nfile = "missing.txt"\n[routes.home]'), "cannot read"),
        (("[routes.home]", '[store]\nurl = "mysql://x"\n[routes.home]'), "sqlite:///path/to.db"),
        (("[routes.home]", '[store]\nurl = "postgresql://x"\n[routes.home]'), "names no host or no database"),
        (
            ("[routes.home]", '[store]\nurl = "postgresql://u@h/d?sslrootcert=x"\n[routes.home]'),
            'knows no "sslrootcert" behind the ?: only prepared_statement_cache_size, ssl, sslmode',
        ),
        (("[routes.home]", '[permits.full]\nstop = "own"\n[routes.home]'), "is a preset"),
        (("[routes.home]", '[permits.x]\nbase = "y"\n[routes.home]'), 'there is no permit "y"'),
        (("[routes.home]", '[permits.x]\nbase = "y"\n[permits.y]\nbase = "x"\n[routes.home]'), "this permit itself"),
        (("[backends.main]", '[backends.main]\npermit = "ful"'), 'there is no permit "ful"; did you mean "full"'),
        (('stations = ["ws', 'soap = ["ws://0.0.0.0:9001"]\nstations = ["ws'), "must start with http:// or https://"),
        (("[backends.main]", '[backends.claimant]\nurl = "ws://x"\n[backends.main]'), "choose another name"),
        (("[backends.main]", '[backends.main]\nsoap_url = "ws://x"'), "must start with http:// or https://"),
        (("[backends.main]", '[backends.main]\nclaims = { token = "short" }'), "at least 16 characters"),
        (("[backends.main]", '[backends.main]\nclaims = { hosts = ["10.0.0.0/33"] }'), "neither the name of a host"),
        (('answer = "main"', "answer = { main = 1, claimant = 1 }"), "cannot be part of a weighted choice"),
        (('answer = "main"', 'answer = "main", claimed_by = ["other"]'), 'there is no backend "other"'),
        (('url = "ws://127.0.0.1:9100/{station}"', 'url = "local://here"'), 'is "local:" for the management system'),
        (('url = "ws://127.0.0.1:9100/{station}"', 'url = "ws://{station}.example/"'), "must not take the host"),
        (('match = "*"', 'match = "*"\nidentity = "CP-1"'), "either match"),
        (('match = "*"', 'match = "*"\nauth = "basic"'), "needs password"),
        (('match = "*"', 'match = "CP-*"\naliases = ["/x"]'), "use identity"),
        (('match = "*"', 'match = "*"\nauth_lookup = "http://m/auth"'), "must have {station}"),
        (('match = "*"', 'match = "*"\nauth_lookup = "ftp://m/{station}"'), "starts with http:// or https://"),
        (
            ('match = "*"', 'match = "*"\npassword = "x"\nauth_lookup = "http://m/{station}"'),
            "write one of the three",
        ),
        (('match = "*"', 'match = "*"\norganizations = ["x"]'), "no meaning without auth_lookup"),
        (('match = "*"', 'match = "*"\ncertificate_lookup = "http://m/{hash}"'), "no meaning without auth_lookup"),
        (('match = "*"', 'match = "*"\ncertificate_lookup = "http://m/"'), "must have {hash}"),
        (
            ('["ws://127.0.0.1:9000"]', '[{ url = "ws://127.0.0.1:9000", client_authority = "x.pem" }]'),
            "is for a wss:// listener",
        ),
        (('stations = ["ws', 'stations = ["wss'), "needs certificate and key"),
        (('answer = "main"', 'answer = "main", copy = ["main"]'), "answers already"),
        (('answer = "main"', 'answer = ["main", "main"]'), "each backend once"),
        (('answer = "main"', "answer = { main = -1 }"), "weight"),
        (('rules = [{ answer = "main" }]', "rules = []"), "rules"),
        (("[backends.main]", '[backends.main]\npassword = "x"'), "needs username"),
        (("[backends.main]", '[backends.main]\nca = "none.pem"'), "for a wss:// backend"),
        (("[backends.main]", '[backends.main]\nheaders = { Host = "x" }'), "set by the handshake"),
        (("[listen]", '[listen]\nhttp = "127.0.0.1:9000"'), "is taken by"),
        (("[listen]", '[listen]\nhttp = "0.0.0.0:9000"'), "is taken by ws://127.0.0.1:9000"),
        (("[listen]", '[listen]\nhttp = "localhost:9000"'), "is taken by"),
        (("[listen]", '[listen]\nhttp = "[::]:9000"'), "is taken by"),
        (("[listen]", '[listen]\nhttp = "[::ffff:127.0.0.1]:9000"'), "is taken by"),
        (('9000"', '9000", "ws://0.0.0.0:9000"'), "ws://0.0.0.0:9000 listens where ws://127.0.0.1:9000 does"),
        (('ws://127.0.0.1:9000"', 'ws://0.0.0.0:9000", "ws://127.0.0.1:9000"'), "listens where ws://0.0.0.0:9000 does"),
        (('9000"', '9000", "ws://localhost:9000"'), "ws://localhost:9000 listens where ws://127.0.0.1:9000 does"),
        (('9000"]', '9000"]\nsoap = ["http://localhost:9000"]'), "listens where ws://127.0.0.1:9000 does"),
        (('ws://127.0.0.1:9000"', 'ws://[::]:9000", "ws://[::1]:9000"'), "listens where ws://[::]:9000 does already"),
        (("127.0.0.1:9000", "[::ffff:127.0.0.1]:9000"), "write it as IPv4"),
        (("127.0.0.1:9000", "gateway..example:9000"), '"gateway..example" has nothing between two dots'),
        (("127.0.0.1:9000", f"{'a' * 64}.example:9000"), "a part of more than 63 characters"),
        (("127.0.0.1:9000", f"{'a.' * 127}example:9000"), "more than 253 characters"),
        (("127.0.0.1:9000", "256.0.0.1:9000"), '"256.0.0.1" is not an IPv4 address'),
        (("127.0.0.1:9000", "*:9000"), "characters that no name of a host has"),
        (("[listen]", '[listen]\nhttp = ".example:8000"'), "nothing between two dots, or before the first"),
        (("127.0.0.1:9100", "back,end.example"), "characters that no name of a host has"),
        (("[backends.main]", '[backends.main]\nsoap_url = "http://a..b/"'), "names no host that there can be"),
        (("[routes.home]", '[soap]\ncallback = "http://a..b/"\n[routes.home]'), "names no host that there can be"),
        (('match = "*"', 'match = "*"\npassword_hook = "http://a..b/"'), "names no host that there can be"),
        (("[routes.home]", '[store]\nurl = "postgresql://a..b/x"\n[routes.home]'), '"a..b" has nothing between'),
        (("[listen]", '[listen]\nhttp = "8000"'), '"8000" is not an address and a port such as'),
        (("[listen]", '[listen]\nsoap = [{ url = "http://[::1]:9001", ping = 5 }]'), "an entry of listen.stations"),
        (("[listen]", '[unknown]\npolicy = "route"\nroute = "hme"\n[listen]'), "did you mean"),
    ],
)
def test_each_mistake_has_its_sentence(tmp_path: Path, change: tuple[str, str], words: str) -> None:
    """What is wrong is said with the line that it stands in."""
    text = GOOD.replace(*change)
    assert text != GOOD
    found = problems(tmp_path, text)
    assert any(words in line for line in found), found
    assert all(line.split(":")[0].isdecimal() for line in found), found


def test_the_files_of_the_authority(tmp_path: Path) -> None:
    """They are loaded as they will be: what is missing, or does not fit, is said before a station asks."""
    authority = GOOD + '[csms.authority]\ncertificate = "a.pem"\nkey = "b.key"\n'
    (missing,) = problems(tmp_path, authority)
    assert "csms.authority.certificate" in missing
    for name in "ab":
        write_pair(tmp_path / f"{name}.pem", tmp_path / f"{name}.key", days=400)
    (wrong,) = problems(tmp_path, authority)
    assert "does not belong to the certificate" in wrong
    assert not [each for each in warnings(tmp_path, authority.replace("b.key", "a.key")) if "authority" in each]


@pytest.mark.parametrize(
    "listen",
    [
        'stations = ["ws://127.0.0.1:9000", "ws://127.0.0.2:9000", "ws://[::1]:9000"]\nhttp = "127.0.0.3:9000"',
        'stations = ["ws://0.0.0.0:9000", "ws://[::]:9000"]\nhttp = "[::]:8000"',
        'stations = ["ws://0.0.0.0:9000", "ws://127.0.0.1:9000"]\nreuse_port = true',
        'stations = ["ws://a_b.example.:9000", "ws://b\u00fccher.example:9001", "ws://xn--bcher-kva.example:9002"]',
    ],
)
def test_addresses_that_are_apart_are_good(tmp_path: Path, listen: str) -> None:
    """Several addresses at one port, a wildcard of each family, names in any spelling: nothing is said of them."""
    assert warnings(tmp_path, GOOD.replace('stations = ["ws://127.0.0.1:9000"]', listen)) == []


def test_doubts_are_warnings(tmp_path: Path) -> None:
    """What is allowed and probably not meant is said, and does not keep the gateway from starting."""
    text = GOOD.replace('rules = [{ answer = "main" }]', 'rules = [{ answer = "main" }, { answer = "main" }]')
    text += '[[stations]]\nmatch = "CP-*"\n[backends.idle]\nurl = "ws://127.0.0.1/x"\n'
    found = "\n".join(warnings(tmp_path, text))
    for words in ("never reached", "can never match", "no rule names this backend"):
        assert words in found


def test_the_environment_overrides(tmp_path: Path) -> None:
    """A variable takes the place of a key, and a wrong one is named."""
    file = tmp_path / "voltgate.toml"
    file.write_text(GOOD)
    assert read(file, {"VOLTGATE_LISTEN__HTTP": "off"}).config.listen.http_address is None
    found = problems(tmp_path, GOOD, {"VOLTGATE_CALLS__BACKEND": "soon"})
    assert "$VOLTGATE_CALLS__BACKEND" in found[0]


def test_secrets_come_from_elsewhere_and_stay_there(tmp_path: Path) -> None:
    """A password from a file or the environment works, and no repr shows it."""
    (tmp_path / "key.txt").write_text("from-the-file\n")
    entries = '[[stations]]\nidentity = "A"\npassword = { file = "key.txt" }\n'
    entries += '[[stations]]\nidentity = "B"\npassword = { env = "B_KEY" }\n'
    file = tmp_path / "voltgate.toml"
    file.write_text(GOOD + entries)
    config = load(file, {"B_KEY": "from-the-environment"})
    assert [entry.password and entry.password.get_secret_value() for entry in config.stations] == [
        None,
        "from-the-file",
        "from-the-environment",
    ]
    assert "from-the" not in repr(config)
    assert "B_KEY is not set" in problems(tmp_path, GOOD + entries)[0]


@pytest.mark.parametrize(
    "change",
    [
        ('match = "*"', 'match = "*"\npassword = 27182818'),
        ("ws://127.0.0.1:9100/{station}", "ws://user:27182818/28@127.0.0.1/{station}"),
        ("ws://127.0.0.1:9100/{station}", "ws://user:2718#27182818@127.0.0.1/{station}"),
        ("ws://127.0.0.1:9100/{station}", "ws://127.0.0.1:9100/{station}#27182818"),
        ("ws://127.0.0.1:9100/{station}", "ws://user:27182818\\u2100@127.0.0.1/{station}"),
        ("ws://127.0.0.1:9100/{station}", "ws://user:p27182818/28@127.0.0.1/{station}"),
    ],
)
def test_mistakes_repeat_no_password(tmp_path: Path, change: tuple[str, str]) -> None:
    """What is wrong is shown to whoever asks for /readyz: no password in it, wherever somebody wrote one."""
    found = problems(tmp_path, GOOD.replace(*change))
    assert found
    assert "27182818" not in "\n".join(found)


def test_without_a_file_the_defaults_are_safe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With nothing configured it listens on loopback only, and is the whole system there."""
    monkeypatch.chdir(tmp_path)
    config = load(None, {"HOME": str(tmp_path)})
    assert [listener.host for listener in config.listen.stations] == ["127.0.0.1"]
    assert config.listen.http_address == ("127.0.0.1", 8000)
    assert config.backends["csms"].url == "local:"
    assert (config.unknown.policy, config.unknown.route, config.csms.tokens) == ("route", "csms", "any")


def test_without_a_file_nobody_comes_from_elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who has it listen on a network decides on every station, and on every token."""
    monkeypatch.chdir(tmp_path)
    config = load(None, {"HOME": str(tmp_path), "VOLTGATE_LISTEN__STATIONS": '["ws://0.0.0.0:9000"]'})
    assert config.backends["csms"].url == "local:"
    assert (config.unknown.policy, config.csms.tokens) == ("quarantine", "known")


def test_without_a_file_and_without_a_database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """There is nothing then that the management system could keep anything in."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigErrors, match="needs a database"):
        load(None, {"HOME": str(tmp_path), "VOLTGATE_STORE__URL": "off"})


def test_the_usual_places_are_looked_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The file in the working folder comes first, then the user's own."""
    monkeypatch.chdir(tmp_path)
    own = tmp_path / ".config" / "voltgate" / "voltgate.toml"
    own.parent.mkdir(parents=True)
    own.write_text(GOOD)
    assert read(None, {"HOME": str(tmp_path)}).source == own
    (tmp_path / "voltgate.toml").write_text(GOOD)
    assert read(None, {"HOME": str(tmp_path)}).source == Path("voltgate.toml")


KEYS = st.text(st.sampled_from("abc-_ ."), min_size=1, max_size=6)


@given(st.text(max_size=300))
def test_the_locator_never_stumbles(text: str) -> None:
    """Whatever the text, looking for its lines does no harm."""
    locate(text)


@given(st.lists(KEYS, min_size=1, max_size=8, unique=True), st.integers(0, 3))
def test_the_locator_names_the_right_line(keys: list[str], blank: int) -> None:
    """Each key is found where it stands, whatever its name and however much stands between."""
    text = "[t]\n" + "".join("\n# x = 1\n" * blank + f'"{key}" = 1\n' for key in keys)
    lines = locate(text)
    for key in keys:
        assert text.splitlines()[(lines.of(("t", key)) or 0) - 1].startswith(f'"{key}"')


def _run(*words: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    environ = {name: value for name, value in os.environ.items() if not name.startswith("VOLTGATE_")}
    environ["HOME"] = str(cwd)
    return subprocess.run(
        [VOLTGATE, *words], capture_output=True, text=True, timeout=60, cwd=cwd, env=environ, check=False
    )


def test_the_command_line_speaks_in_sentences(tmp_path: Path) -> None:
    """Good, bad, missing, and an address that is taken: an exit code, a sentence, never a stack trace."""
    (tmp_path / "good.toml").write_text(GOOD)
    (tmp_path / "bad.toml").write_text(GOOD.replace("answer", "anser"))
    good = _run("check", "-c", "good.toml", cwd=tmp_path)
    assert (good.returncode, good.stderr) == (0, "")
    assert "ws://127.0.0.1:9000" in good.stdout
    bad = _run("check", "-c", "bad.toml", cwd=tmp_path)
    assert bad.returncode == 1
    assert 'did you mean "answer"?' in bad.stderr
    missing = _run("run", "-c", "none.toml", cwd=tmp_path)
    assert missing.returncode == 1
    assert "cannot be read" in missing.stderr
    import socket

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        (tmp_path / "taken.toml").write_text(
            GOOD.replace("9000", str(port)).replace("[listen]", '[listen]\nhttp = "off"')
        )
        refused = _run("run", "-c", "taken.toml", cwd=tmp_path)
    assert refused.returncode == 2
    assert f"cannot listen on ws://127.0.0.1:{port}" in refused.stderr
    for done in (good, bad, missing, refused):
        assert "Traceback" not in done.stderr + done.stdout
    assert _run("--version", cwd=tmp_path).stdout.startswith("voltgate 0.")


def test_the_hash_of_a_password_can_be_configured(tmp_path: Path) -> None:
    """What `voltgate hash` prints is what a station's entry takes."""
    done = subprocess.run(
        [VOLTGATE, "hash"], input="a good password\n", capture_output=True, text=True, timeout=60, check=True
    )
    (tmp_path / "voltgate.toml").write_text(
        GOOD + f'[[stations]]\nidentity = "A"\npassword = "{done.stdout.strip()}"\n'
    )
    assert load(tmp_path / "voltgate.toml", {}).stations[1].checked


@pytest.mark.parametrize(
    ("text", "hinted"),
    [
        ('a = { b = "1",\n  c = 2 }', True),
        ("a = [{  # one\n  c = 2 }]", True),
        ("a = { b = 1\n}", True),
        ("a = { b = 1 } c\n", False),
        ("a = { b 1 }\n", False),
        ('a = "{}"\nb', False),
    ],
)
def test_a_table_over_several_lines(tmp_path: Path, text: str, hinted: bool) -> None:
    """Who breaks the line within braces is told that TOML has it on one."""
    (said,) = problems(tmp_path, text)
    assert "is not TOML" in said
    assert ("a table in { } ends on its line" in said) is hinted


def test_a_gateway_that_lets_nobody_in(tmp_path: Path) -> None:
    """Without entries, claims and a policy for strangers every station is refused: that is said."""
    nobody = GOOD.replace('[[stations]]\nmatch = "*"\n', "")
    (found,) = warnings(tmp_path, nobody)
    assert "unknown.policy: every station is refused" in found
    for more in ('[unknown]\npolicy = "quarantine"\n', "[backends.main.claims]\nstations = ['CP*']\n"):
        assert not [each for each in warnings(tmp_path, nobody + more) if "every station" in each]


def test_which_entries_never_match(tmp_path: Path) -> None:
    """An entry that matches no more than one before it is named with that one; one identity precedes any pattern."""
    entries = ("match = 'CP*'", "identity = 'CP1'", "match = 'cp*'", "identity = 'cp1'", "match = '*'", "match = 'X*'")
    stations = "".join(f"[[stations]]\n{entry}\nroute = 'home'\n" for entry in entries)
    text = GOOD.replace('[[stations]]\nmatch = "*"\n', stations)
    found = [each for each in warnings(tmp_path, text) if "never match" in each]
    never = {each.partition("stations[")[2].partition("]")[0]: each.rpartition(": ")[2] for each in found}
    assert never == {
        "2": "stations[0] matches the same before it",
        "3": "stations[1] matches the same before it",
        "5": "stations[4] matches the same before it",
    }


def test_many_stations(tmp_path: Path) -> None:
    """What a file with 10,000 entries costs grows with them, not with their square: that would take minutes."""
    entry = '[[stations]]\nmatch = "CP{:06}"\n'
    text = GOOD.replace('[[stations]]\nmatch = "*"\n', "".join(map(entry.format, range(10_000))))
    (file := tmp_path / "voltgate.toml").write_text(text)
    assert len(read(file, {}).config.stations) == 10_000
