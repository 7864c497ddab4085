"""Promises about the chat page, told as stories: the page runs, and people use it.

A story does not depend on how the page is written. It works for our own step, and also if a learner
chooses other names, another order and other functions.
"""

from http import HTTPStatus
from urllib.parse import urlsplit

from bs4 import BeautifulSoup

from workshop.checks.browse import parsed, visit
from workshop.checks.client import entered, turned_away
from workshop.checks.families import account_of, family_of, has_come_to, make_room
from workshop.checks.files import NO_KIND, upload
from workshop.checks.parts import page_with_a_message
from workshop.checks.patience import patience
from workshop.checks.presence import (
    leaving_reaches_every_tab,
    only_members_leave,
    people_can_leave_their_last_room,
)
from workshop.checks.promise import exercise, expect, promise
from workshop.checks.speakers import fields, fresh_name
from workshop.checks.visitors import FIELD, HIDDEN, INNER, LOG, Visitor, visitors
from workshop.manifest import step_about
from workshop.stages import Stage

HOSTILE = '<img src="nowhere" onerror="document.title = 1"><b>bold</b>'
IN_FORM = ":is(#message-form *, [form=message-form])"
SUBMITS = ":is(button:not([type=button], [type=reset]), [type=submit], [type=image])"
SENDS = f"{IN_FORM}{SUBMITS}"
OTHER = f"{IN_FORM}:is(button, input)[type=button]"
LABEL = "plan <b>A.txt"  # the name of a file is text, too
SOON = 0.3  # seconds
LATER = 10  # seconds
NEXT = "And by the way"
BLANK = " "  # the page sends this text, but the server refuses it
SCRIPTS = {  # a script that the page loads -> its address in a template
    "socket.io": "url_for('socketio_browser.static', filename='socket.io.min.js')",
    "chat.js": "url_for('static', filename='chat.js')",
}
PAYLOAD = (
    "`input.value` is what the user typed. `document.body.dataset` has the values of the `data-…` "
    "attributes in the page's `<body>` as text: `dataset.room` needs `data-room`, and `Number(…)` turns "
    "text into a number. A value that is `undefined` is not sent."
)
REFUSED = (
    "The server refuses the page's connection, and says why. Until connections need a login, `auth: { "
    "username: document.body.dataset.username }` in `io({ … })` says who is connecting."
)
NO_UPLOAD = (
    "The server refuses the upload. `new FormData(form)` takes every field of the form that has a "
    "`name`: compare these names with those that the route reads."
)
ROOM = (
    "People who are in two rooms receive the messages of both. `if (message.room !== room) "
    "return;` ignores those of the other room. `room` must be a number on both sides of the "
    "comparison. The page takes it from `data-room`."
)
SAYS_WHY = (
    'In `socket.on("connect_error", (error) => …)`, set `statusLine.textContent = error.message` '
    "unless `socket.active` is true. Otherwise the page looks as if everything were fine, but nothing "
    "works."
)
BOTH_SIDES = "The event must have the same name on both sides: `new_message`."
OWN = "The page shows what the server sends to everybody. Does `include_self=False` exclude her?"
ONCE = "Call `socket.on` only once, and not in a function that runs again at each `connect`."
LISTENER = (
    '`socket.on("new_message", (message) => …)` adds a line to the log, with `message.text`. Write it '
    "by itself, and not inside the function of another listener."
)
LAST = (
    "`last` must be a number: that of the last message on the page. On every `connect`, emit `sync` "
    "with it, and show the messages that come back. If a message that arrives has the number `last + "
    "1`, show it, and set `last`. If its number is greater, call `sync()` to ask for what is missing. "
    "Otherwise ignore it, because a message can arrive both live and with `sync`."
)
AUTHOR = (
    "The server must send the author's name with each message, as `username`. From step "
    f"{step_about('author').number} on, take it from the connection: otherwise anybody can write any "
    "name into a message."
)


