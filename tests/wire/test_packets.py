"""The rules of Socket.IO's protocol 5. https://socket.io/docs/v4/socket-io-protocol/"""

import base64
import json
import signal
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.wire.raw import (
    BINARY,
    CLOSE,
    PONG,
    TEXT,
    Poller,
    Socket,
    frame,
    received,
)
from tests.wire.served import Bare

PLACEHOLDER = '{"_placeholder":true,"num":0}'
DEEP = 100_000 // 2 - 100  # levels, in the largest packet
Serve = Callable[..., Bare]

# Each comes behind Engine.IO's "4", from a client that is connected to "/".
MALFORMED = (
    # no type of a packet (they are 0 to 6, in ASCII)
    "", "7", "8", "9", "x", "-1", "+2", " ", "\x00", "\n", '"', "[]", "{}", "٢", "２", "²", "🫐",
    ' 2["echo"]', '\n2["echo"]', '٢["echo"]', '２["echo"]', 'x["echo"]', '7["echo"]', '/2["echo"]',
    # an event is an array that begins with a name
    "2", "20", "2/,", "2null", "2true", "2{}", '2"echo"', "2[]", "2[null]", "2[true]", '2[["echo"]]',
    '2[{"echo":1}]', "20[]", "2/,[]", '2{"0":"echo"}',
    # a client has no right to these names
    '2["connect"]', '2["disconnect"]', '2["connect_error"]', '2["disconnecting"]', '20["connect",{}]',
    # no JSON
    '2["echo"', '2["echo"]]', '2["echo"],', '2["echo"]x', "2['echo']", "2[echo]", '2["echo",]',
    '2["echo",1-2]', '2["echo",01]', '2["echo",.5]', '2["echo",5.]', '2["echo",0x1]', '2["echo",+1]',
    '2["echo",undefined]', '2["echo",nan]',
    '2["echo",{a:1}]', '2["echo",{"a":1,}]', '2["echo",{1:1}]', '2["echo","\t"]', '2["echo","\\x41"]',
    '2["echo","\\u12"]', '2["echo",\'x\']', '2["echo"]["echo"]', '2["echo"/*x*/]', '2["ec\nho"]',
    '2"', "2[", '2["', '2["echo",{', '2["echo",[', "2\ufeff[]", "2" + "[" * DEEP,
    # an acknowledgement's number is of ASCII digits, and not too long
    '2٠["echo"]', '2０["echo"]', '2²["echo"]', '2-1["echo"]', '2+1["echo"]', '21.5["echo"]', '2 ["echo"',
    "2" + "9" * 200 + '["echo"]', '21e3["echo"]', '21 2["echo"]', '21,["echo"]', '2,["echo"]',
    # an event in a namespace to which the client is not connected
    '2/other,["echo"]', '2/nowhere,["echo"]', '2/other,0["echo"]', '2/OTHER,["echo"]', '2//,["echo"]',
    '2/["echo"]', '3/other,1[]', '2other,["echo"]',
    # acknowledgements have a number and an array
    "3", "3[]", "31", "31{}", '31"x"', "31null", "31[", "3x[]", "3-1[]", "3²[]",
    # CONNECT has an object or nothing
    "0[]", '0"x"', "0true", "0null", '0{"a"', "0{}{}", "0x", '0["connect"]', "0/other,[]", "0/other,1[]",
    # DISCONNECT has nothing
    "1{}", "1[]", '1"x"', "1x", "1null", "1/,{}", "1true",
    # a client is connected already
    "0", "0{}", "0/,", "0/,{}",
    # only a server sends this
    '4{"message":"x"}', "4", '4"x"', '4/other,{"message":"x"}',
    # attachments, which are not allowed, with a number that is right or wrong
    f'51-["echo",{PLACEHOLDER}]', f'51-0["echo",{PLACEHOLDER}]', f'52-["echo",{PLACEHOLDER}]',
    f'5-["echo",{PLACEHOLDER}]', f'5["echo",{PLACEHOLDER}]', f'5-1-["echo",{PLACEHOLDER}]',
    f'51["echo",{PLACEHOLDER}]', f'5１-["echo",{PLACEHOLDER}]', f'599999999999-["echo",{PLACEHOLDER}]',
    f'51-/,["echo",{PLACEHOLDER}]', f"61-1[{PLACEHOLDER}]", "6", "5", "51-", "61-", "61-1[", "50-",
    # attachments of a packet that has none
    '21-["echo"]', '20-["echo"]', '30-1[]', '31-1[]', "00-", "01-{}", "10-", '40-{"message":"x"}',
)  # fmt: skip

