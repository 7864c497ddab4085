"""Who is in a room (people, not sockets), and how people leave it. Exercise: who is typing."""

from collections.abc import Callable

from workshop.checks.browse import visit
from workshop.checks.client import Person, enter, entered
from workshop.checks.families import account_of, make_room
from workshop.checks.promise import attempted, exercise, expect, promise
from workshop.checks.rooms import NOWHERE
from workshop.checks.speakers import fresh_name
from workshop.checks.visitors import FIELD, INNER, SCRIPT, visitors
from workshop.stages import Stage

BO = "<b>Bo</b>"


@promise(since="presence")  # final_app reports only after 10 s that somebody has left
def a_room_knows_who_is_here(chat: Stage) -> None:
    """When somebody comes or goes, the people in the room receive the list of people who are here."""
    bo = account_of(chat).named("Bo")
    with entered(chat, "Ada") as (ada,):
        with entered(chat, "Bo"):
            came = _states(ada, lambda names: bo in names)
        expect(came and bo in came[-1],
               'When Bo comes, Ada receives `presence` with {"room": …, "online": […]}, with his name '
               "in `online`.", f"{came[-1:] or 'nothing'}",
               "Whenever somebody connects or joins a room, call `tell_presence(room.id)`.")  # fmt: skip
        gone = _states(ada, lambda names: bo not in names)
        expect(bo not in gone[-1], "When Bo closes his page, Ada receives the list of the people "
                                   "who are still here.",
               f"still {gone[-1]}",
               "In the handler of `disconnect`, first remove the connection, and then call "
               "`tell_presence` for its rooms.")  # fmt: skip
        cy = fresh_name("Cy")
        with entered(chat, cy) as (person,):
            _states(ada, lambda names: cy in names)
            person.leave(person.family.general)
            left = _states(ada, lambda names: cy not in names)
            expect(cy not in left[-1], "When Cy leaves the room, Ada receives the list of the people "
                                       "who are still here.",
                   f"still {left[-1]}",
                   "In the handler of `leave_room`, call `tell_presence(room.id)` after "
                   "`memberships.update_sockets(…)`.")  # fmt: skip


@promise(since="presence", final_app=True)
def presence_counts_people(chat: Stage) -> None:
    """Two tabs and a phone count as one person, and closing one of them changes nothing."""
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
               "Bo is in the list once while he has two tabs and a phone, and after one of them closes.",
               f"{names}",
               "Count people, not connections: put each name into a set. A person has left only when "
               "their last connection is closed: find out who is here from all the connections that are "
               "still open.")  # fmt: skip


@promise(since="presence", final_app=True)
def people_can_leave_their_last_room(chat: Stage) -> None:
    """People who leave their last room still see a page where they can find other rooms."""
    rooms, name = account_of(chat), fresh_name()
    with entered(chat, name) as (person,):
        person.leave(rooms.general)
        page = visit(chat, rooms.page(name), by=person.browser, follow=True)
        expect(page.status_code == 200,
               f"Somebody who is in no room sees the page {rooms.page(name)}.",
               f"status {page.status_code}",
               "Look for the room only if the person is in one: `min(…, default=0)`, and `if "
               "room_id and "
               "room_id not in mine`.")  # fmt: skip
        person.said("Here I am", make_room(chat, name))


@promise(since="presence", final_app=True)
def leaving_reaches_every_tab(chat: Stage) -> None:
    """People who leave a room receive nothing from it in any tab, and can do nothing there."""
    rooms, room = account_of(chat), make_room(chat, "Ada")
    with entered(chat, "Ada", "Bo", "Bo") as (ada, bo, tab):
        for person in (ada, bo, tab):
            person.join(room)
        ada.said("Stay!", room)
        bo.leave(room)
        ada.said("Bo has gone", room)
        for which, client in (("the tab in which Bo left", bo), ("his other tab", tab)):
            expect(client.texts() == ["Stay!"],
                   f"After Bo leaves, {which} receives nothing from the room.",
                   "it still receives what is said there",
                   "First call `memberships.leave(user, room)`, and then "
                   "`memberships.update_sockets(room.id, sockets)`.")  # fmt: skip
            client.refused("new_message", client.payload("Still here?", room),
                           "Somebody who has left is no longer a member. Read the memberships from "
                           "the database at every event.",
                           code=rooms.not_a_member)  # fmt: skip
        heard = ada.texts()
    expect("Bo has gone" in heard, "People who stay still receive what is said in the room.",
           f"Ada receives {heard}",
           "Remove only the sockets of the person who left. `close_room` removes "
           "everybody's.")  # fmt: skip


