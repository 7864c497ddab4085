"""The rules of Engine.IO's protocol 4, and the bounds on what a client can cost.

https://socket.io/docs/v4/engine-io-protocol/
"""

import json
import signal
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import requests
import socketio

from final_app.wire import connection
from tests.busy import within
from tests.final_app.rig import ANSWER_TIMEOUT
from tests.wire.raw import (
    CLOSE,
    PING,
    POLLING,
    PROMPT,
    SEPARATOR,
    WEBSOCKET,
    Poller,
    Socket,
    ask,
    close_code,
    dial,
    frame,
    handshake,
    is_ended,
    received,
    response,
)
from tests.wire.served import Bare

HERD = 60  # clients who come at once
LIMIT = 100_000  # bytes of a request
EVIL = "http://evil.example"
# Seconds. The official test suite lets a client take 0.2 for its pong, which a busy machine may need.
SHORT = ("ping_interval=0.3", "ping_timeout=0.8")
PATIENCE = 1.0  # seconds for strangers, in which a client must connect even on a busy machine
STRICT = (f"CONNECT_PATIENCE={PATIENCE}", "TICK=0.05")
Serve = Callable[..., Bare]


@pytest.fixture
def poller(bare: Bare) -> Poller:
    return Poller(bare)


def is_error(answer: requests.Response, status: int, *codes: int) -> bool:
    """Return whether a response is an error for Engine.IO's clients, with one of these codes."""
    found = answer.json()
    assert answer.headers["Content-Type"].startswith("application/json")
    assert set(found) == {"code", "message"} and found["message"].isprintable(), found
    return answer.status_code == status and found["code"] in codes


def count(bare: Bare) -> int:
    """Return how many connections the server has."""
    return int(requests.get(f"{bare.url}/count", timeout=ANSWER_TIMEOUT).text)


# ---- requests


@pytest.mark.parametrize(
    ("method", "query", "headers", "status", "code"),
    [
        ("GET", "", {}, 400, 0),
        ("GET", "EIO=4", {}, 400, 0),
        ("GET", "EIO=4&transport=", {}, 400, 0),
        ("GET", "EIO=4&transport=abc", {}, 400, 0),
        ("GET", "EIO=4&transport=__class__", {}, 400, 0),
        ("GET", "EIO=4&transport=websocket%00", {}, 400, 0),
        ("GET", "transport=polling", {}, 400, 5),
        ("GET", "EIO=3&transport=polling", {}, 400, 5),
        ("GET", "EIO=abc&transport=polling", {}, 400, 5),
        ("GET", "EIO=3&transport=websocket", {}, 400, 5),
        ("GET", "EIO=4&transport=polling&sid=abc", {}, 400, 1),
        ("GET", "EIO=4&transport=polling&sid=%FF", {}, 400, 1),
        ("POST", "EIO=4&transport=polling&sid=abc", {}, 400, 1),
        ("POST", "EIO=4&transport=polling", {}, 400, 2),
        ("PUT", "EIO=4&transport=polling", {}, 400, 2),
        ("DELETE", "EIO=4&transport=polling", {}, 400, 2),
        ("OPTIONS", "EIO=4&transport=polling", {"Origin": EVIL}, 403, 4),
        ("OPTIONS", "EIO=4&transport=abc", {}, 400, 0),
        ("PUT", "EIO=4&transport=polling&sid={sid}", {}, 400, 2),
        ("DELETE", "EIO=4&transport=polling&sid={sid}", {}, 400, 2),
        ("POST", "EIO=4&transport=websocket&sid={sid}", {}, 400, 3),
        ("GET", "EIO=4&transport=websocket", {}, 400, 3),
        ("GET", "EIO=4&transport=websocket&sid={sid}", {}, 400, 3),
        ("GET", "EIO=4&transport=polling", {"Origin": EVIL}, 403, 4),
        ("GET", "EIO=4&transport=polling", {"Origin": "null"}, 403, 4),
        ("GET", "EIO=4&transport=polling&sid={sid}", {"Origin": EVIL}, 403, 4),
        ("POST", "EIO=4&transport=polling&sid={sid}", {"Origin": EVIL}, 403, 4),
        ("GET", "EIO=4&transport=websocket", {"Origin": EVIL}, 403, 4),
        ("GET", "EIO=4&transport=polling&sid={sid}", {"Cookie": "somebody=else"}, 403, 4),
        ("POST", "EIO=4&transport=polling&sid={sid}", {"Cookie": "somebody=else"}, 403, 4),
    ],
)
def test_a_wrong_request_is_refused_and_changes_nothing(
    bare: Bare, poller: Poller, method: str, query: str, headers: dict[str, str], status: int,
    code: int,
) -> None:  # fmt: skip
    before = count(bare)
    url = f"{bare.url}/socket.io/?{query.format(sid=poller.sid)}"
    answer = requests.request(method, url, headers=headers, timeout=ANSWER_TIMEOUT)
    assert is_error(answer, status, code), answer.text
    assert count(bare) == before
    poller.post('421["echo","still here"]')
    assert poller.poll() == ['431["still here"]']


