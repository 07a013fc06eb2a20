"""Settings where the texts contradict each other and that no single rule of the table covers."""

from __future__ import annotations

import pytest

from tests.harness import Stage, basic

KEY = "0001020304050607FFFFFFFFFFFFFFFFFFFFFFFF"
"""The worked example of OCPP-J 1.6 section 6.2, with the identity AL1000."""

SPELLINGS = {
    "bytes": "Basic QUwxMDAwOgABAgMEBQYH////////////////",
    "hex": basic("AL1000", KEY),
}


async def _gate(stage: Stage, **protocol: object) -> None:
    await stage.backend("main")
    entries = [
        {"identity": "AL1000", "password": KEY, "route": "main"},
        {"identity": "AL2000", "password": "plain-text-password", "route": "main"},
    ]
    await stage.gateway(stations=entries, protocol=protocol)


async def test_all_spellings_of_a_1_6_password_are_accepted(stage: Stage) -> None:
    """A 1.6 station may send its key decoded, as hex digits of either case, or a password as text."""
    await _gate(stage)
    for spelling in (*SPELLINGS.values(), basic("AL1000", KEY.lower())):
        await stage.station("AL1000", headers={"Authorization": spelling})
    await stage.station("AL2000", headers={"Authorization": basic("AL2000", "plain-text-password")})
    wrong = basic("AL1000", KEY[:-2] + "00")
    assert (await stage.refused("AL1000", headers={"Authorization": wrong})).status_code == 401


@pytest.mark.parametrize("only", ["bytes", "hex"])
async def test_spellings_of_a_1_6_password_are_a_setting(stage: Stage, only: str) -> None:
    """Where one spelling is set, the other is a wrong password."""
    await _gate(stage, basic_passwords=[only])
    for spelling, header in SPELLINGS.items():
        if spelling == only:
            await stage.station("AL1000", headers={"Authorization": header})
        else:
            assert (await stage.refused("AL1000", headers={"Authorization": header})).status_code == 401


async def test_a_2_x_password_is_text(stage: Stage) -> None:
    """A 2.x station sends its password as text; the bytes that its digits would make are a wrong password."""
    await _gate(stage)
    await stage.station("AL1000", "ocpp2.0.1", headers={"Authorization": SPELLINGS["hex"]})
    response = await stage.refused("AL1000", "ocpp2.0.1", headers={"Authorization": SPELLINGS["bytes"]})
    assert response.status_code == 401
