"""Promises about chat.js, 04 and 05. It is read by its grammar, not run: try it in the page."""

import soupsieve
from bs4 import BeautifulSoup, Tag

from workshop.contract.browse import attribute, read_chat, visit
from workshop.contract.grammar import Script, methods_called, text_of, walk
from workshop.contract.promise import Broken, promise
from workshop.stages import Stage

INTO_THE_PAGE = {"append", "appendChild", "prepend", "before", "after", "insertBefore",
                 "insertAdjacentElement", "replaceChildren"}  # fmt: skip


@promise(since="04")
def the_script_can_be_read(chat: Stage) -> None:
    """A browser can read the page's script."""
    line = own_script(chat).unreadable_line()
    if line is not None:
        raise Broken(
            expected="chat.js keeps to the grammar of JavaScript.",
            seen=f"something is missing, or too much, near line {line} of chat.js",
            hint=f"Compare line {line} and the one above it with the step: every ( [ {{ and every "
            "quote needs its partner. Until then the browser runs nothing of the file.",
        )


@promise(since="04")
def the_script_names_what_is_there(chat: Stage) -> None:
    """The script names only what is there: its own names, and parts of the page."""
    script, page = own_script(chat), read_chat(chat)
    unknown = script.undeclared()
    if unknown:
        raise Broken(
            expected="Every name in chat.js is declared: `const name = …`, or is the browser's own.",
            seen=f"used, but never declared: {', '.join(unknown)}",
            hint=f"Is `{unknown[0]}` spelt the same everywhere? Or is its line `const "
            f"{unknown[0]} = …` missing? The browser stops there.",
        )
    for method, wanted in script.selectors():
        selector = f"#{wanted}" if method == "getElementById" else wanted
        if not _finds(page, selector):
            raise Broken(
                expected=f'`{method}("{wanted}")` finds an element of the chat page.',
                seen=f"nothing; the ids there are {[attribute(t, 'id') for t in page(id=True)]}",
                hint=f"An id is looked for with # before it: `#{wanted}`."
                if page.find(id=wanted)
                else "The text in quotes and the `id` in chat.html must be the same, letter by "
                "letter, and an id needs # before it.",
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


def _finds(page: BeautifulSoup, selector: str) -> bool:
    """Tell whether a selector finds something in the page, or in what its templates hold."""
    held = (BeautifulSoup(each.decode_contents(), "html.parser") for each in page("template"))
    try:
        return any(part.select_one(selector) for part in (page, *held))
    except soupsieve.SelectorSyntaxError:
        return False
