"""The second hint shows the difference near the place that the first hint names."""

from dataclasses import replace
from pathlib import Path

from workshop.checker import check
from workshop.checks.console import Report
from workshop.learner import catch_up
from workshop.second_hint import MOST_LINES, second_hint
from workshop.verdict import BROKEN, Verdict

BROKEN_05 = Verdict("05", BROKEN, 0, 27, "A promise.", "expected", "seen", "hint")


def edit(file: Path, right: str, wrong: str) -> None:
    source = file.read_text(encoding="utf-8")
    assert right in source
    file.write_text(source.replace(right, wrong), encoding="utf-8")


def hinted(verdict: Verdict) -> str:
    view = second_hint(verdict)
    for side in ("yours", "the step"):  # a notebook shows what a terminal does
        assert view.text.count(side) <= view.markup.count(side)
    return view.text


def test_both_sides_of_the_line_that_failed_are_shown(my_chat: Path) -> None:
    catch_up("05")
    edit(my_chat / "app.py", "message, broadcast=True", "mesage, broadcast=True")
    edit(my_chat / "app.py", '"index.html"', "'index.html'")  # as good, and far away
    verdict = check("05", hint=2)
    assert verdict.second and verdict.second.text in str(verdict)
    assert '    yours         emit("new_message", mesage, broadcast=True)\n' in str(verdict)
    assert '    the step      emit("new_message", message, broadcast=True)\n' in str(verdict)
    assert "index.html" not in verdict.second.text
    assert "mesage, broadcast" in verdict._repr_mimebundle_()["text/html"]
    assert "hint=2" not in str(verdict)


def test_the_first_verdict_ends_with_how_to_ask(my_chat: Path) -> None:
    catch_up("05")
    verdict = check("05")
    assert verdict.second is None
    assert str(verdict).splitlines()[-1].strip().startswith("Stuck?")
    assert "check 05 --hint" in str(verdict)
    assert "hint=2" in verdict._repr_mimebundle_()["text/html"]


def test_without_an_error_the_file_that_the_promise_is_about_is_compared(my_chat: Path) -> None:
    catch_up("05")
    edit(my_chat / "app.py", "broadcast=True)\n    return", "broadcast=False)\n    return")
    edit(my_chat / "static" / "chat.js", "form.reset", "form.rest")
    assert "form.rest()" in hinted(replace(BROKEN_05, about="static/chat.js"))
    assert "broadcast=False" in hinted(BROKEN_05)


def test_a_file_that_is_missing_is_named_and_not_shown(my_chat: Path) -> None:
    catch_up("05")
    (my_chat / "static" / "chat.js").unlink()
    assert "Step 05 has a file static/chat.js" in hinted(replace(BROKEN_05, about="static/chat.js"))


def test_an_address_that_is_no_file_of_the_step_is_left_out(my_chat: Path) -> None:
    catch_up("05")
    edit(my_chat / "templates" / "chat.html", "{% endfor %}", "{% endfr %}")
    edit(my_chat / "static" / "chat.js", "form.reset", "form.rest")
    wrong = Report("GET /static/socket.io.js 404 (NOT FOUND)", "static/socket.io.js")
    assert "form.rest()" in hinted(replace(BROKEN_05, report=wrong, about="static/chat.js"))
    assert "endfr" in hinted(replace(BROKEN_05, about="templates/chat.html"))


def test_a_long_difference_is_shown_around_the_line(my_chat: Path) -> None:
    catch_up("05")
    app = my_chat / "app.py"
    lines = app.read_text(encoding="utf-8").splitlines()
    app.write_text("\n".join(f"{line}  # {n}" for n, line in enumerate(lines, 1)), encoding="utf-8")
    shown = hinted(replace(BROKEN_05, report=Report("NameError", "app.py", 30)))
    assert "# 30" in shown
    assert len(shown.splitlines()) <= MOST_LINES + 1


def test_when_only_the_exercise_is_left_nothing_is_given_away(my_chat: Path) -> None:
    catch_up("05")
    shown = check("05", hint=2)
    assert shown.second
    assert 'solution("05")' in shown.second.text
    assert "include_self" not in shown.second.text
