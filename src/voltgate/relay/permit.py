"""Permits: what a backend may ask of a station - passed on, refused, or accepted in its place and kept private.

Source of what concerns the gateway's own leg: OCPP 2.1 Part 4 section 6; 1.6 security whitepaper sections 2 and 3.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal, TypeAlias

from voltgate.ocpp.actions import letters, plain_action, resembles
from voltgate.ocpp.dialect import is_modern
from voltgate.ocpp.globs import compile_glob
from voltgate.ocpp.ids import compact, integer, is_ambiguous, plain_fields, with_fields
from voltgate.ocpp.messages import Call, Error, Reply, Result
from voltgate.ocpp.refusals import acceptance, refusal, set_results
from voltgate.ocpp.secrets import veiled
from voltgate.ocpp.wrapped import version_inside, wrapped


@dataclass(frozen=True, slots=True)
class Pass:
    """The station is asked."""


@dataclass(frozen=True, slots=True)
class Refuse:
    """The backend is told no; `why` is for the audit trail."""

    reply: Reply
    why: str


@dataclass(frozen=True, slots=True)
class Absorb:
    """The backend is told that the station did it; `keys` are what it set, and are kept for it alone."""

    reply: Reply
    keys: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Part:
    """The station is asked for what is allowed; `merge` puts our answers to the rest beside its own."""

    call: Call
    merge: Callable[[Reply], Reply]
    keys: Mapping[str, str]
    why: str


Judgement: TypeAlias = Pass | Refuse | Absorb | Part
_Fate: TypeAlias = Literal["pass", "refuse", "absorb"]

CREDENTIAL_KEYS = (
    "AuthorizationKey",
    "BasicAuthPassword",
    "SecurityProfile",
    "CpoName",
    "AdditionalRootCertificateCheck",
    "CertificateSignedMaxChainSize",
    "CertificateStoreMaxLength",
    "SecurityCtrlr.*",
    "OCPPCommCtrlr.NetworkConfigurationPriority",
    "OCPPCommCtrlr.NetworkProfileConnectionAttempts",
    "OCPPCommCtrlr.ActiveNetworkProfile",
    "NetworkConfiguration.*",
)
"""The keys by which a station proves itself, or finds the gateway."""
_UNDOTTED = tuple(key.replace(".", "") for key in CREDENTIAL_KEYS)
"""The same for a name without punctuation: a dot that somebody writes may be heeded as little as a space."""

_SHOWING = frozenset("GetBaseReport GetConfiguration GetReport GetVariables SetVariableMonitoring".split())
"""What has a station show what it is configured with, secrets too: at once, or in NotifyReport and NotifyEvent."""
_CREDENTIAL_ACTIONS = frozenset({"CertificateSigned", "InstallCertificate", "DeleteCertificate", "SetNetworkProfile"})
_ROOTS = frozenset({"ManufacturerRootCertificate", "MORootCertificate", "V2GRootCertificate"})
_OF_OTHERS: dict[tuple[str, str], frozenset[str]] = {
    ("ocpp1.6", "InstallCertificate"): frozenset({"ManufacturerRootCertificate"}),
    ("ocpp2.0.1", "InstallCertificate"): _ROOTS,
    ("ocpp2.0.1", "CertificateSigned"): frozenset({"V2GCertificate"}),
    ("ocpp2.1", "InstallCertificate"): _ROOTS | {"OEMRootCertificate"},
    ("ocpp2.1", "CertificateSigned"): frozenset({"V2GCertificate", "V2G20Certificate"}),
}
"""Certificates by which a station knows firmware, cars and contracts, or is known to cars: not the gateway's.

