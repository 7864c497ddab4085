"""Two processes behind nginx, as deploy/nginx-workers.conf sets it up: clients stay at one of them.

While the processes restart one after the other, the chat stays available, and no message is lost.
"""

import itertools
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import pytest
import requests
import socketio

from tests.faults.load import Sender, finish, judge
from tests.final_app.nginx import Front, Visitor
from tests.final_app.rig import Person, Server
from tests.final_app.test_metrics import scrape
from tests.waiting import wait_until
from workshop.cluster import Cluster

FILE = "nginx-workers.conf"
STICKY = "hash $chat_client consistent;"
PEOPLE = 12  # nginx sends all of them to one process once in 2,000 times
MESSAGES = 10
RATE = 80  # messages a second of all senders
OFTEN = 0.02  # seconds between two pages of a guest: nginx allows 100 requests a second
MORE = 10  # messages of each sender between two restarts


class Team(NamedTuple):
    """Two processes with nginx before them, and people who are logged in through it."""

    servers: tuple[Server, Server]
    front: Front
    people: list[Visitor]


@pytest.fixture(scope="module")
def servers(
    tmp_path_factory: pytest.TempPathFactory, cluster: Cluster
) -> Iterator[tuple[Server, Server]]:
    settings = {"CHAT_DATABASE_URL": cluster.url(), "CHAT_PROXY_HOPS": "1"}
    folder = tmp_path_factory.mktemp("chat")
    pair = Server(folder, **settings), Server(folder, **settings)
    with ThreadPoolExecutor() as pool:
        list(pool.map(Server.start, pair))
    Person(pair[0], "ada").begin()
    yield pair
    for server in pair:
        server.stop()


@pytest.fixture(scope="module")
def team(
    servers: tuple[Server, Server], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Team]:
    front = Front(tmp_path_factory.mktemp("nginx"), *servers, file=FILE).start()
    ada = Visitor(front, "ada")
    ada.log_in()
    invite = ada.invite()
    others = [Visitor(front, f"person{number}").register(invite) for number in range(1, PEOPLE)]
    yield Team(servers, front, [ada, *others])
    front.stop()


def places(servers: tuple[Server, Server]) -> list[float]:
    """Return how many sockets each process has let in so far."""
    return [scrape(server)["chat_connects_total"] for server in servers]


@pytest.mark.parametrize("transport", ["websocket", "polling"])
def test_everybody_stays_at_one_process_and_hears_everything(team: Team, transport: str) -> None:
    before = places(team.servers)
    for person in team.people:
        person.connect(transport)
    for number in range(MESSAGES):
        speaker = team.people[number % PEOPLE]
        assert speaker.say(1, f"{transport} {number}")["ok"]
    expected = [f"{transport} {number}" for number in range(MESSAGES)]
    for person in team.people:
        assert [person.hear("new_message")["text"] for _ in range(MESSAGES)] == expected
        assert person.socket and person.socket.transport() == transport
    came = [after - now for after, now in zip(places(team.servers), before, strict=True)]
    assert sum(came) == PEOPLE and all(came), "each connected once, and both processes are used"
    for person in team.people:
        person.leave()


def test_who_comes_again_comes_to_the_same_process(team: Team) -> None:
    ada = team.people[0]
    before = places(team.servers)
    for transport in ("websocket", "polling") * 3:
        ada.connect(transport)
        ada.leave()
    came = [after - now for after, now in zip(places(team.servers), before, strict=True)]
    assert sorted(came) == [0, 6]


@pytest.mark.long
def test_without_the_hash_polling_does_not_work(
    servers: tuple[Server, Server], tmp_path: Path
) -> None:
    """The negative twin: the requests of one client go to both processes in turn."""
    front = Front(tmp_path, *servers, file=FILE, without=STICKY).start()
    try:
        ada = Visitor(front, "ada")
        ada.log_in()
        with pytest.raises((socketio.exceptions.ConnectionError, AssertionError)):
            ada.connect("polling")
            ada.say(1, "This never arrives")
            assert ada.socket and ada.socket.connected
    finally:
        front.stop()


class Guest(threading.Thread):
    """Somebody who opens a page again and again, and notes how it was answered."""

    def __init__(self, front: Front) -> None:
        super().__init__(daemon=True)
        self.front = front
        self.answers: Counter[object] = Counter()
        self.ending = threading.Event()

    def run(self) -> None:
        while not self.ending.wait(OFTEN):
            try:
                page = requests.get(
                    f"{self.front.url}/login", verify=self.front.certificate, timeout=20
                )
                self.answers[page.status_code] += 1
            except requests.RequestException as problem:
                self.answers[type(problem).__name__] += 1


def more(senders: list[Sender]) -> Callable[[], bool]:
    """Return a function that tells whether each sender got MORE acknowledgements since now."""
    goals = {sender: acknowledged(sender) + MORE for sender in senders}
    return lambda: all(acknowledged(sender) >= goal for sender, goal in goals.items())


def acknowledged(sender: Sender) -> int:
    return sum(sent.acknowledged is not None for sent in list(sender.journal))


def test_a_rolling_restart_loses_and_doubles_nothing_and_no_page_fails(team: Team) -> None:
    room = team.people[0].ask("POST", "/rooms", {"name": "Rolling", "kind": "open"})["room"]["id"]
    guest = Guest(team.front)
    senders = [
        Sender(person, [room], RATE / PEOPLE, seed) for seed, person in enumerate(team.people)
    ]
    for thread in itertools.chain(senders, [guest]):
        thread.start()
    wait_until(more(senders))
    for server in team.servers:
        server.stop()
        server.start()
        wait_until(more(senders))
    finish(senders, 60)
    guest.ending.set()
    guest.join()
    reader = Person(team.servers[0], "ada")
    reader.log_in()
    verdict = judge(reader, [room], senders)
    print(verdict, guest.answers)
    assert verdict.broken == {} and verdict.acknowledged >= 3 * MORE * PEOPLE
    assert set(guest.answers) == {200} and guest.answers[200] > 10
    assert sum(places(team.servers)) > 0, "after its restart, each process has new sockets"


def test_who_is_removed_or_banned_after_a_restart_hears_nothing_more(team: Team) -> None:
    """Their sockets are at the process that went on, and the other one has forgotten everything."""
    first, second = team.servers
    invite = team.people[0].invite()
    kim, lee, mia = (Person(second, name).register(invite) for name in ("kim", "lee", "mia"))
    for person in (kim, lee, mia):
        person.connect()
    first.stop()
    first.start()
    ada = Person(first, "ada")
    ada.log_in()
    ada.ask("POST", f"/api/people/{kim.id}/ban")
    ada.ask("DELETE", f"/rooms/1/members/{lee.id}")
    ada.connect()
    assert ada.say(1, "They are gone")["ok"]
    assert mia.hear("new_message")["text"] == "They are gone"
    heard = [event for event, _ in kim.ending()]
    assert heard[-2:] == ["session_ended", "disconnect"] and "new_message" not in heard
    assert lee.told("room_removed", "new_message") == [{"room": 1}]
    for person in (ada, lee, mia):
        person.leave()
