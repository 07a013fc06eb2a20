"""The commands `jobs`: what is told to many stations, and how far it has come."""

from __future__ import annotations

from collections.abc import Mapping

import typer

from voltgate.client.api import Api, path
from voltgate.client.output import Json, facts, print_facts, print_json, print_part, tally
from voltgate.client.table import Column
from voltgate.client.terminal_text import clean, moment


def _accepted(value: object) -> str:
    return {True: "yes", False: "no"}.get(value, "") if isinstance(value, bool) else ""


def _follow(value: object) -> str:
    return clean(str(value.get("request") or "")) if isinstance(value, Mapping) else ""


JOB = (
    Column("id", "id"),
    Column("command", "command"),
    Column("by", "by"),
    Column("created", "created", moment),
    Column("state", "state"),
    Column("stations", "stations", number=True),
    Column("how far", "counts", tally),
)
_MORE = (Column("deadline", "deadline", moment), Column("ended", "ended", moment), Column("rate", "rate"))
ITEM = (
    Column("station", "station"),
    Column("state", "state"),
    Column("accepted", "accepted", _accepted),
    Column("status", "status"),
    Column("info", "info"),
    Column("request", "follow", _follow),
    Column("at", "at", moment),
    Column("tries", "tries", number=True),
)


def list_jobs(api: Api, limit: int, as_json: bool, ended: bool | None) -> None:
    """Print the jobs, the last one first."""
    print_part(api.cursor_items("jobs", limit, ended=ended), JOB, "job", as_json)


def show_job(api: Api, job: str, state: str | None, limit: int, as_json: bool) -> None:
    """Print one job with its stations."""
    found: Json = api.get(path("jobs", job))
    items = api.cursor_items(path("jobs", job, "items"), limit, state=state)
    if as_json:
        print_json({**found, "items": items["items"]})
        return
    print_facts(facts((*JOB, *_MORE), found))
    typer.echo()
    print_part(items, ITEM, "station", as_json=False)


def cancel_job(api: Api, job: str, as_json: bool) -> None:
    """Cancel a job."""
    cancelled: Json = api.ask("DELETE", path("jobs", job))
    if as_json:
        print_json(cancelled)
    else:
        typer.echo(f"no more stations are told: {tally(cancelled['counts'])}")
