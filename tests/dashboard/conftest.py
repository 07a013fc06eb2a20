"""The browser and the gateway that the tests of a file share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.dashboard.browser import Browser, chrome
from tests.dashboard.theatre import Theatre
from voltgate.web.ui import BUILT


@pytest.fixture(scope="module")
def theatre(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Theatre]:
    """A gateway with stations, of the tests of one file; its `CONFIG` is added to the configuration."""
    if not (BUILT / "index.html").is_file():
        pytest.fail("the dashboard is not built: scripts/dashboard.py build")
    theatre = Theatre(tmp_path_factory.mktemp("theatre"), getattr(request.module, "CONFIG", {}))
    try:
        theatre.open()
        yield theatre
    finally:
        theatre.close()


@pytest.fixture(scope="module")
def only_browser(theatre: Theatre, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """The browser of the tests of one file."""
    downloads = tmp_path_factory.mktemp("downloads")
    driver = chrome(downloads)
    try:
        yield Browser(driver, theatre, downloads)
    finally:
        driver.quit()


@pytest.fixture
def browser(only_browser: Browser) -> Browser:
    """The browser, with nobody signed in."""
    only_browser.start()
    return only_browser
