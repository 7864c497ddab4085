"""What is misspelt in pages and scripts is named, and a learner's own words are left alone."""

import inspect
import re
from pathlib import Path

import flask_socketio
import pytest

from workshop.checker import OPEN, check
from workshop.contract.grammar import Script, line_of, only_compares, text_of
from workshop.contract.markup import Tags
from workshop.contract.sources import OPTIONS
from workshop.contract.words import known, meant
from workshop.learner import catch_up

OWN_PYTHON = """

@socketio.on("vote")
def handle_vote(vote: dict[str, str]) -> dict[str, object]:
    emit("told", dict(texts=[vote["topics"]]), broadcast=True, include_self=False)
    return {"ok": True, "nots": 3}
"""
OWN_SCRIPT = """
const state = { texts: [], values: {}, lenght: 0 };
class Shelf {
  appent(book) { this.last = book; }
}
const shelf = new Shelf();
const later = (what) => () => what(state);
function tell(told) {
  state.texts.push(...told.texts);
  Object.values(state.values).concat(Object.entries(state)).at(-1);
  shelf.appent(told.texts.at(0)?.trim());
  shelf.colour = told.author;
  if (shelf.colour == told.author) state.lenght += 1;
  document.body.dataset.lastSeen = new Date().toLocaleTimeString([], { hour: "2-digit" });
  log.lastElementChild?.scrollIntoView({ behavior: "smooth", block: "end" });
}
socket.on("told", later(tell));
document.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && event.ctrlKey) socket.emit("vote", { topics: "tea" }, tell);
});
let wait = 0;
wait = setTimeout(tell, 500, { texts: [] });
const asked = fetch("api/tea").then((answer) => answer.json());
const kettle = fetch("api/kettle");
async function boil() {
  const [tea, water] = await Promise.all([asked, fetch("api/water")]);
  return (await kettle).ok && water.ok && (await water.json()).boiling && tea.json().then(tell);
}
fetch("api/cups");
const same = (one, other) => one.nots === other.nots;
window.Notification?.requestPermission().then(() => same({ nots: 1 }, state));
"""
OWN_PAGE = """
    <ul><li>One<li>Two</ul>
    <table><tr><td>1<td>2</table>
    <svg width="8" height="8"><path d="M0 0h8"/><g><circle r="1"/></g></svg>
    <textarea id="note"></textarea><br/><hr>
    <p>No end tag, <b>and <i>it</i></b> may have none
    <!-- <div> -->
    <script>"</div>";</script>
  </main>
"""


def test_a_learners_own_code_is_not_accused(my_chat: Path) -> None:
    catch_up("05")
    for file, old, new in (
        ("app.py", "\n\nif __name__", f"{OWN_PYTHON}\n\nif __name__"),
        ("static/chat.js", "", OWN_SCRIPT),
        ("templates/chat.html", "  </main>\n", OWN_PAGE),
    ):
        path = my_chat / file
        text = path.read_text(encoding="utf-8")
        path.write_text(text.replace(old, new) if old else text + new, encoding="utf-8")
    verdict = check("05")
    assert (verdict.state, verdict.kept) == (OPEN, verdict.total - 1), verdict


@pytest.mark.parametrize(
    ("word", "right"),
    [
        ("queryselector", "querySelector"),  # capitals
        ("Ok", "ok"),
        ("vlaue", "value"),  # swapped
        ("txt", "text"),  # one missing
        ("prevenntDefault", "preventDefault"),  # one too many
        ("textContant", "textContent"),  # another
        ("ik", ""),  # too short to be told from others
        ("breakfast", ""),  # far from all
    ],
)
def test_a_word_is_meant_for_the_one_that_differs_by_a_letter(word: str, right: str) -> None:
    assert meant(word, known()) == right


