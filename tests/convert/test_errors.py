"""`voltgate convert` on files that it cannot convert: every mistake by file, line and key, and nothing printed."""

from __future__ import annotations

from pathlib import Path

import pytest

from voltgate.config import ConfigErrors
from voltgate.convert import convert

INI = """\
[host]
addr = 0.0.0.0
port = 8321

[ext-server]
server = ws://one.example
primary_rfid = 04A
secondary_server = ws://two.example
secondary_rfid = 04B
"""

JSON = """\
{
  "primaryUrl": "ws://one.example/",
  "secondaryUrl": "ws://two.example/",
  "logLevel": "info",
  "proxy": {
    "host": "0.0.0.0",
    "port": 9000
  }
}
"""

ENV = """\
WS_SERVER_PORT=3000
HTTP_SERVER_PORT=8000
DB_NAME=csms
DB_HOST=db
DB_USER=csms
HEARTBEAT_INTERVAL=60
"""


def problems(folder: Path, name: str, text: str | bytes, *more: tuple[str, str]) -> list[str]:
    """List what is wrong, without the folder."""
    files = []
    for file, content in ((name, text), *more):
        files.append(folder / file)
        files[-1].write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(ConfigErrors) as wrong:
        convert(files)
    return [str(problem).removeprefix(f"{folder}/") for problem in wrong.value.problems]


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (("addr = 0.0.0.0\n", ""), "1: host.addr: is missing"),
        (("8321", "http"), "3: host.port: must be a port"),
        (("8321", "0"), "3: host.port: must be a port"),
        (("8321", "65536"), "3: host.port: must be a port"),
        (("8321", "8321\nping_timeout = soon"), "4: host.ping_timeout: must be a number of seconds"),
        (("8321", "8321\nWatchdog_Stale: -1"), "4: host.watchdog_stale: must be a number of seconds"),
        (("8321", "8321\nwatchdog_interval = inf"), "4: host.watchdog_interval: must be a number of seconds"),
        (("server = ws://one.example\n", "", 1), "5: ext-server.server: is missing"),
        (("ws://one.example", "one.example:80"), "6: ext-server.server: must start with ws:// or wss://"),
        (("ws://one.example", "http://one.example"), "6: ext-server.server: must start with ws:// or wss://"),
        (("ws://one.example", "ws://"), "6: ext-server.server: "),
        (("ws://one.example", "ws://one.example:port"), "6: ext-server.server: is not a URL"),
        (("ws://one.example", "ws://[one"), "6: ext-server.server: is not a URL"),
        (("ws://one.example", "ws://one.example#x"), "6: ext-server.server: must not contain a fragment"),
        (("ws://two.example", "ws://two example"), "8: ext-server.secondary_server: is not a URL"),
        (("ws://two.example", "ws://two%20example"), "8: ext-server.secondary_server: holds a % that leads nowhere"),
        (("secondary_rfid = 04B\n", ""), "5: ext-server.secondary_rfid: is missing"),
        (("04B", "04A"), "9: ext-server.secondary_rfid: is the same as primary_rfid"),
        (("04B", "04*"), "9: ext-server.secondary_rfid: holds a *"),
        (("[host]", "[logging]\nproxy = INFOO\n[host]"), "2: logging.proxy: must be one of"),
        (("[host]", "[logging]\nproxy = INFOO\n[host]"), 'did you mean "info"?'),
        (("[host]", "host"), "1: is not INI: the first line must be a [section]"),
        (("port = 8321", "port 8321"), "3: is not INI: neither [section] nor key = value"),
        (("port", "addr"), "3: host.addr: is not INI: the key stands there twice"),
        (("[ext-server]", "[host]"), "5: host: is not INI: the section stands there twice"),
    ],
)
def test_a_mistake_in_the_ini_file(tmp_path: Path, change: tuple[str, str], told: str) -> None:
    """What is wrong in an INI file is told with the file, the line and the key."""
    text = INI.replace(*change)
    assert text != INI
    found = problems(tmp_path, "proxy.ini", text)
    assert len(found) == 1
    assert found[0].startswith("proxy.ini:")
    assert told in found[0]


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (('"host": "0.0.0.0",', ""), "config.json:5: proxy.host: is missing"),
        (('"0.0.0.0"', "0"), "config.json:6: proxy.host: must be text in quotes"),
        (("9000", "true"), "config.json:7: proxy.port: must be a port"),
        (("9000", "90000"), "config.json:7: proxy.port: must be a port"),
        (("9000", "9000.5"), "config.json:7: proxy.port: must be a port"),
        (("9000", "null"), "config.json:7: proxy.port: is missing"),
        (('"info"', '"chatty"'), "config.json:4: logLevel: must be one of"),
        (('"primaryUrl": "ws://one.example/",', ""), "config.json: primaryUrl: is missing"),
        (("ws://one.example/", "ws://one.example"), "config.json:2: primaryUrl: ends in the host"),
        (("ws://two.example/", "ws://two.example/#"), "config.json:3: secondaryUrl: must not contain a fragment"),
        (("ws://two.example/", "ws://two.example/\\n"), None),
        (("ws://two.example/", "ws://two.\\nexample/"), "config.json:3: secondaryUrl: is not a URL"),
        (('"ws://two.example/"', '["ws://two.example/"]'), "config.json:3: secondaryUrl: must be text in quotes"),
        (('"info",', '"info"'), "config.json:5: is not JSON: Expecting ',' delimiter"),
        (("9000", "NaN"), "config.json: is not JSON: NaN is no value"),
        (('"info"', '"\\ud800"'), "config.json: is not text"),
        (("9000", "9" * 5000), "config.json: is not JSON"),
    ],
)
def test_a_mistake_in_config_json(tmp_path: Path, change: tuple[str, str], told: str | None) -> None:
    """What is wrong in a JSON file is told with the file, the line and the key; white space at an end is none."""
    text = JSON.replace(*change)
    assert text != JSON
    if told is None:
        (tmp_path / "config.json").write_text(text)
        assert convert([tmp_path / "config.json"])
        return
    found = problems(tmp_path, "config.json", text)
    assert len(found) == 1
    assert found[0].startswith(told)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (("3000", "http"), ".env.backend:1: WS_SERVER_PORT: must be a port"),
        (("8000", "3000"), ".env.backend:2: HTTP_SERVER_PORT: is the port of the stations as well"),
        (("DB_NAME=csms\n", ""), ".env.backend: DB_NAME: is missing"),
        (("DB_HOST=db", "DB_HOST="), ".env.backend:4: DB_HOST: is missing"),
        (("DB_HOST=db", "DB_HOST=$HOST/x"), ".env.backend:4: DB_HOST: is no host"),
        (("60", "a minute"), ".env.backend:6: HEARTBEAT_INTERVAL: must be a number of seconds"),
        (("60", "86401"), ".env.backend:6: HEARTBEAT_INTERVAL: must be a number of seconds from 1 to 86400"),
        (("60", "60\nRESPONSE_TIMEOUT=0"), ".env.backend:7: RESPONSE_TIMEOUT: must be a number of seconds"),
        (("60", "60\nRABBITMQ_PORT=amqp"), ".env.backend:7: RABBITMQ_PORT: must be a port"),
        (("60", "60\nand so on"), ".env.backend:7: is not NAME=value"),
    ],
)
def test_a_mistake_in_the_variables(tmp_path: Path, change: tuple[str, str], told: str) -> None:
    """What is wrong in a file of variables is told with the file, the line and the name."""
    text = ENV.replace(*change)
    assert text != ENV
    (found,) = problems(tmp_path, ".env.backend", text)
    assert found.startswith(told)


