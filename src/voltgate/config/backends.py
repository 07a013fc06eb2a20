"""Backends: one section for each."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal
from urllib.parse import unquote

from pydantic import Field, PlainValidator, field_validator, model_validator

from voltgate.config.claims import Claimant
from voltgate.config.tokens import read_list
from voltgate.config.values import (
    VERSIONS,
    FilePath,
    Seconds,
    Secret,
    Section,
    Text,
    Version,
    is_header_name,
    split_url,
)

STATION = "{station}"
"""The placeholder of the identity in a backend's URL."""

LOCAL = "local:"
"""The URL of the management system in this process."""
_SECURE = frozenset({"wss", "https", "mqtts", "amqps"})
_SOAP = ("http", "https")
_MQTT = ("mqtt", "mqtts")
_AMQP = ("amqp", "amqps")
_LONGEST_PREFIX = 200
_QUEUE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,99}")
_OURS = frozenset({"host", "upgrade", "connection", "content-length", "transfer-encoding"})


class Retry(Section):
    """How a lost backend is dialled again: waits that grow by a factor up to a bound, or an explicit schedule."""

    first: Seconds = Field(default=1, ge=0.05, le=3600, description="Wait before the first attempt.")
    factor: float = Field(
        default=2, ge=1, le=10, allow_inf_nan=False, description="What each wait is multiplied by for the next."
    )
    max: Seconds = Field(default=60, ge=0.05, le=86_400, description="Longest wait.")
    jitter: float = Field(
        default=0.5,
        ge=0,
        le=1,
        allow_inf_nan=False,
        description="Share of a wait left to chance: 0.5 waits between 50 % and 100 % of it. With a schedule 0.",
    )
    tries: int = Field(
        default=0,
        ge=0,
        le=1_000_000,
        description="Attempts before the backend is given up for this session. 0: never given up. "
        "With a schedule: its length.",
    )
    schedule: Annotated[tuple[Annotated[Seconds, Field(ge=0, le=86_400)], ...] | None, Field(strict=False)] = Field(
        default=None,
        description="The waits themselves, in place of `first`, `factor` and `max`: `[5, 10, 20, 40, 60]`. "
        "With `tries = 0` the last one is repeated for ever.",
    )

    @model_validator(mode="before")
    @classmethod
    def _defaults_of_a_schedule(cls, value: Any) -> Any:
        if not isinstance(value, dict) or not isinstance(value.get("schedule"), list | tuple):
            return value
        if clash := sorted({"first", "factor", "max"} & value.keys()):
            raise ValueError(f"schedule takes the place of {', '.join(clash)}: write one or the other")
        if not value["schedule"]:
            raise ValueError("schedule must hold at least one wait")
        return {"jitter": 0, "tries": len(value["schedule"])} | value


class StandIn(Section):
    """How Voltgate answers instead of a backend that is away."""

    accept: Literal["known", "all", "none"] = Field(
        default="known",
        description='Which tokens may charge meanwhile. `"known"`: those that it accepted at this station before, and '
        "those of `tokens` and `token_groups`.",
    )
    tokens: Annotated[tuple[str, ...], PlainValidator(read_list)] = Field(
        default=(), description='Tokens that may charge; `"04EM*"`: all that begin so.'
    )
    token_groups: Annotated[tuple[Text, ...], Field(strict=False)] = Field(
        default=(), description="Groups of tokens that may charge."
    )
    stop_refused: bool = Field(
        default=True, description="Stop a session that was let begin when the backend refuses its token later."
    )


