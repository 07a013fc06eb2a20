"""The commands for routes: what their rules are, and which of them decides."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from voltgate.client.cli import Limit, Ocpp, Offset, version_of
from voltgate.client.commands import command
from voltgate.client.listing import Listing

if TYPE_CHECKING:
    from voltgate.client.api import Api

app = typer.Typer(add_completion=False)
routes = typer.Typer(add_completion=False, cls=Listing)
app.add_typer(routes, name="routes")


@routes.callback()
def all_routes() -> None:
    """List routes, or show the rules of one; ask which rule would decide where a call goes, and why."""


@command(routes, "list")
def list_routes(api: Api, as_json: bool, offset: Offset = 0, limit: Limit = 100) -> None:
    """List the routes, with how many rules each has."""
    from voltgate.client import rules as client  # noqa: PLC0415 - the help needs no HTTP client

    client.list_routes(api, offset, limit, as_json)


@command(routes, "show")
def show_route(
    api: Api, as_json: bool, name: Annotated[str, typer.Argument(metavar="ROUTE", help="Its name.", show_default=False)]
) -> None:
    """Show the rules of a route as they are configured: the first that matches a call decides."""
    from voltgate.client import rules as client  # noqa: PLC0415

    client.show_route(api, name, as_json)


@command(routes, "match")
def match(
    api: Api,
    as_json: bool,
    station: Annotated[str, typer.Argument(help="A station, connected or not.", show_default=False)],
    action: Annotated[str, typer.Argument(help="What it says: Authorize, StatusNotification, …", show_default=False)],
    token: Annotated[str | None, typer.Option(metavar="TOKEN", help="The id token that the call carries.")] = None,
    token_type: Annotated[str | None, typer.Option("--type", help="Its type in 2.x: ISO14443, eMAID …")] = None,
    connector: Annotated[int | None, typer.Option(min=0, help="The connector of 1.6, or the EVSE of 2.x.")] = None,
    ocpp: Ocpp = None,
) -> None:
    """Say which rule would decide where a call of a station goes, and why; nothing is sent."""
    from voltgate.client import rules as client  # noqa: PLC0415

    asked = {"station": station, "action": action, "token": token, "token_type": token_type, "connector": connector}
    client.match(api, as_json, version=version_of(ocpp), **asked)