LEGAL = (
    '21["echo",1]', '2/,1["echo",1]', ' 21["echo",1]'[1:], '21 [ "echo" , 1 ] ', '21\n["echo",\t1]\r\n',
    '2001["echo",1]', '21["echo",{"_placeholder":true,"num":0}]', '21["echo",{"_placeholder":1}]',
    '21["echo",0,2,3]', '21["echo","\\u0000\\ud83e\\uded0"]', '21["echo","\x7f\u2028"]',
    '21["echo",{"":{"":[]}}]', '21["echo",{"a":1,"a":2}]', '21["echo",-0.0,1E+2]', '21["echo"]',
    '21["\\u0065cho"]', '21["echo",123456789012345678901234567890]', '21["echo","1-"]',
    '21["echo",' + "[" * 50 + "]" * 50 + "]", '21["echo",{"__proto__":1,"constructor":2}]',
)  # fmt: skip
IGNORED = (
    '2["nobody"]', '2[""]', '2["toString",{}]', '2["__class__"]', "31[]", '399[{"a":1}]', "31[null]",
    '2["echo",1]', "1/other,", "1/nowhere,",
)  # fmt: skip


@pytest.fixture
def client(bare: Bare) -> Iterator[Socket]:
    connected = Socket(bare)
    yield connected
    connected.close()


@pytest.mark.parametrize("value", ["NaN", "Infinity", "-Infinity", "1e400", "-1e999", "1" * 101])
def test_what_browsers_do_not_read_as_a_number_closes_the_connection(
    client: Socket, value: str
) -> None:
    """Python would accept these values, and broadcasting one would disconnect all browsers."""
    client.say(f'421["echo",{value}]')
    opcode, payload = received(client.line)
    assert (opcode, payload[:2]) == (CLOSE, (1002).to_bytes(2)), payload


@pytest.mark.parametrize("levels", [98, 101, 400, 950])
def test_what_is_read_can_be_sent(bare: Bare, levels: int) -> None:
    """The library can read 950 levels, but fails without an answer when it sends 300."""
    client = Socket(bare)
    client.say('421["echo",' + "[" * levels + "]" * levels + "]")
    opcode, payload = received(client.line)
    assert (opcode == TEXT) is (levels < 100), payload
    assert opcode == TEXT or payload[:2] == (1002).to_bytes(2)


@pytest.mark.parametrize("packet", MALFORMED, ids=lambda packet: ascii(packet)[1:40])
def test_a_malformed_packet_closes_the_connection(client: Socket, packet: str) -> None:
    """The server ignores everything that comes after it."""
    client.say("4" + packet)
    client.say('421["echo","too late"]')
    opcode, payload = received(client.line)
    assert (opcode, payload[:2]) == (CLOSE, (1002).to_bytes(2)), payload
    client.line.close()


def test_the_code_of_a_malformed_packet_is_that_of_a_protocol_error(client: Socket) -> None:
    client.say("4x")
    assert client.code() == 1002


@pytest.mark.parametrize("packet", LEGAL, ids=lambda packet: ascii(packet)[1:40])
def test_an_odd_but_legal_packet_is_answered(client: Socket, packet: str) -> None:
    client.say("4" + packet)
    answer = client.until("43")[-1]
    sent = json.loads(packet[packet.index("[") :])
    number = packet[1 : packet.index("[")].removeprefix("/,").strip()
    assert answer.startswith(f"43{int(number)}[")
    assert json.loads(answer[answer.index("[") :]) == sent[1:2]


