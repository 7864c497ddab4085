"""Step 07: messages are stored, numbered and caught up with; the page begins with the last ones."""

import re

from workshop.checks.browse import attribute, lines, text_of, visit
from workshop.checks.client import entered, number_of
from workshop.checks.families import family_of
from workshop.checks.promise import Broken, attempted, exercise, expect, promise
from workshop.checks.speakers import Message
from workshop.checks.storage import nothing_can_be_stored, restart, set_the_clock_back
from workshop.checks.visitors import LOG, Visitor, visitors
from workshop.stages import Stage

ROUNDS = 8  # requests that are answered while a message would long be on its way
ISO = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")
PAGE = 50  # messages that the page begins with
AT_ONCE = 9  # messages of one connection, fewer than are too many
OLDER = "/api/messages?before=1000000"  # exercise 07, where somebody has made it
HOSTILE_TEXT = '<img src="x" onerror="alert(1)">'


@promise(since="history", final_app=True)
def a_message_has_a_number_and_a_time(chat: Stage) -> None:
    """A message carries its number and its time."""
    with entered(chat, "Ada") as (ada,):
        message = ada.said("Hello")
    number_of(message)
    expect(ISO.fullmatch(str(message.get("created_at"))),
           "`created_at` is a time in UTC as ISO text, such as 2026-11-22T18:00:00Z.",
           f"{message.get('created_at')!r}",
           "Store the time with `db.func.now()`, which is in UTC. Send it with `.isoformat()` or "
           "`strftime`, with a `Z` at the end, which stands for UTC.")  # fmt: skip


@promise(since="history", final_app=True)
def numbers_go_up_by_one(chat: Stage) -> None:
    """Numbers go up by one, whoever sends and even after a refusal."""
    with entered(chat, "Ada", "Bo") as (ada, bo):
        numbers = [number_of(ada.said("one"))]
        ada.say(" ")
        numbers += [number_of(who.said("more")) for who in (bo, ada, bo)]
    expect(numbers == list(range(numbers[0], numbers[0] + 4)),
           f"Four messages have the numbers {numbers[0]} to {numbers[0] + 3}.", f"{numbers}",
           "The same number comes again, because the message is not stored. After "
           "`db.session.add(…)`, call `db.session.commit()`."
           if len(set(numbers)) < len(numbers) else
           "A page can tell from the numbers that a message is missing. Let the database assign "
           "the number when you store the message, and do not store a refused message.")  # fmt: skip


@promise(since="history", final_app=True)
def nobody_receives_what_is_not_stored(chat: Stage) -> None:
    """A message is stored before anybody receives it."""
    with entered(chat, "Ada", "Bo") as (ada, bo):
        ada.said("Hello")
        with nothing_can_be_stored(chat):
            ada.emit("new_message", ada.payload("not stored yet"))
            for _ in range(ROUNDS):  # much else is answered, while Ada's message waits
                visit(chat, "/static/style.css")
            early = [m for m in bo.messages_heard() if m.get("text") == "not stored yet"]
        bo.hear_text("not stored yet")
    expect(not early, "While nothing can be stored, nobody receives a new message.",
           "Bo receives it, and the server may still lose it",
           "First call `db.session.commit()`, then `emit`, and then return the "
           "acknowledgement.")  # fmt: skip


@promise(since="history", until="history")
def a_restart_loses_nothing(chat: Stage) -> None:
    """Every acknowledged message is still there after the server restarts."""
    survives_a_restart(chat)


@promise(since="history", final_app=True)
def sync_gives_what_was_missed(chat: Stage) -> None:
    """People who were away ask for the messages after a number, and get exactly those, once."""
    with entered(chat, "Ada") as (ada,):
        with entered(chat, "Bo") as (bo,):
            last = number_of(bo.said("I am about to lose my connection"))
        missed = [ada.said(text) for text in ("this", "is", "what", "Bo", "missed")]
        with entered(chat, "Bo") as (bo,):
            seen = bo.sync(last)
            nothing = bo.sync(number_of(missed[-1]))
    if seen != missed:
        raise Broken("`sync` with Bo's last number returns the five messages after it, oldest "
                     "first, as they were acknowledged.", f"{_texts(seen)}",
                     _why_not(seen, missed, last))  # fmt: skip
    expect(nothing == [], "Somebody who has missed nothing gets an empty list.",
           f"{_texts(nothing)}", OFF_BY_ONE)  # fmt: skip


