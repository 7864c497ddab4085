"""Attacks with large numbers: hundreds of passwords, and lines that try to forge log entries."""

import re
import statistics
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import requests
from argon2 import PasswordHasher

from final_app import current
from final_app.accounts import accounts, passwords
from final_app.lib.addresses import network
from tests.final_app.rig import ANSWER_TIMEOUT, PASSWORD, Person, Server, application

TRIES = 400  # logins
CROWD = 20  # logins at once
SLOW = "takes very long"  # a password
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


def attempt(
    person: Person, token: str, name: str, password: str, address: str = ""
) -> requests.Response:
    """Send the login form with the CSRF token of a page that was opened once.

    If an address is given, the request looks as if a proxy had forwarded it from there.
    """
    fields = {"username": name, "password": password, "csrf_token": token}
    return person.http.post(
        f"{person.server.url}/login", data=fields, timeout=ANSWER_TIMEOUT,
        headers={"X-Forwarded-For": address} if address else {},
    )  # fmt: skip


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


def test_the_addresses_of_an_ipv6_network_have_ten_passwords_together(tmp_path: Path) -> None:
    """A client with IPv6 can use any of 2^64 addresses, so a limit for each would limit nothing."""
    server = Server(tmp_path, **LIMITS_AS_SHIPPED, CHAT_PROXY_HOPS="1").start()
    mallory = Person(server, "mallory")
    token = mallory.token("/login")

    def looked_at(addresses: list[str]) -> int:
        tried = [attempt(mallory, token, "ada", "wrong", address) for address in addresses]
        return [answer.status_code for answer in tried].count(401)

    places = range(2 * PER_NAME)
    assert looked_at([f"2001:db8:1:1::{place}" for place in places]) == PER_NAME
    assert looked_at(["2001:db8:1:2::1"]) == 1
    assert looked_at([f"192.0.2.{place}" for place in places]) == len(places)
    server.stop()


@pytest.mark.parametrize(
    ("address", "of_limits"),
    [("2001:db8:1:1:ffff::2", "2001:db8:1:1::/64"), ("fe80::1%eth0", "fe80::/64"), ("::1", "::/64"),
     ("192.0.2.7", "192.0.2.7"), ("::ffff:192.0.2.7", "192.0.2.7"), ("", ""), ("unix:", "unix:")],
)  # fmt: skip
def test_the_limits_of_an_address_apply_to(address: str, of_limits: str) -> None:
    assert network(address) == of_limits


class SlowHasher(PasswordHasher):
    """A hasher that takes very long for one password, until `go_on` is set."""

    def __init__(self) -> None:
        super().__init__(time_cost=1, memory_cost=8, parallelism=1)
        self.begun, self.go_on = threading.Event(), threading.Event()

    def hash(self, password: str | bytes, *, salt: bytes | None = None) -> str:
        self._hesitate(password)
        return super().hash(password, salt=salt)

    def verify(self, hash: str | bytes, password: str | bytes) -> bool:
        self._hesitate(password)
        return super().verify(hash, password)

    def _hesitate(self, password: str | bytes) -> None:
        if password == SLOW:
            self.begun.set()
            self.go_on.wait(ANSWER_TIMEOUT * 2)


@pytest.mark.parametrize(("path", "status"), [("/login", 401), ("/register", 302)])
def test_many_passwords_from_one_address_keep_no_other_address_waiting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, path: str, status: int
) -> None:
    app = application(tmp_path, CHAT_OPEN_REGISTRATION="1")
    app.config["WTF_CSRF_ENABLED"] = False
    with app.app_context():
        accounts.bootstrap("ada", PASSWORD)
    hasher, arrived = SlowHasher(), threading.Semaphore(0)
    monkeypatch.setattr(passwords, "_hasher", hasher)
    app.before_request(arrived.release)

    def send(path: str, address: str, name: str, password: str) -> int:
        fields = {"username": name, "password": password}
        sender = {"REMOTE_ADDR": address}
        return app.test_client().post(path, data=fields, environ_base=sender).status_code

    with ThreadPoolExecutor(CROWD + 1) as pool:
        many = [pool.submit(send, path, "192.0.2.7", f"name{n}", SLOW) for n in range(CROWD)]
        try:
            assert all(arrived.acquire(timeout=ANSWER_TIMEOUT) for _ in many)
            assert hasher.begun.wait(ANSWER_TIMEOUT)
            ada = pool.submit(send, "/login", "192.0.2.9", "ada", PASSWORD)
            assert ada.result(ANSWER_TIMEOUT) == 302
        finally:
            hasher.go_on.set()
        assert [each.result() for each in many] == [status] * CROWD


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


def test_refused_logins_take_no_memory(tmp_path: Path) -> None:
    app = application(tmp_path, CHAT_LIMIT_LOGINS_ADDRESS="3 per minute")
    with app.app_context():
        accounts.bootstrap("ada", PASSWORD)
    browser = app.test_client()
    page = browser.get("/login").text
    found = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', page)
    assert found
    told = [
        browser.post("/login", data={
            "username": f"{number}" + "a" * 50_000, "password": "wrong", "csrf_token": found[1],
        }).status_code
        for number in range(20)
    ]  # fmt: skip
    assert told == [401] * 3 + [429] * 17
    with app.app_context():
        kept = current.rate_limiter()._times
    assert len(kept) < 10 and len(str(kept)) < 2000


@pytest.mark.parametrize(
    ("path", "headers"),
    [
        ("/login", {"Cookie": "a=" + " " * 15_000 + 'b"'}),
        ("/nothing", {"Accept": "a/b" + "\t" * 15_000 + "c"}),
    ],
)
def test_blanks_in_a_header_take_no_time(
    tmp_path: Path, path: str, headers: dict[str, str]
) -> None:
    """Werkzeug's patterns take a time that is quadratic in their number: up to three seconds."""
    server = Server(tmp_path).start()
    began = time.monotonic()
    answer = requests.get(server.url + path, headers=headers, timeout=ANSWER_TIMEOUT)
    took = time.monotonic() - began
    server.stop()
    assert answer.status_code in (200, 302, 404) and took < 0.5
