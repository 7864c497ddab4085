"""Registration and login on the front page; names, passwords, CSRF tokens and the cookie."""

import hashlib
from collections.abc import Iterator
from datetime import timedelta
from urllib.parse import urljoin, urlsplit

import requests
from bs4 import BeautifulSoup, Tag

from workshop.browser import PASSWORD, TOKEN_HEADER, Browser, token_in, visible
from workshop.checks.browse import attribute, is_labelled, read_chat, template_of, visit
from workshop.checks.client import entered
from workshop.checks.families import account_of, family_of, known_name
from workshop.checks.history import survives_a_restart
from workshop.checks.promise import Broken, attempted, exercise, expect, promise
from workshop.checks.speakers import NO_TOKEN_IN_FORM, answered, fresh_name
from workshop.checks.storage import stored_files
from workshop.stages import Stage

SECRET = "Bo's secret: 12 teapots"
TRIES = 3
WRONG = 5  # wrong passwords, after which even the right one is refused
SAME_SITE = {"samesite=lax", "samesite=strict"}
SAID_INSIDE = "The key is under the mat."
NO_TOKEN = {TOKEN_HEADER: ""}


@promise(since="accounts", final_app=True, file="templates/index.html")
def the_front_page_has_both_forms(chat: Stage) -> None:
    """The front page lets people register and log in."""
    forms = dict(_forms(chat))
    for action in ("/register", "/login"):
        form = forms.get(action)
        if form is None or attribute(form, "method").lower() != "post":
            raise Broken(
                f"The front page has a form with a button that posts to `{action}`.",
                f"buttons that send forms to {sorted(forms) or 'no address'}",
                f'A button sends its form to the `formaction` of the button, or else to the `action` '
                f'of the form. One of them must be `{action}`. Set `method="post"`: with GET, the '
                'password would be part of the address, which is written to logs.',
            )  # fmt: skip
        for name, kind in (("username", ""), ("password", "password")):
            field = form.find("input", attrs={"name": name})
            if not isinstance(field, Tag) or kind not in ("", attribute(field, "type")):
                raise Broken(f"The form for `{action}` has a field `{name}`"
                             + (f' of type="{kind}".' if kind else "."),
                             f"{[attribute(each, 'name') for each in form.find_all('input')]}",
                             'A browser sends only fields that have a `name`. `type="password"` '
                             'hides what somebody types.')  # fmt: skip
            expect(is_labelled(field), f"The field `{name}` has a label.", str(field),
                   "Write a `<label>` above it. Its `for` must be the field's `id`.")  # fmt: skip


@promise(since="accounts", final_app=True, file="templates/index.html")
def every_form_carries_its_token(chat: Stage) -> None:
    """Every form that changes something contains a CSRF token."""
    front = [("/", form) for _, form in _forms(chat)]
    for path, form in (*front, *(("/chat", form) for form in read_chat(chat)("form"))):
        if attribute(form, "method").lower() != "post" or token_in(form):
            continue
        raise Broken(f"The form for `{attribute(form, 'action')}` has a hidden field `csrf_token` "
                     "with a value.",
                     f"fields {[attribute(each, 'name') for each in form('input')]}",
                     NO_TOKEN_IN_FORM, about=template_of(path))  # fmt: skip


@promise(since="accounts", final_app=True, file="accounts.py")
def people_who_register_enter_the_chat(chat: Stage) -> None:
    """Registering or logging in takes people to the chat."""
    name = known_name(chat)
    again = account_of(chat).new_browser(name)
    page = visit(chat, family_of(chat).page(name), by=again, follow=True)
    expect(family_of(chat).named(name) in visible(page.text),
           f"The chat page shows the name of {name}, who has logged in.",
           f"“{visible(page.text)[:160]}”",
           "Pass the account to the template, `user=user`, and write `{{ user.username }}` "
           "there.")  # fmt: skip


@promise(since="accounts")
def without_a_login_back_to_the_front_page(chat: Stage) -> None:
    """People who are not logged in are redirected to the front page."""
    for path in ("/chat", "/chat?username=Ada"):
        answer = visit(chat, path)
        target = urlsplit(urljoin(chat.url, answer.headers.get("Location", ""))).path
        expect(answer.status_code in (302, 303) and target == "/",
               f"For somebody who is not logged in, `{path}` redirects to `/` with status 302.",
               f"status {answer.status_code}",
               'A name in the address no longer proves anything. First find out from the cookie '
               'who is asking. If it is nobody, `return redirect(url_for("index"))`.')  # fmt: skip


