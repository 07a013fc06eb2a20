"""SOAP: an address that a stranger has planted does not stay, and an address that has leaked can be made worthless."""

from __future__ import annotations

import asyncio

import pytest

from tests import soap_ends
from tests.claimants import ADMIN, token_of
from tests.harness import Gateway, Stage, until, within
from tests.harness.command import VOLTGATE
from tests.soap_ends import HEARTBEAT_ANSWER, Client, SoapServer, SoapStation, request, response


class Scene:
    """A SOAP backend, a station without a password, and somebody who says to be that station."""

    def __init__(
        self, stage: Stage, gateway: Gateway, old: SoapServer, station: SoapStation, forger: SoapServer
    ) -> None:
        self.stage, self.gateway, self.old, self.station, self.forger = stage, gateway, old, station, forger

    @classmethod
    async def start(cls, stage: Stage, **soap: object) -> Scene:
        """Start everybody."""
        old = await SoapServer.start(stage)
        gateway = await soap_ends.gateway(stage, soap=soap, admin_token=token_of(ADMIN))
        forger = await SoapServer.start(stage, "forger", configured=False)
        return cls(stage, gateway, old, await SoapStation.start(stage), forger)

    async def beat(self, sender: str) -> str:
        """Make a heartbeat that gives an address; returns the one at which the backend may call."""
        asked = await self.station.ask(self.station.request("Heartbeat", sender=sender))
        taken = await self.old.expect("Heartbeat")
        await taken.answer(response("Heartbeat", HEARTBEAT_ANSWER, taken.id))
        assert (await asked.reply()).status == 200
        await asked.drop()
        return taken.seen.header("From")

    async def command(self, callback: str) -> int:
        """Command the station as its backend; returns the status. Whoever is called answers."""
        client = await Client.connect(self.stage, callback, "old")
        path = "/" + callback.removeprefix("http://").partition("/")[2]
        posting = asyncio.ensure_future(client.post(request("ClearCache", service="Cp"), path))
        answering = [asyncio.ensure_future(_accepted(each)) for each in (self.station.server, self.forger)]
        try:
            return (await posting).status
        finally:
            for each in answering:
                each.cancel()
            await asyncio.gather(*answering, return_exceptions=True)
            await client.drop()

    async def commands_reach(self, server: SoapServer, sender: str) -> bool:
        """Whether a command reaches a server, when the station has just given an address."""
        before = len(server.requests)
        status = await self.command(await self.beat(sender))
        return status == 200 and len(server.requests) > before


async def _accepted(server: SoapServer) -> None:
    taken = await server.expect("ClearCache")
    await taken.answer(response("ClearCache", "<status>Accepted</status>", taken.id, service="Cp"))


async def test_an_address_that_nobody_checked_expires(stage: Stage) -> None:
    """A stranger's address is called at first; not said again it is forgotten, and the station's own is called."""
    scene = await Scene.start(stage, from_expires=2)
    assert await scene.commands_reach(scene.forger, scene.forger.url)
    await until(lambda: scene.commands_reach(scene.station.server, scene.station.address), "the own address is called")


@pytest.mark.parametrize("connected", [True, False])
async def test_an_operator_clears_an_address(stage: Stage, connected: bool) -> None:
    """The operator's command has a stranger's address forgotten, of a station that is here and of one that is not."""
    scene = await Scene.start(stage)
    assert await scene.commands_reach(scene.forger, scene.forger.url)
    assert not await scene.commands_reach(scene.station.server, scene.station.address)
    if not connected:
        await scene.gateway.stop()
        await scene.gateway.start()
    await said_by(scene.gateway, "forget", "CP1")
    assert await scene.commands_reach(scene.station.server, scene.station.address)


async def test_the_key_is_renewed(stage: Stage) -> None:
    """After the command backends are told other addresses; the old ones are taken for the stated time, and then not."""
    scene = await Scene.start(stage, old_callbacks=3600)
    old = await scene.beat(scene.station.address)
    assert "3600 s" in await said_by(scene.gateway, "renew")
    new = await scene.beat(scene.station.address)
    assert new != old
    assert [await scene.command(callback) for callback in (old, new)] == [200, 200]
    await scene.gateway.stop()
    await scene.gateway.start()  # the keys outlive the process
    assert await scene.beat(scene.station.address) == new
    assert [await scene.command(callback) for callback in (old, new)] == [200, 200]
    await said_by(scene.gateway, "renew")
    assert await scene.command(old) == 400
    assert await scene.command(new) == 200


async def test_old_addresses_may_end_at_once(stage: Stage) -> None:
    """With `old_callbacks = 0` an address that has leaked is worth nothing when the command has ended."""
    scene = await Scene.start(stage, old_callbacks=0)
    old = await scene.beat(scene.station.address)
    await said_by(scene.gateway, "renew")
    assert await scene.command(old) == 400
    assert await scene.command(await scene.beat(scene.station.address)) == 200


async def said_by(gateway: Gateway, *arguments: str) -> str:
    """Run `voltgate callbacks …` as an operator, and return what it prints."""
    token = gateway.folder / "token"
    token.write_text(token_of(ADMIN))
    token.chmod(0o600)
    more = ("--url", f"http://127.0.0.1:{gateway.http_port}", "--token-file", str(token))
    command = [*VOLTGATE, "callbacks", *arguments, *more]
    process = await asyncio.create_subprocess_exec(*command, stdout=-1, stderr=-2)
    output, _ = await within(process.communicate(), "the command ends", 120)
    assert process.returncode == 0, output
    return output.decode()
