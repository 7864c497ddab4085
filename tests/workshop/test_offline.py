"""A kit sets up a fresh copy of the workshop on a machine without a network, a cache or a home folder.

The kit is made with a network. Everything else runs in a network namespace whose only interface is
the loopback interface.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.needs import needs_namespace
from workshop import paths
from workshop.teaching import kit

# Runs its arguments after it has turned the loopback interface on and seen that nothing else is there.
WITHOUT_NETWORK = """
import errno, fcntl, socket, struct, subprocess, sys
SIOCSIFFLAGS, UP_AND_RUNNING = 0x8914, 0x1 | 0x40
probe = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
fcntl.ioctl(probe, SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", UP_AND_RUNNING))
assert [name for _, name in socket.if_nameindex()] == ["lo"], socket.if_nameindex()
assert probe.connect_ex(("192.0.2.1", 9)) == errno.ENETUNREACH
sys.exit(subprocess.call(sys.argv[1:]))
"""
# Serves step 05, reads its pages, and stops.
RUN_05 = """
import subprocess, sys, urllib.request
command = [sys.executable, "start.py", "run", "05", "--port", "5555"]
with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as run:
    next(line for line in run.stdout if "Running on" in line)
    for path in "", "socketio_browser/socket.io.min.js":
        with urllib.request.urlopen("http://127.0.0.1:5555/" + path, timeout=10) as page:
            print(page.status, page.read()[:2000])
    run.terminate()
"""
LATEST = 600  # seconds; a busy machine sets up in forty


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A kit for this machine, in a folder whose name has a space and a Cyrillic letter."""
    needs_namespace()
    folder = tmp_path_factory.mktemp("offline") / "my kit, ж"
    kit.make(folder, [kit.find(kit.this_machine())])
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A fresh download of the workshop, next to an empty home folder."""
    folder = tmp_path_factory.mktemp("fresh") / "chat"
    ignored = shutil.ignore_patterns(
        ".venv", "mine", "build", ".git", "instance", "__pycache__", ".*_cache"
    )
    shutil.copytree(paths.ROOT, folder, ignore=ignored)
    (folder.parent / "home").mkdir()
    return folder


def offline(copy: Path, *command: str | Path) -> str:
    """Run a command in the copy without a network, and return what it printed."""
    python = getattr(sys, "_base_executable", sys.executable)
    home = str(copy.parent / "home")
    done = subprocess.run(
        [*needs_namespace(), python, "-c", WITHOUT_NETWORK, *command],
        cwd=copy,
        env={"HOME": home, "PATH": os.defpath, "TMPDIR": home},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        timeout=LATEST,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


@pytest.mark.long
def test_a_kit_sets_up_a_fresh_copy_without_a_network(made: Path, copy: Path) -> None:
    python = getattr(sys, "_base_executable", sys.executable)
    with pytest.raises(AssertionError, match="internet connection"):  # the twin: without the kit
        offline(copy, python, "start.py", "--setup-only")
    told = offline(copy, python, "start.py", "--offline", made, "doctor")
    assert "Everything is fine." in told and "Continuing" not in told
    assert not (copy / "build" / "npm" / "node_modules" / "ws").exists(), "npm was not used"

    shutil.rmtree(copy / ".venv")
    told = offline(copy, python, "start.py", "--setup-only")
    assert "Install the pinned packages: done" in told, "later commands remember the kit"
    assert offline(copy, python, "start.py", "ps") == "No server of the workshop is running.\n"

    pages = offline(copy, python, "-c", RUN_05)
    assert "Welcome to the Chat Application!" in pages and "Socket.IO v4" in pages
    environment = copy / ".venv" / "bin"
    offline(copy, environment / "jupyter", "execute", "notebooks/05_broadcast.ipynb")

    second = copy / "mine" / "second"
    offline(copy, environment / "python", "-m", "venv", second)
    wheels = ["--no-index", "--find-links", ".venv/wheels"]  # as notebook 01 says
    offline(copy, second / "bin" / "python", "-m", "pip", "install", *wheels, "flask")
