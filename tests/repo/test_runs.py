"""Every file that tests/runs.py lists exists. Otherwise, a renamed file would drop out of its run."""

import pytest

from tests import runs
from workshop import paths


@pytest.mark.parametrize("entry", [*runs.LONGEST, *runs.QUICK])
def test_a_listed_test_exists(entry: str) -> None:
    file, _, name = entry.partition("::")
    path = paths.ROOT / file
    assert path.is_file()
    if name:
        assert f"def {name.partition('[')[0]}(" in path.read_text(encoding="utf-8")


def test_a_quick_test_is_recognised_by_its_file_or_by_the_beginning_of_its_name() -> None:
    assert runs.is_quick("tests/repo/test_lessons.py::test_a_notebook_has_its_shape[00_start]")
    assert runs.is_quick("tests/repo/test_style.py::test_the_linters_find_nothing[ruff check .]")
    assert not runs.is_quick("tests/repo/test_style.py::test_the_linters_find_nothing[mypy]")
    assert not runs.is_quick("tests/browser/test_chat.py::test_an_empty_message_is_not_sent")


def test_the_quick_run_has_tests(request: pytest.FixtureRequest) -> None:
    """A guard: the listed tests, such as this one, have the marker."""
    assert request.node.get_closest_marker("quick")
