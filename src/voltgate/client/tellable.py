"""The command `commands`: what stations can be told, with the parameters of each."""

from __future__ import annotations

import typer

from voltgate.client.api import Api
from voltgate.client.failure import Refused
from voltgate.client.output import Json, facts, print_facts, print_json
from voltgate.client.table import Column, show
from voltgate.client.terminal_text import clean, word

COMMAND = (
    Column("command", "name"),
    Column("versions", "versions", lambda versions: word(versions).replace("ocpp", "")),
    Column("what it does", "description", lambda text: word(str(text).partition("\n")[0])),
)
_MORE = (Column("nearest", "nearest"), Column("repeatable", "repeatable"))
PARAMETER = (
    Column("parameter", "name"),
    Column("needed", "needed"),
    Column("values", "values"),
    Column("default", "default"),
)


def list_commands(api: Api, as_json: bool) -> None:
    """Print all commands."""
    found: Json = api.get("commands")
    if as_json:
        print_json(found)
    else:
        show(COMMAND, found["items"])


def show_command(api: Api, name: str, as_json: bool) -> None:
    """Print one command with its parameters. Raise Refused."""
    known: dict[str, Json] = {each["name"]: each for each in api.get("commands")["items"]}
    if name not in known:
        raise Refused(f"there is no command {clean(name)}; there are {', '.join(known)}")
    if as_json:
        print_json(known[name])
        return
    print_facts(facts((*COMMAND, *_MORE), known[name]))
    if more := str(known[name]["description"]).partition("\n")[2].strip():
        typer.echo(f"\n{clean(more)}")
    schema = known[name]["parameters"]
    if schema["properties"]:
        typer.echo()
        show(PARAMETER, [_parameter(each, schema) for each in schema["properties"]])


def _parameter(name: str, schema: Json) -> Json:
    own = schema["properties"][name]
    needed = "yes" if name in schema.get("required", ()) else ""
    return {"name": name, "needed": needed, "values": _values(own), "default": own.get("default")}


def _values(schema: Json) -> str:
    """Return what a schema takes, in a few words."""
    if "anyOf" in schema:
        return " or ".join(filter(None, (_values(each) for each in schema["anyOf"] if each.get("type") != "null")))
    if "enum" in schema:
        return ", ".join(str(each) for each in schema["enum"] if each not in {None, ""})
    if schema.get("type") == "array":
        return f"list of {_values(schema['items'])}" if schema.get("items") else "list"
    if schema.get("properties"):
        return "{" + ", ".join(schema["properties"]) + "}"
    return str(schema.get("type", "JSON"))
