"""A page in the checker behaves as in Chromium: the same document, the same console, the same errors."""

import re
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from playwright.sync_api import Browser

from workshop.checks.page import Pages
from workshop.stages import Stage

APP = """
from pathlib import Path
from flask import Flask, request
from flask_socketio import SocketIO
from socketio_browser import socketio_browser

app = Flask(__name__)
socketio = SocketIO(app, async_mode="threading")
app.register_blueprint(socketio_browser)

@app.get("/page")
def page():
    return Path(__file__).with_name("page.html").read_text("utf-8")
"""
CLIENT = '<script src="/socketio_browser/socket.io.min.js"></script>'
HEAD = "<!doctype html>\n<html>\n<head><title>A page</title></head>\n<body>\n"
END = "\n<script src='/static/a.js'></script>\n</body>\n</html>\n"
FORM = '<form id="f"><input id="t" name="t" value="x"><button name="b" value="1">Go</button></form>'

# What stands in the body, and the script at its end.
SNIPPETS = {
    "an unclosed div": ("<div id='a'><p>one<div id='b'>two</div><p>three", ""),
    "an unclosed p": ("<p id='a'>one<p id='b'>two <b>bold</p><ul><li>x<li>y</ul>", ""),
    "an unclosed b": ("<p>one <b>two</p><p>three</p><i>four<b>five</i>six</b>", ""),
    "an unclosed template": ("<template id='a'><p>one</p><p id='b'>two", "console.log(b)"),
    "a p in a table": ("<table><tr><p>x</p><td>y</table>", ""),
    "a form across a div": (
        "<form id='f'><div></form><input name='a'></div>",
        "console.log(f.elements.length)",
    ),
    "a missing quote": ("<p id='a title='b'>text</p><p class='c'>more</p>", ""),
    "an end tag too many": ("<div>one</div></div><p>two</p></span>", ""),
    "null.textContent": ("", "document.querySelector('#no').textContent = 1;"),
    "an undefined function": (FORM, "console.log(1);\nf.addEventListener('x', nobody);"),
    "a misspelt method": ("", "document.getElementByID('x');"),
    "a const that changes": ("", "const a = 1;\na = 2;"),
    "a bad selector": ("", "document.querySelector('##x');"),
    "JSON.parse": ("", "JSON.parse('{a}');"),
    "a fetch of nothing": (
        "",
        "fetch('nothing').then((r) => { console.log(r.status, r.ok); return r.json(); });",
    ),
    "await outside async": ("", "function f() {\n  const a = await fetch('x');\n}"),
    "await at the top": ("", "const a = await fetch('x');"),
    "twice declared": ("", "const a = 1;\nconst a = 2;"),
    "a bracket too few": ("", "if (true) {\n  console.log(1);\n"),
    "a form that leaves": (
        FORM,
        "f.onsubmit = () => { console.log('sent'); };\n"
        "if (!location.search.includes('t=')) f.requestSubmit();",
    ),
    "innerHTML": (
        "<p id='a'></p>",
        "a.innerHTML = '<b>x</b><script>1</' + 'script><img src=x>'; console.log(a.textContent);",
    ),
    "a template": (
        "<template id='m'><p class='m'><b></b></p></template><div id='log'></div>",
        "const c = m.content.cloneNode(true);\nc.querySelector('b').textContent = '<i>';\n"
        "log.append(c, 1, null);\n"
        "console.log(document.querySelector('.m').outerHTML);",
    ),
    "a template without content": (
        "<template id='m'><p></p></template>",
        "m.querySelector('p').textContent = 1;",
    ),
    "dataset": (
        "<p id='a' data-last-seq='7'></p>",
        "a.dataset.roomId = 3; \n"
        "console.log(a.dataset.lastSeq, a.dataset.none, a.getAttribute('data-room-id'));",
    ),
    "FormData": (
        FORM,
        "const d = new FormData(f); console.log(JSON.stringify([...d.entries()]), d.get('no'));",
    ),
    "FormData of nothing": ("", "new FormData(document.querySelector('#no'));\nnew FormData('x');"),
    "texts": (
        "<p id='a'>  x <b>y</b></p>",
        "a.append(undefined, 3); a.querySelector('b').textContent = null; console.log(a.textContent);",
    ),
    "innerText": ("<p id='a'>  x </p>", "console.log(a.innerText);"),
    "a class list": (
        "<p id='a' class='x'></p>",
        "a.classList.add('y'); a.classList.toggle('x'); a.hidden = true; console.log(a.className)",
    ),
    "insertAdjacentHTML": (
        "<ul id='a'></ul>",
        "a.insertAdjacentHTML('beforeend', '<li>x'); \n"
        "a.insertAdjacentHTML('afterbegin', '<li>y</li>'); a.append(document.createElement('li'));",
    ),
    "an error in a listener": (
        FORM,
        "f.addEventListener('submit', (e) => {\n  e.preventDefault();\n  e.target.nope.x;\n});\n"
        "f.requestSubmit(); console.log('after');",
    ),
    "an async listener": (
        FORM,
        "f.addEventListener('submit', async (e) => {\n  e.preventDefault();\n"
        "  await null;\n  nobody();\n});\n"
        "f.requestSubmit();",
    ),
    "an async function": (
        FORM,
        "async function g() {\n  await null;\n  nobody();\n}\nsetTimeout(() => { g(); });",
    ),
    "a thrown text": ("", "throw 'x';"),
    "a rejection": ("", "Promise.reject(new Error('no'));\nnew Promise(() => nobody());"),
    "a promise that is caught": ("", "Promise.reject(1).catch(() => console.log('caught'));"),
    "addEventListener": (FORM, "f.addEventListner('submit', () => {});"),
    "a listener that is none": (
        FORM,
        "f.addEventListener('submit', g());\nfunction g() { console.log('g'); }",
    ),
    "a node that is none": (FORM, "f.appendChild('x');"),
    "a timer": ("", "setTimeout(() => {\n  undefined.x;\n}, 1);"),
    "no io": ("", "const socket = io();"),
    "io after the script": ("<script>const socket = io();</script>" + CLIENT, ""),
    "a handler of a socket": (CLIENT, "io().on('connect', () => {\n  nobody();\n});"),
    "a handler that is none": (CLIENT, "io().on('connect', nobody);"),
    "a method that io has not": (CLIENT, "const socket = io();\nsocket.onn('x', () => {});"),
    "an event that is reserved": (CLIENT, "io().emit('connect');"),
    "inline scripts": (
        "<script>\n  const x = 1;</script>\n<script>  nobody(x)</script>",
        "console.log(x);",
    ),
    "a script before its element": (
        "<script>document.querySelector('#a').textContent = 1;</script><p id='a'>",
        "",
    ),
    "a module": (
        "<script type='module'>console.log('module', document.querySelector('#a').id)"
        "</script><p id='a'></p>",
        "console.log('script');",
    ),
    "a deferred script": ("<script defer src='/static/b.js'></script>", "console.log('a');"),
    "an attribute with a handler": (
        "<button id='a' onclick='console.log(this.id); nobody()'>x</button>",
        "a.click();",
    ),
    "addresses": (
        "<base href='/x/'><a id='a' href='y?z=1'>y</a>",
        "console.log(a.pathname, a.getAttribute('href'), "
        "new URL('socket.io', document.baseURI).pathname, "
        "new URL(location.href).searchParams.get('q'));",
    ),
    "storage": (
        "",
        "localStorage.setItem('a', 1);\nconsole.log("
        "localStorage.getItem('a'), localStorage.getItem('b'));",
    ),
    "a word that is not closed": ("", "console.log('x);\n"),
    "a loop over nothing": ("", "for (const m of undefined) {}"),
}
DIFFERS = [
    "an attribute with a handler",
    "innerText",
]  # the docstring of workshop/checks/page says why

