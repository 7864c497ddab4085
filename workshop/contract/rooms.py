"""Promises of step 09: who is in a room hears what is said there, and nobody else."""

from itertools import count

import socketio

from workshop.contract.answers import messages_told, payload, refused, said, say
from workshop.contract.browse import let_in, text_of, visit
from workshop.contract.doors import account_of, fresh_name
from workshop.contract.families import Room, family_of
from workshop.contract.history import number_of_message, synced
from workshop.contract.history_page import OLDER, lines
from workshop.contract.people import entered, name_of
from workshop.contract.promise import Broken, promise
from workshop.stages import Stage

NOWHERE = 987654  # no room has this number
ONLY_HERE = "Nobody else may read this."

_numbers = count(1)


@promise(since="09", final_app=True)
def who_registers_is_in_the_general_room(chat: Stage) -> None:
    """Who registers is in the room “general”, and a message names its room."""
    name = fresh_name()
    with entered(chat, name) as (newcomer,):
        answer = say(chat, newcomer, "Hello, I am new")
    message = answer.get("message", {}) if isinstance(answer, dict) else {}
    if message.get("room") != family_of(chat).general:
        raise Broken(
            expected="Somebody who has just registered may write in room 1, and the message "
            'carries `"room": 1`.',
            seen=f"{answer!r}",
            hint="The room “general” is made at the start, with the id 1; `register` makes the new "
            "person a member of it; `as_dict` gives `room_id` as `room`.",
        )


@promise(since="09", final_app=True)
def a_room_can_be_made_and_joined(chat: Stage) -> None:
    """Somebody makes a room, somebody else joins it, and there they talk."""
    rooms, room = rooms_of(chat), make_room(chat, "Ada")
    with entered(chat, "Ada", "Bo") as (ada, bo):
        answer = join(chat, bo, room)
        if not isinstance(answer, dict) or answer.get("room", {}).get("id") != room:
            raise Broken(
                expected=f'`join_room` is acknowledged with {{"ok": true, "room": {{"id": {room}, '
                '"name": "…"}}.',
                seen=f"{answer!r}",
                hint="Make the membership, `commit()`, let the socket in with flask_socketio's "
                "`join_room(room.id)`, and return the room.",
            )
        join(chat, ada, room)
        said(chat, ada, "Is anybody here?", room)
        texts = [message.get("text") for message in messages_told(chat, bo)]
    if texts != ["Is anybody here?"]:
        raise Broken(
            expected="Who has joined hears what is said in the room.",
            seen=f"{texts or 'nothing'}",
            hint="The membership is a row; hearing is the socket's: `tell_presence(room.id)` in the "
            "handler, which calls `join_room`, and `emit(…, to=room.id)`.",
        )
    page = visit(chat, rooms.room_page(chat, room), by=rooms.browser(chat, "Bo"))
    if page.status_code != 200:
        raise Broken(
            expected=f"The page of the room, {rooms.room_page(chat, room)}, opens for its members.",
            seen=f"status {page.status_code}",
            hint='`@app.route("/chat/<int:room_id>")` above `chat`, and its parameter `room_id`.',
        )


@promise(since="09", final_app=True)
def who_hears_what(chat: Stage) -> None:
    """Of three people and two rooms, everyone hears their own rooms, and nobody another one."""
    tea, cake = make_room(chat, "Ada"), make_room(chat, "Cy")
    with entered(chat, "Ada", "Bo", "Cy") as (ada, bo, cy):
        for person, room in ((ada, tea), (bo, tea), (cy, cake), (ada, cake)):
            join(chat, person, room)
        said(chat, bo, "Tea?", tea)
        said(chat, cy, "Cake?", cake)
        said(chat, ada, "Both!", tea)
        heard = {
            name_of(who): [m.get("text") for m in messages_told(chat, who)] for who in (ada, bo, cy)
        }
    wanted = {"Ada": ["Tea?", "Cake?", "Both!"], "Bo": ["Tea?", "Both!"], "Cy": ["Cake?"]}
    for name, texts in wanted.items():
        if heard[name] != texts:
            more = len(heard[name]) > len(texts)
            raise Broken(
                expected=f"{name} hears {texts}, and nothing else.",
                seen=f"{heard[name]}",
                hint='Without `to=` everyone hears it: `emit("new_message", message, to=room.id)`.'
                if more
                else "`to=` names the room: the same name that `join_room` was given, a number or "
                "a text, but the same.",
            )


