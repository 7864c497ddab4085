"""Make the picture of the finished chat from the real application, with people who really talk.

    python docs/pictures/chat.py              into docs/pictures
    python docs/pictures/chat.py --into DIR   to look at, not to keep

Needs the test tools (playwright) and a Chromium, Chrome or Edge.
"""

import argparse
import io
import sys
import tempfile
from pathlib import Path

from PIL import Image, ImageDraw
from playwright.sync_api import Browser, Page, sync_playwright

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1]))  # the workshop's root: `tests` is not installed

from tests.final_app.rig import PASSWORD, Person, Server  # noqa: E402
from tests.needs import browser_flags, find_browser  # noqa: E402

SIZE = {"width": 1280, "height": 800}  # CSS pixels
PATIENCE = 15_000  # milliseconds

TALK = [
    ("ada", "Good morning! The *new* release is on the test server."),
    ("bo", "Great, I'm looking at it. @ada, which branch is that?"),
    ("ada", "`main`, as of an hour ago:\n\n```\ngit log --oneline -1\n9f31c2e Keep all drafts\n```"),
    ("cy", "My connection dropped on the train, but **nothing** was lost. I typed three "
           "messages in the tunnel, and they all arrived as soon as we came out."),
    ("bo", "That's what I wanted to hear."),
    ("ada", "- backups: done\n- invites: sent\n- coffee: who is in?"),
]  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--into", metavar="DIR", type=Path, default=HERE)
    folder = parser.parse_args().into
    folder.mkdir(parents=True, exist_ok=True)
    executable = find_browser()
    if not executable:
        sys.exit("Expected a Chromium, Chrome or Edge; found none. Install one, then try again.")
    with tempfile.TemporaryDirectory() as data, sync_playwright() as playwright:
        server = Server(Path(data)).start()
        browser = playwright.chromium.launch(executable_path=executable, args=browser_flags())
        try:
            take(browser, server, folder)
        finally:
            browser.close()
            server.stop()


def take(browser: Browser, server: Server, folder: Path) -> None:
    """Let Ada, Bo and Cy talk, and take a picture of Ada's page."""
    people = {"ada": Person(server, "ada").begin()}
    invite = people["ada"].invite()
    people |= {name: Person(server, name).register(invite) for name in ("bo", "cy")}
    for name, person in people.items():
        person.form("/account/name", "/account", name=name.title())
        person.connect()
    for room in ("Design", "Coffee"):
        people["ada"].ask("POST", "/rooms", {"name": room, "kind": "open"})
    direct = people["bo"].ask("POST", "/dm/1")["room"]["id"]
    people["bo"].say(direct, "Lunch at noon?")
    for name, text in TALK:
        people[name].say(1, text)
    plan = people["cy"].upload(1, "route.png", drawing())["upload"]["id"]
    notes = people["cy"].upload(1, "timetable.txt", b"7:12\n8:12\n")["upload"]["id"]
    shared = people["cy"].say(1, "The route and the timetable:", uploads=[plan, notes])["message"]
    for name, emoji in (
        ("ada", "\N{WHITE HEAVY CHECK MARK}"),
        ("bo", "\N{WHITE HEAVY CHECK MARK}"),
    ):
        people[name].emit("react", {"id": shared["id"], "emoji": emoji, "on": True})
    for name in ("ada", "cy"):  # who has read all begins at the end
        people[name].emit("mark_read", {"room": 1, "seq": shared["seq"]})
    people["bo"].say(3, "Who is in?")
    page = enter(browser, server, "ada")
    path = folder / "chat.png"
    page.screenshot(path=path, caret="hide")
    print(f"{path} ({path.stat().st_size / 1000:.0f} kB)")
    for person in people.values():
        person.leave()


def drawing() -> bytes:
    """Return a picture of a way through a town, as a PNG."""
    image = Image.new("RGB", (900, 520), (232, 238, 226))
    draw = ImageDraw.Draw(image)
    for x in range(60, 900, 170):
        draw.line((x, 0, x - 60, 520), fill=(255, 255, 255), width=22)
    for y in range(70, 520, 130):
        draw.line((0, y, 900, y + 40), fill=(255, 255, 255), width=22)
    draw.ellipse((520, 60, 700, 190), fill=(190, 218, 178))
    draw.line((70, 460, 230, 350, 400, 360, 560, 240, 800, 120), fill=(31, 95, 191), width=12)
    for x, y in ((70, 460), (800, 120)):
        draw.ellipse((x - 18, y - 18, x + 18, y + 18), fill=(200, 50, 60), outline=(255, 255, 255))
    file = io.BytesIO()
    image.save(file, "PNG")
    return file.getvalue()


def enter(browser: Browser, server: Server, name: str) -> Page:
    """Log in as somebody, and wait until their page is connected."""
    context = browser.new_context(viewport=SIZE, device_scale_factor=2, reduced_motion="reduce")
    context.set_default_timeout(PATIENCE)
    page = context.new_page()
    # Straight to that room: the first of the list would be opened, and read or not, as time allows.
    page.goto(f"{server.url}/login?next=/r/general")
    page.get_by_label("Username").fill(name)
    page.get_by_label("Password").fill(PASSWORD)
    page.keyboard.press("Enter")
    page.locator("html[data-ready=true]").wait_for(state="attached")
    return page


if __name__ == "__main__":
    main()
