"""Promises of step 09 about presence: who is here, counted in people."""

from collections.abc import Callable

import socketio

from workshop.clients import connect
from workshop.contract.browse import let_in
from workshop.contract.people import entered, hear, heard
from workshop.contract.promise import Broken, promise
from workshop.contract.rooms import rooms_of
from workshop.stages import Stage


@promise(since="09", final_app=True)
def a_room_knows_who_is_here(chat: Stage) -> None:
    """A room hears who is here whenever somebody comes or goes."""
    bo = rooms_of(chat).named("Bo")
    with entered(chat, "Ada") as (ada,):
        with entered(chat, "Bo"):
            came = _states(chat, ada, lambda names: bo in names)
        if not came or bo not in came[-1]:
            raise Broken(
                expected='When Bo comes, Ada receives `presence` with {"room": …, "online": […]}, '
                "and his name in it.",
                seen=f"{came[-1]}" if came else "nothing",
                hint="When somebody connects, and when somebody joins: work out who is here, and "
                '`emit("presence", …, to=room.id)`.',
            )
        gone = _states(chat, ada, lambda names: bo not in names)
        if bo in gone[-1]:
            raise Broken(
                expected="When Bo has closed his page, Ada hears who is left.",
                seen=f"still {gone[-1]}",
                hint="The handler of `disconnect` forgets the connection first, and tells the "
                "rooms afterwards.",
            )


@promise(since="09", final_app=True)
def presence_counts_people(chat: Stage) -> None:
    """Two tabs and a phone are one person, and closing one of them changes nothing."""
    rooms = rooms_of(chat)
    bo, cy = rooms.named("Bo"), rooms.named("Cy")
    with let_in(chat):
        phone = rooms.new_browser(chat, "Bo")
    with entered(chat, "Ada") as (ada,), entered(chat, "Bo", "Bo"):
        connect(chat, None, phone, ["websocket"]).disconnect()  # comes and goes
        with entered(chat, "Cy"):
            states = _states(chat, ada, lambda names: cy in names)
    first = next((place for place, names in enumerate(states) if bo in names), len(states))
    for names in states[first:]:
        if names.count(bo) != 1:
            raise Broken(
                expected="With two tabs and a phone, and when one of them is closed, Bo is there once.",
                seen=f"{names}",
                hint="Count people, not connections: each name once, as in a set."
                if bo in names
                else "Somebody is gone when their last connection is: work out anew who is here, "
                "from all that are left.",
            )


def _states(
    chat: Stage, client: socketio.SimpleClient, wanted: Callable[[list[str]], bool]
) -> list[list[str]]:
    """Wait until the people who are here are as wanted; return what was told until then."""
    rooms = rooms_of(chat)
    while True:
        states = rooms.online(heard(client), rooms.general)
        if (states and wanted(states[-1])) or hear(client, "presence") is None:
            return rooms.online(heard(client), rooms.general)
