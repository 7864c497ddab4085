"""The code for the first run.

If others can reach the chat, only a person who can see its terminal can create the first account.
"""

import hmac
from ipaddress import ip_address

from flask import current_app

from final_app import current
from final_app.accounts import accounts
from final_app.errors import Forbidden
from final_app.web.login_limit import login_attempt

EXTENSION = "first_run_code"
NOBODY = "first run"  # used as a username in the rate limit; no real username can contain a blank


def require_code(host: str) -> None:
    """Require a code for the first account, and print it, if others can reach the chat.

    `host` is the address that the server listens on. If there is a proxy, this can be a loopback address
    although others can reach the chat. `python -m final_app` and `flask run` call this function when
    they start. Other WSGI servers do not report where they listen, so with them no code is required.
    Before you start one, create the first account with `users create NAME --admin`. All processes of a
    chat print the same code.
    """
    reachable = current.settings().proxy_hops > 0 or not _is_loopback(host)
    if reachable and not accounts.exist():
        code = _code(current_app.config["SECRET_KEY"])
        current_app.extensions[EXTENSION] = code
        print(f"To create the first account, enter this code on the page: {code}", flush=True)


def needs_code() -> bool:
    """Return whether the form has to ask for the code."""
    return EXTENSION in current_app.extensions


def check_code(given: str) -> None:
    """Raise Forbidden if the code is wrong, and RateLimited after too many wrong codes."""
    if not needs_code():
        return
    code: str = current_app.extensions[EXTENSION]
    with login_attempt(NOBODY):
        if not hmac.compare_digest(given.strip().lower().encode(), code.encode()):
            raise Forbidden(
                "Expected the code that the chat printed in its terminal when it started.",
                field="code",
            )


def _code(secret_key: str) -> str:
    digits = hmac.new(secret_key.encode(), EXTENSION.encode(), "sha256").hexdigest()
    return f"{digits[:8]}-{digits[8:16]}"


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False
