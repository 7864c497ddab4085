"""Step 09: only the people in a room receive its messages."""

from itertools import count

from workshop.checks.browse import lines, text_of, visit
from workshop.checks.client import entered, number_of
from workshop.checks.families import account_of, family_of, make_room
from workshop.checks.history import OLDER
from workshop.checks.promise import Broken, expect, promise
from workshop.checks.speakers import fresh_name
from workshop.stages import Stage

NOWHERE = 987654  # no room has this number
ONLY_HERE = "Nobody else may read this."

_numbers = count(1)


@promise(since="rooms", final_app=True)
def people_who_register_are_in_the_general_room(chat: Stage) -> None:
    """People who register are in the room “general”, and a message names its room."""
    name = fresh_name()
    with entered(chat, name) as (newcomer,):
        answer = newcomer.say("Hello, I am new")
    message = answer.get("message", {}) if isinstance(answer, dict) else {}
    expect(message.get("room") == family_of(chat).general,
           "Somebody who has just registered may write in room 1, and the message "
           'carries `"room": 1`.', f"{answer!r}",
           "Create the room “general” with the id 1 when the server starts. Make the new person a "
           "member of it in `register`. Return `room_id` as `room` in `as_dict`.")  # fmt: skip


@promise(since="rooms", final_app=True)
def a_room_can_be_made_and_joined(chat: Stage) -> None:
    """One person creates a room, another one joins it, and they talk there."""
    rooms, room = account_of(chat), make_room(chat, "Ada")
    with entered(chat, "Ada", "Bo") as (ada, bo):
        answer = bo.join(room)
        expect(isinstance(answer, dict) and answer.get("room", {}).get("id") == room,
               f'`join_room` is acknowledged with {{"ok": true, "room": {{"id": {room}, '
               '"name": "…"}}.', f"{answer!r}",
               "Store the membership, `commit()`, add the socket with flask_socketio's "
               "`join_room(room.id)`, and return the room.")  # fmt: skip
        ada.join(room)
        ada.said("Is anybody here?", room)
        texts = bo.texts()
    expect(texts == ["Is anybody here?"], "Bo, who has joined, receives what Ada says in the room.",
           f"{texts or 'nothing'}",
           "The row of the membership is not enough: the socket must join the room, too. In the "
           "handler, call `tell_presence(room.id)`, which calls `join_room`, and write "
           "`emit(…, to=room.id)`.")  # fmt: skip
    page = visit(chat, rooms.room_page(room), by=rooms.browser("Bo"))
    expect(page.status_code == 200,
           f"The page of the room, {rooms.room_page(room)}, opens for its members.",
           f"status {page.status_code}",
           'Write `@app.route("/chat/<int:room_id>")` above `chat`, with the parameter '
           '`room_id`.')  # fmt: skip


@promise(since="rooms", final_app=True)
def everyone_receives_their_own_rooms(chat: Stage) -> None:
    """Everyone receives what is said in their own rooms, and nothing from other rooms."""
    tea, cake = make_room(chat, "Ada"), make_room(chat, "Cy")
    with entered(chat, "Ada", "Bo", "Cy") as (ada, bo, cy):
        for person, room in ((ada, tea), (bo, tea), (cy, cake), (ada, cake)):
            person.join(room)
        bo.said("Tea?", tea)
        cy.said("Cake?", cake)
        ada.said("Both!", tea)
        heard = {who.name: who.texts() for who in (ada, bo, cy)}
    wanted = {"Ada": ["Tea?", "Cake?", "Both!"], "Bo": ["Tea?", "Both!"], "Cy": ["Cake?"]}
    for name, texts in wanted.items():
        if heard[name] != texts:
            more = len(heard[name]) > len(texts)
            raise Broken(f"{name} receives {texts}, and nothing else.", f"{heard[name]}",
                         'Without `to=`, everyone receives it: write `emit("new_message", '
                         'message, to=room.id)`.'
                         if more else
                         "Pass the same room to `to=` and to `join_room`: a number and a text with "
                         "the same digits are two different rooms.")  # fmt: skip


@promise(since="rooms", final_app=True)
def each_room_counts_for_itself(chat: Stage) -> None:
    """Each room has its own numbers, from 1, and its own history."""
    tea, cake = make_room(chat, "Ada"), make_room(chat, "Ada")
    with entered(chat, "Ada") as (ada,):
        ada.join(tea)
        ada.join(cake)
        said_there = [ada.said(text, room) for text, room in
                      (("one", tea), ("one", cake), ("two", tea), ("two", cake))]  # fmt: skip
        numbers = [number_of(message) for message in said_there]
        by_sync = ada.sync(0, tea)
    on_page = [text_of(line) for line in lines(chat, account_of(chat).room_page(tea))]
    expect(numbers == [1, 1, 2, 2], "In two new rooms, the messages have the numbers 1, 1, 2, 2.",
           f"{numbers}",
           "Count within the room: the largest `seq` of this `room_id`, plus one. A page that "
           "receives 1 and then 3 would ask for a message of another room.")  # fmt: skip
    expect(by_sync == said_there[::2] and len(on_page) == 2,
           "`sync` and the page of a room contain what was said there, and only that.",
           f"{[message.get('text') for message in by_sync]}; {len(on_page)} messages on the page",
           "Select with `Message.room_id == room.id` in both places.")  # fmt: skip


