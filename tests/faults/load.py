"""People who send without a pause, retry unacknowledged messages, and record everything in a journal."""

import json
import random
import select
import ssl
import threading
import time
import uuid
from collections import Counter, deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import websocket

from tests.final_app.rig import ANSWER_TIMEOUT, Person, Server

IN_FLIGHT = 5  # messages of one sender that wait for their acknowledgement
RETRY = 0.05  # seconds between two tries to connect
LOST_LINE = (OSError, websocket.WebSocketException)


class Line:
    """A raw Socket.IO connection: no client library buffers, retries or reorders anything."""

    def __init__(self, person: Person, **options: Any) -> None:
        cookies = "; ".join(f"{cookie.name}={cookie.value}" for cookie in person.http.cookies)
        address = person.server.url.replace("http", "ws", 1)
        if isinstance(person.http.verify, str):  # behind nginx, with a certificate of its own
            options["sslopt"] = {"ca_certs": person.http.verify}
        self.ws = websocket.create_connection(
            f"{address}/socket.io/?EIO=4&transport=websocket",
            cookie=cookies, suppress_origin=True, timeout=ANSWER_TIMEOUT, **options,
        )  # fmt: skip
        self._number = 0
        self.heard: deque[tuple[str, Any]] = deque()
        self.answers: dict[int, dict[str, Any]] = {}
        assert self.ws.recv().startswith("0")
        self.ws.send("40")
        self._open = False
        while not (self._open and "welcome" in dict(self.heard)):  # in whichever order they come
            self.take()
        self.heard.clear()

    def send(self, event: str, data: object) -> int:
        """Send an event. Return the number that its acknowledgement will have."""
        self._number += 1
        self.ws.send(f"42{self._number}" + json.dumps([event, data]))
        return self._number

    def ask(self, event: str, data: object) -> dict[str, Any]:
        """Send an event and return its acknowledgement."""
        number = self.send(event, data)
        while number not in self.answers:
            self.take()
        return self.answers.pop(number)

    def until(self, event: str) -> Any:
        """Return the data of the next `event`."""
        while not (self.heard and self.heard[-1][0] == event):
            self.take()
        return self.heard.pop()[1]

    def take(self) -> None:
        """Read one packet. Answer it if it is a ping, and otherwise store it."""
        packet = self.ws.recv()
        if packet == "2":
            self.ws.send("3")
        elif packet.startswith("40"):
            self._open = True
        elif packet.startswith("42"):
            event, data = json.loads(packet[2:])
            self.heard.append((event, data))
        elif packet.startswith("43"):
            start = packet.index("[")
            self.answers[int(packet[2:start])] = json.loads(packet[start:])[0]
        elif not packet:
            raise ConnectionError("the server has closed the line")

    def ready(self, seconds: float) -> bool:
        """Return whether something to read arrived within some seconds."""
        sock = self.ws.sock
        if isinstance(sock, ssl.SSLSocket) and sock.pending():  # has been read and decrypted
            return True
        return bool(select.select([sock], [], [], max(seconds, 0))[0])

    def close(self) -> None:
        self.ws.shutdown()


@dataclass
class Sent:
    """One line of the journal.

    `number` is its position among everything that this sender sent to this room.
    """

    sender: str
    room: int
    number: int
    client_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    acknowledged: dict[str, Any] | None = None
    tries: int = 0

    @property
    def text(self) -> str:
        return f"{self.sender} to {self.room}, number {self.number}"

    def payload(self) -> dict[str, Any]:
        return {"room": self.room, "client_id": self.client_id, "text": self.text}


class Sender(threading.Thread):
    """Sends to some rooms at a given rate, with several messages in flight, until it is told to stop.

    Then it drains.
    """

    def __init__(self, person: Person, rooms: list[int], rate: float, seed: int) -> None:
        super().__init__(daemon=True)
        self.person = person
        self.rooms = rooms
        self.every = 1 / rate
        self.random = random.Random(seed)
        self.journal: list[Sent] = []
        self.told: list[dict[str, Any]] = []  # messages that were broadcast to this person
        self.refused: Counter[str] = Counter()
        self.failure: BaseException | None = None
        self.ending = threading.Event()
        self._waiting: deque[Sent] = deque()
        self._counts: Counter[int] = Counter()

    @property
    def in_flight(self) -> int:
        return len(self._waiting)

    def run(self) -> None:
        try:
            while not (self.ending.is_set() and not self._waiting):
                try:
                    self._talk(Line(self.person))
                except LOST_LINE:
                    time.sleep(RETRY)
        except BaseException as failure:
            self.failure = failure

    def _talk(self, line: Line) -> None:
        """Use one connection for as long as it lasts.

        Send the unacknowledged messages first, in order, and then new ones.
        """
        numbers: dict[int, Sent] = {}
        for sent in self._waiting:
            self._send(line, sent, numbers)
        due = time.monotonic()
        try:
            while self._waiting or not self.ending.is_set():
                if self._may_send() and time.monotonic() >= due:
                    self._send(line, self._next(), numbers)
                    due += self.every
                if line.ready(due - time.monotonic() if self._may_send() else 1):
                    line.take()
                self._note(line, numbers)
        finally:
            line.close()

    def _may_send(self) -> bool:
        return len(self._waiting) < IN_FLIGHT and not self.ending.is_set()

    def _next(self) -> Sent:
        room = self.random.choice(self.rooms)
        self._counts[room] += 1
        sent = Sent(self.person.name, room, self._counts[room])
        self.journal.append(sent)
        self._waiting.append(sent)
        return sent

    def _send(self, line: Line, sent: Sent, numbers: dict[int, Sent]) -> None:
        sent.tries += 1
        numbers[line.send("new_message", sent.payload())] = sent

    def _note(self, line: Line, numbers: dict[int, Sent]) -> None:
        while line.heard:
            event, data = line.heard.popleft()
            if event == "new_message":
                self.told.append(data)
        for number in list(line.answers):
            answer, sent = line.answers.pop(number), numbers.pop(number)
            if answer["ok"]:
                sent.acknowledged = answer["message"]
                self._waiting.remove(sent)
            else:  # all after it was refused or will be: begin anew, in order
                self.refused[answer["error"]["code"]] += 1
                raise ConnectionError(answer["error"]["message"])