@promise(since="socketio", file="static/chat.js")
def the_page_runs(chat: Stage) -> None:
    """The chat page runs without an error."""
    with visitors(chat, "Ada") as (ada,):
        for name, address in SCRIPTS.items():
            expect(any(name in url for _, url, _ in ada.page.requests), f"The page loads {name}.",
                   "It does not.",
                   f'Before `</body>`, add `<script src="{{{{ {address} }}}}"></script>`: first the '
                   "browser client, then chat.js.", "templates/chat.html")  # fmt: skip
        in_page = BeautifulSoup(ada.page.html(), "html.parser").get_text()
        expect(ada.called in ada.text or ada.called not in in_page,
               f"People see their own name on the chat page, here {ada.called}.", "It is hidden.",
               HIDDEN, about="templates/chat.html")  # fmt: skip


def _button_sends(visitor: Visitor) -> None:
    """Raise Broken if no button of the form sends the message."""
    if visitor.page.attributes(SENDS, "class"):
        return  # Enter clicks a button that sends
    before = len(visitor.sent("new_message"))
    for place in range(len(visitor.page.attributes(OTHER, "class"))):  # a script can make it send
        visitor.types(FIELD, "Hello")
        visitor.clicks(OTHER, "a button", place)
    visitor.expects(lambda: len(visitor.sent("new_message")) > before,
                    "A click on a button of the form sends the message, as Enter does.",
                    'Add `<button>Send</button>` to the form, or remove '
                    '`type="button"` or `type="reset"` from the button that should send it.',
                    "No button sends it.", about="templates/chat.html")  # fmt: skip


def _presses_button(visitor: Visitor, form: str, what: str, file: str) -> None:
    """Click the button that sends a form. The button can be outside the form and name its id."""
    name = (visitor.page.attributes(form, "id") or [None])[0]
    button = f':is({form} *, [form="{name}"]){SUBMITS}'
    expect(visitor.page.attributes(button, "class"), f"The page has a button for `{form}`.",
           "There is none.", "Compare the page's HTML with the step. In a form with this `action`, "
           "there must be a `<button>`.", about=file)  # fmt: skip
    visitor.clicks(button, what)


@promise(since="socketio", file="static/chat.js")
def what_is_typed_is_sent(chat: Stage) -> None:
    """The page sends what Ada types as `new_message`, and she stays on the page."""
    with visitors(chat, "Ada") as (ada,):
        address, refused = ada.page.url, ada.heard("connect_error")
        ada.sends("Hello")
        ada.expects(
            lambda: ada.sent("new_message") or ada.page.url != address,
            "The page emits `new_message` when the form is sent.",
            REFUSED
            if refused
            else "In chat.js, listen for the form's `submit`, and call "
            '`socket.emit("new_message", …)`. ' + BOTH_SIDES,
            lambda: (
                f"The page emitted {[each[0] for each in ada.page.sent] or 'nothing'}, and says "
                f"{ada.news()}."
            ),
        )
        ada.page.pages.settle()
        expect(ada.page.url == address, "Ada stays on the chat page.",
               f"{ada.did} The browser left for {ada.page.url}.",
               "Without `event.preventDefault()` the browser sends the form itself, and "
               "leaves.")  # fmt: skip
        wanted = family_of(chat).payload(ada.called, "Hello", family_of(chat).general)
        told = ada.heard("Hello")
        if told and "room" not in str(told[-1]):  # other promises test the room
            wanted.pop("room", None)
        if has_come_to(chat, "author"):
            wanted.pop("username", None)
        got = ada.sent("new_message")[0]
        count = len(ada.sent("new_message"))
        expect(count == 1, "Ada pressed Send once, so the page emits `new_message` once.",
               f"{count} times: {ada.sent('new_message')}",
               "Is there more than one listener for the form's `submit`? Remove the old "
               "one.")  # fmt: skip
        found = fields(got)
        lacks = any(found.get(key) is None for key in wanted)
        expect(wanted.items() <= found.items(), f"The page sends {wanted}.", f"{got!r}", PAYLOAD,
               "templates/chat.html" if lacks else "")  # fmt: skip
        ada.expects(lambda: ada.page.value(FIELD) == "", "After that, the field is empty.",
                    "Call `form.reset()`, so that Ada can type the next message.",
                    lambda: f"The field still has “{ada.page.value(FIELD)}”, and the page says "
                            f"{ada.news()}.")  # fmt: skip
        _button_sends(ada)
        if not has_come_to(chat, "refusals"):  # before this, a server accepts it
            ada.expects_no_error()
            count = len(ada.sent("new_message"))
            ada.sends("")
            ada.page.pages.settle()
            expect(len(ada.sent("new_message")) == count, "An empty message is not sent.",
                   f"{ada.did} The page emitted {ada.sent('new_message')[-1]}.",
                   "With the word `required` in the field's tag, the browser asks for some text "
                   "first.", "templates/chat.html")  # fmt: skip


