"""The tables of alerts: those that stand, what is sent of them, and what operators have muted."""

from __future__ import annotations

from sqlalchemy import Boolean, Column, Float, Index, Table, text

from voltgate.store.columns import Document, Key, Label, Moment, Whole, Words
from voltgate.store.tables import metadata


def _time(name: str, *, nullable: bool = False) -> Column[float]:
    return Column(name, Moment, nullable=nullable)


alerts = Table(
    "alerts",
    metadata,
    Column("id", Key, primary_key=True),
    Column("rule", Key, nullable=False),
    Column("event", Label, nullable=False),
    Column("subject", Key, nullable=False),
    Column("state", Words, nullable=False),
    Column("key", Key, nullable=False),
    Column("station", Words, nullable=False),
    Column("backend", Words, nullable=False),
    Column("severity", Words, nullable=False),
    Column("urgent", Boolean, nullable=False),
    Column("lasting", Boolean, nullable=False),
    _time("at"),
    _time("due"),
    _time("goes"),
    Column("status", Label, nullable=False),
    Column("current", Boolean, nullable=False),
    _time("seen"),
    _time("ended_at", nullable=True),
    Column("data", Document, nullable=False),
    Index(
        "ix_alerts_current",
        "subject",
        "rule",
        "event",
        unique=True,
        sqlite_where=text("current"),
        postgresql_where=text("current"),
    ),
    Index(None, "subject", "at"),
    Index(None, "status", "goes"),
    Index(None, "at", "id"),
    Index(None, "key", "at"),
    Index(None, "ended_at"),
)
"""Each alert of each rule. At most one of a rule, an event and a subject is current."""

deliveries = Table(
    "alert_deliveries",
    metadata,
    Column("id", Key, primary_key=True),
    Column("channel", Key, nullable=False),
    Column("rule", Words, nullable=False),
    Column("kind", Words, nullable=False),
    Column("event", Words, nullable=False),
    Column("severity", Words, nullable=False),
    Column("urgent", Boolean, nullable=False),
    Column("subject", Words, nullable=False),
    Column("text", Document, nullable=False),
    Column("html", Document, nullable=False),
    Column("items", Document, nullable=False),
    Column("count", Whole, nullable=False),
    _time("at"),
    _time("created"),
    _time("due"),
    Column("attempts", Whole, nullable=False),
    Column("status", Label, nullable=False),
    Column("error", Words, nullable=False),
    Column("note", Words, nullable=False),
    _time("ended_at", nullable=True),
    Column("holder", Words, nullable=False),
    Column("until", Float(53), nullable=False),
    Index(None, "status", "due"),
    Index(None, "created", "id"),
    Index(None, "channel", "created"),
    Index(None, "ended_at"),
)
"""The messages to each channel. `holder` sends one, by a lease `until` a time of the database's own clock."""

mutes = Table(
    "alert_mutes",
    metadata,
    Column("id", Key, primary_key=True),
    Column("events", Document, nullable=False),
    Column("stations", Document, nullable=False),
    Column("backends", Document, nullable=False),
    _time("at"),
    _time("until", nullable=True),
    Column("by", Words, nullable=False),
    Column("reason", Words, nullable=False),
    Index(None, "until"),
)
"""What operators have muted; the globs are lists in JSON."""
