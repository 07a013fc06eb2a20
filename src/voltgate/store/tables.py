"""The tables: one for each kind of record, with the record's own names."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, Float, Index, Integer, MetaData, Table, Text

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
from voltgate.store.columns import Connector, Document, Key, Moment, Whole, Words

metadata = MetaData(
    naming_convention={"ix": "ix_%(table_name)s_%(column_0_N_name)s", "pk": "pk_%(table_name)s"},
)


def _time(name: str, *, nullable: bool = False) -> Column[float]:
    """Make a column of seconds since 1970."""
    return Column(name, Moment, nullable=nullable)


transactions = Table(
    "transactions",
    metadata,
    Column("station", Key, primary_key=True),
    Column("ref", Key, primary_key=True),
    Column("id", Words, nullable=False),
    Column("owner", Words, nullable=False),
    Column("connector", Connector),
    Column("token", Words, nullable=False),
    _time("began"),
    _time("ended", nullable=True),
    Column("data", Document, nullable=False),
    Index(None, "station", "ended"),
    Index(None, "ended"),
)

invitations = Table(
    "invitations",
    metadata,
    Column("station", Key, primary_key=True),
    Column("ref", Key, primary_key=True),
    Column("backend", Words, nullable=False),
    _time("expires"),
    Column("data", Document, nullable=False),
    Index(None, "expires"),
)

numbers = Table(
    "numbers",
    metadata,
    Column("station", Key, primary_key=True),
    Column("kind", Key, primary_key=True),
    Column("number", Whole, primary_key=True, autoincrement=False),
    Column("backend", Words, nullable=False),
    Column("theirs", Whole, nullable=False),
    _time("at"),
    Index(None, "at"),
)

facts = Table(
    "facts",
    metadata,
    Column("station", Key, primary_key=True),
    Column("name", Key, primary_key=True),
    _time("at"),
    Column("data", Document, nullable=False),
)

owed = Table(
    "owed",
    metadata,
    Column("station", Key, primary_key=True),
    Column("seq", Whole, primary_key=True, autoincrement=False),
    Column("backend", Key, nullable=False),
    _time("at"),
    Column("action", Words, nullable=False),
    Column("message_id", Words, nullable=False),
    Column("payload", Document, nullable=False),
    Column("transaction", Words, nullable=False),
    Index(None, "at"),
    Index(None, "station", "backend", "seq"),
)

audit = Table(
    "audit",
    metadata,
    Column("ref", Key, primary_key=True),
    _time("at"),
    Column("station", Key, nullable=False),
    Column("backend", Words, nullable=False),
    Column("action", Words, nullable=False),
    Column("message_id", Words, nullable=False),
    Column("outcome", Words, nullable=False),
    Column("answer", Words, nullable=False),
    Column("detail", Words, nullable=False),
    Column("identity", Words, nullable=False, server_default=""),
    Column("address", Words, nullable=False, server_default=""),
    Column("number", BigInteger),
    Column("before", Text, nullable=False, server_default=""),
    Index(None, "at"),
    Index(None, "station", "at"),
    Index(None, "number", unique=True),
)
"""The lines of the audit trail, a chain in each database (store/chain.py): `number` counts them, `before` is the hash
of the line before. A line of a gateway older than the chain has no number."""

audit_head = Table(
    "audit_head",
    metadata,
    Column("one", Integer, primary_key=True, autoincrement=False),
    Column("number", BigInteger, nullable=False),
    Column("hash", Text, nullable=False),
    Column("began", Float(53), nullable=False),
)
"""One row: the number and the hash of the newest line of the audit trail, and since when there is the chain."""

audit_gaps = Table(
    "audit_gaps",
    metadata,
    Column("first", BigInteger, primary_key=True, autoincrement=False),
    Column("last", BigInteger, nullable=False),
    Column("before", Text, nullable=False),
    Column("hash", Text, nullable=False),
    Column("at", Float(53), nullable=False),
)
"""Lines of the audit trail that were deleted for their age, from one number to another: what the first one said of the
line before it, the hash of the last one, and when they were deleted."""

register = Table(
    "register",
    metadata,
    Column("kind", Key, primary_key=True),
    Column("name", Key, primary_key=True),
    _time("at"),
    Column("data", Document, nullable=False),
)

api_tokens = Table(
    "api_tokens",
    metadata,
    Column("name", Key, primary_key=True),
    Column("role", Words, nullable=False),
    Column("digest", Document, nullable=False),
    _time("at"),
    Column("by", Words, nullable=False),
    _time("until", nullable=True),
    _time("used", nullable=True),
    Column("former", Document, nullable=True),
    _time("former_until", nullable=True),
    Column("networks", Document, nullable=True),
)

users = Table(
    "csms_users",
    metadata,
    Column("name", Key, primary_key=True),
    Column("login", Words, nullable=False),
    Column("person", Words, nullable=False),
    Column("roles", Document, nullable=False),
    Column("password", Words, nullable=False),
    Column("invitation", Key, nullable=False),
    _time("invited_until", nullable=True),
    _time("at"),
    Column("by", Words, nullable=False),
    Index(None, "invitation"),
)
"""Who may use the API by a name and a password. `name` is the login casefolded, `password` an argon2 hash ("": none
was chosen yet), `roles` JSON, `invitation` the digest of what lets a password be chosen, in hexadecimal digits."""

logins = Table(
    "csms_logins",
    metadata,
    Column("digest", Key, primary_key=True),
    Column("name", Key, nullable=False),
    _time("at"),
    _time("until"),
    Index(None, "name"),
    Index(None, "until"),
)
"""Who is logged in: the digest of his token, in hexadecimal digits, and when it ends."""

leases = Table(
    "leases",
    metadata,
    Column("station", Key, primary_key=True),
    Column("holder", Words, nullable=False),
    Column("epoch", Whole, nullable=False),
    Column("until", Float(53), nullable=False),
)

locations = Table(
    "locations",
    metadata,
    Column("station", Key, primary_key=True),
    Column("node", Key, nullable=False),
    Column("epoch", Whole, nullable=False),
    Column("at", Float(53), nullable=False),
    Column("gone", Boolean, nullable=False),
    Index(None, "node"),
)
"""Which gateway holds a station, or had it last (`gone`). The epoch rises each time that a session begins."""

nodes = Table(
    "nodes",
    metadata,
    Column("id", Key, primary_key=True),
    Column("name", Words, nullable=False),
    Column("version", Words, nullable=False),
    Column("state", Words, nullable=False),
    Column("began", Float(53), nullable=False),
    Column("seen", Float(53), nullable=False),
    Column("stations", Whole, nullable=False),
    Column("load", Float(53), nullable=False),
)
"""The gateways on this database. Times are by its own clock."""

_NUMBER = BigInteger().with_variant(Integer, "sqlite")

notices = Table(
    "notices",
    metadata,
    Column("number", _NUMBER, primary_key=True, autoincrement=True),
    Column("written_in", BigInteger, nullable=False),
    Column("node", Key, nullable=False),
    Column("kind", Words, nullable=False),
    Column("data", Document, nullable=False),
    Column("at", Float(53), nullable=False),
    Index(None, "written_in"),
)
"""What every gateway must know. `written_in` is the database's number of the transaction that wrote it: numbers of rows
are not in the order in which they can be seen. `node` wrote it."""

letters = Table(
    "letters",
    metadata,
    Column("number", _NUMBER, primary_key=True, autoincrement=True),
    Column("node", Key, nullable=False),
    Column("kind", Words, nullable=False),
    Column("data", Document, nullable=False),
    Column("at", Float(53), nullable=False),
    Index(None, "node", "number"),
)
"""What one gateway says to another (`node`), which deletes it as it reads it."""

station_security = Table(
    "station_security",
    metadata,
    Column("station", Key, primary_key=True),
    Column("identity", Words, nullable=False),
    Column("profile", Whole, nullable=False),
    _time("at"),
    Column("by", Words, nullable=False),
    _time("until", nullable=True),
    Column("password", Words, nullable=False),
    Column("offered", Words, nullable=False),
    _time("password_at", nullable=True),
)
"""The lowest security profile that a station may come with, until when its certificate is valid, and the argon2 hashes
of a password that it was given through Voltgate ("": none), and of one of which it has not said if it took it."""

compatibility = Table("compatibility", metadata, Column("oldest", Words, primary_key=True))
"""One row: the oldest revision whose programs can work with the database as it is."""

TABLES: dict[type[Record], Table] = {
    TransactionRecord: transactions,
    InvitationRecord: invitations,
    NumberRecord: numbers,
    FactRecord: facts,
    OwedRecord: owed,
    AuditRecord: audit,
    RegisterRecord: register,
}
