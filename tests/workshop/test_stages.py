"""A stage runs as a child process, identifies itself, and ends with the process that started it."""

import os
import socket
import subprocess
import sys
import tempfile
import textwrap
import threading
import time
import traceback
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest

from tests.busy import within
from workshop import running, serve
from workshop.clients import cast, session_of
from workshop.learner import catch_up
from workshop.serve import TidyClose
from workshop.stages import (
    Stage,
    StageFailed,
    answers,
    child_environment,
    stage,
    start_again,
    temporary_folder,
)

PATIENCE = 15.0  # seconds that anything here may take on a busy machine
QUICK = 1.0  # seconds; the disconnect that this guards against takes three


def wait_until(condition: Callable[[], bool]) -> bool:
    """Wait until a condition about another process is true. There is no event to wait for."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def test_a_second_call_hands_back_the_running_stage() -> None:
    with stage("05") as first:
        assert stage("05_broadcast") is first
        assert first.alive
        assert answers(first.url, first.token)
    assert stage("05") is not first


def test_a_stopped_stage_no_longer_answers() -> None:
    chat = stage("01")
    url, token = chat.url, chat.token
    chat.stop()
    chat.stop()  # once more does nothing
    assert not chat.alive
    assert not answers(url, token)


def test_somebody_elses_server_is_not_taken_for_the_stage() -> None:
    with stage("01") as chat:
        assert not answers(chat.url, "another token")


@pytest.mark.parametrize("answer", [
    b"HTTP/1.0 302 FOUND\r\nLocation: /chat\r\nContent-Length: 207\r\n\r\n", b"HTTP/1", b"",
])  # fmt: skip
def test_a_server_that_ends_while_it_answers_does_not_answer(answer: bytes) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def end() -> None:
            connection, _ = server.accept()
            connection.recv(10_000)
            connection.sendall(answer)
            connection.close()

        threading.Thread(target=end, daemon=True).start()
        assert not answers(f"http://127.0.0.1:{server.getsockname()[1]}", "token")


def test_the_log_is_at_hand() -> None:
    with stage("05") as chat:
        (ada,) = cast(chat, "Ada")
        ada.disconnect()
        assert "Running on" in chat.log
        assert "\x1b" not in chat.log


def test_a_client_leaves_at_once_and_leaves_the_log_clean() -> None:
    with stage("05") as chat:
        people = cast(chat, "Ada", "Bo", "Cy")
        assert {person.transport for person in people} == {"websocket"}
        begun = time.monotonic()
        for person in people:
            person.disconnect()
        assert within(time.monotonic() - begun, QUICK)
        assert "code 400" not in chat.log
        assert "Traceback" not in chat.log


def test_without_the_tidy_close_leaving_is_slow(tmp_path: Path) -> None:
    """The negative twin: what the workshop mends is real, in this very version.

    Werkzeug reads a WebSocket's last frames as a request. It waits for the end of the line, unless
    a random mask holds a newline: then it answers 400 at once. This client's masks hold none.
    """
    code = textwrap.dedent(
        """
        import sys, time, socketio, workshop
        client = socketio.SimpleClient(
            websocket_extra_options={"get_mask_key": lambda length: b"mask"}
        )
        client.connect(sys.argv[1])
        # `connect` returns from inside the client's reader. Whoever disconnects before the reader
        # waits for news again stops it, reads the server's farewell itself, and leaves at once.
        reading = client.client.eio.ws.frame_buffer.lock
        while not reading.locked():
            time.sleep(0.001)
        begun = time.monotonic()
        client.disconnect()
        print(time.monotonic() - begun)
        """
    )
    app = Path(stage("05").folder, "app.py")
    server = subprocess.Popen(
        [sys.executable, "-m", "flask", "--app", str(app), "run", "--port", "0"],
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
        env=os.environ | {"PYTHONUNBUFFERED": "1", "NO_COLOR": "1"},
    )
    try:
        assert server.stderr
        line = next(line for line in server.stderr if "Running on" in line)
        result = subprocess.run(
            [sys.executable, "-c", code, line.split()[-1].removesuffix("\x1b[0m")],
            capture_output=True,
            text=True,
            timeout=PATIENCE,
        )
    finally:
        server.kill()
        server.wait()
        if server.stderr:
            server.stderr.close()
    assert float(result.stdout) > QUICK


def test_a_changed_file_means_a_new_server_on_the_same_port(my_chat: Path) -> None:
    catch_up("01")
    first = stage("mine")
    port = first.port
    app = my_chat / "app.py"
    app.write_text(app.read_text(encoding="utf-8").replace("Served by", "Brought by"))
    second = stage("mine")
    assert second is not first
    assert second.port == port
    assert stage("mine") is second


@pytest.mark.parametrize(
    ("printed", "is_taken"),
    [
        ("Port 5999 is in use by another program.", True),
        ("Can't use port 5999 of 127.0.0.1: Normalerweise darf jede Socketadresse", True),
        ("OSError: [WinError 10048] Normalerweise darf jede Socketadresse", True),
        ("SyntaxError: invalid syntax", False),
    ],
)
def test_a_stage_whose_port_is_taken_gets_another(
    printed: str, is_taken: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    chat = Stage("05", Path(), "", port=5999)

    def start(self: Stage) -> None:
        if self.port:
            raise StageFailed(self.name, printed)

    monkeypatch.setattr(Stage, "start", start)
    if is_taken:
        start_again(chat)
        assert chat.port == 0
    else:
        with pytest.raises(StageFailed):
            start_again(chat)


def test_a_stage_that_cannot_start_says_what_it_printed(my_chat: Path) -> None:
    catch_up("01")
    (my_chat / "app.py").write_text("import flask\nthis is no Python\n", encoding="utf-8")
    with pytest.raises(StageFailed, match="SyntaxError") as failure:
        stage("mine")
    assert "What to do" in str(failure.value)


def test_a_chat_that_is_not_there_is_a_sentence(my_chat: Path) -> None:
    with pytest.raises(LookupError, match=r"`python3 start\.py catch-up 01`") as missing:
        stage("mine")
    assert "`py start.py catch-up 01`" in str(missing.value)


def test_an_unknown_step_is_answered_with_the_list() -> None:
    with pytest.raises(LookupError, match="01_setup, 02_routes"):
        stage("99")


def test_title_and_footer_say_which_stage_it_is() -> None:
    import requests

    with stage("05") as chat:
        signed = requests.get(chat.url, timeout=PATIENCE).text
    with stage("05", signed=False) as plain:
        unsigned = requests.get(plain.url, timeout=PATIENCE).text
    assert "<title>Chat Application · 05_broadcast, the workshop&#39;s copy" in signed
    assert f"port {chat.port}</footer>" in signed
    assert "<title>Chat Application</title>" in unsigned
    assert "<footer" not in unsigned


@pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL is POSIX; the pipe works alike")
@pytest.mark.parametrize("ending", ["os.kill(os.getpid(), 9)", "os._exit(1)", "sys.exit()"])
@pytest.mark.parametrize("name", ["05", "final_app"])
def test_a_stage_ends_with_the_one_who_started_it(name: str, ending: str) -> None:
    """It does not matter how a notebook's kernel ends: killed, exited, or closed properly."""
    code = f"""
import os, sys
from workshop.stages import stage
chat = stage("{name}")
print(chat.url, chat.token, flush=True)
sys.stdin.readline()
{ending}
"""
    starter = subprocess.Popen(
        [sys.executable, "-c", code],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,  # no process group of ours ends it
    )
    assert starter.stdin and starter.stdout
    url, token = starter.stdout.readline().split()
    assert answers(url, token)
    starter.stdin.write("now\n")
    starter.stdin.close()
    starter.wait(PATIENCE)
    starter.stdout.close()
    assert wait_until(lambda: not answers(url, token))


