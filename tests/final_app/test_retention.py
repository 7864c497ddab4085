"""Housekeeping removes only what is too old, and everything else still works as before."""

import os
import threading
import time
import uuid
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import update

from final_app import retention
from final_app.accounts import accounts, invites, sessions
from final_app.chat import history, memberships, messages, reactions, rooms, search, uploads
from final_app.lib import clock
from final_app.storage.files import Files
from final_app.storage.models import Invite, Message, Session, Upload, db
from final_app.storage.transaction import transaction
from tests.faults.mutants import Change, mutant
from tests.final_app.rig import PASSWORD, Person, Server, application

DAYS = 30
A_DAY = timedelta(days=1)
OLD, YOUNG = timedelta(days=DAYS, minutes=5), timedelta(days=DAYS, minutes=-5)
ADA, BO, GENERAL = 1, 2, 1


@pytest.fixture
def app(tmp_path: Path) -> Iterator[Flask]:
    """The chat in this process, with Ada and Bo in "general"."""
    app = application(tmp_path)
    with app.app_context():
        accounts.bootstrap("ada", PASSWORD)
        accounts.create("bo", PASSWORD)
        yield app
        db.session.remove()
        db.engine.dispose()


def files_of(app: Flask) -> Files:
    files = app.extensions["files"]
    assert isinstance(files, Files)
    return files


def sweep(app: Flask, days: int = DAYS) -> dict[str, int]:
    """Sweep, and return what was removed."""
    return {kind: count for kind, count in retention.sweep(files_of(app), days).items() if count}


def say(text: str, *, who: int = ADA, room: int = GENERAL, **more: Any) -> dict[str, Any]:
    return messages.post(who, room, str(uuid.uuid4()), text, **more, most_files=9).message


@transaction
def back_date(table: Any, column: str, age: timedelta, *ids: object) -> None:
    key = db.inspect(table).primary_key[0]
    change = update(table).where(key.in_(ids)) if ids else update(table)
    db.session.execute(change.values({column: clock.now() - age}))


def aged(message: dict[str, Any], age: timedelta) -> dict[str, Any]:
    back_date(Message, "created_at", age, message["id"])
    return message


def sent_file(app: Flask, text: bytes, room: int = GENERAL) -> str:
    """Upload a file as Ada, without sending it. Return its ID."""
    incoming = files_of(app).incoming() / uuid.uuid4().hex
    incoming.write_bytes(text)
    kept = files_of(app).keep(incoming)
    uploads.add(ADA, room, "note.txt", kept)
    return kept.id


def texts(**where: int) -> list[str]:
    return [message["text"] for message in history.page(BO, GENERAL, **where)["messages"]]


def rows(table: str) -> int:
    return int(db.session.execute(db.text(f"SELECT count(*) FROM {table}")).scalar() or 0)


def test_what_is_too_old_goes_with_all_that_hangs_on_it(app: Flask) -> None:
    gone_file, kept_file = sent_file(app, b"old words"), sent_file(app, b"new words")
    old = say("An old thing for @bo", files=[gone_file])
    reactions.react(BO, old["id"], "👍", True)
    reply = say("So it is, @bo", who=BO, reply_to=old["id"], files=[])
    young = say("A young thing for @bo", files=[kept_file])
    reactions.react(BO, young["id"], "👍", True)
    assert reply["reply_to"]["id"] == old["id"]
    aged(old, OLD)
    aged(reply, YOUNG)
    assert sweep(app) == {"messages": 1, "files": 1}
    assert texts() == ["So it is, @bo", "A young thing for @bo"]
    assert history.page(BO, GENERAL)["messages"][0].get("reply_to") is None
    assert [rows(name) for name in ("mentions", "reactions", "uploads")] == [2, 1, 1]
    assert not files_of(app).path(gone_file).exists() and files_of(app).path(kept_file).exists()
    found = {word: len(search.find(BO, word, room_id=None, before=None)["results"])
             for word in ("old", "young", "thing")}  # fmt: skip
    assert found == {"old": 0, "young": 1, "thing": 1}
    db.session.execute(db.text("INSERT INTO messages_fts(messages_fts) VALUES ('integrity-check')"))
    assert db.session.execute(db.text("PRAGMA foreign_key_check")).all() == []
    assert sweep(app) == {}


