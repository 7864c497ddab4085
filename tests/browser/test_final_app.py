"""The finished chat in real browsers: messages arrive once and in order, even if connections break."""

import re

import pytest
from playwright.sync_api import Locator, Page, Route, expect

from tests.browser.looks import assert_sound
from tests.browser.people import HEIGHT, WIDE, People, wait_with
from tests.browser.team import (
    Line,
    Room,
    Team,
    caught_up,
    connection,
    enter,
    messages,
    numbers,
    page_of,
    shows,
    stored,
    talk,
    write,
)  # fmt: skip
from tests.final_app.rig import PASSWORD, Person

pytestmark = pytest.mark.browser

MISSED = 300  # messages: more than one answer to `sync` holds
LARGE = 40  # messages that need several answers, because they have 32 kB each
LONG_TALK = 120  # messages: three pages
# The messages of others in the log that begin or go on below what is on the screen.
BELOW = """() => {
    const { bottom } = document.querySelector("#scroller").getBoundingClientRect();
    const others = [...document.querySelectorAll("[data-own=false][data-deleted=false]")];
    return others.filter(it => it.getBoundingClientRect().bottom > bottom).length;
}"""
WIDE_CHARACTER = "\U0001f600"  # 4 bytes, and as many again in HTML
PLACE = """node => node.getBoundingClientRect().top
    - document.querySelector("#scroller").getBoundingClientRect().top"""

# The part of a message that is above the visible part of the log.
READ_PART = f"node => -({PLACE})(node) / node.offsetHeight"
FRAMES = "new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))"

FIRST_SEEN = """() => {
    const { top } = document.querySelector("#scroller").getBoundingClientRect();
    const all = [...document.querySelectorAll(".message")];
    return all.find(it => it.getBoundingClientRect().top >= top);
}"""


@pytest.fixture(scope="module")
def long_talk(team: Team) -> Room:
    """A read-only room with more messages than fit on one page of history."""
    place = team.room("Long talk")
    talk(team.ada, place, LONG_TALK)
    return place


def test_what_two_people_say_appears_once_on_both_pages_in_order(
    team: Team, person: People
) -> None:
    place = team.room("Talk", team.bo)
    ada, bo = enter(person, team.ada, place), enter(person, team.bo, place)
    said = [f"message {number}" for number in range(1, 6)]
    write(ada, *said)
    shows(bo, *said)
    write(bo, "That was all.")
    for page in (ada, bo):
        shows(page, *said, "That was all.")
        assert numbers(page) == list(range(1, 7))
    assert stored(team.ada, place) == [*said, "That was all."]


def test_a_message_on_its_way_becomes_the_sent_one_in_its_place(
    team: Team, person: People, line: Line
) -> None:
    place = team.room("In place")
    ada = enter(person, team.ada, place, line=line)
    line.hold()
    write(ada, "Hello")
    shows(ada, "Hello", state="sending")
    node = messages(ada).element_handle()
    line.release()
    shows(ada, "Hello")
    assert node.evaluate("node => node.isConnected && node.dataset.state") == "sent"


def test_what_is_written_without_a_line_is_sent_once_and_in_order_when_it_is_back(
    team: Team, person: People, line: Line
) -> None:
    place = team.room("Without a line", team.bo)
    ada, bo = enter(person, team.ada, place, line=line), enter(person, team.bo, place)
    line.cut()
    connection(ada, "offline")
    write(ada, "one", "two", "three")
    shows(ada, "one", "two", "three", state="sending")
    write(bo, "Ada?")
    line.restore()
    for page in (ada, bo):
        shows(page, "Ada?", "one", "two", "three")
    assert stored(team.ada, place) == ["Ada?", "one", "two", "three"]


