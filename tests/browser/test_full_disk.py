"""A full disk from the user's point of view: the page explains the problem, and no text gets lost."""

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from playwright.sync_api import Error, expect

from tests.browser.looks import assert_sound
from tests.browser.people import People
from tests.browser.team import Team, a_team, enter, messages, shows, stored, write
from tests.faults.small_disk import SENTENCE, fill, small_disk, until_refused

pytestmark = pytest.mark.browser

SOON, LONG = 2_000, 60_000  # milliseconds
FILE = {"name": "notes.txt", "mimeType": "text/plain", "buffer": b"Bread\n" * 50_000}


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    with small_disk(tmp_path / "disk") as folder:
        yield folder


@pytest.fixture
def team(disk: Path) -> Iterator[Team]:
    """A chat with all its data on the small disk."""
    with a_team(disk / "chat") as team:
        yield team


def test_a_page_says_that_the_disk_is_full_and_sends_everything_when_it_is_not(
    disk: Path, team: Team, person: People
) -> None:
    person.tolerate("507")
    place = team.room("Full")
    ada = enter(person, team.ada, place)
    filler = fill(disk)
    until_refused(team.bo)
    write(ada, "Is anybody there?")
    waiting = messages(ada, "sending")
    expect(waiting).to_have_count(1)
    expect(waiting.locator(".delivery-text")).to_have_text(
        f"Not sent yet. {SENTENCE} Still trying."
    )
    write(ada, "Never mind")
    waiting.last.get_by_role("button", name="Discard").click()
    expect(ada.locator("#text")).to_have_value("Never mind")
    expect(waiting).to_have_count(1)
    ada.locator("input[type=file]").set_input_files([FILE])  # type: ignore[list-item]
    expect(ada.locator(".chip-note")).to_have_text(SENTENCE)
    ada.locator("#text").fill("With a file")
    assert_sound(ada)

    filler.unlink()
    with suppress(Error):  # the page, which keeps trying, may be quicker than this click
        waiting.get_by_role("button", name="Retry").click(timeout=SOON)
    expect(waiting).to_have_count(0, timeout=LONG)  # or it has just begun a pause
    shows(ada, "Is anybody there?")
    ada.get_by_role("button", name="Retry notes.txt").click()
    expect(ada.locator(".chip-note")).to_have_text("300 kB")
    ada.locator("#text").press("Enter")
    shows(ada, "Is anybody there?", "With a file")
    assert stored(team.ada, place) == ["Is anybody there?", "With a file"]
