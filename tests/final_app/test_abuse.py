"""What somebody tries in bulk: a thousand passwords, and lines that were meant for the log."""

import re
import statistics
import time
from collections import Counter
from pathlib import Path

import requests

from tests.final_app.rig import ANSWER_TIMEOUT, Person, Server

TRIES = 1000  # log-ins
PER_NAME, PER_ADDRESS = 10, 100  # let through in five minutes, as shipped
AS_SHIPPED = {
    "CHAT_LIMIT_LOGINS": f"{PER_NAME} per 5 minutes",
    "CHAT_LIMIT_LOGINS_ADDRESS": f"{PER_ADDRESS} per 5 minutes",
}
LINES = [
    "\r\nSet-Cookie: evil=1",
    "\nERROR made up",
    "%0d%0aSet-Cookie: evil=1",
    "\x1b[31mred",
    "\u2028x",
]
LIKELY = 3.0  # times as long as the other would tell something; noise is less


def test_of_a_thousand_passwords_ten_are_looked_at(tmp_path: Path) -> None:
    """Also when they come with ninety other names, and whether or not the name exists."""
    server = Server(tmp_path, **AS_SHIPPED).start()
    Person(server, "ada").begin()
    mallory = Person(server, "mallory")
    token = mallory.token("/login")

    def attempt(name: str, password: str) -> tuple[int, str, float]:
        fields = {"username": name, "password": password, "csrf_token": token}
        began = time.monotonic()
        answer = mallory.http.post(f"{server.url}/login", data=fields, timeout=ANSWER_TIMEOUT)
        return answer.status_code, answer.text, time.monotonic() - began

    names = ["ada", "nobody"] * (TRIES // 4)
    tried = [(name, *attempt(name, f"wrong {number}")) for number, name in enumerate(names)]
    others = [(f"name{n % 90}", *attempt(f"name{n % 90}", "wrong")) for n in range(TRIES // 2)]
    looked_at = Counter(name for name, status, *_ in tried + others if status == 401)
    assert {status for _, status, *_ in tried + others} == {401, 429}
    assert looked_at["ada"] == looked_at["nobody"] == PER_NAME
    assert max(looked_at.values()) <= PER_NAME and looked_at.total() == PER_ADDRESS
    refused = {
        re.sub(r'(value|content)="[^"]*"|in \d+ s', "", text)
        for name, status, text, _ in tried
        if status == 429
    }
    assert len(refused) == 1, "the answer tells which names exist"
    took = {
        name: statistics.median(s for who, status, _, s in tried if (who, status) == (name, 401))
        for name in ("ada", "nobody")
    }
    assert max(took.values()) < LIKELY * min(took.values()), took
    assert attempt("ada", "correct horse battery")[0] == 429  # the right one, too late
    server.stop()


def test_nothing_that_is_sent_becomes_a_line_of_the_log_or_a_header(tmp_path: Path) -> None:
    server = Server(tmp_path).start()
    ada = Person(server, "ada").begin()
    ada.connect()
    before = len(server.log)
    for line in LINES:
        told = [
            ada.get(f"/r/{line}"), ada.get("/api/search", params={"q": f"x{line}"}),
            ada.form("/login", page="/account", username=line, password=line),
            ada.form("/account/name", page="/account", name=f"Ada{line}"),
            ada.send(1, f"a{line}.txt", b"x"), ada.get("/login", params={"next": f"/r/a{line}"}),
        ]  # fmt: skip
        told += [answer for each in told for answer in each.history]
        assert not [each for each in told if "evil" in each.headers.get("Set-Cookie", "")]
        assert not [each for each in told if each.status_code >= 500]
        ada.say(1, f"message{line}")
        ada.emit(f"event{line}", {"room": line})
    assert requests.get(
        f"{server.url}/healthz", headers={"User-Agent": "x\x1b[31m", "X-Forwarded-For": "evil"},
        timeout=ANSWER_TIMEOUT,
    ).ok  # fmt: skip
    ada.leave()
    server.stop()
    written = server.log[before:]
    assert len(written) > len(LINES)
    # Each line begins as the log's own do: with the time, or as a line of a request.
    strange = [each for each in written if not re.match(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", each)]
    assert [each for each in strange if "made up" in each or "evil" in each or "\x1b" in each] == []
    assert not [each for each in written if each.startswith(("ERROR", "Set-Cookie"))]