def test_without_a_number_of_days_every_message_stays(app: Flask) -> None:
    aged(say("From long ago"), timedelta(days=5000))
    assert sweep(app, days=0) == {}
    assert texts() == ["From long ago"]


def test_pages_tell_their_ends_though_the_first_messages_are_gone(app: Flask) -> None:
    for number in range(1, 9):
        aged(say(f"line {number}"), OLD if number < 4 else YOUNG)
    assert sweep(app) == {"messages": 3}
    for where, expected in (
        ({}, ([4, 5, 6, 7, 8], True, True)),
        ({"limit": 3}, ([6, 7, 8], False, True)),
        ({"before": 6}, ([4, 5], True, False)),
        ({"before": 4}, ([], True, False)),
        ({"after": 0, "limit": 2}, ([4, 5], True, False)),
        ({"after": 7}, ([8], False, True)),
        ({"around": 2, "limit": 2}, ([4], True, False)),
    ):
        page = history.page(BO, GENERAL, **where)
        told = [message["seq"] for message in page["messages"]], page["first"], page["last"]
        assert told == expected, where
    assert say("line 9")["seq"] == 9  # numbers go on


def test_a_room_of_which_all_is_gone_has_one_empty_page(app: Flask) -> None:
    tea = rooms.create(ADA, "Tea", "open")
    aged(say("Anybody there?", room=tea), OLD)
    say("Here")
    assert sweep(app) == {"messages": 1}
    for where in ({}, {"before": 2}, {"after": 0}, {"around": 1}):
        page = history.page(BO, tea, **where)
        assert (page["messages"], page["first"], page["last"]) == ([], True, True), where
    assert say("Nobody?", room=tea)["seq"] == 2


def test_unread_counts_and_sync_stay_right(app: Flask) -> None:
    """This includes the case that the last changed message, which has the highest `rev`, is removed."""
    lines = [say(f"line {number}") for number in range(1, 6)]
    messages.edit(ADA, lines[0]["id"], "line 1, in other words")
    assert memberships.one(BO, GENERAL)["unread"] == 5
    for line in lines[:2]:
        aged(line, OLD)
    assert sweep(app) == {"messages": 2}
    assert memberships.one(BO, GENERAL)["unread"] == 3
    told = history.missed(BO, {GENERAL: 4})[str(GENERAL)]
    assert [change["seq"] for change in told["changes"]] == [5] and told["last_rev"] == 6
    told = history.missed(BO, {GENERAL: 6})[str(GENERAL)]
    assert told == {"changes": [], "last_rev": 6, "reset": False, "more": False}
    assert memberships.mark_read(BO, GENERAL, 5)["unread"] == 0


def test_a_number_is_never_given_to_another_message(app: Flask) -> None:
    """SQLite would reuse it, and a page that still shows the old message could delete the new one."""
    secret = say("The last word, and a @bo")
    aged(secret, OLD)
    assert sweep(app) == {"messages": 1}
    (left,) = history.page(BO, GENERAL)["messages"]
    assert (left["id"], left["deleted"]) == (secret["id"], True) and "text" not in left
    assert search.find(BO, "word", room_id=None, before=None)["results"] == []
    assert sweep(app) == {}  # and it is not counted again
    assert say("A new beginning")["id"] > secret["id"]
    assert sweep(app) == {"messages": 1}  # now nothing needs it any more
    assert texts() == ["A new beginning"]


def test_a_clock_that_was_set_back_hides_no_old_message(app: Flask) -> None:
    lines = [say(f"line {number}") for number in range(1, 5)]
    aged(lines[2], OLD)
    assert sweep(app) == {"messages": 1}
    page = history.page(BO, GENERAL)
    assert [message["seq"] for message in page["messages"]] == [1, 2, 4]
    aged(lines[3], OLD)  # the newest of the room
    say("elsewhere", room=rooms.create(ADA, "Tea", "open"))
    assert sweep(app) == {"messages": 1}
    assert history.page(BO, GENERAL)["last"] is True


