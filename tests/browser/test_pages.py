"""Every page of steps 01 to 05 in a real browser is readable, usable by keyboard, and from one host."""

import sys
from pathlib import Path
from urllib.parse import quote

import pytest
from playwright.sync_api import expect

from tests.browser.looks import SIDEWAYS, assert_sound
from tests.browser.people import NARROW, UPGRADED, WIDE, People, Run, Visit, say
from workshop import manifest
from workshop.stages import Stage

pytestmark = pytest.mark.browser

FRONT, ROOM = "/", "/chat?username=Ada"
STEPS = [step.name for step in manifest.steps() if step.number <= "05"]
WITH_FORM = [step for step in STEPS if step >= "02"]
WITH_ROOM = [step for step in STEPS if step >= "03"]
PAGES = [(step, FRONT) for step in STEPS] + [(step, ROOM) for step in WITH_FORM]
LONGEST_NAME = "W" * 40  # what the form's maxlength lets through
LONGEST_TEXT = "W" * 500
LOW = 240  # pixels: a phone on its side, with its keyboard
LEAST_LOG = 96  # pixels, 6rem


every_page = pytest.mark.parametrize(("step", "path"), PAGES, ids=lambda part: part)

CONTROLS = """[...document.querySelectorAll("a[href], button, input, select, textarea, [tabindex]")]
    .filter((one) => one.tabIndex >= 0).map((one) => one.id || one.textContent.trim())"""
FOCUSED = """() => {
    const one = document.activeElement;
    if (one === document.body) return null;
    const style = getComputedStyle(one);
    const seen = style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 1;
    return { name: one.id || one.textContent.trim(), outlined: seen };
}"""
OUTLINES_AT_REST = """() => [...document.querySelectorAll("a, button, input, [tabindex]")]
    .filter((one) => one !== document.activeElement)
    .filter((one) => getComputedStyle(one).outlineStyle !== "none").length"""


@every_page
def test_axe_finds_nothing(run: Run, visit: Visit, step: str, path: str) -> None:
    ada = visit(run(step, signed=True).url + path)
    assert_sound(ada)


def test_axe_finds_nothing_where_people_talk(run: Run, visit: Visit) -> None:
    ada = visit(run("05", signed=True).url + ROOM)
    say(ada, "Hello")
    expect(ada.locator("#chat-messages .text")).to_have_text(["Hello"])
    expect(ada.locator("#status")).not_to_be_empty()
    assert_sound(ada)


def test_axe_would_find_a_field_without_a_label(run: Run, visit: Visit) -> None:
    ada = visit(run("05").url + ROOM)
    ada.evaluate("document.querySelector('label').remove()")
    with pytest.raises(AssertionError, match="label"):
        assert_sound(ada)


@every_page
def test_a_narrow_page_does_not_scroll_sideways(
    run: Run, visit: Visit, step: str, path: str
) -> None:
    ada = visit(run(step, signed=True).url + path, width=NARROW)
    assert ada.evaluate(SIDEWAYS) == 0
    ada.evaluate("document.body.insertAdjacentHTML('beforeend', '<pre>' + 'W'.repeat(99))")
    assert ada.evaluate(SIDEWAYS) > 0, "the measure sees nothing"


