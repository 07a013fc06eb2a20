"""A session that refuses the calls of a station before it is accepted, and one with a handler around it."""

from __future__ import annotations

import pytest

from tests.relay.calls import BEAT, BOOT, START, boots
from tests.relay.stage import playing
from voltgate.ocpp.messages import Call, Handler, Respond, Result
from voltgate.relay.context import Context


@pytest.mark.parametrize("status", ["Pending", "Rejected"])
def test_registration_by_the_gateway(status: str) -> None:
    """A station that was not accepted is refused by us until it is; its transactions are not."""
    stage = playing("a", registration="gateway")
    boots(stage, status)
    stage.station.sends(*BEAT)
    stage.station.gets([4, "1", "SecurityError", "The BootNotification is not accepted yet", {}])
    stage["a"].gets()
    stage.station.sends(*START)
    stage["a"].gets([*START])
    boots(stage)
    stage.station.sends(*BEAT)
    stage["a"].gets([*BEAT])


def test_registration_is_not_changed_by_an_error() -> None:
    """A boot that ends in an error, or in no status at all, accepts nobody."""
    stage = playing("a", registration="gateway")
    boots(stage, "Rejected")
    for answer in ((4, "b", "InternalError", "", {}), (3, "b", {"status": 17}), (3, "b", {})):
        stage.station.sends(*BOOT)
        stage["a"].sends(*answer)
        stage["a"].line.take()
        stage.station.take()
        stage.station.sends(*BEAT)
        stage["a"].gets()


def test_a_station_that_does_not_boot() -> None:
    """A station that comes back need not boot (LV-07)."""
    stage = playing("a", registration="gateway")
    stage.station.sends(*BEAT)
    stage["a"].gets([*BEAT])


def test_registration_is_the_backends_by_default() -> None:
    """By default what a rejected station may do is its backend's to say."""
    stage = playing("a")
    boots(stage, "Rejected")
    stage.station.sends(*BEAT)
    stage["a"].gets([*BEAT])


def test_a_wrap_before_the_session() -> None:
    """What stands on the arrow from the station may answer before the session does."""

    def screen(context: Context, handler: Handler) -> Handler:
        def screened(call: Call, respond: Respond) -> None:
            if call.action == "Authorize":
                respond(Result(call.id, b'{"screened":true}'))
            else:
                handler(call, respond)

        return screened

    stage = playing("a", from_station=(screen,))
    stage.station.sends(2, "1", "Authorize", {})
    stage.station.sends(*BEAT)
    stage.station.gets([3, "1", {"screened": True}])
    stage["a"].gets([*BEAT])
