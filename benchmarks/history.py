"""Time a page of history and a `sync` in a room of 10,000 and in one of 1,000,000 messages.

    .venv/bin/python -m benchmarks.history
    .venv/bin/python -m benchmarks.history --postgresql      # without a picture

Both databases have the application's own tables. Each round reads both of them, so that other programs
affect both equally. The command prints a table and draws benchmarks/results/history.svg.
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

from benchmarks import databases
from benchmarks.bars import picture, spread
from final_app import create_app
from final_app.accounts import accounts
from final_app.chat import history
from final_app.lib import clock
from final_app.storage import database
from final_app.storage.models import db

SIZES = 10_000, 1_000_000  # messages in the room
ROUNDS = 400
WARM_UP = 20  # rounds that do not count
SEED = 20261122
RATIO = 2.0  # at most
PICTURE = Path(__file__).parent / "results" / "history.svg"
FILL = {
    "sqlite": """
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < :count)
INSERT INTO messages (room_id, seq, rev, author_id, client_id, text, html, created_at)
SELECT 1, i, i, 1, printf('%08x-0000-4000-8000-%012x', i, i),
       'Message ' || i || ' of a long conversation, neither short nor long.',
       '<p>Message ' || i || ' of a long conversation, neither short nor long.</p>', :now
FROM n
""",
    "postgresql": """
INSERT INTO messages (room_id, seq, rev, author_id, client_id, text, html, created_at)
SELECT 1, i, i, 1, lpad(to_hex(i), 8, '0') || '-0000-4000-8000-' || lpad(to_hex(i), 12, '0'),
       'Message ' || i || ' of a long conversation, neither short nor long.',
       '<p>Message ' || i || ' of a long conversation, neither short nor long.</p>', :now
FROM generate_series(1, :count) AS n (i)
""",
}


def filled(folder: Path, count: int, url: str = "") -> Flask:
    """Return an application whose room 1 contains this many messages, in the database at `url`."""
    app = create_app(databases.settings(folder, url))
    with app.app_context():
        database.upgrade()
        accounts.bootstrap("ada", "correct horse battery")
        fill = FILL[db.engine.dialect.name]
        db.session.execute(db.text(fill), {"count": count, "now": clock.now()})
        db.session.execute(db.text("UPDATE rooms SET last_seq=:n, last_rev=:n"), {"n": count})
        db.session.execute(db.text("ANALYZE"))
        db.session.commit()
    return app


def questions(count: int, chance: random.Random) -> dict[str, Callable[[], Any]]:
    """Return the calls that one round makes, for a room with this many messages."""
    seq = chance.randrange(200, count - 200)
    return {
        "newest page (50)": lambda: history.page(1, 1),
        "page before a place (50)": lambda: history.page(1, 1, before=seq),
        "page around a place (50)": lambda: history.page(1, 1, around=seq),
        "sync, nothing new": lambda: history.missed(1, {1: count}),
        "sync, 50 changes": lambda: history.missed(1, {1: count - 50}),
        "sync, too many: reset": lambda: history.missed(1, {1: seq}),
    }


def measure(apps: dict[int, Flask], rounds: int) -> dict[str, dict[int, list[float]]]:
    """Return the milliseconds of every call for every size."""
    chance = random.Random(SEED)
    times: dict[str, dict[int, list[float]]] = {}
    for number in range(rounds + WARM_UP):
        order = list(apps)
        chance.shuffle(order)
        for count in order:
            for name, ask in questions(count, chance).items():
                with apps[count].app_context():
                    began = time.perf_counter()
                    ask()
                    took = (time.perf_counter() - began) * 1000
                if number >= WARM_UP:
                    times.setdefault(name, {size: [] for size in apps})[count].append(took)
    return times


def table(times: dict[str, dict[int, list[float]]], rounds: int) -> tuple[str, float]:
    """Return the table, and the worst ratio of medians."""
    small, large = SIZES
    lines = [
        f"| ms: median (quartiles), {rounds} rounds | {small:,} | {large:,} | ratio |",
        "| --- | --- | --- | --- |",
    ]
    worst = 0.0
    for name, sizes in times.items():
        cells = ["{:.2f} ({:.2f}–{:.2f})".format(*spread(sizes[size])) for size in SIZES]
        ratio = statistics.median(sizes[large]) / statistics.median(sizes[small])
        worst = max(worst, ratio)
        lines.append(f"| {name} | {cells[0]} | {cells[1]} | {ratio:.2f} |")
    return "\n".join(lines), worst


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--postgresql", action="store_true")
    options = parser.parse_args()
    with (
        tempfile.TemporaryDirectory(prefix="chat-history-") as folder,
        databases.new_urls(postgresql=options.postgresql) as url,
    ):
        began = time.monotonic()
        apps = {size: filled(Path(folder) / str(size), size, url()) for size in SIZES}
        print(f"filled in {time.monotonic() - began:.0f} s", file=sys.stderr)
        times = measure(apps, options.rounds)
        for app in apps.values():
            with app.app_context():
                db.session.remove()
                db.engine.dispose()
    text, worst = table(times, options.rounds)
    print(text)
    if not options.postgresql:
        PICTURE.write_text(picture(times, "History and sync, ms"), encoding="utf-8")
    print(f"worst ratio {worst:.2f}, at most {RATIO}")
    return int(worst > RATIO)


if __name__ == "__main__":
    sys.exit(main())
