"""SOAP stations: the URLs at which they are called, and who may call them."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, field_validator

from voltgate.config.values import Network, Seconds, Section, Size, Text, http_url


class Soap(Section):
    """Settings of all SOAP stations."""

    callback: Text | None = Field(
        default=None,
        description="`http://` or `https://`: how SOAP backends reach this gateway. Each gets an address of its own "
        "for each station below it. Needed when a `listen.soap` address is a wildcard.",
    )
    stations_at: Annotated[tuple[Network, ...], Field(strict=False)] = Field(
        default=(),
        description="Networks in which the addresses that stations give (`From`) may lie. Without: only the address "
        "that the request came from.",
    )
    believe_from: Literal["authenticated", "always"] = Field(
        default="authenticated",
        description='Whose `From` takes the place of a known address. `"authenticated"`: only that of stations whose '
        'password is checked here; `"always"`: everybody\'s, for networks that nobody else is in.',
    )
    from_expires: Seconds = Field(
        default=86_400,
        ge=1,
        le=31_536_000,
        description="An address that a station has given is forgotten so long after it gave it last, unless its "
        "password is checked here. `voltgate callbacks forget` does so at once.",
    )
    old_callbacks: Seconds = Field(
        default=86_400,
        ge=0,
        le=31_536_000,
        description="How long callback addresses stay valid that were told before their key was renewed "
        "(`voltgate callbacks renew`).",
    )
    silence: Seconds = Field(
        default=3600, ge=1, le=604_800, description="A station that said nothing for so long has gone."
    )
    idle: Seconds = Field(default=75, ge=1, le=3600, description="How long a connection without request is kept.")
    bytes_per_second: Size = Field(
        default=8 << 20,
        ge=0,
        le=1 << 30,
        description="Bytes a second, unpacked, that one address (IPv6: one /64) may post; more get 429. Two seconds' "
        "worth may come at once. It is for those who were answered 200 before. 0: no limit.",
    )
    stranger_bytes_per_second: Size = Field(
        default=128 << 10,
        ge=0,
        le=1 << 30,
        description="The same for those who were not: a first message may be as large as two seconds' worth. A post "
        "counts for 1 KiB at least. 0: no limit.",
    )
    connect: Seconds = Field(default=10, ge=0.1, le=300, description="Time to connect to a station.")

    @field_validator("callback")
    @classmethod
    def _reachable(cls, url: str | None) -> str | None:
        return None if url is None else http_url(url)
