"""What people do in passing in the finished chat has the effect that they expect, and no other."""

import re

import pytest
from playwright.sync_api import Page, Route, expect

from tests.browser.people import People
from tests.browser.team import (
    Line,
    Team,
    caught_up,
    connection,
    enter,
    link,
    messages,
    page_of,
    stored,
    talk,
    write,
)

pytestmark = pytest.mark.browser

LOW = 360  # pixels: a phone whose keyboard is open
INITIALS = {
    "Ana de Souza": "AD",
    "\U0001f1e9\U0001f1ea Dieter": "\U0001f1e9\U0001f1eaD",  # a flag
    "\U0001f44d\U0001f3fd \u2764\ufe0f": "\U0001f44d\U0001f3fd\u2764\ufe0f",  # emoji of several parts
    "e\u0301mile \u00df": "E\u0301S",  # an accent of its own, and a letter whose capital is SS
}


def active(page: Page) -> str:
    """Return the id of the element with the focus."""
    return str(page.evaluate("document.activeElement.id"))


def test_a_letter_after_a_click_on_a_message_is_no_command(team: Team, person: People) -> None:
    place = team.room("Clicks")
    ada = enter(person, team.ada, place)
    write(ada, "One", "Two")
    ada.locator("#m-1 .body").click()
    ada.keyboard.type("else")
    ada.keyboard.press("Enter")
    expect(ada.locator("#context")).to_be_hidden()
    assert stored(team.ada, place) == ["One", "Two"]
    ada.locator("#text").focus()
    ada.keyboard.press("Shift+Tab")  # the twin: who chose a message with the keyboard means it
    ada.locator("#m-2").press("e")
    expect(ada.locator("#context")).to_contain_text("Editing")
    ada.locator("#context-cancel").click()
    assert active(ada) == "text"


def test_after_the_send_button_one_goes_on_typing(team: Team, person: People) -> None:
    place = team.room("Buttons")
    ada = enter(person, team.ada, place)
    for text in ("first", "second"):
        ada.keyboard.type(text)
        ada.locator(".send").click()
    expect(messages(ada, "sent")).to_have_count(2)
    assert stored(team.ada, place) == ["first", "second"] and active(ada) == "text"


@pytest.mark.parametrize("width", [360, 640])
def test_on_a_low_screen_the_composer_leaves_space_for_the_messages(
    team: Team, person: People, width: int
) -> None:
    place = team.room(f"Low {width}", team.bo)
    team.bo.say(place.id, "Hello")
    ada = enter(person, team.ada, place, width=width)
    ada.set_viewport_size({"width": width, "height": LOW})
    ada.locator("#m-1").press("r")
    files = [{"name": f"{n}.txt", "mimeType": "text/plain", "buffer": b"x"} for n in range(6)]
    ada.locator("input[type=file]").set_input_files(files)  # type: ignore[arg-type]
    ada.locator("#text").fill("line\n" * 9)
    for selector in (".room-head", ".send"):
        box = ada.locator(selector).bounding_box()
        assert box and box["y"] >= 0 and box["y"] + box["height"] <= LOW, selector
    log = ada.locator("#scroller").bounding_box()
    assert log and log["height"] > 20
    ada.goto("about:blank")


def test_where_nobody_can_write_a_message_offers_only_its_link(team: Team, person: People) -> None:
    place = team.room("Past")
    team.ada.say(place.id, "Old")
    ada = enter(person, team.ada, place)
    assert team.ada.ask("DELETE", f"/rooms/{place.id}")["ok"]
    expect(ada.locator("#closed")).to_contain_text("archived")
    ada.locator("#m-1").hover()
    expect(ada.locator("#m-1 .actions button:visible")).to_have_count(1)
    ada.locator("#m-1").press("Delete")
    expect(ada.locator("#confirm")).to_be_hidden()


