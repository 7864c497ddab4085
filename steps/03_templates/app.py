"""The same two pages, with their HTML in templates and their styles in a stylesheet."""

from flask import Flask, Response, redirect, render_template, request, url_for

app = Flask(__name__)

messages: list[dict[str, str]] = []  # {"username": …, "text": …}; nobody can add one yet


@app.route("/")
def index() -> str:
    return render_template("index.html")


@app.route("/chat")
def chat() -> str | Response:
    username = request.args.get("username", "").strip()
    if not username:
        return redirect(url_for("index"))
    return render_template("chat.html", username=username, messages=messages)
