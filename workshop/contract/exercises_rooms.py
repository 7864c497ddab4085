"""The check of the exercise of step 09."""

from workshop.contract.answers import told
from workshop.contract.exercises_messages import page_shows
from workshop.contract.grammar import properties_in, text_of, walk
from workshop.contract.people import entered
from workshop.contract.promise import Broken, NotAttempted, exercise
from workshop.contract.rooms import join, make_room
from workshop.contract.scripts import own_script
from workshop.stages import Stage


@exercise("09")
def who_types_is_shown(chat: Stage) -> None:
    """While somebody types, the others in the room are told, and the page shows it for 3 s."""
    room, script = make_room(chat, "Ada"), own_script(chat)
    with entered(chat, "Ada", "Bo", "Cy") as (ada, bo, cy):
        join(chat, ada, room)
        join(chat, bo, room)
        ada.emit("typing", {"room": room})
        told(chat, ada, "typing")  # when she is answered, her `typing` has been handled
        cy.emit("typing", {"room": room})
        told(chat, cy, "typing")
        heard = {
            name: told(chat, who, "typing") for name, who in (("Ada", ada), ("Bo", bo), ("Cy", cy))
        }
    if not any(heard.values()) and not script.callbacks("socket.on", "typing"):
        raise NotAttempted(
            expected="When Ada emits `typing`, Bo, who is in the same room, receives it.",
            seen="he does not",
            hint='It begins with `@socketio.on("typing")`.',
        )
    strangers = [d for d in heard["Bo"] if isinstance(d, dict) and d.get("username") == "Cy"]
    if heard["Bo"] != [{"room": room, "username": "Ada"}] or heard["Cy"]:
        raise Broken(
            expected='Bo receives `typing` with {"room": …, "username": "Ada"}, once, and Cy, who '
            "is not in the room, can neither send nor receive it.",
            seen=f"Bo: {heard['Bo']}, Cy: {heard['Cy'] or 'nothing'}",
            hint="As every other event, it asks first who is a member: `me, room = place(payload)`."
            if strangers
            else '`emit("typing", {"room": room.id, "username": me.username}, to=room.id, '
            "include_self=False)`.",
        )
    if heard["Ada"]:
        raise Broken(
            expected="Ada does not hear that she is typing: she knows.",
            seen=f"{heard['Ada']}",
            hint="`include_self=False`, beside `to=room.id`.",
        )
    _page_takes_part(chat)


def _page_takes_part(chat: Stage) -> None:
    script = own_script(chat)
    if "typing" not in script.events("socket.emit"):
        raise Broken(
            expected="chat.js emits `typing` when something is typed.",
            seen=f"it emits {sorted(set(script.events('socket.emit')))}",
            hint='`input.addEventListener("input", () => socket.emit("typing", { room }))`.',
        )
    page_shows(chat, "typing", "username")
    if not any("room" in properties_in(each) for each in script.listeners("typing")):
        raise Broken(
            expected="The page shows it where it belongs: in this page's room.",
            seen="the listener of `typing` does not look at its `room`",
            hint="Who is in two rooms hears of both: `if (typing.room !== room) return;`, first of all.",
        )
    words = {text_of(node) for each in script.listeners("typing") for node in walk(each)}
    if "setTimeout" not in words:
        raise Broken(
            expected="What the page shows is gone after 3 s.",
            seen="no `setTimeout` in the listener of `typing`",
            hint="`setTimeout(() => …, 3000)`, and `clearTimeout` of the one before, so that the "
            "last stroke counts.",
        )