def test_nobody_writes_to_somebody_who_is_banned(team: Team, person: People) -> None:
    guest = team.newcomer("visitor")
    guest.connect()
    guest.leave()
    slug = team.ada.ask("POST", f"/dm/{guest.id}")["room"]["slug"]
    place = team.room("Lobby")
    ada = enter(person, team.ada, place, path=f"/r/{slug}")
    expect(ada.locator("#text")).to_be_visible()
    assert team.ada.ask("POST", f"/api/people/{guest.id}/ban")["ok"]
    expect(ada.locator("#closed")).to_contain_text("can no longer read messages here")
    expect(ada.locator("#text")).to_be_hidden()


def test_another_name_reaches_every_label_of_the_room(team: Team, person: People) -> None:
    place = team.room("Keys")
    ada = enter(person, team.ada, place)
    assert team.ada.ask("PATCH", f"/rooms/{place.id}", {"name": "Kitchen"})["ok"]
    expect(ada.locator("#room-name")).to_have_text("Kitchen")
    expect(ada.locator("#text")).to_have_attribute("placeholder", "Message #Kitchen")
    expect(ada.get_by_label("Messages in Kitchen")).to_be_visible()
    expect(ada.locator(".start-title")).to_contain_text("#Kitchen")
    expect(ada.locator("#rename-name")).to_have_value("Kitchen")


def test_a_list_of_names_does_not_keep_a_message_from_being_sent(
    team: Team, person: People
) -> None:
    place = team.room("Names", team.bo)
    ada = enter(person, team.ada, place)
    ada.keyboard.type("Hi @b")
    expect(ada.locator(".mentions")).to_be_visible()
    ada.keyboard.press("Home")
    ada.keyboard.press("Enter")
    expect(messages(ada, "sent")).to_have_count(1)
    assert stored(team.ada, place) == ["Hi @b"]


def test_who_answers_or_edits_a_message_notices_that_it_was_deleted(
    team: Team, person: People
) -> None:
    place = team.room("Gone", team.bo)
    theirs = team.bo.say(place.id, "A question")["message"]["id"]
    own = team.ada.say(place.id, "An answer")["message"]["id"]
    ada = enter(person, team.ada, place)
    ada.locator("#m-1").press("r")
    ada.locator("#text").fill("My reply")
    team.bo.emit("delete_message", {"id": theirs})
    expect(ada.locator("#context")).to_be_hidden()
    expect(ada.locator("#text")).to_have_value("My reply")
    ada.locator("#text").fill("")
    ada.locator("#m-2").press("e")
    ada.locator("#text").fill("A better answer")
    team.ada.emit("delete_message", {"id": own})
    expect(ada.locator("#held")).to_contain_text(re.compile("was deleted"))
    expect(ada.locator("#text")).to_have_value("A better answer")


def test_without_a_connection_the_page_stays_and_says_so(
    team: Team, person: People, line: Line
) -> None:
    place, other = team.room("Unplugged"), team.room("Unreachable")
    team.ada.say(other.id, "xyzzy")
    ada = enter(person, team.ada, place, line=line)
    ada.locator("#search-toggle").click()
    ada.locator("#search-all").check()
    ada.locator("#search-text").fill("xyzzy")
    expect(ada.locator("#search-results a")).to_be_visible()
    line.cut()
    connection(ada, "offline")
    for leave in (
        lambda: link(ada, other).click(),
        lambda: ada.keyboard.press("Alt+ArrowUp"),
        lambda: ada.locator("#search-results a").click(),
        lambda: (
            ada.keyboard.press("Control+k"),
            ada.keyboard.type("unreach"),
            ada.keyboard.press("Enter"),
        ),
        lambda: ada.get_by_role("button", name="Log out").click(),
    ):
        leave()
        expect(ada.locator(".toast")).to_contain_text("You're offline")
        expect(ada.locator("#room-name")).to_have_text("Unplugged")
        ada.locator(".toast button").click()
    ada.keyboard.press("Escape")
    ada.set_viewport_size({"width": 360, "height": 740})
    ada.locator(".rail-open").click()
    link(ada, other).click()
    ada.locator(".toast p").click(trial=True)  # the list of rooms doesn't cover it
    ada.keyboard.press("Escape")
    ada.set_viewport_size({"width": 1280, "height": 740})
    line.restore(sockets=False)  # the twin: where pages arrive, one can go, even without a socket
    link(ada, other).click()
    expect(ada.locator("#room-name")).to_have_text("Unreachable")
    expect(ada.locator("#search")).to_be_hidden()  # one came through the list of rooms


