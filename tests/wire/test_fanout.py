"""Broadcasts: one frame for everybody, one write per client and turn, and everything in order."""

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from socket import SHUT_WR

import gevent
import gevent.socket
import pytest

from final_app.wire import writer
from tests.final_app.rig import ANSWER_TIMEOUT
from tests.wire.raw import MB, Poller, Socket, frame, is_dropped, is_ended
from tests.wire.served import Bare

EVENTS = 50


def said(data: object) -> str:
    return "42" + json.dumps(["said", data], separators=(",", ":"))


def test_what_is_sent_in_one_turn_is_written_at_once(bare: Bare) -> None:
    client = Socket(bare)
    client.say(f'42["count",{EVENTS}]')
    together = client.line.recv(65_536)
    assert all(said(number).encode() in together for number in range(EVENTS))


def test_events_and_answers_keep_their_order(bare: Bare) -> None:
    """It makes no difference whether a packet is for one client or for all."""
    client = Socket(bare)
    for number in range(EVENTS):
        client.say(f'42["say",{number}]' if number % 2 else f'42{number}["echo",{number}]')
    expected = [said(n) if n % 2 else f"43{n}[{n}]" for n in range(EVENTS)]
    assert client.until(expected[-1]) == expected


def test_who_leaves_a_room_gets_what_was_said_until_then(bare: Bare) -> None:
    client = Socket(bare)
    client.say('42["visit"]')
    client.say('42["say","end"]')
    assert client.until(said("end")) == [said("inside"), said("end")]


def test_who_is_disconnected_gets_what_was_said_until_then(bare: Bare) -> None:
    client = Socket(bare)
    client.say('42["end"]')
    assert client.text() == said("the last")
    assert client.code() == 1000


def test_who_hangs_up_gets_the_answers_to_what_it_asked(bare: Bare) -> None:
    """The server reads the end of the client's data before it writes the answers."""
    client = Socket(bare)
    client.line.sendall(frame(b'421["echo",1]') + frame(b'422["echo",2]'))
    client.line.shutdown(SHUT_WR)
    assert [client.text(), client.text()] == ["431[1]", "432[2]"]


def test_everybody_else_means_everybody_else(bare: Bare) -> None:
    mine, other, polls = Socket(bare), Socket(bare), Poller(bare)
    mine.say('42["others"]')
    mine.say('42["say","end"]')
    assert mine.until(said("end")) == [said("end")]
    assert other.until(said("end")) == [said("others"), said("end")]
    assert polls.until(said("end")) == [said("others"), said("end")]


def test_polling_and_websockets_get_the_same(serve: Callable[..., Bare]) -> None:
    """Attachments follow their event, in the form that each transport uses for bytes."""
    bare = serve("attachments=10")
    socket, polls = Socket(bare), Poller(bare)
    socket.say('42["say","text"]')
    socket.say('42["bytes"]')
    head = '452-["bytes",{"a":{"_placeholder":true,"num":0},"b":[{"_placeholder":true,"num":1},3]}]'
    assert [socket.text(), socket.text()] == [said("text"), head]
    assert polls.until("bdHdv") == [said("text"), head, "bAP8=", "bdHdv"]


def test_a_question_is_answered_by_its_callback(bare: Bare) -> None:
    client = Socket(bare)
    client.say('42["question"]')
    assert client.text() == '421["question"]'
    client.say('431["because"]')
    assert client.text() == said("because")


def test_an_event_from_a_foreign_thread_is_written_at_once(serve: Callable[..., Bare]) -> None:
    """It wakes the event loop, which has nothing else to do."""
    bare = serve("ping_interval=500", "TICK=50")
    client = Socket(bare)
    client.say('42["from outside"]')
    began = time.monotonic()
    assert client.text() == said("from outside")
    assert time.monotonic() - began < ANSWER_TIMEOUT / 2


@pytest.mark.skipif(sys.platform != "linux", reason="Only Linux tells the peak of the memory")
def test_one_handler_cannot_fill_the_memory(serve: Callable[..., Bare]) -> None:
    """It sends 90 MB in one turn to a client that does not read."""
    bare = serve()
    client = Socket(bare)
    client.ask("echo", 1)
    before = peak(bare)
    client.say('42["much",90000,1000]')
    assert is_dropped(client.line, ANSWER_TIMEOUT)
    assert peak(bare) - before < 8 * MB


def peak(bare: Bare) -> int:
    """Return the most memory that the server has ever used, in bytes."""
    assert bare.process
    status = Path(f"/proc/{bare.process.pid}/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) * 1024


def test_a_large_room_is_written_to_in_slices(serve: Callable[..., Bare]) -> None:
    """Nobody is left out, and everybody gets everything in order."""
    bare = serve("SLICE=2")
    clients = [Socket(bare) for _ in range(7)]
    for number in range(3):
        clients[number].say('42["count",3]')
    for client in clients:
        heard = [client.text() for _ in range(9)]
        assert heard == [said(number) for number in (0, 1, 2)] * 3


@pytest.mark.parametrize("method", ["flush", "check"])
def test_an_error_with_one_client_ends_only_its_own_connection(
    serve: Callable[..., Bare], method: str
) -> None:
    """The writer of all WebSockets and the clock of all connections go on."""
    bare = serve("ping_interval=1")
    spoiled, others = Socket(bare), [Socket(bare), Socket(bare)]
    spoiled.say(f'42["spoil","{method}"]')
    for text in ("first", "second"):
        others[0].say(f'42["say","{text}"]')
        for other in others:
            assert other.until(said(text))[-1] == said(text)
    assert is_ended(spoiled.line)
    for other in others:
        assert other.until("2")[-1] == "2"  # a ping
    assert any("spoiled" in line for line in bare.tracebacks)
    bare.log.clear()  # the log may have this traceback


def test_others_have_a_turn_between_two_slices(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer, "SLICE", 1)
    here, there = gevent.socket.socketpair()
    happened = []

    class Receiver:
        def flush(self) -> None:
            there.send(b"x")
            happened.append("written")

    reader = gevent.spawn(lambda: happened.append(here.recv(1)))
    gevent.sleep(0)  # now it waits
    slices = writer.Writer(gevent.get_hub())
    for _ in range(5):
        slices.add(Receiver())  # type: ignore[arg-type]
    reader.join()
    assert len(happened) < 4


@pytest.mark.parametrize(
    ("busy", "rest"),
    [(0.0, 6.0), (0.01, 6.0), (0.01, 0.0)],
    ids=["a few clients", "many clients", "a single process"],
)
def test_what_comes_while_the_writer_rests_is_written_together(
    busy: float, rest: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It rests only if the writing has taken long. A message that comes alone is written at once."""
    written: list[int] = []
    now = 0.0  # the writer's clock, which only the writing moves: this machine may be busy
    monkeypatch.setattr(writer, "perf_counter", lambda: now)

    class Receiver:
        queue = 0

        def flush(self) -> None:
            nonlocal now
            now += busy
            written.append(self.queue)
            self.queue = 0

    receiver, slices = Receiver(), writer.Writer(gevent.get_hub())
    monkeypatch.setattr(slices, "rest", rest)
    for _ in range(3):
        if not receiver.queue:
            slices.add(receiver)  # type: ignore[arg-type]
        receiver.queue += 1
        gevent.sleep(0)
    gevent.sleep(2 * writer.LONGEST_REST)
    assert written == ([1, 2] if busy and rest else [1, 1, 1])
