"""Sessions: a connection needs a session, belongs to it, and ends with it."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import requests
from bs4 import BeautifulSoup
from itsdangerous import URLSafeTimedSerializer

from workshop.browser import PASSWORD, TOKEN_HEADER, Browser, token_in, visible
from workshop.checks.accounts import SAID_INSIDE
from workshop.checks.browse import attribute, visit
from workshop.checks.client import entered, is_turned_away, turned_away
from workshop.checks.families import account_of
from workshop.checks.history import ROUNDS
from workshop.checks.patience import patience
from workshop.checks.promise import attempted, exercise, expect, promise
from workshop.checks.speakers import fields, fresh_name
from workshop.checks.storage import nothing_can_be_stored
from workshop.clients import Tape, TurnedAway, connect, meaning
from workshop.manifest import step_about
from workshop.stages import Stage

ENDED = "session_ended"
TO_WHOM = f"`to=list(sockets)`, or `to=room.id` from step {step_about('rooms').number} on,"
RANDOM = 16  # characters; shorter strings are nobody's token
NEW_PASSWORD = "another correct horse"


@promise(since="sessions", final_app=True)
def a_stranger_is_refused(chat: Stage) -> None:
    """People who are not logged in cannot connect, whatever name they give, and the refusal says why."""
    for name in (None, "Ada"):
        is_turned_away(chat, name, "unauthorized",
                       "In the handler of `connect`, find out from the cookie who is connecting: "
                       "`accounts.require_user()` raises an error if nobody is logged in.")  # fmt: skip


@promise(since="sessions", final_app=True)
def a_refused_connection_receives_nothing(chat: Stage) -> None:
    """A connection that is refused receives no events, not even before the refusal."""
    bos = account_of(chat).browser("Bo")
    with entered(chat, "Ada") as (ada,), ThreadPoolExecutor() as threads:
        ada.said("Hello")
        with nothing_can_be_stored(chat):  # Ada's message waits, and so does the next connection
            ada.emit("new_message", ada.payload(SAID_INSIDE))
            tapes = [_connect_meanwhile(chat, threads, who) for who in (bos, None, None, None)]
    heard_outside = {
        meaning(packet)
        for tape in tapes[1:]
        for packet in tape.packets
        if not packet.sent and meaning(packet).startswith("event ")
    }
    expect(not heard_outside, "A connection without a login is refused, and receives no events.",
           f"before the refusal, it receives the {' and the '.join(sorted(heard_outside))}",
           "Without `to=`, every connection receives it, even one that is about to be refused. "
           f"Write {TO_WHOM} instead of `broadcast=True`.")  # fmt: skip


@promise(since="sessions", final_app=True)
def the_author_is_the_account(chat: Stage) -> None:
    """The author is the account that the cookie belongs to, whatever name the connection gives."""
    family = account_of(chat)
    browser = family.browser("Ada")
    with entered(chat, browser, called="Bo") as (ada,):
        author = family.author(ada.said("Hello"))
    expect(author == family.named("Ada"),
           "With Ada's cookie, the author is Ada, even if `auth` contains the name Bo.",
           f"the author is {author!r}",
           "Anybody can write anything into `auth`. The author is the account that the cookie "
           "belongs to.")  # fmt: skip


@promise(since="sessions", final_app=True)
def one_person_may_have_several_tabs(chat: Stage) -> None:
    """One person can have several tabs, and each tab receives everything."""
    with entered(chat, "Ada", "Ada", "Bo") as (one, other, bo):
        bo.said("Hello, both of you")
        times = [len(tab.told("new_message")) for tab in (one, other)]
    expect(times == [1, 1], "Each of Ada's two tabs receives Bo's message once.",
           f"{times[0]} and {times[1]} times",
           "Store the token of each connection, `sockets[request.sid]`, and not one connection for "
           "each person.")  # fmt: skip


@promise(since="sessions", final_app=True)
def logging_out_closes_its_connections(chat: Stage) -> None:
    """A logout closes the connections of its session, with a reason, and leaves all others open."""
    family = account_of(chat)
    laptop = family.new_browser("Ada")
    phone, bos = family.browser("Ada"), family.browser("Bo")
    with entered(chat, laptop, laptop, phone, bos) as tabs:
        laptop.post("/logout")
        for tab in tabs[:2]:
            expect(tab.was_closed(),
                   "When Ada logs out, the server closes the connections of this session.",
                   "one stays open, and the next person at this computer can still read messages",
                   "Store the token of each connection. At logout, call "
                   "`socketio.server.disconnect(sid)` for each connection with this token.")  # fmt: skip
            _was_told_why([data for event, data in tab.heard() if event == ENDED])
        for who, tab in (("Ada's phone", tabs[2]), ("Bo", tabs[3])):
            expect(tab.connected and not tab.told(ENDED),
                   "Ada's other sessions, and those of other people, stay connected.",
                   f"{who} is disconnected, too",
                   "Close only the connections with this session's token, and not all connections "
                   "of the person or of everybody. Emit `session_ended` with `to=sid`.")  # fmt: skip


@promise(since="sessions")
def nobody_receives_a_token(chat: Stage) -> None:
    """No event contains the token of somebody's session."""
    browser = account_of(chat).browser("Ada")
    with entered(chat, "Bo") as (bo,), entered(chat, browser) as (ada,):
        for event in ("wave", "typing"):  # from exercises; a chat without them ignores the event
            ada.emit(event, {})
        ada.said("Hello")
        events = [*bo.heard(), *ada.heard()]
    told = [name for name, data in events if any(each in str(data) for each in _secrets(browser))]
    expect(not told, "Events contain people's names, and no tokens.",
           f"`{'`, `'.join(told)}` contains the token of Ada's session",
           "Whoever knows a token can use the session. `sockets[request.sid]` is a token now: send "
           "`accounts.require_user().username` instead.")  # fmt: skip