By version and action, for a station that does not know a word may do as if there was none.
"""
_SIGNING = ("signchargepointcertificate", "signchargingstationcertificate", "signcombinedcertificate")


@dataclass(frozen=True, slots=True)
class Permit:
    """What one backend may ask.

    `allow`, `refuse` and `not_supported` are patterns of actions: what is allowed and not refused passes. The patterns
    of keys are for ChangeConfiguration ("HeartbeatInterval") and SetVariables ("OCPPCommCtrlr.HeartbeatInterval").
    `stop` says whose transactions it may end, `limit` whether it sets the limits of a connector or of the station,
    `credentials` whether it changes what the station proves itself by and whom it calls.
    """

    name: str
    allow: tuple[str, ...]
    refuse: tuple[str, ...] = ()
    not_supported: tuple[str, ...] = ()
    keys_pass: tuple[str, ...] = ()
    keys_refuse: tuple[str, ...] = ()
    keys_absorb: tuple[str, ...] = ()
    stop: Literal["own", "any"] = "own"
    limit: bool = False
    credentials: bool = False

    def judge(self, version: str, call: Call) -> Judgement:
        """Return what becomes of a backend's call."""
        if self.lets_all_pass:
            return Pass()
        action = plain_action(call.action)
        why = f"permit {self.name}: {action[:100]}"
        if _listed(self.not_supported, action):
            return Refuse(refusal(version, call, "not supported"), f"{why} is not supported")
        if is_doubtful(call):
            return Refuse(refusal(version, call), f"{why} may be understood differently by two readers")
        if action in ("ChangeConfiguration", "SetVariables") and (self.keys_pass or self.keys_absorb):
            return self._judge_keys(version, call, _listed(self.allow, action) and not _listed(self.refuse, action))
        if not _listed(self.allow, action) or _listed(self.refuse, action):
            return Refuse(refusal(version, call), f"{why} is not allowed")
        if "*" not in self.allow and not _triggers_news(call):
            return Refuse(refusal(version, call), f"{why} is for no such message")
        if not self.credentials and _concerns_credentials(version, call):
            return Refuse(refusal(version, call), f"{why} concerns the gateway's own link")
        inside = wrapped(call)
        if inside is not None:
            return self._judge_wrapped(version, call, inside)
        return self._judge_keys(version, call, allowed=True)

    def _judge_wrapped(self, version: str, call: Call, inside: Call) -> Judgement:
        """Judge a command inside a DataTransfer: what would be taken apart, kept private or veiled is refused."""
        is_beyond = inside.action == call.action or (not self.credentials and inside.action in _SHOWING)
        if is_beyond or not isinstance(self.judge(version_inside(version, call), inside), Pass):
            why = f"permit {self.name}: {inside.action} is not allowed inside {call.action[:100]} either"
            return Refuse(refusal(version, call), why)
        return Pass()

    @property
    def lets_all_pass(self) -> bool:
        """Whether it keeps nothing from its backend, so that nothing need be read."""
        kept = (self.refuse, self.not_supported, self.keys_refuse, self.keys_absorb)
        return self.credentials and "*" in self.allow and not any(kept)

    @property
    def _reads_keys(self) -> bool:
        """Whether it depends on the name of a key whether that may be changed."""
        return not self.credentials or bool(self.keys_pass or self.keys_refuse or self.keys_absorb)

    # Configuration keys.

    def _judge_keys(self, version: str, call: Call, allowed: bool) -> Judgement:
        if plain_action(call.action) == "ChangeConfiguration":
            return self._judge_key(version, call, allowed)
        if call.action == "SetVariables":
            return self._judge_variables(version, call, allowed)
        if plain_action(call.action) == "SetVariables":
            return self._judge_signed(version, call, allowed)
        return Pass()

    def _judge_key(self, version: str, call: Call, allowed: bool) -> Judgement:
        fields = plain_fields(call)
        key, value = fields.get("key"), fields.get("value")
        fate = self._fate(key, allowed)
        if fate == "pass":
            return Pass()
        accepted = acceptance(call)
        if fate == "absorb" and accepted is not None:
            return Absorb(accepted, {str(key): str(value)})
        return Refuse(refusal(version, call), f"permit {self.name} does not allow the key {str(key)[:100]}")

    def _judge_variables(self, version: str, call: Call, allowed: bool) -> Judgement:
        items = call.fields.get("setVariableData")
        items = items if isinstance(items, list) else []
        if self._reads_keys and (not items or None in map(_variable, items)):
            return Refuse(refusal(version, call), f"permit {self.name}: SetVariables names no variables")
        fates = [self._fate(_variable(item), allowed) for item in items]
        kept = {
            variable_name(item): str(item.get("attributeValue"))
            for item, fate in zip(items, fates, strict=True)
            if fate == "absorb"
        }
        if all(fate == "pass" for fate in fates):
            return Pass()
        if "pass" in fates:
            return _part(call, items, fates, kept, f"permit {self.name} does not allow all of the variables")
        reply = Result(call.id, compact(_own_results(items, fates)))
        if kept and "refuse" not in fates:
            return Absorb(reply, kept)
        return Refuse(reply, f"permit {self.name} does not allow these variables")

    def _judge_signed(self, version: str, call: Call, allowed: bool) -> Judgement:
        """Judge variables that are signed: they cannot be taken apart, so all of them pass or none."""
        items = plain_fields(call).get("setVariableData")
        names = [_variable(item) for item in items] if isinstance(items, list) else []
        if names and all(self._fate(name, allowed) == "pass" for name in names):
            return Pass()
        return Refuse(refusal(version, call), f"permit {self.name} does not allow all of these signed variables")

    def _fate(self, key: Any, allowed: bool) -> _Fate:
        if not isinstance(key, str) or not key.isprintable():
            return "pass" if allowed and not self._reads_keys else "refuse"
        folded = key.strip().casefold()
        if not self.credentials and _listed_folded(_UNDOTTED, letters(key)):
            return "refuse"
        if _listed_folded(self.keys_absorb, folded):
            return "absorb"
        if _listed_folded(self.keys_refuse, folded):
            return "refuse"
        return "pass" if allowed or _listed_folded(self.keys_pass, folded) else "refuse"


