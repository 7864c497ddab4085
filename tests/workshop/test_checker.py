"""The checker reports one problem to a learner, and it is the right one."""

import os
import shutil
import venv
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest

from tests.workshop.edits import edit, solve
from tests.workshop.quick import SLOW, check_exercise, quick_check
from workshop import checker, environments, manifest
from workshop.checker import MOST_SEEN, WORD, brief, check, examine, solved
from workshop.checks import CannotRun, promises_of
from workshop.checks.client import PLACEHOLDER
from workshop.checks.console import from_script
from workshop.first_cell import pinned_versions
from workshop.learner import catch_up
from workshop.stages import stage
from workshop.verdict import BROKEN, KEPT, OPEN, Verdict

STEPS = pytest.mark.parametrize("step", manifest.steps(), ids=lambda step: step.name)


def make_environment() -> environments.Environment:
    """Make the second environment without pip, which takes most of the time."""
    venv.create(environments.second().folder, symlinks=os.name == "posix")
    return environments.second()


def install_flask() -> None:
    """Link the pinned Flask into the second environment, so that no network is needed."""
    site = make_environment().run("import sysconfig; print(sysconfig.get_path('purelib'))")
    import flask

    here = Path(flask.__file__).parents[1]
    (Path(site) / "workshop-packages.pth").write_text(str(here), encoding="utf-8")


def test_without_a_chat_there_is_nothing_to_blame(my_chat: Path) -> None:
    verdict = check("05")
    assert verdict.state == OPEN
    assert "mine/chat/app.py" in verdict.sentence


@pytest.mark.parametrize(
    ("written", "shown", "hint"),
    [
        (
            '"${person.username} waves."',
            "“${person.username} waves.”",
            "set `statusLine.textContent`",
        ),
        ("`${person.name} waves.`", "“undefined waves.”", "an object that contains their name"),
    ],
)
def test_the_verdict_on_a_wave_quotes_what_the_page_shows_afterwards(
    my_chat: Path, written: str, shown: str, hint: str
) -> None:
    catch_up("05")
    solve("05", my_chat)
    script = my_chat / "static" / "chat.js"
    source = script.read_text(encoding="utf-8")
    right = "`${person.username} waves.`"
    assert right in source, "the mistake changes nothing"
    script.write_text(source.replace(right, written), encoding="utf-8")
    verdict = check_exercise("05")
    assert verdict.state == BROKEN and shown in verdict.seen and hint in verdict.hint, verdict


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ('message["text"].upper()', '"HELLO"'),  # right only in the notebook's example
        ('True, "text"', '"False", "text"'),  # a string, which is true in any case
    ],
)
def test_a_shout_with_a_wrong_acknowledgement_is_noticed(
    my_chat: Path, right: str, wrong: str
) -> None:
    catch_up("04")
    solve("04", my_chat)
    edit(my_chat / "app.py", right, wrong)
    verdict = check_exercise("04")
    assert verdict.state == BROKEN and verdict.is_exercise, verdict


@pytest.mark.parametrize(
    ("number", "shown"),
    [
        ("05", "statusLine.textContent = `${person.username} waves"),
        ("07", "line.textContent = `${person.username} has joined"),
        pytest.param("14", "typing.textContent = `${person.username} is", marks=pytest.mark.long),
    ],
)
def test_a_page_that_runs_what_a_name_contains_is_noticed(
    my_chat: Path, number: str, shown: str
) -> None:
    catch_up(number)
    solve(number, my_chat)
    edit(my_chat / "static" / "chat.js", shown, shown.replace("textContent", "innerHTML"))
    verdict = check_exercise(number)
    assert verdict.state == BROKEN and "`innerHTML` would run" in verdict.hint, verdict


