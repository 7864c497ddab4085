"""The checks' stories in Chromium: the embedded V8 and a real browser give the same verdicts."""

from typing import Any, cast

import pytest
from playwright.sync_api import Browser

from tests.browser.pages_in_chromium import ChromiumPages
from tests.browser.people import Run
from workshop import manifest
from workshop.checks import Promise, all_promises
from workshop.checks.page import Pages
from workshop.checks.visitors import playing_in

STEPS = ("04", "05", "08", "10", "16")  # whose stories every run plays
STORIES = [each for each in all_promises() if each.trial.__module__.endswith(".stories")]


def _kept() -> list[Any]:
    """Return each story in each step that keeps it. Every run plays those of STEPS in their first step.

    test_page_alike.py compares the two browsers in every run, for one small page after another.
    """
    found = []
    for each in STORIES:
        numbers = [step.number for step in manifest.steps() if each.kept_by(step.number)]
        for number in numbers:
            marks = [] if number == numbers[0] and number in STEPS else [pytest.mark.long]
            found.append(pytest.param(number, each, id=f"{number}: {each}", marks=marks))
    return sorted(found, key=lambda param: str(param.id))


@pytest.mark.parametrize(("number", "story"), _kept())
def test_a_story_is_the_same_in_chromium(
    run: Run, browser: Browser, number: str, story: Promise
) -> None:
    chat = run(number)
    with playing_in(chat, cast(Pages, ChromiumPages(chat, browser))):
        story.trial(chat)
