"""A silent connection, a page that is out of date, and people who come, go and change."""

import json
import re
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import APIResponse, Page, Request, Route, WebSocketRoute, expect

from final_app.realtime.handlers import MOST_SOCKETS
from tests.browser.looks import assert_sound
from tests.browser.people import People, wait_with
from tests.browser.team import (
    IMPATIENT,
    LINE_IS_DOWN,
    Line,
    Room,
    Team,
    a_team,
    caught_up,
    connection,
    enter,
    messages,
    page_of,
    shows,
    stored,
    talk,
    write,
)
from tests.busy import within
from tests.faults import load
from tests.faults.locks import held
from tests.final_app.rig import Person

pytestmark = pytest.mark.browser

NOTICED = 8.0  # seconds after which a page knows that its line is silent
AT_ONCE = 4_000  # milliseconds: before the notice of an interruption that may be short
GAP = 100  # milliseconds in which a missing message may still come, as in conversation.js
PAGE = 50  # messages: as many as the page holds that one comes to
TOO_MANY = 201  # messages: the answer to `sync` is `reset`
TRANSFERRED = """performance.getEntriesByType("resource")
    .filter(({ name }) => name.includes("/api/people"))
    .reduce((sum, { transferSize }) => sum + transferSize, 0)"""
OTHER_PROTOCOL = """Object.defineProperty(window, "io", {
    set(io) { this.connectBy = io },
    get() { return (options) => this.connectBy({ ...options, auth: AUTH }) },
})"""

SLOW = 0.6  # seconds that each answer takes
HURRIED = """Object.defineProperty(window, "io", {
    set(io) { this.connectBy = io },
    get() {
        const soon = { timeout: 200, reconnectionDelay: 50, reconnectionDelayMax: 50 };  // ms
        return (options) => this.connectBy({ ...options, ...soon });
    },
})"""


# ---- a silent line


def test_a_silent_line_is_noticed_and_replaced_within_8_s(
    team: Team, person: People, line: Line
) -> None:
    place = team.room("Silence", team.bo)
    ada, bo = enter(person, team.ada, place, line=line), enter(person, team.bo, place)
    line.hold()
    began = time.monotonic()
    write(ada, "Is anybody there?")
    connection(ada, "offline")
    assert within(time.monotonic() - began, NOTICED)
    expect(ada.locator("#banner")).to_contain_text("Reconnecting", timeout=AT_ONCE)
    write(bo, "I am.")
    line.restore()
    for page in (ada, bo):
        shows(page, "Is anybody there?", "I am.")
    caught_up(ada)
    assert stored(team.ada, place) == ["Is anybody there?", "I am."]


def test_who_turns_to_a_page_learns_that_its_line_is_silent(
    team: Team, person: People, line: Line
) -> None:
    """It takes as long as in the test above."""
    place = team.room("Turned to")
    ada = enter(person, team.ada, place, line=line, impatient=True)
    line.hold()
    ada.evaluate("window.dispatchEvent(new Event('focus'))")
    connection(ada, "offline")
    line.restore()
    caught_up(ada)


@pytest.mark.long
def test_a_slow_server_that_is_heard_from_is_not_a_silent_line(
    team: Team, person: People, line: Line
) -> None:
    place = team.room("Slow", team.bo)
    ada = enter(person, team.ada, place, line=line)
    states = ada.evaluate_handle("""() => {
        const states = [];
        new MutationObserver(() => states.push(document.documentElement.dataset.conn))
            .observe(document.documentElement, { attributeFilter: ["data-conn"] });
        return states;
    }""")
    with held(team.server):
        write(ada, "It takes a while")
        until = time.monotonic() + NOTICED + 2
        ada.wait_for_timeout(
            5_000
        )  # the first acknowledgement is overdue, and nothing was heard yet
        while time.monotonic() < until:
            team.bo.emit("typing", {"room": place.id, "on": True})
            ada.wait_for_timeout(300)
    shows(ada, "It takes a while")
    assert states.json_value() == []