@pytest.mark.parametrize(
    ("number", "file", "right", "wrong", "seen"),
    [
        # The wait is the time since the first message.
        ("06", "checks.py", "recent[0] + PERIOD - now", "now - recent[0]", "retry_after"),
        # The message contains the name of a variable, and not its value.
        ("06", "checks.py", 'f"Too many', '"Too many', "Wait {wait} s."),
        ("06", "checks.py", 'f"Too many messages. Wait {wait}', '"Wait {ceil(wait)}', "{ceil(wait)}"),
        # The page shows only who joined last.
        ("07", "static/chat.js", 'document.createElement("p");\n  line.textContent = `${p',
         'document.querySelector("h1");\n  line.textContent = `${p', "but not Bo's"),
        ("11", "accounts.py", "name, now = username.strip()", "name, now = username", "more attempts"),
        # After the change, the browser shows “Internal Server Error”.
        ("12", "app.py", 'session["token"])\n    return redirect(url_for("chat"))',
         'session["token"])', "status 500"),
        # The server refuses what the page sends.
        ("12", "templates/chat.html",
         'csrf_token() }}">\n        <label', 'csrf_token }}">\n        <label', "status 400"),
        ("12", "templates/chat.html",
         "{{ url_for('change_password') }}", "{{ url_for('log_in') }}", "'/login'"),
        ("16", "static/chat.js", 'picture.alt = "";', "", "an `<img>` without `alt`"),
        # The page shows only who is typing in another room.
        ("14", "static/chat.js", "person.room !== room", "person.room === room", "Nothing changed"),
    ],
)  # fmt: skip
def test_a_solution_that_a_person_could_not_use_is_noticed(
    my_chat: Path, number: str, file: str, right: str, wrong: str, seen: str
) -> None:
    catch_up(number)
    solve(number, my_chat)
    edit(my_chat / file, right, wrong)
    verdict = check_exercise(number)
    assert verdict.state == BROKEN and seen in verdict.seen, verdict


@pytest.mark.parametrize(
    "message", ["Wait {wait:.0f} s.", "At most {MOST_MESSAGES}.", "{names[0]}"]
)
def test_code_in_the_message_of_a_refusal_is_noticed(message: str) -> None:
    assert PLACEHOLDER.search(message)


@pytest.mark.parametrize(
    "message", ['Send {text: "Hi"}.', "Got {'text': 1}.", "Got {}.", "Got {1}."]
)
def test_the_message_of_a_refusal_can_contain_braces(message: str) -> None:
    assert not PLACEHOLDER.search(message)


def test_the_hint_about_a_message_that_should_be_accepted_leads_to_its_refusal(
    my_chat: Path,
) -> None:
    catch_up("06")
    solve("06", my_chat)
    edit(my_chat / "checks.py", "MOST_MESSAGES, PERIOD = 10,", "MOST_MESSAGES, PERIOD = 9,")
    verdict = check_exercise("06")
    assert "rate_limited" in verdict.seen and "the condition above it" in verdict.hint, verdict


@pytest.mark.parametrize(
    ("step", "file", "button", "story"),
    [
        ("11", "chat.html", "<button>Log out</button>", "the_button_logs_out"),
        ("13", "rooms.html", "<button>Go</button>", "a_room_can_be_opened_on_the_page"),
    ],
)
def test_a_form_without_a_button_is_noticed(
    my_chat: Path, step: str, file: str, button: str, story: str
) -> None:
    catch_up(step)
    edit(my_chat / "templates" / file, button, "")
    told = [each for each in promises_of(step) if each.trial.__name__ == story]
    verdict = examine(stage("mine", signed=False), step, told)
    assert verdict.state == BROKEN and "button" in verdict.expected, verdict


@pytest.mark.parametrize(
    "button",
    [
        '</form> <button form="log-out">Log out</button>',
        '<input type="image" alt="Log out"></form>',
        '<button type="button">Cancel</button> <input type="submit" value="Log out"></form>',
    ],
    ids=["outside the form", "image", "second button"],
)
def test_every_kind_of_button_can_send_a_form(my_chat: Path, button: str) -> None:
    catch_up("11")
    edit(my_chat / "templates" / "chat.html", "<button>Log out</button>\n    </form>", button)
    told = [each for each in promises_of("11") if each.trial.__name__ == "the_button_logs_out"]
    verdict = examine(stage("mine", signed=False), "11", told)
    assert told and verdict.state == KEPT, verdict


