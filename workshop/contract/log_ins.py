"""Promises of step 08 about log-ins: the cookie, and the sockets that are opened with it."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

from workshop.browser import PASSWORD, Browser
from workshop.clients import Tape, TurnedAway, connect, meaning
from workshop.contract.answers import payload, said, told
from workshop.contract.asking import ANSWER_TIMEOUT
from workshop.contract.browse import let_in, visit
from workshop.contract.doors import account_of, known_name
from workshop.contract.families import family_of
from workshop.contract.history import ROUNDS, survives_a_restart
from workshop.contract.history_page import OLDER
from workshop.contract.people import entered, heard, turned_away, was_closed
from workshop.contract.promise import Broken, promise
from workshop.contract.storage import nothing_can_be_stored
from workshop.stages import Stage

SAME_SITE = {"samesite=lax", "samesite=strict"}
ENDED = "session_ended"
SAID_INSIDE = "The key is under the mat."


@promise(since="08", final_app=True)
def the_cookie_is_for_the_server(chat: Stage) -> None:
    """The cookie of a log-in is for this server: no script reads it, no other site sends it."""
    about = {"username": known_name(chat), "password": PASSWORD}
    browser = Browser(chat)
    answer = browser.post("/login", data=about, allow_redirects=False)
    cookies = answer.raw.headers.getlist("Set-Cookie")
    flags = [{part.strip().lower() for part in cookie.split(";")} for cookie in cookies]
    if not cookies or not all("httponly" in each and SAME_SITE & each for each in flags):
        raise Broken(
            expected="The cookie of a log-in is marked HttpOnly and SameSite=Lax.",
            seen="; ".join(cookie.partition("=")[2].partition(";")[2] for cookie in cookies)
            or "no cookie at all",
            hint='`app.config.update(SESSION_COOKIE_SAMESITE="Lax", …)`; HttpOnly is Flask\'s own '
            "choice, unless it is switched off.",
        )


@promise(since="08", final_app=True)
def the_cookie_has_its_own_name(chat: Stage) -> None:
    """The cookie has a name of its own: a cookie goes to every port of this computer."""
    with let_in(chat):
        names = list(family_of(chat).browser(chat, "Ada").cookies.keys())
    if "session" in names:
        raise Broken(
            expected="The cookie is not called `session`, as in every Flask application.",
            seen=f"cookies: {names}",
            hint='`app.config["SESSION_COOKIE_NAME"] = …`: another application of yours on '
            "127.0.0.1 would overwrite it, whatever its port.",
        )


@promise(since="08", final_app=True)
def a_stranger_is_refused(chat: Stage) -> None:
    """Who is not logged in cannot connect, whatever name they give, and is told why."""
    for name in (None, "Ada"):
        refusal = turned_away(chat, name)
        if refusal is None or refusal.code != "unauthorized" or not str(refusal):
            raise Broken(
                expected="A connection without a log-in is refused with the code `unauthorized`.",
                seen=f"refused ({refusal.code}): {refusal}" if refusal else "it is let in",
                hint="The handler of `connect` asks who it is by the cookie, as a page does; for "
                'nobody: `ConnectionRefusedError("…", {"code": "unauthorized"})`.',
            )


@promise(since="08", final_app=True)
def who_only_knocks_hears_nothing(chat: Stage) -> None:
    """Who is not let in hears nothing, not even before the refusal."""
    with let_in(chat):
        bos = account_of(chat).browser(chat, "Bo")
    with entered(chat, "Ada") as (ada,), ThreadPoolExecutor() as doors:
        said(chat, ada, "Hello")
        with nothing_can_be_stored(chat):  # Ada's message waits, and whoever knocks behind it
            ada.emit("new_message", payload(chat, ada, SAID_INSIDE))
            tapes = [_knock(chat, doors, who) for who in (bos, None, None, None)]
    heard_outside = {
        meaning(packet)
        for tape in tapes[1:]
        for packet in tape.packets
        if not packet.sent and meaning(packet).startswith("event ")
    }
    if heard_outside:
        raise Broken(
            expected="Who connects without a log-in hears nothing, and is refused.",
            seen=f"before the refusal comes the {' and the '.join(sorted(heard_outside))}",
            hint="Without `to=` everyone hears it, also who only knocks and is still to be refused: "
            "`to=list(sockets)`, or from step 09 on `to=room.id`, in place of `broadcast=True`.",
        )


@promise(since="08", final_app=True)
def no_page_tells_a_stranger_what_was_said(chat: Stage) -> None:
    """No page tells a stranger what was said."""
    with entered(chat, "Ada") as (ada,):
        said(chat, ada, SAID_INSIDE)
    for path in ("/", "/chat", "/api/rooms/1/messages", OLDER):
        answer = visit(chat, path, follow=True)
        if SAID_INSIDE in answer.text:
            raise Broken(
                expected="Who is not logged in reads no message, at whatever address.",
                seen=f"{path} tells what Ada said",
                hint="What a route answers, anybody can read: `/api/messages`, of exercise 07, "
                "begins with `known()`.",
            )
        kind = answer.headers.get("Content-Type", "")
        if path.startswith("/api/") and answer.status_code != 404 and "json" not in kind:
            raise Broken(
                expected=f"{path} refuses a stranger as an event does: "
                '{"ok": false, "error": {…}}, in JSON.',
                seen=f"status {answer.status_code}, {kind}",
                hint="Your script cannot read a page. For addresses that begin with /api/, "
                "`show_refusal` returns `problem.answer(), 400`.",
            )


@promise(since="08", final_app=True)
def the_author_is_the_account(chat: Stage) -> None:
    """The author is the account of the cookie, whatever name the connection gives."""
    family = account_of(chat)
    with let_in(chat):
        browser = family.browser(chat, "Ada")
    ada = connect(chat, "Bo", browser, transports=["websocket"])
    try:
        author = family.author(said(chat, ada, "Hello", room=family.general))
    finally:
        ada.disconnect()
    if author != family.named("Ada"):
        raise Broken(
            expected="With Ada's cookie, the author is Ada, also when `auth` says Bo.",
            seen=f"the author is {author!r}",
            hint="`auth` is what anybody can write. The cookie proves an account.",
        )


@promise(since="08", final_app=True)
def one_person_may_have_several_tabs(chat: Stage) -> None:
    """Somebody may be connected several times, and hears everything in each tab."""
    with entered(chat, "Ada", "Ada", "Bo") as (one, other, bo):
        said(chat, bo, "Hello, both of you")
        times = [len(told(chat, tab, "new_message")) for tab in (one, other)]
    if times != [1, 1]:
        raise Broken(
            expected="Both tabs of Ada receive what Bo says, once.",
            seen=f"{times[0]} and {times[1]} times",
            hint="Keep, per connection (`request.sid`), whose log-in it is: not one per person.",
        )


@promise(since="08", final_app=True)
def log_out_closes_its_sockets(chat: Stage) -> None:
    """Log-out closes the sockets of this log-in, with the reason, and nobody else's."""
    family = account_of(chat)
    with let_in(chat):
        laptop = family.new_browser(chat, "Ada")
        phone, bos = family.browser(chat, "Ada"), family.browser(chat, "Bo")
    tabs = [connect(chat, None, each, ["websocket"]) for each in (laptop, laptop, phone, bos)]
    try:
        laptop.post("/logout")
        for tab in tabs[:2]:
            if not was_closed(tab):
                raise Broken(
                    expected="When Ada logs out, the sockets of this log-in are closed.",
                    seen="one stays open: whoever sits down at this computer still reads along",
                    hint="Keep, per connection, which log-in it is. At log-out: "
                    '`disconnect(sid, namespace="/")` for each of this log-in\'s.',
                )
            _was_told_why([data for event, data in heard(tab) if event == ENDED])
        for who, tab in (("Ada's phone", tabs[2]), ("Bo", tabs[3])):
            if not tab.connected or told(chat, tab, ENDED):
                raise Broken(
                    expected="Log-ins elsewhere, and other people's, stay as they are.",
                    seen=f"{who} is disconnected, too",
                    hint="Close the sockets of this log-in's token only: not of the person, and "
                    "not everybody's. `session_ended` goes `to=sid`.",
                )
    finally:
        for tab in tabs:
            tab.disconnect()


