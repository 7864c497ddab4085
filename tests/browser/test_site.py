"""The website in a browser: axe finds nothing, nothing is cut off, and the search works."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.looks import SIDEWAYS, assert_sound
from tests.browser.people import HEIGHT, NARROW
from workshop import site
from workshop.site.pages import find_pages

pytestmark = pytest.mark.browser

SAMPLE = (
    "index.html",
    "notebooks/05_broadcast.html",  # live pages, pictures, changes and tables
    "docs/architecture.html",  # a wide drawing
    "docs/teaching.html",  # tables and a quotation
    "search.html?q=broadcast",
)
NARROWEST = 320  # pixels
# An answer that is folded away is looked at, too.
OPEN = "document.querySelectorAll('details').forEach((details) => { details.open = true; })"


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("site")
    site.build(folder, "ada/chat")
    return folder.as_uri()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A page that can load files of this machine. If it requests another host, the test fails."""
    context = browser.new_context()
    page = context.new_page()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    problems: list[str] = []
    page.on("pageerror", lambda error: problems.append(str(error)))
    yield page
    context.close()
    assert problems == []
    assert asked and [url for url in asked if not url.startswith("file:")] == []


@pytest.mark.parametrize("name", SAMPLE)
def test_a_page_is_sound(address: str, page: Page, name: str) -> None:
    page.goto(f"{address}/{name}")
    page.evaluate(OPEN)
    assert_sound(page, widths=[NARROW])  # at other widths, the same elements have the same colours


def test_no_page_scrolls_sideways(address: str, page: Page) -> None:
    """The negative twin is a wide table, which scrolls in its own box."""
    page.set_viewport_size({"width": NARROWEST, "height": HEIGHT})
    for each in find_pages():
        page.goto(f"{address}/{each.address}")
        page.evaluate(OPEN)
        assert page.evaluate(SIDEWAYS) == 0, each.address
    page.goto(f"{address}/docs/promises.html")
    box = page.locator(".scroll").first
    assert box.evaluate("node => node.scrollWidth > node.clientWidth && node.tabIndex === 0")


def test_the_search_finds_sections_and_shows_their_words_as_text(address: str, page: Page) -> None:
    page.goto(f"{address}/index.html")
    page.get_by_role("searchbox").fill("gap rule")
    page.get_by_role("button", name="Search").click()
    first = page.locator("#results li").first
    expect(first.locator("mark").first).to_have_text("gap")
    page.get_by_role("searchbox").fill("<b>")
    expect(page.locator("#found")).to_contain_text("found")
    assert page.locator("#results b").count() == 0
    page.get_by_role("searchbox").fill("nobodywrotethis")
    expect(page.locator("#found")).to_have_text("0 sections found.")
    page.get_by_role("searchbox").fill("wave button")
    page.locator("#results a").first.click()
    expect(page.locator("h1")).to_contain_text("05")


def test_without_scripts_the_search_says_so_and_the_rest_is_readable(
    address: str, browser: Browser
) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{address}/search.html?q=gap")
    expect(page.locator("#found")).to_contain_text("needs JavaScript")
    page.get_by_role("link", name="10 · Catching up").first.click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Catching up")
    context.close()


def test_on_a_phone_a_link_leads_to_the_menu(address: str, page: Page) -> None:
    page.set_viewport_size({"width": NARROW, "height": HEIGHT})
    page.goto(f"{address}/notebooks/05_broadcast.html")
    page.get_by_role("link", name="Menu").click()
    expect(page.locator("#the-menu")).to_be_in_viewport()
    page.get_by_role("navigation", name="Site").get_by_text("06 · The server says no").first.click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("The server says no")
