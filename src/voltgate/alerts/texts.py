"""What alerts say unless a template of the configuration says it otherwise: a title, and a body that may be empty.

Both are templates over `kind.details`. Those of the first eighteen are OCPP-Proxy-Alert's.
"""

from __future__ import annotations

_STATION = "[{name}] ChargePoint is now {status}"
_CONNECTOR = "[{name}] Connector #{place} is now {status}"
_ERROR = "Error Code: {error_code}"
_PLACE = "Connector ID: #{place}"

TEXTS: dict[str, tuple[str, str]] = {
    "connectedToProxy": ("Client connected: {name}", ""),
    "disconnectedFromProxy": ("Client disconnected: {name}", ""),
    "connectedToUpstream": ("Connected to upstream: {backend}", ""),
    "disconnectedFromUpstream": ("Disconnected from upstream: {backend}", ""),
    "cpStatusAvailable": (_STATION, ""),
    "cpStatusUnavailable": (_STATION, ""),
    "cpStatusFaulted": (_STATION, _ERROR),
    "conStatusAvailable": (_CONNECTOR, ""),
    "conStatusPreparing": (_CONNECTOR, ""),
    "conStatusCharging": (_CONNECTOR, ""),
    "conStatusSuspendedEVSE": (_CONNECTOR, ""),
    "conStatusSuspendedEV": (_CONNECTOR, ""),
    "conStatusFinishing": (_CONNECTOR, ""),
    "conStatusReserved": (_CONNECTOR, ""),
    "conStatusUnavailable": (_CONNECTOR, ""),
    "conStatusFaulted": (_CONNECTOR, _ERROR),
    "conStartTransaction": ("[{name}] Transaction Started", _PLACE),
    "conStopTransaction": ("[{name}] Transaction Stopped", ""),
    "faultReported": (
        "[{name}] Connector #{place} reports {error_code}",
        "Status: {status}\nVendor's code: {vendor_error_code}\n{info}",
    ),
    "faultCleared": ("[{name}] Connector #{place} reports no error any more", ""),
    "unknownStation": ("Unknown station: {station}", "It came from {address} and asked for {target}."),
    "wrongPassword": ("Wrong password: {name}", "It came from {address}: {reason}."),
    "stationSilent": ("Station silent: {name}", "{reason}"),
    "stationRestarting": ("Station boots again and again: {name}", "{boots} times within {seconds:.0f} seconds."),
    "stationSteady": ("Station boots no more: {name}", ""),
    "backendAway": ("Backend away: {backend}", "{stations} stations wait for it: {reason}"),
    "backendBack": ("Backend back: {backend}", "It was away for {seconds:.0f} seconds."),
    "backendFailing": (
        "Backend fails: {backend}",
        "{errors} of the last {calls} calls were answered with an error, or not at all.",
    ),
    "backendSound": ("Backend answers as it should again: {backend}", ""),
    "claimContested": ("Station claimed by several backends: {name}", "By {backends}; held by {holder}."),
    "journalGrowing": (
        "Journal grows: {backend}",
        "{owed} messages wait for it, the oldest for {seconds:.0f} seconds.",
    ),
    "journalShrunk": ("Journal is short again: {backend}", "{owed} messages wait for it."),
    "messageGivenUp": ("[{name}] Message given up: {action} for {backend}", "{reason}"),
    "transactionWithoutEnergy": ("[{name}] Transaction without energy: {transaction}", _PLACE),
    "transactionTooLong": (
        "[{name}] Transaction of unusual length: {transaction}",
        _PLACE + "\nIt runs for {seconds:.0f} seconds by now.",
    ),
    "transactionStoppedUnexpectedly": ("[{name}] Transaction stopped: {reason}", _PLACE),
    "clockWrong": ("Clock wrong: {name}", "By {seconds:.0f} seconds."),
    "clockRight": ("Clock right again: {name}", ""),
    "certificateExpiring": ("Certificate expires: {name}", "On {at}, in {days:.0f} days."),
    "certificateRenewed": ("Certificate renewed: {name}", "It lasts until {at}."),
    "diskFilling": ("Disk nearly full: {path}", "{free_gb:.1f} of {total_gb:.1f} GB are free."),
    "diskFreed": ("Disk has space again: {path}", "{free_gb:.1f} of {total_gb:.1f} GB are free."),
    "databaseAway": ("Database away", "{reason}"),
    "databaseBack": ("Database back", "It was away for {seconds:.0f} seconds."),
    "nodeLost": ("Node lost: {node}", "Nothing was heard of it for {seconds:.0f} seconds."),
    "nodeBack": ("Node back: {node}", ""),
    "commandRefused": ("[{name}] Command refused: {action} of {backend}", "{reason}"),
}
"""The title and the body of each alert, by its name."""
