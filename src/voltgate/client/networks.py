"""The commands `networks`: charging networks, and the stations that are made in them."""

from __future__ import annotations

from voltgate.client.api import Api, path
from voltgate.client.output import Json, facts, now, print_facts, print_json, print_part, report
from voltgate.client.table import Column
from voltgate.client.terminal_text import word

NETWORK = (
    Column("id", "id"),
    Column("name", "name"),
    Column("location", "location"),
    Column("stations", "stations", number=True),
    Column("connected", "connected", number=True),
    Column("interval", "interval", number=True),
    Column("currency", "currency"),
    Column("timezone", "timezone"),
)


def list_networks(api: Api, limit: int, as_json: bool) -> None:
    """Print the networks."""
    print_part(api.cursor_items("networks", limit), NETWORK, "network", as_json)


def show_network(api: Api, network: str, as_json: bool) -> None:
    """Print one network."""
    found = api.get(path("networks", network))
    if as_json:
        print_json(found)
    else:
        print_facts(facts(NETWORK, found))


def add_network(api: Api, wanted: Json, as_json: bool) -> None:
    """Make a network."""
    made = api.ask("POST", "networks", wanted)
    report(made, f"there is a network {word(made.get('id'))}", as_json)


def change_network(api: Api, network: str, change: Json, as_json: bool) -> None:
    """Change what is named of a network."""
    changed: Json = api.ask("PATCH", path("networks", network), change)
    report(changed, f"{word(changed.get('id'))} has {now(changed, change)}", as_json)


def remove_network(api: Api, network: str, as_json: bool) -> None:
    """Delete a network."""
    api.ask("DELETE", path("networks", network))
    report({"removed": network}, f"there is no network {word(network)} any more", as_json)


def add_station(api: Api, network: str, wanted: Json, as_json: bool) -> None:
    """Make a station in a network."""
    made = api.ask("POST", path("networks", network, "stations"), wanted)
    report(made, f"{word(made.get('identity'))} is let in, in the network {word(network)}", as_json)
