"""Names of settings: the keys of 1.x, the variables of 2.x, and which of them are the same.

In text a variable is `Component[instance]@evse:connector.Variable[instance]`, of which only `Component.Variable` has to
be there: `OCPPCommCtrlr.HeartbeatInterval`, `EVSE@1.AvailabilityState`,
`DeviceDataCtrlr.ItemsPerMessage[GetVariables]`.
"""

from __future__ import annotations

import re
from typing import Annotated, Any, TypeAlias

import msgspec

from voltgate.csms.commands.outcome import Fields, number, text
from voltgate.csms.commands.parameters import Connector, Evse, Name, Parameters, Word, given
from voltgate.csms.commands.target import Unsupported

_SAME = """
AdditionalRootCertificateCheck SecurityCtrlr.AdditionalRootCertificateCheck
AlignedDataSignReadings AlignedDataCtrlr.SignReadings
AlignedDataSignUpdatedReadings AlignedDataCtrlr.SignUpdatedReadings
AllowOfflineTxForUnknownId AuthCtrlr.OfflineTxForUnknownIdEnabled
AuthorizationCacheEnabled AuthCacheCtrlr.Enabled
AuthorizeRemoteTxRequests AuthCtrlr.AuthorizeRemoteStart
CentralContractValidationAllowed ISO15118Ctrlr.CentralContractValidationAllowed
CertSigningRepeatTimes SecurityCtrlr.CertSigningRepeatTimes
CertSigningWaitMinimum SecurityCtrlr.CertSigningWaitMinimum
CertificateSignedMaxChainSize SecurityCtrlr.MaxCertificateChainSize
ChargeProfileMaxStackLevel SmartChargingCtrlr.ProfileStackLevel
ChargingScheduleAllowedChargingRateUnit SmartChargingCtrlr.RateUnit
ChargingScheduleMaxPeriods SmartChargingCtrlr.PeriodsPerSchedule
ClockAlignedDataInterval AlignedDataCtrlr.Interval
ConnectionTimeOut TxCtrlr.EVConnectionTimeOut
ConnectorSwitch3to1PhaseSupported SmartChargingCtrlr.Phases3to1
ContractValidationOffline ISO15118Ctrlr.ContractValidationOffline
CpoName SecurityCtrlr.OrganizationName
CustomDisplayCostAndPrice CustomizationCtrlr.CustomImplementationEnabled[org.openchargealliance.costmsg]
CustomMultiLanguageMessages CustomizationCtrlr.CustomImplementationEnabled[org.openchargealliance.multilanguage]
GetConfigurationMaxKeys DeviceDataCtrlr.ItemsPerMessage[GetVariables]
HeartbeatInterval OCPPCommCtrlr.HeartbeatInterval
ISO15118PnCEnabled ISO15118Ctrlr.PnCEnabled
Language DisplayMessageCtrlr.Language
LocalAuthListEnabled LocalAuthListCtrlr.Enabled
LocalAuthorizeOffline AuthCtrlr.LocalAuthorizeOffline
LocalPreAuthorize AuthCtrlr.LocalPreAuthorize
MaxEnergyOnInvalidId TxCtrlr.MaxEnergyOnInvalidId
MessageTimeout OCPPCommCtrlr.MessageTimeout[Default]
MeterValueSampleInterval SampledDataCtrlr.TxUpdatedInterval
MeterValuesAlignedData AlignedDataCtrlr.Measurands
MeterValuesSampledData SampledDataCtrlr.TxUpdatedMeasurands
MinimumStatusDuration ChargingStation.MinimumStatusDuration
NextTimeOffsetTransitionDateTime ClockCtrlr.NextTimeOffsetTransitionDateTime
NumberOfDecimalsForCostValues TariffCostCtrlr.NumberOfDecimalsForCostValues
PublicKeyWithSignedMeterValue OCPPCommCtrlr.PublicKeyWithSignedMeterValue
ReserveConnectorZeroSupported ReservationCtrlr.NonEvseSpecific
ResetRetries OCPPCommCtrlr.ResetRetries
SampledDataSignReadings SampledDataCtrlr.SignReadings
SampledDataSignStartedReadings SampledDataCtrlr.SignStartedReadings
SampledDataSignUpdatedReadings SampledDataCtrlr.SignUpdatedReadings
SecurityProfile SecurityCtrlr.SecurityProfile
SendLocalListMaxLength LocalAuthListCtrlr.ItemsPerMessage
StartTxnSampledData SampledDataCtrlr.TxStartedMeasurands
StopTransactionOnEVSideDisconnect TxCtrlr.StopTxOnEVSideDisconnect
StopTransactionOnInvalidId TxCtrlr.StopTxOnInvalidId
StopTxnAlignedData AlignedDataCtrlr.TxEndedMeasurands
StopTxnSampledData SampledDataCtrlr.TxEndedMeasurands
SupportedFileTransferProtocols OCPPCommCtrlr.FileTransferProtocols
TimeOffset ClockCtrlr.TimeOffset
TimeOffsetNextTransition ClockCtrlr.TimeOffset[NextTransition]
TransactionMessageAttempts OCPPCommCtrlr.MessageAttempts[TransactionEvent]
TransactionMessageRetryInterval OCPPCommCtrlr.MessageAttemptInterval[TransactionEvent]
UnlockConnectorOnEVSideDisconnect OCPPCommCtrlr.UnlockOnEVSideDisconnect
WebSocketPingInterval OCPPCommCtrlr.WebSocketPingInterval
"""
"""Keys of 1.6 and the variables that mean the same. Those whose values have another form are not here: passwords
(hexadecimal digits in 1.6, text in 2.x), phase rotations, and lengths of lists (items in 1.6, characters in 2.x)."""

