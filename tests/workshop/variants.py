"""Correct chats that are written differently from the step. A check must not reject any of them.

This file contains the variants in Python. Those in HTML and JavaScript are in `variants_pages.py`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

Edit = tuple[str, str] | Callable[[str], str]
Edits = dict[str, list[Edit] | str]  # file → replacements, or its whole text


@dataclass(frozen=True)
class Variant:
    """A step that is written differently. A variant that is `carried` on also fits that later step."""

    step: str
    name: str
    edits: Edits
    carried: str = ""
    always: bool = False  # it belongs to the sample that always runs
    lacks: str = ""  # what the embedded page lacks that a browser has, so that the check is wrong

    def write(self, chat: Path) -> None:
        """Change a copy of the step in `chat`. Raises AssertionError if an edit finds nothing."""
        for file, edits in self.edits.items():
            path = chat / file
            if isinstance(edits, str):
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(edits, encoding="utf-8", newline="")
                continue
            source = path.read_text(encoding="utf-8")
            for edit in edits:
                changed = edit(source) if callable(edit) else source.replace(*edit)
                assert changed != source, f"{self.name}: {edit} changes nothing in {file}"
                source = changed
            path.write_text(source, encoding="utf-8", newline="")


def with_crlf(source: str) -> str:
    return source.replace("\n", "\r\n")


def with_bom(source: str) -> str:
    return f"\ufeff{source}"


def with_tabs(source: str) -> str:
    return source.replace("    ", "\t")


def with_single_quotes(source: str) -> str:
    """Replace double quotes, in a source in which no string contains a quotation mark."""
    return source.replace('"', "'")


def without_hints(source: str) -> str:
    """Remove the annotation between `) -> ` and the colon at the end of a line."""
    lines = [
        line[: line.index(") -> ")] + "):" if line.startswith("def ") and ") -> " in line else line
        for line in source.split("\n")
    ]
    return "\n".join(lines)


PAGE_01 = '''\
import sys

from flask import Flask

app = Flask(__name__)


@app.get("/")
def startseite():
    # Die Seite nennt das Python, das sie ausliefert.
    python = sys.executable
    return f"""
        <!DOCTYPE html>
        <html lang=de>
        <title>Mein Chat</title>
        <h1>Willkommen!</h1>
        <p>Ausgeliefert von {python}
    """
'''

BYTES_01 = '''\
"""Ma première page."""
from sys import executable

import flask

application = app = flask.Flask(__name__)


def accueil():
    réponse = flask.make_response("<h1>Bienvenue à toutes</h1><p>Python : %s<br/>" % executable)
    réponse.headers["X-Atelier"] = "chat"
    return réponse, 200


app.add_url_rule("/", view_func=accueil)
'''

FSTRINGS_02 = '''\
from html import escape

from flask import Flask, redirect, request

app = Flask(__name__)


def page(title, body):
    return f"<!doctype html><html lang=en><title>{title}</title><h1>{title}</h1>{body}</html>"


@app.route("/chat", methods=["GET"])
def room():
    name = request.args.get("username") or ""
    if name.strip() == "":
        return redirect("./")
    return page("Chat", f"<p>Hello, <b>{escape(name.strip())}</b>! Nobody can talk yet.")


@app.route("/")
def front():
    return page("Join us", """
        <form action=chat>
          <p><label>Name: <input name=username required></label>
          <input type=submit value="Come in">
        </form>""")
'''

MARKUP_02 = """\
from flask import Flask, redirect, request, url_for
from markupsafe import Markup

app: Flask = Flask(__name__)

FRAME = Markup("<!doctype html>\\n<html lang='de'><title>Chat</title><main>{}</main></html>")
FORM = Markup(
    '<h1>Hallo!</h1><FORM ACTION="/chat"><LABEL>Dein Name <INPUT NAME="username" REQUIRED></LABEL>'
    "<BUTTON>Los</BUTTON></FORM>"
)
GREETING = Markup("<h1>Willkommen im Chat, {}!</h1>")


@app.get("/")
def index() -> str:
    return FRAME.format(FORM)


