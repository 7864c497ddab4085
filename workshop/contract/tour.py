"""Lab 11: the promises of the steps on two applications side by side, and the check of the room's topic.

The learner adds a topic to their copy of `final_app`, from the table up to the page. The check goes
the same way, floor by floor, and stops at the first thing that is not there.
"""

import ast
import json
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from bs4 import BeautifulSoup

from workshop import paths
from workshop.contract.answers import refused
from workshop.contract.asking import answered, ask
from workshop.contract.diagnosis import last_error
from workshop.contract.families import family_of
from workshop.contract.grammar import Script
from workshop.contract.people import entered, hear
from workshop.contract.promise import Broken, NotAttempted, promises_of
from workshop.stages import Stage, child_environment
from workshop.views import View, box, html_table, with_code

TOPIC = "Cake, and who brings it"
HOSTILE = "<b>Cake</b>"
TOO_LONG = "x" * 1001  # whatever the learner's limit is, it is less
MIGRATING = 60  # seconds
A_ROOM = (
    "INSERT INTO rooms (slug, name, kind, last_seq, last_rev, created_at) "
    "VALUES ('tea', 'Tea', 'open', 0, 0, '2026-01-01')"
)
GENERAL = 1  # the room that is there from the start; who came first owns it

Check = Callable[[Stage], None]


def compare(one: Stage, other: Stage, *since: str) -> View:
    """Try the promises that two applications make, and show who keeps which.

    `since` names steps: compare(step, chat, "06", "07") tries what these two steps have brought. The
    sentences are those of docs/promises.md.
    """
    shared = [each for each in promises_of("10") if each.final_app and each.since in since]
    kept = {str(each): [_keeps(chat, each.trial) for chat in (one, other)] for each in shared}
    names = [chat.name for chat in (one, other)]
    table = [(*names, "promise")]
    table += [(_sign(left), _sign(right), what) for what, (left, right) in kept.items()]
    wide = [len(name) + 2 for name in names]
    lines = [f"{left:<{wide[0]}}{right:<{wide[1]}}{what}" for left, right, what in table]
    cells = [[with_code(what), _sign(left), _sign(right)] for what, (left, right) in kept.items()]
    return View("\n".join(lines), box(html_table(["promise", *names], cells)))


def the_model_has_a_topic(chat: Stage) -> None:
    """Floor 2: the class `Room` has a topic."""
    module = ast.parse((paths.my_final_app() / "models.py").read_text(encoding="utf-8"))
    (room,) = [n for n in module.body if isinstance(n, ast.ClassDef) and n.name == "Room"]
    names = [ast.unparse(n.target) for n in room.body if isinstance(n, ast.AnnAssign)]
    if "topic" not in names:
        raise NotAttempted(
            expected="`Room` in mine/final_app/models.py has a column `topic`.",
            seen=f"its columns: {', '.join(names)}",
            hint='Below `name`: `topic: Mapped[str] = mapped_column(default="")`.',
        )


def the_table_has_a_topic(chat: Stage) -> None:
    """Floor 2: a migration brings the column into the database."""
    with closing(sqlite3.connect(_data(chat))) as database:
        columns = [row[1] for row in database.execute("PRAGMA table_info(rooms)")]
    if "topic" not in columns:
        raise Broken(
            expected="In a new database, the table `rooms` has a column `topic`.",
            seen=f"its columns: {', '.join(columns)}",
            hint="The model says what there should be, a migration makes it: a new file in "
            "migrations/versions with `down_revision` set to the newest one's `revision`, and "
            '`op.add_column("rooms", …)`.',
        )


def the_domain_sets_it(chat: Stage) -> None:
    """Floor 3: `rooms.set_topic` sets it, in one transaction."""
    module = ast.parse((paths.my_final_app() / "rooms.py").read_text(encoding="utf-8"))
    found = [n for n in module.body if isinstance(n, ast.FunctionDef) and n.name == "set_topic"]
    if not found:
        raise Broken(
            expected="rooms.py has a function `set_topic(user_id, room_id, topic)`.",
            seen="no such function",
            hint="Its neighbour `rename` shows the shape: who may, what is allowed, set it.",
        )
    decorators = [ast.unparse(each) for each in found[0].decorator_list]
    if "writes" not in decorators:
        raise Broken(
            expected="`set_topic` is one transaction.",
            seen=f"its decorators: {decorators}",
            hint="`@writes` above it: without, nothing is committed, and the topic is gone at once.",
        )


def a_room_tells_its_topic(chat: Stage) -> None:
    """Floor 3: whoever sees a room sees its topic."""
    with entered(chat, "Ada") as [ada]:
        welcome = hear(ada, "welcome")
    room = welcome["rooms"][0] if isinstance(welcome, dict) else {}
    if "topic" not in room:
        raise Broken(
            expected="A room in `welcome` has the key `topic`.",
            seen=f"its keys: {', '.join(room)}",
            hint='memberships._as_seen says what people see of a room: `"topic": room.topic`.',
        )


def the_event_sets_it(chat: Stage) -> None:
    """Floor 4: the event `set_topic` sets it, and answers with the room."""
    with entered(chat, "Ada") as [ada]:
        answer = ask(chat, ada, "set_topic", {"room": GENERAL, "topic": TOPIC})
    room = answer.get("room") if isinstance(answer, dict) else None
    if not isinstance(room, dict) or room.get("topic") != TOPIC:
        raise Broken(
            expected=f'`set_topic` with {{"room": 1, "topic": "{TOPIC}"}} answers '
            '{"ok": true, "room": {… "topic": …}}.',
            seen=json.dumps(answer)[:200],
            hint="A class `SetTopic` in payloads.py, and in events.py "
            '`@answers("set_topic", SetTopic)`: call `rooms.set_topic`, return `memberships.one`.',
        )