@promise(since="socketio", file="static/chat.js")
def the_page_says_how_far_a_message_is(chat: Stage) -> None:
    """The page says that it is sending a message, and then whether the server has received it."""
    with visitors(chat, "Ada") as (ada,):
        said = [ada.status]
        ada.page.pause()
        ada.sends("Are you there?")
        said.append(ada.status)
        waited = ada.did
        if has_come_to(chat, "refusals"):  # before this step, the page clears the field at once
            ada.types(FIELD, NEXT)
        ada.did = waited
        ada.page.resume()
        ada.expects(lambda: ada.status != said[1], "When the acknowledgement arrives, the page "
                                                   "reports it.",
                    "The last argument of `socket.emit` is a function. It sets "
                    "`statusLine.textContent`, depending on `acknowledgement.ok`.",
                    f"It still says {ada.news(said[1])}.")  # fmt: skip
        expect(said[1] != said[0],
               "Until the acknowledgement arrives, the page says that it is waiting.",
               f"{ada.did} The page says nothing about it.",
               'Before `socket.emit`, write `statusLine.textContent = '
               '"Sending …"`.')  # fmt: skip
        expect(not any("${" in each for each in said), "The page shows values, not code.",
               f"{ada.did} The page says {ada.news(said[1])}.",
               "In a string, `${…}` is replaced by a value only between backticks: `…`, not "
               "\"…\".")  # fmt: skip
        if has_come_to(chat, "refusals"):
            expect(ada.page.value(FIELD) == NEXT, "If Ada types something in the meantime, it "
                                                  "stays in the field.",
                   f"The field has “{ada.page.value(FIELD)}” now.",
                   "Clear the field only if it still contains the text that was "
                   "sent.")  # fmt: skip
            return  # other promises test how the page shows a real refusal
        accepted = ada.status
        ada.page.answer("new_message", {"ok": False})
        ada.sends("Do you want this?")
        ada.did += " The acknowledgement was {ok: false}."
        ada.expects(lambda: ada.status not in (accepted, said[1]),
                    "If the server does not accept the message, the page says something else.",
                    "`acknowledgement.ok` is true only if the server accepted the message. Check "
                    "that it is spelled as in the step.",
                    f"It says {ada.news(accepted)}, too.")  # fmt: skip


@promise(since="broadcast", file="static/chat.js")
def everyone_sees_a_message(chat: Stage) -> None:
    """A message from Ada appears once on her page and once on Bo's, with her name."""
    with visitors(chat, "Ada", "Bo") as (ada, bo):
        ada.sends("A thimble")
        bo.did = ada.did
        bo.sees("A thimble", LAST if has_come_to(chat, "catching_up") else LISTENER)
        told = bo.heard("A thimble")
        names = [fields(data).get("username") for data, *_ in told]
        expect(ada.called in names, "The server sends Bo the author's name, as "
                                    "`username`.", f"{told}",
               AUTHOR, "app.py")  # fmt: skip
        bo.expects(lambda: ada.called in bo.log, f"The message shows who wrote it: {ada.called}.",
                   "Show `message.username` next to `message.text`.",
                   f"“{bo.log}”")  # fmt: skip
        _same_line(chat, bo, ada.called, "A thimble")
        _is_in_view(bo, "A thimble")
        ada.sees("A thimble", OWN, OWN)
        if has_come_to(chat, "catching_up"):  # from this step on, another promise tests this
            return
        bo.page.go_offline()
        bo.page.pages.settle(1.0)  # not longer: the client tries again and again
        bo.page.go_online()
        bo.page.hurry(LATER)  # the client's timer
        bo.page.pages.settle()
        ada.sends("A button")
        bo.did = f"Bo's page reconnected. {ada.did}"
        bo.sees("A button", LISTENER, twice=ONCE)


