"""The functions that notebooks use: begin, stage, cast, show, check and others.

from workshop import *
begin("05_broadcast")
chat = stage("05_broadcast")
ada, bo = cast(chat, "Ada", "Bo")

A function is imported when it is first used, so that `doctor` works even if a package is missing.
"""

from importlib import import_module
from typing import TYPE_CHECKING

from workshop import direct  # noqa: F401  # first: before any client looks at the environment

if TYPE_CHECKING:
    from workshop.bridge import show_bridge, show_home, show_layers
    from workshop.checker import check
    from workshop.checks.tour import compare
    from workshop.clients import Tape, cast, session_of
    from workshop.database_server import postgres
    from workshop.diagrams import sequence
    from workshop.doubles import double
    from workshop.environments import make_environment
    from workshop.first_cell import begin
    from workshop.groups import processes
    from workshop.guesses import guess, reveal
    from workshop.learner import bring, catch_up
    from workshop.pauses import paused
    from workshop.speed import measure, profile
    from workshop.stages import Stage, StageFailed, stage
    from workshop.strangers import stranger
    from workshop.teaching.class_mode import open_class
    from workshop.teaching.sharing import share_progress
    from workshop.views import (
        show,
        show_change,
        show_page,
        show_picture,
        side_by_side,
        solution,
        wire,
    )

__all__ = [
    "Stage",
    "StageFailed",
    "Tape",
    "begin",
    "bring",
    "cast",
    "catch_up",
    "check",
    "compare",
    "double",
    "guess",
    "make_environment",
    "measure",
    "open_class",
    "paused",
    "postgres",
    "processes",
    "profile",
    "reveal",
    "sequence",
    "session_of",
    "share_progress",
    "show",
    "show_bridge",
    "show_change",
    "show_home",
    "show_layers",
    "show_page",
    "show_picture",
    "side_by_side",
    "solution",
    "stage",
    "stranger",
    "wire",
]

_HOMES = {
    "bridge": ["show_bridge", "show_home", "show_layers"],
    "checker": ["check"],
    "clients": ["Tape", "cast", "session_of"],
    "checks.tour": ["compare"],
    "doubles": ["double"],
    "environments": ["make_environment"],
    "first_cell": ["begin"],
    "guesses": ["guess", "reveal"],
    "learner": ["bring", "catch_up"],
    "database_server": ["postgres"],
    "diagrams": ["sequence"],
    "groups": ["processes"],
    "pauses": ["paused"],
    "speed": ["measure", "profile"],
    "stages": ["Stage", "StageFailed", "stage"],
    "strangers": ["stranger"],
    "teaching.class_mode": ["open_class"],
    "teaching.sharing": ["share_progress"],
    "views": [
        "show",
        "show_change",
        "show_page",
        "show_picture",
        "side_by_side",
        "solution",
        "wire",
    ],
}


def __getattr__(word: str) -> object:
    for home, words in _HOMES.items():
        if word in words:
            return getattr(import_module(f"workshop.{home}"), word)
    raise AttributeError(f"module 'workshop' has no attribute {word!r}")
