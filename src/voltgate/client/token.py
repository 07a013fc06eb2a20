"""`voltgate token`: makes a token for the API, and the lines of the configuration that admit it."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from typing import Annotated, Literal

import typer

from voltgate.web.bearer import digest_of, fresh, written

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")


def _named(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise typer.BadParameter("a name begins with a letter or digit and holds letters, digits, _ . - (64 at most)")
    return name


def _until(text: str | None) -> str | None:
    if text is None:
        return None
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(f'"{text}" is no date and time such as 2027-06-30T12:00:00Z') from None
    return at.astimezone(UTC).isoformat()  # one without an offset is meant as the terminal's


def token(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Whose token it is.", callback=_named)],
    role: Annotated[
        Literal["viewer", "operator", "admin"],
        typer.Option("--role", help="viewer reads; operator also commands stations; admin also makes tokens."),
    ],
    expires: Annotated[
        str | None,
        typer.Option(
            "--expires",
            metavar="TIME",
            help="When it ends: 2027-06-30T12:00:00Z. Without: it never does.",
            callback=_until,
            show_default=False,
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Make a token for the API. It is printed this once, with the lines that let it in; no gateway has to run."""
    made = fresh()
    entry = {"name": name, "role": role, "hash": written(digest_of(made))}
    if expires is not None:
        entry["expires"] = expires
    if as_json:
        typer.echo(json.dumps({**entry, "token": made}))
        return
    typer.echo("The token, for whoever uses it; it cannot be shown again:", err=True)
    typer.echo(made)
    typer.echo("The lines for the configuration:", err=True)
    typer.echo("\n".join(["[[api.tokens]]", *(f'{key} = "{value}"' for key, value in entry.items())]))
