"""The checker tells a learner one thing, and the right one."""

import shutil
import subprocess
from pathlib import Path

import pytest

from workshop import environments, manifest
from workshop.checker import BROKEN, KEPT, OPEN, check, solved
from workshop.first_cell import pinned_versions
from workshop.learner import catch_up
from workshop.stages import stage

STEPS = pytest.mark.parametrize("step", manifest.steps(), ids=lambda step: step.name)


def apply_patch(step: manifest.Step, folder: Path) -> None:
    """Apply the step's tested solution to a copy of it."""
    patch = step.folder / "exercise.patch"
    subprocess.run(["git", "apply", str(patch)], cwd=folder, check=True, capture_output=True)


def install_flask() -> None:
    """Give the second environment the pinned Flask: linked from here, so that no network is needed."""
    second = environments.make_environment("second")
    site = second.run("import sysconfig; print(sysconfig.get_path('purelib'))")
    import flask

    here = Path(flask.__file__).parents[1]
    (Path(site) / "workshop-packages.pth").write_text(str(here), encoding="utf-8")


def test_without_a_chat_there_is_nothing_to_blame(my_chat: Path) -> None:
    verdict = check("05")
    assert verdict.state == OPEN
    assert "mine/chat/app.py" in verdict.sentence


@STEPS
def test_a_copy_of_a_step_is_told_only_that_the_exercise_is_open(
    my_chat: Path, step: manifest.Step
) -> None:
    catch_up(step.number)
    verdict = check(step.number)
    assert verdict.state == OPEN, verdict
    assert verdict.kept == verdict.total - 1
    assert "Not attempted yet" in str(verdict)
    assert step.name not in solved()


@STEPS
def test_the_solution_of_the_exercise_passes(my_chat: Path, step: manifest.Step) -> None:
    catch_up(step.number)
    apply_patch(step, my_chat)
    if step.number == "01":
        install_flask()
    verdict = check(step.number)
    assert verdict.state == KEPT, verdict
    assert step.name in solved()


def test_the_pin_in_the_first_solution_is_the_pin_of_the_lock() -> None:
    patch = (manifest.step("01").folder / "exercise.patch").read_text(encoding="utf-8")
    assert f"+flask=={pinned_versions()['flask']}\n" in patch


def test_an_earlier_step_is_told_what_the_next_one_asks(my_chat: Path) -> None:
    """A learner who checks too far ahead hears of the first missing thing, not of the last."""
    catch_up("03")
    verdict = check("05")
    assert verdict.state == BROKEN
    assert "acknowledgement" in verdict.sentence
    assert "SocketIO(app" in verdict.hint


def test_the_exercise_of_05_does_not_break_the_promise_that_it_withdraws(my_chat: Path) -> None:
    catch_up("05")
    apply_patch(manifest.step("05"), my_chat)
    assert check("05").state == KEPT


def test_without_the_exercise_the_withdrawn_promise_still_counts(my_chat: Path) -> None:
    """The negative twin: leaving the sender out is only fine when the others still hear."""
    catch_up("05")
    app = my_chat / "app.py"
    source = app.read_text(encoding="utf-8")
    app.write_text(source.replace("broadcast=True)\n    return", "include_self=False)\n    return"))
    assert check("05").state == BROKEN


def test_leaving_the_sender_out_needs_the_page_too(my_chat: Path) -> None:
    """Half of the exercise: who sends a message no longer sees it."""
    catch_up("05")
    app = my_chat / "app.py"
    source = app.read_text(encoding="utf-8")
    app.write_text(
        source.replace(
            "broadcast=True)\n    return", "broadcast=True, include_self=False)\n    return"
        )
    )
    verdict = check("05")
    assert verdict.state == BROKEN
    assert "showMessage(message)" in verdict.hint


def test_a_renamed_folder_is_noticed_by_the_next_check(my_chat: Path) -> None:
    catch_up("03")
    assert check("03").state == OPEN
    (my_chat / "templates").rename(my_chat / "template")
    assert "Is the folder spelt with an s" in check("03").hint


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


