"""Files, reactions and mentions of the finished chat in real browsers: no file gets lost."""

import io
from typing import Any

import pytest
from PIL import Image
from playwright.sync_api import Browser, FilePayload, Locator, Page, Route, expect

from tests.browser.looks import SIDEWAYS, assert_sound
from tests.browser.people import NARROW, People
from tests.browser.team import (
    Line,
    Room,
    Team,
    bring_cookies,
    caught_up,
    connection,
    enter,
    messages,
    shows,
    write,
)
from tests.final_app.rig import Person

pytestmark = pytest.mark.browser

NARROWEST = 320  # pixels
NOTES = b"Bread\nButter\n"
UPLOADS = "**/api/uploads"
HAND_OVER = """(place, [kind, name, bytes, text]) => {
    const data = new DataTransfer();
    if (bytes) data.items.add(new File([new Uint8Array(bytes)], name, { type: "image/png" }));
    if (text) data.setData("text/plain", text);
    const about = { bubbles: true, cancelable: true };
    place.dispatchEvent(kind === "paste"
        ? new ClipboardEvent(kind, { ...about, clipboardData: data })
        : new DragEvent(kind, { ...about, dataTransfer: data }));
}"""
COMPOSING = """it => it.dispatchEvent(new KeyboardEvent("keydown", {
    key: "Enter", code: "Enter", isComposing: true, bubbles: true, cancelable: true,
}))"""
LONGEST_NAME = "W" * 40
IS_THERE = "it => it.complete && it.naturalWidth > 0"
SLOW_LOCKS = """
    const query = navigator.locks.query.bind(navigator.locks);
    const online = (resolve) => document.documentElement.dataset.conn === "online" ? resolve()
        : requestAnimationFrame(() => online(resolve));
    navigator.locks.query = () => new Promise(online).then(query);
"""  # the page is connected before it knows which pages are open
IS_THE_SAME = "node => node.isConnected"
HEIGHT_OF = "it => it.getBoundingClientRect().height"


def drawing(width: int = 60, height: int = 40) -> bytes:
    """Return the bytes of a PNG image."""
    out = io.BytesIO()
    Image.new("RGB", (width, height), "teal").save(out, "png")
    return out.getvalue()


def image(name: str = "harbour.png", width: int = 60, height: int = 40) -> FilePayload:
    return {"name": name, "mimeType": "image/png", "buffer": drawing(width, height)}


def notes(name: str = "notes.txt") -> FilePayload:
    return {"name": name, "mimeType": "text/plain", "buffer": NOTES}


# ---- in the composer


def test_files_go_with_the_message_to_everybody(team: Team, person: People) -> None:
    place = team.room("Files", team.bo)
    ada, bo = enter(person, team.ada, place), enter(person, team.bo, place)
    attach(ada, image(width=900, height=600), notes())
    chips_are(ada, "done", "harbour.png", "notes.txt")
    write(ada, "Look")
    expect(chips(ada)).to_have_count(0)
    for page in (ada, bo):
        shows(page, "Look")
        picture = page.locator("#m-1 figure img")
        expect(picture).to_have_attribute("alt", "harbour.png")
        expect(picture).to_have_js_property("complete", True)
        assert picture.evaluate(IS_THERE)
        with page.expect_download() as download:
            page.locator("#m-1 a.file").click()
        assert download.value.suggested_filename == "notes.txt"
        assert download.value.path().read_bytes() == NOTES
    assert carried(team.ada, place) == [["harbour.png", "notes.txt"]]


def test_a_file_alone_is_a_message(team: Team, person: People) -> None:
    place = team.room("Alone", team.bo)
    ada, bo = enter(person, team.ada, place), enter(person, team.bo, place)
    write(ada, "")  # nothing at all is none
    attach(ada, image())
    chips_are(ada, "done", "harbour.png")
    ada.get_by_role("button", name="Send").click()
    expect(bo.locator("#m-1 figure")).to_have_count(1)
    shows(bo, "")
    bo.locator("#m-1").press("r")
    expect(bo.locator("#context-text")).to_have_text("A file")
    write(bo, "Nice")
    expect(ada.locator("#m-2 .quote-text")).to_have_text("A file")


