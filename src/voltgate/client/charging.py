"""The commands of the management system: networks, id tokens and transactions."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from voltgate.client.cli import AsJson, ConfigFile, Limit, TokenFile, Url, asking
from voltgate.client.commands import changed, command
from voltgate.client.listing import Listing

if TYPE_CHECKING:
    from voltgate.client.api import Api


app = typer.Typer(add_completion=False)
networks = typer.Typer(add_completion=False, cls=Listing)
id_tokens = typer.Typer(add_completion=False, cls=Listing)
app.add_typer(networks, name="networks")
app.add_typer(id_tokens, name="id-tokens")

Name = Annotated[str, typer.Argument(metavar="NETWORK", help="The id of a network.", show_default=False)]
Token = Annotated[str, typer.Argument(metavar="TOKEN", help="However it is written.", show_default=False)]
Network = Annotated[str | None, typer.Option(metavar="NETWORK", help="Only those of this network.")]
Text = Annotated[str | None, typer.Option(metavar="TEXT", help="Only those that have it in them.")]
Format = Annotated[str | None, typer.Option("--format", metavar="FORM", help="csv, json or jsonl; else as FILE ends.")]


# Networks.


@networks.callback()
def all_networks() -> None:
    """List charging networks, or sites; make and delete one."""


@networks.command("list")
def list_networks(
    limit: Limit = 100,
    as_json: AsJson = False,
    url: Url = None,
    token_file: TokenFile = None,
    config: ConfigFile = None,
) -> None:
    """List the networks, with how many stations each has."""
    with asking(url, token_file, config) as api:
        from voltgate.client import networks as client  # noqa: PLC0415

        client.list_networks(api, limit, as_json)


@networks.command("show")
def show_network(
    network: Name,
    as_json: AsJson = False,
    url: Url = None,
    token_file: TokenFile = None,
    config: ConfigFile = None,
) -> None:
    """Show one network."""
    with asking(url, token_file, config) as api:
        from voltgate.client import networks as client  # noqa: PLC0415

        client.show_network(api, network, as_json)


@networks.command("add")
def add_network(
    network: Name,
    name: Annotated[str, typer.Option(help="Its name, for people.")] = "",
    location: Annotated[str, typer.Option(help="Where it is.")] = "",
    interval: Annotated[int | None, typer.Option(metavar="SECONDS", min=1, help="Between its heartbeats.")] = None,
    currency: Annotated[str | None, typer.Option(metavar="CODE", help="Of its costs: EUR, CHF …")] = None,
    timezone: Annotated[str, typer.Option(metavar="ZONE", help="Where it is: Europe/Berlin …")] = "",
    as_json: AsJson = False,
    url: Url = None,
    token_file: TokenFile = None,
    config: ConfigFile = None,
) -> None:
    """Make a network."""
    configured = {"interval": interval, "currency": currency}
    wanted = {"id": network, "name": name, "location": location, "timezone": timezone, **configured}
    with asking(url, token_file, config) as api:
        from voltgate.client import networks as client  # noqa: PLC0415

        client.add_network(api, wanted, as_json)


@command(networks, "change")
def change_network(
    api: Api,
    as_json: bool,
    network: Name,
    name: Annotated[str | None, typer.Option(help="Its name, for people.")] = None,
    location: Annotated[str | None, typer.Option(help="Where it is.")] = None,
    interval: Annotated[int | None, typer.Option(metavar="SECONDS", min=1, help="Between its heartbeats.")] = None,
    currency: Annotated[str | None, typer.Option(metavar="CODE", help="Of its costs: EUR, CHF …")] = None,
    timezone: Annotated[str | None, typer.Option(metavar="ZONE", help="Where it is: Europe/Berlin …")] = None,
) -> None:
    """Change what is named of a network."""
    from voltgate.client import networks as client  # noqa: PLC0415

    change = changed(name=name, location=location, interval=interval, currency=currency, timezone=timezone)
    client.change_network(api, network, change, as_json)


@networks.command("remove")
def remove_network(
    network: Name,
    as_json: AsJson = False,
    url: Url = None,
    token_file: TokenFile = None,
    config: ConfigFile = None,
) -> None:
    """Delete a network that has no stations."""
    with asking(url, token_file, config) as api:
        from voltgate.client import networks as client  # noqa: PLC0415

        client.remove_network(api, network, as_json)


@networks.command("station")
def add_station(
    network: Name,
    identity: Annotated[str, typer.Argument(metavar="IDENTITY", help="A station.", show_default=False)],
    name: Annotated[str, typer.Option(help="Its name, for people.")] = "",
    location: Annotated[str, typer.Option(help="Where it is.")] = "",
    as_json: AsJson = False,
    url: Url = None,
    token_file: TokenFile = None,
    config: ConfigFile = None,
) -> None:
    """Make a station in a network, and let it in."""
    with asking(url, token_file, config) as api:
        from voltgate.client import networks as client  # noqa: PLC0415

        client.add_station(api, network, {"identity": identity, "name": name, "location": location}, as_json)


# Id tokens.


@id_tokens.callback()
def all_tokens() -> None:
    """List, add, block, import and export what people charge by: RFID cards and others."""


@id_tokens.command("list")
def list_tokens(
    group: Annotated[str | None, typer.Option(help="Only those of this group.")] = None,
    network: Network = None,
    status: Annotated[str | None, typer.Option(help="Only those that are Accepted, or Blocked.")] = None,
    text: Text = None,
    limit: Limit = 100,
    as_json: AsJson = False,
    url: Url = None,
    token_file: TokenFile = None,
    config: ConfigFile = None,
) -> None:
    """List the tokens that are known."""
    query = {"group": group, "network": network, "status": status, "text": text}
    with asking(url, token_file, config) as api:
        from voltgate.client import id_tokens as client  # noqa: PLC0415

        client.list_tokens(api, limit, as_json, **query)


@id_tokens.command("add")
def add_token(
    token: Token,
    kind: Annotated[str, typer.Option("--type", help="The type of 2.x: ISO14443, eMAID …")] = "",
    group: Annotated[str, typer.Option(help="The group that it is of.")] = "",
    expires: Annotated[str | None, typer.Option(metavar="TIME", help="RFC 3339, or a day.")] = None,
    concurrent: Annotated[int, typer.Option(min=0, help="Transactions at once; 0: any number.")] = 0,
    network: Annotated[str, typer.Option(metavar="NETWORK", help="The only one that it may charge in.")] = "",
    holder: Annotated[str, typer.Option(help="Whose it is.")] = "",
    as_json: AsJson = False,
    url: Url = None,
    token_file: TokenFile = None,
    config: ConfigFile = None,
) -> None:
    """Make a token known: whoever has it may charge."""
    wanted = {
        "token": token,
        "type": kind,
        "group": group,
        "expires": expires,
        "concurrent": concurrent,
        "network": network,
        "holder": holder,
    }
    with asking(url, token_file, config) as api:
        from voltgate.client import id_tokens as client  # noqa: PLC0415

        client.add_token(api, wanted, as_json)


@command(id_tokens, "change")
def change_token(
    api: Api,
    as_json: bool,
    token: Token,
    kind: Annotated[str | None, typer.Option("--type", help="The type of 2.x: ISO14443, eMAID …")] = None,
    group: Annotated[str | None, typer.Option(help="The group that it is of.")] = None,
    expires: Annotated[str | None, typer.Option(metavar="TIME", help="RFC 3339, or a day; '': never.")] = None,
    concurrent: Annotated[int | None, typer.Option(min=0, help="Transactions at once; 0: any number.")] = None,
    network: Annotated[str | None, typer.Option(metavar="NETWORK", help="The only one; '': any.")] = None,
    holder: Annotated[str | None, typer.Option(help="Whose it is.")] = None,
) -> None:
    """Change what is named of a token."""
    from voltgate.client import id_tokens as client  # noqa: PLC0415

    change = changed(type=kind, group=group, expires=expires, concurrent=concurrent, network=network, holder=holder)
    if expires == "":
        change["expires"] = None
    client.change_token(api, token, change, as_json)


@id_tokens.command("block")
def block_token(
    token: Token,
    undo: Annotated[bool, typer.Option("--undo", help="Let it charge again.")] = False,
    as_json: AsJson = False,
    url: Url = None,
    token_file: TokenFile = None,
    config: ConfigFile = None,
) -> None:
    """Keep a token from charging, and remember it."""
    with asking(url, token_file, config) as api:
        from voltgate.client import id_tokens as client  # noqa: PLC0415

        client.block_token(api, token, as_json, blocked=not undo)


@id_tokens.command("remove")
def remove_token(
    token: Token,
    as_json: AsJson = False,
    url: Url = None,
    token_file: TokenFile = None,
    config: ConfigFile = None,
) -> None:
    """Delete a token."""
    with asking(url, token_file, config) as api:
        from voltgate.client import id_tokens as client  # noqa: PLC0415

        client.remove_token(api, token, as_json)


@id_tokens.command("import")
def import_tokens(
    file: Annotated[str, typer.Argument(metavar="FILE", help="A list; `-`: stdin.", show_default=False)],
    form: Format = None,
    as_json: AsJson = False,
    url: Url = None,
    token_file: TokenFile = None,
    config: ConfigFile = None,
) -> None:
    """Make the tokens of a list, in place of those that are there: all, or none when there is a mistake."""
    with asking(url, token_file, config) as api:
        from voltgate.client.imports import import_list  # noqa: PLC0415

        import_list(api, "id-tokens/import", "token", file, form, as_json)


@id_tokens.command("export")
def export_tokens(
    form: Annotated[str, typer.Option("--format", metavar="FORM", help="csv or jsonl.")] = "csv",
    as_json: AsJson = False,
    url: Url = None,
    token_file: TokenFile = None,
    config: ConfigFile = None,
) -> None:
    """Print all tokens, as they can be imported."""
    with asking(url, token_file, config) as api:
        from voltgate.client.output import print_text  # noqa: PLC0415

        print_text(api.text("id-tokens", format="jsonl" if as_json else form))


# Transactions.


@app.command()
def transactions(
    station: Annotated[str | None, typer.Argument(help="Only this station's.", show_default=False)] = None,
    ref: Annotated[str | None, typer.Argument(help="This one of them.", show_default=False)] = None,
    network: Network = None,
    token: Annotated[str | None, typer.Option(help="Only those of this token.")] = None,
    state: Annotated[str | None, typer.Option(help="Only those that are running, or have ended.")] = None,
    began_from: Annotated[str | None, typer.Option("--from", metavar="TIME", help="Begun then or later.")] = None,
    began_to: Annotated[str | None, typer.Option("--to", metavar="TIME", help="Begun before.")] = None,
    estimated: Annotated[bool | None, typer.Option("--estimated/--told", help="By how their end is known.")] = None,
    text: Text = None,
    sort: Annotated[str | None, typer.Option(metavar="KEY", help="began or ended; -ended for the other way.")] = None,
    limit: Limit = 100,
    totals: Annotated[bool, typer.Option("--totals", help="Print what they come to.")] = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print all of them, or all values of one, as CSV.")] = False,
    plot: Annotated[Path | None, typer.Option(metavar="FILE", help="Draw one as SVG.")] = None,
    as_json: AsJson = False,
    url: Url = None,
    token_file: TokenFile = None,
    config: ConfigFile = None,
) -> None:
    """List transactions, or show one."""
    if ref is None and plot is not None:
        raise typer.BadParameter("name a station and one of its transactions", param_hint="--plot")
    query = {"station": station, "network": network, "token": token, "state": state, "estimated": estimated}
    query |= {"text": text, "began_from": began_from, "began_to": began_to}
    with asking(url, token_file, config) as api:
        from voltgate.client import transactions as client  # noqa: PLC0415

        if station is not None and ref is not None:
            client.one(api, station, ref, as_json=as_json, as_csv=as_csv, plot=plot)
        elif totals:
            client.print_totals(api, as_json, **query)
        elif as_csv:
            client.print_csv(api, **query, sort=sort)
        else:
            client.list_transactions(api, limit, as_json, **query, sort=sort)
