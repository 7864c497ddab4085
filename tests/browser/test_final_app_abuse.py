"""Two hundred ways to inject a script, in every field that accepts text. None of the scripts runs."""

import itertools
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser.people import People
from tests.browser.team import Room, Team, caught_up, enter, messages
from tests.final_app.rig import Person

pytestmark = pytest.mark.browser

RUN = "window.itRan=1"
CARRIERS = [
    "<script>{run}</script>", "<img src=x onerror={run}>", "<svg onload={run}>",
    "<svg><animate onbegin={run} attributeName=x dur=1s>", "<body onload={run}>",
    "<iframe srcdoc='<script>parent.{run}</script>'></iframe>",
    "<details open ontoggle={run}>",
    "<input autofocus onfocus={run}>", "<video><source onerror={run}></video>",
    "<a href=javascript:{run}>x</a>", "[x](javascript:{run})",
    "[x](data:text/html,<script>{run}</script>)",
    "<style>@keyframes x{{}}</style><b style='animation:x' onanimationstart={run}>",
    "<math><mtext><script>{run}</script></mtext></math>",
    "<object data=javascript:{run}></object>",
    "<form><button formaction=javascript:{run}>x</button></form>", "<base href=//127.0.0.1:1/>",
    "<meta http-equiv=refresh content='0;url=javascript:{run}'>",
    "<link rel=stylesheet href=javascript:{run}>",
    "{{{{constructor.constructor('{run}')()}}}}",
]  # fmt: skip
WRAPPERS = [
    "{}", '"> {}', "'> {}", "</template></li>{}", "</script>{}", "`{}`", "--> {}", "</textarea>{}",
    "&lt;b&gt;{}", "\u202e{}",
]  # fmt: skip
PAYLOADS = [
    wrapper.format(carrier.format(run=RUN))
    for wrapper, carrier in itertools.product(WRAPPERS, CARRIERS)
]
# A page shows every name of a kind in one way, and grows with each room: each carrier and each
# wrapper twice will do.
NAMES = [
    wrapper.format(carrier.format(run=RUN))
    for wrapper, carrier in zip(WRAPPERS * 2, CARRIERS, strict=True)
]
ROOM_NAME, PERSON_NAME = 60, 40  # characters, at most
FOREIGN = """() => [...document.querySelectorAll("*")].filter((it) =>
    [...it.attributes].some(({ name }) => name.startsWith("on") || name === "srcdoc") ||
    it.matches("iframe, object, embed, math, base[href^='//'], meta[http-equiv]") ||
    it.matches("a[href^='javascript:'], a[href^='data:']") ||
    (it.matches("script") && !it.src && it.type !== "application/json") ||
    it.matches(".body *, .author, .room-name *") && it.matches("img, style, link, form, input, video")
).map((it) => it.outerHTML.slice(0, 100))"""


def test_there_are_two_hundred_and_each_would_be_a_script() -> None:
    assert len(set(PAYLOADS)) == 200
    assert sum(RUN in payload for payload in PAYLOADS) >= 180


def test_the_test_would_notice_a_script_that_runs(team: Team, person: People) -> None:
    """The negative twin: the test inserts the same payload in an unsafe way."""
    person.tolerate("Content Security Policy|status 404|status of 404")
    ada = enter(person, team.ada, team.room("Twin"))
    ada.evaluate(
        "html => document.querySelector('#typing').innerHTML = html", f"<img src=x onerror={RUN}>"
    )
    assert ada.evaluate(FOREIGN) != []


def test_messages_stay_text_live_and_after_a_reload(team: Team, person: People) -> None:
    place = team.room("Abuse", team.bo)
    ada = enter(person, team.ada, place)
    watch(ada)
    for payload in PAYLOADS:  # live, made by the page
        assert team.bo.say(place.id, payload)["ok"]
    expect(messages(ada).last.locator(".body")).to_contain_text("constructor")
    assert_quiet(ada)
    for start in range(1, len(PAYLOADS), 45):  # every page of the history, made by the server
        ada.goto(f"{team.url}{place.path}/{start}")
        caught_up(ada)
        assert_quiet(ada)


def test_names_of_rooms_people_and_files_stay_text(team: Team, person: People) -> None:
    eve = team.newcomer("eve")
    eve.connect()
    shared = team.room("Names", eve)
    ada = enter(person, team.ada, shared)
    watch(ada)
    token = eve.token("/account")
    for payload in NAMES:
        _rename(eve, payload[:PERSON_NAME], token)
        eve.ask("POST", "/rooms", {"name": payload[:ROOM_NAME], "kind": "open"})
        _share(eve, shared, payload)
    marker = eve.say(shared.id, "That was all.")
    expect(ada.locator(f"#m-{marker['message']['seq']}")).to_be_visible()
    assert_quiet(ada)
    ada.reload()
    caught_up(ada)
    assert_quiet(ada)
    ada.goto(f"{team.url}/account")
    assert_quiet(ada)
    eve.leave()


def watch(page: Page) -> None:
    page.on("dialog", lambda dialog: pytest.fail(f"a dialog opened: {dialog.message}"))


def assert_quiet(page: Page) -> None:
    assert page.evaluate("window.itRan") is None
    assert page.evaluate(FOREIGN) == []


def _rename(who: Person, name: str, token: str) -> None:
    about = {"name": name, "csrf_token": token}
    answer = who.http.post(f"{who.server.url}/account/name", data=about)
    assert answer.ok or "CSRF" not in answer.text, "the token is refused, and not the name"


def _share(who: Person, place: Room, name: str) -> dict[str, Any]:
    upload = who.upload(place.id, name, b"x")["upload"]
    said = who.say(place.id, "", uploads=[upload["id"]])
    assert said["ok"]
    return said
