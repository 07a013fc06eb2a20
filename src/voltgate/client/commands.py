"""How a command that asks the API is made of a function: what all of them take is added here."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, get_type_hints

import typer

from voltgate.client.cli import AsJson, ConfigFile, TokenFile, Url, asking


def _common(as_json: AsJson = False, url: Url = None, token_file: TokenFile = None, config: ConfigFile = None) -> None:
    """Take what every command takes."""


_COMMON = list(inspect.signature(_common, eval_str=True).parameters.values())


def command(group: typer.Typer, name: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Return what makes a command of a function, which is handed `api` and `as_json`, then its own options."""

    def add(do: Callable[..., None]) -> Callable[..., None]:
        hints = get_type_hints(do, localns={"Api": object}, include_extras=True)
        own = [each.replace(annotation=hints[each.name]) for each in inspect.signature(do).parameters.values()]

        def run(*, as_json: bool, url: str | None, token_file: Any, config: Any, **given: Any) -> None:
            with asking(url, token_file, config) as api:
                do(api, as_json, **given)

        run.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
            [each.replace(kind=inspect.Parameter.KEYWORD_ONLY) for each in (*own[2:], *_COMMON)]
        )
        run.__doc__ = do.__doc__
        group.command(name)(run)
        return do

    return add


def named(**fields: Any) -> dict[str, Any]:
    """Return the options that were given."""
    return {name: value for name, value in fields.items() if value is not None}


def changed(**fields: Any) -> dict[str, Any]:
    """Return the options that were given. Raise BadParameter if none was."""
    change = named(**fields)
    if not change:
        options = ", ".join(f"--{name}" for name in fields)
        raise typer.BadParameter("say what is to change", param_hint=options)
    return change
