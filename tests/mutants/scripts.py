"""What the oracle does with each step: what the step is there for, and what could go wrong on the way.

A script moves people and looks, again and again. It knows no right and no wrong: the step itself, not
mutated, has shown what there is to see.
"""

from urllib.parse import quote

from tests.mutants.scene import Scene
from tests.mutants.seats import BRIEFLY, Client, Web, in_order, plain

HOSTILE = """<img src="x" onerror="document.title = 'It ran'"><b>&amp; "quoted"</b> {{ 7 * 7 }}"""
PASSWORD = "correct horse"
PNG = b"\x89PNG\r\n\x1a\n" + bytes(40)
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
    """Steps 04 and 05: what is sent is acknowledged, or heard by everybody."""
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
    cy, di = scene.client(), scene.client()
    scene.note("a plain text", cy.call("message", "Hello, all"))
    scene.note("a new message", cy.call("new_message", {"username": "Cy", "text": "Hi"}))
    scene.note("not an object", di.call("new_message", "Hi"))
    scene.note("an unknown event", di.call("nothing", "Hi", patience=BRIEFLY))
    two = {"username": "Di", "text": "A"}, 2
    scene.note("too many values", di.call("new_message", *two, patience=BRIEFLY))
    scene.note("no value", di.call("new_message", patience=BRIEFLY))
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


def names(scene: Scene) -> None:
    """Step 06: names, refusals and too many messages."""
    routes(scene)
    two_pages(scene)
    refusals_by_page(scene)
    conflict(scene)
    strange_clients(scene)
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
    for number in range(5):
        bo.say(f"Line {number}")
        scene.look(f"Bo says line {number}")


def conflict(scene: Scene) -> None:
    eve = scene.eve
    eve.go("/chat?username=aDA")
    scene.look("a second Ada is refused")
    eve.say("Let me in")
    scene.look("who is refused says something")
    scene.ada.leave()
    eve.settle()
    scene.look("Ada leaves, and the second gets in")
    eve.say("At last")
    scene.look("the second Ada talks")
    eve.leave()
    scene.ada.go("/chat?username=Ada")
    scene.ada.settle()
    scene.look("Ada is back")
    scene.eve.go(f"/chat?username={'x' * 41}")
    scene.look("a name that is too long")
    eve.leave()
    scene.look("who has no name leaves")


def strange_clients(scene: Scene) -> None:
    for auth in NOT_A_NAME:
        stranger = Client(scene.url, auth=auth)
        scene.note(f"connects with {auth!r:.40}", str(stranger.answer))
        stranger.leave()
    scene.note("a name with blanks", str(scene.client({"username": "  Cy "}).answer))
    scene.note("the same name", str(Client(scene.url, auth={"username": "CY"}).answer))
    di = scene.client({"username": "Di"})
    for payload in NOT_A_TEXT:
        scene.note(f"sends {payload!r:.40}", di.call("new_message", payload))
    for payload in A_TEXT:
        scene.note(f"sends {payload!r:.40}", di.call("new_message", payload))
    scene.note("an unknown event", di.call("nothing", {}, patience=BRIEFLY))
    for number in range(7):
        scene.note(f"message {number} of many", di.call("new_message", {"text": f"{number}"}))
    scene.look("clients have talked")
    di.leave()
    again = scene.client_when_free({"username": "Di"})
    scene.note("the name is free again", str(again.answer))
    scene.note("and may talk", again.call("new_message", {"text": "I am back"}))
    scene.look("Di is back")


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


def history(scene: Scene) -> None:
    """Step 07: what was said is kept, and a page asks for what it has missed."""
    names_and_history(scene)
    for payload in NOT_A_NUMBER:
        scene.note(f"sync {payload!r:.40}", scene.clients[-1].call("sync", payload))
    for after in (0, 5, 1000):
        scene.note(f"sync after {after}", scene.clients[-1].call("sync", {"after": after}))
    long_ago(scene, [scene.client({"username": f"Past {n}"}) for n in range(5)], {})
    scene.ada.go("/chat?username=Ada")
    scene.look("the last fifty")
    restart(scene)


def names_and_history(scene: Scene) -> None:
    routes(scene)
    two_pages(scene)
    refusals_by_page(scene)
    conflict(scene)
    strange_clients(scene)
    gaps(scene)
    cut_line(scene)


def gaps(scene: Scene) -> None:
    ada = scene.ada
    ada.run("__line.deaf = 1")
    scene.clients[-1].call("new_message", {"text": "Ada misses this", **scene.place})
    scene.look("a message gets lost")
    scene.clients[-1].call("new_message", {"text": "but hears this", **scene.place})
    scene.look("the next one shows the gap")
    ada.run("__line.again()")
    scene.look("a message comes twice")


def long_ago(scene: Scene, people: list[Client], place: dict[str, object]) -> None:
    for person in people:
        for number in range(9):
            person.call("new_message", {"text": f"said long ago, {number}", **place})
        person.leave()
    scene.look("many messages")


