"""Step 08: the session cookie, and the connections that are opened with it."""

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
    """No script can read the session cookie, and no other site can send it."""
    about = {"username": known_name(chat), "password": PASSWORD}
    browser = Browser(chat)
    answer = browser.post("/login", data=about, allow_redirects=False)
    cookies = answer.raw.headers.getlist("Set-Cookie")
    flags = [{part.strip().lower() for part in cookie.split(";")} for cookie in cookies]
    if not cookies or not all("httponly" in each and SAME_SITE & each for each in flags):
        raise Broken("The session cookie is marked HttpOnly and SameSite=Lax.",
                     "; ".join(cookie.partition("=")[2].partition(";")[2] for cookie in cookies) or
                     "no cookie at all",
                     'Call `app.config.update(SESSION_COOKIE_SAMESITE="Lax", …)`. Flask sets '
                     "HttpOnly by itself, unless you switch it off.")  # fmt: skip


@promise(since="accounts", final_app=True)
def the_cookie_has_its_own_name(chat: Stage) -> None:
    """The cookie has a name of its own, since browsers send it to every port of this computer."""
    names = list(family_of(chat).browser("Ada").cookies.keys())
    expect("session" not in names,
           "The cookie is not called `session`, which is the name in every other Flask application.",
           f"cookies: {names}",
           'Set `app.config["SESSION_COOKIE_NAME"] = …`. Otherwise another application on '
           "127.0.0.1 overwrites the cookie, whatever its port.")  # fmt: skip


@promise(since="accounts", final_app=True)
def a_stranger_is_refused(chat: Stage) -> None:
    """People who are not logged in cannot connect, whatever name they give, and learn why."""
    for name in (None, "Ada"):
        refusal = turned_away(chat, name)
        if refusal is None or refusal.code != "unauthorized" or not str(refusal):
            raise Broken("A connection without a login is refused with the code `unauthorized`.",
                         f"refused ({refusal.code}): {refusal}" if refusal else "it is accepted",
                         "In the handler of `connect`, find out from the cookie who it is, as a "
                         "page does. If it is nobody, raise "
                         '`ConnectionRefusedError("…", {"code": "unauthorized"})`.')  # fmt: skip


@promise(since="accounts", final_app=True)
def a_refused_connection_receives_nothing(chat: Stage) -> None:
    """A connection that is refused receives nothing, not even before the refusal."""
    bos = account_of(chat).browser("Bo")
    with entered(chat, "Ada") as (ada,), ThreadPoolExecutor() as threads:
        ada.said("Hello")
        with nothing_can_be_stored(chat):  # Ada's message waits, and so does who connects next
            ada.emit("new_message", ada.payload(SAID_INSIDE))
            tapes = [_connect_meanwhile(chat, threads, who) for who in (bos, None, None, None)]
    heard_outside = {
        meaning(packet)
        for tape in tapes[1:]
        for packet in tape.packets
        if not packet.sent and meaning(packet).startswith("event ")
    }
    expect(not heard_outside, "A connection without a login is refused, and receives nothing.",
           f"before the refusal, it receives the {' and the '.join(sorted(heard_outside))}",
           "Without `to=`, everyone receives it, even a connection that is still to be refused. "
           "Write `to=list(sockets)`, or from step 09 on `to=room.id`, instead of "
           "`broadcast=True`.")  # fmt: skip


@promise(since="accounts", final_app=True)
def no_page_tells_a_stranger_what_was_said(chat: Stage) -> None:
    """No page shows messages to people who are not logged in."""
    with entered(chat, "Ada") as (ada,):
        ada.said(SAID_INSIDE)
    for path in ("/", "/chat", "/api/rooms/1/messages", OLDER):
        answer = visit(chat, path, follow=True)
        expect(SAID_INSIDE not in answer.text,
               "People who are not logged in cannot read a message at any address.",
               f"{path} shows what Ada said",
               "Anybody can read what a route returns. Begin `/api/messages` from exercise 07 "
               "with `known()`.")  # fmt: skip
        kind = answer.headers.get("Content-Type", "")
        expect(not path.startswith("/api/") or answer.status_code == 404 or "json" in kind,
               f"{path} refuses people who are not logged in with JSON: "
               '{"ok": false, "error": {…}}.', f"status {answer.status_code}, {kind}",
               "Your script expects JSON, not a page. For addresses that begin with /api/, "
               "return `problem.answer(), 400` from `show_refusal`.")  # fmt: skip