@pytest.mark.parametrize("origin", [None, "{url}"])
def test_a_session_begins_with_what_the_client_has_to_know(bare: Bare, origin: str | None) -> None:
    headers = {"Origin": origin.format(url=bare.url)} if origin else {}
    answer = requests.get(bare.url + POLLING, headers=headers, timeout=ANSWER_TIMEOUT)
    assert answer.status_code == 200 and answer.headers["Content-Type"].startswith("text/plain")
    assert "Access-Control-Allow-Origin" not in answer.headers or origin
    said = json.loads(answer.text.removeprefix("0"))
    sid = said.pop("sid")
    assert len(sid) >= 20
    assert said == {
        "upgrades": ["websocket"],
        "pingInterval": 25_000,
        "pingTimeout": 20_000,
        "maxPayload": LIMIT,
    }
    over = Socket(bare)
    assert over.open | {"sid": ""} == said | {"sid": "", "upgrades": []}
    over.close()


@pytest.mark.parametrize("transport", ["polling", "websocket"])
def test_a_page_that_asks_what_it_may_do_opens_nothing(bare: Bare, transport: str) -> None:
    before = count(bare)
    url = f"{bare.url}/socket.io/?EIO=4&transport={transport}"
    answer = requests.options(url, headers={"Origin": bare.url}, timeout=ANSWER_TIMEOUT)
    assert answer.status_code == 200 and answer.text == ""
    assert count(bare) == before


def test_a_foreign_page_gets_no_websocket(bare: Bare) -> None:
    for origin, status in ((EVIL, 403), (bare.url, 101), (f"{bare.url}.evil.example", 403)):
        line, told, _ = handshake(bare, f"Host: 127.0.0.1:{bare.port}", f"Origin: {origin}")
        line.close()
        assert told == status, origin


@pytest.mark.parametrize("name", ["X-Forwarded-Host", "X-Forwarded-Proto", "Forwarded"])
def test_a_foreign_page_cannot_name_itself_in_another_header(bare: Bare, name: str) -> None:
    value = {"X-Forwarded-Proto": "https", "Forwarded": "host=evil.example"}.get(
        name, "evil.example"
    )
    for origin in (EVIL, EVIL.replace("http", "https")):
        answer = requests.get(
            bare.url + POLLING, headers={"Origin": origin, name: value}, timeout=ANSWER_TIMEOUT
        )
        assert is_error(answer, 403, 4)


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400), (b"abc", 400), (b"x", 400), (b"9", 400), (b"0", 400), (b"2", 400),
        (b"6", 400), (b"2probe", 400), (b"5", 400), (b"3x", 400), (b"\xff", 400), (b"4\xc3", 400),
        (b"b!!!", 400), (b"bAAA", 400), (b"b\xc3\xa9", 400), (b"\x1e", 400), (b'42["echo"]\x1e', 400),
        (b"4" * (LIMIT + 1), 413), (b'42["x"]\x1e' * 1_500 + b'42["x"]', 400),
    ],
)  # fmt: skip
def test_a_malformed_body_ends_the_session(
    bare: Bare, poller: Poller, body: bytes, status: int
) -> None:
    answer = poller.post(body)
    assert is_error(answer, status, 3), answer.text
    assert is_error(poller.get(), 400, 1)


