"""The oracle's scripts for each step: they use its features, and provoke what could go wrong.

A script lets people do something and then looks at the result, again and again. It does not decide
what is right: the record of the unmutated step shows this.
"""

from urllib.parse import quote

from tests.mutants.scene import Scene
from tests.mutants.seats import BRIEFLY, Client, Seat, Web, in_order, plain

HOSTILE = """<img src="x" onerror="document.title = 'It ran'"><b>&amp; "quoted"</b> {{ 7 * 7 }}"""
PASSWORD = "correct horse"
PNG = b"\x89PNG\r\n\x1a\n" + bytes(40)
MANY = 60  # messages: more than a page begins with
NOT_A_NAME: list[object] = [
    None, {}, {"username": ""}, {"username": "  "}, {"username": 5}, "Ada", [],
    {"username": "x" * 41}, {"username": "a\nb"}, {"username": {"username": "Ada"}},
]  # fmt: skip
NOT_A_TEXT: list[object] = [
    None, [], "Hello", 5, {}, {"text": None}, {"text": 5}, {"text": ""}, {"text": " \n"},
    {"text": "x" * 501}, {"text": "half \ud83d"}, {"text": ["Hello"]},
]  # fmt: skip
A_TEXT = [{"text": "x" * 500}, {"text": " blanks around "}, {"text": "😀 ü"},
          {"text": "I am somebody else", "username": "Bo", "seq": 99, "more": [1]}]  # fmt: skip
NOT_A_NUMBER = [None, {}, {"after": -1}, {"after": "1"}, {"after": None}, {"after": 2**53},
                {"after": True}, {"after": 1.5}]  # fmt: skip


def pages(scene: Scene) -> None:
    """Steps 02 and 03: two pages and a form."""
    routes(scene)
    ada = scene.ada
    ada.go("/")
    scene.look("the first page")
    ada.fill("input[name=username]", "Ada")
    ada.press("input[name=username]")
    scene.look("Ada gives her name")
    ada.go("/")
    ada.click("form button")
    scene.look("Ada gives no name")
    ada.fill("input[name=username]", "  Ada Lovelace ")
    ada.click("form button")
    scene.look("Ada gives her name again")
    ada.go(f"/chat?username={quote(HOSTILE)}")
    scene.look("a hostile name")


def routes(scene: Scene) -> None:
    web = Web(scene.url)
    for path in ("/", "/chat", "/chat?username=Ada", "/chat?username=%20", "/chat?name=Ada",
                 "/nothing", "/static/nothing", "/chat/", "/socket.io"):  # fmt: skip
        scene.note(f"GET {path}", web.ask("GET", path))
    scene.note("POST /chat", web.ask("POST", "/chat", data={"username": "Ada"}))
    scene.note("OPTIONS /", web.ask("OPTIONS", "/"))


def socket(scene: Scene) -> None:
    """Steps 04 and 05: the server acknowledges messages, and later everybody receives them."""
    routes(scene)
    two_pages(scene)
    ada, bo = scene.ada, scene.bo
    talk(scene)
    ada.go_offline()
    ada.say("Are you there?")
    scene.look("Ada's line is cut")
    ada.go_online()
    ada.settle()
    scene.look("the line is back")
    cy, stranger = scene.client(), scene.client()
    scene.note("a plain text", cy.call("message", "Hello, all"))
    scene.note("a new message", cy.call("new_message", {"username": "Cy", "text": "Hi"}))
    scene.note("not an object", stranger.call("new_message", "Hi"))
    scene.note("an unknown event", stranger.call("nothing", "Hi", patience=BRIEFLY))
    two = {"username": "Cy", "text": "A"}, 2
    scene.note("too many values", stranger.call("new_message", *two, patience=BRIEFLY))
    scene.note("no value", stranger.call("new_message", patience=BRIEFLY))
    scene.look("clients talk")
    bo.go("/chat?username=Bo")
    scene.look("Bo loads the page again")