@app.get("/chat")
def chat():
    if "username" not in request.args:
        return redirect(url_for("index"), code=303)
    username = request.args["username"].strip()
    if username:
        return FRAME.format(GREETING.format(username))
    return redirect(url_for("index"), code=303)
"""

NAMESPACE_04 = """\
import logging

from flask import Flask, redirect, render_template, request, url_for
from flask_socketio import Namespace, SocketIO
from socketio_browser import socketio_browser

log = logging.getLogger(__name__)
socketio = SocketIO()
messages = []


class Chat(Namespace):
    def on_message(self, text):
        log.info("somebody says %r", text)
        self.send(text)

    def on_new_message(self, message):
        log.info("%s", message)
        return {"ok": True}


def create_app():
    app = Flask(__name__)
    app.register_blueprint(socketio_browser)
    socketio.init_app(app, async_mode="threading", async_handlers=False)
    socketio.on_namespace(Chat("/"))

    @app.route("/")
    def index():
        return render_template("index.html")

    @app.route("/chat")
    def chat():
        username = request.args.get("username", "").strip()
        if username:
            context = {"username": username, "messages": messages}
            return render_template("chat.html", **context)
        return redirect(url_for("index"))

    return app


app = create_app()
"""

ON_MESSAGE_04 = """\
@socketio.on("message")
def handle_message(text: str) -> None:
    \"\"\"Send plain text back to the sender: `send` always uses the event `message`.\"\"\"
    send(text)


@socketio.on("new_message")
def handle_new_message(message: dict[str, str]) -> dict[str, bool]:
    \"\"\"Take {"username": str, "text": str} and return the acknowledgement.\"\"\"
    return {"ok": True}
"""

ERRORS_06 = '''\
@socketio.on_error_default
def handle_error(error: Exception) -> Answer:
    """Answer with the reason for a refusal. Any other exception is a bug, and goes to the log."""
    if not isinstance(error, ChatError):
        raise error
    return error.answer()
'''
ERRORS_07 = ERRORS_06.replace(
    "    return error",
    """\
    if request.event["message"] == "connect":  # there is no acknowledgement for `connect`
        raise ConnectionRefusedError(error.message, {"code": error.code})
    return error""",
)

DECORATOR_06 = '''\
def answered(handler):
    """Let a handler's ChatError be its acknowledgement."""

    @wraps(handler)
    def answering(*args):
        try:
            return handler(*args)
        except ChatError as refusal:
            return refusal.answer()

    return answering