@pytest.mark.parametrize("byte", "0123456789b x")
def test_a_body_of_one_byte_is_answered_at_once(bare: Bare, poller: Poller, byte: str) -> None:
    began = time.monotonic()
    answer = poller.post(byte)
    assert answer.status_code in (200, 400)
    assert within(time.monotonic() - began, PROMPT)
    if byte == "1":  # it says goodbye
        assert answer.status_code == 200 and is_error(poller.get(), 400, 1)


def test_a_body_without_its_length_is_refused(bare: Bare, poller: Poller) -> None:
    """This includes a chunked body, whose total size would be known too late."""
    path = poller.url.removeprefix(bare.url)
    for more in ((), ("Transfer-Encoding: chunked",), ("Content-Length: x",)):
        line, status, _ = ask(bare, f"POST {path} HTTP/1.1", "Host: localhost", *more)
        line.close()
        assert status == 411 if "x" not in "".join(more) else status in (400, 411)


def test_a_body_that_is_announced_too_large_is_refused_before_it_comes(
    bare: Bare, poller: Poller
) -> None:
    path = poller.url.removeprefix(bare.url)
    line, status, _ = ask(
        bare, f"POST {path} HTTP/1.1", "Host: localhost", f"Content-Length: {LIMIT + 1}"
    )
    assert status == 413
    line.close()


@pytest.mark.parametrize("packets", [1, 17, 900])
def test_all_packets_of_a_request_are_acted_on_in_order(poller: Poller, packets: int) -> None:
    body = SEPARATOR.join(f'42{number}["echo",{number}]' for number in range(packets))
    assert poller.post(body).text == "ok"
    answers = poller.until(f"43{packets - 1}[")
    assert answers == [f"43{number}[{number}]" for number in range(packets)]


def test_the_largest_body_is_read(poller: Poller) -> None:
    start, end = '421["echo","', '"]'
    text = "x" * (LIMIT - len(start) - len(end))
    assert poller.post(start + text + end).ok
    assert poller.poll() == [f'431["{text}"]']


def test_two_polls_at_a_time_end_the_session(bare: Bare, poller: Poller) -> None:
    with ThreadPoolExecutor() as pool:
        polls = [pool.submit(poller.get) for _ in range(2)]
        answers = sorted((each.result() for each in polls), key=lambda answer: answer.status_code)
    assert answers[0].status_code == 200 and answers[0].text in ("1", "6")
    assert is_error(answers[1], 400, 3)
    assert is_error(poller.get(), 400, 1)


def test_a_poll_waits_until_there_is_something(bare: Bare, poller: Poller) -> None:
    other = Poller(bare)
    with ThreadPoolExecutor() as pool:
        poll = pool.submit(poller.poll)
        time.sleep(0.2)
        assert not poll.done()
        other.post('42["say","hello"]')
        assert poll.result() == ['42["said","hello"]']


def test_too_much_for_somebody_who_does_not_poll_ends_the_session(poller: Poller) -> None:
    poller.post('42["much",90000,5]')
    assert len(poller.poll()) == 5
    poller.post('42["much",90000,20]')
    assert is_error(poller.get(), 400, 1)


def test_what_waits_for_a_poll_is_counted_in_bytes(poller: Poller) -> None:
    """Characters would not be enough, because each can have up to four bytes."""
    text = "\U0001f600" * 22_000
    for _ in range(11):
        poller.post(f'421["echo","{text}"]')
    assert poller.is_known()
    poller.post(f'421["echo","{text}"]')
    assert not poller.is_known()


