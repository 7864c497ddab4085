"""A message looks the same whether it arrives as an event, in the server's page, or after a reload.

The server sends messages without their empty fields, so both the page and the server's template
have to add them.
"""

from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser.people import People
from tests.browser.team import Line, Room, Team, caught_up, enter, messages, shows, talk, write

pytestmark = pytest.mark.browser

TRICK = "<img src=x onerror=alert(1)>\n&lt;b&gt; \"one\" & 'two'"
BODIES = [
    "<p>Plain, in<br>\ntwo  lines</p>",
    '<p><strong>Bold</strong> and <a href="https://example.org" target="_blank"'
    ' rel="noopener noreferrer nofollow">https://example.org</a></p>',
    "<p>A reply</p>",
    '<p><span class="mention">@bo</span>, look</p>',
    "<p>Message deleted</p>",
    "<p>right</p>",
    "<p>React to this</p>",
    "",
    "<p>&lt;img src=x onerror=alert(1)&gt;<br>\n&amp;lt;b&amp;gt; \"one\" &amp; 'two'</p>",
    "<p>one</p>\n<p>two</p>",
]
PAGE = 50  # messages: as many as the page holds that one comes to
LONG = " ".join(map(str, range(200)))  # more than a quote shows
QUOTES = {3: "ada: Plain, in two lines"}  # by the place of the reply
# What the log shows of each message, in the page or in the document as the server sends it.
SHOWN = """async ({ fresh }) => {
    const read = async () => (await fetch(location.pathname)).text();
    const parsed = fresh && new DOMParser().parseFromString(await read(), "text/html");
    const text = (node) => node.textContent.replace(/\\s+/g, " ").trim();
    const all = (parsed || document).querySelectorAll("#content .message");
    return [...all].map((node) => {
        const [find, { deleted, own, mentionsMe }] = [(name) => node.querySelector(name), node.dataset];
        const [quote, edited, files] = [find(".quote"), find(".edited"), find(".uploads")];
        return {
            body: find(".body").innerHTML, author: text(find(".author")), deleted, own, mentionsMe,
            quote: !quote.hidden && `${text(find(".quote-author"))}: ${text(find(".quote-text"))}`,
            edited: !edited.hidden, files: !files.hidden && text(find(".file-name")),
            reactions: !find(".reactions").hidden && text(find(".reaction-list")),
        };
    });
}"""
# What a screen reader announces of the live region: nodes that are added and visible.
LISTEN = """() => {
    window.announced = [];
    const isHeard = (node) => !node.closest("[hidden], [aria-hidden]");
    const hear = ({ target, addedNodes }) => isHeard(target) && announced.push(...addedNodes);
    const hearAll = (changes) => {
        changes.forEach(hear);
        announced = announced.map((node) => node.nodeName ?? node);
    };
    new MutationObserver(hearAll).observe(document.querySelector("[role=log]"), {
        subtree: true, childList: true,
    });
}"""


def shown(page: Page, *, fresh: bool = False) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = page.evaluate(SHOWN, {"fresh": fresh})
    return found


def furnish(team: Team, place: Room) -> None:
    """Send one message of each kind, and then change some of them."""

    def said(text: str, **more: Any) -> int:
        answer = team.ada.say(place.id, text, **more)
        assert answer["ok"], answer
        return int(answer["message"]["id"])

    first = said("Plain, in\ntwo  lines")
    said("**Bold** and https://example.org")
    said("A reply", reply_to=first)
    said("@bo, look")
    gone, wrong, liked = said("gone"), said("wrogn"), said("React to this")
    token = team.ada.token("/account")
    sent = team.ada.http.post(
        f"{team.url}/api/uploads", data={"room": place.id}, files={"file": ("notes.txt", b"notes")},
        headers={"X-CSRFToken": token},
    ).json()  # fmt: skip
    said("", uploads=[sent["upload"]["id"]])
    said(TRICK)
    said("one\n\ntwo")
    team.ada.emit("delete_message", {"id": gone})
    team.ada.emit("edit_message", {"id": wrong, "text": "right"})
    team.bo.emit("react", {"id": liked, "emoji": "\U0001f370", "on": True})


def test_every_kind_of_message_looks_the_same_however_it_came(team: Team, person: People) -> None:
    place = team.room("Looks", team.bo)
    bo = enter(person, team.bo, place)
    furnish(team, place)
    expect(bo.locator("#m-7 .reaction-count")).to_have_text("1")  # the last change has come
    live = shown(bo)
    assert [each["body"] for each in live] == BODIES
    assert {n: each["quote"] for n, each in enumerate(live, 1) if each["quote"]} == QUOTES
    assert [n for n, each in enumerate(live, 1) if each["mentionsMe"] == "true"] == [4]
    assert [n for n, each in enumerate(live, 1) if each["deleted"] == "true"] == [5]
    assert [n for n, each in enumerate(live, 1) if each["edited"]] == [6]
    assert [n for n, each in enumerate(live, 1) if each["reactions"]] == [7]
    assert [n for n, each in enumerate(live, 1) if each["files"]] == [8]
    assert shown(bo, fresh=True) == live
    bo.reload()
    caught_up(bo)
    assert shown(bo) == live


