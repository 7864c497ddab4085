"""The checker notices file names that are almost right, and marks that were pasted with the code."""

from pathlib import Path

import pytest

from workshop.checker import check
from workshop.checks.near_misses import hiding, instead_of, missing_app, pasted, unsaved
from workshop.learner import catch_up
from workshop.verdict import BROKEN, OPEN


@pytest.mark.parametrize(
    ("path", "todo"),
    [
        ("chat/App.py", "Rename it to mine/chat/app.py. File names are case-sensitive"),
        ("chat/app.py.txt", "Rename it to mine/chat/app.py. Your editor or file manager may hide"),
        ("chat/app.txt", "Rename it to mine/chat/app.py."),
        ("chat/chat.py", "Rename it to mine/chat/app.py."),
        ("app.py", "Move it to mine/chat/app.py."),
        ("chat/templates/app.py", "Move it to mine/chat/app.py."),
    ],
)
def test_a_file_that_is_almost_app_py_is_named(tmp_path: Path, path: str, todo: str) -> None:
    file = tmp_path / "mine" / path
    file.parent.mkdir(parents=True)
    file.touch()
    if (tmp_path / "mine" / "chat" / "app.py").exists():
        pytest.skip("this system does not tell App.py from app.py")
    found = missing_app(tmp_path / "mine" / "chat")
    assert found
    assert found[0] == f"no such file, but mine/{path}"
    assert todo in found[1]


@pytest.mark.parametrize("name", ["json.py", "secrets.py", "socketio.py", "workshop/__init__.py"])
def test_a_file_that_hides_a_library_is_named(tmp_path: Path, name: str) -> None:
    for each in ("app.py", "helpers.py", "models.py", "json.txt", name):
        file = tmp_path / each
        assert hiding(tmp_path) == ""
        file.parent.mkdir(exist_ok=True)
        file.touch()
    assert "hides a library of the same name" in hiding(tmp_path)


def test_another_file_is_not_taken_for_app_py(tmp_path: Path) -> None:
    (tmp_path / "chat").mkdir()
    for name in ("models.py", "notes.txt", "style.css"):
        (tmp_path / "chat" / name).touch()
    assert missing_app(tmp_path / "chat") is None
    assert missing_app(tmp_path / "nowhere" / "chat") is None


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
    ("there", "wanted", "todo"),
    [
        ("Templates/chat.html", "templates/chat.html", "`Templates`. Rename it to `templates`."),
        ("template/chat.html", "templates/chat.html", "`template`. Rename it to `templates`."),
        ("Static/chat.js", "static/chat.js", "`Static`. Rename it to `static`."),
        ("static/chat.js.txt", "static/chat.js", "Rename it to `static/chat.js`. Your editor"),
        ("templates/chat.html", "templates/templates/chat.html", "without the folder: `chat.html`"),
        (
            "templates/chat.html",
            "templates/chta.html",
            "asks for `chta.html`: make the names the same",
        ),
        ("templates/Chat.html", "templates/chat.html", "There is `templates/Chat.html`"),
        (
            "chat.html",
            "templates/chat.html",
            "`chat/chat.html`. Move it to `chat/templates/chat.html`",
        ),
        ("static/chat.html", "templates/chat.html", "`chat/static/chat.html`. Move it"),
        ("templates/index.html", "templates/chat.html", ""),
        ("templates/chat.html", "templates/chat.html", ""),
    ],
)
def test_a_file_in_almost_the_right_place_is_named(
    tmp_path: Path, there: str, wanted: str, todo: str
) -> None:
    file = tmp_path / "chat" / there
    file.parent.mkdir(parents=True)
    file.touch()
    said = instead_of(tmp_path / "chat", wanted)
    assert todo in said and bool(said) == bool(todo), said


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
    assert "chat/app.py.txt" in verdict.seen
    assert "Rename it" in verdict.hint


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
    assert f"`{name}`. Rename it to `{folder}`" in verdict.hint, verdict


@pytest.mark.parametrize(
    ("line", "hint"),
    [
        ('flask=="3.1.3"', "has no quotes"),
        ("flask==…", "Replace the dots"),
        ("flask==", "Replace the dots"),
        ("flask=3.1.3", "two equals signs"),
        ("pip install flask==3.1.3", "Write only the name"),
        ('"flask==3.1.3"', "Write only the name"),
        ("flask 3.1.3", "does not pin a version"),
        ("+flask==3.1.3", "begins with `+`"),
    ],
)
def test_a_pin_that_pip_cannot_read_is_named(my_chat: Path, line: str, hint: str) -> None:
    catch_up("01")
    (my_chat / "requirements.txt").write_text(f"{line}\n", encoding="utf-8")
    assert hint in check("01").hint


@pytest.mark.parametrize(
    ("there", "todo"),
    [
        ("chat/requirement.txt", "Rename it to `requirements.txt`"),
        ("chat/requirements.txt.txt", "Rename it to `requirements.txt`"),
        ("requirements.txt", "Move it to `chat/requirements.txt`"),
        ("notes.txt", "Write one line"),
    ],
)
def test_a_pin_in_another_file_is_found(my_chat: Path, there: str, todo: str) -> None:
    catch_up("01")
    (my_chat.parent / there).write_text("flask==3.1.3\n", encoding="utf-8")
    verdict = check("01")
    assert (verdict.state, verdict.about) == (OPEN, "requirements.txt")
    assert todo in verdict.hint
