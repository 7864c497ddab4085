"""Take the pictures that the website shows where a notebook has a live page.

    python docs/pictures/live.py              of all notebooks
    python docs/pictures/live.py 05 13        only of these

Each notebook runs up to the end of the section with its last live page. On each page, this script
does what the text asks readers to do: it logs in or registers, and it sends a message. A picture shows
the page at the end of its section, or before a cell stops the server or disconnects somebody. Needs the
test tools (playwright) and a Chromium, Chrome or Edge.
"""

import asyncio
import html
import io
import os
import re
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient
from PIL import Image, PngImagePlugin
from playwright.async_api import Browser, BrowserContext, Page, async_playwright

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1]))  # the workshop's root: `tests` is not installed

from tests.needs import browser_flags, find_browser  # noqa: E402
from workshop import paths  # noqa: E402
from workshop.refresh import CELL_TIMEOUT, notebooks  # noqa: E402
from workshop.site import live  # noqa: E402

SHOWS_PAGES = re.compile(r"\b(show_page|side_by_side)\(")
FRAME = re.compile(r'<iframe src="([^"]*)" .*?height: (\d+)px')
ALONE, IN_A_PAIR = 640, 400  # CSS pixels: how wide a page is
COLOURS = 256  # of a picture: its pages have few, and this makes the file smaller
MOST_WORDS = 240  # characters of a description
PATIENCE = 10_000  # milliseconds
PASSWORD = "correct horse"  # of everybody in the notebooks
READER = "Reader"  # who registers with a name of their own
ENDS = re.compile(r"\.(stop|disconnect)\(\)")
ASKS = re.compile(r"(?i)\b(type|send) a message\b")
SAYS = ("Hi! Can you read this?", "I can, and I did not even reload.")
OTHER_WORDS = {"06_refusals": ("   ", "Hello, Ada")}  # the server refuses the first of them
# A path of this machine is on the page of step 01, and of no interest to readers.
HIDE = """(root) => {
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (texts.nextNode()) texts.currentNode.data = texts.currentNode.data.replaceAll(root, "…");
}"""


@dataclass
class Shown:
    """A live page that is open, and the path for its picture."""

    page: Page
    path: Path


class Photographer:
    """Opens the live pages of a notebook while it runs, and takes their pictures."""

    def __init__(self, notebook: Path, cells: list[Any], context: BrowserContext) -> None:
        self.notebook = notebook
        self.cells = cells
        self.context = context
        self.shown: list[Shown] = []

    async def before(self, cell: Any, cell_index: int) -> None:
        """Take the pictures when a section ends, or before a cell stops the server."""
        if ends_section(cell) or (cell.cell_type == "code" and ENDS.search(cell.source)):
            for each in self.shown:
                await self.take(each)
            self.shown = []

    async def after(self, cell: Any, cell_index: int, execute_reply: Any) -> None:
        """Open the pages that a cell shows, and use them as the surrounding text asks readers to do."""
        markup = "".join(output.get("data", {}).get("text/html", "") for output in cell.outputs)
        frames = FRAME.findall(markup)
        text = "".join(
            each.source
            for each in self.cells[cell_index - 1 : cell_index + 2]
            if each.cell_type == "markdown"
        )
        for number, (address, height) in enumerate(frames, start=1):
            page = await self.context.new_page()
            width = IN_A_PAIR if len(frames) > 1 else ALONE
            await page.set_viewport_size({"width": width, "height": int(height)})
            await page.goto(html.unescape(address))
            await enter(page, text)
            self.shown.append(Shown(page, live.picture_of(self.notebook, cell.id, number)))
        if frames and ASKS.search(text):
            words = OTHER_WORDS.get(self.notebook.stem, SAYS)
            for each, said in zip(self.shown[-len(frames) :], words, strict=False):
                await say(each.page, said)

    async def take(self, shown: Shown) -> None:
        """Write the picture of a page, with a description and a digest of what it was made from."""
        page = shown.page
        await page.evaluate(HIDE, str(paths.ROOT))
        words = " ".join((await page.inner_text("body")).split())[:MOST_WORDS]
        with Image.open(io.BytesIO(await page.screenshot(caret="hide"))) as picture:
            about = PngImagePlugin.PngInfo()
            about.add_text(live.MADE_FROM, live.made_from(self.notebook))
            about.add_itxt(live.SHOWS, words)
            few = picture.convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE)
            few.save(shown.path, pnginfo=about, optimize=True)
        await page.close()


