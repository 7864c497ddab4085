"""Another program locks the database: writers wait or get an error, and nobody else is affected."""

import threading
import time
import uuid
from collections.abc import Callable
from pathlib import Path

import pytest

from final_app.storage import transaction
from tests.busy import within
from tests.faults.load import Line, crowd, finish, judge
from tests.faults.locks import held
from tests.faults.mutants import Change, mutant
from tests.final_app.rig import Person, Server

HELD = 4.0  # seconds, and far less than anybody's patience
SETTLE = 0.5  # seconds
PROMPT = 1.0  # seconds for what does not write
RATE = 40  # messages a second, all senders together
SHORT_PATIENCE = 1.5  # seconds, in the copy of the fast test
LATE = 4.0  # seconds beyond the patience that a refusal may take on a busy machine
TOGETHER = 5  # people who wait: if each had a patience in turn, the last would wait far too long

BUSY_WAIT: Change = (
    "storage/sqlite.py",
    '"connect_args": {"timeout": 0,',
    '"connect_args": {"timeout": 15,',
)
IMPATIENT: Change = ("storage/transaction.py", "PATIENCE = 15.0", f"PATIENCE = {SHORT_PATIENCE}")
ONE_PATIENCE_EACH: tuple[Change, ...] = (
    ("storage/sqlite.py", ".acquire(timeout=patience)", ".acquire()"),
    (
        "storage/sqlite.py",
        "_begin(connection, give_up)\n",
        "_begin(connection, clock.seconds() + patience)\n",
    ),
)


def slowest(ways: dict[str, Callable[[], object]], seconds: float) -> dict[str, float]:
    """Repeat some actions for some seconds. Return the longest time that each of them took."""
    until = time.monotonic() + seconds
    most = dict.fromkeys(ways, 0.0)
    while time.monotonic() < until:
        for name, act in ways.items():
            began = time.monotonic()
            act()
            most[name] = max(most[name], time.monotonic() - began)
    return most


def without_writing(cy: Person, line: Line) -> dict[str, Callable[[], object]]:
    return {
        "healthz": lambda: cy.get("/healthz").raise_for_status(),
        "log-in page": lambda: Person(cy.server, "x").get("/login").raise_for_status(),
        "typing": lambda: _ok(line.ask("typing", {"room": 1, "on": True})),
        "history by sync": lambda: _ok(line.ask("sync", {"rooms": {"1": 0}})),
        "ping": lambda: _ping(line),
    }


def test_others_go_on_while_the_database_is_held_and_nothing_is_lost(tmp_path: Path) -> None:
    assert transaction.PATIENCE > 3 * HELD, "who waits would be refused, not delayed"
    server = Server(tmp_path).start()
    folks = crowd(server, 3)
    line = Line(folks.people[2])
    folks.people, folks.rooms = folks.people[:2], folks.rooms[:2]
    senders = folks.senders(RATE, 1)
    _until(lambda: all(any(sent.acknowledged for sent in s.journal) for s in senders))
    with held(server):
        ways = without_writing(Person(server, "cy"), line)
        slowest(ways, SETTLE)  # meanwhile what was committed is acknowledged
        before = _acknowledged(senders)
        most = slowest(ways, HELD)
        assert _acknowledged(senders) == before and all(s.in_flight for s in senders)
    _until(lambda: _acknowledged(senders) > before)
    finish(senders, 10)
    every_room = sorted({room for rooms in folks.rooms for room in rooms})
    verdict = judge(folks.people[0], every_room, senders)
    server.stop()
    print(f"\n{verdict}\nslowest, s:", {name: round(value, 3) for name, value in most.items()})
    assert within(max(most.values()), PROMPT), most
    assert verdict.broken == {} and verdict.acknowledged == verdict.messages
    assert not any(sender.refused for sender in senders)


@pytest.mark.long
def test_the_wait_of_sqlite_itself_would_stop_everybody(tmp_path: Path) -> None:
    server = Server(tmp_path / "data", code=mutant(tmp_path, BUSY_WAIT)).start()
    ada = Person(server, "ada").begin()
    line, sender = Line(ada), Line(ada)
    with held(server):
        sender.send("new_message", _a_message())
        _until(lambda: _stalls(line))  # when the message has come, and waits
    server.stop()