def test_every_mistake_at_once(tmp_path: Path) -> None:
    """All that is wrong is told in one run, in the order of the file."""
    text = INI.replace("8321", "x").replace("ws://two", "ftp://two").replace("addr = 0.0.0.0\n", "")
    found = problems(tmp_path, "proxy.ini", text)
    assert [line.split(": ")[1] for line in found] == ["host.addr", "host.port", "ext-server.secondary_server"]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('{"CP1": "North",\n "CP2": {"name": "South"}}', "names.json:2: CP2: must be the name of a charger"),
        ('{"CP1": 7}', "names.json:1: CP1: must be text in quotes"),
        ('{"": "Nobody"}', 'names.json:1: "": an identity has 1 to 255 characters'),
        (f'{{"{"x" * 256}": "Long"}}', f"names.json:1: {'x' * 256}: an identity has"),
        ('["CP1"]', "names.json: must hold an object"),
        ("CP1", "names.json:1: is not JSON"),
    ],
)
def test_a_mistake_in_the_names(tmp_path: Path, text: str, told: str) -> None:
    """What is wrong in the file of names is told as well."""
    (found,) = problems(tmp_path, "config.json", JSON, ("names.json", text))
    assert found.startswith(told)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("voltgate.toml", '[listen]\nstations = ["ws://127.0.0.1:9000"]\n'),
        ("nginx.conf", "server { listen 6066; }\n"),
        ("package.json", '{"name": "ocpp", "version": [1]}'),
        ("other.ini", "[section]\nkey = value\n"),
        ("empty", ""),
        (".env", "DATABASE_URL=postgresql://db/app\n"),
    ],
)
def test_an_unknown_format(tmp_path: Path, name: str, text: str) -> None:
    """A file of neither proxy is refused with the formats that are known."""
    (found,) = problems(tmp_path, name, text)
    assert found.startswith(f"{name}: is in no format that can be converted: known are ocpp-2w-proxy.ini")


def test_the_format_is_told_by_the_content(tmp_path: Path) -> None:
    """A file whose name says nothing is known by what stands in it."""
    for number, text in enumerate((INI, JSON, "\ufeff" + JSON)):
        file = tmp_path / f"settings{number}"
        file.write_text(text, "utf-8")
        assert "[backends.primary]" in convert([file])
    (tmp_path / "backend").write_text(ENV)
    assert 'url = "local:"' in convert([tmp_path / "backend"])


def test_files_that_do_not_belong_together(tmp_path: Path) -> None:
    """Too many files, or the names first, are told apart from a file that is wrong."""
    names = ("names.json", '{"CP1": "North"}')
    assert "write config.json before it" in problems(tmp_path, *names, ("config.json", JSON))[0]
    assert "proxy.ini comes alone" in problems(tmp_path, "proxy.ini", INI, names)[0]
    assert ".env comes alone" in problems(tmp_path, ".env", ENV, names)[0]
    assert "is one too many" in problems(tmp_path, "config.json", JSON, names, ("more.json", "{}"))[0]


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    """A file that is missing, a folder, not text or nested beyond measure is refused with a sentence."""
    with pytest.raises(ConfigErrors, match=r"none\.ini: cannot be read: No such file"):
        convert([tmp_path / "none.ini"])
    with pytest.raises(ConfigErrors, match="cannot be read: Is a directory"):
        convert([tmp_path])
    assert problems(tmp_path, "a.ini", b"[host]\naddr = \xff\n") == ["a.ini:2: is not UTF-8 text"]
    assert problems(tmp_path, "a.json", "[" * 100_000) == ["a.json: is nested too deeply"]
