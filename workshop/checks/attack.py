"""The lab on attacks: the features that somebody added in a hurry still work, but are now secure."""

from collections.abc import Callable

from bs4 import BeautifulSoup

from workshop.browser import TOKEN_HEADER, Browser, visible
from workshop.checks.client import entered
from workshop.checks.families import family_of, make_room
from workshop.checks.promise import attempted, expect
from workshop.checks.speakers import answered, fields, fresh_name
from workshop.stages import Stage

HTML = "<i>{}</i>"
BAD_REQUEST, NOT_ALLOWED = 400, 405  # status codes
AUTHOR_ONLY = (
    "`require_member` returns the current user and the room. Compare `message.username` with "
    '`user.username`, and `raise ChatError("forbidden", "…")` if they are different.'
)
MINE_ONLY = (
    "`require_user()` returns the user. Add a second condition to `.where(…)`: "
    "`Message.room_id.in_([room.id for room in user.rooms])`."
)
AS_TEXT = (
    "Write `from markupsafe import escape`, and put `escape(…)` around each value that comes from a "
    "person: the name, the text, and `q`."
)
POST_ONLY = (
    '`init_app` says which methods a route has: `methods=["POST"]`. The values of a form are in '
    "`request.form`, and those of a query string in `request.args`. `CSRFProtect` checks the token of "
    "every POST."
)

Check = Callable[[Stage], None]


def only_the_author_edits(chat: Stage) -> None:
    """Only the author of a message can edit it."""
    with entered(chat, "Ada", "Bo") as [ada, bo]:
        seq, text = ada.said("Tea at five")["seq"], fresh_name("Tea at six ")
        edited = {"room": ada.family.general, "seq": seq, "text": text}
        answer = bo.ask("edit_message", edited)
        attempted(not fields(answer).get("ok"),
                  "If Bo edits Ada's message, the server refuses it.",
                  "the server stores Bo's text as Ada's", AUTHOR_ONLY)  # fmt: skip
        code = (
            "not_found" if "'not_found'" in str(answer) else "forbidden"
        )  # the first says even less
        bo.refused("edit_message", edited, AUTHOR_ONLY, code=code)
        expect(text not in visible(ada.browser.get("/chat").text), "A refused edit changes nothing.",
               "the server refuses Bo's edit, but has already stored his text",
               "Raise the error before `message.text` changes: the check belongs above that line."
               )  # fmt: skip
        answer = ada.ask("edit_message", edited)
        expect(fields(answer).get("ok"), "Ada can still edit her own message.",
               f"{answer!r:.120}", AUTHOR_ONLY)  # fmt: skip


def a_search_stays_in_your_rooms(chat: Stage) -> None:
    """A search finds only messages in the rooms of the person who searches."""
    room, word = make_room(chat, "Ada"), fresh_name("cake")
    with entered(chat, "Ada", "Bo") as [ada, bo]:
        ada.said(f"The secret {word}", room)
        ada.said(f"The public {word}")
    hers, his = (_search(chat, person.browser, word) for person in (ada, bo))
    expect("The secret" not in his, "Bo's search finds no messages in a room that he is not in.",
           f"“{his:.160}”", MINE_ONLY)  # fmt: skip
    expect("The public" in his, "Bo's search still finds the messages in his own rooms.",
           f"“{his:.160}”", MINE_ONLY)  # fmt: skip
    expect("The secret" in hers, "Ada, who is in two rooms, finds the messages in both.",
           f"“{hers:.160}”", MINE_ONLY)  # fmt: skip


def a_search_shows_text(chat: Stage) -> None:
    """The search page shows names, texts and `q` as text, whatever they contain."""
    name, text = HTML.format(fresh_name("Cy")), HTML.format(fresh_name("cake"))
    with entered(chat, name) as [cy]:
        cy.said(text)
    page = answered(chat, cy.browser.get("/search", params={"q": text})).text
    for what, value in (("the name", name), ("the text, and `q`", text)):
        shown = visible(page).count(value)
        least = 1 if value == name else 2
        expect(shown >= least, f"The page shows {what} exactly as it was entered: {value}",
               f"{page:.200}", AS_TEXT)  # fmt: skip
    expect(not BeautifulSoup(page, "html.parser").find("i"),
           "No value is inserted into the page as HTML.", f"{page:.200}", AS_TEXT)  # fmt: skip


def a_link_renames_nothing(chat: Stage) -> None:
    """Only a form with a CSRF token renames a room. A link renames nothing."""
    room, ada = make_room(chat, "Ada"), family_of(chat).browser("Ada")
    by_link, by_stranger, by_ada = (fresh_name(each) for each in ("Link", "Form", "Tea "))
    got = ada.get("/rename_room", params={"room": str(room), "name": by_link})
    expect(by_link not in _rooms(ada), "GET /rename_room renames nothing.",
           f"status {got.status_code}, and the room has its new name", POST_ONLY)  # fmt: skip
    form = {"room": room, "name": by_stranger}
    posted = ada.post("/rename_room", data=form, headers={TOKEN_HEADER: ""})
    expect(posted.status_code == BAD_REQUEST and by_stranger not in _rooms(ada),
           "POST /rename_room without a CSRF token returns status 400 and renames nothing.",
           f"status {posted.status_code}", POST_ONLY)  # fmt: skip
    renamed = answered(chat, ada.post("/rename_room", data=form | {"name": by_ada}))
    expect(by_ada in _rooms(ada), "A form with the token still renames the room.",
           f"status {renamed.status_code}, and the room still has its old name: "
           f"“{visible(renamed.text):.120}”", POST_ONLY)  # fmt: skip


CHECKS: list[Check] = [
    only_the_author_edits,
    a_search_stays_in_your_rooms,
    a_search_shows_text,
    a_link_renames_nothing,
]


def _search(chat: Stage, browser: Browser, q: str) -> str:
    """Return the visible text of the search page for `q`."""
    return visible(answered(chat, browser.get("/search", params={"q": q})).text)


def _rooms(browser: Browser) -> str:
    """Return the visible text of the chat page, which lists all rooms."""
    return visible(browser.get("/chat").text)
