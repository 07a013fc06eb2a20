"""The command `explain`: what became of one message, and why."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any

import typer

from voltgate.client.cli import AsJson, ConfigFile, TokenFile, Url, asking

if TYPE_CHECKING:
    from voltgate.client.api import Api

app = typer.Typer(add_completion=False)

_MOST = 1000
_AHEAD = timedelta(seconds=1)
"""How far two clocks of one gateway may be apart."""


@app.command()
def explain(
    station: Annotated[str, typer.Argument(help="Whose message it is: who sent it, or was to get it.")],
    message_id: Annotated[str, typer.Argument(metavar="MESSAGE_ID", help="Its id, as any side has it.")],
    as_json: AsJson = False,
    url: Url = None,
    token_file: TokenFile = None,
    config: ConfigFile = None,
) -> None:
    """Say in sentences what became of a message and why: the last one of this id that the message log has."""
    from voltgate.client.explanation import explain as explained  # noqa: PLC0415
    from voltgate.client.failure import Refused  # noqa: PLC0415
    from voltgate.client.output import print_json, remark, warn_of_missing  # noqa: PLC0415
    from voltgate.client.terminal_text import clean, counted  # noqa: PLC0415

    with asking(url, token_file, config) as api:
        found = api.get("messages", station=station, message_id=message_id, limit=_MOST)
        warn_of_missing(found)
        named = found["items"] or _torn(api, station, message_id)
        if not named:
            raise Refused(
                f"no message {clean(message_id)} of {clean(station)} is in the log: "
                "`voltgate record` shows whose messages are written down"
            )
        records, others = _of_one(api, station, named)
        owed = _owed(api, station, records)
        sentences = explained(records, owed)
        if as_json:
            print_json({"sentences": sentences, "records": records, "owed": owed})
            return
        for sentence in sentences:
            typer.echo(sentence)
        if others:
            remark(f"{counted(others, 'older message')} of this id: `voltgate log {clean(station)}` shows them")


def _owed(api: Api, station: str, records: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return what is still owed of a message of the station: those of its id that were entered since it was said."""
    from voltgate.client.api import path  # noqa: PLC0415
    from voltgate.client.failure import Refused  # noqa: PLC0415

    said = next((each for each in records if each["direction"] == "from_station" and each["message_id"]), None)
    if said is None:
        return []
    try:
        items = api.get(path("stations", station, "owed"), message_id=said["message_id"], limit=_MOST)["items"]
    except Refused as refused:
        if refused.status not in (404, 503):
            raise
        return []  # no database keeps it, or a gateway of an older version does not know
    since = datetime.fromisoformat(said["at"]) - _AHEAD
    return [each for each in items if datetime.fromisoformat(each["at"]) >= since]


def _torn(api: Api, station: str, message_id: str) -> list[dict[str, Any]]:
    """Return the last frame that is no message and has the id in it."""
    items: list[dict[str, Any]] = api.get("messages", station=station, kind="malformed", text=message_id, limit=1)[
        "items"
    ]
    return items


def _of_one(api: Api, station: str, named: list[dict[str, Any]]) -> tuple[list[dict[str, Any]], int]:
    """Return all records of the last call among those of an id, and how many other calls there are."""
    said = [each for each in named if each["direction"] in ("from_station", "from_backend")]
    last = (said or named)[0]
    if last["call"] is None:
        return [last], len(said) - 1 if said else 0
    whole = api.get("messages", station=station, call=last["call"], limit=_MOST)["items"] or [last]
    owed = [
        each
        for each in named
        if each["direction"] == "to_backend" and each["call"] != last["call"] and each["at"] >= last["at"]
    ]
    ours = owed if last["direction"] == "from_station" else []
    return whole + ours, max(0, len({each["call"] for each in said}) - 1)
