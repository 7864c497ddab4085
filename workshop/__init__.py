"""The workshop's few words for notebooks: begin, stage, cast, show, check and their kin.

from workshop import *
begin("05_broadcast")
chat = stage("05_broadcast")
ada, bo = cast(chat, "Ada", "Bo")
"""

from workshop import direct  # noqa: F401  # first: before any client looks at the environment
from workshop.begin import begin
from workshop.cast import Tape, cast
from workshop.catch_up import bring, catch_up
from workshop.check import check
from workshop.environments import make_environment
from workshop.stage import Stage, StageFailed, stage
from workshop.views import page, show, show_change, side_by_side, solution, wire

__all__ = [
    "Stage",
    "StageFailed",
    "Tape",
    "begin",
    "bring",
    "cast",
    "catch_up",
    "check",
    "make_environment",
    "page",
    "show",
    "show_change",
    "side_by_side",
    "solution",
    "stage",
    "wire",
]
