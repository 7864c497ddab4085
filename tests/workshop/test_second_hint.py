"""The second hint shows the lines that break the promise or, if none are found, the nearest ones."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from shutil import copytree
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.workshop.edits import edit, solve
from workshop import checker, manifest
from workshop.bisection import LIKELY, lines_at_fault
from workshop.changes import Hunk, apply, lesson_files, own_change, split
from workshop.checker import check
from workshop.checks.console import Report
from workshop.first_hint import naming_the_line
from workshop.learner import catch_up
from workshop.second_hint import MOST_LINES, _solved, has_begun, second_hint, suspects
from workshop.verdict import BROKEN, Verdict
from workshop.views import View

BROKEN_05 = Verdict("05", BROKEN, 0, 27, "A promise.", "expected", "seen", "hint")


def hinted(verdict: Verdict) -> str:
    """Return the second hint about a promise whose cause is unknown."""
    view = second_hint(verdict, [])
    for side in ("yours", "the step"):  # a notebook shows what a terminal does
        assert view.text.count(side) <= view.markup.count(side)
    return view.text


def test_both_sides_of_the_line_that_failed_are_shown(my_chat: Path) -> None:
    catch_up("05")
    edit(my_chat / "app.py", "message, broadcast=True", "mesage, broadcast=True")
    edit(my_chat / "app.py", '"index.html"', "'index.html'")  # as good, and far away
    verdict = check("05", hint=2)
    assert verdict.second and verdict.second.text in str(verdict)
    assert '    remove      emit("new_message", mesage, broadcast=True)\n' in str(verdict)
    assert '    add         emit("new_message", message, broadcast=True)\n' in str(verdict)
    assert "index.html" not in verdict.second.text
    assert "mesage, broadcast" in verdict._repr_mimebundle_()["text/html"]
    assert "hint=2" not in str(verdict)


DECORATOR = '@socketio.on("new_message")\n'
PLAIN = "def handle_message("
STATUS = '    <p id="status" role="status"></p>\n'
CLOSED = "  form.reset();\n});\n"


@pytest.mark.parametrize(
    ("file", "edits", "said"),
    [
        # The decorator of a function stands above another one.
        ("app.py", [(DECORATOR, ""), (PLAIN, DECORATOR + PLAIN)],
         'Look at line 29 of app.py: `@socketio.on("new_message")`.'),
        # An element is repeated for each message, because it is inside the loop.
        ("templates/chat.html", [(STATUS, ""), ("      {% endfor", STATUS + "      {% endfor")],
         "The error occurs in static/chat.js, but its cause is in templates/chat.html. Look at line 19"),
        # Only whoever has sent a message listens, because the function ends too late.
        ("static/chat.js", [(CLOSED, "  form.reset();\n"), ("Height;\n});\n", "Height;\n});\n});\n")],
         "Look at line 26 of static/chat.js: `});`."),
    ],
)  # fmt: skip
def test_code_in_the_wrong_place_is_named(
    my_chat: Path, file: str, edits: list[tuple[str, str]], said: str
) -> None:
    catch_up("05")
    edit(my_chat / "app.py", '"index.html"', "'index.html'")  # another place, which is no mistake
    for right, wrong in edits:
        edit(my_chat / file, right, wrong)
    verdict = check("05", hint=2)
    assert verdict.state == BROKEN and verdict.hint.startswith(said), verdict
    assert verdict.about == file
    assert verdict.second and "index.html" not in verdict.second.text, verdict.second


def test_code_in_the_wrong_place_is_named_if_its_own_place_has_changed(my_chat: Path) -> None:
    """The line that empties the field is above the lines that read it, and its place has a remark."""
    catch_up("05")
    script = my_chat / "static" / "chat.js"
    edit(script, "  form.reset();\n});", "  input.focus();\n});")
    edit(script, "  event.preventDefault();", "  form.reset();\n  event.preventDefault();")
    verdict = check("05")
    assert verdict.state == BROKEN and "form.reset();" in verdict.hint, verdict


def test_code_that_may_stand_there_is_not_called_out_of_place(my_chat: Path) -> None:
    """Two lines have changed places, which is as good, and another one has a mistake."""
    catch_up("05")
    script = my_chat / "static" / "chat.js"
    author = '  line.querySelector(".author").textContent = message.username;'
    edit(script, "  log.append(line);\n", "")
    edit(script, author, f"  log.append(line);\n{author}")
    edit(script, 'querySelector("#status")', 'querySelector("#state")')
    verdict = check("05", hint=2)
    assert verdict.state == BROKEN and "Move" not in verdict.hint, verdict
    assert verdict.second and "#state" in verdict.second.text


def test_the_first_verdict_ends_with_how_to_ask(my_chat: Path) -> None:
    catch_up("03")
    verdict = check("03")
    assert verdict.second is None
    assert str(verdict).splitlines()[-1].strip().startswith("Stuck?")
    assert "check 03 --hint" in str(verdict)
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


COUNTED = "    sent_at[sid] = recent + [now]\n"
JOINED = '    emit("joined", {"username": username}, broadcast=True, include_self=False)\n'
LOCKED = "    with lock:\n        if username"


@pytest.mark.parametrize(
    ("step", "file", "edits", "hint", "yours"),
    [
        # A copy of the handler above still has that one's event.
        pytest.param("04", "app.py", [('"shout"', '"new_message"')], "Write a function below",
                     'yours     @socketio.on("new_message")', marks=pytest.mark.long),
        # The last line is inside the `if`, below the `raise`.
        ("06", "checks.py", [(COUNTED, f"    {COUNTED}")],
         "Look at line 59 of checks.py: `sent_at[sid] = recent + [now]`.",
         "yours             sent_at[sid] = recent + [now]"),
        # The last line is missing.
        pytest.param("06", "checks.py", [(COUNTED, "")], "Before `emit`", "missing    …",
                     marks=pytest.mark.long),
        # The picture is beside its link.
        pytest.param("16", "static/chat.js", [("link.prepend(", "example.before(")], "In `lineOf`",
                     "example.before(", marks=pytest.mark.long),
        # Three milliseconds.
        pytest.param("14", "static/chat.js", [("}, 3000);", "}, 3);")], "The second argument",
                     "}, 3);", marks=pytest.mark.long),
        # Who is refused has joined.
        ("07", "app.py", [(JOINED, ""), (LOCKED, JOINED + LOCKED)],
         'Look at line 48 of app.py: `emit("joined"', f"yours     {JOINED.rstrip()}"),
    ],
)  # fmt: skip
def test_the_mistake_in_a_solution_is_shown_and_nothing_is_given_away(
    my_chat: Path, step: str, file: str, edits: list[tuple[str, str]], hint: str, yours: str
) -> None:
    catch_up(step)
    solve(step, my_chat)
    for right, wrong in edits:
        edit(my_chat / file, right, wrong)
    verdict = check(step, hint=2)
    assert verdict.is_exercise and hint in verdict.hint, verdict
    assert verdict.about == file
    assert verdict.second and yours in verdict.second.text, verdict.second
    assert "the step" not in verdict.second.text


LISTENER = 'socket.on("new_message"'
ABOUT = """@app.route("/about")
def about() -> str:
    return "<h1>About</h1>"


