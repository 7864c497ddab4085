"""The mutants are the same on every run, all of them differ, and the operators work as described."""

import hashlib
import os
import subprocess
import sys
from collections import Counter

import pytest

from tests.mutants.lexing import Source
from tests.mutants.mechanical import (
    OPERATORS,
    STEPS,
    chosen,
    files_of,
    misspelt,
    mutants_in,
    mutants_of,
)
from workshop import manifest, paths

LEAST = {"Python": 25, "page": 40}  # mutants of a step from 04 on
SUMMARY = (
    "import hashlib; from tests.mutants.mechanical import mutants_of, chosen;"
    "whole = ''.join(each.id + each.text for each in (*mutants_of('05'), *chosen('06', 50)));"
    "print(hashlib.sha256(whole.encode()).hexdigest())"
)

# An operator, a kind of file, a text, and what becomes of it; None where it makes nothing.
EXAMPLES = [
    ("drop a decorator", ".py", "@on\ndef f(): ...\n", "def f(): ...\n"),
    ("drop a decorator", ".py", "a = b @ c\n", None),
    ("remove await", ".js", "const a = await b();\n", "const a = b();\n"),
    ("remove await", ".js", "const awaited = b();\n", None),
    ("move a line out of its block", ".py", "if a:\n    b()\n", "if a:\nb()\n"),
    ("move a line out of its block", ".py", "a()\nb()\n", None),
    ("move a line out of its block", ".js", "go(() => {\n  a();\n});\n", "go(() => {\n});\na();\n"),
    ("move a line out of its block", ".js", "go(() => {\n  a();\n});\n", "a();\ngo(() => {\n});\n"),
    ("move a line out of its block", ".html", "<p>\n  a\n</p>\n", "<p>\n</p>\na\n"),
    ("drop a line", ".py", "a = 1\nb = 2\n", "a = 1\n"),
    ("drop a line", ".js", "// why\n\n", None),
    ("drop a tag", ".html", "<p>a</p>\n", "<p>a\n"),
    ("drop a tag", ".html", "{{ a }} < b\n", None),
    ("drop an attribute", ".html", '<p id="a" class="b">\n', '<p class="b">\n'),
    ("drop an attribute", ".html", "<p>id</p>\n", None),
    ("drop an argument", ".py", 'emit("x", message, to=sid)\n', 'emit("x", message)\n'),
    ("drop an argument", ".js", 'socket.on("x", receive);\n', 'socket.on("x");\n'),
    ("drop an argument", ".js", "f(() => {\n  a();\n  b();\n});\n", "f();\n"),
    ("drop an argument", ".py", "f()\n", None),
    ("swap two names", ".py", "send(text, user)\n", "send(user, text)\n"),
    ("swap two names", ".html", '<p id="a" class="b">\n', '<p id="class" a="b">\n'),
    ("swap two names", ".py", "a = 1\n", None),
    ("drop a quote", ".js", 'on("x");\n', 'on(x");\n'),
    ("drop a quote", ".py", "a = f'{b}'\n", "a = f'{b}\n"),
    ("drop a quote", ".py", "a = b  # it's\n", None),
    ("drop a bracket", ".html", "<p>{{ a }}</p>\n", "<p>{{ a }</p>\n"),
    ("drop a bracket", ".js", "f();\n", "f(;\n"),
    ("drop a bracket", ".py", 'a = "("\n', None),
    ("== for =", ".js", "a = b;\n", "a == b;\n"),
    ("== for =", ".js", "if (a === b) c();\n", "if (a = b) c();\n"),
    ("== for =", ".py", "a = b\n", "a == b\n"),
    ("== for =", ".js", "a => b;\n", None),
    ("swap two lines", ".py", "a()\nb()\n", "b()\na()\n"),
    ("swap two lines", ".py", "a()\n\nb()\n", None),
    ("swap two arguments", ".py", "f(a, b)\n", "f(b, a)\n"),
    ("swap two arguments", ".py", "f(a)\n", None),
    ("name instead of call", ".js", "form.reset();\n", "form.reset;\n"),
    ("name instead of call", ".js", "form.reset(1);\n", None),
    ("drop a keyword", ".py", "    return a\n", "    a\n"),
    ("drop a keyword", ".js", "if (!a) b();\n", "if (a) b();\n"),
    ("drop a keyword", ".js", "returned(a);\n", None),
    ("drop a sign", ".js", 'find("#log");\n', 'find("log");\n'),
    ("drop a sign", ".py", "if a:\n", "if a\n"),
    ("drop a sign", ".py", "a\n", None),
    ("flip", ".js", "if (a > b) c();\n", "if (a < b) c();\n"),
    ("flip", ".html", "<p>a</p>\n", None),
    ("off by one", ".py", "PAGE = 50\n", "PAGE = 51\n"),
    ("off by one", ".py", "a1 = b\n", None),
    ("double a line", ".py", "a()\n", "a()\na()\n"),
    ("double a line", ".py", "# a\n", None),
    ("other quotes", ".js", 'on("x");\n', "on('x');\n"),
    ("other quotes", ".js", "on('x');\n", None),
]


