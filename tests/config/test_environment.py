"""Keys of the configuration that the environment sets: found, decoded as TOML, and named where they are wrong."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.config.test_check import GOOD, VOLTGATE, problems
from voltgate.config import Config, ConfigErrors, Loaded, read

SECRET = "31415926535897932384"


def taken(tmp_path: Path, text: str = GOOD, **environ: str) -> Loaded:
    """Read a file with these variables, without the first part of their names."""
    file = tmp_path / "voltgate.toml"
    file.write_text(text)
    return read(file, {f"VOLTGATE_{name}": value for name, value in environ.items()})


def value(config: Config, path: str) -> Any:
    """Return what stands at a path of the model."""
    found: Any = config
    for step in path.split("."):
        found = (
            found[step] if isinstance(found, dict) else found[int(step)] if step.isdecimal() else getattr(found, step)
        )
    return found.get_secret_value() if hasattr(found, "get_secret_value") else found


@pytest.mark.parametrize(
    ("variable", "text", "path", "wanted"),
    [
        ("LISTEN__HTTP", '"0.0.0.0:9080"', "listen.http", "0.0.0.0:9080"),
        ("LISTEN__HTTP", "0.0.0.0:9080", "listen.http", "0.0.0.0:9080"),
        ("LISTEN__HTTP", "'off'\n", "listen.http", "off"),
        (
            "LISTEN__STATIONS",
            "[\n 'ws://127.0.0.1:9002', # the first\n]",
            "listen.stations.0.url",
            "ws://127.0.0.1:9002",
        ),
        ("LISTEN__STATIONS__1", "ws://127.0.0.1:9002", "listen.stations.1.url", "ws://127.0.0.1:9002"),
        ("LISTEN__SOAP__0__URL", "http://127.0.0.1:9003", "listen.soap.0.url", "http://127.0.0.1:9003"),
        ("LISTEN__REUSE_PORT", "true", "listen.reuse_port", True),
        ("CALLS__BACKEND", "12.5", "calls.backend", 12.5),
        ("CALLS", "{ backend = 12.5 }", "calls.backend", 12.5),
        ("JOURNAL__BYTES", "1MiB", "journal.bytes", 1 << 20),
        ("BACKENDS__MAIN__PASSWORD", SECRET, "backends.main.password", SECRET),
        ("BACKENDS__MAIN__PASSWORD", f'"{SECRET}" # "x"', "backends.main.password", f'"{SECRET}" # "x"'),
        ("BACKENDS__MAIN__PASSWORD", '"x" } #"', "backends.main.password", '"x" } #"'),
        ("BACKENDS__MAIN__PASSWORD", "1\n[calls]", "backends.main.password", "1\n[calls]"),
        ("BACKENDS__MAIN__PASSWORD", "1979-05-27", "backends.main.password", "1979-05-27"),
        ("backends__OTHER__url", "ws://127.0.0.1/", "backends.other.url", "ws://127.0.0.1/"),
        ("STATIONS__0__PASSWORD", SECRET, "stations.0.password", SECRET),
        ("ALERTS__TEMPLATES__stationSilent__TEXT", "{name}", "alerts.templates.stationSilent.text", "{name}"),
        ("ADMIN_TOKEN", SECRET, "admin_token", SECRET),
    ],
)
def test_a_value_is_toml_or_a_text(tmp_path: Path, variable: str, text: str, path: str, wanted: object) -> None:
    """A value of TOML is what it says, a text may do without quotes, and no part of a text is lost."""
    credentials = GOOD.replace("[routes", 'username = "us"\npassword = "pw"\n[routes') + 'auth = "none"\n'
    loaded = taken(tmp_path, credentials, **{variable: text})
    assert value(loaded.config, path) == wanted
    assert list(loaded.environment.values()) == [f"VOLTGATE_{variable}"]
    assert SECRET not in repr(loaded)


def test_every_entry_of_a_list_has_its_place(tmp_path: Path) -> None:
    """Entries are set in the order of their numbers, not of their spelling, and behind those of the file."""
    names = {f"STATIONS__{number}__IDENTITY": f"CP-{number}" for number in range(1, 12)}
    assert [entry.identity for entry in taken(tmp_path, GOOD, **names).config.stations[1:]] == list(names.values())
    (found,) = problems(tmp_path, GOOD, {"VOLTGATE_STATIONS__3__NAME": "x"})
    assert found == "$VOLTGATE_STATIONS__3__NAME: stations[3].name: there is no entry 3: the next one is 1"


def test_names_in_a_file_may_have_hyphens(tmp_path: Path) -> None:
    """`_` stands for `-` and `.` in a name that the file has; where that may be one of two, both are named."""
    text = GOOD + '[backends.a-b]\nurl = "ws://127.0.0.1/"\n'
    loaded = taken(tmp_path, text, BACKENDS__A_B__URL="ws://127.0.0.1/other")
    assert loaded.config.backends["a-b"].url == "ws://127.0.0.1/other"
    text += '[backends."a.b"]\nurl = "ws://127.0.0.1/"\n'
    (found,) = problems(tmp_path, text, {"VOLTGATE_BACKENDS__A_B__URL": "ws://127.0.0.1/other"})
    assert found == "$VOLTGATE_BACKENDS__A_B__URL: may be any of these: a-b, a.b"


@pytest.mark.parametrize(
    ("variable", "text", "wanted"),
    [
        (
            "CALLS__BACKEND",
            SECRET + "x",
            "calls.backend: must be a number, not a text: what is not TOML counts as a text",
        ),
        ("CALLS__BACKEND", "'30s'", "calls.backend: durations are numbers of seconds"),
        ("CALLS__BACKND", "5", 'calls.backnd: there is no such key; did you mean "backend"?'),
        ("CALS__BACKEND", "5", 'cals: there is no such section; did you mean "calls"?'),
        ("BACKENDS__MAIN", f'{{ url = "ws://127.0.0.1/", pasword = "{SECRET}" }}', 'did you mean "password"?'),
        (
            "LISTEN__STATIONS",
            '["ws://127.0.0.1:9002"',
            "must be a list in [ ], not a text: what is not TOML counts as a text",
        ),
        ("LISTEN__STATIONS__0__PING", "5", "listen.stations[0] is no table, so it has no keys"),
        ("LISTEN__STATIONS__X", "5", "listen.stations is a list: its entries are numbers from 0"),
        ("BACKENDS__MAIN__PASSWORD", f'["{SECRET}"]', "must be text in quotes, not a list"),
        ("listen__http", "off", "listen.http: $VOLTGATE_LISTEN__HTTP sets it too"),
        ("CALLS", "[" * 40 + "]" * 40, "calls: must be a table, not a text: what is not TOML counts as a text"),
    ],
)
def test_what_is_wrong_names_the_variable(tmp_path: Path, variable: str, text: str, wanted: str) -> None:
    """The variable, the key, the nearest right one; and never what the variable holds."""
    found = problems(tmp_path, GOOD, {f"VOLTGATE_{variable}": text, "VOLTGATE_LISTEN__HTTP": "127.0.0.1:9009"})
    assert found[0].startswith(f"$VOLTGATE_{variable}: ")
    assert wanted in found[0]
    assert SECRET not in "".join(found)


def test_the_first_token_may_stand_in_a_file(tmp_path: Path) -> None:
    """VOLTGATE_ADMIN_TOKEN_FILE names its file; one that is not there is a mistake of that variable."""
    (tmp_path / "token").write_text(f"{SECRET}\n")
    config = taken(tmp_path, ADMIN_TOKEN_FILE="token").config
    assert config.admin_token is not None
    assert config.admin_token.get_secret_value() == SECRET
    with pytest.raises(ConfigErrors, match=r"^\$VOLTGATE_ADMIN_TOKEN_FILE: admin_token: cannot read .*nowhere"):
        taken(tmp_path, ADMIN_TOKEN_FILE="nowhere")


def test_what_other_programs_set_is_left_alone(tmp_path: Path) -> None:
    """Container platforms set variables for each service by its name: for one named voltgate they are none of ours."""
    environ = {"PORT": "tcp://10.0.0.1:9000", "LISTEN_PORT_9000_TCP": "tcp://10.0.0.1:9000", "SERVICE_HOST": "10.0.0.1"}
    assert taken(tmp_path, **environ).environment == {}


def test_check_says_what_comes_from_the_environment(tmp_path: Path) -> None:
    """`voltgate check` names each such key with its variable, and shows nothing of what they hold."""
    file = tmp_path / "voltgate.toml"
    file.write_text(GOOD)
    ours = {"VOLTGATE_LISTEN__HTTP": "off", "VOLTGATE_ADMIN_TOKEN": SECRET}
    command = [str(VOLTGATE), "check", "-c", str(file)]
    done = subprocess.run(command, env=os.environ | ours, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0
    last = done.stdout.splitlines()[-1]
    assert last == "From the environment: admin_token ($VOLTGATE_ADMIN_TOKEN), listen.http ($VOLTGATE_LISTEN__HTTP)."
    assert SECRET not in done.stdout + done.stderr