def two_pages(scene: Scene) -> None:
    scene.ada.go("/")
    scene.look("the first page")
    scene.ada.fill("input[name=username]", "Ada")
    scene.ada.click("form button")
    scene.look("Ada enters")
    scene.bo.go("/chat?username=Bo")
    scene.ada.settle()
    scene.bo.settle()
    scene.look("Bo enters")


def talk(scene: Scene) -> None:
    ada, bo = scene.ada, scene.bo
    ada.say("Hello, everybody")
    scene.look("Ada says something")
    bo.say(HOSTILE, click=True)
    scene.look("Bo says something hostile")
    ada.say("")
    scene.look("Ada sends nothing")
    for number in range(6):  # so many lines that the log scrolls
        ada.say(f"Line {number}")
        scene.look(f"Ada says line {number}")
    bo.run("scrollTo(0, 0)")


def refusals(scene: Scene) -> None:
    """Step 06: the server checks each message, and gives a reason if it refuses one."""
    routes(scene)
    two_pages(scene)
    refusals_by_page(scene)
    cy = scene.client()
    for name in NOT_A_NAME:
        payload = {**name, "text": "Hello"} if isinstance(name, dict) else name
        scene.note(f"the name {name!r:.40}", cy.call("new_message", payload))
    for text in (*NOT_A_TEXT, *A_TEXT):
        payload = {"username": " Cy ", **text} if isinstance(text, dict) else text
        scene.note(f"sends {text!r:.40}", cy.call("new_message", payload))
    scene.note("an unknown event", cy.call("nothing", {}, patience=BRIEFLY))
    scene.look("Cy has talked")
    cut_line(scene)


def refusals_by_page(scene: Scene) -> None:
    ada, bo = scene.ada, scene.bo
    ada.say("Hello, everybody")
    scene.look("Ada says something")
    bo.say(HOSTILE, click=True)
    scene.look("Bo says something hostile")
    ada.say("   ")
    scene.look("Ada sends blanks")
    ada.say("x" * 501)
    scene.look("Ada sends too much")
    ada.run(
        "{ const field = document.querySelector('#message-input'); field.value = 'first';"
        " document.querySelector('#message-form').requestSubmit(); field.value = 'second'; }"
    )
    scene.look("Ada types on before the answer is there")
    for number in range(5):  # so many lines that the log scrolls
        bo.say(f"Line {number}")
        scene.look(f"Bo says line {number}")


def cut_line(scene: Scene) -> None:
    ada, bo = scene.ada, scene.bo
    ada.go_offline()
    ada.say("Can you hear me?")
    scene.look("Ada's line is cut")
    bo.say("Ada cannot hear this")
    scene.look("Bo talks meanwhile")
    bo.say("nor this")
    scene.look("Bo talks on")
    ada.go_online()
    ada.settle()
    scene.look("the line is back")
    ada.press("#message-input")
    scene.look("Ada sends what stayed")


def authors(scene: Scene) -> None:
    """Step 07: the name comes with the connection, and each name is used only once."""
    routes(scene)
    two_pages(scene)
    refusals_by_page(scene)
    conflict(scene)
    strange_clients(scene)
    cut_line(scene)


def conflict(scene: Scene) -> None:
    cy = scene.cy
    cy.go("/chat?username=aDA")
    scene.look("a second Ada is refused")
    cy.say("Let me in")
    scene.look("the refused page sends something")
    scene.ada.leave()
    cy.settle()
    scene.look("Ada leaves, and the second gets in")
    cy.say("At last")
    scene.look("the second Ada talks")
    cy.leave()
    scene.ada.go("/chat?username=Ada")
    scene.ada.settle()
    scene.look("Ada is back")
    cy.go(f"/chat?username={'x' * 41}")
    scene.look("a name that is too long")
    cy.leave()
    scene.look("the page with the long name is left")


