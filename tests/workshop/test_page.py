"""A learner's page in the checker: people's actions reach the server, and the checker sees errors."""

import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from workshop.checks import page
from workshop.checks.page import RUN_TIMEOUT, CannotRun, Page, PageEnded, Pages
from workshop.stages import Stage, stage

APP = '''
from pathlib import Path
from flask import Flask, jsonify, redirect, request
from flask_socketio import ConnectionRefusedError, SocketIO, disconnect, emit
from socketio_browser import socketio_browser

app = Flask(__name__)
socketio = SocketIO(app, async_mode="threading")
app.register_blueprint(socketio_browser)
CLIENT = '<script src="/socketio_browser/socket.io.min.js"></script>'

@app.get("/page/<name>")
def page(name):
    return Path(__file__).with_name(name).read_text("utf-8").replace("CLIENT", CLIENT)

@app.route("/echo", methods=["GET", "POST"])
def echo():
    files = {name: [each.filename, each.mimetype, len(each.read())]
             for name, each in request.files.items()}
    return jsonify(method=request.method, args=request.args, form=request.form, files=files,
                   cookies=request.cookies, kind=request.mimetype, origin=request.headers.get("Origin"))

@app.get("/broken")
def broken():
    return "<p>not JSON</p>", 500

@app.get("/enter")
def enter():
    answer = redirect("/echo")
    answer.set_cookie("who", "ada")
    return answer

@socketio.on("connect")
def connect(auth=None):
    if (auth or {}).get("name") == "Eve":
        raise ConnectionRefusedError("No Eve here.", {"code": "eve"})

@socketio.on("ask")
def ask(value):
    return {"ok": True, "value": value, "cookies": request.cookies}

@socketio.on("say")
def say(text):
    emit("said", text, broadcast=True)

@socketio.on("slow")
def slow():
    socketio.sleep(0.4)
    return "late"

@socketio.on("disconnect")
def gone(reason=None):
    emit("gone", broadcast=True)

@socketio.on("throw_out")
def throw_out():
    disconnect()
'''  # fmt: skip
FORM = '<form id="f"><input id="t" name="t" required maxlength="5"><button>Send</button></form>'


