"""For each limit and each rule of wire, a test fails on a copy without it.

The test runs in a separate process, with bare.py on the copy. See tests/faults/mutants.py.
"""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.faults.mutants import mutant
from tests.wire.served import CODE
from workshop import paths

NEVER = "if False:"
ALWAYS = "if True:"
# File of wire, text that is there, text instead; file of tests, beginning of the test's name.
MUTANTS = {
    # ---- websocket.py
    "any number of bytes wait": (
        "websocket", "if len(self._unsent) > MOST_UNSENT:", NEVER,
        "websocket", "somebody_who_never_reads"),
    "no deadline for what waits": (
        "websocket", "with gevent.Timeout(STALLED):", ALWAYS,
        "websocket", "somebody_who_takes_nothing"),
    "no deadline for a goodbye": (
        "websocket", "spawn_later(GOODBYE,", "spawn_later(GOODBYE * 100,",
        "websocket", "a_client_that_does_not_answer_the_goodbye"),
    "a stranger sends what it likes": (
        "websocket", "if self.budget < 0:", NEVER,
        "engine", "a_websocket_of_a_stranger"),
    "no turns": (
        "turns", "if self._count > BURST:", NEVER,
        "websocket", "a_client_that_never_pauses"),
    "large messages count as small ones": (
        "websocket", "self._turn.take(len(message or \"\"))", "self._turn.take()",
        "websocket", "many_who_send_large_events"),
    "text after bad text": (
        "websocket", "for _ in self._frames:", "for _ in ():",
        "websocket", "nothing_behind"),
    "floods are read fast": (
        "websocket", "            gevent.sleep(PAUSE)", "            pass",
        "websocket", "a_flood_is_not_read"),
    "any number of bytes in one turn": (
        "websocket", "if self._queued > PIECE:", NEVER,
        "fanout", "one_handler"),
    "what was sent is thrown away at the end": (
        "websocket",
        "        self.flush()\n        while self.receive()", "        while self.receive()",
        "fanout", "who_hangs_up"),
    "one write for each frame": (
        "websocket", "if self._queued > PIECE:", ALWAYS,
        "fanout", "what_is_sent_in_one_turn"),
    # ---- writer.py and fanout.py
    "the rest is forgotten": (
        "writer",
        "        if self._waiting:\n            self._write_after",
        "        if False:\n            self._write_after",
        "fanout", "a_large_room"),
    "an error with one client stops all writing": (
        "writer", "except Exception:", "except OSError:",
        "fanout", "an_error_with_one_client"),
    "an error with one client stops the clock": (
        "engine", "except Exception:", "except OSError:",
        "fanout", "an_error_with_one_client"),
    "broadcasts overtake CONNECT": (
        "fanout", " or eio_sid in held:", ":",
        "packets", "no_event_comes_before"),
    "everybody else is everybody": (
        "fanout", " if sid not in skipped]", "]",
        "fanout", "everybody_else"),
    "attachments are forgotten": (
        "fanout", "if callback or has_attachments:", "if callback:",
        "fanout", "polling_and_websockets"),
    "callbacks are forgotten": (
        "fanout", "if callback or has_attachments:", "if has_attachments:",
        "fanout", "a_question"),
    "other threads send at once": (
        "fanout", "if hub is not None and gevent.get_hub() is not hub:", NEVER,
        "fanout", "an_event_from_a_foreign_thread"),
    "no resets": (
        "websocket", "self._sock.setsockopt(SOL_SOCKET, SO_LINGER, RESET)", "pass",
        "websocket", "somebody_who_never_reads"),
    "no order": (
        "websocket", "if data and not self._unsent:", "if data:",
        "websocket", "everything_keeps_its_order"),
    "short writes": (
        "websocket", "data = data[self._sock.send(data, timeout=0.0) :]",
        'data = self._sock.send(data, timeout=0.0) and b""',
        "websocket", "everything_keeps_its_order"),
    "no fragments": (
        "websocket", "self._fragments += data", "self._fragments = bytearray(data)",
        "websocket", "frames_within"),
    # ---- handler.py
    "frames of any size": (
        "handler", "max_size=largest", "max_size=None",
        "websocket", "a_frame_that_breaks"),
    "HTTP/1.0": (
        "handler", 'and self.request_version == "HTTP/1.1"', "",
        "websocket", "a_wrong_handshake"),
    "what is buffered is lost": (
        "handler", "received = self._buffered()", 'received = b""',
        "websocket", "what_comes_right_behind"),
    "no deadline without a request": (
        "handler", "with gevent.Timeout(IDLE, False):", ALWAYS,
        "http", "a_connection_without"),
    "no deadline for a head": (
        "handler",
        'with gevent.Timeout(HEADERS, ValueError("The headers took too long")):', ALWAYS,
        "http", "a_request_whose_head"),
    "no deadline for a body": (
        "body", "monotonic() + BODY", "monotonic() + 1000",
        "http", "a_body_that_never_ends"),
    "no more time for more": (
        "body", "self.deadline += len(piece) / SLOWEST", "pass",
        "http", "a_body_that_goes_on_arriving"),
    "no deadline for an answer": (
        "handler", "self.socket.settimeout(ANSWER)", "pass",
        "http", "a_client_that_takes_no_answer"),
    "deadlines for WebSockets": (
        "handler", "self.socket.settimeout(None)", "self.socket.settimeout(ANSWER)",
        "http", "a_websocket_outlives"),
    "a large rest is read": (
        "body", "rest > LARGEST_REST", "False",
        "http", "a_large_rest"),
    "who still sends loses the answer": (
        "handler", "            self._linger()\n", "",
        "http", "who_still_sends"),
    "a client sends for ever": (
        "handler", "gevent.Timeout(LINGER, False)", "gevent.Timeout(1000, False)",
        "http", "a_large_rest"),
    "chunks are read": (
        "body", "self.chunked_input or rest", "rest",
        "http", "a_large_rest"),
    "chunks without pauses": (
        "body", "if self._reads % READS == 0:", NEVER,
        "http", "what_surrounds_the_chunks"),
    "no word of the end": (
        "handler", '(b"Connection", b"close")', '(b"X-Connection", b"close")',
        "http", "connection_close"),
    "no word of the end behind a large body": (
        "handler",
        "super().finalize_headers()\n        self.close_connection |= self.wsgi_input.rest_is_large()",
        "super().finalize_headers()", "http", "a_large_rest"),
    "broken bodies": (
        "body", "except OSError:\n            raise RequestTimeout",
        "except ZeroDivisionError:\n            raise RequestTimeout", "http", "a_body_that_breaks_off"),
    "late bodies": (
        "body", "with suppress(RequestTimeout):", ALWAYS,
        "http", "a_body_that_nobody_reads"),
    "queries in the log": (
        "handler", 'request_line(self.requestline or "")', "self.requestline",
        "http", "a_request_is_logged"),
    # ---- connection.py
    "strangers stay": (
        "connection", "elif self._is_late(now):", "elif False:",
        "engine", "a_websocket_that_is_no_client"),
    "strangers of polling stay": (
        "connection", "elif self._is_late(now):", "elif False:",
        "engine", "a_session_of_polling_that_is_no_client"),
    "a stranger posts what it likes": (
        "connection", "if not self.accepted and self._budget < 0:", NEVER,
        "engine", "a_stranger_can_bring_little_by_polling"),
    "a budget for life": (
        "connection", "        self._budget = BEFORE_CONNECT\n        if", "        if",
        "engine", "a_client_that_connects_again"),
    "any number of packets": (
        "connection", "if len(packets) > MOST_PACKETS:", NEVER,
        "engine", "a_malformed_body"),
    "any number of bytes wait for a poll": (
        "connection", "if self._waiting_size > MOST_UNSENT:", NEVER,
        "engine", "too_much_for_somebody"),
    "characters count as bytes": (
        "connection", "len(text.encode())", "len(text)",
        "engine", "what_waits_for_a_poll_is_counted"),
    "two polls": (
        "connection", "if self._poll is not None:\n            self.close",
        "if False:\n            self.close", "engine", "two_polls"),
    "no ping timeout": (
        "connection", "if silence >= server.ping_interval + server.ping_timeout:", NEVER,
        "engine", "a_client_that_answers_no_ping"),
    "no pings": (
        "connection", "elif silence >= server.ping_interval and", "elif False and",
        "engine", "a_client_that_answers_pings"),
    "no deadline for an upgrade": (
        "connection", "with gevent.Timeout(UPGRADE_PATIENCE, False):", ALWAYS,
        "engine", "a_session_goes_on"),
    "polls go on while upgrading": (
        "connection", "if self.upgrading:\n            return NOOP",
        "if False:\n            return NOOP", "engine", "a_session_moves"),
    "events wait for a poll that never comes": (
        "connection", "for text in self._waiting:", "for text in ():",
        "engine", "a_session_moves"),
    "nearly base64": (
        "connection", "validate=True", "validate=False", "engine", "a_malformed_body"),
    "an é in base64": (
        "connection", "except ValueError:", "except base64.binascii.Error:",
        "engine", "a_malformed_body"),
    # ---- engine.py
    "a herd keeps everybody waiting": (
        "engine", "            gevent.sleep(0)\n", "            pass\n",
        "engine", "who_asks_after_a_herd"),
    "a sid is enough": (
        "engine", "if connection.credential != self.credential(environ):", NEVER,
        "engine", "a_sid_is_worth_nothing"),
    "strangers of one address": (
        "engine", " or self._strangers[address] >= self._most_strangers", "",
        "engine", "an_address_can_have"),
    "connections in all": (
        "engine", "len(self.sockets) >= self._most or ", "",
        "engine", "the_server_can_have"),
    "strangers for ever": (
        "engine", "1 if connection.accepted else -1", "0",
        "engine", "an_address_can_have"),
    "bodies of any size": (
        "requests", "if int(length) > most:", NEVER,
        "engine", "a_malformed_body"),
    "bodies of any size are awaited": (
        "requests", "if int(length) > most:", NEVER,
        "engine", "a_body_that_is_announced"),
    "foreign pages": (
        "engine", "if self._is_foreign(environ):", NEVER,
        "engine", "a_foreign_page_gets"),
    "foreign pages that name themselves": (
        "engine", 'if "FORWARDED" not in name', "if True",
        "engine", "a_foreign_page_cannot"),
    "two WebSockets": (
        "engine", "elif connection.upgraded:", "elif False:",
        "engine", "a_second_websocket"),
    "no reason at the end": (
        "engine", "code=CloseCode.SERVICE_RESTART", "code=CloseCode.NORMAL_CLOSURE",
        "engine", "the_server_says_goodbye"),
    "a line for each": (
        "engine", 'self._log.error(f"Closed', '_logger.error(f"Closed',
        "packets", "all_of_them_are_one_line"),
    "any version": (
        "engine", 'and query.get("EIO") != "4"', "and False",
        "engine", "a_wrong_request"),
    # ---- server.py
    "a client stays although its handler failed": (
        "server",
        "self.manager.disconnect(self.manager.sid_from_eio_sid(eio_sid, namespace), namespace)",
        "pass", "engine", "nothing_is_left_of_a_client"),
    "digits of all scripts": (
        "server", "if not HEAD.match(data):", NEVER,
        "packets", "a_malformed_packet_closes"),
    "broadcasts before CONNECT": (
        "server", "if eio_sid in self.held:\n            self.held[eio_sid].append(eio_pkt)",
        "if False:\n            pass", "packets", "no_event_comes_before_connect"),
    "attachments": (
        "server", "if not least <= packet.attachment_count <= most:", NEVER,
        "packets", "attachments_are_off"),
    "many attachments": (
        "server", "if not least <= packet.attachment_count <= most:", NEVER,
        "packets", "wrong_attachments"),
    "own events": (
        "server", "is_right = is_right and data[0] not in OWN_EVENTS", "pass",
        "packets", "a_malformed_packet_closes"),
    "events before CONNECT": (
        "server", "if client is None and kind in (kinds.EVENT, kinds.ACK):", NEVER,
        "packets", "a_namespace_is_left"),
    "CONNECT twice": (
        "server", "if kind == kinds.CONNECT and (client is not None or eio_sid in self.held):", NEVER,
        "packets", "a_malformed_packet_closes"),
    "every namespace": (
        "server",
        "if not (known or namespace in self.handlers or namespace in self.namespace_handlers):", NEVER,
        "packets", "an_unknown_namespace"),
    "a client for ever": (
        "server",
        "super()._handle_disconnect(eio_sid, namespace, reason)\n        self._note_clients(eio_sid)",
        "super()._handle_disconnect(eio_sid, namespace, reason)",
        "engine", "a_client_that_leaves"),
    "numbers of CONNECT": (
        "server", "is_right = data is None or isinstance(data, dict)", "is_right = True",
        "packets", "a_malformed_packet_closes"),
}  # fmt: skip