@promise(since="08", final_app=True)
def an_old_cookie_is_worth_nothing(chat: Stage) -> None:
    """After log-out, the old cookie opens nothing any more."""
    with let_in(chat):
        browser = account_of(chat).new_browser(chat, "Ada")
    thief = Browser(chat)
    thief.cookies.update(browser.cookies)
    browser.post("/logout")
    if browser.inside():
        raise Broken(
            expected="After log-out, `/chat` leads back to the front page.",
            seen="it still opens",
            hint='Log-out takes the token out of the cookie: `session.pop("token", None)`.',
        )
    if thief.inside() or turned_away(chat, None, thief) is None:
        raise Broken(
            expected="A copy of the cookie, made before log-out, opens neither page nor socket.",
            seen="it still opens " + ("the page" if thief.inside() else "a socket"),
            hint="A signed cookie stays valid for ever. Keep a row per log-in, look it up at "
            "every request, and delete it at log-out.",
        )


@promise(since="08", final_app=True)
def a_restart_ends_no_log_in(chat: Stage) -> None:
    """A restart of the server loses no message, and ends no log-in."""
    with let_in(chat):
        browser = account_of(chat).browser(chat, "Bo")
    survives_a_restart(chat)
    if not browser.inside():
        raise Broken(
            expected="After a restart, Bo's cookie still opens the chat.",
            seen="he has to log in again",
            hint="The key that signs cookies must stay the same: make it at the first start, keep "
            "it in a file in the instance folder, and read it from there.",
        )


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
    raise Broken(
        expected=f'Before it is closed, a socket receives `{ENDED}` with {{"reason": "…"}}.',
        seen=f"{reasons or 'nothing'}",
        hint=f'`emit("{ENDED}", {{"reason": reason}}, to=sid)`, and then `disconnect(sid)`.',
    )
