"""The browsers that the tests lend to people are empty: they contain nothing of the previous person."""

from typing import Any

import pytest
from playwright.sync_api import Page

from tests.browser.people import Browsers, People, Run

pytestmark = pytest.mark.browser

LEAVE_SOMETHING = """async () => {
    document.cookie = "left=1; path=/";
    localStorage.left = sessionStorage.left = "1";
    await new Promise((done) => { indexedDB.open("left").onsuccess = done; });
}"""
LOOK = """async () => ({
    cookie: document.cookie,
    stored: localStorage.length + sessionStorage.length,
    databases: (await indexedDB.databases()).length,
})"""


def test_a_browser_is_empty_when_the_next_person_gets_it(browsers: Browsers, run: Run) -> None:
    pages: list[Page] = []
    found: list[Any] = []
    for action in (LEAVE_SOMETHING, "0"):
        people = People(browsers)
        pages.append(people(run("01").url))
        pages[-1].evaluate(action)
        found.append(pages[-1].evaluate(LOOK))
        people.leave()
    assert pages[0].context is pages[1].context, "the second person got another browser"
    assert found == [
        {"cookie": "left=1", "stored": 2, "databases": 1},
        {"cookie": "", "stored": 0, "databases": 0},
    ]