def test_a_lost_acknowledgement_does_not_double_a_message(
    team: Team, person: People, line: Line
) -> None:
    place = team.room("Lost", team.bo)
    ada, bo = enter(person, team.ada, place, line=line), enter(person, team.bo, place)
    line.hold()
    write(ada, "Hello")
    shows(bo, "Hello")  # the server has it
    shows(ada, "Hello", state="sending")
    line.cut()
    connection(ada, "offline")
    line.restore()
    caught_up(ada)
    write(ada, "And now?")
    for page in (ada, bo):
        shows(page, "Hello", "And now?")
    assert stored(team.ada, place) == ["Hello", "And now?"]


def test_edits_and_deletions_missed_while_away_arrive_without_a_reload(
    team: Team, person: People, line: Line
) -> None:
    place = team.room("Away", team.bo)
    ada, bo = enter(person, team.ada, place), enter(person, team.bo, place, line=line)
    write(ada, "stays", "goes", "to be changed")
    shows(bo, "stays", "goes", "to be changed")
    bo.evaluate("window.neverReloaded = true")
    line.cut()
    connection(bo, "offline")
    ada.locator("#text").press("ArrowUp")
    write(ada, "changed")
    expect(ada.locator("#m-3 .edited")).to_be_visible()  # or the page moves below the pointer
    ada.locator("#m-2").hover()
    ada.locator("#m-2 [data-act=delete]").click()
    ada.locator("#confirm-yes").click()
    shows(ada, "stays", "Message deleted", "changed")
    expect(bo.locator("#m-2 .body")).to_have_text("goes")
    line.restore()
    shows(bo, "stays", "Message deleted", "changed")
    expect(bo.locator("#m-2")).to_have_attribute("data-deleted", "true")
    expect(bo.locator("#m-3 .edited")).to_be_visible()
    assert bo.evaluate("window.neverReloaded")


def test_after_300_missed_messages_the_page_ends_at_the_last_one(
    team: Team, person: People, line: Line
) -> None:
    place = team.room("Missed", team.bo)
    bo = enter(person, team.bo, place, line=line)
    write(bo, "I go through a tunnel.")
    shows(bo, "I go through a tunnel.")
    line.cut()
    connection(bo, "offline")
    last = talk(team.ada, place, MISSED)
    line.restore()
    caught_up(bo)
    expect(bo.locator("html")).to_have_attribute("data-rev", str(last["rev"]))
    expect(messages(bo).last.locator(".body")).to_have_text(f"line {MISSED}")
    expect(messages(bo).last).to_be_in_viewport()
    read_to_the_start(bo)
    assert numbers(bo) == list(range(1, MISSED + 2))


def test_large_messages_that_were_missed_come_in_several_answers_without_a_gap(
    team: Team, person: People, line: Line
) -> None:
    place = team.room("Large", team.bo)
    bo = enter(person, team.bo, place, line=line)
    asked: list[str] = []
    bo.on("websocket", lambda ws: ws.on("framesent", lambda frame: asked.append(str(frame))))
    talk(team.ada, place, 1)
    shows(bo, "line 1")
    line.cut()
    connection(bo, "offline")
    for number in range(2, LARGE + 2):
        text = f"{number} **b** {WIDE_CHARACTER * 4000}"[:4000]
        last = team.ada.say(place.id, text)["message"]
    team.ada.emit("delete_message", {"id": last["id"]})
    last = team.ada.say(place.id, "The end")["message"]
    line.restore()  # nothing more is said, which would let the page notice a gap
    caught_up(bo)
    expect(bo.locator("html")).to_have_attribute("data-rev", str(last["rev"]))
    assert numbers(bo) == list(range(1, LARGE + 3))
    starts = (
        messages(bo).locator(".body").evaluate_all("all => all.map(it => parseInt(it.innerText))")
    )
    assert starts[1:-2] == list(range(2, LARGE + 1))
    expect(messages(bo).last.locator(".body")).to_have_text("The end")
    expect(messages(bo).last).to_be_in_viewport()
    assert len([each for each in asked if '"sync"' in each]) >= LARGE / 10


