"""Notebook 05 and a page with a file in a real JupyterLab, at every kind of address."""

import re
from collections.abc import Iterator
from pathlib import Path

import nbformat
import pytest
from playwright.sync_api import Frame, Page, Response, expect

from tests.browser.jupyter import HUB, TOKEN, Jupyter
from tests.browser.people import UPGRADED, People, say
from workshop import embed, lab, paths

pytestmark = pytest.mark.browser

NOTEBOOK = "05_broadcast"
PAGE = "index.html"
LAST_CELL = "live"  # the id of the cell that shows two pages
TYPED = """<p title="it's">Hi, <b>{{ username }}</b>!</p>\n<br/>\n"""
IDLE = "Python 3 (ipykernel) | Idle"
SLOW = 60_000  # milliseconds: JupyterLab loads, a kernel starts, a stage starts


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with notebook 05, up to the cell that shows both pages."""
    folder = tmp_path_factory.mktemp("lab")
    notebook = nbformat.reads(lab.without_outputs(paths.NOTEBOOKS / f"{NOTEBOOK}.ipynb"), 4)
    ids = [cell.id for cell in notebook.cells]
    notebook.cells = notebook.cells[: ids.index(LAST_CELL) + 1]
    nbformat.write(notebook, folder / f"{NOTEBOOK}.ipynb")
    (folder / PAGE).touch()
    return folder


@pytest.fixture(scope="module", params=["/", HUB])
def jupyter(request: pytest.FixtureRequest, folder: Path) -> Iterator[Jupyter]:
    settings = [f"--{name}={value}" for name, value in lab.OWN_WAYS.items()]
    server = Jupyter("jupyterlab", folder, request.param, *settings)
    yield server
    server.stop()


@pytest.mark.parametrize(
    ("jupyter", "host"),
    [
        ("/", "localhost"),  # as start.py opens it
        pytest.param("/", "127.0.0.1", marks=pytest.mark.long),
        pytest.param(HUB, "127.0.0.1", marks=pytest.mark.long),
    ],
    indirect=["jupyter"],
)
def test_both_pages_are_alive_in_the_notebook(jupyter: Jupyter, person: People, host: str) -> None:
    # JupyterLab probes for what may not be there, and says so on its own console.
    person.tolerate(r"status 404|status of 404|request failed")
    reader = person(width=1280)
    reader.set_default_timeout(SLOW)
    address = jupyter.address.replace("127.0.0.1", host)
    reader.goto(f"{address}lab/tree/{NOTEBOOK}.ipynb?token={TOKEN}&reset")
    run_all(reader)
    ada, bo = (page_of(reader, name) for name in ("Ada", "Bo"))
    below_a_hub = jupyter.prefix == HUB
    if below_a_hub:
        assert ada.url.startswith(f"{address}proxy/")  # nothing else gets through a hub
    else:
        assert re.match(r"http://localhost:\d+/chat", ada.url)
    assert reader.get_by_text(embed.BELOW_A_HUB).count() == below_a_hub
    say(ada, "Can you read this, Bo?")
    say(bo, "I can.")
    for page in (ada, bo):
        expect(page.locator(".text")).to_have_text(["Can you read this, Bo?", "I can."])


@pytest.mark.parametrize("jupyter", ["/"], indirect=True)  # its address is nothing to this
def test_a_page_opens_as_text_and_holds_what_was_typed(
    jupyter: Jupyter, folder: Path, person: People
) -> None:
    person.tolerate(r"status 404|status of 404|request failed")
    learner = person(width=1280)
    learner.set_default_timeout(SLOW)
    learner.goto(f"{jupyter.address}lab?token={TOKEN}&reset")
    (folder / PAGE).write_text("")
    learner.get_by_role("listitem", name=re.compile(PAGE)).dblclick()
    editor = learner.locator(".jp-FileEditor .cm-content[data-language=html]")
    editor.click()
    learner.keyboard.type(TYPED)
    save(learner)
    assert (folder / PAGE).read_text() == TYPED


@pytest.mark.long  # it changes only with JupyterLab
@pytest.mark.parametrize("jupyter", ["/"], indirect=True)  # nor to this
def test_a_kernel_ends_with_the_tab_of_its_notebook(jupyter: Jupyter, person: People) -> None:
    # The debugger of a notebook that is left in the middle of its first question says so.
    person.tolerate(r"status 404|status of 404|request failed|debugger state")
    learner = person(width=1280)
    learner.set_default_timeout(SLOW)
    learner.goto(f"{jupyter.address}lab/tree/{NOTEBOOK}.ipynb?token={TOKEN}&reset")
    expect(learner.get_by_text(IDLE)).to_be_visible(timeout=SLOW)
    (kernel,) = kernels(learner, jupyter)
    learner.goto(f"{jupyter.address}lab/tree/{NOTEBOOK}.ipynb")
    expect(learner.get_by_text(IDLE)).to_be_visible(timeout=SLOW)
    assert kernels(learner, jupyter) == [kernel], "the twin: who reloads JupyterLab keeps it"
    save(learner)  # otherwise, JupyterLab asks
    with learner.expect_response(lambda answer: answer.request.method == "DELETE") as ended:
        learner.get_by_title(f"Close {NOTEBOOK}").click()
    assert ended.value.ok
    assert kernels(learner, jupyter) == []


def save(learner: Page) -> None:
    """Save the open file, and wait until JupyterLab has finished.

    It first stores the file and then makes a checkpoint. If Jupyter is ended before that, it never ends.
    Opening a file makes a checkpoint, too.
    """
    methods: list[str] = []

    def has_finished(answer: Response) -> bool:
        methods.append(answer.request.method)
        return "PUT" in methods and methods[-1] == "POST" and "/checkpoints" in answer.url

    with learner.expect_response(has_finished):
        learner.keyboard.press("ControlOrMeta+s")


def kernels(reader: Page, jupyter: Jupyter) -> list[str]:
    answer = reader.request.get(f"{jupyter.address}api/kernels?token={TOKEN}")
    return [each["id"] for each in answer.json()]


def run_all(reader: Page) -> None:
    # The status bar says Idle when the kernel has answered; what is run before that may get lost.
    expect(reader.get_by_text(IDLE)).to_be_visible(timeout=SLOW)
    reader.get_by_role("menuitem", name="Run", exact=True).click()
    reader.get_by_role("menuitem", name="Run All Cells", exact=True).click()


def page_of(reader: Page, name: str) -> Frame:
    """Return a person's page inside the notebook, after it has connected."""
    page = reader.wait_for_selector(f'iframe[title="{name}\'s page"]').content_frame()
    assert page
    page.wait_for_function(UPGRADED)
    return page
