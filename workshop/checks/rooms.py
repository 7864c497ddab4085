"""Step 09: who is in a room hears what is said there, and nobody else."""

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
def who_registers_is_in_the_general_room(chat: Stage) -> None:
    """Who registers is in the room “general”, and a message names its room."""
    name = fresh_name()
    with entered(chat, name) as (newcomer,):
        answer = newcomer.say("Hello, I am new")
    message = answer.get("message", {}) if isinstance(answer, dict) else {}
    expect(message.get("room") == family_of(chat).general,
           "Somebody who has just registered may write in room 1, and the message "
           'carries `"room": 1`.', f"{answer!r}",
           "The room “general” is made at the start, with the id 1; `register` makes the new "
           "person a member of it; `as_dict` gives `room_id` as `room`.")  # fmt: skip


@promise(since="rooms", final_app=True)
def a_room_can_be_made_and_joined(chat: Stage) -> None:
    """Somebody makes a room, somebody else joins it, and there they talk."""
    rooms, room = account_of(chat), make_room(chat, "Ada")
    with entered(chat, "Ada", "Bo") as (ada, bo):
        answer = bo.join(room)
        expect(isinstance(answer, dict) and answer.get("room", {}).get("id") == room,
               f'`join_room` is acknowledged with {{"ok": true, "room": {{"id": {room}, '
               '"name": "…"}}.', f"{answer!r}",
               "Make the membership, `commit()`, let the socket in with flask_socketio's "
               "`join_room(room.id)`, and return the room.")  # fmt: skip
        ada.join(room)
        ada.said("Is anybody here?", room)
        texts = bo.texts()
    expect(texts == ["Is anybody here?"], "Who has joined hears what is said in the room.",
           f"{texts or 'nothing'}",
           "The membership is a row; hearing is the socket's: `tell_presence(room.id)` in the "
           "handler, which calls `join_room`, and `emit(…, to=room.id)`.")  # fmt: skip
    page = visit(chat, rooms.room_page(room), by=rooms.browser("Bo"))
    expect(page.status_code == 200,
           f"The page of the room, {rooms.room_page(room)}, opens for its members.",
           f"status {page.status_code}",
           '`@app.route("/chat/<int:room_id>")` above `chat`, and its parameter `room_id`.')  # fmt: skip


@promise(since="rooms", final_app=True)
def who_hears_what(chat: Stage) -> None:
    """Of three people and two rooms, everyone hears their own rooms, and nobody another one."""
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
            raise Broken(f"{name} hears {texts}, and nothing else.", f"{heard[name]}",
                         'Without `to=` everyone hears it: `emit("new_message", message, '
                         'to=room.id)`.'
                         if more else
                         "`to=` names the room: the same name that `join_room` was given, a number "
                         "or a text, but the same.")  # fmt: skip


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
           "Count within the room: the largest `seq` of this `room_id`, plus one. A page that saw "
           "1 and then 3 would look for what was said elsewhere.")  # fmt: skip
    expect(by_sync == said_there[::2] and len(on_page) == 2,
           "`sync`, and the page of a room, give what was said there, and only that.",
           f"{[message.get('text') for message in by_sync]}; on the page {len(on_page)} lines",
           "Both ask for `Message.room_id == room.id`, beside the number.")  # fmt: skip


@promise(since="rooms", final_app=True)
def every_event_asks_who_is_a_member(chat: Stage) -> None:
    """Who is not in a room can do nothing there, whichever event they send."""
    rooms, room = account_of(chat), make_room(chat, "Ada")
    with entered(chat, "Bo") as (bo,):
        for event, data in rooms.for_members(room):
            bo.refused(event, data,
                       f"`{event}` asks who is a member: the first thing that a handler does is to "
                       "find the person, the room, and the person in the room.",
                       code=rooms.not_a_member)  # fmt: skip
        for event, data in rooms.for_members(NOWHERE):
            bo.refused(event, data,
                       f"`{event}`: a number that no room has is answered before anything is done.",
                       code="not_found")  # fmt: skip


@promise(since="rooms")
def a_room_is_a_number(chat: Stage) -> None:
    """An event that names no room is refused."""
    rooms = account_of(chat)
    with entered(chat, "Ada") as (ada,):
        for event, data in (*rooms.for_members("1"), ("join_room", {"room": None})):
            ada.refused(
                event, data, f"`{event}`: ask first whether `room` is a number.", field="room"
            )
        ada.refused("join_room", {"room": NOWHERE},
                    "`join_room`: a number that no room has is answered before anything is done.",
                    code="not_found")  # fmt: skip


