"""The log has no invites, socket IDs or tokens, and one line for each security event."""

import json
import logging
import os
import re
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy.exc import SQLAlchemyError

from final_app.lib import audit, logs
from final_app.storage.models import db
from tests.final_app.rig import ANSWER_TIMEOUT, PASSWORD, Person, Server, application, png
from workshop import run

POLLING = "/socket.io/?EIO=4&transport=polling"
WRONG = "not the password"
MINUTE = 60.0  # seconds


class Development(Server):
    """`flask run` instead of `python -m final_app`."""

    def start(self) -> "Development":
        self.port = run.free_port(21_000)[0]
        self.program = ["-m", "flask", "--app", "final_app", "run"]
        environment = {k: v for k, v in os.environ.items() if not k.startswith("CHAT_")}
        own = {"CHAT_DATA_DIR": str(self.folder), "PYTHONUNBUFFERED": "1"}
        self.process = subprocess.Popen(
            [sys.executable, *self.program, "--port", str(self.port)], cwd=self.code,
            env=environment | own | self.settings, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, encoding="utf-8",
        )  # fmt: skip
        ready = threading.Event()
        threading.Thread(target=self._read, args=(self.process, ready), daemon=True).start()
        for _ in range(200):
            with socket.socket() as probe:
                if not probe.connect_ex(("127.0.0.1", self.port)):
                    return self
            time.sleep(0.1)
        raise AssertionError("\n".join(self.log))


@pytest.mark.parametrize("kind", [Server, Development], ids=["gevent", "flask run"])
def test_the_log_names_no_invite_no_socket_and_no_token(tmp_path: Path, kind: type[Server]) -> None:
    server = kind(tmp_path).start()
    ada = Person(server, "ada").begin()
    invite = ada.invite()
    bo = Person(server, "bo").register(invite)
    opened = bo.get(POLLING).text
    (sid,) = re.findall(r'"sid":"([^"]+)"', opened)
    bo.http.post(f"{server.url}{POLLING}&sid={sid}", data="40", timeout=ANSWER_TIMEOUT)
    assert bo.get(f"{POLLING}&sid={sid}").ok
    sent = bo.upload(1, "picture.png", png())["upload"]
    bo.get("/api/search", params={"q": "a private word"})
    bo.get(f"/files/{sent['id']}")
    tokens = [cookie.value or "" for person in (ada, bo) for cookie in person.http.cookies]
    server.stop()
    written = "\n".join(server.log)
    for line in ("GET /register HTTP/1.1", "GET /socket.io/ HTTP/1.1", "GET /api/search HTTP/1.1"):
        assert line in written, "requests are not logged"
    secrets = {invite, sid, "private", PASSWORD, *(token for token in tokens if len(token) > 9)}
    assert len(secrets) > 6 and not [secret for secret in secrets if secret in written]


def test_a_request_line_of_a_stranger_makes_no_other_line() -> None:
    cases = {
        "GET /register?invite=secret HTTP/1.1": "GET /register HTTP/1.1",
        "GET /r/tea HTTP/1.1": "GET /r/tea HTTP/1.1",
        "GET /?a b?c HTTP/1.0": "GET / HTTP/1.0",
        "GET /?secret": "GET /",
        "GET /?HTTP/1.1 secret": "GET /",
        "\x16\x03\x01\r\x1b[31m": r"\x16\x03\x01\r\x1b[31m",
        "GET /\u2028é HTTP/1.1": r"GET /\u2028\xe9 HTTP/1.1",
        "": "",
    }
    assert {line: logs.request_line(line) for line in cases} == cases
    assert logs.without_query("\x1b[33mGET /?s HTTP/1.1\x1b[0m") == "\x1b[33mGET / HTTP/1.1\x1b[0m"


def test_a_failed_statement_is_logged_without_its_values(two_people: Flask) -> None:
    with pytest.raises(SQLAlchemyError) as caught:
        db.session.execute(
            db.text("SELECT nothing FROM users WHERE name = :name"), {"name": "Secret"}
        )
    assert "nothing" in str(caught.value) and "Secret" not in str(caught.value)


