"""Promises about chat.js from step 06 on: refusals, the gap rule, the end of a log-in, files."""

from tree_sitter import Node

from workshop.contract.browse import read_chat
from workshop.contract.grammar import (
    Script,
    is_inside,
    methods_called,
    properties_in,
    text_of,
    walk,
)
from workshop.contract.promise import Broken, promise
from workshop.contract.scripts import INTO_THE_PAGE, own_script
from workshop.stages import Stage

TAKING_AWAY = {"remove", "removeChild", "replaceWith", "replaceChildren"}


@promise(since="06", until="07")
def the_script_says_who_connects(chat: Stage) -> None:
    """The page says the name once, when it connects."""
    script = own_script(chat)
    if not any("auth" in properties_in(call) for call in script.calls("io")):
        raise Broken(
            expected="chat.js gives `io` the name: `auth: { username: … }`.",
            seen="no `auth` in what `io` is called with",
            hint="`auth: { username: document.body.dataset.username }`, beside `path`.",
        )


@promise(since="06")
def the_script_tells_why_it_is_refused(chat: Stage) -> None:
    """When the server refuses the connection, the page shows the reason."""
    script = own_script(chat)
    words = [properties_in(each) for each in script.listeners("connect_error")]
    if not any({"message", "textContent"} <= each for each in words):
        raise Broken(
            expected='chat.js shows the reason: `socket.on("connect_error", (error) => …)`.',
            seen="no such listener, or it shows nothing" if words else "no such listener",
            hint="`statusLine.textContent = error.message`: otherwise the page looks as if all "
            "were well, and nothing works.",
        )


@promise(since="06")
def the_script_keeps_what_is_refused(chat: Stage) -> None:
    """What is typed stays in the field until the server has accepted it; a refusal is shown."""
    script = own_script(chat)
    answers = script.reached(script.callbacks("socket.emit", "new_message"))
    cleared = [node for node in walk(script.root) if _clears(node)]
    early = [n for n in cleared if is_inside(n, script.handlers("submit")) - is_inside(n, answers)]
    if early or not cleared:
        raise Broken(
            expected="When a message is accepted, and not before, chat.js empties the field.",
            seen="it is emptied when the form is sent" if early else "it never is",
            hint="`form.reset()` belongs into the function that gets the acknowledgement, where it "
            "is ok. Before that, the text would be lost with a refusal.",
        )
    if not any({"error", "textContent"} <= properties_in(each) for each in answers):
        raise Broken(
            expected="When a message is refused, chat.js shows the reason.",
            seen="nothing is made of `acknowledgement.error`",
            hint="`statusLine.textContent = acknowledgement.error.message`.",
        )


@promise(since="06")
def the_script_shows_its_own_message_once(chat: Stage) -> None:
    """The page shows its own message when it comes back, and not a second time."""
    script = own_script(chat)
    answers = script.reached(script.callbacks("socket.emit", "new_message"))
    shown = any(methods_called(each) & INTO_THE_PAGE for each in answers)
    if shown and "seq" not in _compared(answers):  # the gap rule shows nothing twice
        raise Broken(
            expected="The listener of `new_message` alone shows messages.",
            seen="the function that gets the acknowledgement does so, too",
            hint="From step 06 on the page shows what comes back from the server, its own messages "
            "among them: take out `showMessage(message)` of exercise 05, where the acknowledgement "
            "is ok.",
        )


@promise(since="07")
def the_script_asks_for_what_it_missed(chat: Stage) -> None:
    """Whenever the page connects, it asks for what it has missed."""
    script = own_script(chat)
    if not any("sync" in _emitted(script, each) for each in script.listeners("connect")):
        raise Broken(
            expected="On every `connect`, chat.js emits `sync` with the last number it shows.",
            seen="no `sync` there",
            hint='In `socket.on("connect", …)`: `socket.emit("sync", { after: last }, …)`. What is '
            "said between the page and its connection would be missing, and after each cut.",
        )


