"""The page can load older messages: fifty before a number, as JSON."""

import requests

from workshop.checks.browse import attribute, lines, visit
from workshop.checks.client import entered, number_of
from workshop.checks.families import family_of
from workshop.checks.history import PAGE, send_many
from workshop.checks.patience import patience
from workshop.checks.promise import Broken, attempted, exercise, expect, promise
from workshop.checks.storage import delete_messages
from workshop.checks.visitors import LOG, Visitor, visitors
from workshop.stages import Stage

BUTTON = "#load-older"
NOT_ALL = (
    "Select `Message.seq < before`, newest first, with a limit of 50, and then reverse the list. You "
    "need the messages just before those on the page, not the very first ones."
)


@promise(since="older", file="models.py")
def messages_before_a_number(chat: Stage) -> None:
    """GET /api/messages?before=… returns the fifty messages before a number, oldest first."""
    send_many(chat, PAGE + 5)
    with entered(chat, "Ada") as (ada,):
        newest = number_of(ada.said("the newest"))
    for before, wanted in (
        (newest, list(range(newest - PAGE, newest))),
        (4, [1, 2, 3]),
        (1, []),
    ):
        seen = _numbers_before(chat, before)
        expect(seen == wanted, f"?before={before} returns {_span(wanted)}, oldest first.",
               _span(seen), NOT_ALL)  # fmt: skip


@promise(since="older")
def no_number_breaks_the_route(chat: Stage) -> None:
    """The server handles every possible value after `before=` without an error."""
    for before in ("soon", "", "-1", str(2**70), str(-(2**70))):
        _ask(chat, before)


@promise(since="older", final_app=True, file="templates/chat.html")
def each_line_knows_its_number(chat: Stage) -> None:
    """Each message on the page has its number in `data-seq`."""
    with entered(chat, "Ada") as (ada,):
        number = number_of(ada.said("Which number am I?"))
    seen = [attribute(line, "data-seq") for line in lines(chat)]
    expect(seen[-1:] == [str(number)], f'The last message on the page has data-seq="{number}".',
           f"{seen[-3:] or 'no data-seq'}",
           'In the macro, add `data-seq="{{ message.seq }}"` to the tag of the message.')  # fmt: skip


@promise(since="older", file="static/chat.js")
def the_page_loads_older_messages(chat: Stage) -> None:
    """The button shows the fifty messages before those on the page, in order, and each only once."""
    send_many(chat, PAGE + 5)
    with visitors(chat, "Ada") as (ada,):
        before = numbers_shown(ada)
        loads_older(ada)
        seen = numbers_shown(ada)
        wanted = [*range(max(before[0] - PAGE, 1), before[0]), *before]
        expect(seen == wanted, f"Now the page shows {_span(wanted)}.", _span(seen),
               "Put the older messages at the beginning of the log with one `log.prepend(…)`, which "
               "keeps their order.")  # fmt: skip


@promise(since="older", file="static/chat.js")
def two_clicks_load_no_message_twice(chat: Stage) -> None:
    """If somebody clicks the button twice, the page still shows each message only once."""
    send_many(chat, PAGE + 5)
    with visitors(chat, "Ada") as (ada,):
        before = numbers_shown(ada)
        for _ in range(2):
            ada.clicks(BUTTON, "“Load older messages” twice")
        ada.expects(lambda: len(numbers_shown(ada)) > len(before), "Older messages appear.", FETCH)
        ada.page.pages.settle()
        seen = numbers_shown(ada)
        expect(len(seen) == len(set(seen)), "No message is on the page twice.", _span(seen),
               "Disable the button until the response arrives: `loadOlder.disabled = true`. A second "
               "click would ask for the same messages.")  # fmt: skip


@promise(since="older", file="static/chat.js")
def the_page_says_so_if_nothing_comes(chat: Stage) -> None:
    """If the server does not answer, the page says so, and the button works again afterward."""
    send_many(chat, PAGE + 5)
    with visitors(chat, "Ada") as (ada,):
        online = ada.status
        ada.page.go_offline()
        ada.page.wait(lambda: ada.status != online, patience())
        before = ada.status
        ada.clicks(BUTTON, "“Load older messages” without a connection")
        ada.expects(lambda: ada.status != before, "The page says that the server did not answer.",
                    "Then `fetch` or `response.json()` throws an error: put both into `try { … }`, and "
                    "set `statusLine.textContent` in `catch { … }`.", "It says nothing.")  # fmt: skip
        complaint = {*ada.status.split()} - {*before.split()}
        ada.page.go_online()
        loads_older(ada)
    with visitors(chat, "Ada") as (ada,):
        loads_older(ada)
        _does_not_say(ada, complaint, "Write this sentence only inside `catch { … }`, which runs only "
                      "if something in `try { … }` fails.")  # fmt: skip
    delete_messages(chat)
    with visitors(chat, "Ada") as (ada,):
        ada.clicks(BUTTON, "“Load older messages” on a page without messages")
        _does_not_say(ada, complaint, "If there are no messages, `querySelector` returns `null`. Add "
                      "`if (!first) return;` to leave the function in this case.")  # fmt: skip


