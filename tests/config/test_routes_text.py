"""The routes in the text of a configuration: what is cut out, and that nothing else is ever changed."""

from __future__ import annotations

import tomllib
import tracemalloc
from pathlib import Path

import pytest

from voltgate.config import ConfigErrors
from voltgate.config.routes_text import RoutesText, cut

FILE = Path("voltgate.toml")
ROUTES = """\
# Who answers.
[routes.main]
admit = "gateway"  # at once

# The cards of the fleet.
[[routes.main.rules]]
actions = [
  "Authorize", # [routes.not]
]
answer = "fleet"
[[routes.main.rules]]
answer = "billing"
"""
FIRST = """\
admin_token = "a-secret-of-the-gateway"
note = '''
[routes.in-a-text]
'''

[backends.billing]
url = "ws://127.0.0.1:1/"
# password = "an-old-secret"
"""
REST = """\

# The stations.
# token = "another-old-secret"

[[stations]]
match = "*"\t
[routes.second]
rules = [{ answer = "billing" }] # all
[log]
level = "info"
"""


def cut_out(text: str) -> RoutesText:
    """Cut the routes out of a text; `note` is no key of ours, and nobody asks here."""
    return cut(FILE, text)


def test_what_is_shown() -> None:
    """The tables of routes are shown with their comments; nothing that stands elsewhere is, not even in a comment."""
    second = '[routes.second]\nrules = [{ answer = "billing" }] # all\n'
    assert cut_out(f"{FIRST}\n{ROUTES}{REST}").routes == ROUTES + second
    assert cut_out(ROUTES).routes == ROUTES
    assert cut_out(FIRST).routes == ""
    assert cut_out(FIRST + '[routes.main]\nrules = [{answer = "billing"}]').routes.startswith("[routes.main]\n")


def test_all_else_stays_letter_for_letter() -> None:
    """Other routes take the place of the first ones; the rest of the file is as it was."""
    other = '[routes.other]\nrules = [{ answer = "billing" }]\n'
    written = cut_out(f"{FIRST}\n{ROUTES}{REST}").with_routes(other)
    rest = REST.replace('[routes.second]\nrules = [{ answer = "billing" }] # all\n', "")
    assert written.text == f"{FIRST}\n{other}{rest}"
    assert (written.first, written.count) == (FIRST.count("\n") + 2, 2)
    assert tomllib.loads(written.text)["routes"] == {"other": {"rules": [{"answer": "billing"}]}}


def test_what_is_not_changed_is_the_same_file() -> None:
    """The same routes again make the same file, where they stand together; carriage returns stay."""
    text = f"{FIRST}\n{ROUTES}\n[log]\nlevel = 'info'"
    assert cut_out(text).with_routes(ROUTES).text == text
    dos = text.replace("\n", "\r\n")
    assert cut_out(dos).with_routes(ROUTES).text == dos


def test_a_file_without_routes_gets_them_at_its_end() -> None:
    """Where there are none, they come last."""
    written = cut_out("[log]\nlevel = 'info'").with_routes("[routes.main]\nrules = []")
    assert written.text == "[log]\nlevel = 'info'\n\n[routes.main]\nrules = []\n"
    assert cut_out("").with_routes("[routes.main]\n").text == "[routes.main]\n"


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("[routes.main]\nrules = [\n", 2, "is not TOML"),
        ("[routes.main]\nrules = []\n[api]\nedit_routes = true\n", 3, "only tables of [routes]"),
        ('admin_token = "mine"\n[routes.main]\n', 1, "only tables of [routes]"),
        ('routes.main.admit = "gateway"\n', 1, "tables that begin with their header"),
        ('[[routes.main.rules]]\nstations = { file = "/etc/shadow" }\n', 2, "cannot be edited here"),
        ('[[routes.main.rules]]\ntokens = [\n "A",\n { env = "SECRET" }]\n', 4, "cannot be edited here"),
    ],
)
def test_what_is_no_text_of_routes(text: str, line: int, words: str) -> None:
    """Whatever is more than routes, or would read a file or the environment, is refused by its line."""
    with pytest.raises(ConfigErrors) as raised:
        cut_out(f"{FIRST}\n{ROUTES}").with_routes(text)
    assert [mistake.line for mistake in raised.value.problems] == [line]
    assert words in str(raised.value)


@pytest.mark.parametrize(
    "text",
    [
        "[routes.main]\nrules = " + "[" * 100_000,
        "[routes.main]\nrules = " + "[" * 100 + "]" * 100,
        "[routes.main]\nrules = " + "{a=" * 50_000,
        f"[routes.main]\n{'.'.join('a' * 100_000)} = 1\n",
        "[routes.main]\n" + " . ".join(["'a'", r'"\""'] * 20_000) + " = 1\n",
        f"[routes.{'.'.join('a' * 100_000)}]\n",
        f"[routes.main]\nx = {{y = 1, {'.'.join('a' * 100_000)} = 1}}\n",
        f"[routes.main]\nx = {'9' * 5000}\n",
    ],
    ids=["lists", "few lists", "tables", "key", "quoted key", "header", "key in a table", "number"],
)
def test_what_would_take_all_memory_or_the_stack(text: str) -> None:
    """What nobody writes is refused as any other mistake, before it takes more than it has characters."""
    tracemalloc.start()
    try:
        with pytest.raises(ConfigErrors, match=r"is nested too deep|is not TOML"):
            cut_out(ROUTES).with_routes(text)
        assert tracemalloc.get_traced_memory()[1] < 50_000_000
    finally:
        tracemalloc.stop()


def test_weights_of_backends_that_are_called_like_that() -> None:
    """A backend may be called "file": its weight is no reference."""
    text = "[[routes.main.rules]]\nanswer = { file = 1, env = 2 }\n"
    assert cut_out("").with_routes(text).text == text


@pytest.mark.parametrize(
    "text", ["routes = { main = { rules = [] } }\n", "[log]\n[ routes ]\n", "routes.main.rules = []\n"]
)
def test_routes_that_are_no_tables(text: str) -> None:
    """Routes that are written as a key are not edited; a header of them all is a table."""
    if text.startswith("[log]"):
        assert cut_out(text).routes == "[ routes ]\n"
        return
    with pytest.raises(ConfigErrors, match="is not written as tables"):
        cut_out(text)
