"""The checker notices file names that are almost right, and marks that were pasted with the code."""

from pathlib import Path

import pytest

from workshop.checker import check
from workshop.checks.near_misses import instead_of, pasted, unsaved
from workshop.learner import catch_up
from workshop.verdict import BROKEN, OPEN


def test_a_file_that_was_never_saved_is_named(my_chat: Path) -> None:
    catch_up("03")
    (my_chat / "templates" / "chat.html").write_text("\n", encoding="utf-8")
    verdict = check("03")
    assert verdict.state == BROKEN and verdict.about == "templates/chat.html"
    assert "`templates/chat.html` is empty. Is it saved?" in verdict.hint


def test_a_file_that_is_missing_or_filled_is_not_called_empty(tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text("app = 1", encoding="utf-8")
    (tmp_path / "notes.txt").touch()  # the step does not have it
    assert unsaved(tmp_path, ["app.py", "static/chat.js"]) is None


@pytest.mark.parametrize(
    ("there", "wanted"),
    [
        ("chat/App.py", "app.py"),
        ("chat/app.py.txt", "app.py"),
        ("app.py", "app.py"),
        ("chat/templates/app.py", "app.py"),
        ("chat/Templates/chat.html", "templates/chat.html"),
        ("chat/template/chat.html", "templates/chat.html"),
        ("chat/static/chat.js.txt", "static/chat.js"),
        ("chat/templates/chat.html", "templates/templates/chat.html"),
        ("chat/templates/chat.html", "templates/chta.html"),
        ("chat/chat.html", "templates/chat.html"),
        ("chat/static/chat.html", "templates/chat.html"),
    ],
)
def test_a_file_that_almost_has_the_right_name_or_place_is_named(
    tmp_path: Path, there: str, wanted: str
) -> None:
    file = tmp_path / there
    file.parent.mkdir(parents=True, exist_ok=True)
    file.touch()
    (tmp_path / "chat").mkdir(exist_ok=True)
    if (tmp_path / "chat" / wanted).exists():
        pytest.skip("this system does not distinguish uppercase from lowercase")
    said = instead_of(tmp_path / "chat", wanted)
    assert said.startswith(f"There is a file `{there}`, but your chat needs `chat/{wanted}`.")


def test_a_file_that_is_there_or_has_another_name_is_not_mentioned(tmp_path: Path) -> None:
    for name in ("templates/index.html", "notes.txt", "models.py"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    assert instead_of(tmp_path, "templates/index.html") == ""
    assert instead_of(tmp_path, "templates/chat.html") == ""
    assert instead_of(tmp_path / "nowhere" / "chat", "app.py") == ""


@pytest.mark.parametrize(
    ("code", "named"),
    [
        ("+from flask import Flask\n+\n+app = Flask(__name__)\n", "`+`"),
        ("+    emit('new_message')", "The line begins with `+`"),
        (">>> import flask\n>>> app = 1\n", "`>>>`"),
        ("1  from flask import Flask\n2  \n3  app = Flask(__name__)\n", "a line number"),
        ("from flask import Flask\n+app = 1\napp = 2\n", ""),
        ("x = 1\n", ""),
        ("12\n", ""),
        ("", ""),
    ],
)
def test_marks_that_were_pasted_are_named(code: str, named: str) -> None:
    said = pasted(code)
    assert named in said and bool(said) == bool(named), said


def test_a_check_names_the_file_that_is_almost_app_py(my_chat: Path) -> None:
    catch_up("01")
    (my_chat / "app.py").rename(my_chat / "app.py.txt")
    verdict = check("01")
    assert verdict.state == OPEN
    assert "There is a file `chat/app.py.txt`" in verdict.hint


@pytest.mark.parametrize("mark", ["+", ">>> ", "7: "])
def test_a_check_names_the_marks_that_were_pasted(my_chat: Path, mark: str) -> None:
    catch_up("01")
    app = my_chat / "app.py"
    lines = app.read_text(encoding="utf-8").splitlines()
    app.write_text("\n".join(f"{mark}{line}" for line in lines), encoding="utf-8")
    verdict = check("01")
    assert verdict.state == BROKEN
    assert "Every line begins with" in verdict.hint, verdict


def test_one_line_with_a_mark_is_named_where_python_sees_only_the_next(my_chat: Path) -> None:
    catch_up("05")
    app = my_chat / "app.py"
    source = app.read_text(encoding="utf-8")
    assert "\n    emit(" in source
    app.write_text(source.replace("\n    emit(", "\n+    emit("), encoding="utf-8")
    verdict = check("05")
    assert "unexpected indent" in verdict.seen
    assert "The line begins with `+`" in verdict.hint


@pytest.mark.parametrize(("folder", "name"), [("templates", "Templates"), ("static", "statics")])
def test_a_check_names_a_folder_that_flask_does_not_know(
    my_chat: Path, folder: str, name: str
) -> None:
    catch_up("03")
    (my_chat / folder).rename(my_chat / name)
    if (my_chat / folder).exists():
        pytest.skip("this system does not tell Templates from templates")
    verdict = check("03")
    assert f"file `chat/{name}/" in verdict.hint and f"needs `chat/{folder}/" in verdict.hint, (
        verdict
    )


@pytest.mark.parametrize(
    ("line", "hint"),
    [
        ('flask=="3.1.3"', "without quotes"),
        ("flask==…", "instead of the dots"),
        ("flask 3.1.3", "does not pin"),
        ("+flask==3.1.3", "begins with `+`"),
    ],
)
def test_a_pin_that_pip_cannot_read_is_named(my_chat: Path, line: str, hint: str) -> None:
    catch_up("01")
    (my_chat / "requirements.txt").write_text(f"{line}\n", encoding="utf-8")
    assert hint in check("01").hint


@pytest.mark.parametrize("encoding", ["utf-16", "utf-8-sig", "cp1252"])
def test_a_pin_can_have_any_encoding_that_windows_writes(my_chat: Path, encoding: str) -> None:
    """Windows PowerShell writes UTF-16, and Notepad can put a mark at the beginning."""
    catch_up("01")
    (my_chat / "requirements.txt").write_text("flask==3.1.3\n# für mich\n", encoding=encoding)
    assert "the cell in notebook 01 that creates it" in check("01").hint  # the file is fine


@pytest.mark.parametrize(
    ("there", "todo"),
    [
        ("chat/requirement.txt", "There is a file `chat/requirement.txt`"),
        ("requirements.txt", "needs `chat/requirements.txt`"),
        ("notes.txt", "Write one line"),
    ],
)
def test_a_pin_in_another_file_is_found(my_chat: Path, there: str, todo: str) -> None:
    catch_up("01")
    (my_chat.parent / there).write_text("flask==3.1.3\n", encoding="utf-8")
    verdict = check("01")
    assert (verdict.state, verdict.about) == (OPEN, "requirements.txt")
    assert todo in verdict.hint
