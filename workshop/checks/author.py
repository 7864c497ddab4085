"""The author of a message is the person who is connected, and each name belongs to one connection."""

from workshop.checks.client import entered, is_turned_away, turned_away
from workshop.checks.families import family_of
from workshop.checks.messages import LONGEST_NAME
from workshop.checks.promise import attempted, exercise, expect, promise
from workshop.checks.speakers import fields
from workshop.checks.visitors import INNER, visitors
from workshop.stages import Stage

CY = "<b>Cy</b>"


@promise(since="author", final_app=True)
def nobody_writes_in_another_name(chat: Stage) -> None:
    """The author is the person who connected, whatever name the message contains."""
    family = family_of(chat)
    with entered(chat, "Ada", "Bo") as (ada, bo):
        answer = ada.say("I owe you a cake", username="Bo", author="Bo")
        plain = ada.said("Hello")
        told = bo.messages()
    accepted = fields(answer, "message")
    for message in (*told, plain, *([accepted] if accepted else [])):
        author = family.author(message)
        expect(author == family.named("Ada"),
               "Ada is the author of her messages, even if she writes another name into them.",
               f"the author is {author!r} in {message!r}",
               "Anybody can write any name into a message. Take the name from the connection: "
               "from what `connect` stored for `request.sid`, or from the account.")  # fmt: skip


@promise(since="author", until="accounts", file="checks.py")
def a_connection_needs_a_name(chat: Stage) -> None:
    """A connection without a name, or with one that is too long, is refused with the reason."""
    for name in (None, "", "   ", "A" * (LONGEST_NAME + 1)):
        is_turned_away(chat, name, "invalid", "In the handler of `connect`, `auth` can be None or "
                       "anything else. Check that `1 <= len(username.strip()) <= "
                       f"{LONGEST_NAME}`, and `raise` an error if not.")  # fmt: skip
    expect(not turned_away(chat, "A" * LONGEST_NAME),
           f"A name of {LONGEST_NAME} characters is accepted.", "it is refused",
           f"A name can have up to {LONGEST_NAME} characters. Refuse only longer names.")  # fmt: skip


@promise(since="author", until="accounts")
def a_taken_name_is_refused(chat: Stage) -> None:
    """A name that is already connected is refused, whatever its capitalization."""
    with entered(chat, "Ada"):
        for name in ("Ada", "ADA"):
            is_turned_away(chat, name, "conflict", "While Ada is connected, nobody else can have her "
                           "name. Store each name when it connects, and compare a new name with the "
                           "stored ones, with `.casefold()` on both sides.")  # fmt: skip


@promise(since="author", until="accounts")
def a_name_is_free_again(chat: Stage) -> None:
    """A name is free again when its connection ends."""
    for _ in range(2):
        with entered(chat, "Ada"):  # if she cannot connect again, `entered` gives the reason
            pass


@exercise("author")
def who_joins_is_announced(chat: Stage) -> None:
    """When somebody joins, everyone else receives the name, and the page shows it."""
    with entered(chat, "Ada") as (ada,), entered(chat, "Bo") as (bo,):
        by_ada, by_bo = ada.told("joined"), bo.told("joined")
        turned_away(chat, "Bo")
        by_nobody = ada.told("joined")[len(by_ada) :]
    attempted(by_ada or by_bo, "Ada receives the event `joined` when Bo connects.", "she does not",
              'At the end of the handler of `connect`, call `emit("joined", …)`. Without '
              "`broadcast=True`, only the person who has just connected receives it.")  # fmt: skip
    expect(by_ada == [{"username": "Bo"}], 'Ada receives `joined` with {"username": "Bo"}, once.',
           f"{by_ada}",
           'Write `emit("joined", {"username": username}, broadcast=True, '
           'include_self=False)`.')  # fmt: skip
    expect(not by_bo, "Bo does not receive his own `joined`.", f"{by_bo}",
           "Add `include_self=False` next to `broadcast=True`.")  # fmt: skip
    expect(not by_nobody, "If the server refuses a connection, nobody receives `joined`.",
           f"a second Bo is refused, and Ada receives {by_nobody}",
           'Call `emit("joined", …)` at the end of the handler of `connect`, where the name has been '
           "checked.")  # fmt: skip
    with visitors(chat, "Ada") as (page,), entered(chat, "Bo", CY):
        page.did = f"Bo opened the chat, and then {CY} did."
        page.expects(lambda: CY in page.text, f"Ada's page shows that {CY} has joined, as text.",
                     'In `socket.on("joined", (person) => …)`, make an element, set its '
                     f"`textContent`, and append it. {INNER}", lambda: page.news())  # fmt: skip
        page.expects(lambda: "Bo" in page.text, "Ada's page still shows that Bo has joined.",
                     "Make a new element for each person, inside the function for `joined`. "
                     "An element can only be in one place, and has only one text.",
                     f"Ada's page shows the name {CY}, but not Bo's.")  # fmt: skip
