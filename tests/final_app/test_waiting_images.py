"""An image takes time to process. Meanwhile, it keeps nobody else waiting, and holds no connection."""

import os
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest
import requests

from tests.final_app import databases
from tests.final_app.rig import Person, Server, png

MOST_CONNECTIONS = {"sqlite": 72, "postgresql": 15}  # no process has more to its database
ARRIVE_WITHIN = 30.0  # seconds, on a busy machine
AFTER = 60.0  # seconds for all images, once they can be processed

pytestmark = pytest.mark.skipif(os.name == "nt", reason="Windows can't suspend a program")


@pytest.fixture(params=list(MOST_CONNECTIONS))
def kind(request: pytest.FixtureRequest) -> Iterator[str]:
    with databases.chosen(request.param):
        yield request.param


@pytest.fixture
def server(kind: str, tmp_path: Path) -> Iterator[Server]:
    chat = Server(tmp_path).start()
    yield chat
    chat.stop()


@contextmanager
def suspended(person: Person) -> Iterator[None]:
    """Suspend the program that processes images, as if an image took it a long time."""
    assert person.upload(1, "first.png", png())["ok"]  # starts the program
    assert person.server.process
    (program,) = psutil.Process(person.server.process.pid).children()
    program.suspend()
    try:
        yield
    finally:
        program.resume()


def uploader(person: Person) -> Callable[[], requests.Response]:
    """Return a function that uploads an image with a single request."""
    headers = {"X-CSRFToken": person.token("/account"), "Accept": "application/json"}

    def upload() -> requests.Response:
        return requests.post(
            f"{person.server.url}/api/uploads", data={"room": 1}, files={"file": ("a.png", png())},
            headers=headers, cookies=person.http.cookies, timeout=AFTER,
        )  # fmt: skip

    return upload


def await_arrival(server: Server, count: int) -> None:
    """Wait until this many uploads have arrived and are not stored yet."""
    incoming, give_up = server.folder / "uploads" / "incoming", time.monotonic() + ARRIVE_WITHIN
    while len(list(incoming.iterdir())) < count:
        assert time.monotonic() < give_up, f"fewer than {count} uploads have arrived"
        time.sleep(0.02)


def test_the_chat_goes_on_while_more_images_wait_than_there_are_connections(
    server: Server, kind: str
) -> None:
    ada = Person(server, "ada").begin()
    bo = Person(server, "bo").register(ada.invite())
    ada.connect(), bo.connect()
    upload, count = uploader(ada), MOST_CONNECTIONS[kind] + 1
    with ThreadPoolExecutor(count) as pool:
        with suspended(ada):
            sent = [pool.submit(upload) for _ in range(count)]
            await_arrival(server, count)
            assert bo.say(1, "Can you hear me?")["ok"]
            assert ada.hear("new_message")["text"] == "Can you hear me?"
            assert bo.get("/account").status_code == bo.get("/readyz").status_code == 200
        assert statuses(sent) == [201] * count
    assert not [line for line in server.log if "Traceback" in line]
    ada.leave(), bo.leave()


def statuses(sent: list[Future[requests.Response]]) -> list[int]:
    return [each.result().status_code for each in sent]


def test_the_image_of_one_person_does_not_wait_for_all_images_of_another(server: Server) -> None:
    ada = Person(server, "ada").begin()
    bo = Person(server, "bo").register(ada.invite())
    many, one = uploader(ada), uploader(bo)
    with ThreadPoolExecutor() as pool:
        with suspended(ada):
            sent = [pool.submit(many) for _ in range(3)]
            await_arrival(server, 3)
            sent.append(pool.submit(one))
            await_arrival(server, 4)
        assert statuses(sent) == [201] * 4
    rows: list[Any] = server.sql(
        "SELECT username FROM uploads JOIN users ON users.id = owner_id ORDER BY uploads.created_at"
    )
    _, *order = [row.username for row in rows]  # without the image that started the program
    # Bo's is the second or, if the server was still checking his request, the third.
    assert sorted(order) == ["ada", "ada", "ada", "bo"] and order[-1] == "ada", order