class Backend(Section):
    """One backend: its URL, its credentials, and the behaviour while it is away."""

    url: Text = Field(
        description="`ws://` or `wss://`: OCPP-J. `{station}` stands for the identity, percent-encoded; without it the "
        "identity is appended as the last segment of the path. `http://` or `https://`: OCPP-S (SOAP), the URL of its "
        "service as it is. `mqtt://` or `mqtts://`: a broker of MQTT 5; its path is what topics begin with, else `cs`. "
        "`amqp://` or `amqps://`: RabbitMQ; its path is the virtual host, else `/`. `local:`: the management system in "
        "this process (`[csms]`)."
    )
    soap_url: Text | None = Field(
        default=None,
        description="`http://` or `https://`. Where it takes the calls of SOAP stations, as SOAP. Without: they go to "
        "`url`, in the form that it takes.",
    )
    claims: Claimant = Field(default=Claimant(), description="Which stations it may claim.")
    versions: Annotated[tuple[Version, ...], Field(strict=False)] = Field(
        default=VERSIONS,
        min_length=1,
        description="OCPP versions it takes. It has no part in the session of a station that speaks another, whether "
        "it would answer or be told.",
    )
    when_down: Literal["wait", "refuse", "close", "answer"] = Field(
        default="wait",
        description='What a call that it should answer meets while it is away. `"wait"`: kept for `wait` seconds, then '
        '`then`; `"refuse"`: a CALLERROR at once; `"close"`: the station is cut off, so that it keeps its messages; '
        '`"answer"`: Voltgate answers stations that it accepted before, and it gets all of it later.',
    )
    wait: Seconds = Field(default=10, ge=0, le=3600, description='How long calls are kept under `when_down = "wait"`.')
    then: Literal["close", "refuse"] = Field(default="close", description="What follows after that wait.")
    forward: Literal["answering", "always", "never"] = Field(
        default="answering",
        description="When it is handed the station's `Authorization` and `User-Agent`: where it answers (not where it "
        "only gets copies), always, or never. With `username` it never gets the station's `Authorization`.",
    )
    username: Text | None = Field(
        default=None, description="User name of our own for HTTP Basic; `{station}` stands for the identity."
    )
    password: Secret | None = Field(default=None, description="Its password.")
    headers: dict[str, Secret] = Field(
        default={}, description='More headers of the handshake: `{ X-Api-Key = { env = "KEY" } }`.'
    )
    ca: FilePath | None = Field(
        default=None,
        description="With TLS only. PEM file of the authorities to trust, in place of the system's. "
        "The certificate is always verified.",
    )
    certificate: FilePath | None = Field(default=None, description="With TLS only. PEM file: our client certificate.")
    key: FilePath | None = Field(default=None, description="With TLS only. PEM file: its private key.")
    connect: Seconds = Field(default=10, ge=0.1, le=300, description="Time to connect, TLS and handshake included.")
    ping: Seconds = Field(default=55, ge=0, le=86_400, description="Time between pings to it. 0 sends none.")
    misses: int = Field(
        default=2, ge=1, le=20, description="It is taken for gone after so many intervals of `ping` without traffic."
    )
    retry: Retry = Field(default=Retry(), description="How it is dialled again.")
    replay_boot: bool = Field(
        default=True,
        description="Send the station's last BootNotification again when it comes back, before anything else.",
    )
    window: int | None = Field(
        default=None,
        ge=1,
        le=10_000,
        description="Calls of one station open at once towards it. Without: `calls.backend_window`; behind a broker 1.",
    )
    deliver: Literal["once", "always"] = Field(
        default="once",
        description='What becomes of copies while it is away. `"once"`: dropped and counted; `"always"`: those named '
        "by `owed` are on disk before the station is answered, and are delivered, in order, when it is back.",
    )
    owed: Annotated[tuple[Text, ...], Field(strict=False)] = Field(
        default=("StartTransaction", "StopTransaction", "MeterValues", "TransactionEvent"),
        description='The actions that `deliver = "always"` is for.',
    )
    permit: Text | None = Field(
        default=None,
        description='What it may ask of stations: `"full"`, `"charge"`, `"observe"`, or a name of `[permits.NAME]`. '
        "Without: everything for the only one that a station has and is let in by, `full` for another that answers "
        "alone, else `charge`.",
    )
    invites: Literal["any", "own"] = Field(
        default="any",
        description='Whose the session is that its remote start causes. `"any"`: its own. `"own"`: its own only with a '
        "token that the rules give to it; with any other the session is whose the rules say, and it reserves nothing "
        "for that.",
    )
    stand_in: StandIn = Field(default=StandIn(), description='How Voltgate answers under `when_down = "answer"`.')
    copy_waiting: int = Field(
        default=64,
        ge=1,
        le=100_000,
        description="Copies for one station that may wait for it; more are dropped and counted.",
    )
    compression: bool = Field(default=False, description="Offer it permessage-deflate (RFC 7692).")
    qos: Literal[0, 1] = Field(
        default=1,
        description="MQTT only. Quality of service. 1: the broker acknowledges each message, and says when nobody "
        "consumes it. 0: neither.",
    )
    envelope: Literal["json", "ocpp"] = Field(
        default="json",
        description='MQTT and AMQP only. What a message is there: `"json"`, an object with `type`, `action`, `id` and '
        '`request` or `response`; `"ocpp"`, the frame of OCPP-J as it is.',
    )
    layout: Literal["voltgate", "everythingcharge"] = Field(
        default="voltgate",
        description='AMQP only. Which queues there are: `"voltgate"`, for any number of nodes; `"everythingcharge"`, '
        "those of that management system, whose API server answers: then `prefix`, `queues` and `envelope` have no "
        "meaning.",
    )
    prefix: Text = Field(default="voltgate", description="AMQP only. What the names of its queues begin with.")
    queues: int = Field(
        default=4,
        ge=1,
        le=64,
        description="AMQP only. How many queues the calls of stations are spread over. The same for all gateways.",
    )
    presence: Text | None = Field(
        default=None,
        min_length=1,
        description="MQTT only. The topic at which its consumers say that they are there, with a retained message; it "
        "may hold `+`. While nobody is there the backend is away. Without: it is away while nobody subscribes.",
    )

    homeassistant: bool = Field(
        default=False,
        description="MQTT only. Show its stations to Home Assistant, by MQTT discovery: status, power, energy and "
        "session of each connector, a button that stops it, and one that starts it if there is a `start_token`.",
    )
    homeassistant_prefix: Text = Field(
        default="homeassistant",
        min_length=1,
        description="MQTT only. Where Home Assistant looks for devices: its discovery prefix.",
    )
    start_token: Secret | None = Field(
        default=None,
        description="With `homeassistant` only. The token that its start button presents, as a card would. Whoever may "
        "publish on the broker may press it.",
    )

    @field_validator("url")
    @classmethod
    def _dials(cls, url: str) -> str:
        return url if url == LOCAL else _broker(dialled(url, ("ws", "wss", *_SOAP, *_MQTT, *_AMQP)))

    @field_validator("prefix")
    @classmethod
    def _names_queues(cls, prefix: str) -> str:
        if not _QUEUE.fullmatch(prefix) or prefix.startswith("amq."):
            raise ValueError("must be letters, digits, and . _ : - between them, 100 at most, and not begin with amq.")
        return prefix

    @field_validator("soap_url")
    @classmethod
    def _posts(cls, url: str | None) -> str | None:
        return url if url is None else dialled(url, _SOAP)

    @field_validator("headers")
    @classmethod
    def _legal_headers(cls, headers: dict[str, Any]) -> dict[str, Any]:
        for name, value in headers.items():
            if not is_header_name(name):
                raise ValueError(f'"{name}" is not the name of a header')
            if name.lower() in _OURS or name.lower().startswith("sec-websocket-"):
                raise ValueError(f"{name} is set by the handshake itself")
            if any(char in value.get_secret_value() for char in "\r\n\0"):
                raise ValueError(f"the value of {name} contains a line break")
        return headers

    @property
    def scheme(self) -> str:
        """The scheme of its URL, which selects the carrier: "ws", "wss", "https", "mqtts", "amqp" …."""
        return split_url(self.url).scheme

    @property
    def secure(self) -> bool:
        """Whether it is connected to by TLS."""
        return self.scheme in _SECURE or (self.soap_url or "").startswith("https:")

    @property
    def websocket_template(self) -> str:
        """The URL that websockets are dialled at, with `{station}` in it; "" for a backend that has SOAP only."""
        return template(self.url) if self.scheme in ("ws", "wss") else ""

    @property
    def soap_address(self) -> str:
        """The URL of its SOAP service; "" if it has none."""
        return self.url if self.scheme in _SOAP else self.soap_url or ""

    @property
    def broker_url(self) -> str:
        """The URL of its broker; "" if it is behind none."""
        return self.url if self.scheme in (*_MQTT, *_AMQP) else ""

    @property
    def mqtt_url(self) -> str:
        """The URL of its broker of MQTT; "" if it is behind none."""
        return self.url if self.scheme in _MQTT else ""

    @property
    def amqp_url(self) -> str:
        """The URL of its RabbitMQ; "" if it is behind none."""
        return self.url if self.scheme in _AMQP else ""

    @property
    def local_url(self) -> str:
        """The URL of the management system in this process; "" if it is another."""
        return self.url if self.url == LOCAL else ""

    @property
    def vhost(self) -> str:
        """The virtual host of RabbitMQ, if it is behind one."""
        return unquote(split_url(self.url).path.removeprefix("/")) or "/"

    @property
    def topic_prefix(self) -> str:
        """What its topics begin with, if it is behind a broker."""
        return unquote(split_url(self.url).path).strip("/") or "cs"