def test_ps_lists_what_runs_and_forgets_what_does_not(my_chat: Path) -> None:
    chat: Stage = stage("02")
    assert [(note.name, note.port) for note in running.notes()] == [("02_routes", chat.port)]
    folder = running.folder()
    stale = folder / "999999.json"
    stale_text = (folder / f"{chat.pid}.json").read_text().replace(chat.token, "gone")
    stale.write_text(stale_text)
    assert [note.port for note in running.notes()] == [chat.port]
    assert not stale.exists()
    for damaged in ("[5]", stale_text.replace(str(chat.port), '"a port"'), "\udcff"):
        stale.write_text(damaged, errors="surrogateescape")
        assert [note.port for note in running.notes()] == [chat.port]
    chat.stop()
    assert running.notes() == []
    folder.rmdir()
    folder.touch()  # a stage runs without a note if none can be written
    running.record(1, "02_routes", folder, 1, "", "")
    running.forget(1)
    assert running.notes() == []


STARTED = """
from workshop.__main__ import main
from workshop.stages import stage
stage("mine")
stage("mine", signed=False)
main(["ps"])
"""


@pytest.mark.parametrize(
    ("kernel", "session", "place"),
    [
        ("", "", "a Python program"),
        ("import ipykernel", "", "a notebook"),
        ("import ipykernel", "/home/ada/mine/notebooks/05_broadcast.ipynb", "05_broadcast.ipynb"),
    ],
)
def test_ps_says_who_started_what_runs(
    my_chat: Path, kernel: str, session: str, place: str
) -> None:
    catch_up("01")
    listed = subprocess.run(
        [sys.executable, "-c", kernel + STARTED],
        env=os.environ | {"JPY_SESSION_NAME": session},
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )
    assert listed.stderr == ""
    shown, checked = sorted(listed.stdout.splitlines(), key=lambda line: "`check`" in line)
    assert shown.startswith("mine ") and shown.endswith(f", by `stage` in {place}")
    assert checked.startswith("mine ") and checked.endswith(f", by `check` in {place}")


