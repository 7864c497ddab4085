"""The HTML pages: first run, login, registration, rooms and the API page."""

import re
from collections.abc import Callable
from typing import Any

from flask import Blueprint, current_app, make_response, redirect, render_template, request, url_for
from werkzeug.routing import Rule
from werkzeug.wrappers import Response

from final_app import auth, current
from final_app.accounts import accounts, invites, sessions
from final_app.accounts.sessions import Identity
from final_app.chat import history, memberships, people, rooms
from final_app.errors import ChatError, NotFound
from final_app.lib import names
from final_app.lib.audit import audited
from final_app.web.first_run import check_code, needs_code
from final_app.web.login_limit import login_attempt, registration

OWN_PAGE = re.compile(r"/(account|r/[a-z0-9-]+(/\d+)?)", re.ASCII)
ROOM_ID = re.compile(r"\b\d{1,15}\b", re.ASCII)
VISITED_ROOMS = 10  # in the cookie, so that the person can probably still write in one of them

pages = Blueprint("pages", __name__)
pages.add_app_template_filter(names.initials)

Page = Response | str | tuple[str, int]


@pages.app_context_processor
def for_every_page() -> dict[str, str]:
    """Pass the path that all URLs start with, including a proxy's prefix, to every template."""
    return {"base_path": f"{request.script_root}/"}


@pages.get("/")
def home() -> Page:
    me = auth.current_user()
    if me is None:
        return redirect(url_for(".login" if accounts.exist() else ".first_run"))
    auth.count_read(me)
    found = memberships.to_return_to(me.id, _visited(me))
    if found is None:
        rooms.join_open_rooms(me.id)  # for a person who has left all rooms
        found = memberships.to_return_to(me.id, _visited(me))
    if found is None:
        return render_template("no_room.html", archived=memberships.of(me.id))
    return redirect(url_for(".room", slug=found["slug"]))


@pages.route("/first-run", methods=["GET", "POST"])
def first_run() -> Page:
    """Create the administrator of an empty installation."""
    if accounts.exist():
        return redirect(url_for(".home"))

    def set_up() -> None:
        with audited("first_run", _field("username"), request.remote_addr):
            check_code(_field("code"))
            accounts.bootstrap(_field("username"), _field("password"))

    return _form("first_run", set_up)


@pages.route("/login", methods=["GET", "POST"])
def login() -> Page:
    return _form("login", lambda: None)


@pages.route("/register", methods=["GET", "POST"])
def register() -> Page:
    def check() -> None:
        if not _open_registration():
            invites.get_valid(_invite())  # so that nobody fills in the form with a useless invite

    def join() -> None:
        with (
            audited("registration", _field("username"), request.remote_addr),
            registration(),
        ):
            accounts.register(
                _field("username"),
                _field("password"),
                _invite(),
                open_to_all=_open_registration(),
            )

    return _form("register", join, check)


@pages.post("/logout")
@auth.login_required
def logout(me: Identity) -> Page:
    with audited("logout", me.username, request.remote_addr):
        sessions.end(me, me.session_id, "logged_out")
    return auth.clear_session_cookie(make_response(redirect(url_for(".login"))))


@pages.get("/r/<slug>")
@pages.get("/r/<slug>/<int:seq>")
@auth.login_required
def room(me: Identity, slug: str, seq: int | None = None) -> Page:
    """Show a room with the messages around `seq`, or else where the person has stopped reading.

    If the person is not in the room, but could join it, the page offers that.
    """
    try:
        seen = memberships.by_slug(me.id, slug)
    except NotFound:
        return render_template("join.html", room=_can_join(me, slug), path=request.path[1:])
    if seq is None:
        shown = history.where_left_off(me.id, seen)
    else:
        shown = history.page(me.id, seen["id"], around=seq)
    state = {
        "me": me.to_dict(),
        "rooms": memberships.of(me.id),
        "room": seen,
        "page": shown,
        "at": seq,
        "limits": current.limits(),
        "inspector": current.settings().inspector,
        "invite": invites.newest_valid(me.id) if people.is_alone() else None,
    }
    page = make_response(render_template("room.html", state=state, **state))
    visited = dict.fromkeys([str(seen["id"]), *_visited(me)])
    return auth.set_cookie(page, _visited_cookie(me), ".".join([*visited][:VISITED_ROOMS]))


