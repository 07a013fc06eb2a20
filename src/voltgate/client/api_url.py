"""The default URL of the API: that of this machine's gateway."""

from __future__ import annotations

import os
from ipaddress import ip_address
from pathlib import Path

from voltgate.client.failure import Refused

HERE = "http://127.0.0.1:8000"


def api_url_of(config: Path | None) -> str:
    """Return the URL of the API: from `[listen]` of the configuration that was named, else the default one.

    At a unix socket alone it is `unix:` and the path. Raises Refused.
    """
    if config is None:
        return HERE
    from voltgate.config import ConfigErrors, read  # noqa: PLC0415 - imported only if needed

    try:
        listen = read(config, os.environ, wanted=["listen"]).config.listen
    except ConfigErrors as errors:
        raise Refused(f"where the gateway's API is cannot be read: {errors.problems[0]}; say it by --url") from None
    if listen.http_url is None:
        raise Refused(f'{config} has http = "off": that gateway has no API')
    if listen.http_address is None:
        return listen.http_url
    host, port = listen.http_address
    return f"{listen.http_url.partition(':')[0]}://{_reachable(host)}:{port}"


def _reachable(host: str) -> str:
    """Return an address to connect to for a listener's host; a wildcard stands for every address of this machine."""
    try:
        ip = ip_address(host)
    except ValueError:
        return host
    if ip.is_unspecified:
        return "127.0.0.1" if ip.version == 4 else "[::1]"
    return host if ip.version == 4 else f"[{host}]"
