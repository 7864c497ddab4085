"""A person's browser, for HTTP only. It keeps their cookies and sends the page's CSRF token."""

from http import HTTPStatus
from urllib.parse import urljoin, urlsplit

import requests
from bs4 import BeautifulSoup, Tag

from workshop.stages import Stage

PASSWORD = "correct horse"  # everybody in the cast uses it; only for classrooms
TOKEN_HEADER = "X-CSRFToken"
FIRST_RUN = "/first-run"
DOORS = {"/", "/login", "/register", FIRST_RUN}
READING = {"GET", "HEAD", "OPTIONS"}
TIMEOUT = 30.0  # seconds; a slow laptop hashes a password while it does other things


class NotLoggedIn(RuntimeError):
    """Somebody could neither register nor log in. `page` is the text of the stage's last response."""

    def __init__(self, name: str, answer: requests.Response) -> None:
        self.answer = answer
        self.page = visible(answer.text)
        self.status = answer.status_code
        super().__init__(
            f"{name} could neither register nor log in.\nExpected: /register or /login lead to the "
            f"chat.\nSeen: status {self.status}, “{self.page[:160]}”"
        )


class Browser(requests.Session):
    """A `requests.Session` for one stage, so that a path is enough: `browser.post("/rooms", data=…)`.

    Like a page of the stage, it sends the CSRF token with every request that changes something. To send
    a request without the token, pass `headers={"X-CSRFToken": ""}`. `home` is a page that contains the
    token.
    """

    def __init__(self, chat: Stage) -> None:
        super().__init__()
        self.trust_env = False  # ignore the machine's proxy
        self.chat = chat
        self.home = "/" if chat.is_final_app else "/chat"
        self._token = ""
        self._token_is_of: tuple[object, ...] = ()

    def request(  # type: ignore[override]
        self, method: str, url: str, **options: object
    ) -> requests.Response:
        headers = {**(options.pop("headers", None) or {})}  # type: ignore[dict-item]
        if method.upper() not in READING and TOKEN_HEADER not in headers:
            headers[TOKEN_HEADER] = self.token()
        options = {"timeout": TIMEOUT, "headers": headers} | options
        return super().request(method, urljoin(self.chat.url, url), **options)  # type: ignore[arg-type]

    def token(self) -> str:
        """Return the CSRF token of the page that this person has open, or "" if it contains none.

        The page is loaded again only if its token may be invalid, because the cookies have changed or
        the stage has restarted.
        """
        if not self._token or self._token_is_of != self._token_would_be_of():
            page = self.get(self.home).text
            self._token = token_in(BeautifulSoup(page, "html.parser"))
            self._token_is_of = self._token_would_be_of()
        return self._token

    def _token_would_be_of(self) -> tuple[object, ...]:
        return self.chat.pid, *sorted(self.cookies.get_dict().items())

    def enter(self, name: str, password: str = PASSWORD) -> None:
        """Register, or log in if the account already exists. Raises NotLoggedIn if this fails."""
        about = {"username": name, "password": password}
        doors = ["/register", "/login"]
        if urlsplit(self.get(self.home).url).path == FIRST_RUN:  # for the first person
            doors.insert(0, FIRST_RUN)
        for door in doors:
            answer = self.post(door, data=about)
            if _is_inside(answer):
                return
            if answer.status_code >= HTTPStatus.INTERNAL_SERVER_ERROR:
                break  # for a known person, the next route could succeed and hide this error
        raise NotLoggedIn(name, answer)

    def inside(self) -> bool:
        """Return whether the chat's page opens, which means that this person is logged in."""
        return _is_inside(self.get(self.home))


def asks_for_a_password(chat: Stage) -> bool:
    """Return whether the front page of a stage has a field for a password."""
    page = BeautifulSoup(Browser(chat).get("/").text, "html.parser")
    return page.find("input", type="password") is not None


def token_in(page: BeautifulSoup | Tag) -> str:
    """Return the CSRF token in a form's hidden field or in the head of a page, or "" without one."""
    field = page.find("input", attrs={"name": "csrf_token"})
    if isinstance(field, Tag):
        return str(field.get("value") or "")
    head = page.find("meta", attrs={"name": ["csrf-token", "csrf_token"]})
    return str(head.get("content") or "") if isinstance(head, Tag) else ""


def visible(markup: str) -> str:
    """Return the text that a reader sees on a page, with single spaces."""
    return " ".join(BeautifulSoup(markup, "html.parser").get_text(" ").split())


def _is_inside(answer: requests.Response) -> bool:
    return answer.ok and urlsplit(answer.url).path not in DOORS