'''

CONNECT_07 = """\
    username = checked_name(field(auth, "username"))
    with lock:
        if username.casefold() in [name.casefold() for name in sockets.values()]:
            raise ChatError("conflict", f"{username} is here already. Choose another name.")
        sockets[request.sid] = username
"""

NEWEST_08 = """\
    newest = db.select(Message).order_by(Message.seq.desc()).limit(PAGE)
    messages = [message.as_dict() for message in db.session.scalars(newest)][::-1]
"""

STORE_08 = """\
        stored = Message(username=sockets[request.sid], text=text)
        db.session.add(stored)
        db.session.commit()
        message = stored.as_dict()
        emit("new_message", message, broadcast=True)
    return {"ok": True, "message": message}
"""

MODELS_08 = """\
from datetime import UTC, datetime

from flask_sqlalchemy import SQLAlchemy

db = SQLAlchemy()


class Message(db.Model):
    __tablename__ = "messages"

    seq = db.Column(db.Integer, primary_key=True)
    username = db.Column(db.String(40), nullable=False)
    text = db.Column(db.Text, nullable=False)
    created_at = db.Column(db.DateTime, default=lambda: datetime.now(UTC), nullable=False)

    def as_dict(self):
        names = ["seq", "username", "text"]
        found = {name: getattr(self, name) for name in names}
        found["created_at"] = self.created_at.strftime("%Y-%m-%dT%H:%M:%SZ")
        return found
"""

OLDER_09 = """\
    before = max(0, min(request.args.get("before", LARGEST, type=int), LARGEST))
    return {"ok": True, "messages": page_before(before)}
"""
PAGE_BEFORE_09 = """\
    newest = db.select(Message).where(Message.seq < before).order_by(Message.seq.desc()).limit(PAGE)
    return [message.as_dict() for message in db.session.scalars(newest)][::-1]
"""

SYNC_10 = """\
    return {"ok": True, "messages": messages_after(number(payload, "after"))}
"""
MISSED_10 = """\
    missed = db.select(Message).where(Message.seq > seq).order_by(Message.seq)
    return [message.as_dict() for message in db.session.scalars(missed)]
"""
NUMBER_10 = """\
    value = field(payload, name)
    if type(value) is not int or not 0 <= value <= LARGEST:
        expected = f"Expected '{name}' to be a whole number from 0 to {LARGEST}; got {value!r:.40}."
        raise ChatError("invalid", expected, field=name)
    return value
"""

AUTHENTICATE_11 = """\
    user = db.session.scalar(db.select(User).filter_by(username=username.strip()))
    if not check_password_hash(user.password_hash if user else NO_HASH, password) or not user:
        raise ChatError("unauthorized", "Wrong name or password.")
    return user
"""

TO_ALL_12 = """\
        emit("new_message", message, to=list(sockets))  # only sockets with a session
"""
END_12 = """\
        for sid in [sid for sid, token in sockets.items() if token in ended]:
            del sockets[sid]  # it no longer has a session
            socketio.emit("session_ended", {"reason": "You are logged out."}, to=sid)
            socketio.server.disconnect(sid)
"""
DELETE_12 = """\
    tokens = db.session.scalars(db.delete(Login).where(*which).returning(Login.token)).all()
    db.session.commit()
    return list(tokens)
"""

MEMBER_13 = """\
    user, room = require_user(), db.session.get(Room, number(payload, "room"))
    if not room:
        raise ChatError("not_found", "There is no such room.", field="room")
    if room not in user.rooms:
        raise ChatError("forbidden", f"You are not in the room {room.name}.", field="room")
    return user, room
"""
NEXT_13 = """\
    last = db.session.scalar(db.select(db.func.max(Message.seq)).filter_by(room_id=room_id))
    return (last or 0) + 1
"""
UPDATE_13 = """\
        if token in members:
            join_room(room_id, sid, "/")
        else:
            leave_room(room_id, sid, "/")
"""

ONLINE_14 = """\
    online = {members[token] for token in sockets.values() if token in members}
"""

UPLOAD_15 = """\
    kept = files.keep(file.read(), file.filename, user, room)
    return {"ok": True, "upload": kept.as_dict()}, 201
"""
MIME_15 = """\
    for kind, signature in SIGNATURES.items():
        if re.match(signature, content, re.DOTALL):
            return f"image/{kind}"
"""
CLAIM_15 = """\
    wanted = {str(each) for each in ids} if isinstance(ids, list) else {"not a list"}
    unsent = db.select(Upload).filter_by(owner_id=owner.id, room_id=room.id, message_seq=None)
    uploads = [upload for upload in db.session.scalars(unsent) if upload.id in wanted]
    if len(uploads) != len(wanted):
        expected = "Expected files that you uploaded to this room and have not sent yet."
        raise ChatError("invalid", expected, field="uploads")
    return uploads
"""

SEND_16 = """\
    upload = db.session.get(Upload, upload_id)
    if not user or not upload or upload.room_id not in [room.id for room in user.rooms]:
        abort(404)
"""
RESPONSE_16 = """\
    response = send_file(path_of(upload), upload.mime, upload.mime == TEXT, upload.filename)
    response.headers["X-Content-Type-Options"] = "nosniff"  # the browser must not guess the type
    return response
"""

PYTHON = [
    Variant("01", "an f-string in German", {"app.py": PAGE_01}, "", True),
    Variant("01", "add_url_rule in French", {"app.py": BYTES_01}),
    Variant("01", "Windows line ends and a BOM", {"app.py": [with_crlf, with_bom]}),
    Variant("01", "tabs, and no type hints", {"app.py": [with_tabs, without_hints]}),
    Variant("02", "f-strings, html.escape, unquoted attributes", {"app.py": FSTRINGS_02}, "", True),
    Variant("02", "Markup.format and uppercase tags", {"app.py": MARKUP_02}, "", True),
    Variant(
        "02", "one more page with GET and POST",
        {"app.py": [(
            '@app.route("/chat")',
            '@app.route("/guests", methods=["GET", "POST"])\ndef guests():\n'
            '    return request.form.get("name", "nobody")\n\n\n@app.route("/chat")',
        )]},
    ),
    Variant(
        "03", "**context, and a redirect in an else",
        {"app.py": [
            without_hints,
            ('    if not username:\n        return redirect(url_for("index"))\n'
             '    return render_template("chat.html", username=username, messages=messages)',
             '    context = dict(username=username, messages=messages, title="Chat")\n'
             '    if username:\n        return render_template("chat.html", **context)\n'
             '    else:\n        return redirect(url_for(".index"))'),
        ]},
        "", True,
    ),
    Variant(
        "03", "messages come from a function",
        {"app.py": [
            ('messages: list[dict[str, str]] = []', "def all_messages():\n    return []\n"),
            ("messages=messages", "messages=all_messages()"),
        ]},
    ),
    Variant(
        "03", "another name for whom the template greets, and the time",
        {"app.py": [
            ("username=username,", "wer=username, jetzt=datetime.now(),"),
            ("from flask", "from datetime import datetime\n\nfrom flask"), with_bom,
         ],
         "templates/chat.html": [
            ("{{ username }}!", "{{ wer }}! It is {{ jetzt.strftime('%H:%M') }}."),
        ]},
        "", True,
    ),
    Variant("04", "a Namespace and create_app", {"app.py": NAMESPACE_04}, "", True),
    Variant(
        "04", "a dict of handlers",
        {"app.py": [(
            ON_MESSAGE_04,
            'HANDLERS = {"message": send, "new_message": lambda *args: {"ok": True}}\n'
            "for name, handler in HANDLERS.items():\n    socketio.on_event(name, handler)\n",
        )]},
    ),
    Variant(
        "04", "socketio.event, print, Windows line ends",
        {"app.py": [
            ('@socketio.on("message")\ndef handle_message', "@socketio.event\ndef message"),
            ('@socketio.on("new_message")\ndef handle_new_message(message:',
             "@socketio.event\ndef new_message(data:"),
            ('    return {"ok": True}', '    print("new_message", data)\n    return dict(ok=True)'),
            with_crlf,
        ]},
        "",
    ),
    Variant(
        "05", "socketio.emit, which always broadcasts",
        {"app.py": [
            ('emit("new_message", message, broadcast=True)',
             'socketio.emit("new_message", {"username": message["username"], '
             '"text": message["text"]})'),
            ("SocketIO, emit, send", "SocketIO, send"),
        ]},
        "",
    ),
    Variant(
        "05", "everybody is in one room",
        {"app.py": [
            ('emit("new_message", message, broadcast=True)',
             'emit("new_message", message, to="everybody")'),
            ("SocketIO, emit, send", "SocketIO, emit, join_room, send"),
            ('@socketio.on("message")',
             '@socketio.on("connect")\ndef enter(auth=None):\n    join_room("everybody")\n\n\n'
             '@socketio.on("message")'),
        ]},
    ),
    Variant(
        "05", "messages are kept in the list",
        {"app.py": [("    emit(", "    messages.append(message)\n    emit(")]},
    ),
    Variant(
        "06", "a decorator answers, not the error handler",
        {"app.py": [
            (ERRORS_06, DECORATOR_06),
            ("from checks import", "from functools import wraps\n\nfrom checks import"),
            ("def handle_new_message", "@answered\ndef handle_new_message"),
        ]},
        "",
    ),
    Variant(
        "06", "refusals in German",
        {"checks.py": [("Expected some text; got {text!r:.40}.", "Bitte etwas schreiben."),
                       ("Expected a name of 1 to {NAME_LENGTH} visible characters; got {len(name)}.",
                        "Ein Name hat 1 bis {NAME_LENGTH} Zeichen.")]},
        "07",
    ),
    Variant(
        "06", "checks with match, in app.py's own functions",
        {"checks.py": [(
            "    if not isinstance(payload, dict):\n        raise ChatError(\"invalid\", "
            'f"Expected an object with {name}; got {payload!r:.40}.")\n'
            "    return payload.get(name)",
            "    match payload:\n        case dict():\n            return payload.get(name)\n"
            '        case _:\n            raise ChatError("invalid", "That is no object.")',
        )],
         "app.py": [
            ('    message = {"username": username, "text": text}',
             '    message = said(username, text)\n    print("%(username)s: %(text)s" % message)'),
            ('@socketio.on("new_message")',
             "def said(username: str, text: str):\n    return dict(text=text, username=username)"
             '\n\n\n@socketio.on("new_message")'),
        ]},
    ),
    Variant(
        "07", "a decorator answers, and `connect` refuses by itself",
        {"app.py": [
            (ERRORS_07, DECORATOR_06),
            ("from threading import", "from functools import wraps\nfrom threading import"),
            ("def handle_new_message", "@answered\ndef handle_new_message"),
            (CONNECT_07,
             '    try:\n        username = checked_name(field(auth, "username"))\n'
             '    except ChatError as refusal:\n'
             '        raise ConnectionRefusedError(refusal.message, {"code": refusal.code}) from None\n'
             "    with lock:\n"
             "        if username.casefold() in map(str.casefold, sockets.values()):\n"
             '            raise ConnectionRefusedError("Taken.", {"code": "conflict"})\n'
             "        sockets[request.sid] = username\n"),
        ]},
        "",
    ),
    Variant(
        "07", "the name in Flask's session, refusals in German",
        {"app.py": [
            ("redirect, render_template, request, url_for",
             "redirect, render_template, request, session, url_for"),
            ("\n\nAnswer =", '\napp.secret_key = "nur zum Üben"\n\nAnswer ='),
            (CONNECT_07,
             CONNECT_07.replace("is here already. Choose another name.", "ist schon da.")
             + '        session["name"] = username\n'),
            ('"username": sockets[request.sid], ', '"username": session["name"], '),
        ]},
    ),
    Variant(
        "07", "a dict from names to sids, and a set of small letters",
        {"app.py": [
            ("sockets: dict[str, str] = {}", "taken = set()\nsockets = {}"),
            (CONNECT_07,
             '    username = checked_name(field(auth, "username"))\n    with lock:\n'
             "        if username.casefold() in taken:\n"
             '            raise ChatError("conflict", f"{username} is here already.")\n'
             "        taken.add(username.casefold())\n        sockets[request.sid] = username\n"),
            ("        sockets.pop(request.sid, None)\n",
             "        if name := sockets.pop(request.sid, None):\n"
             "            taken.discard(name.casefold())\n"),
        ]},
    ),
    Variant("08", "a model of columns", {"models.py": MODELS_08}),
    Variant(
        "08", "Message.query, and a loop that reverses",
        {"models.py": MODELS_08,
         "app.py": [(
            NEWEST_08,
            "    newest = Message.query.order_by(Message.seq.desc()).limit(PAGE).all()\n"
            "    messages = [message.as_dict() for message in reversed(newest)]\n",
        )]},
    ),
    Variant(
        "08", "the acknowledgement is made first, emitted last",
        {"app.py": [
            (STORE_08,
             "        author = sockets[request.sid]\n"
             "        stored = Message()\n        stored.username, stored.text = author, text\n"
             "        db.session.add(stored)\n        db.session.commit()\n"
             '        answer = {"ok": True, "message": stored.as_dict()}\n'
             '        socketio.emit("new_message", answer["message"])\n    return answer\n'),
            ("sqlite:///chat.db\"", 'sqlite:///" + "chat.db"'),
        ]},
    ),
    Variant(
        "08", "times with isoformat, and one more field",
        {"models.py": [
            ('f"{self.created_at:%Y-%m-%dT%H:%M:%SZ}"', 'self.created_at.isoformat() + "Z"'),
            ('            "seq": self.seq,', '            "seq": self.seq, "id": self.seq,'),
        ]},
        "09",
    ),
    Variant(
        "09", "jsonify, and a number that is converted by hand",
        {"app.py": [
            ("Flask, Response, redirect", "Flask, Response, jsonify, redirect"),
            (OLDER_09,
             '    asked = request.args.get("before", "")\n'
             "    before = min(int(asked), LARGEST) if asked.isdecimal() else LARGEST\n"
             "    return jsonify(ok=True, messages=page_before(before))\n"),
        ]},
        "10",
    ),
    Variant(
        "09", "a subquery, sorted in the database",
        {"models.py": [(
            PAGE_BEFORE_09,
            "    newest = db.select(Message.seq).where(Message.seq < before)\n"
            "    newest = newest.order_by(Message.seq.desc()).limit(PAGE).subquery()\n"
            "    found = db.select(Message).join(newest, Message.seq == newest.c.seq)\n"
            "    return [each.as_dict() for each in db.session.scalars(found.order_by(Message.seq))]\n",
        )]},
        "10",
    ),
    Variant(
        "09", "add_url_rule, and a list that is reversed in place",
        {"app.py": [
            ('@app.route("/api/messages")\n', ""),
            ("    return {\"ok\": True, \"messages\": page_before(before)}\n",
             "    answer = {}\n    answer[\"ok\"] = True\n"
             "    answer[\"messages\"] = page_before(before)\n"
             '    return answer\n\n\napp.add_url_rule("/api/messages", view_func=older_messages)\n'),
         ],
         "models.py": [(
            "    return [message.as_dict() for message in db.session.scalars(newest)][::-1]\n",
            "    messages = list(db.session.scalars(newest))\n    messages.reverse()\n"
            "    return [message.as_dict() for message in messages]\n",
        )]},
        "10",
    ),
    Variant(
        "10", "session.query, and a loop",
        {"models.py": [(
            MISSED_10,
            "    answer = []\n"
            "    missed = db.session.query(Message).filter(Message.seq > seq)\n"
            "    for message in missed.order_by(Message.seq.asc()):\n"
            "        answer.append(message.as_dict())\n"
            "    return answer\n",
        )]},
        "11",
    ),
    Variant(
        "10", "the number is checked in the handler, in other words",
        {"app.py": [(
            SYNC_10,
            '    after = field(payload, "after")\n'
            "    if type(after) != int or after < 0 or after > LARGEST:  # a bool is an int, too\n"
            '        raise ChatError("invalid", "Das ist keine Zahl.", field="after")\n'
            "    return dict(ok=True, messages=messages_after(after))\n",
        )]},
    ),
    Variant(
        "10", "early returns in the check of a number",
        {"checks.py": [(
            NUMBER_10,
            "    value = field(payload, name)\n"
            "    if type(value) is int and value in range(LARGEST + 1):\n        return value\n"
            '    raise ChatError("invalid", f"{name} is no number.", field=name)\n',
        )]},
        "11",
    ),
    Variant(
        "11", "pbkdf2, and two ifs for a wrong name and a wrong password",
        {"accounts.py": [
            ("generate_password_hash(password)",
             'generate_password_hash(password, method="pbkdf2:sha256:20000")'),
            (AUTHENTICATE_11,
             "    found = User.query.filter_by(username=username.strip()).one_or_none()\n"
             "    if found is None:\n        check_password_hash(NO_HASH, password)\n"
             '        raise ChatError("unauthorized", "Wrong name or password.")\n'
             "    if not check_password_hash(found.password_hash, password):\n"
             '        raise ChatError("unauthorized", "Wrong name or password.")\n'
             "    return found\n"),
         ],
         "models.py": [("class User(Base)", "class User(db.Model)")]},
        "",
    ),
    Variant(
        "11", "routes with methods=[…], the front page shows who is logged in",
        {"app.py": [
            ('@app.post("/login")', '@app.route("/login", methods=["POST"])'),
            ('@app.post("/logout")', '@app.route("/logout", methods=["POST"])'),
            ('def index() -> str:\n    return render_template("index.html")',
             "def index():\n    me = accounts.current_user()\n"
             '    return render_template("index.html", me=me)'),
         ],
         "templates/index.html": [
            ("    <form", "    {% if me %}<p>You are {{ me.username }}: "
             "<a href=\"{{ url_for('chat') }}\">go on</a></p>{% endif %}\n    <form"),
        ]},
        "12",
    ),
    Variant(
        "11", "the cookie is emptied by pop, and refusals are redirected by hand",
        {"app.py": [
            ("    session.clear()\n", '    session.pop("user_id", None)\n'),
            ("    return render_template(\"index.html\", problem=error.message), status\n",
             '    page = render_template("index.html", problem="⚠ " + error.message)\n'
             "    return Response(page, status=status)\n"),
        ]},
    ),
    Variant(
        "12", "longer tokens, and a select before the delete",
        {"accounts.py": [
            ("secrets.token_urlsafe()", "secrets.token_hex(48)"),
            (DELETE_12,
             "    ended = db.session.scalars(db.select(Login).where(*which)).all()\n"
             "    tokens = [login.token for login in ended]\n"
             "    for login in ended:\n        db.session.delete(login)\n"
             "    db.session.commit()\n    return tokens\n"),
        ]},
        "13",
    ),
    Variant(
        "12", "one emit for each socket, one function for each part of a logout",
        {"app.py": [
            (TO_ALL_12,
             '        for sid in list(sockets):\n'
             '            socketio.emit("new_message", message, to=sid)\n'),
            (END_12,
             "        for sid, token in list(sockets.items()):\n"
             "            if token in ended:\n                throw_out(sid)\n\n\n"
             "def throw_out(sid):\n    sockets.pop(sid)\n"
             '    socketio.emit("session_ended", {"reason": "Abgemeldet."}, to=sid)\n'
             "    socketio.server.disconnect(sid)\n"),
        ]},
    ),
    Variant(
        "12", "a decorator asks for a session",
        {"app.py": [
            ("from threading import", "from functools import wraps\nfrom threading import"),
            ('@socketio.on("connect")', '''\
