"""The headers of HTTP that introduce a station to a backend: what websockets and SOAP have in common."""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from typing import Literal

from voltgate.relay.carrier import DialContext


@dataclass(frozen=True, slots=True)
class Introduction:
    """What a backend is told of a station.

    `forward` says which backends get the station's Authorization and User-Agent: those that answer it, all, or none.
    `credentials` are a user name (with `{station}`) and a password of our own instead; `headers` are more of ours.
    """

    forward: Literal["answering", "always", "never"] = "answering"
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    credentials: tuple[str, str] | None = field(default=None, repr=False)

    def of(self, dial_context: DialContext, *, answering: bool) -> list[tuple[str, str]]:
        """Return the headers for one station and a backend that answers it, or only gets copies."""
        headers = list(self.headers)
        known = self.forward == "always" or (self.forward == "answering" and answering)
        if self.credentials is not None:
            headers.append(("Authorization", _basic(dial_context.identity, *self.credentials)))
        elif known and dial_context.authorization is not None:
            headers.append(("Authorization", dial_context.authorization.decode("latin-1")))
        if known and dial_context.user_agent is not None:
            headers.append(("User-Agent", dial_context.user_agent))
        if dial_context.address:
            headers += [
                ("X-Forwarded-For", dial_context.forwarded_for),
                ("X-Forwarded-Proto", "https" if dial_context.secure else "http"),
                ("X-Real-IP", dial_context.address),
            ]
        return headers


def _basic(identity: str, username: str, password: str) -> str:
    """Return the value of an Authorization header (RFC 7617)."""
    pair = f"{username.replace('{station}', identity)}:{password}"
    return "Basic " + base64.b64encode(pair.encode()).decode()
