"""Every page of the finished chat is readable and usable by keyboard, and shows text as text."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Dialog, FloatRect, Locator, Page, expect

from tests.browser.looks import COLOURS, SIDEWAYS, assert_sound
from tests.browser.people import HEIGHT, NARROW, WIDE, People
from tests.browser.team import (
    Line,
    Room,
    Team,
    a_team,
    bring_cookies,
    caught_up,
    connection,
    enter,
    link,
    messages,
    page_of,
    shows,
    stored,
    talk,
    write,
)
from tests.final_app.rig import PASSWORD, Server

pytestmark = pytest.mark.browser

NARROWEST = 320  # pixels
SEEN_STEP = 10  # of 255 in one of red, green and blue: below that two grounds look the same
LONGEST_WORD = "W" * 400
LONGEST_NAME = "W" * 40
HOSTILE = [
    """<img src="x" onerror="document.title = 'It ran'">""",
    "<script>document.title = 'It ran'</script>",
    "</script></p></li></template><svg/onload=alert(1)>",
    "[click](javascript:alert(1)) <javascript:alert(1)> javascript:alert(1)",
    "`<iframe srcdoc='<script>parent.alert(1)</script>'>`",
    '"><a href="//evil.example" onmouseover=alert(1) style=position:fixed>here</a>',
    "{{ 7 * 7 }} ${alert(1)} &lt;b&gt; &#x3c;script&#x3e;",
    "\u202ertl zalgo̷̗ <b>not bold</b>",
]
HOSTILE_NAME = '"><img src=x onerror=alert(1)>'
MADE_BY_TEXT = "script, img, iframe, svg, style, [onerror], [onload], [onmouseover], [style]"
COMPOSING = """it => it.dispatchEvent(new KeyboardEvent("keydown", {
    key: "Enter", code: "Enter", isComposing: true, bubbles: true, cancelable: true,
}))"""
PUT_ABOVE_THE_EDGE = """(row, above) => {
    const log = document.querySelector("#scroller");
    log.scrollTop += row.getBoundingClientRect().top - log.getBoundingClientRect().top + above;
}"""
CURSED = "cursed"  # the server fails to store a message with this text
CURSE = f"""CREATE TRIGGER curse BEFORE INSERT ON messages WHEN NEW.text = '{CURSED}'
    BEGIN SELECT RAISE(ABORT, 'cursed'); END"""
SKIP_ANIMATIONS = "document.getAnimations().forEach((each) => each.finish())"
GAPS_BESIDE_TEXT = """all => all.map((it) => {
    const [range, box] = [document.createRange(), it.getBoundingClientRect()];
    range.selectNodeContents(it);
    const text = range.getBoundingClientRect();
    return [text.left - box.left, box.right - text.right];
})"""
OUTLINED = "() => getComputedStyle(document.activeElement).outlineStyle !== 'none'"

DIALOGS = {
    "create": "#create-open",
    "browse": "#browse-open",
    "keys": "#keys-open",
}


@pytest.fixture(scope="module")
def furnished(team: Team) -> Room:
    """A room with one of everything that the log can show."""
    place = team.room("Furnished", team.bo)
    first = team.bo.say(place.id, "**Bold**, `code`, https://example.org and\n\n> a quotation")
    team.ada.say(place.id, "A reply to @bo", reply_to=first["message"]["id"])
    team.ada.say(place.id, f"```\nprint('{LONGEST_WORD}')\n```")
    wrong = team.ada.say(place.id, "wrogn")["message"]["id"]
    team.ada.emit("edit_message", {"id": wrong, "text": "wrong " + LONGEST_WORD})
    gone = team.bo.say(place.id, "gone")["message"]["id"]
    team.bo.emit("delete_message", {"id": gone})
    team.bo.say(place.id, "@ada, look")
    return place


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    server = Server(tmp_path_factory.mktemp("empty")).start()
    yield server
    server.stop()


def test_axe_finds_nothing_on_the_pages_before_the_chat(
    team: Team, empty: Server, person: People
) -> None:
    person.tolerate("status 40[39]|status of 40[39]")
    page = person(empty.url)
    assert_sound(page)
    page.goto(f"{team.url}/login")
    assert_sound(page)
    page.goto(f"{team.url}/register?invite={team.ada.invite()}")
    assert_sound(page)
    page.locator("#register-username").fill("ada")  # is taken
    page.locator("#register-password").fill(PASSWORD)
    page.locator("#register-password").press("Enter")
    expect(page.locator("#register-username")).to_have_attribute("aria-invalid", "true")
    assert_sound(page)
    page.goto(f"{team.url}/register?invite=made-up")
    expect(page.get_by_role("heading")).to_have_text("This invite doesn't work")
    assert_sound(page)


def test_a_second_visit_loads_no_script_and_no_style_again(
    team: Team, furnished: Room, person: People
) -> None:
    files = """() => performance.getEntriesByType("resource")
        .filter((file) => file.name.includes("/static/")).map((file) => file.transferSize)"""
    ada = enter(person, team.ada, furnished)
    ada.reload()
    expect(ada.locator("#m-1")).to_be_visible()
    sizes = ada.evaluate(files)
    assert len(sizes) > 10
    assert set(sizes) == {0}


def test_axe_finds_nothing_in_the_chat(team: Team, furnished: Room, person: People) -> None:
    ada = enter(person, team.ada, furnished)
    ada.locator("#m-1").press("r")
    expect(ada.locator("#context-title")).to_have_text("Replying to bo")
    assert_sound(ada)
    ada.locator("#people-toggle").click()
    expect(ada.locator("#members .person")).to_have_count(2)
    assert_sound(ada)
    ada.set_viewport_size({"width": NARROW, "height": HEIGHT})
    ada.locator("#people-close").click()
    ada.get_by_role("button", name="Rooms", exact=True).click()
    assert_sound(ada, widths=[NARROW])
    ada.keyboard.press("Escape")
    ada.goto(f"{team.url}/account")
    assert_sound(ada)


def test_axe_finds_nothing_in_the_dialogs(team: Team, furnished: Room, person: People) -> None:
    ada = enter(person, team.ada, furnished)
    for name, opener in DIALOGS.items():
        dialog = ada.locator(f"#{name}")
        ada.locator(opener).click()
        expect(dialog).to_be_visible()
        assert_sound(ada, part=f"#{name}")
        ada.keyboard.press("Escape")
        expect(dialog).to_be_hidden()
    ada.locator("#m-2").press("Delete")
    expect(ada.get_by_role("dialog", name="Delete this message?")).to_be_visible()
    assert_sound(ada, part="#confirm")
    ada.get_by_role("button", name="Cancel").click()
    expect(ada.locator("#m-2")).to_have_attribute("data-deleted", "false")


def test_axe_finds_nothing_when_something_is_wrong(team: Team, person: People, line: Line) -> None:
    place = team.room("Trouble", team.bo)
    bo = enter(person, team.bo, place, line=line, impatient=True)
    write(bo, "not \u0000 text")
    expect(messages(bo, "failed")).to_have_count(1)
    assert_sound(bo)  # a message that was refused
    bo.evaluate("() => { navigator.clipboard.writeText = () => Promise.reject(); }")
    write(bo, "text")
    bo.locator("#m-1").hover()
    bo.locator("#m-1 [data-act=copy]").click()
    expect(bo.locator("#toasts p")).to_have_count(1)
    assert_sound(bo, part="#toasts")
    line.cut()
    expect(bo.locator("#banner")).to_have_attribute("data-kind", "offline")
    write(bo, "later")
    expect(messages(bo, "sending")).to_have_count(1)
    assert_sound(bo)  # no line, and a message that waits
    line.restore()
    caught_up(bo)
    assert team.ada.ask("DELETE", f"/rooms/{place.id}")["ok"]
    expect(bo.locator("#closed")).to_contain_text("archived")
    assert_sound(bo, part="#closed")
    assert team.ada.ask("DELETE", f"/rooms/{place.id}/members/{team.bo.id}")["ok"]
    expect(bo.locator("#closed")).to_contain_text("no longer in this room")
    assert_sound(bo, part="#closed")


def test_who_was_signed_out_comes_back_to_the_same_room(team: Team, person: People) -> None:
    dee = team.newcomer("dee")
    place = team.room("Back", dee) if dee.connect() else None
    assert place
    page = enter(person, dee, place)
    dee.leave()
    dee.form("/logout", "/account")
    expect(page.locator("#banner")).to_have_attribute("data-kind", "ended")
    assert_sound(page)
    page.get_by_role("link", name="Log in again").click()
    log_in(page, "dee")
    expect(page.locator("#room-name")).to_have_text("Back")


def test_home_and_login_lead_to_the_room_where_one_was_last(team: Team, person: People) -> None:
    person.tolerate(r"/rooms/\d+/members")  # the panel of the room that one leaves
    eve = team.newcomer("eve")
    eve.connect()
    eve.leave()
    rooms = [team.room(name, eve) for name in ("A first one", "Middle", "Nearly last", "Past")]
    first, middle, nearly_last, past = rooms
    page = enter(person, eve, first)
    for place in (middle, past, nearly_last):
        page.goto(team.url + place.path)
        caught_up(page)
    page.goto(team.url)
    expect(page.locator("#room-name")).to_have_text("Nearly last")
    page.locator("#people-toggle").click()
    page.locator("#leave").click()
    page.locator("#confirm-yes").click()
    expect(page.locator("#room-name")).to_have_text("Past")  # the room before
    caught_up(page)
    page.get_by_role("button", name="Log out").click()
    log_in(page, "eve")
    expect(page.locator("#room-name")).to_have_text("Past")
    assert team.ada.ask("DELETE", f"/rooms/{past.id}")["ok"]
    page.goto(team.url)
    expect(page.locator("#room-name")).to_have_text("Middle")  # nobody can write in Past any more
    eve.log_in()
    eve.connect()
    eve.say(middle.id, "I am here")
    eve.leave()
    other = person(f"{team.url}/login")  # a browser that has never seen Eve
    log_in(other, "eve")
    expect(other.locator("#room-name")).to_have_text("Middle")  # where she wrote last


def test_somebody_with_archived_rooms_only_finds_a_page_that_leads_to_them(
    person: People, tmp_path: Path
) -> None:
    with a_team(tmp_path) as team:
        assert team.ada.ask("DELETE", "/rooms/1")["ok"]  # general
        page = page_of(person, team.bo)
        page.goto(team.url)
        expect(page.get_by_role("heading", name="No room to write in")).to_be_visible()
        assert_sound(page)
        page.get_by_role("link", name="general").click()
        expect(page.locator("#closed")).to_contain_text("archived")
        page.goto("about:blank")


def test_a_link_to_an_open_room_offers_to_join_it(team: Team, person: People) -> None:
    made = team.ada.ask("POST", "/rooms", {"name": "Open house", "kind": "open"})["room"]
    assert team.bo.ask("DELETE", f"/rooms/{made['id']}/members/{team.bo.id}")["ok"]
    team.ada.say(made["id"], "Come in")
    for _ in range(60):  # so that the first message is not on the newest page
        team.ada.say(made["id"], "Hello")
    page = page_of(person, team.bo)
    page.goto(f"{team.url}/r/{made['slug']}/1")
    expect(page.get_by_role("heading")).to_have_text("Join Open house?")
    assert_sound(page)
    page.get_by_role("button", name="Join").click()
    caught_up(page)
    expect(page).to_have_url(f"{team.url}/r/{made['slug']}/1")
    expect(page.get_by_text("Come in")).to_be_visible()
    page.goto("about:blank")


def test_axe_would_find_a_field_without_a_label(team: Team, person: People) -> None:
    page = person(f"{team.url}/login")
    page.locator("label").first.evaluate("it => it.remove()")
    with pytest.raises(AssertionError, match="label"):
        assert_sound(page)


def test_the_narrowest_page_does_not_scroll_sideways(
    team: Team, empty: Server, furnished: Room, person: People
) -> None:
    ada = enter(person, team.ada, furnished, width=NARROWEST)
    assert ada.evaluate(SIDEWAYS) == 0
    log = ada.locator("#scroller")
    ada.locator("#m-2 .quote-author").evaluate("(it, name) => it.textContent = name", LONGEST_NAME)
    assert log.evaluate("it => it.scrollWidth - it.clientWidth") == 0
    quoted = ada.locator("#m-2 .quote-text").bounding_box()
    assert quoted and quoted["width"] > 50 and quoted["x"] + quoted["width"] <= NARROWEST
    ada.set_viewport_size({"width": WIDE, "height": HEIGHT})
    ada.locator("#m-2 .quote-text").evaluate("it => it.textContent = 'ok'")
    assert ada.locator("#m-2 .quote-author").evaluate("it => it.scrollWidth - it.clientWidth") == 0
    ada.set_viewport_size({"width": NARROWEST, "height": HEIGHT})
    write(ada, LONGEST_WORD)
    expect(messages(ada, "sent").last).to_contain_text(LONGEST_WORD)
    assert log.evaluate("it => it.scrollWidth - it.clientWidth") == 0
    expect(ada.get_by_role("button", name="Send")).to_be_in_viewport(ratio=1)
    ada.locator("#people-toggle").click()
    expect(ada.locator("#members .person")).to_have_count(2)
    assert ada.evaluate(SIDEWAYS) == 0
    addresses = [f"{team.url}/account", f"{empty.url}/first-run", f"{team.url}/login"]
    for address in addresses:
        if address.endswith("login"):
            ada.context.clear_cookies()
        ada.goto(address)
        assert ada.evaluate(SIDEWAYS) == 0, address


def test_the_keyboard_is_enough(team: Team, person: People) -> None:
    kay = team.newcomer("kay")
    kay.connect()
    team.room("Keys", kay)
    page = person(f"{team.url}/login")
    expect(page.locator("#login-username")).to_be_focused()
    page.keyboard.type("kay")
    page.keyboard.press("Tab")
    page.keyboard.type(PASSWORD)
    page.keyboard.press("Enter")
    expect(page.locator("#room-name")).to_have_text("general")
    caught_up(page)
    page.keyboard.press("Alt+ArrowDown")
    expect(page.locator("#room-name")).to_have_text("Keys")
    caught_up(page)
    expect(page.locator("#text")).to_be_focused()
    page.keyboard.type("one")
    page.keyboard.press("Shift+Enter")
    page.keyboard.type("more line")
    page.keyboard.press("Enter")
    shows(page, "one more line")
    page.keyboard.press("ArrowUp")
    expect(page.locator("#text")).to_have_value("one\nmore line")
    page.keyboard.press("Escape")
    expect(page.locator("#text")).to_have_value("")
    expect(page.locator("#context")).to_be_hidden()
    page.keyboard.press("ArrowUp")
    page.keyboard.press("Control+A")
    page.keyboard.type("another line")
    page.keyboard.press("Enter")
    shows(page, "another line")
    page.keyboard.press("?")
    expect(page.locator("#text")).to_have_value("?")
    page.keyboard.press("Backspace")
    page.keyboard.press("Shift+Tab")
    assert page.evaluate(OUTLINED)
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keyboard shortcuts")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog", name="Keyboard shortcuts")).to_be_hidden()
    kay.leave()


def test_enter_that_ends_a_composition_does_not_send(team: Team, person: People) -> None:
    place = team.room("Composition")
    ada = enter(person, team.ada, place)
    ada.locator("#text").fill("にほん")
    ada.locator("#text").evaluate(COMPOSING)
    expect(ada.locator("#text")).to_have_value("にほん")
    expect(messages(ada)).to_have_count(0)
    ada.locator("#text").press("Enter")
    shows(ada, "にほん")
    assert stored(team.ada, place) == ["にほん"]


def test_the_enter_key_of_a_phone_says_what_it_does(
    team: Team, person: People, browser: Browser
) -> None:
    place = team.room("Enter")
    phone = browser.new_context(has_touch=True, is_mobile=True)
    bring_cookies(phone, team.ada)
    touched = phone.new_page()
    touched.goto(team.url + place.path)
    caught_up(touched)
    expect(touched.locator("#text")).to_have_attribute("enterkeyhint", "enter")
    write(touched, "One line")
    touched.locator("#text").press_sequentially("another one")
    expect(touched.locator("#text")).to_have_value("One line\nanother one")
    phone.close()
    typed = enter(person, team.ada, place)
    expect(typed.locator("#text")).to_have_attribute("enterkeyhint", "send")
    write(typed, "One line")
    shows(typed, "One line")
    assert stored(team.ada, place) == ["One line"]


def test_a_refused_message_says_why_and_holds_nothing_up(team: Team, person: People) -> None:
    place = team.room("Refused")
    ada = enter(person, team.ada, place)
    write(ada, "not \u0000 text", "text")
    expect(messages(ada, "sent").locator(".body")).to_have_text(["text"])
    refused = messages(ada, "failed")
    expect(refused).to_have_count(1)
    expect(refused.locator(".delivery-text")).to_contain_text("Not sent.")
    refused.get_by_role("button", name="Discard").click()
    shows(ada, "text")
    ada.reload()
    shows(ada, "text")
    assert stored(team.ada, place) == ["text"]


def test_a_message_that_the_server_cannot_store_does_not_hold_up_the_next_one(
    team: Team, person: People
) -> None:
    ada = enter(person, team.ada, team.room("Held up"))
    with cursed(team.server):
        write(ada, CURSED, "The next one")
        expect(messages(ada, "sent").locator(".body")).to_have_text(["The next one"])
    failed = messages(ada, "failed")
    expect(failed.locator(".delivery-text")).to_contain_text("Not sent. Something went wrong.")
    failed.get_by_role("button", name="Retry").click()
    expect(messages(ada, "sent")).to_have_count(2)


def test_a_draft_stays_a_reply_after_a_visit_to_another_room(team: Team, person: People) -> None:
    place, other = team.room("Answers", team.bo), team.room("Elsewhere")
    team.bo.say(place.id, "Who has the key?")
    ada = enter(person, team.ada, place)
    ada.locator("#m-1").press("r")
    ada.locator("#text").fill("I do")
    ada.goto(team.url + other.path)
    expect(ada.locator("#context")).to_be_hidden()  # the twin: nothing was begun there
    ada.goto(team.url + place.path)
    expect(ada.locator("#context-title")).to_have_text("Replying to bo")
    ada.locator("#text").press("Enter")
    expect(ada.locator("#m-2 .quote-text")).to_have_text("Who has the key?")
    ada.reload()
    caught_up(ada)
    expect(ada.locator("#context")).to_be_hidden()


def test_the_text_of_a_discarded_message_goes_back_in_front_of_the_draft(
    team: Team, person: People
) -> None:
    place = team.room("Discarded")
    ada = enter(person, team.ada, place)
    with cursed(team.server):
        write(ada, CURSED)
        discard = messages(ada, "failed").get_by_role("button", name="Discard")
        ada.locator("#text").fill("A draft")
        discard.click()
    expect(messages(ada)).to_have_count(0)
    ada.reload()
    expect(ada.locator("#text")).to_have_value(f"{CURSED}\nA draft")
    ada.locator("#text").press("Enter")
    shows(ada, f"{CURSED}\nA draft")


def test_a_message_that_waits_for_the_line_can_be_taken_back_with_its_file(
    team: Team, person: People, line: Line
) -> None:
    place = team.room("Taken back")
    ada = enter(person, team.ada, place, line=line)
    notes = {"name": "notes.txt", "mimeType": "text/plain", "buffer": b"Bread"}
    ada.locator("input[type=file]").set_input_files([notes])  # type: ignore[list-item]
    expect(ada.locator(".chip-note")).to_have_text("5 B")
    line.cut()
    connection(ada, "offline")
    write(ada, "I regret this", "But not this")
    regretted = messages(ada, "sending").first
    expect(regretted.get_by_role("button", name="Retry")).to_be_hidden()
    assert_sound(ada)
    regretted.get_by_role("button", name="Discard").click()
    expect(ada.locator("#text")).to_have_value("I regret this")
    expect(ada.locator("#text")).to_be_focused()
    line.restore()
    shows(ada, "But not this")
    write(ada, "Better words")
    shows(ada, "But not this", "Better words")
    expect(messages(ada).last.locator(".file-name")).to_have_text("notes.txt")
    assert stored(team.ada, place) == ["But not this", "Better words"]


def test_what_one_does_with_a_message_is_never_cut_off_at_the_edge_of_the_log(
    team: Team, person: People
) -> None:
    place = team.room("Edge", team.bo)
    talk(team.bo, place, 30)
    team.bo.say(place.id, "\n".join(["a long one"] * 60))
    ada = enter(person, team.ada, place)
    log = box(ada.locator("#scroller"))
    for seq, above in ((10, 0), (31, 200), (10, -200)):
        row = ada.locator(f"#m-{seq} .message-row")
        row.evaluate(PUT_ABOVE_THE_EDGE, above)
        ada.mouse.move(log["x"] + 200, log["y"] + max(10, 10 - above))
        actions = ada.locator(".actions:visible")
        expect(actions).to_have_count(1)
        expect(row.locator(actions)).to_be_visible()
        shown = box(actions)
        assert log["y"] <= shown["y"] <= log["y"] + max(20, -above)
        for button in actions.locator("button:visible").all():
            button.click(trial=True)  # nothing lies above it
    assert shown["y"] < box(row)["y"]  # where there is place, half above the row


def test_what_is_read_and_what_is_written_begin_at_one_edge(team: Team, person: People) -> None:
    place = team.room("One edge", team.bo)
    team.bo.say(place.id, "Hello")
    ada = enter(person, team.ada, place)
    for width in (WIDE, NARROW):
        ada.set_viewport_size({"width": width, "height": HEIGHT})
        parts = (".start-title", "#m-1 .day", "#m-1 .avatar", ".composer-row")
        assert len({round(box(ada.locator(part))["x"]) for part in parts}) == 1, width


def test_the_way_out_of_a_long_dialog_stays_in_view(team: Team, person: People) -> None:
    ada = enter(person, team.ada, team.room("Way out"))
    ada.set_viewport_size({"width": NARROW, "height": 400})
    ada.get_by_role("button", name="Rooms", exact=True).click()
    ada.locator("#keys-open").click()
    last = ada.locator("#keys dd").last
    expect(last).not_to_be_in_viewport()
    last.scroll_into_view_if_needed()
    expect(last).to_be_in_viewport()
    close = ada.locator("#keys").get_by_role("button", name="Close")
    expect(close).to_be_in_viewport(ratio=1)
    close.click()
    expect(ada.locator("#keys")).to_be_hidden()


def test_on_a_low_page_there_is_space_for_messages(team: Team, person: People) -> None:
    """A page of 1,280 × 1,024 pixels has 320 × 256 at a zoom of 400 %."""
    place = team.room("Low", team.bo)
    team.bo.say(place.id, "Hello")
    ada = enter(person, team.ada, place, width=NARROWEST)
    ada.locator("#m-1").press("r")
    ada.locator("#attach-input").set_input_files(__file__)
    expect(ada.locator("#chips li[data-state=done]")).to_be_visible()
    ada.locator("#text").fill("\n".join("abcdefgh"))
    ada.set_viewport_size({"width": NARROWEST, "height": NARROWEST * 4 // 5})
    assert box(ada.locator("#scroller"))["height"] >= 80
    for part in ("#context-cancel", "#chips button[data-act=remove]", ".send"):
        ada.locator(part).click(trial=True)  # one can scroll to it
    ada.locator("#text").fill("@b")
    ada.locator("#mentions [role=option]").click(trial=True)


def test_one_sees_what_the_mouse_is_on_in_both_colours(team: Team, person: People) -> None:
    ada = enter(person, team.ada, team.room("Hover"))
    ada.locator("#people-toggle").click()
    button = ada.locator("#leave")
    ground = "it => getComputedStyle(it).backgroundColor.match(/\\d+/g).map(Number)"
    for colours in COLOURS:
        ada.emulate_media(color_scheme=colours)
        ada.mouse.move(0, 0)
        before = button.evaluate(ground)
        button.hover()
        steps = [abs(a - b) for a, b in zip(before, button.evaluate(ground), strict=True)]
        assert max(steps) >= SEEN_STEP, (colours, before, steps)


def test_a_quote_shows_what_one_reads_from_the_first_moment_on(
    team: Team, person: People, line: Line
) -> None:
    place = team.room("Marks", team.bo)
    team.bo.say(place.id, "**Bold** and `2 < 3`, see [here](https://example.org)")
    ada = enter(person, team.ada, place, line=line)
    read = "Bold and 2 < 3, see here"
    ada.locator("#m-1").press("r")
    expect(ada.locator("#context-text")).to_have_text(read)
    line.hold()
    write(ada, "Yes")
    quote = messages(ada).last.locator(".quote-text")
    expect(messages(ada, "sending")).to_have_count(1)
    expect(quote).to_have_text(read)
    line.release()
    expect(messages(ada, "sending")).to_have_count(0)
    expect(quote).to_have_text(read)
    ada.reload()
    expect(quote).to_have_text(read)


def test_forced_colours_still_show_what_a_link_and_a_mention_mean(
    team: Team, furnished: Room, person: People
) -> None:
    """Forced colours remove backgrounds and shadows."""
    ada = page_of(person, team.ada)
    ada.emulate_media(forced_colors="active")
    ada.goto(f"{team.url}{furnished.path}/2")
    caught_up(ada)
    look = "it => [getComputedStyle(it).outlineStyle, getComputedStyle(it).borderInlineStartStyle]"
    rows = ada.locator("#m-2 .message-row, #m-3 .message-row, #m-6 .message-row")
    shown = [rows.nth(n).evaluate(look) for n in range(3)]
    assert shown == [["solid", "none"], ["none", "none"], ["none", "solid"]]


def test_on_paper_there_are_only_the_messages(team: Team, furnished: Room, person: People) -> None:
    ada = enter(person, team.ada, furnished)
    ada.locator("#people-toggle").click()
    ada.locator("#toasts").evaluate("it => { it.textContent = 'Copied'; it.showPopover() }")
    ada.locator("#unstarted").evaluate("it => { it.hidden = false }")
    ada.evaluate(SKIP_ANIMATIONS)
    controls = ada.locator("#rail, #people, #composer, #search-toggle, #toasts, #unstarted")
    expect(controls.filter(visible=True)).to_have_count(6)
    ada.emulate_media(media="print")
    expect(controls.filter(visible=True)).to_have_count(0)
    expect(messages(ada).first).to_be_visible()
    height = "document.querySelector('#content').scrollHeight"
    assert ada.evaluate(f"document.body.scrollHeight >= {height}")


def test_without_scripts_there_is_only_what_works_without_them(
    team: Team, furnished: Room, browser: Browser
) -> None:
    context = browser.new_context(java_script_enabled=False)
    bring_cookies(context, team.ada)
    page = context.new_page()
    page.goto(team.url + furnished.path)
    expect(page.locator("noscript p")).to_be_visible()
    expect(messages(page).first).to_be_visible()
    buttons = page.get_by_role("button").filter(visible=True)
    names = [each.get_attribute("aria-label") for each in buttons.all()]
    assert [name for name in names if name] == ["Log out"]
    expect(page.get_by_role("textbox")).to_have_count(0)
    context.close()


def test_a_page_whose_scripts_did_not_all_arrive_says_so(
    team: Team, furnished: Room, person: People
) -> None:
    ada = enter(person, team.ada, furnished)
    person.tolerate("ERR_FAILED")
    note = ada.locator("#unstarted")
    ada.evaluate(SKIP_ANIMATIONS)
    expect(note).to_be_hidden()  # the scripts have started
    ada.route("**/composer.js*", lambda route: route.abort())
    ada.reload()
    expect(note).to_be_hidden()  # there is still time
    ada.evaluate(SKIP_ANIMATIONS)
    expect(note).to_be_visible()
    ada.unroute_all()
    note.get_by_role("link").click()
    caught_up(ada)
    expect(note).to_be_hidden()


def test_hostile_text_and_names_stay_text(team: Team, person: People) -> None:
    mallory = team.newcomer("mallory")
    mallory.connect()
    mallory.form("/account/name", "/account", name=HOSTILE_NAME)
    place = team.room(HOSTILE_NAME, mallory)
    ada, his = enter(person, team.ada, place), enter(person, mallory, place)
    opened: list[Dialog] = []
    for page in (ada, his):
        page.on("dialog", lambda dialog: opened.append(dialog))
    write(his, *HOSTILE)
    expect(messages(his, "sent")).to_have_count(len(HOSTILE))
    expect(messages(ada, "sent")).to_have_count(len(HOSTILE))
    write(ada, "Did it run?")
    for page in (ada, his):
        assert_nothing_ran(page, place, len(HOSTILE) + 1)
        page.reload()  # what the server renders is the same
        caught_up(page)
        assert_nothing_ran(page, place, len(HOSTILE) + 1)
    ada.locator("#people-toggle").click()
    expect(ada.locator("#members .person-name", has_text="<img")).to_have_text([HOSTILE_NAME])
    assert opened == []
    mallory.leave()


def log_in(page: Page, name: str) -> None:
    page.locator("#login-username").fill(name)
    page.locator("#login-password").fill(PASSWORD)
    page.locator("#login-password").press("Enter")


def test_a_text_from_right_to_left_begins_on_the_right(team: Team, person: People) -> None:
    place = team.room("Sides", team.bo)
    for text in ("\u05d1\u05d5\u05e7\u05e8 @bo 1", "Morning @bo 1"):
        team.bo.say(place.id, text)
    ada = enter(person, team.ada, place)
    # In Firefox, items inherit the side on which the text of their list begins.
    ada.locator("#history").evaluate("list => (list.style.textAlign = 'left')")
    gaps = ada.locator(".body p").evaluate_all(GAPS_BESIDE_TEXT)
    assert [left > right for left, right in gaps] == [True, False], gaps
    pieces = ada.locator(".mention").evaluate_all(
        "all => all.map((it) => it.getClientRects().length)"
    )
    assert pieces == [1, 1]  # the @ is next to the name


def test_a_room_name_from_right_to_left_begins_next_to_its_icon(team: Team, person: People) -> None:
    place = team.room("\u05d1\u05d5\u05e7\u05e8")
    ada = enter(person, team.ada, place)
    ada.keyboard.press("Control+k")
    for name in (link(ada, place), ada.locator("#switcher-list .option", has_text=place.name)):
        (gaps,) = name.locator(".room-name").evaluate_all(GAPS_BESIDE_TEXT)
        assert gaps[0] < 1 < gaps[1], gaps


@contextmanager
def cursed(server: Server) -> Iterator[None]:
    server.sql(CURSE)
    try:
        yield
    finally:
        server.sql("DROP TRIGGER curse")


def box(place: Locator) -> FloatRect:
    found = place.bounding_box()
    assert found
    return found


def assert_nothing_ran(page: Page, place: Room, count: int) -> None:
    expect(messages(page, "sent")).to_have_count(count)
    expect(messages(page).first.locator(".author")).to_have_text(HOSTILE_NAME)
    expect(messages(page).first.locator(".body")).to_contain_text(HOSTILE[0])
    expect(messages(page).nth(1).locator(".body")).to_contain_text(HOSTILE[1])
    expect(page.locator("#room-name")).to_have_text(place.name)
    expect(page).to_have_title(re.compile(rf"^(\(\d+\) )?{re.escape(place.name)}$"))
    expect(page.locator(".body").locator(MADE_BY_TEXT)).to_have_count(0)
    links = page.locator(".body a").evaluate_all("all => all.map(it => it.protocol)")
    assert set(links) <= {"http:", "https:"}
