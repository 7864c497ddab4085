"""A person's own page: name, password, log-ins, and the way out."""

from collections.abc import Callable

from flask import Blueprint, make_response, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from final_app import accounts, announce, gate, log_ins, memberships
from final_app.errors import ChatError, RateLimited
from final_app.log_ins import Me

account = Blueprint("account", __name__)

Page = Response | str | tuple[str, int]


@account.get("/account")
@gate.for_people
def show(me: Me) -> Page:
    return _account(me, saved=request.args.get("saved"))


@account.post("/account/name")
@gate.for_people
def change_name(me: Me) -> Page:
    def change() -> None:
        accounts.rename(me, gate.field("name"))
        announce.person(me.id)

    return _account_form(me, "name", change)


@account.post("/account/password")
@gate.for_people
def change_password(me: Me) -> Page:
    def change() -> None:
        with gate.one_guess(me.username):
            accounts.prove(me, gate.field("current"), field="current")
        ended = accounts.change_password(me, gate.field("password"))
        announce.ended(ended, "password_changed")

    return _account_form(me, "password", change)


@account.post("/account/sessions/<int:log_in_id>/end")
@gate.for_people
def end_log_in(me: Me, log_in_id: int) -> Page:
    def end() -> None:
        log_ins.end(me, log_in_id)
        announce.ended([log_in_id], "ended")

    return _account_form(me, "sessions", end)


@account.post("/account/delete")
@gate.for_people
def delete_account(me: Me) -> Page:
    try:
        with gate.one_guess(me.username):
            accounts.prove(me, gate.field("password"))
        left = list(memberships.ids_of(me.id))
        announce.gone(me.id, accounts.leave(me.id, "deleted"), left, "deleted")
    except ChatError as refusal:
        return _account(me, refusal=refusal, form="delete")
    return gate.log_out(make_response(redirect(url_for("pages.login"))))


def _account_form(me: Me, form: str, act: Callable[[], None]) -> Page:
    try:
        act()
    except RateLimited:
        raise
    except ChatError as refusal:
        return _account(me, refusal=refusal, form=form)
    return redirect(url_for(".show", saved=form))


def _account(
    me: Me, *, saved: str | None = None, refusal: ChatError | None = None, form: str = ""
) -> Page:
    page = render_template(
        "account.html",
        me=me.as_person(),
        log_ins=log_ins.of(me),
        error=refusal and refusal.on_form(form),
        saved=saved,
    )
    return page, refusal.status if refusal else 200
