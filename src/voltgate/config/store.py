"""The database, the ledger and the journal: what is kept, where, and for how long."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs, urlsplit

from pydantic import Field, field_validator

from voltgate.config import hosts
from voltgate.config.values import RESTART, Seconds, Secret, Section, Size, Text

OFF = "off"
_SQLITE = "sqlite:///"
_QUERY = frozenset({"prepared_statement_cache_size", "ssl", "sslmode"})
"""What may stand behind the ? of an address of PostgreSQL."""


class Store(Section):
    """The database: owners of transactions, messages owed to backends, and the audit trail."""

    url: Text = Field(
        default="sqlite:///var/voltgate.db",
        description="`sqlite:///path` (it is made), which belongs to one gateway, "
        "or `postgresql://user@host/database`, with `?ssl=verify-full` behind it where the way there is a network: "
        '`PGSSLROOTCERT` names the file of its authority. `"off"`: nothing outlives the process.',
        repr=False,
        json_schema_extra=RESTART,
    )
    password: Secret | None = Field(
        default=None,
        description='PostgreSQL\'s password, in place of one in the URL: `{ env = "PGPASSWORD" }`.',
        json_schema_extra=RESTART,
    )
    patience: Seconds = Field(
        default=5,
        ge=0.1,
        le=60,
        description="How long an answer waits for the disk. Then the station is let go, so that it keeps its message.",
        json_schema_extra=RESTART,
    )
    keep_days: float = Field(
        default=30, ge=1, le=3650, description="Days that transactions which have ended, and numbers, are kept."
    )
    audit_days: float = Field(default=90, ge=1, le=3650, description="Days that the audit trail is kept.")

    @field_validator("url")
    @classmethod
    def _opens(cls, url: str) -> str:
        if url == OFF or (url.startswith(_SQLITE) and len(url) > len(_SQLITE)):
            return url
        if not url.startswith(("postgresql://", "postgres://")):
            raise ValueError('is "sqlite:///path/to.db", "postgresql://user@host/database" or "off"')
        try:
            parts = urlsplit(url)
            complete = bool(parts.hostname and parts.path.strip("/")) and parts.port != 0
            asked = parse_qs(parts.query, keep_blank_values=True).keys()
        except ValueError:
            complete, asked = False, {}.keys()
        if not complete:
            raise ValueError('names no host or no database: "postgresql://user@host:5432/database"')
        why = hosts.objection(parts.hostname or "")
        if why:
            raise ValueError(f'names no host that there can be: "{parts.hostname}" {why}')
        if unknown := sorted(asked - _QUERY):
            raise ValueError(f'knows no "{unknown[0]}" behind the ?: only {", ".join(sorted(_QUERY))}')
        return url

    @property
    def is_shared(self) -> bool:
        """Whether several gateways can be on it: it is PostgreSQL."""
        return self.url != OFF and not self.url.startswith(_SQLITE)

    def __repr_args__(self) -> Any:
        """Leave out the URL, which may contain a password."""
        return [(name, value) for name, value in super().__repr_args__() if name != "url"]


class Ledger(Section):
    """The ledger: ownership of transactions."""

    invitation: Seconds = Field(
        default=600,
        ge=1,
        le=86_400,
        description="How long the session that a remote start causes is expected, and how long an accepted token is "
        "remembered where several backends are asked (`authorize`).",
    )
    silence: Seconds = Field(
        default=86_400,
        ge=600,
        le=2_592_000,
        description="How long a transaction that its station says nothing of keeps others from resetting and unlocking "
        "what it runs on; one whose end was said, or whose start came to nothing, does for 10 minutes. Its owner is "
        "known all the same.",
    )


class Journal(Section):
    """The journal: messages owed to backends with `deliver = "always"`, or with a stand-in."""

    days: float = Field(default=30, ge=0.01, le=3650, description="Days that a message is kept; then it is given up.")
    entries: int = Field(
        default=1000,
        ge=1,
        le=100_000,
        description="Messages of one station that one backend may be owed; beyond that only what somebody is paid by.",
    )
    bytes: Size = Field(
        default=16 * 1024 * 1024,
        ge=64 * 1024,
        le=1 << 40,
        description="Bytes of one station that its backends may be owed. Beyond half what nobody is paid by is dropped "
        "and counted; at all of them the station is let go with what somebody is paid by, so that it keeps that.",
    )
    total: Size = Field(
        default=8 * 1024 * 1024 * 1024,
        ge=1024 * 1024,
        le=1 << 50,
        description="Bytes that all backends may be owed together, looked at twice a minute, with the same two steps; "
        "then stations go on of whom little is owed (1/256 of `bytes`).",
    )
    rate: float = Field(
        default=50, ge=0.1, le=100_000, description="Overdue messages a second that one backend is sent in all."
    )
    attempts: int = Field(
        default=10,
        ge=1,
        le=1_000_000,
        description="How often a message that nobody is paid by may fail before it is given up.",
    )