@pytest.mark.parametrize("packet", IGNORED, ids=lambda packet: ascii(packet)[1:40])
def test_a_packet_that_concerns_nobody_is_ignored(client: Socket, packet: str) -> None:
    client.say("4" + packet)
    client.say('421["echo",1]')
    assert client.text() == "431[1]"


@pytest.mark.parametrize("packet", ["4x", '42["connect"]', "4", "bAAAA", "4" + MALFORMED[-1]])
def test_a_malformed_packet_ends_a_session_of_polling(bare: Bare, packet: str) -> None:
    poller = Poller(bare)
    poller.post(packet + "\x1e" + '42["say","too late"]')
    assert poller.get().status_code == 400


@pytest.mark.parametrize("levels", [50, 200, 400, 700, 950, 1_500, 5_000, DEEP])
@pytest.mark.parametrize("pair", ["[]", '{"":}'])
def test_deep_nesting_ends_in_an_answer_or_in_the_close_frame(
    client: Socket, levels: int, pair: str
) -> None:
    """The parser for JSON has a maximum depth, which depends on the version of Python."""
    depth = levels * 2 // len(pair)
    client.say('42["nobody",' + pair[:-1] * depth + "0" + pair[-1] * depth + "]")
    client.say('421["echo",1]')
    opcode, payload = received(client.line)
    assert (opcode, payload) == (TEXT, b"431[1]") or payload[:2] == (1002).to_bytes(2), payload


@pytest.mark.parametrize("value", ["9" * 4_000, "9" * 5_000, "1E-999"])
def test_a_number_that_no_computer_holds_is_answered_or_closes_the_connection(
    client: Socket, value: str
) -> None:
    client.say(f'421["echo",{value}]')
    opcode, payload = received(client.line)
    assert opcode == TEXT or payload[:2] == (1002).to_bytes(2), payload


def test_surrogates_come_back_as_they_were(client: Socket) -> None:
    client.say('421["echo","\\ud800"]')
    assert client.text() == '431["\\ud800"]'


def test_an_unknown_namespace_is_refused_with_a_message(client: Socket) -> None:
    """An official client shows this message. The connection continues."""
    for name in ("/nowhere", "/Other", "/other/", "//"):
        client.say(f"40{name},")
        answer = client.text()
        assert answer.startswith(f"44{name},")
        assert list(json.loads(answer.removeprefix(f"44{name},"))) == ["message"]
    client.say('40/other,{"token":1}')
    assert client.text().startswith('40/other,{"sid":"')
    assert client.ask("echo", 1) == 1


def test_a_namespace_is_left_without_the_others(client: Socket) -> None:
    client.say("40/other,")
    assert client.text().startswith("40/other,{")
    client.say("41/other,")
    assert client.ask("echo", 1) == 1
    client.say('42/other,["echo"]')
    assert client.code() == 1002


def test_a_stranger_can_send_only_connect(bare: Bare) -> None:
    for packet in ('42["echo"]', "430[]", '451-["echo"]', "41x", '44{"message":""}'):
        stranger = Socket(bare, stranger=True)
        stranger.say(packet)
        assert stranger.code() == 1002, packet
        stranger.close()


def test_all_of_them_are_one_line_of_the_log(serve: Serve) -> None:
    """The line shows the packet, but no control character that a terminal would obey."""
    bare = serve()
    client = Socket(bare)
    client.say('4\x1b[31m"\nERROR I am a line of my own')
    assert client.code() == 1002
    for packet in MALFORMED[:40]:
        client = Socket(bare)
        client.say("4" + packet)
        client.code()
        client.close()
    (line,) = bare.complaints
    assert "127.0.0.1" in line and r"\x1b[31m" in line
    assert not any("\x1b" in each for each in bare.log)
    assert not any(each.startswith("ERROR I am") for each in bare.log)


# ---- what the server sends


