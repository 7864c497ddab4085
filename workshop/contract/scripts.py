"""Promises about chat.js, 04 and 05. It is read by its grammar, not run: try it in the page."""

import soupsieve
from bs4 import BeautifulSoup, Tag

from workshop.contract.browse import attribute, read_chat, visit
from workshop.contract.grammar import (
    BROWSERS_OWN,
    Script,
    line_of,
    methods_called,
    only_compares,
    text_of,
    walk,
)
from workshop.contract.promise import Broken, promise
from workshop.contract.words import known, meant, methods, own
from workshop.stages import Stage

INTO_THE_PAGE = {"append", "appendChild", "prepend", "before", "after", "insertBefore",
                 "insertAdjacentElement", "replaceChildren"}  # fmt: skip
SNIPPET = 60  # characters of a line that are quoted


@promise(since="04")
def the_script_can_be_read(chat: Stage) -> None:
    """A browser can read the page's script."""
    script = own_script(chat)
    line, capitals = script.unreadable_line(), script.in_capitals()
    if line is not None and capitals:
        raise Broken(
            expected="chat.js keeps to the grammar of JavaScript.",
            seen=f"`{text_of(capitals)}`, in line {line_of(capitals)} of chat.js",
            hint=f"Capitals count: it is `{text_of(capitals).lower()}`. Until then the browser runs "
            "nothing of the file.",
        )
    if line is not None:
        bracket, word = script.without_partner(), script.condition_without_brackets()
        where = f"line {line_of(bracket) if bracket else line} of chat.js"
        raise Broken(
            expected="chat.js keeps to the grammar of JavaScript.",
            seen=f"`{text_of(bracket)}` in {where} has no partner"
            if bracket
            else f"something is missing, or too much, near {where}",
            hint=(f"JavaScript writes `{word} (…)`, with brackets. " if word else "")
            + "Compare that line and those around it with the step: every ( [ { and every quote needs "
            "its partner. Until then the browser runs nothing of the file.",
        )
    for name in script.declared_twice():
        raise Broken(
            expected="A name is declared once.",
            seen=f"`{text_of(name)}` a second time, in line {line_of(name)} of chat.js",
            hint=f"Is the old line with `{text_of(name)}` still there, beside the new one? Take it out; "
            "until then the browser runs nothing of the file.",
        )
    for wait in script.waits_in_vain():
        raise Broken(
            expected="A function that waits says so.",
            seen=f"`{text_of(wait)[:SNIPPET]}`, in line {line_of(wait)} of chat.js",
            hint="`await` stands only in an `async` function: `async () => {`. Until then the browser "
            "runs nothing of the file.",
        )


@promise(since="04")
def the_script_spells_what_it_asks_for(chat: Stage) -> None:
    """What the script asks for behind a dot, or hands on, is spelt as others spell it."""
    known_here = {*known(), *own(chat.folder), *BROWSERS_OWN}
    for node in own_script(chat).asked_for():
        word = text_of(node)
        if word not in known_here and (right := meant(word, known())):
            raise Broken(
                expected="Words that others have to know are spelt as others spell them.",
                seen=f"`{word}`, in line {line_of(node)} of chat.js",
                hint=f"`{word}`: is it `{right}`? What is asked for in another spelling is not there "
                "(`undefined`), and a call of it ends the script.",
            )


@promise(since="04")
def the_script_does_what_it_says(chat: Stage) -> None:
    """Every line of the script can do what it says."""
    script = own_script(chat)
    for statement in script.statements():
        where = f"`{text_of(statement)[:SNIPPET]}`, in line {line_of(statement)} of chat.js"
        if only_compares(statement):
            raise Broken(
                expected="A line of its own gives a value, or calls something.",
                seen=where,
                hint="With two or three equals signs it compares, and nothing comes of it; one = "
                "gives it its value.",
            )
        if statement.type == "member_expression" and text_of(statement.children[-1]) in methods():
            raise Broken(
                expected="A line of its own gives a value, or calls something.",
                seen=where,
                hint=f"It is named, and not called: `{text_of(statement)}(…)`, with its brackets.",
            )
    for text in script.texts(("string",)):
        if "${" in text:
            raise Broken(
                expected="A text with gaps `${…}` stands between back quotes.",
                seen=f'"{text[:SNIPPET]}"',
                hint="Back quotes ` at both ends: between other quotes the gap is shown as it is typed.",
            )
    for constant in script.constants_given_anew():
        name = text_of(constant)
        raise Broken(
            expected="What gets another value later is declared by `let`.",
            seen=f"`{name}`, which is given one in line {line_of(constant)} of chat.js, by `const`",
            hint=f"`let {name} = …`: a `const` keeps its first value, and the browser stops "
            "where it is given another one.",
        )
    for call in script.not_waited_for():
        raise Broken(
            expected="What comes later is waited for.",
            seen=f"`{text_of(call)[:SNIPPET]}`, in line {line_of(call)} of chat.js, is used at once",
            hint="`await` in front of it: until then there is only the promise of an answer.",
        )
    for call in script.called_too_early():
        name = text_of(call).partition("(")[0]
        raise Broken(
            expected=f"`{name}` is called when its time comes.",
            seen=f"`{text_of(call)}`, in line {line_of(call)} of chat.js, calls it at once",
            hint=f"Hand the function over, without (): `{name}`.",
        )


