"""The commands `id-tokens`: what people charge by."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import typer

from voltgate.client.api import Api, path
from voltgate.client.failure import Refused
from voltgate.client.identities import read_text
from voltgate.client.output import Json, print_json, print_part
from voltgate.client.table import Column
from voltgate.client.terminal_text import clean, counted, moment, word

TOKEN = (
    Column("token", "token"),
    Column("type", "type"),
    Column("status", "status"),
    Column("group", "group"),
    Column("network", "network"),
    Column("holder", "holder"),
    Column("expires", "expires", moment),
    Column("at once", "concurrent", lambda number: word(number or None), number=True),
)
FORMS = {"csv": "text/csv", "json": "application/json", "jsonl": "application/jsonl"}
"""The media types of lists, by how the names of their files end."""


def list_tokens(api: Api, limit: int, as_json: bool, **query: Any) -> None:
    """Print the tokens that match."""
    print_part(api.cursor_items("id-tokens", limit, **query), TOKEN, "token", as_json)


def add_token(api: Api, wanted: Json, as_json: bool) -> None:
    """Make a token known."""
    made = api.ask("POST", "id-tokens", wanted)
    _report(made, f"{word(made.get('token'))} may charge", as_json)


def block_token(api: Api, token: str, as_json: bool, *, blocked: bool) -> None:
    """Block a token, or let it charge again."""
    changed = api.ask("PATCH", path("id-tokens", token), {"status": "Blocked" if blocked else "Accepted"})
    _report(changed, f"{word(changed.get('token'))} {'is blocked' if blocked else 'may charge'}", as_json)


def remove_token(api: Api, token: str, as_json: bool) -> None:
    """Delete a token."""
    api.ask("DELETE", path("id-tokens", token))
    _report({"removed": token}, f"{word(token)} is not known any more", as_json)


def import_tokens(api: Api, file: str, form: str | None, as_json: bool) -> None:
    """Import the tokens of a file, or of standard input. Raises Refused."""
    media_type = FORMS.get(form or Path(file).suffix.removeprefix(".").lower())
    if media_type is None:
        raise Refused(f"what form {clean(file)} has is not known: say so by --format, as {', '.join(FORMS)}")
    taken = api.send("id-tokens/import", _text_of(file).encode(), media_type)
    _report(taken, f"{counted(taken.get('items') or 0, 'token')} imported", as_json)


def _text_of(file: str) -> str:
    if file == "-":
        return read_text(sys.stdin.buffer, "standard input")
    try:
        with Path(file).open("rb") as data:
            return read_text(data, file)
    except OSError as error:
        raise Refused(f"{file} cannot be read: {error.strerror}") from None


def _report(document: Json, sentence: str, as_json: bool) -> None:
    if as_json:
        print_json(document)
    else:
        typer.echo(sentence)