def strange_clients(scene: Scene) -> None:
    for auth in NOT_A_NAME:
        stranger = Client(scene.url, auth=auth)
        scene.note(f"connects with {auth!r:.40}", str(stranger.answer))
        stranger.leave()
    scene.note("a name with blanks", str(scene.client({"username": "  Cy "}).answer))
    scene.note("the same name", str(Client(scene.url, auth={"username": "CY"}).answer))
    talker = scene.client({"username": "Stranger"})
    sends(scene, talker)
    scene.look("clients have talked")
    talker.leave()
    again = scene.client_when_free({"username": "Stranger"})
    scene.note("the name is free again", str(again.answer))
    scene.note("and may talk", again.call("new_message", {"text": "I am back"}))
    scene.look("the stranger is back")


def sends(scene: Scene, talker: Client) -> None:
    for payload in (*NOT_A_TEXT, *A_TEXT):
        at: object = payload | scene.place if isinstance(payload, dict) else payload
        scene.note(f"sends {payload!r:.40}", talker.call("new_message", at))
    scene.note("an unknown event", talker.call("nothing", {}, patience=BRIEFLY))


def history(scene: Scene) -> None:
    """Step 08: messages are stored, and a page begins with the newest fifty."""
    authors(scene)
    long_ago(scene)
    scene.ada.go("/chat?username=Ada")
    scene.ada.settle()
    scene.look("the newest fifty")
    restart(scene)


def long_ago(scene: Scene) -> None:
    for number in range(MANY):
        scene.clients[-1].call("new_message", {"text": f"said long ago, {number}", **scene.place})
    scene.look("many messages")


def restart(scene: Scene) -> None:
    """The server stops and starts again with the same data, and Ada's page reconnects."""
    scene.bo.leave()  # which of two comes back first is chance
    for client in scene.clients:
        client.leave()
    scene.look("only Ada stays")
    scene.restart()
    scene.ada.settle()
    scene.look("the server has started again")
    scene.ada.say("After the restart")
    scene.look("Ada talks after the restart")


def older(scene: Scene) -> None:
    """Step 09: a page loads older messages."""
    routes(scene)
    scene.ada.go("/chat?username=Ada")
    scene.ada.click("#load-older")
    scene.look("nothing is older")
    authors(scene)
    long_ago(scene)
    older_by_program(scene, Web(scene.url))
    load_older(scene, "/chat?username=Ada")
    restart(scene)


def older_by_program(scene: Scene, web: Web) -> None:
    for before in ("", "0", "1", "3", "60", "-5", "x", "1.5", str(2**53), "9" * 20):
        room = "&".join(f"{key}={value}" for key, value in scene.place.items())
        path = f"/api/messages?{room}&before={before}"
        scene.note(f"messages before {before!r}", web.ask("GET", path))
    scene.note("the newest messages", web.ask("GET", "/api/messages"))


def load_older(scene: Scene, path: str) -> None:
    ada = scene.ada
    ada.go(path)
    ada.settle()
    scene.look("the newest fifty")
    for times in ("once", "twice", "once more"):
        ada.click("#load-older")
        scene.look(f"Ada loads older messages {times}")
    ada.go_offline()
    ada.click("#load-older")
    scene.look("the server does not answer")
    ada.go_online()
    ada.settle()


def catching_up(scene: Scene) -> None:
    """Step 10: a page asks for what it has missed."""
    authors(scene)
    gaps(scene)
    sync(scene)
    long_ago(scene)
    older_by_program(scene, Web(scene.url))
    load_older(scene, "/chat?username=Ada")
    restart(scene)


def gaps(scene: Scene) -> None:
    ada = scene.ada
    ada.run("__line.deaf = 1")
    scene.clients[-1].call("new_message", {"text": "Ada misses this", **scene.place})
    scene.look("a message gets lost")
    scene.clients[-1].call("new_message", {"text": "but hears this", **scene.place})
    scene.look("the next one shows the gap")
    ada.run("__line.again()")
    scene.look("a message comes twice")


