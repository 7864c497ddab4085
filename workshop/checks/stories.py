"""Promises about the chat page, told as stories: the page runs, and people use it.

A story says nothing about how the page is written. It holds for the step as shipped, and for a learner's
own names, order and functions.
"""

from http import HTTPStatus
from urllib.parse import urlsplit

from bs4 import BeautifulSoup

from workshop.checks.browse import visit
from workshop.checks.client import entered, turned_away
from workshop.checks.families import account_of, family_of, has_come_to, make_room
from workshop.checks.parts import page_with_a_message
from workshop.checks.promise import expect, promise
from workshop.checks.visitors import FIELD, LOG, PATIENCE, SCRIPT, Visitor, visitors
from workshop.stages import Stage

INNER = "`textContent` shows text as it is. `innerHTML` would run whatever somebody sends."
HOSTILE = '<img src="nowhere" onerror="document.title = 1"><b>bold</b>'
LABEL = "plan <b>A.txt"  # the name of a file is text, too
SOON, AGAIN = 0.3, 3.0  # seconds
BLANK = " "  # a page lets it pass, and the server refuses it
SCRIPTS = {  # what the page loads -> its address in a template
    "socket.io": "url_for('socketio_browser.static', filename='socket.io.min.js')",
    "chat.js": "url_for('static', filename='chat.js')",
}
REFUSED = (
    "The server refuses the page's connection, and says why. In steps 06 and 07, `auth: { username: "
    "document.body.dataset.username }` in `io({ … })` says who connects."
)
NO_UPLOAD = (
    "The server refuses the upload. `new FormData(form)` takes every field of the form that has a "
    "`name`: compare these names with those that the route reads."
)
ROOM = (
    "Who is in two rooms hears both: `if (message.room !== room) return;` leaves out what was said in "
    "another room, and only that. `room` is a number on both sides; the page's is from `data-room`."
)
BASE = (
    "From `/chat/2`, a relative address such as `socket.io` leads below `/chat`. In the head: "
    "`<base href=\"{{ url_for('index') }}\">`, so that all of them begin at the front page."
)
BOTH_SIDES = "The event has the same name on both sides: `new_message`."
OWN = (
    "The page shows what the server tells everybody. If the server leaves the sender out, call "
    "`showMessage(message)` where the acknowledgement is ok."
)
LISTENER = '`socket.on("new_message", (message) => …)` adds a line to the log, with `message.text`.'
SHOWN = (
    "The listener shows the message whose number is `last + 1`. Is `last` a number, and does it become "
    "`message.seq` whenever a message is shown?"
)
SYNC = (
    "On every `connect`, the page emits `sync` with the last number that it shows: "
    '`socket.emit("sync", { after: last }, …)`, and shows what comes back.'
)
GAP = (
    "`if (message.seq > last + 1) sync();`: ask for what is missing, and do not show the later one "
    "before it."
)
LAST = (
    "What is not greater than `last` is there already, since a message can come live and with `sync`. "
    "When a message is shown, its number becomes `last`."
)
AUTHOR = (
    "Each message that the server tells carries the name of who wrote it, as `username`. From the step "
    "on in which the connection says the name, nobody can write it into a message."
)


@promise(since="socketio")
def the_page_runs(chat: Stage) -> None:
    """The chat page runs without an error."""
    with visitors(chat, "Ada") as (ada,):
        for name, address in SCRIPTS.items():
            expect(any(name in url for _, url, _ in ada.page.requests), f"The page loads {name}.",
                   "It does not.", f'Before </body>: `<script src="{{{{ {address} }}}}"></script>`. '
                   "First the browser client, then chat.js.", "templates/chat.html")  # fmt: skip