@promise(since="accounts", final_app=True)
def a_browser_can_log_out(chat: Stage) -> None:
    """After a logout, the browser is no longer logged in."""
    browser = account_of(chat).new_browser(fresh_name())
    browser.post("/logout")
    expect(not browser.inside(), "After a logout, `/chat` redirects to the front page.",
           "it still opens",
           "In `log_out`, remove the information about who is logged in from the cookie: call "
           "`session.clear()`.")  # fmt: skip


@promise(since="accounts", final_app=True, file="accounts.py")
def a_name_belongs_to_one(chat: Stage) -> None:
    """A name belongs to one account, whatever its capitalization, and the page explains a refusal."""
    name = known_name(chat)
    for taken in (name, name.upper()):
        _not_registered(chat, taken, "another password",
                        "Before you store a name, look for it in the table, and raise "
                        "`ChatError(\"conflict\", …)` if somebody already has it. With the "
                        "collation `NOCASE`, the column ignores case.")  # fmt: skip
    expect(_logs_in(chat, name, PASSWORD),
           "The person who registered first can still log in with their own password.",
           "they can no longer log in",
           "A second registration must not change the first account.")  # fmt: skip


@promise(since="accounts", final_app=True, file="accounts.py")
def names_and_passwords_have_limits(chat: Stage) -> None:
    """A name has 1 to 40 characters, and a password has at least 8."""
    why = (
        "Check both before you store anything. If one is wrong, raise a `ChatError`, which "
        "`show_refusal` shows."
    )
    for name in ("", "   ", "A" * 41):
        _not_registered(chat, name, PASSWORD, why)
    _not_registered(chat, fresh_name(), "7 chars", f"`len(password) < 8` is too short. {why}")


@promise(since="accounts", final_app=True, file="accounts.py")
def one_answer_for_wrong_name_and_wrong_password(chat: Stage) -> None:
    """A wrong name and a wrong password get the same response."""
    known, answers = known_name(chat), []
    for name in (known, "Nobody"):
        browser = Browser(chat)
        answer = _log_in(browser, name, "wrong password")
        answers.append((answer.status_code, visible(answer.text).replace(name, "…")))
        expect(not browser.inside(), "Nobody can log in with a wrong password.", f"{name} gets in",
               "Accept a login only if `check_password_hash(user.password_hash, password)` "
               "returns True.")  # fmt: skip
    expect(answers[0] == answers[1],
           "The server answers a wrong password and a wrong name with the same status and the same "
           "message.",
           f"{answers[0][0]} “{_differs(*answers)}”; {answers[1][0]} “{_differs(*answers[::-1])}”",
           "Answer “Wrong name or password.” in both cases. Otherwise anybody can find out who has "
           "an account here.")  # fmt: skip


@promise(since="accounts", final_app=True, file="accounts.py")
def a_wrong_name_is_refused_no_sooner(chat: Stage) -> None:
    """Refusing a wrong name takes as long as refusing a wrong password."""
    browser, known = Browser(chat), known_name(chat)
    seconds: dict[str, list[timedelta]] = {known: [], "Nobody": []}
    for _ in range(TRIES):  # in turn, because a machine can be busy for a moment
        for name, taken in seconds.items():
            taken.append(_log_in(browser, name, "wrong password").elapsed)
    longest, shortest = max(seconds["Nobody"]), min(seconds[known])
    expect(2 * longest >= shortest,  # clear even on a busy machine
           "The server takes as long to refuse an unknown name as to refuse a wrong password.",
           f"{longest} for an unknown name, {shortest} for a wrong password",
           "The time reveals who has an account here. Check a hash for an unknown name, too: "
           "`check_password_hash(user.password_hash if user else NO_HASH, password)`.")  # fmt: skip


