"""The board: what it takes, from whom, and what leaves a learner's machine."""

import contextlib
import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
import werkzeug.test
from werkzeug.wrappers import Response

from workshop import paths
from workshop.learner import catch_up
from workshop.run import free_port
from workshop.teaching import board, class_mode, sharing
from workshop.teaching.board import LEARNERS, LEARNERS_OF_ONE, LONGEST_REPORT, Board
from workshop.teaching.class_mode import ClassServer, addresses
from workshop.teaching.door import ClassDoor
from workshop.verdict import BROKEN, KEPT, OPEN, Verdict

CODE = "abc234"
PATIENCE = 30.0  # seconds
MANY = 150  # requests at once
REPORT = {"name": "Ada", "step": "05", "verdict": OPEN}


class Class:
    """The server of class mode in front of a stage of one word, and the clock of its board."""

    def __init__(self, host: str) -> None:
        self.now = 0.0
        self.board = Board(clock=lambda: self.now)
        door = ClassDoor(self.board.before(Response("the stage")), CODE, [host])
        self.server = ClassServer(class_mode.EVERYWHERE, 0, door, class_mode.Handler)
        self.place = f"{host}:{self.server.port}"
        self.address = f"{self.place}/{CODE}"
        self.page = f"http://127.0.0.1:{self.server.port}{self.board.path}"
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    def post(self, content: object = REPORT, **options: Any) -> requests.Response:
        """Report as a learner who has joined."""
        with requests.Session() as learner:
            learner.get(f"http://{self.place}/join?code={CODE}", timeout=PATIENCE)
            options = {"json": content} | options
            return learner.post(f"http://{self.place}/board", timeout=PATIENCE, **options)

    @property
    def names(self) -> list[str]:
        return [name for name, *_ in self.board.table()]


@contextlib.contextmanager
def in_the_network() -> Iterator[Class]:
    """Run a class at an address of this machine, or skip the test if it is in no network."""
    try:
        here = Class(addresses()[0])
    except LookupError as problem:
        pytest.skip(str(problem).splitlines()[0])
    yield here
    here.server.shutdown()
    here.server.server_close()


@pytest.fixture
def a_class() -> Iterator[Class]:
    with in_the_network() as here:
        yield here


@pytest.fixture(autouse=True)
def nobody_shares(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORKSHOP_MINE", str(tmp_path))
    monkeypatch.setattr(sharing, "_share", None)


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sharing, "PATIENCE", 1.0)


def verdict(state: str = OPEN, step: str = "05") -> Verdict:
    return Verdict(step, state, 3, 27, "It holds.", "expected", "a secret that was seen", "hint")


# ---- the learner --------------------------------------------------------------------------------


@pytest.mark.parametrize("shown", ["{}", "http://{}", "http://{}/", " {} "])
def test_the_board_shows_whoever_opts_in(
    a_class: Class, shown: str, capsys: pytest.CaptureFixture[str]
) -> None:
    sharing.report(verdict())
    assert a_class.names == [] and capsys.readouterr().out == "", "without asking, nothing is sent"
    sharing.share_progress(shown.format(a_class.address), name="Ada")
    sharing.report(verdict())
    sharing.report(verdict(KEPT))
    assert a_class.board.table() == [("Ada", "05", "kept", 0, 0)]
    assert "now shows: Ada, step 05, kept." in capsys.readouterr().out
    sharing.share_progress(None)
    sharing.report(verdict(BROKEN))
    assert a_class.board.table() == [("Ada", "05", "kept", 0, 0)], "sharing has stopped"


class Listener:
    """A server that keeps what it is sent. It answers each request in the same way, or never."""

    def __init__(self, answer: bytes = b"") -> None:
        self.received = b""
        self._line = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self._line.getsockname()[1]}/{CODE}"
        self._answer = answer
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()

    def _listen(self) -> None:
        visitors = []
        while True:
            try:
                visitors.append(self._line.accept()[0])
            except OSError:  # it is closed
                return
            visitors[-1].settimeout(0.3)  # seconds between two parts of a request
            self.received += b"(a connection)"
            with contextlib.suppress(TimeoutError):
                while part := visitors[-1].recv(65536):
                    self.received += part
            visitors[-1].sendall(self._answer)

    def close(self) -> None:
        self._line.shutdown(socket.SHUT_RDWR)
        self._line.close()
        self._thread.join(PATIENCE)


@pytest.fixture
def listener(request: pytest.FixtureRequest) -> Iterator[Listener]:
    listening = Listener(getattr(request, "param", b""))
    yield listening
    listening.close()


def checked(*options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "workshop", "check", "01", *options]
    return subprocess.run(
        command, cwd=paths.ROOT, env=os.environ | {"PYTHONUTF8": "1"}, capture_output=True,
        text=True, encoding="utf-8", stdin=subprocess.DEVNULL,
    )  # fmt: skip