def test_a_wave_that_sends_the_form_is_noticed(my_chat: Path) -> None:
    catch_up("05")
    solve("05", my_chat)
    edit(my_chat / "templates" / "chat.html", 'id="wave" type="button"', 'id="wave"')
    verdict = check_exercise("05")
    assert verdict.state == BROKEN and 'type="button"' in verdict.hint, verdict
    assert verdict.about == "templates/chat.html"


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        # The listener emits, too, so the pages send each other waves forever.
        ("(person) => {", '(person) => { socket.emit("wave", person);'),
        # A click on the field is a click in the form, so it waves.
        ('document.querySelector("#wave").add', "form.add"),
    ],
)
def test_a_wave_without_a_click_on_its_button_is_noticed(
    my_chat: Path, right: str, wrong: str
) -> None:
    catch_up("05")
    solve("05", my_chat)
    edit(my_chat / "static" / "chat.js", right, wrong)
    verdict = check_exercise("05")
    assert verdict.state == BROKEN and "Only a click on the button" in verdict.hint, verdict
    assert verdict.about == "static/chat.js"


# tests/contract tries the same promises on the same steps, and that the exercise is not attempted.
@pytest.mark.parametrize(
    "step",
    [
        pytest.param(step, id=step.name, marks=[] if step.number in "03 05" else [pytest.mark.long])
        for step in manifest.steps()
    ],
)
def test_a_copy_of_a_step_is_told_only_that_the_exercise_is_open(
    my_chat: Path, step: manifest.Step
) -> None:
    catch_up(step.number)
    verdict = check(step.number)
    assert verdict.state == OPEN, verdict
    assert verdict.kept == verdict.total - 1
    assert "Not there yet" in str(verdict)
    assert step.name not in solved()


@STEPS
def test_the_solution_of_the_exercise_passes(my_chat: Path, step: manifest.Step) -> None:
    catch_up(step.number)
    solve(step.number, my_chat)
    if step.number == "01":
        install_flask()
    verdict = quick_check(step.number)
    assert verdict.state == KEPT, verdict


@pytest.mark.parametrize("heading", ["<h2>About</h2>", "<h1>My chat</h1><h2>About</h2>"])
def test_the_about_page_can_have_any_heading(my_chat: Path, heading: str) -> None:
    catch_up("02")
    solve("02", my_chat)
    edit(
        my_chat / "app.py", 'PAGE.format(title="About"', f'"{heading}" or PAGE.format(title="About"'
    )
    verdict = check("02")
    assert verdict.state == KEPT, verdict


@pytest.mark.parametrize(
    "step",
    [
        pytest.param(manifest.step(n), id=n, marks=[pytest.mark.long] if n >= SLOW else [])
        for n in ("03", "11", "13", "16")
    ],
)
def test_a_step_is_solved_when_its_check_has_passed(my_chat: Path, step: manifest.Step) -> None:
    catch_up(step.number)
    solve(step.number, my_chat)
    assert check(step.number).state == KEPT
    assert step.name in solved()


@pytest.mark.parametrize("damaged", ["", "5", "[[1]]", '[1, "03_templates"]', '{"a": 1}'])
def test_damaged_notes_on_solved_steps_stop_nothing(my_chat: Path, damaged: str) -> None:
    note = my_chat.parent / "progress.json"
    note.write_text(damaged, encoding="utf-8")
    assert solved() <= {"03_templates"}
    checker._remember("02_routes")
    assert "02_routes" in solved()
    note.unlink()
    note.mkdir()
    checker._remember("02_routes")
    assert solved() == set()


def test_a_second_save_within_a_second_is_noticed(my_chat: Path) -> None:
    """Python keeps its bytecode if a file has the same size and the same time in seconds."""
    catch_up("01")
    app = my_chat / "app.py"
    source = app.read_text(encoding="utf-8")
    for wrong in ("__nam__", "__nme__"):
        app.write_text(source.replace("Flask(__name__)", f"Flask({wrong})"), encoding="utf-8")
        os.utime(app, (0, 0))
        assert wrong in check("01").seen


def test_the_pin_in_the_first_solution_is_the_pin_of_the_lock() -> None:
    patch = (manifest.step("01").folder / "exercise.patch").read_text(encoding="utf-8")
    assert f"+flask=={pinned_versions()['flask']}\n" in patch


def test_an_earlier_step_is_told_what_the_next_one_asks(my_chat: Path) -> None:
    """If learners check a step too early, they see the first missing thing, and not the last."""
    catch_up("03")
    verdict = check("05")
    assert verdict.state == BROKEN
    assert "acknowledges" in verdict.sentence
    assert "SocketIO(app" in verdict.hint