def test_a_line_too_slow_for_the_first_attempt_connects_in_a_later_one(
    team: Team, person: People, line: Line
) -> None:
    place = team.room("Far away")
    ada = page_of(person, team.ada)
    ada.add_init_script(HURRIED)
    ada.goto(line.url + place.path)
    caught_up(ada)
    line.cut()
    connection(ada, "offline")
    line.late = SLOW
    line.restore()
    caught_up(ada)


def test_a_browser_without_a_network_says_so_at_once(
    team: Team, person: People, line: Line
) -> None:
    place = team.room("No network", team.bo)
    ada = enter(person, team.ada, place, line=line)
    # Screen readers announce a change inside a region that was there before, not always a new region.
    expect(ada.get_by_role("status").filter(has=ada.locator("#banner"))).to_have_count(1)
    line.hold()  # or a new WebSocket would connect at once: Chromium lets it out even now
    ada.context.set_offline(True)
    try:
        expect(ada.locator("#banner")).to_contain_text("Reconnecting", timeout=AT_ONCE)
        connection(ada, "offline")
        team.ada.say(place.id, "from my phone")  # which is no news for Ada
        team.bo.say(place.id, "Hello")
    finally:
        ada.context.set_offline(False)
        line.release()
    caught_up(ada)
    expect(ada.locator("#banner-text")).to_have_text("Back online, 1 new message")


def test_a_page_that_has_missed_nothing_does_not_ask_what_it_missed(
    team: Team, person: People, line: Line
) -> None:
    place = team.room("Quiet", team.bo)
    page = page_of(person, team.ada)
    sent: list[str] = []
    page.on("websocket", lambda ws: ws.on("framesent", lambda frame: sent.append(str(frame))))
    page.goto(line.url + place.path)
    caught_up(page)
    line.cut()
    connection(page, "offline")
    line.restore()
    caught_up(page)
    assert len(sent) >= 2 and not any('"sync"' in each for each in sent), sent
    line.cut()
    connection(page, "offline")
    team.bo.say(place.id, "Something to miss")
    line.restore()
    caught_up(page)
    shows(page, "Something to miss")
    assert any('"sync"' in each for each in sent), sent


def test_a_page_that_gets_no_answer_to_sync_asks_again_although_its_line_is_alive(
    team: Team, person: People, line: Line
) -> None:
    place = team.room("Unanswered", team.bo)
    page = page_of(person, team.ada)
    lost: list[str | bytes] = []

    def lose_the_first_sync(route: WebSocketRoute) -> None:
        server = route.connect_to_server()

        def send(frame: str | bytes) -> None:
            if not lost and f'["sync",{{"rooms":{{"{place.id}":' in str(frame):
                lost.append(frame)
            else:
                server.send(frame)

        route.on_message(send)

    page.add_init_script(IMPATIENT)
    page.route_web_socket(re.compile("socket.io"), lose_the_first_sync)
    page.goto(line.url + place.path)
    caught_up(page)
    line.cut()
    connection(page, "offline")
    team.bo.say(place.id, "Something to miss")
    line.restore()
    shows(page, "Something to miss")
    assert len(lost) == 1


def test_a_message_that_comes_after_a_later_acknowledgement_is_not_asked_for(
    team: Team, person: People
) -> None:
    """With several processes, the event comes from another one, so the acknowledgement may be faster."""
    place = team.room("Overtaken", team.bo)
    page = page_of(person, team.ada)
    late: list[str | bytes] = []
    sent: list[str] = []

    def swap(route: WebSocketRoute) -> None:
        server = route.connect_to_server()

        def receive(frame: str | bytes) -> None:
            if "Earlier" in str(frame):
                late.append(frame)
                return
            route.send(frame)
            if late and "Later" in str(frame):
                route.send(late[0])

        server.on_message(receive)
        route.on_message(lambda frame: [sent.append(str(frame)), server.send(frame)])

    page.route_web_socket(re.compile("socket.io"), swap)
    page.goto(team.url + place.path)
    caught_up(page)
    team.bo.say(place.id, "Earlier")
    write(page, "Later")
    shows(page, "Earlier", "Later")
    page.wait_for_timeout(2 * GAP)
    assert len(late) == 1 and not any('"sync"' in each for each in sent), sent


