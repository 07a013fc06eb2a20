"""`voltgate import`: what is taken over, and what is said of it."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from pathlib import Path
from typing import cast, get_args

import typer

from voltgate.app.importing import import_everythingcharge
from voltgate.app.takeover import Taken
from voltgate.config import read
from voltgate.relay.records import StoreAway
from voltgate.store.everythingcharge import old_address
from voltgate.web.access import PersonRole


def take_over(config: Path | None, url: str, role: str, *, dry_run: bool) -> int:
    """Import from a database of EVerythingcharge, and print what became of it; return the status of the program.

    0: all was taken or there; 1: some cannot be taken; 2: nothing was done.
    """
    if role not in get_args(PersonRole):
        typer.echo(f"voltgate: --role is one of {', '.join(get_args(PersonRole))}", err=True)
        return 2
    loaded = read(config, os.environ)
    try:
        taken = asyncio.run(
            import_everythingcharge(loaded, old_address(url), cast("PersonRole", role), dry_run=dry_run)
        )
    except (StoreAway, ValueError) as error:
        what = f"the URL {error}" if isinstance(error, ValueError) else str(error)
        typer.echo(f"voltgate: {what}; nothing was imported", err=True)
        return 2
    for line in _told(taken, dry_run=dry_run):
        typer.echo(line)
    for left in taken.left:
        typer.echo(f"not taken: {left}", err=True)
    return 1 if taken.left else 0


def _told(taken: Taken, *, dry_run: bool) -> Iterator[str]:
    numbers = {"networks": len(taken.networks), "stations": len(taken.stations), "users": len(taken.users)}
    for what, number in numbers.items():
        yield f"{what}: {number} {'to be taken' if dry_run else 'taken'}, {taken.there[what]} there already"
    if not taken.invitations:
        return
    if dry_run:
        yield f"to be invited to choose a password: {', '.join(taken.invitations)}"
        return
    yield "Nobody's password was taken. Each user chooses another, once, with the invitation (POST /api/v1/password):"
    for login, token in taken.invitations.items():
        yield f"{login} {token}"
