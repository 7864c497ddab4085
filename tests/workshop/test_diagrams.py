"""A sequence diagram shows what was sent and received, in the same way on every run."""

import xml.etree.ElementTree as ElementTree
from itertools import permutations

import pytest
import socketio

from workshop import cast, sequence, stage
from workshop.clients import Packet
from workshop.diagrams import drawing, in_order, messages

SAID = '20["new_message",{"text":"Hello"}]'
HEARD = '2["new_message",{"seq":1,"text":"Hello"}]'
DONE = '30[{"ok":true}]'
TALK = [
    'Ada → Server: new_message {"text": "Hello"}',
    'Server → Ada, Bo: new_message {"seq": 1, "text": "Hello"}',
    'Server → Ada: acknowledgement {"ok": true}',
    'Bo → Server: new_message {"text": "Hello"}',
    'Server → Bo: acknowledgement {"ok": true}',
]


def sent(data: str, at: float) -> Packet:
    return Packet(True, "MESSAGE", data, at)


def received(data: str, at: float) -> Packet:
    return Packet(False, "MESSAGE", data, at)


def told(**tapes: list[Packet]) -> list[str]:
    return [*map(str, in_order({name: messages(tape, name) for name, tape in tapes.items()}))]


@pytest.mark.parametrize("late", [2.1, 4.5, 9.0], ids=["at once", "after his call", "much later"])
def test_the_order_does_not_depend_on_who_receives_a_broadcast_first(late: float) -> None:
    ada = [sent(SAID, 1), received(HEARD, 2), received(DONE, 3)]
    bo = sorted([received(HEARD, late), sent(SAID, 4), received(DONE, 5)], key=lambda each: each.at)
    assert told(Ada=ada, Bo=bo) == TALK


def test_equal_messages_are_counted() -> None:
    twice = [received(HEARD, 1), received(HEARD, 2)]
    assert len(told(Ada=twice, Bo=twice)) == 2
    assert (
        told(Ada=twice, Bo=twice[:1])[1] == 'Server → Ada: new_message {"seq": 1, "text": "Hello"}'
    )


def test_people_who_contradict_each_other_are_shown_one_by_one() -> None:
    one, other = received('2["one"]', 1), received('2["other"]', 1)
    assert sorted(told(Ada=[one, other], Bo=[other, one])) == [
        "Server → Ada, Bo: other", "Server → Ada: one", "Server → Bo: one",
    ]  # fmt: skip


def test_a_diagram_of_real_clients_is_the_same_whoever_is_named_first() -> None:
    with stage("05_broadcast") as chat:
        ada, bo = cast(chat, "Ada", "Bo")
        ada.call("new_message", {"username": "Ada", "text": "<b>Hello</b>"}, timeout=10)
        for person in (ada, bo):
            person.receive(timeout=10)
        texts = [sequence(*order).text for order in permutations([ada, bo])]
        markup = sequence(ada, bo).markup
        with pytest.raises(TypeError, match="has no tape"):
            sequence(socketio.SimpleClient())
        ada.disconnect()
        bo.disconnect()
    assert texts[0].splitlines() == texts[1].replace("Bo, Ada", "Ada, Bo").splitlines()
    assert texts[0].splitlines()[-2:] == [
        'Server → Ada, Bo: new_message {"username": "Ada", "text": "<b>Hello</b>"}',
        'Server → Ada: acknowledgement {"ok": true}',
    ]
    assert "<b>" not in markup


def test_an_arrow_has_a_head_at_everybody_whom_it_reaches() -> None:
    tape = [sent(SAID, 1), received(HEARD, 2)]
    rows = in_order({"Ada": messages(tape, "Ada"), "Bo": messages(tape[1:], "Bo")})
    tree = ElementTree.fromstring(drawing(["Ada", "Bo"], rows))
    heads = [path for path in tree.iter() if path.get("d", "").endswith("v10z")]
    assert len(heads) == 1 + 2


def test_nobody_is_no_diagram() -> None:
    with pytest.raises(TypeError, match=r"sequence\(ada, bo\)"):
        sequence()