@promise(since="accounts", final_app=True, file="accounts.py")
def no_password_is_stored(chat: Stage) -> None:
    """No password is stored as plain text or as a hash without a salt."""
    name = fresh_name()
    account_of(chat).new_browser(name, SECRET)
    plain = SECRET.encode()
    digests = [getattr(hashlib, kind)(plain).hexdigest().encode() for kind in _UNSALTED]
    for path in stored_files(chat):
        data = path.read_bytes()
        expect(plain not in data and not any(digest in data for digest in digests),
               "The stored files do not contain the password.",
               f"{path.name} contains it" + ("" if plain in data else ", hashed without a salt"),
               "Store what `generate_password_hash(password)` returns: it is slow to compute, and "
               "different each time. Check a password with `check_password_hash(stored, "
               "password)`.")  # fmt: skip


@promise(since="accounts", final_app=True, file="accounts.py")
def without_a_token_nothing_is_accepted(chat: Stage) -> None:
    """A form without a CSRF token is refused."""
    inside = account_of(chat).browser("Ada")
    stranger = Browser(chat)
    about = {"username": "Ada", "password": PASSWORD}
    for browser, path in ((stranger, "/register"), (stranger, "/login"), (inside, "/logout")):
        answer = browser.post(path, data=about, headers=NO_TOKEN)
        changed = browser.inside() is not (browser is inside)
        expect(answer.status_code == 400 and not changed,
               f"POST {path} without a CSRF token returns status 400 and does nothing.",
               f"status {answer.status_code}" + (", and it took effect" if changed else ""),
               "`CSRFProtect(app)` from flask_wtf checks the token of every POST. Without it, a page on "
               "another port of this computer could send this form with your cookie.")  # fmt: skip


@promise(since="accounts", final_app=True, file="accounts.py")
def the_cookie_is_for_the_server(chat: Stage) -> None:
    """No script can read the session cookie, and a POST from another site does not include it."""
    about = {"username": known_name(chat), "password": PASSWORD}
    browser = Browser(chat)
    answer = browser.post("/login", data=about, allow_redirects=False)
    cookies = answer.raw.headers.getlist("Set-Cookie")
    flags = [{part.strip().lower() for part in cookie.split(";")} for cookie in cookies]
    expect(cookies and all("httponly" in each and SAME_SITE & each for each in flags),
           "The session cookie is marked HttpOnly and SameSite=Lax.",
           "; ".join(cookie.partition("=")[2].partition(";")[2] for cookie in cookies) or "no cookie",
           'Call `app.config.update(SESSION_COOKIE_SAMESITE="Lax", …)`. Flask sets HttpOnly by itself, '
           "unless you switch it off.")  # fmt: skip


@promise(since="accounts", final_app=True, file="accounts.py")
def the_cookie_has_its_own_name(chat: Stage) -> None:
    """The cookie's name is not `session`, which other applications on this computer also use."""
    names = list(family_of(chat).browser("Ada").cookies.keys())
    expect("session" not in names,
           "The cookie is not called `session`, which is Flask's default name.",
           f"cookies: {names}",
           'Set `app.config["SESSION_COOKIE_NAME"] = …`. Otherwise another application on '
           "127.0.0.1 overwrites the cookie, even if it uses another port.")  # fmt: skip


@promise(since="accounts", final_app=True)
def no_page_tells_a_stranger_what_was_said(chat: Stage) -> None:
    """No page shows messages to people who are not logged in."""
    with entered(chat, "Ada") as (ada,):
        ada.said(SAID_INSIDE)
    for path in ("/", "/chat", "/api/rooms/1/messages", "/api/messages?room=1", "/api/messages"):
        answer = visit(chat, path, follow=True)
        expect(SAID_INSIDE not in answer.text,
               "People who are not logged in cannot read a message at any address.",
               f"{path} shows what Ada said",
               "At the moment, anybody can read what this route returns, even without logging in. "
               "Begin the function with `accounts.require_user()`.")  # fmt: skip
        kind = answer.headers.get("Content-Type", "")
        expect(not path.startswith("/api/") or answer.status_code == 404 or "json" in kind,
               f"For people who are not logged in, {path} returns a refusal as JSON: "
               '{"ok": false, "error": {…}}.', f"status {answer.status_code}, {kind}",
               "Your script expects JSON, not a page. For addresses that begin with /api/, "
               "return `error.answer(), status` from `show_refusal`.")  # fmt: skip


