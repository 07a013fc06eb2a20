"""The configuration at one time of a run, as a file for the gateways and as the answer to "whose is this?"."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from chaos.launcher import NAMES
from chaos.plan import BACKENDS, Variant
from chaos.records import Owners
from tests.harness.configuration import merged, toml

PATIENCE = 3.0
"""Seconds that a backend may take to answer (`calls.backend`)."""
_SETTLED = 5.0
"""Seconds after which a change is surely in force at every session."""
QUEUES = 2
"""Queues of calls that a gateway has at each address of a backend behind RabbitMQ."""
_LOCAL = {"csms": {"url": "local:"}}
_QUICK = {"retry": {"first": 0.1, "max": 0.5}}


@dataclass(frozen=True, slots=True)
class Shape:
    """What may change while it runs; `moved` are the stations that the employer claims and not billing."""

    address: int = 0
    routes: int = 0
    settings: int = 0
    moved: frozenset[str] = frozenset()


def owners(variant: Variant, shape: Shape, station: str, tag: str) -> Owners:
    """Return whose a transaction of that card is that begins now, and who is told of it."""
    if variant.layout == "local":
        return Owners(frozenset())
    mine, other = BACKENDS if (shape.routes == 0) else BACKENDS[::-1]
    if variant.layout == "claims":
        claimant = frozenset({"employer" if station in shape.moved else "billing"})
        return Owners(claimant, before=claimant)
    if variant.layout == "one":
        mine, other = "billing", "employer" if shape.routes else ""
    before = frozenset({mine})
    if variant.layout in ("split", "apart") and tag.startswith("EMP"):
        mine, other = other, mine
    copies = frozenset({other} - {""}) if variant.layout != "apart" else frozenset()
    return Owners(frozenset({mine}), copies, copies & variant.always, before)


@dataclass(slots=True)
class Shapes:
    """The shapes of a run, and from when until when each may be in force: a change is a while after it was begun."""

    variant: Variant
    now: Shape = field(default_factory=Shape)
    """The newest."""
    _since: float = 0.0
    _former: list[tuple[Shape, float, float]] = field(default_factory=list)

    def change(self, shape: Shape, at: float, *, until: float = 0.0) -> None:
        """Take another shape, which is what gateways are told to have between these two times."""
        self._former.append((self.now, self._since, max(at, until) + _SETTLED))
        self.now, self._since = shape, at

    def owners(self, station: str, tag: str, begun: float, over: float) -> Owners:
        """Return who may own what began in that time; owed is only what is so in every shape that may have counted."""
        possible = [owners(self.variant, shape, station, tag) for shape in self._between(begun, over)]
        return Owners(
            frozenset().union(*(each.owners for each in possible)),
            frozenset().union(*(each.told for each in possible)),
            frozenset.intersection(*(each.owed for each in possible)),
            frozenset().union(*(each.before for each in possible)),
        )

    @property
    def waits_for_disk(self) -> bool:
        """Tell whether no transaction begins before it is on disk: with one backend nobody waits."""
        return self.variant.layout not in ("one", "claims")

    def anybody_may_stop(self, begun: float, over: float) -> bool:
        """Tell whether a backend may have been allowed in that time to stop what is another's."""
        return self.variant.layout == "claims" or any(shape.settings for shape in self._between(begun, over))

    def _between(self, begun: float, over: float) -> Iterator[Shape]:
        for shape, at, end in (*self._former, (self.now, self._since, float("inf"))):
            if at <= over and begun <= end:
                yield shape


def token(backend: str) -> str:
    """Return the token with which a backend claims."""
    return f"token-of-{backend}-for-the-run"


def prefix_of(run: str, name: str, gateway: int, address: int) -> str:
    """Return what the queues begin with by which one gateway speaks with that address of a backend, in one run."""
    return f"{run}.{name}.{gateway}.{address}"


@dataclass(frozen=True, slots=True)
class Ports:
    """Where everything listens; nobody has `spare`, and somebody else has `taken`. `run` is a name for this run."""

    backends: Mapping[str, int]
    stations: int
    soap: int
    http: int
    spare: int
    taken: int
    run: str


def configuration(
    variant: Variant, shape: Shape, ports: Ports, store: str, gateway: int, overlay: Mapping[str, Any]
) -> str:
    """Write the configuration of one gateway; the path of a backend's URL tells it which gateway calls.

    `overlay` is what is otherwise for a while.
    """
    document: dict[str, Any] = {
        "listen": {
            "stations": [f"ws://127.0.0.1:{ports.stations}"],
            "soap": [f"http://127.0.0.1:{ports.soap}"],
            "http": f"127.0.0.1:{ports.http}",
        },
        "store": {"url": store, "patience": 1},
        "calls": {"backend": PATIENCE, "station": 5},
        "journal": {"rate": 10000, "attempts": variant.attempts},
        "limits": {"handshakes_per_second": 0},
        "permits": {"prober": {"base": "charge", "pass": ["Reset"]}},
        "backends": {name: _backend(name, variant, shape, ports, gateway) for name in BACKENDS} | _LOCAL,
        "csms": {"tokens": "any"},
        "stations": [{"match": "*", "auth": "none"}],
        "log": {"format": "json"},
    }
    return toml(merged(merged(document, _routes(variant, shape)), overlay))


def _backend(name: str, variant: Variant, shape: Shape, ports: Ports, gateway: int) -> dict[str, Any]:
    host = f"{name}-{shape.address}{NAMES}:{ports.backends[name]}"
    if name != variant.behind:
        where: dict[str, Any] = {"url": f"ws://{host}/{gateway}/{shape.address}/{{station}}"}
    elif variant.broker == "mosquitto":
        where = {"url": f"mqtt://{host}/{name}/{gateway}/{shape.address}"}
    else:
        prefix = prefix_of(ports.run, name, gateway, shape.address)
        where = {"url": f"amqp://{host}", "prefix": prefix, "queues": QUEUES, "connect": 2}
    backend: dict[str, Any] = {
        **where,
        "wait": 3 if shape.settings else 2,
        "permit": "full" if shape.settings else "prober",
        "claims": {"token": token(name)},
        **_QUICK,
    }
    if name in variant.always:
        backend["deliver"] = "always"
    if name in variant.stand_in:
        backend |= {"when_down": "answer", "stand_in": {"accept": "all"}}
    return backend


def _routes(variant: Variant, shape: Shape) -> dict[str, Any]:
    if variant.layout == "claims":
        rules: list[dict[str, Any]] = [{"answer": "claimant"}]
        if variant.admit == "backend":  # claims are enough
            return {"stations": [{"match": "*", "route": "claimed", "auth": "none"}]}
        return {"routes": {"main": {"admit": variant.admit, "rules": rules}}}
    if variant.layout == "local":
        return {"routes": {"main": {"admit": variant.admit, "rules": [{"answer": "csms"}]}}}
    tagged, rest = (owners(variant, shape, "", tag) for tag in ("EMP1", "GUEST1"))
    rules = [_rule(rest)]
    if variant.layout in ("split", "apart"):
        rules.insert(0, {"tokens": ["EMP*"], **_rule(tagged)})
    return {"routes": {"main": {"admit": variant.admit, "rules": rules}}}


def _rule(who: Owners) -> dict[str, Any]:
    (answer,) = who.owners
    return {"answer": answer} | ({"copy": sorted(who.told)} if who.told else {})
