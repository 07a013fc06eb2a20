"""The tables of the management system: one for each class of its model, with the model's own names in their order.

Columns behind those of the model are the database's: they are computed when a row is written.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import BigInteger, Boolean, Column, ColumnElement, Float, Index, Table, false, literal_column

from voltgate.csms.model import (
    Connector,
    MeterValue,
    Network,
    Note,
    Profile,
    Report,
    Reservation,
    Row,
    SigningRequest,
    Station,
    StatusChange,
    Token,
    Transaction,
    Variable,
)
from voltgate.store.columns import Document, Key, Label, Measure, Moment, Whole, Words
from voltgate.store.tables import metadata


def _key(name: str) -> Column[str]:
    """Make a column of text that is part of the primary key."""
    return Column(name, Key, primary_key=True)


def _reference(name: str) -> Column[str]:
    """Make a column of text that is the key of something else."""
    return Column(name, Key, nullable=False)


def _label(name: str) -> Column[str]:
    """Make a column of text that is part of an index, and may be cut."""
    return Column(name, Label, nullable=False)


def _text(name: str) -> Column[str]:
    return Column(name, Words, nullable=False)


def _number(name: str, *, nullable: bool = False) -> Column[int]:
    return Column(name, Whole, nullable=nullable)


def _number_key(name: str) -> Column[int]:
    return Column(name, Whole, primary_key=True, autoincrement=False)


def _time(name: str, *, nullable: bool = False) -> Column[float]:
    """Make a column of seconds since 1970."""
    return Column(name, Moment, nullable=nullable)


def _measure(name: str) -> Column[float]:
    return Column(name, Measure)


def _digest() -> Column[int]:
    """Make the column that tells apart what a station has said of one moment: the same again adds nothing."""
    return Column("digest", BigInteger, primary_key=True, autoincrement=False)


networks = Table(
    "csms_networks",
    metadata,
    _key("id"),
    _text("name"),
    _text("location"),
    _number("interval", nullable=True),
    Column("currency", Words),
    _text("timezone"),
)

stations = Table(
    "csms_stations",
    metadata,
    _key("key"),
    _text("identity"),
    _reference("network"),
    _text("name"),
    _text("location"),
    _text("registration"),
    _text("told"),
    _text("validation"),
    _text("version"),
    _text("vendor"),
    _text("model"),
    _text("serial"),
    _text("box_serial"),
    _text("firmware"),
    _text("iccid"),
    _text("imsi"),
    _text("meter_type"),
    _text("meter_serial"),
    _text("boot_reason"),
    _time("booted", nullable=True),
    Column("connected", Boolean, nullable=False),
    _text("holder"),
    _time("since", nullable=True),
    _time("seen", nullable=True),
    _text("firmware_status"),
    _text("log_status"),
    _number("list_version", nullable=True),
    Index(None, "network", "key"),
)

connectors = Table(
    "csms_connectors",
    metadata,
    _key("station"),
    _number_key("evse"),
    _number_key("connector"),
    _label("status"),
    _text("error_code"),
    _text("info"),
    _text("vendor_error"),
    _time("at", nullable=True),
    _text("reported"),
    Index(None, "status", "station", "evse", "connector"),
)

status_changes = Table(
    "csms_status_changes",
    metadata,
    _key("station"),
    _number("evse"),
    _number("connector"),
    Column("at", Moment, primary_key=True),
    _time("received"),
    _text("status"),
    _text("error_code"),
    _text("info"),
    _text("vendor_error"),
    _digest(),
    Index(None, "received"),
)

tokens = Table(
    "csms_tokens",
    metadata,
    _key("id"),
    _text("text"),
    _text("kind"),
    _label("group"),
    _text("status"),
    _time("expires", nullable=True),
    _number("concurrent"),
    _reference("network"),
    _text("holder"),
    _text("language"),
    _text("message"),
    Index(None, "group", "id"),
    Index(None, "network", "id"),
)

transactions = Table(
    "csms_transactions",
    metadata,
    _key("station"),
    _key("ref"),
    _number("number", nullable=True),
    _reference("network"),
    _text("version"),
    _number("evse", nullable=True),
    _number("connector", nullable=True),
    _text("token"),
    _text("token_kind"),
    _text("group"),
    _text("stop_token"),
    _time("began", nullable=True),
    _time("began_received", nullable=True),
    _time("ended", nullable=True),
    _time("ended_received", nullable=True),
    _measure("meter_start"),
    _measure("meter_stop"),
    _measure("meter_last"),
    _time("meter_at", nullable=True),
    _measure("power"),
    _measure("soc"),
    _measure("energy"),
    _text("state"),
    _text("charging_state"),
    _time("charged_until", nullable=True),
    _text("reason"),
    _text("trigger"),
    _text("estimated"),
    Column("offline", Boolean, nullable=False),
    _number("remote_start", nullable=True),
    _number("reservation", nullable=True),
    _number("seq"),
    _text("missing"),
    _time("heard", nullable=True),
    _text("begun_by"),
    _text("currency"),
    _number("cost", nullable=True),
    Column("cost_data", Document, nullable=False),
    Column("called", Key, nullable=False, server_default=""),
    Column("nth", Whole, nullable=False, server_default="1"),
    _label("token_id"),
    Index(None, "ref"),
    Index(None, "began", "station", "ref"),
    Index(None, "station", "began", "ref"),
    Index(None, "network", "began", "station", "ref"),
    Index(None, "token_id", "began", "station", "ref"),
    Index(None, "ended", "station", "ref"),
    Index(None, "station", "ended", "ref"),
    Index(None, "station", "evse", "ended"),
    Index(None, "network", "ended", "station", "ref"),
    postgresql_with={"fillfactor": 80},
)
"""`token_id` is the token casefolded, or the beginning of it. Room is left on each page of PostgreSQL: what meters say
changes a row often, and in its place as no index knows of it."""

IS_RUNNING: ColumnElement[bool] = transactions.c.state == literal_column("'running'")
IS_CALLED: ColumnElement[bool] = transactions.c.called != literal_column("''")
IS_ESTIMATED: ColumnElement[bool] = transactions.c.estimated != literal_column("''")
"""Conditions with an index of their own: it is used where they are spelt in the same way."""


def _few(name: str, condition: ColumnElement[bool], *columns: Column[Any]) -> None:
    """Make an index of those few transactions for which a condition holds."""
    Index(f"ix_csms_transactions_{name}", *columns, postgresql_where=condition, sqlite_where=condition)


_few("running", IS_RUNNING, transactions.c.began, transactions.c.station, transactions.c.ref)
_few("running_ended", IS_RUNNING, transactions.c.ended, transactions.c.station, transactions.c.ref)
_few("running_station", IS_RUNNING, transactions.c.station)
_few("running_token_id", IS_RUNNING, transactions.c.token_id)
_few("called", IS_CALLED, transactions.c.called, transactions.c.station, transactions.c.nth)
_few("estimated", IS_ESTIMATED, transactions.c.began, transactions.c.station, transactions.c.ref)

meter_values = Table(
    "csms_meter_values",
    metadata,
    _key("station"),
    _number("evse"),
    _key("ref"),
    Column("at", Moment, primary_key=True),
    _time("received"),
    _measure("energy"),
    _measure("power"),
    Column("data", Document, nullable=False),
    _digest(),
    Index(None, "received"),
    postgresql_partition_by="RANGE (at)",
)
"""On PostgreSQL in partitions of a day, by the station's own time; one takes what is of no day that has one."""

