"""Commands to the station itself: reset, unlock, availability, trigger, cache."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from voltgate.csms.commands.asking import FirstKnown, Plan, Step
from voltgate.csms.commands.outcome import Follow, by_status, following
from voltgate.csms.commands.parameters import Connector, Evse, Parameters, Word, given
from voltgate.csms.commands.target import Target, Unsupported, old_connector, place


class Reset(Parameters, frozen=True):
    """Restart the station or one EVSE.

    `soft` and `hard` end running transactions; `immediate` is the word of 2.x for both. `on-idle` waits until nobody
    charges, and `resume` goes on with the transactions afterwards.
    """

    kind: Literal["soft", "hard", "immediate", "on-idle", "resume"] = "soft"
    evse: Evse = 0


_OLD_RESETS = {"soft": "Soft", "hard": "Hard", "immediate": "Hard"}
_RESETS = {"on-idle": "OnIdle", "resume": "ImmediateAndResume"}


def reset(target: Target, wanted: Reset) -> Plan:
    """Plan a Reset. A soft reset of 1.x ends transactions: it is Immediate in 2.x (1.6 section 5.14, B12.FR.04)."""
    booted = following("BootNotification")
    if target.modern:
        if wanted.kind == "resume" and not target.since("ocpp2.1"):
            raise target.lacks("reset that resumes transactions", "on-idle")
        kind = _RESETS.get(wanted.kind, "Immediate")
        return Step("Reset", given(type=kind, evseId=wanted.evse or None), booted)
    if wanted.evse:
        raise target.lacks("reset of one connector", "the whole station, or availability of the connector")
    if wanted.kind not in _OLD_RESETS:
        raise target.lacks(f"reset {wanted.kind}", "soft, which ends running transactions in good order")
    return Step("Reset", {"type": _OLD_RESETS[wanted.kind]}, booted)


class Unlock(Parameters, frozen=True):
    """Unlock the cable at an EVSE."""

    evse: Annotated[int, msgspec.Meta(ge=1, le=9999)]
    connector: Annotated[int, msgspec.Meta(ge=1, le=9999)] = 1


def unlock(target: Target, wanted: Unlock) -> Plan:
    """Plan an UnlockConnector. In 1.x it ends a running transaction (section 5.18), in 2.x it is refused then."""
    if target.modern:
        return Step("UnlockConnector", {"evseId": wanted.evse, "connectorId": wanted.connector})
    return Step("UnlockConnector", {"connectorId": old_connector(target, wanted.evse, wanted.connector)})


class Availability(Parameters, frozen=True):
    """Take the station, an EVSE or a connector in or out of service."""

    operative: bool
    evse: Evse = 0
    connector: Connector = 0


def availability(target: Target, wanted: Availability) -> Plan:
    """Plan a ChangeAvailability. Scheduled is a Yes: it happens when the transaction ends."""
    status = "Operative" if wanted.operative else "Inoperative"
    changed = following("StatusNotification")
    if target.modern:
        evse = place(wanted.evse, wanted.connector)
        return Step("ChangeAvailability", given(operationalStatus=status, evse=evse), changed)
    connector = old_connector(target, wanted.evse, wanted.connector)
    return Step("ChangeAvailability", {"connectorId": connector, "type": status}, changed)


class ClearCache(Parameters, frozen=True):
    """Forget the tokens in the station's authorization cache."""


def clear_cache(target: Target, wanted: ClearCache) -> Plan:
    """Plan a ClearCache."""
    return Step("ClearCache", {})


class Trigger(Parameters, frozen=True):
    """Let the station send a message now.

    The words are those of 2.1, and the two of 1.6 that have another name there. `CustomTrigger` takes the station's
    own word as `custom`.
    """

    message: Literal[
        "BootNotification",
        "CustomTrigger",
        "DiagnosticsStatusNotification",
        "FirmwareStatusNotification",
        "Heartbeat",
        "LogStatusNotification",
        "MeterValues",
        "PublishFirmwareStatusNotification",
        "SignChargePointCertificate",
        "SignChargingStationCertificate",
        "SignCombinedCertificate",
        "SignV2G20Certificate",
        "SignV2GCertificate",
        "StatusNotification",
        "TransactionEvent",
    ]
    evse: Evse = 0
    connector: Connector = 0
    custom: Word = ""


_TO_2X = {
    "DiagnosticsStatusNotification": "LogStatusNotification",
    "SignChargePointCertificate": "SignChargingStationCertificate",
}
_TO_16 = {"LogStatusNotification": "DiagnosticsStatusNotification", "TransactionEvent": "MeterValues"}
_TO_EXTENDED = {
    "DiagnosticsStatusNotification": "LogStatusNotification",
    "SignChargingStationCertificate": "SignChargePointCertificate",
    "TransactionEvent": "MeterValues",
}
_OF_16 = frozenset(
    """
    BootNotification DiagnosticsStatusNotification FirmwareStatusNotification Heartbeat MeterValues StatusNotification
    """.split()
)
_EXTENDED = frozenset(
    """
    BootNotification FirmwareStatusNotification Heartbeat LogStatusNotification MeterValues SignChargePointCertificate
    StatusNotification
    """.split()
)
_ONLY_21 = frozenset({"CustomTrigger", "SignV2G20Certificate"})
_SENT_FOR = {
    "SignChargePointCertificate": "SignCertificate",
    "SignChargingStationCertificate": "SignCertificate",
    "SignCombinedCertificate": "SignCertificate",
    "SignV2G20Certificate": "SignCertificate",
    "SignV2GCertificate": "SignCertificate",
}


def trigger(target: Target, wanted: Trigger) -> Plan:
    """Plan a TriggerMessage; a 1.6 station that does not know it, or the word, is asked by ExtendedTriggerMessage."""
    if bool(wanted.custom) is not (wanted.message == "CustomTrigger"):
        raise Unsupported("CustomTrigger takes the station's own word as custom, and no other message does")
    if target.modern:
        return _trigger_2x(target, wanted)
    connector = old_connector(target, wanted.evse, wanted.connector) or None
    steps = []
    word = _TO_16.get(wanted.message, wanted.message)
    if word in _OF_16:
        steps.append(_triggering("TriggerMessage", word, connectorId=connector))
    word = _TO_EXTENDED.get(wanted.message, wanted.message)
    if word in _EXTENDED and target.extended:
        steps.append(_triggering("ExtendedTriggerMessage", word, connectorId=connector))
    if not steps:
        raise target.lacks(f"trigger of {wanted.message}")
    return FirstKnown(tuple(steps))


def _trigger_2x(target: Target, wanted: Trigger) -> Step:
    word = _TO_2X.get(wanted.message, wanted.message)
    if word in _ONLY_21 and not target.since("ocpp2.1"):
        raise target.lacks(f"trigger of {word}")
    evse = place(wanted.evse, wanted.connector)
    return _triggering("TriggerMessage", word, evse=evse, customTrigger=wanted.custom)


def _triggering(action: str, word: str, **others: object) -> Step:
    sent = () if word == "CustomTrigger" else (_SENT_FOR.get(word, word),)
    follow = Follow(sent) if sent else None
    return Step(action, given(requestedMessage=word, **others), lambda fields: by_status(fields, follow=follow))
