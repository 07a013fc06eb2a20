"""The commands `csms-stations` and `reservations`: stations as the management system knows them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import typer

from voltgate.client.api import Api, path
from voltgate.client.failure import Refused
from voltgate.client.output import Json, facts, now, print_facts, print_json, print_part, remark, report
from voltgate.client.table import Column, show
from voltgate.client.terminal_text import counted, moment, word

STATION = (
    Column("identity", "identity"),
    Column("network", "network"),
    Column("name", "name"),
    Column("connected", "connected"),
    Column("version", "version"),
    Column("vendor", "vendor"),
    Column("model", "model"),
    Column("firmware", "firmware"),
    Column("registration", "registration"),
    Column("seen", "seen", moment),
)
_MORE = (
    Column("location", "location"),
    Column("told", "told"),
    Column("validation", "validation"),
    Column("serial", "serial"),
    Column("box serial", "box_serial"),
    Column("iccid", "iccid"),
    Column("imsi", "imsi"),
    Column("meter", "meter_type"),
    Column("meter serial", "meter_serial"),
    Column("booted", "booted", moment),
    Column("boot reason", "boot_reason"),
    Column("since", "since", moment),
    Column("firmware status", "firmware_status"),
    Column("log status", "log_status"),
    Column("local list", "list_version"),
)
_EVSE = (Column("evse", "evse", number=True), Column("connector", "connector", number=True))
_STATUS = (Column("status", "status"), Column("error", "error_code"), Column("info", "info"))
CONNECTOR = (*_EVSE, *_STATUS, Column("at", "at", moment), Column("had said", "reported"))
CHANGE = (Column("at", "at", moment), *_EVSE, *_STATUS)
NOTE = (
    Column("received", "received", moment),
    Column("kind", "kind"),
    Column("about", "about"),
    Column("data", "data"),
)
VARIABLE = (
    Column("component", "component"),
    Column("variable", "variable"),
    Column("attribute", "attribute"),
    Column("value", "value"),
    Column("mutability", "mutability"),
    Column("at", "at", moment),
)
PROFILE = (
    Column("evse", "evse", number=True),
    Column("profile", "profile", number=True),
    Column("purpose", "purpose"),
    Column("stack level", "stack_level", number=True),
    Column("source", "source"),
    Column("at", "at", moment),
)
CERTIFICATE = (
    Column("number", "number", number=True),
    Column("kind", "kind"),
    Column("status", "status"),
    Column("at", "at", moment),
)
UPLOAD = (
    Column("id", "id"),
    Column("about", "about"),
    Column("asked", "asked", moment),
    Column("received", "received", moment),
    Column("bytes", "size", number=True),
    Column("expires", "expires", moment),
)
RESERVATION = (
    Column("station", "station"),
    Column("number", "number", number=True),
    Column("evse", "evse", number=True),
    Column("token", "token"),
    Column("status", "status"),
    Column("transaction", "ref"),
    Column("made", "made", moment),
    Column("expires", "expires", moment),
)


_LISTS = {
    "notes": (NOTE, "note"),
    "history": (CHANGE, "report"),
    "variables": (VARIABLE, "variable"),
    "profiles": (PROFILE, "profile"),
    "certificates": (CERTIFICATE, "certificate"),
}
"""The lists that go on by cursor, by how the API and the command line call them."""


def list_stations(api: Api, limit: int, as_json: bool, **query: Any) -> None:
    """Print the stations that match."""
    print_part(api.cursor_items("csms/stations", limit, **query), STATION, "station", as_json)


def show_station(api: Api, identity: str, as_json: bool) -> None:
    """Print one station with its connectors."""
    found: Json = api.get(path("csms", "stations", identity))
    if as_json:
        print_json(found)
        return
    print_facts(facts((*STATION, *_MORE), found))
    if found.get("connectors"):
        typer.echo()
        show(CONNECTOR, found["connectors"])


def add_station(api: Api, wanted: Json, as_json: bool) -> None:
    """Make a station."""
    made = api.ask("POST", "csms/stations", wanted)
    report(made, f"{word(made.get('identity'))} is let in, in the network {word(made.get('network'))}", as_json)


def change_station(api: Api, identity: str, change: Json, as_json: bool) -> None:
    """Change a station."""
    changed: Json = api.ask("PATCH", path("csms", "stations", identity), change)
    report(changed, f"{word(changed.get('identity'))} has {now(changed, change)}", as_json)


def remove_station(api: Api, identity: str, as_json: bool) -> None:
    """Delete a station."""
    api.ask("DELETE", path("csms", "stations", identity))
    report({"removed": identity}, f"{word(identity)} is not known any more", as_json)


def list_of(api: Api, identity: str, what: str, limit: int, as_json: bool, **query: Any) -> None:
    """Print one of the lists of a station."""
    columns, noun = _LISTS[what]
    print_part(api.cursor_items(path("csms", "stations", identity, what), limit, **query), columns, noun, as_json)


def list_uploads(api: Api, identity: str, as_json: bool) -> None:
    """Print the uploads of a station."""
    found: Json = api.get(path("csms", "stations", identity, "uploads"))
    if as_json:
        print_json(found)
    elif found["items"]:
        show(UPLOAD, found["items"])
    else:
        remark("no uploads")


def download(api: Api, identity: str, upload: str, file: Path, as_json: bool) -> None:
    """Write an upload to a file that is not there yet, completely or not at all. Raise Refused."""
    pieces = api.data(path("csms", "stations", identity, "uploads", upload))
    first = next(pieces, b"")  # nothing is made where there is nothing
    size = len(first)
    try:
        with file.open("xb") as written:
            written.write(first)
            try:
                for piece in pieces:
                    size += written.write(piece)
            except BaseException:
                file.unlink()
                raise
    except FileExistsError:
        raise Refused(f"{file} exists already; it is left as it is") from None
    except OSError as error:
        raise Refused(f"{file} cannot be written: {error.strerror}") from None
    report({"file": str(file), "bytes": size}, f"{file}: {counted(size, 'byte')}", as_json)


def list_reservations(api: Api, limit: int, as_json: bool, **query: Any) -> None:
    """Print reservations."""
    print_part(api.cursor_items("reservations", limit, **query), RESERVATION, "reservation", as_json)
