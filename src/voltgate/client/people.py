"""The commands for those who use the API: people by a name and a password, and programs by tokens."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from voltgate.client.cli import AsJson, ConfigFile, Limit, Offset, TokenFile, Url, asking
from voltgate.client.lengths import seconds
from voltgate.client.listing import Listing

app = typer.Typer(add_completion=False)
users = typer.Typer(add_completion=False, cls=Listing)
tokens = typer.Typer(add_completion=False, cls=Listing)
app.add_typer(users, name="users")
app.add_typer(tokens, name="tokens")

Login = Annotated[str, typer.Argument(metavar="USER", help="A name, or an address of e-mail.", show_default=False)]
Role = Annotated[
    Literal["viewer", "operator", "admin"] | None,
    typer.Option(help="The role in all networks, and for all of the gateway.", show_default=False),
]
Networks = Annotated[
    list[str] | None,
    typer.Option("--network", metavar="NETWORK=ROLE", help="The role in one network; may be given several times."),
]
Token = Annotated[str, typer.Argument(metavar="NAME", help="What tells it apart.", show_default=False)]
Claims = Annotated[
    list[str] | None,
    typer.Option("--claims", metavar="BACKEND", help="It claims for this backend, and nothing else; several times."),
]
Lasts = Annotated[
    str | None,
    typer.Option("--expires-in", metavar="TIME", help="How long it is valid: 12h, 90d.", show_default=False),
]


# Users.


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


# Tokens.


@tokens.callback()
def all_tokens() -> None:
    """List the tokens that the API takes; make, rotate and delete one. `voltgate token` makes one for a file."""


@tokens.command("list")
def list_tokens(
    offset: Offset = 0,
    limit: Limit = 100,
    as_json: AsJson = False,
    url: Url = None,
    token_file: TokenFile = None,
    config: ConfigFile = None,
) -> None:
    """List the tokens, those of the configuration first: what each may, when it ends and was used last."""
    with asking(url, token_file, config) as api:
        from voltgate.client import api_tokens as client  # noqa: PLC0415

        client.list_tokens(api, offset, limit, as_json)


@tokens.command("add")
def add_token(
    name: Token,
    role: Role = None,
    network: Networks = None,
    claims: Claims = None,
    expires_in: Lasts = None,
    as_json: AsJson = False,
    url: Url = None,
    token_file: TokenFile = None,
    config: ConfigFile = None,
) -> None:
    """Make a token with a role everywhere, with roles in networks, or to claim for backends; it is printed once."""
    lasts = seconds(expires_in)
    with asking(url, token_file, config) as api:
        from voltgate.client import api_tokens as client  # noqa: PLC0415

        client.add_token(api, name, client.scope_of(role, network or [], claims or []), lasts, as_json)


@tokens.command("rotate")
def rotate_token(
    name: Token,
    overlap: Annotated[
        str | None,
        typer.Option(metavar="TIME", help="How long the former one is valid yet: 1h, 7d, 0s. Without: a day."),
    ] = None,
    expires_in: Lasts = None,
    as_json: AsJson = False,
    url: Url = None,
    token_file: TokenFile = None,
    config: ConfigFile = None,
) -> None:
    """Make another token of the same name, which may the same; the former one is valid for a while yet."""
    former, lasts = seconds(overlap, may_be_none=True), seconds(expires_in)
    with asking(url, token_file, config) as api:
        from voltgate.client import api_tokens as client  # noqa: PLC0415

        client.rotate_token(api, name, former, lasts, as_json)


@tokens.command("remove")
def remove_token(
    name: Token,
    as_json: AsJson = False,
    url: Url = None,
    token_file: TokenFile = None,
    config: ConfigFile = None,
) -> None:
    """Delete a token, which lets nobody in any more."""
    with asking(url, token_file, config) as api:
        from voltgate.client import api_tokens as client  # noqa: PLC0415

        client.remove_token(api, name, as_json)