def test_a_reload_loses_nothing_queued_and_nothing_typed(
    team: Team, person: People, line: Line
) -> None:
    place = team.room("Reload", team.bo)
    ada, bo = enter(person, team.ada, place, line=line), enter(person, team.bo, place)
    line.cut()
    line.restore(sockets=False)
    connection(ada, "offline")
    write(ada, "one", "two", "three")
    ada.locator("#text").press_sequentially("not yet")
    ada.reload()
    shows(ada, "one", "two", "three", state="sending")
    expect(ada.locator("#text")).to_have_value("not yet")
    line.restore()
    for page in (ada, bo):
        shows(page, "one", "two", "three")
    expect(ada.locator("#text")).to_have_value("not yet")


def test_unread_counts_follow_in_two_tabs_of_one_person(team: Team, person: People) -> None:
    here, there = team.room("Here", team.bo), team.room("There", team.bo)
    first = enter(person, team.ada, here)
    second = first.context.new_page()
    second.goto(team.url + here.path)
    caught_up(second)
    write(enter(person, team.bo, there), "Are you there?", "@ada!")
    for page in (first, second):
        expect(unread(page, there.slug)).to_have_attribute("data-unread", "2")
        expect(unread(page, there.slug)).to_have_attribute("data-mentions", "1")
        expect(unread(page, here.slug)).to_have_attribute("data-unread", "0")
    unread(second, there.slug).click()
    shows(second, "Are you there?", "@ada!")
    expect(unread(first, there.slug)).to_have_attribute("data-unread", "0")


def test_who_is_removed_is_told_and_hears_nothing_more(team: Team, person: People) -> None:
    place, other = team.room("Removed", team.bo), team.room("Still in", team.bo)
    ada, bo = enter(person, team.ada, place), enter(person, team.bo, place)
    write(ada, "Good bye, Bo")
    shows(bo, "Good bye, Bo")
    ada.locator("#people-toggle").click()
    ada.get_by_role("button", name="Remove bo").click()
    expect(ada.locator("#confirm-text")).to_contain_text("no longer be able to read")
    ada.locator("#confirm-yes").click()
    expect(bo.locator("#closed-text")).to_have_text("You're no longer in this room.")
    expect(bo.locator("#text")).to_be_disabled()
    expect(bo.locator("#composer")).to_be_hidden()
    expect(unread(bo, place.slug)).to_have_count(0)
    write(ada, "Bo does not hear this")
    shows(ada, "Good bye, Bo", "Bo does not hear this")
    team.ada.say(other.id, "Bo hears this")  # what came before it would be there by now
    expect(unread(bo, other.slug)).to_have_attribute("data-unread", "1")
    shows(bo, "Good bye, Bo")


def test_who_is_added_again_sees_what_was_written_in_the_meantime(
    team: Team, person: People
) -> None:
    place = team.room("Added again", team.bo)
    team.ada.say(place.id, "Good bye, Bo")
    bo = enter(person, team.bo, place)
    shows(bo, "Good bye, Bo")
    assert team.ada.ask("DELETE", f"/rooms/{place.id}/members/{team.bo.id}")["ok"]
    expect(bo.locator("#composer")).to_be_hidden()
    team.ada.say(place.id, "Bo does not hear this")
    assert team.ada.ask("PUT", f"/rooms/{place.id}/members/{team.bo.id}")["ok"]
    shows(bo, "Good bye, Bo", "Bo does not hear this")
    expect(bo.locator("#composer")).to_be_visible()


def test_who_is_removed_from_an_open_room_can_come_back_and_the_dialog_says_so(
    team: Team, person: People
) -> None:
    made = team.ada.ask("POST", "/rooms", {"name": "Plaza", "kind": "open"})["room"]
    place = Room(made["id"], made["slug"], made["name"])
    ada, bo = enter(person, team.ada, place), enter(person, team.bo, place)
    ada.locator("#people-toggle").click()
    ada.get_by_role("button", name="Remove bo").click()
    expect(ada.locator("#confirm-text")).to_contain_text("bo can rejoin at any time")
    ada.locator("#confirm-yes").click()
    expect(bo.locator("#closed-text")).to_have_text("You're no longer in this room.")
    bo.locator("#browse-open").click()
    bo.get_by_role("button", name="Join Plaza").click()
    expect(bo.locator("#composer")).to_be_visible()
    write(bo, "Here again")
    shows(ada, "Here again")


