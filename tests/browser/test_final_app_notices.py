"""Notifications of the finished chat, in a browser with windows. The headless shell refuses them."""

import json
import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, Playwright, Route, WebSocketRoute, expect

from tests.browser.conftest import launched
from tests.browser.people import Browsers, People
from tests.browser.team import (
    LOOK_ELSEWHERE,
    SOON_AGAIN,
    TURN_TO_THIS_WINDOW,
    Line,
    Room,
    Team,
    caught_up,
    connection,
    enter,
    link,
    page_of,
    set_level,
    shows,
    talk,
)
from tests.final_app.rig import Person
from tests.needs import needs_windows

pytestmark = pytest.mark.browser

LONG_TALK = 120  # messages: more than the page holds that one comes to
READ_ELSEWHERE = 1_000  # milliseconds that a page waits before it tells, as in notifier.js
# Keeps what the page tells the system; the permission is the browser's own.
RECORDING = """{
    const real = window.Notification;
    const told = window.told = [];
    window.asked = 0;
    window.Notification = class {
        static get permission() { return window.permission ?? real.permission; }
        static async requestPermission() { window.asked += 1; return real.permission; }
        constructor(title, options) {
            Object.assign(this, { title, ...options });
            told.push(this);
            document.documentElement.dataset.told = told.length;
        }
        close() { this.closed = true; }
    };
}"""


@pytest.fixture(scope="module")
def browsers(playwright: Playwright) -> Iterator[Browsers]:
    with launched(playwright, needs_windows()) as browser:
        browsers = Browsers(browser)
        yield browsers
        browsers.close()


@pytest.fixture(scope="module")
def library(team: Team) -> Room:
    """A room with more messages than the page at its beginning holds."""
    place = team.room("Library", team.bo)
    talk(team.ada, place, LONG_TALK)
    return place


def test_nothing_is_asked_or_told_before_somebody_wants_it(team: Team, person: People) -> None:
    here, there = team.room("Not asked", team.bo), team.room("Not told", team.bo)
    bo = listening(person, team.bo, here, wants=False)
    team.ada.say(there.id, "Nobody is told of this")
    expect(link(bo, there)).to_have_attribute("data-unread", "1")
    bo.locator("#people-toggle").click()
    expect(bo.locator("#notices-state")).to_have_text("Off in this browser.")
    bo.locator("#notices-on").check()
    expect(bo.locator("#notices")).to_have_attribute("data-state", "on")
    team.ada.say(there.id, "Somebody is **told** of `this`")
    expect(bo.locator("html")).to_have_attribute("data-told", "1")
    assert [each["body"] for each in told(bo)] == ["Somebody is told of this"]
    bo.locator("#notices-on").uncheck()
    expect(bo.locator("#notices")).to_have_attribute("data-state", "off")
    bo.evaluate("window.permission = 'default'")
    assert bo.evaluate("window.asked") == 0
    bo.locator("#notices-on").click()
    expect(bo.locator("#notices")).to_have_attribute("data-state", "off")  # and nobody said yes
    assert bo.evaluate("window.asked") == 1


def test_a_browser_that_has_blocked_notifications_is_shown_as_such(
    team: Team, person: People
) -> None:
    bo = listening(person, team.bo, team.room("Blocked", team.bo))
    bo.evaluate("window.permission = 'denied'")
    bo.locator("#people-toggle").click()
    expect(bo.locator("#notices-state")).to_contain_text("Blocked by your browser.")
    expect(bo.locator("#notices-on")).to_be_disabled()
    expect(bo.locator("#notices-on")).not_to_be_checked()


def test_a_notification_is_shown_of_what_is_not_in_view_and_leads_there(
    team: Team, person: People
) -> None:
    here, there = team.room("In view", team.bo), team.room("Out of view", team.bo)
    bo = listening(person, team.bo, here)
    team.ada.say(here.id, "is seen as it comes")
    team.ada.say(there.id, "is in another room")
    expect(bo.locator("html")).to_have_attribute("data-told", "1")
    bo.evaluate(LOOK_ELSEWHERE, True)
    team.ada.say(here.id, "comes while the tab is hidden")
    expect(bo.locator("html")).to_have_attribute("data-told", "2")
    first, second = told(bo)
    assert (first["title"], first["body"]) == ("ada in #Out of view", "is in another room")
    assert (second["title"], second["body"]) == ("ada in #In view", "comes while the tab is hidden")
    bo.evaluate("window.neverReloaded = true")
    bo.evaluate("told[1].onclick()")
    expect(bo.locator("#m-2")).to_be_focused()
    assert bo.evaluate("window.neverReloaded && told[1].closed")
    bo.evaluate("told[0].onclick()")
    bo.wait_for_url(f"**{there.path}/1")
    caught_up(bo)