@promise(since="broadcast", file="static/chat.js")
def a_message_stays_text(chat: Stage) -> None:
    """A message is shown as text, whatever it contains."""
    with visitors(chat, "Ada", "Bo") as (ada, bo):
        ada.sends(HOSTILE)
        bo.did = ada.did
        bo.expects(lambda: HOSTILE in bo.log, "Bo's page shows it letter by letter.", INNER,
                   lambda: f"“{bo.log}”")  # fmt: skip


@promise(since="refusals", file="static/chat.js")
def a_refused_message_stays(chat: Stage) -> None:
    """A refused message stays in the field, and the page shows the reason."""
    with entered(chat, "Cy") as (cy,):
        reason = str(fields(cy.say(BLANK), "error").get("message", ""))
    with visitors(chat, "Ada") as (ada,):
        ada.sends(BLANK)
        ada.shows(reason, "If the acknowledgement is not ok, set `statusLine.textContent = "
                          "acknowledgement.error.message`.")  # fmt: skip
        expect(ada.page.value(FIELD) == BLANK, "The message is still in the field.",
               f"{ada.did} The server refused it, and the field is empty.",
               "Clear the field in the function that receives the acknowledgement, and only if it "
               "is ok. Otherwise, a refused message is lost.")  # fmt: skip


@promise(since="author", until="accounts", file="static/chat.js")
def the_reason_of_a_refused_connection_is_shown(chat: Stage) -> None:
    """If the server refuses the connection, the page shows the reason, and tries again later."""
    with entered(chat, "Cy") as (first,):
        reason = str(turned_away(chat, "Cy") or "nobody is refused")
        family = family_of(chat)
        with visitors(chat, "Cy", path=family.page("Cy"), by=family.browser("Cy")) as (cy,):
            cy.shows(reason, SAYS_WHY)
            cy.page.wait(lambda: False, SOON)
            tries = len(cy.heard("connect_error"))
            expect(tries <= 1, f"The page does not try again within {SOON} s.", f"{tries} times",
                   "The second argument of `setTimeout` is in milliseconds: 3000 is three "
                   "seconds.")  # fmt: skip
            first.disconnect()
            cy.did = "The first Cy left, and a few seconds passed."
            cy.expects(lambda: _is_let_in(cy, reason),
                       "The second page connects once the name is free.",
                       "If the code of the refusal is `conflict`, try again later: `setTimeout(() => "
                       "socket.connect(), 3000)`, first the function, then the milliseconds.",
                       "The page still shows the reason.",
                       LATER)  # fmt: skip


def _is_let_in(visitor: Visitor, reason: str) -> bool:
    """Let the page try again. Return whether it no longer shows why it was refused."""
    visitor.page.hurry(LATER)
    return reason not in visitor.text


@promise(since="refusals", file="static/chat.js")
def the_page_says_when_it_is_offline(chat: Stage) -> None:
    """When the page has no connection, it says so until it reconnects."""
    with visitors(chat, "Ada") as (ada,):
        before = ada.status
        ada.page.go_offline()
        ada.did = "Ada lost her connection."
        ada.expects(lambda: ada.status != before, "The page says that it has no connection.",
                    'Show a message in `socket.on("connect_error", …)`. While `socket.active` is true, '
                    "the client reconnects by itself.", "It says nothing about it.")  # fmt: skip
        news = {*ada.status.split()} - {*before.split()}
        ada.page.go_online()
        ada.did = "Ada lost her connection, and her page reconnected."
        ada.expects(lambda: ada.status == before or (news and not news & {*ada.status.split()}),
                    "The page no longer says that it has no connection.",
                    'Remove the sentence in `socket.on("connect", …)`, next to the other listeners.',
                    lambda: f"It still says {ada.news()}.")  # fmt: skip
        ada.page.go_offline()
        ada.page.wait(lambda: ada.status != before, patience())
        ada.sends(NEXT)
        ada.page.go_online()
        ada.did += " Meanwhile she pressed Send."
        ada.expects(lambda: NEXT in ada.page.value(FIELD) or ada.heard(NEXT),
                    "The text that Ada typed in the meantime is still in the field, or the page "
                    "sends it now.",
                    "If there is no connection, leave the text in the field: in `if "
                    "(!socket.connected)`, show a message and "
                    "`return`.", "The text is lost.")  # fmt: skip


