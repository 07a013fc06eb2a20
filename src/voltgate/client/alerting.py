"""The commands for alerts."""

from __future__ import annotations

from typing import Annotated

import typer

from voltgate.client.cli import AsJson, ConfigFile, Limit, TokenFile, Url, asking
from voltgate.client.history import When, asked_time
from voltgate.client.lengths import seconds
from voltgate.client.listing import Listing

app = typer.Typer(add_completion=False)
alerts = typer.Typer(add_completion=False, cls=Listing)
app.add_typer(alerts, name="alerts")

Station = Annotated[str | None, typer.Option(metavar="STATION", help="Only of this station.")]
Event = Annotated[str | None, typer.Option(metavar="NAME", help="Only of this event: conStatusFaulted, …")]
Globs = list[str] | None


@alerts.callback()
def all_alerts() -> None:
    """List alerts, and the messages to people about them; test a channel; mute."""


@alerts.command("list")
def list_alerts(
    status: Annotated[str | None, typer.Option(help="Only those that are held, open, muted, recovered, …")] = None,
    station: Station = None,
    event: Event = None,
    rule: Annotated[str | None, typer.Option(metavar="NAME", help="Only of this rule.")] = None,
    since: When = None,
    limit: Limit = 50,
    as_json: AsJson = False,
    url: Url = None,
    token_file: TokenFile = None,
    config: ConfigFile = None,
) -> None:
    """List alerts, the last one first."""
    with asking(url, token_file, config) as api:
        from voltgate.client import alerts as client  # noqa: PLC0415

        query = {
            "status": status,
            "station": station,
            "event": event,
            "rule": rule,
            "since": asked_time(since, "--since"),
        }
        client.list_alerts(api, limit, as_json, **query)


@alerts.command("deliveries")
def list_deliveries(
    channel: Annotated[str | None, typer.Option(metavar="NAME", help="Only to this channel.")] = None,
    status: Annotated[str | None, typer.Option(help='Only those that are due, sent, "given up", digest, …')] = None,
    since: When = None,
    limit: Limit = 50,
    as_json: AsJson = False,
    url: Url = None,
    token_file: TokenFile = None,
    config: ConfigFile = None,
) -> None:
    """List the messages to people, and what became of each."""
    with asking(url, token_file, config) as api:
        from voltgate.client import alerts as client  # noqa: PLC0415

        client.list_deliveries(api, limit, as_json, channel=channel, status=status, since=asked_time(since, "--since"))


@alerts.command("test")
def try_channel(
    channel: Annotated[str, typer.Argument(metavar="CHANNEL", help="Its name.", show_default=False)],
    wait: Annotated[float, typer.Option(min=1, max=600, help="Seconds to wait for what becomes of it.")] = 60,
    as_json: AsJson = False,
    url: Url = None,
    token_file: TokenFile = None,
    config: ConfigFile = None,
) -> None:
    """Send a message that only shows that a channel works, and say what became of it."""
    with asking(url, token_file, config) as api:
        from voltgate.client import alerts as client  # noqa: PLC0415

        client.try_channel(api, channel, wait, as_json)


@alerts.command("mutes")
def list_mutes(
    as_json: AsJson = False, url: Url = None, token_file: TokenFile = None, config: ConfigFile = None
) -> None:
    """List what is muted."""
    with asking(url, token_file, config) as api:
        from voltgate.client import alerts as client  # noqa: PLC0415

        client.list_mutes(api, as_json)


@alerts.command("mute")
def mute(
    event: Annotated[Globs, typer.Option(metavar="NAME", help="These events, or patterns of them.")] = None,
    station: Annotated[Globs, typer.Option(metavar="STATION", help="These stations, or patterns of them.")] = None,
    backend: Annotated[Globs, typer.Option(metavar="NAME", help="These backends, or patterns of them.")] = None,
    length: Annotated[
        str | None, typer.Option("--for", metavar="TIME", help="For how long: 30m, 2h, 1d. Without: until unmuted.")
    ] = None,
    reason: Annotated[str, typer.Option(help="Why, for the list.")] = "",
    as_json: AsJson = False,
    url: Url = None,
    token_file: TokenFile = None,
    config: ConfigFile = None,
) -> None:
    """Have alerts not told; what endangers people is told all the same."""
    globs = {"events": event, "stations": station, "backends": backend}
    wanted = {name: given for name, given in globs.items() if given}
    if not wanted:
        raise typer.BadParameter("say what: --event, --station or --backend; --event '*' is all")
    with asking(url, token_file, config) as api:
        from voltgate.client import alerts as client  # noqa: PLC0415

        client.mute(api, {**wanted, "seconds": seconds(length), "reason": reason}, as_json)


@alerts.command("unmute")
def unmute(
    mute: Annotated[str, typer.Argument(metavar="ID", help="Of a mute.", show_default=False)],
    as_json: AsJson = False,
    url: Url = None,
    token_file: TokenFile = None,
    config: ConfigFile = None,
) -> None:
    """Take a mute back."""
    with asking(url, token_file, config) as api:
        from voltgate.client import alerts as client  # noqa: PLC0415

        client.unmute(api, mute, as_json)
