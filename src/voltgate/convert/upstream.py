"""Where another proxy connected to, as the URL of a backend."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from pydantic import ValidationError

from voltgate.config.backends import STATION, Backend
from voltgate.convert.toml import Page


@dataclass(frozen=True, slots=True)
class Upstream:
    """A URL with `{station}` in it, and the user name that stood in it ("": none). A password is noted, never kept."""

    url: str
    username: str = ""
    has_password: bool = False

    def write(self, page: Page, name: str) -> None:
        """Write what both proxies have in common of a backend."""
        page.table("backends", name)
        if f"//{STATION}" in self.url:
            page.remark("The slash before the identity is doubled, as before: one stood at the end of the old URL.")
        page.key("url", self.url)
        if self.username:
            page.key("username", self.username, "stood in the URL; sent whatever the charger brings")
            if self.has_password:
                page.key("password", {"env": f"{name.upper()}_PASSWORD"}, "stood in the URL; not repeated here")
        page.key("permit", "full", "may ask the charger for everything, as before")
        page.key("forward", "always", "gets the charger's Authorization and User-Agent, as before")


def read_upstream(before: str) -> Upstream:
    """Read what stood before the identity in a URL. Raises ValueError with what is wrong; repeats no password."""
    try:
        parts = urlsplit(before)
        username = unquote(parts.username or "")
    except ValueError:
        raise ValueError("is not a URL") from None
    if any(char.isspace() or not char.isprintable() for char in before):
        raise ValueError("is not a URL: it contains white space or control characters")
    if parts.scheme not in ("ws", "wss"):
        raise ValueError("must start with ws:// or wss://")
    if "#" in before:
        raise ValueError('must not contain a fragment ("#")')
    if not parts.path and not parts.query and not before.endswith("?"):
        raise ValueError('ends in the host: the identity would become part of its name. Write a "/" behind it')
    rest = before.partition("://")[2].partition(parts.netloc)[2]
    host = parts.netloc.rpartition("@")[2]
    url = f"{parts.scheme}://{host}{'' if rest.startswith('/') else '/'}{_escaped(rest)}{STATION}"
    _accepted(url)
    return Upstream(url, username, parts.password is not None)


def _escaped(rest: str) -> str:
    """Write braces as URLs do: here they would be placeholders."""
    return rest.replace("{", "%7B").replace("}", "%7D")


def _accepted(url: str) -> None:
    try:
        Backend(url=url)
    except ValidationError as errors:
        error = errors.errors(include_url=False)[0]
        raise ValueError(str(error.get("ctx", {}).get("error") or "is not a URL of a backend")) from None
