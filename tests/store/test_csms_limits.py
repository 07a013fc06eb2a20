"""What stations tell of their limits: kept when an operator asks for their settings, and gone by afterwards."""

from __future__ import annotations

from typing import Any

from sqlalchemy import func, select

from tests.csms.job_ports import BEGAN
from tests.store.conftest import Open
from tests.store.test_csms_rounds import write
from voltgate.csms.commands.table import parameters
from voltgate.csms.commands.target import Facts
from voltgate.csms.model import Variable
from voltgate.csms.operators import Known, Operators
from voltgate.ocpp.messages import Reply, Result
from voltgate.store.csms.bounds import Bounds
from voltgate.store.csms.limits import Limits
from voltgate.store.csms.store import CsmsStore
from voltgate.store.csms.tables import variables
from voltgate.store.csms.work import Work


async def asked(limits: Limits, version: str, answer: bytes, settings: list[str]) -> Any:
    """Have an operator ask a station for settings; return what came of it."""

    async def call(station: str, action: str, payload: dict[str, Any], patience: float) -> Reply:
        return Result("1", answer)

    async def look(station: str) -> Known:
        return Known(version, await limits.of(station))

    operators = Operators(call, look, lambda: BEGAN, lambda: 30.0, keep=limits.keep)
    return await operators.tell(
        "a", "configuration-get", parameters("configuration-get", {"settings": settings}), "anna"
    )


async def test_keys_of_1x(opened: Open) -> None:
    """Their values are limits from then on, however the answer came."""
    limits = Limits(Work(await opened()))
    assert await limits.of("a") == Facts()
    answer = (
        b'{"configurationKey":[{"key":"GetConfigurationMaxKeys","readonly":true,"value":"7"},'
        b'{"key":"ChargeProfileMaxStackLevel","readonly":true,"value":"3"},{"key":"X","readonly":false}]}'
    )
    assert (await asked(limits, "ocpp1.6", answer, [])).accepted
    assert await limits.of("a") == Facts(get_items=7, stack_level=3)
    assert await limits.of("b") == Facts()


async def test_variables_of_2x(opened: Open) -> None:
    """Those that were asked for, and those that the station has reported, are the same rows."""
    database = await opened()
    limits = Limits(Work(database))
    answer = (
        b'{"getVariableResult":[{"attributeStatus":"Accepted","attributeValue":"50","component":{"name":'
        b'"DeviceDataCtrlr"},"variable":{"name":"ItemsPerMessage","instance":"SetVariables"}}]}'
    )
    assert (await asked(limits, "ocpp2.0.1", answer, ["DeviceDataCtrlr.ItemsPerMessage[SetVariables]"])).accepted
    assert await limits.of("a") == Facts(set_items=50)
    told = Variable("a", "SmartChargingCtrlr", "ProfileStackLevel", "Actual", "9", "ReadOnly", b"{}", BEGAN)
    await write(CsmsStore(database), told)
    assert await limits.of("a") == Facts(set_items=50, stack_level=9)


async def test_what_cannot_be_kept_is_answered_all_the_same(opened: Open) -> None:
    """The operator has the settings, though the database does not take one of them."""
    limits = Limits(Work(await opened()))
    answer = b'{"configurationKey":[{"key":"%b","readonly":true,"value":"7"}]}' % (b"x" * 2000)
    assert (await asked(limits, "ocpp1.6", answer, [])).accepted
    assert await limits.of("a") == Facts()


async def test_settings_that_are_made_up_are_bounded(opened: Open) -> None:
    """A station of 1.x that has other keys each time that it is asked has no more rows than one that reports them."""
    work = Work(await opened())
    limits = Limits(work, Bounds(lambda: 5))
    for time in range(3):
        keys = b",".join(b'{"key":"K%d-%d","readonly":true}' % (time, number) for number in range(4))
        assert (await asked(limits, "ocpp1.6", b'{"configurationKey":[%b]}' % keys, [])).accepted
    async with work.reach.read() as connection:
        assert (await connection.execute(select(func.count()).select_from(variables))).scalar_one() == 5
