"""What happens to stations and backends, as values: logs, alerts and the dashboard are told of nothing else."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from voltgate.ocpp.close_codes import GOES_ON, SILENT
from voltgate.relay.certificate_events import (
    CertificateExpiring,
    CertificateRefused,
    CertificateRenewed,
    CertificateUnasked,
)


@dataclass(frozen=True, slots=True)
class StationCame:
    """A station was let in."""

    station: str
    address: str
    version: str
    route: str
    replaced: bool


@dataclass(frozen=True, slots=True)
class StationRefused:
    """A station was turned away before the upgrade. `target` is what it asked for, as it came."""

    station: str
    target: str
    address: str
    status: int
    reason: str


@dataclass(frozen=True, slots=True)
class StationWent:
    """A station has gone: its session has ended. `by` is who ended it."""

    station: str
    code: int
    reason: str
    by: str
    seconds: float

    @property
    def silent(self) -> bool:
        """Whether it was let go because nothing was heard of it any more."""
        return self.reason.startswith(SILENT)

    @property
    def goes_on(self) -> bool:
        """Whether it was let go only because it has a newer connection, here or to another gateway."""
        return self.reason in GOES_ON


@dataclass(frozen=True, slots=True)
class LegUp:
    """A backend's link is open. `first` is false when it came back."""

    station: str
    backend: str
    first: bool


@dataclass(frozen=True, slots=True)
class LegDown:
    """A backend's link was lost or could not be opened. `retry` is the seconds until the next try, None for never."""

    station: str
    backend: str
    reason: str
    retry: float | None


@dataclass(frozen=True, slots=True)
class LegClosed:
    """A backend's link was closed by the gateway: the station has gone, or the backend has no part in it any more."""

    station: str
    backend: str
    reason: str


@dataclass(frozen=True, slots=True)
class CarrierUp:
    """The connection to a backend that carries many stations is open. `first` is false when it came back."""

    backend: str
    first: bool


@dataclass(frozen=True, slots=True)
class CarrierDown:
    """The connection to a backend that carries many stations was lost, or not opened. `retry` is as in LegDown."""

    backend: str
    reason: str
    retry: float | None


@dataclass(frozen=True, slots=True)
class StationMoved:
    """A connected station was moved to another route."""

    station: str
    route: str


@dataclass(frozen=True, slots=True)
class BackendLeftOut:
    """A backend does not take the version that a station speaks: it has no part in the session."""

    station: str
    backend: str
    version: str


@dataclass(frozen=True, slots=True)
class TransactionBegan:
    """A transaction has an owner. `transaction` is the station's id of it."""

    station: str
    transaction: str
    owner: str
    connector: int | None


@dataclass(frozen=True, slots=True)
class GivenUp:
    """A message that a backend was owed will never reach it."""

    station: str
    backend: str
    action: str
    reason: str


@dataclass(frozen=True, slots=True)
class CommandRefused:
    """A backend asked a station for something that it may not, or not now; `times`: so many more of a kind."""

    station: str
    backend: str
    action: str
    reason: str
    times: int = 1


@dataclass(frozen=True, slots=True)
class ClaimsChanged:
    """A backend's list of stations was changed. `by` is who did it; `stations` are those of the list now."""

    backend: str
    by: str
    stations: int
    added: int
    removed: int
    contested: int


@dataclass(frozen=True, slots=True)
class ClaimContested:
    """Several backends claim a station. `holder` gets it ("": none of them); `by` is whose claim was the last."""

    station: str
    holder: str
    backends: tuple[str, ...]
    by: str


@dataclass(frozen=True, slots=True)
class BackendMoved:
    """A backend said that it is elsewhere. `url` and `soap_url`, without secrets, are "" where the file counts."""

    backend: str
    url: str
    soap_url: str
    by: str


@dataclass(frozen=True, slots=True)
class StationAccepted:
    """A station was let in from the waiting room."""

    station: str
    route: str
    by: str


@dataclass(frozen=True, slots=True)
class StationBooted:
    """A station has started, or says so. `reason` is its own word (2.x BootReason); "" in 1.x, which has none."""

    station: str
    vendor: str
    model: str
    firmware: str
    reason: str


@dataclass(frozen=True, slots=True)
class StationRestarting:
    """A station starts again and again: so many times within so many seconds."""

    station: str
    boots: int
    seconds: float


@dataclass(frozen=True, slots=True)
class StationSteady:
    """A station that started again and again has not done so for a while."""

    station: str


