"""No server keeps running after its test, even if the test fails."""

import signal
from collections.abc import Iterator

import pytest

from tests.final_app.rig import Server


@pytest.fixture(autouse=True)
def every_server_ends(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    if not hasattr(signal, "SIGKILL"):
        pytest.skip("needs signals, as Linux and macOS have them")
    started: list[Server] = []
    start = Server.start

    def start_and_note(server: Server) -> Server:
        started.append(server)
        return start(server)

    monkeypatch.setattr(Server, "start", start_and_note)
    yield
    for server in started:
        server.stop(signal.SIGKILL)