def template(url: str) -> str:
    """Return a URL with `{station}`, appended to the path if it had none."""
    if STATION in url:
        return url
    parts = split_url(url)
    return parts._replace(path=f"{parts.path.rstrip('/')}/{STATION}").geturl()


def dialled(url: str, schemes: tuple[str, ...] = ("ws", "wss", *_SOAP)) -> str:
    """Return the URL of a backend, checked. Raises ValueError with what is wrong."""
    parts = split_url(url)
    if parts.scheme not in schemes:
        raise ValueError(_wrong_scheme(parts.scheme, schemes))
    if not parts.hostname:
        raise ValueError("names no host")
    if STATION in parts.netloc:
        raise ValueError("must not take the host from {station}: any station could then name any host")
    for found in re.findall(r"\{[^}]*\}?", url):
        if found != STATION:
            raise ValueError(f"knows no placeholder {found}; did you mean {STATION}?")
    return url


def _broker(url: str) -> str:
    """Return the URL of a backend, the path of a broker's checked as a topic. Raises ValueError with what is wrong."""
    parts = split_url(url)
    if parts.scheme in _AMQP:
        return _rabbit(url)
    if parts.scheme not in _MQTT:
        return url
    prefix = unquote(parts.path).strip("/")
    if STATION in url:
        raise ValueError("must not contain {station}: topics end with the identity by themselves")
    if parts.query:
        raise ValueError('must not contain a query ("?"): the path is what topics begin with')
    if len(prefix) > _LONGEST_PREFIX or "//" in prefix or prefix.startswith("$") or not prefix.isprintable():
        raise ValueError(f'has a path that no topic can begin with: "{prefix[:40]}"')
    if set(prefix) & set("+#"):
        raise ValueError("must not contain + or #: a topic to publish on has no wildcards")
    return url


def _rabbit(url: str) -> str:
    """Return the URL of a RabbitMQ, checked. Raises ValueError with what is wrong."""
    parts = split_url(url)
    if STATION in url:
        raise ValueError("must not contain {station}: the path is the virtual host of RabbitMQ")
    if parts.query:
        raise ValueError('must not contain a query ("?"): what it goes by are keys of the backend')
    if "/" in parts.path.removeprefix("/"):
        raise ValueError('has a path of several segments: a "/" in the name of a virtual host is written %2F')
    return url


def _wrong_scheme(scheme: str, schemes: tuple[str, ...]) -> str:
    known = "://, ".join(schemes[:-1]) + f":// or {schemes[-1]}://"
    if scheme == "local":
        return 'is "local:" for the management system in this process, with nothing behind it'
    return f'must start with {known}, not "{scheme}://"' if scheme else f"must start with {known}"
