"""One message is one row, no matter how often and from where it is sent."""

import uuid
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.load import Line
from tests.faults.locks import held
from tests.faults.mutants import Change, mutant
from tests.final_app.rig import Person, Server

TIMES = 40
CONTENDED = 10  # of these, both wait at the door when it opens

NO_LOOKUP: tuple[Change, ...] = (
    ("chat/messages.py", "    if known:\n", "    if False:\n"),
    ("storage/migrations/versions/0001_the_first_tables.py",
     '        sa.UniqueConstraint("author_id", "client_id"),\n', ""),
)  # fmt: skip
NO_INDEX_AND_LOOKED_UP_TOO_EARLY: tuple[Change, ...] = (
    NO_LOOKUP[1],
    ("realtime/handlers.py", "    posted = messages.post(\n",
     "    from final_app.storage.models import Message, db\n"
     "    known = db.session.query(Message).filter_by(client_id=data.client_id).one_or_none()\n"
     "    if known:\n"
     '        return {"message": messages.to_dict(known), "duplicate": True}\n'
     "    posted = messages.post(\n"),
    NO_LOOKUP[0],
)  # fmt: skip
TOLD_AGAIN: Change = (
    "chat/messages.py",
    "    if known:\n",
    "    if known:\n        record(MessagePosted(to_dict(known)))\n",
)
NUMBER_SPENT: Change = (
    "chat/messages.py", "    if known:\n",
    "    if known:\n        rooms.next_numbers(room_id, is_new=True)\n",
)  # fmt: skip


@pytest.fixture
def server(tmp_path: Path, changes: tuple[Change, ...]) -> Iterator[Server]:
    code = {"code": mutant(tmp_path, *changes)} if changes else {}
    chat = Server(tmp_path / "data", **code).start()
    yield chat
    chat.stop()


def as_shipped_and(name: str, *mutants: tuple[Change, ...]) -> pytest.MarkDecorator:
    """Return the cases: `final_app` as shipped, and the mutants, which run with `-m long`."""
    ids = ["as shipped", *name.split("; ")]
    others = [pytest.param(each, marks=pytest.mark.long) for each in mutants]
    return pytest.mark.parametrize("changes", [(), *others], ids=ids)


def what_is_wrong(rows: object, told: object, answers: object, gaps: object) -> dict[str, object]:
    found = {"rows": rows, "told": told, "answers": answers, "gaps": gaps}
    return {name: value for name, value in found.items() if value}


@as_shipped_and(
    "looked up before the transaction, no index; told again",
    NO_INDEX_AND_LOOKED_UP_TOO_EARLY, (TOLD_AGAIN,),
)  # fmt: skip
def test_two_senders_of_one_message_at_once_store_it_once(
    server: Server, changes: tuple[Change, ...]
) -> None:
    ada = Person(server, "ada").begin()
    one, other = Line(ada), Line(ada)
    listener = Line(Person(server, "bo").register(ada.invite()))
    ids = [str(uuid.uuid4()) for _ in range(TIMES)]
    answers = [same for each in ids[CONTENDED:] for same in both_send(one, other, each)]
    for each in ids[:CONTENDED]:
        with held(server):
            numbers = [line.send(*a_message(each)) for line in (one, other)]
            assert listener.ask("typing", {"room": 1, "on": True})["ok"]  # both have come by now
        answers += [answer_of(one, numbers[0]), answer_of(other, numbers[1])]
    end = listener.ask("new_message", a_message(str(uuid.uuid4()))[1])["message"]
    listener.until("new_message")
    wrong = compare(ada, ids, answers, listener, end["client_id"])
    if changes:
        assert wrong, "the mutant went unnoticed"
    else:
        assert wrong == {}


@as_shipped_and("number spent; no lookup, no index", (NUMBER_SPENT,), NO_LOOKUP)
def test_one_repetition_among_five_in_flight_takes_no_place(
    server: Server, changes: tuple[Change, ...]
) -> None:
    ada = Person(server, "ada").begin()
    line = Line(ada)
    ids = [str(uuid.uuid4()) for _ in range(4)]
    five = [*ids[:3], ids[1], ids[3]]
    numbers = [line.send(*a_message(each)) for each in five]
    answers = [answer_of(line, number) for number in numbers]
    wrong = compare(ada, ids, answers, line, "")
    assert len(answers) == 5 and all(answer["ok"] for answer in answers)
    if changes:
        assert wrong, "the mutant went unnoticed"
    else:
        assert wrong == {}
        assert [answer["message"]["seq"] for answer in answers] == [1, 2, 3, 2, 4]
        assert [answer["duplicate"] for answer in answers] == [False] * 3 + [True, False]


def compare(
    ada: Person, ids: list[str], answers: list[dict], listener: Line, but: str
) -> dict[str, object]:
    """Return the problems with the rows, broadcasts, answers and numbers of each message."""
    history = ada.history(1)
    rows = Counter(message["client_id"] for message in history if message["client_id"] != but)
    told = Counter(
        message["client_id"] for event, message in listener.heard if event == "new_message"
    )
    stored = {message["client_id"]: message for message in history}
    return what_is_wrong(
        rows={key: count for key, count in rows.items() if count != 1} or set(ids) ^ set(rows),
        told={key: told[key] for key in ids if told[key] != 1},
        answers=[a for a in answers if a["message"] != stored[a["message"]["client_id"]]],
        gaps=[m["seq"] for m in history] != list(range(1, len(history) + 1)),
    )


def both_send(one: Line, other: Line, client_id: str) -> list[dict]:
    numbers = [line.send(*a_message(client_id)) for line in (one, other)]
    answers = [answer_of(one, numbers[0]), answer_of(other, numbers[1])]
    assert all(answer["ok"] for answer in answers)
    return answers


def a_message(client_id: str) -> tuple[str, dict]:
    return "new_message", {"room": 1, "client_id": client_id, "text": f"This is {client_id}"}


def answer_of(line: Line, number: int) -> dict:
    while number not in line.answers:
        line.take()
    return line.answers.pop(number)