def test_an_event_that_overtakes_the_welcome_is_not_undone_by_it(
    team: Team, person: People
) -> None:
    """The server lets a socket hear its rooms before it reads the state that `welcome` contains."""
    here, there, left = (team.room(name, team.bo) for name in ("Awake", "Waiting", "Left"))
    page = page_of(person, team.bo)
    welcomes: list[str | bytes] = []

    def overtake(route: WebSocketRoute) -> None:
        server = route.connect_to_server()

        def receive(frame: str | bytes) -> None:
            if '["welcome"' in str(frame):
                welcomes.append(frame)
                return
            route.send(frame)
            if "Overtaking" in str(frame):
                route.send(welcomes[0])

        server.on_message(receive)

    page.route_web_socket(re.compile("socket.io"), overtake)
    page.goto(team.url + here.path)
    wait_with(page, lambda: bool(welcomes), "the server did not welcome Bo")
    assert team.ada.ask("DELETE", f"/rooms/{left.id}/members/{team.bo.id}")["ok"]
    team.ada.say(there.id, "Overtaking")
    caught_up(page)
    links = {place: page.locator(f'.room-link[href="r/{place.slug}"]') for place in (there, left)}
    expect(links[there]).to_have_attribute("data-unread", "1")
    expect(links[left]).to_have_count(0)
    assert len(welcomes) == 1


def test_a_deletion_that_welcome_knows_is_not_counted_again(team: Team, person: People) -> None:
    """With several processes, the event about it can come later."""
    here, there = (team.room(name, team.bo) for name in ("Reading", "Counted"))
    said = [team.ada.say(there.id, f"Line {number}")["message"]["id"] for number in range(2)]
    deleted = team.ada.emit("delete_message", {"id": said[0]})["message"]
    page = page_of(person, team.bo)

    def repeat(route: WebSocketRoute) -> None:
        server = route.connect_to_server()

        def receive(frame: str | bytes) -> None:
            route.send(frame)
            if '["welcome"' in str(frame):
                route.send("42" + json.dumps(["message_changed", deleted]))

        server.on_message(receive)

    page.route_web_socket(re.compile("socket.io"), repeat)
    page.goto(team.url + here.path)
    caught_up(page)
    link = page.locator(f'.room-link[href="r/{there.slug}"]')
    expect(link).to_have_attribute("data-unread", "1")
    team.ada.say(there.id, "Line 2")
    expect(link).to_have_attribute("data-unread", "2")


# ---- a request that is never answered


def test_a_page_sends_messages_although_its_list_of_people_never_arrives(
    team: Team, person: People
) -> None:
    place = team.room("Unlisted")
    page = page_of(person, team.ada)
    page.route("**/api/people*", lambda _: None)
    page.goto(team.url + place.path)
    connection(page, "online")
    write(page, "Hello")
    shows(page, "Hello")
    assert stored(team.ada, place) == ["Hello"]


def test_a_list_of_people_that_does_not_arrive_is_requested_again(
    team: Team, person: People
) -> None:
    place = team.room("Requested again")
    page = page_of(person, team.ada)
    page.add_init_script(IMPATIENT)
    page.route("**/api/people*", lambda _: None, times=1)
    page.goto(team.url + place.path)
    caught_up(page)
    page.locator("#direct-open").click()
    expect(page.locator("#switcher-list")).to_contain_text("bo")


def test_a_page_of_history_that_does_not_arrive_stops_neither_sync_nor_the_outbox(
    team: Team, person: People, line: Line
) -> None:
    place = team.room("Unloaded", team.bo)
    page = enter(person, team.bo, place, line=line, impatient=True)
    line.cut()
    connection(page, "offline")
    write(page, "What did I miss?")
    talk(team.ada, place, TOO_MANY)
    page.route("**/messages?limit=*", lambda _: None, times=1)
    line.restore()
    expect(messages(page).nth(-2).locator(".body")).to_have_text(f"line {TOO_MANY}")
    expect(messages(page).last).to_have_attribute("data-state", "sent")
    expect(messages(page).last.locator(".body")).to_have_text("What did I miss?")


