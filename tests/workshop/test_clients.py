"""The cast: people enter a stage in the way that it requires, and see the reason for a refusal."""

import os
import subprocess
import sys
from collections.abc import Iterator

import pytest
from socketio.exceptions import ConnectionError as Refused

from workshop.clients import TurnedAway, cast, session_of
from workshop.stages import Stage, stage


@pytest.fixture(scope="module")
def chat() -> Iterator[Stage]:
    with stage("12", signed=False) as running:
        yield running


@pytest.mark.parametrize("first", ["import workshop", "pass"])
def test_no_client_uses_a_proxy_for_this_machine(first: str) -> None:
    """The negative twin, without the workshop, would use it."""
    asks = f"{first}; from requests.utils import get_environ_proxies as proxies; "
    asks += "print([proxies(f'http://{host}:5000') for host in ('127.0.0.1', 'localhost')])"
    proxy = {"http_proxy": "http://proxy.example:3128", "no_proxy": "", "NO_PROXY": ""}
    ran = subprocess.run(
        [sys.executable, "-c", asks], capture_output=True, text=True, env=os.environ | proxy
    )
    assert (ran.stdout == "[{}, {}]\n") == (first == "import workshop"), ran


def test_without_accounts_a_name_is_enough_and_there_is_no_session() -> None:
    with stage("07", signed=False) as open_chat:
        ada, bo = cast(open_chat, "Ada", "Bo")
        message = ada.call("new_message", {"text": "Hello"}, timeout=5)["message"]
        assert (message["username"], bo.receive(timeout=5)[1]) == ("Ada", message)
        with pytest.raises(LookupError, match="step 11 or later"):
            session_of(ada)
        ada.disconnect()
        bo.disconnect()


def test_who_is_turned_away_is_told_why() -> None:
    with stage("07", signed=False) as open_chat:
        (ada,) = cast(open_chat, "Ada")
        with pytest.raises(Refused, match="is here already") as refusal:
            cast(open_chat, "ada")
        assert isinstance(refusal.value, TurnedAway)
        assert refusal.value.code == "conflict"
        ada.disconnect()


def test_a_cell_that_casts_may_be_run_again() -> None:
    """Earlier clients with the same names disconnect first, and all others stay connected."""
    with stage("07", signed=False) as open_chat:
        (cy,) = cast(open_chat, "Cy")
        first, _ = cast(open_chat, "Ada", "Bo")
        ada, bo = cast(open_chat, "Ada", "Bo")
        message = ada.call("new_message", {"text": "Once more"}, timeout=5)["message"]
        assert bo.receive(timeout=5)[1] == cy.receive(timeout=5)[1] == message
        assert not first.connected
        for person in (ada, bo, cy):
            person.disconnect()


def test_a_cell_that_has_cast_in_vain_may_be_run_again() -> None:
    with stage("07", signed=False) as open_chat:
        (bo,) = cast(open_chat, "Bo")
        with pytest.raises(TurnedAway, match="Bo is here already"):
            cast(open_chat, "Ada", "Bo")  # Ada is in by then
        bo.disconnect()
        for person in cast(open_chat, "Ada", "Bo"):
            person.disconnect()


def test_with_accounts_everyone_registers_once_and_then_logs_in(chat: Stage) -> None:
    for _ in range(2):
        ada, bo = cast(chat, "Ada", "Bo")
        message = ada.call("new_message", {"text": "Hello"}, timeout=5)["message"]
        assert message["username"] == "Ada"
        assert "Chat Room, Ada!" in session_of(ada).get("/chat").text
        assert session_of(ada).cookies.get_dict() != session_of(bo).cookies.get_dict()
        ada.disconnect()
        bo.disconnect()


def test_a_session_sends_the_token_unless_told_otherwise(chat: Stage) -> None:
    (ada,) = cast(chat, "Ada")
    page = session_of(ada)
    assert page.post("/logout", headers={"X-CSRFToken": ""}).status_code == 400
    assert page.inside()
    assert page.post("/logout").ok
    assert not page.inside()
    ada.disconnect()


def test_a_cast_on_a_stopped_stage_says_so() -> None:
    chat = stage("05")
    chat.stop()
    with pytest.raises(
        RuntimeError, match=r"05_broadcast is stopped\.\n.*\nWhat to do: run the cell"
    ):
        cast(chat, "Ada")
