"""Search, switching rooms, notifications, moderation and the protocol inspector, in real browsers."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Locator, Page, Route, expect

from tests.browser.looks import SIDEWAYS, assert_sound
from tests.browser.people import NARROW, People
from tests.browser.team import (
    LINE_IS_DOWN,
    Room,
    Team,
    a_team,
    caught_up,
    connection,
    enter,
    link,
    messages,
    page_of,
    set_level,
    shows,
    stored,
    talk,
    write,
)

pytestmark = pytest.mark.browser

LONG_TALK = 120  # messages: more than the page holds that one comes to
NARROWEST = 320  # pixels
# In Safari, the keydown of Enter comes after the composition has ended.
ENDS_COMPOSITION: list[dict[str, bool | int]] = [{"isComposing": True}, {"keyCode": 229}]
PRESS_ENTER = """(field, how) => field.dispatchEvent(new KeyboardEvent("keydown", {
    key: "Enter", code: "Enter", bubbles: true, cancelable: true, ...how,
}))"""
MANY_OPTIONS = 20  # more than the list of the switcher shows without scrolling
SMALLEST_TARGET = 24  # pixels
SMALL_TARGETS = """smallest => [...document.querySelectorAll("button, select, input, summary, a")]
    .filter(it => it.checkVisibility() && !it.closest("#content, .sr, .choice, .check"))
    .map(it => [it.id || it.className, it.getBoundingClientRect()])
    .filter(([, { width, height }]) => width > 1 && (width < smallest || height < smallest))
    .map(([name]) => name)"""


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Team]:
    """A chat whose page has the protocol inspector."""
    with a_team(tmp_path_factory.mktemp("watched"), CHAT_INSPECTOR="1") as team:
        yield team


@pytest.fixture(scope="module")
def library(team: Team) -> Room:
    """A room with many messages, with something to search for at its beginning and at its end."""
    place = team.room("Library", team.bo)
    team.bo.say(place.id, "A walrus stands before the door")
    talk(team.ada, place, LONG_TALK)
    team.ada.say(place.id, "The **walrus** has gone")
    return place


# ---- search


def test_the_search_finds_what_was_said_and_goes_there(
    team: Team, person: People, library: Room
) -> None:
    ada = enter(person, team.ada, library)
    ada.evaluate("window.neverReloaded = true")
    look_for(ada, "walrus")
    expect(results(ada)).to_have_count(2)
    expect(ada.locator("#search-status")).to_have_text("2 messages")
    expect(ada.locator(".result-text")).to_have_text(
        [re.compile("The .*walrus.* has gone"), "A walrus stands before the door"]
    )
    expect(ada.locator(".result-author")).to_have_text(["ada", "bo"])
    expect(ada.locator(".result-text mark")).to_have_text(["walrus", "walrus"])
    results(ada).first.click()
    expect(ada.locator(f"#m-{LONG_TALK + 2}")).to_be_focused()
    assert ada.evaluate("window.neverReloaded")
    results(ada).last.click()
    ada.wait_for_url(f"**{library.path}/1")
    caught_up(ada)
    expect(ada.locator("#m-1")).to_be_in_viewport(ratio=1)
    expect(ada.locator("#m-1")).to_have_class(re.compile("target"))
    expect(results(ada)).to_have_count(2)  # the other results are still beside it
    expect(ada.locator("#search-text")).to_have_value("walrus")


def test_the_search_finds_nothing_in_a_room_that_one_is_not_in(team: Team, person: People) -> None:
    here, there = team.room("Outside", team.cy), team.room("Inside", team.bo)
    team.ada.say(there.id, "The xylophone is hidden")
    cy = enter(person, team.cy, here)
    look_for(cy, "xylophone")
    expect(cy.locator("#search-status")).to_have_text("No messages found for “xylophone”.")
    cy.locator("#search-everywhere").click()
    expect(cy.locator("#search-all")).to_be_checked()
    expect(cy.locator("#search")).to_have_attribute("data-state", "nothing")
    expect(cy.locator("#search-everywhere")).to_be_hidden()
    ada = enter(person, team.ada, here)  # the same question of somebody who may know
    look_for(ada, "xylophone")
    ada.locator("#search-everywhere").click()
    expect(results(ada)).to_have_count(1)
    expect(ada.locator(".result-room")).to_have_text("#Inside")
    expect(results(ada)).to_have_attribute("href", f"{there.path[1:]}/1")


def test_more_results_are_older_ones(team: Team, person: People, library: Room) -> None:
    ada = enter(person, team.ada, library)
    look_for(ada, "line")
    expect(results(ada)).to_have_count(20)
    expect(ada.locator("#search-status")).to_have_text("The newest 20 messages")
    ada.locator("#search-more").click()
    expect(results(ada)).to_have_count(40)
    expect(ada.locator(".result-text").last).to_have_text(f"line {LONG_TALK - 39}")
    expect(results(ada).nth(20)).to_be_focused()


def test_a_late_answer_never_replaces_a_newer_one(
    team: Team, person: People, library: Room
) -> None:
    ada = enter(person, team.ada, library)
    asked: list[Route] = []
    ada.route("**/api/search?q=walrus*", lambda route: asked.append(route))
    with ada.expect_request("**/api/search?q=walrus*"):
        look_for(ada, "walrus")
    ada.locator("#search-text").fill("gone")
    expect(results(ada)).to_have_count(1)
    with ada.expect_response("**/api/search?q=walrus*"):
        asked.pop().continue_()
    ada.evaluate("0")  # a round trip: the page has read the late answer
    expect(results(ada)).to_have_count(1)
    expect(ada.locator(".result-text mark")).to_have_text(["gone"])


def test_a_search_that_fails_says_so_and_can_be_tried_again(
    team: Team, person: People, library: Room
) -> None:
    person.tolerate("ERR_FAILED")
    ada = enter(person, team.ada, library)
    ada.route("**/api/search?*", lambda route: route.abort())
    look_for(ada, "walrus")
    expect(ada.locator("#search")).to_have_attribute("data-state", "failed")
    expect(ada.locator("#search-status")).to_contain_text("didn't respond")
    ada.unroute("**/api/search?*")
    ada.locator("#search-text").press("Enter")
    expect(results(ada)).to_have_count(2)
    ada.locator("#search-text").fill("")
    expect(results(ada)).to_have_count(0)
    expect(ada.locator("#search")).to_have_attribute("data-state", "empty")


def test_the_search_needs_no_mouse(team: Team, person: People, library: Room) -> None:
    ada = enter(person, team.ada, library)
    ada.keyboard.press("Control+Shift+F")
    expect(ada.locator("#search-text")).to_be_focused()
    ada.keyboard.type("walrus")
    expect(results(ada)).to_have_count(2)
    for key, focused in [("ArrowDown", 0), ("ArrowDown", 1), ("ArrowDown", 1), ("ArrowUp", 0)]:
        ada.keyboard.press(key)
        expect(results(ada).nth(focused)).to_be_focused()
    ada.keyboard.press("ArrowUp")
    expect(ada.locator("#search-text")).to_be_focused()
    ada.keyboard.press("Escape")
    expect(ada.locator("#search")).to_be_hidden()
    expect(ada.locator("#search-toggle")).to_be_focused()
    ada.keyboard.press("Control+Shift+F")
    ada.keyboard.press("ArrowDown")
    ada.keyboard.press("Enter")
    expect(ada.locator(f"#m-{LONG_TALK + 2}")).to_be_focused()
    ada.locator("#people-toggle").click()  # one panel at a time
    expect(ada.locator("#people")).to_be_visible()
    expect(ada.locator("#search")).to_be_hidden()


def test_what_is_found_stays_text(team: Team, person: People) -> None:
    place = team.room("Found")
    text = "needle <img src=x onerror=alert(1)> <mark>not</mark>"
    team.ada.say(place.id, text)
    ada = enter(person, team.ada, place)
    look_for(ada, "needle")
    expect(ada.locator(".result-text")).to_have_text(text)
    expect(ada.locator(".result-text mark")).to_have_text(["needle"])
    expect(ada.locator("#search-results img")).to_have_count(0)


# ---- the way to a room


def test_the_switcher_goes_to_a_room_by_the_beginning_of_its_name(
    team: Team, person: People
) -> None:
    here = team.room("Switch here", team.bo)
    there, calls = team.room("Éclairs and cream", team.bo), team.room("Switch calls", team.bo)
    team.ada.say(calls.id, "@bo!")
    bo = enter(person, team.bo, here)
    bo.keyboard.press("Control+k")
    expect(bo.locator("#switcher-text")).to_be_focused()
    expect(bo.locator(".option .room-name").first).to_have_text("Switch calls")  # is unread
    expect(bo.locator(".option .badge-count").first).to_have_text("@1")
    assert_active(bo, "Switch calls")
    bo.keyboard.type("cre ecl")
    expect(bo.locator(".option .room-name")).to_have_text([there.name])
    bo.keyboard.press("Enter")
    expect(bo.locator("#room-name")).to_have_text(there.name)
    caught_up(bo)
    bo.keyboard.press("Control+k")
    bo.keyboard.type("switch")
    assert_active(bo, "Switch calls")
    bo.keyboard.press("ArrowDown")
    assert_active(bo, "Switch here")
    bo.keyboard.press("ArrowDown")
    assert_active(bo, "Switch calls")
    bo.keyboard.press("ArrowUp")
    assert_active(bo, "Switch here")
    bo.locator(".option", has_text="Switch calls").click()
    expect(bo.locator("#room-name")).to_have_text("Switch calls")


def test_the_switcher_begins_a_conversation_with_a_person(team: Team, person: People) -> None:
    newcomer = team.newcomer("newcomer")
    place = team.room("Persons", team.bo)
    bo = enter(person, team.bo, place)
    bo.keyboard.press("Control+k")
    bo.keyboard.type("nobody is called that")
    expect(bo.locator("#switcher-empty")).to_have_text("No matching rooms or people.")
    bo.keyboard.press("Enter")
    expect(bo.get_by_role("dialog", name="Go to a room or person")).to_be_visible()
    bo.keyboard.press("Escape")
    expect(bo.locator("#switcher")).to_be_hidden()
    expect(bo.locator("#text")).to_be_focused()
    bo.keyboard.press("Control+k")
    bo.keyboard.type(newcomer.name)
    expect(bo.locator(".option")).to_have_count(1)
    expect(bo.locator(".option-note")).to_have_text("@newcomer")
    bo.keyboard.press("Enter")
    expect(bo.locator("#room-name")).to_have_text("newcomer")
    assert re.search(r"/r/dm-\d+-\d+$", bo.url)
    caught_up(bo)
    bo.keyboard.press("Control+k")
    bo.keyboard.type("newcomer")
    expect(bo.locator(".option")).to_have_count(1)  # the conversation, and no second way to it
    expect(bo.locator(".option-note")).to_have_text("")


def test_a_new_direct_message_offers_only_people(team: Team, person: People) -> None:
    newcomer = team.newcomer("quincy")
    place = team.room("Quince", team.cy)
    cy = enter(person, team.cy, place)
    cy.get_by_role("button", name="New direct message").click()
    expect(cy.get_by_role("dialog", name="New direct message")).to_be_visible()
    expect(cy.locator(".option", has_text="quincy")).to_have_count(1)
    expect(cy.locator(".option[data-kind=open], .option[data-kind=closed]")).to_have_count(0)
    assert_sound(cy, part="#switcher")
    cy.keyboard.type("quince")
    expect(cy.locator("#switcher-empty")).to_have_text("No matching people.")
    cy.get_by_role("combobox", name="Person").fill("quin")
    assert_active(cy, newcomer.name)
    earlier = team.newcomer("quinby")  # while the list is open, and above the first one in it
    expect(cy.locator(".option .room-name")).to_have_text([earlier.name, newcomer.name])
    assert_active(cy, newcomer.name)
    cy.keyboard.press("Enter")
    expect(cy.locator("#room-name")).to_have_text("quincy")
    cy.keyboard.press("Control+k")  # the twin: here, rooms are offered, too
    cy.keyboard.type("quinc")
    expect(cy.locator(".option .room-name")).to_have_text(["Quince", "quincy"])


def test_news_does_not_change_what_enter_chooses_and_scrolls_nothing(
    team: Team, person: People
) -> None:
    elsewhere = team.room("Elsewhere with zed", team.bo)
    for number in range(MANY_OPTIONS):
        team.room(f"Zed {number}")
    zed = team.newcomer("zed.last")
    zed.connect()
    ada = enter(person, team.ada, elsewhere)
    ada.keyboard.press("Control+k")
    ada.keyboard.type("zed")
    ada.keyboard.press("ArrowUp")  # from the first one to the last one
    assert_active(ada, elsewhere.name)
    ada.keyboard.press("ArrowUp")
    assert_active(ada, zed.name)
    options = ada.locator("#switcher-list")
    options.evaluate("it => { it.scrollTop = 0 }")
    found = zed.ask("POST", f"/dm/{team.ada.id}")["room"]
    zed.say(found["id"], "Hello")
    expect(ada.locator(".option", has_text="zed.last").locator(".badge-count")).to_have_text("1")
    assert_active(ada, zed.name)
    assert options.evaluate("it => it.scrollTop") == 0
    zed.leave()


def test_enter_that_ends_a_composition_does_not_leave_the_room(team: Team, person: People) -> None:
    here, there = team.room("Composed here"), team.room("東京")
    ada = enter(person, team.ada, here)
    ada.keyboard.press("Control+k")
    ada.locator("#switcher-text").fill("東")
    assert_active(ada, there.name)
    for how in ENDS_COMPOSITION:
        ada.locator("#switcher-text").evaluate(PRESS_ENTER, how)
        expect(ada.locator("#switcher")).to_be_visible()
    ada.locator("#switcher-text").evaluate(PRESS_ENTER, {})
    expect(ada.locator("#room-name")).to_have_text(there.name)


# ---- the members


def choose(page: Page, name: str) -> Locator:
    """Choose somebody to be added to the room, without adding them yet. Return the list."""
    page.locator("#people-toggle").click()
    people = page.get_by_label("Add someone to this room")
    people.select_option(label=name)
    return people


def test_the_person_who_was_chosen_is_the_one_who_is_added(team: Team, person: People) -> None:
    place, elsewhere = team.room("Salaries"), team.room("Elsewhere", team.bo)
    zoe = team.newcomer("zoe")
    zoe.connect()
    ada = enter(person, team.ada, place)
    chosen = choose(ada, "zoe")
    team.bo.say(elsewhere.id, "Hello")
    expect(link(ada, elsewhere)).to_have_attribute("data-unread", "1")
    expect(chosen).to_have_value(str(zoe.id))
    zoe.form("/account/name", "/account", name="Andrea Z.")  # comes before the others in the list
    expect(chosen.locator("option")).to_contain_text(["Andrea Z.", "bo"])
    expect(chosen).to_have_value(str(zoe.id))
    ada.get_by_role("button", name="Add", exact=True).click()
    expect(members(ada)).to_have_text(["ada", "Andrea Z."])
    expect(chosen).to_have_value("")  # the next person has to be chosen, too
    zoe.leave()


def test_if_the_person_who_was_chosen_is_banned_nobody_is_added(team: Team, person: People) -> None:
    place = team.room("Chosen in vain")
    yan = team.newcomer("yan")
    yan.connect()
    ada = enter(person, team.ada, place)
    chosen = choose(ada, "yan")
    assert team.ada.ask("POST", f"/api/people/{yan.id}/ban")["ok"]
    expect(chosen.locator("option", has_text="yan")).to_have_count(0)
    ada.get_by_role("button", name="Add", exact=True).click()
    expect(ada.locator("#invite-person:invalid")).to_be_focused()
    found = team.ada.ask("GET", f"/api/rooms/{place.id}/members")["members"]
    assert [each["name"] for each in found] == ["ada"]
    yan.leave()


def test_the_fields_of_dialogs_and_panels_are_described_by_their_errors(
    team: Team, person: People
) -> None:
    place = team.room("Refused")
    ada = enter(person, team.ada, place)
    refusal = {"ok": False, "error": {"code": "conflict", "message": "Choose another."}}
    ada.route(
        "**/rooms**",
        lambda it: it.continue_() if it.request.method == "GET" else it.fulfill(json=refusal),
    )
    choose(ada, "bo")
    ada.locator("#rename-name").fill("Taken")
    ada.locator("#create-open").click()
    ada.locator("#create-name").fill("Taken")
    for field in ("create-name", "rename-name", "invite-person"):
        ada.locator(f"#{field}").evaluate("it => it.form.requestSubmit()")
        expect(ada.locator(f"#{field}[aria-invalid=true]")).to_be_visible()
        expect(ada.locator(f"#{field}")).to_have_accessible_description("Choose another.")
    ada.unroute_all()
    ada.keyboard.press("Escape")
    ada.locator("#rename-name").press("Enter")
    expect(ada.locator("#room-name")).to_have_text("Taken")
    expect(ada.locator("#rename-name:not([aria-invalid])")).to_have_accessible_description("")


# ---- moderation


def test_a_ban_reaches_the_open_tab_and_every_list(team: Team, person: People) -> None:
    person.tolerate("401")
    guest = team.newcomer("guest")
    guest.connect()
    place = team.room("Moderated", guest, team.bo)
    ada, his = enter(person, team.ada, place), enter(person, guest, place)
    bo = enter(person, team.bo, place)
    for page in (ada, bo):
        page.locator("#people-toggle").click()
        expect(members(page)).to_have_text(["ada", "bo", "guest"])
    expect(bo.get_by_role("button", name="Ban")).to_have_count(0)
    expect(ada.get_by_role("button", name="Ban ada")).to_have_count(0)
    ada.get_by_role("button", name="Ban guest").click()
    expect(ada.get_by_role("dialog", name="Ban guest from this chat?")).to_be_visible()
    ada.get_by_role("button", name="Cancel").click()
    expect(members(ada)).to_have_count(3)
    connection(his, "online")
    ada.get_by_role("button", name="Ban guest").click()
    ada.locator("#confirm-yes").click()
    connection(his, "ended")
    expect(his.locator("#banner")).to_contain_text("your account is banned")
    for page in (ada, bo):
        expect(members(page)).to_have_text(["ada", "bo"])
        page.locator("#direct-open").click()
        expect(page.locator(".option", has_text="guest")).to_have_count(0)
        page.keyboard.press("Escape")
    guest.leave()


def test_a_new_invite_link_says_until_when_it_works(team: Team, person: People) -> None:
    ada = enter(person, team.ada, team.room("Invite"))
    ada.locator("#people-toggle").click()
    ada.get_by_role("button", name="Create an invite link").click()
    valid = re.compile(r"^Valid until \w+ \d+, \d{4}, \d\d:\d\d\.$")  # as all times in the chat
    expect(ada.locator("#invite-link-hint")).to_have_text(valid)


def test_a_room_that_was_archived_by_mistake_comes_back(team: Team, person: People) -> None:
    place = team.room("Mistake", team.bo)
    ada, bo = enter(person, team.ada, place), enter(person, team.bo, place)
    for page in (ada, bo):
        page.locator("#people-toggle").click()
        expect(members(page)).to_have_count(2)
    expect(ada.locator("#unarchive")).to_be_hidden()
    ada.get_by_role("button", name="Archive room").click()
    ada.locator("#confirm-yes").click()
    for page in (ada, bo):
        expect(page.locator("#closed")).to_contain_text("archived")
    expect(ada.locator("#archive")).to_be_hidden()
    ada.get_by_role("button", name="Unarchive room").click()
    for page in (ada, bo):
        expect(page.locator("#closed")).to_be_hidden()
    write(bo, "Here again")
    shows(ada, "Here again")
    expect(ada.locator("#archive")).to_be_visible()
    expect(bo.locator("#archive, #unarchive")).to_have_count(2)
    for button in bo.locator("#archive, #unarchive").all():
        expect(button).to_be_hidden()  # Bo may do neither


def test_a_bot_is_marked_as_one_in_every_list(team: Team, person: People) -> None:
    made = team.server.run("bots", "create", "robot")
    assert made.returncode == 0, made.stdout + made.stderr
    place = team.room("Automatic", team.bo)
    everybody = {each["name"]: each for each in team.ada.ask("GET", "/api/people")["people"]}
    assert everybody["robot"]["role"] == "bot"
    assert team.ada.ask("PUT", f"/rooms/{place.id}/members/{everybody['robot']['id']}")["ok"]
    ada = enter(person, team.ada, place)
    ada.locator("#people-toggle").click()
    expect(members(ada)).to_have_count(3)
    marked = ada.locator(".person", has=ada.locator(".bot-mark:visible"))
    expect(marked.locator(".person-name")).to_have_text(["robot"])
    ada.keyboard.press("Control+k")
    ada.keyboard.type("robot")
    expect(ada.locator(".option .bot-mark")).to_be_visible()
    ada.keyboard.press("Enter")
    expect(ada.locator("#room-name")).to_have_text("robot")
    expect(ada.locator(".room-link[aria-current=page] .bot-mark")).to_be_visible()
    expect(ada.locator(".room-link:not([aria-current]) .bot-mark:visible")).to_have_count(0)


# ---- the protocol


def test_without_the_setting_there_is_no_inspector(
    team: Team, person: People, library: Room
) -> None:
    ada = enter(person, team.ada, library)
    ada.keyboard.press("Control+.")
    expect(ada.locator("#inspector, #inspector-toggle, #packets")).to_have_count(0)
    names = ada.evaluate("performance.getEntriesByType('resource').map(it => it.name)")
    assert any("main.js" in name for name in names)
    assert not [name for name in names if "inspector" in name or "wiretap" in name]


def test_the_inspector_lists_what_goes_both_ways(watched: Team, person: People) -> None:
    place = watched.room("Protocol", watched.bo)
    ada = enter(person, watched.ada, place)
    ada.keyboard.press("Control+.")
    expect(ada.locator("#inspector-text")).to_be_focused()
    for kind in ("[data-engine=open]", "[data-event=welcome]"):
        expect(ada.locator(f".packet{kind}")).to_have_count(1)
    write(ada, "Look at me")
    shows(ada, "Look at me")
    sent = ada.locator(".packet[data-way=sent][data-event=new_message]")
    announced = ada.locator(".packet[data-way=received][data-event=new_message]")
    answer = announced.and_(ada.locator("[data-type=ACK]"))
    expect(sent).to_have_attribute("data-type", "EVENT")
    expect(answer).to_have_count(1)
    expect(announced.and_(ada.locator("[data-type=EVENT]"))).to_have_count(1)
    assert sent.get_attribute("data-ack") == answer.get_attribute("data-ack") != ""
    for packet in (sent, answer):
        expect(packet.locator(".packet-trip")).to_have_text(re.compile(r"^\d+ ms$"))
        expect(packet.locator(".packet-size")).to_have_text(re.compile(r"^\d+ B$"))
    sent.locator("summary").press("Enter")
    expect(sent.locator("pre")).to_contain_text('"text": "Look at me"')
    ada.keyboard.press("Escape")
    expect(ada.locator("#inspector")).to_be_hidden()
    expect(ada.locator("#inspector-toggle")).to_be_focused()


def test_the_inspector_filters_pauses_clears_and_copies(watched: Team, person: People) -> None:
    place = watched.room("Filter", watched.bo)
    ada = enter(person, watched.ada, place)
    ada.context.grant_permissions(["clipboard-read", "clipboard-write"])
    ada.locator("#inspector-toggle").click()
    shown = ada.locator(".packet:visible")
    ada.get_by_label("Direction").select_option("sent")
    expect(shown.and_(ada.locator("[data-way=received]"))).to_have_count(0)
    expect(shown.and_(ada.locator("[data-way=sent]"))).not_to_have_count(0)
    ada.locator("#inspector-text").fill("needle")
    ada.keyboard.press("Enter")
    expect(shown).to_have_count(0)
    write(ada, "a needle")
    expect(shown).to_have_count(1)
    expect(shown).to_have_attribute("data-event", "new_message")
    ada.locator("#inspector-copy").click()
    expect(ada.locator("#toasts")).to_contain_text("1 packet copied.")
    copied = ada.evaluate("navigator.clipboard.readText()")
    assert "↑ sent message EVENT new_message #" in copied and '"a needle"' in copied
    ada.locator("#inspector-pause").click()
    write(ada, "a second needle")
    shows(ada, "a needle", "a second needle")
    expect(shown).to_have_count(1)
    ada.locator("#inspector-pause").click()
    write(ada, "a third needle")
    expect(shown).to_have_count(2)
    ada.locator("#inspector-pause").click()  # what the server answers may come only now
    ada.locator("#inspector-clear").click()
    expect(ada.locator(".packet")).to_have_count(0)
    expect(ada.locator("#inspector-count")).to_have_text("0 packets")


def test_the_inspector_keeps_500_packets_at_most(watched: Team, person: People) -> None:
    place = watched.room("Many", watched.bo)
    ada = enter(person, watched.ada, place)
    for _ in range(520):  # what is not stored makes packets fastest
        assert watched.bo.emit("typing", {"room": place.id, "on": True})["ok"]
    watched.bo.say(place.id, "That was all.")
    expect(messages(ada).last.locator(".body")).to_have_text("That was all.")
    expect(ada.locator("#inspector-count")).to_have_text("500 packets")
    expect(ada.locator(".packet")).to_have_count(500)
    expect(ada.locator(".packet[data-engine=open]")).to_have_count(0)


def test_a_dropped_acknowledgement_is_asked_for_again_and_nothing_is_doubled(
    watched: Team, person: People
) -> None:
    place = watched.room("Dropped", watched.bo)
    ada = enter(person, watched.ada, place, impatient=True)
    bo = enter(person, watched.bo, place)
    ada.locator("#inspector-toggle").click()
    drop = ada.locator("#inspector-lose")
    drop.click()
    expect(drop).to_have_attribute("aria-pressed", "true")
    write(ada, "once")
    shows(bo, "once")
    expect(ada.locator(".packet[data-lost=true][data-type=ACK]")).to_have_count(1)
    expect(drop).to_have_attribute("aria-pressed", "false")
    shows(ada, "once", state="sending")
    write(ada, "and then")
    shows(ada, "once", "and then")
    sent = ada.locator(".packet[data-way=sent][data-event=new_message]")
    expect(sent).to_have_count(3)
    ids = [client_id(sent.nth(index)) for index in range(3)]
    assert ids[0] == ids[1] != ids[2]
    answers = ada.locator(".packet[data-lost=false][data-type=ACK][data-event=new_message]")
    answers.first.locator("summary").click()
    expect(answers.first.locator("pre")).to_contain_text('"duplicate": true')
    shows(bo, "once", "and then")
    assert stored(watched.ada, place) == ["once", "and then"]


def test_a_cut_connection_comes_back_and_catches_up(watched: Team, person: People) -> None:
    person.tolerate(LINE_IS_DOWN)
    place = watched.room("Cut", watched.bo)
    with watched.line() as line:
        ada = enter(person, watched.ada, place, line=line)
        bo = enter(person, watched.bo, place)
        ada.locator("#inspector-toggle").click()
        line.restore(sockets=False)
        ada.locator("#inspector-cut").click()
        connection(ada, "offline")
        expect(ada.locator(".packet[data-way=line]").first).to_contain_text("close")
        write(bo, "missed")
        write(ada, "waits")
        shows(ada, "waits", state="sending")
        line.restore()
        caught_up(ada)
        _both_show_what_was_missed(ada, bo)


def _both_show_what_was_missed(ada: Page, bo: Page) -> None:
    for page in (ada, bo):
        shows(page, "missed", "waits")
    expect(ada.locator(".packet[data-event=welcome]")).to_have_count(2)
    expect(ada.locator(".packet[data-engine=open]")).to_have_count(2)


# ---- how it all looks


def test_axe_finds_nothing_in_the_panels(watched: Team, person: People) -> None:
    person.tolerate("ERR_FAILED")
    place = watched.room("Sound", watched.bo)
    quiet = watched.room("Sound and quiet", watched.bo)
    set_level(watched.ada, quiet, "none")
    watched.bo.say(place.id, "A thimble, and **another** thimble")
    watched.bo.say(quiet.id, "@ada, a thimble")
    ada = enter(person, watched.ada, place)
    ada.locator("#search-toggle").click()
    assert_sound(ada)  # nothing asked yet; later, nothing changes beside the panels
    ada.locator("#search-text").fill("haystack")
    expect(ada.locator("#search")).to_have_attribute("data-state", "nothing")
    assert_sound(ada, part="#search")
    ada.get_by_text("All rooms", exact=True).click()
    ada.locator("#search-text").fill("thimble")
    expect(results(ada)).to_have_count(2)
    assert_sound(ada, part="#search")
    ada.route("**/api/search?*", lambda route: route.abort())
    ada.locator("#search-text").fill("thimbles")
    expect(ada.locator("#search")).to_have_attribute("data-state", "failed")
    assert_sound(ada, part="#search")
    ada.locator("#people-toggle").click()
    expect(members(ada)).to_have_count(2)
    assert_sound(ada, part="#people")
    ada.locator("#inspector-toggle").click()
    ada.locator(".packet[data-event=welcome] summary").click()
    ada.locator("#inspector-lose").click()
    assert_sound(ada, part="#inspector")
    ada.keyboard.press("Control+k")
    assert_sound(ada, part="#switcher")
    ada.keyboard.type("nothing is called that")
    expect(ada.locator("#switcher-empty")).not_to_be_empty()
    assert_sound(ada, part="#switcher")
    ada.goto(f"{watched.url}/api")
    expect(ada.get_by_role("heading", name="JSON API")).to_be_visible()
    expect(ada.locator("pre")).to_contain_text(f"curl {watched.url}/hooks")
    assert ada.locator(".calls li").count() > 5
    assert_sound(ada)


@pytest.mark.parametrize("width", [NARROWEST, 640, 768])
def test_every_panel_fits_a_narrow_page_and_has_large_enough_targets(
    watched: Team, person: People, width: int
) -> None:
    """A page of 1,280 × 1,024 pixels has 640 × 512 at a zoom of 200 %, and 320 × 256 at 400 %."""
    place = watched.room(f"Narrow {width} " + "W" * 40, watched.bo)
    watched.bo.say(place.id, "needle" + "W" * 300)
    ada = enter(person, watched.ada, place, width=width)
    for name in ("search", "people", "inspector"):
        ada.locator(f"#{name}-toggle").click()
        panel = ada.locator(f"#{name}")
        if name == "search":
            ada.locator("#search-text").fill("needle")
            expect(results(ada)).to_have_count(1)
        if name == "inspector":
            ada.locator(".packet[data-event=welcome] summary").click()
        expect(panel).to_be_in_viewport(ratio=1)
        expect(ada.locator(f"#{name}-close")).to_be_in_viewport(ratio=1)
        assert ada.evaluate(SIDEWAYS) == 0, name
        assert panel.evaluate("it => it.scrollWidth - it.clientWidth") == 0, name
        # Safari would add the panel's padding to the head, which is as wide as the whole panel.
        expect(panel).to_have_css("overflow-x", "hidden")
        assert ada.evaluate(SMALL_TARGETS, SMALLEST_TARGET) == []
        if name == "inspector":
            ada.set_viewport_size({"width": width, "height": width * 4 // 5})
            ada.locator("#inspector-title").hover()
            ada.mouse.wheel(0, 2_000)
            expect(ada.locator("#inspector-cut")).to_be_in_viewport(ratio=1)
        ada.keyboard.press("Escape")
        expect(panel).to_be_hidden()
    ada.keyboard.press("Control+k")
    expect(ada.locator("#switcher")).to_be_in_viewport(ratio=1)
    assert ada.evaluate(SIDEWAYS) == 0
    ada.goto(f"{watched.url}/api")
    assert ada.evaluate(SIDEWAYS) == 0


def test_no_panel_covers_the_banner(team: Team, person: People) -> None:
    walker = team.newcomer("walker")
    page = page_of(person, walker, width=NARROW)
    page.goto(team.url)
    caught_up(page)
    page.locator("#search-toggle").click()
    walker.form("/logout", "/account")
    page.locator("#banner-link").click(trial=True)
    page.locator("#search-close").click(trial=True)
    expect(page.locator("#search")).to_be_in_viewport(ratio=1)


def look_for(page: Page, text: str) -> None:
    page.locator("#search-toggle").click()
    page.locator("#search-text").fill(text)


def results(page: Page) -> Locator:
    return page.locator("#search-results a")


def members(page: Page) -> Locator:
    return page.locator("#members .person-name")


def assert_active(page: Page, name: str) -> None:
    """Assert that Enter chooses the option with this name, and that a screen reader knows this, too."""
    chosen = page.locator(".option[aria-selected=true]")
    expect(chosen.locator(".room-name")).to_have_text(name)
    active = page.locator("#switcher-text").get_attribute("aria-activedescendant")
    assert active == chosen.get_attribute("id")


def client_id(packet: Locator) -> str:
    """Return the client_id in a packet's decoded JSON."""
    packet.locator("summary").press(
        "Enter"
    )  # a click can miss it while new packets scroll the list
    expect(packet.locator("pre")).to_contain_text('"client_id"')
    found = re.search(r'"client_id": "([^"]+)"', packet.locator("pre").text_content() or "")
    assert found
    return found[1]
