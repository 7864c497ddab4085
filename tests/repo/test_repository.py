"""Promises of the repository: one source for every version, no foreign host, and no leftovers."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from docs.pictures.make import MADE_FROM, made_from
from workshop import manifest, paths, readme


def text_of(name: str) -> str:
    return (paths.ROOT / name).read_text(encoding="utf-8")


def test_the_glossary_has_each_term_and_its_notebook() -> None:
    entries = re.findall(r"(?m)^- \*\*(.+?)\*\* \((\d\d)\): ", text_of("docs/glossary.md"))
    assert entries == sorted(entries, key=lambda entry: entry[0].lower())
    assert dict(entries) == {
        term: lesson.number
        for lesson in (*manifest.steps(), *manifest.labs())
        for checkpoint in lesson.checkpoints
        for term in checkpoint.terms
    }


def test_no_command_ends_with_a_comment() -> None:
    """In zsh on macOS and in cmd on Windows, a typed `#` begins no comment but is an argument."""
    pages = subprocess.run(
        ["git", "ls-files", "*.md"], cwd=paths.ROOT, capture_output=True, text=True, check=True
    ).stdout.split()
    command = re.compile(r"(?m)^ {4,}(?:python3?|py|uv|pip|sudo|flask|\.venv/\S+) .*")
    lines = [line for page in pages for line in command.findall(text_of(page))]
    assert len(lines) > 20 and not [line for line in lines if " # " in line]


@pytest.mark.parametrize("page", readme.GENERATED)
def test_a_page_has_the_table_that_steps_toml_says(page: str) -> None:
    assert readme.renewed(page, text_of(page)) == text_of(page)
    stale = text_of(page).replace(manifest.steps()[0].title, "Another title")
    assert readme.renewed(page, stale) != stale, "a changed manifest would be noticed"


def test_the_teaching_guide_has_each_step() -> None:
    guide = text_of("docs/teaching.md")
    for step in manifest.steps():
        (part,) = re.findall(rf"(?ms)^### {step.number} {re.escape(step.title)}$(.*?)^##", guide)
        assert [word in part for word in ("*Say:*", "*Watch for:*", "*Ask:*")] == [True] * 3, (
            step.name
        )


def test_the_picture_shows_the_page_of_today() -> None:
    picture = (paths.ROOT / "docs" / "pictures" / "two-people.png").read_bytes()
    (digest,) = re.findall(MADE_FROM + rb"([0-9a-f]{64})", picture)
    assert digest.decode() == made_from(), "run `python docs/pictures/make.py`, and look at it"
    assert "docs/pictures/two-people.png" in text_of("README.md")


def test_the_installed_browser_client_is_the_pinned_one() -> None:
    from socketio_browser import client_version

    assert (
        client_version() == json.loads(text_of("package.json"))["dependencies"]["socket.io-client"]
    )


def test_no_page_names_another_host() -> None:
    pages = [*paths.STEPS.rglob("*.html"), *paths.STEPS.rglob("*.css"), *paths.STEPS.rglob("*.js")]
    assert len(pages) >= 9
    for page in pages:
        assert not re.search(r"(https?:)?//[\w-]+\.", page.read_text(encoding="utf-8")), page


def test_every_step_names_its_async_mode_and_keeps_the_order() -> None:
    for step in manifest.steps()[3:]:
        app = (step.folder / "app.py").read_text(encoding="utf-8")
        assert 'SocketIO(app, async_mode="threading", async_handlers=False)' in app


def test_no_stage_imports_the_workshop() -> None:
    for app in paths.STEPS.rglob("*.py"):
        assert not re.search(r"(?m)^\s*(from|import) workshop", app.read_text(encoding="utf-8"))


# From the top, Flask has to find what is beside app.py: the first steps in which this is a template,
# a module or a database, and the last step, are always tried, and all others with `-m long`.
RUNS_ALONE = [
    pytest.param(
        step, way, id=f"{way}: {step.name}",
        marks=[] if way == "in its folder" or step.number in ("03", "06", "08", "16")
        else pytest.mark.long,
    )
    for step in manifest.steps() for way in ("in its folder", "from the top")
]  # fmt: skip


@pytest.mark.parametrize(("step", "way"), RUNS_ALONE)
def test_a_step_runs_alone(step: manifest.Step, way: str) -> None:
    """This uses `flask run` in the folder, or `--app` from the top, without the workshop."""
    import requests

    options = [] if way == "in its folder" else ["--app", f"steps/{step.name}/app.py"]
    server = subprocess.Popen(
        [sys.executable, "-m", "flask", *options, "run", "--port", "0"],
        cwd=step.folder if way == "in its folder" else paths.ROOT,
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
        env=os.environ | {"PYTHONUNBUFFERED": "1", "NO_COLOR": "1"},
    )
    assert server.stderr
    try:
        line = next(line for line in server.stderr if "Running on" in line)
        (url,) = re.findall(r"http://[\d.:]+", line)
        assert "Welcome to the Chat Application!" in requests.get(url, timeout=10).text
    finally:
        server.kill()
        server.wait()
        server.stderr.close()


@pytest.mark.skipif(not shutil.which("git"), reason="needs git")
def test_a_learners_whole_visit_leaves_git_status_empty(tmp_path: Path) -> None:
    """In a clone: copy notebooks, catch up, run and check steps, save. git sees no change."""
    clone = tmp_path / "clone"
    shutil.copytree(
        paths.ROOT,
        clone,
        ignore=shutil.ignore_patterns(".venv", "build", "mine", ".git", "__pycache__", ".*_cache"),
    )
    git = ["git", "-C", str(clone), "-c", "user.name=Ada", "-c", "user.email=ada@localhost"]
    subprocess.run([*git, "init", "--quiet"], check=True)
    subprocess.run([*git, "add", "--all"], check=True)
    subprocess.run([*git, "commit", "--quiet", "-m", "The workshop"], check=True)
    visit = (
        "from workshop import *\n"
        "from workshop.lab import copy_notebooks\n"
        "assert len(copy_notebooks()) >= 6\n"
        "begin('05_broadcast'); catch_up('04'); catch_up('05'); print(check('05'))\n"
        "stage('03').stop(); make_environment('second'); bring('03', 'static/style.css')\n"
        "from workshop import paths; print(paths.ROOT)\n"
    )
    environment = os.environ | {"WORKSHOP_ROOT": str(clone), "PYTHONPATH": str(clone)}
    environment.pop("WORKSHOP_MINE")
    result = subprocess.run(
        [sys.executable, "-c", visit], cwd=clone, env=environment, capture_output=True, text=True
    )
    assert result.returncode == 0, result.stderr
    assert "Not there yet" in result.stdout and str(clone.resolve()) in result.stdout
    assert (clone / "mine" / "saved").is_dir()
    status = subprocess.run([*git, "status", "--porcelain"], capture_output=True, text=True)
    assert status.stdout == ""
    (clone / "steps" / "05_broadcast" / "app.py").write_text("# touched\n")  # the negative twin
    status = subprocess.run([*git, "status", "--porcelain"], capture_output=True, text=True)
    assert "steps/05_broadcast/app.py" in status.stdout