def test_what_concerns_security_is_one_line_each(tmp_path: Path) -> None:
    server = Server(tmp_path, CHAT_LIMIT_LOGINS="2 per 5 minutes").start()
    ada = Person(server, "ada").begin()
    invite = ada.invite()
    bo = Person(server, "bo").register(invite)
    bo.connect()
    Person(server, "eve\nforged").register("no invite")
    Person(server, WRONG).log_in()
    for _ in range(3):
        Person(server, "bo").log_in(WRONG)
    bo.form("/account/password", page="/account", current=PASSWORD, password=f"{PASSWORD}!")
    bo.ask("POST", f"/api/people/{bo.id}/ban")
    ada.ask("POST", f"/api/people/{bo.id}/ban")
    ada.form("/logout", page="/account")
    server.stop()
    found = [
        re.search(r" INFO final_app\.audit [0-9a-f]{8} (event=.*)", line) for line in server.log
    ]
    lines = [line[1] for line in found if line]
    at = "from=127.0.0.1"
    assert lines == [
        f"event=first_run who=ada {at} outcome=ok",
        f"event=login who=ada {at} outcome=ok",
        f"event=invite who=ada {at} outcome=ok",
        f"event=registration who=bo {at} outcome=ok",
        f"event=login who=bo {at} outcome=ok",
        rf'event=registration who="eve\nforged" {at} outcome=forbidden',
        f"event=login who=unknown {at} outcome=unauthorized",
        f"event=login who=bo {at} outcome=unauthorized",
        f"event=login who=bo {at} outcome=unauthorized",
        f"event=login who=bo {at} outcome=rate_limited",
        f"event=password_change who=bo {at} outcome=rate_limited",
        f"event=ban who=bo {at} outcome=forbidden name=bo",
        f"event=ban who=ada {at} outcome=ok name=bo",
        f"event=logout who=ada {at} outcome=ok",
    ]
    (month,) = (tmp_path / "audit").iterdir()
    kept = [json.loads(line) for line in month.read_text("utf-8").splitlines()]
    pairs = [f"event={entry['event']} who=" for entry in kept]
    assert [line.partition("who=")[0] + "who=" for line in lines] == pairs
    assert [entry["outcome"] for entry in kept] == re.findall(r"outcome=(\w+)", "\n".join(lines))


def entries(server: Server) -> list[dict[str, str]]:
    """Return the log, which has to be JSON in each line but those for whoever starts the chat."""
    return [json.loads(line) for line in server.log if not line.startswith("The chat is at ")]


def test_as_json_each_line_has_its_fields_and_the_id_that_the_answer_had(tmp_path: Path) -> None:
    server = Server(tmp_path, CHAT_LOG="json").start()
    ada = Person(server, "ada").begin()
    answer = ada.http.post(
        f"{server.url}/logout", data={"csrf_token": ada.token("/account")}, allow_redirects=False,
        timeout=ANSWER_TIMEOUT,
    )  # fmt: skip
    given = ada.get("/healthz", headers={"X-Request-ID": "chosen-by-a-client"})
    server.stop()
    for entry in entries(server):
        assert {"time", "level", "logger", "message"} <= set(entry), entry
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", entry["time"])
    own = answer.headers["X-Request-ID"]
    said = [
        (each["logger"], each["message"]) for each in entries(server) if own == each.get("request")
    ]
    assert said[0] == ("final_app.audit", "event=logout who=ada from=127.0.0.1 outcome=ok")
    assert said[1][0] == "final_app.wire.handler" and '"POST /logout HTTP/1.1" 302' in said[1][1]
    assert len(said) == 2 and given.headers["X-Request-ID"] != "chosen-by-a-client"


def test_what_goes_wrong_after_a_request_has_not_its_id(tmp_path: Path) -> None:
    server = Server(tmp_path, CHAT_LOG="json").start()
    with socket.create_connection(("127.0.0.1", server.port), timeout=ANSWER_TIMEOUT) as client:
        client.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert b"200 OK" in client.recv(10_000)
        client.sendall(b"GET /healthz HTTP/1.1\r\nContent-Length: x\r\n\r\n")
        while client.recv(10_000):
            pass
    server.stop()
    refused = [entry for entry in entries(server) if "Refused a request" in entry["message"]]
    assert len(refused) == 1 and "request" not in refused[0]


