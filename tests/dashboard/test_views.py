"""Saved views: names for the filter, order and columns of a table."""

from __future__ import annotations

from selenium.webdriver.common.keys import Keys

from tests.dashboard.browser import PHONE, Browser


def test_a_view_is_saved_opened_renamed_and_deleted(browser: Browser) -> None:
    """A view brings back what the page showed, also after it was loaded again, until it is deleted."""
    browser.sign_in("viewer", "/stations?q=CP-01&sort=-identity&columns=route")
    browser.with_text("main button", "Views").click()
    browser.find("input[aria-label='Name of a new view']").send_keys("Hundreds", Keys.ENTER)
    browser.sees("Hundreds", "main button")
    assert browser.violations() == []
    browser.open("/stations")
    browser.sees("300 stations")
    browser.with_text("main button", "Views").click()
    browser.with_text("a", "Hundreds").click()
    browser.sees("CP-0199", "[aria-rowindex='2']")
    assert browser.address == "/stations?q=CP-01&sort=-identity&columns=route"
    browser.click("button[aria-label='Rename Hundreds']")
    browser.find("input[aria-label='New name of Hundreds']").send_keys(" and more", Keys.ENTER)
    browser.sees("Hundreds and more", "main button")
    browser.click("button[aria-label='Delete Hundreds and more']")
    browser.sees("Views", "main button")
    assert browser.complaints() == []


def test_a_filter_that_holds_is_shown(browser: Browser) -> None:
    """Also one by what is gone, one by a tag, and on a phone: a part of a list does not look like all of it."""
    browser.sign_in("viewer", "/stations?backend=gone&tag=yard")
    browser.sees("0 stations")
    shown = {field.get_attribute("aria-label"): field.get_attribute("value") for field in browser.all("main input")}
    assert (shown["Backend"], shown["Tag"]) == ("gone", "yard")
    browser.resize(PHONE)
    browser.sees("Filters (2)", "main button")
    browser.with_text("main button", "Clear the filter").click()
    browser.sees("300 stations")
    assert browser.address == "/stations"
