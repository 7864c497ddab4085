"""Rooms: only the members of a room can read it and write in it."""

from workshop.checks.browse import lines, text_of, visit
from workshop.checks.client import entered, number_of
from workshop.checks.families import account_of, family_of, make_room
from workshop.checks.promise import expect, promise
from workshop.checks.speakers import fields, fresh_name
from workshop.stages import Stage

NOWHERE = 987654  # no room has this number
ONLY_HERE = "Nobody else can read this."


@promise(since="rooms", final_app=True)
def people_who_register_are_in_the_general_room(chat: Stage) -> None:
    """People who register are in the room “general”, and a message names its room."""
    name = fresh_name()
    with entered(chat, name) as (newcomer,):
        answer = newcomer.say("Hello, I am new")
    message = fields(answer, "message")
    expect(message.get("room") == family_of(chat).general,
           "Somebody who has just registered can write in room 1, and the message "
           'contains `"room": 1`.', f"{answer!r}",
           'In `create_account`, call `memberships.join(user, "general")`. In `as_dict`, return '
           "`room_id` as `room`.")  # fmt: skip


@promise(since="rooms", final_app=True)
def a_room_can_be_made_and_joined(chat: Stage) -> None:
    """One person creates a room, another one joins it, and they talk there."""
    rooms, room = account_of(chat), make_room(chat, "Ada")
    with entered(chat, "Ada", "Bo") as (ada, bo):
        bo.join(room)
        ada.join(room)
        ada.said("Is anybody here?", room)
        texts = bo.texts()
    expect(texts == ["Is anybody here?"], "Bo, who has joined, receives Ada's messages in the room.",
           f"{texts or 'nothing'}",
           "Storing the membership is not enough: Bo's sockets must join the room, too. In "
           "`open_room`, call `memberships.update_sockets(room.id, sockets)`, and in the handler, "
           "write `emit(…, to=room.id)`.")  # fmt: skip
    page = visit(chat, rooms.room_page(room), by=rooms.browser("Bo"))
    expect(page.status_code == 200,
           f"The page of the room, {rooms.room_page(room)}, opens for its members.",
           f"status {page.status_code}",
           'Read the number with `request.args.get("room", …, type=int)`. A string is never in a '
           "list of numbers.")  # fmt: skip


@promise(since="rooms", final_app=True)
def everyone_receives_their_own_rooms(chat: Stage) -> None:
    """Everyone receives the messages from their own rooms, and none from other rooms."""
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
        expect(heard[name] == texts, f"{name} receives {texts}, and nothing else.", f"{heard[name]}",
               'Without `to=`, every connection receives it: write `emit("new_message", message, '
               "to=room.id)`. Pass the same value to `join_room`: a number and a string with the same "
               "digits are two different rooms.")  # fmt: skip


@promise(since="rooms", final_app=True, file="models.py")
def each_room_counts_for_itself(chat: Stage) -> None:
    """Each room numbers its messages from 1, and has its own history."""
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
           "Count within the room: the next number is the largest `seq` of this `room_id`, plus "
           "one. Otherwise, a page receives 1 and then 3, and asks for 2, which is in another "
           "room.")  # fmt: skip
    expect(by_sync == said_there[::2] and len(on_page) == 2,
           "`sync` and the page of a room contain the messages of this room, and no others.",
           f"{[message.get('text') for message in by_sync]}; {len(on_page)} messages on the page",
           "Select the messages with `Message.room_id == room.id` in both places.")  # fmt: skip


@promise(since="rooms", final_app=True, file="memberships.py")
def every_event_checks_who_is_a_member(chat: Stage) -> None:
    """People who are not in a room cannot do anything there, no matter which event they send."""
    rooms, room = account_of(chat), make_room(chat, "Ada")
    with entered(chat, "Bo") as (bo,):
        for event, data in rooms.for_members(room):
            bo.refused(event, data,
                       f"`{event}` must check that the person is a member: `user, room = "
                       "memberships.require_member(payload)`.",
                       code=rooms.not_a_member)  # fmt: skip
        for event, data in rooms.for_members(NOWHERE):
            bo.refused(event, data,
                       f"At the beginning of `{event}`, check that a room with this number exists.",
                       code="not_found")  # fmt: skip


@promise(since="rooms", file="memberships.py")
def a_room_is_a_number(chat: Stage) -> None:
    """An event without a valid room number is refused."""
    rooms = account_of(chat)
    with entered(chat, "Ada") as (ada,):
        for room in ("1", None):
            for event, data in rooms.for_members(room):
                hint = f"In `{event}`, first check that `room` is a number."
                ada.refused(event, data, hint, field="room")


@promise(since="rooms", final_app=True)
def a_room_has_no_page_for_others(chat: Stage) -> None:
    """If people open the page of a room that they are not in, the room appears not to exist."""
    rooms, room = account_of(chat), make_room(chat, "Ada")
    answers = [
        visit(chat, rooms.room_page(number), by=rooms.browser("Bo"), follow=True)
        for number in (room, NOWHERE)
    ]
    expect([answer.status_code for answer in answers] == [404, 404],
           "For Bo, the pages of Ada's room and of a room that does not exist both return 404.",
           f"{answers[0].status_code} and {answers[1].status_code}",
           "As in every event handler, check whether the person is in the room. If not, return "
           "status 404, as if the room did not exist.")  # fmt: skip
    with entered(chat, "Ada") as (ada,):
        ada.join(room)
        ada.said(ONLY_HERE, room)
    for path in (f"/api/messages?room={room}", f"/api/messages?room={room}&before=1000"):
        answer = visit(chat, path, by=rooms.browser("Bo"))
        expect(not answer.ok and ONLY_HERE not in answer.text,
               "People who are not in a room cannot read its messages at any address.",
               f"{path} returns status {answer.status_code} to Bo",
               "A route must check that the person is a member, as every event handler does: "
               '`memberships.require_member({"room": …})`.')  # fmt: skip


@promise(since="rooms", final_app=True)
def joining_reaches_every_tab(chat: Stage) -> None:
    """People who join or create a room receive its messages in every tab."""
    adas = make_room(chat, "Ada")
    with entered(chat, "Ada", "Bo", "Bo") as (ada, bo, tab):
        bo.join(adas)
        bos = make_room(chat, "Bo")  # with a form, which does not belong to any tab
        for room, who, how in ((adas, ada, "joins a room"), (bos, bo, "creates a room")):
            text = who.said(f"Hello from {room}", room)["text"]
            for client in (bo, tab):
                expect(text in client.texts(),
                       f"When Bo {how}, both of his tabs receive the messages of the room.",
                       "one of them does not",
                       "After each change to a membership, call "
                       "`memberships.update_sockets(room.id, sockets)`.")  # fmt: skip
