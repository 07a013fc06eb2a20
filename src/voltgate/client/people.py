"""The commands for those who use the API by a name and a password."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from voltgate.client.charging import Listing
from voltgate.client.cli import AsJson, ConfigFile, Limit, Offset, TokenFile, Url, asking

app = typer.Typer(add_completion=False)
users = typer.Typer(add_completion=False, cls=Listing)
app.add_typer(users, name="users")

Login = Annotated[str, typer.Argument(metavar="USER", help="A name, or an address of e-mail.", show_default=False)]
Role = Annotated[
    Literal["viewer", "operator", "admin"] | None,
    typer.Option(help="The role in all networks, and for all of the gateway.", show_default=False),
]
Networks = Annotated[
    list[str] | None,
    typer.Option("--network", metavar="NETWORK=ROLE", help="The role in one network; may be given several times."),
]


@users.callback()
def all_users() -> None:
    """List users; make, change, invite and delete one."""


@users.command("list")
def list_users(
    offset: Offset = 0,
    limit: Limit = 100,
    as_json: AsJson = False,
    url: Url = None,
    token_file: TokenFile = None,
    config: ConfigFile = None,
) -> None:
    """List the users, by name."""
    with asking(url, token_file, config) as api:
        from voltgate.client import users as client  # noqa: PLC0415

        client.list_users(api, offset, limit, as_json)


@users.command("add")
def add_user(
    login: Login,
    role: Role = None,
    network: Networks = None,
    name: Annotated[str, typer.Option(help="What people call the user.")] = "",
    as_json: AsJson = False,
    url: Url = None,
    token_file: TokenFile = None,
    config: ConfigFile = None,
) -> None:
    """Make a user, and print the invitation by which a password is chosen: hand it on."""
    with asking(url, token_file, config) as api:
        from voltgate.client import users as client  # noqa: PLC0415

        client.add_user(api, login, name, client.roles_of(role, network or []), as_json)


@users.command("change")
def change_user(
    login: Login,
    role: Role = None,
    network: Networks = None,
    as_json: AsJson = False,
    url: Url = None,
    token_file: TokenFile = None,
    config: ConfigFile = None,
) -> None:
    """Give a user these roles, in place of all that were there. That is in force at once."""
    with asking(url, token_file, config) as api:
        from voltgate.client import users as client  # noqa: PLC0415

        client.change_user(api, login, client.roles_of(role, network or []), as_json)


@users.command("invite")
def invite_user(
    login: Login,
    as_json: AsJson = False,
    url: Url = None,
    token_file: TokenFile = None,
    config: ConfigFile = None,
) -> None:
    """Invite a user again, who has lost the password or the invitation."""
    with asking(url, token_file, config) as api:
        from voltgate.client import users as client  # noqa: PLC0415

        client.invite_user(api, login, as_json)


@users.command("remove")
def remove_user(
    login: Login,
    as_json: AsJson = False,
    url: Url = None,
    token_file: TokenFile = None,
    config: ConfigFile = None,
) -> None:
    """Delete a user, who is not let in any more."""
    with asking(url, token_file, config) as api:
        from voltgate.client import users as client  # noqa: PLC0415

        client.remove_user(api, login, as_json)
