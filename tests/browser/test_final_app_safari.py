"""What Safari does differently, as far as Chromium can imitate it."""

import pytest
from playwright.sync_api import Page, expect

from tests.browser.people import NARROW, People
from tests.browser.team import Team, enter, messages, talk

pytestmark = pytest.mark.browser

# Safari makes a popover that is a grid as high as the page, unless the page's own rules set its height.
STRETCH_POPOVERS = """document.styleSheets[0].insertRule(
    "@layer browser { [popover] { block-size: 100vh } }")"""
HIGHEST = 150  # pixels; both popovers have one or two lines
# Older versions of Safari lack this property.
LACK_FIELD_SIZING = """document.styleSheets[0].insertRule(
    "#text { field-sizing: fixed !important }")"""
BELOW = """async () => {
    await new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve)));
    const { scrollHeight, scrollTop, clientHeight } = document.querySelector("#scroller");
    return scrollHeight - scrollTop - clientHeight;
}"""
LONG_TEXT = "a word and another one " * 20
# Safari has this method since version 17.4.
LACK_A_METHOD = "delete Element.prototype.checkVisibility"
# After a click, Safari shows where the focus is only if the page asks for it.
RECORD_FOCUS = """() => {
    window.visibly = [];
    const { focus } = HTMLElement.prototype;
    HTMLElement.prototype.focus = function (options) {
        window.visibly.push(Boolean(options?.focusVisible));
        focus.call(this, options);
    };
}"""
# An event that a script made closes no popover by itself, as a tap on an iPhone before iOS 18.3.
TAP = "it => it.dispatchEvent(new PointerEvent('pointerdown', { bubbles: true }))"


def act(page: Page, name: str) -> None:
    message = messages(page).last
    message.hover()
    message.get_by_role("group", name="Message actions").get_by_label(name, exact=True).click()


def test_the_picker_and_the_toasts_are_only_as_high_as_their_content(
    team: Team, person: People
) -> None:
    place = team.room("Low", team.bo)
    team.bo.say(place.id, "hello")
    ada = enter(person, team.ada, place)
    ada.evaluate(STRETCH_POPOVERS)
    act(ada, "React")
    expect(ada.locator("#picker")).to_be_visible()
    assert ada.locator("#picker").evaluate("it => it.offsetHeight") < HIGHEST
    ada.keyboard.press("Escape")
    act(ada, "Copy link")
    expect(ada.locator(".toast")).to_be_visible()
    assert ada.locator("#toasts").evaluate("it => it.offsetHeight") < HIGHEST


def test_a_tap_outside_closes_the_picker_but_a_tap_inside_does_not(
    team: Team, person: People
) -> None:
    place = team.room("Taps", team.bo)
    team.bo.say(place.id, "hello")
    ada = enter(person, team.ada, place)
    act(ada, "React")
    ada.locator("#picker button").first.evaluate(TAP)
    expect(ada.locator("#picker")).to_be_visible()
    ada.locator("#scroller").evaluate(TAP)
    expect(ada.locator("#picker")).to_be_hidden()


def test_a_key_that_moves_the_focus_shows_where_it_is(team: Team, person: People) -> None:
    place = team.room("Keys", team.bo)
    for text in ("one", "two"):
        team.bo.say(place.id, text)
    ada = enter(person, team.ada, place)
    ada.evaluate(RECORD_FOCUS)
    messages(ada).last.locator(".body").click()
    for key in ("ArrowUp", "Enter", "Escape"):  # the message above, its first action, and back
        ada.keyboard.press(key)
    assert ada.evaluate("visibly") == [True, True, True]
    expect(messages(ada).first).to_be_focused()
    act(ada, "React")
    ada.locator("#picker button").first.focus()
    ada.evaluate("visibly.length = 0")
    ada.keyboard.press("ArrowRight")
    assert ada.evaluate("visibly") == [True]


def test_the_actions_of_a_message_need_no_new_method(team: Team, person: People) -> None:
    place = team.room("Methods", team.bo)
    said = team.bo.say(place.id, "hello")
    ada = enter(person, team.ada, place)
    ada.evaluate(LACK_A_METHOD)
    ada.locator("#scroller").focus()
    ada.keyboard.press("ArrowUp")
    ada.keyboard.press("Enter")
    react = messages(ada).last.locator(".actions [data-act=react]")
    expect(react).to_be_focused()
    team.bo.emit("edit_message", {"id": said["message"]["id"], "text": "changed"})
    expect(messages(ada).last.locator(".body")).to_have_text("changed")


def test_the_message_field_grows_with_a_long_paragraph(team: Team, person: People) -> None:
    place = team.room("Long", team.bo)
    talk(team.bo, place, 30)
    ada = enter(person, team.ada, place, width=NARROW)
    ada.locator("#to-latest").click()  # the first unread message was in view
    ada.evaluate(LACK_FIELD_SIZING)
    field = ada.locator("#text")
    low = field.evaluate("it => it.offsetHeight")
    field.fill(LONG_TEXT)
    assert field.evaluate("it => it.offsetHeight") > 3 * low
    field.press("x")
    assert ada.evaluate(BELOW) < 2  # the conversation is still at its end
    field.fill("")
    assert field.evaluate("it => it.offsetHeight") == low
