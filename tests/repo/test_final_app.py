"""The finished application stays small enough to read, and its layers are intact."""

import re
import statistics
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks import parts
from tests.repo.sizes import code_lines, functions, script_lines
from workshop import paths

CHAT = paths.ROOT / "final_app"
# Lines of code. How large the whole may be is not limited: each limit of that kind was raised as soon as
# it was met. What keeps it readable are small modules and functions, in layers.
MODULE_MOST, FUNCTION_MOST, FUNCTION_USUAL = 200, 30, 8

# CSS properties that Safari supports only with the prefix -webkit-.
PREFIXED = ("text-size-adjust", "user-select")

MODULES = [path for path in CHAT.rglob("*.py") if "migrations" not in path.parts]
SCRIPTS = list((CHAT / "static").rglob("*.js"))


def test_modules_and_functions_are_small() -> None:
    sizes = {str(path.relative_to(CHAT)): len(code_lines(path)) for path in MODULES}
    lengths = {name: size for path in MODULES for name, size in functions(path).items()}
    script = sum(map(script_lines, SCRIPTS))
    style = sum(map(script_lines, (CHAT / "static").rglob("*.css")))
    python = sum(sizes.values())
    print(f"Python {python} lines in {len(sizes)} modules, JavaScript {script}, CSS {style}")
    assert len(sizes) > 20 and script > 100 and style > 100
    assert {name: size for name, size in sizes.items() if size > MODULE_MOST} == {}
    assert {name: size for name, size in lengths.items() if size > FUNCTION_MOST} == {}
    assert statistics.median(lengths.values()) <= FUNCTION_USUAL


def test_a_module_imports_only_from_layers_below() -> None:
    told = lint(paths.ROOT)
    assert told.returncode == 0, told.stdout


def test_the_layers_would_notice_a_domain_that_knows_the_request(tmp_path: Path) -> None:
    """The negative twin."""
    for path in CHAT.rglob("*.py"):
        target = tmp_path / path.relative_to(paths.ROOT)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(path.read_bytes())
    (tmp_path / "pyproject.toml").write_bytes((paths.ROOT / "pyproject.toml").read_bytes())
    rooms = tmp_path / "final_app" / "chat" / "rooms.py"
    rooms.write_text(
        rooms.read_text("utf-8") + "\nfrom final_app import auth\nimport flask\n", "utf-8"
    )
    told = lint(tmp_path)
    assert told.returncode == 1
    # The layers of all, the layers of the chat (`auth` leads back to `presence`), and the rule itself.
    assert "3 broken" in told.stdout


def lint(folder: Path) -> subprocess.CompletedProcess[str]:
    command = [str(Path(sys.executable).parent / "lint-imports"), "--no-cache"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, encoding="utf-8")


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_html_is_set_in_one_place_only(script: Path) -> None:
    text = script.read_text(encoding="utf-8")
    other_ways = r"outerHTML\s*=[^=]|insertAdjacentHTML|document\.write|\beval\(|new Function"
    assert not re.search(other_ways, text)


def test_one_function_sets_innerhtml_and_only_from_a_messages_html() -> None:
    setters = [
        (path.name, line.strip())
        for path in SCRIPTS
        for line in path.read_text(encoding="utf-8").splitlines()
        if re.search(r"innerHTML\s*=[^=]", line)
    ]
    assert len(setters) == 1, setters
    assert re.search(r"\.innerHTML = \w*\.?html;", setters[0][1]), setters


def test_what_safari_knows_only_with_a_prefix_has_it_too() -> None:
    css = "\n".join(path.read_text("utf-8") for path in sorted((CHAT / "static").rglob("*.css")))
    plain = re.findall(rf"(?<!-)\b(?:{'|'.join(PREFIXED)}): [^;]+;", css)
    assert len(plain) >= len(PREFIXED)
    for declaration in plain:
        assert f"-webkit-{declaration} {declaration}" in css, declaration


def test_no_page_of_the_application_names_another_host() -> None:
    pages = [path for path in CHAT.rglob("*.*") if path.suffix in (".html", ".css", ".js")]
    assert len(pages) > 10
    for page in pages:
        quoted = re.findall(r"""["'(]((?:https?:)?//[\w-]+\.\w+[^"')]*)""", page.read_text("utf-8"))
        assert [each for each in quoted if "www.w3.org/" not in each] == [], page


@pytest.mark.parametrize("where", [where for _, where in parts.PARTS])
def test_the_benchmark_of_a_message_finds_its_parts(where: str) -> None:
    assert parts.place(where)
