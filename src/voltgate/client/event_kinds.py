"""The kinds of events: what `voltgate events --kind` takes, as this version has them."""

from __future__ import annotations

from voltgate.client.output import print_json
from voltgate.client.table import Column, show
from voltgate.relay.event_list import EVENTS, NAMES

KIND = (Column("kind", "kind"), Column("severity", "severity"), Column("in the log", "line"))


def list_kinds(as_json: bool) -> None:
    """Print the kinds of events, with the severity and the line of the log of each; as JSON with what each means."""
    items = [
        {"kind": NAMES[event], "severity": kind.severity, "line": kind.line, "meaning": kind.meaning}
        for event, kind in EVENTS.items()
    ]
    if as_json:
        print_json({"items": items})
    else:
        show(KIND, items)
