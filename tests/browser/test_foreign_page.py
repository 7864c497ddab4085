"""A learner's page is untrusted code: it cannot access the JupyterLab that shows it.

JupyterLab is started in the same way as by `start.py notebooks`. The attacks run as a script in the
page of a stage: in its frame in a notebook, and in a tab of its own, which its link opens.
"""

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qsl, urljoin, urlsplit

import nbformat
import pytest
from playwright.sync_api import Browser, Error, Frame, Page, expect

from tests.browser.people import UPGRADED, WIDE, People, Run, say
from tests.browser.test_lab_live import SLOW, run_all
from tests.workshop.running_lab import Lab, running_lab
from workshop import embed

pytestmark = pytest.mark.browser

NOTEBOOK = "pages.ipynb"
CELLS = [
    'from workshop import *\nchat = stage("05_broadcast")\nshow_page(chat)',
    'show_page(stage("12_sessions"), "/", 500)',
]
ATTACKED, WITH_ACCOUNTS = "05_broadcast: /", "12_sessions: /"  # the titles of the frames

DOT = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
FRAME, TAB = "in its frame", "in a tab of its own"
AROUND = "the document around it"
GIVE_UP = 10_000  # milliseconds after which an attack that nothing answers has got nothing

# Each gets {jupyter, token, terminal, kernel, proxied} and returns what it got hold of, or nothing.
# A terminal that it makes is counted at the server: some of them cannot read the answer.
ATTACKS = {
    "a terminal, with the token in a header": """fetch(`${jupyter}api/terminals`, {
        method: "POST", credentials: "include", headers: {"X-XSRFToken": token},
    }).then((answer) => answer.ok && answer.text())""",
    "a terminal, with the token in the query": """fetch(`${jupyter}api/terminals?_xsrf=${token}`, {
        method: "POST", credentials: "include",
    }).then((answer) => answer.ok && answer.text())""",
    "a terminal, without CORS": """fetch(`${jupyter}api/terminals?_xsrf=${token}`, {
        method: "POST", credentials: "include", mode: "no-cors",
    }).then((answer) => answer.ok && answer.text())""",
    "a terminal, by a form": """new Promise((done) => {
        const box = document.createElement("div");
        box.innerHTML = '<form method="post" enctype="text/plain" target="answer"'
            + ` action="${jupyter}api/terminals?_xsrf=${token}">`
            + `<input name='{"cwd":"' value='"}'></form><iframe name="answer"></iframe>`;
        document.body.replaceChildren(box);
        box.lastChild.onload = () => done("");
        box.firstChild.submit();
    })""",
    "the files": """fetch(`${jupyter}api/contents`, {credentials: "include"})
        .then((answer) => answer.ok && answer.text())""",
    "a terminal's WebSocket": """new Promise((done, refused) => {
        const socket = new WebSocket(jupyter.replace("http", "ws") + `terminals/websocket/${terminal}`);
        socket.onmessage = (message) => done(message.data);
        socket.onerror = refused;
    })""",
    "a kernel's WebSocket": """new Promise((done, refused) => {
        const socket = new WebSocket(jupyter.replace("http", "ws") + `api/kernels/${kernel}/channels`);
        socket.onopen = () => done("open");
        socket.onerror = refused;
    })""",
    AROUND: """parent.document.body.innerText""",
    "JupyterLab, embedded": """new Promise((done) => {
        const frame = document.createElement("iframe");
        frame.onload = () => done(frame.contentDocument && frame.contentDocument.body.innerHTML);
        frame.src = `${jupyter}lab`;
        document.body.append(frame);
    })""",
    "the proxy, embedded": """new Promise((done) => {
        const frame = document.createElement("iframe");
        frame.onload = () => done("");
        frame.src = proxied;
        document.body.append(frame);
    })""",
    "the proxy, opened": "void open(proxied)",
    "the proxy, by navigating itself": "new Promise(() => { location.href = proxied; })",
    "the proxy, by navigating the whole tab": "new Promise(() => { top.location.href = proxied; })",
}


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    mine = tmp_path_factory.mktemp("mine")
    (mine / "notebooks").mkdir()
    notebook = nbformat.v4.new_notebook(
        cells=[nbformat.v4.new_code_cell(source) for source in CELLS],
        metadata={"kernelspec": {"name": "python3", "display_name": "Python 3"}},
    )
    nbformat.write(notebook, mine / "notebooks" / NOTEBOOK)
    with running_lab(WORKSHOP_MINE=str(mine), HOME=str(home(mine))) as lab:
        yield lab


def home(mine: Path) -> Path:
    """A home folder without this machine's Jupyter settings."""
    folder = mine / "home"
    folder.mkdir()
    return folder


@pytest.fixture(scope="module")
def learner(browser: Browser, lab: Lab) -> Iterator[Page]:
    """Somebody who is logged in to JupyterLab."""
    context = browser.new_context(viewport={"width": WIDE, "height": 1600})
    context.set_default_timeout(SLOW)
    page = context.new_page()
    page.goto(f"{lab.root}lab?token={lab.token}&reset")
    yield page
    context.close()


def in_a_notebook(learner: Page, lab: Lab, title: str) -> Frame:
    """Return a stage's page inside the notebook. If the notebook is not open yet, open and run it."""
    frames = learner.locator(f'iframe[title="{title}"]')
    if not (learner.url.startswith(f"{lab.root}lab/tree") and frames.count()):
        learner.goto(f"{lab.root}lab/tree/notebooks/{NOTEBOOK}?reset")
        run_all(learner)
    handle = learner.wait_for_selector(f'iframe[title="{title}"]')
    frame = handle.content_frame()
    assert frame
    frame.goto(urljoin(learner.url, handle.get_attribute("src")))  # wherever an attack has led it
    return frame