@pytest.mark.skipif(sys.platform == "win32", reason="links to folders need a right there")
def test_the_page_of_01_fits_where_the_path_of_its_python_is_long(
    visit: Visit, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "the-projects-of-everybody-in-the-workshop" / ("w" * 80)
    folder.mkdir(parents=True)
    (folder / "environment").symlink_to(sys.prefix)
    python = folder / "environment" / Path(sys.executable).relative_to(sys.prefix)
    monkeypatch.setattr(sys, "executable", str(python))
    step = manifest.step("01")
    with Stage(step.name, step.folder, "") as chat:
        chat.start()
        ada = visit(chat.url, width=NARROW)
        expect(ada.get_by_text(str(python))).to_be_visible()
        assert ada.evaluate(SIDEWAYS) == 0


@pytest.mark.parametrize("step", WITH_ROOM)
def test_the_longest_name_fits_a_narrow_page(run: Run, visit: Visit, step: str) -> None:
    ada = visit(f"{run(step).url}/chat?username={LONGEST_NAME}", width=NARROW)
    expect(ada.get_by_role("heading")).to_contain_text(LONGEST_NAME)
    assert ada.evaluate(SIDEWAYS) == 0


def test_long_talk_fits_a_narrow_page_and_send_stays_in_sight(run: Run, visit: Visit) -> None:
    ada = visit(f"{run('05').url}/chat?username={LONGEST_NAME}", width=NARROW)
    for text in [LONGEST_TEXT, *(f"message {number}" for number in range(30)), "the last"]:
        say(ada, text)
    last = ada.get_by_text("the last", exact=True)
    expect(last).to_be_in_viewport(ratio=1)
    expect(ada.get_by_role("button", name="Send")).to_be_in_viewport(ratio=1)
    assert ada.evaluate(SIDEWAYS) == 0
    log = "document.querySelector('#chat-messages')"
    assert ada.evaluate(f"{log}.scrollHeight > {log}.clientHeight"), "too little talk to scroll"
    assert ada.evaluate(f"{log}.scrollWidth - {log}.clientWidth") == 0


# The page without accounts that holds least, and the page that holds most.
@pytest.mark.parametrize("step", ["05", "16"])
def test_in_a_low_window_the_page_scrolls_and_nothing_lies_upon_anything(
    run: Run, visit: Visit, step: str
) -> None:
    ada = visit(run(step, signed=True).url + (ROOM if step < "11" else FRONT))
    if step >= "11":
        ada.get_by_label("Your name").fill("Ada")
        ada.get_by_label("Password").fill("correct horse")
        ada.get_by_role("button", name="Register").click()
        ada.wait_for_url("**/chat")
    ada.wait_for_function(UPGRADED)
    for number in range(9):
        say(ada, f"message {number}")
        # From step 06 on, the acknowledgement empties the field, whatever is in it by then.
        expect(ada.locator("#chat-messages .text")).to_have_count(number + 1)
    fits = "document.documentElement.scrollHeight <= innerHeight"
    assert ada.evaluate(fits), "the twin: a usual window holds all of it"
    ada.set_viewport_size({"width": WIDE, "height": LOW})
    edges = [ada.locator(part).bounding_box() for part in ("#chat-messages", "#status", "footer")]
    log, status, footer = (edge or {} for edge in edges)
    assert log["height"] >= LEAST_LOG
    assert status["y"] + status["height"] <= footer["y"]
    assert not ada.evaluate(fits)


@pytest.mark.parametrize(("step", "path"), [page for page in PAGES if page[0] >= "02"])
def test_the_keyboard_reaches_every_control_and_shows_where_it_is(
    run: Run, visit: Visit, step: str, path: str
) -> None:
    ada = visit(run(step).url + path)
    controls = ada.evaluate(CONTROLS)
    reached = {}
    for _ in range(len(controls) + 2):  # once round, past the end of the page
        ada.keyboard.press("Tab")
        focused = ada.evaluate(FOCUSED)
        if focused:
            reached[focused["name"]] = focused["outlined"]
            assert ada.evaluate(OUTLINES_AT_REST) == 0, "what has no focus is outlined, too"
    assert reached == dict.fromkeys(controls, True)
    has_controls = (step, path) != ("02_routes", ROOM)
    assert bool(controls) == has_controls


@pytest.mark.parametrize("step", WITH_FORM)
def test_the_form_leads_to_the_room(run: Run, visit: Visit, step: str) -> None:
    chat = run(step)
    ada = visit(chat.url)
    ada.get_by_label("Your name", exact=True).fill("Ada & Bo")
    ada.get_by_role("button", name="Join Chat").click()
    expect(ada).to_have_url(f"{chat.url}/chat?username=Ada+%26+Bo")
    expect(ada.get_by_role("heading")).to_have_text("Welcome to the Chat Room, Ada & Bo!")


@pytest.mark.parametrize("step", WITH_FORM)
def test_the_form_stays_where_it_is_without_a_name(run: Run, visit: Visit, step: str) -> None:
    chat = run(step)
    ada = visit(chat.url)
    requests: list[str] = []
    ada.on("request", lambda request: requests.append(request.url))
    ada.get_by_role("button", name="Join Chat").click()
    field = ada.get_by_label("Your name", exact=True)
    expect(field).to_be_focused()  # the browser points to what is missing
    assert field.evaluate("field => field.validity.valueMissing")
    assert requests == []


@pytest.mark.parametrize("step", WITH_FORM)
def test_who_has_only_blanks_for_a_name_comes_back(run: Run, visit: Visit, step: str) -> None:
    chat = run(step)
    ada = visit(chat.url)
    ada.get_by_label("Your name", exact=True).fill("   ")
    with ada.expect_navigation():
        ada.keyboard.press("Enter")
    assert ada.url == f"{chat.url}/"


@pytest.mark.parametrize("step", WITH_ROOM)
def test_the_parts_of_the_room_have_names(run: Run, visit: Visit, step: str) -> None:
    ada = visit(run(step).url + ROOM)
    expect(ada.get_by_role("log", name="Messages", exact=True)).to_have_id("chat-messages")
    expect(ada.get_by_role("textbox", name="Message", exact=True)).to_have_id("message-input")
    expect(ada.get_by_role("button", name="Send", exact=True)).to_have_count(1)


@pytest.mark.parametrize("step", WITH_FORM)
def test_a_hostile_name_stays_text(run: Run, visit: Visit, step: str) -> None:
    hostile = '<img src="x" onerror="document.title = 1">'
    ada = visit(f"{run(step).url}/chat?username={quote(hostile)}")
    expect(ada.get_by_role("heading")).to_have_text(f"Welcome to the Chat Room, {hostile}!")
    expect(ada.locator("img")).to_have_count(0)
    assert ada.title() == "Chat Room"


@every_page
def test_a_signed_page_says_which_step_whose_copy_and_port(
    run: Run, visit: Visit, step: str, path: str
) -> None:
    chat = run(step, signed=True)
    ada = visit(chat.url + path)
    sign = f"{step}, the workshop's copy · port {chat.port}"
    assert ada.title() == f"{title_of(path)} · {sign}"
    footer = ada.get_by_role("contentinfo")
    expect(footer).to_have_text(sign)
    expect(footer).to_be_in_viewport(ratio=1)


@every_page
def test_an_unsigned_page_has_its_own_title_and_no_footer(
    run: Run, visit: Visit, step: str, path: str
) -> None:
    ada = visit(run(step).url + path)
    assert ada.title() == title_of(path)
    expect(ada.get_by_role("heading")).to_have_count(1)
    expect(ada.locator("footer")).to_have_count(0)


def test_a_page_in_trouble_is_noticed(person: People, run: Run) -> None:
    person.tolerate(".")  # this test means them all
    ada = person(run("05").url + FRONT)
    assert person.troubles == []
    ada.evaluate("""async () => {
        console.error("Oh no");
        for (const address of ["no-such-page", "http://elsewhere.example/client.js"])
            await fetch(address).catch(() => {});
        setTimeout(() => { throw new Error("Nobody caught me"); });
        await new Promise((done) => setTimeout(done));
    }""")
    noted = "\n".join(person.troubles)
    for trouble in ("Oh no", "status 404", "another host: http://elsewhere", "Nobody caught me"):
        assert trouble in noted


def title_of(path: str) -> str:
    return "Chat Application" if path == FRONT else "Chat Room"
