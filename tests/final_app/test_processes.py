"""Two processes with one PostgreSQL database are one chat: what happens in one is heard in the other."""

import threading
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import pytest

from tests.faults.load import Line, Sent
from tests.final_app.rig import Person, Server
from workshop.cluster import Cluster

TRIES = 100  # pairs of equal sends


class Pair(NamedTuple):
    """Ada and Bo, each at a process of their own, and Cy at Bo's, in one room."""

    first: Server
    second: Server
    ada: Person
    bo: Person
    cy: Person


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory, cluster: Cluster) -> Iterator[Pair]:
    folder, url = tmp_path_factory.mktemp("chat"), cluster.url()
    first, second = (Server(folder, CHAT_DATABASE_URL=url) for _ in range(2))
    # Both start at once with an empty database: one creates the tables, and the other waits for it.
    with ThreadPoolExecutor() as pool:
        list(pool.map(Server.start, (first, second)))
    ada = Person(first, "ada").begin()
    invite = ada.invite()
    bo, cy = (Person(second, name).register(invite) for name in ("bo", "cy"))
    for person in (ada, bo, cy):
        person.connect()
    yield Pair(first, second, ada, bo, cy)
    for person in (ada, bo, cy):
        person.leave()
    first.stop()
    second.stop()


def closed_room(pair: Pair, name: str) -> int:
    """Make a closed room of Ada and Bo, and wait until Bo's process knows."""
    room = int(pair.ada.ask("POST", "/rooms", {"name": name, "kind": "closed"})["room"]["id"])
    pair.ada.ask("PUT", f"/rooms/{room}/members/{pair.bo.id}")
    while pair.bo.hear("room_changed")["room"]["id"] != room:
        pass
    return room


def newcomer(pair: Pair, name: str) -> Person:
    person = Person(pair.second, name).register(pair.ada.invite())
    person.connect()
    return person


def test_what_is_said_in_one_process_is_heard_in_the_other_once_and_in_order(pair: Pair) -> None:
    room = closed_room(pair, "Both ways")
    for number in range(20):
        speaker = (pair.ada, pair.bo)[number % 2]
        assert speaker.say(room, f"number {number}")["ok"]
    for listener in (pair.ada, pair.bo):
        heard = [listener.hear("new_message") for _ in range(20)]
        assert [each["text"] for each in heard] == [f"number {number}" for number in range(20)]
        assert [each["rev"] for each in heard] == list(range(1, 21))
        assert not [data for data in listener.told("new_message") if data["room"] == room]


def test_messages_that_share_a_transaction_are_heard_in_their_order(pair: Pair) -> None:
    room = closed_room(pair, "Many at once")
    lines = [Line(pair.ada) for _ in range(8)]
    for number in range(5):
        for line in lines:
            line.send("new_message", Sent("ada", room, number).payload())
    assert [pair.bo.hear("new_message")["rev"] for _ in range(40)] == list(range(1, 41))
    for line in lines:
        line.close()


def test_edits_reactions_and_deletions_are_heard_in_the_order_of_their_revs(pair: Pair) -> None:
    room = closed_room(pair, "Changes")
    said = pair.ada.say(room, "first")["message"]["id"]
    pair.ada.emit("edit_message", {"id": said, "text": "second"})
    pair.bo.emit("react", {"id": said, "emoji": "👍", "on": True})
    pair.ada.emit("delete_message", {"id": said})
    for listener in (pair.ada, pair.bo):
        changes = [listener.hear("message_changed") for _ in range(3)]
        assert [each["rev"] for each in changes] == [2, 3, 4]
        assert changes[0]["text"] == "second" and changes[2]["deleted"]


def test_a_message_that_is_too_long_for_a_notification_arrives_whole(pair: Pair) -> None:
    room = closed_room(pair, "Long")
    text = "**長い** " * 400
    assert pair.ada.say(room, text)["ok"]
    assert pair.bo.hear("new_message")["text"] == text.strip()
    assert pair.ada.hear("new_message")["html"].count("<strong>") == 400