def in_a_tab(learner: Page, lab: Lab) -> Page:
    tab = learner.context.new_page()
    tab.goto(in_a_notebook(learner, lab, ATTACKED).url)
    return tab


@pytest.mark.parametrize(
    ("name", "place"),
    [(name, FRAME) for name in ATTACKS]
    # The same server answers in a tab, so one attack there shows that it makes no difference.
    + [
        pytest.param(name, TAB, marks=[pytest.mark.long] if number else [])
        for number, name in enumerate(name for name in ATTACKS if name != AROUND)
    ],
)
def test_a_page_gets_nothing_from_jupyterlab(
    learner: Page, lab: Lab, name: str, place: str
) -> None:
    got: list[str] = []
    for cookie in ("", *cookies(in_a_notebook(learner, lab, ATTACKED))):
        terminal = json.loads(lab.ask("api/terminals", "POST"))["name"]
        assert terminal in terminals(lab), "the twin: whoever has the token gets one"
        # A page of its own for each attack: the one before may have navigated it elsewhere.
        page = in_a_notebook(learner, lab, ATTACKED) if place == FRAME else in_a_tab(learner, lab)
        got += attack(page, name, cookie, terminal, lab)
        for extra in learner.context.pages:
            if extra is not learner:
                extra.close()
        if got:
            break
    assert got == []


def cookies(page: Frame) -> list[str]:
    """Return the values of the cookies that a page's script can see, including JupyterLab's token."""
    seen = dict(parse_qsl(page.evaluate("document.cookie").replace("; ", "&")))
    assert "_xsrf" in seen, "ports share cookies: if it could not see it, this would prove little"
    return list(seen.values())


def attack(page: Frame | Page, name: str, token: str, terminal: str, lab: Lab) -> list[str]:
    """Run one attack in a page, and return what it obtained."""
    context = (page.page if isinstance(page, Frame) else page).context
    port = urlsplit(page.url).port
    if "/proxy/" in page.url:
        port = int(page.url.partition("/proxy/")[2].partition("/")[0])
    about = {
        "jupyter": lab.root,
        "token": token,
        "terminal": terminal,
        "kernel": json.loads(lab.ask("api/kernels"))[0]["id"],
        "proxied": f"{lab.root}proxy/{port}/?attack",
    }
    through: list[str] = []
    context.on("response", lambda r: r.ok and r.url == about["proxied"] and through.append(r.url))
    before = terminals(lab)
    late = f"new Promise((done) => setTimeout(done, {GIVE_UP}))"  # `evaluate` itself waits for ever
    script = f"({{{', '.join(about)}}}) => Promise.race([(async () => {ATTACKS[name]})(), {late}])"
    try:
        got = page.evaluate(script, about)
    except Error as refused:
        print(f"{name}: {refused}")  # or it has navigated elsewhere
        got = None
    for each in context.pages:
        each.wait_for_load_state()
    made = [f"terminal {name}" for name in terminals(lab) - before]
    return made + through + ([str(got)[:80]] if got else [])


def terminals(lab: Lab) -> set[str]:
    return {each["name"] for each in json.loads(lab.ask("api/terminals"))}


def test_a_step_with_cookies_is_alive_in_its_frame(learner: Page, lab: Lab) -> None:
    ada = in_a_notebook(learner, lab, WITH_ACCOUNTS)
    ada.get_by_label("Your name").fill("Ada")
    ada.get_by_label("Password").fill("correct horse")
    ada.get_by_role("button", name="Register").click()
    ada.wait_for_url("**/chat")
    ada.wait_for_function(UPGRADED)
    say(ada, "I am in.")
    expect(ada.locator(".text")).to_have_text(["I am in."])


def test_a_file_of_step_16_opens_from_its_frame(person: People, run: Run) -> None:
    """A template of this step opens a tab, so its frame is allowed to do so.

    The negative twin is a frame that is not.
    """
    person.tolerate("allow-popups|Blocked autofocusing")
    chat, around = run("16"), run("01")
    tab = person(embed.address(around.port, "/"))
    ada = framed(tab, embed.address(chat.port, "/"), embed.SANDBOX)
    ada.get_by_label("Your name").fill("Ada in a frame")  # others register Ada here
    ada.get_by_label("Password").fill("correct horse")
    ada.get_by_role("button", name="Register").click()
    ada.wait_for_function(UPGRADED)
    picture = {"name": "dot.png", "mimeType": "image/png", "buffer": DOT}
    ada.locator("input[type=file]").set_input_files(picture)
    expect(ada.locator("#status")).to_contain_text("dot.png")
    say(ada, "Look")
    before = tab.context.pages
    with tab.expect_console_message(lambda message: "allow-popups" in message.text):
        ada.get_by_role("link", name="dot.png").click()
    assert tab.context.pages == before
    ada = framed(tab, embed.address(chat.port, "/chat"), embed.sandbox(chat.folder))
    with tab.expect_popup() as opened:
        ada.get_by_role("link", name="dot.png").click()
    assert opened.value.url.startswith(embed.address(chat.port, "/"))


def framed(tab: Page, address: str, sandbox: str) -> Frame:
    """Show a page in a frame, in the same way as a notebook, and return the page."""
    frame = f'<iframe src="{address}" sandbox="{sandbox}" height="700">'
    tab.evaluate("frame => { document.body.innerHTML = frame; }", frame)
    page = tab.wait_for_selector("iframe").content_frame()
    assert page
    return page