def test_a_log_in_that_is_ended_elsewhere_signs_the_page_out(team: Team, person: People) -> None:
    person.tolerate("401")
    dee = team.newcomer("dee")
    dee.connect()
    place = team.room("Elsewhere", dee)
    page = enter(person, dee, place)
    elsewhere = Person(team.server, "dee")
    elsewhere.log_in()
    account = page_of(person, elsewhere)
    account.goto(f"{team.url}/account")
    account.get_by_role("button", name="End the session").click()
    expect(account.get_by_role("status")).to_have_text("The session has ended.")
    connection(page, "ended")
    expect(page.locator("#banner")).to_contain_text("You've been logged out")
    page.locator("#banner-link").click()
    page.locator("#login-username").fill("dee")
    page.locator("#login-password").fill(PASSWORD)
    page.locator("#login-password").press("Enter")
    caught_up(page)
    dee.leave()


def test_older_messages_load_above_and_the_place_is_kept(
    team: Team, person: People, long_talk: Room
) -> None:
    ada = enter(person, team.ada, long_talk)
    shown = numbers(ada)
    assert shown == list(range(LONG_TALK - len(shown) + 1, LONG_TALK + 1))
    assert len(shown) < LONG_TALK
    asked: list[Route] = []
    ada.route("**/messages?before=*", lambda route: asked.append(route))
    for start_appears in (False, True):
        seq = numbers(ada)[0]
        first = ada.locator(f"#m-{seq}")
        with ada.expect_request("**/messages?before=*"):
            ada.locator("#scroller").evaluate("it => { it.scrollTop = 150 }")
        before = first.evaluate(PLACE)
        asked.pop().continue_()
        expect(messages(ada).first).not_to_have_attribute("data-seq", str(seq))
        assert abs(first.evaluate(PLACE) - before) <= 1  # pixel
        expect(ada.locator("#start")).to_be_visible(visible=start_appears)
    assert numbers(ada) == list(range(1, LONG_TALK + 1))


def test_a_panel_that_makes_the_column_narrower_keeps_the_place(team: Team, person: People) -> None:
    place = team.room("Narrower")
    for _ in range(12):
        team.ada.say(place.id, "words " * 100)
    ada = enter(person, team.ada, place)
    scroll(ada, -200)  # fewer pixels than the wider column is shorter
    seen = ada.evaluate_handle(FIRST_SEEN).as_element()
    assert seen
    before, height = seen.evaluate(PLACE), seen.evaluate("it => it.offsetHeight")
    ada.locator("#people-toggle").click()
    expect(ada.locator("#people")).to_be_visible()
    assert seen.evaluate("it => it.offsetHeight") > height  # the texts have more lines
    wait_with(ada, lambda: abs(seen.evaluate(PLACE) - before) <= 1, "the page has moved")  # pixel
    ada.locator("#people-close").click()
    wait_with(ada, lambda: seen.evaluate("it => it.offsetHeight") == height, "still narrow")
    wait_with(ada, lambda: abs(seen.evaluate(PLACE) - before) <= 1, "the page has moved")


def test_the_reader_of_a_text_that_fills_the_screen_keeps_their_place(
    team: Team, person: People
) -> None:
    place = team.room("A long read")
    said = team.ada.say(place.id, "words " * 600)["message"]["id"]
    for _ in range(2):
        team.ada.say(place.id, "line\n" * 40)
    ada = enter(person, team.ada, place)
    ada.locator("#scroller").evaluate("it => { it.scrollTop = 300 }")
    expect(ada.locator("#to-latest")).to_be_visible()
    text = ada.locator("#m-1")
    before = text.evaluate(PLACE)
    assert team.ada.emit("react", {"id": said, "emoji": "👍", "on": True})["ok"]
    expect(text.locator(".reaction-count")).to_have_text("1")
    ada.evaluate(FRAMES)  # in which the page could move
    assert abs(text.evaluate(PLACE) - before) <= 1  # pixel
    part = text.evaluate(READ_PART)
    ada.locator("#people-toggle").click()
    expect(ada.locator("#people")).to_be_visible()
    wait_with(ada, lambda: abs(text.evaluate(READ_PART) - part) < 0.01, "the page has moved")


