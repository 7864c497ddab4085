"""The process is killed under load: what was acknowledged is stored, once and in order."""

import random
import signal
import time
from pathlib import Path

import pytest

from tests.busy import within
from tests.faults.load import Sender, Verdict, crowd, finish, judge
from tests.faults.mutants import Change, mutant
from tests.final_app.rig import Person, Server

SEED = 20261122
RATE = 200  # messages a second, all senders together
RUN = (0.4, 0.9)  # seconds of load before a kill, at least and at most
ENOUGH = 40  # messages that are acknowledged before each kill
DRAIN = 20.0  # seconds for the last acknowledgements
RECOVERY = 5.0  # seconds from the kill to the next acknowledgement, on a slow machine
STOP = 5.0  # seconds

# The answer goes out at once, and the message is stored a moment later.
ACKNOWLEDGED_FIRST: Change = (
    "realtime/handlers.py",
    """\
    posted = messages.post(
        me.id, data.room, data.client_id, data.text, data.reply_to, data.uploads, most_files=most
    )
""",
    """\
    import gevent
    from flask import current_app

    app = current_app._get_current_object()

    def later():
        with app.app_context():
            posted = messages.post(me.id, data.room, data.client_id, data.text, data.reply_to)
            server.emit("stored", posted.message, to="everybody")

    gevent.spawn_later(0.1, later)
    return {"message": {"seq": 0}, "duplicate": False}
""",
)

# The room is told inside the transaction, and the disk takes its time.
TOLD_FIRST: tuple[Change, ...] = (
    ("storage/transaction.py", "        queue.before_commit(current.connection, current.facts)",
     "        queue.add(current.facts)\n"
     "        queue.deliver()\n"
     "        clock.pause(0.05)"),
)  # fmt: skip

# The counter is moved on by a transaction of its own.
NUMBERED_FIRST: tuple[Change, ...] = (
    ("storage/transaction.py", "        current.connection.commit()",
     "        clock.pause(0.02)\n"
     "        current.connection.commit()"),
    ("chat/messages.py", "    seq, rev = rooms.next_numbers(room_id, is_new=True)\n",
     "    seq, rev = rooms.next_numbers(room_id, is_new=True)\n    from flask import g\n"
     "    g.transaction.connection.commit()\n    g.transaction.connection.begin()\n"),
)  # fmt: skip

# A repeated send is not looked up, and no index refuses it.
NO_LOOKUP: tuple[Change, ...] = (
    ("chat/messages.py", "    if known:\n", "    if False:\n"),
    ("storage/migrations/versions/0001_the_first_tables.py",
     '        sa.UniqueConstraint("author_id", "client_id"),\n', ""),
    # … and the answer takes a while: a kill finds some that are stored and not yet acknowledged
    ("realtime/handlers.py", '    return {"message": posted.message, "duplicate": posted.duplicate}',
     '    clock.pause(0.02)\n    return {"message": posted.message, "duplicate": posted.duplicate}'),
)  # fmt: skip


def kills(server: Server, count: int) -> tuple[Verdict, list[float], list[Sender]]:
    """Kill the server several times under load. Return the verdict and the time of each recovery."""
    chance = random.Random(SEED)
    folks = crowd(server)
    senders = folks.senders(RATE, SEED)
    recoveries = []
    for _ in range(count):
        more_acknowledged(senders, ENOUGH)
        time.sleep(chance.uniform(*RUN))
        give_up = time.monotonic() + DRAIN
        while not any(sender.in_flight for sender in senders):  # not at a quiet moment
            assert time.monotonic() < give_up, "nobody sends any more"
        server.stop(signal.SIGKILL)
        began, before = time.monotonic(), acknowledged(senders)
        server.start()
        while acknowledged(senders) == before and time.monotonic() - began < DRAIN:
            time.sleep(0.01)
        recoveries.append(time.monotonic() - began)
    more_acknowledged(senders, ENOUGH)  # the chat goes on after the last kill
    finish(senders, DRAIN)
    every_room = sorted({room for rooms in folks.rooms for room in rooms})
    return judge(folks.people[0], every_room, senders), recoveries, senders


