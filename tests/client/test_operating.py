"""The commands for stations: what is asked of the API, and what is printed of its answers."""

from __future__ import annotations

import json
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from tests.client.counterpart import Counterpart, Terminal, problem
from tests.client.test_real import terminal
from tests.harness import Stage
from tests.harness.waiting import until
from tests.web.csms import LOCAL
from voltgate.client.api import Api
from voltgate.client.operating import app

WHERE = "csms/stations/CP1/commands"
COMMANDS = {
    "items": [
        {
            "name": "reserve",
            "parameters": {
                "properties": {"token": {"type": "string"}, "evse": {"type": "integer"}, "kind": {"enum": ["a"]}}
            },
        },
    ]
}


def answer(command: str, **more: Any) -> dict[str, Any]:
    """Return what the API answers."""
    said = {"station": "CP1", "command": command, "accepted": True, "status": "Accepted", "info": "", "result": {}}
    return said | {"sent": True, "follow": None} | more


def typed(api: Counterpart, line: str) -> Result:
    """Run a command in this process, which is much quicker."""
    return CliRunner().invoke(app, line.split(), env={"VOLTGATE_URL": api.url, "VOLTGATE_TOKEN": "x"})


ASKED: list[tuple[str, str, dict[str, Any]]] = [
    ("reset CP1", "reset", {}),
    ("reset CP1 --kind hard --evse 2", "reset", {"kind": "hard", "evse": 2}),
    ("start CP1 --token 0412", "start", {"token": "0412"}),
    ("stop CP1 --transaction 7", "stop", {"transaction": "7"}),
    ("unlock CP1", "unlock", {"evse": 1}),
    ("availability CP1 --inoperative --evse 1", "availability", {"operative": False, "evse": 1}),
    ("limit CP1 -A 16 --evse 1", "limit", {"limit": 16.0, "unit": "A", "evse": 1}),
    ("limit CP1 --watts 11000 --seconds 60", "limit", {"limit": 11000.0, "unit": "W", "seconds": 60}),
    ("limit CP1 --lift", "limit", {"limit": None, "unit": "A"}),
    ("trigger CP1 --message MeterValues", "trigger", {"message": "MeterValues"}),
    ("firmware CP1 --location https://f/x", "firmware", {"location": "https://f/x"}),
    ("logs CP1", "logs", {}),
    ("configuration get CP1", "configuration-get", {"settings": []}),
    ("configuration get CP1 A B", "configuration-get", {"settings": ["A", "B"]}),
    (
        "configuration set CP1 A=1 B=x=y",
        "configuration-set",
        {"values": [{"setting": "A", "value": "1"}, {"setting": "B", "value": "x=y"}]},
    ),
    ("command reserve CP1 token=0412 evse=1 kind=a", "reserve", {"token": "0412", "evse": 1, "kind": "a"}),
]
"""What is typed, which command that is, and its parameters."""


def test_what_is_asked(api: Counterpart) -> None:
    """Each command has options of its own; only what was named is sent."""
    api.says("GET commands", COMMANDS)
    for line, command, fields in ASKED:
        api.says(f"POST {WHERE}/{command}", answer(command))
        ended = typed(api, line)
        assert (ended.exit_code, ended.stdout) == (0, f"CP1 accepted {command}: Accepted\n"), ended.stderr
        assert api.asked[-1].json == fields


def test_the_gateway_has_time_to_answer(api: Counterpart, monkeypatch: pytest.MonkeyPatch) -> None:
    """A command may be ten messages, each of which the station has so long for; and then the answer is on its way."""
    waits: list[float] = []
    ask = Api.ask

    def noted(self: Api, *given: Any, wait: float = 0.0) -> Any:
        waits.append(wait)
        return ask(self, *given, wait=wait)

    monkeypatch.setattr(Api, "ask", noted)
    api.says(f"POST {WHERE}/reset", answer("reset"))
    assert typed(api, "reset CP1 --timeout 20").exit_code == 0
    assert waits == [215.0]