def test_a_check_sends_nothing_without_the_option_and_goes_on_with_it(listener: Listener) -> None:
    catch_up("01")
    sharing.share_progress(listener.address, "Ada")  # in another process, so only its file remains
    assert "board" not in checked().stdout
    assert listener.received == b""
    twin = checked("--class", listener.address)
    assert listener.received != b"" and "The class board" in twin.stdout
    assert twin.returncode == 0 and twin.stderr == "" and "Step 01:" in twin.stdout


def test_learners_are_told_for_how_long_they_share(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delitem(sys.modules, "ipykernel", raising=False)
    sharing.share_progress(f"127.0.0.1:5000/{CODE}", "Ada")
    assert capsys.readouterr().out.startswith("This command sends the name 'Ada', ")
    monkeypatch.setitem(sys.modules, "ipykernel", sys)
    sharing.share_progress(f"127.0.0.1:5000/{CODE}", "Ada")
    assert capsys.readouterr().out.startswith(
        "Each check in this notebook now sends the name 'Ada', "
    )


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize(
    "listener",
    [
        b"HTTP/1.1 404 No\r\n\r\n",
        b"HTTP/1.1 303 Go\r\nLocation: http://evil.example/\r\n\r\n",
        b"?",
    ],
    indirect=True,
)
def test_a_server_that_does_not_know_the_code_never_gets_the_name(
    listener: Listener, capsys: pytest.CaptureFixture[str]
) -> None:
    sharing.share_progress(listener.address, "Ada")
    capsys.readouterr()
    sharing.report(verdict())
    assert f"code={CODE}".encode() in listener.received
    assert b"Ada" not in listener.received
    said = capsys.readouterr().out
    assert said.count("\n") == 1 and "does not show this check" in said


def test_only_the_name_the_step_and_the_verdict_are_sent(
    a_class: Class, monkeypatch: pytest.MonkeyPatch
) -> None:
    bodies = []
    take = board.read
    monkeypatch.setattr(board, "read", lambda body: bodies.append(body) or take(body))
    sharing.share_progress(a_class.address, "Ada")
    sharing.report(verdict())
    assert [json.loads(body) for body in bodies] == [REPORT]


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("kind", ["nobody", "silent", "wrong code", "no address"])
def test_a_wrong_address_costs_one_line(
    a_class: Class, kind: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=1) as silent:
        address, reason = {
            "nobody": (f"127.0.0.1:{free_port(5900)[0]}/{CODE}", sharing.NO_ANSWER),
            "silent": (f"127.0.0.1:{silent.getsockname()[1]}/{CODE}", sharing.NO_ANSWER),
            "wrong code": (f"{a_class.place}/xxxxxx", "the join code is wrong"),
            "no address": ("the class", "is not an address such as"),
        }[kind]
        sharing.share_progress(address, "Ada")
        sharing.report(verdict())
    assert reason in capsys.readouterr().out.splitlines()[-1]
    assert a_class.names == []


@pytest.mark.usefixtures("impatient")
def test_a_silent_class_is_not_waited_for_long(capsys: pytest.CaptureFixture[str]) -> None:
    """It sends a byte now and then, so that no time limit for a single byte ends it."""
    drip = socket.create_server(("127.0.0.1", 0))
    over = threading.Event()

    def answer() -> None:
        line, _ = drip.accept()
        line.sendall(b"HTTP/1.1 200 OK\r\nX: ")
        while not over.wait(0.5):
            line.sendall(b"x")

    threading.Thread(target=answer, daemon=True).start()
    sharing.share_progress(f"127.0.0.1:{drip.getsockname()[1]}/{CODE}", "Ada")
    begun = time.monotonic()
    sharing.report(verdict())
    took = time.monotonic() - begun
    over.set()
    drip.close()
    assert took < sharing.PATIENCE + 2
    assert "nothing answers there" in capsys.readouterr().out


def test_a_name_is_made_up_once_or_chosen(
    a_class: Class, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sharing.share_progress(a_class.address)
    made_up = (tmp_path / "board-name.txt").read_text(encoding="utf-8")
    assert made_up.split()[0] in sharing.FIRST and made_up.split()[1] in sharing.SECOND
    assert socket.gethostname() not in made_up
    sharing.share_progress(a_class.address)
    sharing.report(verdict())
    assert a_class.names == [made_up]
    sharing.share_progress(a_class.address, name=f"{'Bo' * 50}\n\u202e")
    sharing.report(verdict())
    assert a_class.names == [made_up, "Bo" * (sharing.LONGEST_NAME // 2)]
    assert repr(made_up) in capsys.readouterr().out


# ---- the instructor -----------------------------------------------------------------------------


def test_only_this_computer_and_only_with_the_key_can_see_the_board(a_class: Class) -> None:
    assert a_class.post().status_code == 204
    page = requests.get(a_class.page, timeout=PATIENCE)
    assert page.status_code == 200 and "Ada" not in page.text, "the page asks for the table"
    with requests.get(f"{a_class.page}/live", stream=True, timeout=PATIENCE) as live:
        first = next(live.iter_lines())
    assert json.loads(first.removeprefix(b"data: ")) == [["Ada", "05", "not there yet", 0, 0]]

    here = f"http://127.0.0.1:{a_class.server.port}"
    for guess in ("/board", "/board/", "/board/live", "/board/x" * 2, f"{a_class.board.path}x"):
        assert requests.get(f"{here}{guess}", timeout=PATIENCE).status_code == 403, guess
    with requests.Session() as learner:
        assert learner.get(f"http://{a_class.place}/join?code={CODE}", timeout=PATIENCE).ok
        for path in (a_class.board.path, f"{a_class.board.path}/live"):
            answer = learner.get(f"http://{a_class.place}{path}", timeout=PATIENCE)
            assert answer.status_code == 403 and "Ada" not in answer.text
            rebound = {"Host": "evil.example"}
            assert (
                requests.get(f"{here}{path}", headers=rebound, timeout=PATIENCE).status_code == 400
            )
    assert requests.get(f"{here}/boards", timeout=PATIENCE).text == "the stage"


def test_an_uninvited_report_is_refused(a_class: Class) -> None:
    url = f"http://{a_class.place}/board"
    assert requests.post(url, json=REPORT, timeout=PATIENCE).status_code == 403, "no join code"
    wrong = requests.post(f"http://{a_class.place}/join", data={"code": "xxxxxx"}, timeout=PATIENCE)
    assert wrong.status_code == 403 and not wrong.cookies
    assert a_class.post(headers={"Host": "evil.example"}).status_code == 400
    # A form of another site in the instructor's browser can send text, but not JSON.
    local = f"http://127.0.0.1:{a_class.server.port}/board"
    text = requests.post(
        local, data=json.dumps(REPORT), headers={"Content-Type": "text/plain"}, timeout=PATIENCE
    )
    assert text.status_code == 403
    assert a_class.names == []
    assert a_class.post().status_code == 204 and a_class.names == ["Ada"], "the negative twin"


@pytest.mark.parametrize(
    "report",
    [
        REPORT | {"name": ""}, REPORT | {"name": "  "}, REPORT | {"name": "x" * 31},
        REPORT | {"name": "Ada\nBo"}, REPORT | {"name": "Ada\u202e"}, REPORT | {"name": "\ud800"},
        REPORT | {"name": 5}, REPORT | {"step": "99"}, REPORT | {"step": "5"},
        REPORT | {"verdict": "well"}, REPORT | {"address": "x"}, {"name": "Ada", "step": "05"},
        [REPORT], 5, "x",
    ],
    ids=str,
)  # fmt: skip
def test_a_wrong_report_is_refused(a_class: Class, report: object) -> None:
    assert a_class.post(report).status_code == 400
    assert a_class.names == []


def test_a_large_report_is_not_read(a_class: Class) -> None:
    large = {"data": b" " * LONGEST_REPORT + json.dumps(REPORT).encode(), "json": None}
    large["headers"] = {"Content-Type": "application/json"}
    assert a_class.post(**large).status_code == 413
    in_chunks = large | {
        "data": iter([large["data"]])
    }  # their size is unknown, and only a part is read
    assert a_class.post(**in_chunks).status_code == 400
    assert a_class.post(**large | {"data": b"{"}).status_code == 400
    assert a_class.names == []


def test_a_flood_is_refused_and_the_table_has_an_end(a_class: Class) -> None:
    with requests.Session() as learner:
        learner.get(f"http://{a_class.place}/join?code={CODE}", timeout=PATIENCE)
        found = Counter(
            learner.post(
                f"http://{a_class.place}/board", json=REPORT | {"name": f"Ada {number}"},
                timeout=PATIENCE,
            ).status_code
            for number in range(MANY)
        )  # fmt: skip
    assert set(found) == {204, 429}
    assert len(a_class.names) == LEARNERS_OF_ONE, "one address has few rows"


class Client(werkzeug.test.Client):
    def report(self, address: str, status: int = 204, **more: str) -> None:
        sender = {"REMOTE_ADDR": address}
        answer = self.post("/board", json=REPORT | more, environ_overrides=sender)
        assert answer.status_code == status


def test_a_full_board_keeps_whom_it_has() -> None:
    full = Board(clock=lambda: 0.0)
    client = Client(full.before(Response("the stage")))
    for number in range(LEARNERS + 5):
        client.report(f"10.0.{number // 200}.{number % 200}", 204 if number < LEARNERS else 503)
    client.report("10.0.0.1", 204)
    assert len(full.table()) == LEARNERS


def test_people_with_the_same_name_have_a_row_each_and_move_on() -> None:
    now = [0.0]
    here = Board(clock=lambda: now[0])
    client = Client(here.before(Response("the stage")))
    client.report("10.0.0.1")
    client.report("10.0.0.2")
    now[0] = 60.0
    client.report("10.0.0.1")  # the same verdict again
    client.report("10.0.0.2", verdict=BROKEN)
    assert here.table() == [("Ada", "05", "not there yet", 1, 0), ("Ada", "05", "broken", 0, 0)]