def test_a_page_of_history_quotes_nothing_that_was_deleted_while_it_was_on_its_way(
    team: Team, person: People
) -> None:
    place = team.room("Quoted")
    secret = team.ada.say(place.id, "A secret")["message"]["id"]
    team.ada.say(place.id, "A reply", reply_to=secret)
    talk(team.ada, place, PAGE)
    page = page_of(person, team.ada)
    page.goto(team.url + place.path)
    caught_up(page)
    held: list[tuple[Route, APIResponse]] = []
    page.route("**/messages?before=*", lambda route: held.append((route, route.fetch())))
    page.locator("#scroller").evaluate("scroller => scroller.scrollTo(0, 0)")
    wait_with(page, lambda: bool(held), "the page did not ask for older messages")
    rev = team.ada.emit("delete_message", {"id": secret})["message"]["rev"]
    expect(page.locator("html")).to_have_attribute("data-rev", str(rev))
    ((route, answer),) = held
    route.fulfill(response=answer)
    reply = messages(page).filter(has_text="A reply")
    expect(reply.locator(".quote-text")).to_have_text("Message deleted")


# ---- a page that is out of date


@pytest.mark.parametrize(("width", "colours"), [(1280, "light"), (360, "dark")])
def test_a_page_that_is_out_of_date_offers_to_load_it_again(
    team: Team, person: People, width: int, colours: str
) -> None:
    place = team.room(f"Yesterday {width}")
    page = page_of(person, team.ada, width=width, colours=colours)
    page.add_init_script(OTHER_PROTOCOL.replace("AUTH", "{ protocol: 99 }"))
    page.goto(team.url + place.path)
    connection(page, "outdated")
    expect(page.locator("#banner")).to_contain_text("A new version of the chat is ready.")
    page.locator("#text").fill("A draft")
    assert_sound(page)
    with page.expect_navigation():
        page.locator("#banner-reload").click()
    expect(page.locator("#text")).to_have_value("A draft")


def test_a_page_loads_itself_again_after_an_older_backup_was_restored(
    person: People, tmp_path: Path
) -> None:
    """Without that, it would show the lost message 3 instead of the new one with the same ID."""
    person.tolerate(LINE_IS_DOWN)
    with a_team(tmp_path / "chat") as team:
        place = team.room("Restored", team.bo)
        talk(team.bo, place, 2)
        assert team.server.run("backup", str(tmp_path / "copy")).returncode == 0
        lost = team.bo.say(place.id, "lost")["message"]
        for text in ("lost again", "lost forever"):  # two more revs
            assert team.bo.emit("edit_message", {"id": lost["id"], "text": text})["ok"]
        ada = enter(person, team.ada, place)
        shows(ada, "line 1", "line 2", "lost forever")
        team.server.stop()
        shutil.copy(tmp_path / "copy" / "chat.db", tmp_path / "chat")
        team.server.start()
        shows(ada, "line 1", "line 2")
        write(ada, "new")
        shows(ada, "line 1", "line 2", "new")
        assert ada.evaluate("performance.getEntriesByType('navigation')[0].type") == "reload"


def test_a_page_that_names_no_protocol_stops_and_offers_a_link(team: Team, person: People) -> None:
    place = team.room("The day before")
    page = page_of(person, team.ada)
    page.add_init_script(OTHER_PROTOCOL.replace("AUTH", "undefined"))
    page.goto(team.url + place.path)
    connection(page, "ended")
    with page.expect_navigation(url=f"**{place.path}"):
        page.locator("#banner-link").click()


# ---- too many pages


