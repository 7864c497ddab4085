"""Two pages: `/` asks for a name, and `/chat` greets people by their name."""

from flask import Flask, Response, redirect, request, url_for
from markupsafe import escape

app = Flask(__name__)

PAGE = """<!doctype html>
<html lang="en">
<title>{title}</title>
<main>
<h1>{heading}</h1>
{body}
</main>
</html>"""

JOIN_FORM = """<form action="chat" method="get">
<label for="username">Your name</label>
<input id="username" name="username" required>
<button>Join Chat</button>
</form>"""


@app.route("/")
def index() -> str:
    return PAGE.format(
        title="Chat Application", heading="Welcome to the Chat Application!", body=JOIN_FORM
    )


@app.route("/chat")
def chat() -> str | Response:
    username = request.args.get("username", "").strip()
    if not username:
        return redirect(url_for("index"))
    # The name comes from a stranger, so it must be escaped.
    heading = f"Welcome to the Chat Room, {escape(username)}!"
    return PAGE.format(title="Chat Room", heading=heading, body="<p>Nobody can talk yet.</p>")