@promise(since="09", final_app=True)
def each_room_counts_for_itself(chat: Stage) -> None:
    """Each room has its own numbers, from 1, and its own history."""
    tea, cake = make_room(chat, "Ada"), make_room(chat, "Ada")
    with entered(chat, "Ada") as (ada,):
        join(chat, ada, tea)
        join(chat, ada, cake)
        said_there = [said(chat, ada, text, room) for text, room in
                      (("one", tea), ("one", cake), ("two", tea), ("two", cake))]  # fmt: skip
        numbers = [number_of_message(message) for message in said_there]
        by_sync = synced(chat, ada, 0, tea)
    on_page = [text_of(line) for line in lines(chat, rooms_of(chat).room_page(chat, tea))]
    if numbers != [1, 1, 2, 2]:
        raise Broken(
            expected="In two new rooms, the messages have the numbers 1, 1, 2, 2.",
            seen=f"{numbers}",
            hint="Count within the room: the largest `seq` of this `room_id`, plus one. A page "
            "that saw 1 and then 3 would look for what was said elsewhere.",
        )
    if by_sync != said_there[::2] or len(on_page) != 2:
        raise Broken(
            expected="`sync`, and the page of a room, give what was said there, and only that.",
            seen=f"{[message.get('text') for message in by_sync]}; on the page {len(on_page)} lines",
            hint="Both ask for `Message.room_id == room.id`, beside the number.",
        )


@promise(since="09", final_app=True)
def every_event_asks_who_is_a_member(chat: Stage) -> None:
    """Who is not in a room can do nothing there, whichever event they send."""
    rooms, room = rooms_of(chat), make_room(chat, "Ada")
    with entered(chat, "Bo") as (bo,):
        for event, data in rooms.for_members(room):
            refused(
                chat, bo, event, data, code=rooms.not_a_member,
                hint=f"`{event}` asks who is a member: the first thing that a handler does is to "
                "find the person, the room, and the person in the room.",
            )  # fmt: skip
        for event, data in rooms.for_members(NOWHERE):
            refused(
                chat, bo, event, data, code="not_found",
                hint=f"`{event}`: a number that no room has is answered before anything is done.",
            )  # fmt: skip


@promise(since="09")
def a_room_is_a_number(chat: Stage) -> None:
    """An event that names no room is refused."""
    rooms = rooms_of(chat)
    with entered(chat, "Ada") as (ada,):
        for event, data in (*rooms.for_members("1"), ("join_room", {"room": None})):
            refused(
                chat, ada, event, data, field="room",
                hint=f"`{event}`: ask first whether `room` is a number.",
            )  # fmt: skip
        refused(
            chat, ada, "join_room", {"room": NOWHERE}, code="not_found",
            hint="`join_room`: a number that no room has is answered before anything is done.",
        )  # fmt: skip


@promise(since="09", final_app=True)
def a_room_has_no_page_for_others(chat: Stage) -> None:
    """Who is not in a room gets the same answer for its page as for a room that is not there."""
    rooms, room = rooms_of(chat), make_room(chat, "Ada")
    answers = [
        visit(chat, rooms.room_page(chat, number), by=rooms.browser(chat, "Bo"), follow=True)
        for number in (room, NOWHERE)
    ]
    if [answer.status_code for answer in answers] != [404, 404]:
        raise Broken(
            expected="For Bo, the page of Ada's room and that of no room both answer 404.",
            seen=f"{answers[0].status_code} and {answers[1].status_code}",
            hint="Ask, as every event does, whether the person is in the room: if not, `abort(404)`, "
            "as if there were no such room.",
        )
    with entered(chat, "Ada") as (ada,):
        join(chat, ada, room)
        said(chat, ada, ONLY_HERE, room)
    if ONLY_HERE in visit(chat, OLDER, by=rooms.browser(chat, "Bo")).text:
        raise Broken(
            expected="Who is not in a room reads nothing that was said there, at whatever address.",
            seen=f"{OLDER} tells Bo what Ada said",
            hint="`/api/messages`, of exercise 07, knows no rooms: take it out, with its lines in "
            "`chat.js` and `chat.html`.",
        )


