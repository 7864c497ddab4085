"""Correct pages and scripts that are written differently from the step's. See `variants.py`."""
# ruff: noqa: E501 (a replacement is a whole line of the page)

import re

from tests.workshop.variants import Edit, Variant, with_bom, with_crlf, with_single_quotes

CHAT, INDEX, ROOMS = "templates/chat.html", "templates/index.html", "templates/rooms.html"
SCRIPT = "static/chat.js"

TAGS = """\
  <script src="{{ url_for('socketio_browser.static', filename='socket.io.min.js') }}"></script>
  <script src="{{ url_for('static', filename='chat.js') }}"></script>
"""
LINE_05 = """\
  const line = template.content.cloneNode(true);
  line.querySelector(".author").textContent = message.username; // as text, whatever it contains
  line.querySelector(".text").textContent = message.text;
  log.append(line);
  log.scrollTop = log.scrollHeight;
"""
LINE_09 = """\
  const line = template.content.cloneNode(true);
  line.querySelector(".message").dataset.seq = message.seq;
  line.querySelector(".author").textContent = message.username; // as text, whatever it contains
  line.querySelector(".text").textContent = message.text;
  return line;
"""
MESSAGE_03 = (
    '<p class="message"><b class="author">{{ message.username }}</b> '
    '<span class="text">{{ message.text }}</span></p>'
)
MESSAGE_05 = MESSAGE_03.replace("message.", "")
MESSAGE_09 = MESSAGE_03.replace('"message"', '"message" data-seq="{{ message.seq }}"')
FIELD = '<input id="message-input" autocomplete="off" maxlength="500" required>'
CALLBACK_06 = """\
  socket.emit("new_message", message, (acknowledgement) => {
    if (acknowledgement.ok) {
      statusLine.textContent = "The server has your message.";
      if (input.value === message.text) form.reset(); // unless you are typing the next message
    } else {
      statusLine.textContent = acknowledgement.error.message; // the text stays, so you can fix it
    }
  });
"""
OLDER_09 = """\
loadOlder.addEventListener("click", async () => {
  const first = log.querySelector(".message");
  if (!first) return; // an empty page has nothing before it
  loadOlder.disabled = true; // a second click would load the same messages again
  try {
    const response = await fetch(`api/messages?before=${first.dataset.seq}`);
    const answer = await response.json();
    log.prepend(...answer.messages.map(lineOf));
  } catch {
    statusLine.textContent = "The server did not answer. Try again.";
  }
  loadOlder.disabled = false;
});
"""
RECEIVE_10 = """\
  if (message.seq === last + 1) {
    showMessage(message);
  } else if (message.seq > last) {
    sync();
  }
"""
SYNC_10 = """\
  socket.emit("sync", { after: last }, (acknowledgement) => {
    if (!acknowledgement.ok) return;
    acknowledgement.messages.filter((message) => message.seq > last).forEach(showMessage);
  });
"""
TEMPLATE = 'const template = document.querySelector("#message-template");\n'
NO_TEMPLATE: list[Edit] = [
    ('    <template id="message-template">{{ message_line("", "") }}</template>\n', "")
]
NO_TEMPLATE_08: list[Edit] = [
    ('    <template id="message-template">{{ message_line({}) }}</template>\n', "")
]

IIFE_04 = """\
(function () {
  var body = document.body
  var verbindung = io({ path: new URL('socket.io', document.baseURI).pathname })
  var formular = document.getElementById('message-form')
  var feld = document.getElementById('message-input')
  var zeile = document.getElementById('status')

  // Der Server bestätigt jede Nachricht.
  function bestätigt(antwort) {
    zeile.innerText = antwort.ok ? 'Angekommen.' : 'Abgelehnt.'
  }

  formular.onsubmit = function (ereignis) {
    ereignis.preventDefault()
    zeile.innerText = 'Wird gesendet …'
    var nachricht = { username: body.getAttribute('data-username'), text: feld.value }
    verbindung.emit('new_message', nachricht, bestätigt)
    feld.value = ''
    return false
  }
})()
"""

MAIN_04 = """\
async function main() {
  const socket = io({ path: new URL("socket.io", document.baseURI).pathname });
  const form = document.querySelector("form");
  const { username } = document.body.dataset;
  const say = (text) => (document.querySelector("#status").textContent = text);

  async function handleSubmit(event) {
    event.preventDefault();
    const text = form.elements["message-input"].value;
    say("Sending " + text.length + " characters …");
    form.reset();
    const { ok } = await socket.emitWithAck("new_message", { username, text });
    say(ok ? "The server has it." : "The server does not want it.");
  }

  form.addEventListener("submit", handleSubmit);
}

main();
"""