def is_doubtful(call: Call) -> bool:
    """Return whether a station may understand a call, or what is inside a DataTransfer, otherwise than we do."""
    inside = wrapped(call)
    return resembles(call.action) or is_ambiguous(call) or (inside is not None and is_ambiguous(inside))


def variable_name(item: Any) -> str:
    """Return the name of a variable of 2.x as the configuration does: "Component.Variable"."""
    if not isinstance(item, dict):
        return "?"
    component, variable = item.get("component"), item.get("variable")
    names = [part.get("name") if isinstance(part, dict) else None for part in (component, variable)]
    return f"{names[0]}.{names[1]}"


def _variable(item: Any) -> str | None:
    """Return the name of a variable of 2.x without spaces around its parts; None if it is not named."""
    parts = (item.get("component"), item.get("variable")) if isinstance(item, dict) else ()
    names = [name for part in parts if isinstance(part, dict) and isinstance(name := part.get("name"), str)]
    return ".".join(name.strip() for name in names) if len(names) == 2 else None


def _own_results(items: list[Any], fates: list[_Fate]) -> dict[str, Any]:
    """Answer the items that do not reach the station."""
    words = {"absorb": "Accepted", "refuse": "Rejected"}
    ours = [(item, words[fate]) for item, fate in zip(items, fates, strict=True) if fate != "pass"]
    results = [set_results({"setVariableData": [item]}, word)["setVariableResult"] for item, word in ours]
    return {"setVariableResult": [each for result in results for each in result]}


def _part(call: Call, items: list[Any], fates: list[_Fate], kept: Mapping[str, str], why: str) -> Part:
    """Ask the station for the items that pass, and answer the others beside."""
    passing = [item for item, fate in zip(items, fates, strict=True) if fate == "pass"]
    part = call.with_payload(with_fields(call.payload, {("setVariableData",): passing}))

    def merge(reply: Reply) -> Reply:
        theirs = reply.fields.get("setVariableResult") if isinstance(reply, Result) else None
        if not isinstance(theirs, list) or len(theirs) != len(passing):
            return reply
        ours = iter(_own_results(items, fates)["setVariableResult"])
        given = iter(theirs)
        merged = [next(given) if fate == "pass" else next(ours, None) for fate in fates]
        return Result(reply.id, compact({"setVariableResult": [each for each in merged if each]}))

    return Part(part, merge, kept, why)


def _listed(globs: tuple[str, ...], name: str) -> bool:
    return any(glob in ("*", name) or compile_glob(glob).match(name) for glob in globs)


def _listed_folded(globs: tuple[str, ...], folded: str) -> bool:
    return any(compile_glob(glob.casefold()).match(folded) for glob in globs)


_NEWS = frozenset(
    """
    DiagnosticsStatusNotification FirmwareStatusNotification Heartbeat LogStatusNotification MeterValues
    PublishFirmwareStatusNotification StatusNotification TransactionEvent
    """.split()
)
"""What a station may be asked to say again by those who may read: no boot (some then reboot), no certificates."""


def _word(value: Any) -> str:
    """Return a value that is a text; "" for whatever else JSON can hold in its place."""
    return value if isinstance(value, str) else ""


def _triggers_news(call: Call) -> bool:
    """Return whether a trigger only asks for news; anything that is no trigger does no harm here."""
    triggers = plain_action(call.action) in ("TriggerMessage", "ExtendedTriggerMessage")
    return not triggers or _word(plain_fields(call).get("requestedMessage")) in _NEWS


def _concerns_credentials(version: str, call: Call) -> bool:
    """Return whether a call changes what the station proves itself by, or whom it calls."""
    action, fields = plain_action(call.action), plain_fields(call)
    if action in ("TriggerMessage", "ExtendedTriggerMessage"):
        word = "".join(filter(str.isalnum, _word(fields.get("requestedMessage")))).casefold()
        return not word or word in _SIGNING
    of_others = _OF_OTHERS.get((version, action), frozenset())
    return action in _CREDENTIAL_ACTIONS and _word(fields.get("certificateType")) not in of_others


# The presets.

_READING = tuple(
    """
    GetBaseReport GetChargingProfiles GetCompositeSchedule GetConfiguration GetDERControl GetDisplayMessages
    GetInstalledCertificateIds GetLocalListVersion GetMonitoringReport GetPeriodicEventStream GetReport GetTariffs
    GetTransactionStatus GetVariables TriggerMessage
    """.split()
)