@promise(since="rooms", final_app=True)
def every_event_checks_who_is_a_member(chat: Stage) -> None:
    """People who are not in a room can do nothing there, whichever event they send."""
    rooms, room = account_of(chat), make_room(chat, "Ada")
    with entered(chat, "Bo") as (bo,):
        for event, data in rooms.for_members(room):
            bo.refused(event, data,
                       f"`{event}` must check who is a member. Begin each handler by finding the "
                       "person, the room, and the person's membership.",
                       code=rooms.not_a_member)  # fmt: skip
        for event, data in rooms.for_members(NOWHERE):
            bo.refused(event, data,
                       f"In `{event}`, refuse a number that no room has before you do anything else.",
                       code="not_found")  # fmt: skip


@promise(since="rooms")
def a_room_is_a_number(chat: Stage) -> None:
    """An event that does not name a room by its number is refused."""
    rooms = account_of(chat)
    with entered(chat, "Ada") as (ada,):
        for event, data in (*rooms.for_members("1"), ("join_room", {"room": None})):
            ada.refused(
                event, data, f"In `{event}`, first check that `room` is a number.", field="room"
            )
        ada.refused("join_room", {"room": NOWHERE},
                    "In `join_room`, refuse a number that no room has before you do anything else.",
                    code="not_found")  # fmt: skip


@promise(since="rooms", final_app=True)
def a_room_has_no_page_for_others(chat: Stage) -> None:
    """People who are not in a room get the same answer for its page as if it did not exist."""
    rooms, room = account_of(chat), make_room(chat, "Ada")
    answers = [
        visit(chat, rooms.room_page(number), by=rooms.browser("Bo"), follow=True)
        for number in (room, NOWHERE)
    ]
    expect([answer.status_code for answer in answers] == [404, 404],
           "For Bo, the pages of Ada's room and of a room that does not exist both return 404.",
           f"{answers[0].status_code} and {answers[1].status_code}",
           "As in every event, check whether the person is in the room. If not, `abort(404)`, as if "
           "the room did not exist.")  # fmt: skip
    with entered(chat, "Ada") as (ada,):
        ada.join(room)
        ada.said(ONLY_HERE, room)
    expect(ONLY_HERE not in visit(chat, OLDER, by=rooms.browser("Bo")).text,
           "People who are not in a room cannot read what is said there, at any address.",
           f"{OLDER} shows Bo what Ada said",
           "`/api/messages` from exercise 07 ignores rooms. Remove it, and its lines in `chat.js` "
           "and `chat.html`.")  # fmt: skip


@promise(since="rooms", final_app=True)
def joining_reaches_every_tab(chat: Stage) -> None:
    """People who join or create a room receive its messages in every tab."""
    adas = make_room(chat, "Ada")
    with entered(chat, "Ada", "Bo", "Bo") as (ada, bo, tab):
        bo.join(adas)
        bos = make_room(chat, "Bo")  # by a form, which knows of no tab
        for room, who, how in ((adas, ada, "joins a room"), (bos, bo, "creates a room")):
            text = who.said(f"Hello from {room}", room)["text"]
            for client in (bo, tab):
                expect(text in client.texts(),
                       f"When Bo {how}, both of his tabs receive what is said there.",
                       "one of them does not",
                       "Call `tell_presence(room.id)` after each change of a membership. It "
                       'calls `join_room(room_id, sid, "/")` for all sockets of the '
                       'members.')  # fmt: skip


@promise(since="rooms", final_app=True)
def people_can_leave_their_last_room(chat: Stage) -> None:
    """People who leave their last room still have a page, and find other rooms from there."""
    rooms, name = account_of(chat), fresh_name()
    with entered(chat, name) as (person,):
        person.leave(rooms.general)
        page = visit(chat, rooms.page(name), by=person.browser, follow=True)
        expect(page.status_code == 200,
               f"Somebody who is in no room sees the page {rooms.page(name)}.",
               f"status {page.status_code}",
               "Look for the room only if there is one: `if room_id and room_id not in "
               "…`.")  # fmt: skip
        person.said("Here I am", make_room(chat, name))


@promise(since="rooms", final_app=True)
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
                   "Delete the row of the membership. Then call `leave_room(room_id, sid, "
                   '"/")` for every socket of the person, in `tell_presence`.')  # fmt: skip
            client.refused("new_message", client.payload("Still here?", room),
                           "Somebody who has left is not a member: delete the row, `commit()`, and "
                           "read the memberships from the database at every event.",
                           code=rooms.not_a_member)  # fmt: skip
        heard = ada.texts()
    expect("Bo has gone" in heard, "People who stay still receive what is said in the room.",
           f"Ada receives {heard}",
           "Remove only the sockets of the person who left. `close_room` removes "
           "everybody's.")  # fmt: skip