PLAIN_PAGE_04 = """\
<!DOCTYPE html>
<HTML LANG=en>
<META CHARSET=utf-8>
<TITLE>Chat</TITLE>
<LINK REL=stylesheet HREF="{{ url_for('static', filename='style.css') }}">
<BODY DATA-USERNAME="{{ username }}">
<H1>Hello, {{ username }}!</H1>
<DIV ID=chat-messages ROLE=log ARIA-LABEL=Messages>
{% for message in messages %}
<P CLASS=message><B CLASS=author>{{ message.username }}</B> <SPAN CLASS=text>{{ message.text }}</SPAN>
{% endfor %}
</DIV>
<FORM ID=message-form>
<LABEL FOR=message-input>Message</LABEL><BR/>
<INPUT ID=message-input MAXLENGTH=500 AUTOCOMPLETE=off REQUIRED>
<BUTTON TYPE=submit>Send</BUTTON>
</FORM>
<P ID=status ROLE=status>
<SCRIPT SRC="{{ url_for('socketio_browser.static', filename='socket.io.min.js') }}"></SCRIPT>
<SCRIPT SRC="{{ url_for('static', filename='chat.js') }}"></SCRIPT>
"""

ONE_CLASS_05 = """\
class Chat {
  constructor(root) {
    this.root = root;
    this.log = root.querySelector("#chat-messages");
    this.form = root.querySelector("#message-form");
    this.socket = io({ path: new URL("socket.io", root.baseURI).pathname });
    this.socket.on("new_message", this.show.bind(this));
    this.form.addEventListener("submit", this);
  }

  handleEvent(event) {
    event.preventDefault();
    const [field] = this.form.elements;
    const message = { username: this.root.body.dataset.username, text: field.value.trim() };
    this.say("…");
    this.socket.emit("new_message", message, ({ ok }) => this.say(ok ? "✓" : "✗"));
    this.form.reset();
  }

  say(text) {
    this.root.getElementById("status").replaceChildren(text);
  }

  show({ username, text }) {
    const { content } = this.root.getElementById("message-template");
    const line = content.firstElementChild.cloneNode(true);
    line.querySelector(".author").append(username);
    line.querySelector(".text").append(text);
    this.log.appendChild(line);
    line.scrollIntoView({ block: "nearest" });
  }
}

new Chat(document);
"""

MORE_ON_THE_PAGE = """\
const clock = document.querySelector("#clock");
const tick = () => (clock.textContent = new Date().toLocaleTimeString("de"));
setInterval(tick, 1000);
tick();

const left = document.querySelector("#left");
input.addEventListener("input", () => {
  left.textContent = `${input.maxLength - input.value.length} characters left`;
});
form.addEventListener("reset", () => (left.textContent = ""));

const dark = document.querySelector("#dark");
const paint = (on) => {
  document.documentElement.style.colorScheme = on ? "dark" : "light";
  document.body.classList.toggle("is-dark", on);
  dark.setAttribute("aria-pressed", String(on));
};
dark.addEventListener("click", () => {
  const on = dark.getAttribute("aria-pressed") !== "true";
  paint(on);
});
"""
DARK = """\
const paint = (on) => document.body.classList.toggle("is-dark", on);
document.querySelector("#dark").addEventListener("click", () => {
  const on = localStorage.getItem("dark") !== "yes";
  localStorage.setItem("dark", on ? "yes" : "no");
  paint(on);
});
"""

HANDLERS_06 = """\
const handlers = {
  new_message: showMessage,
  connect() {
    statusLine.classList.remove("trouble");
    statusLine.textContent = "";
  },
  connect_error() {
    statusLine.classList.add("trouble");
    statusLine.textContent = "Keine Verbindung …";
  },
};
for (const [event, handler] of Object.entries(handlers)) socket.on(event, handler);

function showMessage(message) {
"""
LISTENERS_06 = """\
socket.on("connect", () => {
  statusLine.textContent = "";
});

socket.on("connect_error", () => {
  statusLine.textContent = "No connection. Trying again …"; // the client tries again by itself
});
"""
ERROR_07 = """\
socket.on("connect_error", (error) => {
  if (socket.active) {
    statusLine.textContent = "No connection. Trying again …"; // the client tries again by itself
  } else {
    statusLine.textContent = error.message; // the server refused the connection, and says why
    if (error.data.code === "conflict") setTimeout(() => socket.connect(), 3000); // free by then?
  }
});
"""
RETURNS_07 = """\
socket.on("connect_error", function (error) {
  statusLine.className = "trouble";
  if (socket.active) {
    statusLine.textContent = "Keine Verbindung …";
    return;
  }
  statusLine.textContent = error.message;
  if (error?.data?.code === "conflict") window.setTimeout(comeBack, 3000);
});

function comeBack() {
  socket.connect();
}
"""

