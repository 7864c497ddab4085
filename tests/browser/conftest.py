"""A browser, people who each have their own context, and stages to visit.

The scope is `package` instead of `session`, because Playwright keeps an event loop in this thread
for as long as it runs, and tests in other packages start event loops of their own.
"""

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, Playwright, expect, sync_playwright

from tests.browser.people import (
    PATIENCE,
    WIDE,
    Browsers,
    ColourScheme,
    People,
    Run,
    Visit,
    running_steps,
    show,
)
from tests.browser.team import LINE_IS_DOWN, Line, Team, a_team
from tests.needs import browser_flags, needs_browser
from workshop import manifest
from workshop.stages import Stage


@contextmanager
def launched(playwright: Playwright, executable: str) -> Iterator[Browser]:
    browser = playwright.chromium.launch(
        executable_path=executable,
        args=[*browser_flags(), "--process-per-site"],
        # Pages are put away, and taken out again by "back", as in everybody's browser.
        ignore_default_args=["--disable-back-forward-cache"],
    )
    yield browser
    browser.close()


@pytest.fixture(scope="package")
def playwright() -> Iterator[Playwright]:
    expect.set_options(timeout=PATIENCE)
    with sync_playwright() as playwright:
        yield playwright


@pytest.fixture(scope="package")
def browser(playwright: Playwright) -> Iterator[Browser]:
    with launched(playwright, needs_browser()) as browser:
        yield browser


@pytest.fixture(scope="package")
def run() -> Iterator[Run]:
    """Return a function that starts a step, or returns the one that is already running: `run("05")`."""
    yield from running_steps()


@pytest.fixture
def solved(tmp_path: Path) -> Iterator[Run]:
    """Return a function that runs a copy of a step with its exercise solved: `solved("05")`."""
    running = []

    def start(which: str) -> Stage:
        step = manifest.step(which)
        copy = tmp_path / step.name
        shutil.copytree(step.folder, copy, ignore=shutil.ignore_patterns("__pycache__"))
        subprocess.run(["git", "apply", "exercise.patch"], cwd=copy, check=True)
        chat = Stage(f"{step.name}, solved", copy, "")
        chat.start()
        running.append(chat)
        return chat

    yield start
    for chat in running:
        chat.stop()


@pytest.fixture(scope="package")
def browsers(browser: Browser) -> Iterator[Browsers]:
    """Browser contexts for people. After each test, they are emptied and returned."""
    browsers = Browsers(browser)
    yield browsers
    browsers.close()


@pytest.fixture
def person(browsers: Browsers) -> Iterator[People]:
    """Return a function that opens a page for somebody:

    `ada = person(chat.url)`. Each call is a new person.
    """
    people = People(browsers)
    yield people
    try:
        people.assert_untroubled()
    finally:
        people.leave()


@pytest.fixture(scope="module")
def reader(browsers: Browsers) -> Iterator[tuple[People, Page]]:
    """Somebody who reads one page after another, in one browser context."""
    people = People(browsers)
    yield people, people()
    people.leave()


@pytest.fixture
def visit(reader: tuple[People, Page]) -> Iterator[Visit]:
    """Return a function that sends the reader to a page. This is faster than creating a new person."""
    people, page = reader

    def go(address: str, *, width: int = WIDE, colours: ColourScheme = "light") -> Page:
        show(page, address, width, colours)
        return page

    yield go
    people.assert_untroubled()


@pytest.fixture(scope="module")
def team(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Team]:
    """The finished chat, its people and their rooms."""
    with a_team(tmp_path_factory.mktemp("chat")) as team:
        yield team


@pytest.fixture
def line(team: Team, person: People) -> Iterator[Line]:
    """A connection to the finished chat that a test can interrupt."""
    person.tolerate(LINE_IS_DOWN)
    with team.line() as line:
        yield line
