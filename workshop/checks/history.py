"""Messages are stored and numbered, and the page begins with the newest ones."""

import re

from workshop.checks.browse import read_chat, text_of, visit
from workshop.checks.client import entered, number_of
from workshop.checks.families import has_come_to
from workshop.checks.promise import attempted, exercise, expect, promise
from workshop.checks.speakers import Message
from workshop.checks.storage import nothing_can_be_stored, restart, set_the_clock_back
from workshop.checks.visitors import LOG, visitors
from workshop.stages import Stage

ROUNDS = 8  # requests; while the server handles them, a message has time to arrive
ISO = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")
PAGE = 50  # messages on the page when it loads
AT_ONCE = 9  # messages that one connection sends, within the rate limit
HOSTILE_TEXT = '<img src="x" onerror="alert(1)">'


@promise(since="history", final_app=True, file="models.py")
def a_message_has_a_number_and_a_time(chat: Stage) -> None:
    """A message contains its number and its time."""
    with entered(chat, "Ada") as (ada,):
        message = ada.said("Hello")
    number_of(message)
    expect(ISO.fullmatch(str(message.get("created_at"))),
           "`created_at` is a time in UTC as ISO text, such as 2026-11-22T18:00:00Z.",
           f"{message.get('created_at')!r}",
           "Store the time with `db.func.now()`, which is in UTC. Send it with `.isoformat()` or "
           "`strftime`, and put a `Z` at the end, which stands for UTC.")  # fmt: skip


@promise(since="history", final_app=True)
def numbers_go_up_by_one(chat: Stage) -> None:
    """Numbers go up by one, no matter who sends the message, even after a refusal."""
    with entered(chat, "Ada", "Bo") as (ada, bo):
        numbers = [number_of(ada.said("one"))]
        ada.say(" ")
        numbers += [number_of(who.said("more")) for who in (bo, ada, bo)]
    expect(numbers == list(range(numbers[0], numbers[0] + 4)),
           f"Four messages have the numbers {numbers[0]} to {numbers[0] + 3}.", f"{numbers}",
           "A page uses the numbers to find out whether a message is missing. Let the database assign "
           "the number when you store the message with `db.session.commit()`, and do not store a "
           "refused message.")  # fmt: skip


@promise(since="history", final_app=True)
def nobody_receives_what_is_not_stored(chat: Stage) -> None:
    """A message is stored before anybody receives it."""
    with entered(chat, "Ada", "Bo") as (ada, bo):
        ada.said("Hello")
        with nothing_can_be_stored(chat):
            ada.emit("new_message", ada.payload("not stored yet"))
            for _ in range(ROUNDS):  # the server answers other requests while Ada's message waits
                visit(chat, "/static/style.css")
            early = "not stored yet" in str(bo.heard())
    expect(not early, "While the server cannot store anything, nobody receives a new message.",
           "Bo receives it, although the server may still lose it",
           "First call `db.session.commit()`, then `emit`, and then return the "
           "acknowledgement.")  # fmt: skip


@promise(since="history", until="catching_up")
def a_restart_loses_nothing(chat: Stage) -> None:
    """Every acknowledged message is still there after the server restarts."""
    survives_a_restart(chat)


def survives_a_restart(chat: Stage) -> None:
    """Raise Broken unless messages survive a restart, and the numbers continue."""
    with entered(chat, "Ada") as (ada,):
        before = number_of(ada.said("Remember me"))
    restart(chat)
    page = text_of(read_chat(chat))
    with entered(chat, "Ada") as (ada,):
        after = number_of(ada.said("I am back"))
    expect("Remember me" in page, "After a restart, the page still shows Ada's message.", "it does not",
           "A message that is only in the session is lost when the process ends. After "
           "`db.session.add(…)`, call `db.session.commit()`.")  # fmt: skip
    expect(after == before + 1, f"The next message has the number {before + 1}.", f"{after}",
           "Take the number from the database, not from a counter in the program.")  # fmt: skip