def test_the_room_that_is_open_tells_nothing_even_to_who_reads_its_beginning(
    team: Team, person: People, library: Room
) -> None:
    other = team.room("Told instead", team.bo)
    bo = listening(person, team.bo, library, path=f"{library.path}/1")
    team.ada.say(library.id, "comes at the other end")
    expect(bo.locator("#to-latest")).to_be_visible()
    expect(link(bo, library)).not_to_have_attribute("data-unread", "0")
    team.ada.say(other.id, "comes later")
    expect(bo.locator("html")).to_have_attribute("data-told", "1")
    assert [each["body"] for each in told(bo)] == ["comes later"]


def test_what_is_read_elsewhere_is_no_news_and_is_taken_back(team: Team, person: People) -> None:
    here, there = team.room("Read here", team.bo), team.room("Read there", team.bo)
    bo = listening(person, team.bo, here)
    tab = bo.context.new_page()
    tab.goto(team.url + there.path)
    caught_up(tab)
    team.ada.say(there.id, "is read in the other tab")
    shows(tab, "is read in the other tab")
    expect(link(bo, there)).to_have_attribute("data-unread", "0")
    tab.evaluate(LOOK_ELSEWHERE, True)
    team.ada.say(there.id, "is read later")
    expect(bo.locator("html")).to_have_attribute("data-told", "1")
    assert [each["body"] for each in told(bo)] == ["is read later"]
    tab.evaluate(LOOK_ELSEWHERE, False)
    expect(link(bo, there)).to_have_attribute("data-unread", "0")
    assert bo.evaluate("told[0].closed")


def test_a_window_without_focus_reads_nothing_and_tells_what_is_new(
    team: Team, person: People
) -> None:
    """The window is visible on a second monitor, but its owner is typing in another window."""
    reader = team.newcomer("focus")  # with no unread messages of other tests
    reader.connect()
    here = team.room("Second monitor", reader)
    page = listening(person, reader, here)
    page.evaluate(TURN_TO_THIS_WINDOW, False)
    team.ada.say(here.id, "@focus, are you there?")
    shows(page, "@focus, are you there?")
    expect(page).to_have_title("(1) Second monitor")
    expect(page.locator("html")).to_have_attribute("data-told", "1")  # a second later
    expect(link(page, here)).to_have_attribute("data-mentions", "1")
    assert page.evaluate("document.visibilityState") == "visible"
    assert unread_on_the_server(reader, here) == 1
    page.evaluate(TURN_TO_THIS_WINDOW, True)
    expect(link(page, here)).to_have_attribute("data-unread", "0")
    expect(page).to_have_title("Second monitor")
    assert page.evaluate("told[0].closed")
    assert unread_on_the_server(reader, here) == 0
    team.ada.say(here.id, "is seen as it comes, @focus")
    shows(page, "@focus, are you there?", "is seen as it comes, @focus")
    page.wait_for_timeout(READ_ELSEWHERE + 200)
    expect(link(page, here)).to_have_attribute("data-unread", "0")
    assert len(told(page)) == 1
    reader.leave()


def test_each_room_tells_as_much_as_its_level_says(team: Team, person: People) -> None:
    here = team.room("Levels", team.bo)
    rooms = {level: team.room(f"Level {level}", team.bo) for level in ("all", "mentions", "none")}
    for level, place in rooms.items():
        set_level(team.bo, place, level)
    found = team.ada.ask("POST", f"/dm/{team.bo.id}")["room"]
    direct = Room(found["id"], found["slug"], "ada")
    set_level(team.bo, direct, "mentions")
    bo = listening(person, team.bo, here)
    for place in rooms.values():
        team.ada.say(place.id, "to all")
        team.ada.say(place.id, "to you, @bo")
    team.ada.say(direct.id, "the last one")
    expect(bo.locator("html")).to_have_attribute("data-told", "4")
    assert [(each["title"], each["body"]) for each in told(bo)] == [
        ("ada in #Level all", "to all"),
        ("ada in #Level all", "to you, @bo"),
        ("ada in #Level mentions", "to you, @bo"),
        ("ada", "the last one"),
    ]


