"""Where a reader has stopped: the "New" line, and the place where the page is."""

from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.browser.people import People
from tests.browser.team import (
    LOOK_ELSEWHERE,
    TURN_TO_THIS_WINDOW,
    Line,
    Room,
    Team,
    bring_cookies,
    caught_up,
    connection,
    enter,
    link,
    messages,
    numbers,
    shows,
    talk,
    write,
)
from tests.final_app.rig import Person

pytestmark = pytest.mark.browser

READ = 10  # messages before those that are unread
HOLIDAY = 120  # unread messages: more than one page of history
COFFEE = 30  # unread messages: more than one screen
A_DAY = timedelta(days=1)
TOP = "node => node.getBoundingClientRect().top"
NAMES = """async ([module, days, now]) => {
    const { dayName } = await import(new URL(module, document.baseURI));
    return days.map((day) => dayName(day, Date.parse(now)));
}"""
MISSED = 220  # messages: more than one answer to `sync` holds


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


def test_what_arrives_while_the_page_is_hidden_is_below_a_line(team: Team, person: People) -> None:
    place = team.room("Hidden", team.bo)
    bo = enter(person, team.bo, place)
    talk(team.ada, place, 3)
    shows(bo, "line 1", "line 2", "line 3")
    has_read(team.bo, place, 3)
    expect(new_lines(bo)).to_have_count(0)  # the twin: Bo saw them arrive
    bo.evaluate(LOOK_ELSEWHERE, True)
    talk(team.ada, place, COFFEE)
    for hidden in (True, False):
        expect(link(bo, place)).to_have_attribute("data-unread", str(COFFEE))
        expect(bo.locator("#m-4 .new-line")).to_be_in_viewport()
        expect(messages(bo).last).not_to_be_in_viewport()
        if hidden:
            bo.evaluate(LOOK_ELSEWHERE, False)
    expect(new_lines(bo)).to_have_count(1)
    expect(bo.locator("#to-latest")).to_contain_text("new messages")
    bo.locator("#to-latest").click()
    has_read(team.bo, place, COFFEE + 3)
    bo.locator("#scroller").evaluate("it => { it.scrollTop -= 120 }")
    expect(bo.locator("#to-latest")).to_be_visible()
    line, seen = bo.locator("#m-4 .new-line"), bo.locator(f"#m-{COFFEE}")
    expect(line).not_to_be_in_viewport()  # it is above
    before = seen.evaluate(TOP)
    team.ada.say(place.id, "one more")
    expect(line).to_be_hidden()
    assert abs(seen.evaluate(TOP) - before) <= 1  # pixel
    bo.locator("#to-latest").click()
    has_read(team.bo, place, COFFEE + 4)
    bo.evaluate(LOOK_ELSEWHERE, True)
    team.ada.say(place.id, "and one more")
    expect(bo.locator(f"#m-{COFFEE + 5} .new-line")).to_be_in_viewport()  # it has moved
    expect(new_lines(bo)).to_have_count(1)


def test_a_window_without_focus_follows_the_end_and_keeps_the_line(
    team: Team, person: People
) -> None:
    """The window may be on a second monitor, where its owner sees what arrives."""
    place = team.room("Aside", team.bo)
    bo = enter(person, team.bo, place)
    bo.evaluate(TURN_TO_THIS_WINDOW, False)
    write(bo, "I'll be right back.")
    shows(bo, "I'll be right back.")
    last = talk(team.ada, place, COFFEE)["seq"]
    expect(bo.locator(f"#m-{last}")).to_be_in_viewport(ratio=1)
    expect(link(bo, place)).to_have_attribute("data-unread", str(COFFEE))
    bo.evaluate(TURN_TO_THIS_WINDOW, True)
    expect(link(bo, place)).to_have_attribute("data-unread", "0")
    expect(bo.locator(f"#m-{last}")).to_be_in_viewport(ratio=1)
    expect(bo.locator("#m-2 .new-line")).to_be_visible()  # not above what Bo wrote
    expect(new_lines(bo)).to_have_count(1)