"""
SHOUT = """@socketio.on("Shout")
def make_it_loud(data):
    return {"ok": True, "text": data["text"].upper()}


"""
LOUD = """
    @socketio.on("shout")
    def make_it_loud(data):
        return {"ok": True, "text": data["text"].upper()}
"""


def test_an_own_way_to_solve_an_exercise_is_shown_if_it_has_no_effect(my_chat: Path) -> None:
    """The handler is indented below `if __name__ == "__main__":`."""
    catch_up("04")
    edit(my_chat / "app.py", "    socketio.run(app)\n", f"    socketio.run(app)\n{LOUD}")
    verdict = check("04", hint=2)
    assert verdict.is_exercise and verdict.second
    assert '    yours         @socketio.on("shout")\n' in verdict.second.text, verdict.second
    assert "the step  " not in verdict.second.text


def test_a_try_is_shown_without_the_exercises_of_earlier_steps(my_chat: Path) -> None:
    """Comments of the step that the learner has not typed are not shown either."""
    catch_up("04")
    app = my_chat / "app.py"
    edit(app, "  # plumbing: serve the browser's part of Socket.IO", "")
    edit(app, '@app.route("/chat")', ABOUT + '@app.route("/chat")')
    edit(app, 'if __name__ == "__main__":', SHOUT + 'if __name__ == "__main__":')
    verdict = check("04", hint=2)
    assert verdict.is_exercise and verdict.second
    assert "Shout" in verdict.second.text and "def about" not in verdict.second.text, verdict.second
    assert "register_blueprint" not in verdict.second.text, verdict.second


def test_a_solution_next_to_the_mistake_is_left_alone(my_chat: Path) -> None:
    catch_up("07")
    edit(my_chat / "app.py", "        sockets[request.sid] = username\n",
         '        sockets[username] = request.sid\n    newcomer = {"username": username}\n'
         '    emit("joined", newcomer, broadcast=True, include_self=False)\n')  # fmt: skip
    verdict = check("07", hint=2)
    assert verdict.second and _sides(verdict.second) == [
        "remove          sockets[username] = request.sid",
        "add             sockets[request.sid] = username",
    ]


def test_nobody_is_told_to_remove_a_solution(my_chat: Path) -> None:
    """The page does without it, but the exercise does not."""
    catch_up("05")
    edit(my_chat / "static" / "chat.js", LISTENER, f'const wave = $("#wave");\n{LISTENER}')
    verdict = check("05", hint=2)
    assert verdict.second and not verdict.is_exercise
    assert "remove" not in verdict.second.text
    assert '    yours     const wave = $("#wave");\n' in verdict.second.text


WAVE = """\
socket.on("wave", (person) => {
  statusLine.textContent = `${person.username} waves.`;
});
"""


def test_the_solution_of_an_earlier_exercise_is_left_alone(
    my_chat: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is where the step adds lines, and similar to them."""
    catch_up("06")
    script = my_chat / "static" / "chat.js"
    above, listeners = script.read_text(encoding="utf-8").split('\n\nsocket.on("connect"')
    script.write_text(f"{above}\n\n{WAVE}", encoding="utf-8")

    def keeps(verdict: Verdict, folder: Path) -> bool:
        return listeners in (folder / "static" / "chat.js").read_text(encoding="utf-8")

    monkeypatch.setattr(checker, "_keeps", keeps)
    verdict = replace(BROKEN_05, step="06", about="static/chat.js")
    found = checker._at_fault(verdict, 2)
    assert "Something is missing below line 34" in naming_the_line(verdict, found).hint
    shown = second_hint(verdict, found)
    assert any(side.startswith("add") and "connect_error" in side for side in _sides(shown))
    assert not any(side.startswith("remove") for side in _sides(shown)), shown


