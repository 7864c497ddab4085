"""The checks of the exercises of steps 06 and 07."""

from workshop.contract.answers import told
from workshop.contract.browse import read_chat, text_of, visit
from workshop.contract.grammar import methods_called, properties_in
from workshop.contract.history_page import PAGE, fill
from workshop.contract.people import entered
from workshop.contract.promise import Broken, NotAttempted, exercise
from workshop.contract.scripts import INTO_THE_PAGE, own_script
from workshop.stages import Stage


@exercise("06")
def who_joins_is_announced(chat: Stage) -> None:
    """When somebody joins, everyone else hears who, and the page shows it."""
    with entered(chat, "Ada") as (ada,), entered(chat, "Bo") as (bo,):
        by_ada, by_bo = told(chat, ada, "joined"), told(chat, bo, "joined")
    if not by_ada and not by_bo:
        raise NotAttempted(
            expected="Ada receives the event `joined` when Bo connects.",
            seen="she does not",
            hint='`emit("joined", …)` at the end of the handler of `connect`.',
        )
    if by_ada != [{"username": "Bo"}]:
        raise Broken(
            expected='Ada receives `joined` with {"username": "Bo"}, once.',
            seen=f"{by_ada}",
            hint='`emit("joined", {"username": username}, broadcast=True, include_self=False)`.',
        )
    if by_bo:
        raise Broken(
            expected="Bo does not hear that he has joined: he knows.",
            seen=f"{by_bo}",
            hint="`include_self=False`, beside `broadcast=True`.",
        )
    page_shows(chat, "joined", "username")


@exercise("07")
def older_messages_can_be_loaded(chat: Stage) -> None:
    """The page can load older messages: fifty before a number."""
    answer = visit(chat, "/api/messages?before=1")
    if answer.status_code == 404:
        raise NotAttempted(
            expected="GET /api/messages?before=… answers with the messages before that number.",
            seen="status 404",
            hint='It begins with `@app.route("/api/messages")`.',
        )
    if visit(chat, "/api/messages?before=soon").status_code >= 500:
        raise Broken(
            expected="?before=soon is no error of the server: anybody may write anything there.",
            seen="status 500",
            hint='`request.args.get("before", …, type=int)` does not fail where no number is.',
        )
    newest = fill(chat, PAGE + 5)
    for before, wanted in (
        (newest, list(range(newest - PAGE, newest))),
        (4, [1, 2, 3]),
        (1, []),
    ):
        seen = _numbers_before(chat, before)
        if seen != wanted:
            raise Broken(
                expected=f"/api/messages?before={before} gives {_span(wanted)}, the oldest first.",
                seen=_span(seen),
                hint="`Message.seq < before`, the newest of them first, `.limit(50)`, and then "
                "turned around: those next to the page, not the first ones of all.",
            )
    _page_loads_older(chat)


def _numbers_before(chat: Stage, before: int) -> list[int]:
    answer = visit(chat, f"/api/messages?before={before}")
    try:
        return [int(message["seq"]) for message in answer.json()["messages"]]
    except (ValueError, KeyError, TypeError):
        raise Broken(
            expected='The answer is {"messages": [{"seq": …}, …]}.',
            seen=answer.text[:160],
            hint='Return the list in an object: `{"messages": [message.as_dict() for …]}`.',
        ) from None


def _span(numbers: list[int]) -> str:
    if not numbers:
        return "no message"
    order = "" if numbers == sorted(numbers) else ", not in order"
    return f"{len(numbers)} messages, {numbers[0]} to {numbers[-1]}{order}"


def _page_loads_older(chat: Stage) -> None:
    buttons = [text_of(button) for button in read_chat(chat).find_all("button")]
    if "Load older" not in buttons:
        raise Broken(
            expected="The chat page has a button “Load older”.",
            seen=f"buttons: {buttons}",
            hint='`<button id="load-older" type="button">Load older</button>` above the messages.',
        )
    script = own_script(chat)
    if not any("api/messages" in text for text in script.texts()):
        raise Broken(
            expected="chat.js fetches `api/messages?before=…`.",
            seen="no such address in it",
            hint='`await fetch("api/messages?before=" + first)` when the button is clicked: with the '
            "number of the first line, `dataset.seq`.",
        )
    if not methods_called(script.root) & {
        "prepend",
        "before",
        "insertBefore",
        "insertAdjacentElement",
    }:
        raise Broken(
            expected="Older messages are put before the others.",
            seen="nothing is put before anything",
            hint="`log.prepend(…)` puts lines at the beginning of the log.",
        )


def page_shows(chat: Stage, event: str, what: str) -> None:
    """Ask that the page shows something of an event, as text. Raises Broken."""
    listeners = own_script(chat).listeners(event)
    if not listeners:
        raise Broken(
            expected=f'chat.js listens: `socket.on("{event}", …)`.',
            seen="it does not, so the page shows nothing",
            hint="The event has the same name on both sides. Behind it stands a function.",
        )
    if not any(what in properties_in(each) for each in listeners) or not any(
        "textContent" in properties_in(each) or methods_called(each) & INTO_THE_PAGE
        for each in listeners
    ):
        raise Broken(
            expected=f"The listener of `{event}` shows `{what}` in the page, as text.",
            seen="it shows nothing of it",
            hint="Make an element, set its `textContent`, and append it.",
        )