def test_what_is_printed(api: Counterpart, voltgate: Terminal) -> None:
    """The result as JSON, and what the station will send; a refusal and a silence end with 1."""
    follow = {"actions": ["LogStatusNotification"], "request": 7}
    api.says(f"POST {WHERE}/logs", answer("logs", result={"file": "x\x1b"}, follow=follow))
    ended = voltgate("logs", "CP1")
    assert json.loads(ended.out.partition("\n")[2]) == {"file": "x\x1b"}
    assert ended.err == "it will send LogStatusNotification, request 7: voltgate csms-stations notes CP1 --about 7\n"
    following = {"actions": ["NotifyReport"], "request": 8}
    api.says(f"POST {WHERE}/configuration-get", answer("configuration-get", follow=following))
    said = typed(api, "configuration get CP1").stderr
    assert said == "it will send NotifyReport: voltgate csms-stations variables CP1\n"
    assert voltgate("logs", "CP1", "--json").json["follow"] == follow
    api.says(f"POST {WHERE}/logs", answer("logs", accepted=False, status="Rejected"))
    ended = voltgate("logs", "CP1")
    assert (ended.code, ended.err) == (1, "voltgate: CP1 refused logs: Rejected\n")
    api.says(f"POST {WHERE}/logs", problem(504, "Gateway Timeout", "No answer within 30 s.", sent=True))
    assert voltgate("logs", "CP1").code == 1


def test_settings_are_a_table(api: Counterpart) -> None:
    """What a station has set is a row for each setting; a setting that it refuses is shown with the rest."""
    item = {"name": "A", "key": "A", "variable": {"component": "C"}, "value": "1", "readonly": True, "info": ""}
    got = answer("configuration-get", result={"items": [item | {"status": "Accepted"}]})
    api.says(f"POST {WHERE}/configuration-get", got)
    lines = typed(api, "configuration get CP1").stdout.splitlines()
    assert [line.split() for line in lines[1:]] == [
        ["setting", "value", "read", "only"],
        ["A", "1", "yes"],
    ]
    items = [{"name": "A", "status": "Accepted"}, {"name": "B", "status": "Rejected"}]
    api.says(f"POST {WHERE}/configuration-set", answer("configuration-set", accepted=False, result={"items": items}))
    ended = typed(api, "configuration set CP1 A=1 B=2")
    assert [line.split() for line in ended.stdout.splitlines()[1:]] == [["A", "Accepted"], ["B", "Rejected"]]


WRONG = [
    ("reset", "name a station"),
    ("reset CP1 --on all", "name a station"),
    ("limit CP1", "say how much"),
    ("limit CP1 -A 1 -W 1", "say how much"),
    ("configuration set CP1 A", "name settings with their values"),
    ("command rest CP1", "there is no command rest: `voltgate commands` lists them"),
    ("command reserve CP1 x=1", "it has token, evse, kind"),
    ("reset --on north", "--on is"),
    ("reset --stations nofile", "nofile cannot be read: No such file or directory"),
]
"""What is typed, and what is said of it."""


def test_what_is_not_asked(api: Counterpart) -> None:
    """A mistake is told before any station is."""
    api.says("GET commands", COMMANDS)
    for line, said in WRONG:
        ended = typed(api, line)
        assert ended.exit_code != 0
        assert said in " ".join(ended.stderr.replace("│", " ").split())
    assert all(each.method == "GET" for each in api.asked)


async def test_a_job(stage: Stage) -> None:
    """A command for all stations is a job, which is listed, shown, and cancelled."""
    voltgate = await terminal(stage, **LOCAL)
    for name in ("CP-1", "CP-2"):
        assert (await voltgate("networks", "station", "main", name)).code == 0
    (voltgate.gateway.folder / "list").write_text("CP-1\nCP-2\n")
    made = await voltgate("reset", "--stations", "list", "--kind", "hard")
    job = made.out.strip()
    assert made.err == f"reset for 2 stations: voltgate jobs show {job}\n"
    (listed,) = (await voltgate("jobs")).out.splitlines()[1:]
    assert listed.split()[:2] == [job, "reset"]
    whole = (await voltgate("jobs", "show", job, "--json")).json
    assert ({each["station"] for each in whole["items"]}, whole["parameters"]) == ({"CP-1", "CP-2"}, {"kind": "hard"})

    async def waits() -> bool:  # for stations that are not there, once both were looked for
        return "waiting 2" in (await voltgate("jobs", "show", job)).out

    await until(waits, "both items wait")
    assert (await voltgate("jobs", "cancel", job)).code == 0
    other = await voltgate("configuration", "set", "A=1", "--on", "network=main")
    assert (other.code, other.err.startswith("configuration-set for 2 stations")) == (0, True)
