"""The commands `tokens`: the tokens that the API takes, and making others."""

from __future__ import annotations

import typer

from voltgate.client.api import Api, path
from voltgate.client.failure import Refused
from voltgate.client.output import Json, print_json, print_page, remark, report
from voltgate.client.table import Column
from voltgate.client.terminal_text import moment, word
from voltgate.client.users import ALL, roles_in, roles_of

TOKEN = (
    Column("token", "name"),
    Column("may", "scope"),
    Column("from", "source"),
    Column("made by", "by"),
    Column("ends", "until", moment),
    Column("last use", "used", moment),
    Column("former one ends", "former_until", moment),
)


def list_tokens(api: Api, offset: int, limit: int, as_json: bool) -> None:
    """Print the tokens."""
    page = api.items("tokens", offset, limit)
    if not as_json:
        page["items"] = [{**token, "scope": _scope(token)} for token in page["items"]]
    print_page(page, TOKEN, "token", as_json)


def _scope(token: Json) -> str:
    """Return what a token may do, as a person reads it: "viewer", "north operator", "claim for billing"."""
    if token.get("backends"):
        return f"claim for {word(token['backends'])}"
    return roles_in(token["networks"]) if token.get("networks") else word(token.get("role"))


def scope_of(role: str | None, networks: list[str], backends: list[str]) -> Json:
    """Return what a token is to be allowed, of options of which there is one kind. Raises Refused."""
    if (role is not None) + bool(networks) + bool(backends) != 1:
        raise Refused("say what the token may: --role everywhere, --network NETWORK=ROLE, or --claims BACKEND")
    if backends:
        return {"backends": backends}
    roles = roles_of(role, networks)
    return {"role": roles[ALL]} if ALL in roles else {"networks": roles}


def add_token(api: Api, name: str, scope: Json, lasts: float | None, as_json: bool) -> None:
    """Make a token, and print it."""
    _made(api.ask("POST", "tokens", {"name": name, "expires_in": lasts} | scope), as_json)


def rotate_token(api: Api, name: str, overlap: float | None, lasts: float | None, as_json: bool) -> None:
    """Make another token in the place of one, and print it."""
    wanted = {"expires_in": lasts} | ({} if overlap is None else {"overlap": overlap})
    _made(api.ask("POST", path("tokens", name, "rotation"), wanted), as_json)


def remove_token(api: Api, name: str, as_json: bool) -> None:
    """Delete a token."""
    api.ask("DELETE", path("tokens", name))
    report({"removed": name}, f"{word(name)} lets nobody in any more", as_json)


def _made(made: Json, as_json: bool) -> None:
    """Print a token alone on standard output, so that it can be piped."""
    if as_json:
        print_json(made)
        return
    if made.get("until"):
        remark(f"It ends {moment(made['until'])}.")
    if made.get("former_until"):
        remark(f"The one before it is let in until {moment(made['former_until'])}.")
    remark(f"The token {word(made.get('name'))}, for whoever uses it; it cannot be shown again:")
    typer.echo(word(made.get("token")))