async def enter(page: Page, text: str) -> None:
    """Log in as the person that the text names. If it names nobody, register."""
    if not await page.locator("[type=password]").count():
        return
    named = re.search(r"[Ll]og in as (\w+)", text)
    await page.locator("[name=username]").fill(named[1] if named else READER)
    await page.locator("[type=password]").fill(PASSWORD)
    await page.get_by_role("button", name="Log in" if named else "Register").click()
    await page.locator("[type=password]").wait_for(state="detached")
    await page.wait_for_load_state("networkidle")


async def say(page: Page, text: str) -> None:
    """Send a message from a page that has a connection, and wait for its acknowledgement."""
    if not await page.evaluate("typeof socket !== 'undefined'"):
        return
    await page.wait_for_function("socket.connected")
    await page.locator("#message-input").fill(text)
    await page.locator("#message-input").press("Enter")
    await page.wait_for_function(
        "!/^$|Sending/.test(document.querySelector('#status').textContent)"
    )


def ends_section(cell: Any) -> bool:
    return cell.cell_type == "markdown" and bool(re.search(r"(?m)^#+ ", cell.source))


def up_to_the_last_page(cells: list[Any]) -> list[Any]:
    """Return the cells up to the heading after the last live page."""
    last = max(
        (n for n, c in enumerate(cells) if c.cell_type == "code" and SHOWS_PAGES.search(c.source)),
        default=-1,
    )
    end = next((n for n in range(last + 1, len(cells)) if ends_section(cells[n])), len(cells) - 1)
    return cells[: end + 1] if last >= 0 else []


async def photograph(browser: Browser, path: Path) -> None:
    """Run one notebook and take the pictures of its pages."""
    notebook = nbformat.read(path, as_version=4)  # type: ignore[no-untyped-call]
    notebook.cells = up_to_the_last_page(notebook.cells)
    for old in live.FOLDER.glob(f"{path.stem}-*.png"):
        old.unlink()
    if not notebook.cells:
        return
    context = await browser.new_context(device_scale_factor=live.SHARPNESS, color_scheme="light")
    context.set_default_timeout(PATIENCE)
    photographer = Photographer(path, notebook.cells, context)
    client = NotebookClient(
        notebook,
        timeout=CELL_TIMEOUT,
        kernel_name="python3",
        on_cell_start=photographer.before,
        on_cell_executed=photographer.after,
        resources={"metadata": {"path": str(path.parent)}},
    )
    await client.async_execute(transport_encryption="auto")
    await context.close()


async def main() -> None:
    executable = find_browser()
    if not executable:
        sys.exit("Expected a Chromium, Chrome or Edge; found none. Install one, then try again.")
    os.environ["JUPYTER_PREFER_ENV_PATH"] = "1"
    live.FOLDER.mkdir(exist_ok=True)
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=executable, args=browser_flags())
        for path in notebooks(sys.argv[1:]):
            with tempfile.TemporaryDirectory() as mine:  # no learner's chat
                os.environ["WORKSHOP_MINE"] = mine
                await photograph(browser, path)
            taken = sorted(live.FOLDER.glob(f"{path.stem}-*.png"))
            print(path.stem, *(f"{each.stat().st_size / 1000:.0f} kB" for each in taken))
        await browser.close()


if __name__ == "__main__":
    asyncio.run(main())