@pytest.mark.skipif(not hasattr(signal, "SIGSTOP"), reason="the server has to stand still")
def test_who_asks_after_a_herd_has_come_waits_for_little_of_it(serve: Serve) -> None:
    bare = serve()
    assert bare.process
    bare.process.send_signal(signal.SIGSTOP)  # the kernel still takes connections for it
    herd, last = [dial(bare) for _ in range(HERD)], dial(bare)
    for line in herd:
        line.sendall(f"GET {POLLING} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
    last.sendall(b"GET /count HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
    bare.process.send_signal(signal.SIGCONT)
    with last.makefile() as answer:
        opened = int(answer.read().split()[-1])
    assert opened < HERD / 4
    assert [response(line)[0] for line in herd] == [200] * HERD
    assert count(bare) == HERD
    for line in herd:
        line.close()


# ---- upgrade


def upgrade(bare: Bare, poller: Poller) -> Socket:
    """Test a WebSocket for this session, and return it."""
    over = Socket(bare, sid=poller.sid)
    over.say("2probe")
    assert over.text() == "3probe"
    return over


def test_a_session_moves_to_a_websocket(bare: Bare) -> None:
    """In every stage, nothing that is sent is lost, duplicated or reordered."""
    poller, other = Poller(bare), Socket(bare)
    said = iter(range(1_000))

    def say() -> None:
        other.ask("echo", "all was told")  # so far
        other.say(f'42["say",{next(said)}]')
        other.say(f'42["say",{next(said)}]')

    say()
    got = poller.until('42["said",1]')
    say()
    over = Socket(bare, sid=poller.sid)
    say()
    got += poller.until('42["said",5]')
    with ThreadPoolExecutor() as pool:
        waiting = pool.submit(poller.poll)
        time.sleep(0.1)
        over.say("2probe")
        assert over.text() == "3probe"
        say()
        assert waiting.result() == ["6"], "the poll that waits is let go, with nothing"
    assert poller.poll() == ["6"]
    say()
    poller.post('427["echo","by polling"]')  # is still allowed
    over.say("5")
    say()
    got += over.until(f'42["said",{next(said) - 1}]')
    assert got.pop(got.index('437["by polling"]'))
    assert got == [f'42["said",{number}]' for number in range(len(got))]
    assert len(got) == 12
    assert is_error(poller.get(), 400, 1, 3) and is_error(poller.post("3"), 400, 1, 3)
    assert over.ask("echo", "over") == "over"
    over.close()
    other.close()


@pytest.mark.parametrize(
    "how", ["closed", "reset", "wrong probe", "no probe", "no upgrade", "text"]
)
def test_a_session_goes_on_with_polling_if_the_websocket_fails(serve: Serve, how: str) -> None:
    """The next poll gets what was held back during the attempt."""
    bare = serve("UPGRADE_PATIENCE=0.4")
    poller, other = Poller(bare), Socket(bare)
    over = Socket(bare, sid=poller.sid)
    if how in ("wrong probe", "no probe"):
        over.say("2prob" if how == "wrong probe" else "5")
    else:
        over.say("2probe")
        assert over.text() == "3probe"
    other.say('42["say",1]')
    other.until('42["said",1]')
    if how == "closed":
        over.line.sendall(frame(b"", CLOSE))
    elif how == "text":
        over.say('42["echo"]')
    elif how == "reset":
        over.close()
    if how != "reset":
        assert is_ended(over.line, 3)
    assert poller.until("42")[-1] == '42["said",1]'
    poller.post('421["echo","polling"]')
    assert poller.until("431") == ['431["polling"]']
    upgraded = upgrade(bare, poller)
    upgraded.say("5")
    assert upgraded.ask("echo", "at the second try") == "at the second try"
    upgraded.close()


@pytest.mark.parametrize("last", ["", "5"], ids=["upgrading", "upgraded"])
def test_a_second_websocket_changes_nothing(bare: Bare, poller: Poller, last: str) -> None:
    over = upgrade(bare, poller)
    if last:
        over.say(last)
        assert over.ask("echo", 1) == 1
    second = Socket(bare, sid=poller.sid)
    assert second.code() == 1008
    if not last:
        over.say("5")
    assert over.ask("echo", 2) == 2
    over.close()


def test_a_websocket_is_no_second_chance(bare: Bare) -> None:
    """A session that began as a WebSocket cannot poll, and cannot open a second one."""
    first = Socket(bare)
    sid = first.open["sid"]
    url = f"{bare.url}{POLLING}&sid={sid}"
    assert is_error(requests.get(url, timeout=ANSWER_TIMEOUT), 400, 1, 3)
    assert is_error(requests.post(url, data='42["say","x"]', timeout=ANSWER_TIMEOUT), 400, 1, 3)
    second = Socket(bare, sid=sid)
    assert second.code() == 1008
    assert first.ask("echo", 1) == 1
    first.close()


def test_a_sid_is_worth_nothing_without_its_cookie(bare: Bare) -> None:
    mine = Poller(bare, cookie="session=mine")
    for cookie in ("session=other", ""):
        thief = requests.Session()
        thief.headers.update({"Cookie": cookie} if cookie else {})
        assert is_error(thief.get(mine.url, timeout=ANSWER_TIMEOUT), 403, 4)
        assert is_error(thief.post(mine.url, data='42["say",1]', timeout=ANSWER_TIMEOUT), 403, 4)
        assert is_error(thief.post(mine.url, data="1", timeout=ANSWER_TIMEOUT), 403, 4)
        line, status, _ = handshake(
            bare, "Host: localhost", f"Cookie: {cookie}", path=f"{WEBSOCKET}&sid={mine.sid}"
        )
        line.close()
        assert status == 403
    mine.post('421["echo","mine"]')
    assert mine.poll() == ['431["mine"]']
    over = Socket(bare, "Cookie: session=mine", sid=mine.sid)
    over.say("2probe")
    assert over.text() == "3probe"
    over.close()


# ---- pings


@pytest.fixture(scope="module")
def quick() -> Iterator[Bare]:
    """The application with frequent pings."""
    server = Bare(*SHORT).start()
    yield server
    server.stop(signal.SIGKILL)
    assert not server.tracebacks


@pytest.mark.parametrize("transport", [Socket, Poller])
def test_a_client_that_answers_pings_stays(quick: Bare, transport: type[Any]) -> None:
    client = transport(quick)
    for _ in range(4):
        assert client.until("2")[-1] == "2"
        (client.say if transport is Socket else client.post)("3")
    (client.say if transport is Socket else client.post)('421["echo",1]')
    assert "431[1]" in client.until("431")


def test_a_client_that_answers_no_ping_is_closed(quick: Bare) -> None:
    """This holds for both transports. Other packets do not count as an answer."""
    over, poller = Socket(quick), Poller(quick)
    began = time.monotonic()
    assert poller.poll() == ["2"]
    poller.post('42["echo"]')
    over.say('42["echo"]')
    opcode = -1
    while opcode != CLOSE:
        opcode, _ = received(over.line)
    passed = time.monotonic() - began
    assert passed > 0.9
    assert within(passed, 2), passed
    assert poller.get().text in ("6", "1", '{"code": 1, "message": "Session ID unknown"}')
    assert is_error(poller.get(), 400, 1)


# ---- strangers


@pytest.fixture(scope="module")
def strict() -> Iterator[Bare]:
    """The application with short deadlines for strangers."""
    server = Bare(*STRICT).start()
    yield server
    server.stop(signal.SIGKILL)
    assert not server.tracebacks


def assert_ended_in_time(began: float) -> None:
    """Assert that a stranger had the allowed time, minus the time before `began`, and little more."""
    passed = time.monotonic() - began
    assert passed > PATIENCE / 2
    assert within(passed, PATIENCE * 2), passed


def test_a_client_that_the_server_lets_wait_is_not_closed_for_being_late(strict: Bare) -> None:
    """A team that comes back at once has to wait for its turns, which can take longer."""
    client = Socket(strict, stranger=True)
    client.say(f'40{{"emit":{1.5 * PATIENCE}}}')
    heard = [client.text() for _ in range(3)]
    assert heard[0].startswith("40{") and heard[1:] == ['42["welcome",1]', '42["joined",2]']
    client.say('42["echo",1]')  # it is open, and stays so
    time.sleep(PATIENCE * 1.5)
    client.say('421["echo",2]')
    assert client.text() == "431[2]"


@pytest.mark.parametrize("says", [None, "40/nowhere,", '40{"refuse":"no"}', "3"])
def test_a_websocket_that_is_no_client_is_closed(strict: Bare, says: str | None) -> None:
    """By default, this happens within ten seconds, whatever it sends, even if it answers pings."""
    assert connection.CONNECT_PATIENCE == 10
    stranger = Socket(strict, stranger=True)
    began = time.monotonic()
    if says and says != "3":
        stranger.say(says)
        assert stranger.text().startswith("44")
    assert stranger.code() == 1002
    assert_ended_in_time(began)


def test_a_session_of_polling_that_is_no_client_is_ended(strict: Bare) -> None:
    stranger = Poller(strict, stranger=True)
    began = time.monotonic()
    while (answer := stranger.get()).status_code == 200:
        assert answer.text in ("1", "6")
    assert is_error(answer, 400, 1)
    assert_ended_in_time(began)


def test_a_client_that_leaves_is_a_stranger_again(strict: Bare) -> None:
    """Within the allowed time, it may connect again, or to another namespace."""
    client = Socket(strict)
    client.say("41")
    client.connect()
    client.say("40/other,")
    assert client.text().startswith("40/other,{")
    client.say("41")
    time.sleep(PATIENCE * 1.5)  # longer than a stranger would have
    client.say('42/other,1["nobody"]')
    client.connect()
    assert client.ask("echo", 1) == 1
    client.say("41")
    client.say("41/other,")
    assert client.code() == 1002


def test_a_client_stays(strict: Bare) -> None:
    clients = [Socket(strict), Poller(strict)]
    time.sleep(PATIENCE * 1.5)  # longer than a stranger would have
    assert clients[0].ask("echo", 1) == 1
    assert clients[1].is_known()


FEW = connection.BEFORE_CONNECT


@pytest.mark.parametrize(
    "sent",
    [frame(b"x" * FEW), frame(b"40/nowhere,") * 300, frame(b"", PING) * 700],
    ids=["a message", "packets", "pings"],
)
def test_a_websocket_of_a_stranger_can_bring_little(bare: Bare, sent: bytes) -> None:
    """Headers and pings count as well."""
    assert FEW == 4_096
    stranger = Socket(bare, stranger=True)
    stranger.line.sendall(sent)
    # 1009: too much in all; 1002: too many packets
    assert stranger.code() == 1009 or sent.startswith(frame(b"40/nowhere,"))


def test_a_stranger_can_bring_little_by_polling(bare: Bare) -> None:
    stranger = Poller(bare, stranger=True)
    packet = "40/nowhere,{" + " " * (FEW // 2 - 13) + "}"
    assert stranger.post(packet).ok and stranger.post(packet).ok
    assert is_error(stranger.post(packet), 400, 3)
    assert is_error(stranger.get(), 400, 1)


@pytest.mark.parametrize("transport", [Socket, Poller])
def test_a_client_that_connects_again_is_no_longer_bound_by_what_it_sent(
    bare: Bare, transport: type[Any]
) -> None:
    client = transport(bare)
    say = client.say if transport is Socket else client.post
    for packet in (f'42["echo","{"x" * 2 * FEW}"]', "41", "40"):
        say(packet)
    assert any(packet.startswith("40{") for packet in client.until("40{"))


def test_an_address_can_have_few_strangers(serve: Serve) -> None:
    """By default, at most 1,000 and a quarter of all connections. Clients do not count."""
    bare = serve("most_connections=12")
    clients = [Socket(bare) for _ in range(5)]
    strangers: list[Any] = [Socket(bare, stranger=True), Poller(bare, stranger=True)]
    strangers.append(Socket(bare, stranger=True))
    answer = requests.get(bare.url + POLLING, timeout=ANSWER_TIMEOUT)
    assert is_error(answer, 503, 3)
    line, status, _ = handshake(bare, "Host: localhost")
    line.close()
    assert status == 503
    assert clients[0].ask("echo", 1) == 1
    strangers[0].connect()  # has become a client
    strangers.append(Socket(bare, stranger=True))
    assert requests.get(bare.url + POLLING, timeout=ANSWER_TIMEOUT).status_code == 503
    strangers[1].post("1")  # has gone
    Poller(bare)
    strangers[2].close()
    until(lambda: requests.get(bare.url + POLLING, timeout=ANSWER_TIMEOUT).ok)
    assert len(bare.complaints) == 1 and "too many" in bare.complaints[0]


def test_the_addresses_of_an_ipv6_network_count_as_one(serve: Serve) -> None:
    bare = serve("STRANGERS_PER_ADDRESS=2")

    def status(address: str) -> int:
        headers = {"X-Forwarded-For": address}
        return requests.get(bare.url + POLLING, headers=headers, timeout=ANSWER_TIMEOUT).status_code

    assert [status(f"2001:db8:1:1::{number}") for number in range(3)] == [200, 200, 503]
    assert status("2001:db8:1:2::") == 200
    assert [status(f"192.0.2.{number}") for number in range(3)] == [200, 200, 200]


def test_the_server_can_have_so_many_connections_in_all(serve: Serve) -> None:
    bare = serve("most_connections=8")
    clients = [Socket(bare) for _ in range(8)]
    assert is_error(requests.get(bare.url + POLLING, timeout=ANSWER_TIMEOUT), 503, 3)
    line, status, _ = handshake(bare, "Host: localhost")
    line.close()
    assert status == 503
    clients[3].close()
    until(lambda: count(bare) == 7)
    assert Socket(bare).ask("echo", 1) == 1
    assert clients[0].ask("echo", 1) == 1


def until(holds: Callable[[], bool]) -> None:
    """Repeat a request until a condition holds."""
    give_up = time.monotonic() + 5
    while not holds():
        assert time.monotonic() < give_up
        time.sleep(0.02)


def test_nothing_is_left_of_connections_that_have_ended(bare: Bare) -> None:
    """They end with a close frame, with a reset, as strangers, or in the middle of an upgrade."""
    before = count(bare)
    polite, rude, stranger = Socket(bare), Socket(bare), Socket(bare, stranger=True)
    poller, moving = Poller(bare), Poller(bare)
    upgraded = upgrade(bare, moving)
    upgraded.say("5")
    upgraded.ask("echo", 1)
    assert count(bare) == before + 5
    polite.line.sendall(frame(b"", CLOSE))
    for each in (rude, stranger, upgraded):
        each.close()
    poller.post("1")
    until(lambda: count(bare) == before)


def test_nothing_is_left_of_a_client_whose_connect_handler_failed(serve: Serve) -> None:
    """The client is refused at once, and can try again with the same connection."""
    bare = serve()
    client = Socket(bare, stranger=True)
    client.say('40{"fail":true}')
    assert client.text() == '44{"message":"Something went wrong"}'
    assert requests.get(f"{bare.url}/clients", timeout=ANSWER_TIMEOUT).text == "0"
    # The log may have this traceback, which can come after the refusal.
    until(lambda: any("RuntimeError: failed" in line for line in bare.log))
    bare.log.clear()
    client.connect()
    assert client.ask("echo", 1) == 1


# ---- the end of the server


def test_the_server_says_goodbye_to_everybody(serve: Serve) -> None:
    """A WebSocket gets 1012, a waiting poll gets an answer, and the official client reconnects."""
    bare = serve()
    over, poller = Socket(bare), Poller(bare)
    client = socketio.Client(reconnection_delay=0.1, reconnection_delay_max=0.2)
    events: list[str] = []
    back = threading.Event()

    @client.on("connect")
    def connected() -> None:
        events.append("connect")
        if len(events) == 3:
            back.set()

    client.on("disconnect", lambda *_: events.append("disconnect"))
    client.connect(bare.url)
    with ThreadPoolExecutor() as pool:
        poll = pool.submit(poller.poll)
        until(lambda: client.transport() == "websocket")
        until(lambda: requests.get(f"{bare.url}/polls", timeout=5).text == "1")
        assert bare.process
        bare.process.send_signal(signal.SIGTERM)
        began = time.monotonic()
        assert poll.result() == ["1"]
        assert close_code(over.line) == 1012
        assert within(time.monotonic() - began, PROMPT)
    over.line.sendall(frame((1012).to_bytes(2), CLOSE))
    bare.process.wait(5)
    assert bare.process.returncode == 0
    bare.start()
    assert back.wait(10) and events == ["connect", "disconnect", "connect"]
    client.disconnect()
