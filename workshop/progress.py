"""Show the progress of slow work in one line of a notebook's output or of a terminal."""

import sys
import time
from collections.abc import Iterator, Sequence
from typing import TypeVar

QUICK = 1.0  # seconds; faster work shows nothing

T = TypeVar("T")


def watched(items: Sequence[T], what: str) -> Iterator[T]:
    """Yield the items, and show the progress ("3 of 48 promises …"). The line disappears at the end."""
    begun, said = time.monotonic(), False
    try:
        for number, each in enumerate(items, 1):
            if time.monotonic() - begun > QUICK:
                said = True
                say(f"{number} of {len(items)} {what} …")
            yield each
    finally:
        if said:
            say("")


def say(words: str) -> None:
    """Replace the line that shows the progress. Empty words remove it."""
    if _in_a_notebook():
        from IPython.display import clear_output

        clear_output(wait=not words)  # type: ignore[no-untyped-call]  # the result replaces it
        if words:
            print(words)
    elif sys.stderr.isatty():
        print(f"\r\033[K{words}", end="", file=sys.stderr, flush=True)


def _in_a_notebook() -> bool:
    return "IPython" in sys.modules and hasattr(sys.modules["IPython"].get_ipython(), "kernel")
