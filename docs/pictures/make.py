"""Make README's picture from the real pages, so that it shows what a reader will see.

    python docs/pictures/make.py              two-people.png, beside this file
    python docs/pictures/make.py --all DIR    every page of every step, to look at, not to keep

Needs the test tools (playwright) and a Chromium, Chrome or Edge.
"""

import argparse
import base64
import hashlib
import struct
import sys
import zlib
from itertools import product
from pathlib import Path

from playwright.sync_api import Browser, Page, expect, sync_playwright

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1]))  # the workshop's root: `tests` is not installed

from tests.needs import browser_flags, find_browser  # noqa: E402
from workshop import manifest, paths  # noqa: E402
from workshop.clients import cast  # noqa: E402
from workshop.stages import Stage, stage  # noqa: E402

WIDTH, HEIGHT = 600, 480  # CSS pixels of one person's page
SHARPNESS = 2  # device pixels per CSS pixel, for the screens of today
MADE_FROM = b"made from\0"  # keyword of the chunk in the PNG
WIDE, NARROW = (1280, 740), (360, 740)  # CSS pixels

CAST = ("Ada", "Bo", "Cy")
TALK = [
    ("Ada", "Hi Bo! Can you read this?"),
    ("Bo", "I can, and I did not even reload."),
    ("Ada", "The server sends it to everyone who is here."),
    ("Bo", "Then Cy should see it, too."),
    ("Cy", "I do. Hello from the other side of the room!"),
    ("Ada", "Welcome, Cy. That is all of us."),
]

SHEET = """<!doctype html><meta charset="utf-8"><style>
  body {{ display: flex; gap: 24px; width: max-content; margin: 0; padding: 20px;
          background: #e3e7ee; font: 600 13px/1 system-ui, sans-serif; color: #3d475a }}
  figure {{ margin: 0; overflow: hidden; border-radius: 10px; background: #cfd6e1;
            box-shadow: 0 1px 3px rgb(0 0 0 / .2), 0 6px 20px rgb(0 0 0 / .12) }}
  figcaption {{ padding: 11px 14px }}
  img {{ display: block; width: {width}px }}
</style>{figures}"""


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument(
        "--all", metavar="DIR", type=Path, help="render every page into DIR instead"
    )
    where = parser.parse_args().all
    executable = find_browser()
    if not executable:
        sys.exit("Expected a Chromium, Chrome or Edge; found none. Install one, then try again.")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=browser_flags())
        if where:
            every_page(browser, where)
        else:
            two_people(browser, HERE / "two-people.png")
        browser.close()


def two_people(browser: Browser, path: Path) -> None:
    """Let people talk on the real pages of step 05, and show two of them beside each other."""
    chat = stage("05_broadcast", signed=False)
    people = {name: enter(browser, chat, name) for name in CAST}
    talk(people)
    figures = "".join(figure(people[name], name) for name in ("Ada", "Bo"))
    sheet = browser.new_context(device_scale_factor=SHARPNESS).new_page()
    sheet.set_content(SHEET.format(width=WIDTH, figures=figures))
    path.write_bytes(signed(sheet.locator("body").screenshot()))
    print(f"{path} ({path.stat().st_size / 1000:.0f} kB)")


def made_from() -> str:
    """Return a digest of what the picture shows: the page's files, and this script."""
    digest = hashlib.sha256(Path(__file__).read_bytes())
    for folder in ("templates", "static"):
        for file in sorted((paths.STEPS / "05_broadcast" / folder).iterdir()):
            digest.update(file.read_bytes())
    return digest.hexdigest()


def signed(png: bytes) -> bytes:
    """Write into a PNG what it was made from, so that a test sees when it has gone stale.

    The chunk goes behind the header, which is 33 bytes long (w3.org/TR/png, sections 5.2 and 11.3.3).
    """
    chunk = b"tEXt" + MADE_FROM + made_from().encode()
    framed = struct.pack(">I", len(chunk) - 4) + chunk + struct.pack(">I", zlib.crc32(chunk))
    return png[:33] + framed + png[33:]


def enter(browser: Browser, chat: Stage, name: str) -> Page:
    context = browser.new_context(
        viewport={"width": WIDTH, "height": HEIGHT},
        device_scale_factor=SHARPNESS,
        color_scheme="light",
    )
    page = context.new_page()
    page.goto(f"{chat.url}/chat?username={name}")
    page.wait_for_function("socket.connected")
    return page


def talk(people: dict[str, Page]) -> None:
    for number, (name, text) in enumerate(TALK, start=1):
        people[name].get_by_label("Message", exact=True).fill(text)
        people[name].keyboard.press("Enter")
        for page in people.values():
            expect(page.locator(".message")).to_have_count(number)


def figure(page: Page, name: str) -> str:
    picture = base64.b64encode(page.screenshot(caret="hide")).decode()
    source = f"data:image/png;base64,{picture}"
    return f"<figure><figcaption>{name}’s browser</figcaption><img src='{source}'></figure>"


def every_page(browser: Browser, folder: Path) -> None:
    """Render each page of each step wide and narrow, light and dark, empty and with some talk."""
    folder.mkdir(parents=True, exist_ok=True)
    for step in manifest.steps():
        chat = stage(step.name)
        for (width, height), colours in product((WIDE, NARROW), ("light", "dark")):
            page = browser.new_page(
                viewport={"width": width, "height": height}, color_scheme=colours
            )
            for name, path in (("front", "/"), ("room", "/chat?username=Ada")):
                answer = page.goto(chat.url + path)
                if answer and answer.ok:
                    page.screenshot(path=folder / f"{step.name}-{name}-{width}-{colours}.png")
            if page.locator("#message-template").count():
                hear_the_talk(chat, page)
                page.screenshot(path=folder / f"{step.name}-talk-{width}-{colours}.png")
            page.close()
        chat.stop()


def hear_the_talk(chat: Stage, page: Page) -> None:
    people = dict(zip(CAST, cast(chat, *CAST), strict=True))
    for number, (name, text) in enumerate(TALK, start=1):
        people[name].call("new_message", {"username": name, "text": text})
        expect(page.locator(".message")).to_have_count(number)
    for person in people.values():
        person.disconnect()


if __name__ == "__main__":
    main()