@promise(since="socketio")
def what_is_typed_is_sent(chat: Stage) -> None:
    """What Ada types is sent as `new_message`, and she stays on the page."""
    with visitors(chat, "Ada") as (ada,):
        address, refused = ada.page.url, ada.heard("connect_error")
        ada.sends("Hello")
        ada.expects(
            lambda: ada.sent("new_message") or ada.page.url != address,
            "The page emits `new_message` when the form is sent.",
            REFUSED
            if refused
            else 'chat.js listens to the form\'s `submit`, and calls `socket.emit("new_message", …)`. '
            + BOTH_SIDES,
            f"The page emitted {[each[0] for each in ada.page.sent] or 'nothing'}."
            + (f" The server had refused its connection: {refused}." if refused else ""),
        )
        ada.page.pages.settle()
        expect(ada.page.url == address, "Ada stays on the chat page.",
               f"{ada.did} The browser left for {ada.page.url}.",
               "Without `event.preventDefault()` the browser sends the form itself, and "
               "leaves.")  # fmt: skip
        wanted = family_of(chat).payload(ada.called, "Hello", family_of(chat).general)
        told = ada.heard("Hello")
        if told and "room" not in str(told[-1]):  # rooms are for the promises about them
            wanted.pop("room", None)
        got = ada.sent("new_message")[0]
        count = len(ada.sent("new_message"))
        expect(count == 1, "Ada pressed Send once, so the page emits `new_message` once.",
               f"{count} times: {ada.sent('new_message')}",
               "Is there more than one listener of the form's `submit`? Take the old one out.",
               SCRIPT)  # fmt: skip
        missing = [key for key in wanted if isinstance(got, dict) and key not in got]
        expect(isinstance(got, dict) and wanted.items() <= got.items(),
               f"What is sent carries {wanted}.", f"{got!r}",
               f"`{missing[0]}` is missing: a value that is `undefined` is not sent. Compare the word "
               "after the dot: `dataset.username` needs `data-username` in the page's `<body>`."
               if missing else
               "`input.value` is what was typed. `document.body.dataset` has what the page's "
               "`data-…` attributes say, as text: `Number(…)` makes a number of it.",
               SCRIPT)  # fmt: skip
        ada.expects(lambda: ada.page.value(FIELD) == "", "Then the field is empty.",
                    "`form.reset()` empties it, so that the next message can be typed.",
                    f"The field still has “{ada.page.value(FIELD)}”.")  # fmt: skip


@promise(since="socketio")
def the_page_says_what_becomes_of_a_message(chat: Stage) -> None:
    """The page says that a message is on its way, and then that the server has it."""
    with visitors(chat, "Ada") as (ada,):
        said = [ada.status]
        ada.page.pause()
        ada.sends("Are you there?")
        said.append(ada.status)
        ada.page.resume()
        ada.expects(lambda: ada.status not in said, "When the acknowledgement comes, the page says so.",
                    "The function that `socket.emit` is given last sets `statusLine.textContent`, by "
                    "`acknowledgement.ok`.", f"It still says “{said[1]}”.")  # fmt: skip
        expect(said[1] != said[0], "Until the acknowledgement comes, the page says that it waits.",
               f"{ada.did} The page still says “{said[0]}”.",
               'Before `socket.emit`: `statusLine.textContent = "Sending …"`.', SCRIPT)  # fmt: skip
        expect(not any("${" in each for each in said), "The page shows values, and no code.",
               f"{ada.did} The page says “{said[1]}”.",
               "In a text, `${…}` is replaced by a value only between back quotes: `…`, not "
               "\"…\".", SCRIPT)  # fmt: skip


@promise(since="broadcast")
def everyone_sees_a_message(chat: Stage) -> None:
    """What Ada sends appears on her page and on Bo's, once, with her name."""
    with visitors(chat, "Ada", "Bo") as (ada, bo):
        ada.sends("A thimble")
        bo.did = ada.did
        bo.sees("A thimble", SHOWN if has_come_to(chat, "history") else LISTENER)
        told = bo.heard("A thimble")
        names = [data.get("username") for data, *_ in told if isinstance(data, dict)]
        expect(ada.called in names, "The server tells Bo who wrote it, as `username`.", f"{told}",
               AUTHOR, "app.py")  # fmt: skip
        bo.expects(lambda: ada.called in bo.log, f"The line says who wrote it: {ada.called}.",
                   "`message.username` belongs in the line, beside `message.text`.",
                   f"“{bo.log}”")  # fmt: skip
        _same_line(chat, bo, ada.called, "A thimble")
        ada.expects(lambda: "A thimble" in ada.log, "Ada sees her own message, too.", OWN,
                    f"Her page shows “{ada.log}”.")  # fmt: skip
        ada.sees("A thimble", OWN)


@promise(since="broadcast")
def a_message_stays_text(chat: Stage) -> None:
    """A message is shown as text, whatever it contains."""
    with visitors(chat, "Ada", "Bo") as (ada, bo):
        ada.sends(HOSTILE)
        bo.did = ada.did
        bo.expects(
            lambda: HOSTILE in bo.log or bo.page.exists(f"{LOG} img"),
            "Bo's page shows it letter by letter.",
            INNER,
            f"“{bo.log}”",
        )
        expect(not bo.page.exists(f"{LOG} img"), "Bo's page shows it letter by letter.",
               f"{ada.did} Bo's page has an image now.",
               INNER, SCRIPT)  # fmt: skip


