"""The smallest possible web application: one page that shows which Python serves it."""

import sys

from flask import Flask

app = Flask(__name__)

PAGE = """<!doctype html>
<html lang="en">
<title>Chat Application</title>
<main>
<h1>Welcome to the Chat Application!</h1>
<p>Served by the Python at <code style="overflow-wrap: anywhere">{python}</code></p>
</main>
</html>"""


@app.route("/")
def index() -> str:
    return PAGE.format(python=sys.executable)
