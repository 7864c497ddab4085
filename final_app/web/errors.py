"""Return errors as a page for people and as JSON for scripts."""

from flask import Flask, make_response, redirect, render_template, request, url_for
from flask_wtf.csrf import CSRFError
from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Response

from final_app.errors import ChatError, Forbidden, Invalid, NotFound, Unauthorized

Answer = tuple[dict[str, object] | str, int] | Response

TITLES = {400: "That didn't work", 401: "Please log in", 403: "Not allowed", 404: "Not found",
          405: "Method not allowed", 409: "That's not possible", 413: "Too large",
          429: "Too many requests", 500: "Something went wrong",
          503: "The chat is busy", 507: "There is no space left"}  # fmt: skip

MESSAGES = {404: "This page doesn't exist, or you don't have access to it.",
            405: "This address doesn't accept this kind of request.",
            413: "This request has more bytes or more fields than the chat expects."}  # fmt: skip

NO_COOKIE = "Your browser didn't send the chat's cookie, or the cookie is no longer valid."


def register(app: Flask) -> None:
    app.register_error_handler(ChatError, refused)
    app.register_error_handler(CSRFError, forged)
    app.register_error_handler(HTTPException, failed)


def refused(refusal: ChatError) -> Answer:
    if _is_script():
        return refusal.answer(), refusal.status
    if isinstance(refusal, Unauthorized) and request.method == "GET":
        return redirect(url_for("pages.login", next=request.path))
    return _page(refusal.status, refusal.message)


def forged(error: CSRFError) -> Answer:
    """Say what to do. Reloading this page would send the same form with the same token again."""
    why = NO_COOKIE if "session token is missing" in error.description else error.description
    what = "Reload the page" if _is_script() else "Go back to the chat"
    return refused(Invalid(f"{why} {what} and try again."))


def failed(error: HTTPException) -> Answer:
    status = error.code or 500
    message = MESSAGES.get(status, "Something went wrong.")
    kinds = {403: Forbidden, 404: NotFound}
    kind = kinds.get(status, ChatError if status >= 500 else Invalid)
    told = (kind(message).answer(), status) if _is_script() else _page(status, message)
    answer = make_response(told)
    answer.allow.update(getattr(error, "valid_methods", None) or ())
    return answer


def _page(status: int, message: str) -> Answer:
    title = TITLES.get(status, "Something went wrong")
    return render_template("error.html", code=status, title=title, message=message), status


def _is_script() -> bool:
    """Return whether the request comes from a script, which expects JSON."""
    endpoint = request.endpoint or ""
    wants = request.accept_mimetypes.best_match(["text/html", "application/json"])
    for_scripts = endpoint.startswith("api.") or request.path.startswith("/api/")
    return for_scripts or request.is_json or wants == "application/json"