@pytest.mark.parametrize(
    "solved", [False, pytest.param(True, marks=pytest.mark.long)], ids=["", "solved"]
)
@pytest.mark.parametrize(
    ("has", "asked"),
    [
        pytest.param(has, asked, marks=[pytest.mark.long] if asked > "07" else [])
        for has, asked in pairwise(step.number for step in manifest.steps())
    ],
)
def test_a_later_step_is_told_the_first_thing_that_is_new(
    my_chat: Path, has: str, asked: str, solved: bool
) -> None:
    """The earlier promises hold, because people enter this chat in its own way."""
    catch_up(has)
    if solved:
        solve(has, my_chat)
    verdict = examine(stage("mine", signed=False), asked, promises_of(asked))
    new = [each for each in promises_of(asked) if each.since == asked]
    assert verdict.state in (OPEN, BROKEN)
    assert verdict.sentence == new[0].sentence, verdict


def test_a_check_leaves_no_data_in_the_learners_folder(my_chat: Path) -> None:
    catch_up("08")
    check("08")
    assert not (my_chat / "instance").exists()


def test_a_page_that_fails_is_seen_as_that_and_not_as_a_form_without_a_token(
    my_chat: Path,
) -> None:
    catch_up(SLOW)
    app = my_chat / "app.py"
    source = app.read_text(encoding="utf-8")
    app.write_text(source.replace("user=user, ", "user=username, "), encoding="utf-8")
    verdict = quick_check(SLOW)
    assert "NameError: name 'username' is not defined" in verdict.seen
    assert "CSRF" not in verdict.seen
    app.write_text(source, encoding="utf-8")
    for name in ("index.html", "chat.html"):
        page = my_chat / "templates" / name
        form = page.read_text(encoding="utf-8").replace('name="csrf_token"', 'name="token"')
        page.write_text(form, encoding="utf-8")
    assert "CSRF" in quick_check(SLOW).seen, "the twin: here the token is what is missing"


def test_a_renamed_folder_is_noticed_by_the_next_check(my_chat: Path) -> None:
    catch_up("03")
    assert check("03").state == OPEN
    (my_chat / "templates").rename(my_chat / "template")
    assert "`chat/template/index.html`, but your chat needs `chat/templates/" in check("03").hint


def test_what_jupyterlab_leaves_beside_a_file_does_not_restart_the_chat(my_chat: Path) -> None:
    catch_up("03")
    with stage("mine") as chat:
        (my_chat / ".ipynb_checkpoints").mkdir()
        (my_chat / ".ipynb_checkpoints" / "app-checkpoint.py").touch()
        assert not chat.stale()
        (my_chat / "app.py").touch()
        assert chat.stale()


def test_an_unknown_step_is_answered_with_the_list(my_chat: Path) -> None:
    with pytest.raises(LookupError, match="05_broadcast"):
        check("77")


def test_a_verdict_looks_the_same_in_a_terminal_and_in_a_notebook(my_chat: Path) -> None:
    verdict = check("01")
    bundle = verdict._repr_mimebundle_()
    assert bundle["text/plain"] == str(verdict)
    assert "app.py" in bundle["text/html"]


@pytest.mark.usefixtures("unforked")
def test_a_file_that_hides_flask_is_named(my_chat: Path) -> None:
    catch_up("01")
    shutil.copy(my_chat / "app.py", my_chat / "flask.py")
    verdict = check("01")
    assert verdict.state == BROKEN
    assert "it hides that library" in verdict.hint, verdict


def test_flask_in_the_wrong_environment_is_named(my_chat: Path) -> None:
    catch_up("01")
    solve("01", my_chat)
    make_environment()
    verdict = check("01")
    assert verdict.state == BROKEN
    assert "Install Flask with the Python of mine/second" in verdict.hint


def test_a_name_without_a_version_is_no_pin(my_chat: Path) -> None:
    catch_up("01")
    (my_chat / "requirements.txt").write_text("flask\n", encoding="utf-8")
    assert "does not pin a version" in check("01").hint


def test_a_card_shows_the_two_ends_of_what_is_long() -> None:
    assert brief("['Hello', 'Bo']") == "['Hello', 'Bo']"
    assert brief(f"['{'a' * 500}', 'Bo']") == f"['{'a' * WORD}…', 'Bo']"
    words = " ".join(str(number) for number in range(1000))
    assert brief(words).startswith("0 1 2 ") and brief(words).endswith(" 998 999")
    assert len(brief(words)) <= MOST_SEEN + len(" … ")


