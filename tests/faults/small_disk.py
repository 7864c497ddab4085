"""A small disk that fills up quickly: a tmpfs of a few megabytes, which is mounted for one test."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.final_app.rig import Person
from tests.needs import need, needs_mount

SENTENCE = "The server's disk is full. Nothing was saved; tell whoever runs this chat."
LONG_TEXT = "word " * 790
MOST_SENT = 500  # messages until what SQLite has set aside is used up
SIZE = 12_000_000  # bytes
PIECE = 4096  # bytes, a page of a tmpfs


@contextmanager
def small_disk(folder: Path) -> Iterator[Path]:
    """Mount an empty disk of SIZE at the folder, and unmount it at the end."""
    folder.mkdir(parents=True, exist_ok=True)
    made = subprocess.run(
        [needs_mount(), "-t", "tmpfs", "-o", f"size={SIZE}", "tmpfs", str(folder)],
        capture_output=True, text=True,
    )  # fmt: skip
    need("mount", "mounted" if not made.returncode else None, f"no disk: {made.stderr.strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def fill(disk: Path) -> Path:
    """Fill the disk completely. Return the file that fills it, which the test can delete."""
    filler = disk / "filler"
    with filler.open("ab", buffering=0) as file:
        for size in (PIECE * 64, PIECE):
            try:
                while file.write(b"\0" * size) == size:
                    pass
            except OSError:
                pass
    return filler


def until_refused(person: Person, room: int = 1) -> list[dict[str, Any]]:
    """Send messages until one is refused. SQLite first uses the space that it has reserved."""
    said = []
    for _ in range(MOST_SENT):
        answer = person.say(room, LONG_TEXT)
        if not answer["ok"]:
            assert answer["error"]["code"] == "disk_full", answer
            return said
        said.append(answer["message"])
    raise AssertionError("the disk is not full")