@promise(since="accounts", final_app=True)
def the_author_is_the_account(chat: Stage) -> None:
    """The author is the account that the cookie belongs to, whatever name the connection gives."""
    family = account_of(chat)
    browser = family.browser("Ada")
    with entered(chat, browser, called="Bo") as (ada,):
        author = family.author(ada.said("Hello"))
    expect(author == family.named("Ada"),
           "With Ada's cookie, the author is Ada, even if `auth` says Bo.",
           f"the author is {author!r}",
           "Anybody can write anything into `auth`. Take the author from the cookie's "
           "account.")  # fmt: skip


@promise(since="accounts", final_app=True)
def one_person_may_have_several_tabs(chat: Stage) -> None:
    """One person can have several tabs, and each tab receives everything."""
    with entered(chat, "Ada", "Ada", "Bo") as (one, other, bo):
        bo.said("Hello, both of you")
        times = [len(tab.told("new_message")) for tab in (one, other)]
    expect(times == [1, 1], "Both of Ada's tabs receive what Bo says, once each.",
           f"{times[0]} and {times[1]} times",
           "Store a login for each connection (`request.sid`), not a connection for "
           "each person.")  # fmt: skip


@promise(since="accounts", final_app=True)
def logging_out_closes_its_connections(chat: Stage) -> None:
    """Logging out closes the connections of this login, with the reason, and no others."""
    family = account_of(chat)
    laptop = family.new_browser("Ada")
    phone, bos = family.browser("Ada"), family.browser("Bo")
    with entered(chat, laptop, laptop, phone, bos) as tabs:
        laptop.post("/logout")
        for tab in tabs[:2]:
            expect(tab.was_closed(),
                   "When Ada logs out, the server closes the connections of this login.",
                   "one stays open, and the next person at this computer can still read along",
                   "Store the login of each connection. At logout, call "
                   '`disconnect(sid, namespace="/")` for each connection of this login.')  # fmt: skip
            _was_told_why([data for event, data in tab.heard() if event == ENDED])
        for who, tab in (("Ada's phone", tabs[2]), ("Bo", tabs[3])):
            expect(tab.connected and not tab.told(ENDED),
                   "Ada's other logins, and other people's, stay connected.",
                   f"{who} is disconnected, too",
                   "Close only the connections with this login's token, not all those of the "
                   "person, and not everybody's. Emit `session_ended` with `to=sid`.")  # fmt: skip


@promise(since="accounts", final_app=True)
def an_old_cookie_is_worth_nothing(chat: Stage) -> None:
    """After a logout, the old cookie no longer works."""
    browser = account_of(chat).new_browser("Ada")
    thief = Browser(chat)
    thief.cookies.update(browser.cookies)
    browser.post("/logout")
    expect(not browser.inside(), "After a logout, `/chat` redirects to the front page.",
           "it still opens",
           'At logout, remove the token from the cookie: `session.pop("token", None)`.')  # fmt: skip
    if thief.inside() or turned_away(chat, None, thief) is None:
        raise Broken("After a logout, an old copy of the cookie opens neither a page nor a "
                     "connection.",
                     "it still opens " + ("the page" if thief.inside() else "a connection"),
                     "A signed cookie stays valid for ever. Store a row for each login, look it up "
                     "at every request, and delete it at logout.")  # fmt: skip