def test_what_was_missed_without_a_connection_is_told_as_far_as_the_level_says(
    team: Team, person: People, line: Line
) -> None:
    reader = team.newcomer("misser")  # with no unread messages of other tests
    reader.connect()
    here = team.room("Missed here", reader)
    rooms = {level: team.room(f"Missed {level}", reader) for level in ("all", "mentions", "none")}
    for level, place in rooms.items():
        set_level(reader, place, level)
    page = listening(person, reader, here, line=line)
    page.evaluate(LOOK_ELSEWHERE, True)
    line.cut()
    connection(page, "offline")
    team.ada.say(here.id, "to all")
    for place in rooms.values():
        team.ada.say(place.id, "to all")
        team.ada.say(place.id, "to you, @misser")
    line.restore()
    expect(page.locator("html")).to_have_attribute("data-told", "3")
    assert [(each["title"], each["body"]) for each in told(page)] == [
        ("#Missed all", "2 new messages, 1 for you"),
        ("#Missed here", "1 new message"),
        ("#Missed mentions", "2 new messages, 1 for you"),
    ]
    line.cut()
    connection(page, "offline")
    line.restore()
    caught_up(page)
    team.ada.say(here.id, "arrives")  # the twin: nothing was missed this time
    expect(page.locator("html")).to_have_attribute("data-told", "4")
    assert told(page)[3]["body"] == "arrives"
    page.evaluate("told[0].onclick()")
    page.wait_for_url(f"**{rooms['all'].path}/1")
    caught_up(page)
    reader.leave()


def test_a_direct_room_appears_with_its_first_message(team: Team, person: People) -> None:
    guest = team.newcomer("guest")
    guest.connect()
    his = enter(person, guest, team.room("Lobby", guest))
    found = team.ada.ask("POST", f"/dm/{guest.id}")["room"]
    direct = Room(found["id"], found["slug"], "ada")
    hers = enter(person, team.ada, direct)
    expect(link(hers, direct)).to_have_attribute("aria-current", "page")  # Ada is about to write
    expect(link(his, direct)).to_have_count(0)
    his.reload()
    caught_up(his)
    expect(link(his, direct)).to_have_count(0)
    team.ada.say(direct.id, "Hello!")
    expect(link(his, direct)).to_have_attribute("data-unread", "1")
    guest.leave()


def test_a_message_that_is_deleted_before_it_is_read_is_no_longer_counted(
    team: Team, person: People
) -> None:
    dee = team.newcomer("dee")  # for whom nothing else is unread
    dee.connect()
    here, there = team.room("Here", dee), team.room("There", dee)
    page = enter(person, dee, here)
    said = [team.ada.say(there.id, text)["message"]["id"] for text in ("@dee, look!", "Or not.")]
    expect(page).to_have_title("(2) Here")
    assert team.ada.emit("delete_message", {"id": said[1]})["ok"]
    expect(page).to_have_title("(1) Here")
    expect(link(page, there)).to_have_attribute("data-mentions", "1")
    assert team.ada.emit("delete_message", {"id": said[0]})["ok"]
    expect(page).to_have_title("Here")
    expect(link(page, there)).to_have_attribute("data-mentions", "0")
    mine = dee.say(there.id, "I'm here.")["message"]["id"]  # the twin: it never counted
    team.ada.say(there.id, "Me too.")
    expect(page).to_have_title("(1) Here")
    assert dee.emit("delete_message", {"id": mine})["ok"]
    expect(link(page, there)).to_have_attribute("data-unread", "1")
    dee.leave()


def test_news_that_overtakes_an_answer_about_what_was_read_is_counted(
    team: Team, person: People
) -> None:
    """With several processes, such an answer can be older than the events before it."""
    fay = team.newcomer("fay")
    fay.connect()
    here, there = team.room("Near", fay), team.room("Far", fay)
    page = page_of(person, fay)
    lines: list[WebSocketRoute] = []
    page.route_web_socket("**/socket.io/**", lambda line: lines.append(passing_on(line)))
    page.goto(team.url + here.path)
    caught_up(page)
    said = [team.ada.say(there.id, text)["message"]["id"] for text in ("@fay, look!", "Or not.")]
    expect(page).to_have_title("(2) Near")
    hear_what_was_read(lines[-1], there, unread=0, last_seq=0, last_rev=0)
    set_level(fay, there, "mentions")
    expect(link(page, there)).to_have_attribute("data-notify", "mentions")  # this came after it
    expect(page).to_have_title("(2) Near")
    expect(link(page, there)).to_have_attribute("data-mentions", "1")
    assert team.ada.emit("delete_message", {"id": said[1]})["ok"]
    expect(page).to_have_title("(1) Near")
    hear_what_was_read(lines[-1], there, unread=2, last_seq=2, last_rev=2)
    set_level(fay, there, "all")
    expect(link(page, there)).to_have_attribute("data-notify", "all")
    expect(page).to_have_title("(1) Near")
    hear_what_was_read(lines[-1], there, unread=0, last_seq=2, last_rev=3)  # the twin: it is newer
    expect(page).to_have_title("Near")
    fay.leave()


