"""Step 09: who is here, counted in people; the exercise: who is typing."""

from collections.abc import Callable

from workshop.checks.client import Person, enter, entered
from workshop.checks.families import account_of, make_room
from workshop.checks.promise import Broken, attempted, exercise, expect, promise
from workshop.checks.visitors import FIELD, visitors
from workshop.stages import Stage


@promise(since="rooms")  # final_app waits 10 s before it says that somebody has gone
def a_room_knows_who_is_here(chat: Stage) -> None:
    """Whenever somebody comes or goes, the people in the room receive the list of who is here."""
    bo = account_of(chat).named("Bo")
    with entered(chat, "Ada") as (ada,):
        with entered(chat, "Bo"):
            came = _states(ada, lambda names: bo in names)
        if not came or bo not in came[-1]:
            raise Broken('When Bo comes, Ada receives `presence` with {"room": …, "online": […]}, '
                         "with his name in `online`.", f"{came[-1]}" if came else "nothing",
                         "Whenever somebody connects or joins a room, work out who is here, and "
                         '`emit("presence", …, to=room.id)`.')  # fmt: skip
        gone = _states(ada, lambda names: bo not in names)
        expect(bo not in gone[-1], "When Bo has closed his page, Ada receives the list of who is left.",
               f"still {gone[-1]}",
               "In the handler of `disconnect`, first remove the connection, and then emit "
               "`presence` to the rooms.")  # fmt: skip


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
               "Bo is in the list once, with two tabs and a phone, and after one of them closes.",
               f"{names}",
               "Count people, not connections: put each name into a set."
               if bo in names else
               "Somebody is gone only when their last connection is: work out who is here from "
               "all the connections that are left.")  # fmt: skip


def _states(person: Person, wanted: Callable[[list[str]], bool]) -> list[list[str]]:
    """Wait until the people who are here are as wanted; return what was told until then."""
    rooms = person.family
    while True:
        states = rooms.online(person.heard(), rooms.general)
        if (states and wanted(states[-1])) or person.hear("presence") is None:
            return rooms.online(person.heard(), rooms.general)


@exercise("rooms")
def who_types_is_shown(chat: Stage) -> None:
    """While somebody types, the others in the room receive `typing`, and the page shows it for 3 s."""
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
              'Start with `@socketio.on("typing")`.')  # fmt: skip
    strangers = [d for d in heard["Bo"] if isinstance(d, dict) and d.get("username") == "Cy"]
    if heard["Bo"] != [{"room": room, "username": "Ada"}] or heard["Cy"]:
        raise Broken('Bo receives `typing` with {"room": …, "username": "Ada"}, once, and Cy, who '
                     "is not in the room, can neither send nor receive it.",
                     f"Bo: {heard['Bo']}, Cy: {heard['Cy'] or 'nothing'}",
                     "Like every other event, first check who is a member: `me, room = "
                     "place(payload)`."
                     if strangers else
                     'Write `emit("typing", {"room": room.id, "username": me.username}, to=room.id, '
                     "include_self=False)`.")  # fmt: skip
    expect(not heard["Ada"], "Ada does not receive her own `typing`.", f"{heard['Ada']}",
           "Add `include_self=False` next to `to=room.id`.")  # fmt: skip
    _page_takes_part(chat)


def _page_takes_part(chat: Stage) -> None:
    family = account_of(chat)
    other = make_room(chat, "Bo")
    with visitors(chat, "Ada") as (ada,), entered(chat, "Bo") as (bo,):
        ada.types(FIELD, "H")
        ada.expects(lambda: {"room": family.general} in ada.sent("typing"),
                    "The page emits `typing` with its room when something is typed.",
                    'Add `input.addEventListener("input", () => socket.emit("typing", { room }))`.',
                    f"It emitted {ada.page.sent}.")  # fmt: skip
        ada.page.pages.settle()
        quiet = ada.text
        enter(chat, "Ada").join(other)
        bo.emit("typing", {"room": other})
        bo.emit("typing", {"room": family.general})
        ada.did = "Bo is typing."
        ada.expects(lambda: ada.text.count("Bo") > quiet.count("Bo"),
                    "The page shows that Bo is typing.",
                    'In `socket.on("typing", (typing) => …)`, set the `textContent` of an element.',
                    "Nothing changed.")  # fmt: skip
        ada.did = "Bo was typing, and stopped."
        ada.expects(lambda: ada.text == quiet, "The page no longer shows it after 3 s.",
                    "Clear the text with `setTimeout(() => …, 3000)`. First call `clearTimeout` for "
                    "the previous timer, so that the last keystroke counts.",
                    "It is still there.", 5.0)  # fmt: skip
        bo.emit("typing", {"room": other})
        bo.told("typing")
        ada.page.pages.settle()
        expect(ada.text == quiet, "The page shows only who is typing in its own room.",
               "Bo is typing in another room, and the page shows it.",
               "Somebody in two rooms receives the events of both. Begin the listener with "
               "`if (typing.room !== room) return;`.")  # fmt: skip
