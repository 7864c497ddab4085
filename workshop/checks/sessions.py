"""Step 08: the cookie of a session, and the sockets that are opened with it."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import requests

from workshop.browser import PASSWORD, Browser
from workshop.checks.browse import visit
from workshop.checks.client import ANSWER_TIMEOUT, entered, turned_away
from workshop.checks.families import account_of, family_of, known_name
from workshop.checks.history import OLDER, ROUNDS, survives_a_restart
from workshop.checks.promise import Broken, attempted, exercise, expect, promise
from workshop.checks.speakers import fresh_name
from workshop.checks.storage import nothing_can_be_stored
from workshop.clients import Tape, TurnedAway, connect, meaning
from workshop.stages import Stage

SAME_SITE = {"samesite=lax", "samesite=strict"}
ENDED = "session_ended"
SAID_INSIDE = "The key is under the mat."
NEW_PASSWORD = "another correct horse"


@promise(since="accounts", final_app=True)
def the_cookie_is_for_the_server(chat: Stage) -> None:
    """The cookie of a log-in is for this server: no script reads it, no other site sends it."""
    about = {"username": known_name(chat), "password": PASSWORD}
    browser = Browser(chat)
    answer = browser.post("/login", data=about, allow_redirects=False)
    cookies = answer.raw.headers.getlist("Set-Cookie")
    flags = [{part.strip().lower() for part in cookie.split(";")} for cookie in cookies]
    if not cookies or not all("httponly" in each and SAME_SITE & each for each in flags):
        raise Broken("The cookie of a log-in is marked HttpOnly and SameSite=Lax.",
                     "; ".join(cookie.partition("=")[2].partition(";")[2] for cookie in cookies) or
                     "no cookie at all",
                     '`app.config.update(SESSION_COOKIE_SAMESITE="Lax", …)`; HttpOnly is Flask\'s '
                     "own choice, unless it is switched off.")  # fmt: skip


@promise(since="accounts", final_app=True)
def the_cookie_has_its_own_name(chat: Stage) -> None:
    """The cookie has a name of its own: a cookie goes to every port of this computer."""
    names = list(family_of(chat).browser("Ada").cookies.keys())
    expect("session" not in names,
           "The cookie is not called `session`, as in every Flask application.",
           f"cookies: {names}",
           '`app.config["SESSION_COOKIE_NAME"] = …`: another application of yours on '
           "127.0.0.1 would overwrite it, whatever its port.")  # fmt: skip


@promise(since="accounts", final_app=True)
def a_stranger_is_refused(chat: Stage) -> None:
    """Who is not logged in cannot connect, whatever name they give, and is told why."""
    for name in (None, "Ada"):
        refusal = turned_away(chat, name)
        if refusal is None or refusal.code != "unauthorized" or not str(refusal):
            raise Broken("A connection without a log-in is refused with the code `unauthorized`.",
                         f"refused ({refusal.code}): {refusal}" if refusal else "it is let in",
                         "The handler of `connect` asks who it is by the cookie, as a page does; "
                         "for "
                         'nobody: `ConnectionRefusedError("…", {"code": "unauthorized"})`.')  # fmt: skip


@promise(since="accounts", final_app=True)
def who_only_knocks_hears_nothing(chat: Stage) -> None:
    """Who is not let in hears nothing, not even before the refusal."""
    bos = account_of(chat).browser("Bo")
    with entered(chat, "Ada") as (ada,), ThreadPoolExecutor() as doors:
        ada.said("Hello")
        with nothing_can_be_stored(chat):  # Ada's message waits, and whoever knocks behind it
            ada.emit("new_message", ada.payload(SAID_INSIDE))
            tapes = [_knock(chat, doors, who) for who in (bos, None, None, None)]
    heard_outside = {
        meaning(packet)
        for tape in tapes[1:]
        for packet in tape.packets
        if not packet.sent and meaning(packet).startswith("event ")
    }
    expect(not heard_outside, "Who connects without a log-in hears nothing, and is refused.",
           f"before the refusal comes the {' and the '.join(sorted(heard_outside))}",
           "Without `to=` everyone hears it, also who only knocks and is still to be refused: "
           "`to=list(sockets)`, or from step 09 on `to=room.id`, in place of "
           "`broadcast=True`.")  # fmt: skip


@promise(since="accounts", final_app=True)
def no_page_tells_a_stranger_what_was_said(chat: Stage) -> None:
    """No page tells a stranger what was said."""
    with entered(chat, "Ada") as (ada,):
        ada.said(SAID_INSIDE)
    for path in ("/", "/chat", "/api/rooms/1/messages", OLDER):
        answer = visit(chat, path, follow=True)
        expect(SAID_INSIDE not in answer.text,
               "Who is not logged in reads no message, at whatever address.",
               f"{path} tells what Ada said",
               "What a route answers, anybody can read: `/api/messages`, of exercise 07, begins "
               "with `known()`.")  # fmt: skip
        kind = answer.headers.get("Content-Type", "")
        expect(not path.startswith("/api/") or answer.status_code == 404 or "json" in kind,
               f"{path} refuses a stranger as an event does: "
               '{"ok": false, "error": {…}}, in JSON.', f"status {answer.status_code}, {kind}",
               "Your script cannot read a page. For addresses that begin with /api/, "
               "`show_refusal` returns `problem.answer(), 400`.")  # fmt: skip


@promise(since="accounts", final_app=True)
def the_author_is_the_account(chat: Stage) -> None:
    """The author is the account of the cookie, whatever name the connection gives."""
    family = account_of(chat)
    browser = family.browser("Ada")
    with entered(chat, browser, called="Bo") as (ada,):
        author = family.author(ada.said("Hello"))
    expect(author == family.named("Ada"),
           "With Ada's cookie, the author is Ada, also when `auth` says Bo.",
           f"the author is {author!r}",
           "`auth` is what anybody can write. The cookie proves an account.")  # fmt: skip


@promise(since="accounts", final_app=True)
def one_person_may_have_several_tabs(chat: Stage) -> None:
    """Somebody may be connected several times, and hears everything in each tab."""
    with entered(chat, "Ada", "Ada", "Bo") as (one, other, bo):
        bo.said("Hello, both of you")
        times = [len(tab.told("new_message")) for tab in (one, other)]
    expect(times == [1, 1], "Both tabs of Ada receive what Bo says, once.",
           f"{times[0]} and {times[1]} times",
           "Keep, per connection (`request.sid`), whose log-in it is: not one per person.")  # fmt: skip


@promise(since="accounts", final_app=True)
def log_out_closes_its_sockets(chat: Stage) -> None:
    """Log-out closes the sockets of this log-in, with the reason, and nobody else's."""
    family = account_of(chat)
    laptop = family.new_browser("Ada")
    phone, bos = family.browser("Ada"), family.browser("Bo")
    with entered(chat, laptop, laptop, phone, bos) as tabs:
        laptop.post("/logout")
        for tab in tabs[:2]:
            expect(tab.was_closed(), "When Ada logs out, the sockets of this log-in are closed.",
                   "one stays open: whoever sits down at this computer still reads along",
                   "Keep, per connection, which log-in it is. At log-out: "
                   '`disconnect(sid, namespace="/")` for each of this log-in\'s.')  # fmt: skip
            _was_told_why([data for event, data in tab.heard() if event == ENDED])
        for who, tab in (("Ada's phone", tabs[2]), ("Bo", tabs[3])):
            expect(tab.connected and not tab.told(ENDED),
                   "Log-ins elsewhere, and other people's, stay as they are.",
                   f"{who} is disconnected, too",
                   "Close the sockets of this log-in's token only: not of the person, and not "
                   "everybody's. `session_ended` goes `to=sid`.")  # fmt: skip