@promise(since="accounts", final_app=True, file="accounts.py")
def everybody_is_still_logged_in_after_a_restart(chat: Stage) -> None:
    """After the server restarts, all messages are there, and everybody is still logged in."""
    browser = account_of(chat).browser("Bo")
    survives_a_restart(chat)
    expect(browser.inside(), "After a restart, Bo's cookie still opens the chat.",
           "he has to log in again",
           "The key that signs cookies must stay the same: create it at the first start, store it "
           "in a file in the instance folder, and read it from there.")  # fmt: skip


@exercise("accounts", "accounts.py")
def too_many_wrong_passwords_are_refused(chat: Stage) -> None:
    """After five wrong passwords for a name, even the right one is refused for a while."""
    name, browser = fresh_name(), Browser(chat)
    account_of(chat).new_browser(name)
    for _ in range(WRONG):
        wrong = _log_in(browser, name, "wrong password")
    answer = _log_in(browser, name, PASSWORD)
    attempted(not browser.inside(), "After five wrong passwords, even the right one is refused.",
              "it is accepted",
              "In `authenticate`, store the time of each wrong password for each name.")  # fmt: skip
    expect(visible(answer.text) != visible(wrong.text) and answer.status_code < 500,
           "The page says that there were too many wrong passwords.",
           f"status {answer.status_code}, “{visible(answer.text)[:160]}”",
           'Raise another `ChatError`, with the code "rate_limited" and its own message.'
           )  # fmt: skip
    expect(_logs_in(chat, known_name(chat), PASSWORD),
           "Somebody with another name can still log in.", "their right password is refused, too",
           "Count separately for each name: use a dictionary with the name as the key.")  # fmt: skip
    other, browser = fresh_name(), Browser(chat)
    account_of(chat).new_browser(other)
    for number in range(WRONG):
        _log_in(browser, f" {other.upper()} " if number % 2 else other, "wrong password")
    _log_in(browser, other, PASSWORD)
    expect(not browser.inside(),
           "Wrong passwords count, whether or not there are capitals in the name or spaces around it.",
           "Somebody who types the name in another way gets more attempts.",
           "Use `username.strip().casefold()` as the key of the dictionary.")  # fmt: skip


_UNSALTED = ("md5", "sha1", "sha256", "sha512")


def _not_registered(chat: Stage, name: str, password: str, why: str) -> None:
    """Raise Broken with the hint unless this registration is refused and the page says why."""
    browser, answer = account_of(chat).register(name, password)
    answered(chat, answer)
    who = f"as {name[:12]!r} with the password {password!r}"
    expect(not browser.inside() and answer.status_code in (400, 409),
           f"Registering {who} is refused with status 400 or 409.",
           "the person is logged in" if browser.inside() else f"status {answer.status_code}",
           why)  # fmt: skip
    before = visible(visit(chat, "/").text)
    expect(visible(answer.text) != before, f"Registering {who} is refused, and the page says why.",
           "the front page without an explanation",
           'Pass the sentence to the template, and show it there: `<p role="alert">{{ problem '
           '}}</p>`.')  # fmt: skip


def _logs_in(chat: Stage, name: str, password: str) -> bool:
    browser = Browser(chat)
    _log_in(browser, name, password)
    return browser.inside()


def _log_in(browser: Browser, name: str, password: str) -> requests.Response:
    return browser.post("/login", data={"username": name, "password": password})


def _forms(chat: Stage) -> Iterator[tuple[str, Tag]]:
    """Yield an address and its form, for every button that a stranger can use to send a form."""
    for path in ("/", "/login", "/register"):
        page = BeautifulSoup(visit(chat, path, follow=True).text, "html.parser")
        for form in page.find_all("form"):
            for button in form.select("button, input[type=submit], input[type=image]"):
                if attribute(button, "type").lower() in ("", "submit", "image"):
                    own = attribute(button, "formaction")
                    target = urljoin(chat.url + path, own or attribute(form, "action"))
                    yield urlsplit(target).path, form


def _differs(one: tuple[int, str], other: tuple[int, str]) -> str:
    """Return the first words of one page that the other page does not contain."""
    words = [word for word in one[1].split() if word not in other[1].split()]
    return " ".join(words)[:80]
