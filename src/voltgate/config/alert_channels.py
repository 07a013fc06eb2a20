"""The ways by which alerts reach people: `[alerts.channels.NAME]`, which is of one kind each."""

from __future__ import annotations

import re
from email.utils import getaddresses
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import AfterValidator, BeforeValidator, Field, ValidationInfo, field_validator

from voltgate.config import hosts
from voltgate.config.mail_services import SERVICES, Server, server_of
from voltgate.config.problems import did_you_mean
from voltgate.config.values import FilePath, Seconds, Secret, Section, Text, from_elsewhere, http_url, is_header_name

PUSHOVER = "https://api.pushover.net/1/messages.json"
_OURS = frozenset({"content-length", "content-type", "host", "idempotency-key"})
_ADDRESS = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]+@[A-Za-z0-9._-]+")
"""The atoms of RFC 5322 section 3.2.3; what is quoted, or in another script, hardly any server takes."""
_NO_ADDRESS = "is no address of mail, as in ops@example.com or Ops <ops@example.com>"

Deadline: TypeAlias = Annotated[Seconds, Field(ge=0.1, le=300)]


def mail_address(text: str) -> str:
    """Return an address of mail, with or without a name before it. Raises ValueError."""
    found = getaddresses([text])
    if len(found) != 1 or not _ADDRESS.fullmatch(found[0][1]) or not text.isprintable():
        raise ValueError(_NO_ADDRESS)
    return text


def _listed(value: Any, info: ValidationInfo) -> Any:
    """Return several addresses in one text, with commas between them, as a list."""
    value = from_elsewhere(value, info)
    return _split(value) if isinstance(value, str) else value


def _split(text: str) -> list[str]:
    if not text.isprintable():
        raise ValueError(_NO_ADDRESS)
    return [f"{name} <{address}>" if name else address for name, address in getaddresses([text])]


def mail_addresses(text: str) -> list[str]:
    """Return the addresses in one text, with commas between them. Raises ValueError."""
    return [mail_address(each) for each in _split(text)]


Address: TypeAlias = Annotated[str, BeforeValidator(from_elsewhere), AfterValidator(mail_address)]


class MailAuth(Section):
    """By what we prove to a mail server who we are."""

    user: Text = Field(min_length=1, description="The name of the user.")
    password: Secret = Field(alias="pass", description="The password: `{ env = … }` or `{ file = … }`, best.")


class Mail(Section):
    """Mail, by the keys of Nodemailer: `service`, or `host` with `port` and `secure`; or `sendmail`."""

    sender: Address = Field(alias="from", description='Who writes: `"Voltgate <alerts@example.com>"`.')
    to: Annotated[tuple[Address, ...], BeforeValidator(_listed), Field(strict=False, min_length=1)] = Field(
        description='Who gets it: `["ops@example.com", "Anna <anna@example.com>"]`, or a text with commas.'
    )
    service: Text | None = Field(
        default=None,
        description="The name of a well-known service in place of `host`, `port` and `secure`: "
        + ", ".join(f"`{name}`" for name in SERVICES if not name.startswith("SES-"))
        + ", `SES-EU-CENTRAL-1` and the other regions. Case does not count.",
    )
    host: Text | None = Field(default=None, min_length=1, description="The mail server.")
    port: int | None = Field(
        default=None, ge=1, le=65_535, description="Its port. Without: 465 with `secure = true`, else 587."
    )
    secure: bool | None = Field(
        default=None, description="TLS from the start. Without: on port 465 alone. Else see `starttls`."
    )
    starttls: Literal["required", "offered", "never"] | None = Field(
        default=None,
        description='Whether a link that begins in the clear is secured: `"required"`; `"offered"`: if the server '
        'can; `"never"`. Without: required where there is `auth`, so that no password goes in the clear; else offered.',
    )
    auth: MailAuth | None = Field(default=None, description="`{ user = …, pass = … }`, as below.")
    ca: FilePath | None = Field(
        default=None,
        description="PEM file of the authorities to trust, in place of the system's. The certificate is always "
        "verified.",
    )
    sendmail: FilePath | None = Field(
        default=None, description='A program in place of a server: `"/usr/sbin/sendmail"`. It is called with `-i -f`.'
    )
    timeout: Deadline = Field(default=30, description="How long one message may take.")

    @field_validator("service")
    @classmethod
    def _known(cls, service: str | None) -> str | None:
        if service is not None and server_of(service) is None:
            raise ValueError(f'there is no service "{service}"{did_you_mean(service, SERVICES)}; else write host')
        return service

    @field_validator("host")
    @classmethod
    def _reached(cls, host: str | None) -> str | None:
        if host and (why := hosts.objection(host)):
            name, _, port = host.rpartition(":")
            if port.isdecimal() and ":" not in name:
                raise ValueError(f'the port is a key of its own: host = "{name}", port = {port}')
            raise ValueError(f'"{host}" {why}')
        return host

    @property
    def server(self) -> Server:
        """The server and its port."""
        known = server_of(self.service) if self.service is not None else None
        return known or Server(self.host or "localhost", self.port or (465 if self.secure else 587))

    @property
    def is_secure(self) -> bool:
        """Whether TLS begins with the first byte."""
        return self.server.secure if self.secure is None else self.secure

    @property
    def begins_tls(self) -> Literal["required", "offered", "never"]:
        """What becomes of a link that begins in the clear."""
        return self.starttls or ("required" if self.auth is not None else "offered")


