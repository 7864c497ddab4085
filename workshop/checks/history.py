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
           "`db.func.now()`, the database's own UTC, when it is stored; `.isoformat()` or strftime "
           "when it travels, with a Z at the end: it says that this is UTC.")  # fmt: skip


@promise(since="history", final_app=True)
def numbers_go_up_by_one(chat: Stage) -> None:
    """Numbers go up by one, whoever sends, also after a refusal."""
    with entered(chat, "Ada", "Bo") as (ada, bo):
        numbers = [number_of(ada.said("one"))]
        ada.say(" ")
        numbers += [number_of(who.said("more")) for who in (bo, ada, bo)]
    expect(numbers == list(range(numbers[0], numbers[0] + 4)),
           f"Four messages have the numbers {numbers[0]} to {numbers[0] + 3}.", f"{numbers}",
           "The same number again: the message is not stored. After `db.session.add(…)` comes "
           "`db.session.commit()`."
           if len(set(numbers)) < len(numbers) else
           "A page notices by its number that a message is missing. Let the database give it when "
           "the message is stored, and store nothing that is refused.")  # fmt: skip


@promise(since="history", final_app=True)
def nobody_hears_what_is_not_stored(chat: Stage) -> None:
    """A message is stored before anybody hears it."""
    with entered(chat, "Ada", "Bo") as (ada, bo):
        ada.said("Hello")
        with nothing_can_be_stored(chat):
            ada.emit("new_message", ada.payload("not stored yet"))
            for _ in range(ROUNDS):  # much else is answered, while Ada's message waits
                visit(chat, "/static/style.css")
            early = [m for m in bo.messages_heard() if m.get("text") == "not stored yet"]
        bo.hear_text("not stored yet")
    expect(not early, "While nothing can be stored, nobody hears a new message.",
           "Bo hears it, and the server may still lose it",
           "First `db.session.commit()`, then `emit`, then the acknowledgement.")  # fmt: skip


@promise(since="history", until="history")
def a_restart_loses_nothing(chat: Stage) -> None:
    """What was acknowledged is still there when the server has been ended and started again."""
    survives_a_restart(chat)


@promise(since="history", final_app=True)
def sync_gives_what_was_missed(chat: Stage) -> None:
    """Who was away asks for what came after a number, and gets exactly that, once."""
    with entered(chat, "Ada") as (ada,):
        with entered(chat, "Bo") as (bo,):
            last = number_of(bo.said("My line is going to be cut"))
        missed = [ada.said(text) for text in ("this", "is", "what", "Bo", "missed")]
        with entered(chat, "Bo") as (bo,):
            seen = bo.sync(last)
            nothing = bo.sync(number_of(missed[-1]))
    if seen != missed:
        raise Broken("`sync` with Bo's last number gives the five messages that came after it, the "
                     "oldest first, as they were acknowledged.", f"{_texts(seen)}",
                     _why_not(seen, missed, last))  # fmt: skip
    expect(nothing == [], "Who has missed nothing gets an empty list.", f"{_texts(nothing)}",
           OFF_BY_ONE)  # fmt: skip


@promise(since="history")
def a_wrong_number_is_refused(chat: Stage) -> None:
    """`sync` without a number to begin after is refused."""
    family = family_of(chat)
    with entered(chat, "Ada") as (ada,):
        event, right = family.sync(0, family.general)
        assert isinstance(right, dict)
        without = {key: value for key, value in right.items() if key != "after"}
        for wrong in (without, right | {"after": "3"}, right | {"after": 2**70}):
            ada.refused(event, wrong,
                        "Ask first: `type(after) is int`, and not larger than the database counts.",
                        field="after")  # fmt: skip


OFF_BY_ONE = "What somebody has already is not missed: `Message.seq > after`, without an `=`."


def survives_a_restart(chat: Stage) -> None:
    """Ask that a message, and the counting, go on after a restart. Raises Broken."""
    with entered(chat, "Ada") as (ada,):
        before = ada.said("Remember me")
    restart(chat)
    with entered(chat, "Ada") as (ada,):
        found = ada.sync(number_of(before) - 1)
        after = number_of(ada.said("I am back"))
    expect(before in found, f"After a restart, `sync` gives {before!r} again.", f"{found!r}",
           "What is only added to the session is gone with the process: `db.session.add(…)`, then "
           "`db.session.commit()`."
           if not found else
           "The message of `sync` is made from what is stored, that of the acknowledgement too: "
           "use one function for both.")  # fmt: skip
    expect(after == number_of(before) + 1,
           f"The next message has the number {number_of(before) + 1}.", f"{after}",
           "The number comes from the database, not from a counter in the program.")  # fmt: skip