def test_no_event_comes_before_connect(bare: Bare) -> None:
    """Neither the handler's own events, nor those that others send until it has finished.

    All are in order.
    """
    other = Socket(bare)
    client = Socket(bare, stranger=True)
    client.say('40{"emit":0.3}')
    other.ask("echo", "is connecting")
    for number in range(3):
        other.say(f'42["say",{number}]')
    packets = client.until('42["joined"')
    assert packets[0].startswith("40{")
    said = [f'42["said",{number}]' for number in range(3)]
    assert packets[1:] == ['42["welcome",1]', *said, '42["joined",2]']
    assert other.until('42["joined"')[-1] == '42["joined",2]'
    for each in (client, other):
        each.close()


def test_no_event_comes_before_connect_by_polling(bare: Bare) -> None:
    client = Poller(bare, stranger=True)
    with ThreadPoolExecutor() as pool:
        done = pool.submit(client.post, '40{"emit":0.3}')
        packets = client.until('42["joined"')
        done.result()
    assert packets[0].startswith("40{")
    assert packets[1:] == ['42["welcome",1]', '42["joined",2]']


def test_no_event_comes_to_somebody_who_is_refused(bare: Bare) -> None:
    client = Socket(bare, stranger=True)
    client.say('40{"emit":0,"refuse":"not you"}')
    assert client.text() == '44{"message":"not you"}'
    client.say("40")
    assert client.text().startswith("40{")
    client.close()


def test_bytes_come_to_a_websocket_and_to_polling_alike(bare: Bare) -> None:
    """Each gets them in its own form, although both get the same packet."""
    over, poller, late = Socket(bare), Poller(bare), Poller(bare)
    head = f'452-["bytes",{{"a":{PLACEHOLDER},"b":[{PLACEHOLDER.replace("0", "1")},3]}}]'
    for _ in range(2):
        over.say('42["bytes"]')
        assert over.text() == head
        assert received(over.line) == (BINARY, b"\x00\xff")
        assert received(over.line) == (BINARY, b"two")
    encoded = [f"b{base64.b64encode(each).decode()}" for each in (b"\x00\xff", b"two")]
    for each in (poller, late):
        packets: list[str] = []
        while len(packets) < 6:
            packets += each.poll()
        assert packets == [head, *encoded] * 2
    over.close()


# ---- attachments


@pytest.fixture(scope="module")
def binary() -> Iterator[Bare]:
    """The application with up to two attachments for each event."""
    server = Bare("attachments=2").start()
    yield server
    server.stop(signal.SIGKILL)
    assert not server.tracebacks, "\n".join(server.log)


def test_attachments_are_off_by_default(bare: Bare) -> None:
    for sent in (frame(f'451-["echo",{PLACEHOLDER}]'.encode()), frame(b"x", BINARY)):
        client = Socket(bare)
        client.line.sendall(sent)
        assert client.code() == 1002
        client.close()


@pytest.mark.parametrize("transport", ["websocket", "polling"])
def test_attachments_come_back(binary: Bare, transport: str) -> None:
    second = PLACEHOLDER.replace("0", "1")
    text = f'452-7["echo",{{"a":[{PLACEHOLDER},{second}]}}]'
    back = f'462-7[{{"a":[{PLACEHOLDER},{second}]}}]'
    if transport == "polling":
        poller = Poller(binary)
        assert poller.post("\x1e".join([text, "bAP8=", "b"])).text == "ok"
        assert [*poller.poll(), "", ""][:3] == [back, "bAP8=", "b"]
        return
    client = Socket(binary)
    for each in (frame(text.encode()), frame(b"\x00\xff", BINARY), frame(b"", BINARY)):
        client.line.sendall(each)
    assert client.text() == back
    assert received(client.line) == (BINARY, b"\x00\xff")
    assert received(client.line) == (BINARY, b"")
    client.close()


BOTH = (frame(b"x", BINARY), frame(b"y", BINARY))
ONE = f'451-["echo",{PLACEHOLDER}]'