def test_history_is_read_over_http_while_the_database_is_held(tmp_path: Path) -> None:
    server = Server(tmp_path).start()
    ada = Person(server, "ada").begin()
    ada.connect()
    assert ada.say(1, "before")["ok"]
    try:
        with held(server):
            for path in ("/api/rooms/1/messages", "/r/general"):
                began = time.monotonic()
                ada.get(path).raise_for_status()
                assert within(time.monotonic() - began, PROMPT)
    finally:
        ada.leave()
        server.stop()


def test_a_page_connects_while_the_database_is_held(tmp_path: Path) -> None:
    server = Server(tmp_path).start()
    ada = Person(server, "ada").begin()
    with held(server):
        began = time.monotonic()
        line = Line(ada)
        assert line.ask("sync", {"rooms": {"1": 0}})["ok"]
        assert within(time.monotonic() - began, PROMPT)
        line.close()
    server.stop()


@pytest.mark.parametrize(
    ("patience", "changes"),
    [
        pytest.param(SHORT_PATIENCE, [IMPATIENT], id="a short patience"),
        pytest.param(transaction.PATIENCE, [], id="as shipped, 20 s", marks=pytest.mark.long),
    ],
)
def test_who_waits_too_long_is_refused_and_nothing_is_stored(
    tmp_path: Path, patience: float, changes: list[Change]
) -> None:
    code = {"code": mutant(tmp_path, *changes)} if changes else {}
    server = Server(tmp_path / "data", **code).start()
    took, answers, history, after = refused(server, patience)
    assert [answer["error"]["code"] for answer in answers] == ["busy"] * TOGETHER
    assert all(patience - 0.1 <= seconds < patience + LATE for seconds in took), took
    assert [message["text"] for message in history] == ["before"]
    assert after["message"]["seq"] == 2


@pytest.mark.long
def test_a_patience_for_each_in_turn_would_be_noticed(tmp_path: Path) -> None:
    code = mutant(tmp_path, IMPATIENT, *ONE_PATIENCE_EACH)
    server = Server(tmp_path / "data", code=code).start()
    took, *_ = refused(server, SHORT_PATIENCE)
    assert max(took) > SHORT_PATIENCE + LATE


def refused(server: Server, patience: float) -> tuple[list[float], list[dict], list[dict], dict]:
    """Lock the database for longer than the chat waits, while some people send messages."""
    ada = Person(server, "ada").begin()
    lines = [Line(ada) for _ in range(TOGETHER)]
    assert lines[0].ask("new_message", _a_message("before"))["ok"]
    took: list[float] = []
    answers: list[dict] = []

    def send(line: Line) -> None:
        began = time.monotonic()
        answers.append(line.ask("new_message", _a_message("during")))
        took.append(time.monotonic() - began)

    threads = [threading.Thread(target=send, args=[line]) for line in lines]
    with held(server):
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(2 * TOGETHER * patience)
    print("\nanswered after, s:", [round(seconds, 2) for seconds in took])
    history = ada.history(1)
    after = lines[0].ask("new_message", _a_message("after"))
    server.stop()
    return took, answers, history, after


def _a_message(text: str = "hello") -> dict:
    return {"room": 1, "client_id": str(uuid.uuid4()), "text": text}


def _acknowledged(senders: list) -> int:
    return sum(sent.acknowledged is not None for sender in senders for sent in [*sender.journal])


def _ok(answer: dict) -> None:
    assert answer["ok"], answer


def _ping(line: Line) -> None:
    """Send a WebSocket ping and wait for its answer."""
    line.ws.ping("here?")
    while line.ws.recv_data_frame(control_frame=True)[0] != 0xA:
        pass


def _stalls(line: Line) -> bool:
    """Return whether the server is too slow to answer an event that writes nothing."""
    number = line.send("typing", {"room": 1, "on": True})
    while number not in line.answers:
        if not line.ready(2 * PROMPT):
            return True
        line.take()
    return False


def _until(holds: Callable[[], bool], seconds: float = 10.0) -> None:
    give_up = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < give_up, "it did not come about"
        time.sleep(0.01)