def _why_not(seen: list[Message], missed: list[Message], last: int) -> str:
    numbers = [message.get("seq") for message in seen]
    wanted = [message["seq"] for message in missed]
    if last in numbers:
        return OFF_BY_ONE
    if numbers == wanted:
        return "Make a message for the wire in one place, and use it for everything that is sent."
    if sorted(map(str, numbers)) == sorted(map(str, wanted)):
        return "Order by the number: `.order_by(Message.seq)`."
    return "`Message.seq > after` gives all that came after it, `.order_by(Message.seq)` in order."


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
        hint = (
            "Each line says its number: `data-seq` in the macro, and `messages` given to the page."
        )
    elif seen == wanted[::-1]:
        hint = "The newest stands at the end: turn the list around, `[::-1]`."
    elif len(seen) > PAGE:
        hint = f"All of them would make the page slower every day: `.limit({PAGE})`."
    else:
        hint = f"The last {PAGE}: newest first, `.limit({PAGE})`, then turn the list around."
    raise Broken(f"The lines of the page have the numbers {wanted[0]} to {wanted[-1]}.",
                 f"{len(seen)} lines, {seen[:2]} … {seen[-2:]}", hint)  # fmt: skip


@promise(since="history", final_app=True)
def order_is_by_number_and_never_by_time(chat: Stage) -> None:
    """Messages stand in the order of their numbers, whatever the clock said."""
    with entered(chat, "Ada") as (ada,):
        numbers = [number_of(ada.said(text)) for text in ("first", "second", "third")]
        set_the_clock_back(chat, numbers[2])
        by_sync = [message.get("seq") for message in ada.sync(numbers[0] - 1)]
    on_page = [int(attribute(line, "data-seq")) for line in lines(chat)][-3:]
    for where, seen in (("`sync`", by_sync), ("the page", on_page)):
        expect(seen == numbers,
               f"In {where}, three messages stand in the order {numbers}, also when the clock was "
               "set back before the last one.", f"{seen}",
               "Order by the number: `.order_by(Message.seq)`. A clock can stand still, and go "
               "back.")  # fmt: skip


@promise(since="history", final_app=True)
def the_page_shows_stored_text_as_text(chat: Stage) -> None:
    """What was said stands in the page as text, whatever it holds."""
    with entered(chat, "Ada") as (ada,):
        ada.said(HOSTILE_TEXT)
    line = lines(chat)[-1]
    expect(not line.find("img") and HOSTILE_TEXT in text_of(line),
           "A message like <img …> is shown as text.", str(line)[:160],
           "A template escapes what it is given, unless `|safe` switches it off.")  # fmt: skip


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
              "GET /api/messages?before=… answers with the messages before that number.",
              "status 404", 'It begins with `@app.route("/api/messages")`.')  # fmt: skip
    expect(visit(chat, "/api/messages?before=soon").status_code < 500,
           "?before=soon is no error of the server: anybody may write anything there.",
           "status 500",
           '`request.args.get("before", …, type=int)` does not fail where no number is.')  # fmt: skip
    newest = _fill(chat, PAGE + 5)
    for before, wanted in (
        (newest, list(range(newest - PAGE, newest))),
        (4, [1, 2, 3]),
        (1, []),
    ):
        seen = _numbers_before(chat, before)
        expect(seen == wanted,
               f"/api/messages?before={before} gives {_span(wanted)}, the oldest first.",
               _span(seen),
               "`Message.seq < before`, the newest of them first, `.limit(50)`, and then turned "
               "around: those next to the page, not the first ones of all.")  # fmt: skip
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
                    '`await fetch("api/messages?before=" + first)` when the button is clicked, with '
                    "the number of the first line, `dataset.seq`; then `await response.json()`.",
                    "The page shows the same lines as before.")  # fmt: skip
        seen = _numbers_shown(ada)
    older = [number for number in range(max(before[0] - PAGE, 1), before[0])]
    expect(seen == older + before, f"Now the page shows {_span(older + before)}.", _span(seen),
           "`log.prepend(…)` puts lines at the beginning of the log, in the order in which they "
           "came.")  # fmt: skip


def _numbers_shown(visitor: Visitor) -> list[int]:
    shown = visitor.page.attributes(f"{LOG} [data-seq]", "data-seq")
    return [int(number) for number in shown if number and number.isdigit()]
