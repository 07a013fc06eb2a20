"""The command `audit list`: the audit trail, as a gateway shows it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from voltgate.client.cli import Limit
from voltgate.client.commands import command
from voltgate.client.history import When, asked_time

if TYPE_CHECKING:
    from voltgate.client.api import Api

app = typer.Typer(add_completion=False)


@command(app, "list")
def list_lines(
    api: Api,
    as_json: bool,
    station: Annotated[str | None, typer.Option(metavar="IDENTITY", help="Only what is about this station.")] = None,
    by: Annotated[
        str | None,
        typer.Option("--by", metavar="NAME", help="Only of a backend, of api:NAME (a token), or of user:LOGIN."),
    ] = None,
    action: Annotated[
        str | None, typer.Option(metavar="ACTION", help='Only this, as it stands there: Reset, "POST /tokens", …')
    ] = None,
    outcome: Annotated[
        str | None, typer.Option(metavar="KIND", help="passed, refused, absorbed, undelivered or failed.")
    ] = None,
    since: When = None,
    until: When = None,
    limit: Limit = 50,
) -> None:
    """List what was done or refused, by whom and from where, the last one first; it asks a gateway."""
    from voltgate.client.output import print_newest  # noqa: PLC0415 - the help needs no HTTP client
    from voltgate.client.table import Column  # noqa: PLC0415
    from voltgate.client.terminal_text import moment  # noqa: PLC0415

    query = {"station": station, "backend": by, "action": action, "outcome": outcome}
    query |= {"since": asked_time(since, "--since"), "until": asked_time(until, "--until")}
    names = ("address", "action", "station", "outcome", "answer", "detail")
    columns = [Column("at", "at", moment), Column("by", "backend"), *(Column(name, name) for name in names)]
    print_newest(api.newest("audit", limit, "cursor", **query), columns, "line", as_json)
