"""The lab on several processes: everybody receives what is committed, once, in the order of commits."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from socketio import SimpleClient
from socketio.exceptions import SocketIOError

from workshop import groups
from workshop.checks.promise import Broken, NotAttempted, attempted, expect
from workshop.checks.speakers import fields
from workshop.clients import connect
from workshop.pauses import Pause, paused
from workshop.stages import Stage

MOMENT = 1.0  # seconds in which an event that has been sent usually arrives
PATIENCE = 4.0  # seconds in which it arrives even on a slow machine
LONG = 9_000  # characters of a message that no notification can hold
TOO_LONG = 8_000  # bytes of the shortest notification that PostgreSQL refuses
ANNOUNCE = (
    "In `handle_new_message`, call `announce(message)` above `db.session.commit()`, and remove the "
    "line with `emit`. PostgreSQL sends the announcement when the transaction commits."
)
NOBODY = (
    "An announcement needs five things. `announce(message)` is above `db.session.commit()`. `announce` "
    "passes `pg_notify` to `db.session.execute`. `announce` and `listening` name the same channel. The "
    "last line of app.py starts `listen`: `socketio.start_background_task(listen)`. `socketio.emit` "
    "gets a dictionary, which `json.loads(notification.payload)` returns."
)
ONCE = (
    "Each process emits what it receives to its own sockets, and nothing else emits. Remove the line "
    "with `emit` from `handle_new_message`, and `client_manager=manager` from `SocketIO(…)`: with it, "
    "each process also hands its emits to the others."
)
INSIDE = (
    "`announce` has to use the same transaction as the message: `db.session.execute(…)`, above "
    "`db.session.commit()`. Any other connection commits on its own."
)
BY_NUMBER = (
    "PostgreSQL refuses a notification of 8,000 bytes or more. If `len(announcement)` is too large, "
    '`announce` sends only the number, as JSON: `json.dumps({"seq": message.seq})`. `listen` then reads '
    "the message from the database. There, it needs `with app.app_context():` and `as_dict()`."
)

Check = Callable[[Stage], None]


def everybody_hears_the_order(chat: Stage) -> None:
    """Everybody receives the messages in the order of their numbers, even if a process is slow."""
    with entered(chat) as (first, ada, bo):
        with paused(first) as pause:
            ada.emit("new_message", {"text": "first"})
            await_commit(pause)
            early = received(bo, 1, MOMENT)
            bo.call("new_message", {"text": "second"}, timeout=PATIENCE)
        missing = {"first", "second"} - {*early}
        order = list(dict.fromkeys(early + hear_until(bo, *missing)))  # some may come twice
    expected = (
        "Ada's process is slow, but Bo receives her message first, because it was stored first."
    )
    attempted(order != ["second", "first"], expected, "Bo receives his own message first", ANNOUNCE)
    expect(order == ["first", "second"], expected, f"Bo receives {order or 'nothing'}", NOBODY)


def everybody_hears_it_once(chat: Stage) -> None:
    """Everybody receives each message once, whichever process they are connected to."""
    with entered(chat) as (_, ada, bo):
        for speaker, text in ((ada, "one"), (bo, "two"), (ada, "three")):
            speaker.call("new_message", {"text": text}, timeout=PATIENCE)
            listened = [hear_until(person, text) for person in (ada, bo)]
            for name, texts in zip(("Ada", "Bo"), listened, strict=True):
                expect(texts.count(text) == 1 and len(texts) == 1,
                       f"After the message “{text}”, {name} receives it once.",
                       f"{name} receives {texts or 'nothing'}", ONCE if texts else NOBODY)  # fmt: skip


def what_is_heard_is_stored(chat: Stage) -> None:
    """A message is received if it is stored, and only then, even if its process ends at the commit."""
    with entered(chat) as (first, ada, bo), paused(first, at="before") as pause:
        ada.emit("new_message", {"text": "lost"})
        await_commit(pause)
        first.stop()
        bo.call("new_message", {"text": "stored"}, timeout=PATIENCE)
        texts = hear_until(bo, "stored")
    expect(texts == ["stored"], "If Ada's process ends before the commit, nobody receives her message, "
           "because it was never stored.", f"Bo receives {texts or 'nothing'}", INSIDE)  # fmt: skip
    with entered(chat) as (first, ada, bo), paused(first) as pause:
        ada.emit("new_message", {"text": "stored, too"})
        await_commit(pause)
        first.stop()
        texts = received(bo, 1)
    expect(texts == ["stored, too"], "If Ada's process ends right after the commit, Bo receives her "
           "message, because it is stored.", f"Bo receives {texts or 'nothing'}", INSIDE)  # fmt: skip


def a_long_message_is_heard(chat: Stage) -> None:
    """A message of 8,000 bytes or more is received, although no notification can hold it."""
    with entered(chat) as (_, ada, bo):
        ada.call("new_message", {"text": ""}, timeout=PATIENCE)
        _, empty = bo.receive(timeout=PATIENCE)
        announced = json.dumps(empty | {"seq": empty["seq"] + 3})  # that of the third text below
        for text in (
            "x" * LONG,
            "é" * (LONG // 2),  # JSON writes an “é” with six characters
            "x" * (TOO_LONG - len(announced)),  # the shortest one that is too long
        ):
            try:
                ada.call("new_message", {"text": text}, timeout=PATIENCE)
            except SocketIOError:
                problem = NotAttempted if len(text) == LONG else Broken
                raise problem("The message is stored, and Ada gets an acknowledgement.",
                              f"no acknowledgement for {len(text)} times “{text[0]}”",
                              BY_NUMBER) from None  # fmt: skip
            texts = received(bo, 1)
            seen = f"a text of {len(texts[0])} characters" if texts else "nothing"
            expect(texts == [text], f"Bo receives {len(text)} times “{text[0]}”.", seen, BY_NUMBER)


CHECKS: list[Check] = [
    everybody_hears_the_order,
    everybody_hears_it_once,
    what_is_heard_is_stored,
    a_long_message_is_heard,
]


@contextmanager
def entered(chat: Stage) -> Iterator[tuple[Stage, SimpleClient, SimpleClient]]:
    """Connect Ada to the first process, and Bo to the second one. Both run afterwards."""
    first, second = groups.all_of(chat)
    people = connect(first, "Ada"), connect(second, "Bo")
    try:
        yield first, *people
    finally:
        for person in people:
            person.disconnect()


def await_commit(pause: Pause) -> None:
    """Wait until Ada's process pauses at the commit of her message."""
    try:
        pause.reached()
    except TimeoutError:
        raise Broken("Ada's process commits her message.", "it commits nothing", NOBODY) from None


def received(person: SimpleClient, count: int, timeout: float = PATIENCE) -> list[str]:
    """Return the texts of the next `count` messages, or of fewer if no more arrive."""
    texts: list[str] = []
    try:
        while len(texts) < count:
            event, *data = person.receive(timeout=timeout)
            if event == "new_message":
                texts.append(fields(data[0]).get("text", "") if data else "")
    except SocketIOError:
        pass
    return texts


def hear_until(person: SimpleClient, *wanted: str) -> list[str]:
    """Return the texts of the next messages, until all the wanted ones or no more have arrived."""
    texts: list[str] = []
    while not {*wanted} <= {*texts}:
        more = received(person, 1)
        if not more:
            return texts
        texts += more
    return texts