def test_on_a_slow_line_the_page_waits_for_the_one_that_was_chosen_last(
    team: Team, person: People, line: Line
) -> None:
    slow, first, last = (team.room(name) for name in ("Sluggish", "First choice", "Last choice"))
    ada = enter(person, team.ada, slow, line=line)
    line.cut()
    connection(ada, "offline")
    line.restore(sockets=False)
    line.hold()
    link(ada, first).click()
    link(ada, last).click()
    expect(ada.locator(".toast")).to_contain_text("slow to respond")
    line.release()
    expect(ada.locator("#room-name")).to_have_text("Last choice")
    ada.wait_for_load_state()  # the line ends with the test, and a script may still be on its way


def test_back_online_the_page_does_not_go_where_somebody_no_longer_wants_to_go(
    team: Team, person: People, line: Line
) -> None:
    here, first, last = (team.room(name) for name in ("Hurry", "Not there", "Over there"))
    ada = enter(person, team.ada, here, line=line)
    held: list[Route] = []
    ada.route(f"**{first.path}", lambda route: held.append(route), times=1)
    ada.route(f"**{last.path}", lambda route: held.append(route))
    line.cut()
    connection(ada, "offline")
    with ada.expect_request(f"**{first.path}"):
        link(ada, first).click()
    line.restore()
    caught_up(ada)
    with ada.expect_request(f"**{last.path}"):
        link(ada, last).evaluate("it => { it.click() }")  # Playwright's click waits for the page
    held[0].fulfill()
    ada.wait_for_timeout(200)  # for the page to be wrong in
    held[1].continue_()
    expect(ada.locator("#room-name")).to_have_text("Over there")


def test_a_toast_can_be_closed_while_a_dialog_is_open(
    team: Team, person: People, line: Line
) -> None:
    place = team.room("Below a dialog")
    other = team.bo.ask("POST", "/rooms", {"name": "Joinable", "kind": "open"})["room"]
    assert team.ada.ask("DELETE", f"/rooms/{other['id']}/members/{team.ada.id}")["ok"]
    ada = enter(person, team.ada, place, line=line)
    ada.locator("#browse-open").click()
    expect(ada.locator("#browse")).to_be_visible()
    line.cut()
    ada.get_by_role("button", name="Join Joinable").click()
    ada.get_by_role("alert").get_by_role("button", name="Dismiss").click()
    expect(ada.locator(".toast")).to_have_count(0)
    ada.get_by_role("button", name="Join Joinable").click()
    expect(ada.locator(".toast")).to_be_visible()
    ada.keyboard.press("Escape")
    expect(ada.locator("#browse")).to_be_hidden()
    ada.get_by_role("alert").get_by_role("button", name="Dismiss").click()  # it outlives the dialog


def test_a_double_click_creates_one_room(team: Team, person: People) -> None:
    place = team.room("Clicked twice")
    ada = enter(person, team.ada, place)
    asked: list[str] = []
    ada.on("request", lambda it: it.method == "POST" and asked.append(it.url))
    ada.locator("#create-open").click()
    ada.locator("#create-name").fill("Twins")
    ada.locator("#create-form .primary").dblclick()
    expect(ada.locator("#room-name")).to_have_text("Twins")
    assert len(asked) == 1


def save_empty(page: Page) -> None:
    """Edit the first message so that nothing is left, and save it."""
    page.locator("#m-1").press("e")
    page.locator("#text").fill("")
    page.keyboard.press("Enter")
    expect(page.locator("#held")).to_contain_text("delete")