class Pushover(Section):
    """Pushover, which shows messages on phones: https://pushover.net."""

    user: Secret = Field(description="The key of the user or of the group.")
    token: Secret = Field(description="The token of the application.")
    endpoint: Text = Field(default=PUSHOVER, description="Where messages are posted to.")
    device: Text | None = Field(default=None, description="One device of the user. Without: all of them.")
    priority: int = Field(default=0, ge=-2, le=2, description="How loud: -2 silent, 1 also at night.")
    urgent: int = Field(
        default=1, ge=-2, le=2, description="The same for what endangers people; 2 repeats until somebody confirms it."
    )
    repeat: Seconds = Field(default=60, ge=30, le=10_800, description="Priority 2: time between repetitions.")
    expire: Seconds = Field(default=3600, ge=30, le=10_800, description="Priority 2: when they end, confirmed or not.")
    sound: Text | None = Field(default=None, description="The name of a sound of Pushover.")
    url: Text | None = Field(default=None, description="A link below each message, as to the dashboard.")
    timeout: Deadline = Field(default=30, description="How long one message may take.")

    @field_validator("endpoint")
    @classmethod
    def _posted(cls, url: str) -> str:
        return http_url(url)


class Webhook(Section):
    """A POST of JSON, signed as Standard Webhooks has it."""

    url: Secret = Field(description="Where it is posted to. It is treated as a secret, as those of many services are.")
    secret: Secret | None = Field(
        default=None,
        description="What signs it, in `webhook-signature`: Base64 behind `whsec_`, or any text. Without: nothing.",
    )
    headers: dict[str, Secret] = Field(
        default={}, description='More headers: `{ Authorization = { env = "HOOK_TOKEN" } }`.'
    )
    ca: FilePath | None = Field(
        default=None, description="PEM file of the authorities to trust, in place of the system's."
    )
    timeout: Deadline = Field(default=30, description="How long one message may take.")

    @field_validator("url")
    @classmethod
    def _posted(cls, url: Secret) -> Secret:
        http_url(url.get_secret_value())
        return url

    @field_validator("headers")
    @classmethod
    def _legal(cls, headers: dict[str, Any]) -> dict[str, Any]:
        for name, value in headers.items():
            if not is_header_name(name):
                raise ValueError(f'"{name}" is not the name of a header')
            if name.lower() in _OURS or name.lower().startswith("webhook-"):
                raise ValueError(f"{name} is set by Voltgate itself")
            if any(char in value.get_secret_value() for char in "\r\n\0"):
                raise ValueError(f"the value of {name} contains a line break")
        return headers


class Apprise(Section):
    """A hundred other services, by Apprise (an extra: `pip install voltgate[apprise]`)."""

    urls: Annotated[tuple[Secret, ...], Field(strict=False, min_length=1)] = Field(
        description="Addresses as Apprise has them, each with its secrets: https://github.com/caronc/apprise/wiki."
    )
    timeout: Deadline = Field(default=30, description="How long one message may take, for each address.")


class Channel(Section):
    """One way to people: of the tables `mail`, `pushover`, `webhook` and `apprise` it has one."""

    mail: Mail | None = Field(default=None, description="By mail: see below.")
    pushover: Pushover | None = Field(default=None, description="By Pushover: see below.")
    webhook: Webhook | None = Field(default=None, description="To a webhook: see below.")
    apprise: Apprise | None = Field(default=None, description="By Apprise: see below.")
    rate: int = Field(
        default=60,
        ge=0,
        le=100_000,
        description="Messages an hour; what is beyond waits for the digest. 0: no limit. What endangers people is "
        "neither counted nor held back.",
    )
    digest: Seconds = Field(
        default=900, ge=10, le=86_400, description="How often what was beyond `rate` is told, in one message."
    )
    give_up: Seconds = Field(
        default=86_400, ge=0, le=30 * 86_400, description="How long a message that fails is tried again."
    )