def test_stop_ends_a_stage_that_another_process_started(my_chat: Path) -> None:
    chat = stage("02", signed=False)
    (note,) = running.notes()
    assert running.end(note)
    assert wait_until(lambda: not chat.alive)
    assert running.notes() == []


def test_the_finished_application_is_a_stage_too() -> None:
    """People can register, and their messages are still there after a restart."""
    with stage("final_app") as chat:
        assert stage("final_app") is chat
        assert "final_app" in [note.name for note in running.notes()]
        ada, bo = cast(chat, "Ada", "Bo")
        client_id = "5ca1ab1e-0000-4000-8000-000000000001"
        said = {"room": 1, "client_id": client_id, "text": "Hello"}
        assert ada.call("new_message", said, timeout=PATIENCE)["ok"]
        while (event := bo.receive(timeout=PATIENCE))[0] != "new_message":
            pass
        assert event[1]["text"] == "Hello"
        for person in (ada, bo):
            person.disconnect()
        assert chat.data and chat.data.joinpath("chat.db").is_file()
    with stage("final_app") as again:
        (ada,) = cast(again, "Ada")
        assert ada.call("new_message", said, timeout=PATIENCE)["duplicate"]
        assert "Hello" in session_of(ada).get("/r/general").text
        ada.disconnect()


def test_no_setting_of_this_machine_reaches_a_stage(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHAT_RETENTION_DAYS", "many")
    with stage("final_app") as chat:
        assert answers(chat.url, chat.token)


def what_was_said(chat: Stage) -> list[str]:
    """Return the texts that a stage from step 10 on has stored."""
    (ada,) = cast(chat, "Ada")
    stored = ada.call("sync", {"after": 0}, timeout=PATIENCE)["messages"]
    ada.disconnect()
    return [message["text"] for message in stored]


def say(chat: Stage, text: str) -> None:
    (bo,) = cast(chat, "Bo")
    assert bo.call("new_message", {"text": text}, timeout=PATIENCE)["ok"]
    bo.disconnect()


def test_a_stage_that_is_started_again_remembers() -> None:
    with stage("10") as first:
        say(first, "Hello")
    with stage("10") as again:
        assert again is not first
        assert "Hello" in what_was_said(again)


def test_a_step_keeps_no_data_in_its_folder() -> None:
    with stage("10") as chat:
        assert chat.data and (chat.data / "chat.db").is_file()
        assert chat.folder not in chat.data.parents
    assert not Path(data_of_a_new_process()).exists()


def data_of_a_new_process() -> str:
    """Start the stage, which has no data at first, from another process. Return its data folder."""
    code = """
from workshop.stages import stage
from workshop.clients import cast
with stage("10") as chat:
    (ada,) = cast(chat, "Ada")
    assert ada.call("sync", {"after": 0}, timeout=15)["messages"] == []
    ada.disconnect()
    print(chat.data)
"""
    ran = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=4 * PATIENCE
    )
    assert ran.returncode == 0, ran.stderr
    return ran.stdout.strip()


