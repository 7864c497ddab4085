"""What the comparisons show, and what they omit."""

import html
import re
from pathlib import Path

import pytest

from workshop import changes, manifest
from workshop.highlight import coloured
from workshop.learner import bring, catch_up
from workshop.views import View, show, show_change, solution

HIDDEN = (".ipynb_checkpoints/app-checkpoint.py", "__pycache__/app.py", ".draft.txt")


def write(folder: Path, file: str, text: str) -> None:
    path = folder / file
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def rewrite(folder: Path, file: str, old: str, new: str) -> None:
    text = (folder / file).read_text(encoding="utf-8")
    assert old in text
    write(folder, file, text.replace(old, new))


def unindented(text: str) -> str:
    return "\n".join(line.strip() for line in text.splitlines())


def test_hidden_files_are_in_no_comparison(my_chat: Path) -> None:
    catch_up("03")
    for file in HIDDEN:
        write(my_chat, file, "not a lesson")
    shown = show_change("mine", "03_templates")
    assert str(shown) == "from mine to 03_templates: no difference"
    assert "checkpoint" not in shown.markup


def test_hidden_files_of_a_step_are_not_copied(
    my_chat: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    step = manifest.step("01")
    monkeypatch.setattr("workshop.paths.STEPS", tmp_path / "steps")
    folder = step.folder
    for file in ("app.py", *HIDDEN):
        write(folder, file, "app = None")
    catch_up("01")
    assert [path.name for path in my_chat.rglob("*")] == ["app.py"]


def test_a_folder_above_the_chat_may_be_hidden(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The negative twin: only a file below the chat's own folder can count as hidden."""
    monkeypatch.setenv("WORKSHOP_MINE", str(tmp_path / ".cache" / "instance"))
    catch_up("04")
    shown = str(show_change("mine", "05_broadcast"))
    assert "+const log" in shown and "+const socket" not in shown


def test_what_an_editor_on_windows_adds_is_no_difference(my_chat: Path) -> None:
    catch_up("02")
    app = my_chat / "app.py"
    text = app.read_text("utf-8")
    app.write_text(text, "utf-8-sig", newline="\r\n")
    assert str(show_change("mine", "02_routes")) == "from mine to 02_routes: no difference"
    app.write_text(f"\n{text}", "utf-8-sig", newline="\r\n")
    assert str(show_change("mine", "02_routes")) != "from mine to 02_routes: no difference"


def test_what_only_the_learner_has_is_named_in_one_line(my_chat: Path) -> None:
    catch_up("02")
    write(my_chat, "requirements.txt", "flask==3.1.3\n")
    write(my_chat, "notes/ideas.txt", "tea\n")
    shown = show_change("mine", "02_routes")
    line = "Only your chat has these files: notes/ideas.txt, requirements.txt"
    assert str(shown) == f"from mine to 02_routes: no difference\n\n{line}"
    assert line in shown.markup
    assert "flask==3.1.3" not in shown.markup
    assert str(show_change("02_routes", "mine")) == str(shown).replace(
        "from mine to 02_routes", "from 02_routes to mine"
    )


def test_what_only_the_learner_wrote_has_a_mark_of_its_own(my_chat: Path) -> None:
    catch_up("03")
    said = "Keep your own work, unless the text says otherwise"
    shown = show_change("mine", "04_socketio")
    assert '-"""The same two pages' in str(shown)
    assert said not in str(shown), "all of it is of step 03"
    app = my_chat / "app.py"
    app.write_text(app.read_text().replace('"/chat"', '"/room"') + "\n\ndone = True\n")
    shown = show_change("mine", "04_socketio")
    assert {'|@app.route("/room")', "|done = True"} <= set(lines_of(shown))
    assert '+@app.route("/chat")' not in lines_of(shown), "04 does not touch it"
    assert '-"""The same two pages' in str(shown) and "-done" not in str(shown)
    assert said in str(shown) and said in shown.markup
    assert said not in str(show_change("mine", "04_socketio", "static/chat.js")), "only new ones"
    assert said not in str(show_change("03_templates", "04_socketio")), "none of these is yours"
    other_way = lines_of(show_change("04_socketio", "mine", "app.py"))
    assert not [line for line in other_way if line.startswith("|")], "what one has added is +"


def test_a_new_line_stands_where_it_takes_a_place(my_chat: Path) -> None:
    """If it came after a function that the learner has added below, it would become a part of it."""
    catch_up("05")
    app = my_chat / "app.py"
    own = """

@socketio.on("shout")
def handle_shout(message: dict[str, str]) -> dict[str, object]:
    return {"ok": True, "text": message["text"].upper()}
"""
    app.write_text(
        app.read_text().replace('    return {"ok": True}\n', '    return {"ok": True}\n' + own)
    )
    lines = lines_of(show_change("mine", "06_refusals", "app.py"))
    gone, new, mine = (
        lines.index(line)
        for line in (
            '-    return {"ok": True}',
            '+    return {"ok": True, "message": message}',
            '|@socketio.on("shout")',
        )
    )
    assert gone < new < mine
    assert not [line for line in lines if line[:1] == "-" and line[1:] in own.splitlines()]


def test_a_slip_stands_beside_what_was_meant(my_chat: Path) -> None:
    catch_up("05")
    page = my_chat / "static" / "chat.js"
    page.write_text(page.read_text().replace("log.append(line);", "log.apend(line);"))
    shown = lines_of(show_change("mine", "05_broadcast"))
    at = shown.index("|  log.apend(line);")
    assert "+  log.append(line);" in shown[at - 1 : at + 2]


def test_in_the_first_step_all_that_differs_is_ones_own(my_chat: Path) -> None:
    catch_up("01")
    app = my_chat / "app.py"
    app.write_text(app.read_text().replace("Served by", "Brought by"))
    shown = lines_of(show_change("mine", "01_setup"))
    assert [line for line in shown if "Brought by" in line and line.startswith("|")]
    assert not [line for line in shown if line.startswith("-")]


def test_a_box_has_its_file_for_a_heading_and_code_in_it() -> None:
    shown = show("05_broadcast", "app.py", "handle_new_message").markup
    assert ">05_broadcast/app.py</div>" in shown and "&lt;" not in shown.replace("-&gt;", "")
    code = re.sub(r"<[^>]+>", "", "<pre" + shown.partition("<pre")[2])
    assert "def handle_new_message" in code


@pytest.mark.parametrize("file", ["app.py", "static/chat.js", "templates/chat.html"])
def test_code_has_the_colours_of_its_syntax_and_all_of_its_text(file: str) -> None:
    shown = show("05_broadcast", file)
    code = re.sub(
        r"<[^>]+>", "", "<pre" + shown.markup.partition("<pre")[2].replace("</div>", "\n")
    )
    lines = [line.rstrip() for line in html.unescape(code).splitlines()]
    source = [line.rstrip() for line in shown.text.splitlines()[1:]]
    assert [line for line in lines if line] == [line for line in source if line]
    for colour in ("keyword", "string"):
        assert f'<span style="color: var(--jp-mirror-editor-{colour}-color' in shown.markup


def test_a_docstring_of_several_lines_is_a_string_to_its_end() -> None:
    *string, code = coloured('"""One.\n\nThis is not two.\n"""\nreturn 1', "app.py").split("\n")
    colours = [re.findall(r"editor-(\w+)-color", line) for line in [*string, code]]
    assert colours == [["string"], [], ["string"], ["string"], ["keyword", "number"]]


def test_the_mark_of_a_changed_line_is_not_copied_with_it() -> None:
    shown = show_change("05_broadcast", "app.py").markup
    marks = re.findall(r"<span style=\"([^\"]*)\">[-+]</span>", shown)
    assert len(marks) == 9 and all("user-select: none" in style for style in marks)


def lines_of(shown: View) -> list[str]:
    return str(shown).splitlines()


def test_what_the_step_alone_has_is_shown_whole(my_chat: Path) -> None:
    """The negative twin: a file that the learner has to create is a box with all its lines."""
    catch_up("03")
    shown = str(show_change("mine", "04_socketio"))
    assert "static/chat.js" in shown and "+const socket" in shown
    assert "Only your chat" not in shown


def test_between_two_steps_nothing_is_yours() -> None:
    shown = str(show_change("04_socketio", "03_templates"))
    assert "-const socket" in shown
    assert "Only your chat" not in shown


def test_a_chat_with_only_lines_of_its_own_has_nothing_left_to_type(my_chat: Path) -> None:
    catch_up("05")
    app = my_chat / "app.py"
    app.write_text(app.read_text(encoding="utf-8") + "\n\ndone = True\n", encoding="utf-8")
    shown = show_change("mine", "05_broadcast")
    assert "|done = True" in lines_of(shown)
    assert "no line to add or remove" in shown.markup
    assert "A line with |" not in shown.markup, "the page shows no such line"


@pytest.mark.parametrize("file", ["templates/chat.html", "static/chat.js", "static/style.css"])
def test_an_editors_indentation_does_not_count_in_ones_own_chat(my_chat: Path, file: str) -> None:
    catch_up("04")
    step = (manifest.step("04").folder / file).read_text(encoding="utf-8")
    write(my_chat, file, unindented(step))
    assert "no difference" in str(show_change("mine", "04_socketio"))


def test_an_unchanged_line_is_shown_as_the_learner_wrote_it(my_chat: Path) -> None:
    catch_up("03")
    rewrite(my_chat, "templates/chat.html", "    <form id=", "<form id=")
    rewrite(my_chat, "templates/chat.html", "Send", "Say it")
    shown = str(show_change("mine", "03_templates")).splitlines()
    assert "|      <button>Say it</button>" in shown
    assert "+      <button>Send</button>" in shown
    assert not [line for line in shown if "<form" in line and line[0] in "+-"]


def test_a_line_above_the_change_keeps_the_learners_indentation(my_chat: Path) -> None:
    catch_up("03")
    rewrite(my_chat, "templates/chat.html", "    </form>", "</form>")
    rewrite(my_chat, "templates/chat.html", "Send", "Say it")
    assert " </form>" in str(show_change("mine", "03_templates")).splitlines()


def test_indentation_counts_in_python_and_between_steps(my_chat: Path, tmp_path: Path) -> None:
    """The negative twins: in Python, indentation has a meaning, and a step shows all its changes."""
    catch_up("03")
    rewrite(my_chat, "app.py", "        return redirect", "            return redirect")
    assert "|            return redirect" in str(show_change("mine", "03_templates"))
    for folder, line in (("old", "<p>tea</p>"), ("new", "  <p>tea</p>")):
        write(tmp_path / folder, "page.html", line)
    (hunk,) = changes.folder_change(tmp_path / "old", tmp_path / "new")
    assert hunk.lines == ("-<p>tea</p>", "+  <p>tea</p>")
    assert changes.own_change(tmp_path / "old", tmp_path / "new") == []


@pytest.mark.parametrize("step", manifest.steps(), ids=lambda step: step.name)
def test_a_solution_shows_lines_and_files_and_nothing_of_the_patch(step: manifest.Step) -> None:
    shown = solution(step.name)
    patch = (step.folder / "exercise.patch").read_text(encoding="utf-8")
    files = [ln.removeprefix("+++ b/") for ln in patch.splitlines() if ln.startswith("+++ b/")]
    assert files
    for file in files:
        assert f"mine/chat/{file}" in str(shown)
        assert f">mine/chat/{file}</div>" in shown.markup
    added = [ln for ln in patch.splitlines() if ln.startswith("+") and not ln.startswith("+++")]
    assert added
    assert [ln for ln in added if ln not in str(shown).splitlines()] == []
    for mark in ("+++", "@@", "--- a/", "/dev/null"):
        assert mark not in str(shown) and mark not in shown.markup


def test_what_lies_apart_in_a_solution_is_set_apart() -> None:
    assert str(solution("02")).count("\n  …\n") == 1
    assert "  …</div>" in solution("02").markup


def test_bringing_says_where_a_different_file_is_kept(my_chat: Path) -> None:
    bring("03_templates", "templates/index.html")
    assert "saved" not in bring("03_templates", "templates/index.html")
    rewrite(my_chat, "templates/index.html", "Join Chat", "Come in")
    said = bring("03_templates", "templates/index.html")
    (kept,) = (my_chat.parent / "saved").rglob("index.html")
    assert f"mine/saved/{kept.parent.name}" in said