@promise(since="accounts", final_app=True)
def an_old_cookie_is_worth_nothing(chat: Stage) -> None:
    """After log-out, the old cookie opens nothing any more."""
    browser = account_of(chat).new_browser("Ada")
    thief = Browser(chat)
    thief.cookies.update(browser.cookies)
    browser.post("/logout")
    expect(not browser.inside(), "After log-out, `/chat` leads back to the front page.",
           "it still opens",
           'Log-out takes the token out of the cookie: `session.pop("token", None)`.')  # fmt: skip
    if thief.inside() or turned_away(chat, None, thief) is None:
        raise Broken("A copy of the cookie, made before log-out, opens neither page nor socket.",
                     "it still opens " + ("the page" if thief.inside() else "a socket"),
                     "A signed cookie stays valid for ever. Keep a row per log-in, look it up at "
                     "every request, and delete it at log-out.")  # fmt: skip


@promise(since="accounts", final_app=True)
def a_restart_ends_no_log_in(chat: Stage) -> None:
    """A restart of the server loses no message, and ends no log-in."""
    browser = account_of(chat).browser("Bo")
    survives_a_restart(chat)
    expect(browser.inside(), "After a restart, Bo's cookie still opens the chat.",
           "he has to log in again",
           "The key that signs cookies must stay the same: make it at the first start, keep it in "
           "a file in the instance folder, and read it from there.")  # fmt: skip


