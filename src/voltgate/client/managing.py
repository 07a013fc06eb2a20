"""The commands for what the management system keeps of stations, its tariffs, reservations, and what can be told."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from voltgate.client.charging import Format, Network
from voltgate.client.cli import Limit, Ocpp, Offset
from voltgate.client.commands import changed, command, named
from voltgate.client.listing import Listing

if TYPE_CHECKING:
    from voltgate.client.api import Api

app = typer.Typer(add_completion=False)
stations = typer.Typer(add_completion=False, cls=Listing)
tariffs = typer.Typer(add_completion=False, cls=Listing)
app.add_typer(stations, name="csms-stations")
app.add_typer(tariffs, name="tariffs")

Identity = Annotated[str, typer.Argument(metavar="IDENTITY", help="A station.", show_default=False)]
Name = Annotated[str | None, typer.Option(help="Its name, for people.")]
Location = Annotated[str | None, typer.Option(help="Where it is.")]
In = Annotated[str | None, typer.Option("--network", metavar="NETWORK", help="The network that it is in.")]
Registration = Annotated[
    str | None,
    typer.Option(
        metavar="STATUS", help="What its boot is answered with: Accepted, Pending, Rejected; '': as csms has it."
    ),
]
Validation = Annotated[
    str | None, typer.Option(help="How strictly its payloads are read: lenient, strict; '': as csms has it.")
]
Time = typer.Option(metavar="TIME", help="RFC 3339, or a day.")


# Stations.


@stations.callback()
def all_stations() -> None:
    """List the stations that the management system knows; make, change, import and export them, see what they told."""


@command(stations, "list")
def list_stations(
    api: Api,
    as_json: bool,
    match: Annotated[str | None, typer.Option(metavar="GLOB", help="Only those called like that: 'A-*'.")] = None,
    network: Network = None,
    connected: Annotated[
        bool | None, typer.Option("--connected/--away", help="Only those that are connected, or are not.")
    ] = None,
    registration: Annotated[str | None, typer.Option(metavar="STATUS", help="Only those with this one.")] = None,
    ocpp: Ocpp = None,
    text: Annotated[str | None, typer.Option(metavar="TEXT", help="Part of its name, place, vendor …")] = None,
    limit: Limit = 100,
) -> None:
    """List the stations that the management system knows; `voltgate stations` has those of the gateway."""
    from voltgate.client import csms_stations as client  # noqa: PLC0415

    version = ocpp and f"ocpp{ocpp.removeprefix('ocpp')}"
    query = {"match": match, "network": network, "connected": connected, "registration": registration}
    client.list_stations(api, limit, as_json, **query, version=version, text=text)


@command(stations, "show")
def show_station(api: Api, as_json: bool, identity: Identity) -> None:
    """Show a station, with its connectors."""
    from voltgate.client import csms_stations as client  # noqa: PLC0415

    client.show_station(api, identity, as_json)


@command(stations, "add")
def add_station(
    api: Api,
    as_json: bool,
    identity: Identity,
    network: In = None,
    name: Name = None,
    location: Location = None,
    registration: Registration = None,
    validation: Validation = None,
) -> None:
    """Make a station, and let it in."""
    from voltgate.client import csms_stations as client  # noqa: PLC0415

    wanted = named(network=network, name=name, location=location, registration=registration, validation=validation)
    client.add_station(api, {"identity": identity, **wanted}, as_json)


@command(stations, "change")
def change_station(
    api: Api,
    as_json: bool,
    identity: Identity,
    network: In = None,
    name: Name = None,
    location: Location = None,
    registration: Registration = None,
    validation: Validation = None,
) -> None:
    """Change what is named of a station, or move it to another network."""
    from voltgate.client import csms_stations as client  # noqa: PLC0415

    change = changed(network=network, name=name, location=location, registration=registration, validation=validation)
    client.change_station(api, identity, change, as_json)


@command(stations, "remove")
def remove_station(api: Api, as_json: bool, identity: Identity) -> None:
    """Delete a station that charges nobody, and let it in no more. Its transactions are kept."""
    from voltgate.client import csms_stations as client  # noqa: PLC0415

    client.remove_station(api, identity, as_json)


@command(stations, "import")
def import_stations(
    api: Api,
    as_json: bool,
    file: Annotated[str, typer.Argument(metavar="FILE", help="A list; `-`: stdin.", show_default=False)],
    form: Format = None,
) -> None:
    """Make the stations of a list, in place of those that are there: all, or none when there is a mistake."""
    from voltgate.client.imports import import_list  # noqa: PLC0415

    import_list(api, "csms/stations/import", "station", file, form, as_json)


@command(stations, "export")
def export_stations(
    api: Api,
    as_json: bool,
    form: Annotated[str, typer.Option("--format", metavar="FORM", help="csv or jsonl.")] = "csv",
    network: Network = None,
) -> None:
    """Print all stations, as they can be imported."""
    from voltgate.client.output import print_text  # noqa: PLC0415

    print_text(api.text("csms/stations", format="jsonl" if as_json else form, network=network))


@command(stations, "notes")
def notes(
    api: Api,
    as_json: bool,
    identity: Identity,
    kind: Annotated[str | None, typer.Option(metavar="ACTION", help="SecurityEventNotification, SetAside …")] = None,
    about: Annotated[str | None, typer.Option(metavar="ID", help="The request of a command, for one.")] = None,
    since: Annotated[str | None, Time] = None,
    until: Annotated[str | None, Time] = None,
    limit: Limit = 100,
) -> None:
    """List what a station has told that is kept as it came, the newest first."""
    from voltgate.client import csms_stations as client  # noqa: PLC0415

    client.list_of(api, identity, "notes", limit, as_json, kind=kind, about=about, since=since, until=until)


@command(stations, "history")
def history(
    api: Api,
    as_json: bool,
    identity: Identity,
    evse: Annotated[int | None, typer.Option(min=0, help="Only of this EVSE, in 1.x the connector.")] = None,
    limit: Limit = 100,
) -> None:
    """List what the connectors of a station have reported, the newest first."""
    from voltgate.client import csms_stations as client  # noqa: PLC0415

    client.list_of(api, identity, "history", limit, as_json, evse=evse)


@command(stations, "variables")
def variables(api: Api, as_json: bool, identity: Identity, limit: Limit = 1000) -> None:
    """List the settings and variables of a station, as it told them last; `configuration get` asks it."""
    from voltgate.client import csms_stations as client  # noqa: PLC0415

    client.list_of(api, identity, "variables", limit, as_json)


@command(stations, "profiles")
def profiles(api: Api, as_json: bool, identity: Identity, limit: Limit = 100) -> None:
    """List the charging profiles that a station has, as far as that is known."""
    from voltgate.client import csms_stations as client  # noqa: PLC0415

    client.list_of(api, identity, "profiles", limit, as_json)


@command(stations, "certificates")
def certificates(api: Api, as_json: bool, identity: Identity, limit: Limit = 100) -> None:
    """List the certificates that a station asks for; --json has the requests."""
    from voltgate.client import csms_stations as client  # noqa: PLC0415

    client.list_of(api, identity, "certificates", limit, as_json)


@command(stations, "uploads")
def uploads(api: Api, as_json: bool, identity: Identity) -> None:
    """List the logs that a station was asked for by `voltgate logs`, and those that have come."""
    from voltgate.client import csms_stations as client  # noqa: PLC0415

    client.list_uploads(api, identity, as_json)


@command(stations, "download")
def download(
    api: Api,
    as_json: bool,
    identity: Identity,
    upload: Annotated[str, typer.Argument(metavar="ID", help="Of an upload.", show_default=False)],
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Where nothing may be yet.", show_default=False)],
) -> None:
    """Write what a station has uploaded to a file."""
    from voltgate.client import csms_stations as client  # noqa: PLC0415

    client.download(api, identity, upload, file, as_json)


# Reservations.


@command(app, "reservations")
def reservations(
    api: Api,
    as_json: bool,
    station: Annotated[str | None, typer.Argument(help="Only this station's.", show_default=False)] = None,
    network: Network = None,
    status: Annotated[str | None, typer.Option(help="Only those: Accepted, Used, Cancelled, Expired …")] = None,
    limit: Limit = 100,
) -> None:
    """List reservations, the newest first; `voltgate command reserve` makes one, `cancel-reservation` undoes it."""
    from voltgate.client import csms_stations as client  # noqa: PLC0415

    client.list_reservations(api, limit, as_json, station=station, network=network, status=status)


# Commands.


@command(app, "commands")
def commands(
    api: Api,
    as_json: bool,
    name: Annotated[str | None, typer.Argument(help="One, with its parameters.", show_default=False)] = None,
) -> None:
    """List what `voltgate command` can tell stations, or show the parameters of one."""
    from voltgate.client import tellable as client  # noqa: PLC0415

    if name is None:
        client.list_commands(api, as_json)
    else:
        client.show_command(api, name, as_json)


# Tariffs.


@tariffs.callback()
def all_tariffs() -> None:
    """List what transactions cost; put and delete a tariff."""


Tariff = Annotated[str, typer.Argument(metavar="NAME", help="Of a tariff.", show_default=False)]


@command(tariffs, "list")
def list_tariffs(api: Api, as_json: bool, offset: Offset = 0, limit: Limit = 100) -> None:
    """List all versions of all tariffs."""
    from voltgate.client import tariffs as client  # noqa: PLC0415

    client.list_tariffs(api, offset, limit, as_json)


@command(tariffs, "put")
def put_tariff(
    api: Api,
    as_json: bool,
    name: Tariff,
    per_kwh: Annotated[str | None, typer.Option(metavar="PRICE", help="For each kWh, without VAT: 0.40.")] = None,
    per_minute: Annotated[str | None, typer.Option(metavar="PRICE", help="From the beginning to the end.")] = None,
    per_session: Annotated[str | None, typer.Option(metavar="PRICE", help="For each transaction.")] = None,
    per_idle_minute: Annotated[str | None, typer.Option(metavar="PRICE", help="While it does not charge.")] = None,
    free_minutes: Annotated[str | None, typer.Option(metavar="MINUTES", help="That cost no time.")] = None,
    vat: Annotated[str | None, typer.Option(metavar="PERCENT")] = None,
    currency: Annotated[str | None, typer.Option(metavar="CODE", help="EUR, CHF …; else as csms.currency has.")] = None,
    network: Annotated[str | None, typer.Option(metavar="NETWORK", help="The only network that it is for.")] = None,
    group: Annotated[str | None, typer.Option(help="The only group of tokens that it is for.")] = None,
    since: Annotated[
        str | None, typer.Option(metavar="TIME", help="In force from then on: RFC 3339; else now.")
    ] = None,
) -> None:
    """Make a tariff, or another version of it. A price that is not named is 0."""
    from voltgate.client import tariffs as client  # noqa: PLC0415

    wanted = named(per_kwh=per_kwh, per_minute=per_minute, per_session=per_session, per_idle_minute=per_idle_minute)
    wanted |= named(free_minutes=free_minutes, vat=vat, currency=currency, network=network, group=group, since=since)
    client.put_tariff(api, name, wanted, as_json)


@command(tariffs, "remove")
def remove_tariff(
    api: Api,
    as_json: bool,
    name: Tariff,
    version: Annotated[int | None, typer.Option(min=1, help="Only this version.")] = None,
) -> None:
    """Delete a tariff. What transactions have cost by it stays as it is."""
    from voltgate.client import tariffs as client  # noqa: PLC0415

    client.remove_tariff(api, name, version, as_json)
