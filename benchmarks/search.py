"""Time a search in 10,000, 100,000 and 1,000,000 messages, with the application's own tables.

    .venv/bin/python -m benchmarks.search
    .venv/bin/python -m benchmarks.search --postgresql      # without a picture

The frequencies of the words follow Zipf's law, as in a natural language. Ada can read all ten rooms, and
Bo one of them. Each round searches all databases, so that other programs affect all of them equally. The
command prints a table and draws benchmarks/results/search.svg.
"""

import argparse
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from flask import Flask
from sqlalchemy import insert

from benchmarks import databases
from benchmarks.bars import picture, spread
from final_app import create_app
from final_app.accounts import accounts
from final_app.chat import rooms, search
from final_app.lib import clock
from final_app.storage import database
from final_app.storage.models import Message, db

SIZES = 10_000, 100_000, 1_000_000  # messages
ROUNDS, WARM_UP = 60, 5
SEED = 20261122
WORDS, LENGTH = 20_000, 12  # in the language; in a message
ROOMS = 10
BATCH = 20_000  # messages
PICTURE = Path(__file__).parent / "results" / "search.svg"
QUESTIONS = {
    "a rare word": (1, "rare"),
    "a word in every tenth message": (1, "often"),
    "two words": (1, "often rare"),
    "the first letter of every word": (1, "w"),
    "the first three letters of a word": (1, "w12"),
    "the first four letters of a word": (1, "w123"),
    "a word that is not there": (1, "nowhere"),
    "a common word, one room of ten": (2, "often"),
    "a word of other rooms only": (2, "elsewhere"),
}


def filled(folder: Path, count: int, url: str = "") -> Flask:
    """Return an application with ten rooms that together contain this many messages."""
    app = create_app(databases.settings(folder, url))
    chance = random.Random(SEED)
    words = [f"w{number}" for number in range(WORDS)]
    weights = [1 / (place + 1) for place in range(WORDS)]
    with app.app_context():
        database.upgrade()
        ada = accounts.bootstrap("ada", "correct horse battery")
        accounts.create("bo", "correct horse battery")
        for number in range(ROOMS - 1):
            rooms.create(ada, f"Room {number}", "closed")
        now = clock.now()
        for start in range(0, count, BATCH):
            some = chance.choices(words, weights, k=BATCH * LENGTH)
            db.session.execute(
                insert(Message),
                [
                    _message(number, some[LENGTH * place : LENGTH * (place + 1)], chance, now)
                    for place, number in enumerate(range(start, min(start + BATCH, count)))
                ],
            )
        db.session.execute(db.text("ANALYZE"))
        db.session.commit()
    return app


def _message(number: int, words: list[str], chance: random.Random, now: Any) -> dict[str, Any]:
    room = number % ROOMS + 1  # the first is "general", where Bo is, too
    if chance.random() < 0.1:
        words.append("often")
        if room != 1:
            words.append("elsewhere")
    if number % 9_973 == 0:
        words.append("rare")
    return {
        "room_id": room, "seq": number // ROOMS + 1, "rev": number // ROOMS + 1, "author_id": 1,
        "client_id": f"{number:036d}", "text": " ".join(words), "html": "", "created_at": now,
    }  # fmt: skip


def measure(apps: dict[int, Flask]) -> dict[str, dict[int, list[float]]]:
    """Return the milliseconds of every search for every size."""
    times: dict[str, dict[int, list[float]]] = {}
    for number in range(ROUNDS + WARM_UP):
        for name, (user_id, query) in QUESTIONS.items():
            for count, app in apps.items():
                took = _timed(app, lambda who=user_id, what=query: _ask(who, what))
                if number >= WARM_UP:
                    times.setdefault(name, {size: [] for size in apps})[count].append(took)
    return times


def _ask(user_id: int, query: str) -> Any:
    return search.find(user_id, query, room_id=None, before=None)


def _timed(app: Flask, work: Callable[[], Any]) -> float:
    with app.app_context():
        began = time.perf_counter()
        work()
        return (time.perf_counter() - began) * 1000


def table(times: dict[str, dict[int, list[float]]]) -> str:
    head = " | ".join(f"{size:,}" for size in SIZES)
    lines = [
        f"| ms: median (quartiles) | {head} | last : first |",
        "| --- | --- | --- | --- | --- |",
    ]
    for name, by_size in times.items():
        cells = ["{:.2f} ({:.2f}–{:.2f})".format(*spread(by_size[size])) for size in SIZES]
        first, last = (statistics.median(by_size[size]) for size in (SIZES[0], SIZES[-1]))
        lines.append(f"| {name} | {' | '.join(cells)} | {last / first:.1f} |")
    return "\n".join(lines)


def main() -> int:
    parser = argparse.ArgumentParser(description="Time a search.")
    parser.add_argument("--postgresql", action="store_true")
    options = parser.parse_args()
    with (
        tempfile.TemporaryDirectory(prefix="chat-search-") as folder,
        databases.new_urls(postgresql=options.postgresql) as url,
    ):
        apps = {}
        for size in SIZES:
            began = time.monotonic()
            apps[size] = filled(Path(folder) / str(size), size, url())
            took = time.monotonic() - began
            file = Path(folder) / str(size) / "chat.db"
            data = f", {file.stat().st_size / 1e6:.0f} MB" if file.exists() else ""
            print(f"{size:,} messages: {took:.0f} s{data}", file=sys.stderr)
        times = measure(apps)
        for app in apps.values():
            with app.app_context():
                db.session.remove()
                db.engine.dispose()
    print(table(times))
    if not options.postgresql:
        PICTURE.write_text(picture(times, "Search, ms"), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