@promise(since="catching_up", file="static/chat.js")
def a_reconnected_page_catches_up(chat: Stage) -> None:
    """When the page reconnects, it shows every missed message in order, and only once."""
    missed = ["one of three", "two of three", "three of three"]
    with visitors(chat, "Ada") as (ada,), entered(chat, "Bo") as (bo,):
        ada.page.go_offline()
        for text in missed:
            bo.said(text)
        ada.page.go_online()
        ada.did = "Ada lost her connection, Bo sent three messages, and her page reconnected."
        for text in missed:
            ada.sees(text, LAST, LAST)
        _in_order(ada.log, missed)
        bo.said("four")
        ada.sees("four", LAST)
    with visitors(chat, "Bo") as (bo,):
        bo.page.pages.settle()
        count = bo.log.count(missed[-1])
        expect(count == 1, "People who open the page afterward see each message once.",
               f"Bo opened it. “{missed[-1]}” is there {count} times.",
               "`data-last` in the page's `<body>` must be the number of the last message that the "
               "page contains.", "templates/chat.html")  # fmt: skip


@promise(since="catching_up", file="static/chat.js")
def the_page_fills_a_gap(chat: Stage) -> None:
    """The page asks for missing messages, and shows a message only once even if it arrives twice."""
    with visitors(chat, "Ada") as (ada,), entered(chat, "Bo") as (bo,):
        asked = len(ada.sent("sync"))
        bo.said("before the gap")
        ada.sees("before the gap", BOTH_SIDES)
        expect(len(ada.sent("sync")) == asked, "The page asks only for what is missing.",
               f"No number was missing, and the page emitted {ada.sent('sync')[asked:]}.",
               LAST)  # fmt: skip
        ada.page.lose("new_message")
        bo.said("in the gap")
        bo.said("after the gap")
        ada.did = "One `new_message` got lost, and the next one arrived."
        for text in ("in the gap", "after the gap"):
            ada.sees(text, LAST, LAST, LAST)
        _in_order(ada.log, ["before the gap", "in the gap", "after the gap"])
        ada.page.repeat("new_message")
        ada.page.pages.settle()
        ada.did = "The same `new_message` came twice."
        ada.sees("after the gap", LAST, LAST, LAST)


def _is_in_view(visitor: Visitor, text: str) -> None:
    """Raise Broken unless a page that scrolls its messages has scrolled to the last one."""
    is_last = text in "".join(visitor.page.all(f"{LOG} > *")[-1:])
    expect(not is_last or visitor.page.is_at_end(LOG), "The page scrolls until the new line is "
                                                       "visible.",
           f"{visitor.did} The line is below what {visitor.name}'s page shows.",
           "Set `log.scrollTop = log.scrollHeight` after the line has been added.")  # fmt: skip


def _same_line(chat: Stage, visitor: Visitor, name: str, text: str) -> None:
    """Raise Broken unless a message shows name and text in the same order, live and after a reload.

    Other promises, about the history, check whether the loaded page contains the message at all.
    """
    live = _line(visitor.page.all(f"{LOG} > *"), text) or visitor.log
    came = _line(_rendered(chat, visitor, {"username": name, "text": text}), text)
    orders = [sorted((name, text), key=line.rfind) for line in (live, came) if name in line]
    expect(not came or (len(orders) == 2 and orders[0] == orders[1]),
           "A message looks the same, whether it arrives live or is there when the page loads.",
           f"live: “{live}”; when the page loads: “{came}”",
           "The template and the script must build the same line: first the name, then the text.",
           "templates/chat.html")  # fmt: skip


def _rendered(chat: Stage, visitor: Visitor, message: dict[str, str]) -> list[str]:
    """Return the log's lines when the page loads, or what they would be if the chat stored messages."""
    if has_come_to(chat, "history"):
        path = urlsplit(visitor.page.url)._replace(scheme="", netloc="").geturl()
        html = visit(chat, path, by=visitor.browser).text
    else:
        html = page_with_a_message(chat, message)
    return [line.get_text() for line in parsed(html).select(f"{LOG} > *")]