def test_what_was_missed_looks_as_if_it_had_come_at_once(
    team: Team, person: People, line: Line
) -> None:
    place = team.room("Looks later", team.bo)
    bo = enter(person, team.bo, place, line=line)
    line.cut()
    furnish(team, place)
    line.restore()
    expect(messages(bo)).to_have_count(len(BODIES))
    caught_up(bo)
    assert [each["body"] for each in shown(bo)] == BODIES


def test_a_plain_text_stays_untouched_when_it_is_acknowledged(
    team: Team, person: People, line: Line
) -> None:
    """Otherwise, a screen reader would read it a second time."""
    place = team.room("Untouched")
    ada = enter(person, team.ada, place, line=line)
    line.hold()
    write(ada, TRICK)
    shows(ada, TRICK, state="sending")
    paragraph = messages(ada).locator(".body p").element_handle()
    line.release()
    shows(ada, TRICK)
    assert paragraph.evaluate("node => node.isConnected")


def test_only_what_is_new_is_announced(team: Team, person: People) -> None:
    place = team.room("Announced", team.bo)
    ada = enter(person, team.ada, place)
    write(ada, "One")  # the first message of the day shows its day
    shows(ada, "One")
    ada.evaluate(LISTEN)
    team.bo.say(place.id, "Two")
    shows(ada, "One", "Two")
    assert ada.evaluate("announced.splice(0)") == ["LI"]
    first = team.ada.history(place.id)[0]["id"]
    team.bo.emit("react", {"id": first, "emoji": "\U0001f370", "on": True})
    expect(ada.locator("#m-1 .reaction-count")).to_have_text("1")
    assert ada.evaluate("announced.splice(0)") == ["BUTTON"]
    team.bo.emit("react", {"id": first, "emoji": "\U0001f370", "on": False})
    expect(ada.locator("#m-1 .reaction-count")).to_have_count(0)
    assert ada.evaluate("announced.splice(0)") == []


def test_a_reply_to_a_plain_message_quotes_its_text(team: Team, person: People) -> None:
    place = team.room("Quoted")
    ada = enter(person, team.ada, place)
    write(ada, TRICK)
    shows(ada, TRICK)
    ada.locator("#m-1").press("r")
    expect(ada.locator("#context-text")).to_have_text(TRICK)
    write(ada, "Indeed")
    expect(ada.locator("#m-2 .quote-text")).to_have_text(TRICK)
    assert shown(ada)[1] == shown(ada, fresh=True)[1]


def test_the_quotes_of_a_message_follow_its_changes(team: Team, person: People, line: Line) -> None:
    place = team.room("Requoted", team.bo)
    first = team.bo.say(place.id, "My password is hunter2")["message"]["id"]
    talk(team.ada, place, PAGE)
    team.ada.say(place.id, "Careful", reply_to=first)
    team.ada.say(place.id, "Gone", reply_to=first)
    gone = team.ada.history(place.id)[-1]["id"]
    team.ada.emit("delete_message", {"id": gone})
    ada = enter(person, team.ada, place, line=line)
    expect(ada.locator("#m-1")).to_have_count(0)  # only its replies are on the page
    reply = ada.locator(f"#m-{PAGE + 2}")
    expect(reply.locator(".quote-text")).to_have_text("My password is hunter2")
    team.bo.emit("edit_message", {"id": first, "text": f"My **pass** word {LONG}"})
    expect(reply.locator(".quote-text")).to_contain_text("My pass word 0 1 2")
    assert shown(ada)[-2:] == shown(ada, fresh=True)[-2:]
    line.cut()
    team.bo.emit("delete_message", {"id": first})
    line.restore()
    expect(reply.locator(".quote-text")).to_have_text("Message deleted")
    assert shown(ada)[-2:] == shown(ada, fresh=True)[-2:]


def test_the_name_of_a_reply_contains_what_it_quotes(team: Team, person: People) -> None:
    """A screen reader reads this name when somebody moves from message to message."""
    place = team.room("Read aloud", team.bo)
    first = team.bo.say(place.id, "A question")["message"]["id"]
    ada = enter(person, team.ada, place)
    team.ada.say(place.id, "An answer", reply_to=first)
    names = ["bo A question", "ada In reply to bo A question An answer"]
    for _ in range(2):
        for name in names:
            expect(ada.get_by_role("listitem", name=name, exact=True)).to_be_visible()
        ada.reload()  # the same from the server
        caught_up(ada)
