"""The password hook: an HTTP server of the operator's that decides whether a station is admitted.

One POST for each handshake, with a JSON object; only the status of the response counts.
"""

from __future__ import annotations

from urllib.parse import urlsplit

import msgspec

from voltgate.directory.asking import Asking, Undecided, head, status_of

_REFUSING = frozenset({401, 403, 404})


class Hook(Asking):
    """A client of hooks."""

    __slots__ = ()

    async def ask(self, url: str, station: str, address: str, authorization: bytes) -> bool:
        """Return whether the hook at `url` admits a station: 2xx yes; 401, 403 and 404 no. Raises Undecided else."""
        question = {"station": station, "address": address, "authorization": authorization.decode("latin-1")}
        to, body = urlsplit(url), msgspec.json.encode(question)
        start = head("POST", to, "Content-Type: application/json", f"Content-Length: {len(body)}")
        status = await self._ask(url, to, start + body, status_of)
        if 200 <= status < 300:
            return True
        if status in _REFUSING:
            return False
        raise Undecided(f"answered {status}")