def test_how_far_a_file_has_come_is_seen(team: Team, person: People, line: Line) -> None:
    place = team.room("Progress")
    ada = enter(person, team.ada, place, line=line)
    line.hold()
    attach(ada, image())
    progress = ada.get_by_role("progressbar", name="Upload of harbour.png")
    expect(progress).to_have_js_property("value", 1)  # all of it is on the way, and not answered
    expect(progress).to_be_visible()
    chips_are(ada, "sending", "harbour.png")
    line.release()
    chips_are(ada, "done", "harbour.png")
    expect(progress).to_be_hidden()


def test_files_are_pasted_and_dropped(team: Team, person: People) -> None:
    place = team.room("Paste and drop")
    ada = enter(person, team.ada, place)
    hand_over(ada, "#text", "paste", "pasted.png")
    chips_are(ada, "done", "pasted.png")
    hand_over(ada, "#scroller", "dragover", "dropped.png")
    expect(ada.locator("#drop")).to_be_visible()
    hand_over(ada, "#drop", "drop", "dropped.png")
    expect(ada.locator("#drop")).to_be_hidden()
    chips_are(ada, "done", "pasted.png", "dropped.png")
    write(ada, "Both")
    shows(ada, "Both")
    assert carried(team.ada, place) == [["pasted.png", "dropped.png"]]


def test_who_pastes_text_with_a_picture_of_it_means_the_text(team: Team, person: People) -> None:
    ada = enter(person, team.ada, team.room("A table"))
    hand_over(ada, "#text", "paste", "table.png", text="1\t2")
    hand_over(ada, "#scroller", "dragover", "", text="a link")
    expect(ada.locator("#drop")).to_be_hidden()
    hand_over(ada, "#text", "paste", "picture.png")
    chips_are(ada, "done", "picture.png")


def test_what_is_removed_does_not_go_with_the_message(team: Team, person: People) -> None:
    place = team.room("Removed files")
    ada = enter(person, team.ada, place)
    held = hold(ada)
    with ada.expect_request(UPLOADS):
        attach(ada, image("one.png"), notes("two.txt"))
    chips_are(ada, "sending", "one.png", first=True)
    ada.get_by_role("button", name="Remove one.png").click()
    expect(ada.locator("#text")).to_be_focused()
    let_go(ada, held)
    chips_are(ada, "done", "two.txt")
    attach(ada, notes("three.txt"))
    chips_are(ada, "done", "two.txt", "three.txt")
    gone = drawer(ada, place)[0]
    with ada.expect_response(f"**/api/uploads/{gone}") as answer:
        ada.get_by_role("button", name="Remove two.txt").click()
    assert answer.value.ok
    write(ada, "One file")
    shows(ada, "One file")
    assert carried(team.ada, place) == [["three.txt"]]
    assert team.ada.get(f"/files/{gone}").status_code == 404


def test_a_file_that_is_too_large_is_refused_before_it_is_sent(team: Team, person: People) -> None:
    place = team.room("Too large")
    ada = enter(person, team.ada, place)
    asked: list[str] = []
    ada.on("request", lambda request: asked.append(request.url))
    large: FilePayload = {"name": "film.mp4", "mimeType": "video/mp4", "buffer": bytes(10_000_001)}
    attach(ada, large)
    chips_are(ada, "failed", "film.mp4")
    expect(chips(ada).locator(".chip-note")).to_have_text("Too large: the limit is 10 MB.")
    expect(ada.locator("#chips-failed")).to_have_text("film.mp4: Too large: the limit is 10 MB.")
    expect(ada.get_by_role("button", name="Retry film.mp4")).to_be_hidden()
    write(ada, "The film")
    expect(ada.locator("#held")).to_contain_text("Not sent")
    expect(ada.locator("#text")).to_have_value("The film")
    assert not [address for address in asked if address.endswith("/api/uploads")]
    ada.get_by_role("button", name="Remove film.mp4").click()
    expect(ada.locator("#held")).to_have_text("")
    ada.locator("#text").press("Enter")
    shows(ada, "The film")


def test_what_the_server_refuses_is_told_in_its_words_and_can_be_tried_again(
    team: Team, person: People
) -> None:
    person.tolerate("415|507")
    place = team.room("Refused files")
    ada = enter(person, team.ada, place)
    attach(ada, {"name": "nothing.txt", "mimeType": "text/plain", "buffer": b""})
    chips_are(ada, "failed", "nothing.txt")
    expect(chips(ada).locator(".chip-note")).to_have_text("This file is empty.")
    expect(ada.get_by_role("button", name="Retry nothing.txt")).to_be_hidden()  # it stays empty
    ada.get_by_role("button", name="Remove nothing.txt").click()
    full = {"ok": False, "error": {"code": "full", "message": "There is no space left."}}
    ada.route(UPLOADS, lambda route: route.fulfill(status=507, json=full))
    attach(ada, notes("some.txt"))
    chips_are(ada, "failed", "some.txt")
    expect(chips(ada).locator(".chip-note")).to_have_text("There is no space left.")
    ada.unroute(UPLOADS)
    ada.get_by_role("button", name="Retry some.txt").click()
    chips_are(ada, "done", "some.txt")