def sync(scene: Scene) -> None:
    for payload in NOT_A_NUMBER:
        at: object = payload | scene.place if isinstance(payload, dict) else payload
        scene.note(f"sync {payload!r:.40}", scene.clients[-1].call("sync", at))
    for after in (0, 5, 1000):
        answer = scene.clients[-1].call("sync", {"after": after, **scene.place})
        scene.note(f"sync after {after}", answer)


def accounts(scene: Scene) -> None:
    """Step 11: people register, log in and log out. The socket still believes any name."""
    doors(scene, {"username": "Cy"})
    _, bo = register(scene)
    refusals_by_page(scene)
    strange_clients(scene)
    gaps(scene)
    cut_line(scene)
    sync(scene)
    long_ago(scene)
    older_by_program(scene, bo)
    load_older(scene, "/chat")
    restart(scene)
    log_out(scene)


def doors(scene: Scene, auth: object = None) -> None:
    """What a stranger can do, and what a form must contain."""
    web = Web(scene.url)
    for path in ("/", "/chat", "/chat?room=1", "/login", "/logout", "/register", "/rooms",
                 "/api/messages", "/api/uploads", "/files/none", "/nothing"):  # fmt: skip
        scene.note(f"GET {path}", web.ask("GET", path))
    fields = {"username": "Cy", "password": PASSWORD, "name": "lab"}
    for path in ("/register", "/login", "/logout", "/rooms", "/api/uploads", "/api/nothing"):
        scene.note(f"POST {path} without a token", web.ask("POST", path, data=fields))
        scene.note(f"POST {path} by a stranger", web.post(path, **fields, room="1"))
    stranger = Client(scene.url)
    scene.note("a stranger connects", str(stranger.answer))
    scene.note("a forged cookie", str(Client(scene.url, cookies={"session": "x"}).answer))
    web = Web(scene.url)
    web.ask("GET", "/")
    for name, password in (("Stranger", "short"), ("", PASSWORD), ("x" * 41, PASSWORD),
                           (" ", PASSWORD), ("cy", PASSWORD), ("Stranger", "12345678"),
                           ("Stranger", PASSWORD)):  # fmt: skip
        answer = web.post("/register", username=name, password=password)
        scene.note(f"registers {name[:5]!r} {password!r}", answer)
    for name, password in (("Stranger", PASSWORD), ("nobody", PASSWORD), ("Stranger", ""),
                           ("nobody", ""), (" STRANGER ", "12345678")):  # fmt: skip
        answer = web.post("/login", username=name, password=password)
        scene.note(f"logs in {name!r} {password!r}", answer)
    scene.note("no fields", web.post("/login"))
    scene.note("GET /chat", web.ask("GET", "/chat"))
    inside = scene.client(auth, web.cookies())
    scene.note("connects", str(inside.answer))
    before = web.cookies()
    scene.note("logs in again", web.post("/login", username="Stranger", password="12345678"))
    scene.look("the old socket")
    inside.leave()
    scene.note("the old cookie", str(Client(scene.url, cookies=before).answer))
    scene.note("logs out", web.post("/logout"))
    scene.note("logged out", web.ask("GET", "/chat"))
    kept = Web(scene.url)
    kept.session.cookies.update(before)
    scene.note("a cookie from before the logout", kept.ask("GET", "/chat"))


def register(scene: Scene) -> tuple[Web, Web]:
    """Ada and Bo register in their browsers; programs get copies of their cookies."""
    ada = scene.ada
    ada.go("/")
    scene.look("the first page")
    log_in(scene, "Ada", "wrong password")
    scene.look("Ada has no account")
    log_in(scene, "Ada", PASSWORD, "button[formaction]")
    scene.look("Ada registers")
    scene.bo.go("/")
    scene.bo.fill("input[name=username]", "Ada")
    scene.bo.fill("input[name=password]", PASSWORD)
    scene.bo.click("button[formaction]")
    scene.look("the name is taken")
    scene.bo.fill("input[name=username]", "Bo")
    scene.bo.fill("input[name=password]", PASSWORD)
    scene.bo.click("button[formaction]")
    scene.ada.settle()
    scene.bo.settle()
    scene.look("Bo registers")
    return program_of(scene, scene.ada), program_of(scene, scene.bo)


