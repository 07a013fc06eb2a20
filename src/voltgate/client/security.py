"""The commands for how stations prove who they are: their security profiles, passwords and certificates."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from voltgate.client.commands import command, named
from voltgate.client.failure import Failure
from voltgate.client.output import Json, print_facts, print_json, remark, report
from voltgate.client.table import Column, show
from voltgate.client.terminal_text import moment, word

if TYPE_CHECKING:
    from voltgate.client.api import Api

app = typer.Typer(add_completion=False)
security = typer.Typer(add_completion=False, no_args_is_help=True)
app.add_typer(security, name="security")

Identity = Annotated[str, typer.Argument(metavar="IDENTITY", help="A station.", show_default=False)]
_END = (Column("name", "name"), Column("until", "until", moment), Column("days", "days", number=True))
_BECAME = {
    "taken": "it counts from now on, and no other",
    "refused": "the station has not taken it: the one before counts",
    "unknown": "nobody knows whether the station takes it: both count until it comes with the new one",
}


@security.callback()
def all_security() -> None:
    """See how a station proves who it is, let it come with a lower security profile, give it a password."""


@command(security, "show")
def show_security(api: Api, as_json: bool, identity: Identity) -> None:
    """Show the security profile that a station must come with, its certificate and its password."""
    _print(api.ask("GET", _at(identity, "security")), as_json)


def _print(found: Json, as_json: bool) -> None:
    if as_json:
        print_json(found)
        return
    facts = {name.replace("_", " "): word(value) for name, value in found.items()}
    facts |= {name: moment(found[name.replace(" ", "_")]) for name in ("since", "certificate until", "password since")}
    print_facts(facts)


@command(security, "lower")
def lower(
    api: Api,
    as_json: bool,
    identity: Identity,
    to: Annotated[int, typer.Option(metavar="PROFILE", min=0, max=2, help="0, 1 or 2.", show_default=False)],
) -> None:
    """Let a station come with a lower security profile than it has come with before."""
    found = api.ask("PUT", _at(identity, "security", "profile"), {"profile": to})
    report(found, f"{identity} may come with security profile {to} from now on", as_json)


@command(security, "password")
def password(
    api: Api,
    as_json: bool,
    identity: Identity,
    file: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="It is the first line of this file; `-`: of stdin.", allow_dash=True),
    ] = None,
    spelling: Annotated[
        str | None, typer.Option(help="Of 1.6, how it is sent: text, hex (its bytes as digits), key (digits already).")
    ] = None,
    timeout: Annotated[float, typer.Option(min=0.1, max=300, help="Seconds that the answer may take.")] = 30.0,
) -> None:
    """Give a connected station a new password; without --file one is made that nobody sees."""
    asked = named(password=None if file is None else _line(file), spelling=spelling, timeout=timeout)
    found = api.ask("PUT", _at(identity, "password"), asked)
    said = f" (it says {word(found['status'])})" if found["status"] else ""
    report(found, f"{identity}{said}: {_BECAME[found['outcome']]}", as_json)
    if found["outcome"] == "refused":
        raise typer.Exit(1)


def _line(file: Path) -> str:
    try:
        text = sys.stdin.readline() if str(file) == "-" else file.read_text()
    except (OSError, UnicodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not text"
        raise Failure(f"the password cannot be read from {file}: {why}") from None
    return text.partition("\n")[0].rstrip("\r")


@command(security, "forget-password")
def forget_password(api: Api, as_json: bool, identity: Identity) -> None:
    """Have the password of a station's entry count again, and none that it was given; the station is told nothing."""
    api.ask("DELETE", _at(identity, "password"))
    report({"station": identity}, f"the password of the entry of {identity} counts again", as_json)


def _at(identity: str, *parts: str) -> str:
    from voltgate.client.api import path  # noqa: PLC0415 - `voltgate --help` needs no HTTP client

    return path("stations", identity, *parts)


@command(app, "certificates")
def certificates(api: Api, as_json: bool) -> None:
    """List the certificates of the configuration and when they end, and those of stations that end soon."""
    found = api.ask("GET", "certificates")
    if as_json:
        print_json(found)
        return
    show(_END, [*found["files"], *found["stations"]])
    if found["stations_in_all"] > len(found["stations"]):
        remark(f"of {found['stations_in_all']:,} stations whose certificates end soon, the first")
