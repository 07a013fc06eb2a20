"""Where the API of this machine's gateway is, when nobody says it."""

from __future__ import annotations

import os
from ipaddress import ip_address
from pathlib import Path

from voltgate.client.failure import Refused

HERE = "http://127.0.0.1:8000"


def place_of(config: Path | None) -> str:
    """Give the URL of the API: by `listen.http` of the configuration that was named, else the usual one.

    Raises Refused.
    """
    if config is None:
        return HERE
    from voltgate.config import ConfigErrors, read  # noqa: PLC0415 - only who needs it waits for it

    try:
        address = read(config, os.environ).config.listen.http_address
    except ConfigErrors as errors:
        raise Refused(f"where the gateway's API is cannot be read: {errors.problems[0]}; say it by --url") from None
    if address is None:
        raise Refused(f'{config} has http = "off": that gateway has no API')
    return f"http://{_reachable(address[0])}:{address[1]}"


def _reachable(host: str) -> str:
    """Give an address that leads to a listener; a wildcard is every address of this machine."""
    try:
        ip = ip_address(host)
    except ValueError:
        return host
    if ip.is_unspecified:
        return "127.0.0.1" if ip.version == 4 else "[::1]"
    return host if ip.version == 4 else f"[{host}]"
