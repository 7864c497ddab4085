"""The check of the exercise of step 08."""

import requests

from workshop.browser import PASSWORD, Browser
from workshop.clients import connect
from workshop.contract.answers import told
from workshop.contract.browse import let_in
from workshop.contract.doors import account_of, fresh_name
from workshop.contract.people import was_closed
from workshop.contract.promise import Broken, NotAttempted, exercise
from workshop.stages import Stage

NEW_PASSWORD = "another correct horse"


@exercise("08")
def the_password_can_be_changed(chat: Stage) -> None:
    """Who changes the password ends every other log-in of theirs, and stays logged in."""
    family, name = account_of(chat), fresh_name()
    with let_in(chat):
        laptop, phone = family.new_browser(chat, name), family.new_browser(chat, name)
        bos = family.browser(chat, "Bo")
    if _change_password(laptop, "wrong password", NEW_PASSWORD).status_code in (404, 405):
        raise NotAttempted(
            expected="POST /password changes the password.",
            seen="no such route",
            hint='It begins with `@app.post("/password")`; its form has the fields `password` and '
            "`new_password`.",
        )
    _password_is(chat, name, PASSWORD, "after a try with a wrong password",
                 "Ask for the current one first: `recognise(…)` raises when it is wrong.")  # fmt: skip
    if _change_password(laptop, PASSWORD, "7 chars").status_code < 400:
        raise Broken(
            expected="A new password of seven characters is refused.",
            seen="it is taken",
            hint="The rule of the registration holds here, too: put it into a function.",
        )
    tabs = [connect(chat, None, each, ["websocket"]) for each in (laptop, phone, bos)]
    try:
        _change_password(laptop, PASSWORD, NEW_PASSWORD)
        _password_is(chat, name, NEW_PASSWORD, "after the change",
                     "`user.password_hash = generate_password_hash(…)`, and `commit()`.")  # fmt: skip
        closed = was_closed(tabs[1])
        kept = [
            tab.connected and not told(chat, tab, "session_ended") for tab in (tabs[0], tabs[2])
        ]
    finally:
        for tab in tabs:
            tab.disconnect()
    if not closed or phone.inside():
        raise Broken(
            expected="Every other log-in of this person has ended, and its sockets are closed.",
            seen="the page of the other one still opens" if closed else "its socket stays open",
            hint="Find the person's other rows, and end them as log-out ends one: "
            '`LogIn.user_id == me.id, LogIn.token != session["token"]`.',
        )
    if not all(kept) or not laptop.inside():
        raise Broken(
            expected="Who has changed the password stays logged in here; so does everybody else.",
            seen="somebody else's socket is closed" if kept[0] else "this log-in has ended, too",
            hint='All but one\'s own: `LogIn.user_id == me.id, LogIn.token != session["token"]`.',
        )


def _change_password(browser: Browser, password: str, new: str) -> requests.Response:
    return browser.post("/password", data={"password": password, "new_password": new})


def _password_is(chat: Stage, name: str, password: str, when: str, hint: str) -> None:
    browser = Browser(chat)
    browser.post("/login", data={"username": name, "password": password})
    if not browser.inside():
        raise Broken(
            expected=f"One logs in with {password!r}, {when}.",
            seen="that password is wrong",
            hint=hint,
        )