def restart(scene: Scene) -> None:
    """The server ends and starts again with the same data; Ada's page finds it again."""
    scene.bo.leave()  # who of two comes back first is chance
    for client in scene.clients:
        client.leave()
    scene.look("only Ada stays")
    scene.restart()
    scene.ada.settle()
    scene.look("the server has started again")
    scene.ada.say("After the restart")
    scene.look("Ada talks after the restart")


def accounts(scene: Scene) -> None:
    """Step 08: registering, logging in and out, and nobody else gets in."""
    doors(scene)
    _, bo = register(scene)
    refusals_by_page(scene)
    members(scene, bo)
    gaps(scene)
    cut_line(scene)
    for payload in NOT_A_NUMBER:
        scene.note(f"sync {payload!r:.40}", scene.clients[-1].call("sync", payload))
    scene.note("sync", scene.clients[-1].call("sync", {"after": 3}))
    long_ago(scene, [Client(scene.url, cookies=bo.cookies()) for _ in range(4)], {})
    scene.ada.go("/chat")
    scene.look("the last fifty")
    restart(scene)
    log_out(scene)


def doors(scene: Scene) -> None:
    """What a stranger may do, and what a form must have."""
    web = Web(scene.url)
    for path in ("/", "/chat", "/chat/1", "/login", "/logout", "/register", "/rooms", "/api/uploads",
                 "/files/none", "/nothing"):  # fmt: skip
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
    for name, password in (("Di", "short"), ("", PASSWORD), ("x" * 41, PASSWORD), (" ", PASSWORD),
                           ("cy", PASSWORD), ("Di", "12345678"), ("Di", PASSWORD)):  # fmt: skip
        answer = web.post("/register", username=name, password=password)
        scene.note(f"registers {name[:5]!r} {password!r}", answer)
    for name, password in (("Di", PASSWORD), ("nobody", PASSWORD), ("Di", ""), ("nobody", ""),
                           (" dI ", "12345678")):  # fmt: skip
        answer = web.post("/login", username=name, password=password)
        scene.note(f"logs in {name!r} {password!r}", answer)
    scene.note("no fields", web.post("/login"))
    scene.note("GET /chat", web.ask("GET", "/chat"))
    inside = scene.client(cookies=web.cookies())
    scene.note("Di connects", str(inside.answer))
    before = web.cookies()
    scene.note("logs in again", web.post("/login", username="Di", password="12345678"))
    scene.look("the old socket")
    inside.leave()
    scene.note("the old cookie", str(Client(scene.url, cookies=before).answer))
    scene.note("logs out", web.post("/logout"))
    scene.note("logged out", web.ask("GET", "/chat"))


def register(scene: Scene) -> tuple[Web, Web]:
    """Ada registers in her browser, Bo at a program, whose session his browser gets."""
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
    webs = []
    for seat in (scene.ada, scene.bo):
        web = Web(scene.url)
        web.session.cookies.update(seat.cookies())
        web.ask("GET", "/chat")
        web.ask("GET", "/")
        webs.append(web)
    return webs[0], webs[1]


def log_in(scene: Scene, name: str, password: str, button: str = "form button") -> None:
    scene.ada.fill("input[name=username]", name)
    scene.ada.fill("input[name=password]", password)
    scene.ada.click(f"{button} >> nth=0")


def members(scene: Scene, bo: Web) -> None:
    """What somebody who is logged in may send."""
    client = scene.client(cookies=bo.cookies())
    scene.note("Bo connects once more", str(client.answer))
    for payload in (*NOT_A_TEXT, *A_TEXT):
        at: object = payload | scene.place if isinstance(payload, dict) else payload
        scene.note(f"sends {payload!r:.40}", client.call("new_message", at))
    for number in range(7):
        told = client.call("new_message", {"text": f"{number}", **scene.place})
        scene.note(f"message {number} of many", told)
    scene.note("an unknown event", client.call("nothing", {}, patience=BRIEFLY))
    scene.look("Bo has talked")
    client.leave()
    scene.client(cookies=bo.cookies())
    scene.look("Bo is back")


def log_out(scene: Scene) -> None:
    ada, eve = scene.ada, scene.eve
    eve.go("/")
    eve.fill("input[name=username]", "ADA")
    eve.fill("input[name=password]", PASSWORD)
    eve.press("input[name=password]")
    eve.settle()
    scene.look("Ada logs in elsewhere")
    second = scene.client(cookies=ada.cookies())
    scene.note("a second window of Ada's", str(second.answer))
    web = Web(scene.url)
    web.session.cookies.update(ada.cookies())
    web.ask("GET", "/chat")
    scene.note("Ada's other program logs out", web.post("/logout"))
    scene.look("Ada is logged out")
    ada.say("Am I here?")
    scene.look("who is logged out talks")
    eve.say("I still am")
    scene.look("elsewhere Ada is logged in")
    eve.click("#log-out button")
    scene.look("she logs out by the page")


