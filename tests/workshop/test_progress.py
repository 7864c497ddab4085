"""Slow work shows its progress, and leaves no output behind."""

import io
import sys

import pytest

from workshop import progress


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def use_terminal(monkeypatch: pytest.MonkeyPatch, quick: float) -> Terminal:
    shown = Terminal()
    monkeypatch.setattr(sys, "stderr", shown)
    monkeypatch.setattr(progress, "QUICK", quick)
    return shown


def test_a_slow_one_counts_on_one_line_and_wipes_it(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = use_terminal(monkeypatch, quick=-1)
    assert list(progress.watched("ab", "letters")) == ["a", "b"]
    assert terminal.getvalue() == "\r\033[K1 of 2 letters …\r\033[K2 of 2 letters …\r\033[K"


def test_who_stops_early_leaves_a_clean_line(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = use_terminal(monkeypatch, quick=-1)
    for _ in progress.watched("ab", "letters"):
        break
    assert terminal.getvalue().endswith("\r\033[K")


def test_a_quick_one_says_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = use_terminal(monkeypatch, quick=60)
    list(progress.watched("ab", "letters"))
    assert terminal.getvalue() == ""


def test_in_a_notebook_the_result_takes_its_place() -> None:
    import nbformat
    from nbclient import NotebookClient

    source = (
        "from workshop import progress\nprogress.QUICK = -1\n"
        "list(progress.watched('ab', 'letters'))"
    )
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source)])
    NotebookClient(notebook, kernel_name="python3").execute(transport_encryption="auto")
    (output,) = notebook.cells[0].outputs
    assert output["data"]["text/plain"] == "['a', 'b']"