@pytest.mark.parametrize(
    ("page", "opened", "line"),
    [
        ("<p>\n<div>\n<form></form>", "div", 2),
        ("<main>\n<script src=a>\n</main>", "script", 2),
        ("<script src=a>\n<script src=b></script>", "script", 1),
        ("<script src=a />\n<p>", "script", 1),
        ("<div><form></div></form>", "form", 1),
        ("<template><b></b><template>\n<form></form>", "template", 1),
        ("<b><span>\n</b><div>", "span", 1),
    ],
)
def test_the_first_tag_without_its_partner_is_named(page: str, opened: str, line: int) -> None:
    first = min(Tags(page).unclosed)
    assert (first.tag, first.line) == (opened, line)


@pytest.mark.parametrize(
    "page", ["<p>One<p>Two", "<div><br/><img></div>", "<b></b></div>", OWN_PAGE]
)
def test_what_html_allows_is_not_accused(page: str) -> None:
    tags = Tags(page)
    assert not tags.unclosed
    assert not tags.misspelt


def test_only_what_looks_like_a_word_of_html_is_misspelt() -> None:
    page = "<p classs=a data-clas=b clss=c shiny=d ID=e><lable fro=f><my-forms></my-forms></lable>"
    words = [(word, right) for _, word, right in Tags(page).misspelt]
    assert words == [("classs", "class"), ("clss", "class"), ("lable", "label")]


def test_a_comparison_that_something_comes_of_is_not_accused() -> None:
    script = Script("a == b; x = a == b; if (a == b) c(); a == b ? c() : d(); a == b ? c : d; e();")
    accused = [text_of(each) for each in script.statements() if only_compares(each)]
    assert accused == ["a == b", "a == b ? c : d"]


def test_only_a_call_that_gives_nothing_back_is_too_early() -> None:
    script = Script(
        "function show() {} function maker() { return show; } const hold = (f) => () => f();"
        'on("a", show()); on("b", show); on("c", maker()); on("d", hold(show)); on("e", elses());'
    )
    assert [text_of(each) for each in script.called_too_early()] == ["show()"]


def test_only_a_constant_cannot_be_given_another_value() -> None:
    script = Script("const a = 1; let b = 1; const c = 1; a = 2; b = 2; { let c; c = 2; } a.d = 2;")
    assert [text_of(each) for each in script.constants_given_anew()] == ["a"]


def test_the_options_of_emit_are_those_that_it_looks_for() -> None:
    source = inspect.getsource(flask_socketio.emit) + inspect.getsource(flask_socketio.send)
    looked_for = set(re.findall(r"'(\w+)' in kwargs|kwargs\.(?:get|pop)\('(\w+)'", source))
    assert {one or other for one, other in looked_for} == set(OPTIONS)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("on(() => {\n  one();\n\non(() => {\n});\n", 1),  # what is open, though more follows
        ("one();\n});\n", 2),
        ("one([2);\n", 1),
        ("on(() => {\n  `${one}`;\n  /[(]/.test('}');\n});\n", None),
    ],
)
def test_a_bracket_without_a_partner_is_found(text: str, line: int | None) -> None:
    bracket = Script(text).without_partner()
    assert (line_of(bracket) if bracket else None) == line


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("if ok return;", "if"),
        ("} else if !ok {", "if"),
        ("  while one {", "while"),
        ("if (ok) return;", ""),
        ("if(ok) return; // if not", ""),
    ],
)
def test_a_condition_without_brackets_is_found(text: str, word: str) -> None:
    assert Script(text).condition_without_brackets() == word


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("const response = await fetch(one);\nconst { ok } = response.json();", 2),
        ("const response = fetch(one);\nconst it = await response.json();", 1),
        ("const text = fetch(one).json();", 1),
        ("const it = (await fetch(one)).json().ok;", 1),
        ("const it = await (await fetch(one)).json();", None),
    ],
)
def test_an_answer_that_is_not_waited_for_is_found(text: str, line: int | None) -> None:
    found = Script(f"async () => {{\n{text}\n}};").not_waited_for()
    assert [line_of(call) - 1 for call in found[:1]] == ([line] if line else [])