@promise(since="accounts", final_app=True)
def everybody_is_still_logged_in_after_a_restart(chat: Stage) -> None:
    """After the server restarts, all messages are there, and everybody is still logged in."""
    browser = account_of(chat).browser("Bo")
    survives_a_restart(chat)
    expect(browser.inside(), "After a restart, Bo's cookie still opens the chat.",
           "he has to log in again",
           "The key that signs cookies must stay the same: create it at the first start, store it "
           "in a file in the instance folder, and read it from there.")  # fmt: skip


def _connect_meanwhile(chat: Stage, threads: ThreadPoolExecutor, who: Browser | None) -> Tape:
    """Let somebody connect in a thread of their own; return what they receive from now on."""
    tape = Tape()

    def ask() -> None:
        with suppress(TurnedAway):
            connect(chat, None, who, ["websocket"], tape).disconnect()

    threads.submit(ask)
    tape.wait(lambda packet: packet.sent and meaning(packet) == "connect", ANSWER_TIMEOUT)
    for _ in range(ROUNDS):  # much else is answered: the connection has arrived
        visit(chat, "/static/style.css")
    return tape


def _was_told_why(reasons: list[object]) -> None:
    if len(reasons) == 1 and isinstance(reasons[0], dict) and reasons[0].get("reason"):
        return
    raise Broken(f'Before a connection is closed, it receives `{ENDED}` with {{"reason": "…"}}.',
                 f"{reasons or 'nothing'}",
                 f'First call `emit("{ENDED}", {{"reason": reason}}, to=sid)`, and then '
                 '`disconnect(sid)`.')  # fmt: skip


@exercise("accounts")
def the_password_can_be_changed(chat: Stage) -> None:
    """Changing the password ends the person's other logins, and keeps this one."""
    family, name = account_of(chat), fresh_name()
    laptop, phone = family.new_browser(name), family.new_browser(name)
    bos = family.browser("Bo")
    answer = _change_password(laptop, "wrong password", NEW_PASSWORD)
    attempted(answer.status_code not in (404, 405), "POST /password changes the password.",
              "no such route",
              'Start with `@app.post("/password")`. Its form has the fields `password` and '
              "`new_password`.")  # fmt: skip
    _password_is(chat, name, PASSWORD, "After an attempt with a wrong password",
                 "Check the current password first: `recognise(…)` raises an error if it "
                 "is wrong.")  # fmt: skip
    expect(_change_password(laptop, PASSWORD, "7 chars").status_code >= 400,
           "A new password of seven characters is refused.", "it is accepted",
           "The rule for registration applies here, too: put it into a function.")  # fmt: skip
    with entered(chat, laptop, phone, bos) as tabs:
        _change_password(laptop, PASSWORD, NEW_PASSWORD)
        _password_is(chat, name, NEW_PASSWORD, "After the change",
                     "Set `user.password_hash = generate_password_hash(…)`, and "
                     "`commit()`.")  # fmt: skip
        closed = tabs[1].was_closed()
        kept = [tab.connected and not tab.told("session_ended") for tab in (tabs[0], tabs[2])]
    expect(closed and not phone.inside(),
           "Every other login of this person has ended, and its connections are closed.",
           "the other login still opens the page" if closed else "its connection stays open",
           "Find the person's other rows, and end them as a logout ends one: "
           '`LogIn.user_id == me.id, LogIn.token != session["token"]`.')  # fmt: skip
    if not all(kept) or not laptop.inside():
        raise Broken(
            "This login does not end, and neither does anybody else's.",
            "somebody else's connection is closed" if kept[0] else "this login has ended, too",
            'End only the others: `LogIn.user_id == me.id, LogIn.token != session["token"]`.',
        )  # fmt: skip


def _change_password(browser: Browser, password: str, new: str) -> requests.Response:
    return browser.post("/password", data={"password": password, "new_password": new})


def _password_is(chat: Stage, name: str, password: str, when: str, hint: str) -> None:
    browser = Browser(chat)
    browser.post("/login", data={"username": name, "password": password})
    expect(browser.inside(), f"{when}, the person can log in with {password!r}.",
           "the server refuses this password", hint)  # fmt: skip
