"""Promises of step 07 about the page: it begins with the last messages, in the right order."""

from bs4 import Tag

from workshop.contract.answers import said
from workshop.contract.browse import attribute, read_chat, text_of
from workshop.contract.history import number_of_message, synced
from workshop.contract.people import entered
from workshop.contract.promise import Broken, promise
from workshop.contract.storage import set_the_clock_back
from workshop.stages import Stage

PAGE = 50  # messages that the page begins with
AT_ONCE = 9  # messages of one connection, fewer than are too many
OLDER = "/api/messages?before=1000000"  # exercise 07, where somebody has made it
HOSTILE_TEXT = '<img src="x" onerror="alert(1)">'


@promise(since="07", final_app=True)
def the_page_begins_with_the_last_messages(chat: Stage) -> None:
    """The page begins with the last fifty messages, each with its number."""
    newest = fill(chat, PAGE + 5)
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
    raise Broken(
        expected=f"The lines of the page have the numbers {wanted[0]} to {wanted[-1]}.",
        seen=f"{len(seen)} lines, {seen[:2]} … {seen[-2:]}",
        hint=hint,
    )


@promise(since="07", final_app=True)
def order_is_by_number_and_never_by_time(chat: Stage) -> None:
    """Messages stand in the order of their numbers, whatever the clock said."""
    with entered(chat, "Ada") as (ada,):
        numbers = [
            number_of_message(said(chat, ada, text)) for text in ("first", "second", "third")
        ]
        set_the_clock_back(chat, numbers[2])
        by_sync = [message.get("seq") for message in synced(chat, ada, numbers[0] - 1)]
    on_page = [int(attribute(line, "data-seq")) for line in lines(chat)][-3:]
    for where, seen in (("`sync`", by_sync), ("the page", on_page)):
        if seen != numbers:
            raise Broken(
                expected=f"In {where}, three messages stand in the order {numbers}, "
                "also when the clock was set back before the last one.",
                seen=f"{seen}",
                hint="Order by the number: `.order_by(Message.seq)`. A clock can stand still, "
                "and go back.",
            )


@promise(since="07", final_app=True)
def the_page_shows_stored_text_as_text(chat: Stage) -> None:
    """What was said stands in the page as text, whatever it holds."""
    with entered(chat, "Ada") as (ada,):
        said(chat, ada, HOSTILE_TEXT)
    line = lines(chat)[-1]
    if line.find("img") or HOSTILE_TEXT not in text_of(line):
        raise Broken(
            expected="A message like <img …> is shown as text.",
            seen=str(line)[:160],
            hint="A template escapes what it is given, unless `|safe` switches it off.",
        )


def lines(chat: Stage, path: str = "") -> list[Tag]:
    """Return the lines of messages in the page, as Ada sees it."""
    found = read_chat(chat, path=path).select("[data-seq]")
    return [line for line in found if attribute(line, "data-seq")]


def fill(chat: Stage, count: int) -> int:
    """Let there be so many messages at least; return the number of the newest."""
    newest = 0
    while newest < count:
        with entered(chat, "Ada") as (ada,):
            for _ in range(AT_ONCE):
                newest = number_of_message(said(chat, ada, "and so on"))
                if newest >= count:
                    break
    return newest
