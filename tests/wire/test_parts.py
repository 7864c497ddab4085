"""The parts of wire do not depend on chat."""

import ast
import logging
import re
from collections.abc import Iterator

import engineio
import flask_socketio
import pytest
import socketio
from gevent import pywsgi

from final_app.wire import libraries
from workshop import paths

WIRE = paths.ROOT / "final_app" / "wire"
FILES = sorted(WIRE.glob("*.py"))
LIBRARIES = (engineio.Server, socketio.Server, flask_socketio.SocketIO, pywsgi.WSGIHandler)
OWN = ("final_app.wire", "final_app.lib")


COINCIDENCES = {"_log"}  # names of our own that a library also has, for something else


def imports(text: str) -> Iterator[str]:
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            yield from (each.name for each in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0
            yield node.module or ""


@pytest.mark.parametrize("name", [path.name for path in FILES])
def test_wire_imports_nothing_of_the_chat(name: str) -> None:
    found = [each for each in imports((WIRE / name).read_text()) if each.startswith("final_app")]
    assert [each for each in found if not each.startswith(OWN)] == []


def test_what_is_counted_is_there() -> None:
    """A guard for the test above."""
    assert len(FILES) > 4
    assert "final_app.wire.websocket" in imports((WIRE / "handler.py").read_text())


def private_names(cls: type) -> set[str]:
    """The names with an underscore of a class and its bases, and of what its objects have."""
    names = {name for base in cls.__mro__ for name in vars(base)}
    if cls is socketio.Server:
        names |= set(vars(cls(async_mode="threading")))
    return {name for name in names if re.match("_[a-z]", name)}


def test_every_private_name_of_the_libraries_is_declared() -> None:
    text = "\n".join(path.read_text() for path in FILES if path.name != "libraries.py")
    used = set(re.findall(r"(?:\.|def )(_[a-z]\w*)", text))
    inside = set[str]().union(*map(private_names, LIBRARIES))
    declared = {name for names in libraries.PRIVATE.values() for name in names}
    own = set(re.findall(r"def (_[a-z]\w*)|self\.(_[a-z]\w*)(?::.*)? = ", text))
    assert declared == used & inside - COINCIDENCES
    assert {name for pair in own for name in pair} >= COINCIDENCES


def test_a_library_without_a_private_method_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    server = socketio.Server(async_mode="threading")
    libraries.check(server)
    monkeypatch.delattr(socketio.Server, "_send_eio_packet")
    with pytest.raises(libraries.UnknownLibrary, match=r"_send_eio_packet.*requirements-chat"):
        libraries.check(server)


def test_a_version_that_was_not_tested_is_logged(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """An update of a lock makes this fail first: run the official suites, then change TESTED."""
    server = socketio.Server(async_mode="threading")
    with caplog.at_level(logging.WARNING):
        libraries.check(server)
        assert caplog.messages == []
        monkeypatch.setitem(libraries.TESTED, "gevent", ("1.0",))
        libraries.check(server)
    (message,) = caplog.messages
    assert message.startswith("The chat was tested with gevent 1.0, but version ")
