"""The first day of a chat, using only what the screen shows: set up, invite, share a picture."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.browser.people import People
from tests.browser.team import caught_up
from tests.final_app.rig import Server, png

pytestmark = pytest.mark.browser


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    """An empty chat. It stops after the browsers, because pages would notice that it is gone."""
    chat = Server(tmp_path).start()
    yield chat
    chat.stop()


def test_two_strangers_get_from_nothing_to_a_shared_picture(server: Server, person: People) -> None:
    """The test knows no address except the one that the program prints, and no ID or class."""
    ada = person(server.url)
    expect(ada.get_by_role("heading", name="Set up your chat")).to_be_visible()
    ada.get_by_label("Username").fill("Ada")
    ada.get_by_label("Password").fill("a sentence of my own")
    ada.get_by_role("button", name="Start chatting").click()
    expect(ada.get_by_role("heading", name="general")).to_be_visible()
    link = ada.get_by_label("Invite others with this link").input_value()
    assert link.startswith(server.url)

    bo = person(link)
    bo.get_by_label("Username").fill("bo")
    bo.get_by_label("Password").fill("another one, longer")
    bo.get_by_role("button", name="Create account").click()
    expect(bo.get_by_role("heading", name="general")).to_be_visible()
    caught_up(bo)

    with bo.expect_file_chooser() as choosing:
        bo.get_by_role("button", name="Attach files").click()
    choosing.value.set_files({"name": "us.png", "mimeType": "image/png", "buffer": png(300, 200)})
    bo.get_by_role("textbox", name="Message #general").fill("This is us!")
    bo.get_by_role("button", name="Send").click()

    said = ada.get_by_role("listitem").filter(has_text="This is us!")
    expect(said.get_by_role("img", name="us.png")).to_be_visible()
    said.get_by_role("img", name="us.png").click()
    viewer = ada.get_by_role("dialog")
    expect(viewer.get_by_role("img", name="us.png")).to_be_visible()
    ada.keyboard.press("Escape")
    expect(viewer).to_be_hidden()
    ada.get_by_role("textbox", name="Message #general").fill("Lovely, @bo")
    ada.keyboard.press("Enter")  # chooses Bo from the list,
    ada.keyboard.press("Enter")  # and sends
    expect(bo.get_by_role("listitem").filter(has_text="Lovely, @bo")).to_be_visible()