def test_the_first_line_of_a_solution_is_not_to_be_removed(my_chat: Path) -> None:
    catch_up("16")
    place = '    example.before(link, " ");'
    first = '    if (upload.mime.startsWith("image/")) {'
    edit(my_chat / "static" / "chat.js", place, f"{first}\n{place}")
    shown = hinted(replace(BROKEN_05, step="16", about="static/chat.js"))
    assert "something is missing here in static/chat.js" in shown and "createElement" not in shown


@pytest.mark.parametrize(
    ("begun", "shown"),
    [
        # The form is there, but not yet the route, so the page cannot be shown.
        (lambda chat: (chat / "app.py").write_bytes(step_file("12", "app.py")),
         "something is missing here"),
        # The function that the registration calls, too, returns nothing.
        (lambda chat: edit(chat / "accounts.py", "    return generate", "    generate"),
         "    yours         generate_password_hash(password)\n"),
    ],
)  # fmt: skip
def test_a_half_solved_exercise_that_breaks_the_chat_is_not_given_away(
    my_chat: Path, begun: Callable[[Path], object], shown: str
) -> None:
    catch_up("12")
    solve("12", my_chat)
    begun(my_chat)
    verdict = check("12", hint=2)
    assert verdict.second and verdict.state == BROKEN and not verdict.is_exercise, verdict
    assert shown in verdict.second.text, verdict.second
    assert _sides(verdict.second) == []


def test_the_nearest_difference_gives_no_solution_away(my_chat: Path) -> None:
    catch_up("13")
    solve("13", my_chat)
    edit(my_chat / "static" / "chat.js", '"#leave"', '"leave"')
    shown = hinted(replace(BROKEN_05, step="13", about="static/chat.js"))
    assert '    yours     document.querySelector("leave")' in shown
    assert "the step" not in shown and '"#leave"' not in shown