def test_who_saves_an_empty_edit_learns_what_to_do(team: Team, person: People) -> None:
    place = team.room("Emptied")
    team.ada.say(place.id, "One")
    ada = enter(person, team.ada, place)
    save_empty(ada)
    ada.keyboard.type("Two")
    expect(ada.locator("#held")).to_have_text("")
    ada.keyboard.press("Enter")
    expect(ada.locator("#m-1 .body")).to_have_text("Two")
    save_empty(ada)
    ada.keyboard.press("Escape")
    expect(ada.locator("#held")).to_have_text("")


def test_what_is_typed_while_an_edit_is_stored_is_not_lost(
    team: Team, person: People, line: Line
) -> None:
    place = team.room("Typed on")
    team.ada.say(place.id, "One")
    ada = enter(person, team.ada, place, line=line)
    ada.locator("#m-1").press("e")
    ada.locator("#text").fill("Two")
    line.hold()
    ada.keyboard.press("Enter")
    ada.keyboard.type(" and more")
    line.release()
    expect(ada.locator("#m-1 .body")).to_have_text("Two")
    team.ada.say(place.id, "Later")
    expect(ada.locator("#m-2")).to_be_visible()  # so the acknowledgement has arrived, too
    ada.keyboard.press("Enter")
    expect(ada.locator("#m-1 .body")).to_have_text("Two and more")
    expect(ada.locator("#context")).to_be_hidden()
    expect(ada.locator("#text")).to_have_value("")


def test_alt_and_an_arrow_leave_neither_a_list_nor_a_dialog(team: Team, person: People) -> None:
    place = team.room("Arrows")
    ada = enter(person, team.ada, place)
    ada.evaluate("addEventListener('click', () => (window.left = true))")
    ada.locator("#people-toggle").press("Enter")
    ada.evaluate("window.left = false")
    ada.locator("#notify-level").press("Alt+ArrowDown")
    ada.keyboard.press("Escape")
    assert ada.evaluate("window.left") is False
    ada.keyboard.press("Control+k")
    ada.keyboard.press("Alt+ArrowDown")
    assert ada.evaluate("window.left") is False
    expect(ada.locator("#switcher")).to_be_visible()


def test_esc_in_the_message_field_closes_the_panel(team: Team, person: People) -> None:
    place = team.room("Esc", team.bo)
    team.ada.say(place.id, "One")
    ada = enter(person, team.ada, place)
    ada.locator("#people-toggle").click()
    ada.locator("#m-1").press("e")
    ada.keyboard.press("Escape")  # one thing at a time: first the edit
    expect(ada.locator("#context")).to_be_hidden()
    expect(ada.locator("#people")).to_be_visible()
    ada.keyboard.press("Control+k")
    ada.keyboard.press("Escape")
    expect(ada.locator("#switcher")).to_be_hidden()
    expect(ada.locator("#people")).to_be_visible()
    ada.keyboard.type("Hi @b")
    expect(ada.locator("#mentions")).to_be_visible()
    ada.keyboard.press("Escape")
    expect(ada.locator("#mentions")).to_be_hidden()
    expect(ada.locator("#people")).to_be_visible()
    ada.keyboard.press("Escape")
    expect(ada.locator("#people")).to_be_hidden()
    assert active(ada) == "text"