@promise(since="09", final_app=True)
def joining_reaches_every_tab(chat: Stage) -> None:
    """Who joins a room, or makes one, hears it in every tab."""
    adas = make_room(chat, "Ada")
    with entered(chat, "Ada", "Bo", "Bo") as (ada, bo, tab):
        join(chat, bo, adas)
        bos = make_room(chat, "Bo")  # by a form, which knows of no tab
        for room, who, how in ((adas, ada, "joins a room"), (bos, bo, "makes a room")):
            text = said(chat, who, f"Hello from {room}", room)["text"]
            for client in (bo, tab):
                if text not in [m.get("text") for m in messages_told(chat, client)]:
                    raise Broken(
                        expected=f"When Bo {how}, both of his tabs hear what is said there.",
                        seen="one of them does not",
                        hint="`tell_presence(room.id)` comes after each change of a membership; it "
                        'calls `join_room(room_id, sid, "/")` for all sockets of the members.',
                    )


@promise(since="09", final_app=True)
def who_leaves_the_last_room_is_not_lost(chat: Stage) -> None:
    """Who leaves their last room still has a page, and finds another room from there."""
    rooms, name = rooms_of(chat), fresh_name()
    with entered(chat, name) as (person,):
        rooms.leave(chat, person, name, rooms.general)
        page = visit(chat, rooms.page(name), by=rooms.browser(chat, name), follow=True)
        if page.status_code != 200:
            raise Broken(
                expected=f"Who is in no room is shown the page {rooms.page(name)}.",
                seen=f"status {page.status_code}",
                hint="Without a room there is none to look for: `if room_id and room_id not in …`.",
            )
        said(chat, person, "Here I am", make_room(chat, name))


@promise(since="09", final_app=True)
def leaving_reaches_every_tab(chat: Stage) -> None:
    """Who leaves a room hears nothing there any more, in no tab, and can do nothing there."""
    rooms, room = rooms_of(chat), make_room(chat, "Ada")
    with entered(chat, "Ada", "Bo", "Bo") as (ada, bo, tab):
        for person in (ada, bo, tab):
            join(chat, person, room)
        said(chat, ada, "Stay!", room)
        rooms.leave(chat, bo, "Bo", room)
        said(chat, ada, "Bo has gone", room)
        for which, client in (("which he left by", bo), ("beside it", tab)):
            if [m.get("text") for m in messages_told(chat, client)] != ["Stay!"]:
                raise Broken(
                    expected=f"After leaving, Bo's tab {which} hears nothing of the room.",
                    seen="it still hears what is said there",
                    hint="The row of the membership goes, and then every socket of the person "
                    'leaves, in all tabs: `leave_room(room_id, sid, "/")`, in `tell_presence`.',
                )
            refused(
                chat, client, "new_message", payload(chat, client, "Still here?", room),
                code=rooms.not_a_member,
                hint="Who has left is no member: delete the row, `commit()`, and read the "
                "memberships from the database at every event.",
            )  # fmt: skip
        heard = [message.get("text") for message in messages_told(chat, ada)]
    if "Bo has gone" not in heard:
        raise Broken(
            expected="Who stays still hears what is said in the room.",
            seen=f"Ada hears {heard}",
            hint="Only the sockets of who has left go: not the room's (`close_room`).",
        )


def rooms_of(chat: Stage) -> Room:
    """Return the adapter of a stage with rooms. Raises Broken when it has no accounts yet."""
    family = account_of(chat)
    assert isinstance(family, Room)
    return family


def make_room(chat: Stage, owner: str, name: str = "") -> int:
    """Let somebody make a new room; return its number."""
    rooms = rooms_of(chat)
    with let_in(chat):
        return rooms.make_room(chat, owner, name or f"Tea {next(_numbers)}")


def join(chat: Stage, client: socketio.SimpleClient, room: int) -> object:
    """Let somebody in, whether they are a member already or not; return the answer."""
    return rooms_of(chat).join(chat, client, name_of(client), room)
