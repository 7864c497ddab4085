"""/metrics: what a process has done, for a program on the same machine and for nobody else."""

import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from flask import Flask

from final_app.web import metrics
from tests.faults.load import Line
from tests.final_app.conftest import People
from tests.final_app.rig import Person, Server, application
from tests.waiting import wait_until

Room = Callable[..., int]

LONG = "**bold** " * 400  # twice: as text and as HTML
UNREAD = 1_000  # answers of more than 10,000 bytes that somebody asks for and does not read
LOCAL, ELSEWHERE = "127.0.0.1", "192.0.2.7"

pytest.importorskip("prometheus_client", reason="the extra `scale` is not installed")


def scrape(server: Server) -> dict[str, float]:
    """Return the numbers of a process by name, with their labels."""
    answer = Person(server, "monitor").get("/metrics")
    assert answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")
    lines = [line.rpartition(" ") for line in answer.text.splitlines() if line[0] != "#"]
    return {name: float(value) for name, _, value in lines}


def grown(before: dict[str, float], after: dict[str, float]) -> dict[str, float]:
    """Return how much each number has grown, if it has, without times."""
    changes = {name: after[name] - before[name] for name in after}
    return {name: by for name, by in changes.items() if by and "seconds_sum" not in name}


@pytest.fixture
def quiet(people: People, server: Server) -> Iterator[Server]:
    """The server, after everybody has been told that everybody is online."""
    wait_until(lambda: scrape(server)["chat_people_online"] == len(people))
    for person in people.values():
        person.told()
    yield server


def test_a_message_is_counted_once_and_its_delivery_for_each_socket(
    quiet: Server, people: People, room: Room
) -> None:
    tea = room("Tea", "bo")
    people["ada"].told(), people["bo"].told()
    before = scrape(quiet)
    for number in range(10):
        assert people["ada"].say(tea, f"number {number}")["ok"]
    after = scrape(quiet)
    assert grown(before, after) == {
        'chat_facts_total{type="MessagePosted"}': 10,
        "chat_transaction_seconds_count": 10,
        "chat_deliveries_total": 20,  # Ada's own socket hears it, too
    }
    assert 0 < after["chat_transaction_seconds_sum"] - before["chat_transaction_seconds_sum"] < 60


def test_what_is_refused_and_what_is_not_stored_counts_as_no_fact(
    quiet: Server, people: People, room: Room
) -> None:
    cocoa = room("Cocoa", "bo")
    people["ada"].told(), people["bo"].told()
    before = scrape(quiet)
    assert not people["cy"].say(cocoa, "let me in")["ok"]
    assert people["ada"].emit("typing", {"room": cocoa, "on": True})["ok"]
    assert grown(before, scrape(quiet)) == {"chat_deliveries_total": 1}  # to Bo, not to Ada herself


def test_sockets_are_counted_while_they_are_open_and_connects_for_ever(
    quiet: Server, people: People
) -> None:
    before = scrape(quiet)
    tabs = [people["bo"].tab() for _ in range(3)]
    during = grown(before, scrape(quiet))
    for tab in tabs:
        tab.leave()
    wait_until(lambda: scrape(quiet)["chat_sockets"] == before["chat_sockets"])
    assert during["chat_sockets"] == during["chat_connects_total"] == 3
    assert grown(before, scrape(quiet))["chat_connects_total"] == 3
    assert scrape(quiet)["chat_people_online"] == 3


def test_who_does_not_read_lets_bytes_wait_and_is_dropped(quiet: Server, people: People) -> None:
    for _ in range(30):
        assert people["ada"].say(1, LONG)["ok"]
    now = scrape(quiet)
    dropped, waited = now["chat_dropped_total"] + 1, 0.0
    reader = Line(people["cy"])
    with suppress(ConnectionError):  # the server ends the line while the next question is sent
        for _ in range(UNREAD):
            reader.send("sync", {"rooms": {"1": 0}})
            now = scrape(quiet)
            waited = max(waited, now["chat_queued_bytes"])
            if now["chat_dropped_total"] == dropped:
                break
    assert waited > 100_000
    assert scrape(quiet)["chat_dropped_total"] == dropped
    assert scrape(quiet)["chat_queued_bytes"] == 0


def test_facts_that_have_not_happened_yet_are_zero(server: Server) -> None:
    """Without the zero, Prometheus would see no increase when the first one happens."""
    assert scrape(server)['chat_facts_total{type="PersonGone"}'] == 0


@pytest.fixture(scope="module")
def proxied(tmp_path_factory: pytest.TempPathFactory) -> Flask:
    return application(tmp_path_factory.mktemp("proxied"), CHAT_PROXY_HOPS="1")


def status(app: Flask, address: str, **headers: str) -> int:
    environ = {"REMOTE_ADDR": address}
    return app.test_client().get("/metrics", environ_base=environ, headers=headers).status_code


@pytest.mark.parametrize("address", [LOCAL, "::1", "::ffff:127.0.0.1", "127.9.9.9"])
def test_a_program_on_this_machine_is_answered(proxied: Flask, address: str) -> None:
    assert status(proxied, address) == 200


@pytest.mark.parametrize("address", [ELSEWHERE, "10.0.0.1", "::ffff:192.0.2.7", "2001:db8::1", ""])
def test_another_machine_is_not(proxied: Flask, address: str) -> None:
    assert status(proxied, address) == 404


@pytest.mark.parametrize(
    "header",
    ["X-Forwarded-For", "X-Forwarded-Proto", "X-Forwarded-Prefix", "Forwarded", "Via", "X-Real-IP"],
)
@pytest.mark.parametrize("value", [LOCAL, ELSEWHERE])
def test_who_comes_through_a_proxy_is_not(proxied: Flask, header: str, value: str) -> None:
    """Not even if the proxy is not set up well, or if the client claims to be here."""
    assert status(proxied, LOCAL, **{header: value}) == 404


def test_a_proxy_counts_even_if_the_chat_expects_none(tmp_path: Path) -> None:
    assert status(application(tmp_path), LOCAL, **{"X-Forwarded-For": LOCAL}) == 404


def test_without_the_package_there_is_no_such_page(
    proxied: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "prometheus_client", None)
    assert status(proxied, LOCAL) == 404


def test_every_number_has_a_sentence_and_a_type(proxied: Flask) -> None:
    lines = proxied.test_client().get("/metrics").text.splitlines()
    named = {line.split()[2] for line in lines if line.startswith("# TYPE ")}
    helped = {line.split()[2] for line in lines if line.startswith("# HELP ") and line[-1] == "."}
    assert len(named) == 8 and named == helped
    assert metrics.NOT_STORED and "Typing" not in "".join(lines)