@pages.post("/r/<slug>")
@pages.post("/r/<slug>/<int:seq>")
@auth.login_required
def join(me: Identity, slug: str, seq: int | None = None) -> Page:
    """Join an open room, unless the person is already in it, and show it."""
    try:
        memberships.by_slug(me.id, slug)
    except NotFound:
        rooms.add_member(me.id, _can_join(me, slug)["id"], me.id)
    return redirect(url_for(".room", slug=slug, seq=seq))


@pages.get("/api")
@auth.login_required
def documentation(me: Identity) -> Page:
    """Show the documentation of the JSON API, which comes from the docstrings of its functions."""
    rules = [rule for rule in current_app.url_map.iter_rules() if rule.endpoint.startswith("api")]
    told = [_endpoint(rule) for rule in rules]
    return render_template("api.html", endpoints=sorted(told, key=str))


def _endpoint(rule: Rule) -> dict[str, str]:
    """Return {path, method, what, sends, answers} of a route, from its docstring."""
    doc = current_app.view_functions[rule.endpoint].__doc__ or ""
    what, *rest = [" ".join(part.split()) for part in re.split(r"\n\s*\n|\n\s+(?=Answers)", doc)]
    said = dict(part.split(": ", 1) for part in rest)
    path = re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule)
    (method,) = (rule.methods or set()) - {"HEAD", "OPTIONS"}
    more = {"sends": said.get("Sends", ""), "answers": said.get("Answers", "")}
    return {"path": path, "method": method, "what": what} | more


def _can_join(me: Identity, slug: str) -> dict[str, Any]:
    """Return an open room that the person is not in. Raises NotFound if there is none."""
    for room in memberships.open_to(me.id):
        if room["slug"] == slug:
            return room
    raise NotFound(memberships.NOT_THERE)


def _visited(me: Identity) -> list[str]:
    """Return the ids of the rooms that the person has opened in this browser, most recent first."""
    return ROOM_ID.findall(request.cookies.get(_visited_cookie(me), ""))


def _visited_cookie(me: Identity) -> str:
    return f"chat_visited_{me.id}"  # several people may use one browser


def _form(name: str, act: Callable[[], object], check: Callable[[], None] = lambda: None) -> Page:
    """Show a form, or handle it if it was submitted: call `act`, log in and redirect to the chat.

    `check` is called before the empty form is shown. The page shows the errors that `check` and `act`
    raise.
    """
    if auth.current_user():
        return redirect(_wanted())
    refusal = None
    try:
        if request.method == "POST":
            act()
            return auth.set_session_cookie(make_response(redirect(_wanted())), _log_in())
        check()
    except ChatError as problem:
        refusal = problem
    page = render_template(
        f"{name}.html",
        error=refusal and refusal.on_form(name),
        values={"username": _field("username"), "code": _field("code")},
        needs_code=needs_code(),
        invite=_invite(),
        wanted=request.args.get("next", ""),
        open_registration=_open_registration(),
    )
    return page, refusal.status if refusal else 200


def _log_in() -> str:
    """Create a session for the username and password in the form, and return its token."""
    name = _field("username").strip().lower()
    who = accounts.username_of(username=name)  # what is not a username may be a password
    with (
        audited("login", who, request.remote_addr),
        login_attempt(name),
    ):
        user_id, verified = sessions.authenticate(name, _field("password"))
        agent, address = request.user_agent.string, request.remote_addr or ""
        return sessions.create(user_id, agent, address, verified=verified)


def _wanted() -> str:
    """Return the URL of the page that was requested before the login, or else of the chat."""
    wanted = request.args.get("next", "")
    return f"{request.script_root}{wanted}" if OWN_PAGE.fullmatch(wanted) else url_for(".home")


def _field(name: str) -> str:
    return request.form.get(name, "")


def _invite() -> str:
    return request.values.get("invite", "")


def _open_registration() -> bool:
    return current.settings().open_registration
