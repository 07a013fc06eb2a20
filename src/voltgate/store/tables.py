"""The tables: one for each kind of record, with the record's own names."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Float, Index, Integer, LargeBinary, MetaData, Table, Text

from voltgate.relay.records import (
    AuditRecord,
    FactRecord,
    InvitationRecord,
    NumberRecord,
    OwedRecord,
    Record,
    RegisterRecord,
    TransactionRecord,
)

metadata = MetaData(
    naming_convention={"ix": "ix_%(table_name)s_%(column_0_N_name)s", "pk": "pk_%(table_name)s"},
)


def _time(name: str, *, nullable: bool = False) -> Column[float]:
    """Make a column of seconds since 1970."""
    return Column(name, Float(53), nullable=nullable)


transactions = Table(
    "transactions",
    metadata,
    Column("station", Text, primary_key=True),
    Column("ref", Text, primary_key=True),
    Column("id", Text, nullable=False),
    Column("owner", Text, nullable=False),
    Column("connector", Integer),
    Column("token", Text, nullable=False),
    _time("began"),
    _time("ended", nullable=True),
    Column("data", LargeBinary, nullable=False),
    Index(None, "station", "ended"),
    Index(None, "ended"),
)

invitations = Table(
    "invitations",
    metadata,
    Column("station", Text, primary_key=True),
    Column("ref", Text, primary_key=True),
    Column("backend", Text, nullable=False),
    _time("expires"),
    Column("data", LargeBinary, nullable=False),
    Index(None, "expires"),
)

numbers = Table(
    "numbers",
    metadata,
    Column("station", Text, primary_key=True),
    Column("kind", Text, primary_key=True),
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    Column("backend", Text, nullable=False),
    Column("theirs", BigInteger, nullable=False),
    _time("at"),
    Index(None, "at"),
)

facts = Table(
    "facts",
    metadata,
    Column("station", Text, primary_key=True),
    Column("name", Text, primary_key=True),
    _time("at"),
    Column("data", LargeBinary, nullable=False),
)

owed = Table(
    "owed",
    metadata,
    Column("station", Text, primary_key=True),
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    Column("backend", Text, nullable=False),
    _time("at"),
    Column("action", Text, nullable=False),
    Column("message_id", Text, nullable=False),
    Column("payload", LargeBinary, nullable=False),
    Column("transaction", Text, nullable=False),
    Index(None, "at"),
    Index(None, "station", "backend", "seq"),
)

audit = Table(
    "audit",
    metadata,
    Column("ref", Text, primary_key=True),
    _time("at"),
    Column("station", Text, nullable=False),
    Column("backend", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("message_id", Text, nullable=False),
    Column("outcome", Text, nullable=False),
    Column("answer", Text, nullable=False),
    Column("detail", Text, nullable=False),
    Index(None, "at"),
    Index(None, "station", "at"),
)

register = Table(
    "register",
    metadata,
    Column("kind", Text, primary_key=True),
    Column("name", Text, primary_key=True),
    _time("at"),
    Column("data", LargeBinary, nullable=False),
)

api_tokens = Table(
    "api_tokens",
    metadata,
    Column("name", Text, primary_key=True),
    Column("role", Text, nullable=False),
    Column("digest", LargeBinary, nullable=False),
    _time("at"),
    Column("by", Text, nullable=False),
)

leases = Table(
    "leases",
    metadata,
    Column("station", Text, primary_key=True),
    Column("holder", Text, nullable=False),
    Column("epoch", BigInteger, nullable=False),
    _time("until"),
)

TABLES: dict[type[Record], Table] = {
    TransactionRecord: transactions,
    InvitationRecord: invitations,
    NumberRecord: numbers,
    FactRecord: facts,
    OwedRecord: owed,
    AuditRecord: audit,
    RegisterRecord: register,
}
