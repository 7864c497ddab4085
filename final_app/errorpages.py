"""Refusals and failures, as a page to somebody who reads and as JSON to a script."""

from flask import Flask, make_response, redirect, render_template, request, url_for
from flask_wtf.csrf import CSRFError
from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Response

from final_app.errors import ChatError, Forbidden, Invalid, NotFound, Unauthorized

Answer = tuple[dict[str, object] | str, int] | Response

TITLES = {400: "That did not work", 401: "Please log in", 403: "Not for you", 404: "Nothing here",
          405: "Not in this way", 409: "That is taken", 413: "Too large", 429: "A little slower",
          503: "Busy"}  # fmt: skip

MESSAGES = {404: "There is no page at this address, or it is not for you.",
            405: "This address cannot be used in this way."}  # fmt: skip


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
    return refused(Invalid(f"{error.description} Load the page again, then try once more."))


def failed(error: HTTPException) -> Answer:
    status = error.code or 500
    message = MESSAGES.get(status, "Something went wrong here.")
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
    """Tell whether a script asked: it wants JSON."""
    endpoint = request.endpoint or ""
    wants = request.accept_mimetypes.best_match(["text/html", "application/json"])
    for_scripts = endpoint.startswith("api.") or request.path.startswith("/api/")
    return for_scripts or request.is_json or wants == "application/json"
