"""Invitations: sessions that are expected, and whose they will be."""

from __future__ import annotations

import json
from dataclasses import dataclass

from voltgate.ocpp.ids import Token
from voltgate.relay.records import InvitationRecord, Unreadable, document, is_time


@dataclass(frozen=True, slots=True)
class Invitation:
    """A session that is expected: the backend that asked for it, or accepted its token, will own it.

    `made` is when it was entered here; 0 if it was on record.
    """

    ref: str
    backend: str
    token: Token | None
    connector: int | None
    remote_start: int | None
    expires: float
    made: float = 0.0

    def fits(self, token: Token | None, connector: int | None) -> bool:
        """Return whether a session with this token on this connector is the one; no connector, or 0, is any."""
        apart = connector and self.connector and connector != self.connector
        return not apart and token is not None and self.token is not None and same(token, self.token)

    def record(self, station: str) -> InvitationRecord:
        """Return what is kept of it."""
        token = None if self.token is None else [self.token.text, self.token.kind]
        data = {"token": token, "connector": self.connector, "remote_start": self.remote_start}
        return InvitationRecord(station, self.ref, self.backend, self.expires, json.dumps(data).encode())


def read_invitation(record: InvitationRecord) -> Invitation:
    """Make an invitation of what was kept of it. Raise Unreadable for a record of another shape."""
    data = (document(record) if is_time(record.expires) else None) or {}
    match data:
        case {"token": [str(), str()] | None, "connector": int() | None, "remote_start": int() | None}:
            token = None if data["token"] is None else Token(*data["token"])
            return Invitation(
                record.ref, record.backend, token, data["connector"], data["remote_start"], record.expires
            )
    raise Unreadable


def same(one: Token, other: Token) -> bool:
    """Compare tokens: without regard to case (1.6 CiString20Type, 2.x identifierString); a type that is not known fits.

    Source: OCPP 1.6 section 7.28; OCPP 2.0.1 Part 2 section 3.25.
    """
    return one.text.casefold() == other.text.casefold() and (one.kind == other.kind or not (one.kind and other.kind))