def step_file(number: str, file: str) -> bytes:
    return (manifest.step(number).folder / file).read_bytes()


def test_a_line_is_named_if_its_error_occurs_in_a_file_that_is_right(my_chat: Path) -> None:
    """The learner calls a function with a wrong value, and the function's own file has no mistake."""
    catch_up("06")
    solve("06", my_chat)
    edit(my_chat / "app.py", "count_message(request.sid)", "count_message([request.sid])")
    verdict = check("06")
    assert verdict.report and verdict.report.file == "checks.py"
    assert "of app.py: `count_message([request.sid])`." in verdict.hint, verdict


@pytest.mark.parametrize(
    ("line", "said"),
    [(0, "Something is missing at the top of app.py."),
     (1, 'Something is missing below line 1 of app.py: `"""A chat')],
)  # fmt: skip
def test_a_missing_line_has_a_place_too(my_chat: Path, line: int, said: str) -> None:
    catch_up("05")
    missing = Hunk("app.py", "", ("+import something",), line, line)
    assert naming_the_line(BROKEN_05, [missing]).hint.startswith(said)


def test_the_file_with_the_mistake_is_named_in_an_exercise_too(my_chat: Path) -> None:
    catch_up("03")
    solve("03", my_chat)
    edit(my_chat / "app.py", 'get("room", "Lobby")', 'get("username", "Lobby")')
    assert check("03").rows["Look in"] == "app.py"


def test_a_solved_exercise_is_recognized_next_to_many_other_own_lines(my_chat: Path) -> None:
    """Somebody has solved the exercises of earlier steps in another way."""
    catch_up("06")
    solve("06", my_chat)
    other = "".join(f"const own{number} = {number};\n" for number in range(40))
    with (my_chat / "static" / "chat.js").open("a", encoding="utf-8") as script:
        script.write(other)
    edit(my_chat / "checks.py", ">= MOST_MESSAGES", "> MOST_MESSAGES")
    assert has_begun(replace(BROKEN_05, step="06"))


def test_a_solved_exercise_is_not_shown_in_place_of_the_mistake(my_chat: Path) -> None:
    catch_up("05")
    solve("05", my_chat)  # which adds lines right above the mistake
    edit(my_chat / "static" / "chat.js", "  log.append(line);\n", "")
    verdict = check("05", hint=2)
    assert verdict.second
    assert "change static/chat.js as in step 05:" in verdict.second.text
    assert _sides(verdict.second) == ["add       log.append(line);"]


def test_all_lines_that_break_a_promise_are_shown_from_the_top(my_chat: Path) -> None:
    catch_up("05")
    solve("05", my_chat)
    script = my_chat / "static" / "chat.js"
    right = ("= message.username;", "  log.append(line);")
    edit(script, right[0], "= message.name;")
    edit(script, right[1] + "\n", "")

    def holds(folder: Path) -> bool:
        source = (folder / "static" / "chat.js").read_text(encoding="utf-8")
        return all(line in source for line in right)

    verdict = replace(BROKEN_05, about="static/chat.js")
    found = lines_at_fault(my_chat, suspects(verdict), holds)
    name, *_, line = _sides(second_hint(verdict, found))
    assert name.startswith("remove") and "= message.name;" in name
    assert line == "add       log.append(line);"


def _sides(hint: View) -> list[str]:
    lines = [line.strip() for line in hint.text.splitlines()]
    return [line for line in lines if line.startswith(("remove", "add"))]


def test_a_file_that_another_one_needs_is_named(my_chat: Path) -> None:
    catch_up("08")
    (my_chat / "models.py").unlink()
    verdict = check("08", hint=2)
    assert verdict.second
    assert verdict.second.text.strip() == (
        "Second hint: Step 08 has a file models.py, but mine/chat has no file of that name."
    )


LINES = 12


