"""Commands about settings: one view of the keys of 1.x and the variables of 2.x."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Annotated, Generic, Literal, TypeAlias, TypeVar

import msgspec

from voltgate.csms.commands.asking import Ask, Plan, Step
from voltgate.csms.commands.names import (
    Item,
    Setting,
    Variable,
    item_of_key,
    item_of_variable,
    key_of,
    variable_from,
    variable_of,
    variables_of,
)
from voltgate.csms.commands.outcome import Fields, Outcome, by_status, following, objects, status_info, text
from voltgate.csms.commands.parameters import Parameters, given
from voltgate.csms.commands.target import Facts, Target

MOST = 1000
"""Settings of one command."""
_FEW = 10
"""Settings that every station is trusted to take in one message; for more it is asked how many it takes."""

Attribute: TypeAlias = Literal["Actual", "Target", "MinSet", "MaxSet"]
T = TypeVar("T")


class GetConfiguration(Parameters, frozen=True):
    """Read settings, by keys or variables; with none given all of them, which 2.x stations report afterwards."""

    settings: Annotated[tuple[Setting, ...], msgspec.Meta(max_length=MOST)] = ()
    attribute: Attribute = "Actual"
    id: Annotated[int, msgspec.Meta(ge=0, le=2147483647)] = 0


def get_configuration(target: Target, wanted: GetConfiguration) -> Plan:
    """Plan GetConfiguration or GetVariables, in as many messages as the station needs."""
    if target.modern:
        if not wanted.settings:
            request = wanted.id or target.number
            payload = {"requestId": request, "reportBase": "ConfigurationInventory"}
            return Step("GetBaseReport", payload, following("NotifyReport", request=request))
        variables = [variable_of(each) for each in wanted.settings]
        return _Parts(target, "get", variables, partial(_getting_2x, wanted.attribute))
    _must_be_actual(target, wanted.attribute)
    if not wanted.settings:
        return _getting_1x(())
    return _Parts(target, "get", _keys(target, wanted.settings), _getting_1x)


class Value(Parameters, frozen=True):
    """A setting and its new value."""

    setting: Setting
    value: Annotated[str, msgspec.Meta(max_length=2500)]


class SetConfiguration(Parameters, frozen=True):
    """Change settings. RebootRequired is a Yes: the station must be reset before it holds."""

    values: Annotated[tuple[Value, ...], msgspec.Meta(min_length=1, max_length=MOST)]
    attribute: Attribute = "Actual"


def set_configuration(target: Target, wanted: SetConfiguration) -> Plan:
    """Plan ChangeConfiguration, one for each key, or SetVariables. Each setting has its own status in the result."""
    for each in wanted.values:
        target.must_fit(each.value, 500, 1000, 2500, f"the value of {_name(each.setting)}")
    if target.modern:
        pairs = [(variable, each.value) for each in wanted.values for variable in variables_of(each.setting)]
        return _Parts(target, "set", pairs, partial(_setting_2x, wanted.attribute))
    _must_be_actual(target, wanted.attribute)
    keys = _keys(target, [each.setting for each in wanted.values])
    changes = list(zip(keys, (each.value for each in wanted.values), strict=True))
    return _Parts(target, "change", changes, _changing)


@dataclass(frozen=True, slots=True)
class _Parts(Generic[T]):
    """A plan of as many messages as its items need. `kind` says which limit of the station holds."""

    target: Target
    kind: Literal["get", "set", "change"]
    items: Sequence[T]
    step: Callable[[Sequence[T]], Step]

    async def __call__(self, ask: Ask) -> Outcome:
        """Send them in order, up to the first that the station answers with an error or not at all."""
        size = 1 if self.kind == "change" else await self._most(ask)
        outcomes: list[Outcome] = []
        for part in _batched(self.items, size):
            outcomes.append(await self.step(part)(ask))
            if "items" not in outcomes[-1].result:
                break
        return _joined(outcomes, len(self.items))

    async def _most(self, ask: Ask) -> int:
        if len(self.items) <= _FEW:
            return _FEW
        facts = self.target.facts
        known = facts.get_items if self.kind == "get" else facts.set_items
        if known is not None:
            return known
        setting = _GET_ITEMS if self.kind == "get" else _SET_ITEMS
        return (await read_numbers(ask, self.target, setting))[0] or _FEW


_GET_ITEMS = "GetConfigurationMaxKeys"
_SET_ITEMS = "DeviceDataCtrlr.ItemsPerMessage[SetVariables]"


async def read_numbers(ask: Ask, target: Target, *settings: str) -> list[int | None]:
    """Return the values of a few settings that are whole numbers above 0; None for what the station does not tell."""
    step = (
        _getting_2x("Actual", [variable_of(each) for each in settings])
        if target.modern
        else _getting_1x([key_of(each) or each for each in settings])
    )
    outcome = await step(ask)
    values = {each["name"]: each["value"] for each in outcome.result.get("items", ())}
    names = [variable_of(each).text if target.modern else key_of(each) or each for each in settings]
    return [_above_0(values.get(each)) for each in names]


def _above_0(value: str | None) -> int | None:
    digits = (value or "").strip()
    return int(digits) or None if digits.isascii() and digits.isdigit() and len(digits) < 10 else None


def facts_of(items: Sequence[Item]) -> Facts:
    """Return what the settings of a station say of its limits."""
    values = {each.key or each.name: each.value for each in items if each.attribute == "Actual"}
    level = values.get("ChargeProfileMaxStackLevel")
    units = values.get("ChargingScheduleAllowedChargingRateUnit") or ""
    words = {"current": "A", "a": "A", "power": "W", "w": "W"}
    return Facts(
        get_items=_above_0(values.get(_GET_ITEMS)),
        set_items=_above_0(values.get(_SET_ITEMS)),
        list_items=_above_0(values.get("SendLocalListMaxLength")),
        stack_level=0 if level == "0" else _above_0(level),
        rate_units=frozenset(words[each] for word in units.split(",") if (each := word.strip().lower()) in words),
    )


def _must_be_actual(target: Target, attribute: Attribute) -> None:
    if attribute != "Actual":
        raise target.lacks(f"attribute {attribute}", "Actual")


def _keys(target: Target, settings: Sequence[Setting]) -> list[str]:
    keys = []
    for setting in settings:
        key = key_of(setting)
        if key is None:
            raise target.lacks(f"key for {_name(setting)}", "the maker's own key, if there is one")
        keys.append(target.must_fit(key, 50, 50, 50, f"the key {key[:60]}"))
    return keys


def _name(setting: Setting) -> str:
    return setting if isinstance(setting, str) else setting.text


def _batched(items: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    return (items[start : start + size] for start in range(0, len(items), size))


def _getting_1x(keys: Sequence[str]) -> Step:
    return Step("GetConfiguration", given(key=list(keys)), lambda fields: _got_1x(keys, fields))


def _got_1x(keys: Sequence[str], fields: Fields) -> Outcome:
    items = []
    for found in objects(fields, "configurationKey"):
        value, readonly = found.get("value"), found.get("readonly")
        items.append(
            item_of_key(
                text(found, "key"),
                value=value if isinstance(value, str) else None,
                readonly=readonly if isinstance(readonly, bool) else None,
                status="Accepted",
            )
        )
    unknown = fields.get("unknownKey")
    told = [each for each in unknown if isinstance(each, str)] if isinstance(unknown, list) else []
    items += [item_of_key(each, status="UnknownVariable") for each in told]
    heard = {each.key.casefold() for each in items}
    items += [item_of_key(each, info="The station said nothing of it") for each in keys if each.casefold() not in heard]
    return _of_items(msgspec.to_builtins(items))


def _getting_2x(attribute: Attribute, variables: Sequence[Variable]) -> Step:
    kind = {} if attribute == "Actual" else {"attributeType": attribute}
    data = [{**each.fields, **kind} for each in variables]
    return Step("GetVariables", {"getVariableData": data}, partial(_told_2x, "getVariableResult"))


def _setting_2x(attribute: Attribute, pairs: Sequence[tuple[Variable, str]]) -> Step:
    kind = {} if attribute == "Actual" else {"attributeType": attribute}
    data = [{**variable.fields, "attributeValue": value, **kind} for variable, value in pairs]
    return Step("SetVariables", {"setVariableData": data}, partial(_told_2x, "setVariableResult"))


def _told_2x(name: str, fields: Fields) -> Outcome:
    items = []
    for found in objects(fields, name):
        value = found.get("attributeValue")
        items.append(
            item_of_variable(
                variable_from(found),
                attribute=text(found, "attributeType") or "Actual",
                value=value if isinstance(value, str) else None,
                status=text(found, "attributeStatus"),
                info=status_info(found, "attributeStatusInfo"),
            )
        )
    return _of_items(msgspec.to_builtins(items))


def _changing(pairs: Sequence[tuple[str, str]]) -> Step:
    key, value = pairs[0]

    def changed(fields: Fields) -> Outcome:
        said = by_status(fields)
        return _of_items([msgspec.to_builtins(item_of_key(key, status=said.status, info=said.info))])

    return Step("ChangeConfiguration", {"key": key, "value": value}, changed)


def _of_items(items: list[Fields]) -> Outcome:
    """Return the outcome of what the station said of each setting: a Yes only if it is one to all."""
    no = [each for each in items if each["status"] not in {"Accepted", "RebootRequired"}]
    status = (
        no[0]["status"] if no else next((each["status"] for each in items if each["status"] != "Accepted"), "Accepted")
    )
    info = f"Not {_listed([each['name'] for each in no])}" if no else ""
    return Outcome(not no, status, info, {"items": items})


def _listed(names: Sequence[str]) -> str:
    most = 3
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")


def _joined(outcomes: list[Outcome], wanted: int) -> Outcome:
    """Return one outcome for the parts. If the last one has no items, the station did not answer it as it should."""
    items = [item for outcome in outcomes for item in outcome.result.get("items", ())]
    last = outcomes[-1]
    if "items" not in last.result:
        info = f"{last.info} ({len(items)} of {wanted} settings were answered before)" if items else last.info
        return replace(last, info=info, result={"items": items}, sent=last.sent or bool(items))
    return _of_items(items)