@pytest.mark.parametrize(
    "sent",
    [
        [frame(b'453-["echo"]')],
        [frame(b"x", BINARY)],
        [frame(ONE.encode()), *BOTH],
        [frame(ONE.encode()), frame(b'42["echo"]')],
        [frame(ONE.encode()), frame(ONE.encode())],
        [frame(f'452-["echo",{PLACEHOLDER}]'.encode()), BOTH[0], frame(b"40")],
        *([frame(ONE.replace("0}", f"{number}}}").encode()), BOTH[0]]
          for number in ("1", "99", '"0"', "null", "[]", "0.5")),
        [frame(f"451-[{PLACEHOLDER}]".encode()), BOTH[0]],
        [frame(f'451-{{"a":{PLACEHOLDER}}}'.encode()), BOTH[0]],
        [frame(b"451-"), BOTH[0]],
        [frame(f"461-[{PLACEHOLDER}]".encode()), BOTH[0]],
        [frame(f'451-["connect",{PLACEHOLDER}]'.encode()), BOTH[0]],
        [frame(f'451-/other,["echo",{PLACEHOLDER}]'.encode()), BOTH[0]],
    ],
)  # fmt: skip
def test_wrong_attachments_close_the_connection(binary: Bare, sent: list[bytes]) -> None:
    client = Socket(binary)
    client.line.sendall(b"".join(sent) + frame(b"", 9))
    opcode, payload = received(client.line)
    while opcode != CLOSE:
        assert opcode != TEXT or payload.startswith(b"46"), payload
        opcode, payload = received(client.line)
        assert (opcode, payload) != (TEXT, b""), payload
    assert payload[:2] == (1002).to_bytes(2)
    client.close()


# ---- at random

characters = st.characters(codec="utf-8")
texts = st.text(characters, max_size=20)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
)
namespaces = st.sampled_from(["", "/,", "/other,", "/nowhere,", "/?a,", "/"]) | texts
numbers = st.sampled_from(["", "0", "1-", "0-", "-", "99999999999999999999"]) | st.integers().map(
    str
)
payloads = (
    st.lists(values, max_size=3).map(json.dumps)
    | values.map(json.dumps)
    | st.builds(lambda rest: json.dumps(["echo", *rest]), st.lists(values, max_size=2))
    | texts
)
packets = st.builds(
    "{}{}{}{}{}".format,
    st.sampled_from("01234567") | texts, numbers, namespaces, numbers, payloads,
)  # fmt: skip
legal = st.sampled_from([*LEGAL, *IGNORED, "0", "1", "0/other,", "1/other,"])


@st.composite
def mutated(draw: st.DrawFn) -> str:
    """Return a valid packet in which some characters are removed, added, changed or duplicated."""
    packet = list(draw(legal))
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.integers(0, len(packet)))
        packet[at : at + draw(st.integers(0, 3))] = draw(st.text(characters, max_size=2))
    return "".join(packet)


SURVIVES = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], database=None)
ENGINE = st.sampled_from(["4", "4", "4", "4", "", "2", "b", "5"])

SOME = st.lists(st.builds(str.__add__, ENGINE, packets | mutated() | legal), min_size=1, max_size=4)


def survives(bare: Bare, some: list[str], *, connect: bool) -> None:
    """Send packets. The server answers a ping after them, or has closed the connection with a code."""
    client = Socket(bare, stranger=not connect)
    for each in some:
        client.say(each)
    client.line.sendall(frame(b"alive", 9))
    opcode, payload = received(client.line)
    while opcode not in (CLOSE, PONG):
        opcode, payload = received(client.line)
    assert opcode == PONG or int.from_bytes(payload[:2]) in (1000, 1002, 1009), payload
    client.close()
    assert not bare.tracebacks


@given(some=SOME, connect=st.booleans())
@settings(SURVIVES, max_examples=300)
def test_the_server_survives_random_packets(bare: Bare, some: list[str], connect: bool) -> None:
    survives(bare, some, connect=connect)


@pytest.mark.long
@given(some=SOME, connect=st.booleans())
@settings(SURVIVES, max_examples=10_000)
def test_the_server_survives_many_random_packets(
    bare: Bare, some: list[str], connect: bool
) -> None:
    survives(bare, some, connect=connect)


@given(data=st.binary(max_size=300))
@settings(SURVIVES, max_examples=100)
def test_the_server_survives_random_bytes(bare: Bare, data: bytes) -> None:
    client = Socket(bare)
    client.line.sendall(data)
    client.close()
    assert not bare.tracebacks
