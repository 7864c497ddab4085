"""Requirements for the look of every page: axe finds no problem, and nothing is cut off."""

from collections.abc import Sequence

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

from tests.browser.people import HEIGHT, NARROW, WIDE, ColourScheme

SIDEWAYS = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
SIZES = (WIDE, NARROW)
AXE = Axe()
# Dark mode changes colours and nothing else, and a width does not change colours. Each is seen once.
COLOURS: dict[int, ColourScheme] = {WIDE: "light", NARROW: "dark"}
# Only what is asserted is gathered, and comes out of the page: the rest takes longer than axe's work.
JUDGE = """(part) => axe.run(part, { resultTypes: ["violations"] }).then((seen) => ({
  kept: seen.passes.map((rule) => rule.id),
  broken: seen.violations.flatMap((rule) =>
    rule.nodes.map((each) => [rule.id, each.html, each.failureSummary])),
}))"""


def assert_sound(page: Page, part: str = "html", widths: Sequence[int] = SIZES) -> None:
    """Check a page, or a part of it such as an open dialog, with axe, in each of these widths."""
    if not page.evaluate("'axe' in window"):  # its half a megabyte stays until the page is left
        page.evaluate(AXE.axe_script)
    for width in widths:
        colours = COLOURS[width]
        page.set_viewport_size({"width": width, "height": HEIGHT})
        page.emulate_media(color_scheme=colours)
        seen = page.evaluate(JUDGE, part)
        assert "color-contrast" in seen["kept"], f"axe saw no text: {seen}"
        assert seen["broken"] == [], f"{page.url}, {width} pixels, {colours}: {seen['broken']}"
    page.set_viewport_size({"width": WIDE, "height": HEIGHT})
