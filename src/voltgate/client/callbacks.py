"""The commands for callback addresses of SOAP."""

from __future__ import annotations

from typing import Annotated

import typer

from voltgate.client.cli import AsJson, ConfigFile, TokenFile, Url, asking

app = typer.Typer(add_completion=False)
callbacks = typer.Typer(add_completion=False, no_args_is_help=True)
app.add_typer(callbacks, name="callbacks")


@callbacks.callback()
def all_callbacks() -> None:
    """Forget where a SOAP station is called; renew the key of the addresses at which SOAP backends call us."""


@callbacks.command()
def forget(
    identity: Annotated[str, typer.Argument(help="The station's identity.", show_default=False)],
    as_json: AsJson = False,
    url: Url = None,
    token_file: TokenFile = None,
    config: ConfigFile = None,
) -> None:
    """Forget the callback address that a SOAP station has given: the next that it gives takes its place."""
    with asking(url, token_file, config) as api:
        from voltgate.client.api import path  # noqa: PLC0415 - the help needs no HTTP client
        from voltgate.client.output import report  # noqa: PLC0415
        from voltgate.client.terminal_text import word  # noqa: PLC0415

        api.ask("DELETE", path("stations", identity, "callback"))
        report({"forgotten": identity}, f"{word(identity)} is called where it says next", as_json)


@callbacks.command()
def renew(as_json: AsJson = False, url: Url = None, token_file: TokenFile = None, config: ConfigFile = None) -> None:
    """Renew the key of callback addresses: those that were told before are valid for `soap.old_callbacks` yet."""
    with asking(url, token_file, config) as api:
        from voltgate.client.output import report  # noqa: PLC0415

        renewed = api.ask("POST", "callback-key")
        seconds = renewed["old_valid_for"]
        report(renewed, f"callback addresses have another key; old ones are valid for {seconds:g} s yet", as_json)