# What learners type wrongly, and a piece of the hint that names it: step, file, right, wrong, hint.
MISTAKES = [
    ("01", "app.py", "Flask(__name__)", "Flask(__name__", "Python cannot read line"),
    ("01", "app.py", "    return PAGE", "return PAGE", "indented wrongly"),
    ("01", "app.py", "import sys\n", "", "`sys` is used but never imported"),
    ("01", "app.py", "app = Flask", "application1 = Flask", "`app` is used but never"),
    ("01", "app.py", "return PAGE", "PAGE", "Does its last line begin with `return`?"),
    ("01", "app.py", "from flask import", "from flsk import", "finds no module `flsk`"),
    ("02", "app.py", '"/chat")', '"chat")', "must begin with a slash"),
    ("02", "app.py", '"/chat")', '"/chatt")', 'Is `@app.route("/chat")` there'),
    ("02", "app.py", ' name="username"', "", "an `id` alone sends nothing"),
    ("02", "app.py", 'method="get"', 'method="post"', "a POST ends in 405"),
    ("02", "app.py", "{escape(username)}", "{username}", "must be escaped"),
    ("02", "app.py", 'url_for("index")', 'url_for("/")', "wants the name of a function"),
    ("02", "app.py", '.get("username"', '.get("name"', "Compare the name inside"),
    ("02", "app.py", ".strip()", "", "a name of blanks counts as none"),
    ("03", "app.py", '"chat.html"', '"chat.htm"', "Flask looks for `chat.htm`"),
    ("03", "app.py", "username=username, ", "", "under the name that the page uses"),
    ("03", "templates/chat.html", "{{ username }}", "{{ username|safe }}", "unless `|safe`"),
    ("03", "templates/chat.html", "      {% endfor %}\n", "", "needs its {% endfor %}"),
    ("03", "templates/chat.html", "chat-messages", "messages", "letter by letter"),
    ("03", "templates/index.html", "style.css", "styles.css", "is style.css in it, spelt so"),
    ("04", "app.py", 'on("new_message")', 'on("newmessage")', "spelt exactly so?"),
    ("04", "app.py", 'return {"ok": True}', "pass", "What the handler returns"),
    ("04", "app.py", "(message: dict[str, str])", "()", "one parameter"),
    ("04", "app.py", "import SocketIO, send", "import SocketIO", "`send` is used but never"),
    ("04", "templates/chat.html", ' data-username="{{ username }}"', "", "dataset.username"),
    ("04", "static/chat.js", 'emit("new_message"', 'emit("new message"', "same name on both sides"),
    ("05", "app.py", "message, broadcast=True", "message", "`emit` alone answers only the sender"),
    ("05", "app.py", 'emit("new_message", message', "send(message", "`send` always uses the event"),
    ("05", "app.py", 'emit("new_message"', 'emit("message_new"', "must be `new_message`"),
    ("05", "app.py", '    emit("new_message", message, broadcast=True)\n', "", "Is the line"),
    ("05", "app.py", '"new_message", message,', '"new_message", message["text"],', "whole object"),
    ("05", "app.py", "import SocketIO, emit, send", "import SocketIO, send", "`emit` is used but"),
    ("05", "static/chat.js", ".text\").textContent", ".text\").innerHTML", "run whatever somebody"),
    ("05", "static/chat.js", 'socket.on("new_message"', 'socket.on("message"', "same name on both"),
    ("01", "app.py", "python=sys.executable", "", "a gap `{python}`"),
    ("02", "app.py", 'f"Welcome', '"Welcome', "The braces came through"),
    ("03", "templates/chat.html", "{{ username }}", "{ username }", "The braces came through"),
    ("03", "app.py", 'render_template("index.html")', "PAGE.format()", "nothing defines it"),
    ("04", "app.py", "app.register_blueprint(socketio_browser)", "", "register_blueprint(socketio"),
    ("04", "app.py", '{"ok": True}', '{"ok": "yes".upper}', "are the brackets `()` missing"),
    ("04", "static/chat.js", "  form.reset();\n});", "  form.reset();\n}", "every ( [ { and every"),
    ("04", "static/chat.js", '"#message-form"', '"message-form"', "looked for with # before it"),
    ("04", "static/chat.js", '"#status"', '"#stat"', "must be the same, letter by letter"),
    ("04", "static/chat.js", "const input", "const inputs", "Is `input` spelt the same"),
    ("05", "static/chat.js", "const template = ", "", "Is `template` spelt the same"),
    ("05", "static/chat.js", "  log.append(line);\n", "", "At its end: `log.append(line)`"),
]  # fmt: skip

TWICE = (
    '    emit("new_message", message, broadcast=True)\n',
    '    emit("new_message", message, broadcast=True)\n    socketio.emit("new_message", message)\n',
)
MISTAKES.append(("05", "app.py", *TWICE, "It is sent more than once"))


@pytest.mark.parametrize(
    ("number", "file", "right", "wrong", "hint"),
    MISTAKES,
    ids=[f"{m[0]} {m[1].rpartition('/')[2]} {m[4]}" for m in MISTAKES],
)
def test_a_typical_mistake_gets_the_hint_that_names_it(
    my_chat: Path, number: str, file: str, right: str, wrong: str, hint: str
) -> None:
    catch_up(number)
    path = my_chat / file
    source = path.read_text(encoding="utf-8")
    assert right in source, "the mistake changes nothing"
    path.write_text(source.replace(right, wrong), encoding="utf-8")
    verdict = check(number)
    assert verdict.state == BROKEN
    assert hint in verdict.hint, verdict


def test_a_folder_spelt_template_is_named(my_chat: Path) -> None:
    catch_up("03")
    (my_chat / "templates").rename(my_chat / "template")
    assert "spelt with an s" in check("03").hint


def test_a_file_that_hides_flask_is_named(my_chat: Path) -> None:
    catch_up("01")
    shutil.copy(my_chat / "app.py", my_chat / "flask.py")
    verdict = check("01")
    assert verdict.state == BROKEN
    assert "hides a library" in verdict.hint, verdict


def test_flask_in_the_wrong_environment_is_named(my_chat: Path) -> None:
    catch_up("01")
    apply_patch(manifest.step("01"), my_chat)
    environments.make_environment("second")
    verdict = check("01")
    assert verdict.state == BROKEN
    assert "with *that* Python" in verdict.hint


def test_a_name_without_a_version_is_no_pin(my_chat: Path) -> None:
    catch_up("01")
    (my_chat / "requirements.txt").write_text("flask\n", encoding="utf-8")
    assert "no pin" in check("01").hint
