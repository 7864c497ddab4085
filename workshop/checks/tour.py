"""The tour: promises on two applications side by side, and the check of the room's topic.

The learner adds a topic to their copy of `final_app`, from the table up to the page. The check follows
the same path, layer by layer, and stops at the first thing that is missing.
"""

import ast
import json
import re
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from bs4 import BeautifulSoup

from workshop import manifest, paths
from workshop.checks.client import entered
from workshop.checks.console import last_error
from workshop.checks.families import family_of
from workshop.checks.promise import Broken, attempted, expect, promises_of
from workshop.checks.speakers import answered, fields
from workshop.checks.visitors import visitors
from workshop.stages import Stage, child_environment
from workshop.views import View, box, html_table, with_code

TOPIC = "Cake, and who brings it"
HOSTILE = "<b>Cake</b>"
NEWER = "<i>Tea</i>"  # which the page does not show until its script does
TOO_LONG = "x" * 1001  # more than any limit that a learner is likely to choose
MIGRATING = 60  # seconds
A_ROOM = (
    "INSERT INTO rooms (slug, name, kind, last_seq, last_rev, created_at) "
    "VALUES ('tea', 'Tea', 'open', 0, 0, '2026-01-01')"
)
GENERAL = 1  # the room that exists from the start, which the first person owns

# V8 cannot run modules here. Without these words, they run as scripts that share their names.
MODULE_WORDS = re.compile(r"^import .*|^export ", re.M)
SHOW_A_TOPIC = """
    const room = { id: 1, name: "Tea", kind: "open", topic: %s };
    const directory = { rooms: new Map([[1, room]]), me: { id: 1, name: "Ada" }, isOnline: () => true };
    new Rail({ directory, open: room }).show();
"""

Check = Callable[[Stage], None]


def compare(one: Stage, other: Stage, *since: str) -> View:
    """Test the promises that two applications share, and show which of them each application keeps.

    `since` contains the numbers of steps. For example, compare(step, chat, "06", "08") tests the
    promises that begin in these two steps. The sentences are those in docs/promises.md.
    """
    shared = [
        each
        for each in promises_of(manifest.steps()[-1].number)
        if each.final_app and each.since in since
    ]
    kept = {str(each): [_keeps(chat, each.trial) for chat in (one, other)] for each in shared}
    names = [chat.name for chat in (one, other)]
    table = [(*names, "promise")]
    table += [(_sign(left), _sign(right), what) for what, (left, right) in kept.items()]
    wide = [len(name) + 2 for name in names]
    lines = [f"{left:<{wide[0]}}{right:<{wide[1]}}{what}" for left, right, what in table]
    cells = [[with_code(what), _sign(left), _sign(right)] for what, (left, right) in kept.items()]
    return View("\n".join(lines), box(html_table(["promise", *names], cells)))


def the_model_has_a_topic(chat: Stage) -> None:
    """`storage`: the class `Room` has a topic."""
    module = ast.parse((paths.mine() / "final_app/storage/models.py").read_text(encoding="utf-8"))
    (room,) = [n for n in module.body if isinstance(n, ast.ClassDef) and n.name == "Room"]
    code = "\n".join(map(ast.unparse, room.body))
    names = re.findall(r"^(\w+)(?:: .*\bMapped\b| = .*[cC]olumn\()", code, re.M)
    attempted("topic" in names, "`Room` in mine/final_app/storage/models.py has a column `topic`.",
              f"its columns: {', '.join(names)}",
              'Add a line below `name`: `topic: Mapped[str] = mapped_column(default="")`.')  # fmt: skip