@pytest.fixture(scope="module")
def chat(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    folder = tmp_path_factory.mktemp("chat")
    (folder / "app.py").write_text(APP)
    (folder / "static").mkdir()
    with Stage("test", folder, "") as running:
        running.start()
        yield running


@pytest.fixture
def pages(chat: Stage) -> Iterator[Pages]:
    with Pages(chat) as running:
        yield running


Open = Callable[..., Page]


@pytest.fixture
def page_of(chat: Stage, pages: Pages) -> Open:
    """Return a function that opens a page with this body and script."""

    def open_it(body: str, script: str = "", client: bool = True) -> Page:
        name = "CLIENT" if client else ""
        (chat.folder / "a.html").write_text(
            "<!doctype html>\n<html>\n<head><title>A page</title></head>\n<body>\n"
            f"{body}\n<p id='log'></p>\n{name}<script src='/static/a.js'></script>\n</body>\n</html>\n"
        )
        (chat.folder / "static" / "a.js").write_text(textwrap.dedent(script).strip())
        return pages.open("/page/a.html")

    return open_it


def show(expression: str) -> str:
    return f"document.querySelector('#log').textContent = JSON.stringify({expression});"


# ---- what people do -------------------------------------------------------------------------------


def test_what_somebody_types_is_heard_and_read(page_of: Open) -> None:
    ada = page_of(FORM, """
        const field = document.querySelector("#t");
        field.addEventListener("input", () => {
          log.textContent = `${field.value} ${field.outerHTML}`;
        });
        """)  # fmt: skip
    ada.type("#t", "Helloooo")
    assert ada.value("#t") == "Hello"
    assert ada.text("#log").startswith("Hello <input")
    assert "Hello" not in (ada.attributes("#t", "value")[0] or "")


def test_a_form_that_a_script_keeps_does_not_leave(page_of: Open) -> None:
    ada = page_of(FORM, """
        f.addEventListener("submit", (event) => {
          event.preventDefault();
          log.textContent = event.submitter.textContent;
          f.reset();
        });
        """)  # fmt: skip
    assert not ada.submit()
    assert ada.text("#log") == ""
    ada.type("#t", "Hi")
    assert ada.submit()
    assert ada.pages.settle()
    assert (ada.text("#log"), ada.value("#t")) == ("Send", "")
    assert ada.url.endswith("/page/a.html")


@pytest.mark.parametrize(("attributes", "method", "kind"), [
    ('action="/echo"', "GET", None),
    ('action="/echo" method="post"', "POST", "application/x-www-form-urlencoded"),
    ('action="../echo" method="post" enctype="multipart/form-data"', "POST", "multipart/form-data"),
])  # fmt: skip
def test_a_form_that_nobody_keeps_is_sent(
    page_of: Open, pages: Pages, attributes: str, method: str, kind: str | None
) -> None:
    fields = '<input name="t" value="a&amp;ü"><input name="off" disabled>'
    ada = page_of(f'<form {attributes}>{fields}<button name="b" value="1">Go</button></form>')
    ada.submit()
    assert pages.settle()
    said = ada.text("pre")
    assert f'"method":"{method}"' in said
    assert '{"b":"1","t":"a&\\u00fc"}' in said
    assert kind is None or kind in said
    assert ada.requests[-1][0] == method and ada.requests[-1][2] == 200


def test_cookies_and_redirects_are_a_browsers(page_of: Open, pages: Pages) -> None:
    ada = page_of('<a id="a" href="/enter">Enter</a>')
    ada.click("#a")
    pages.settle()
    assert ada.url.endswith("/echo") and '"who":"ada"' in ada.text("pre")
    assert [status for _, url, status in ada.requests if "page" not in url and "static" not in url
            and "socketio" not in url] == [302, 200]  # fmt: skip


def test_what_is_stored_is_there_on_the_next_page(page_of: Open, pages: Pages) -> None:
    ada = page_of('<a id="a" href="/page/a.html?2">Again</a>', """
        log.textContent = localStorage.getItem("name");
        localStorage.setItem("name", "Ada");
        """)  # fmt: skip
    assert ada.text("#log") == ""
    ada.click("#a")
    pages.settle()
    assert ada.text("#log") == "Ada"
    assert pages.open("/page/a.html").text("#log") == ""


def test_a_listener_is_called_on_the_element_that_it_listens_on(page_of: Open) -> None:
    ada = page_of(
        '<p id="p"><b id="b">x</b></p>',
        "p.addEventListener('click', function (e) { log.append(this.id, e.target.id); });",
    )
    ada.click("#b")
    assert ada.text("#log") == "pb"


def test_fetch_sends_a_form_with_its_file(page_of: Open, pages: Pages) -> None:
    room = '<input name="room" type="hidden" value="7">'
    form = f'<form id="f">{room}<input id="file" name="file" type="file"></form>'
    ada = page_of(form, """
        document.querySelector("#file").addEventListener("change", async (event) => {
          const response = await fetch("../echo", { method: "POST", body: new FormData(f) });
          const { files, form } = await response.json();
          log.textContent = JSON.stringify([response.ok, files, form, event.target.files[0].size]);
        });
        """)  # fmt: skip
    ada.choose("#file", "a.png", "image/png", bytes(range(256)))
    assert pages.settle()
    assert ada.errors == []
    assert ada.text("#log") == '[true,{"file":["a.png","image/png",256]},{"room":"7"},256]'
    assert ada.requests[-1][0] == "POST"


def test_clicks(page_of: Open) -> None:
    ada = page_of(
        '<button id="b" onclick="log.append(\'clicked \')"><b>x</b></button>'
        '<button id="off" disabled onclick="log.textContent = 1">y</button>'
        '<input id="c" type="checkbox">',
        "b.onclick; c.onchange = () => { log.textContent += c.checked; };",
    )
    ada.click("#b b")
    ada.click("#off")
    ada.click("#c")
    assert ada.text("#log") == "clicked true"
    assert ada.errors == []
    with pytest.raises(LookupError, match="#nothing"):
        ada.click("#nothing")


def test_markup_that_became_elements_is_seen(page_of: Open) -> None:
    ada = page_of("", """
        const text = "<img src=x onerror=alert(1)>";
        log.innerHTML = text;
        const line = document.createElement("p");
        line.id = "safe";
        line.textContent = text;
        log.after(line);
        """)  # fmt: skip
    assert ada.all("#log img")
    assert not ada.all("#safe img") and ada.text("#safe").startswith("<img")


def test_templates_addresses_and_data_are_as_in_a_browser(page_of: Open) -> None:
    body = (
        '<template id="t"><p class="m"><a href="/x?a=">y</a></p></template><p id="d" data-seq="3">'
    )
    ada = page_of(body, """
        const copy = t.content.cloneNode(true);
        const link = copy.querySelector("a");
        link.href += "1";
        log.textContent = JSON.stringify([
          document.querySelector(".m"), link.href, d.dataset.seq, d.dataset.none, d.missing,
          new URL("socket.io", document.baseURI).pathname, new URL("../x/./y/", location.href).pathname,
        ]);
        log.append(copy, undefined);
        """)  # fmt: skip
    found = ada.text("#log")
    assert found.startswith('[null,"http://127.0.0.1:')
    assert '/x?a=1","3",null,null,"/page/socket.io","/x/y/"]' in found
    assert found.endswith("yundefined")
    assert ada.errors == []


# ---- sockets --------------------------------------------------------------------------------------


def test_two_people_hear_each_other(page_of: Open, pages: Pages) -> None:
    script = """
        const socket = io();
        socket.on("said", (text) => { log.append(text + " "); });
        f.addEventListener("submit", (event) => {
          event.preventDefault();
          socket.emit("say", t.value);
        });
        """
    bo = page_of(FORM, script)
    assert pages.settle()  # otherwise, Ada's message could be there before Bo is connected
    ada = page_of(FORM, script)
    ada.type("#t", "Hi")
    ada.submit()  # before it is connected: the client keeps it
    assert bo.wait(lambda: bo.text("#log"))
    assert pages.settle()
    assert (ada.text("#log"), bo.text("#log")) == ("Hi", "Hi")
    assert (ada.sent, bo.sent, bo.heard) == ([["say", "Hi"]], [], [["said", "Hi"]])


def test_acknowledgements_of_every_kind(page_of: Open, pages: Pages) -> None:
    ada = page_of("", """
        const socket = io();
        const seen = [];
        const note = (...values) => { seen.push(values); log.textContent = JSON.stringify(seen); };
        socket.once("connect", async () => {
          note(socket.connected, socket.active, typeof socket.id);
          socket.emit("ask", 1, (answer) => note(answer.value));
          note((await socket.emitWithAck("ask", 2)).value);
          socket.timeout(100).emit("slow", (error) => note(error.message));
          socket.timeout(2000).emit("slow", (error, value) => note(error, value));
        });
        """)  # fmt: skip
    assert ada.wait(lambda: "late" in ada.text("#log"))
    assert ada.text("#log") == (
        '[[true,true,"string"],[1],[2],["operation has timed out"],[null,"late"]]'
    )
    assert ada.errors == []


def test_a_page_can_receive_another_acknowledgement(page_of: Open, pages: Pages) -> None:
    ada = page_of(
        "<button>Ask</button>CLIENT",
        """
        const socket = io();
        const ask = () => socket.emit("ask", 1, (answer) => console.log(answer));
        document.querySelector("button").onclick = ask;
        """,
    )
    ada.answer("ask", {"ok": False})
    for _ in range(2):
        ada.click("button")
        pages.settle()
    assert ada.console[0] == '{"ok":false}' and '"ok":true' in ada.console[1]


def test_timers_can_be_hurried(page_of: Open) -> None:
    ada = page_of(
        "<p></p>",
        """
        setTimeout(() => console.log("soon"), 3000);
        setInterval(() => console.log("again"), 1000);
        setTimeout(() => console.log("late"), 60000);
        """,
    )
    ada.hurry(10)
    assert ada.console == ["again", "soon"]


@pytest.mark.parametrize("pause", [0, 10])
def test_a_page_whose_timer_never_stops_comes_to_rest(
    page_of: Open, pages: Pages, pause: int
) -> None:
    ada = page_of("<p></p>", f"setInterval(() => document.title += '.', {pause});")
    begun = time.monotonic()
    assert pages.settle(30) and time.monotonic() - begun < 10
    assert ada.text("p") == ""


@pytest.mark.parametrize(("script", "is_at_end"), [
    ("log.append(line);", True),  # perhaps nothing scrolls there
    ("log.append(line); log.scrollTop = log.scrollHeight;", True),
    ("log.append(line); log.scrollTo({ top: log.scrollHeight, behavior: 'smooth' });", True),
    ("log.append(line); line.firstChild.scrollIntoView();", True),
    ("log.scrollTop = log.scrollHeight; log.append(line);", False),
    ("log.append(line); log.scrollTop = log.scrollHeigt;", False),
])  # fmt: skip
def test_a_page_scrolls(page_of: Open, script: str, is_at_end: bool) -> None:
    ada = page_of(
        "<div id=log><p>1</p></div>",
        f"const line = document.createElement('p'); line.innerHTML = '<b>2</b>';\n{script}",
    )
    assert ada.is_at_end("#log") is is_at_end


def test_a_refusal_says_why(page_of: Open, pages: Pages) -> None:
    ada = page_of("", """
        const socket = io({ auth: { name: "Eve" } });
        socket.on("connect_error", (error) => {
          log.textContent = [error.message, error.data.code, socket.active];
        });
        """)  # fmt: skip
    assert ada.wait(lambda: ada.text("#log"))
    assert ada.text("#log") == "No Eve here.,eve,false"


def test_a_wrong_path_is_tried_again(page_of: Open) -> None:
    ada = page_of("", """
        const socket = io({ path: "/nowhere" });
        socket.on("connect_error", () => { log.append(`${socket.active} `); });
        """)  # fmt: skip
    assert ada.wait(lambda: ada.text("#log") == "true true")


CONNECTION = """
    const socket = io();
    const note = (text) => { log.append(text + " "); };
    for (const name of ["connect", "disconnect", "connect_error"])
      socket.on(name, (why) => note(name + (why?.length ? `:${why}:${socket.active}` : "")));
    socket.on("said", note);
    """


def test_a_page_reconnects_when_it_is_online_again(page_of: Open, pages: Pages) -> None:
    ada = page_of(
        "<button id='b' onclick='socket.volatile.emit(\"say\", 1); socket.emit(\"say\", 2)'></button>",
        CONNECTION,
    )
    assert ada.wait(lambda: ada.text("#log") == "connect")
    ada.go_offline()
    assert ada.wait(lambda: "disconnect:transport close" in ada.text("#log"))
    assert ada.wait(lambda: "connect_error" in ada.text("#log"))
    ada.click("#b")
    assert ada.sent == []
    ada.go_online()
    assert ada.wait(lambda: ada.text("#log").endswith("connect 2"))
    assert ada.sent == [["say", 2]]


def test_who_disconnects_or_is_thrown_out_stays_away(page_of: Open, pages: Pages) -> None:
    ada = page_of(
        "<button id='b' onclick='socket.disconnect()'></button>"
        "<button id='c' onclick='socket.emit(\"throw_out\")'></button>",
        CONNECTION,
    )
    bo = pages.open("/page/a.html")
    pages.settle()
    ada.click("#b")
    bo.click("#c")
    assert bo.wait(lambda: "disconnect" in bo.text("#log"))
    pages.settle()
    time.sleep(1.2)
    pages.settle()
    assert ada.text("#log") == "connect disconnect:io client disconnect:false"
    assert bo.text("#log") == "connect disconnect:io server disconnect:false"


def test_a_page_that_leaves_closes_its_socket(page_of: Open, pages: Pages) -> None:
    script = "const socket = io(); socket.on('gone', () => { log.append('gone'); });"
    ada, bo = page_of("<a id='a' href='/echo'>Leave</a>", script), pages.open("/page/a.html")
    assert pages.settle()
    bo.click("#a")
    assert ada.wait(lambda: "gone" in ada.text("#log"))
    assert bo.url.endswith("/echo")


@pytest.mark.parametrize(("client", "seen"), [
    ("", "ReferenceError: io is not defined"),
    ('<script src="/static/none.js"></script>', "ReferenceError: io is not defined"),
    ('<script src="https://localhost.invalid/socket.io.min.js"></script>',
     "ReferenceError: io is not defined"),
])  # fmt: skip
def test_without_the_client_there_is_no_io(page_of: Open, client: str, seen: str) -> None:
    ada = page_of(client, "const socket = io();", client=False)
    assert ada.errors[-1].message == seen
    assert [error.kind for error in ada.errors] == (["resource"] if client else []) + ["error"]


# ---- modules and hidden elements ------------------------------------------------------------------


@pytest.mark.parametrize("line", ['import { one } from "/static/b.js";', "export const one = 1;"])
def test_a_module_that_imports_or_exports_is_not_run(page_of: Open, line: str) -> None:
    ada = page_of(f"<p id=log></p><script type=module>\n{line}\nnobody();\n</script>")
    (error,) = ada.errors
    assert (error.kind, error.file) == ("module", "/page/a.html")


def test_hidden_elements_are_not_seen(page_of: Open, chat: Stage) -> None:
    (chat.folder / "static" / "s.css").write_text(
        "/* p { display: none } */ .gone, :is(b, i.x) { color: red; DISPLAY : none }\n"
        "#here { display: block } p.gone.back { display: block } p::before, p:odd { display: none }\n"
        "@media print { p { display: none } } [hidden] { display: none !important }\n"
    )
    hides = (
        "<p class='gone'>1</p>", "<p hidden>2</p>", "<p style='display:none'>3</p>", "<b>4</b>",
        "<template>5</template>", "<div hidden><p id='in'>6</p></div>", "<p id='here' hidden>7</p>",
    )  # fmt: skip
    shows = "<p class='gone back'>a</p>", "<p class='gone' style='display:block'>b</p>", "<p>c</p>"
    link = "<link rel='stylesheet' href='/static/s.css'>"
    ada = page_of(f"{link}<div id='all'>{''.join(hides)}{''.join(shows)}</div>")
    assert ada.text("#all") == "abc"
    assert ada.all("#all > p") == ["", "", "", "", "a", "b", "c"]
    assert (ada.text("#in"), ada.is_shown("#in"), ada.is_shown("#all")) == ("", False, True)
    assert ada.is_shown("#none"), "what is missing is not hidden"


@pytest.mark.parametrize(
    ("sheet", "shown"),
    [
        (
            "<style>.a { display: none } @media (min-width: 1px) { .a { display: block } }</style>",
            True,
        ),
        ("<style>.no { color: red; p { display: none } &.a { display: none } }</style>", True),
        ("<style>@layer x { p { display: none } }</style>", True),
        ("<style media='print'>p { display: none }</style>", True),
        ("<link rel='stylesheet' media='print' href='/static/s.css'>", True),
        ("<link rel='alternate stylesheet' href='/static/s.css'>", True),
        ("<link rel='stylesheet' media='screen' href='/static/s.css'>", False),
        ("<noscript><style>p { display: none }</style></noscript>", True),
        ("<style>body p { display: block } p { display: none }</style>", True),
        ("<style>:where(#x) { display: none } p { display: block }</style>", True),
        ("<style>p.a:not(.c) { display: none } p.a.b { display: block }</style>", True),
        ("<style>.a { display: none } p:is(.b, :nothing(x, y)) { display: block }</style>", True),
        ("<style>i::after { content: '} p { display: none }' }</style>", True),
        ("<style>.a { display: none !important; display: block", False),
        (f"<style>{'a' * 100_000}</style>", True),
    ],
)
def test_what_a_style_sheet_hides(page_of: Open, chat: Stage, sheet: str, shown: bool) -> None:
    (chat.folder / "static" / "s.css").write_text("p { display: none }")
    ada = page_of(f"<p id='x' class='a b'>a</p>{sheet}</style>", client=False)
    assert ada.is_shown("#x") is shown


# ---- errors ---------------------------------------------------------------------------------------

TYPE_ERROR = "TypeError: Cannot read properties of null (reading 'value')"


@pytest.mark.parametrize(("script", "kind", "message", "line", "column"), [
    ("let a;\ndocument.querySelector('#no').value;", "error", TYPE_ERROR, 2, 30),
    ("b.addEventListener('click', () => {\n  nobody();\n});",
     "error", "ReferenceError: nobody is not defined", 2, 3),
    ("b.onclick = async () => {\n  await null;\n  null.value; };", "rejection", TYPE_ERROR, 3, 8),
    ("setTimeout(() => {\n null.value; });", "error", TYPE_ERROR, 2, 7),
    ("io().on('connect', () => null.value);", "rejection", TYPE_ERROR, 1, 31),
    ("io().emit('ask', 1, (a) => {\n  a.value.x.y;\n});",
     "rejection", "TypeError: Cannot read properties of undefined (reading 'y')", 2, 13),
    ("io().on('conect', );\nio().on('connect', undefined);",
     "rejection", "TypeError: Cannot read properties of undefined (reading 'apply')", 0, 0),
    ("fetch('/broken').then((response) => response.json());",
     "rejection", "SyntaxError: Unexpected token '<', \"<p>not JSON</p>\" is not valid JSON", 0, 0),
    ("async function load() {\n  await null;\n  null.value;\n}\nb.onclick = () => { load(); };",
     "rejection", TYPE_ERROR, 3, 8),
    ("new Promise(() => { null.value; });", "rejection", TYPE_ERROR, 1, 26),
    ("io().on('connect', async () => {\n  await null;\n  null.value; });",
     "rejection", TYPE_ERROR, 3, 8),
    ("io().emit('ask', 1, async () => null.value);", "rejection", TYPE_ERROR, 1, 38),
    ("const a = 1;\nconst b = ;", "syntax", "SyntaxError: Unexpected token ';'", 2, 11),
    ("const a = 'x\nfoo();", "syntax", "SyntaxError: Invalid or unexpected token", 1, 11),
    ("f = () => {\n  foo(", "syntax", "SyntaxError: Unexpected end of input", 2, 7),
    ("document.getElementByID('x');",
     "error", "TypeError: document.getElementByID is not a function", 1, 10),
    ("throw 'text';", "error", "text", 1, 1),
    ("log.appendChild('text');",
     "error", "TypeError: Failed to execute 'appendChild' on 'Node': parameter 1 is not of type 'Node'.",
     1, 5),
])  # fmt: skip
def test_what_goes_wrong_is_said_as_in_the_console(
    page_of: Open, pages: Pages, script: str, kind: str, message: str, line: int, column: int
) -> None:
    ada = page_of("<button id='b'>x</button>", script)
    ada.click("#b")
    pages.settle()
    (error,) = ada.errors
    assert (error.kind, error.message, error.line, error.column) == (kind, message, line, column)
    if line:
        assert error.file == "static/a.js"
        assert error.source_line == script.strip().split("\n")[line - 1].rstrip()


def test_who_catches_an_error_has_none(page_of: Open, pages: Pages) -> None:
    ada = page_of("", """
        async function load() { throw new Error("caught"); }
        load().catch(() => {});
        fetch("/broken").then((r) => r.json()).catch((error) => { log.append(error.name); });
        (async () => {
          try { await new Promise((_, no) => no(1)); } catch { log.append(" too"); }
        })();
        Promise.all([Promise.resolve(1), load()]).then(null, () => log.append(" all"));
        """)  # fmt: skip
    assert pages.settle()
    assert all(word in ada.text("#log") for word in ("SyntaxError", "too", "all"))
    assert ada.errors == []


def test_inline_scripts_have_the_lines_of_the_page(page_of: Open) -> None:
    ada = page_of(
        "<script>\n  let x = 1;\n  nobody();\n</script><script>const y = 1; nobody()</script>"
    )
    assert [(e.file, e.line, e.column) for e in ada.errors] == [
        ("/page/a.html", 7, 3), ("/page/a.html", 8, 31),
    ]  # fmt: skip
    assert ada.errors[1].source_line.endswith("nobody()</script>")


def test_a_script_in_the_head_finds_no_body(page_of: Open, pages: Pages, chat: Stage) -> None:
    page_of("", """
        const say = () => { console.log("loaded", document.body.id); };
        document.addEventListener("DOMContentLoaded", say);
        console.log(document.querySelector("p"));
        document.body.append("x");
        """)  # fmt: skip
    (chat.folder / "b.html").write_text(
        "<html><head><script src='/static/a.js'></script><script defer src='/static/c.js'></script>"
        "</head><body id='b'><p></p></body></html>"
    )
    (chat.folder / "static" / "c.js").write_text(
        "console.log(document.querySelector('p').outerHTML);"
    )
    ada = pages.open("/page/b.html")
    assert [error.message for error in ada.errors] == [
        "TypeError: Cannot read properties of null (reading 'append')"
    ]
    assert ada.console == ["null", "<p></p>", "loaded b"]


# ---- what does not end ----------------------------------------------------------------------------


@pytest.mark.parametrize(("script", "kind", "timeout"), [
    ("while (true) {}", "time", 1.0),
    ("(async () => { while (true) await null; })();", "time", 1.0),
    # A busy machine needs time to fill the memory.
    ("const all = []; while (true) all.push(new Uint8Array(10_000_000).fill(1));", "memory", 30.0),
    ("const all = []; while (true) all.push(new Array(10_000).fill(0.5));", "memory or time", 3.0),
])  # fmt: skip
def test_a_page_that_does_not_end_is_ended(
    page_of: Open, pages: Pages, script: str, kind: str, timeout: float,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    assert RUN_TIMEOUT == 3
    monkeypatch.setattr(page, "RUN_TIMEOUT", timeout)
    bo = page_of("")
    ada = page_of(
        "<button id='b'>x</button>", f"b.addEventListener('click', () => {{ {script} }});"
    )
    child = psutil.Process(pages._process.pid)
    began = time.monotonic()
    with pytest.raises(PageEnded) as ended:
        ada.click("#b")
    assert time.monotonic() - began < timeout + 3
    assert ended.value.error.kind in kind
    assert [(error.kind, error.during) for error in ada.errors] == [
        (ended.value.error.kind, "click #b")
    ]
    assert bo.errors == []
    assert not child.is_running()
    with pytest.raises(PageEnded):
        bo.text("#log")


@pytest.mark.skipif(sys.platform != "linux", reason="the simulation uses `prctl`")
@pytest.mark.usefixtures("unforked")
def test_the_memory_of_a_python_that_only_starts_another_is_counted(
    chat: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On Windows, the Python of `.venv` starts the real one, which ends together with it."""
    redirector = tmp_path / "python"
    redirector.write_text(
        f"#!{sys.executable}\nimport ctypes, subprocess, sys\nkilled_too = ctypes.CDLL(None).prctl\n"
        f"sys.exit(subprocess.call([{sys.executable!r}, *sys.argv[1:]],"
        " preexec_fn=lambda: killed_too(1, 9)))\n",
        "utf-8",
    )
    redirector.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(redirector))
    monkeypatch.setattr(page, "RUN_TIMEOUT", 30.0)  # a busy machine needs time to fill the memory
    (chat.folder / "empty.html").write_text("<!doctype html>\n<title>A page</title>\n")
    with Pages(chat) as pages:
        ada = pages.open("/page/empty.html")
        with pytest.raises(PageEnded) as ended:
            ada.run("const all = []; while (true) all.push(new Uint8Array(1e7).fill(1));", "all.js")
    assert ended.value.error.kind == "memory"


@pytest.mark.parametrize("is_noticed", [False, True])
def test_a_child_that_dies_is_reported(page_of: Open, pages: Pages, is_noticed: bool) -> None:
    ada = page_of("")
    pages._process.kill()
    if is_noticed:  # then nothing can be written to it anymore
        pages._process.wait()
    with pytest.raises(PageEnded):
        ada.text("#log")
    assert [error.kind for error in ada.errors] == ["crash"]


def test_a_server_that_dies_is_a_lost_connection(my_chat: Path) -> None:
    with stage("07", signed=False) as chat, Pages(chat) as pages:
        ada = pages.open("/chat?username=Ada")
        pages.settle()
        chat.stop()
        assert ada.wait(lambda: ada.text("#status") == "No connection. Trying again …")
        ada.type("#message-input", "Hello")
        ada.submit("#message-form")
        assert ada.text("#status") == "Not connected. Your text stays here."
        assert ada.errors == []


def test_nothing_is_left_running(chat: Stage) -> None:
    with Pages(chat) as pages:
        child = psutil.Process(pages._process.pid)
        assert child.is_running()
    assert not child.is_running()


def test_without_v8_nothing_is_tried(
    chat: Stage, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    python = tmp_path / "python"
    python.write_text(
        '#!/bin/sh\necho \'{"cannot": "ImportError: No module named py_mini_racer"}\'\n'
    )
    python.chmod(0o755)
    monkeypatch.setattr("sys.executable", str(python))
    with pytest.raises(CannotRun, match="py_mini_racer"), Pages(chat):
        pass
