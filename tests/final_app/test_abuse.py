"""Attacks with large numbers: hundreds of passwords, and lines that try to forge log entries."""

import re
import statistics
import time
from collections import Counter
from pathlib import Path

import requests

from tests.final_app.rig import ANSWER_TIMEOUT, PASSWORD, Person, Server

TRIES = 400  # logins
PER_NAME, PER_ADDRESS = 10, 100  # let through in five minutes, as shipped
LIMITS_AS_SHIPPED = {
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


def attempt(person: Person, token: str, name: str, password: str) -> requests.Response:
    """Send the login form with the CSRF token of a page that was opened once."""
    fields = {"username": name, "password": password, "csrf_token": token}
    return person.http.post(f"{person.server.url}/login", data=fields, timeout=ANSWER_TIMEOUT)


def test_of_hundreds_of_passwords_ten_are_checked(tmp_path: Path) -> None:
    """This also holds if ninety other names are mixed in, and whether or not the name exists."""
    server = Server(tmp_path, **LIMITS_AS_SHIPPED).start()
    Person(server, "ada").begin()
    mallory = Person(server, "mallory")
    token = mallory.token("/login")
    names = ["ada", "nobody"] * (TRIES // 4) + [f"name{n % 90}" for n in range(TRIES // 2)]
    tried = [
        (name, attempt(mallory, token, name, f"wrong {number}"))
        for number, name in enumerate(names)
    ]
    looked_at = Counter(name for name, answer in tried if answer.status_code == 401)
    assert {answer.status_code for _, answer in tried} == {401, 429}
    assert looked_at["ada"] == looked_at["nobody"] == PER_NAME
    assert max(looked_at.values()) <= PER_NAME and looked_at.total() == PER_ADDRESS
    refused = {
        re.sub(r'(value|content)="[^"]*"|in \d+ s', "", answer.text)
        for name, answer in tried
        if answer.status_code == 429 and name in ("ada", "nobody")
    }
    assert len(refused) == 1, "the answer tells which names exist"
    assert attempt(mallory, token, "ada", PASSWORD).status_code == 429  # the right one, too late
    server.stop()


def test_the_time_of_an_answer_does_not_tell_which_names_exist(tmp_path: Path) -> None:
    """This uses the real password hash.

    With a cheap one, a skipped comparison would be lost in the noise.
    """
    server = Server(tmp_path, as_shipped=True).start()
    Person(server, "ada").begin()
    mallory = Person(server, "mallory")
    token = mallory.token("/login")
    seconds: dict[str, list[float]] = {"ada": [], "nobody": []}
    for name in list(seconds) * PER_NAME:
        began = time.monotonic()
        assert attempt(mallory, token, name, "wrong").status_code == 401
        seconds[name].append(time.monotonic() - began)
    took = {name: statistics.median(each) for name, each in seconds.items()}
    assert max(took.values()) < LIKELY * min(took.values()), took
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