def test_another_name_of_somebody_reaches_their_messages(team: Team, person: People) -> None:
    second = team.newcomer("second")
    second.connect()
    place = team.room("Renamed", second)
    said = second.say(place.id, "Hello")["message"]["id"]
    team.ada.say(place.id, "Hi", reply_to=said)
    ada = enter(person, team.ada, place)
    expect(ada.locator("#m-1 .author")).to_have_text("second")
    expect(ada.locator("#m-2 .quote-author")).to_have_text("second")
    second.form("/account/name", "/account", name="Cy Two")
    expect(ada.locator("#m-1 .author")).to_have_text("Cy Two")
    expect(ada.locator("#m-1 .avatar")).to_have_text("CT")
    expect(ada.locator("#m-2 .quote-author")).to_have_text("Cy Two")
    ada.locator("#m-1").press("r")
    expect(ada.locator("#context-title")).to_have_text("Replying to Cy Two")
    write(ada, "Welcome")
    second.form("/account/name", "/account", name="Cy Three")
    for seq in (2, 3):
        expect(ada.locator(f"#m-{seq} .quote-author")).to_have_text("Cy Three")
    second.emit("edit_message", {"id": said, "text": "Hey"})  # its quotes are filled again
    expect(ada.locator("#m-2 .quote-text")).to_have_text("Hey")
    expect(ada.locator("#m-2 .quote-author")).to_have_text("Cy Three")
    second.leave()


def test_an_avatar_shows_the_first_characters_of_a_name_as_readers_see_them(
    team: Team, person: People
) -> None:
    """The server and the page find them separately."""
    flagged = team.newcomer("flagged")
    page = page_of(person, flagged)
    page.goto(team.url)
    caught_up(page)
    for name, initials in INITIALS.items():
        flagged.form("/account/name", "/account", name=name)
        expect(page.locator(".me .avatar")).to_have_text(initials)
        assert f'aria-hidden="true">{initials}</span>' in flagged.get("/account").text


def test_the_focus_stays_in_the_page_when_its_control_disappears(
    team: Team, person: People
) -> None:
    place = team.room("Focus", team.bo)
    talk(team.ada, place, 60)
    ada = enter(person, team.ada, place)
    assert active(ada) == "text"
    assert team.ada.ask("DELETE", f"/rooms/{place.id}")["ok"]  # archives it
    expect(ada.locator("#scroller")).to_be_focused()
    assert team.ada.ask("POST", f"/rooms/{place.id}/unarchive")["ok"]
    expect(ada.locator("#composer")).to_be_visible()
    ada.locator("#m-60").press("Enter")
    ada.locator("#m-60 [data-act=copy]").press("Enter")
    ada.locator(".toast button").press("Enter")
    assert active(ada) == "text"
    ada.locator("#scroller").evaluate("it => it.scrollTop = 0")
    ada.locator("#to-latest").press("Enter")
    expect(ada.locator("#text")).to_be_focused()
    ada.locator("#people-toggle").press("Enter")
    ada.get_by_role("button", name="Remove bo").press("Enter")
    ada.locator("#confirm-yes").press("Enter")
    expect(ada.locator("#members li")).to_have_count(1)
    assert active(ada) == "people"
    ada.locator("#archive").press("Enter")
    ada.locator("#confirm-yes").press("Enter")
    expect(ada.locator("#unarchive")).to_be_visible()
    assert active(ada) == "people"


def test_what_is_typed_before_the_script_runs_stays(team: Team, person: People) -> None:
    """On a slow line, this takes many seconds."""
    place = team.room("Early")
    ada = page_of(person, team.ada)
    held: list[Route] = []
    ada.route("**/js/main.js*", lambda route: held.append(route))
    with ada.expect_request("**/js/main.js*"):
        ada.goto(team.url + place.path, wait_until="commit")
    ada.locator("#text").fill("Good morning")
    expect(ada.locator(".send")).to_be_disabled()  # it would load the page again
    held.pop().continue_()
    caught_up(ada)
    expect(ada.locator("#text")).to_have_value("Good morning")
    ada.locator(".send").click()
    expect(messages(ada, "sent")).to_have_count(1)
    ada.locator("#text").fill("A draft")  # a draft that is older comes first
    with ada.expect_request("**/js/main.js*"):
        ada.reload(wait_until="commit")
    ada.locator("#text").fill("And more")
    held.pop().continue_()
    caught_up(ada)
    expect(ada.locator("#text")).to_have_value("A draft\nAnd more")