def acknowledged(senders: list[Sender]) -> int:
    return sum(sent.acknowledged is not None for sender in senders for sent in [*sender.journal])


def more_acknowledged(senders: list[Sender], count: int) -> None:
    """Wait until more than `count` further messages have been acknowledged."""
    enough, give_up = acknowledged(senders) + count, time.monotonic() + DRAIN
    while acknowledged(senders) <= enough:
        assert time.monotonic() < give_up, f"{count} messages took more than {DRAIN} s"
        time.sleep(0.01)


def show(verdict: Verdict, recoveries: list[float]) -> None:
    print(f"\nseed {SEED}: {verdict}")
    print("recovery, s:", ", ".join(f"{seconds:.2f}" for seconds in recoveries))


@pytest.mark.parametrize("count", [2, pytest.param(10, marks=pytest.mark.long)])
def test_a_kill_in_mid_load_loses_and_doubles_nothing(tmp_path: Path, count: int) -> None:
    server = Server(tmp_path).start()
    try:
        verdict, recoveries, _ = kills(server, count)
    finally:
        server.stop(signal.SIGKILL)
    show(verdict, recoveries)
    assert verdict.broken == {}
    assert verdict.acknowledged == verdict.messages > ENOUGH * count
    assert verdict.repeated >= count, "no send was under way when the server was killed"
    assert within(max(recoveries), RECOVERY)


@pytest.mark.parametrize(
    ("changes", "seen", "count"),
    [
        pytest.param([ACKNOWLEDGED_FIRST], "lost", 1, marks=pytest.mark.long),
        # What was told must have arrived when the kill comes: that takes some tries.
        pytest.param(TOLD_FIRST, "ghosts", 4, marks=pytest.mark.long),
        pytest.param(NUMBERED_FIRST, "gaps", 2, marks=pytest.mark.long),
        pytest.param(NO_LOOKUP, "doubled", 2, marks=pytest.mark.long),
    ],
    ids=["acknowledged before the commit", "told before the commit", "number spent first",
         "no lookup, no index"],
)  # fmt: skip
def test_the_kill_finds_what_is_wrong_with_a_mutant(
    tmp_path: Path, changes: list[Change], seen: str, count: int
) -> None:
    server = Server(tmp_path / "data", code=mutant(tmp_path, *changes)).start()
    try:
        verdict, recoveries, _ = kills(server, count)
    finally:
        server.stop(signal.SIGKILL)
    show(verdict, recoveries)
    assert seen in verdict.broken


def test_a_stop_in_mid_load_is_quick_and_loses_nothing(tmp_path: Path) -> None:
    server = Server(tmp_path).start()
    folks = crowd(server)
    senders = folks.senders(RATE, SEED)
    more_acknowledged(senders, ENOUGH)
    began = time.monotonic()
    server.stop(signal.SIGTERM)
    took = time.monotonic() - began
    server.start()
    more_acknowledged(senders, ENOUGH)  # the chat goes on after the last kill
    finish(senders, DRAIN)
    every_room = sorted({room for rooms in folks.rooms for room in rooms})
    verdict = judge(folks.people[0], every_room, senders)
    server.stop(signal.SIGKILL)
    show(verdict, [])
    print(f"stopped in {took:.2f} s; tracebacks: {tracebacks(server)}")
    assert verdict.broken == {}
    assert verdict.acknowledged == verdict.messages > ENOUGH
    assert within(took, STOP)
    assert tracebacks(server) == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
def test_a_stop_leaves_nothing_in_the_write_ahead_log(tmp_path: Path, number: int) -> None:
    """The negative twin is a kill, after which the next start needs the log."""
    server = Server(tmp_path).start()
    ada = Person(server, "ada").begin()
    ada.connect()
    assert ada.say(1, "hello")["ok"]
    server.stop(number)
    size = sum(path.stat().st_size for path in tmp_path.glob("chat.db-wal"))
    assert (size > 0) == (number == signal.SIGKILL)
    server.start()
    assert [message["text"] for message in ada.history(1)] == ["hello"]
    server.stop()


def tracebacks(server: Server) -> int:
    return sum("Traceback" in line for line in server.log)