def log_in(scene: Scene, name: str, password: str, button: str = "form button") -> None:
    scene.ada.fill("input[name=username]", name)
    scene.ada.fill("input[name=password]", password)
    scene.ada.click(f"{button} >> nth=0")


def program_of(scene: Scene, seat: Seat) -> Web:
    web = Web(scene.url)
    web.session.cookies.update(seat.cookies())
    web.ask("GET", "/chat")
    web.ask("GET", "/")
    return web


def log_out(scene: Scene) -> None:
    ada, cy = scene.ada, scene.cy
    cy.go("/")
    cy.fill("input[name=username]", "ADA")
    cy.fill("input[name=password]", PASSWORD)
    cy.press("input[name=password]")
    scene.look("Ada logs in elsewhere")
    second = scene.client({"username": "Cy"}, ada.cookies())
    scene.note("a second window of Ada's", str(second.answer))
    scene.note("Ada's program logs out", program_of(scene, ada).post("/logout"))
    scene.look("Ada is logged out")
    ada.say("Am I here?")
    scene.look("Ada's page sends something after the logout")
    ada.click("#load-older")
    scene.look("and asks for older messages")
    cy.say("I still am")
    scene.look("elsewhere Ada is logged in")
    cy.click("#log-out button")
    scene.look("she logs out by the page")


def sessions(scene: Scene) -> None:
    """Step 12: a socket belongs to a session, and closes when the session ends."""
    doors(scene)
    _, bo = register(scene)
    refusals_by_page(scene)
    members(scene, bo)
    gaps(scene)
    cut_line(scene)
    sync(scene)
    long_ago(scene)
    older_by_program(scene, bo)
    load_older(scene, "/chat")
    restart(scene)
    log_out(scene)


def members(scene: Scene, bo: Web) -> None:
    """What somebody who is logged in can send."""
    client = scene.client({"username": "Ada"}, bo.cookies())
    scene.note("Bo connects once more", str(client.answer))
    sends(scene, client)
    scene.look("Bo has talked")
    client.leave()
    scene.client(cookies=bo.cookies())
    scene.look("Bo is back")


def rooms(scene: Scene) -> None:
    """Step 13: creating and joining rooms; only members read and write there."""
    scene.place = {"room": 1}
    doors(scene)
    _, bo = register(scene)
    refusals_by_page(scene)
    members(scene, bo)
    gaps(scene)
    cut_line(scene)
    sync(scene)
    places(scene, bo, ("new_message", "sync"))
    long_ago(scene)
    older_by_program(scene, bo)
    load_older(scene, "/chat?room=1")
    restart(scene)
    log_out(scene)


