"""Chats that are right, and written another way than the step: a check must not accuse one of them.

Here are the variants in Python; those in HTML and JavaScript are in `variants_pages.py`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

Edit = tuple[str, str] | Callable[[str], str]
Edits = dict[str, list[Edit] | str]  # file → replacements, or its whole text


@dataclass(frozen=True)
class Variant:
    """A step, written in another way. A variant that is `carried` on fits that later step, too."""

    step: str
    name: str
    edits: Edits
    carried: str = ""
    always: bool = False  # it belongs to the sample that always runs
    lacks: str = ""  # what the embedded page lacks that a browser has, so that the check is wrong

    def write(self, chat: Path) -> None:
        """Change a copy of the step in `chat`. Raises AssertionError when an edit finds nothing."""
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
    """For a source in which no text holds a quotation mark of either kind."""
    return source.replace('"', "'")


def without_hints(source: str) -> str:
    """Drop what stands between `) -> ` and the colon at a line's end."""
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
    \"\"\"Send a plain text back to whoever sent it: `send` always uses the event `message`.\"\"\"
    send(text)


@socketio.on("new_message")
def handle_new_message(message: dict[str, str]) -> dict[str, bool]:
    \"\"\"Take {"username": str, "text": str}; what is returned is the acknowledgement.\"\"\"
    return {"ok": True}
"""

CONNECT_06 = """\
    username = checked_name(field(auth, "username"))
    with in_turn:
        if username.casefold() in [name.casefold() for name in sockets.values()]:
            raise ChatError("conflict", f"{username} is here already. Choose another name.")
        sockets[request.sid] = username
"""

ERRORS_06 = '''\
@socketio.on_error_default
def handle_error(problem: Exception) -> Answer:
    """Answer with what is refused and why. Anything else is a mistake of ours: the log has it."""
    if not isinstance(problem, ChatError):
        raise problem
    if request.event["message"] == "connect":
        raise ConnectionRefusedError(problem.message, {"code": problem.code})
    return problem.answer()
'''

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

NEWEST_07 = """\
    newest = db.select(Message).order_by(Message.seq.desc()).limit(PAGE)
    messages = [message.as_dict() for message in db.session.scalars(newest)][::-1]
"""

STORE_07 = """\
        stored = Message(username=sockets[request.sid], text=text)
        db.session.add(stored)
        db.session.commit()
        message = stored.as_dict()
        emit("new_message", message, broadcast=True)
    return {"ok": True, "message": message}
"""

SYNC_07 = """\
    missed = db.select(Message).where(Message.seq > number(payload, "after")).order_by(Message.seq)
    return {"ok": True, "messages": [message.as_dict() for message in db.session.scalars(missed)]}
"""

MODELS_07 = """\
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

TO_ALL_08 = """\
        emit("new_message", message, to=list(sockets))  # `broadcast` reaches who only knocks, too
"""

END_08 = """\
        for sid in [sid for sid, token in sockets.items() if token in ended]:
            del sockets[sid]  # it is let in no more
            socketio.emit("session_ended", {"reason": "You are logged out."}, to=sid)
            socketio.server.disconnect(sid)
"""

MIDDLE_09 = """\
    with in_turn:  # stored and told before the next one: everyone hears them by their numbers
        me, room = place(payload)
        last = db.session.scalar(db.select(db.func.max(Message.seq)).filter_by(room_id=room.id))
        stored = Message(room_id=room.id, seq=(last or 0) + 1, username=me.username, text=text)
"""

PLACE_09 = """\
    me, room = known(), db.session.get(Room, number(payload, "room"))
    if not room:
        raise ChatError("not_found", "There is no such room.", field="room")
    if inside and room not in me.rooms:
        raise ChatError("forbidden", f"You are not in the room {room.name}.", field="room")
    return me, room
"""

SEND_10 = """\
    response = send_file(path_of(upload), upload.mime, upload.mime == TEXT, upload.filename)
    response.headers["X-Content-Type-Options"] = "nosniff"  # it is what we say: no guessing
    return response
"""