_CHARGING = tuple(
    """
    CancelReservation ClearChargingProfile CostUpdated RemoteStartTransaction RemoteStopTransaction
    RequestStartTransaction RequestStopTransaction ReserveNow SetChargingProfile UnlockConnector
    """.split()
)

OBSERVE = Permit("observe", _READING)
"""Reading only."""
CHARGE = Permit("charge", (*_READING, *_CHARGING))
"""Reading, and starting and stopping its own sessions."""
FULL = Permit("full", ("*",), stop="any", limit=True)
"""Everything but what concerns the gateway's own link."""
EVERYTHING = replace(FULL, credentials=True)
"""That as well: for a backend that a station has to itself, and proves itself to alone."""
PRESETS = {permit.name: permit for permit in (OBSERVE, CHARGE, FULL)}


# What a backend is shown: no secrets, and its private values.


def veil(call: Call, reply: Reply) -> Reply:
    """Return the answer to a call without the values of secrets that the station shows in it."""
    if not isinstance(reply, Result) or plain_action(call.action) not in ("GetConfiguration", "GetVariables"):
        return reply
    try:
        payload = veiled(reply.payload)
    except ValueError:
        return Error(reply.id, "InternalError", "The station's answer cannot be read, and may hold what is secret")
    return reply if payload is None else reply.with_payload(payload)


def overlay(call: Call, reply: Reply, private: Mapping[str, str]) -> Reply:
    """Show a backend the values that it set and that were kept private, in the answer that reads them."""
    if not isinstance(reply, Result):
        return reply
    private = {key.casefold(): value for key, value in private.items()}
    if call.action == "GetConfiguration":
        return _overlaid(reply, "configurationKey", "value", lambda item: private.get(str(item.get("key")).casefold()))
    if call.action == "GetVariables":
        return _overlaid(
            reply, "getVariableResult", "attributeValue", lambda item: private.get(variable_name(item).casefold())
        )
    return reply


def _overlaid(reply: Result, name: str, value: str, find: Callable[[dict[str, Any]], str | None]) -> Result:
    items = reply.fields.get(name)
    items = items if isinstance(items, list) else []
    changed = False
    for item in items:
        own = find(item) if isinstance(item, dict) else None
        if own is not None:
            item[value], changed = own, True
    return Result(reply.id, with_fields(reply.payload, {(name,): items})) if changed else reply


# Charging limits.


@dataclass(frozen=True, slots=True)
class Limit:
    """A charging limit that a call sets or clears: for a transaction, a connector or the whole station."""

    purpose: str
    connector: int | None
    transaction: str | int | None


def concerns_limit(version: str, call: Call) -> Limit | None:
    """Tell which charging limit a call sets or clears; None if it concerns none."""
    action, fields = plain_action(call.action), plain_fields(call)
    if action == "ClearChargingProfile":
        number = fields.get("chargingProfileId" if is_modern(version) else "id")
        criteria = fields.get("chargingProfileCriteria")
        if number is not None:
            return None if integer(number) is not None else Limit("", None, None)
        if is_modern(version):
            return Limit("", integer(criteria.get("evseId")) if isinstance(criteria, dict) else None, None)
        return Limit("", integer(fields.get("connectorId")), None)
    if action != "SetChargingProfile":
        return None
    profile = fields.get("csChargingProfiles", fields.get("chargingProfile"))
    profile = profile if isinstance(profile, dict) else {}
    purpose, transaction = _word(profile.get("chargingProfilePurpose")) or "?", profile.get("transactionId")
    of_one = purpose == "TxProfile" and isinstance(transaction, str | int) and not isinstance(transaction, bool)
    connector = integer(fields.get("evseId" if is_modern(version) else "connectorId"))
    return Limit(purpose, connector, transaction if of_one else None)


def profile_fault(call: Call) -> str | None:
    """Return what is wrong with the charging profile of a command; None if nothing is.

    Inside a remote start it must be a TxProfile without a transaction, which does not exist yet (1.6 section 5.11; 2.x
    Part 2 F01). Two profiles under the names of two versions are one too many.
    """
    action, fields = plain_action(call.action), plain_fields(call)
    if action == "SetChargingProfile" and {"chargingProfile", "csChargingProfiles"} <= fields.keys():
        return "it holds two charging profiles"
    profile = fields.get("chargingProfile")
    if action not in ("RemoteStartTransaction", "RequestStartTransaction") or profile is None:
        return None
    if not isinstance(profile, dict) or profile.get("chargingProfilePurpose") != "TxProfile":
        return "the charging profile of a remote start must be a TxProfile"
    if "transactionId" in profile:
        return "the charging profile of a remote start must not name a transaction"
    return None