def the_table_has_a_topic(chat: Stage) -> None:
    """`storage`: a migration adds the column to the database."""
    with closing(sqlite3.connect(_data(chat))) as database:
        columns = [row[1] for row in database.execute("PRAGMA table_info(rooms)")]
    expect("topic" in columns, "In a new database, the table `rooms` has a column `topic`.",
           f"its columns: {', '.join(columns)}",
           "The model says which columns there are, and a migration adds them. Write a new file in "
           "storage/migrations/versions: set its `down_revision` to the `revision` of the newest "
           'migration, and call `op.add_column("rooms", …)` in `upgrade`.')  # fmt: skip


def the_domain_sets_it(chat: Stage) -> None:
    """`chat`: `rooms.set_topic` sets the topic, in one transaction."""
    module = ast.parse((paths.mine() / "final_app/chat/rooms.py").read_text(encoding="utf-8"))
    found = [n for n in module.body if isinstance(n, ast.FunctionDef) and n.name == "set_topic"]
    expect(found, "chat/rooms.py has a function `set_topic(user_id, room_id, topic)`.",
           "no such function",
           "Use `rename` in the same file as a model: it checks the person's rights, checks the "
           "value, sets it and records a fact.")  # fmt: skip
    decorators = [ast.unparse(each) for each in found[0].decorator_list]
    expect(any(each.endswith("transaction") for each in decorators),
           "`set_topic` is one transaction.", f"its decorators: {decorators}",
           "Write `@exclusive_transaction` above the function, as above `rename`. Without it, nothing "
           "is committed.")  # fmt: skip


def a_room_has_its_topic(chat: Stage) -> None:
    """`chat`: a room that the server sends contains its topic."""
    with entered(chat, "Ada") as [ada]:
        room = fields(ada.hear("welcome")).get("rooms", [{}])[0]
    expect("topic" in room, "A room in `welcome` has the key `topic`.",
           f"its keys: {', '.join(room)}",
           "`_to_dict` in chat/memberships.py returns what people see of a room. Add "
           '`"topic": room.topic`.')  # fmt: skip


def the_event_sets_it(chat: Stage) -> None:
    """`realtime`: the event `set_topic` sets the topic, and the acknowledgement contains the room."""
    with entered(chat, "Ada") as [ada]:
        answer = ada.ask("set_topic", {"room": GENERAL, "topic": TOPIC})
    expect(fields(answer, "room").get("topic") == TOPIC,
           f'The acknowledgement of `set_topic` with {{"room": 1, "topic": "{TOPIC}"}} is '
           '{"ok": true, "room": {… "topic": …}}.', json.dumps(answer)[:200],
           "Add a class `SetTopic` to realtime/schemas.py, and a handler with "
           '`@on("set_topic", schemas.SetTopic)` to realtime/handlers.py. The handler calls '
           "`rooms.set_topic` and returns `memberships.one`.")  # fmt: skip


def not_everybody_may(chat: Stage) -> None:
    """`chat`: only the room's owner can set the topic, and its length has a limit."""
    owners = "Use `_get_managed(user_id, room_id)`: it refuses people who can't change the room."
    with entered(chat, "Ada", "Bo") as [ada, bo]:
        mine = {"room": GENERAL, "topic": "Mine now"}
        bo.refused("set_topic", mine, owners, code="forbidden")
        missing = {"room": 999, "topic": TOPIC}
        ada.refused("set_topic", missing, owners, code="not_found")
        long = {"room": GENERAL, "topic": TOO_LONG}
        limit = 'Define a limit, and `raise Invalid("…", field="topic")` if the topic is longer.'
        ada.refused("set_topic", long, limit, field="topic")


def everybody_in_the_room_is_told(chat: Stage) -> None:
    """`chat`: everybody in the room receives the new topic, because the change is recorded."""
    with entered(chat, "Ada", "Bo") as [ada, bo]:
        ada.ask("set_topic", {"room": GENERAL, "topic": TOPIC})
        told = bo.hear("room_changed")
    expect(fields(told, "room").get("topic") == TOPIC,
           "Bo, who is in the room, receives `room_changed` with the topic.", f"{told!r:.200}",
           "Call `record(RoomChanged(room_id))` at the end of `rooms.set_topic`. After the commit, "
           "realtime/broadcast.py sends the room to its members.")  # fmt: skip


