"""A SOAP station that is here: its session and its wire, what it has proved, and where it is called."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from voltgate.carriers.soap.addresses import LONGEST, Network, is_allowed
from voltgate.carriers.soap.carrier import all_take
from voltgate.carriers.soap.connection import Post
from voltgate.carriers.soap.ends import StationEnd
from voltgate.carriers.soap.wire import SoapWire, WireSettings
from voltgate.directory.stations import Credentials, Station
from voltgate.ocpp.soap.envelope import Envelope
from voltgate.ocpp.soap.names import VERSIONS
from voltgate.ocpp.soap.template import Template
from voltgate.relay.session import Session

_FACT = "soap"
"""What is on record of a SOAP station: its version, where it is called, and when it said so unless that was checked."""
_HOUR = 3600


@dataclass(frozen=True, slots=True)
class SoapSettings:
    """What the configuration says of SOAP stations. `silence` is in seconds.

    `callback` gives the configured address of a station, "" for none; `believes_all` says that anybody's From takes
    the place of a known address, and `networks` where addresses may lie (none: only where the request came from).
    `most` stations may be here, `per_address` of them from one address (0: no limit): one connection brings many.
    """

    networks: tuple[Network, ...] = ()
    believes_all: bool = False
    silence: float = 3600.0
    most: int = 0
    per_address: int = 0
    wire: WireSettings = WireSettings()  # noqa: RUF009 - frozen
    callback: Callable[[Station], str] = lambda _: ""
    expires: float = 86_400.0
    """Seconds after which an address is forgotten that nobody has checked, and that was not said again."""


@dataclass(slots=True)
class SoapStation:
    """A SOAP station that is here: its session, its wire, and what it last proved itself by.

    `age` is that of the configuration by which it did, `credentials` what that asked for.
    """

    session: Session
    wire: SoapWire
    end: StationEnd
    authorization: bytes | None = field(repr=False)
    age: int
    address: str
    """Where it came from when its session began."""
    credentials: Credentials | None
    proven: bool = True
    """Whether it has come by itself: one that a backend called up has proved nothing yet."""
    is_counted: bool = True
    """Whether it counts among the stations of its address."""
    ignored: str = ""
    """The last address that it gave and that does not count."""
    said_at: float = 0.0
    """When it last gave the address that counts, in seconds since 1970; 0.0: its password was checked when it did."""
    _noted: object = None
    """What is on record of it."""

    # What it says.

    def passes(self, made: Template, authorization: bytes | None, age: int) -> bool:
        """Return whether a request that fits a template may go on without being read: by whom, and as it spoke last.

        A request in another version or edition than the last one is read, so that what is on record of it is true.
        """
        speaks = (self.wire.version, self.wire.edition) == (made.envelope.version, made.envelope.edition)
        return speaks and self.knows(authorization, age) and self.may_pass(made.envelope)

    def may_pass(self, envelope: Envelope) -> bool:
        """Return whether nobody but SOAP backends of the same version has to read what the station says there."""
        if self.session.reads(envelope.operation):
            return False
        if envelope.sender[:LONGEST] not in ("", self.end.said, self.ignored) and not self.end.configured:
            return False
        return all_take(self.session.wires, envelope)

    # Who it is.

    def knows(self, authorization: bytes | None, age: int) -> bool:
        """Return whether a request proves itself as the ones before it, by the same configuration."""
        return self.proven and self.age == age and not self.session.ended and self.authorization == authorization

    def prove(self, authorization: bytes | None, age: int, credentials: Credentials | None) -> None:
        """Note what the station has proved itself by, and by which configuration."""
        self.age, self.credentials = age, credentials
        self.authorization, self.proven = authorization, True
        self.ignored = ""

    # Where it is called.

    def learn(self, address: str, post: Post, settings: SoapSettings) -> str:
        """Learn where the station is called, as its request says; return why that does not count, "" if it does."""
        self.expire(settings)
        self.hears(address)
        if not address or address[:LONGEST] in (self.end.said, self.ignored) or self.end.configured:
            return ""
        if self.end.said and self.credentials is None and not settings.believes_all:
            why = "nobody has checked who says so"
        elif not is_allowed(address, settings.networks, post.origin().address):
            why = "it lies in no network that soap.stations_at allows"
        else:
            self.end.said, why = address, ""
            self.hears(address)
        if why:
            self.ignored = address[:LONGEST]
        return why

    def hears(self, address: str) -> None:
        """Note that the station has given the address that counts again."""
        if address and address == self.end.said:
            self.said_at = self.session.ledger.wall() if self.credentials is None else 0.0

    def expire(self, settings: SoapSettings) -> None:
        """Forget an address that nobody has checked, once it was not given again for long."""
        if self.end.said and self.said_at and self.session.ledger.wall() - self.said_at > settings.expires:
            self.forget()

    def forget(self) -> None:
        """Forget where the station is called, so that it can say it anew."""
        self.end.said = self.ignored = ""
        self.said_at = 0.0
        self.note()

    def follow(self, station: Station | None, settings: SoapSettings) -> None:
        """Go by what the configuration says by now of where the station is called."""
        self.end.configured = "" if station is None else settings.callback(station)
        if self.end.said and not is_allowed(self.end.said, settings.networks):
            self.end.said = ""

    # What is on record of it.

    def recall(self, settings: SoapSettings, *, version: bool) -> None:
        """Take up what is on record: where it is called and, if asked for, what it speaks."""
        known = self.session.ledger.fact(_FACT)
        if not isinstance(known, dict):
            return
        address = str(known.get("address", ""))
        self.end.said = address if is_allowed(address, settings.networks) else ""
        if self.credentials is None:
            said_at = known.get("at")
            self.said_at = float(said_at) if isinstance(said_at, int | float) else self.session.ledger.wall()
            self.expire(settings)
        if version and known.get("version") in VERSIONS:
            self.wire.version = known["version"]

    def note(self) -> None:
        """Put on record where the station is called and what it speaks, when either is new."""
        fact: dict[str, object] = {"version": self.wire.version, "address": self.end.said}
        if self.said_at:
            fact["at"] = self.said_at // _HOUR * _HOUR
        if fact != self._noted and (self.end.said or self.session.ledger.fact(_FACT) is not None):
            self._noted = fact
            self.session.ledger.note(_FACT, fact)

    def charges(self, connector: object) -> bool:
        """Return whether a transaction is believed to run on a connector."""
        return any(tx.connector == connector for tx in self.session.ledger.counting())