@pytest.mark.parametrize(
    ("hops", "given", "taken"),
    [
        ("1", "5f3a9c21d0", True),
        ("1", "0192f0c1-7c1e-7000-8000-0123456789ab", True),
        ("0", "5f3a9c21d0", False),
        ("1", "short", False),
        ("1", "x" * 65, False),
        ("1", "a forged line", False),
    ],
)
def test_only_a_trusted_proxy_chooses_the_id(
    tmp_path: Path, hops: str, given: str, taken: bool
) -> None:
    client = application(tmp_path, CHAT_PROXY_HOPS=hops).test_client()
    for path in ("/healthz", POLLING):
        answer = client.get(path, headers={"X-Request-ID": given})
        (sent,) = answer.headers.getlist("X-Request-ID")
        assert (sent == given) is taken and (taken or re.fullmatch(r"[0-9a-f]{8}", sent))


def test_a_traceback_is_part_of_its_line_of_json() -> None:
    try:
        raise ValueError("wrong")
    except ValueError:
        record = logging.LogRecord(
            "test", logging.ERROR, "", 0, "It %s", ("failed\nhere",), sys.exc_info()
        )
    line = logs.JsonLines().format(record)
    entry = json.loads(line)
    assert "\n" not in line and entry["message"] == "It failed\nhere"
    assert entry["error"].endswith("ValueError: wrong")


@pytest.fixture
def system_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[[], list[str]]]:
    """Return a function that returns what commands have sent to the system log."""
    if not hasattr(socket, "AF_UNIX"):
        pytest.skip("needs Unix sockets, as Linux and macOS have them")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(str(tmp_path / "log"))
        listener.setblocking(False)
        monkeypatch.setattr(audit, "SYSTEM_LOG", tmp_path / "log")

        def lines() -> list[str]:
            found = []
            while True:
                try:
                    found.append(
                        listener.recv(10_000).decode().rstrip("\0").partition(">final_app: ")[2]
                    )
                except BlockingIOError:
                    return found

        yield lines
        for handler in list(audit.log.handlers):
            audit.log.removeHandler(handler)
            handler.close()
        audit.log.setLevel(logging.NOTSET)


def test_commands_go_to_the_log_of_the_system(
    two_people: Flask, system_log: Callable[[], list[str]], monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:  # fmt: skip
    monkeypatch.setenv("SUDO_USER", "root of all")
    runner = two_people.test_cli_runner()
    code = runner.invoke(args=["invites", "create"]).output.split("=")[1].split()[0]
    for words in (
        "users promote bo", "users promote bo", "users list", "bots create helper",
        "bots token helper", f"invites revoke {code}", f"backup {tmp_path / 'copy'}",
    ):  # fmt: skip
        runner.invoke(args=words.split())
    by = 'who="root of all" from=command'
    assert system_log() == [
        f"event=invites_create {by} outcome=ok",
        f"event=users_promote {by} outcome=ok name=bo",
        f"event=users_promote {by} outcome=conflict name=bo",
        f"event=bots_create {by} outcome=ok name=helper",
        f"event=bots_token {by} outcome=ok name=helper",
        f"event=invites_revoke {by} outcome=ok",
        f"event=backup {by} outcome=ok path={tmp_path / 'copy'}",
    ]


def test_an_error_that_repeats_is_logged_once_a_minute(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 1000.0
    monkeypatch.setattr(logs.clock, "seconds", lambda: now)
    seldom = logs.Seldom(logging.getLogger("test"))
    for _ in range(5):
        seldom.error("Full.")
    now += MINUTE
    seldom.error("Full.")
    assert [record.getMessage() for record in caplog.records] == [
        "Full.", "Full. (This happened 4 more times.)"
    ]  # fmt: skip