def test_a_page_too_many_says_so_and_connects_when_another_one_is_closed(
    team: Team, person: People
) -> None:
    team.newcomer("max")
    most = Person(team.server, "max")
    most.log_in()
    others = [load.Line(most) for _ in range(MOST_SOCKETS)]
    page = page_of(person, most)
    page.goto(f"{team.url}/r/general")
    banner = page.locator("#banner")
    expect(banner).to_contain_text(f"You can have at most {MOST_SOCKETS} open pages.")
    assert_sound(page)
    others.pop().ws.close()
    caught_up(page)
    expect(banner).to_contain_text("Back online")
    for other in others:
        other.ws.close()


# ---- people


@pytest.fixture
def asked(team: Team, person: People) -> Iterator[tuple[Page, list[str], Room]]:
    """Return a page of Ada's behind a proxy, and the statuses of its requests for the list of people."""
    place = team.room(f"People {time.monotonic_ns()}", team.bo)
    with team.line() as line:
        person.tolerate(r"WebSocket connection|ERR_|/socket\.io/")
        page = page_of(person, team.ada)
        asked: list[str] = []

        def note(request: Request) -> None:
            if "/api/people" in request.url:
                asked.append(request.method)

        page.on("request", note)
        page.goto(line.url + place.path)
        caught_up(page)
        page.line = line  # type: ignore[attr-defined]
        yield page, asked, place


def test_a_page_that_knows_everybody_does_not_ask_again_when_it_comes_back(
    team: Team, asked: tuple[Page, list[str], Room]
) -> None:
    ada, requests, _ = asked
    assert requests == ["GET"]
    team.bo.form("/account/name", page="/account", name="Bo B")  # told while the page is there
    ada.locator("#direct-open").click()
    expect(ada.locator("#switcher-list")).to_contain_text("Bo B")
    ada.keyboard.press("Escape")
    _away(ada)
    _back(ada)
    assert requests == ["GET"]


def test_a_page_that_missed_a_change_of_somebody_asks_once(
    team: Team, asked: tuple[Page, list[str], Room]
) -> None:
    ada, requests, _ = asked
    _away(ada)
    team.bo.form("/account/name", page="/account", name="Bo Jangles")
    team.newcomer(f"late{time.monotonic_ns() % 10**6}")
    _back(ada)
    ada.locator("#direct-open").click()
    expect(ada.locator("#switcher-list")).to_contain_text("Bo Jangles")
    expect(ada.locator("#switcher-list")).to_contain_text("late")
    assert requests == ["GET", "GET"]
    team.bo.form("/account/name", page="/account", name="bo")


def test_a_page_that_is_loaded_again_asks_for_the_people_only_if_one_has_changed(
    team: Team, person: People
) -> None:
    """A response from the browser's own cache has a transfer size of 0. An answer of 304 does not."""
    ada = enter(person, team.ada, team.room("Again"))
    assert ada.evaluate(TRANSFERRED) > 0
    ada.reload()
    caught_up(ada)
    assert ada.evaluate(TRANSFERRED) == 0
    team.newcomer(f"new{time.monotonic_ns() % 10**6}")
    ada.reload()
    caught_up(ada)
    assert ada.evaluate(TRANSFERRED) > 0
    ada.locator("#direct-open").click()
    expect(ada.locator("#switcher-list")).to_contain_text("new")


def test_a_page_that_was_just_loaded_names_who_reacted_and_who_is_online(
    team: Team, person: People
) -> None:
    place = team.room("Named", team.bo)
    said = team.ada.say(place.id, "Who likes it?")["message"]
    assert team.bo.emit("react", {"id": said["id"], "emoji": "👍", "on": True})["ok"]
    ada = enter(person, team.ada, place)
    expect(ada.locator(".reaction[data-emoji]")).to_have_attribute("title", "bo")
    ada.locator("#people-toggle").click()
    bo = ada.locator("#members .person", has=ada.get_by_text("bo", exact=True))
    expect(bo.locator(".presence")).to_have_attribute("data-online", "true")


def _away(page: Page) -> None:
    page.line.cut()  # type: ignore[attr-defined]
    connection(page, "offline")


def _back(page: Page) -> None:
    page.line.restore()  # type: ignore[attr-defined]
    caught_up(page)