@promise(since="presence")
def only_members_leave(chat: Stage) -> None:
    """`leave_room` is refused if the person is not in the room, or if the event names no room."""
    room = make_room(chat, "Ada")
    with entered(chat, "Bo") as (bo,):
        for number, code in ((room, "forbidden"), (NOWHERE, "not_found"), ("1", "invalid")):
            bo.refused("leave_room", {"room": number},
                       "As in every other event, first check that the person is a member: `user, room = "
                       "memberships.require_member(payload)`.", code=code)  # fmt: skip


def _states(person: Person, wanted: Callable[[list[str]], bool]) -> list[list[str]]:
    """Wait for a list of the people who are here that meets a condition. Return all lists so far."""
    rooms = person.family
    while True:
        states = rooms.online(person.heard(), rooms.general)
        if (states and wanted(states[-1])) or person.hear("presence") is None:
            return rooms.online(person.heard(), rooms.general)


@exercise("presence")
def who_types_is_shown(chat: Stage) -> None:
    """While somebody is typing, others in the room receive `typing`, and the page shows it for 3 s."""
    room = make_room(chat, "Ada")
    with entered(chat, "Ada", "Bo", "Cy") as (ada, bo, cy):
        ada.join(room)
        bo.join(room)
        ada.emit("typing", {"room": room})
        ada.told("typing")  # when the answer arrives, the server has handled `typing`
        cy.emit("typing", {"room": room})
        cy.told("typing")
        heard = {name: who.told("typing") for name, who in (("Ada", ada), ("Bo", bo), ("Cy", cy))}
    attempted(any(heard.values()),
              "When Ada emits `typing`, Bo, who is in the same room, receives it.", "he does not",
              'Write a function below `@socketio.on("typing")`.')  # fmt: skip
    expect(heard["Bo"] == [{"room": room, "username": "Ada"}] and not heard["Cy"],
           'Bo receives `typing` exactly once, with {"room": …, "username": "Ada"}. Cy, who is not in '
           "the room, can neither send nor receive it.",
           f"Bo: {heard['Bo']}, Cy: {heard['Cy'] or 'nothing'}",
           "As in every other event, begin with `user, room = memberships.require_member(payload)`. "
           'Then write `emit("typing", {"room": room.id, "username": user.username}, to=room.id, '
           "include_self=False)`.")  # fmt: skip
    expect(not heard["Ada"], "Ada does not receive her own `typing`.", f"{heard['Ada']}",
           "Add `include_self=False` next to `to=room.id`.")  # fmt: skip
    _page_takes_part(chat)


def _page_takes_part(chat: Stage) -> None:
    family = account_of(chat)
    other = make_room(chat, BO)
    with visitors(chat, "Ada") as (ada,), entered(chat, BO) as (bo,):
        ada.types(FIELD, "H")
        ada.expects(lambda: {"room": family.general} in ada.sent("typing"),
                    "The page emits `typing` with its room when somebody types something.",
                    'Add `input.addEventListener("input", () => socket.emit("typing", { room }))`.',
                    f"It emitted {ada.page.sent}.")  # fmt: skip
        ada.page.pages.settle()
        quiet = ada.text
        bo.family.join("Ada", other)
        bo.emit("typing", {"room": family.general})
        ada.did = "Bo is typing."
        ada.expects(lambda: ada.text.count(BO) > quiet.count(BO),
                    f"The page shows that {BO} is typing, as text.",
                    'In `socket.on("typing", (person) => …)`, set the `textContent` of an element. '
                    f"{INNER}",
                    lambda: "Nothing changed." if ada.text == quiet else ada.news())  # fmt: skip
        ada.page.pages.wait(lambda: False, 1.2)
        bo.emit("typing", {"room": family.general})
        ada.page.pages.wait(lambda: False, 2.1)  # together, more than 3 s
        ada.did = "Bo typed a letter, and a second later another one."
        expect(ada.text.count("Bo") > quiet.count("Bo"),
               "The page still shows it 2 s after the second letter.",
               "It is gone.",
               "Call `clearTimeout(timer)` before you set a new timer. The second argument of "
               "`setTimeout` is in milliseconds: 3000 is three seconds.", about=SCRIPT)  # fmt: skip
        ada.did = "Bo was typing, and stopped."
        ada.expects(lambda: ada.text == quiet, "The page no longer shows it after 3 s.",
                    "Clear the text with `setTimeout(() => …, 3000)`.",
                    "It is still there.", 5.0)  # fmt: skip
        bo.emit("typing", {"room": other})
        bo.told("typing")
        ada.page.pages.settle()
        expect(ada.text == quiet, "The page shows only people who are typing in its own room.",
               "Bo is typing in another room, and the page shows it.",
               "People who are in two rooms receive the events of both. Begin the listener with "
               "`if (person.room !== room) return;`.", about=SCRIPT)  # fmt: skip