def _line(lines: list[str], text: str) -> str:
    """Return the last line that contains this text, with single spaces, or "" if there is none."""
    return next((" ".join(line.split()) for line in reversed(lines) if text in line), "")


def _in_order(log: str, texts: list[str]) -> None:
    found = sorted(texts, key=log.find)
    expect(found == texts, f"The messages are in this order: {texts}.", f"{found}",
           LAST)  # fmt: skip


@promise(since="accounts", file="static/chat.js")
def the_button_logs_out(chat: Stage) -> None:
    """The page has a logout button, which leads to the front page."""
    with visitors(chat, "Ada", by=account_of(chat).new_browser("Ada")) as (ada,):
        _presses_button(ada, 'form[action$="logout"]', "“Log out”", "templates/chat.html")
        ada.expects(lambda: urlsplit(ada.page.url).path == "/", "The front page opens.",
                    "`/logout` takes only a POST. The form needs `method=\"post\"`, its `action`, "
                    "and the token.", f"The page is {ada.page.url}.",
                    about="templates/chat.html")  # fmt: skip


@promise(since="sessions", file="static/chat.js")
def the_page_says_why_its_session_has_ended(chat: Stage) -> None:
    """When Ada logs out in another tab, her page says why its session has ended."""
    laptop = account_of(chat).new_browser("Ada")
    with visitors(chat, "Ada", by=laptop) as (ada,), entered(chat, laptop) as (tab,):
        tab.said("Good night")
        ada.sees("Good night", BOTH_SIDES)
        laptop.post("/logout")
        told = tab.hear("session_ended")
        reason = str(fields(told).get("reason", ""))
        ada.did = "Ada logged out in another tab."
        ada.shows(reason, 'In `socket.on("session_ended", (ended) => …)`, set `statusLine.textContent = '
                          "ended.reason`. Otherwise, the page stops working, and people do not know "
                          "why.")  # fmt: skip
        _says_why_nothing_is_older(chat, ada, account_of(chat).general)


def _says_why_nothing_is_older(chat: Stage, visitor: Visitor, room: int) -> None:
    """Expect the page to show the reason if the server refuses to give it older messages."""
    answer = visit(chat, f"/api/messages?room={room}", by=visitor.browser).json()
    visitor.clicks("#load-older", "“Load older messages”")
    visitor.shows(answer["error"]["message"], "After `await response.json()`, look at `answer.ok`. If "
                  "it is false, set `statusLine.textContent = answer.error.message`.")  # fmt: skip


@promise(since="sessions", file="static/chat.js")
def a_page_whose_session_has_ended_says_so(chat: Stage) -> None:
    """If a session ends while its page is offline, the page shows the reason when it reconnects."""
    laptop = account_of(chat).new_browser("Ada")
    with visitors(chat, "Ada", by=laptop) as (ada,):
        ada.page.go_offline()
        laptop.post("/logout")
        reason = str(turned_away(chat, None, laptop) or "nobody is refused")
        ada.page.go_online()
        ada.did = "Ada lost her connection, logged out in another tab, and her page tried again."
        ada.shows(reason, SAYS_WHY)


@promise(since="rooms", file="static/chat.js")
def a_page_is_about_one_room(chat: Stage) -> None:
    """A page shows the messages from its own room, and none from other rooms."""
    room, other = make_room(chat, "Ada"), make_room(chat, "Ada")
    path = account_of(chat).room_page(room)
    with visitors(chat, "Ada", path=path) as (ada,), entered(chat, "Ada") as (tab,):
        ada.sends("in the new room")
        ada.sees("in the new room", "Send `room`, the number of this page's room, with "
                 "`new_message` and with `sync`. `Number(…)` turns the text into a number.")  # fmt: skip
        # One of these messages has the number that is the next one in this room, too.
        for text in ("for the other room", "there again"):
            tab.said(text, other)
        tab.said("for this room", room)
        ada.did = "Ada is in several rooms. Somebody wrote a message in two of them."
        ada.sees("for this room", ROOM)
        expect("there again" not in ada.log, "The page shows only the messages from its own room.",
               "It shows the message from the other room.", ROOM)  # fmt: skip


