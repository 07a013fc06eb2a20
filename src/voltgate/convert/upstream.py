"""The server that another proxy connected to, as the URL of a backend."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from pydantic import ValidationError

from voltgate.config.backends import STATION, Backend
from voltgate.convert.toml import Page

PERMIT = "everything"
"""The name of the permit that is written."""


@dataclass(frozen=True, slots=True)
class Upstream:
    """A URL with `{station}`, and the user name that was in it ("": none). Of a password only its presence is kept."""

    url: str
    username: str = ""
    has_password: bool = False

    def write(self, page: Page, name: str) -> None:
        """Write the keys of a backend that both proxies have in common."""
        page.table("backends", name)
        if f"//{STATION}" in self.url:
            page.remark("The slash before the identity is doubled, as before: one stood at the end of the old URL.")
        page.key("url", self.url)
        if self.username:
            page.key("username", self.username, "stood in the URL; sent whatever the charger brings")
            if self.has_password:
                page.key("password", {"env": f"{name.upper()}_PASSWORD"}, "stood in the URL; not repeated here")
        page.key("permit", PERMIT, "may ask the charger for everything, as before")
        page.key("forward", "always", "gets the charger's Authorization and User-Agent, as before")


def write_permit(page: Page) -> None:
    """Write the permit of the backends: the other proxies passed on whatever a server asked."""
    page.table("permits", PERMIT)
    page.key("base", "full")
    page.key("credentials", True, "its password, certificates and network profile as well, as before")


def let_go(page: Page) -> None:
    """Write when a charger of two servers is let go: while both are away, after the `wait` of one of them."""
    page.key("close_when_all_down", 10, "seconds: with both servers away the charger is let go, and comes again")


def read_upstream(prefix: str) -> Upstream:
    """Return the upstream of the URL before the identity. Raises ValueError with what is wrong; repeats no password."""
    try:
        parts = urlsplit(prefix)
        username = unquote(parts.username or "")
    except ValueError:
        raise ValueError("is not a URL") from None
    if any(char.isspace() or not char.isprintable() for char in prefix):
        raise ValueError("is not a URL: it contains white space or control characters")
    if parts.scheme not in ("ws", "wss"):
        raise ValueError("must start with ws:// or wss://")
    if "#" in prefix:
        raise ValueError('must not contain a fragment ("#")')
    if not parts.path and not parts.query and not prefix.endswith("?"):
        raise ValueError('ends in the host: the identity would become part of its name. Write a "/" behind it')
    rest = prefix.partition("://")[2].partition(parts.netloc)[2]
    host = parts.netloc.rpartition("@")[2]
    url = f"{parts.scheme}://{host}{'' if rest.startswith('/') else '/'}{_escaped(rest)}{STATION}"
    _accepted(url)
    return Upstream(url, username, parts.password is not None)


def _escaped(rest: str) -> str:
    """Return text with braces percent-encoded: here they would be placeholders."""
    return rest.replace("{", "%7B").replace("}", "%7D")


def _accepted(url: str) -> None:
    try:
        Backend(url=url)
    except ValidationError as errors:
        error = errors.errors(include_url=False)[0]
        raise ValueError(str(error.get("ctx", {}).get("error") or "is not a URL of a backend")) from None
