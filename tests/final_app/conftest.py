"""One chat for all tests of a module, with Ada (its administrator), Bo and Cy."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from argon2 import PasswordHasher
from flask import Flask

from final_app.accounts import accounts, passwords
from final_app.lib import clock
from tests.final_app import databases
from tests.final_app.rig import PASSWORD, Person, Server, application
from workshop.cluster import Cluster

People = dict[str, Person]

# The tests of these modules run on PostgreSQL, too; those of the last ones only with `-m long`.
ON_BOTH = ("test_messages", "test_search", "test_nul")
ON_BOTH_IF_LONG = ("test_rooms", "test_reactions", "test_rights", "test_closed_rooms", "test_bots",
                   "test_deactivation", "test_display_names", "test_answers")  # fmt: skip
Move = Callable[[float], None]


@pytest.fixture
def move(monkeypatch: pytest.MonkeyPatch) -> Move:
    """Return a function that moves the clock forward by some seconds."""
    now = [100.0]
    monkeypatch.setattr(clock, "seconds", lambda: now[0])

    def later(seconds: float) -> None:
        now[0] += seconds

    return later


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run the tests that use a server on each database."""
    if "database" not in metafunc.fixturenames:
        return
    kinds: list[object] = ["sqlite"]
    name = metafunc.module.__name__.rpartition(".")[2]
    if name in ON_BOTH + ON_BOTH_IF_LONG:
        marks = [pytest.mark.long] if name in ON_BOTH_IF_LONG else []
        kinds.append(pytest.param("postgresql", marks=marks))
    metafunc.parametrize("database", kinds, scope="module", ids=None if len(kinds) > 1 else [""])


@pytest.fixture(autouse=True, scope="package")
def _cheap_hashes() -> Iterator[None]:
    """Let a password's hash take a millisecond in this process, as it does in a forked server."""
    cheap = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(passwords, "_hasher", cheap)
        patch.setattr(passwords, "DUMMY_HASH", passwords._dummy_hash())
        yield


@pytest.fixture(scope="session")
def cluster() -> Cluster:
    """A PostgreSQL server; each call of its `url` makes a new database."""
    return databases.cluster()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, database: str) -> Iterator[Server]:
    with databases.chosen(database):
        chat = Server(tmp_path_factory.mktemp("chat"))
    chat.start()
    yield chat
    chat.stop()


@pytest.fixture(scope="module")
def people(server: Server) -> Iterator[People]:
    """Ada, Bo and Cy, logged in, each with an open socket, all in the room "general"."""
    ada = Person(server, "ada").begin()
    invite = ada.invite()
    everybody = {"ada": ada}
    everybody |= {name: Person(server, name).register(invite) for name in ("bo", "cy")}
    for person in everybody.values():
        person.connect()
    yield everybody
    for person in everybody.values():
        person.leave()


@pytest.fixture
def general(people: People) -> int:
    """The room that everybody is in."""
    rooms = people["ada"].emit("sync", {"rooms": {}}) and people["ada"].get("/api/rooms/1/members")
    assert rooms.ok
    return 1


@pytest.fixture
def room(people: People) -> Callable[..., int]:
    """Return a function that creates a closed room, which Ada owns: `room("Tea", "bo")`."""

    def make(name: str, *members: str, kind: str = "closed") -> int:
        ada = people["ada"]
        made = int(ada.ask("POST", "/rooms", {"name": name, "kind": kind})["room"]["id"])
        for member in members:
            person_id = people[member].ask("GET", "/api/people")["people"]
            (found,) = [p["id"] for p in person_id if p["username"] == member]
            ada.ask("PUT", f"/rooms/{made}/members/{found}")
        return made

    return make


@pytest.fixture
def newcomer(people: People, server: Server) -> Iterator[Callable[[str], Person]]:
    """Return a function that creates a person with an account and a socket, in "general"."""
    made: list[Person] = []

    def come(name: str) -> Person:
        made.append(Person(server, name).register(people["ada"].invite()))
        made[-1].connect()
        return made[-1]

    yield come
    for person in made:
        person.leave()


@pytest.fixture
def two_people(tmp_path: Path) -> Iterator[Flask]:
    """The chat in this process, with Ada (1, an administrator) and Bo (2), in its app context."""
    app = application(tmp_path)
    with app.app_context():
        assert accounts.bootstrap("ada", PASSWORD) == 1
        assert accounts.create("bo", PASSWORD) == 2
        yield app
