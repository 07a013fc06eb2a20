"""From `[alerts]` to the wires: each kind of channel as it is configured sends a message to a real server."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest

from tests.alerts.http_servers import receiver
from tests.alerts.messages import faulted
from tests.alerts.smtp_servers import PASSWORD, USER, Inbox, server_context, smtp_server
from tests.harness.waiting import within
from tests.keypair import write_chain
from voltgate.alerts import templates
from voltgate.alerts.templates import Item, Template, Templates, compose
from voltgate.app.alert_channels import channels_of, templates_of
from voltgate.config import read
from voltgate.config.alerts import EVENTS, FIELDS, Alerts, AlertTemplate

RULE = '[[alerts.rules]]\nevents = ["*"]\nchannels = ["post", "phone", "hook", "others"]\n'


def alerts(folder: Path, text: str) -> Alerts:
    """Read `[alerts]` as it is written."""
    file = folder / "voltgate.toml"
    file.write_text(text)
    return read(file, {"SMTP_PASSWORD": PASSWORD}).config.alerts


@pytest.mark.filterwarnings("ignore:'imghdr':DeprecationWarning")  # Apprise, in Python 3.11 and 3.12
async def test_each_channel_sends(tmp_path: Path) -> None:
    """Mail, Pushover, webhook and Apprise, by one file, with a secret from the environment."""
    chain, key, root = write_chain(tmp_path)
    inbox = Inbox()
    async with smtp_server(inbox, server_context(chain, key), auth=True) as smtp, receiver() as server:
        found = alerts(
            tmp_path,
            f"""{RULE}
[alerts.channels.post.mail]
from = "Voltgate <alerts@example.com>"
to = "ops@example.com, Bob <bob@example.com>"
host = "127.0.0.1"
port = {smtp}
auth = {{ user = "{USER}", pass = {{ env = "SMTP_PASSWORD" }} }}
ca = "{root.name}"
[alerts.channels.phone.pushover]
user = "me"
token = "it"
endpoint = "http://127.0.0.1:{server.port}/push"
[alerts.channels.hook.webhook]
url = "http://127.0.0.1:{server.port}/hook"
secret = "shared"
[alerts.channels.others.apprise]
urls = ["json://127.0.0.1:{server.port}/apprise"]
""",
        )
        for name, channel in channels_of(found).items():
            assert await within(channel.send(faulted()), f"{name} has sent it") == ""
    assert [recipients for recipients, _ in inbox.mails] == [["ops@example.com", "bob@example.com"]]
    assert inbox.secure == [True]
    assert [path for path, _, _ in server.got] == ["/push", "/hook", "/apprise"]
    assert server.got[1][1]["webhook-signature"].startswith("v1,")
    assert json.loads(server.got[2][2])["title"] == faulted().subject


def test_what_has_not_changed_goes_on(tmp_path: Path) -> None:
    """A channel is the same after a change of others: it knows who has got which message."""
    text = '[alerts.channels.{}.webhook]\nurl = "https://x.example/{}"\n'
    first = channels_of(alerts(tmp_path, text.format("a", 1) + text.format("b", 1)))
    then = channels_of(alerts(tmp_path, text.format("a", 1) + text.format("b", 2) + text.format("c", 1)), first)
    assert [then[name] is first.get(name) for name in "abc"] == [True, False, False]


def test_templates_by_event(tmp_path: Path) -> None:
    """What an event leaves out is as in the default; HTML is taken from there only with the text."""
    found = templates_of(
        alerts(
            tmp_path,
            "[alerts.templates.default]\nsubject = '! {title}'\ntext = '{name}'\nhtml = '<b>{name}</b>'\n"
            "[alerts.templates.stationSilent]\nsubject = 'silent: {name}'\n"
            "[alerts.templates.clockWrong]\ntext = '{seconds} s'\n",
        )
    )
    assert found[""] == Templates("! {title}", "{name}", "<b>{name}</b>")
    assert found["stationSilent"] == Templates("silent: {name}", "{name}", "<b>{name}</b>")
    assert found["clockWrong"] == Templates("! {title}", "{seconds} s", None)
    assert templates_of(alerts(tmp_path, "")) == {"": templates.DEFAULT}


def test_the_names_are_those_of_the_catalogue() -> None:
    """Rules and templates may name each alert that there is, and each field of its event; its texts are templates."""
    catalogue = pytest.importorskip("voltgate.alerts.catalogue")
    assert set(EVENTS) == set(catalogue.ALERTS)
    assert EVENTS[:18] == catalogue.SEED
    for kind in catalogue.ALERTS.values():
        assert {field.name for field in dataclasses.fields(kind.event)} <= set(FIELDS), kind.name
        for text in (kind.title, kind.body):
            Template(text)
            assert AlertTemplate(text=text).text == text


def test_every_detail_is_a_field() -> None:
    """What the lines of a message are made from may stand in a template as well."""
    fields: dict[str, Any] = {name: f"<{name}>" for name in FIELDS} | dict.fromkeys(
        ("seconds", "energy_wh", "lasted"), 1.0
    )
    message = compose("id", "alert", [Item("x", "{title}", "info", 0, fields)])
    labels = [line.partition(":")[0] for line in message.text.splitlines()]
    assert labels == [label for label, _ in templates._DETAILS]