@promise(since="history", final_app=True)
def the_page_begins_with_the_newest_messages(chat: Stage) -> None:
    """The page begins with the fifty newest messages, in the order in which they were sent."""
    sent = send_many(chat, PAGE + 2)
    wanted = sent[-PAGE:]
    seen = re.findall(r"line \d+", text_of(read_chat(chat)))
    expect(seen == wanted, f"Of {len(sent)} messages, the page shows “{wanted[0]}” to “{wanted[-1]}”.",
           f"{len(seen)} messages, {seen[:2]} … {seen[-2:]}",
           f"Select the newest first with `.limit({PAGE})`, and reverse the list with `[::-1]`, because "
           "the newest message comes last. Pass `messages` to the template, and show each of them "
           "there.", about="models.py" if has_come_to(chat, "older") else "")  # fmt: skip


@promise(since="history", final_app=True, file="models.py")
def the_page_is_in_order_whatever_the_clock_says(chat: Stage) -> None:
    """The page shows messages in the order of their numbers, whatever the clock says."""
    texts = [message["text"] for message in said_while_the_clock_goes_back(chat)]
    page = text_of(read_chat(chat))
    seen = sorted(texts, key=page.rfind)
    expect(seen == texts, f"The page shows {texts} in this order, {CLOCK}.", f"{seen}", BY_NUMBER)


@promise(since="history", final_app=True, file="templates/chat.html")
def the_page_shows_stored_text_as_text(chat: Stage) -> None:
    """The page shows stored messages as text, whatever they contain."""
    with entered(chat, "Ada") as (ada,):
        ada.said(HOSTILE_TEXT)
    page = read_chat(chat)
    expect(not page.find("img", src="x") and HOSTILE_TEXT in text_of(page),
           "A message like <img …> is shown as text.", str(page.find("img", src="x"))[:160],
           "A template escapes every value, unless `|safe` switches it off.")  # fmt: skip


CLOCK = "even if the clock was set back before the last one"
BY_NUMBER = "Order by the number: `.order_by(Message.seq)`. A clock can stop or be set back."


def said_while_the_clock_goes_back(chat: Stage) -> list[Message]:
    """Send three messages as Ada, and make the last one look much older. Return them."""
    with entered(chat, "Ada") as (ada,):
        messages = [ada.said(text) for text in ("the first", "the second", "the third")]
    set_the_clock_back(chat, number_of(messages[-1]))
    return messages


def send_many(chat: Stage, count: int) -> list[str]:
    """Send this many messages as Ada, over several connections in turn. Return their texts."""
    texts = [f"line {number}" for number in range(1, count + 1)]
    for start in range(0, count, AT_ONCE):
        with entered(chat, "Ada") as (ada,):
            for text in texts[start : start + AT_ONCE]:
                ada.said(text)
    return texts


@exercise("history", "static/chat.js")
def each_message_shows_its_time(chat: Stage) -> None:
    """Each message shows its hour and minute, whether it arrives live or when the page loads."""
    with visitors(chat, "Ada") as (ada,), entered(chat, "Bo") as (bo,):
        message = bo.said("What time is it?")
        ada.sees("What time is it?", "The listener must still show the message.")
        live = _last(ada.page.all(f"{LOG} > *"))
    came = _last([text_of(line) for line in read_chat(chat).select(f"{LOG} > *")])
    clock, utc = re.compile(r"\d?\d:\d\d"), str(message.get("created_at"))[11:16]
    attempted(clock.search(live + came), "A message shows its time.", f"“{live}”",
              "Add an element for the time to the macro in chat.html.")  # fmt: skip
    for how, line, hint in (
        ("arrives live", live, "set `textContent` to `message.created_at.slice(11, 16)`"),
        ("comes with the page", came, 'write `(message.created_at or "")[11:16]` in the macro'),
    ):
        expect(clock.findall(line) == [utc], f"When a message {how}, it shows its time, {utc}.",
               f"“{line}”", f"To show the hour and the minute, {hint}.")  # fmt: skip


def _last(lines: list[str]) -> str:
    return " ".join(lines[-1].split()) if lines else ""