@promise(since="messages")
def a_refused_message_stays(chat: Stage) -> None:
    """A refused message stays in the field, and the page shows the reason."""
    with entered(chat, "Cy") as (cy,):
        answer = cy.say(BLANK)
    reason = answer["error"]["message"] if isinstance(answer, dict) and "error" in answer else ""
    with visitors(chat, "Ada") as (ada,):
        ada.sends(BLANK)
        ada.expects(lambda: reason and reason in ada.text, f"The page shows the reason: “{reason}”",
                    "`statusLine.textContent = acknowledgement.error.message`, where the "
                    "acknowledgement is not ok.", "It does not.")  # fmt: skip
        expect(ada.page.value(FIELD) == BLANK, "What was typed is still in the field.",
               f"{ada.did} The server refused it, and the field is empty.",
               "Empty the field in the function that gets the acknowledgement, where it is ok. "
               "Otherwise a refused text is lost.")  # fmt: skip


@promise(since="messages", until="history")
def the_reason_of_a_refused_connection_is_shown(chat: Stage) -> None:
    """If the server refuses the connection, the page shows the reason, and asks again later."""
    with entered(chat, "Cy") as (other,):
        reason = str(turned_away(chat, "Cy") or "nobody is refused")
        with visitors(chat, "Cy", path=family_of(chat).page("Cy")) as (cy,):
            cy.expects(lambda: reason in cy.text, f"The page shows the reason: “{reason}”",
                       '`socket.on("connect_error", (error) => …)`, with `statusLine.textContent = '
                       "error.message`: otherwise the page looks as if all were well, and nothing "
                       "works.", "The page says nothing.")  # fmt: skip
            cy.page.wait(lambda: False, SOON)
            tries = len(cy.heard("connect_error"))
            expect(tries <= 1, f"The page does not ask again within {SOON} s.", f"{tries} times",
                   "`setTimeout` counts in milliseconds: 3000 are three seconds.", SCRIPT)  # fmt: skip
            other.disconnect()
            cy.did = "The other Cy left, and some seconds passed."

            def is_in() -> bool:
                cy.page.skip(AGAIN)
                return reason not in cy.text

            cy.expects(is_in,
                       "The page connects once the name is free.",
                       "`setTimeout(() => socket.connect(), 3000)`: first the function, then the "
                       "milliseconds.", f"It still says “{reason}”.")  # fmt: skip


@promise(since="messages")
def the_page_says_when_its_line_is_cut(chat: Stage) -> None:
    """While the page has no connection, it says so, and no longer when it has one again."""
    with visitors(chat, "Ada") as (ada,):
        before = ada.status
        ada.page.cut()
        ada.did = "Ada's line was cut."
        ada.expects(lambda: ada.status != before, "The page says that it has no connection.",
                    '`socket.on("connect_error", …)`: while `socket.active`, the client tries again by '
                    "itself.", f"It still says “{before}”.")  # fmt: skip
        ada.page.mend()
        ada.did = "Ada's line was cut, and her page connected again."
        ada.expects(lambda: ada.status == before, "The page no longer says so.",
                    '`socket.on("connect", …)`, beside the other listeners, takes the sentence away.',
                    f"It still says “{ada.status}”.")  # fmt: skip


@promise(since="history")
def a_cut_line_catches_up(chat: Stage) -> None:
    """After its line was cut, the page shows what it missed, in order and once."""
    missed = ["one of three", "two of three", "three of three"]
    with visitors(chat, "Ada") as (ada,), entered(chat, "Bo") as (bo,):
        ada.page.cut()
        for text in missed:
            bo.said(text)
        ada.page.mend()
        ada.did = "Ada's line was cut, Bo said three things, and her page connected again."
        for text in missed:
            ada.sees(text, SHOWN, SYNC)
        _in_order(ada.log, missed)
        bo.said("four")
        ada.sees("four", SHOWN)
    with visitors(chat, "Bo") as (bo,):
        bo.page.pages.settle()
        count = bo.log.count(missed[-1])
        expect(count == 1, "Whoever opens the page afterwards sees each message once.",
               f"Bo opened it. “{missed[-1]}” is there {count} times.",
               "`data-last` in the page's `<body>` is the number of the last message that the page "
               "comes with.", "templates/chat.html")  # fmt: skip


