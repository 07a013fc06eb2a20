"""The plan of a run: everything that chance decides, drawn from one seed before anything happens."""

from __future__ import annotations

from dataclasses import dataclass, replace
from random import Random
from typing import Literal

BACKENDS = ("billing", "employer")
"""Who answers guests, and who answers the cards that begin with EMP."""

Database = Literal["sqlite", "postgresql"]
Layout = Literal["one", "copy", "split", "apart", "claims", "local"]
"""One backend; one and a copy; by card with copies; by card without; whoever claims the station; Voltgate itself."""
_BEFORE_LOCAL: tuple[Layout, ...] = ("one", "copy", "split", "apart", "claims")
LAYOUTS: tuple[Layout, ...] = (*_BEFORE_LOCAL, "local")
_LOCAL = 0.15
"""The part of the seeds whose stations are answered by Voltgate itself."""
Broker = Literal["mosquitto", "rabbitmq"]
BROKERS: tuple[Broker, ...] = ("mosquitto", "rabbitmq")

_BACKEND = (
    *("down", "down", "links cut", "links cut", "mute", "slow", "late", "twice", "handshakes refused"),
    *("content refused", "transactions refused", "internal errors"),
)
_DATABASE = {
    "sqlite": ("database locked", "database full", "database read-only", "disk full"),
    "postgresql": ("database locked", "database full", "database away", "database frozen", "connections ended"),
}
_COMMANDS = ("remote starts", "remote stops")
LOG = ("log gone", "log stalled", "log full")
FOR_GOOD = ("resolver away", "first address dead")
"""What stays so until the end of a run."""
CLOCK = ("clock ahead", "clock back", "clock stands")
AROUND = (*LOG, *CLOCK, "descriptors short", "resolver hangs", *FOR_GOOD)
"""What is broken around a gateway."""
REFUSED = (
    *("file half written", "file gone", "file unreadable", "syntax wrong"),
    *("host impossible", "port taken", "certificate missing"),
)
TAKEN = ("hosts changed", "claims limited")
"""What is otherwise in a configuration for a while, so that it is refused, or taken."""
BROKER: dict[Broker, tuple[str, ...]] = {
    "mosquitto": ("broker killed", "broker killed", "broker frozen"),
    "rabbitmq": ("broker killed", "broker frozen", "broker short of memory", "queue deleted"),
}
_CHANGES = ("settings changed", "addresses changed", "routes changed")
_GATEWAY = ("gateway killed", "gateway frozen", "stations cut", "stations cut", *_CHANGES)
_MOMENTARY = frozenset(
    {
        *("links cut", "stations cut", "stations moved", "connections ended", "queue deleted"),
        *(*FOR_GOOD, *_CHANGES, *_COMMANDS),
    }
)


@dataclass(frozen=True, slots=True)
class Variant:
    """What is configured. `stand_in` names the backends with `when_down = "answer"`, `always` those with `deliver`."""

    database: Database = "sqlite"
    gateways: int = 1
    layout: Layout = "split"
    admit: Literal["gateway", "backend"] = "gateway"
    stand_in: frozenset[str] = frozenset()
    always: frozenset[str] = frozenset(BACKENDS)
    newest_only: frozenset[str] = frozenset()
    attempts: int = 10
    behind: str = ""
    """The backend that is behind a broker."""
    broker: Broker = "mosquitto"

    def __str__(self) -> str:
        def names(chosen: frozenset[str]) -> str:
            return "+".join(sorted(chosen)) or "nobody"

        return (
            f"{self.layout}, {self.database}, {self.gateways} gateway(s), admit {self.admit}, stand-in for "
            f"{names(self.stand_in)}, always to {names(self.always)}, only newest link at {names(self.newest_only)}, "
            f"{self.attempts} attempts{f', {self.behind} behind {self.broker}' * bool(self.behind)}"
        )


@dataclass(frozen=True, slots=True)
class Fault:
    """Something that goes wrong: `at` so many seconds after the start, for how long, to whom.

    `part` is the share of chargers that it hits.
    """

    at: float
    what: str
    whom: str
    lasts: float
    part: float
    seed: int

    def __str__(self) -> str:
        long = f" for {self.lasts:.1f} s" if self.lasts else ""
        whom = f" {self.whom}" if self.whom else ""
        return f"{self.at:5.1f} s: {self.what}{whom}{long}"

    def hits(self, number: int) -> bool:
        """Tell whether it hits the charger of that number; it is the same one however many there are."""
        return Random(self.seed * 1_000_003 + number).random() < self.part