def test_files_that_nobody_sent_and_bytes_that_nothing_names_go_after_a_day(app: Flask) -> None:
    unsent, fresh, carried = (sent_file(app, text) for text in (b"one", b"two", b"three"))
    say("here", files=[carried])
    back_date(Upload, "created_at", timedelta(hours=25), unsent, carried)
    folder = files_of(app).folder
    stray, newer = uuid.uuid4().hex, uuid.uuid4().hex
    near = stray[:2]
    names = [f"{near}/{stray}", f"{near}/{stray}.thumb", f"incoming/{stray}",
             f"{newer[:2]}/{newer}", f"incoming/{newer}", "notes.txt", f"{near}/README"]  # fmt: skip
    placed = [folder / name for name in names]
    for path in placed:
        path.parent.mkdir(exist_ok=True)
        path.write_text("?")
    yesterday = time.time() - 25 * 60 * 60
    for path in [*placed[:3], *placed[5:], files_of(app).path(carried)]:
        os.utime(path, (yesterday, yesterday))
    assert sweep(app) == {"files": 1, "leftovers": 3}
    assert [path.exists() for path in placed] == [False] * 3 + [True] * 4  # nobody else's files
    there = [files_of(app).path(each).exists() for each in (unsent, fresh, carried)]
    assert there == [False, True, True]


def test_while_the_sweep_reads_a_folder_it_keeps_no_transaction_open(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If the disk is slow, PostgreSQL would end it after 5 s, and the sweep would stop there."""
    for name in ("aa", "bb"):
        (files_of(app).folder / name).mkdir(parents=True)
        (files_of(app).folder / name / (name * 16)).write_text("?")
    is_old, held = retention._is_old, []

    def looked_at(path: Path) -> bool:
        held.append(db.session().in_transaction())
        return is_old(path)

    monkeypatch.setattr(retention, "_is_old", looked_at)
    assert sweep(app) == {}
    assert held == [False, False]


def test_spent_invites_and_unused_log_ins_go(app: Flask) -> None:
    codes = [invites.create(ADA)["code"] for _ in range(3)]
    ids = [db.session.query(Invite).filter_by(code=code).one().id for code in codes]
    back_date(Invite, "expires_at", timedelta(minutes=1), ids[0])
    use_up(ids[1])
    kept, left = sessions.create(BO, "test", ""), sessions.create(BO, "test", "")
    _, token = accounts.create_bot("hook")
    back_date(Session, "seen_at", sessions.LIFETIME + timedelta(minutes=1), 2, 3)
    assert sessions.find(left) is None and sessions.find(token)
    assert sweep(app) == {"invites": 2, "sessions": 1}
    assert sessions.find(kept) and sessions.find(token)
    accounts.register("cy", PASSWORD, codes[2], open_to_all=False)


@transaction
def use_up(invite_id: int) -> None:
    db.session.get_one(Invite, invite_id).uses_left = 0


ONE_DAY_TOO_MANY: Change = (
    "retention.py", "timedelta(days=retention_days)", "timedelta(days=retention_days - 1)",
)  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "left"),
    [([], ["younger", "a day younger"]), ([ONE_DAY_TOO_MANY], ["a day younger"])],
    ids=["as shipped", "double: a day too many"],
)
def test_the_server_sweeps_when_it_starts_and_to_the_day(
    tmp_path: Path, changes: list[Change], left: list[str]
) -> None:
    code = {"code": mutant(tmp_path, *changes)} if changes else {}
    with application(tmp_path / "data").app_context():
        accounts.bootstrap("ada", PASSWORD)
        for text, age in (("older", OLD), ("younger", YOUNG), ("a day younger", YOUNG - A_DAY)):
            aged(say(text), age)
        db.engine.dispose()
    server = Server(tmp_path / "data", CHAT_RETENTION_DAYS=str(DAYS), **code)
    server.start()
    try:
        ada = Person(server, "ada")
        ada.log_in()
        wait_for(server, f"Removed {3 - len(left)} messages")
        assert [message["text"] for message in ada.history(1)] == left
    finally:
        server.stop()


def wait_for(server: Server, words: str) -> None:
    """Wait until the server's log contains this text."""
    give_up = time.monotonic() + 20
    while not any(words in line for line in server.log):
        assert time.monotonic() < give_up, server.log
        threading.Event().wait(0.02)