@promise(since="history")
def the_page_minds_the_gap(chat: Stage) -> None:
    """If a number is missing, the page asks for it, and a message that comes twice is shown once."""
    with visitors(chat, "Ada") as (ada,), entered(chat, "Bo") as (bo,):
        bo.said("before the gap")
        ada.sees("before the gap", BOTH_SIDES)
        ada.page.lose("new_message")
        bo.said("in the gap")
        bo.said("after the gap")
        ada.did = "One `new_message` got lost, and the next one came."
        for text in ("in the gap", "after the gap"):
            ada.sees(text, GAP, GAP, LAST)
        _in_order(ada.log, ["before the gap", "in the gap", "after the gap"])
        ada.page.repeat("new_message")
        ada.page.pages.settle()
        ada.did = "The same `new_message` came twice."
        ada.sees("after the gap", LAST, LAST, LAST)


def _same_line(chat: Stage, visitor: Visitor, name: str, text: str) -> None:
    """Ask that a message comes with the page as it came live: the name and the text, in one order.

    Whether the page comes with the message at all is for the promises about the history.
    """
    live = _line(visitor.page.all(f"{LOG} > *"), text) or visitor.log
    came = _line(_rendered(chat, visitor, {"username": name, "text": text}), text)
    orders = [sorted((name, text), key=line.rfind) for line in (live, came) if name in line]
    expect(not came or (len(orders) == 2 and orders[0] == orders[1]),
           "A line is the same, whether it comes live or with the page.",
           f"live: “{live}”; with the page: “{came}”",
           "The template and the script fill in the same line: first the name, then the text.",
           "templates/chat.html")  # fmt: skip


def _rendered(chat: Stage, visitor: Visitor, message: dict[str, str]) -> list[str]:
    """Return the lines of the log as the page comes with it, or would if the chat kept its messages."""
    if has_come_to(chat, "history"):
        path = urlsplit(visitor.page.url)._replace(scheme="", netloc="").geturl()
        html = visit(chat, path, by=visitor.browser).text
    else:
        html = page_with_a_message(chat, message)
    page = BeautifulSoup(html, "html.parser")
    return [line.get_text() for line in page.select(f"{LOG} > *")]


def _line(lines: list[str], text: str) -> str:
    """Return the last line that holds a text, with single spaces; "" without one."""
    return next((" ".join(line.split()) for line in reversed(lines) if text in line), "")


def _in_order(log: str, texts: list[str]) -> None:
    found = sorted(texts, key=log.find)
    expect(found == texts, f"The lines are in this order: {texts}.", f"{found}",
           "Shown is `last + 1`. Before a number that is too great something is missing: ask for it, "
           "and show all in the order of the answer.")  # fmt: skip


@promise(since="accounts")
def the_page_tells_that_a_session_has_ended(chat: Stage) -> None:
    """When Ada logs out in another tab, this page says why it has ended."""
    laptop = account_of(chat).new_browser("Ada")
    with visitors(chat, "Ada", "Ada", by=laptop) as (ada, away), entered(chat, laptop) as (tab,):
        address = away.page.url
        away.did = "Ada pressed “Log out”."
        away.presses_enter('form[action$="logout"]')
        away.expects(lambda: away.page.url != address and urlsplit(away.page.url).path == "/",
                     "The button leads to the front page.",
                     "`/logout` takes only a POST: the form has `method=\"post\"`, spelt so, its "
                     "`action`, and the token.", f"The page is {away.page.url}.")  # fmt: skip
        told = tab.hear("session_ended")
        reason = told.get("reason") if isinstance(told, dict) else None
        ada.did = "Ada logged out in another tab."
        ada.expects(lambda: reason and reason in ada.text, f"The page shows the reason: “{reason}”",
                    '`socket.on("session_ended", (ended) => …)`, with `statusLine.textContent = '
                    "ended.reason`. Otherwise the page goes dead without a word.",
                    "The page says nothing.")  # fmt: skip


@promise(since="rooms")
def a_page_is_about_one_room(chat: Stage) -> None:
    """A page shows what is said in its room, and nothing of other rooms."""
    room, other = make_room(chat, "Ada"), make_room(chat, "Ada")
    path = account_of(chat).room_page(room)
    with visitors(chat, "Ada", path=path) as (ada,), entered(chat, "Ada") as (tab,):
        ada.sends("in the new room")
        ada.expects(lambda: ada.sent("new_message"), "The page of another room is connected, too.",
                    BASE, f"The page emitted nothing, and says “{ada.status}”.")  # fmt: skip
        ada.sees("in the new room", "`room` is the number of this page's room: it goes with "
                 "`new_message` and with `sync`. `Number(…)` makes it a number.")  # fmt: skip
        for text in ("for the other room", "there again"):  # the number that comes next here, too
            tab.said(text, other)
        tab.said("for this room", room)
        ada.did = "Ada is in several rooms. Something was said in two of them."
        ada.sees("for this room", ROOM)
        expect("there again" not in ada.log, "The page shows what is said in its own room.",
               "It shows what was said in the other room.", ROOM, SCRIPT)  # fmt: skip


