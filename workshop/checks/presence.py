"""Step 09: who is here, counted in people; the exercise: who is typing."""

from collections.abc import Callable

from workshop.checks.client import Person, enter, entered
from workshop.checks.families import account_of, make_room
from workshop.checks.promise import Broken, attempted, exercise, expect, promise
from workshop.checks.visitors import FIELD, visitors
from workshop.stages import Stage


@promise(since="rooms")  # final_app waits 10 s before it says that somebody has gone
def a_room_knows_who_is_here(chat: Stage) -> None:
    """A room hears who is here whenever somebody comes or goes."""
    bo = account_of(chat).named("Bo")
    with entered(chat, "Ada") as (ada,):
        with entered(chat, "Bo"):
            came = _states(ada, lambda names: bo in names)
        if not came or bo not in came[-1]:
            raise Broken('When Bo comes, Ada receives `presence` with {"room": …, "online": […]}, '
                         "and his name in it.", f"{came[-1]}" if came else "nothing",
                         "When somebody connects, and when somebody joins: work out who is here, "
                         'and `emit("presence", …, to=room.id)`.')  # fmt: skip
        gone = _states(ada, lambda names: bo not in names)
        expect(bo not in gone[-1], "When Bo has closed his page, Ada hears who is left.",
               f"still {gone[-1]}",
               "The handler of `disconnect` forgets the connection first, and tells the rooms "
               "afterwards.")  # fmt: skip


@promise(since="rooms", final_app=True)
def presence_counts_people(chat: Stage) -> None:
    """Two tabs and a phone are one person, and closing one of them changes nothing."""
    rooms = account_of(chat)
    bo, cy = rooms.named("Bo"), rooms.named("Cy")
    phone = rooms.new_browser("Bo")
    with entered(chat, "Ada") as (ada,), entered(chat, "Bo", "Bo"):
        enter(chat, phone).disconnect()  # comes and goes
        with entered(chat, "Cy"):
            states = _states(ada, lambda names: cy in names)
    first = next((place for place, names in enumerate(states) if bo in names), len(states))
    for names in states[first:]:
        expect(names.count(bo) == 1,
               "With two tabs and a phone, and when one of them is closed, Bo is there once.",
               f"{names}",
               "Count people, not connections: each name once, as in a set."
               if bo in names else
               "Somebody is gone when their last connection is: work out anew who is here, from "
               "all that are left.")  # fmt: skip


def _states(person: Person, wanted: Callable[[list[str]], bool]) -> list[list[str]]:
    """Wait until the people who are here are as wanted; return what was told until then."""
    rooms = person.family
    while True:
        states = rooms.online(person.heard(), rooms.general)
        if (states and wanted(states[-1])) or person.hear("presence") is None:
            return rooms.online(person.heard(), rooms.general)


@exercise("rooms")
def who_types_is_shown(chat: Stage) -> None:
    """While somebody types, the others in the room are told, and the page shows it for 3 s."""
    room = make_room(chat, "Ada")
    with entered(chat, "Ada", "Bo", "Cy") as (ada, bo, cy):
        ada.join(room)
        bo.join(room)
        ada.emit("typing", {"room": room})
        ada.told("typing")  # when she is answered, her `typing` has been handled
        cy.emit("typing", {"room": room})
        cy.told("typing")
        heard = {name: who.told("typing") for name, who in (("Ada", ada), ("Bo", bo), ("Cy", cy))}
    attempted(any(heard.values()),
              "When Ada emits `typing`, Bo, who is in the same room, receives it.", "he does not",
              'It begins with `@socketio.on("typing")`.')  # fmt: skip
    strangers = [d for d in heard["Bo"] if isinstance(d, dict) and d.get("username") == "Cy"]
    if heard["Bo"] != [{"room": room, "username": "Ada"}] or heard["Cy"]:
        raise Broken('Bo receives `typing` with {"room": …, "username": "Ada"}, once, and Cy, who '
                     "is not in the room, can neither send nor receive it.",
                     f"Bo: {heard['Bo']}, Cy: {heard['Cy'] or 'nothing'}",
                     "As every other event, it asks first who is a member: `me, room = "
                     "place(payload)`."
                     if strangers else
                     '`emit("typing", {"room": room.id, "username": me.username}, to=room.id, '
                     "include_self=False)`.")  # fmt: skip
    expect(not heard["Ada"], "Ada does not hear that she is typing: she knows.", f"{heard['Ada']}",
           "`include_self=False`, beside `to=room.id`.")  # fmt: skip
    _page_takes_part(chat)


def _page_takes_part(chat: Stage) -> None:
    family = account_of(chat)
    other = make_room(chat, "Bo")
    with visitors(chat, "Ada") as (ada,), entered(chat, "Bo") as (bo,):
        ada.types(FIELD, "H")
        ada.expects(lambda: {"room": family.general} in ada.sent("typing"),
                    "The page emits `typing` with its room when something is typed.",
                    '`input.addEventListener("input", () => socket.emit("typing", { room }))`.',
                    f"It emitted {ada.page.sent}.")  # fmt: skip
        ada.page.pages.settle()
        quiet = ada.text
        enter(chat, "Ada").join(other)
        bo.emit("typing", {"room": other})
        bo.emit("typing", {"room": family.general})
        ada.did = "Bo is typing."
        ada.expects(lambda: ada.text.count("Bo") > quiet.count("Bo"),
                    "The page shows that Bo is typing.",
                    '`socket.on("typing", (typing) => …)`: set the `textContent` of an element.',
                    "Nothing changed.")  # fmt: skip
        ada.did = "Bo was typing, and stopped."
        ada.expects(lambda: ada.text == quiet, "What the page shows is gone after 3 s.",
                    "`setTimeout(() => …, 3000)`, and `clearTimeout` of the one before, so that "
                    "the last stroke counts.", "It is still there.", 5.0)  # fmt: skip
        bo.emit("typing", {"room": other})
        bo.told("typing")
        ada.page.pages.settle()
        expect(ada.text == quiet, "The page shows it where it belongs: in this page's room.",
               "Bo is typing in another room, and the page shows it.",
               "Who is in two rooms hears of both: `if (typing.room !== room) return;`, first of "
               "all.")  # fmt: skip
