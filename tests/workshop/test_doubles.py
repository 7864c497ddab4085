"""A buggy copy is a step with one bug, and runs at the same time as the step."""

import pytest

from workshop import manifest
from workshop.clients import cast
from workshop.doubles import double

RIGHT, WRONG = '{"username": sockets[request.sid]', '{"username": "Bo"'


def test_a_double_has_the_bug_and_the_step_has_not() -> None:
    before = (manifest.step("07").folder / "app.py").read_text(encoding="utf-8")
    with double("07", RIGHT, WRONG) as buggy:
        (ada,) = cast(buggy, "Ada")
        message = ada.call("new_message", {"text": "Hello"}, timeout=5)["message"]
        ada.disconnect()
        assert message["username"] == "Bo"
        assert str(buggy) == "<07_double: running>"
    assert (manifest.step("07").folder / "app.py").read_text(encoding="utf-8") == before


def test_the_cell_may_be_run_again() -> None:
    first = double("07", RIGHT, WRONG)
    with double("07", RIGHT, WRONG):
        assert not first.alive


@pytest.mark.parametrize(("right", "seen"), [("not there", "no such"), ("username", r"\d+ such")])
def test_a_text_that_is_not_there_once_is_answered_with_what_to_do(right: str, seen: str) -> None:
    with pytest.raises(LookupError, match=f"(?s)one place .* reads '{right}'.*{seen} places.*show"):
        double("07", right, WRONG)