MIME_10 = """\
    for kind, beginning in KINDS.items():
        if re.match(beginning, content, re.DOTALL):
            return f"image/{kind}"
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
            ("from threading import", "from functools import wraps\nfrom threading import"),
            ('def handle_new_message', '@answered\ndef handle_new_message'),
            (CONNECT_06,
             '    try:\n        username = checked_name(field(auth, "username"))\n'
             '    except ChatError as refusal:\n'
             '        raise ConnectionRefusedError(refusal.message, {"code": refusal.code}) from None\n'
             "    with in_turn:\n"
             "        if username.casefold() in map(str.casefold, sockets.values()):\n"
             '            raise ConnectionRefusedError("Taken.", {"code": "conflict"})\n'
             "        sockets[request.sid] = username\n"),
        ]},
        "",
    ),
    Variant(
        "06", "the name in Flask's session, refusals in German",
        {"app.py": [
            ("redirect, render_template, request, url_for",
             "redirect, render_template, request, session, url_for"),
            ("\n\nAnswer =", '\napp.secret_key = "nur zum Üben"\n\nAnswer ='),
            (CONNECT_06,
             CONNECT_06.replace("is here already. Choose another name.", "ist schon da.")
             + '        session["name"] = username\n'),
            ("sockets[request.sid], ", 'session["name"], '),
         ],
         "checks.py": [("Expected some text; {text!r:.40} came.", "Bitte etwas schreiben."),
                       ("Expected a name of 1 to {NAME_LENGTH} visible characters;",
                        "Ein Name hat 1 bis {NAME_LENGTH} Zeichen;")]},
    ),
    Variant(
        "06", "checks with match, in app.py's own functions",
        {"checks.py": [(
            "    if not isinstance(payload, dict):\n        raise ChatError(\"invalid\", "
            'f"Expected an object with {name}; {payload!r:.40} came.")\n'
            "    return payload.get(name)",
            "    match payload:\n        case dict():\n            return payload.get(name)\n"
            '        case _:\n            raise ChatError("invalid", "That is no object.")',
        )],
         "app.py": [
            ('    message = {"username": sockets[request.sid], "text": text}',
             '    message = said(text)\n    print("%(username)s: %(text)s" % message)'),
            ('@socketio.on("new_message")',
             "def said(text: str):\n    return dict(text=text, username=sockets.get(request.sid))"
             '\n\n\n@socketio.on("new_message")'),
        ]},
    ),
    Variant("07", "a model of columns", {"models.py": MODELS_07}),
    Variant(
        "07", "Message.query and a subquery",
        {"models.py": MODELS_07,
         "app.py": [
            (NEWEST_07,
             "    newest = Message.query.order_by(Message.seq.desc()).limit(PAGE).all()\n"
             "    messages = [message.as_dict() for message in reversed(newest)]\n"),
            (SYNC_07,
             '    after = number(payload, "after")\n'
             "    missed = db.session.query(Message).filter(Message.seq > after)\n"
             "    answer = []\n    for message in missed.order_by(Message.seq.asc()):\n"
             "        answer.append(message.as_dict())\n"
             "    return dict(ok=True, messages=answer)\n"),
        ]},
    ),
    Variant(
        "07", "the acknowledgement is made first, emitted last",
        {"app.py": [
            (STORE_07,
             "        author = sockets[request.sid]\n"
             "        stored = Message()\n        stored.username, stored.text = author, text\n"
             "        db.session.add(stored)\n        db.session.commit()\n"
             '        answer = {"ok": True, "message": stored.as_dict()}\n'
             '        socketio.emit("new_message", answer["message"])\n    return answer\n'),
            ("sqlite:///chat.db\"", 'sqlite:///" + "chat.db"'),
        ]},
    ),
    Variant(
        "07", "times with isoformat, and one more field",
        {"models.py": [
            ('f"{self.created_at:%Y-%m-%dT%H:%M:%SZ}"', 'self.created_at.isoformat() + "Z"'),
            ('            "seq": self.seq,', '            "seq": self.seq, "id": self.seq,'),
        ]},
        "08",
    ),
    Variant(
        "08", "pbkdf2, and longer tokens",
        {"accounts.py": [("generate_password_hash(password)",
                          'generate_password_hash(password, method="pbkdf2:sha256:20000")')],
         "app.py": [("secrets.token_urlsafe()", "secrets.token_hex(48)")]},
        "09",
    ),
    Variant(
        "08", "routes with methods=[…], the front page shows who is logged in",
        {"app.py": [
            ('@app.post("/login")', '@app.route("/login", methods=["POST"])'),
            ('@app.post("/logout")', '@app.route("/logout", methods=["POST"])'),
            ('def index() -> str:\n    return render_template("index.html")',
             'def index():\n    me = caller()\n    return render_template("index.html", me=me)'),
         ],
         "templates/index.html": [
            ("    <form", "    {% if me %}<p>You are {{ me.username }}: "
             "<a href=\"{{ url_for('chat') }}\">go on</a></p>{% endif %}\n    <form"),
        ]},
        "09",
    ),
    Variant(
        "08", "one emit for each socket, one function for each part of a log-out",
        {"app.py": [
            (TO_ALL_08,
             '        for sid in list(sockets):\n'
             '            socketio.emit("new_message", message, to=sid)\n'),
            (END_08,
             "        for sid, token in list(sockets.items()):\n"
             "            if token in ended:\n                throw_out(sid)\n\n\n"
             "def throw_out(sid):\n    sockets.pop(sid)\n"
             '    socketio.emit("session_ended", {"reason": "Abgemeldet."}, to=sid)\n'
             "    socketio.server.disconnect(sid)\n"),
        ]},
    ),
    Variant(
        "09", "place in early returns, and other words",
        {"app.py": [(
            PLACE_09,
            "    me = known()\n"
            '    wanted = db.select(Room).filter_by(id=number(payload, "room"))\n'
            "    room = db.session.execute(wanted).scalar_one_or_none()\n"
            '    if room is None:\n        raise ChatError("not_found", "Gibt es nicht.")\n'
            "    if not inside or room in me.rooms:\n        return me, room\n"
            '    raise ChatError("forbidden", "Nicht dein Raum.")\n',
        )]},
    ),
    Variant(
        "09", "numbers are counted, the room is made when it is missing",
        {"app.py": [
            (MIDDLE_09,
             "    with in_turn:\n        me, room = place(payload)\n"
             "        count = db.session.query(Message).filter_by(room_id=room.id).count()\n"
             "        stored = Message(room_id=room.id, seq=count + 1, username=me.username)\n"
             "        stored.text = text\n"),
            ('    db.session.merge(Room(id=1, name="general"))',
             "    if not db.session.get(Room, 1):\n"
             '        db.session.add(Room(id=1, name="general"))'),
        ]},
    ),
    Variant(
        "09", "presence with one field more, in another order",
        {"app.py": [(
            '"online": sorted(online)}', '"online": sorted(online, key=str.casefold), '
            '"count": len(online)}',
        )]},
    ),
    Variant(
        "10", "send_file with keywords",
        {"files.py": [(
            SEND_10,
            "    response = send_file(\n        path_of(upload),\n        mimetype=upload.mime,\n"
            '        as_attachment=not upload.mime.startswith("image/"),\n'
            "        download_name=upload.filename,\n        max_age=60,\n    )\n"
            '    response.headers.update({"X-Content-Type-Options": "nosniff"})\n'
            "    return response\n",
        )]},
    ),
    Variant(
        "10", "signatures with startswith, ids with dashes",
        {"files.py": [
            (MIME_10,
             "    if content.startswith(b\"\\x89PNG\"):\n        return \"image/png\"\n"
             "    elif content.startswith(b\"\\xff\\xd8\\xff\"):\n        return \"image/jpeg\"\n"
             "    elif content[:4] == b\"GIF8\":\n        return \"image/gif\"\n"
             "    elif content[:4] == b\"RIFF\" and content[8:12] == b\"WEBP\":\n"
             "        return \"image/webp\"\n"),
            ("uuid4().hex", "str(uuid4())"),
        ]},
    ),
    Variant(
        "10", "jsonify, and a route with strict methods",
        {"app.py": [
            ('@app.post("/api/uploads")', '@app.route("/api/uploads", methods=["POST"])'),
            ('{"ok": True, "upload": keep(file.read(), file.filename, me, room).as_dict()}, 201',
             "jsonify(\n        ok=True,\n"
             "        upload=keep(file.stream.read(), file.filename, me, room).as_dict(),\n    ), 201"),
            ("Flask, Response, redirect", "Flask, Response, jsonify, redirect"),
        ]},
    ),
]  # fmt: skip