def test_a_message_carries_only_so_many_files(team: Team, person: People) -> None:
    ada = enter(person, team.ada, team.room("Many"))
    attach(ada, *[notes(f"{number}.txt") for number in range(12)])
    expect(chips(ada)).to_have_count(10)
    expect(ada.locator("#toasts p")).to_contain_text("2 files were left out")
    chips_are(ada, "done", *[f"{number}.txt" for number in range(10)])
    attach(ada, notes(), notes())
    attach(ada, notes())  # says something else
    attach(ada, notes(), notes())
    expect(ada.locator("#toasts p")).to_have_count(2)
    expect(ada.locator("#toasts p").last).to_contain_text("2 files were left out")


def test_what_was_uploaded_survives_a_reload_and_what_has_vanished_is_dropped(
    team: Team, person: People
) -> None:
    person.tolerate("404")
    place = team.room("Kept files")
    ada = enter(person, team.ada, place)
    attach(ada, image(), notes("gone.txt"), notes())
    chips_are(ada, "done", "harbour.png", "gone.txt", "notes.txt")
    ada.locator("#text").press_sequentially("not yet")
    assert team.ada.ask("DELETE", f"/api/uploads/{drawer(ada, place)[1]}")["ok"]
    ada.add_init_script(SLOW_LOCKS)
    ada.reload()
    chips_are(ada, "done", "harbour.png", "notes.txt")
    expect(ada.locator("#text")).to_have_value("not yet")
    expect(chips(ada).first.locator("img")).to_have_js_property("complete", True)
    assert chips(ada).first.locator("img").evaluate(IS_THERE)
    ada.locator("#text").press("Enter")
    shows(ada, "not yet")
    assert carried(team.ada, place) == [["harbour.png", "notes.txt"]]


def test_each_of_two_tabs_sends_its_own_files(team: Team, person: People) -> None:
    place = team.room("Two tabs")
    ada = enter(person, team.ada, place)
    attach(ada, notes("first.txt"))
    chips_are(ada, "done", "first.txt")
    held = hold(ada)
    with ada.expect_request(UPLOADS):
        attach(ada, notes("second.txt"))
    write(ada, "Both reports")
    expect(ada.locator("#held")).to_contain_text("will be sent")
    second = ada.context.new_page()
    second.goto(team.url + place.path)
    caught_up(second)
    expect(chips(second)).to_have_count(0)
    attach(second, notes("menu.txt"))
    chips_are(second, "done", "menu.txt")
    write(second, "Lunch?")
    shows(second, "Lunch?")
    expect(chips(ada).locator(".chip-name")).to_have_text(["first.txt", "second.txt"])
    let_go(ada, held)
    for page in (ada, second):
        shows(page, "Lunch?", "Both reports")
    assert carried(team.ada, place) == [["menu.txt"], ["first.txt", "second.txt"]]


def test_the_files_of_a_closed_tab_are_there_in_the_next_one(team: Team, person: People) -> None:
    place = team.room("Closed tab")
    ada = enter(person, team.ada, place)
    attach(ada, notes())
    chips_are(ada, "done", "notes.txt")
    second = ada.context.new_page()
    second.goto(team.url + place.path)
    caught_up(second)
    expect(chips(second)).to_have_count(0)
    ada.close()
    second.reload()
    chips_are(second, "done", "notes.txt")
    write(second, "As planned")
    shows(second, "As planned")
    assert carried(team.ada, place) == [["notes.txt"]]


