"""Permits on real sockets: what becomes of a backend's commands under a configuration as people write it."""

from __future__ import annotations

from tests.harness import Link, Message, Stage, basic, toml

PASSWORD = {"key": "AuthorizationKey", "value": "7365637265742D6F662D63702D6F6E65"}


async def asks(backend: Link, station: Link, action: str, payload: object) -> Message:
    """Have a backend ask what reaches the station; give the answer that the backend gets."""
    asked = await backend.ask(action, payload)
    call = await station.expect(action, id=asked)
    assert call.payload == payload
    await station.answer(call, {"status": "Accepted"})
    return await backend.expect_result(asked)


async def test_one_backend_and_nothing_checked_here(stage: Stage) -> None:
    """Where one backend lets its stations in by itself it changes their passwords, as without Voltgate."""
    await stage.backend("main")
    await stage.gateway()
    station, link = await stage.meet("CP1")
    assert (await asks(link, station, "ChangeConfiguration", PASSWORD)).payload == {"status": "Accepted"}


async def test_a_password_that_is_checked_here_is_not_the_backends(stage: Stage) -> None:
    """A backend that changed a password which Voltgate checks would lock the station out."""
    await stage.backend("main")
    entry = {"identity": "CP1", "password": "secret-of-cp-one-1", "route": "main"}
    document = stage.configuration(routes={"main": {"admit": "backend"}})
    gateway = await stage.gateway(document)
    station, link = await stage.meet("CP1", headers={"Authorization": basic("CP1", "secret-of-cp-one-1")})
    await asks(link, station, "ChangeConfiguration", PASSWORD)
    gateway.reload(toml(document | {"stations": [entry]}))
    await gateway.logged("configuration changed")
    assert (await link.call("ChangeConfiguration", PASSWORD)).payload == {"status": "Rejected"}
    await stage.quiet(station, link)
