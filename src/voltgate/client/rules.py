"""What the commands for routes do: show rules, and say in sentences which of them decides."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import typer

from voltgate.client.api import Api, path
from voltgate.client.output import Json, print_facts, print_json, print_page
from voltgate.client.table import Column, show
from voltgate.client.terminal_text import clean, compact, listed, word

_OUTCOMES = ("answer", "copy", "authorize")
"""How keys of a rule begin that say where a call goes; the others say which calls it is for."""


def _number(rules: object) -> str:
    return str(len(rules)) if isinstance(rules, list) else ""


ROUTE = (Column("name", "name"), Column("admit", "admit"), Column("rules", "rules", _number, number=True))
_RULE = (
    Column("rule", "number", number=True),
    Column("for", "for"),
    Column("answer", "answer"),
    Column("copy", "copy"),
    Column("authorize", "authorize"),
)


def list_routes(api: Api, offset: int, limit: int, as_json: bool) -> None:
    """Print the routes."""
    print_page(api.items("routes", offset, limit), ROUTE, "route", as_json)


def show_route(api: Api, name: str, as_json: bool) -> None:
    """Print a route, a line for each of its rules."""
    route: Json = api.get(path("routes", name))
    if as_json:
        print_json(route)
        return
    print_facts({"name": word(route["name"]), "admit": word(route["admit"])})
    typer.echo()
    rows = [{**rule, "number": number, "for": _calls(rule)} for number, rule in enumerate(route["rules"], 1)]
    show(_RULE, rows)


def match(api: Api, as_json: bool, **asked: Any) -> None:
    """Print which rule a call would meet, and why."""
    found: Json = api.get("routes/match", **asked)
    if as_json:
        print_json(found)
        return
    rules = api.get(path("routes", found["route"]))["rules"]
    for sentence in matched(found, rules):
        typer.echo(sentence)


def matched(found: Json, rules: list[Json]) -> Iterator[str]:
    """Yield the sentences on which rule a call meets. `found` is the API's answer, `rules` those of the route."""
    route, place = f'of the route "{word(found["route"])}"', found["rule"]
    for number, rule in enumerate(rules[:place], 1):
        yield f"Rule {number} {route} does not match: it is for {_calls(rule)}."
    if place is None:
        yield f"No rule {route} matches: the call is answered with an error."
    elif place < len(rules):
        yield f"Rule {place + 1} {route} decides: it is for {_calls(rules[place])}."
    else:  # the node that holds the station has other rules than the one that was asked
        yield f"Rule {place + 1} {route} decides."
    first, *others = found["answer"] or [None]
    if first is not None:
        yield f"{word(first)} answers{f'; if it is away, {_names(others)}' if others else ''}."
    if found["copy"]:
        yield f"{_names(found['copy'])} {'is' if len(found['copy']) == 1 else 'are'} told besides."
    if found["authorize"]:
        yield f"Whether the token may charge is asked of {_names(found['authorize'])}, one after the other."
    if found["left_out"]:
        yield f"Left out, as the version is not taken there: {_names(found['left_out'])}."
    yield "A call of a transaction that runs goes to its owner, whatever the rules say."


def _names(names: list[str]) -> str:
    return listed(map(word, names))


def _calls(rule: Json) -> str:
    """Return which calls a rule is for: its conditions as they are configured."""
    conditions = {key: value for key, value in rule.items() if not key.startswith(_OUTCOMES)}
    return ", ".join(f"{key} {clean(compact(value))}" for key, value in conditions.items()) or "every call"