def test_a_file_never_looks_like_a_part_of_an_edit(team: Team, person: People) -> None:
    place = team.room("Edited with a file")
    team.ada.say(place.id, "One")
    ada = enter(person, team.ada, place)
    attach(ada, notes())
    chips_are(ada, "done", "notes.txt")
    ada.locator("#m-1").press("e")
    expect(ada.locator("#chips")).to_be_hidden()
    expect(ada.locator("#attach")).to_be_hidden()
    hand_over(ada, "#text", "paste", drawing())
    expect(ada.locator(".toast")).to_contain_text("can't add files")
    ada.locator("#text").press("Escape")
    chips_are(ada, "done", "notes.txt")  # the file of the next message is still there
    expect(ada.locator("#chips")).to_be_visible()
    expect(ada.locator("#attach")).to_be_visible()


# ---- sending


def test_a_message_waits_for_its_files(team: Team, person: People) -> None:
    place = team.room("Waiting", team.bo)
    ada, bo = enter(person, team.ada, place), enter(person, team.bo, place)
    held = hold(ada)
    with ada.expect_request(UPLOADS):
        attach(ada, image())
    write(ada, "With a picture")
    expect(ada.locator("#held")).to_have_text(
        "The message will be sent as soon as 1 file is uploaded."
    )
    expect(ada.locator("#text")).not_to_be_editable()
    ada.get_by_role("button", name="Keep writing").click()
    expect(ada.locator("#held")).to_have_text("")
    ada.locator("#text").press("End")
    ada.locator("#text").press_sequentially(", Bo")
    ada.locator("#text").press("Enter")
    ada.locator("#text").press("Enter")  # twice is once
    expect(messages(ada)).to_have_count(0)
    let_go(ada, held)
    for page in (ada, bo):
        shows(page, "With a picture, Bo")
        expect(page.locator("#m-1 figure")).to_have_count(1)
    expect(ada.locator("#text")).to_be_editable()
    expect(ada.locator("#text")).to_have_value("")


def test_a_message_that_waits_goes_on_waiting_when_a_file_of_it_is_taken_away(
    team: Team, person: People
) -> None:
    place = team.room("Taken away")
    ada = enter(person, team.ada, place)
    hold(ada)
    with ada.expect_request(UPLOADS):
        attach(ada, image())
    write(ada, "Without a picture")
    ada.get_by_role("button", name="Remove harbour.png").click()
    expect(ada.locator("#text")).to_be_editable()
    expect(ada.locator("#text")).to_have_value("Without a picture")
    expect(messages(ada)).to_have_count(0)
    ada.locator("#text").press("Enter")
    shows(ada, "Without a picture")


@pytest.mark.parametrize("key", ["e", "r"])
def test_whoever_edits_or_replies_while_a_message_waits_decides_again_when_to_send_it(
    team: Team, person: People, key: str
) -> None:
    place = team.room(f"Waits and {key}", team.bo)
    team.ada.say(place.id, "An old message")
    ada = enter(person, team.ada, place)
    held = hold(ada)
    with ada.expect_request(UPLOADS):
        attach(ada, notes())
    write(ada, "Look at this")
    expect(ada.locator("#held")).to_contain_text("will be sent")
    ada.locator("#m-1").press(key)
    expect(ada.locator("#context")).to_be_visible()
    expect(ada.locator("#held")).to_have_text("")
    expect(ada.locator("#text")).to_be_editable()
    let_go(ada, held)
    chips_are(ada, "done", "notes.txt")
    expect(ada.locator("#context")).to_be_visible()  # it is neither sent nor changed by itself
    ada.locator("#text").press("Escape")
    expect(ada.locator("#text")).to_have_value("Look at this")
    ada.locator("#text").press("Enter")
    shows(ada, "An old message", "Look at this")
    old, new = team.ada.history(place.id)
    assert "edited_at" not in old
    assert "reply_to" not in new
    assert [each["filename"] for each in new["uploads"]] == ["notes.txt"]


def test_a_line_cut_during_an_upload_loses_no_file(team: Team, person: People, line: Line) -> None:
    place = team.room("Cut upload", team.bo)
    ada, bo = enter(person, team.ada, place, line=line), enter(person, team.bo, place)
    line.hold()
    attach(ada, image(), notes())
    progress = ada.get_by_role("progressbar", name="Upload of harbour.png")
    expect(progress).to_have_js_property("value", 1)
    write(ada, "Here")
    line.cut()
    connection(ada, "offline")
    chips_are(ada, "waiting", "harbour.png", "notes.txt")
    attach(ada, notes("more.txt"))
    chips_are(ada, "waiting", "harbour.png", "notes.txt", "more.txt")
    expect(messages(ada)).to_have_count(0)
    line.restore()
    for page in (ada, bo):
        shows(page, "Here")
        expect(page.locator("#m-1 .uploads :is(figure, li)")).to_have_count(3)
    assert carried(team.ada, place) == [["harbour.png", "notes.txt", "more.txt"]]