def the_page_shows_it(chat: Stage) -> None:
    """`templates`: the page shows the topic, as text."""
    with entered(chat, "Ada") as [ada]:
        ada.ask("set_topic", {"room": GENERAL, "topic": HOSTILE})
    browser = family_of(chat).browser("Ada")
    page = answered(chat, browser.get("/r/general")).text
    found = BeautifulSoup(page, "html.parser").find(id="room-topic")
    if found is None:
        raise Broken('The page of a room has an element with id="room-topic".', "no such element",
                     "Add this below the heading in templates/room.html: "
                     '`<p id="room-topic" class="quiet ellipsis" dir="auto">{{ room.topic '
                     '}}</p>`.')  # fmt: skip
    expect(HOSTILE in found.get_text(), f"The page shows {HOSTILE} letter by letter.",
           str(found)[:200], "Write `{{ room.topic }}` without `|safe`. Jinja escapes it.")  # fmt: skip


def the_script_shows_it(chat: Stage) -> None:
    """`static`: when the topic changes, the page's script shows the new one."""
    folder = paths.mine() / "final_app/static/js"
    with visitors(chat, "Ada", by=family_of(chat).browser("Ada"), runs=False) as (ada,):
        for path in _with_imports(folder / "ui" / "rail.js"):
            text = MODULE_WORDS.sub("", path.read_text(encoding="utf-8"))
            ada.page.run(text, f"static/js/{path.relative_to(folder).as_posix()}")
        ada.page.run(SHOW_A_TOPIC % json.dumps(NEWER), "a room with another topic")
        ada.did = "The topic changed."
        ada.expects_no_error()
        expect(NEWER in ada.page.text("#room-topic"), f"The page shows the new topic, {NEWER}.",
               f"“{ada.page.text('#room-topic')}”",
               "`#showOpen` in static/js/ui/rail.js sets the room's name when `room_changed` arrives. "
               'It needs this line, too: `$("#room-topic").textContent = room.topic;`.')  # fmt: skip


def _with_imports(module: Path) -> list[Path]:
    """Return the files of a JavaScript module. The files that it imports come first."""
    found: list[Path] = []
    for name in re.findall(r'^import .* from "(.+)";', module.read_text(encoding="utf-8"), re.M):
        found += _with_imports((module.parent / name).resolve())
    return list(dict.fromkeys([*found, module]))


def an_older_database_has_it_too(chat: Stage) -> None:
    """`storage` again: the migration also works in a database that already has rooms."""
    problem = _upgrade_an_older_one()
    expect(not problem, "The migration adds the column to a database of the workshop's final_app.",
           problem,
           'The rooms in it need a topic at once: add `server_default=""` next to '
           '`nullable=False`.')  # fmt: skip


CHECKS: list[Check] = [
    the_model_has_a_topic,
    the_table_has_a_topic,
    the_domain_sets_it,
    a_room_has_its_topic,
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
    """Run the learner's migrations on a database that contains a room. Return what went wrong."""
    with tempfile.TemporaryDirectory(prefix="chat-", ignore_cleanup_errors=True) as folder:
        _migrate(paths.ROOT, folder)
        with closing(sqlite3.connect(Path(folder, "chat.db"))) as database, database:
            database.execute(A_ROOM)
        return _migrate(paths.mine(), folder)


def _migrate(code: Path, folder: str) -> str:
    """Run `flask --app final_app db upgrade` with the code in this folder. Return its error, or ""."""
    ran = subprocess.run(
        [sys.executable, "-m", "flask", "--app", "final_app", "db", "upgrade"], cwd=code,
        env=child_environment(code, data=Path(folder)), capture_output=True, timeout=MIGRATING,
        encoding="utf-8", errors="replace",  # the environment asks for UTF-8
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
