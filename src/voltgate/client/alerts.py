"""What the commands for alerts do: show them and the messages about them, test a channel, mute."""

from __future__ import annotations

import time
from typing import Any

import typer

from voltgate.client.api import PAGE, Api, path
from voltgate.client.failure import Refused
from voltgate.client.output import Json, print_json, print_newest, remark, report
from voltgate.client.table import Column, show
from voltgate.client.terminal_text import clean, moment, word

_LOOK = 0.3
"""Seconds between two looks at what has become of a test."""

ALERT = (
    Column("at", "at", moment),
    Column("status", "status"),
    Column("severity", "severity"),
    Column("rule", "rule"),
    Column("alert", "title"),
    Column("station", "station"),
    Column("over", "ended", moment),
)
DELIVERY = (
    Column("created", "created", moment),
    Column("channel", "channel"),
    Column("kind", "kind"),
    Column("status", "status"),
    Column("tries", "attempts", number=True),
    Column("subject", "subject"),
    Column("error", "error"),
)
MUTE = (
    Column("id", "id"),
    Column("events", "events", word),
    Column("stations", "stations", word),
    Column("backends", "backends", word),
    Column("until", "until", moment),
    Column("by", "by"),
    Column("reason", "reason"),
    Column("now", "active", lambda active: "" if active else "over"),
)


def list_alerts(api: Api, limit: int, as_json: bool, **query: Any) -> None:
    """Print alerts, the last one first."""
    print_newest(api.newest("alerts", limit, **query), ALERT, "alert", as_json)


def list_deliveries(api: Api, limit: int, as_json: bool, **query: Any) -> None:
    """Print messages to people, the last one first."""
    print_newest(api.newest("alerts/deliveries", limit, **query), DELIVERY, "message", as_json)


def try_channel(api: Api, channel: str, wait: float, as_json: bool) -> None:
    """Send a test message, and say what became of it. Raise Refused if it did not get through in time."""
    sent: Json = api.ask("POST", path("alerts", "channels", channel, "test"))
    until = time.monotonic() + wait
    while not sent["error"] and sent["status"] == "due" and time.monotonic() < until:
        time.sleep(_LOOK)
        found = api.get("alerts/deliveries", channel=channel, limit=PAGE)["items"]
        sent = next((each for each in found if each["id"] == sent["id"]), sent)
    if as_json:
        print_json(sent)
    if sent["status"] != "sent":
        why = clean(str(sent["error"])) if sent["error"] else f"nothing was heard within {wait:g} seconds"
        again = "it is tried again" if sent["status"] == "due" else "it is not tried again"
        raise Refused(f"the message did not get through: {why} ({again})")
    if not as_json:
        note = f" ({clean(str(sent['note']))})" if sent["note"] else ""
        typer.echo(f"{clean(channel)} has taken the message{note}")


def list_mutes(api: Api, as_json: bool) -> None:
    """Print what is muted."""
    found = api.get("alerts/mutes")
    if as_json:
        print_json(found)
    elif not found["items"]:
        remark("nothing is muted but by [[alerts.mute]] of the configuration, which this does not list")
    else:
        show(MUTE, found["items"])


def mute(api: Api, wanted: Json, as_json: bool) -> None:
    """Mute something, and print what takes it back."""
    made: Json = api.ask("POST", "alerts/mutes", wanted)
    if as_json:
        print_json(made)
        return
    typer.echo(clean(str(made["id"])))
    until = f"until {moment(made['until'])}" if made["until"] else "until it is taken back"
    remark(f"muted {until}: voltgate alerts unmute {made['id']}")


def unmute(api: Api, mute: str, as_json: bool) -> None:
    """Take a mute back."""
    api.ask("DELETE", path("alerts", "mutes", mute))
    report({"removed": mute}, "it is told again", as_json)