@dataclass(frozen=True, slots=True)
class StatusChanged:
    """A connector, or a station as a whole, has another status, or another error.

    `connector` is 0 and `evse` None for the station itself; `evse` is None in 1.x. `status` is in the words of 1.6
    whatever the station speaks: what others call Occupied is Preparing, Charging, SuspendedEV, SuspendedEVSE or
    Finishing by what is known of the transaction; "" while none is known. `error_code` is in the words of 1.6 too:
    NoError if there is none; `vendor_error_code` and `info` are the station's own. `cleared`: there is no error any
    more, and there was one before.
    """

    station: str
    evse: int | None
    connector: int | None
    status: str
    error_code: str
    info: str
    vendor_error_code: str = ""
    cleared: bool = False


@dataclass(frozen=True, slots=True)
class TransactionEnded:
    """A station has said the end of a transaction, whatever is answered. `transaction` is the station's id of it.

    `owner` is "" and `connector` None for a transaction that is not known. `reason` is the station's word; Local if it
    names none. `energy_wh` and `seconds` are None where the beginning is not known.
    """

    station: str
    transaction: str
    owner: str
    connector: int | None
    reason: str
    energy_wh: float | None
    seconds: float | None


@dataclass(frozen=True, slots=True)
class TransactionLong:
    """A transaction runs for an unusually long time: for `seconds` by now."""

    station: str
    transaction: str
    owner: str
    connector: int | None
    seconds: float


@dataclass(frozen=True, slots=True)
class ClockWrong:
    """The clock of a station is wrong by so many seconds: more than 0 is ahead of ours."""

    station: str
    seconds: float


@dataclass(frozen=True, slots=True)
class ClockRight:
    """The clock of a station that was wrong is right again."""

    station: str


@dataclass(frozen=True, slots=True)
class BackendAway:
    """A backend cannot be reached for any station. `stations` are those that are connected and wait for it."""

    backend: str
    reason: str
    stations: int


@dataclass(frozen=True, slots=True)
class BackendBack:
    """A backend that was away is reached again, after so many seconds."""

    backend: str
    seconds: float


@dataclass(frozen=True, slots=True)
class BackendFailing:
    """A backend answers many calls with an error, or not at all: `errors` of the last `calls`."""

    backend: str
    errors: int
    calls: int


@dataclass(frozen=True, slots=True)
class BackendSound:
    """A backend that failed answers again as it should: `errors` of the last `calls` failed."""

    backend: str
    errors: int
    calls: int


@dataclass(frozen=True, slots=True)
class JournalGrowing:
    """A backend is owed many messages, of which the oldest has waited for so many seconds."""

    backend: str
    owed: int
    seconds: float


@dataclass(frozen=True, slots=True)
class JournalShrunk:
    """A backend that was owed many messages is owed few."""

    backend: str
    owed: int


@dataclass(frozen=True, slots=True)
class DiskFilling:
    """A file system on which Voltgate writes is nearly full. `free` and `total` are bytes."""

    path: str
    free: int
    total: int


@dataclass(frozen=True, slots=True)
class DiskFreed:
    """A file system that was nearly full has space again."""

    path: str
    free: int
    total: int


@dataclass(frozen=True, slots=True)
class DatabaseAway:
    """The database cannot be written."""

    reason: str


@dataclass(frozen=True, slots=True)
class DatabaseBack:
    """The database is written again, after so many seconds."""

    seconds: float


@dataclass(frozen=True, slots=True)
class NodeLost:
    """A node of the cluster has not been heard of for `seconds`, and has not said farewell."""

    node: str
    seconds: float


@dataclass(frozen=True, slots=True)
class NodeBack:
    """A node of the cluster that was lost is heard of again."""

    node: str


Event: TypeAlias = (
    StationCame
    | StationRefused
    | StationWent
    | LegUp
    | LegDown
    | LegClosed
    | CarrierUp
    | CarrierDown
    | StationMoved
    | BackendLeftOut
    | TransactionBegan
    | GivenUp
    | CommandRefused
    | ClaimsChanged
    | ClaimContested
    | BackendMoved
    | StationAccepted
    | StationBooted
    | StationRestarting
    | StationSteady
    | StatusChanged
    | TransactionEnded
    | TransactionLong
    | ClockWrong
    | ClockRight
    | BackendAway
    | BackendBack
    | BackendFailing
    | BackendSound
    | JournalGrowing
    | JournalShrunk
    | CertificateExpiring
    | CertificateRefused
    | CertificateRenewed
    | CertificateUnasked
    | DiskFilling
    | DiskFreed
    | DatabaseAway
    | DatabaseBack
    | NodeLost
    | NodeBack
)
Listen: TypeAlias = Callable[[Event], None]