def places(scene: Scene, bo: Web, events: tuple[str, ...]) -> None:
    scene.ada.fill("#room-name", " Laboratory ")
    scene.ada.click("#open-room button")
    scene.ada.settle()
    scene.look("Ada creates a room")
    scene.ada.say("Nobody is here")
    scene.look("Ada talks to herself")
    client = scene.clients[-1]  # Bo's
    for payload in (None, {}, {"room": 99}, {"room": "2"}, {"room": 2}, {"room": -1}):
        text = {"text": "Hello", "after": 0, **(payload or {})}
        for event in events:
            scene.note(f"{event} in {payload}", client.call(event, text if payload else None))
    for path in ("/chat?room=2", "/chat?room=99", "/chat?room=x", "/api/messages?room=2",
                 "/api/messages?room=99", "/api/messages"):  # fmt: skip
        scene.note(f"Bo asks for {path}", bo.ask("GET", path))
    scene.look("Bo is not a member")
    scene.note("Bo joins by the room's name", bo.post("/rooms", name="LABORATORY"))
    scene.look("Bo has joined")
    scene.ada.say("Welcome, Bo")
    scene.look("Ada talks to Bo")
    scene.note("Bo reads", client.call("sync", {"room": 2, "after": 0}))
    scene.note("Bo talks", client.call("new_message", {"room": 2, "text": "Here I am"}))
    scene.look("Bo talks in the room")
    scene.note("Bo sees the room", bo.ask("GET", "/chat?room=2"))
    scene.note("Bo loads its messages", bo.ask("GET", "/api/messages?room=2&before=3"))
    scene.bo.say("In the other room")
    scene.look("Bo's page is in the other room")
    scene.note("no name", bo.post("/rooms", name=" "))
    scene.note("Bo creates a room", bo.post("/rooms", name="Attic"))
    scene.bo.go("/chat?room=3")
    scene.bo.settle()
    scene.look("Bo's rooms")
    scene.bo.go("/chat")
    scene.bo.settle()
    scene.look("Bo's first room")


def presence(scene: Scene) -> None:
    """Step 14: each room shows who is here, and people leave rooms."""
    scene.place = {"room": 1}
    doors(scene)
    ada, bo = register(scene)
    refusals_by_page(scene)
    members(scene, bo)
    gaps(scene)
    cut_line(scene)
    sync(scene)
    places(scene, bo, ("new_message", "sync", "leave_room"))
    coming_and_going(scene, ada)
    long_ago(scene)
    older_by_program(scene, bo)
    load_older(scene, "/chat?room=1")
    leaving(scene)
    restart(scene)
    log_out(scene)


def coming_and_going(scene: Scene, ada: Web) -> None:
    scene.ada.go("/chat?room=1")
    scene.ada.settle()
    scene.look("Ada comes back to the first room")
    more = [Client(scene.url, cookies=ada.cookies()) for _ in range(2)]
    scene.look("Ada has three connections")
    more[0].leave()
    scene.look("Ada has two connections")
    scene.ada.leave()
    scene.look("Ada has one connection")
    more[1].leave()
    scene.look("Ada has left")


def leaving(scene: Scene) -> None:
    client = scene.clients[-1]  # Bo's
    scene.note("Bo leaves", client.call("leave_room", {"room": 2}))
    scene.note("Bo can't talk there", client.call("new_message", {"room": 2, "text": "Hello?"}))
    scene.look("Bo has left the laboratory")
    scene.bo.go("/chat?room=3")
    scene.bo.settle()
    scene.look("Bo in his own room")
    scene.bo.click("#leave")
    scene.look("Bo leaves by the page")
    scene.bo.click("#leave")
    scene.look("Bo leaves the last one")
    scene.bo.go("/chat")
    scene.look("Bo is in no room")
    scene.bo.fill("#room-name", "general")
    scene.bo.press("#room-name")
    scene.look("Bo joins again")
    scene.bo.settle()


def files(scene: Scene) -> None:
    """Step 15: people upload files, and messages name them."""
    files_in(scene, ())


def downloads(scene: Scene) -> None:
    """Step 16: the members of a room download its files."""
    files_in(scene, ("/files/",))


def files_in(scene: Scene, addresses: tuple[str, ...]) -> None:
    scene.place = {"room": 1}
    doors(scene)
    ada, bo = register(scene)
    refusals_by_page(scene)
    attach(scene)
    ids = uploads(scene, ada)
    for address in addresses:
        download(scene, [f"{address}{each}" for each in ids], ada, bo)
    claims(scene, ids, ada, bo)
    members(scene, bo)
    gaps(scene)
    cut_line(scene)
    sync(scene)
    places(scene, bo, ("new_message", "sync", "leave_room"))
    coming_and_going(scene, ada)
    long_ago(scene)
    older_by_program(scene, bo)
    load_older(scene, "/chat?room=1")
    leaving(scene)
    restart(scene)
    log_out(scene)


