"""Claims: how backends may declare stations as their own, and how conflicts are resolved."""

from __future__ import annotations

import ipaddress
import re
from fnmatch import fnmatchcase
from typing import Annotated, Literal

from pydantic import Field, field_validator

from voltgate.config.values import Seconds, Secret, Section, Text, split_url

SHORTEST_TOKEN = 16
"""Characters of a token that is written in the configuration."""


class Claims(Section):
    """Settings of the claims of all backends."""

    conflict: Literal["first", "newest", "neither"] = Field(
        default="first",
        description='Who gets a station that several backends claim. `"first"`: who claimed it first keeps it; '
        '`"newest"`: who claimed it last; `"neither"`. It is reported in any case.',
    )
    expire: Seconds = Field(
        default=0, ge=0, le=31_536_000, description="A claim that was not said again for so long is none. 0: never."
    )
    running: Literal["owner", "wait"] = Field(
        default="owner",
        description='What becomes of a station that moves while it charges. `"owner"`: it moves at once, and the '
        'transaction stays with its owner until it ends; `"wait"`: the whole station stays until no transaction runs.',
    )
    most: int = Field(default=1_000_000, ge=1, le=10_000_000, description="Claims of all backends together.")


class Claimant(Section):
    """The stations and hosts that one backend may claim: `[backends.NAME.claims]`."""

    token: Secret | None = Field(
        default=None,
        description="The bearer token that it shows to the API, at least 16 characters. With it, it may set and read "
        "its own claims, and nothing else. Without: only an administrator claims for it.",
    )
    stations: Annotated[tuple[Text, ...], Field(strict=False)] = Field(
        default=("*",), description="Patterns of the identities that may be claimed for it."
    )
    most: int = Field(
        default=250_000,
        ge=1,
        le=10_000_000,
        description="Claims that it may have, within the `claims.most` of all backends together.",
    )
    hosts: Annotated[tuple[Text, ...], Field(strict=False)] = Field(
        default=(),
        description="Where it may say that it is: names of hosts, with `*`, or networks: "
        '`["*.example.com", "10.0.0.0/8"]`. Without: only where `url` says.',
    )

    @field_validator("token")
    @classmethod
    def _long(cls, token: Secret | None) -> Secret | None:
        if token is not None and len(token.get_secret_value()) < SHORTEST_TOKEN:
            raise ValueError(f"is too short: at least {SHORTEST_TOKEN} characters")
        return token

    @field_validator("hosts")
    @classmethod
    def _hosts(cls, hosts: tuple[str, ...]) -> tuple[str, ...]:
        for host in hosts:
            if "/" in host and _network(host) is None:
                raise ValueError(f'"{host}" is neither the name of a host nor a network such as "10.0.0.0/8"')
        return hosts

    def may_be_at(self, host: str) -> bool:
        """Return whether the backend may declare this host as its own. An address is never matched by a name."""
        try:
            address = ipaddress.ip_address(host)
        except ValueError:
            names = (allowed for allowed in self.hosts if _network(allowed) is None)
            return _is_name(host) and any(fnmatchcase(host.lower(), allowed.lower()) for allowed in names)
        networks = (_network(allowed) for allowed in self.hosts)
        return any(network is not None and address in network for network in networks)


_NAME = re.compile(r"[\w-]+(\.[\w-]+)*\.?")
_NUMBER = re.compile(r"(.*\.)?([0-9]+|0x[0-9a-f]*)\.?", re.IGNORECASE)
"""What resolvers accept as an address, in one of its older spellings."""


def _is_name(host: str) -> bool:
    return _NAME.fullmatch(host) is not None and _NUMBER.fullmatch(host) is None


def _network(text: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network | None:
    try:
        return ipaddress.ip_network(text)
    except ValueError:
        return None


def host_of(url: str) -> str:
    """Return the host of a URL, without brackets. Raises ValueError."""
    return split_url(url).hostname or ""


def with_host(url: str, host: str) -> str:
    """Return a URL with another host and everything else unchanged."""
    parts = split_url(url)
    name = f"[{host}]" if ":" in host else host
    port = "" if parts.port is None else f":{parts.port}"
    return parts._replace(netloc=f"{name}{port}").geturl()
