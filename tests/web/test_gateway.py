"""A whole gateway and its API: nothing is open by default, and whoever runs it gets in."""

from __future__ import annotations

import stat
from pathlib import Path

import aiohttp
import pytest

from tests.harness import Gateway, Stage, toml, until
from tests.web.client import asking
from voltgate.web.bearer import digest_of, fresh, written


async def who(gateway: Gateway, token: str | None) -> tuple[int, str | None]:
    """Ask a gateway who one is; give the status, and the name."""
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    url = f"http://127.0.0.1:{gateway.http_port}/api/v1/me"
    async with aiohttp.ClientSession() as http, http.get(url, headers=headers) as answer:
        return answer.status, (await answer.json(content_type=None)).get("name")


def first(gateway: Gateway) -> Path:
    """Give the file of a gateway's first token."""
    return gateway.folder / "var" / "admin-token"


async def test_a_first_start_leaves_a_token_for_its_own_user(stage: Stage) -> None:
    """Without any token in the configuration nobody gets in but who reads the file, which its owner alone can."""
    await stage.backend()
    gateway = await stage.gateway()
    token = first(gateway).read_text().strip()
    assert stat.S_IMODE(first(gateway).stat().st_mode) == 0o600
    assert await who(gateway, None) == (401, None)
    assert await who(gateway, token) == (200, "admin")
    await gateway.stop()
    await gateway.start()
    assert await who(gateway, token) == (200, "admin")
    assert token not in gateway.log


async def test_tokens_of_the_configuration_take_its_place(stage: Stage) -> None:
    """With tokens in the configuration none is made; a changed configuration lets others in, without a restart."""
    before, after, admin = fresh(), fresh(), fresh()

    def people(token: str) -> dict[str, object]:
        return {"tokens": [{"name": "me", "role": "viewer", "hash": written(digest_of(token))}]}

    await stage.backend()
    configuration = stage.configuration(api=people(before), admin_token=admin)
    gateway = await stage.gateway(configuration)
    assert not first(gateway).exists()
    assert await who(gateway, before) == (200, "me")
    assert await who(gateway, admin) == (200, "admin")
    gateway.reload(toml({**configuration, "api": people(after)}))

    async def changed() -> bool:
        return (await who(gateway, after))[0] == 200

    await until(changed, "the new token is let in", 60)
    assert await who(gateway, before) == (401, None)
    for token in (before, after, admin):
        assert token not in gateway.log


async def test_a_made_token_outlives_the_gateway(stage: Stage) -> None:
    """A token that was made through the API still lets in after a restart, as long as it is not deleted."""
    await stage.backend()
    gateway = await stage.gateway()
    headers = {"Authorization": f"Bearer {first(gateway).read_text().strip()}"}
    url = f"http://127.0.0.1:{gateway.http_port}/api/v1/tokens"
    async with aiohttp.ClientSession(headers=headers) as http:
        async with http.post(url, json={"name": "ci", "role": "viewer"}) as answer:
            token = (await answer.json())["token"]
        await gateway.kill()
        await gateway.start()
        await until(lambda: _is(gateway, token, 200), "the token was read again")
        async with http.delete(f"{url}/ci") as answer:
            assert answer.status == 204
    assert await who(gateway, token) == (401, None)
    assert token not in gateway.log


async def _is(gateway: Gateway, token: str, status: int) -> bool:
    return (await who(gateway, token))[0] == status


@pytest.mark.parametrize("url", ["off", "sqlite:///var/voltgate.db"])
async def test_what_cannot_be_kept_lets_nobody_in(stage: Stage, url: str) -> None:
    """Where no first token can be kept, the API is closed and the log says so; stations come in all the same."""
    await stage.backend("main")
    configuration = stage.configuration(store={"url": url})
    gateway = stage.prepare(configuration)
    if url != "off":
        first(gateway).parent.mkdir()
        first(gateway).symlink_to(gateway.folder / "elsewhere")
    await gateway.start()
    await gateway.logged("nobody can use the API")
    assert await who(gateway, fresh()) == (401, None)
    await stage.station("CP1")


async def test_a_token_of_the_file_ends(stage: Stage) -> None:
    """One that has ended lets nobody in; the log, the list of tokens and the metrics say when one does."""
    tokens, entries = {name: fresh() for name in ("old", "soon", "ever")}, []
    ends = {"old": "2026-01-01T00:00:00Z", "soon": "2100-06-30T12:00:00+02:00"}
    for name, token in tokens.items():
        entries.append({"name": name, "role": "admin", "hash": written(digest_of(token))})
        if name in ends:
            entries[-1]["expires"] = ends[name]
    await stage.backend()
    gateway = await stage.gateway(api={"tokens": entries})
    assert [(await who(gateway, token))[0] for token in tokens.values()] == [401, 200, 200]
    assert "api.tokens[0].expires: has passed: this token lets nobody in" in gateway.log
    async with asking(gateway.http_port, tokens["ever"]) as api:
        shown = (await api.get("/tokens")).gives(200)["items"]
    assert {each["name"]: each["until"] for each in shown} == {
        "old": "2026-01-01T00:00:00.000Z",
        "soon": "2100-06-30T10:00:00.000Z",
        "ever": None,
    }
    assert await gateway.metric("voltgate_token_end_seconds", token="soon") == 4_118_032_800