def test_what_arrives_below_the_screen_is_below_a_line(team: Team, person: People) -> None:
    place = team.room("Below", team.bo)
    bo = enter(person, team.bo, place)
    last = talk(team.ada, place, COFFEE)["seq"]
    expect(bo.locator(f"#m-{last}")).to_be_in_viewport(ratio=1)
    has_read(team.bo, place, last)
    bo.locator("#scroller").evaluate("it => { it.scrollTop = 0 }")
    expect(bo.locator("#to-latest")).to_be_visible()
    talk(team.ada, place, 2)
    expect(bo.locator("#to-latest")).to_have_text("2 new messages")
    expect(bo.locator(f"#m-{last + 1} .new-line")).to_be_visible()
    expect(new_lines(bo)).to_have_count(1)


def test_a_hidden_page_that_missed_too_much_goes_on_at_the_first_unread_message(
    team: Team, person: People, line: Line
) -> None:
    place = team.room("Asleep", team.bo)
    bo = enter(person, team.bo, place, line=line)
    talk(team.ada, place, READ)
    has_read(team.bo, place, READ)
    bo.evaluate(LOOK_ELSEWHERE, True)
    line.cut()
    connection(bo, "offline")
    last = talk(team.ada, place, MISSED)
    line.restore()
    caught_up(bo)
    expect(bo.locator("html")).to_have_attribute("data-rev", str(last["rev"]))
    bo.evaluate(LOOK_ELSEWHERE, False)
    expect(bo.locator(f"#m-{READ + 1} .new-line")).to_be_in_viewport()
    assert last["seq"] not in numbers(bo)
    expect(link(bo, place)).to_have_attribute("data-unread", "100")  # the server counts no more
    bo.locator("#to-latest").click()
    expect(bo.locator(f"#m-{last['seq']}")).to_be_in_viewport(ratio=1)
    expect(link(bo, place)).to_have_attribute("data-unread", "0")


def test_at_midnight_the_messages_of_today_become_those_of_yesterday(
    team: Team, browser: Browser
) -> None:
    place, now = team.room("Midnight", team.bo), datetime.now(UTC)
    before = now - A_DAY
    talk(team.ada, place, 1)
    sql = "UPDATE messages SET created_at = :at WHERE room_id = :room"
    team.server.sql(sql, {"at": f"{before:%Y-%m-%d %H:%M:%S}.000000", "room": place.id})
    context = browser.new_context(timezone_id="UTC")  # of its own, because a clock can't be removed
    bring_cookies(context, team.bo)
    page = context.new_page()
    page.clock.install(time=before)
    page.goto(team.url + place.path)
    caught_up(page)
    days = page.locator(".day:visible")
    expect(days).to_have_text(["Today"])
    page.clock.set_system_time(now)
    talk(team.ada, place, 1)
    expect(days).to_have_text(["Yesterday", "Today"])
    page.clock.fast_forward(A_DAY // timedelta(milliseconds=1))
    expect(days.last).to_have_text("Yesterday")  # although nothing has arrived
    context.close()


def test_on_the_night_after_the_clocks_change_yesterday_is_still_yesterday(
    team: Team, browser: Browser
) -> None:
    context = browser.new_context(timezone_id="Europe/Berlin")
    page = context.new_page()
    page.goto(f"{team.url}/login")
    static = team.ada.get("/account").text.split("/js/account.js")[0].rsplit('"', 1)[1]
    for now, yesterday in (("2026-03-29T22:30Z", 29), ("2026-10-25T22:30Z", 24)):
        days = [f"{now[:8]}{day}T12:00Z" for day in (yesterday - 1, yesterday, yesterday + 1)]
        names = page.evaluate(NAMES, [f"{static}/js/core/times.js", days, now])
        assert [name == "Yesterday" for name in names] == [False, True, False], (now, names)
    context.close()


def has_read(who: Person, place: Room, seq: int) -> None:
    """Wait until this person's page has reported that it has read up to this message."""
    while (news := who.hear("read_changed"))["room"] != place.id or news["last_read_seq"] < seq:
        pass  # `hear` gives up after ANSWER_TIMEOUT


def new_lines(page: Page) -> Locator:
    return page.locator(".new-line:visible")
