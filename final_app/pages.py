"""The pages: HTML, forms, and the screen of a room."""

import re
from typing import Any

from flask import Blueprint, current_app, make_response, redirect, render_template, request, url_for
from werkzeug.routing import Rule
from werkzeug.wrappers import Response

from final_app import accounts, announce, gate, history, invites, log_ins, memberships, rooms
from final_app.errors import ChatError, NotFound
from final_app.log_ins import Me

OWN_PAGE = re.compile(r"/(account|r/[a-z0-9-]+(/\d+)?)", re.ASCII)

pages = Blueprint("pages", __name__)

Page = Response | str | tuple[str, int]


@pages.app_context_processor
def for_every_page() -> dict[str, str]:
    """Give every template the path that its addresses begin with, also below a proxy's prefix."""
    return {"base_path": f"{request.script_root}/"}


@pages.get("/")
def home() -> Page:
    me = gate.caller()
    if me is None:
        return redirect(url_for(".login" if accounts.anybody() else ".first_run"))
    if not memberships.ids_of(me.id):
        rooms.welcome(me.id)  # who has left every room begins anew: there is nowhere else to go
    mine = memberships.of(me.id)
    if not mine:
        raise NotFound("You are in no room. Ask somebody to bring you into one.")
    return redirect(url_for(".room", slug=mine[0]["slug"]))


@pages.route("/first-run", methods=["GET", "POST"])
def first_run() -> Page:
    """Make the administrator of an empty installation."""
    if accounts.anybody():
        return redirect(url_for(".home"))
    return _form(
        "first_run", lambda: accounts.begin(gate.field("username"), gate.field("password"))
    )


@pages.route("/login", methods=["GET", "POST"])
def login() -> Page:
    return _form("login", lambda: None)


@pages.route("/register", methods=["GET", "POST"])
def register() -> Page:
    def look() -> None:
        if not _open_registration():
            invites.valid(_invite())  # nobody fills in a form in vain

    def join() -> None:
        gate.throttle().count("logins_address", request.remote_addr)
        user_id = accounts.register(
            gate.field("username"),
            gate.field("password"),
            _invite(),
            open_to_all=_open_registration(),
        )
        announce.person(user_id)

    return _form("register", join, look)


@pages.post("/logout")
@gate.for_people
def logout(me: Me) -> Page:
    log_ins.end(me, me.log_in_id)
    announce.ended([me.log_in_id], "logged_out")
    return gate.log_out(make_response(redirect(url_for(".login"))))


@pages.get("/r/<slug>")
@pages.get("/r/<slug>/<int:seq>")
@gate.for_people
def room(me: Me, slug: str, seq: int | None = None) -> Page:
    """Show a room: the newest messages, or those around one."""
    seen = memberships.by_slug(me.id, slug)
    state = announce.everything(me) | {
        "room": seen,
        "page": history.page(me.id, seen["id"], around=seq),
        "at": seq,
        "limits": announce.limits(gate.settings()),
        "inspector": gate.settings().inspector,
        "invite": accounts.open_invite(me.id),
    }
    return render_template("room.html", state=state, **state)


@pages.get("/api")
@gate.for_people
def documentation(me: Me) -> Page:
    """Show what the JSON API offers: read from the functions that answer."""
    rules = [rule for rule in current_app.url_map.iter_rules() if rule.endpoint.startswith("api")]
    told = [_endpoint(rule) for rule in rules]
    return render_template("api.html", endpoints=sorted(told, key=str))


def _endpoint(rule: Rule) -> dict[str, str]:
    """Return {path, method, what, sends, answers} of a route, by its docstring."""
    doc = current_app.view_functions[rule.endpoint].__doc__ or ""
    what, *rest = [" ".join(part.split()) for part in re.split(r"\n\s*\n|\n\s+(?=Answers)", doc)]
    said = dict(part.split(": ", 1) for part in rest)
    path = re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule)
    (method,) = (rule.methods or set()) - {"HEAD", "OPTIONS"}
    more = {"sends": said.get("Sends", ""), "answers": said.get("Answers", "")}
    return {"path": path, "method": method, "what": what} | more


def _form(name: str, act: Any, look: Any = lambda: None) -> Page:
    """Look whether there is a form to show; when it is sent, act, log in, and go where one wanted to."""
    if gate.caller():
        return redirect(_wanted())
    refusal = None
    try:
        if request.method == "POST":
            act()
            return gate.log_in(make_response(redirect(_wanted())), _new_log_in())
        look()
    except ChatError as problem:
        refusal = problem
    page = render_template(
        f"{name}.html",
        error=refusal and refusal.on_form(name),
        values={"username": request.form.get("username", "")},
        invite=_invite(),
        wanted=request.args.get("next", ""),
        open_registration=_open_registration(),
    )
    return page, refusal.status if refusal else 200


def _new_log_in() -> str:
    """Return the token of a log-in with the name and password in the form."""
    name = gate.field("username").strip().lower()
    with gate.one_guess(name):
        user_id = log_ins.recognise(name, gate.field("password"))
    return log_ins.begin(user_id, request.user_agent.string, request.remote_addr or "")


def _wanted() -> str:
    """Return the page of this application that was asked for before the log-in, else the chat."""
    wanted = request.args.get("next", "")
    return f"{request.script_root}{wanted}" if OWN_PAGE.fullmatch(wanted) else url_for(".home")


def _invite() -> str:
    return request.values.get("invite", "")


def _open_registration() -> bool:
    return gate.settings().open_registration
