"""Display names: nobody can use a name by which others know somebody else."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask

from final_app.accounts import accounts, sessions
from final_app.accounts.sessions import Identity
from final_app.errors import Conflict, Invalid
from final_app.lib import names
from tests.final_app.rig import PASSWORD, application


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Flask:
    """The chat with ada, whose display name is "Ada Straße", with bo, and with max, who is banned."""
    made = application(tmp_path_factory.mktemp("app"))
    with made.app_context():
        accounts.bootstrap("ada", PASSWORD)
        for name in ("bo", "max"):
            accounts.create(name, PASSWORD)
        accounts.rename(identity(1), "Ada Straße")
        accounts.deactivate(3, "banned")
    return made


@pytest.fixture(autouse=True)
def inside(app: Flask) -> Iterator[None]:
    with app.app_context():
        yield


def identity(user_id: int) -> Identity:
    found = sessions.find(sessions.create(user_id, "test", "127.0.0.1"))
    assert found
    return found


@pytest.mark.parametrize(
    "name",
    ["Ada", "ada", "ADA", " ada ", "Ａda", "𝐀𝐝𝐚", "ada\u00a0",  # the username
     "Ada Straße", "ada strasse", "ADA STRASSE", "Ada\u3000Straße",  # the display name
     "аda", "Аԁа", "Αda", "a\u034fda", "ada\ufe0f",  # with Cyrillic, Greek and invisible letters
     "Max"],  # a ban can be lifted, and a name is then needed again
)  # fmt: skip
def test_nobody_can_use_the_name_of_somebody_else(name: str) -> None:
    with pytest.raises(Conflict, match=r"^This name is already taken\.$") as caught:
        accounts.rename(identity(2), name)
    assert caught.value.field == "name"
    assert identity(2).name == "bo"


@pytest.mark.parametrize("name", ["Ada", "ADA", "Ada Straße", "ada straße", "Ada L."])
def test_a_person_can_use_every_form_of_their_own_name(name: str) -> None:
    accounts.rename(identity(1), name)
    assert identity(1).name == name
    accounts.rename(identity(1), "Ada Straße")


@pytest.mark.parametrize(
    "name", ["Ad", "Ada B.", "Adá", "Robin", "Ада", "Адам (Adam)", "❤\ufe0f", "µ-team", "عادة"]
)
def test_a_name_that_only_resembles_another_is_free(name: str) -> None:
    accounts.rename(identity(2), name)
    assert identity(2).name == name
    accounts.rename(identity(2), "bo")


@pytest.mark.parametrize("create", [
    lambda name: accounts.create(name, PASSWORD),
    lambda name: accounts.register(name, PASSWORD, "", open_to_all=True),
    accounts.create_bot,
], ids=["create", "register", "create_bot"])  # fmt: skip
def test_a_new_account_cannot_have_the_display_name_of_somebody_else(create: object) -> None:
    accounts.rename(identity(2), "Robin")
    assert callable(create)
    with pytest.raises(Conflict, match=r"^This name is already taken\.$") as caught:
        create("robin")
    assert caught.value.field == "username"
    accounts.rename(identity(2), "bo")


def test_the_name_of_a_deleted_account_is_free(tmp_path: Path) -> None:
    with application(tmp_path).app_context():
        accounts.bootstrap("ada", PASSWORD)
        bo = accounts.create("bo", PASSWORD)
        accounts.rename(identity(bo), "Robin")
        accounts.deactivate(bo, "deleted")
        accounts.rename(identity(1), "Bo")
        accounts.rename(identity(1), "Robin")
        with pytest.raises(Conflict):  # what is written next to the messages of deleted accounts
            accounts.rename(identity(1), "deleted account")


def test_the_account_page_shows_why_a_name_is_refused(app: Flask) -> None:
    browser = app.test_client()
    token = sessions.create(2, "test", "127.0.0.1")
    answer = browser.post(
        "/account/name", data={"name": "ada"}, headers={"Authorization": f"Bearer {token}"}
    )
    assert answer.status_code == 409
    assert "This name is already taken." in answer.text


def test_a_name_of_accents_is_refused_in_no_time() -> None:
    """To fold a text whose accents are in the wrong order takes quadratic time."""
    start = time.process_time()
    with pytest.raises(Invalid):
        names.checked("a" + "\u0301" * 24_000 + "\u0316" * 24_000, 60, "A name")
    assert time.process_time() - start < 0.3