def attach(scene: Scene) -> None:
    ada, bo = scene.ada, scene.bo
    ada.choose("a picture.png", PNG, "image/png")
    scene.look("Ada picks a file")
    ada.say("Look at this")
    scene.look("Ada sends it")
    ada.say("without one")
    scene.look("the next message has no file")
    bo.choose("note.txt", b"Only a note", "text/plain")
    scene.look("Bo picks a text")
    bo.say("")
    scene.look("Bo sends it without a word")
    bo.choose("program.exe", b"MZ\0\0", "application/octet-stream")
    scene.look("Bo picks a type that is not accepted")
    bo.choose("large.txt", b"x" * (5 * 1024 * 1024 + 1), "text/plain")
    scene.look("Bo picks too large a file")
    ada.go("/chat")
    ada.settle()
    scene.look("Ada loads the page again")


def uploads(scene: Scene, ada: Web) -> list[str]:
    """Upload files of several types from Ada's program. Return the IDs of the accepted ones."""
    ids = []
    for name, content in (("../../a\nb.png", PNG), (".hidden", b"text"), ("x" * 120, b"GIF89a"),
                          ("photo.jpg", b"\xff\xd8\xff\xe0"), ("w.webp", b"RIFF\0\0\0\0WEBP"),
                          ("w.bin", b"RIFF\0\0"), ("empty.txt", b""), ("ü.txt", "ü".encode()),
                          ("page.html", b"<script>alert(1)</script>")):  # fmt: skip
        answer = ada.session.post(
            f"{scene.url}/api/uploads", files={"file": (name, content)}, timeout=3,
            data={"room": "1", "csrf_token": ada.token},
        )  # fmt: skip
        scene.note(f"uploads {name[:10]!r}", as_text(answer.status_code, answer.text))
        if answer.status_code == 201:
            ids.append(str(answer.json()["upload"]["id"]))
    file = {"file": ("a.txt", b"text")}
    for room in ("", "99", "x"):
        answer_ = ada.ask("POST", "/api/uploads", files=file,
                          data={"room": room, "csrf_token": ada.token})  # fmt: skip
        scene.note(f"uploads into {room!r}", answer_)
    scene.note("no file", ada.post("/api/uploads", room="1"))
    return ids


def download(scene: Scene, paths: list[str], ada: Web, bo: Web) -> None:
    stranger = Web(scene.url)
    stranger.ask("GET", "/")
    for path in paths[:3]:
        scene.note("Ada gets it", ada.ask("GET", path))
        scene.note("Bo gets it", bo.ask("GET", path))
        scene.note("a stranger gets it", stranger.ask("GET", path))


def claims(scene: Scene, ids: list[str], ada: Web, bo: Web) -> None:
    """Ada and Bo send messages with the files that Ada has uploaded."""
    client = Client(scene.url, cookies=ada.cookies())
    other = Client(scene.url, cookies=bo.cookies())
    for number, named in enumerate((["none"], "x", {}, [5], [*ids[:1], "none"])):
        answer = client.call("new_message", {"room": 1, "text": "x", "uploads": named})
        scene.note(f"wrong claim {number}", answer)
    whole = {"room": 1, "text": "", "uploads": ids[:2]}
    scene.note("Bo claims Ada's", other.call("new_message", whole))
    scene.note("Ada sends two", client.call("new_message", whole))
    scene.note("twice", client.call("new_message", whole))
    scene.look("files have been sent")
    client.leave()
    other.leave()


def as_text(status: int, body: str) -> str:
    return plain(f"{status} {in_order(body)}")


SCRIPTS = {
    "02": pages, "03": pages, "04": socket, "05": socket, "06": refusals, "07": authors,
    "08": history, "09": older, "10": catching_up, "11": accounts, "12": sessions, "13": rooms,
    "14": presence, "15": files, "16": downloads,
}  # fmt: skip
