"""Requirements for the look of every page: axe finds no problem, and nothing is cut off."""

from collections.abc import Sequence
from itertools import product

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

from tests.browser.people import HEIGHT, NARROW, WIDE, ColourScheme

SIDEWAYS = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
SIZES = (WIDE, NARROW)
COLOURS: tuple[ColourScheme, ...] = ("light", "dark")
AXE = Axe()
# Dark mode changes colours and nothing else, so axe has only those to look at again.
ABOUT_COLOURS = ["color-contrast", "link-in-text-block"]
RULES: dict[str, list[str]] = {"light": [], "dark": ABOUT_COLOURS}  # of axe; []: all
# Only what is asserted is gathered, and comes out of the page: the rest takes longer than axe's work.
JUDGE = """([part, runOnly]) => axe.run(part, {
  resultTypes: ["violations"], ...(runOnly.length && { runOnly }),
}).then((seen) => ({
  kept: seen.passes.map((rule) => rule.id),
  broken: seen.violations.flatMap((rule) =>
    rule.nodes.map((each) => [rule.id, each.html, each.failureSummary])),
}))"""


def assert_sound(page: Page, part: str = "html", widths: Sequence[int] = SIZES) -> None:
    """Check a page, or a part of it such as an open dialog, with axe, in both colour schemes."""
    if not page.evaluate("'axe' in window"):  # its half a megabyte stays until the page is left
        page.evaluate(AXE.axe_script)
    for width, colours in product(widths, COLOURS):
        page.set_viewport_size({"width": width, "height": HEIGHT})
        page.emulate_media(color_scheme=colours)
        seen = page.evaluate(JUDGE, [part, RULES[colours]])
        assert "color-contrast" in seen["kept"], f"axe saw no text: {seen}"
        assert seen["broken"] == [], f"{page.url}, {width} pixels, {colours}: {seen['broken']}"
    page.set_viewport_size({"width": WIDE, "height": HEIGHT})
