"""The notebooks show everything in the steps, and keep within the budgets."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.repo import lessons
from tests.repo.lessons import NOTEBOOKS, cells, prose, shown_hunks
from workshop import changes, manifest, paths

TERMS_A_STEP = 5
TERMS_A_CHECKPOINT_OF_A_LAB = 3
MINUTES_A_STEP = 60  # to teach and to exercise
MINUTES_A_CHECKPOINT = 20
LINES_TO_TYPE = 40  # in Modify, without the files that the notebook brings
LINES_TO_MAKE = 15  # in Make, without the lines that its text gives
LINES_OF_APP = 250
LINES_OF_README = 25

FOREIGN_KERNEL = "# If the next line fails, choose the kernel in .venv, or run `python3 start.py`."
LINES_OF_ERROR = 9  # that a foreign kernel shows, with a line of dashes and the code around it

STEPS = pytest.mark.parametrize("step", manifest.steps(), ids=lambda step: step.name)
LABS = pytest.mark.parametrize("lab", manifest.labs(), ids=lambda lab: lab.name)
LESSONS = (*manifest.steps(), *manifest.labs())
TAUGHT = pytest.mark.parametrize("step", LESSONS, ids=lambda step: step.name)
ALL = pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)


def not_shown(step: manifest.Step, shown: list[changes.Hunk]) -> list[str]:
    """Return the hunks of a step that its notebook does not show."""
    hunks = changes.step_change(step.name)
    assert hunks
    return [f"{hunk.file}: {hunk.lines[0]}" for hunk in hunks if hunk not in shown]


@STEPS
def test_every_changed_hunk_is_shown_by_the_notebook(step: manifest.Step) -> None:
    assert not_shown(step, shown_hunks(step)) == []


def test_a_hunk_that_is_not_shown_would_be_noticed() -> None:
    """The negative twin: a notebook shows all hunks but one, or only one file."""
    step = manifest.step("05")
    shown = shown_hunks(step)
    for hidden in changes.step_change(step.name):
        (missing,) = not_shown(step, [hunk for hunk in shown if hunk != hidden])
        assert missing.startswith(f"{hidden.file}: ")
    assert not_shown(step, [hunk for hunk in shown if hunk.file == "app.py"])


@ALL
def test_no_step_code_is_typed_into_a_notebook(notebook: Path) -> None:
    code = "\n".join(cell.source for cell in cells(notebook.stem, "code"))
    for typed in ("@app.route", "@socketio.on", "Flask(", "SocketIO(", "render_template("):
        assert typed not in code


@ALL
def test_a_notebook_has_its_shape(notebook: Path) -> None:
    code, text = cells(notebook.stem, "code"), prose(notebook.stem)
    assert code[0].source == f'{FOREIGN_KERNEL}\nfrom workshop import *\n\nbegin("{notebook.stem}")'
    assert code[-1].source.endswith("chat.stop()\nchat")
    headings = ["Predict", "What you learned"]
    headings += [] if notebook.stem == "00_start" else ["Investigate", "Modify", "Make"]
    for heading in headings:
        assert re.search(rf"^##+ {heading}", text, re.MULTILINE), f"no section “{heading}”"
    assert "**Goal:**" in text
    assert "<details>" in text


@ALL
def test_a_notebook_shows_a_picture_of_its_idea(notebook: Path) -> None:
    assert 'show_picture("' in "\n".join(cell.source for cell in cells(notebook.stem, "code"))


@ALL
def test_a_prediction_has_a_place_for_a_guess_and_a_result(notebook: Path) -> None:
    code = "\n".join(cell.source for cell in cells(notebook.stem, "code"))
    predictions = len(re.findall(r"(?m)^##+ Predict", prose(notebook.stem)))
    assert 0 < predictions <= code.count("guess(")
    assert code.count("guess(") == code.count("reveal(")


def test_a_foreign_kernel_is_told_what_to_do_in_a_few_lines() -> None:
    """If the workshop is not installed, the error shows the comment above the line that failed."""
    run = """
