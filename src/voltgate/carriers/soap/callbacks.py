"""Callback addresses: where a SOAP backend calls one of its stations by way of Voltgate.

Each backend has an address of its own for each station, with a code in it that nobody can make up: who has the
address was told it, and commands no other station with it, and not in another backend's name.
"""

from __future__ import annotations

import base64
import hmac
from collections.abc import Callable
from urllib.parse import quote, unquote

_STEP = "callback"


class Callbacks:
    """Makes and reads callback addresses. `base` is how backends reach us ("": not at all).

    `former` returns the key before the one in force, whose addresses are read yet; b"" for none.
    """

    def __init__(self, base: str = "", key: bytes = b"") -> None:
        self.base = base.rstrip("/")
        self.key = key
        self.former: Callable[[], bytes] = bytes

    def __repr__(self) -> str:
        return f"Callbacks({self.base!r})"

    def address(self, backend: str, identity: str) -> str:
        """Return the address of a station for a backend; "" while there is none."""
        if not self.base or not self.key:
            return ""
        names = f"{quote(backend, safe='')}/{quote(identity, safe='')}"
        return f"{self.base}/{_STEP}/{names}/{_code(self.key, backend, identity)}"

    def is_callback(self, target: str) -> bool:
        """Return whether a request is for a callback address, a right or a wrong one."""
        return f"/{_STEP}/" in target

    def read(self, target: str) -> tuple[str, str] | None:
        """Return the backend and the station's identity of an address; None for one that was not made here."""
        steps = target.partition("?")[0].split("/")
        if len(steps) < 5 or steps[-4] != _STEP or not self.key:
            return None
        backend, identity, code = unquote(steps[-3]), unquote(steps[-2]), steps[-1]
        keys = filter(None, (self.key, self.former()))
        if not any(hmac.compare_digest(code.encode(), _code(key, backend, identity).encode()) for key in keys):
            return None
        return backend, identity


def _code(key: bytes, backend: str, identity: str) -> str:
    digest = hmac.digest(key, f"{backend}\0{identity}".encode(), "sha256")
    return base64.urlsafe_b64encode(digest[:18]).decode()
