"""The bare application: one process for all tests of a module, and others for single tests."""

import signal
from collections.abc import Callable, Iterator

import pytest

from tests.wire.served import Bare


@pytest.fixture(scope="module")
def bare() -> Iterator[Bare]:
    """The application with the default limits. No test leaves a traceback in its log."""
    server = Bare().start()
    yield server
    server.stop(signal.SIGKILL)
    assert not server.tracebacks, "\n".join(server.log)


@pytest.fixture
def serve() -> Iterator[Callable[..., Bare]]:
    """Return a function that starts the application with other limits."""
    started: list[Bare] = []

    def start(*options: str) -> Bare:
        started.append(Bare(*options).start())
        return started[-1]

    yield start
    for server in started:
        server.stop(signal.SIGKILL)
    for server in started:
        assert not server.tracebacks, "\n".join(server.log)
