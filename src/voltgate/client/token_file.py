"""The bearer token of a command: from the environment, from a file, or from beside the gateway's database."""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

from voltgate.client.failure import Refused

VARIABLE = "VOLTGATE_TOKEN"
LOCAL = "admin-token"
"""The file beside the database in which a gateway stores the token of its first administrator."""
_LARGEST = 4096


def local_token(config: Path | None) -> str | None:
    """Return the token of this machine's gateway: its `admin_token`, else the one it made beside its database.

    None if there is none to be read, or if the configuration has other tokens. It is read as by `voltgate check`, at
    `config` or where it is found, but what is wrong in other parts of it does not matter: a variable that only the
    gateway has, say. Raises ConfigErrors.
    """
    from voltgate.app.database import address_of  # noqa: PLC0415 - imported only if needed
    from voltgate.config import read  # noqa: PLC0415
    from voltgate.store.address import SQLITE  # noqa: PLC0415

    loaded = read(config, os.environ, wanted=["admin_token", "api", "store"])
    if loaded.config.admin_token is not None:
        return loaded.config.admin_token.get_secret_value()
    address = address_of(loaded)
    if loaded.config.api.tokens or address is None or address.drivername != SQLITE:
        return None
    file = Path(str(address.database)).parent / LOCAL
    try:
        return _first_line(file)
    except OSError:  # it does not exist, or this user may not read it
        return None


def token_for(url: str, file: Path | None, config: Path | None, environ: Mapping[str, str]) -> str | None:
    """Return the token for the API at `url`: from `file`, else the environment, else this machine's gateway.

    The token of this machine's gateway is sent to no other host. Raises Refused.
    """
    if file is not None:
        return _given(file)
    if token := environ.get(VARIABLE, "").strip():
        return _sound(token, VARIABLE)
    return _local(config) if is_here(url) else None


def _local(config: Path | None) -> str | None:
    from voltgate.config import ConfigErrors  # noqa: PLC0415

    try:
        return local_token(config)
    except ConfigErrors as errors:
        why = errors.problems[0]
        raise Refused(
            f"no token was given, and the configuration of this machine's gateway names none: {why}; give a token in "
            f"{VARIABLE} or by --token-file"
        ) from None


def is_here(url: str) -> bool:
    """Return whether a URL is of this machine."""
    if url.startswith("unix:"):
        return True
    host = urlsplit(url).hostname or ""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _given(file: Path) -> str:
    try:
        token = _first_line(file)
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not text"
        raise Refused(f"the token in {file} cannot be read: {why}") from None
    return _sound(token, str(file))


def _first_line(file: Path) -> str:
    with file.open(encoding="utf-8") as text:
        return text.readline(_LARGEST).strip()


def _sound(token: str, where: str) -> str:
    if not token or not (token.isascii() and token.isprintable()) or " " in token:
        raise Refused(f"{where} holds no token: a token is one word on one line")
    return token
