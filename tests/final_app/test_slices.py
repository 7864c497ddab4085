"""Slow work is done in slices: one at a time, and everybody else gets turns in between."""

import threading
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from flask import Flask

from final_app.accounts import sessions
from final_app.chat import history, messages, search, slices, texts
from final_app.lib import clock
from final_app.storage.models import db
from final_app.storage.transaction import transaction
from tests.waiting import wait_until

ADA, BO, GENERAL = 1, 2, 1
SHORT, LONG = "needle " * 10, "needle " * 100
SAID = 3 * history.SLICE
HITS = 2 * search.SLICE
Act = Callable[[], Any]


@pytest.fixture
def bearer(two_people: Flask) -> dict[str, str]:
    return {"Authorization": f"Bearer {sessions.create(ADA, 'test', '127.0.0.1')}"}


@pytest.fixture
def asked(two_people: Flask, bearer: dict[str, str]) -> dict[str, Act]:
    """What somebody can ask of the chat, by name."""
    posted = [post(f"{SHORT} {number}") for number in range(SAID)]

    def hook(text: str) -> None:
        answer = two_people.test_client().post(
            "/hooks", json={"room": GENERAL, "text": text}, headers=bearer
        )
        assert answer.status_code == 201

    return {
        "short message": lambda: post(SHORT),
        "long message": lambda: post(LONG),
        "short edit": lambda: messages.edit(ADA, posted[0], SHORT),
        "long edit": lambda: messages.edit(ADA, posted[0], LONG),
        "long message of a bot": lambda: hook(LONG),
        "page": lambda: history.page(ADA, GENERAL, limit=SAID),
        "sync": lambda: history.missed(ADA, {GENERAL: SAID - 1}),
        "reset": lambda: history.missed(ADA, {GENERAL: 0}),
        "search": lambda: search.find(ADA, "needle", room_id=None, before=None, limit=HITS),
    }


def post(text: str) -> int:
    return int(messages.post(ADA, GENERAL, str(uuid.uuid4()), text).message["id"])


@pytest.mark.parametrize(
    ("what", "least"),
    [
        ("short message", 0), ("long message", 1), ("short edit", 0), ("long edit", 1),
        ("long message of a bot", 1), ("page", SAID // history.SLICE), ("sync", 1), ("reset", 1),
        ("search", HITS // search.SLICE),
    ],
)  # fmt: skip
def test_slow_work_is_done_in_slices_that_hold_no_connection_while_they_wait(
    asked: dict[str, Act], monkeypatch: pytest.MonkeyPatch, what: str, least: int
) -> None:
    held: list[bool] = []
    monkeypatch.setattr(clock, "pause", lambda _: held.append(db.session().in_transaction()))
    monkeypatch.setattr(slices, "SPAN", -1.0)
    monkeypatch.setattr(history, "SYNC_MOST", SAID // 2)
    asked[what]()
    assert len(held) == least and not any(held)


def test_others_get_one_turn_in_several_short_slices(
    asked: dict[str, Act], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A pause before each would let the process idle for half of the time when everybody syncs."""
    pauses: list[float] = []
    monkeypatch.setattr(clock, "pause", pauses.append)
    monkeypatch.setattr(slices, "SPAN", 60.0)
    monkeypatch.setattr(slices, "_turn_ended", -60.0)
    asked["page"]()
    assert len(pauses) == 1


def test_the_pauses_come_one_after_the_other_in_the_order_in_which_people_came(
    two_people: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Otherwise, all slices would begin at once. The first pause ends when the others wait."""
    who, begun = threading.local(), []

    def pause(_: float) -> None:
        begun.append(who.letter)
        wait_until(lambda: len(slices._line) == 5 - len(begun))
        assert [each.is_set() for each in slices._line].count(True) == 1, "two pauses at once"

    def say(letter: str) -> None:
        who.letter = letter
        with two_people.app_context():
            post(letter * (texts.LONG + 1))

    monkeypatch.setattr(clock, "pause", pause)
    monkeypatch.setattr(slices, "SPAN", -1.0)
    with ThreadPoolExecutor() as pool:
        sent = []
        for place, letter in enumerate("abcd", 1):
            sent.append(pool.submit(say, letter))
            wait_until(lambda place=place: len(slices._line) >= place or sent[-1].done())
        for each in sent:
            each.result(10)
    assert "".join(begun) == "abcd" and not slices._line


def test_nobody_waits_for_a_turn_in_a_transaction(two_people: Flask) -> None:
    """During a transaction nobody else can write, so nobody would get a turn."""

    @transaction
    def wait() -> None:
        with slices.one():
            pass

    with pytest.raises(RuntimeError):
        wait()
    assert not slices._line


def test_a_person_has_one_search_at_a_time(
    two_people: Flask, bearer: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    others = {"Authorization": f"Bearer {sessions.create(BO, 'test', '127.0.0.1')}"}
    running: list[int] = []
    most: dict[int, int] = {}
    both = threading.Event()

    def find(user_id: int, *_: object, **__: object) -> dict[str, Any]:
        running.append(user_id)
        most[user_id] = max(most.get(user_id, 0), running.count(user_id))
        if {*running} == {ADA, BO}:
            both.set()
        assert both.wait(10), "the search of one person waits for that of another"
        running.remove(user_id)
        return {"results": [], "more": False}

    def ask(headers: dict[str, str]) -> int:
        return two_people.test_client().get("/api/search?q=x", headers=headers).status_code

    monkeypatch.setattr(search, "find", find)
    with ThreadPoolExecutor() as pool:
        answers = [*pool.map(ask, [bearer, bearer, bearer, others])]
    assert answers == [200] * 4 and most == {ADA: 1, BO: 1}
