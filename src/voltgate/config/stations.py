"""Stations: entries in order, of which the first that matches an identity counts."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import Field, field_validator

from voltgate.config.bounds import Protocol, Spelling
from voltgate.config.values import Seconds, Secret, Section, SecurityProfile, Text, Version, http_url, split_url

_WILD = frozenset("*?[")
_OVERRIDES = (
    "missing_subprotocol",
    "unknown_message_type",
    "bad_frame",
    "basic_passwords",
    "compression",
    "validation",
)


class StationEntry(Section):
    """One station (`identity`), or all whose identity matches a pattern (`match`)."""

    match: Text | None = Field(
        default=None, min_length=1, description='Pattern of identities: `"CP-*"`, `"*"`. `?` is one character.'
    )
    identity: Text | None = Field(
        default=None, min_length=1, description="One identity, as it is, in place of `match`."
    )
    route: Text | None = Field(
        default=None,
        description='The route it takes, whatever backends claim; `"claimed"`: only where a claim leads. Without: '
        "where a claim leads, else the only route.",
    )
    callback: Text | None = Field(
        default=None,
        description="SOAP only: the URL at which it is called, in place of the one that it gives in `From`.",
    )
    name: Text | None = Field(default=None, description="What people call it, in logs and alerts.")
    tags: Annotated[tuple[Text, ...], Field(strict=False)] = Field(
        default=(), description="Words that rules can ask for."
    )
    auth: Literal["none", "basic"] | None = Field(
        default=None,
        description='`"basic"`: HTTP Basic is checked here, by `password` or `password_hook`. `"none"`: it is not, and '
        'that is meant, also where nobody else asks for a proof of who the station is. Without it: `"basic"` when one '
        "of the two is given, or `auth_lookup`.",
    )
    password: Secret | None = Field(
        default=None,
        description='The password, or its hash as `voltgate hash` prints it (`"$argon2id$…"`). For 1.6 a hex key is '
        "written as its digits.",
    )
    password_hook: Text | None = Field(
        default=None,
        description="A URL (http or https) that decides, in place of `password`. It is sent a POST with the JSON "
        "object `station`, `address`, `authorization` (the header as it came). 2xx lets the station in, 401, 403 "
        "and 404 refuse it, anything else or nothing within 5 seconds is 503. The answer holds for the connection; "
        "for a SOAP station as long as its session lasts and it comes with the same header.",
    )
    auth_lookup: Text | None = Field(
        default=None,
        description="A URL (http or https) with `{station}` in it, in place of `password`: a GET that is answered with "
        "the JSON object `securityProfile` (0: HTTP Basic without TLS, 1: with TLS, 2: a certificate of the station's "
        "own, by websocket only), `base64SHA256Password` and `invalidUsernameAllowed`. 4xx: the station is not known "
        "(404).",
    )
    security_profiles: Annotated[tuple[SecurityProfile, ...] | None, Field(strict=False)] = Field(
        default=None,
        min_length=1,
        description="Security profiles of which it must come with one, as of a listener: if both say it, both count.",
    )
    organizations: Annotated[tuple[Text, ...], Field(strict=False)] = Field(
        default=(),
        description="Of these one must stand in the certificate of a station that comes with one: with security "
        "profile 3, or the 2 of `auth_lookup`. Without: those of the listener, else any that its `client_authority` "
        "has signed.",
    )
    certificate_lookup: Text | None = Field(
        default=None,
        description="With `auth_lookup` only. A URL (http or https) with `{hash}` in it, for stations whose certificate"
        " one of the listener's `trusted_proxies` has verified, and names in `X-Client-Cert-Hash`: a GET that is "
        "answered with the JSON object `certificate` (PEM). 4xx: there is none.",
    )
    aliases: Annotated[tuple[Text, ...], Field(strict=False)] = Field(
        default=(),
        description="With `identity` only. Raw paths that mean this station, for chargers that put more than their "
        'identity there: `["/ws://host/CP_1/S1"]`.',
    )
    versions: Annotated[tuple[Version, ...] | None, Field(strict=False)] = Field(
        default=None, min_length=1, description="OCPP versions it may speak. Without: what its backend takes."
    )
    window: int | None = Field(
        default=None, ge=1, le=1000, description="Calls open at once towards it; else `calls.station_window`."
    )
    ping: Seconds | None = Field(
        default=None, ge=0, le=86_400, description="Time between pings, 0 for none; else the listener's."
    )
    missing_subprotocol: Version | Literal["refuse"] | None = Field(default=None, description="As in `[protocol]`.")
    unknown_message_type: Literal["ignore", "answer"] | None = Field(default=None, description="As in `[protocol]`.")
    bad_frame: Literal["version", "answer", "ignore"] | None = Field(default=None, description="As in `[protocol]`.")
    basic_passwords: Annotated[tuple[Spelling, ...] | None, Field(strict=False)] = Field(
        default=None, description="As in `[protocol]`."
    )
    compression: bool | None = Field(default=None, description="As in `[protocol]`.")
    validation: Literal["lenient", "strict"] | None = Field(default=None, description="As in `[protocol]`.")

    @field_validator("aliases")
    @classmethod
    def _paths(cls, aliases: tuple[str, ...]) -> tuple[str, ...]:
        for alias in aliases:
            if not alias.startswith("/"):
                raise ValueError(f'"{alias}" is not a path; it starts with "/"')
        return aliases

    @field_validator("auth_lookup")
    @classmethod
    def _looks_up(cls, url: str | None) -> str | None:
        if url is not None and "{station}" not in split_url(url).path + split_url(url).query:
            raise ValueError("must have {station} in its path or query, where the identity goes")
        return url

    @field_validator("certificate_lookup")
    @classmethod
    def _finds(cls, url: str | None) -> str | None:
        if url is not None and "{hash}" not in split_url(url).path + split_url(url).query:
            raise ValueError("must have {hash} in its path or query, where the SHA-256 of the certificate goes")
        return url

    @field_validator("password_hook", "auth_lookup", "certificate_lookup", "callback")
    @classmethod
    def _asks(cls, url: str | None) -> str | None:
        return None if url is None else http_url(url)

    @field_validator("password")
    @classmethod
    def _usable(cls, password: Secret | None) -> Secret | None:
        if password is None:
            return None
        text = password.get_secret_value()
        if not text:
            raise ValueError("is empty")
        if text.startswith("$argon2") and not re.fullmatch(
            r"\$argon2(id|i|d)\$v=\d+\$m=\d+,t=\d+,p=\d+\$\S+\$\S+", text
        ):
            raise ValueError("looks like an argon2 hash, but is not a whole one")
        return password

    @property
    def exact(self) -> str:
        """The one identity it is for; "" if it is for a pattern."""
        return self.identity or ("" if self.match is None or _WILD & set(self.match) else self.match)

    @property
    def checked(self) -> bool:
        """Whether its password is checked here."""
        if self.auth is not None:
            return self.auth == "basic"
        return any(each is not None for each in (self.password, self.password_hook, self.auth_lookup))

    @property
    def proven(self) -> bool:
        """Whether it shows here who it is: by its password, or by a certificate of its own."""
        return self.checked or self.security_profiles == (3,)

    def protocol(self, base: Protocol) -> Protocol:
        """Return `base` with the overrides of this entry."""
        own = {name: value for name in _OVERRIDES if (value := getattr(self, name)) is not None}
        return base.model_copy(update=own) if own else base