def test_each_mutant_changes_one_place() -> None:
    """The tests below take long, so without this one, nobody would notice a text that has changed."""
    files = (paths.ROOT / "final_app" / "wire").glob("*.py")
    sources = {file.stem: file.read_text(encoding="utf-8") for file in files}
    found = {name: sources[file].count(there) for name, (file, there, *_) in MUTANTS.items()}
    assert {name: times for name, times in found.items() if times != 1} == {}


@pytest.mark.long
@pytest.mark.parametrize("name", MUTANTS)
def test_a_test_is_red_without(tmp_path: Path, name: str) -> None:
    file, there, instead, tests, start = MUTANTS[name]
    code = mutant(tmp_path, (f"wire/{file}.py", there, instead))
    run = subprocess.run(
        [sys.executable, "-m", "pytest", "-n0", "-q", "-x", "--tb=line", "-m", "",
         "-p", "no:cacheprovider",
         f"tests/wire/test_{tests}.py", "-k", f"test_{start}"],
        cwd=paths.ROOT, env=os.environ | {CODE: str(code)}, capture_output=True, text=True,
        timeout=120,
    )  # fmt: skip
    # The server has started, and the test or its fixture, which looks for tracebacks, has failed.
    assert run.returncode == 1 and re.search(r"\d (failed|passed)", run.stdout), run.stdout[-2000:]