@promise(since="07")
def the_script_minds_the_gap(chat: Stage) -> None:
    """The page shows the next number, leaves out what it has, and asks when one is missing."""
    script = own_script(chat)
    reached = script.listeners("new_message")
    if "seq" not in _compared(reached):
        raise Broken(
            expected="The listener of `new_message` compares `message.seq` with the last number.",
            seen="it shows whatever comes",
            hint="Shown is `last + 1`; what is not greater than `last` is there already: with "
            "`sync` and live, a message can come twice.",
        )
    _is_a_number(script, "last")
    if not _counts(reached):
        raise Broken(
            expected="Shown is the number that follows the last one: `message.seq === last + 1`.",
            seen="the listener compares, and nowhere counts one further",
            hint="The last number is there already. Compare `message.seq` with `last + 1`.",
        )
    kept = script.names_at_the_top() & _operands_beside_seq(reached)
    if kept and not kept & {text_of(node) for node in script.given_anew()}:
        raise Broken(
            expected="When a message is shown, its number becomes the last one.",
            seen=f"`{min(kept)}` keeps the value that it has at the start",
            hint=f"At the end of `showMessage`: `{min(kept)} = message.seq;`. Otherwise every message "
            "but the first looks like one after a gap.",
        )
    if not any("sync" in _emitted(script, each) for each in reached):
        raise Broken(
            expected="Before a number that is too great something is missing: it emits `sync`.",
            seen="the listener never leads to `sync`",
            hint="`if (message.seq > last + 1) sync();`: ask for what is missing, and do not show "
            "the later one before it.",
        )


@promise(since="08")
def the_script_tells_that_a_log_in_has_ended(chat: Stage) -> None:
    """When the log-in ends, the page says why."""
    words = [properties_in(each) for each in own_script(chat).listeners("session_ended")]
    if not any({"reason", "textContent"} <= each for each in words):
        raise Broken(
            expected="chat.js listens to `session_ended`, and shows its `reason`.",
            seen="the listener shows nothing" if words else "no such listener",
            hint='`socket.on("session_ended", (ended) => …)`: `statusLine.textContent = '
            "ended.reason`. Otherwise the page goes dead without a word.",
        )


@promise(since="09")
def the_script_names_its_room(chat: Stage) -> None:
    """The page says which room it means, and leaves out what was said in another one."""
    script = own_script(chat)
    for key, event in (("text", "new_message"), ("after", "sync")):
        objects = [keys for keys in script.objects() if key in keys]
        if objects and not any("room" in keys for keys in objects):
            raise Broken(
                expected=f"What chat.js sends as `{event}` names the room.",
                seen=f"{{ {', '.join(sorted(objects[0]))} }}",
                hint="`const room = Number(document.body.dataset.room)`, and `room` in the object.",
            )
    _is_a_number(script, "room")
    reached = script.listeners("new_message")
    if any(_returns_where_equal(node, "room") for each in reached for node in walk(each)):
        raise Broken(
            expected="The listener of `new_message` leaves out what was said in another room.",
            seen="it leaves out what was said in this one: `===`, and then `return`",
            hint="Who is in two rooms hears both: `if (message.room !== room) return;`, with an "
            "exclamation mark.",
        )
    if "room" not in _compared(reached):
        raise Broken(
            expected="The listener of `new_message` leaves out what was said in another room.",
            seen="it shows messages of every room",
            hint="Who is in two rooms hears both: `if (message.room !== room) return;`.",
        )


@promise(since="09")
def the_script_shows_who_is_here(chat: Stage) -> None:
    """The page shows who is here."""
    words = [properties_in(each) for each in own_script(chat).listeners("presence")]
    if not any({"online", "textContent"} <= each for each in words):
        raise Broken(
            expected="chat.js listens to `presence`, and shows `online` as text.",
            seen="the listener shows nothing" if words else "no such listener",
            hint='`socket.on("presence", (presence) => …)`, with `presence.online.join(", ")`.',
        )