def test_a_line_cut_during_the_send_makes_one_message_with_its_file(
    team: Team, person: People, line: Line
) -> None:
    place = team.room("Cut send", team.bo)
    ada, bo = enter(person, team.ada, place, line=line), enter(person, team.bo, place)
    attach(ada, image(), notes())
    chips_are(ada, "done", "harbour.png", "notes.txt")
    line.hold()
    write(ada, "Hello")
    shows(bo, "Hello")  # the server has it
    shows(ada, "Hello", state="sending")
    pending = ada.locator(".message[data-state=sending]")
    expect(pending.locator("figure")).to_have_count(1)
    expect(pending.locator(".file-name")).to_have_text("notes.txt")
    seen = pending.locator("img").element_handle()
    line.cut()
    connection(ada, "offline")
    line.restore()
    for page in (ada, bo):
        shows(page, "Hello")
        expect(page.locator("#m-1 figure img")).to_have_attribute("alt", "harbour.png")
    assert seen.evaluate(IS_THE_SAME)  # the picture did not flicker
    assert carried(team.ada, place) == [["harbour.png", "notes.txt"]]


def test_what_was_written_without_a_line_keeps_its_files_over_a_reload(
    team: Team, person: People, line: Line
) -> None:
    place = team.room("No line")
    ada = enter(person, team.ada, place, line=line)
    attach(ada, image())
    chips_are(ada, "done", "harbour.png")
    line.cut()
    line.restore(sockets=False)
    connection(ada, "offline")
    write(ada, "Later")
    ada.reload()
    shows(ada, "Later", state="sending")
    expect(ada.locator(".message figure")).to_have_count(1)
    line.restore()
    shows(ada, "Later")
    assert carried(team.ada, place) == [["harbour.png"]]


# ---- in a message


def test_an_image_has_its_place_before_it_is_there(team: Team, person: People) -> None:
    place = team.room("Reserved", team.bo)
    ada, bo = enter(person, team.ada, place), enter(person, team.bo, place)
    held: list[Route] = []
    bo.route("**/thumb", lambda route: held.append(route))
    attach(ada, image(width=300, height=900))
    chips_are(ada, "done", "harbour.png")
    with bo.expect_request("**/thumb"):
        write(ada, "Tall")
    picture = bo.locator("#m-1 figure img")
    reserved = picture.evaluate(HEIGHT_OF)
    assert reserved == 280
    bo.evaluate("0")  # a round trip
    held.pop().continue_()
    expect(picture).to_have_js_property("naturalWidth", 213, timeout=10_000)
    assert abs(picture.evaluate(HEIGHT_OF) - reserved) < 1  # pixel


def test_images_open_in_the_page_one_after_another(team: Team, person: People) -> None:
    place = team.room("Viewer")
    ada = enter(person, team.ada, place)
    attach(ada, image("first.png"), notes(), image("second.png"))
    chips_are(ada, "done", "first.png", "notes.txt", "second.png")
    write(ada, "Two")
    shows(ada, "Two")
    viewer = ada.get_by_role("dialog")
    ada.get_by_role("link", name="second.png").click()
    expect(viewer).to_have_accessible_name("second.png")
    expect(viewer.locator("#viewer-place")).to_have_text("2 of 2")
    full = viewer.get_by_role("img")
    expect(full).to_have_attribute("alt", "second.png")
    expect(full).to_have_js_property("naturalWidth", 60)
    ada.keyboard.press("ArrowRight")  # there is no third
    expect(viewer).to_have_accessible_name("second.png")
    ada.keyboard.press("ArrowLeft")
    expect(viewer).to_have_accessible_name("first.png")
    viewer.get_by_role("button", name="Next image").click()
    expect(viewer).to_have_accessible_name("second.png")
    with ada.expect_download() as download:
        viewer.get_by_role("link", name="Download").click()
    assert download.value.suggested_filename == "second.png"
    ada.keyboard.press("Escape")
    expect(viewer).to_have_count(0)
    expect(ada.get_by_role("link", name="second.png")).to_be_focused()
    assert ada.url.endswith(place.path)


