"""The commands `id-tokens`: what people charge by."""

from __future__ import annotations

from typing import Any

from voltgate.client.api import Api, path
from voltgate.client.output import Json, now, print_part, report
from voltgate.client.table import Column
from voltgate.client.terminal_text import moment, word

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


def list_tokens(api: Api, limit: int, as_json: bool, **query: Any) -> None:
    """Print the tokens that match."""
    print_part(api.cursor_items("id-tokens", limit, **query), TOKEN, "token", as_json)


def add_token(api: Api, wanted: Json, as_json: bool) -> None:
    """Make a token known."""
    made = api.ask("POST", "id-tokens", wanted)
    report(made, f"{word(made.get('token'))} may charge", as_json)


def change_token(api: Api, token: str, change: Json, as_json: bool) -> None:
    """Change what is named of a token."""
    changed: Json = api.ask("PATCH", path("id-tokens", token), change)
    report(changed, f"{word(changed.get('token'))} has {now(changed, change)}", as_json)


def block_token(api: Api, token: str, as_json: bool, *, blocked: bool) -> None:
    """Block a token, or let it charge again."""
    changed = api.ask("PATCH", path("id-tokens", token), {"status": "Blocked" if blocked else "Accepted"})
    report(changed, f"{word(changed.get('token'))} {'is blocked' if blocked else 'may charge'}", as_json)


def remove_token(api: Api, token: str, as_json: bool) -> None:
    """Delete a token."""
    api.ask("DELETE", path("id-tokens", token))
    report({"removed": token}, f"{word(token)} is not known any more", as_json)
