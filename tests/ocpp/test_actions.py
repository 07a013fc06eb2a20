"""The catalogue of actions, held against the schemas that somebody else has made."""

from __future__ import annotations

from importlib.resources import files

import pytest

from voltgate.ocpp.actions import (
    ACTIONS,
    SIGNED,
    TRANSACTION_ACTIONS,
    from_backends,
    from_stations,
    is_transaction,
    plain_action,
)

FOLDERS = {"ocpp1.6": "v16", "ocpp2.0.1": "v201", "ocpp2.1": "v21"}


def of_schemas(folder: str) -> set[str]:
    """Name the actions for which the schemas have a response: only SEND has none."""
    names = (entry.name for entry in files("ocpp").joinpath(folder, "schemas").iterdir())
    return {name.removesuffix("Response.json") for name in names if name.endswith("Response.json")}


@pytest.mark.parametrize("version", FOLDERS)
def test_the_catalogue_is_that_of_the_schemas(version: str) -> None:
    """Every action of a version is in the catalogue, and no other."""
    known = from_stations(version) | from_backends(version)
    sends = {"NotifyPeriodicEventStream"} if version == "ocpp2.1" else set()
    assert known == of_schemas(FOLDERS[version]) | sends


@pytest.mark.parametrize("version", FOLDERS)
def test_only_data_transfer_goes_both_ways(version: str) -> None:
    """But for DataTransfer, an action has one direction."""
    assert from_stations(version) & from_backends(version) == {"DataTransfer"}


@pytest.mark.parametrize("version", FOLDERS)
def test_only_stations_boot(version: str) -> None:
    """The catalogue knows who is the station."""
    assert {"BootNotification", "Heartbeat", "Authorize"} <= from_stations(version)
    assert {"Reset", "UnlockConnector", "ReserveNow"} <= from_backends(version)


def test_early_versions() -> None:
    """Of 1.2 and 1.5 the actions of 1.6 are known, of 2.0 those of 2.0.1."""
    assert from_stations("ocpp1.5") == from_stations("ocpp1.2") == from_stations("ocpp1.6")
    assert from_backends("ocpp1.5") == from_backends("ocpp1.6")
    assert from_stations("ocpp2.0") == from_stations("ocpp2.0.1")
    assert from_backends("ocpp2.0") == from_backends("ocpp2.0.1")


def test_all_actions() -> None:
    """What may become a label is what some version has."""
    versions = ("ocpp1.6", "ocpp2.0.1", "ocpp2.1")
    assert set().union(*map(from_stations, versions), *map(from_backends, versions)) == ACTIONS


def test_plain_action() -> None:
    """The action of a signed message is that of the message in it."""
    assert plain_action("BootNotification" + SIGNED) == plain_action("BootNotification") == "BootNotification"


def test_transaction_messages() -> None:
    """Somebody is paid by four actions, signed or not, and by no other."""
    assert {action for action in ACTIONS if is_transaction(action)} == TRANSACTION_ACTIONS
    assert {action for action in ACTIONS if is_transaction(action + SIGNED)} == TRANSACTION_ACTIONS
    assert not is_transaction("starttransaction")
