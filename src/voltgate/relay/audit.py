"""The audit trail: who asked a station for what, and what became of it."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import uuid4

from voltgate.ocpp.messages import Call, Reply, Result
from voltgate.relay.records import AuditRecord

_LONGEST = 100
"""Characters of what the wire says that a line keeps."""


@dataclass(frozen=True, slots=True)
class About:
    """A station, by its key and as it is spelled; who asked it for something, and from which address ("": unknown)."""

    station: str
    identity: str
    who: str
    address: str = ""


def line(about: About, at: float, call: Call, outcome: str, reply: Reply, detail: str) -> AuditRecord:
    """Return a line of the audit trail; `at` is in seconds since 1970."""
    return AuditRecord(
        uuid4().hex,
        at,
        about.station,
        about.who,
        call.action[:_LONGEST],
        call.id[:_LONGEST],
        outcome,
        _status_of(reply),
        detail,
        about.identity,
        about.address,
    )


def _status_of(reply: Reply) -> str:
    """Return the status of an answer, or the code of an error."""
    if not isinstance(reply, Result):
        return reply.code[:_LONGEST]
    status = reply.fields.get("status")
    return status[:_LONGEST] if isinstance(status, str) else "answered"