@promise(since="rooms")
def the_page_shows_who_is_here(chat: Stage) -> None:
    """The page shows who is here, and who has gone is no longer shown."""
    with visitors(chat, "Ada") as (ada,):
        with entered(chat, "Dora"):
            ada.did = "Dora opened the chat."
            ada.expects(lambda: "Dora" in ada.text, "The page shows that Dora is here.",
                        '`socket.on("presence", (presence) => …)`, with '
                        '`presence.online.join(", ")`.',
                        "The page does not.")  # fmt: skip
        ada.did = "Dora closed her page."
        ada.expects(lambda: "Dora" not in ada.text, "The page shows who is left.",
                    "Each `presence` is the whole list: it replaces the one before.",
                    "Dora is still shown.")  # fmt: skip


@promise(since="rooms")
def a_room_can_be_left_on_its_page(chat: Stage) -> None:
    """The page has what it takes to make a room, and to leave it."""
    with visitors(chat, "Ada") as (ada,):
        front = ada.page.url
        ada.types('form[action$="rooms"] [name=name]', "Knitting")
        ada.presses_enter('form[action$="rooms"]')
        ada.expects(lambda: "Knitting" in ada.page.text("nav") and ada.page.url != front,
                    "The page of the new room opens.",
                    "The form posts `name` to `/rooms`, which leads to the room's page.",
                    f"The page is {ada.page.url}.")  # fmt: skip
        made = ada.page.url
        ada.clicks("#leave", "“Leave this room”")
        ada.expects(lambda: ada.page.url != made and "Knitting" not in ada.page.text("nav"),
                    "Ada is no longer in the room, and another page opens.",
                    '`socket.emit("leave_room", { room }, () => location.assign("chat"))`.',
                    f"The page is {ada.page.url}.")  # fmt: skip


@promise(since="files")
def a_file_goes_with_a_message(chat: Stage) -> None:
    """Ada picks a file and sends it with a message: Bo's page shows a link that opens it."""
    with visitors(chat, "Ada", "Bo") as (ada, bo):
        before = bo.page.all(f"{LOG} a")
        ada.chooses(LABEL, "text/plain", b"Tea at five")
        told = ada.page.wait(lambda: LABEL in ada.text or ada.page.errors, PATIENCE)
        ada.is_well()
        chosen, early = ada.did, _uploads(ada)
        ada.sends("The plan")
        bo.did = f"{ada.did} A file goes with it."
        bo.sees("The plan", BOTH_SIDES)
        # Until the message goes, it is the field that says which file goes with it.
        expect(told or (not early and _uploads(ada)), "The page says which file goes with the message.",
               f"{chosen} The requests were {early or 'none'}.",
               NO_UPLOAD if any(status >= HTTPStatus.BAD_REQUEST for *_, status in early) else
               '`fetch("api/uploads", { method: "POST", body: new FormData(form) })`, then '
               "`await response.json()`, and show `upload.filename` with `textContent`.",
               SCRIPT)  # fmt: skip
        bo.expects(lambda: LABEL in bo.log, "The line has a link with the file's name.",
                   INNER if LABEL.replace("<b>", "") in bo.log else
                   "`uploads`, the list of ids, goes with the message. The listener makes a link "
                   "for each of `message.uploads`, with `textContent`.", f"“{bo.log}”")  # fmt: skip
        links = bo.page.all(f"{LOG} a")
        expect(len(links) == len(before) + 1, "The line has one link.", f"{links[len(before):]}",
               "The example of a file, which the template holds, is taken away again: "
               "`example.remove()`.")  # fmt: skip
        opened = bo.opens([LABEL in link for link in links].index(True), f"{LOG} a")
        expect(opened == "Tea at five", "The link opens the file.", f"{opened!r}",
               "The address is that of the download, with the upload's `id`.")  # fmt: skip
        ada.sends("no file")
        bo.sees("no file", BOTH_SIDES)
        expect(len(bo.page.all(f"{LOG} a")) == len(links), "A file goes with one message.",
               "The next message has it, too.",
               "When the message is accepted, the list of ids is empty again.")  # fmt: skip


def _uploads(visitor: Visitor) -> list[tuple[str, str, int]]:
    """Return the requests that have taken a file to the server."""
    return [each for each in visitor.page.requests if "/api/uploads" in each[1]]