def test_a_page_of_history_that_an_edit_has_overtaken_shows_the_edit(
    team: Team, person: People, long_talk: Room
) -> None:
    ada = enter(person, team.ada, long_talk)
    shown = numbers(ada)
    asked: list[Route] = []
    ada.route("**/messages?before=*", lambda route: asked.append(route))
    with ada.expect_request("**/messages?before=*"):
        ada.locator("#scroller").evaluate("it => { it.scrollTop = 0 }")
    ada.evaluate("0")  # a round trip
    late = asked.pop()
    answer = late.fetch()
    old = team.ada.history(long_talk.id)[shown[0] - 2]
    edit = team.ada.emit("edit_message", {"id": old["id"], "text": "edited meanwhile"})
    expect(ada.locator("html")).to_have_attribute("data-rev", str(edit["message"]["rev"]))
    late.fulfill(response=answer)
    expect(ada.locator(f"#m-{old['seq']} .body")).to_have_text("edited meanwhile")


def test_a_link_to_a_message_opens_the_history_there(
    team: Team, person: People, long_talk: Room
) -> None:
    ada = enter(person, team.ada, long_talk, path=f"{long_talk.path}/30")
    expect(ada.locator("#m-30")).to_be_in_viewport(ratio=1)
    expect(ada.locator(f"#m-{LONG_TALK}")).to_have_count(0)
    ada.locator("#to-latest").click()
    expect(ada.locator(f"#m-{LONG_TALK}")).to_be_in_viewport(ratio=1)
    read_to_the_start(ada)
    assert numbers(ada) == list(range(1, LONG_TALK + 1))


def test_a_click_on_a_link_to_a_message_on_the_page_goes_there_without_loading_it_again(
    team: Team, person: People, long_talk: Room
) -> None:
    place = team.room("Linked")
    first = talk(team.ada, place, 30)["seq"] - 29
    begun = team.ada.history(place.id)[0]["id"]
    team.ada.say(place.id, f"see {team.url}{place.path}/{first}", reply_to=begun)
    last = team.ada.say(place.id, f"and {team.url}{long_talk.path}/1")["message"]["seq"]
    ada = enter(person, team.ada, place)
    ada.evaluate("window.neverReloaded = true")
    answer = ada.locator(f"#m-{last - 1}")
    for link in (answer.locator(".quote"), answer.locator(".body a")):
        link.click()
        expect(ada.locator(f"#m-{first}")).to_be_focused()
        expect(ada.locator(f"#m-{first}")).to_be_in_viewport(ratio=1)
    answer.locator(".permalink").click()
    expect(answer).to_be_focused()
    assert ada.evaluate("window.neverReloaded") and ada.url.endswith(place.path)
    with ada.context.expect_page() as tab:  # the twin: this message is in another room
        ada.locator(f"#m-{last} .body a").click()
    tab.value.wait_for_url(f"**{long_talk.path}/1")
    caught_up(tab.value)


def test_the_way_to_the_end_is_shown_while_the_end_is_not_on_the_screen(
    team: Team, person: People, long_talk: Room
) -> None:
    ada = enter(person, team.ada, long_talk)
    last = ada.locator(f"#m-{LONG_TALK}")
    expect(last).to_be_in_viewport(ratio=1)
    for amount in (-300, -2_000):
        expect(ada.locator("#to-latest")).to_be_hidden()
        scroll(ada, amount)
        expect(ada.locator("#to-latest")).to_be_visible()
        expect(ada.locator("#to-latest")).to_have_text("Latest messages")  # Ada has seen them all
        ada.locator("#to-latest").click()
        expect(last).to_be_in_viewport(ratio=1)
    scroll(ada, -300)
    expect(ada.locator("#to-latest")).to_be_visible()
    ada.set_viewport_size({"width": WIDE, "height": HEIGHT + 400})
    expect(last).to_be_in_viewport(ratio=1)
    expect(ada.locator("#to-latest")).to_be_hidden()
    ada.set_viewport_size({"width": WIDE, "height": HEIGHT})
    expect(last).to_be_in_viewport(ratio=1)