@promise(since="rooms", file="static/chat.js")
def a_room_can_be_opened_on_the_page(chat: Stage) -> None:
    """People can create a room on the page."""
    with visitors(chat, "Ada") as (ada,):
        _opens_a_room(ada, "Knitting")


def _opens_a_room(visitor: Visitor, name: str) -> None:
    before = visitor.page.url
    visitor.types('form[action$="rooms"] [name=name]', name)
    what = f"the button to create the room {name}"
    _presses_button(visitor, 'form[action$="rooms"]', what, "templates/rooms.html")
    visitor.expects(lambda: name in visitor.page.text("nav") and visitor.page.url != before,
                    "The page of the new room opens.",
                    "The form must post `name` to `/rooms`, which redirects to the room's page.",
                    f"The page is {visitor.page.url}.", about="templates/rooms.html")  # fmt: skip


@promise(since="presence", file="static/chat.js")
def the_page_shows_who_is_here(chat: Stage) -> None:
    """The page shows the people who are here, and no longer shows people who have left."""
    with visitors(chat, "Ada") as (ada,):
        with entered(chat, "Cy"):
            ada.did = "Cy opened the chat."
            ada.expects(lambda: "Cy" in ada.status, "The page shows that Cy is here.",
                        'In `socket.on("presence", (presence) => …)`, show '
                        '`presence.online.join(", ")`.',
                        "The page does not.")  # fmt: skip
        ada.did = "Cy closed his page."
        ada.expects(lambda: "Cy" not in ada.status, "The page shows only the people who are still "
                                                    "here.",
                    "Each `presence` contains the whole list: replace the previous one.",
                    "Cy is still shown.")  # fmt: skip
        family, elsewhere = family_of(chat), fresh_name("Cy")
        tea = make_room(chat, "Ada")
        with entered(chat, elsewhere) as (cy,):
            cy.join(tea)
            cy.leave(family.general)
        with entered(chat, elsewhere):  # the last `presence` to arrive is the one for Tea
            before = len(ada.heard(elsewhere))
            ada.page.wait(lambda: len(ada.heard(elsewhere)) > before, SOON)
            ada.page.pages.settle()
            expect(elsewhere not in ada.status,
                   "The page shows only people who are in its own room.",
                   f"Somebody who is only in another room of Ada's opened the chat. Ada's page shows "
                   f"{elsewhere}.",
                   "You receive `presence` for all your rooms: `if (presence.room !== room) return;` "
                   "ignores the others.")  # fmt: skip


@promise(since="presence", file="static/chat.js")
def a_room_can_be_left_on_its_page(chat: Stage) -> None:
    """People can leave a room on its page."""
    with visitors(chat, "Ada") as (ada,):
        _opens_a_room(ada, "Sewing")
        made = ada.page.url
        ada.clicks("#leave", "“Leave this room”")
        ada.expects(lambda: ada.page.url != made and "Sewing" not in ada.page.text("nav"),
                    "Ada is no longer in the room, and another page opens.",
                    'Call `socket.emit("leave_room", { room }, () => location.assign("chat"))`.',
                    f"The page is {ada.page.url}.")  # fmt: skip


@promise(since="presence", file="static/chat.js")
def the_page_of_a_room_that_was_left_says_so(chat: Stage) -> None:
    """If Ada has left a room in another tab, the room's page says so, and no error occurs."""
    room = make_room(chat, "Ada")
    with entered(chat, "Ada") as (tab,):
        tab.said("I am about to leave", room)
        with visitors(chat, "Ada", path=account_of(chat).room_page(room)) as (ada,):
            tab.leave(room)
            _says_why_nothing_is_older(chat, ada, room)
            ada.page.go_offline()
            ada.page.go_online()
            ada.did = (
                "Ada left the room in another tab. Its page lost its connection and reconnected."
            )
            ada.page.wait(lambda: ada.heard("forbidden"), SOON)
            ada.page.pages.settle()