def test_a_muted_room_is_dimmed_and_counts_mentions_only(team: Team, person: People) -> None:
    reader = team.newcomer("reader")  # with no unread messages of other tests
    reader.connect()
    here, quiet = team.room("Loud", reader), team.room("Quiet", reader)
    page = enter(person, reader, quiet)
    other = page.context.new_page()
    other.goto(team.url + here.path)
    caught_up(other)
    page.locator("#people-toggle").click()
    page.locator("#notify-level").select_option("none")
    for tab in (page, other):
        expect(link(tab, quiet)).to_have_attribute("data-notify", "none")
        expect(link(tab, quiet).locator(".muted-mark")).to_be_visible()
    page.goto("about:blank")
    team.ada.say(quiet.id, "whispers")
    expect(link(other, quiet)).to_have_attribute("data-unread", "1")
    expect(link(other, quiet).locator(".badge")).to_be_hidden()
    expect(other).to_have_title("Loud")
    team.ada.say(quiet.id, "@reader!")
    expect(other).to_have_title("(1) Loud")
    expect(link(other, quiet).locator(".badge-count")).to_have_text("@1")
    other.reload()  # what the server renders is the same
    caught_up(other)
    expect(other).to_have_title("(1) Loud")
    expect(link(other, quiet).locator(".muted-mark")).to_be_visible()
    team.ada.say(here.id, "is read")
    shows(other, "is read")
    reader.leave()


def test_a_level_stays_as_chosen_until_the_server_answers(team: Team, person: People) -> None:
    person.tolerate("503")
    here, there = team.room("Undecided", team.bo), team.room("Undisturbed", team.bo)
    bo = enter(person, team.bo, here)
    bo.locator("#people-toggle").click()
    level = bo.locator("#notify-level")
    held: list[Route] = []
    bo.route("**/notify", lambda route: route.continue_() if held else held.append(route))
    with bo.expect_request("**/notify"):
        level.press("ArrowDown")
    team.ada.say(there.id, "Hello")
    expect(link(bo, there)).to_have_attribute("data-unread", "1")
    expect(level).to_have_value("mentions")
    level.press("ArrowDown")  # goes on from there
    expect(level).to_have_value("none")
    with bo.expect_response("**/notify"):
        held[0].continue_()
    expect(link(bo, here)).to_have_attribute("data-notify", "none")
    expect(level).to_have_value("none")
    bo.unroute("**/notify")
    bo.route("**/notify", lambda route: route.fulfill(status=503))
    level.select_option("all")
    expect(bo.locator("#toasts p")).to_have_count(1)
    expect(level).to_have_value("none")  # as the server still has it
    bo.reload()
    caught_up(bo)
    expect(link(bo, here)).to_have_attribute("data-notify", "none")  # what was chosen last


def passing_on(line: WebSocketRoute) -> WebSocketRoute:
    """Connect a page's WebSocket to the server. The test can still send to the page."""
    line.connect_to_server()
    return line


def hear_what_was_read(line: WebSocketRoute, place: Room, **counts: int) -> None:
    data = {"room": place.id, "last_read_seq": 0, "mentions": 0} | counts
    line.send(f"42{json.dumps(['read_changed', data])}")


def listening(
    people: People, who: Person, place: Room, *,
    line: Line | None = None, path: str = "", wants: bool = True,
) -> Page:  # fmt: skip
    """Open a room in a browser that allows notifications and records them."""
    page = page_of(people, who)
    url = line.url if line else who.server.url
    page.context.grant_permissions(["notifications"], origin=url)
    page.add_init_script(RECORDING)
    page.add_init_script(SOON_AGAIN)
    page.goto(url + (path or place.path))
    caught_up(page)
    if wants:
        page.locator("#people-toggle").click()
        page.locator("#notices-on").press("Space")  # a click could miss it while the panel fills
        expect(page.locator("#notices")).to_have_attribute("data-state", "on")
        page.keyboard.press("Escape")
        expect(page.locator("#people")).to_be_hidden()
    return page


def told(page: Page) -> list[dict[str, str]]:
    found: list[dict[str, str]] = page.evaluate("told.map(({ title, body }) => ({ title, body }))")
    return found


def unread_on_the_server(who: Person, place: Room) -> int:
    """Return the unread count in the page that the server renders."""
    state = re.search(r'id="state">(.*?)</script>', who.get(place.path).text)
    assert state
    return int(json.loads(state[1])["room"]["unread"])
