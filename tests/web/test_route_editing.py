"""Routes changed through the API: written into the file, taken as a reload is, and nothing else is touched."""

from __future__ import annotations

import stat
from typing import Any

from tests.harness import Gateway, Stage
from tests.web.client import Answer, Api, api_of
from tests.web.test_audit import lines

ROUTES = "/configuration/routes"
OPEN: dict[str, Any] = {"api": {"edit_routes": True}, "routes": {"main": {"rules": [{"answer": "a"}]}}}
OTHER = """\
# Boots go to b.
[[routes.main.rules]]
actions = ["BootNotification"]
answer = "b"

[[routes.main.rules]]
answer = "a"
"""


async def shown(api: Api) -> tuple[dict[str, Any], str]:
    """Give the routes as they are written, and their tag."""
    answer = await api.get(ROUTES)
    return answer.gives(200), answer.headers["ETag"]


async def put(api: Api, text: str, tag: str | None) -> Answer:
    """Ask for other routes."""
    return await api.ask("PUT", ROUTES, {"text": text}, if_match=tag)


def beside(gateway: Gateway) -> list[str]:
    """Name the files of the configuration."""
    return sorted(file.name for file in gateway.folder.iterdir() if "voltgate.toml" in file.name)


async def test_routes_are_changed(stage: Stage) -> None:
    """Other routes are in force once they are written; the rest of the file stays, as do its mode and a former copy."""
    await stage.backend("a")
    await stage.backend("b")
    async with api_of(stage, store=None, **OPEN) as (api, gateway):
        gateway.file.chmod(0o600)
        before = gateway.file.read_text()
        written, tag = await shown(api)
        assert (written["editable"], written["shared"], written["file"]) == (True, False, str(gateway.file))
        assert "a-token-for-tests-alone" not in written["text"]
        answer = await put(api, OTHER, tag)
        assert answer.gives(200)["text"] == OTHER
        assert (await api.get("/routes/main")).gives(200)["rules"][0]["answer"] == "b"
        after = gateway.file.read_text()
        assert after == before.replace(written["text"], f"\n{OTHER}")
        assert stat.S_IMODE(gateway.file.stat().st_mode) == 0o600
        previous = gateway.file.with_name("voltgate.toml.previous")
        assert previous.read_text() == before
        assert stat.S_IMODE(previous.stat().st_mode) == 0o600
        assert beside(gateway) == ["voltgate.toml", "voltgate.toml.previous"]
        [line] = await lines(api, 1, backend="api:admin", action="ChangeRoutes")
        assert (line["station"], line["action"], line["detail"]) == ("", "ChangeRoutes", "main changed")
        assert await gateway.logged("routes changed through the API", '"by":"admin"', "main changed")
        assert (await shown(api)) == (answer.body, answer.headers["ETag"])


async def test_nobody_overwrites_a_change_of_somebody_else(stage: Stage) -> None:
    """A change that does not say what it changes is refused, as is one of routes that are others by now."""
    await stage.backend("a")
    async with api_of(stage, **OPEN) as (api, gateway):
        written, tag = await shown(api)
        (await put(api, written["text"], None)).gives(428)
        gateway.file.write_text(gateway.file.read_text().replace("[routes.main]", "[routes.main] # mine"))
        before = gateway.file.read_text()
        (await put(api, written["text"], tag)).gives(412)
        assert gateway.file.read_text() == before
        other, tag = await shown(api)
        (await put(api, other["text"].replace("mine", "ours"), tag)).gives(200)
        assert "# ours" in gateway.file.read_text()


async def test_what_check_says(stage: Stage) -> None:
    """A dry run says what `voltgate check` says, by the lines of the text that is edited; nothing is changed."""
    await stage.backend("a")
    async with api_of(stage, stations=[{"match": "*", "route": "main"}], **OPEN) as (api, gateway):
        before, (_, tag) = gateway.file.read_text(), await shown(api)

        async def said(text: str) -> list[tuple[int | None, str, bool]]:
            items = (await api.post(f"{ROUTES}/check", {"text": text})).gives(200)["items"]
            return [(each["line"], each["message"], each["warning"]) for each in items]

        assert await said('[[routes.main.rules]]\nanswer = "a"\n') == []
        [(line, message, warning)] = await said('# ours\n[[routes.main.rules]]\nanswer = "aa"\n')
        assert (line, warning) == (3, False)
        assert 'did you mean "a"?' in message
        [(line, message, _)] = await said('[[routes.other.rules]]\nanswer = "a"\n')
        assert line is None
        assert "main" in message
        [(line, message, _)] = await said("[routes.main]\nrules = [")
        assert line == 2
        assert "is not TOML" in message
        doubtful = '[[routes.main.rules]]\nanswer = "a"\n[[routes.main.rules]]\nactions = ["Heartbeat"]\nanswer = "a"\n'
        assert [(line, warning) for line, _, warning in await said(doubtful)] == [(2, True)]
        problem = (await put(api, '[[routes.main.rules]]\nanswer = "aa"\n', tag)).gives(422)
        assert problem["errors"][0]["where"] == "line 2"
        assert gateway.file.read_text() == before
        assert beside(gateway) == ["voltgate.toml"]


async def test_what_is_wrong_elsewhere_in_the_file(stage: Stage) -> None:
    """While the rest of the file is wrong, as others have written it meanwhile, no routes are taken."""
    await stage.backend("a")
    await stage.backend("b")
    async with api_of(stage, **OPEN) as (api, gateway):
        _, tag = await shown(api)
        text = gateway.file.read_text()
        gateway.file.write_text(text.replace('"ws://127.0.0.1:', '"ws://127.0.0.1:0', 1) + "[log]\nlevel = 'none'\n")
        before = gateway.file.read_text()
        problem = (await put(api, OTHER, tag)).gives(422)
        assert any(each["where"].endswith("of the file") for each in problem["errors"])
        assert gateway.file.read_text() == before
        assert [each["answer"] for each in (await api.get("/routes/main")).gives(200)["rules"]] == ["a"]


async def test_it_is_closed_unless_opened(stage: Stage) -> None:
    """Without the key nothing is shown, and nothing is changed; it says what opens it."""
    await stage.backend("a")
    async with api_of(stage) as (api, gateway):
        before = gateway.file.read_text()
        written = (await api.get(ROUTES)).gives(200)
        assert (written["text"], written["editable"]) == (None, False)
        assert "edit_routes = true" in written["why"]
        assert "edit_routes = true" in (await put(api, OTHER, '"any"')).gives(409)["detail"]
        (await api.post(f"{ROUTES}/check", {"text": OTHER})).gives(409)
        assert gateway.file.read_text() == before


async def test_values_from_elsewhere_stay_elsewhere(stage: Stage) -> None:
    """Nobody has a file of the machine read by a rule: it would be shown with the routes."""
    await stage.backend("a")
    async with api_of(stage, **OPEN) as (api, _):
        text = '[[routes.main.rules]]\nstations = { file = "/etc/hostname" }\nanswer = "a"\n'
        [item] = (await api.post(f"{ROUTES}/check", {"text": text})).gives(200)["items"]
        assert item["line"] == 2
        assert "cannot be edited here" in item["message"]
        _, tag = await shown(api)
        (await put(api, text, tag)).gives(422)