@promise(since="04")
def the_script_names_what_is_there(chat: Stage) -> None:
    """The script names only what is there: its own names, and parts of the page."""
    script, page = own_script(chat), read_chat(chat)
    unknown = script.undeclared()
    if unknown:
        other = meant(unknown[0], sorted(script.declared() | BROWSERS_OWN))
        raise Broken(
            expected="Every name in chat.js is declared: `const name = …`, or is the browser's own.",
            seen=f"used, but never declared: {', '.join(unknown)}",
            hint=f"Is `{unknown[0]}` spelt the same everywhere? Or is its line `const "
            f"{unknown[0]} = …` missing? The browser stops there."
            + (f" There is `{other}`." if other else ""),
        )
    for method, wanted in script.selectors():
        selector = f"#{wanted}" if method == "getElementById" else wanted
        if not _finds(page, selector):
            raise Broken(
                expected=f'`{method}("{wanted}")` finds an element of the chat page.',
                seen=f"nothing; {_there(page, selector)}",
                hint=_how_to_find(page, wanted),
            )


@promise(since="04")
def the_script_sends_new_message(chat: Stage) -> None:
    """The page's script sends what is typed as `new_message`."""
    script = own_script(chat)
    if "new_message" not in script.events("socket.emit"):
        raise Broken(
            expected='chat.js calls `socket.emit("new_message", …)`.',
            seen=f"its calls: {script.events('socket.emit') or 'none to socket.emit'}",
            hint="The event has the same name on both sides: new_message.",
        )
    if "preventDefault" not in methods_called(script.root):
        raise Broken(
            expected="The script keeps the browser on the page when the form is sent.",
            seen="no call to preventDefault",
            hint="Without `event.preventDefault()` the browser sends the form itself and leaves.",
        )


@promise(since="05")
def the_script_shows_messages_as_text(chat: Stage) -> None:
    """The page's script listens to `new_message` and shows it as text."""
    script = own_script(chat)
    listeners = script.callbacks("socket.on", "new_message")
    if not listeners:
        raise Broken(
            expected='chat.js listens: `socket.on("new_message", …)`.',
            seen=f"it listens to: {script.events('socket.on') or 'nothing'}",
            hint="The event has the same name on both sides: new_message. "
            "Behind it stands a function, or the name of one.",
        )
    words = {text_of(node) for node in walk(script.root)}
    if words & {"innerHTML", "insertAdjacentHTML"}:
        raise Broken(
            expected="The script shows a message with `textContent`.",
            seen="innerHTML",
            hint="innerHTML would run whatever somebody sends. `textContent` shows it as text.",
        )
    page = read_chat(chat)
    template = page.find("template", id="message-template")
    if not isinstance(template, Tag) or not (
        template.find(class_="author") and template.find(class_="text")
    ):
        raise Broken(
            expected='The page has `<template id="message-template">` with author and text.',
            seen=str(template)[:160] if template else "no such template",
            hint='The macro makes it: `{{ message_line("", "") }}` inside the template tag.',
        )
    if not any(methods_called(each) & INTO_THE_PAGE for each in script.reached(listeners)):
        raise Broken(
            expected="The listener puts the new line into the page.",
            seen="it makes a line, and puts it nowhere",
            hint="At its end: `log.append(line)`.",
        )


def who_sends_sees_it(chat: Stage) -> None:
    """Ask that the acknowledgement shows the message, as the listener does. Raises Broken."""
    script = own_script(chat)
    shown = script.named_callbacks("socket.on", "new_message")
    if not shown & script.named_callbacks("socket.emit", "new_message"):
        raise Broken(
            expected="When the acknowledgement comes, chat.js shows the message to who sent it.",
            seen="the server leaves the sender out, and the page does not show it by itself",
            hint="Give the listener's function a name, `showMessage`, and call "
            "`showMessage(message)` where the acknowledgement is ok.",
        )


def own_script(chat: Stage) -> Script:
    """Return the stage's chat.js, read."""
    return Script(visit(chat, "/static/chat.js").text)


def _there(page: BeautifulSoup, selector: str) -> str:
    if "." not in selector:
        return f"the ids there are {[attribute(tag, 'id') for tag in page(id=True)]}"
    classes = {each for tag in page(class_=True) for each in tag.get_attribute_list("class")}
    return f"the classes there are {sorted(classes)}"


def _how_to_find(page: BeautifulSoup, wanted: str) -> str:
    if page.find(id=wanted):
        return f"An id is looked for with # before it: `#{wanted}`."
    if page.find(class_=wanted):
        return f"A class is looked for with a dot before it: `.{wanted}`."
    name, sign = ("class", "a dot") if "." in wanted else ("id", "#")
    return (
        f"The text in quotes and the `{name}` in chat.html must be the same, letter by letter, and "
        f"{'a class' if name == 'class' else 'an id'} needs {sign} before it."
    )


def _finds(page: BeautifulSoup, selector: str) -> bool:
    """Tell whether a selector finds something in the page, or in what its templates hold."""
    held = (BeautifulSoup(each.decode_contents(), "html.parser") for each in page("template"))
    try:
        return any(part.select_one(selector) for part in (page, *held))
    except soupsieve.SelectorSyntaxError:
        return False
