"""A typical mistake gets the hint that names it: every double of a step is broken in one place."""

import multiprocessing
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import pytest

from tests.workshop import mistakes, mistakes_later
from tests.workshop.quick import quick_check
from workshop import manifest, paths
from workshop.checker import BROKEN, Verdict, check
from workshop.contract import asking, events, people
from workshop.learner import catch_up
from workshop.stages import stop_stages_in

Mistake = tuple[str, str, str, str, str]

MISTAKES: list[Mistake] = [*mistakes.MISTAKES, *mistakes_later.MISTAKES]
LATER: list[Mistake] = [*mistakes_later.MISTAKES, *mistakes_later.MORE]
ENOUGH = 40

SOON = 1.5  # seconds: many of these doubles never answer, and the check waits until it gives up
AT_ONCE = 2  # checks: most of a check is waiting, for a server to start or for an answer

named: dict[str, bool] = {}  # by test: did the hint name the mistake?


def name_of(mistake: Mistake) -> str:
    number, file, _, _, hint = mistake
    return f"{number} {file.rpartition('/')[2]} {hint}"


def make(mistake: Mistake, my_chat: Path) -> None:
    """Let a copy of the step have this mistake."""
    number, file, right, wrong, _ = mistake
    catch_up(number)
    path = my_chat / file
    source = path.read_text(encoding="utf-8")
    assert right in source, "the mistake changes nothing"
    path.write_text(source.replace(right, wrong), encoding="utf-8")


def judge(mistake: Mistake, verdict: Verdict, test: str) -> None:
    hint = mistake[-1]
    named[test] = verdict.state == BROKEN and hint in verdict.hint
    assert named[test], verdict


def check_quickly(mistake: Mistake, folder: Path) -> Verdict:
    """Check a chat with this mistake in a folder of its own, in a process of its own."""
    os.environ["WORKSHOP_MINE"] = str(folder)
    for module in (asking, events, people):
        module.ANSWER_TIMEOUT = SOON
    try:
        make(mistake, paths.my_chat())
        return quick_check(mistake[0])
    finally:
        stop_stages_in(paths.my_chat())


@pytest.fixture(scope="module")
def verdict_on(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[[Mistake], Verdict]]:
    """Begin to check all mistakes that are asked for; a test waits for its own."""
    wanted = [
        item.callspec.params["mistake"]
        for item in request.session.items
        if isinstance(item, pytest.Function) and item.originalname == QUICK
    ]
    new = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(AT_ONCE, mp_context=new) as checkers:
        coming = {
            mistake: checkers.submit(check_quickly, mistake, tmp_path_factory.mktemp("mine"))
            for mistake in wanted
        }
        yield lambda mistake: coming[mistake].result()
        checkers.shutdown(cancel_futures=True)


@pytest.mark.parametrize("mistake", MISTAKES, ids=name_of)
def test_a_typical_mistake_gets_the_hint_that_names_it(
    mistake: Mistake,
    verdict_on: Callable[[Mistake], Verdict],
    request: pytest.FixtureRequest,
) -> None:
    judge(mistake, verdict_on(mistake), request.node.name)


QUICK = test_a_typical_mistake_gets_the_hint_that_names_it.__name__


@pytest.mark.long
@pytest.mark.parametrize("mistake", LATER, ids=name_of)
def test_a_whole_check_names_the_mistake(
    my_chat: Path, mistake: Mistake, request: pytest.FixtureRequest
) -> None:
    """What a learner sees: the first sentence that does not hold, of all up to this step."""
    make(mistake, my_chat)
    judge(mistake, check(mistake[0]), request.node.name)


@pytest.mark.long
def test_the_share_of_right_hints_in_whole_checks(capsys: pytest.CaptureFixture[str]) -> None:
    say_the_share(capsys)


def test_the_share_of_right_hints(capsys: pytest.CaptureFixture[str]) -> None:
    """Printed whatever pytest captures; a guard, too: no step is left out."""
    say_the_share(capsys)
    assert len(MISTAKES) >= ENOUGH
    assert {each[0] for each in MISTAKES} == {step.number for step in manifest.steps()}


def say_the_share(capsys: pytest.CaptureFixture[str]) -> None:
    with capsys.disabled():
        print(f"\n{sum(named.values())} of {len(named)} mistakes got the hint that names them")