@promise(since="rooms", final_app=True)
def a_room_has_no_page_for_others(chat: Stage) -> None:
    """Who is not in a room gets the same answer for its page as for a room that is not there."""
    rooms, room = account_of(chat), make_room(chat, "Ada")
    answers = [
        visit(chat, rooms.room_page(number), by=rooms.browser("Bo"), follow=True)
        for number in (room, NOWHERE)
    ]
    expect([answer.status_code for answer in answers] == [404, 404],
           "For Bo, the page of Ada's room and that of no room both answer 404.",
           f"{answers[0].status_code} and {answers[1].status_code}",
           "Ask, as every event does, whether the person is in the room: if not, `abort(404)`, as "
           "if there were no such room.")  # fmt: skip
    with entered(chat, "Ada") as (ada,):
        ada.join(room)
        ada.said(ONLY_HERE, room)
    expect(ONLY_HERE not in visit(chat, OLDER, by=rooms.browser("Bo")).text,
           "Who is not in a room reads nothing that was said there, at whatever address.",
           f"{OLDER} tells Bo what Ada said",
           "`/api/messages`, of exercise 07, knows no rooms: take it out, with its lines in "
           "`chat.js` and `chat.html`.")  # fmt: skip


@promise(since="rooms", final_app=True)
def joining_reaches_every_tab(chat: Stage) -> None:
    """Who joins a room, or makes one, hears it in every tab."""
    adas = make_room(chat, "Ada")
    with entered(chat, "Ada", "Bo", "Bo") as (ada, bo, tab):
        bo.join(adas)
        bos = make_room(chat, "Bo")  # by a form, which knows of no tab
        for room, who, how in ((adas, ada, "joins a room"), (bos, bo, "makes a room")):
            text = who.said(f"Hello from {room}", room)["text"]
            for client in (bo, tab):
                expect(text in client.texts(),
                       f"When Bo {how}, both of his tabs hear what is said there.",
                       "one of them does not",
                       "`tell_presence(room.id)` comes after each change of a membership; it "
                       'calls `join_room(room_id, sid, "/")` for all sockets of the '
                       'members.')  # fmt: skip


@promise(since="rooms", final_app=True)
def who_leaves_the_last_room_is_not_lost(chat: Stage) -> None:
    """Who leaves their last room still has a page, and finds another room from there."""
    rooms, name = account_of(chat), fresh_name()
    with entered(chat, name) as (person,):
        person.leave(rooms.general)
        page = visit(chat, rooms.page(name), by=person.browser, follow=True)
        expect(page.status_code == 200, f"Who is in no room is shown the page {rooms.page(name)}.",
               f"status {page.status_code}",
               "Without a room there is none to look for: `if room_id and room_id not in "
               "…`.")  # fmt: skip
        person.said("Here I am", make_room(chat, name))


@promise(since="rooms", final_app=True)
def leaving_reaches_every_tab(chat: Stage) -> None:
    """Who leaves a room hears nothing there any more, in no tab, and can do nothing there."""
    rooms, room = account_of(chat), make_room(chat, "Ada")
    with entered(chat, "Ada", "Bo", "Bo") as (ada, bo, tab):
        for person in (ada, bo, tab):
            person.join(room)
        ada.said("Stay!", room)
        bo.leave(room)
        ada.said("Bo has gone", room)
        for which, client in (("which he left by", bo), ("beside it", tab)):
            expect(client.texts() == ["Stay!"],
                   f"After leaving, Bo's tab {which} hears nothing of the room.",
                   "it still hears what is said there",
                   "The row of the membership goes, and then every socket of the person "
                   'leaves, in all tabs: `leave_room(room_id, sid, "/")`, in '
                   '`tell_presence`.')  # fmt: skip
            client.refused("new_message", client.payload("Still here?", room),
                           "Who has left is no member: delete the row, `commit()`, and read the "
                           "memberships from the database at every event.",
                           code=rooms.not_a_member)  # fmt: skip
        heard = ada.texts()
    expect("Bo has gone" in heard, "Who stays still hears what is said in the room.",
           f"Ada hears {heard}",
           "Only the sockets of who has left go: not the room's (`close_room`).")  # fmt: skip