@promise(since="history")
def a_wrong_number_is_refused(chat: Stage) -> None:
    """`sync` is refused without a valid number to start after."""
    family = family_of(chat)
    with entered(chat, "Ada") as (ada,):
        event, right = family.sync(0, family.general)
        assert isinstance(right, dict)
        without = {key: value for key, value in right.items() if key != "after"}
        for wrong in (without, right | {"after": "3"}, right | {"after": 2**70}):
            ada.refused(event, wrong,
                        "Check first that `type(after) is int`, and that the database can hold "
                        "such a number.",
                        field="after")  # fmt: skip


OFF_BY_ONE = "Leave out the message with the number itself: `Message.seq > after`, without an `=`."


def survives_a_restart(chat: Stage) -> None:
    """Ask that a message, and the counting, go on after a restart. Raises Broken."""
    with entered(chat, "Ada") as (ada,):
        before = ada.said("Remember me")
    restart(chat)
    with entered(chat, "Ada") as (ada,):
        found = ada.sync(number_of(before) - 1)
        after = number_of(ada.said("I am back"))
    expect(before in found, f"After a restart, `sync` still returns {before!r}.", f"{found!r}",
           "A message that is only in the session is lost when the process ends. After "
           "`db.session.add(…)`, call `db.session.commit()`."
           if not found else
           "Build the message for `sync` and for the acknowledgement with one function, from what "
           "is stored.")  # fmt: skip
    expect(after == number_of(before) + 1,
           f"The next message has the number {number_of(before) + 1}.", f"{after}",
           "Take the number from the database, not from a counter in the program.")  # fmt: skip


def _why_not(seen: list[Message], missed: list[Message], last: int) -> str:
    numbers = [message.get("seq") for message in seen]
    wanted = [message["seq"] for message in missed]
    if last in numbers:
        return OFF_BY_ONE
    if numbers == wanted:
        return "Build the message in one function, and use that function wherever you send it."
    if sorted(map(str, numbers)) == sorted(map(str, wanted)):
        return "Order by the number: `.order_by(Message.seq)`."
    return "Select with `Message.seq > after`, and sort with `.order_by(Message.seq)`."


def _texts(messages: list[Message]) -> list[object]:
    return [f"{message.get('seq')}: {message.get('text')}" for message in messages]


@promise(since="history", final_app=True)
def the_page_begins_with_the_last_messages(chat: Stage) -> None:
    """The page begins with the last fifty messages, each with its number."""
    newest = _fill(chat, PAGE + 5)
    wanted = list(range(newest - PAGE + 1, newest + 1))
    seen = [int(attribute(line, "data-seq") or 0) for line in lines(chat)]
    if seen == wanted:
        return
    if not seen:
        hint = "Write each number into `data-seq` in the macro, and pass `messages` to the page."
    elif seen == wanted[::-1]:
        hint = "The newest message comes last: reverse the list with `[::-1]`."
    elif len(seen) > PAGE:
        hint = f"With every message, the page would get slower every day: add `.limit({PAGE})`."
    else:
        hint = f"Select the newest first with `.limit({PAGE})`, and then reverse the list."
    raise Broken(f"The messages on the page have the numbers {wanted[0]} to {wanted[-1]}.",
                 f"{len(seen)} messages, {seen[:2]} … {seen[-2:]}", hint)  # fmt: skip


@promise(since="history", final_app=True)
def order_is_by_number_and_never_by_time(chat: Stage) -> None:
    """Messages are in the order of their numbers, whatever the clock says."""
    with entered(chat, "Ada") as (ada,):
        numbers = [number_of(ada.said(text)) for text in ("first", "second", "third")]
        set_the_clock_back(chat, numbers[2])
        by_sync = [message.get("seq") for message in ada.sync(numbers[0] - 1)]
    on_page = [int(attribute(line, "data-seq")) for line in lines(chat)][-3:]
    for where, seen in (("`sync`", by_sync), ("The page", on_page)):
        expect(seen == numbers,
               f"{where} has three messages in the order {numbers}, even if the clock was set back "
               "before the last one.", f"{seen}",
               "Order by the number: `.order_by(Message.seq)`. A clock can stand still or go "
               "back.")  # fmt: skip


