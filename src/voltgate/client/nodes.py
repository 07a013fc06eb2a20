"""The commands `nodes`, `drain` and `undrain`: the gateways of a cluster."""

from __future__ import annotations

import typer

from voltgate.client.api import Api, path
from voltgate.client.output import print_json, print_page
from voltgate.client.table import Column
from voltgate.client.terminal_text import counted, moment, word

MOST = 10_000
"""Nodes that a list may have at most."""


def _share(load: object) -> str:
    """Return a share of one core as a percentage."""
    return f"{load:.0%}" if isinstance(load, int | float) else ""


NODE = (
    Column("name", "name"),
    Column("here", "here"),
    Column("state", "state"),
    Column("alive", "alive"),
    Column("stations", "stations", number=True),
    Column("load", "load", _share, number=True),
    Column("version", "version"),
    Column("since", "since", moment),
    Column("seen", "seen", moment),
    Column("id", "id"),
)


def list_nodes(api: Api, as_json: bool) -> None:
    """Print all nodes."""
    print_page(api.items("nodes", 0, MOST), NODE, "node", as_json)


def drain(api: Api, name: str | None, spread: float | None, as_json: bool) -> None:
    """Have a node, by its name or id (None: the one that is asked), hand its stations over."""
    node = api.ask("POST", _drain_of(name), {"spread": spread})
    if as_json:
        print_json(node)
        return
    held = counted(node.get("stations") or 0, "station")
    typer.echo(f"{word(node.get('name'))} hands {held} over; `voltgate nodes` shows how far it is")


def undrain(api: Api, name: str | None, as_json: bool) -> None:
    """Have a node that drains, by its name or id (None: the one that is asked), take stations again."""
    node = api.ask("DELETE", _drain_of(name))
    if as_json:
        print_json(node)
    else:
        typer.echo(f"{word(node.get('name'))} takes stations again")


def _drain_of(name: str | None) -> str:
    return "nodes/drain" if name is None else path("nodes", name, "drain")