_ALSO = {
    "ClockAlignedDataInterval": "AlignedDataCtrlr.TxEndedInterval",
    "MeterValueSampleInterval": "SampledDataCtrlr.TxEndedInterval",
}
"""Second variables of keys that govern two: both are set, the first one is read."""

_LEGACY = "OCPP16LegacyCtrlr"
"""The component of keys that 2.x has no variable for; stations that came from 1.6 use it."""

_LONGEST = 50
"""Characters of a key, and of each part of a variable's name."""

_TEXT = re.compile(
    r"(?P<component>[^.\[\]@]{1,50})(?:\[(?P<component_instance>[^\[\]]{1,50})\])?"
    r"(?:@(?P<evse>[0-9]{1,4})(?::(?P<connector>[0-9]{1,4}))?)?"
    r"\.(?P<variable>[^\[\]]{1,50})(?:\[(?P<variable_instance>[^\[\]]{1,50})\])?"
)


class Variable(Parameters, frozen=True):
    """A variable of the device model of 2.x."""

    component: Name
    variable: Name
    component_instance: Word = ""
    variable_instance: Word = ""
    evse: Evse = 0
    connector: Connector = 0

    @property
    def text(self) -> str:
        """The variable in text, as people write it."""
        place = f"@{self.evse}{f':{self.connector}' if self.connector else ''}" if self.evse else ""
        component = f"{self.component}{_bracketed(self.component_instance)}{place}"
        return f"{component}.{self.variable}{_bracketed(self.variable_instance)}"

    @property
    def fields(self) -> Fields:
        """The variable in messages: `component` and `variable`."""
        evse = given(id=self.evse or None, connectorId=self.connector or None) if self.evse else None
        return {
            "component": given(name=self.component, instance=self.component_instance, evse=evse),
            "variable": given(name=self.variable, instance=self.variable_instance),
        }


Setting: TypeAlias = Annotated[str, msgspec.Meta(min_length=1, max_length=220)] | Variable
"""How a setting is named: a key of 1.x, or a variable in text or in its parts."""


def _bracketed(instance: str) -> str:
    return f"[{instance}]" if instance else ""


def parsed(name: str) -> Variable | None:
    """Return the variable that a text names; None if it names none."""
    found = _TEXT.fullmatch(name)
    if found is None:
        return None
    parts: dict[str, Any] = {key: value for key, value in found.groupdict().items() if value}
    for place in ("evse", "connector"):
        parts[place] = int(parts.get(place, 0))
    return Variable(**parts)


def _table() -> dict[str, Variable]:
    pairs = (line.split() for line in _SAME.split("\n") if line)
    return {key: variable for key, name in pairs if (variable := parsed(name)) is not None}


VARIABLES = _table()
"""For each key of 1.6 the variable of 2.x that means the same."""
KEYS = {variable: key for key, variable in VARIABLES.items()}
"""The other way."""
_SECOND = {key: variable for key, name in _ALSO.items() if (variable := parsed(name)) is not None}


def key_of(setting: Setting) -> str | None:
    """Return the key of 1.x for a setting; None for a variable that has none."""
    if isinstance(setting, str):
        variable = parsed(setting)
        return KEYS.get(variable, setting) if variable else setting
    return setting.variable if setting.component == _LEGACY else KEYS.get(setting)


def variable_of(setting: Setting) -> Variable:
    """Return the variable of 2.x for a setting. Raise Unsupported for a text that can name none."""
    if not isinstance(setting, str):
        return setting
    variable = VARIABLES.get(setting) or parsed(setting)
    if variable is None and len(setting) > _LONGEST:
        raise Unsupported(f"The names of variables have {_LONGEST} characters at most, unlike {setting[:60]!r}")
    return variable or Variable(component=_LEGACY, variable=setting)


def variables_of(setting: Setting) -> list[Variable]:
    """Return all variables that are to be set for a setting."""
    second = _SECOND.get(setting) if isinstance(setting, str) else None
    return [variable_of(setting), *([second] if second else [])]


class Item(Parameters, frozen=True):
    """One setting of a station, the same for every version.

    `name`: as people write it; `key`: the key of 1.6, "" if there is none; `variable`: that of 2.x. `value` is None if
    the station did not tell it, `readonly` if it did not say so. `status`: the station's word about this setting, in
    1.x made up: "Accepted", "UnknownVariable", or "" if it said nothing of it.
    """

    name: str
    key: str = ""
    variable: Variable | None = None
    attribute: str = "Actual"
    value: str | None = None
    readonly: bool | None = None
    status: str = ""
    info: str = ""


def item_of_key(key: str, **others: Any) -> Item:
    """Return the item of a key of 1.x."""
    return Item(name=key, key=key, variable=VARIABLES.get(key), **others)


def item_of_variable(variable: Variable, **others: Any) -> Item:
    """Return the item of a variable of 2.x."""
    key = variable.variable if variable.component == _LEGACY else KEYS.get(variable, "")
    return Item(name=variable.text, key=key, variable=variable, **others)


def variable_from(fields: Fields) -> Variable:
    """Return the variable that a message of a station names; what it leaves out is ""."""
    component, variable = fields.get("component"), fields.get("variable")
    evse = component.get("evse") if isinstance(component, dict) else None
    return Variable(
        component=text(component, "name"),
        variable=text(variable, "name"),
        component_instance=text(component, "instance"),
        variable_instance=text(variable, "instance"),
        evse=number(evse, "id") or 0,
        connector=number(evse, "connectorId") or 0,
    )