def _does_not_say(visitor: Visitor, complaint: set[str], hint: str) -> None:
    visitor.page.pages.settle()
    expect(not complaint or not complaint <= {*visitor.status.split()},
           "The page reports that the server did not answer only if no answer came.",
           f"{visitor.did} The page says {visitor.news()}.", hint)  # fmt: skip


@exercise("older", "static/chat.js")
def the_button_is_hidden_when_nothing_is_older(chat: Stage) -> None:
    """The button is hidden while the very first message is on the page, and visible otherwise."""
    delete_messages(chat)
    send_many(chat, 2)
    with visitors(chat, "Ada") as (ada,):
        hidden_at_once = not _is_offered(ada)
    send_many(chat, PAGE)
    with visitors(chat, "Ada") as (ada,):
        expect(_is_offered(ada), "The button is visible while there are older messages.",
               f"The page begins with message {numbers_shown(ada)[0]}, and the button is hidden.",
               "Hide it only if the first message on the page has the number 1. A `dataset` "
               "contains only strings.")  # fmt: skip
        loads_older(ada)
        ada.page.pages.settle()
        hidden_later = not _is_offered(ada)
    attempted(hidden_at_once or hidden_later,
              "The button is hidden while the very first message is on the page.",
              "it is visible",
              "`loadOlder.hidden = true` hides it. A `dataset` contains only strings, so compare the "
              "number of the first message with `\"1\"`.")  # fmt: skip
    expect(hidden_at_once and hidden_later,
           "The button is hidden when the page opens with the first message, and when the first "
           "message has just been loaded.",
           f"it is visible {'when the page opens' if hidden_later else 'after a click'}",
           "Write a function that hides or shows the button, and call it in both places.")  # fmt: skip


def _is_offered(visitor: Visitor) -> bool:
    """Return whether the page has the button and shows it."""
    return bool(visitor.page.attributes(BUTTON, "id")) and visitor.page.is_shown(BUTTON)


FETCH = (
    "When somebody clicks the button, call `await fetch(…)` with the `dataset.seq` of the first "
    "message, and then `await response.json()`."
)


def loads_older(visitor: Visitor) -> None:
    """Click the button on somebody's page. Raises Broken unless this shows more messages."""
    before = len(numbers_shown(visitor))
    visitor.clicks(BUTTON, "“Load older messages”")
    visitor.expects(lambda: len(numbers_shown(visitor)) > before, "Older messages appear.", FETCH,
                    "The page shows the same messages as before.")  # fmt: skip


def numbers_shown(visitor: Visitor) -> list[int]:
    """Return the numbers of the messages on a page, in the order in which the page shows them."""
    shown = visitor.page.attributes(f"{LOG} [data-seq]", "data-seq")
    return [int(number) for number in shown if number and number.isdigit()]


def _ask(chat: Stage, before: object) -> requests.Response:
    family = family_of(chat)
    room = f"&room={family.general}" if family.rooms else ""
    return visit(chat, f"/api/messages?before={before}{room}", by=family.browser("Ada"))


def _numbers_before(chat: Stage, before: int) -> list[int]:
    answer = _ask(chat, before)
    try:
        return [int(message["seq"]) for message in answer.json()["messages"]]
    except (ValueError, KeyError, TypeError):
        raise Broken('GET /api/messages?before=… returns {"ok": true, "messages": [{"seq": …}, …]}.',
                     f"status {answer.status_code}, {answer.text[:160]}",
                     'Start with `@app.route("/api/messages")`, and return the list in an object: '
                     '`{"ok": True, "messages": page_before(before)}`.') from None  # fmt: skip


def _span(numbers: list[int]) -> str:
    if not numbers:
        return "no message"
    order = "" if numbers == sorted(numbers) else ", not in order"
    return f"{len(numbers)} messages, {numbers[0]} to {numbers[-1]}{order}"