ASYNC_06 = """\
  const button = form.querySelector("button");
  button.disabled = true;
  try {
    const { ok, error } = await socket.emitWithAck("new_message", message);
    statusLine.textContent = ok ? "Gesendet." : error.message;
    if (ok && input.value === message.text) form.reset();
  } finally {
    button.disabled = false;
  }
"""

TIMEOUT_06 = """\
  socket.timeout(8000).emit("new_message", message, (late, acknowledgement) => {
    switch (true) {
      case Boolean(late):
        statusLine.textContent = "No answer. Your text stays here.";
        break;
      case acknowledgement.ok:
        statusLine.textContent = `Sent at ${new Date().toLocaleTimeString([], { hour12: false })}`;
        if (input.value === message.text) input.value = "";
        break;
      default:
        statusLine.textContent = acknowledgement.error.message;
    }
  });
"""

ELEMENT_08 = """\
  const line = document.createElement("p");
  line.className = "message";
  line.setAttribute("data-seq", message.seq);
  const [author, text] = [document.createElement("strong"), document.createTextNode(message.text)];
  author.textContent = message.username + ": ";
  line.append(author, text);
  log.insertAdjacentElement("beforeend", line);
  line.scrollIntoView();
"""
ELEMENT_09 = ELEMENT_08[: ELEMENT_08.index("  log.insert")] + "  return line;\n"

THEN_09 = """\
loadOlder.onclick = function () {
  var first = document.querySelector("#chat-messages .message");
  if (first === null) return;
  loadOlder.setAttribute("disabled", "");
  fetch("api/messages?before=" + first.getAttribute("data-seq"))
    .then((response) => response.json())
    .then((answer) => {
      for (const message of answer.messages) log.insertBefore(lineOf(message), first);
    })
    .catch(() => (statusLine.innerText = "Keine Antwort."))
    .finally(() => loadOlder.removeAttribute("disabled"));
};
"""
FUNCTION_09 = """\
async function load() {
  const address = new URL("api/messages", document.baseURI);
  address.searchParams.set("before", oldest());
  const response = await fetch(address, { headers: { Accept: "application/json" } });
  if (!response.ok) throw new Error(`status ${response.status}`);
  const { messages } = await response.json();
  const lines = document.createDocumentFragment();
  messages.forEach((message) => lines.append(lineOf(message)));
  log.insertBefore(lines, log.firstChild);
}

function oldest() {
  return Math.min(...[...log.querySelectorAll(".message")].map((line) => Number(line.dataset.seq)));
}

loadOlder.addEventListener("click", async (event) => {
  if (!log.querySelector(".message")) return;
  event.target.disabled = true;
  try {
    await load();
  } catch (error) {
    statusLine.textContent = `It did not work: ${error.message}`;
  } finally {
    event.target.disabled = false;
  }
});
"""

SET_10 = """\
  if (shown.has(message.seq)) return;
  if (message.seq !== last + 1) return sync();
  showMessage(message);
"""

SESSION_ENDED_12 = """\
socket.on("session_ended", (ended) => {
  statusLine.textContent = ended.reason;
});
"""
LEAVE_14 = """\
document.querySelector("#leave").addEventListener("click", () => {
  socket.emit("leave_room", { room }, () => location.assign("chat"));
});

"""
PRESENCE_14 = """\
socket.on("presence", (presence) => {
  if (presence.room !== room) return;
  document.querySelector("#online").textContent = `Here now: ${presence.online.join(", ")}`;
});
"""

XHR_15 = """\
fileInput.onchange = function () {
  const request = new XMLHttpRequest();
  request.open("POST", "api/uploads");
  request.responseType = "json";
  request.onload = function () {
    const answer = request.response;
    uploads = answer.ok ? [answer.upload.id] : [];
    statusLine.textContent = answer.ok ? answer.upload.filename : answer.error.message;
  };
  request.send(new FormData(form));
};
"""
FETCH_15 = """\
fileInput.addEventListener("change", async () => {
  const response = await fetch("api/uploads", { method: "POST", body: new FormData(form) });
  const { ok, upload, error } = await response.json();
  uploads = ok ? [upload.id] : [];
  statusLine.textContent = ok ? `${upload.filename} is ready to be sent.` : error.message;
});
"""
THEN_15 = """\
fileInput.addEventListener("change", () => {
  const [file] = fileInput.files;
  if (!file) return;
  const data = new FormData();
  data.append("room", room);
  data.append("file", file, file.name);
  const headers = { "X-CSRFToken": form.elements.csrf_token.value };
  fetch(new URL("api/uploads", document.baseURI), { method: "post", headers, body: data })
    .then((response) => response.json())
    .then((answer) => {
      uploads = answer.ok ? [answer.upload.id] : [];
      statusLine.textContent = answer.ok
        ? "📎 " + answer.upload.filename + " (" + Math.ceil(file.size / 1024) + " KB)"
        : answer.error.message;
    })
    .catch(() => (statusLine.textContent = "The file did not arrive."));
});
"""
LATE_15 = """\
async function upload() {
  if (!fileInput.files.length) return [];
  const response = await fetch("api/uploads", { method: "POST", body: new FormData(form) });
  const answer = await response.json();
  if (!answer.ok) throw new Error(answer.error.message);
  return [answer.upload.id];
}
"""
LINKS_16 = """\
  const example = line.querySelector(".file");
  for (const upload of message.uploads) {
    const link = example.cloneNode();
    link.href += upload.id;
    link.textContent = upload.filename;
    example.before(link, " ");
  }
  example.remove();
"""
CREATED_16 = """\
  line.querySelector(".file")?.remove();
  message.uploads.forEach((upload) => {
    const link = Object.assign(document.createElement("a"), {
      className: "file",
      href: `files/${upload.id}`,
      target: "_blank",
      title: `${upload.size} bytes`,
    });
    link.textContent = upload.filename;
    line.querySelector(".message").append(link);
  });
"""