def test_a_moderator_deletes_a_message_and_its_files(team: Team, person: People) -> None:
    place = team.room("Moderated", team.bo)
    ada, bo = enter(person, team.ada, place), enter(person, team.bo, place)
    attach(bo, image())
    chips_are(bo, "done", "harbour.png")
    write(bo, "Mine")
    write(ada, "Ada's")
    shows(bo, "Mine", "Ada's")
    bo.locator("#m-2").press("Delete")
    expect(bo.get_by_role("dialog")).to_have_count(0)
    bo.locator("#m-2").hover()
    expect(bo.locator("#m-2 [data-act=reply]")).to_be_visible()
    expect(bo.locator("#m-2 [data-act=delete]")).to_be_hidden()
    ada.locator("#m-1").hover()
    expect(ada.locator("#m-1 [data-act=edit]")).to_be_hidden()
    ada.locator("#m-1 [data-act=delete]").click()
    expect(ada.locator("#confirm-text")).to_contain_text("a message from bo")
    ada.locator("#confirm-yes").click()
    for page in (ada, bo):
        shows(page, "Message deleted", "Ada's")
        expect(page.locator("#m-1 .uploads")).to_be_hidden()
        expect(page.locator("#m-1 figure")).to_have_count(0)


# ---- reactions


def test_reactions_are_seen_by_everybody_and_follow_a_click(
    team: Team, person: People, line: Line
) -> None:
    place = team.room("Reactions", team.bo)
    ada, bo = enter(person, team.ada, place), enter(person, team.bo, place, line=line)
    write(ada, "Shall we?")
    shows(bo, "Shall we?")
    bo.locator("#m-1").hover()
    names = bo.locator("#m-1 .actions").get_by_role("button", name="Who reacted")
    expect(names).to_have_count(0)
    bo.locator("#m-1 .actions").get_by_role("button", name="React", exact=True).click()
    bo.get_by_role("button", name="Thumbs up").click()
    expect(reaction(bo, "👍")).to_have_attribute("aria-pressed", "true")
    expect(reaction(ada, "👍")).to_have_attribute("aria-pressed", "false")
    expect(reaction(ada, "👍")).to_have_attribute("title", "bo")
    seen = reaction(ada, "👍").element_handle()
    reaction(ada, "👍").click()
    for page in (ada, bo):
        expect(reaction(page, "👍")).to_have_text("👍 2")
    expect(reaction(bo, "👍")).to_have_attribute("title", "You and ada")
    names.press("Enter")  # on a touch screen and with the keyboard, there is no title
    expect(bo.locator(".toast")).to_have_text("👍 You and ada")
    line.cut()
    connection(bo, "offline")
    ada.locator("#m-1 .reaction.add").click()
    ada.get_by_role("button", name="Hooray").click()
    expect(ada.locator("#m-1 .reaction-list")).to_have_text("👍 2🎉 1")
    expect(reaction(bo, "🎉")).to_have_count(0)
    line.restore()
    expect(bo.locator("#m-1 .reaction-list")).to_have_text("👍 2🎉 1")
    assert seen.evaluate(IS_THE_SAME)
    caught_up(bo)
    reaction(bo, "👍").click()
    reaction(ada, "🎉").click()
    for page in (ada, bo):
        expect(page.locator("#m-1 .reaction-list")).to_have_text("👍 1")
    reaction(ada, "👍").click()
    for page in (ada, bo):
        expect(page.locator("#m-1 .reactions")).to_be_hidden()
    expect(bo.locator("#m-1 .edited")).to_be_hidden()


def test_the_keyboard_is_enough_for_a_reaction(team: Team, person: People) -> None:
    place = team.room("Reaction by keys")
    ada = enter(person, team.ada, place)
    write(ada, "Hello")
    shows(ada, "Hello")
    ada.locator("#m-1").press("+")
    expect(ada.get_by_role("button", name="Thumbs up")).to_be_focused()
    for key in ("ArrowRight", "ArrowDown", "ArrowDown", "ArrowLeft", "ArrowLeft"):
        ada.keyboard.press(key)
    expect(ada.get_by_role("button", name="Looking at it")).to_be_focused()
    ada.keyboard.press("Escape")
    expect(ada.locator("#picker")).to_be_hidden()
    expect(ada.locator("#m-1")).to_be_focused()
    ada.keyboard.press("Enter")  # the buttons of the message
    expect(ada.locator("#m-1 .actions [data-act=react]")).to_be_focused()
    ada.keyboard.press("Enter")
    ada.keyboard.press("ArrowRight")
    ada.keyboard.press("Enter")
    expect(reaction(ada, "❤️")).to_have_text("❤️ 1")
    expect(ada.locator("#picker")).to_be_hidden()