ALWAYS = [  # one of each kind; `-m long` compares all
    "an unclosed div",
    "an unclosed template",
    "a missing quote",
    "null.textContent",
    "await outside async",
    "a form that leaves",
    "a template",
    "FormData",
    "an async listener",
    "a handler of a socket",
    "inline scripts",
    "innerText",
]
LATE = 3.0  # seconds in which a busy machine shows an error that the other page has
MOMENT = 150  # milliseconds

Said = dict[str, Any]


@pytest.fixture(scope="module")
def chat(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    folder = tmp_path_factory.mktemp("alike")
    (folder / "app.py").write_text(APP)
    (folder / "static").mkdir()
    (folder / "static" / "b.js").write_text("console.log('b');")
    with Stage("alike", folder, "") as running:
        running.start()
        yield running


@pytest.fixture(scope="module")
def pages(chat: Stage) -> Iterator[Pages]:
    with Pages(chat) as running:
        yield running


def tidy(html: str) -> str:
    """Return a document without the spaces between its tags, and with its attributes in order."""

    def tag(found: re.Match[str]) -> str:
        attributes = re.findall(r' [^ =>]+(?:="[^"]*")?', found[2].replace('=""', ""))
        return f"<{found[1]}{''.join(sorted(attributes))}>"

    return re.sub(r"\s*<(/?\w+)([^>]*)>\s*", tag, html)


def in_v8(pages: Pages) -> Said:
    page = pages.open("/page?q=1")
    pages.settle()
    pages.wait(lambda: False, 0.1)  # timers
    said = {
        "document": tidy(page.html()),
        "console": page.console,
        "errors": [(str(replace(e, line=0)), e.line, e.column)
                   for e in page.errors if e.kind != "resource"],
        "place": page.url.rpartition("/")[2],
    }  # fmt: skip
    page.close()
    return said


def in_chromium(chat: Stage, browser: Browser, errors_at_least: int) -> Said:
    context = browser.new_context()
    tab = context.new_page()
    session = context.new_cdp_session(tab)
    errors: list[Any] = []
    console: list[str] = []
    session.on("Runtime.exceptionThrown", lambda event: errors.append(event["exceptionDetails"]))
    tab.on("console", lambda told: console.append(told.text) if told.type == "log" else None)
    session.send("Runtime.enable")
    tab.goto(f"{chat.url}/page?q=1")
    until = time.monotonic() + LATE
    while len(errors) < errors_at_least and time.monotonic() < until:
        tab.wait_for_timeout(MOMENT)
    tab.wait_for_timeout(MOMENT)  # for more than was expected
    said: Said = {
        "document": tidy(tab.evaluate("document.documentElement.outerHTML")),
        "console": console,
        "errors": [told(error) for error in errors],
        "place": tab.url.rpartition("/")[2],
    }
    context.close()
    return said


def told(error: Any) -> tuple[str, int, int]:
    thrown = error.get("exception", {})
    message = thrown.get("description", str(thrown.get("value", ""))).split("\n    at ")[0]
    frames = [
        f
        for f in error.get("stackTrace", {}).get("callFrames", [])
        if "socketio_browser" not in f["url"]
    ]
    text = f"{error['text']} {message}".rstrip()
    if not frames and "(in promise)" in text:  # the console names the page, without a place in it
        return text, 0, 0
    at = frames[0] if frames else error
    return text, at["lineNumber"] + 1, at["columnNumber"] + 1


@pytest.mark.parametrize(
    "name",
    [pytest.param(each, marks=[] if each in ALWAYS else pytest.mark.long) for each in SNIPPETS],
)
def test_a_page_is_as_in_chromium(chat: Stage, pages: Pages, browser: Browser, name: str) -> None:
    body, script = SNIPPETS[name]
    (chat.folder / "page.html").write_text(HEAD + body + END, "utf-8")
    (chat.folder / "static" / "a.js").write_text(script, "utf-8")
    ours = in_v8(pages)
    theirs = in_chromium(chat, browser, len(ours["errors"]))
    if name in DIFFERS:
        assert ours != theirs
    else:
        assert ours == theirs
