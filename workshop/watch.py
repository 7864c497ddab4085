"""Check a learner's chat again after every save, and report what has changed since the last check."""

import signal
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from workshop import changes, manifest, paths
from workshop.checker import LABS, check
from workshop.stages import files_of
from workshop.verdict import BROKEN, KEPT, Verdict

Files = frozenset[tuple[str, float]]  # as files_of returns them
POLL = 0.3  # seconds between two looks at the files; editors often write a file several times


def watch(step: str) -> int:
    """Check until every promise is kept or somebody presses Ctrl+C. Return the exit code."""
    pressed = threading.Event()

    def stop(*_: object) -> None:
        pressed.set()
        raise KeyboardInterrupt

    # The exception alone is not enough, because a Socket.IO client can swallow it. Ctrl+C also stops the
    # learner's server, so the verdict would then report that the server has ended.
    before = signal.signal(signal.SIGINT, stop)
    last: Verdict | None = None
    try:
        for seen, verdict in _tries(step):
            if pressed.is_set():
                break
            print(news(last, verdict), flush=True)
            if verdict.state == KEPT:
                return 0
            if not last:
                print(
                    f"Watching mine/{_folder(step).name}: every save starts a check. Press Ctrl+C "
                    "to stop.",
                    flush=True,
                )
            last = verdict
            await_save(_folder(step), seen)
    except KeyboardInterrupt:
        print(file=sys.stderr)  # the terminal shows ^C in this line
    finally:
        signal.signal(signal.SIGINT, before)
    return 1 if last and last.state == BROKEN else 0


def _tries(step: str) -> Iterator[tuple[Files, Verdict]]:
    """Check the files repeatedly. Yield each verdict, with the state of the files before its check."""
    while True:
        seen = saved(_folder(step))
        yield seen, check(step)


def _folder(step: str) -> Path:
    """Return the folder in which the learner works on a step or a lab."""
    lab = LABS.get(manifest.lesson(step).number)
    return paths.mine() / Path(lab.folder).name if lab else paths.my_chat()


def news(last: Verdict | None, now: Verdict) -> str:
    """Return what is new for the learner: the whole verdict, the rows that have changed, or one line."""
    if not last or (last.state, last.sentence) != (now.state, now.sentence):
        return f"\n{now}"
    changed = [name for name, text in now.rows.items() if last.rows.get(name) != text]
    if not changed and last.kept == now.kept:
        return f"{_time()} Saved. No change: {now.headline}"
    rows = "\n".join(f"  {name}: {now.rows[name]}" for name in changed)
    return f"\n{_time()} Still: {now.headline}\n{rows}".rstrip()


def saved(folder: Path) -> Files:
    """Return the files that a learner edits. The chat itself may write others, also during a check."""
    return frozenset(
        each for each in files_of(folder) if Path(each[0]).suffix in changes.TEXT_ENDINGS
    )


def await_save(folder: Path, seen: Files) -> None:
    """Wait until the files have changed, and then stayed the same for a moment."""
    before = seen
    while True:
        time.sleep(POLL)
        now = saved(folder)
        if now != seen and now == before:
            return
        before = now


def _time() -> str:
    return time.strftime("%H:%M:%S")
