"""Lab 17: the topic passes through the layers, and the check names the layer where it is missing."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.final_app.rig import Person, Server
from tests.workshop.edits import edit, solve
from workshop import changes, checker, manifest, paths
from workshop.checker import check, solved
from workshop.checks import CannotRun, tour
from workshop.checks.page import Pages
from workshop.checks.patience import hurried
from workshop.learner import bring
from workshop.stages import Stage, stage, stop_stages_in
from workshop.verdict import BROKEN, KEPT, OPEN

LAB = manifest.lesson("17")


@pytest.fixture
def copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The learner's `mine/final_app`, fresh from `bring`."""
    monkeypatch.setenv("WORKSHOP_MINE", str(tmp_path))
    bring("final_app")
    yield paths.mine() / "final_app"
    stop_stages_in(paths.mine() / "final_app")


def test_an_error_of_a_migration_can_have_any_letter(tmp_path: Path) -> None:
    """On Windows, the check's own encoding is another one than that of the program that migrates."""
    (tmp_path / "final_app.py").write_text('name = ”Ada"\n', "utf-8")
    code = (
        "from pathlib import Path; from workshop.checks import tour; "
        f"print(ascii(tour._migrate(Path({str(tmp_path)!r}), {str(tmp_path)!r})))"
    )
    other = {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"}
    said = subprocess.run(
        [sys.executable, "-c", code], env=os.environ | other, capture_output=True, text=True
    )
    assert "invalid character '\\u201d'" in said.stdout, said.stderr


def test_without_a_copy_there_is_nothing_to_blame(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WORKSHOP_MINE", str(tmp_path))
    verdict = check("17")
    assert verdict.state == OPEN
    assert 'bring("final_app")' in verdict.hint
    with pytest.raises(LookupError, match=r'bring\("final_app"\)'):
        stage("mine/final_app")


def test_a_copy_is_brought_once_and_never_written_over(copy: Path) -> None:
    assert changes.lesson_files(copy) == changes.lesson_files(paths.ROOT / "final_app")
    edit(copy / "chat" / "rooms.py", "NAME_LENGTH = 60", "NAME_LENGTH = 61")
    assert "already exists" in bring("final_app")
    assert "NAME_LENGTH = 61" in (copy / "chat" / "rooms.py").read_text(encoding="utf-8")


def test_a_copy_as_it_came_is_told_where_to_begin(copy: Path) -> None:
    verdict = check("17")
    assert (verdict.state, verdict.kept) == (OPEN, 0), verdict
    assert LAB.name not in solved()


def test_the_solution_passes_every_check(copy: Path) -> None:
    solve("17", copy)
    verdict = check("17")
    assert verdict.state == KEPT, verdict
    assert verdict.kept == verdict.total == len(tour.CHECKS) == 10
    assert LAB.name in solved()


def test_without_v8_the_check_says_what_it_could_not_test(
    copy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def needs_v8(pages: Pages) -> None:
        raise CannotRun("This machine has no V8.")

    monkeypatch.setattr(Pages, "__enter__", needs_v8)
    trials = [tour.the_model_has_a_topic, tour.the_script_shows_it]
    monkeypatch.setitem(checker.LABS, "17", replace(checker.LABS["17"], trials=trials))
    solve("17", copy)
    verdict = check("17")
    assert verdict.untried == (tour.sentence(tour.the_script_shows_it),), verdict
    assert (verdict.kept, verdict.why_untried) == (1, "This machine has no V8.")
    assert LAB.name not in solved()


SOON = 1.5  # seconds, to wait for what never comes

VERSIONS = "storage/migrations/versions/"
MIGRATION = VERSIONS + "0006_topics_of_rooms.py"
RECORD = ".topic = topic\n    record(RoomChanged(room_id))\n"

TOPIC = '    topic: Mapped[str] = mapped_column(default="")\n'

MISTAKES = [
    ("storage/models.py", "    topic: Mapped", "    subject: Mapped", 0, "below `name`"),
    ("storage/models.py", TOPIC, '    topic: str = ""\n', 0, "below `name`"),
    (VERSIONS, "", None, 1, "a migration adds"),
    (MIGRATION, ', server_default=""', "", 9, "need a topic"),
    (MIGRATION, '"0005"', '"0004"', 0, "form a line"),
    (MIGRATION, 'revision = "0006"', 'revision = "0005"', 0, "form a line"),
    (MIGRATION, '"0005"', '"0005_search_by_room"', 0, "form a line"),
    (MIGRATION, 'add_column("rooms"', 'add_column("room"', 0, "The error message names the problem"),
    (MIGRATION, "from alembic import op", "", 0, "`op` is used but never imported"),
    ("chat/rooms.py", "def set_topic", "def put_topic", 2, "Use `rename`"),
    ("chat/rooms.py", "@exclusive_transaction\ndef set_topic", "def set_topic", 2,
     "`@exclusive_transaction`"),
    ("chat/memberships.py", '        "topic": room.topic,\n', "", 3, "chat/memberships.py"),
    ("realtime/handlers.py", '@on("set_topic"', '@on("set_topics"', 4, "realtime/schemas.py"),
    ("chat/rooms.py", "_get_managed(user_id, room_id).t", "db.session.get_one(Room, room_id).t", 5,
     "_get_managed"),
    ("chat/rooms.py", "TOPIC_LENGTH = 120", "TOPIC_LENGTH = 100_000", 5, "Define a limit"),
    ("chat/rooms.py", RECORD, ".topic = topic\n", 6, "record(RoomChanged(room_id))"),
    ("templates/room.html", 'id="room-topic"', 'id="topic"', 7, "room-topic"),
    ("templates/room.html", "{{ room.topic }}", "{{ room.topic|safe }}", 7, "escapes"),
    ("static/js/ui/rail.js", ".textContent = room.topic;", ".textContent;", 8, "rail.js"),
    ("static/js/ui/rail.js", "topic\").textContent", "topic\").innerHTML", 8, "needs this line"),
    ("static/js/ui/rail.js", "#room-topic", "#topic", 8, "`null`"),
    ("static/js/ui/rail.js", "room.topic", "rom.topic", 8, "`rom` is used"),
    ("static/js/ui/rail.js", "room.topic;", "room.topic);", 8, "further down"),
]  # fmt: skip


# Each is tried on a server of its own: every run tries the first for each check, `-m long` all.
FIRST_OF_THEIR_CHECK = {mistake[3]: mistake for mistake in reversed(MISTAKES)}.values()


@pytest.mark.parametrize(
    ("file", "right", "wrong", "kept", "hint"),
    [
        pytest.param(*each, id=f"{each[0]} {each[4]}",
                     marks=[] if each in FIRST_OF_THEIR_CHECK else [pytest.mark.long])
        for each in MISTAKES
    ],
)  # fmt: skip
def test_a_mistake_is_found_in_its_layer(
    copy: Path, file: str, right: str, wrong: str | None, kept: int, hint: str
) -> None:
    solve("17", copy)
    if wrong is None:
        (migration,) = (copy / file).glob("*topic*.py")
        migration.unlink()
    else:
        edit(copy / file, right, wrong)
    verdict = check("17")
    assert verdict.state == (OPEN if file == "storage/models.py" else BROKEN), verdict
    assert verdict.kept == kept, verdict
    assert hint in verdict.hint, verdict
    assert LAB.name not in solved()


def test_other_ways_to_write_it_are_accepted(copy: Path) -> None:
    solve("17", copy)
    edit(copy / "storage/models.py", TOPIC, '    topic = mapped_column(Text, default="")\n')
    edit(copy / "storage/models.py", "import Connection", "import Text, Connection")
    edit(copy / "chat/rooms.py", "@exclusive_transaction\ndef set_topic",
         "@room_transaction\ndef set_topic")  # fmt: skip
    edit(copy / "chat/rooms.py", "import exclusive", "import room_transaction, exclusive")
    edit(copy / "templates/room.html", "{{ room.topic }}", "Topic: {{ room.topic }}")
    edit(copy / "static/js/ui/rail.js", '$("#room-topic").textContent = ',
         'document.getElementById("room-topic").textContent = "Topic: " + ')  # fmt: skip
    assert check("17").state == KEPT


@pytest.mark.parametrize(
    "column",
    [
        'topic = Column(Text, default="")',
        'topic: "Mapped[str]" = mapped_column(default="")',
        'topic: orm.Mapped[str] = orm.mapped_column(default="")',
    ],
)
def test_other_ways_to_write_the_column_are_accepted(copy: Path, column: str) -> None:
    solve("17", copy)
    edit(copy / "storage/models.py", TOPIC, f"    {column}\n")
    tour.the_model_has_a_topic(Stage("mine/final_app", copy, sign=""))


def test_a_database_from_before_gets_the_column(copy: Path, tmp_path: Path) -> None:
    data = tmp_path / "data"
    before = Server(data).start()
    Person(before, "ada").begin()
    before.stop()
    solve("17", copy)
    after = Server(data, code=copy.parent).start()
    try:
        ada = Person(after, "ada")
        ada.log_in()
        assert ada.connect()["rooms"][0]["topic"] == ""
        assert ada.emit("set_topic", {"room": 1, "topic": "Cake"})["room"]["topic"] == "Cake"
        ada.leave()
    finally:
        after.stop()


def test_two_applications_are_compared_promise_by_promise(copy: Path) -> None:
    """The negative twin is the chat without its broadcast, which no longer keeps some promises."""
    edit(copy / "realtime" / "broadcast.py", '_message("new_message", fact.message)', "pass")
    step, mine = stage("16", signed=False), stage("mine/final_app", signed=False)
    with hurried(SOON):
        lines = str(tour.compare(step, mine, "05")).splitlines()
    step.stop()
    assert re.fullmatch(r"16_downloads +mine/final_app +promise", lines[0])
    signs = [line.split()[:2] for line in lines[1:]]
    assert {left for left, _ in signs} == {"✓"}
    assert "✗" in {right for _, right in signs}