def with_session(handler):
    @wraps(handler)
    def checked(payload=None):
        accounts.require_user()
        return handler(payload)

    return checked


@socketio.on("connect")'''),
            ('@socketio.on("sync")\n', '@socketio.on("sync")\n@with_session\n'),
            ('the last one that a page has."""\n    accounts.require_user()\n',
             'the last one that a page has."""\n'),
            ("username=accounts.require_user().username, ",
             "username=accounts.current_user().username, "),
            ('@socketio.on("new_message")\n', '@socketio.on("new_message")\n@with_session\n'),
        ]},
    ),
    Variant(
        "13", "early returns in require_member, and other words",
        {"memberships.py": [(
            MEMBER_13,
            "    user = require_user()\n"
            '    wanted = db.select(Room).filter_by(id=number(payload, "room"))\n'
            "    room = db.session.execute(wanted).scalar_one_or_none()\n"
            '    if room is None:\n        raise ChatError("not_found", "Gibt es nicht.")\n'
            "    if room in user.rooms:\n        return user, room\n"
            '    raise ChatError("forbidden", "Nicht dein Raum.")\n',
        )]},
        "14",
    ),
    Variant(
        "13", "numbers are counted",
        {"models.py": [(
            NEXT_13,
            "    return db.session.query(Message).filter_by(room_id=room_id).count() + 1\n",
        )]},
        "14",
    ),
    Variant(
        "13", "a function that joins or leaves, and a query for the memberships",
        {"memberships.py": [
            (UPDATE_13,
             "        change = join_room if token in members else leave_room\n"
             '        change(room_id, sid=sid, namespace="/")\n'),
            ("    if room not in user.rooms:\n",
             "    if not db.session.get(Membership, (room.id, user.id)):\n"),
            ("from models import Login, Room", "from models import Login, Membership, Room"),
        ]},
    ),
    Variant(
        "14", "presence with one field more, in another order",
        {"app.py": [(
            '"online": sorted(online)}', '"online": sorted(online, key=str.casefold), '
            '"count": len(online)}',
        )]},
        "15",
    ),
    Variant(
        "14", "a loop that counts each person once",
        {"app.py": [(
            ONLINE_14,
            "    online = []\n    for token in sockets.values():\n"
            "        name = members.get(token)\n"
            "        if name and name not in online:\n            online.append(name)\n",
        )]},
        "15",
    ),
    Variant(
        "14", "the rooms come from the database, and the room's own sid is skipped",
        {"app.py": [(
            "        for room_id in {*rooms()} - {request.sid}:"
            "  # every socket also has a room of its own\n            tell_presence(room_id)\n",
            "        for room_id in rooms():\n            if room_id != request.sid:\n"
            "                tell_presence(room_id)\n",
        )]},
        "15",
    ),
    Variant(
        "15", "signatures with startswith, ids with dashes",
        {"files.py": [
            (MIME_15,
             "    if content.startswith(b\"\\x89PNG\"):\n        return \"image/png\"\n"
             "    elif content.startswith(b\"\\xff\\xd8\\xff\"):\n        return \"image/jpeg\"\n"
             "    elif content[:4] == b\"GIF8\":\n        return \"image/gif\"\n"
             "    elif content[:4] == b\"RIFF\" and content[8:12] == b\"WEBP\":\n"
             "        return \"image/webp\"\n"),
            ("uuid4().hex", "str(uuid4())"),
        ]},
        "16",
    ),
    Variant(
        "15", "jsonify, and a route with strict methods",
        {"app.py": [
            ('@app.post("/api/uploads")', '@app.route("/api/uploads", methods=["POST"])'),
            (UPLOAD_15,
             "    kept = files.keep(file.stream.read(), file.filename, user, room)\n"
             "    return jsonify(ok=True, upload=kept.as_dict()), 201\n"),
            ("Flask, Response, redirect", "Flask, Response, jsonify, redirect"),
        ]},
        "16",
    ),
    Variant(
        "15", "files are claimed one after the other",
        {"files.py": [(
            CLAIM_15,
            "    unsent = db.session.query(Upload).filter_by(message_seq=None, room_id=room.id)\n"
            "    own = {upload.id: upload for upload in unsent if upload.owner_id == owner.id}\n"
            "    uploads = []\n    for each in ids if isinstance(ids, list) else [None]:\n"
            "        upload = own.pop(each, None) if isinstance(each, str) else None\n"
            "        if upload is None:\n"
            '            raise ChatError("invalid", "Diese Datei geht nicht.", field="uploads")\n'
            "        uploads.append(upload)\n    return uploads\n",
        )]},
        "16",
    ),
    Variant(
        "16", "send_file with keywords",
        {"files.py": [(
            RESPONSE_16,
            "    response = send_file(\n        path_of(upload),\n        mimetype=upload.mime,\n"
            '        as_attachment=not upload.mime.startswith("image/"),\n'
            "        download_name=upload.filename,\n        max_age=60,\n    )\n"
            '    response.headers.update({"X-Content-Type-Options": "nosniff"})\n'
            "    return response\n",
        )]},
    ),
    Variant(
        "16", "send_from_directory, and the header for every answer",
        {"files.py": [
            ("current_app, send_file", "current_app, send_from_directory"),
            (RESPONSE_16,
             "    return send_from_directory(\n        current_app.instance_path,\n"
             "        path_of(upload).name,\n        mimetype=upload.mime,\n"
             "        as_attachment=upload.mime == TEXT,\n"
             "        download_name=upload.filename,\n    )\n"),
         ],
         "app.py": [(
            "@app.errorhandler(413)",
            "@app.after_request\ndef without_guessing(response):\n"
            '    response.headers["X-Content-Type-Options"] = "nosniff"\n    return response\n\n\n'
            "@app.errorhandler(413)",
        )]},
    ),
    Variant(
        "16", "three reasons for one answer, a page of its own",
        {"files.py": [(
            SEND_16,
            "    if user is None:\n        abort(404)\n"
            "    upload = db.get_or_404(Upload, upload_id)\n"
            "    if not any(room.id == upload.room_id for room in user.rooms):\n"
            "        abort(404)\n",
        )],
         "app.py": [(
            "@app.errorhandler(413)",
            "@app.errorhandler(404)\ndef show_missing(error: Exception) -> tuple[str, int]:\n"
            '    return "<!doctype html><title>Nichts</title><h1>Nichts da.</h1>", 404\n\n\n'
            "@app.errorhandler(413)",
        )]},
    ),
]  # fmt: skip
