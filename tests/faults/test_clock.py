"""If the clock is set back by an hour, the order of the messages in a room stays the same."""

from pathlib import Path

import pytest

from tests.faults.mutants import Change, mutant
from tests.final_app.rig import Person, Server

# The hook is in the copy only: a file beside it sets its clock back.
SET_BACK: Change = (
    "lib/clock.py",
    "    return datetime.now(UTC).replace(tzinfo=None)\n",
    """\
    from datetime import timedelta
    from pathlib import Path

    back = timedelta(hours=(Path(__file__).parents[1] / "set-back").exists())
    return datetime.now(UTC).replace(tzinfo=None) - back
""",
)
BY_TIME: tuple[Change, ...] = (
    ("chat/history.py", "column.desc() if newest else column",
     "Message.created_at.desc() if newest else Message.created_at"),
)  # fmt: skip


@pytest.mark.parametrize(
    "changes",
    [(), pytest.param(BY_TIME, marks=pytest.mark.long)],
    ids=["as shipped", "mutant: ordered by time"],
)
def test_a_clock_set_back_by_an_hour_leaves_the_order(
    tmp_path: Path, changes: tuple[Change, ...]
) -> None:
    code = mutant(tmp_path, SET_BACK, *changes)
    server = Server(tmp_path / "data", code=code).start()
    ada = Person(server, "ada").begin()
    ada.connect()
    said = [ada.say(1, "one")["message"], ada.say(1, "two")["message"]]
    (code / "final_app" / "set-back").touch()
    said += [ada.say(1, "three")["message"], ada.say(1, "four")["message"]]
    assert said[2]["created_at"] < said[0]["created_at"], "the clock was not set back"
    orders = [
        ada.history(1),
        ada.ask("GET", "/api/rooms/1/messages")["messages"],
        ada.ask("GET", "/api/rooms/1/messages?around=3")["messages"],
        ada.emit("sync", {"rooms": {"1": 0}})["rooms"]["1"]["changes"],
    ]
    ada.leave()
    server.stop()
    assert [message["seq"] for message in said] == [1, 2, 3, 4]
    if changes:
        assert all(order != said for order in orders)
    else:
        assert orders == [said] * 4