def not_everybody_may(chat: Stage) -> None:
    """Floor 3: only a room's owner sets it, and not to just anything."""
    owners = "`_owned(user_id, room_id)` returns the room to its owner, and refuses everybody else."
    with entered(chat, "Ada", "Bo") as [ada, bo]:
        mine = {"room": GENERAL, "topic": "Mine now"}
        refused(chat, bo, "set_topic", mine, code="forbidden", hint=owners)
        missing = {"room": 999, "topic": TOPIC}
        refused(chat, ada, "set_topic", missing, code="not_found", hint=owners)
        long = {"room": GENERAL, "topic": TOO_LONG}
        limit = 'A limit with a name, and `raise Invalid("…", field="topic")` above it.'
        refused(chat, ada, "set_topic", long, field="topic", hint=limit)


def everybody_in_the_room_is_told(chat: Stage) -> None:
    """Floor 4: everybody in the room is told, after the commit."""
    with entered(chat, "Ada", "Bo") as [ada, bo]:
        ask(chat, ada, "set_topic", {"room": GENERAL, "topic": TOPIC})
        told = hear(bo, "room_changed")
    room = told.get("room") if isinstance(told, dict) else None
    if not isinstance(room, dict) or room.get("topic") != TOPIC:
        raise Broken(
            expected="Bo, who is in the room, hears `room_changed` with the topic.",
            seen=f"{told!r:.200}",
            hint="`announce.room(data.room)` in the handler, after `rooms.set_topic` has returned.",
        )


def the_page_shows_it(chat: Stage) -> None:
    """The page: it begins with the topic, as text."""
    with entered(chat, "Ada") as [ada]:
        ask(chat, ada, "set_topic", {"room": GENERAL, "topic": HOSTILE})
    browser = family_of(chat).browser(chat, "Ada")
    page = answered(chat, browser.get("/r/general")).text
    found = BeautifulSoup(page, "html.parser").find(id="room-topic")
    if found is None:
        raise Broken(
            expected='The page of a room has an element with id="room-topic".',
            seen="no such element",
            hint="In templates/room.html, below the heading: "
            '`<p id="room-topic" class="quiet ellipsis" dir="auto">{{ room.topic }}</p>`.',
        )
    if found.get_text().strip() != HOSTILE:
        raise Broken(
            expected=f"It shows {HOSTILE} letter by letter.",
            seen=str(found)[:200],
            hint="`{{ room.topic }}` is enough: Jinja escapes it. No `|safe`.",
        )


def the_script_shows_it(chat: Stage) -> None:
    """The page: its script shows a topic that changes."""
    folder = paths.my_final_app() / "static" / "js"
    texts = {path: path.read_text(encoding="utf-8") for path in folder.rglob("*.js")}
    naming = [path for path, text in texts.items() if "#room-topic" in text]
    if not naming:
        raise Broken(
            expected='A script finds the element: `$("#room-topic")`.',
            seen="no script names it",
            hint="static/js/ui/rail.js sets the room's name when `room_changed` has come: "
            "`#showOpen`. One more line there, with `textContent`.",
        )
    for path in naming:
        script = Script(texts[path])
        line, unknown = script.unreadable_line(), script.undeclared()
        if line is not None or unknown:
            raise Broken(
                expected=f"A browser can run {path.name}.",
                seen=f"line {line} cannot be read" if line else f"nothing is called {unknown[0]!r}",
                hint="Compare your line with its neighbours, letter by letter: at such a place the "
                "browser stops.",
            )


def an_older_database_has_it_too(chat: Stage) -> None:
    """Floor 2 again: a database that has rooms already gets the column, too."""
    problem = _upgrade_an_older_one()
    if problem:
        raise Broken(
            expected="The migration brings the column into a database of the workshop's final_app.",
            seen=problem,
            hint='Its rooms need a topic at once: `server_default=""`, beside `nullable=False`.',
        )


CHECKS: list[Check] = [
    the_model_has_a_topic,
    the_table_has_a_topic,
    the_domain_sets_it,
    a_room_tells_its_topic,
    the_event_sets_it,
    not_everybody_may,
    everybody_in_the_room_is_told,
    the_page_shows_it,
    the_script_shows_it,
    an_older_database_has_it_too,
]


def sentence(check: Check) -> str:
    return (check.__doc__ or "").splitlines()[0]


def _upgrade_an_older_one() -> str:
    """Let the learner's migrations run where the workshop's made a room; return what went wrong."""
    with tempfile.TemporaryDirectory(prefix="chat-", ignore_cleanup_errors=True) as folder:
        _migrate(paths.ROOT, folder)
        with closing(sqlite3.connect(Path(folder, "chat.db"))) as database, database:
            database.execute(A_ROOM)
        return _migrate(paths.my_final_app().parent, folder)


def _migrate(code: Path, folder: str) -> str:
    """Run `flask --app final_app db upgrade` with the code in this folder; return its error, or ""."""
    ran = subprocess.run(
        [sys.executable, "-m", "flask", "--app", "final_app", "db", "upgrade"], cwd=code,
        env=child_environment(code, data=Path(folder)), capture_output=True, text=True,
        timeout=MIGRATING,
    )  # fmt: skip
    return last_error(ran.stderr) if ran.returncode else ""


def _data(chat: Stage) -> str:
    assert chat.data is not None
    return str(chat.data / "chat.db")


def _keeps(chat: Stage, trial: Check) -> bool:
    try:
        trial(chat)
    except Broken:
        return False
    return True


def _sign(kept: bool) -> str:
    return "✓" if kept else "✗"