@settings(max_examples=12)
@given(st.sets(st.integers(0, LINES - 1), min_size=1, max_size=3), st.permutations(range(LINES)))
def test_bisection_finds_the_lines_that_matter_and_no_other(
    wrong: set[int], order: list[int]
) -> None:
    with TemporaryDirectory() as folder:
        mine, step = Path(folder, "mine"), Path(folder, "step")
        for each, words in ((mine, "mine"), (step, "step")):
            each.mkdir()
            lines = (f"{number} {words}\nsame" for number in range(LINES))
            (each / "app.py").write_text("\n".join(lines), encoding="utf-8")
        tries = 0

        def holds(chat: Path) -> bool:
            nonlocal tries
            tries += 1
            lines = (chat / "app.py").read_text(encoding="utf-8").splitlines()
            return all(f"{number} step" in lines for number in wrong)

        hunks = own_change(mine, step, context=0)
        found = lines_at_fault(mine, [hunks[place] for place in order], holds)
        assert {hunk.added[0] for hunk in found} == {f"{number} step" for number in wrong}
        assert tries <= LIKELY + 1 + 5 * len(wrong)
        assert not lines_at_fault(mine, hunks, lambda folder: False)


def test_the_first_hint_names_the_file_that_breaks_the_promise(my_chat: Path) -> None:
    """The page emits nothing, and the script is fine. What is said about the script would not help."""
    catch_up("05")
    edit(my_chat / "templates" / "chat.html", 'autocomplete="off"', 'autocomplete="off" disabled')
    verdict = check("05")
    assert verdict.rows["Look in"] == "templates/chat.html", verdict
    assert verdict.hint.startswith("Look at line 24 of templates/chat.html: `<input id="), verdict


def test_the_first_hint_names_the_line_that_breaks_the_promise(my_chat: Path) -> None:
    """The hint about the promise asks for what is there. Only a test can tell which line is wrong."""
    catch_up("06")
    script = my_chat / "static" / "chat.js"
    edit(
        script,
        'form.addEventListener("sub',
        'const up = socket.connected;\nform.addEventListener("sub',
    )
    edit(script, "if (!socket.connected)", "if (!up)")
    verdict = check("06")
    assert verdict.hint.startswith("Look at line 14 of static/chat.js: `if (!up) {`. In "), verdict
    assert "says “Not connected. Your text stays here.”." in verdict.seen


@pytest.mark.parametrize("step", manifest.steps(), ids=lambda step: step.name)
def test_the_solution_is_what_git_makes_of_the_patch(step: manifest.Step, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    copytree(step.folder, copy)
    solve(step.number, copy)
    assert lesson_files(_solved(step.number)) == lesson_files(copy)


def test_a_solved_exercise_is_no_difference(my_chat: Path) -> None:
    catch_up("05")
    solve("05", my_chat)
    edit(my_chat / "static" / "chat.js", "= message.username;", "= message.name;")
    (hunk,) = suspects(BROKEN_05)
    assert hunk.removed != hunk.added and "message.name" in hunk.removed[0]


def test_a_comment_that_was_not_typed_is_no_difference(my_chat: Path) -> None:
    catch_up("05")
    script, app = my_chat / "static" / "chat.js", my_chat / "app.py"
    edit(script, "; // until the acknowledgement comes", ";")
    edit(app, '    """Take {"username": str, "text": str} and return the acknowledgement."""\n', "")
    assert not suspects(BROKEN_05)
    edit(app, 'broadcasts to everyone."""', "broadcasts to everyone.")  # a docstring without an end
    (hunk,) = suspects(BROKEN_05)
    assert hunk.old_start == 0


def test_a_promise_that_holds_now_blames_no_line(my_chat: Path) -> None:
    catch_up("05")
    edit(my_chat / "static" / "chat.js", "= message.username;", "= message.name;")
    hunks = suspects(BROKEN_05)
    assert not lines_at_fault(my_chat, hunks, lambda folder: True)


CODE = st.lists(
    st.sampled_from(["a = get(1)", "a = get(2)", "b", "    b", "", "c = f(a)"]), max_size=6
)


@given(CODE, CODE)
def test_the_parts_of_a_hunk_do_together_what_it_does(old: list[str], new: list[str]) -> None:
    lines = *(f"-{line}" for line in old), *(f"+{line}" for line in new)
    hunk = Hunk("app.py", "", lines, 1, 1)
    with TemporaryDirectory() as folder:
        file = Path(folder) / "app.py"
        file.write_text("\n".join(["first", *old, "last", ""]), encoding="utf-8")
        apply(split(hunk), Path(folder))
        assert file.read_text(encoding="utf-8").splitlines() == ["first", *new, "last"]
