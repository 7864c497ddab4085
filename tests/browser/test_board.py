"""The board in a browser: a verdict appears by itself, and so does who has not moved for ten minutes."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.looks import SIDEWAYS, assert_sound
from tests.browser.people import HEIGHT, NARROW, People
from tests.workshop.test_board import Class, in_the_network, verdict
from tests.workshop.test_class import CODE, started
from workshop import paths
from workshop.learner import catch_up
from workshop.teaching import board, door, sharing
from workshop.verdict import BROKEN

pytestmark = pytest.mark.browser

SCRIPT = "<img src=x onerror=alert(1)>"


@pytest.fixture
def a_class(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Class]:
    monkeypatch.setenv("WORKSHOP_MINE", str(tmp_path))
    monkeypatch.setattr(sharing, "_share", None)
    with in_the_network() as here:
        yield here


def row(page: Page, name: str) -> str:
    return page.get_by_role("row").filter(has_text=name).inner_text().replace("\t", " | ")


def test_the_verdict_of_a_check_appears_by_itself(
    a_class: Class, person: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(board, "TICK", 1000)  # so that only the report itself can be the reason
    page = person(a_class.page)
    expect(page.get_by_role("status")).to_contain_text("Nobody is on the board yet")
    catch_up("01")
    subprocess.run(
        [sys.executable, "-m", "workshop", "check", "01", "--class", a_class.address, "--name", "Ada"],
        cwd=paths.ROOT, env=dict(os.environ), check=True, capture_output=True,
        stdin=subprocess.DEVNULL,
    )  # fmt: skip
    expect(page.get_by_role("row").filter(has_text="Ada")).to_contain_text("not there yet")
    assert row(page, "Ada") == "Ada | 01 | not there yet | just now | just now"


def test_ten_minutes_without_moving_can_be_seen(
    a_class: Class, person: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(board, "TICK", 0.1)
    page = person(a_class.page)
    status = page.get_by_role("status")
    for name in ("Ada", "Bo"):
        sharing.share_progress(a_class.address, name)
        sharing.report(verdict())
    a_class.now = 10 * 60 - 1
    expect(page.get_by_text("9 min ago").first).to_be_visible()
    expect(status).to_have_text("Learners: 2. Without a new step or verdict for ten minutes: 0.")
    sharing.report(verdict(BROKEN))  # Bo's, who has moved
    a_class.now = 10 * 60
    expect(status).to_have_text("Learners: 2. Without a new step or verdict for ten minutes: 1.")
    assert row(page, "Ada") == "Ada | 05 | not there yet | not for 10 min | 10 min ago"
    assert row(page, "Bo") == "Bo | 05 | broken | just now | just now"


def test_a_name_is_text(a_class: Class, person: People) -> None:
    page = person(a_class.page)
    for name in (SCRIPT, "W" * sharing.LONGEST_NAME):
        sharing.share_progress(a_class.address, name)
        sharing.report(verdict())
    expect(page.get_by_role("cell", name=SCRIPT, exact=True)).to_be_visible()
    assert_sound(page)
    page.set_viewport_size({"width": NARROW, "height": HEIGHT})
    assert page.evaluate(SIDEWAYS) == 0


def test_the_terminal_names_the_board_and_the_page_notices_the_end(
    person: People, tmp_path: Path
) -> None:
    here = started(tmp_path)
    log = (tmp_path / "class.log").read_text(encoding="utf-8")
    found = re.search(r"(?s)Your board, [^:]*: (\S+)\n.*--class (\S+)\n", log)
    assert found and found[2] == f"{here.host}/{CODE}"
    page = person(found[1])
    expect(page.get_by_role("status")).to_contain_text("Nobody is on the board yet")
    person.tolerate(r"/live|ERR_CONNECTION_REFUSED|ERR_INCOMPLETE_CHUNKED")
    here.process.terminate()
    expect(page.get_by_role("status")).to_contain_text("The class has ended")
    here.process.wait()


def test_the_join_page_is_sound_and_says_what_is_wrong(
    person: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(door, "is_loopback", lambda _: False)  # the browser reaches only loopback
    here = Class("127.0.0.1")
    page = person(f"http://{here.place}/")
    assert_sound(page)
    person.tolerate("403")
    page.get_by_label("Join code").fill("xxxxxx")
    page.get_by_role("button", name="Join").click()
    expect(page.get_by_role("alert")).to_have_text("This is not the join code.")
    assert_sound(page)
    page.goto(f"http://{here.place}/chat?username=Ada")  # a page that was open before the class
    page.get_by_label("Join code").fill(f" {CODE.upper()} ")
    page.get_by_role("button", name="Join").click()
    expect(page.get_by_text("the stage")).to_be_visible()
    here.server.shutdown()
