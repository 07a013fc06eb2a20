"""Commands about firmware and logs: files that a station fetches or uploads."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from voltgate.csms.commands.asking import FirstKnown, Plan, Step
from voltgate.csms.commands.outcome import Fields, Follow, Outcome, by_status, following, taken, text
from voltgate.csms.commands.parameters import Address, Id, Parameters, Retries, Seconds, Time, given
from voltgate.csms.commands.target import Target, Unsupported, stamp

Checksum = Annotated[str, msgspec.Meta(pattern="^[0-9A-Fa-f]{32}$", description="MD5, in hexadecimal digits.")]


class Firmware(Parameters, frozen=True):
    """Fetch firmware from an address and install it.

    `retrieve` is when to fetch, now if it is left out; `install` when to install (not in 1.2 and 1.5, and in 1.6 with
    a signature only). `certificate` and `signature` belong together.
    """

    location: Address
    retrieve: Time | None = None
    install: Time | None = None
    certificate: Annotated[str, msgspec.Meta(max_length=5500)] = ""
    signature: Annotated[str, msgspec.Meta(max_length=800)] = ""
    retries: Retries | None = None
    retry_seconds: Seconds | None = None
    id: Id = 0


def firmware(target: Target, wanted: Firmware) -> Plan:
    """Plan an UpdateFirmware, or SignedUpdateFirmware where 1.6 is given a signature; a signature is never left out."""
    if bool(wanted.certificate) is not bool(wanted.signature):
        raise Unsupported("The signature of firmware and the certificate that it was made with belong together")
    retrieve = stamp(wanted.retrieve or target.now)
    repeats = given(retries=wanted.retries, retryInterval=wanted.retry_seconds)
    signed = bool(wanted.signature)
    if not target.modern and not signed:
        if wanted.install is not None:
            raise target.lacks("time for installing unsigned firmware", "retrieve, when it is fetched")
        payload = {"location": wanted.location, "retrieveDate": retrieve, **repeats}
        return Step("UpdateFirmware", payload, taken(Follow(("FirmwareStatusNotification",))))
    if not target.modern and not target.extended:
        raise target.lacks("signed firmware", "firmware without signature")
    request = wanted.id or target.number
    body = given(
        location=target.must_fit(wanted.location, 512, 512, 2000, "a location"),
        retrieveDateTime=retrieve,
        installDateTime=None if wanted.install is None else stamp(wanted.install),
        signingCertificate=wanted.certificate,
        signature=wanted.signature,
    )
    action = "UpdateFirmware" if target.modern else "SignedUpdateFirmware"
    follow = "FirmwareStatusNotification" if target.modern else "SignedFirmwareStatusNotification"
    return Step(action, {"requestId": request, "firmware": body, **repeats}, following(follow, request=request))


class PublishFirmware(Parameters, frozen=True):
    """Let a local controller fetch firmware and publish it to the stations behind it."""

    location: Address
    checksum: Checksum
    retries: Retries | None = None
    retry_seconds: Seconds | None = None
    id: Id = 0


def publish_firmware(target: Target, wanted: PublishFirmware) -> Plan:
    """Plan a PublishFirmware."""
    request = wanted.id or target.number
    payload = given(
        location=target.must_fit(wanted.location, 512, 512, 2000, "a location"),
        checksum=wanted.checksum,
        requestId=request,
        retries=wanted.retries,
        retryInterval=wanted.retry_seconds,
    )
    return Step("PublishFirmware", payload, following("PublishFirmwareStatusNotification", request=request))


class UnpublishFirmware(Parameters, frozen=True):
    """Let a local controller publish a firmware no longer."""

    checksum: Checksum


def unpublish_firmware(target: Target, wanted: UnpublishFirmware) -> Plan:
    """Plan an UnpublishFirmware."""
    return Step("UnpublishFirmware", {"checksum": wanted.checksum})


class Logs(Parameters, frozen=True):
    """Let the station upload its diagnostics or logs, of a stretch of time if that is given.

    Without `location` the management system takes the file itself.
    """

    location: Address | None = None
    kind: Literal["diagnostics", "security", "data-collector"] = "diagnostics"
    since: Time | None = None
    until: Time | None = None
    retries: Retries | None = None
    retry_seconds: Seconds | None = None
    id: Id = 0


_LOGS = {"diagnostics": "DiagnosticsLog", "security": "SecurityLog", "data-collector": "DataCollectorLog"}


def logs(target: Target, wanted: Logs) -> Plan:
    """Plan a GetLog, or GetDiagnostics in 1.x; a 1.6 station that does not know that is asked by GetLog."""
    if wanted.location is None:
        raise Unsupported("The management system takes no uploads, as csms.uploads is empty: name a location")
    if wanted.kind == "data-collector" and not target.since("ocpp2.1"):
        raise target.lacks("log of a data collector", "diagnostics")
    since = None if wanted.since is None else stamp(wanted.since)
    until = None if wanted.until is None else stamp(wanted.until)
    repeats = given(retries=wanted.retries, retryInterval=wanted.retry_seconds)
    steps = []
    if not target.modern and wanted.kind == "diagnostics":
        steps.append(
            Step("GetDiagnostics", given(location=wanted.location, startTime=since, stopTime=until) | repeats, _old)
        )
    if target.modern or target.extended:
        location = target.must_fit(wanted.location, 512, 512, 2000, "a location")
        request = wanted.id or target.number
        stretch = given(remoteLocation=location, oldestTimestamp=since, latestTimestamp=until)
        payload = {"logType": _LOGS[wanted.kind], "requestId": request, "log": stretch, **repeats}
        steps.append(Step("GetLog", payload, lambda fields: _logged(fields, request)))
    if not steps:
        raise target.lacks(f"{wanted.kind} log", "diagnostics")
    return FirstKnown(tuple(steps))


def _old(fields: Fields) -> Outcome:
    """Read the answer of 1.x: without a file name there is nothing to upload (1.6 section 6.26)."""
    name = text(fields, "fileName")
    if not name:
        return Outcome(False, info="The station has nothing to upload")
    return Outcome(True, result={"file": name}, follow=Follow(("DiagnosticsStatusNotification",)))


def _logged(fields: Fields, request: int) -> Outcome:
    result = given(file=text(fields, "filename"))
    return by_status(fields, result, Follow(("LogStatusNotification",), request))
