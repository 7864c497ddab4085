"""What every page has to look like, whatever stands on it: axe finds nothing, nothing is cut off."""

from collections.abc import Sequence
from itertools import product

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

from tests.browser.people import HEIGHT, NARROW, WIDE, ColourScheme

SIDEWAYS = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
SIZES = (WIDE, NARROW)
COLOURS: tuple[ColourScheme, ...] = ("light", "dark")
AXE = Axe()


def assert_sound(page: Page, part: str = "html", widths: Sequence[int] = SIZES) -> None:
    """Let axe look at a page, or at the part that an open dialog leaves, in both colours."""
    page.evaluate(AXE.axe_script)
    for width, colours in product(widths, COLOURS):
        page.set_viewport_size({"width": width, "height": HEIGHT})
        page.emulate_media(color_scheme=colours)
        found = page.evaluate("part => axe.run(part)", part)
        assert found["passes"], "axe has looked at nothing"
        seen = [
            (rule["id"], each["html"]) for rule in found["violations"] for each in rule["nodes"]
        ]
        assert seen == [], f"{page.url}, {width} pixels, {colours}: {seen}"
    page.set_viewport_size({"width": WIDE, "height": HEIGHT})