@exercise("rooms")
def people_can_leave_a_room(chat: Stage) -> None:
    """People can leave a room, in every tab and on its page."""
    with entered(chat, "Ada") as (ada,):
        ada.attempt("leave_room", {"room": make_room(chat, "Ada")})
    for each in (only_members_leave, leaving_reaches_every_tab, people_can_leave_their_last_room,
                 a_room_can_be_left_on_its_page):  # fmt: skip
        each(chat)


@promise(since="files", file="static/chat.js")
def a_file_goes_with_a_message(chat: Stage) -> None:
    """Ada picks a file and sends it with a message, and Bo's page shows the file's name."""
    with visitors(chat, "Ada", "Bo") as (ada, bo):
        ada.chooses(LABEL, "text/plain", b"Tea at five")
        told = ada.page.wait(lambda: LABEL in ada.text or ada.page.errors, patience())
        ada.expects_no_error()
        chosen, early = ada.did, _uploads(ada)
        ada.sends("The plan")
        bo.did = f"{ada.did} A file goes with it."
        bo.sees("The plan", BOTH_SIDES)
        # Until the message is sent, the file field itself shows which file goes with it.
        expect(told or (not early and _uploads(ada)), "The page shows the name of the file that it "
                                                      "will send with the message.",
               f"{chosen} The page made these requests: {early or 'none'}.",
               NO_UPLOAD if any(status >= HTTPStatus.BAD_REQUEST for *_, status in early) else
               'Call `fetch("api/uploads", { method: "POST", body: new FormData(form) })` and '
               "`await response.json()`, and show `upload.filename` with `textContent`.")  # fmt: skip
        bo.expects(lambda: LABEL in bo.log, "The message shows the file's name.",
                   INNER if LABEL.replace("<b>", "") in bo.log else
                   "Send `uploads`, the list of ids, with the message. In `lineOf`, show the "
                   "`filename` of each of `message.uploads` with `textContent`.",
                   f"“{bo.log}”")  # fmt: skip
        count = bo.log.count(LABEL)
        ada.sends("no file")
        bo.did = ada.did
        bo.sees("no file", BOTH_SIDES)
        expect(bo.log.count(LABEL) == count, "A file belongs to only one message.",
               "The next message contains it, too.",
               "Clear the list of ids when the message is accepted.")  # fmt: skip


@promise(since="files", file="static/chat.js")
def a_refused_file_is_explained(chat: Stage) -> None:
    """If the server refuses a file, the page shows the reason."""
    family = account_of(chat)
    answer = upload(chat, "Ada", family.general, "cake.png", NO_KIND, "image/png")
    reason = answer.json()["error"]["message"]
    with visitors(chat, "Ada") as (ada,):
        ada.chooses("cake.png", "image/png", NO_KIND)
        ada.page.pages.settle()
        if not _uploads(ada):  # a page can also upload a file when the message is sent
            ada.sends("A cake")
        ada.shows(reason, "The response to the upload has `ok` and, if it is refused, `error`. Show "
                          "`error.message` with `textContent`.")  # fmt: skip


def _uploads(visitor: Visitor) -> list[tuple[str, str, int]]:
    """Return the requests that have uploaded a file."""
    return [each for each in visitor.page.requests if "/api/uploads" in each[1]]


@promise(since="downloads", file="static/chat.js")
def a_link_opens_the_file(chat: Stage) -> None:
    """When Ada sends a file, Bo's page shows one link, which opens the file."""
    with visitors(chat, "Ada", "Bo") as (ada, bo):
        before = len(bo.page.all(f"{LOG} a"))
        ada.chooses(LABEL, "text/plain", b"Tea at five")
        ada.page.pages.settle()
        ada.sends("The plan, as a link")
        bo.did = f"{ada.did} A file goes with it."
        bo.sees("The plan, as a link", BOTH_SIDES)
        links = bo.page.all(f"{LOG} a")[before:]
        expect(len(links) == 1 and LABEL in links[0],
               "The message has one link, with the file's name.", f"{links}",
               "Make a link for each of `message.uploads`, and remove the example of a file that the "
               "template contains: `example.remove()`.")  # fmt: skip
        opened = bo.opens(before, f"{LOG} a")
        expect(opened == "Tea at five", "The link opens the file.", f"{opened[:160]!r}",
               "The link must lead to the download route, with the upload's `id`.")  # fmt: skip