def rooms(scene: Scene) -> None:
    """Step 09: making, joining and leaving rooms, and who is there."""
    scene.place = {"room": 1}
    doors(scene)
    ada, bo = register(scene)
    refusals_by_page(scene)
    members(scene, bo)
    gaps(scene)
    cut_line(scene)
    places(scene, ada, bo)
    long_ago(scene, [Client(scene.url, cookies=bo.cookies()) for _ in range(4)], {"room": 1})
    scene.ada.go("/chat/1")
    scene.look("the last fifty")
    leaving(scene)
    restart(scene)
    log_out(scene)


def places(scene: Scene, ada: Web, bo: Web) -> None:
    scene.ada.fill("#room-name", " Laboratory ")
    scene.ada.click("#open-room button")
    scene.look("Ada makes a room")
    scene.ada.settle()
    scene.ada.say("Nobody is here")
    scene.look("Ada talks to herself")
    di = scene.clients[-1]  # Bo's
    for payload in (None, {}, {"room": 99}, {"room": "2"}, {"room": 2}, {"room": -1}):
        text = {"text": "Hello", "after": 0, **(payload or {})}
        for event in ("new_message", "sync", "leave_room"):
            scene.note(f"{event} in {payload}", di.call(event, text if payload else None))
        if payload != {"room": 2}:
            scene.note(f"join_room {payload}", di.call("join_room", payload))
    scene.note("Bo sees no room 2", bo.ask("GET", "/chat/2"))
    scene.note("nor 99", bo.ask("GET", "/chat/99"))
    scene.look("Bo knocks")
    scene.note("Bo joins", di.call("join_room", {"room": 2}))
    scene.look("Bo has joined")
    scene.note("Bo reads", di.call("sync", {"room": 2, "after": 0}))
    scene.note("Bo talks", di.call("new_message", {"room": 2, "text": "Here I am"}))
    scene.look("Bo talks in the room")
    scene.note("Bo sees the room", bo.ask("GET", "/chat/2"))
    scene.bo.say("In the other room")
    scene.look("Bo's page is in the other room")
    scene.note("the same room by its name", bo.post("/rooms", name="LABORATORY"))
    scene.note("no name", bo.post("/rooms", name=" "))
    scene.note("Bo makes a room", bo.post("/rooms", name="Attic"))
    scene.note("Bo leaves", di.call("leave_room", {"room": 2}))
    scene.look("Bo has left")
    scene.note("Bo talks no more", di.call("new_message", {"room": 2, "text": "Hello?"}))
    scene.bo.go("/chat")
    scene.bo.settle()
    scene.look("Bo's rooms")


def leaving(scene: Scene) -> None:
    scene.bo.go("/chat/3")
    scene.bo.settle()
    scene.look("Bo in his own room")
    scene.bo.click("#leave")
    scene.look("Bo leaves by the page")
    scene.bo.click("#leave")
    scene.look("Bo leaves the last one")
    scene.bo.go("/chat")
    scene.look("Bo is nowhere")
    scene.bo.fill("#room-name", "general")
    scene.bo.press("#room-name")
    scene.look("Bo joins again")
    scene.bo.settle()


def files(scene: Scene) -> None:
    """Step 10: a file goes up, a message names it, and the room's people get it."""
    scene.place = {"room": 1}
    doors(scene)
    ada, bo = register(scene)
    refusals_by_page(scene)
    attach(scene)
    uploads(scene, ada, bo)
    members(scene, bo)
    gaps(scene)
    cut_line(scene)
    places(scene, ada, bo)
    long_ago(scene, [Client(scene.url, cookies=bo.cookies()) for _ in range(4)], {"room": 1})
    scene.ada.go("/chat/1")
    scene.look("the last fifty")
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
    scene.look("Bo picks what is not let in")
    bo.choose("large.txt", b"x" * (5 * 1024 * 1024 + 1), "text/plain")
    scene.look("Bo picks too large a file")
    ada.go("/chat")
    ada.settle()
    scene.look("Ada loads the page again")


def uploads(scene: Scene, ada: Web, bo: Web) -> None:
    client = Client(scene.url, cookies=ada.cookies())
    other = Client(scene.url, cookies=bo.cookies())
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
    stranger = Web(scene.url)
    stranger.ask("GET", "/")
    for which in ids[:3]:
        scene.note("Ada gets it", ada.ask("GET", f"/files/{which}"))
        scene.note("Bo gets it", bo.ask("GET", f"/files/{which}"))
        scene.note("a stranger gets it", stranger.ask("GET", f"/files/{which}"))
    for number, what in enumerate((["none"], "x", {}, [5], [ids[0], "none"])):
        told = client.call("new_message", {"room": 1, "text": "x", "uploads": what})
        scene.note(f"wrong claim {number}", told)
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
    "02": pages, "03": pages, "04": socket, "05": socket, "06": names, "07": history,
    "08": accounts, "09": rooms, "10": files,
}  # fmt: skip