notes = Table(
    "csms_notes",
    metadata,
    _key("station"),
    _key("kind"),
    Column("at", Moment, primary_key=True),
    _time("received"),
    _text("about"),
    Column("data", Document, nullable=False),
    _digest(),
    Index(None, "received"),
    Index(None, "station", "received"),
    Index(None, "kind", "received"),
)

variables = Table(
    "csms_variables",
    metadata,
    _key("station"),
    _key("component"),
    _key("variable"),
    _key("attribute"),
    Column("value", Words),
    _text("mutability"),
    Column("data", Document, nullable=False),
    _time("at"),
)

reports = Table(
    "csms_reports",
    metadata,
    _key("station"),
    _key("kind"),
    _number_key("request"),
    _time("received"),
    _time("at"),
    _number("seq"),
    _text("missing"),
    _number("last", nullable=True),
    Column("complete", Boolean, nullable=False),
)

reservations = Table(
    "csms_reservations",
    metadata,
    _key("station"),
    _number_key("number"),
    _number("evse", nullable=True),
    _text("token"),
    _text("token_kind"),
    _text("group"),
    _time("expires"),
    _time("made"),
    _text("status"),
    _text("ref"),
    Index(None, "made", "station", "number"),
    Index(None, "station", "made", "number"),
)

profiles = Table(
    "csms_profiles",
    metadata,
    _key("station"),
    _number_key("evse"),
    _number_key("profile"),
    _key("source"),
    _text("purpose"),
    _number("stack_level"),
    _time("at"),
    Column("data", Document, nullable=False),
    Column("origin", Words, nullable=False, server_default="station"),
    Column("cleared", Boolean, nullable=False, server_default=false()),
)

signing_requests = Table(
    "csms_signing_requests",
    metadata,
    _key("station"),
    _number_key("number"),
    _text("kind"),
    _text("csr"),
    _time("at"),
    _text("status"),
    _text("chain"),
    _number("request", nullable=True),
    Column("root", Document, nullable=False),
)

tariffs = Table(
    "csms_tariffs",
    metadata,
    _key("name"),
    _number_key("version"),
    Column("data", Document, nullable=False),
)
"""Each version of each tariff, as JSON; `numbers` counts how often they were changed."""

numbers = Table("csms_numbers", metadata, _key("name"), _number("next"))
"""The next number of each kind that no process has had; and of each duty of the `rota` when it was done last."""

jobs = Table(
    "csms_jobs",
    metadata,
    _key("id"),
    _text("command"),
    Column("fields", Document, nullable=False),
    _time("created"),
    _time("deadline"),
    _text("by"),
    _measure("rate"),
    _number("at_once"),
    _text("away"),
    Column("cancelled", Boolean, nullable=False),
    _time("ended", nullable=True),
    _text("owner"),
    Column("until", Float(53), nullable=False),
    Index(None, "created", "id"),
    Index(None, "ended", "created", "id"),
)
"""`owner` is the process that tells the stations of a job, `until` some time by the database's clock."""

job_items = Table(
    "csms_job_items",
    metadata,
    _key("job"),
    _key("station"),
    _label("state"),
    Column("outcome", Document, nullable=False),
    _time("at"),
    _time("again"),
    _number("tries"),
    Index(None, "job", "state", "at", "station"),
    Index(None, "job", "state", "again"),
)

TABLES: dict[type[Row], Table] = {
    Network: networks,
    Station: stations,
    Connector: connectors,
    StatusChange: status_changes,
    Token: tokens,
    Transaction: transactions,
    MeterValue: meter_values,
    Note: notes,
    Variable: variables,
    Report: reports,
    Reservation: reservations,
    Profile: profiles,
    SigningRequest: signing_requests,
}