def test_the_way_to_the_end_counts_what_has_not_been_seen(team: Team, person: People) -> None:
    place = team.room("Unseen", team.bo)
    talk(team.ada, place, 10)
    bo = enter(person, team.bo, place)
    expect(bo.locator("#m-10")).to_be_in_viewport(ratio=1)
    expect(unread(bo, place.slug)).to_have_attribute("data-unread", "0")
    bo.goto("about:blank")
    talk(team.ada, place, 35)
    gone = team.ada.say(place.id, "gone")["message"]["id"]
    team.ada.emit("delete_message", {"id": gone})
    bo.goto(team.url + place.path)
    caught_up(bo)
    expect(bo.locator("#m-11 .new-line")).to_be_in_viewport()
    counts = [shown_count(bo)]
    for amount in (60, 60, -2_000):
        scroll(bo, amount)
        counts.append(shown_count(bo))
    assert 35 > counts[0] > counts[1] > counts[2] == counts[3] > 0, counts
    expect(unread(bo, place.slug)).not_to_have_attribute("data-unread", "0")
    assert_sound(bo)
    bo.locator("#to-latest").click()
    expect(bo.locator("#m-46")).to_be_in_viewport(ratio=1)
    expect(bo.locator("#to-latest")).to_be_hidden()
    expect(unread(bo, place.slug)).to_have_attribute("data-unread", "0")
    scroll(bo, -600)
    expect(bo.locator("#to-latest")).to_have_text("Latest messages")
    team.ada.say(place.id, "one more")
    expect(bo.locator("#to-latest")).to_have_text("1 new message")


def test_the_way_to_the_end_counts_what_is_not_loaded_too(team: Team, person: People) -> None:
    place = team.room("Unseen and far", team.bo)
    talk(team.ada, place, LONG_TALK)
    bo = enter(person, team.bo, place, path=f"{place.path}/1")
    assert numbers(bo)[-1] < LONG_TALK
    assert shown_count(bo) == LONG_TALK - numbers(bo)[-1] + bo.evaluate(BELOW)
    bo.locator("#to-latest").click()
    expect(bo.locator(f"#m-{LONG_TALK}")).to_be_in_viewport(ratio=1)
    expect(bo.locator("#to-latest")).to_be_hidden()


def scroll(page: Page, amount: int) -> None:
    """Scroll the log by this many pixels, and wait until the page has noticed."""
    page.locator("#scroller").evaluate(
        """(it, top) => new Promise((heard) => {
            it.addEventListener("scroll", () => requestAnimationFrame(heard), { once: true });
            it.scrollBy({ top });
        })""",
        amount,
    )


def shown_count(page: Page) -> int:
    found = re.fullmatch(r"(\d+) new messages?", page.locator("#to-latest-text").inner_text())
    assert found
    return int(found[1])


def read_to_the_start(page: Page) -> None:
    """Keep scrolling up until the beginning of the room. Each scroll must load older messages."""
    while page.locator("#older").is_visible():
        seq = numbers(page)[0]
        page.locator("#scroller").evaluate("it => { it.scrollTop = 0 }")
        expect(messages(page).first).not_to_have_attribute("data-seq", str(seq))
    expect(page.locator("#start")).to_be_visible()
    expect(messages(page).first).to_have_attribute("data-seq", "1")


def unread(page: Page, slug: str) -> Locator:
    return page.locator(f'.room-link[href="r/{slug}"]')