@dataclass(frozen=True, slots=True)
class Plan:
    """A whole run. `faults` keep the number that they had in the plan of the seed, so that they can be picked.

    With `plain`, chargers have no habits.
    """

    seed: int
    stations: int
    seconds: float
    variant: Variant
    faults: tuple[tuple[int, Fault], ...]
    plain: bool = False

    def keeping(self, numbers: frozenset[int]) -> Plan:
        """Return the same run with fewer faults."""
        return replace(self, faults=tuple(each for each in self.faults if each[0] in numbers))

    def command(self) -> str:
        """Return what runs this again."""
        only = ",".join(str(number) for number, _ in self.faults) or "none"
        of = self.variant
        return (
            f"python -m chaos --seed {self.seed} --stations {self.stations} --seconds {self.seconds:g} "
            f"--database {of.database} --layout {of.layout} --gateways {of.gateways} "
            f"--behind {of.behind or 'nobody'}{f' --broker {of.broker}' * bool(of.behind)} --only {only}"
            f"{' --plain' * self.plain}"
        )


def draw(
    seed: int,
    stations: int,
    seconds: float,
    *,
    variant: Variant | None = None,
    database: Database | None = None,
    layout: Layout | None = None,
    behind: str | None = None,
    broker: Broker | None = None,
    gateways: int | None = None,
) -> Plan:
    """Draw the plan of a seed. What is given is not drawn, and changes nothing else of the variant."""
    chance = Random(seed)
    drawn = _variant(chance)
    if variant is None:
        is_local = layout is None and Random(f"{seed} local").random() < _LOCAL
        layout = "local" if is_local else layout or drawn.layout
        database, gateways = database or drawn.database, gateways or drawn.gateways
        variant = replace(drawn, database=database, layout=layout, gateways=gateways)
        behind = Random(f"{seed} broker").choice((*BACKENDS, "", "")) if behind is None else behind
        kind: Broker = Random(f"{seed} kind of broker").choice(BROKERS)
        behind = behind if variant.layout not in ("one", "local") or (layout, behind) == ("one", "billing") else ""
        variant = replace(variant, behind=behind, broker=broker or kind)
    if variant.database == "sqlite":
        variant = replace(variant, gateways=1)  # its file belongs to one
    faults: list[Fault] = []
    at = 1.0
    while at < seconds:
        faults.append(_fault(at, variant, Random(f"{seed} {len(faults)}")))
        at += chance.uniform(0.2, 1.6)
    return Plan(seed, stations, seconds, variant, tuple(enumerate(faults)))


def _variant(chance: Random) -> Variant:
    def some(likely: float) -> frozenset[str]:
        return frozenset(name for name in BACKENDS if chance.random() < likely)

    return Variant(
        database=chance.choice(("sqlite", "postgresql")),
        gateways=2 if chance.random() < 0.5 else 1,  # of those on PostgreSQL
        layout=chance.choice(_BEFORE_LOCAL),
        admit=chance.choice(("gateway", "backend")),
        stand_in=some(0.5),
        always=some(0.8),
        newest_only=some(0.5),
        attempts=chance.choice((3, 10)),
    )


def _fault(at: float, variant: Variant, chance: Random) -> Fault:
    kinds = [_GATEWAY, AROUND, (*REFUSED, "hosts changed"), _BACKEND, _BACKEND, _DATABASE[variant.database], _COMMANDS]
    if variant.layout == "local":
        kinds = [_GATEWAY, AROUND, (*REFUSED, "hosts changed"), *[_DATABASE[variant.database]] * 3]
    if variant.layout == "claims":
        kinds.append(("stations moved", "claims limited"))
    if variant.behind:
        kinds.append(BROKER[variant.broker])
    what = chance.choice(chance.choice(kinds))
    whom = ""
    if what in _BACKEND:
        whom = "billing" if variant.layout == "one" else chance.choice(BACKENDS)
    elif what in _COMMANDS:
        whom = chance.choice(BACKENDS)
    elif what in ("gateway killed", "gateway frozen") or what in AROUND:
        whom = str(chance.randrange(variant.gateways))
    lasts = 0.0 if what in _MOMENTARY else round(chance.uniform(0.2, 3.5), 2)
    return Fault(round(at, 2), what, whom, lasts, round(chance.uniform(0.1, 0.6), 2), chance.randrange(2**31))