import sys
from IPython.core.interactiveshell import InteractiveShell
sys.modules["workshop"] = None  # an import fails as it does where the module is missing
InteractiveShell.instance(colors="nocolor").run_cell(sys.argv[1])
"""
    first = cells("05_broadcast", "code")[0].source
    ran = subprocess.run([sys.executable, "-c", run, first], capture_output=True, text=True)
    assert "ModuleNotFoundError" in ran.stdout
    assert FOREIGN_KERNEL in ran.stdout
    assert len(ran.stdout.strip().splitlines()) <= LINES_OF_ERROR, ran.stdout


@ALL
def test_a_notebook_explains_itself_in_words(notebook: Path) -> None:
    text = re.sub(r"<[^>]+>|[|`*#]|---", " ", prose(notebook.stem))
    words = len(re.findall(r"\S*\w\S*", text))
    print(f"{notebook.stem}: {words} words")
    assert words > 200


@ALL
def test_a_notebook_waits_for_events_and_installs_nothing(notebook: Path) -> None:
    code = "\n".join(cell.source for cell in cells(notebook.stem, "code"))
    for unwanted in ("sleep(", "!pip", "%pip", "/home/", "C:\\"):
        assert unwanted not in code


@pytest.mark.parametrize("step", manifest.steps()[1:], ids=lambda step: step.name)
def test_modify_names_each_file_and_how_much_there_is_to_type(step: manifest.Step) -> None:
    """Empty lines don't count: “`app.py` (add 5 lines, remove 4)”.

    Copied files are named without numbers.
    """
    (modify,) = [cell.source for cell in cells(step.name, "markdown") if cell.id == "modify"]
    named = re.findall(r"`([\w/.]+)` \(add (\d+) lines?(?:, remove (\d+))?", modify)
    assert {file: (int(come), int(go or 0)) for file, come, go in named} == lessons.lines_typed(
        step
    )


@STEPS
def test_a_step_keeps_its_budgets(step: manifest.Step) -> None:
    assert 1 <= len(step.checkpoints) <= 3
    assert 0 < len(lessons.terms(step)) <= TERMS_A_STEP
    assert all(checkpoint.minutes <= MINUTES_A_CHECKPOINT for checkpoint in step.checkpoints)
    assert sum(checkpoint.minutes for checkpoint in step.checkpoints) == step.teach
    assert step.teach + step.exercise <= MINUTES_A_STEP
    assert 0 < sum(added for added, _ in lessons.lines_typed(step).values()) <= LINES_TO_TYPE
    assert 0 < len(lessons.lines_made(step)) <= LINES_TO_MAKE
    app = (step.folder / "app.py").read_text(encoding="utf-8")
    assert len(app.splitlines()) <= LINES_OF_APP
    readme = (step.folder / "README.md").read_text(encoding="utf-8")
    assert len(readme.splitlines()) <= LINES_OF_README


def test_the_table_of_what_each_step_asks_for_has_all_steps() -> None:
    """`pytest -s` prints the table, and so does `python -m tests.repo.lessons`."""
    table = lessons.overview()
    print(f"\n{table}")
    assert all(f"| {step.name} |" in table for step in manifest.steps())


def test_only_lines_that_are_given_to_be_copied_are_free() -> None:
    """The negative twins: a block in another section or in a folded hint, and code within a sentence."""
    block = "```html\n{}\n```\n"
    text = (
        f"## Modify: a\n{block.format('<a>')}## Make: b\nWrite `<b>`.\n\n"
        f"1. Copy this:\n\n   ```html\n   <c>\n   ```\n"
        f"<details>\n\n{block.format('<d>')}</details>\n\n### More\n\n{block.format('<e>')}"
        f"## What you learned\n{block.format('<f>')}"
    )
    assert lessons.copied(text) == {"<c>", "<e>"}


def test_a_file_that_the_notebook_brings_need_not_be_typed() -> None:
    step = manifest.step("03")
    assert lessons.brought(step) == {"static/style.css", "templates/index.html"}
    assert {*lessons.lines_typed(step)} == {"app.py", "templates/chat.html"}, "the rest is typed"


@TAUGHT
def test_each_term_is_introduced_where_the_manifest_says(step: manifest.Step) -> None:
    """A term is bold in its own notebook, and in no earlier one."""
    for term in lessons.terms(step):
        bold = re.compile(rf"\*\*`?{re.escape(term)}s?`?[:.]?\*\*", re.IGNORECASE)
        assert bold.search(prose(step.name)), f"“{term}” is not introduced"
        for earlier in LESSONS[: LESSONS.index(step)]:
            assert not bold.search(prose(earlier.name)), f"“{term}” comes in {earlier.name}"


@LABS
def test_a_lab_keeps_its_budgets_and_has_a_solution(lab: manifest.Lab) -> None:
    """A lab changes no step. The check of the learner's copy tests its solution."""
    for checkpoint in lab.checkpoints:
        assert 0 < len(checkpoint.terms) <= TERMS_A_CHECKPOINT_OF_A_LAB
        assert checkpoint.minutes <= MINUTES_A_CHECKPOINT
    assert sum(checkpoint.minutes for checkpoint in lab.checkpoints) == lab.teach
    code = "\n".join(cell.source for cell in cells(lab.name, "code"))
    assert f'check("{lab.number}")' in code
    assert f'solution("{lab.number}")' in code
    assert changes.patch_change((lab.folder / "exercise.patch").read_text(encoding="utf-8"))


def test_the_browser_finds_the_same_stylesheet_in_every_later_step() -> None:
    sheets = {
        (step.folder / "static" / "style.css").read_text(encoding="utf-8")
        for step in manifest.steps()
        if step.number >= "03"
    }
    assert len(sheets) == 1


def test_the_migration_of_the_tour_comes_after_the_newest_one() -> None:
    """If the notebook named a number that is taken, Alembic would refuse the learner's migration."""
    folder = paths.ROOT / "final_app/storage/migrations/versions"
    newest = max(int(file.name[:4]) for file in folder.glob("0*.py"))
    (named,) = re.findall(
        r"new file, such as `(\d+)_.*`revision` is `\"(\d+)\"`, and `down_revision` is `\"(\d+)\"`",
        prose("17_tour"),
    )
    assert [int(number) for number in named] == [newest + 1, newest + 1, newest]
