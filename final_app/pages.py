"""The pages: HTML, forms, and the screen of a room."""

from typing import Any

from flask import Blueprint, current_app, make_response, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from final_app import accounts, announce, gate, history, log_ins, memberships, messages, rooms
from final_app.errors import ChatError, NotFound, RateLimited
from final_app.log_ins import Me

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
    return _form("first_run", lambda: accounts.begin(_field("username"), _field("password")))


@pages.route("/login", methods=["GET", "POST"])
def login() -> Page:
    return _form("login", lambda: None)


@pages.route("/register", methods=["GET", "POST"])
def register() -> Page:
    def join() -> None:
        gate.throttle().count("logins_address", request.remote_addr)
        user_id = accounts.register(
            _field("username"), _field("password"), _invite(), open_to_all=_open_registration()
        )
        announce.person(user_id)

    return _form("register", join)


@pages.post("/logout")
@gate.for_people
def logout(me: Me) -> Page:
    log_ins.end(me, me.log_in_id)
    announce.ended([me.log_in_id], "logged_out")
    return gate.log_out(make_response(redirect(url_for(".login"))))


@pages.get("/account")
@gate.for_people
def account(me: Me) -> Page:
    return _account(me, saved=request.args.get("saved"))


@pages.post("/account/name")
@gate.for_people
def change_name(me: Me) -> Page:
    def change() -> None:
        accounts.rename(me, _field("name"))
        announce.person(me.id)

    return _account_form(me, "name", change)


@pages.post("/account/password")
@gate.for_people
def change_password(me: Me) -> Page:
    def change() -> None:
        with gate.one_guess(me.username):
            accounts.prove(me, _field("current"), field="current")
        ended = accounts.change_password(me, _field("password"))
        announce.ended(ended, "password_changed")

    return _account_form(me, "password", change)


@pages.post("/account/sessions/<int:log_in_id>/end")
@gate.for_people
def end_log_in(me: Me, log_in_id: int) -> Page:
    def end() -> None:
        log_ins.end(me, log_in_id)
        announce.ended([log_in_id], "ended")

    return _account_form(me, "sessions", end)


@pages.post("/account/delete")
@gate.for_people
def delete_account(me: Me) -> Page:
    try:
        with gate.one_guess(me.username):
            accounts.prove(me, _field("password"))
        left = list(memberships.ids_of(me.id))
        announce.gone(me.id, accounts.leave(me.id, "deleted"), left, "deleted")
    except ChatError as refusal:
        return _account(me, refusal=refusal, form="delete")
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
        "limits": {"text": messages.TEXT_LENGTH},
        "invite": accounts.open_invite(me.id),
    }
    return render_template("room.html", state=state, **state)


def _form(name: str, act: Any) -> Page:
    """Show a form; when it is sent, act, log in with what it holds, and go to the chat."""
    if gate.caller():
        return redirect(url_for(".home"))
    refusal = None
    if request.method == "POST":
        try:
            act()
            return gate.log_in(make_response(redirect(url_for(".home"))), _new_log_in())
        except ChatError as problem:
            refusal = problem
    page = render_template(
        f"{name}.html",
        me=None,
        error=_error(name, refusal),
        values={"username": request.form.get("username", "")},
        invite=_invite(),
        open_registration=_open_registration(),
    )
    return page, refusal.status if refusal else 200


def _new_log_in() -> str:
    """Return the token of a log-in with the name and password in the form."""
    name = _field("username").strip().lower()
    with gate.one_guess(name):
        user_id = log_ins.recognise(name, _field("password"))
    return log_ins.begin(user_id, request.user_agent.string, request.remote_addr or "")


def _account_form(me: Me, form: str, act: Any) -> Page:
    try:
        act()
    except RateLimited:
        raise
    except ChatError as refusal:
        return _account(me, refusal=refusal, form=form)
    return redirect(url_for(".account", saved=form))


def _account(
    me: Me, *, saved: str | None = None, refusal: ChatError | None = None, form: str = ""
) -> Page:
    page = render_template(
        "account.html",
        me=me.as_person(),
        log_ins=log_ins.of(me),
        error=_error(form, refusal),
        saved=saved,
        values=request.form,
    )
    return page, refusal.status if refusal else 200


def _error(form: str, refusal: ChatError | None) -> dict[str, str] | None:
    if refusal is None:
        return None
    return {"form": form, "field": refusal.field, "message": refusal.message}


def _field(name: str) -> str:
    return request.form.get(name, "")


def _invite() -> str:
    return request.values.get("invite", "")


def _open_registration() -> bool:
    return bool(current_app.config["CHAT"].open_registration)