@promise(since="history", final_app=True)
def the_page_shows_stored_text_as_text(chat: Stage) -> None:
    """The page shows stored messages as text, whatever they contain."""
    with entered(chat, "Ada") as (ada,):
        ada.said(HOSTILE_TEXT)
    line = lines(chat)[-1]
    expect(not line.find("img") and HOSTILE_TEXT in text_of(line),
           "A message like <img …> is shown as text.", str(line)[:160],
           "A template escapes every value, unless `|safe` switches it off.")  # fmt: skip


def _fill(chat: Stage, count: int) -> int:
    """Let there be so many messages at least; return the number of the newest."""
    newest = 0
    while newest < count:
        with entered(chat, "Ada") as (ada,):
            for _ in range(AT_ONCE):
                newest = number_of(ada.said("and so on"))
                if newest >= count:
                    break
    return newest


@exercise("history")
def older_messages_can_be_loaded(chat: Stage) -> None:
    """The page can load older messages: fifty before a number."""
    answer = visit(chat, "/api/messages?before=1")
    attempted(answer.status_code != 404,
              "GET /api/messages?before=… returns the messages before that number.",
              "status 404", 'Start with `@app.route("/api/messages")`.')  # fmt: skip
    expect(visit(chat, "/api/messages?before=soon").status_code < 500,
           "?before=soon causes no server error.", "status 500",
           'Anybody may write anything there. Use `request.args.get("before", …, type=int)`, which '
           "does not fail if it is not a number.")  # fmt: skip
    newest = _fill(chat, PAGE + 5)
    for before, wanted in (
        (newest, list(range(newest - PAGE, newest))),
        (4, [1, 2, 3]),
        (1, []),
    ):
        seen = _numbers_before(chat, before)
        expect(seen == wanted,
               f"/api/messages?before={before} returns {_span(wanted)}, oldest first.",
               _span(seen),
               "Select `Message.seq < before`, newest first, with `.limit(50)`, and then reverse "
               "the list. You need the messages just before those on the page, not the first ones "
               "of all.")  # fmt: skip
    _page_loads_older(chat)


def _numbers_before(chat: Stage, before: int) -> list[int]:
    answer = visit(chat, f"/api/messages?before={before}")
    try:
        return [int(message["seq"]) for message in answer.json()["messages"]]
    except (ValueError, KeyError, TypeError):
        raise Broken('The answer is {"messages": [{"seq": …}, …]}.', answer.text[:160],
                     'Return the list in an object: `{"messages": [message.as_dict() for '
                     '…]}`.') from None  # fmt: skip


def _span(numbers: list[int]) -> str:
    if not numbers:
        return "no message"
    order = "" if numbers == sorted(numbers) else ", not in order"
    return f"{len(numbers)} messages, {numbers[0]} to {numbers[-1]}{order}"


def _page_loads_older(chat: Stage) -> None:
    with visitors(chat, "Ada") as (ada,):
        before = _numbers_shown(ada)
        ada.clicks("#load-older", "“Load older”")
        ada.expects(lambda: len(_numbers_shown(ada)) > len(before), "Older messages appear.",
                    'When the button is clicked, `await fetch("api/messages?before=" + first)`, where '
                    "`first` is the `dataset.seq` of the first message. Then `await response.json()`.",
                    "The page shows the same messages as before.")  # fmt: skip
        seen = _numbers_shown(ada)
    older = [number for number in range(max(before[0] - PAGE, 1), before[0])]
    expect(seen == older + before, f"Now the page shows {_span(older + before)}.", _span(seen),
           "Put them at the beginning of the log with one `log.prepend(…)`, which keeps their "
           "order.")  # fmt: skip


def _numbers_shown(visitor: Visitor) -> list[int]:
    shown = visitor.page.attributes(f"{LOG} [data-seq]", "data-seq")
    return [int(number) for number in shown if number and number.isdigit()]
