"""`--json`: one shape for all commands that ask a gateway."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from click import Command
from typer.main import get_command

from tests.client.counterpart import Counterpart, Terminal
from voltgate import cli
from voltgate.client import auditing


def commands() -> Iterator[tuple[str, Command]]:
    """Yield all commands of the modules of the clients."""
    for app in [*(imported().app for _, imported in cli._ELSEWHERE), auditing.app]:
        yield from inside("", get_command(app))


def inside(name: str, command: Command) -> Iterator[tuple[str, Command]]:
    below = getattr(command, "commands", None)
    if below is None:
        yield name or str(command.name), command
        return
    for each, lower in below.items():
        yield from inside(f"{name} {each}".strip(), lower)


def test_whatever_asks_a_gateway_takes_json() -> None:
    """Each command that takes a token takes `--json`, too."""
    options = {name: {option for each in command.params for option in each.opts} for name, command in commands()}
    asking = {name for name, taken in options.items() if "--token-file" in taken}
    assert {"stations", "routes match", "callbacks renew", "id-tokens export", "tail", "list"} <= asking
    assert len(asking) > 80
    assert {name for name in asking if "--json" not in options[name]} == set()


@pytest.mark.parametrize(
    ("request_", "answer", "words", "said"),
    [
        ("DELETE stations/CP1/callback", None, ["callbacks", "forget", "CP1"], {"forgotten": "CP1"}),
        ("POST callback-key", {"old_valid_for": 7.5}, ["callbacks", "renew"], {"old_valid_for": 7.5}),
        ("GET id-tokens", {"token": "04"}, ["id-tokens", "export"], {"token": "04"}),
    ],
)
def test_one_document(
    api: Counterpart, voltgate: Terminal, request_: str, answer: object, words: list[str], said: object
) -> None:
    """What is done, and what is exported, is a document on a line with --json."""
    api.says(request_, answer)
    ended = voltgate(*words, "--json")
    assert (ended.code, ended.json, ended.err) == (0, said, "")
    assert api.asked[0].query == ({"format": "jsonl"} if "export" in words else {})