def test_a_finger_reaches_what_can_be_done_with_a_message(team: Team, browser: Browser) -> None:
    place = team.room("By finger")
    team.ada.say(place.id, "Hello")
    phone = browser.new_context(
        has_touch=True, is_mobile=True, viewport={"width": NARROWEST, "height": 640}
    )
    bring_cookies(phone, team.ada)
    ada = phone.new_page()
    ada.goto(team.url + place.path)
    caught_up(ada)
    ada.get_by_role("button", name="Actions").tap()
    ada.get_by_role("button", name="React").tap()
    ada.get_by_role("button", name="Laughing").tap()
    expect(reaction(ada, "😂")).to_have_text("😂 1")
    for target in ada.locator("#picker button, .reaction, .actions button").all():
        size = target.bounding_box()
        assert size is None or min(size["width"], size["height"]) >= 44  # pixels
    phone.close()


# ---- mentions


def test_a_name_is_completed_by_keyboard_and_by_mouse(team: Team, person: People) -> None:
    place = team.room("Names", team.bo)
    ada = enter(person, team.ada, place)
    field = ada.locator("#text")
    options = ada.get_by_role("listbox", name="People").get_by_role("option")
    field.press_sequentially("Hi @b")
    expect(options).to_have_text(["Bbo @bo"])
    expect(field).to_have_attribute("aria-activedescendant", f"mention-{team.bo.id}")
    field.evaluate(COMPOSING)  # an input method's Enter chooses nothing
    expect(field).to_have_value("Hi @b")
    field.press("Enter")
    expect(field).to_have_value("Hi @bo ")
    expect(options).to_have_count(0)
    expect(messages(ada)).to_have_count(0)
    field.press_sequentially("and @c")
    expect(options).to_contain_text(["not in this room"])
    options.first.click()
    expect(field).to_have_value("Hi @bo and @cy ")
    expect(field).to_be_focused()
    field.press("Enter")
    shows(ada, "Hi @bo and @cy")
    expect(ada.locator("#m-1 .mention")).to_have_text("@bo")


def test_the_list_of_names_stays_out_of_the_way(team: Team, person: People) -> None:
    zoe, zack = team.newcomer("zoe"), team.newcomer("zack")
    place = team.room("Order", *[zoe] if zoe.connect() else [])
    zack.form("/account/name", "/account", name=LONGEST_NAME)
    ada = enter(person, team.ada, place, width=NARROW)
    field = ada.locator("#text")
    names = ada.locator("#mentions .person-name")
    field.press_sequentially("@z")
    expect(names).to_have_text(["zoe", LONGEST_NAME])  # the people of this room first
    note = ada.locator("#mentions .person-note").last
    expect(note).to_have_text("@zack, not in this room")
    assert note.evaluate("it => it.scrollWidth <= it.offsetWidth")
    field.press("ArrowDown")
    expect(ada.locator("#mentions [aria-selected=true] .person-name")).to_have_text(LONGEST_NAME)
    field.press("ArrowUp")
    field.press("Tab")
    expect(field).to_have_value("@zoe ")
    expect(field).to_be_focused()
    ada.locator("#text").fill("")
    field.press_sequentially("@zo")
    expect(names).to_have_text(["zoe"])
    field.press("Escape")
    expect(ada.locator("#mentions")).to_be_hidden()
    assert field.get_attribute("aria-activedescendant") is None
    field.press("Enter")
    shows(ada, "@zo")
    field.press_sequentially("ada@zoe")  # an address
    field.press("Enter")
    shows(ada, "@zo", "ada@zoe")
    zoe.leave()


# ---- for everybody