def test_one_message_that_comes_to_both_processes_at_once_is_stored_once(pair: Pair) -> None:
    room = closed_room(pair, "Twice")
    other = Person(pair.second, "ada")
    other.http = pair.ada.http
    other.connect()
    for number in range(TRIES):
        again = {"client_id": str(uuid.uuid4())}
        with ThreadPoolExecutor() as pool:
            sends = [
                pool.submit(each.say, room, f"{number}", **again) for each in (pair.ada, other)
            ]
            answers = [each.result() for each in sends]
        assert [answer["ok"] for answer in answers] == [True, True], answers
        assert {answer["message"]["seq"] for answer in answers} == {number + 1}
        assert [answer["duplicate"] for answer in answers].count(True) == 1
    assert len(pair.ada.history(room)) == TRIES
    other.leave()


def test_who_is_removed_in_one_process_hears_nothing_more_in_the_other(pair: Pair) -> None:
    room = closed_room(pair, "Removed")
    pair.ada.ask("DELETE", f"/rooms/{room}/members/{pair.bo.id}")
    assert pair.bo.hear("room_removed") == {"room": room}
    pair.ada.say(room, "secret")
    pair.ada.say(1, "open")  # comes later, so the secret would have come before it
    assert pair.bo.hear("new_message")["text"] == "open"
    assert pair.bo.say(room, "let me in")["error"]["code"] == "not_found"


def test_a_ban_and_a_logout_close_the_sockets_in_every_process(pair: Pair) -> None:
    dan, eve = newcomer(pair, "dan"), newcomer(pair, "eve")
    pair.ada.ask("POST", f"/api/people/{dan.id}/ban")
    assert dan.ending()[-2:][0] == ("session_ended", {"reason": "banned"})
    elsewhere = Person(pair.first, "eve")
    elsewhere.http = eve.http
    elsewhere.form("/logout", page="/account")
    assert eve.ending()[-2:][0] == ("session_ended", {"reason": "logged_out"})


def test_typing_and_presence_cross_the_processes(pair: Pair) -> None:
    room = closed_room(pair, "Typing")
    assert pair.ada.emit("typing", {"room": room, "on": True})["ok"]
    told = pair.bo.hear("typing")
    assert told == {"room": room, "user_id": pair.ada.id, "name": "ada", "on": True}
    fay = newcomer(pair, "fay")
    while fay.id not in pair.ada.hear("presence")["online"]:
        pass
    members = pair.ada.get(f"/api/rooms/{room}/members").json()["members"]
    assert {each["username"]: each["online"] for each in members} == {"ada": True, "bo": True}
    fay.leave()


def test_a_command_reaches_the_sockets_of_every_process(pair: Pair) -> None:
    told = pair.first.run("rooms", "rename", "general", "Agora")
    assert told.returncode == 0, told.stderr
    for person in (pair.ada, pair.bo):
        while person.hear("room_changed")["room"]["name"] != "Agora":
            pass


def test_both_find_the_same_words(pair: Pair) -> None:
    room = closed_room(pair, "Search")
    pair.ada.say(room, "The quokka in Köln")
    (found,) = pair.bo.ask("GET", "/api/search?q=KOLN%20quok")["results"]
    assert found["message"]["room"] == room and ["quokka", True] in found["parts"]


def test_a_process_that_loses_its_line_closes_its_sockets_and_nothing_is_missed(
    pair: Pair, cluster: Cluster
) -> None:
    room = closed_room(pair, "Cut")
    cut = (
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
        "WHERE application_name = 'chat listener' AND datname = %s"
    )
    with cluster.admin() as admin:
        name = pair.first.settings["CHAT_DATABASE_URL"].partition("?")[0].rpartition("/")[2]
        admin.execute(cut, [name])
    for person in (pair.ada, pair.bo, pair.cy):
        assert person.ending()[-1][0] == "disconnect"
        person.connect()
    assert pair.ada.say(room, "after the cut")["ok"]
    assert pair.bo.hear("new_message")["text"] == "after the cut"


def test_many_writers_number_a_room_without_gaps(pair: Pair) -> None:
    room = closed_room(pair, "Numbers")
    errors: list[object] = []

    def write(person: Person) -> None:
        own = person.tab()
        for number in range(30):
            answer = own.say(room, f"{person.name} {number}")
            if not answer["ok"]:
                errors.append(answer)
        own.leave()

    writers = [threading.Thread(target=write, args=(each,)) for each in (pair.ada, pair.bo) * 2]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert errors == []
    assert [each["seq"] for each in pair.ada.history(room)] == list(range(1, 121))
    heard = [pair.bo.hear("new_message")["rev"] for _ in range(120)]
    assert heard == list(range(1, 121))
