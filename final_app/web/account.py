"""The account page: name, password, sessions and deleting the account."""

from collections.abc import Callable

from flask import Blueprint, make_response, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from final_app import auth
from final_app.accounts import accounts, sessions
from final_app.accounts.sessions import Identity
from final_app.errors import ChatError, Unauthorized
from final_app.lib.audit import audited
from final_app.web.login_limit import login_attempt

account = Blueprint("account", __name__)

Page = Response | str | tuple[str, int]


@account.get("/account")
@auth.login_required
def show(me: Identity) -> Page:
    return _account(me, saved=request.args.get("saved"))


@account.post("/account/name")
@auth.login_required
def change_name(me: Identity) -> Page:
    return _account_form(me, "name", lambda: accounts.rename(me, request.form.get("name", "")))


@account.post("/account/password")
@auth.login_required
def change_password(me: Identity) -> Page:
    def change() -> None:
        with (
            audited("password_change", me.username, request.remote_addr),
            login_attempt(me.username),
        ):
            accounts.check_password(me, request.form.get("current", ""), field="current")
            password = request.form.get("password", "")
            accounts.set_password(me.id, password, keep_session=me.session_id)

    return _account_form(me, "password", change)


@account.post("/account/sessions/<int:session_id>/end")
@auth.login_required
def end_session(me: Identity, session_id: int) -> Page:
    def end() -> None:
        with audited("session_end", me.username, request.remote_addr, session=session_id):
            sessions.end(me, session_id, "ended")

    return _account_form(me, "sessions", end)


@account.post("/account/delete")
@auth.login_required
def delete_account(me: Identity) -> Page:
    try:
        with audited("account_delete", me.username, request.remote_addr):
            with login_attempt(me.username):
                accounts.check_password(me, request.form.get("password", ""))
            accounts.delete(me)
    except Unauthorized:
        raise
    except ChatError as refusal:
        return _account(me, refusal=refusal, form="delete")
    return auth.clear_session_cookie(make_response(redirect(url_for("pages.login"))))


def _account_form(me: Identity, form: str, act: Callable[[], object]) -> Page:
    try:
        act()
    except Unauthorized:
        raise
    except ChatError as refusal:
        return _account(me, refusal=refusal, form=form)
    return redirect(url_for(".show", saved=form))


def _account(
    me: Identity, *, saved: str | None = None, refusal: ChatError | None = None, form: str = ""
) -> Page:
    page = render_template(
        "account.html",
        me=me.to_dict(),
        sessions=sessions.list_of(me),
        error=refusal and refusal.on_form(form),
        saved=saved,
    )
    return page, refusal.status if refusal else 200
