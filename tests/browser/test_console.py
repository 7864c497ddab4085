"""The checker explains the error messages in exactly the form that Chromium gives them."""

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser

from tests.browser.people import PATIENCE
from tests.workshop.test_console import SCRIPT, judge
from workshop.checks.console import Report, from_script

# what only a browser can say: what is broken, the line and column, and a piece of the meaning
IN_A_PAGE = [
    ("document.querySelector('#from').reset();", 1, 32, "Compare its selector"),
    ("JSON.parse('<html>');", 0, 0, "perhaps an error page"),
    ("JSON.parse('');", 0, 0, "is not the script or the JSON"),
    ("new Response('<html>').json();", 0, 0, "is not the script or the JSON"),
    ("async function f() {\n  document.querySelector('#a').b;\n}\nf();", 0, 0, "found nothing"),
]
WATCH = """
window.addEventListener("error", (event) =>
  window.told.push([event.message, event.filename, event.lineno, event.colno]));
window.addEventListener("unhandledrejection", (event) =>
  window.told.push([`Uncaught (in promise) ${event.reason}`, "", 0, 0]));
window.told = [];
"""


Failing = Callable[[str], Report]


@pytest.fixture(scope="module")
def failing(browser: Browser) -> Iterator[Failing]:
    """Return a function that runs a script in a page, and returns the first error it reports."""
    page = browser.new_page()
    page.add_init_script(WATCH)
    body = '<script src="static/chat.js"></script>'
    page.route("**/", lambda route: route.fulfill(body=body, content_type="text/html"))
    page.route("**/chat.js", lambda route: route.fulfill(body=source))
    source = ""

    def run(script: str) -> Report:
        nonlocal source
        source = script
        page.goto("http://127.0.0.1:5999/")
        page.wait_for_function("window.told.length", polling=50, timeout=PATIENCE)
        message, file, line, column = page.evaluate("window.told[0]")
        return from_script(
            message, file, line, column, source.split("\n")[line - 1] if line else ""
        )

    yield run
    page.close()


@pytest.mark.parametrize(("source", "line", "column", "meaning"), [*SCRIPT, *IN_A_PAGE])
def test_chromiums_words_are_understood(
    failing: Failing, source: str, line: int, column: int, meaning: str
) -> None:
    report = failing(source)
    if line:
        judge(report, source, line, column, meaning)
    assert report.words.startswith("Uncaught "), report
    assert meaning in report.meaning, report