@dataclass
class Verdict:
    """The result of comparing the history with the journals.

    All counts but the first three must be 0.
    """

    messages: int
    acknowledged: int
    repeated: int
    lost: int  # acknowledged, and not there
    moved: int  # acknowledged with another place or text than it has now
    doubled: int
    disordered: int  # behind a later one of the same sender
    ghosts: int  # stored and never sent, or told to somebody and not stored
    gaps: int  # rooms whose `seq` is not 1, 2, 3, …

    @property
    def broken(self) -> dict[str, int]:
        """The counts that should be 0 but are not."""
        names = ("lost", "moved", "doubled", "disordered", "ghosts", "gaps")
        return {name: getattr(self, name) for name in names if getattr(self, name)}


def judge(reader: Person, rooms: list[int], senders: list[Sender]) -> Verdict:
    """Compare the history, which is read over HTTP, with what was sent, acknowledged and broadcast."""
    histories = {room: reader.history(room) for room in rooms}
    stored = [message for history in histories.values() for message in history]
    journal = {sent.client_id: sent for sender in senders for sent in sender.journal}
    times = Counter(message["client_id"] for message in stored)
    places = {(m["room"], m["seq"], m["client_id"]): m for m in stored}
    acknowledged = [sent for sent in journal.values() if sent.acknowledged]
    told = [message for sender in senders for message in sender.told]
    return Verdict(
        messages=len(journal),
        acknowledged=len(acknowledged),
        repeated=sum(sent.tries > 1 for sent in journal.values()),
        lost=sum(sent.client_id not in times for sent in acknowledged),
        moved=sum(not _where_it_was(sent, places) for sent in acknowledged),
        doubled=sum(count - 1 for count in times.values()),
        disordered=sum(_inversions(history, journal) for history in histories.values()),
        ghosts=sum(key not in journal for key in times)
        + sum(m != places.get((m["room"], m["seq"], m["client_id"])) for m in told),
        gaps=sum([m["seq"] for m in h] != list(range(1, len(h) + 1)) for h in histories.values()),
    )


def _where_it_was(sent: Sent, places: dict[tuple[int, int, str], dict[str, Any]]) -> bool:
    said = sent.acknowledged
    assert said
    found = places.get((sent.room, said.get("seq", 0), sent.client_id))
    return found is not None and found["text"] == sent.text


def _inversions(history: list[dict[str, Any]], journal: dict[str, Sent]) -> int:
    """Count the messages of a room that come after a later message of the same sender."""
    latest: Counter[str] = Counter()
    wrong = 0
    for sent in (journal[m["client_id"]] for m in history if m["client_id"] in journal):
        wrong += sent.number < latest[sent.sender]
        latest[sent.sender] = max(latest[sent.sender], sent.number)
    return wrong


@dataclass
class Crowd:
    """Some people in some rooms. Everybody is in the first room."""

    people: list[Person]
    rooms: list[list[int]]  # of each person

    def senders(self, rate: float, seed: int) -> list[Sender]:
        """Start senders with a total of `rate` messages a second."""
        each = rate / len(self.people)
        found = [
            Sender(person, rooms, each, seed + place)
            for place, (person, rooms) in enumerate(zip(self.people, self.rooms, strict=True))
        ]
        for sender in found:
            sender.start()
        return found


def crowd(server: Server, count: int = 4) -> Crowd:
    """Create people. All of them are in "general", and each is in a closed room with each neighbour."""
    ada = Person(server, "ada").begin()
    invite = ada.invite()
    names = ["bo", "cy", "dan", "eve", "fay"][: count - 1]
    people = [ada, *(Person(server, name).register(invite) for name in names)]
    ids = {person["username"]: person["id"] for person in ada.ask("GET", "/api/people")["people"]}
    rooms: list[list[int]] = [[1] for _ in people]
    for place, other in _pairs(count):
        room = ada.ask("POST", "/rooms", {"name": f"Room {place}", "kind": "closed"})["room"]["id"]
        for who in {place, other} - {0}:
            ada.ask("PUT", f"/rooms/{room}/members/{ids[people[who].name]}")
        rooms[place].append(room)
        rooms[other].append(room)
    return Crowd(people, rooms)


def _pairs(count: int) -> Iterator[tuple[int, int]]:
    return ((place, (place + 1) % count) for place in range(count - 1))


def finish(senders: list[Sender], seconds: float) -> None:
    """Stop the senders, and wait for their last acknowledgements."""
    for sender in senders:
        sender.ending.set()
    give_up = time.monotonic() + seconds
    for sender in senders:
        sender.join(max(give_up - time.monotonic(), 0))
        if sender.failure:
            raise sender.failure
        assert not sender.is_alive(), f"{sender.person.name} waits for {sender.in_flight} answers"