def test_what_cannot_be_tried_is_never_called_well_done(
    my_chat: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def needs_a_browser(chat: object) -> None:
        raise CannotRun("This machine has no V8.")

    catch_up("03")
    solve("03", my_chat)
    every = promises_of("03")
    held = [replace(each, trial=needs_a_browser) if each.since == "03" else each for each in every]
    monkeypatch.setattr(checker, "promises_of", lambda number: held)
    left_out = [each.sentence for each in held if each.since == "03"]
    verdict = check("03")
    assert verdict.state == KEPT, verdict
    assert verdict.untried == tuple(left_out) and left_out
    assert verdict.kept == verdict.total - len(left_out)
    for said in (str(verdict), verdict._repr_mimebundle_()["text/html"]):
        assert "Well done" not in said and "all 13" not in said
        assert f"{verdict.kept} of {verdict.total} promises are kept, {len(left_out)} could" in said
        assert "This machine has no V8." in said
    assert all(sentence in str(verdict) for sentence in left_out)
    assert "03_templates" not in solved()


def test_a_script_in_several_modules_is_not_tried_and_not_accused(my_chat: Path) -> None:
    catch_up("04")
    solve("04", my_chat)
    edit(my_chat / "templates" / "chat.html", "<script src", '<script type="module" src')
    script = my_chat / "static" / "chat.js"
    script.write_text('import { tea } from "./tea.js";\n' + script.read_text(encoding="utf-8"))
    verdict = check("04")
    assert verdict.state == KEPT and verdict.untried, verdict
    assert "`static/chat.js` is a module that imports" in verdict.why_untried


def test_a_broken_promise_is_counted_after_those_that_were_not_tried() -> None:
    verdict = Verdict(
        "03", BROKEN, 4, 13, "It holds.", untried=("One.", "Two."), why_untried="No V8."
    )
    assert "promise 7 of 13 is not kept" in verdict.headline
    assert "It holds. 2 could not be tested. No V8." in verdict.headline
    assert verdict.rows["Untried"] == "One. Two."


def test_a_passed_check_leads_to_the_next_notebook(my_chat: Path) -> None:
    verdict = Verdict("05", KEPT, 27, 27)
    assert str(verdict).splitlines()[-1].split() == ["Next:", "notebooks/06_refusals.ipynb"]
    assert 'href="06_refusals.ipynb"' in verdict._repr_mimebundle_()["text/html"]
    own = my_chat.parent / "notebooks" / "06_refusals.ipynb"
    own.parent.mkdir(parents=True)
    own.touch()
    assert str(verdict).endswith(str(own))
    assert "Next" in str(Verdict(manifest.steps()[-1].number, KEPT, 1, 1)), (
        "a lab comes after the last step"
    )
    assert "Next" not in str(Verdict(manifest.labs()[-1].number, KEPT, 1, 1))
    assert "Next" not in str(replace(verdict, state=BROKEN))


def test_the_line_that_failed_is_shown_with_its_mark(my_chat: Path) -> None:
    catch_up("02")
    app = my_chat / "app.py"
    source = app.read_text(encoding="utf-8")
    assert 'url_for("index")' in source
    app.write_text(source.replace('url_for("index")', "url_for(index_)"), encoding="utf-8")
    verdict = check("02")
    line = next(n for n, text in enumerate(source.splitlines(), 1) if 'url_for("index")' in text)
    assert f"  At:       app.py:{line}\n" in str(verdict)
    _, code, mark = verdict.rows["At"].split("\n")
    assert code[mark.index("^") : mark.rindex("^") + 1] == "index_"
    assert "<pre" in verdict._repr_mimebundle_()["text/html"]


def test_the_words_of_an_error_are_shown_where_what_was_seen_does_not_hold_them() -> None:
    report = from_script(
        "TypeError: form.rest is not a function", "static/chat.js", 3, 6, "form.rest();"
    )
    seen = Verdict(
        "05", BROKEN, 1, 2, "It sends.", "sent", "nothing was sent", report.meaning, report
    )
    assert seen.rows["Error"] == report.words
    assert seen.rows["At"] == "static/chat.js:3:6\nform.rest();\n     ^"
    assert "Error" not in replace(seen, seen=f"nothing; {report.words}").rows