def _knock(chat: Stage, doors: ThreadPoolExecutor, who: Browser | None) -> Tape:
    """Let somebody ask to be let in, in a thread of their own; return what they hear from now on."""
    tape = Tape()

    def ask() -> None:
        with suppress(TurnedAway):
            connect(chat, None, who, ["websocket"], tape).disconnect()

    doors.submit(ask)
    tape.wait(lambda packet: packet.sent and meaning(packet) == "connect", ANSWER_TIMEOUT)
    for _ in range(ROUNDS):  # much else is answered: the knock has arrived
        visit(chat, "/static/style.css")
    return tape


def _was_told_why(reasons: list[object]) -> None:
    if len(reasons) == 1 and isinstance(reasons[0], dict) and reasons[0].get("reason"):
        return
    raise Broken(f'Before it is closed, a socket receives `{ENDED}` with {{"reason": "…"}}.',
                 f"{reasons or 'nothing'}",
                 f'`emit("{ENDED}", {{"reason": reason}}, to=sid)`, and then '
                 '`disconnect(sid)`.')  # fmt: skip


@exercise("accounts")
def the_password_can_be_changed(chat: Stage) -> None:
    """Who changes the password ends every other log-in of theirs, and stays logged in."""
    family, name = account_of(chat), fresh_name()
    laptop, phone = family.new_browser(name), family.new_browser(name)
    bos = family.browser("Bo")
    answer = _change_password(laptop, "wrong password", NEW_PASSWORD)
    attempted(answer.status_code not in (404, 405), "POST /password changes the password.",
              "no such route",
              'It begins with `@app.post("/password")`; its form has the fields `password` and '
              "`new_password`.")  # fmt: skip
    _password_is(chat, name, PASSWORD, "after a try with a wrong password",
                 "Ask for the current one first: `recognise(…)` raises when it is wrong.")  # fmt: skip
    expect(_change_password(laptop, PASSWORD, "7 chars").status_code >= 400,
           "A new password of seven characters is refused.", "it is taken",
           "The rule of the registration holds here, too: put it into a function.")  # fmt: skip
    with entered(chat, laptop, phone, bos) as tabs:
        _change_password(laptop, PASSWORD, NEW_PASSWORD)
        _password_is(chat, name, NEW_PASSWORD, "after the change",
                     "`user.password_hash = generate_password_hash(…)`, and `commit()`.")  # fmt: skip
        closed = tabs[1].was_closed()
        kept = [tab.connected and not tab.told("session_ended") for tab in (tabs[0], tabs[2])]
    expect(closed and not phone.inside(),
           "Every other log-in of this person has ended, and its sockets are closed.",
           "the page of the other one still opens" if closed else "its socket stays open",
           "Find the person's other rows, and end them as log-out ends one: "
           '`LogIn.user_id == me.id, LogIn.token != session["token"]`.')  # fmt: skip
    if not all(kept) or not laptop.inside():
        raise Broken(
            "Who has changed the password stays logged in here; so does everybody else.",
            "somebody else's socket is closed" if kept[0] else "this log-in has ended, too",
            'All but one\'s own: `LogIn.user_id == me.id, LogIn.token != session["token"]`.',
        )  # fmt: skip


def _change_password(browser: Browser, password: str, new: str) -> requests.Response:
    return browser.post("/password", data={"password": password, "new_password": new})


def _password_is(chat: Stage, name: str, password: str, when: str, hint: str) -> None:
    browser = Browser(chat)
    browser.post("/login", data={"username": name, "password": password})
    expect(
        browser.inside(), f"One logs in with {password!r}, {when}.", "that password is wrong", hint
    )
