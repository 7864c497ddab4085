"""Where a reader has stopped: the "New" line, and the place where the page is."""

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.people import People
from tests.browser.team import Team, caught_up, enter, link, talk

pytestmark = pytest.mark.browser

READ = 10  # messages before those that are unread
HOLIDAY = 120  # unread messages: more than one page of history


def test_a_room_with_many_unread_messages_opens_at_the_first_of_them(
    team: Team, person: People
) -> None:
    place = team.room("Holiday", team.bo)
    read = talk(team.ada, place, READ)["seq"]
    team.bo.emit("mark_read", {"room": place.id, "seq": read})
    talk(team.ada, place, HOLIDAY)
    bo = enter(person, team.bo, place)
    expect(bo.locator(f"#m-{read + 1} .new-line")).to_be_in_viewport()
    expect(new_lines(bo)).to_have_count(1)
    expect(bo.locator("#to-latest")).to_contain_text("new messages")
    expect(link(bo, place)).to_have_attribute("data-unread", "100")  # the server counts no more
    bo.locator("#to-latest").click()
    expect(bo.locator(f"#m-{read + HOLIDAY}")).to_be_in_viewport(ratio=1)
    expect(link(bo, place)).to_have_attribute("data-unread", "0")
    bo.reload()  # the twin: nothing is unread, so the room opens at its end
    caught_up(bo)
    expect(bo.locator(f"#m-{read + HOLIDAY}")).to_be_in_viewport(ratio=1)
    expect(new_lines(bo)).to_have_count(0)


def new_lines(page: Page) -> Locator:
    return page.locator(".new-line:visible")
