"""The commands `users`: those who use the API by a name and a password."""

from __future__ import annotations

from collections.abc import Mapping

import typer

from voltgate.client.api import Api, path
from voltgate.client.failure import Refused
from voltgate.client.output import Json, print_json, print_page, remark, report
from voltgate.client.table import Column
from voltgate.client.terminal_text import clean, moment, word

ALL = "*"
"""Stands for all networks."""
ROLES = ("viewer", "operator", "admin")


def roles_in(roles: object) -> str:
    """Return roles as a person reads them: "viewer, north operator"."""
    if not isinstance(roles, Mapping):
        return word(roles)
    return ", ".join(word(role) if name == ALL else f"{word(name)} {word(role)}" for name, role in roles.items())


USER = (
    Column("user", "login"),
    Column("person", "person"),
    Column("roles", "roles", roles_in),
    Column("password", "has_password", lambda chosen: "" if chosen else "not chosen"),
    Column("invited until", "invited_until", moment),
    Column("made by", "by"),
)


def list_users(api: Api, offset: int, limit: int, as_json: bool) -> None:
    """Print the users."""
    print_page(api.items("users", offset, limit), USER, "user", as_json)


def roles_of(role: str | None, networks: list[str]) -> dict[str, str]:
    """Return the roles that were typed: one in all networks, and NETWORK=ROLE. Raises Refused."""
    roles = {} if role is None else {ALL: role}
    for text in networks:
        network, _, own = text.partition("=")
        if not network or own not in ROLES:
            raise Refused(f"{clean(text)} is no role in a network: write it like north=operator ({', '.join(ROLES)})")
        roles[network] = own
    if not roles:
        raise Refused("a user needs a role: --role for all networks, --network NETWORK=ROLE for one")
    return roles


def add_user(api: Api, login: str, person: str, roles: dict[str, str], as_json: bool) -> None:
    """Make a user, and print the invitation."""
    _invited(api.ask("POST", "users", {"login": login, "person": person, "roles": roles}), as_json)


def change_user(api: Api, login: str, roles: dict[str, str], as_json: bool) -> None:
    """Give a user these roles in place of the former ones."""
    changed = api.ask("PATCH", path("users", login), {"roles": roles})
    report(changed, f"{word(changed.get('login'))} is {roles_in(changed.get('roles'))}", as_json)


def invite_user(api: Api, login: str, as_json: bool) -> None:
    """Invite a user again, and print the invitation."""
    _invited(api.ask("POST", path("users", login, "invitation")), as_json)


def remove_user(api: Api, login: str, as_json: bool) -> None:
    """Delete a user."""
    api.ask("DELETE", path("users", login))
    report({"removed": login}, f"{word(login)} is not let in any more", as_json)


def _invited(made: Json, as_json: bool) -> None:
    """Print an invitation alone on standard output, so that it can be piped."""
    if as_json:
        print_json(made)
        return
    who = word((made.get("user") or {}).get("login"))
    remark(f"The invitation by which {who} chooses a password (POST /api/v1/password), until {moment(made['until'])};")
    remark("it cannot be shown again:")
    typer.echo(word(made.get("invitation")))
