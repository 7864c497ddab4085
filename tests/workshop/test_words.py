"""The words that a notebook gets, and what is left of them where packages are missing."""

import subprocess
import sys

from IPython.core import magics
from IPython.core.magic import Magics

import workshop
from workshop import paths


def bare(*words: str) -> subprocess.CompletedProcess[str]:
    """Run `python -m workshop …` by a Python that sees no installed package."""
    return subprocess.run(
        [sys.executable, "-S", "-m", "workshop", *words],
        cwd=paths.ROOT, capture_output=True, text=True, encoding="utf-8", timeout=60,
    )  # fmt: skip


def test_a_notebook_gets_every_word_and_no_other() -> None:
    words: dict[str, object] = {}
    exec("from workshop import *", words)
    del words["__builtins__"]
    homes = [word for words in workshop._HOMES.values() for word in words]
    assert sorted(words) == sorted(workshop.__all__) == sorted(homes)
    for word, meaning in words.items():
        assert meaning.__module__.startswith("workshop."), word
        assert meaning.__doc__ and word == meaning.__name__


def test_no_word_is_a_command_of_ipython() -> None:
    """After a kernel's restart `page(chat)` would run `%page`, and say so in words nobody knows."""
    kinds = [getattr(magics, name) for name in dir(magics) if name.endswith("Magics")]
    commands = {name for kind in kinds if kind is not Magics for name in kind.magics["line"]}
    assert {"page", "run", "time"} <= commands
    assert commands.isdisjoint(workshop.__all__)


def test_the_doctor_speaks_where_packages_are_missing() -> None:
    told = bare("doctor")
    assert told.returncode == 1
    assert "No module named 'socketio_browser'" in told.stdout
    assert "start.py --setup-only" in told.stdout
    assert told.stderr == ""


def test_every_other_verb_sends_to_the_doctor_then() -> None:
    told = bare("check", "05")
    assert told.returncode == 2
    assert "No module named" in told.stderr
    assert "start.py doctor" in told.stderr
    assert "Traceback" not in told.stderr