def lower_attributes(page: str) -> str:
    """Write the names of attributes in lowercase, and leave the names of tags unchanged."""
    return re.sub(r" [A-Z-]+(?=[ =>])", lambda name: name[0].lower(), page)


PAGES = [
    Variant("03", "Windows line ends and a BOM in both pages",
            {CHAT: [with_crlf, with_bom], INDEX: [with_crlf, with_bom]}, "", True),
    Variant("03", "messages in a list, another title",
            {CHAT: [
                (MESSAGE_03, "<li class='message'>{{ message.username }}: {{ message.text }}"),
                ("<title>Chat Room</title>", "<title>Plauderecke</title>"),
                ("<h1>Welcome to the Chat Room, {{ username }}!</h1>", "<h1>Hallo, {{ username }}</h1>"),
            ]}),
    Variant("04", "an IIFE with var, onsubmit, German words, no semicolons",
            {SCRIPT: IIFE_04}, "", True),
    Variant("04", "an async main() with emitWithAck", {SCRIPT: MAIN_04}, "", True),
    Variant("04", "document.forms by name",
            {SCRIPT: [('document.querySelector("#message-form")', 'document.forms["message-form"]')]},
            lacks="`document.forms` has no names"),
    Variant("04", "unquoted attributes, omitted end tags, uppercase names of tags",
            {CHAT: [lambda _: lower_attributes(PLAIN_PAGE_04)]}, "", True),
    Variant("04", "uppercase names of attributes", {CHAT: PLAIN_PAGE_04}),
    Variant("04", "defer in the head",
            {CHAT: [(TAGS, ""), ("</head>", TAGS.replace("<script", "<script defer") + "</head>")]},
            "05", True),
    Variant("04", "type=module", {CHAT: [('<script src="{{ url_for(\'static\'',
                                          '<script type="module" src="{{ url_for(\'static\'')]}, "05"),
    Variant("04", "the button below the form, by its attribute",
            {CHAT: [("<button>Send</button>", ""), ("</form>", '</form>\n<button form="message-form">Send</button>')]}),
    Variant("05", "scrolls in the next frame, a key for each message",
            {SCRIPT: [("  log.scrollTop = log.scrollHeight;\n",
                       "  requestAnimationFrame(() => { log.scrollTop = log.scrollHeight; });\n"
                       "  console.log(crypto.randomUUID(), performance.now(), new Image().alt);\n")]}),
    Variant("04", "a textarea that Enter sends",
            {CHAT: [(FIELD, FIELD.replace("<input", "<textarea").replace(">", "></textarea>"))],
             SCRIPT: [lambda source: source + """
input.addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || event.shiftKey) return;
  event.preventDefault();
  form.requestSubmit();
});
"""]}, "05"),
    Variant("04", "the name in a script of the page, single quotes",
            {CHAT: [('<body data-username="{{ username }}">',
                     "<body>\n  <script>const username = {{ username|tojson }};</script>")],
             SCRIPT: [("username: document.body.dataset.username", "username"), with_single_quotes]}),
    Variant("04", "the name from the page's address",
            {SCRIPT: [("document.body.dataset.username",
                       'new URLSearchParams(location.search).get("username")')]}),
    Variant("04", "everything in window.onload",
            {SCRIPT: [lambda source: f"window.onload = () => {{\n{source}}};\n", with_crlf, with_bom]}),
    Variant("04", "an output below a header, the form first",
            {CHAT: [('<p id="status" role="status"></p>', '<output id="status" form="message-form"></output>'),
                    ("    <h1>", "    <header><h1>"), ("</h1>", "</h1></header>"),
                    ('<div id="chat-messages"', '<section id="chat-messages"'),
                    ("    </div>", "    </section>"),
                    ("<button>Send</button>", '<button type="reset">Clear</button>\n'
                     '      <button type="submit" class="big">Send</button>')]}),
    Variant("05", "createElement, without the template tag",
            {CHAT: NO_TEMPLATE, SCRIPT: [(TEMPLATE, ""), (LINE_05, """\
  const line = document.createElement("p");
  line.classList.add("message", "new");
  const author = document.createElement("b");
  author.className = "author";
  author.textContent = message.username;
  const text = document.createElement("span");
  text.className = "text";
  text.appendChild(document.createTextNode(message.text));
  line.appendChild(author);
  line.append(" ", text);
  log.appendChild(line);
  log.scrollTo(0, log.scrollHeight);
""")]}, "06", True),
    Variant("05", "Ada said at 12:05",
            {SCRIPT: [(TEMPLATE, ""), (LINE_05, """\
  const line = document.createElement("p");
  const time = new Date().toTimeString().slice(0, 5);
  line.textContent = message.username + " said at " + time + ": “" + message.text + "”";
  log.insertAdjacentElement("beforeend", line);
""")], CHAT: NO_TEMPLATE}, "06"),
    Variant("05", "a list, with names in brackets",
            {CHAT: [(MESSAGE_05, '<li class="line">[<i>{{ username }}</i>] <q>{{ text }}</q></li>'),
                    ('<div id="chat-messages"', '<ul id="chat-messages"'), ("    </div>", "    </ul>")],
             SCRIPT: [('".author"', '"i"'), ('".text"', '"q"')]}, "06", True),
    Variant("05", "innerHTML, escaped", {SCRIPT: [(LINE_05, """\
  const escaped = (text) =>
    text.replace(/[&<>"]/g, (letter) => `&#${letter.charCodeAt(0)};`);
  log.insertAdjacentHTML(
    "beforeend",
    `<p class="message"><b class="author">${escaped(message.username)}</b> `
      + `<span class="text">${escaped(message.text)}</span></p>`,
  );
  log.lastElementChild.scrollIntoView();
""")]}),
    Variant("05", "one class for everything", {SCRIPT: ONE_CLASS_05}),
    Variant("05", "onAny and a switch",
            {SCRIPT: [('socket.on("new_message", (message) => {\n' + LINE_05 + "});",
                       "socket.onAny((event, message) => {\n  switch (event) {\n"
                       '    case "new_message":\n      return show(message);\n'
                       "    default:\n      console.log(event);\n  }\n});\n\n"
                       "function show(message) {\n" + LINE_05 + "}")]}, "06"),
    Variant("05", "a clock, a counter, a dark mode",
            {CHAT: [("    <h1>", '    <p><time id="clock"></time> '
                     '<button id="dark" type="button">Dark</button></p>\n    <h1>'),
                    (FIELD, FIELD + '\n      <small id="left"></small>')],
             SCRIPT: [lambda source: source + "\n" + MORE_ON_THE_PAGE]}, "07", True),
    Variant("05", "a dark mode that is remembered",
            {CHAT: [("    <h1>", '    <button id="dark" type="button">Dark</button>\n    <h1>')],
             SCRIPT: [lambda source: f'{source}\n{DARK}\npaint(localStorage.getItem("dark") === "yes");\n']}),
    Variant("05", "a dark mode as the system has it",
            {SCRIPT: [lambda source: source + """
const dark = window.matchMedia("(prefers-color-scheme: dark)");
const paint = () => document.body.classList.toggle("is-dark", dark.matches);
dark.addEventListener("change", paint);
paint();
"""]}),
    Variant("05", "a sound, a title that counts",
            {SCRIPT: [(LINE_05, LINE_05 + """\
  heard += 1;
  document.title = `(${heard}) Chat`;
  new Audio("data:audio/wav;base64,UklGRiQAAABXQVZFZm10IBAAAAABAAEAQB8AAEAfAAABAAgAZGF0YQAAAAA=")
    .play()
    .catch(() => {});
  if (document.hidden && window.Notification?.permission === "granted") new Notification("Chat");
"""), ("socket.on(", "let heard = 0;\nsocket.on(")]}),
    Variant("05", "macro without tags around the name, German page",
            {CHAT: [(MESSAGE_05, '<div class="message author text">\n{{ username }}\n{{ text }}\n</div>'),
                    ("Welcome to the Chat Room, {{ username }}!", "Grüß dich, {{ username }}!"),
                    (">Message</label>", ">Nachricht</label>"), (">Send<", ">Abschicken<")],
             SCRIPT: [(LINE_05, """\
  const line = template.content.firstElementChild.cloneNode();
  line.textContent = `${message.username} schreibt: ${message.text}`;
  log.prepend(line);
"""), ("The server has your message.", "Ist da.")]}),
    Variant("06", "a dict of handlers, trouble in red",
            {SCRIPT: [(LISTENERS_06, ""), ('socket.on("new_message", (message) => {\n', HANDLERS_06),
                      (LINE_05 + "});", LINE_05 + "}")]}, "", True),
    Variant("06", "async, the button waits",
            {SCRIPT: [('"submit", (event)', '"submit", async (event)'), (CALLBACK_06, ASYNC_06)]},
            "08", True),
    Variant("06", "a timeout and a switch", {SCRIPT: [(CALLBACK_06, TIMEOUT_06)]}, "07"),
    Variant("06", "the button's click sends",
            {SCRIPT: [('form.addEventListener("submit", (event)',
                       'form.querySelector("button").addEventListener("click", (event)')]}),
    Variant("06", "offline is shown at once, and the button is off",
            {SCRIPT: [lambda source: source + """
const button = form.querySelector("button");
socket.on("disconnect", (reason) => {
  button.classList.add("off");
  statusLine.textContent = `Offline: ${reason}`;
});
socket.io.on("reconnect", (attempt) => console.info("back after", attempt));
socket.on("connect", () => button.classList.remove("off"));
"""]}, "10"),
    Variant("06", "an early return for a refusal",
            {SCRIPT: [(CALLBACK_06, """\
  const answered = function (answer) {
    if (!answer.ok) {
      statusLine.textContent = "⚠ " + answer.error.message;
      return;
    }
    statusLine.textContent = "";
    if (input.value !== message.text) return;
    input.value = "";
    input.focus();
  };
  socket.emit("new_message", message, answered);
""")]}, "09"),
    Variant("07", "early returns for a refused connection", {SCRIPT: [(ERROR_07, RETURNS_07)]}, "08"),
    Variant("07", "auth in a function, connected last",
            {SCRIPT: [("auth: { username: document.body.dataset.username },",
                       "auth: (tell) => tell({ username: document.body.dataset.username }),\n"
                       "  autoConnect: false,"),
                      lambda source: source + "\nsocket.connect();\n"]}, "08"),
    Variant("07", "auth from the page's address, set after io()",
            {SCRIPT: [("  auth: { username: document.body.dataset.username }, // sent once for each connection\n", ""),
                      ("\nconst form =", 'socket.auth = { username: new URLSearchParams(location.search).get("username") };\n\nconst form =')]},
            "10"),
    Variant("08", "createElement and setAttribute",
            {SCRIPT: [(TEMPLATE, ""), (LINE_05, ELEMENT_08)], CHAT: NO_TEMPLATE_08}),
    Variant("08", "a macro of two values",
            {CHAT: [("message_line(message) %}", "message_line(name, words) %}"),
                    ("{{ message.username }}</b>", "{{ name }}</b>"), ("{{ message.text }}</span>", "{{ words }}</span>"),
                    ("{{ message_line(message) }}", "{{ message_line(message.username, message.text) }}"),
                    ("message_line({})", 'message_line("", "")')]}),
    Variant("08", "the newest message is scrolled to, in an element of its own",
            {SCRIPT: [("log.scrollTop = log.scrollHeight; // the newest messages are at the end\n",
                       "log.lastElementChild?.scrollIntoView();\n"),
                      ("  log.scrollTop = log.scrollHeight;\n", "  log.lastElementChild.scrollIntoView();\n")]}, "09"),
    Variant("05", "innerText on a new element",
            {CHAT: NO_TEMPLATE, SCRIPT: [(TEMPLATE, ""), (LINE_05, """\
  const line = document.createElement("p");
  line.innerText = message.username + ": " + message.text;
  log.append(line);
""")]}),
    Variant("09", "createElement and setAttribute",
            {SCRIPT: [(TEMPLATE, ""), (LINE_09, ELEMENT_09)], CHAT: NO_TEMPLATE_08}, "10"),
    Variant("09", "onclick, then and insertBefore", {SCRIPT: [(OLDER_09, THEN_09)]}, "10"),
    Variant("09", "functions, searchParams and a fragment", {SCRIPT: [(OLDER_09, FUNCTION_09)]}, lacks="a change of `searchParams` does not change the URL"),
    Variant("09", "the button in the log's header, each message with its time",
            {CHAT: [(MESSAGE_09, '<article class="message" data-seq={{ message.seq }}>'
                     "<time>{{ (message.created_at or '')[11:16] }}</time> "
                     '<b class="author">{{ message.username }}</b>'
                     '<p class="text">{{ message.text }}</p></article>'),
                    ('    <button id="load-older" type="button">Load older messages</button>\n',
                     '    <header><button id="load-older" type="button">Ältere …</button></header>\n')],
             SCRIPT: [("  return line;",
                       '  line.querySelector("time").textContent = '
                       "message.created_at.slice(11, 16);\n  return line;")]}, "10"),
    Variant("10", "a Set of the numbers that are shown",
            {SCRIPT: [(RECEIVE_10, SET_10),
                      ("log.scrollTop = log.scrollHeight; // the newest messages are at the end\n",
                       "const shown = new Set(Array.from(log.children, (line) => Number(line.dataset.seq)));\n"),
                      ("  last = message.seq;", "  shown.add(message.seq);\n  last = message.seq;")]},
            "11"),
    Variant("10", "the last number from the last line",
            {SCRIPT: [("Number(document.body.dataset.last)",
                       'Number(log.lastElementChild?.dataset.seq ?? "0")')],
             CHAT: [(' data-last="{{ messages[-1].seq if messages else 0 }}"', "")]}, "11"),
    Variant("10", "async sync, for of",
            {SCRIPT: [("function sync", "async function sync"), (SYNC_10, """\
  const { ok, messages } = await socket.emitWithAck("sync", { after: last });
  if (!ok) return;
  for (const message of messages) {
    if (message.seq <= last) continue;
    showMessage(message);
  }
""")]}, "12"),
    Variant("10", "early returns in the gap rule",
            {SCRIPT: [(RECEIVE_10, """\
  const next = last + 1;
  if (message.seq < next) return;
  if (message.seq > next) return sync();
  return showMessage(message);
""")]}, "13"),
    Variant("11", "two forms, one for each",
            {INDEX: [("      <button formaction=\"{{ url_for('create_account') }}\">Register</button>\n"
                      "    </form>", """    </form>
    <form action="{{ url_for('create_account') }}" method="post">
      <input type="hidden" name="csrf_token" value="{{ csrf_token() }}">
      <label>New name <input name="username" autocomplete="username" maxlength="40" required></label>
      <label>New password <input name="password" type="password" minlength="8" required></label>
      <button>Register</button>
    </form>""")]}, "12"),
    Variant("11", "unquoted attributes, a checkbox that shows the password",
            {INDEX: [('id="password" name="password" type="password"', "id=password name=password type=password"),
                     ("      <button>Log in", '      <label><input type="checkbox" id="reveal"> Show it</label>'
                      "\n      <button>Log in"),
                     ("  </main>", """  </main>
  <script>
    document.getElementById("reveal").onchange = function () {
      document.getElementById("password").type = this.checked ? "text" : "password";
    };
  </script>""")]}, "13"),
    Variant("11", "the logout in a header with details",
            {CHAT: [('    <form id="log-out"', '    <details><summary>{{ user.username }}</summary>\n    <form id="log-out"'),
                    ("Log out</button>\n    </form>", "Goodbye</button>\n    </form></details>")]}, "12"),
    Variant("12", "the token in a meta, the logout by fetch",
            {CHAT: [("</head>", '  <meta name="csrf-token" content="{{ csrf_token() }}">\n</head>')],
             SCRIPT: [lambda source: source + """
document.querySelector("#log-out").addEventListener("submit", async (event) => {
  event.preventDefault();
  const token = document.querySelector('meta[name="csrf-token"]').content;
  await fetch("logout", { method: "POST", headers: { "X-CSRFToken": token } });
  location.href = ".";
});
"""]}),
    Variant("12", "a session that ended takes the button away",
            {SCRIPT: [("  statusLine.textContent = ended.reason;",
                       "  statusLine.textContent = `${ended.reason} Please log in again.`;\n"
                       "  form.querySelector(\"button\").hidden = true;\n  socket.disconnect();")]}, "13"),
    Variant("12", "then and catch, the event's name in a constant",
            {SCRIPT: [(CALLBACK_06, """\
  const EVENT = "new_message";
  socket
    .emitWithAck(EVENT, message)
    .then((answer) => {
      if (!answer.ok) throw new Error(answer.error.message);
      statusLine.textContent = "✓";
      if (input.value === message.text) form.reset();
    })
    .catch((error) => (statusLine.textContent = error.message));
""")]}, "14"),
    Variant("13", "rooms in a list at the side",
            {ROOMS: [('<nav aria-label="My rooms">', '<aside><nav aria-label="My rooms"><ul>'),
                     ("  <a href", "  <li><a href"), ("</a>\n  {% endfor %}", "</a>\n  {% endfor %}\n  </ul>"),
                     ("</nav>", "</nav></aside>")]}, "14"),
    Variant("13", "other rooms count what is new",
            {SCRIPT: [("  if (message.room !== room) return; // it belongs to another of your rooms\n",
                       """  if (message.room !== room) {
    const link = document.querySelector(`nav a[href$="room=${message.room}"]`);
    link?.classList.add("new");
    return;
  }
""")]}, "14"),
    Variant("13", "the room from a hidden field",
            {CHAT: [(' data-room="{{ room_id }}"', ""),
                    ('<form id="message-form">', '<form id="message-form">\n'
                     '      <input type="hidden" name="here" value="{{ room_id }}">')],
             SCRIPT: [("Number(document.body.dataset.room)", "parseInt(form.elements.here.value, 10)")]}, "14"),
    Variant("14", "who is here in a list, in other words",
            {CHAT: [('<p id="online"></p>', '<ul id="online"></ul>')],
             SCRIPT: [('  document.querySelector("#online").textContent = `Here now: ${presence.online.join(", ")}`;',
                       """  const items = presence.online.map((name) => {
    const item = document.createElement("li");
    item.textContent = `${name} ist da`;
    return item;
  });
  document.querySelector("#online").replaceChildren(...items);""")]}, "15"),
    Variant("14", "leaving with await, location.href",
            {SCRIPT: [(LEAVE_14, """\
document.getElementById("leave").onclick = async function () {
  this.disabled = true;
  const answer = await socket.emitWithAck("leave_room", { room });
  if (answer.ok) window.location.href = "chat";
  else statusLine.textContent = answer.error.message;
};

""")]}, "15"),
    Variant("14", "one function takes each event, in a switch",
            {SCRIPT: [(SESSION_ENDED_12, ""), (PRESENCE_14, """\
function told(event, data) {
  switch (event) {
    case "session_ended":
      statusLine.textContent = data.reason;
      break;
    case "presence":
      if (data.room === room) showPresence(data);
      break;
  }
}
for (const event of ["session_ended", "presence"]) {
  socket.on(event, (data) => told(event, data));
}

function showPresence(presence) {
  document.querySelector("#online").textContent = "Here: " + presence.online.join(" · ");
}
""")]}, "15"),
    Variant("15", "XMLHttpRequest", {SCRIPT: [(FETCH_15, XHR_15)]}, lacks="no `XMLHttpRequest`"),
    Variant("15", "append, a header and then",
            {CHAT: [('name="file" ', ""), ('      <input name="room" type="hidden" value="{{ room_id }}">\n', "")],
             SCRIPT: [(FETCH_15, THEN_15)]}, "16"),
    Variant("15", "the file is sent when the message is",
            {SCRIPT: [(FETCH_15, LATE_15), ('"submit", (event) => {', '"submit", async (event) => {'),
                      ("let uploads = []; // the ids of the files that belong to your next message\n", ""),
                      ("  const message = { room, text: input.value, uploads };\n  if", "  if"),
                      ('  statusLine.textContent = "Sending …"; // until the acknowledgement comes\n', """\
  statusLine.textContent = "Sending …";
  let message;
  try {
    message = { room, text: input.value, uploads: await upload() };
  } catch (error) {
    statusLine.textContent = error.message;
    return;
  }
"""), ("      uploads = [];\n", "      fileInput.value = \"\";\n")]}),
    Variant("15", "a preview of the picture",
            {CHAT: [('<input id="file-input"', '<img id="preview" alt="" width="40" hidden>\n      <input id="file-input"')],
             SCRIPT: [(FETCH_15, FETCH_15 + """
fileInput.addEventListener("change", () => {
  const [file] = fileInput.files;
  const preview = document.querySelector("#preview");
  preview.hidden = !file?.type.startsWith("image/");
  if (!preview.hidden) preview.src = URL.createObjectURL(file);
});
form.addEventListener("reset", () => (document.querySelector("#preview").hidden = true));
""")]}, "16"),
    Variant("15", "a loop that adds names",
            {SCRIPT: [('  line.querySelector(".files").textContent = message.uploads.map((upload) => upload.filename).join(", ");\n',
                       """  for (const { filename } of message.uploads) {
    line.querySelector(".files").append("📎 ", filename, " ");
  }
""")]}),
    Variant("16", "links with createElement", {SCRIPT: [(LINKS_16, CREATED_16)]}),
    Variant("16", "a list of files below the text",
            {CHAT: [("</span>\n  {% for upload", "</span>\n  <br/>\n  {% for upload"),
                    ('<p class="message"', '<div class="message"'), ("  {% endfor %}\n</p>", "  {% endfor %}\n</div>"),
                    ('target="_blank">{{ upload.filename }}', 'target="_blank" rel="noopener" download>📎 {{ upload.filename }}')],
             SCRIPT: [("    link.textContent = upload.filename;", "    link.textContent = \"📎 \" + upload.filename;")]}),
    Variant("16", "the template's link is removed first, and setAttribute",
            {SCRIPT: [(LINKS_16, """\
  const pattern = line.querySelector("a.file");
  pattern.parentNode.removeChild(pattern);
  message.uploads.forEach(({ id, filename }) => {
    const link = pattern.cloneNode(false);
    link.setAttribute("href", pattern.getAttribute("href") + id);
    link.append(filename);
    line.querySelector("p").append(link);
  });
""")]}),
]  # fmt: skip
