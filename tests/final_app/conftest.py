"""One chat for the tests of a module, with Ada (its administrator), Bo and Cy."""

from collections.abc import Callable, Iterator

import pytest

from tests.final_app.rig import Person, Server

People = dict[str, Person]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    chat = Server(tmp_path_factory.mktemp("chat")).start()
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
    """Return a function that makes a closed room: `room("Tea", "bo")`; Ada owns it."""

    def make(name: str, *members: str, kind: str = "closed") -> int:
        ada = people["ada"]
        made = int(ada.ask("POST", "/rooms", {"name": name, "kind": kind})["room"]["id"])
        for member in members:
            person_id = people[member].ask("GET", "/api/people")["people"]
            (found,) = [p["id"] for p in person_id if p["username"] == member]
            ada.ask("PUT", f"/rooms/{made}/members/{found}")
        return made

    return make