@promise(since="10")
def the_script_uploads_by_http(chat: Stage) -> None:
    """The page uploads files by HTTP with its token, and shows their names as text."""
    script = own_script(chat)
    if not any("api/uploads" in each for each in script.texts()):
        raise Broken(
            expected="chat.js sends files to `api/uploads`.",
            seen="no such address in it",
            hint='`fetch("api/uploads", { method: "POST", body: new FormData(form) })`.',
        )
    if not _sends_a_token(chat, script):
        raise Broken(
            expected="The form with the file carries its token.",
            seen="no field `csrf_token` in it, and no header X-CSRFToken in the script",
            hint="Without the token the server refuses the upload: put the hidden field into the "
            "form, which `new FormData(form)` sends whole.",
        )
    sent = [keys for keys in script.objects() if "text" in keys]
    if sent and not any("uploads" in keys for keys in sent):
        raise Broken(
            expected="What chat.js sends as `new_message` names the files that go with it.",
            seen=f"{{ {', '.join(sorted(sent[0]))} }}",
            hint="`uploads`, the list of ids, stands in the object, beside `room` and `text`.",
        )
    words = [properties_in(each) for each in script.listeners("new_message")]
    if not any({"filename", "textContent"} <= each for each in words):
        raise Broken(
            expected="The listener of `new_message` shows each file's name as text.",
            seen="nothing is made of `filename`",
            hint="`link.textContent = upload.filename`, for each of `message.uploads`.",
        )
    examples = [each.find(class_="file") for each in read_chat(chat)("template")]
    if any(examples) and not any(TAKING_AWAY & each for each in words):
        raise Broken(
            expected="The example of a file, which the template holds, is taken away again.",
            seen="nothing takes it away: each line ends with an empty link",
            hint="`example.remove();`, when the links are there.",
        )


def _sends_a_token(chat: Stage, script: Script) -> bool:
    forms = [field.find_parent("form") for field in read_chat(chat)("input", type="file")]
    in_form = any(form and form.find("input", attrs={"name": "csrf_token"}) for form in forms)
    return in_form or "X-CSRFToken" in script.texts()


def _is_a_number(script: Script, attribute: str) -> None:
    """Ask that what comes from the page's `data-…` is a number before it is compared. Raises Broken."""
    for node in walk(script.root):
        name, value = node.child_by_field_name("name"), node.child_by_field_name("value")
        if not name or not value or not text_of(value).endswith(f".dataset.{attribute}"):
            continue
        converted = (*script.calls("Number"), *script.calls("parseInt"))
        if value.type == "member_expression" and not any(
            text_of(name) in text_of(call) for call in converted
        ):
            raise Broken(
                expected=f"`{text_of(name)}` is a number, as the server's are.",
                seen=f"`{text_of(node)}`, which is a text",
                hint=f"`{text_of(name)} = Number({text_of(value)})`: for `===` and for the server, "
                '"1" is not 1.',
            )


def _returns_where_equal(node: Node, word: str) -> bool:
    """Tell whether this is `if (message.room === room) return;`."""
    condition, then = node.child_by_field_name("condition"), node.child_by_field_name("consequence")
    if node.type != "if_statement" or not condition or not then:
        return False
    plain = text_of(condition).replace(" ", "")
    leaves = text_of(then).strip("{} \n").rstrip(";") == "return"
    return leaves and word in properties_in(condition) and "==" in plain and "!=" not in plain


def _compared(functions: list[Node]) -> set[str]:
    """Return the names in the comparisons of functions: "seq" for `message.seq === last + 1`."""
    comparisons = (
        part for each in functions for part in walk(each) if part.type == "binary_expression"
    )
    return {text_of(node) for part in comparisons for node in walk(part)}


def _operands_beside_seq(functions: list[Node]) -> set[str]:
    """Return the plain names that a number is compared with: "last" in `message.seq === last + 1`."""
    parts = [node for each in functions for node in walk(each) if node.type == "binary_expression"]
    return {
        text_of(operand)
        for part in parts
        if "seq" in properties_in(part)
        for node in walk(part)
        if node.type == "binary_expression"
        for operand in node.named_children
        if operand.type == "identifier"
    }


def _counts(functions: list[Node]) -> bool:
    """Tell whether functions count one further somewhere: `last + 1`, `last += 1` or `last++`."""
    parts = [node for each in functions for node in walk(each)]
    return any(n.type == "update_expression" or text_of(n) == "1" for n in parts)


def _emitted(script: Script, function: Node) -> list[str]:
    return script.events("socket.emit", within=function)


def _clears(node: Node) -> bool:
    """Tell whether this empties a field: `form.reset()`, or `input.value = ""`."""
    if node.type == "call_expression":
        return text_of(node).replace(" ", "").endswith(".reset()")
    if node.type != "assignment_expression":
        return False
    left, right = node.child_by_field_name("left"), node.child_by_field_name("right")
    return bool(left and right and text_of(left).endswith(".value") and len(text_of(right)) == 2)
