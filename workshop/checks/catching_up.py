"""Catching up: people who were away ask for the messages after a number, and get exactly those."""

from workshop.checks.client import Person, entered, number_of
from workshop.checks.families import family_of
from workshop.checks.history import BY_NUMBER, CLOCK, said_while_the_clock_goes_back
from workshop.checks.patience import patience
from workshop.checks.promise import attempted, exercise, expect, promise
from workshop.checks.speakers import Message
from workshop.checks.visitors import Visitor, visitors
from workshop.stages import Stage

AFTER = (
    "Select with `Message.seq > after`, not `>=`, and sort with `.order_by(Message.seq)`. Build the "
    "message in one function, and use that function wherever you send it."
)


@promise(since="catching_up", final_app=True, file="models.py")
def sync_gives_what_was_missed(chat: Stage) -> None:
    """People who were away can ask for the messages after a number, and get each one only once."""
    with entered(chat, "Ada") as (ada,):
        with entered(chat, "Bo") as (bo,):
            last = number_of(bo.said("I am about to lose my connection"))
        missed = [ada.said(text) for text in ("this", "is", "what", "Bo", "missed")]
        with entered(chat, "Bo") as (bo,):
            seen = bo.sync(last)
            nothing = bo.sync(number_of(missed[-1]))
    expect(seen == missed,
           "`sync` with Bo's last number returns the five messages after it, oldest first, with the "
           "same content as in their acknowledgements.", f"{_texts(seen)}", AFTER)  # fmt: skip
    expect(nothing == [], "Somebody who has missed nothing gets an empty list.",
           f"{_texts(nothing)}", AFTER)  # fmt: skip


@promise(since="catching_up", file="checks.py")
def a_wrong_number_is_refused(chat: Stage) -> None:
    """`sync` is refused if `after` is not a valid number."""
    family = family_of(chat)
    with entered(chat, "Ada") as (ada,):
        event, right = family.sync(0, family.general)
        assert isinstance(right, dict)
        without = {key: value for key, value in right.items() if key != "after"}
        for wrong in (without, right | {"after": "3"}, right | {"after": 2**70}):
            ada.refused(event, wrong,
                        "First check that `type(after) is int`, and that the number is not too "
                        "large for the database.",
                        field="after")  # fmt: skip


@promise(since="catching_up", final_app=True, file="models.py")
def sync_is_in_order_whatever_the_clock_says(chat: Stage) -> None:
    """`sync` returns messages in the order of their numbers, whatever the clock says."""
    numbers = [number_of(message) for message in said_while_the_clock_goes_back(chat)]
    with entered(chat, "Ada") as (ada,):
        seen = [message.get("seq") for message in ada.sync(numbers[0] - 1)]
    expect(seen == numbers, f"`sync` returns the messages {numbers} in this order, {CLOCK}.",
           f"{seen}", BY_NUMBER)  # fmt: skip


@exercise("catching_up", "static/chat.js")
def the_page_counts_what_was_missed(chat: Stage) -> None:
    """After a lost connection, a line says how many messages were missed, if there are any."""
    texts = ["apples", "pears", "plums"]
    with visitors(chat, "Ada") as (ada,), entered(chat, "Bo") as (bo,):
        nothing, news = (_shown_after_a_loss(ada, bo, said) for said in ([], texts))
    line = f"“You missed {len(texts)}:”"
    attempted("missed" in news, f"After a lost connection, a line says {line}", f"“{news}”",
              "In `sync`, filter the messages first. If the `length` of the result is greater than 0, "
              "append a line that says how many there are. Then show the messages.")  # fmt: skip
    expect(f"missed {len(texts)}" in news.partition(texts[0])[0] and news.count("missed") == 1,
           f"One line says {line}, before the {len(texts)} messages.", f"“{news}”",
           "Count the messages that the page is going to show, and append the line before "
           "them.")  # fmt: skip
    expect("missed" not in nothing, "If Ada missed nothing, the page shows no such line.",
           f"“{nothing}”",
           "Append the line only if the number is greater than 0.")  # fmt: skip


def _shown_after_a_loss(visitor: Visitor, other: Person, texts: list[str]) -> str:
    """Interrupt somebody's connection while another person writes. Return what their page adds."""
    before, asked = visitor.log, len(visitor.sent("sync"))
    visitor.page.go_offline()
    for text in texts:
        other.said(text)
    visitor.page.go_online()
    visitor.page.wait(lambda: len(visitor.sent("sync")) > asked, patience())
    visitor.page.pages.settle()
    return visitor.log.removeprefix(before)


def _texts(messages: list[Message]) -> list[object]:
    return [f"{message.get('seq')}: {message.get('text')}" for message in messages]