def made(operator: str, suffix: str, text: str) -> list[str]:
    changes = OPERATORS[operator](Source(text, suffix))
    return [text[:start] + instead + text[end:] for start, end, instead in changes]


@pytest.mark.parametrize(("operator", "suffix", "before", "after"), EXAMPLES)
def test_an_operator_does_what_it_says(
    operator: str, suffix: str, before: str, after: str | None
) -> None:
    found = made(operator, suffix, before)
    assert after in found if after is not None else not found, found


def test_there_is_an_example_of_each_operator() -> None:
    """Misspelling is random, so it has a test of its own."""
    tried = {operator for operator, _, _, after in EXAMPLES if after is not None}
    assert tried == {*OPERATORS} - {"misspell a name"}


@pytest.mark.parametrize("name", ["message", "on", "aaab", "socket_io", "X1"])
def test_a_name_is_misspelt_by_one_letter(name: str) -> None:
    for seed in range(50):
        wrong = misspelt(name, seed)
        assert wrong != name
        assert abs(len(wrong) - len(name)) <= 1
        difference = Counter(wrong.lower())
        difference.subtract(Counter(name.lower()))
        assert sum(map(abs, difference.values())) <= 1


@pytest.mark.parametrize("text", ["form", "#message-form", "new_message", "chat.html", "/chat"])
def test_what_a_string_names_can_be_misspelt(text: str) -> None:
    assert made("misspell a name", ".py", f'"{text}"\n')


@pytest.mark.parametrize("text", ["Hello, everybody", "A password is needed."])
def test_what_a_string_says_is_left_alone(text: str) -> None:
    assert not made("misspell a name", ".py", f'"{text}"\n')


def test_the_mutants_are_the_same_in_every_process() -> None:
    whole = "".join(each.id + each.text for each in (*mutants_of("05"), *chosen("06", 50)))
    other = subprocess.run(
        [sys.executable, "-c", SUMMARY], cwd=paths.ROOT, env=os.environ | {"PYTHONHASHSEED": "5"},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert other.stdout.strip() == hashlib.sha256(whole.encode()).hexdigest()


@pytest.mark.parametrize("step", STEPS)
def test_each_mutant_is_another(step: str) -> None:
    mutants, folder = mutants_of(step), manifest.step(step).folder
    assert len({each.id for each in mutants}) == len(mutants)
    assert len({(each.file, each.text) for each in mutants}) == len(mutants)
    assert all(each.text != (folder / each.file).read_text("utf-8") for each in mutants)


@pytest.mark.parametrize("step", STEPS)
def test_there_are_mutants_of_every_file_that_a_learner_types(step: str) -> None:
    mutants = mutants_of(step)
    assert {each.file for each in mutants} == {*files_of(step)}
    languages = Counter(each.language for each in chosen(step, sum(LEAST.values()) * 2))
    assert languages["Python"] >= LEAST["Python"]
    if step >= "04":
        assert languages["HTML"] + languages["JavaScript"] >= LEAST["page"]


def test_what_is_said_to_people_is_left_alone() -> None:
    above = '"""A docstring, in two\nlines."""\n\n# A comment.\n'
    text = above + '\n\ndef f(a):\n    """Do it."""\n    g(a)\n'
    for mutant in mutants_in(text, "05", "app.py"):
        assert above in mutant.text, mutant.id
        assert '"""Do it."""' in mutant.text, mutant.id


def test_a_sample_takes_each_operator_in_turn() -> None:
    operators = {each.operator for each in mutants_of("07") if each.language == "JavaScript"}
    sample = chosen("07", len(operators), "JavaScript")
    assert sorted(each.operator for each in sample) == sorted(operators)
    assert chosen("07", len(operators), "JavaScript", seed=17) != sample


def test_a_mutant_says_what_is_changed() -> None:
    mutant = next(
        each for each in mutants_of("05") if each.id == "05/static/chat.js:17:drop a line"
    )
    assert mutant.diff == "-  form.reset();"