@pytest.mark.parametrize("error", [ConnectionAbortedError(), OSError()])
def test_a_websocket_that_ends_is_no_error_and_a_request_that_fails_is(error: OSError) -> None:
    """Engine.IO raises the second if a WebSocket ends before it has begun, as with a refused page."""

    def fails(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        raise error

    mine, browsers = socket.socketpair()
    environ = {"werkzeug.socket": mine, "HTTP_UPGRADE": "websocket"}
    assert list(TidyClose(fails)(environ, lambda *_: None)) == [b""]
    assert browsers.recv(1) == b"", "the connection is shut down"
    del environ["HTTP_UPGRADE"]
    with pytest.raises(OSError):
        TidyClose(fails)(environ, lambda *_: None)


@pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL is POSIX")
def test_what_a_killed_process_leaves_goes_with_the_next_one() -> None:
    """nbval kills each notebook's kernel. Folders of running processes and of other users are kept."""
    mine = temporary_folder()
    look_alike = Path(tempfile.mkdtemp(prefix="workshop-chat-of-"))
    code = "from workshop.stages import temporary_folder; print(temporary_folder(), flush=True)"
    try:
        killed = subprocess.run(
            [sys.executable, "-c", f"{code}; import os; os.kill(os.getpid(), 9)"],
            capture_output=True,
            text=True,
            timeout=PATIENCE,
        )
        left = Path(killed.stdout.strip())
        assert killed.returncode == -9 and left.is_dir()
        next_one = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, timeout=PATIENCE
        )
        assert next_one.returncode == 0, next_one.stderr
        assert not left.exists()
        assert not Path(next_one.stdout.strip()).exists()
        assert mine.is_dir() and look_alike.is_dir()
    finally:
        look_alike.rmdir()


def test_the_learners_chat_keeps_its_data_and_a_check_leaves_it_alone(my_chat: Path) -> None:
    catch_up("10")
    with stage("mine") as chat:
        say(chat, "my own")
    assert (my_chat / "instance" / "chat.db").is_file()
    for _ in range(2):
        checked = stage("mine", signed=False)
        assert what_was_said(checked) == []  # each time, whatever the check before has left
        say(checked, "only a check")
    checked.stop()
    with stage("mine") as chat:
        assert what_was_said(chat) == ["my own"]


def test_what_the_environment_says_of_data_is_not_for_a_stage(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """CHAT_DATA_DIR may be set for the finished chat on the same machine."""
    monkeypatch.setenv("CHAT_DATA_DIR", str(tmp_path / "elsewhere"))
    assert "CHAT_DATA_DIR" not in child_environment(tmp_path)
    with stage("10") as chat:
        say(chat, "Hello")
    assert not (tmp_path / "elsewhere").exists()


def test_a_stage_starts_without_aiohttp_but_may_import_it() -> None:
    begin = "from workshop.serve import create_app; create_app(); import sys"
    loaded = "print({'aiohttp', 'tornado'} & {*sys.modules})"
    code = f"{begin}; {loaded}; import aiohttp, tornado.web; {loaded}"
    app = {"WORKSHOP_APP": str(stage("05").folder / "app.py")}
    said = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | app,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.splitlines()
    assert said[0] == "set()"
    assert "aiohttp" in said[1] and "tornado" in said[1]


def test_only_what_nobody_looks_at_stores_without_waiting_for_the_disk() -> None:
    """The learner's own data must also survive a power failure."""
    begin = "from workshop.serve import create_app; create_app(); import sqlite3.dbapi2 as driver"
    ask = "print(driver.connect(':memory:').execute('PRAGMA synchronous').fetchone()[0])"
    app = {"WORKSHOP_APP": str(stage("05").folder / "app.py")}
    for sign, level in (("", "0"), ("05 · yours", "2")):
        said = subprocess.run(
            [sys.executable, "-c", f"{begin}; {ask}"], capture_output=True, text=True, check=True,
            env=os.environ | app | {"WORKSHOP_SIGN": sign},
        ).stdout  # fmt: skip
        assert said.strip() == level


def test_an_error_after_a_reload_does_not_grow_with_each_request(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = tmp_path / "app.py"
    broken.write_text("def about)():\n", encoding="utf-8")
    monkeypatch.setenv("WORKSHOP_APP", str(broken))
    monkeypatch.setattr(serve, "is_running_from_reloader", lambda: True)
    app = serve.load()

    def length() -> int:
        with pytest.raises(SyntaxError) as caught:
            app.wsgi_app({}, lambda *_: None)
        return len(traceback.extract_tb(caught.value.__traceback__))

    assert length() == length() > 1