def _secrets(browser: Browser) -> list[str]:
    """Return the random strings in a browser's cookies, which Flask signs and does not encrypt."""
    reader = URLSafeTimedSerializer("the key does not matter for reading")
    sessions = [reader.loads_unsafe(cookie)[1] for cookie in browser.cookies.values() if cookie]
    values = [value for each in sessions if isinstance(each, dict) for value in each.values()]
    return [value for value in values if isinstance(value, str) and len(value) >= RANDOM]


@promise(since="sessions", final_app=True)
def an_old_cookie_is_worth_nothing(chat: Stage) -> None:
    """After a logout, the old cookie no longer works."""
    browser = account_of(chat).new_browser("Ada")
    thief = Browser(chat)
    thief.cookies.update(browser.cookies)
    browser.post("/logout")
    expect(not thief.inside() and turned_away(chat, None, thief),
           "After a logout, an old copy of the cookie opens neither a page nor a connection.",
           "it still opens " + ("the page" if thief.inside() else "a connection"),
           "A signed cookie remains valid. Store a row for each login, look it up on every request, and "
           "delete it at logout.")  # fmt: skip


def _connect_meanwhile(chat: Stage, threads: ThreadPoolExecutor, who: Browser | None) -> Tape:
    """Connect somebody in a separate thread. Return the tape of the packets that they receive."""
    tape = Tape()

    def ask() -> None:
        with suppress(TurnedAway):
            connect(chat, None, who, ["websocket"], tape).disconnect()

    threads.submit(ask)
    tape.wait(lambda packet: packet.sent and meaning(packet) == "connect", patience())
    for _ in range(ROUNDS):  # when these are answered, the server has received the connection
        visit(chat, "/static/style.css")
    return tape


def _was_told_why(reasons: list[object]) -> None:
    expect(len(reasons) == 1 and fields(reasons[0]).get("reason"),
           f'Before a connection is closed, it receives `{ENDED}` with {{"reason": "…"}}.',
           f"{reasons or 'nothing'}",
           f'First call `socketio.emit("{ENDED}", {{"reason": "…"}}, to=sid)`, and then '
           "`socketio.server.disconnect(sid)`.")  # fmt: skip


@exercise("sessions")
def the_password_can_be_changed(chat: Stage) -> None:
    """A change of password ends the person's other sessions, and keeps this one."""
    family, name = account_of(chat), fresh_name()
    laptop, phone = family.new_browser(name), family.new_browser(name)
    bos = family.browser("Bo")
    wrong = {"password": "wrong password", "new_password": NEW_PASSWORD}
    answer = laptop.post("/password", data=wrong)
    attempted(answer.status_code not in (404, 405), "POST /password changes the password.",
              "no such route",
              'Start with `@app.post("/password")`. Its form has the fields `password` and '
              "`new_password`.")  # fmt: skip
    _password_is(chat, name, PASSWORD, "After an attempt with a wrong password",
                 "Check the current password first: `authenticate(…)` raises an error if it "
                 "is wrong.")  # fmt: skip
    expect(_change_password(laptop, PASSWORD, "7 chars").status_code >= 400,
           "A new password of seven characters is refused.", "it is accepted",
           "The rule for registration applies here, too. Move it into a function that "
           "both use.")  # fmt: skip
    with entered(chat, laptop, phone, bos) as tabs:
        answer = _change_password(laptop, PASSWORD, NEW_PASSWORD)
        expect(answer.ok, "If both passwords are right, the form leads back to the chat page.",
               f"status {answer.status_code}, “{visible(answer.text)[:160]}”",
               'The fields are `request.form["password"]` and `request.form["new_password"]`. '
               '`authenticate` takes the name and the current password. At the end, `return '
               'redirect(url_for("chat"))`.')  # fmt: skip
        _password_is(chat, name, NEW_PASSWORD, "After the change",
                     "Set `user.password_hash = generate_password_hash(…)`, and "
                     "`commit()`.")  # fmt: skip
        closed = tabs[1].was_closed()
        kept = [tab.connected and not tab.told("session_ended") for tab in (tabs[0], tabs[2])]
    expect(closed and not phone.inside(),
           "Every other session of this person has ended, and its connections are closed.",
           "the other session can still open the page" if closed else "its connection stays open",
           "Find the person's other sessions, and end them as a logout does: "
           '`Login.user_id == user.id, Login.token != session["token"]`.')  # fmt: skip
    expect(all(kept) and laptop.inside(),
           "This session continues, and so do other people's sessions.",
           "somebody else's connection is closed" if kept[0] else "this session has ended, too",
           'End only the others: `Login.user_id == user.id, Login.token != session["token"]`.'
           )  # fmt: skip


def _change_password(browser: Browser, password: str, new: str) -> requests.Response:
    """Send the form on the chat page, with the form's own token."""
    page = BeautifulSoup(browser.get("/chat").text, "html.parser")
    form = page.find("form", action=lambda action: str(action).endswith("/password"))
    expect(form, "The chat page has a form that posts to `/password`.",
           f"forms for {[attribute(each, 'action') for each in page('form')]}",
           "Copy the form from the notebook into chat.html.", about="templates/chat.html")  # fmt: skip
    return browser.post("/password", data={"password": password, "new_password": new},
                        headers={TOKEN_HEADER: token_in(form or page)})  # fmt: skip


def _password_is(chat: Stage, name: str, password: str, when: str, hint: str) -> None:
    browser = Browser(chat)
    browser.post("/login", data={"username": name, "password": password})
    expect(browser.inside(), f"{when}, the person can log in with {password!r}.",
           "the server refuses this password", hint)  # fmt: skip
