"""Listeners: for stations by websocket and SOAP, and for the API and monitoring by HTTP."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, field_validator, model_validator

from voltgate.config.hosts import is_loopback
from voltgate.config.values import (
    RESTART,
    FilePath,
    Network,
    Seconds,
    Section,
    SecurityProfile,
    Text,
    http_url,
    split_url,
)

HTTP_OFF = "off"


class KeyPair(Section):
    """A certificate with its private key."""

    certificate: FilePath = Field(description="PEM file: the certificate, followed by its intermediates.")
    key: FilePath = Field(description="PEM file: the private key, without a passphrase.")


class Address(Section):
    """One address that is listened on. A plain URL is short for a table with only `url`."""

    url: Text
    name: Text | None = Field(
        default=None, description="What logs and metrics call this listener. Without it: its URL."
    )
    certificate: FilePath | None = Field(
        default=None,
        description="TLS only. PEM file: the certificate, followed by its intermediates. Read again when it changes.",
    )
    key: FilePath | None = Field(default=None, description="TLS only. PEM file: the private key of `certificate`.")
    certificates: Annotated[tuple[KeyPair, ...], Field(strict=False)] = Field(
        default=(),
        description="More certificates for the same address. OCPP asks for an RSA and an ECDSA one "
        '(2.1 Part 2 A00.FR.318): `[{ certificate = "ec.pem", key = "ec.key" }, …]`.',
    )
    trusted_proxies: Annotated[tuple[Network, ...], Field(strict=False)] = Field(
        default=(),
        description="Addresses or networks whose `X-Forwarded-For`, `X-Real-IP` and PROXY headers are believed, and "
        "`X-Forwarded-Proto` and `X-Client-Cert-…`, which tell of the TLS that they end.",
    )
    proxy_protocol: bool = Field(
        default=False,
        description="Connections from `trusted_proxies` begin with a PROXY protocol header (version 1 or 2).",
    )

    @model_validator(mode="before")
    @classmethod
    def _short_form(cls, value: Any) -> Any:
        return {"url": value} if isinstance(value, str) else value

    schemes: ClassVar[tuple[str, str]]
    """The scheme without TLS, and the one with it."""

    @field_validator("url")
    @classmethod
    def _listens(cls, url: str) -> str:
        parts = split_url(url)
        if parts.scheme not in cls.schemes:
            raise ValueError(f'must start with {cls.schemes[0]}:// or {cls.schemes[1]}://, not "{parts.scheme}://"')
        if not parts.hostname:
            raise ValueError("names no address to listen on; 0.0.0.0 means all of this machine")
        if parts.hostname.startswith("::ffff:"):
            raise ValueError("names an IPv4 address as IPv6: write it as IPv4, as in 127.0.0.1")
        if parts.query or "?" in url:
            raise ValueError("must not contain a query")
        return url

    @property
    def secure(self) -> bool:
        """Whether stations connect by TLS."""
        return split_url(self.url).scheme == self.schemes[1]

    @property
    def host(self) -> str:
        """The address to bind, without brackets."""
        return split_url(self.url).hostname or ""

    @property
    def is_here(self) -> bool:
        """Whether nobody but this machine reaches it: a proxy that is believed brings others."""
        return is_loopback(self.host) and not self.trusted_proxies

    @property
    def port(self) -> int:
        """The port to bind."""
        return split_url(self.url).port or (443 if self.secure else 80)

    @property
    def prefix(self) -> str:
        """The path before the identity: "" or "/ocpp", without a slash at the end."""
        return split_url(self.url).path.rstrip("/")

    @property
    def label(self) -> str:
        """Its name in logs and metrics."""
        return self.name or self.url

    @property
    def pairs(self) -> tuple[KeyPair, ...]:
        """All certificates with their keys, the first being `certificate`."""
        if self.certificate is None or self.key is None:
            return self.certificates
        return (KeyPair.model_construct(certificate=self.certificate, key=self.key), *self.certificates)


class Listener(Address):
    """One address that stations connect to."""

    schemes: ClassVar[tuple[str, str]] = ("ws", "wss")

    url: Text = Field(
        description="`ws://` or `wss://`, address and port, and the path that stands before the identity, if any: "
        "`ws://0.0.0.0:9000/ocpp` serves stations that dial `ws://host:9000/ocpp/IDENTITY`."
    )
    ping: Seconds = Field(default=55, ge=0, le=86_400, description="Time between pings to a station. 0 sends none.")
    misses: int = Field(
        default=2,
        ge=1,
        le=20,
        description="A station is taken for gone after so many intervals of `ping` without any traffic.",
    )
    client_authority: FilePath | None = Field(
        default=None,
        description="wss only, or for `ocsp`. PEM file of authorities that sign stations' own certificates. A station "
        "that shows one must have been signed by them; one that shows none is let in all the same, unless "
        "`auth_lookup` wants one. Read again when it changes.",
    )
    security_profiles: Annotated[tuple[SecurityProfile, ...] | None, Field(strict=False)] = Field(
        default=None,
        min_length=1,
        description="Security profiles of which a station must come with one: 0 (nothing), 1 (HTTP Basic), 2 (HTTP "
        "Basic over TLS), 3 (TLS with a certificate of its own, whose common name is its identity). Without: as the "
        "station's entry says. A listener behind a proxy that speaks TLS takes 2 and 3 from `trusted_proxies` only.",
    )
    organizations: Annotated[tuple[Text, ...], Field(strict=False)] = Field(
        default=(),
        description="Of these one must stand in the certificate of a station of security profile 3 as its organization "
        "(O), unless its own entry has others. Without: any that `client_authority` has signed.",
    )
    revocation_lists: Annotated[tuple[FilePath, ...], Field(strict=False)] = Field(
        default=(),
        description="With `client_authority` only. PEM files of certificate revocation lists: there must be a valid "
        "one of each authority that signs, intermediate and root ones too, or no certificate is accepted. Read again "
        "when they change.",
    )
    ocsp: Literal["off", "soft", "hard"] = Field(
        default="off",
        description="With `client_authority` only. Whether the authority of a station's certificate is asked if it was "
        'revoked (OCSP): `"soft"`, and a station is let in when there is no answer; `"hard"`, and it is refused then, '
        "with 503. Behind a proxy that ends TLS `client_authority` has the authorities that sign, too.",
    )
    ocsp_url: Text | None = Field(
        default=None,
        description="The responder that `ocsp` asks. Without: the one that the certificate names.",
    )
    lenient_upgrade: bool = Field(
        default=False, description="Accept stations that leave out the header `Connection: Upgrade`."
    )
    lenient_path: bool = Field(default=True, description="Accept doubled slashes and a slash at the end of the path.")

    @field_validator("ocsp_url")
    @classmethod
    def _asks(cls, url: str | None) -> str | None:
        return None if url is None else http_url(url)


class SoapListener(Address):
    """One address that SOAP stations and SOAP backends call."""

    schemes: ClassVar[tuple[str, str]] = ("http", "https")

    url: Text = Field(
        description="`http://` or `https://`, address and port. Stations may use any path; a path written here stands "
        "before that of the callback addresses."
    )


class Listen(Section):
    """The addresses Voltgate listens on."""

    stations: Annotated[tuple[Listener, ...], Field(strict=False)] = Field(
        default=(Listener(url="ws://127.0.0.1:9000"),),
        description="Addresses for stations: URLs, or tables with `url` and the keys below.",
    )
    soap: Annotated[tuple[SoapListener, ...], Field(strict=False)] = Field(
        default=(), description="Addresses for SOAP stations (OCPP-S 1.2, 1.5, 1.6): URLs, or tables as above."
    )
    http: Text = Field(
        default="127.0.0.1:8000",
        description='Address and port of the API, `/docs`, `/healthz`, `/readyz` and `/metrics`; `"off"` for none. '
        "The API asks for a token; health does not, nor do metrics unless `api.metrics` says so: keep it on a private "
        "address.",
        json_schema_extra=RESTART,
    )
    http_socket: FilePath | None = Field(
        default=None,
        description="A unix socket at which the API is, too, for this machine's users of the gateway's group (0660): "
        'with `http = "off"` nowhere else. Who asks there counts as 127.0.0.1.',
        json_schema_extra=RESTART,
    )
    http_tls: KeyPair | None = Field(
        default=None,
        description='`http` by TLS: `{ certificate = "api.pem", key = "api.key" }`. Its files are read again when they '
        "change. Without: plain HTTP.",
        json_schema_extra=RESTART,
    )
    metrics: Text = Field(
        default=HTTP_OFF,
        description="Address and port of `/metrics`, with `/healthz` and `/readyz`, by plain HTTP; `http` has no "
        '`/metrics` then. `api.metrics` says whether it takes a token. `"off"`: it is at `http`.',
        json_schema_extra=RESTART,
    )
    uploads: Text = Field(
        default=HTTP_OFF,
        description="Address and port where stations upload to, by plain HTTP, and nothing else is served; a proxy "
        'before it speaks TLS. `"off"`: uploads are taken at `http`, below `/uploads/`. Counts with `csms.uploads`.',
        json_schema_extra=RESTART,
    )
    reuse_port: bool = Field(
        default=False,
        description="Let several gateway processes share the same ports (SO_REUSEPORT).",
        json_schema_extra=RESTART,
    )

    @field_validator("http", "metrics", "uploads")
    @classmethod
    def _address(cls, text: str) -> str:
        if text != HTTP_OFF:
            _host_and_port(text)
        return text

    @property
    def http_address(self) -> tuple[str, int] | None:
        """Host and port of the HTTP listener; None if it is off."""
        return None if self.http == HTTP_OFF else _host_and_port(self.http)

    @property
    def http_url(self) -> str | None:
        """The URL of the API: `unix:` and a path where it is at a socket alone; None if it is nowhere."""
        if self.http_address is None:
            return None if self.http_socket is None else f"unix:{self.http_socket}"
        return f"http{'' if self.http_tls is None else 's'}://{self.http}"

    @property
    def metrics_address(self) -> tuple[str, int] | None:
        """Host and port of the listener for metrics; None if it is off."""
        return None if self.metrics == HTTP_OFF else _host_and_port(self.metrics)

    @property
    def uploads_address(self) -> tuple[str, int] | None:
        """Host and port of the listener for uploads; None if it is off."""
        return None if self.uploads == HTTP_OFF else _host_and_port(self.uploads)


def _host_and_port(text: str) -> tuple[str, int]:
    if "://" in text:
        raise ValueError('is an address and a port, without a scheme: "127.0.0.1:8000"')
    wrong = f'"{text}" is not an address and a port such as "127.0.0.1:8000" or "[::1]:8000"'
    if ":" not in text:  # a port alone would be taken for a host
        raise ValueError(wrong)
    parts = split_url(f"//{text}")
    if not parts.hostname or parts.port is None or parts.path:
        raise ValueError(wrong)
    return parts.hostname, parts.port