def test_axe_finds_nothing_about_files(team: Team, person: People) -> None:
    person.tolerate("415")
    place = team.room("Sound files", team.bo)
    ada = enter(person, team.ada, place)
    attach(ada, image(), notes("a" * 90 + ".txt"))
    chips_are(ada, "done", "harbour.png", "a" * 90 + ".txt")
    hold(ada)
    with ada.expect_request(UPLOADS):
        attach(ada, image("second.png"), notes())
    write(ada, "Waits")
    assert_sound(ada)  # done, on its way, waiting, and a message that waits for them
    assert_narrow(ada)
    ada.locator("#held-cancel").click()
    ada.unroute(UPLOADS)
    ada.locator("#text").fill("")
    ada.get_by_role("button", name="Remove second.png").click()
    chips_are(ada, "done", "harbour.png", "a" * 90 + ".txt", "notes.txt")
    attach(ada, {"name": "nothing.txt", "mimeType": "text/plain", "buffer": b""})
    expect(chips(ada).last).to_have_attribute("data-state", "failed")
    write(ada, "Cannot go")
    assert_sound(ada)  # refused
    assert_narrow(ada)
    ada.get_by_role("button", name="Remove nothing.txt").click()
    ada.locator("#text").press("Enter")
    shows(ada, "Cannot go")
    assert_sound(ada)
    assert_narrow(ada)
    ada.get_by_role("link", name="harbour.png").click()
    assert_sound(ada, part="#viewer")
    assert_narrow(ada)


def test_axe_finds_nothing_about_reactions_and_names(team: Team, person: People) -> None:
    place = team.room("Sound reactions", team.bo)
    ada = enter(person, team.ada, place)
    said = team.bo.say(place.id, "Hello")["message"]["id"]
    for emoji in ("👍", "🎉"):
        assert team.bo.emit("react", {"id": said, "emoji": emoji, "on": True})["ok"]
    ada.locator("#m-1").press("+")
    ada.keyboard.press("Enter")
    expect(reaction(ada, "👍")).to_have_text("👍 2")
    assert_sound(ada)
    assert_narrow(ada)
    ada.locator("#m-1 .actions [data-act=react]").click()
    expect(ada.locator("#picker")).to_be_visible()
    assert_sound(ada)  # the picker has no text of its own
    ada.keyboard.press("Escape")
    ada.locator("#text").press_sequentially("@b")
    expect(ada.get_by_role("option")).to_have_count(1)
    assert_sound(ada)
    assert_narrow(ada)
    hand_over(ada, "#scroller", "dragover", "dropped.png")
    expect(ada.locator("#drop")).to_be_visible()
    assert_sound(ada, part="#drop")


# ---- words


def attach(page: Page, *files: FilePayload) -> None:
    page.locator("#attach-input").set_input_files(list(files))


def chips(page: Page) -> Locator:
    return page.locator("#chips .chip")


def chips_are(page: Page, state: str, *names: str, first: bool = False) -> None:
    """Wait until the composer shows exactly these files, all of them (or the first) in this state."""
    found = chips(page).first if first else chips(page)
    expect(found.locator(".chip-name")).to_have_text(list(names))
    if first:
        expect(found).to_have_attribute("data-state", state)
    else:
        expect(page.locator(f"#chips .chip[data-state={state}]")).to_have_count(len(names))


def hold(page: Page) -> list[Route]:
    """Let uploads begin, but keep them from reaching the server until `let_go`."""
    held: list[Route] = []
    page.route(UPLOADS, lambda route: held.append(route))
    return held


def let_go(page: Page, held: list[Route]) -> None:
    page.route(UPLOADS, lambda route: route.continue_())
    for route in held:
        route.continue_()


def hand_over(page: Page, place: str, kind: str, name: str, text: str = "") -> None:
    """Paste or drop something at a place on the page."""
    content = list(drawing()) if name else None
    page.locator(place).evaluate(HAND_OVER, [kind, name, content, text])


def drawer(page: Page, place: Room) -> list[str]:
    """Return the IDs of the files that the page stores for a room."""
    kept: list[dict[str, Any]] = page.evaluate(
        "room => JSON.parse(localStorage[Object.keys(localStorage)"
        ".find(key => key.endsWith(` files ${room}`))])",
        place.id,
    )
    return [each["id"] for each in kept]


def carried(who: Person, place: Room) -> list[list[str]]:
    """Return the names of the files in every stored message."""
    return [[file["filename"] for file in each["uploads"]] for each in who.history(place.id)]


def reaction(page: Page, emoji: str) -> Locator:
    return page.locator(f'#m-1 .reaction[data-emoji="{emoji}"]')


def assert_narrow(page: Page) -> None:
    size = page.viewport_size
    assert size
    page.set_viewport_size({"width": NARROWEST, "height": size["height"]})
    assert page.evaluate(SIDEWAYS) == 0
    assert page.locator("#scroller").evaluate("it => it.scrollWidth - it.clientWidth") == 0
    page.set_viewport_size(size)
