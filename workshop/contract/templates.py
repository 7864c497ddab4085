"""Promises about a template's gaps: what the page would show if there were something to show."""

import ast
from typing import Any

from bs4 import BeautifulSoup
from jinja2 import ChainableUndefined, FileSystemLoader, TemplateError
from jinja2.sandbox import SandboxedEnvironment

from workshop.contract.browse import text_of
from workshop.contract.promise import Broken, promise
from workshop.stages import Stage

MESSAGE = {"username": "Cy", "text": "A thimble"}


@promise(since="03", until="06")
def what_stands_in_messages_would_be_shown(chat: Stage) -> None:
    """The chat page would show what stands in `messages`: who wrote it, and the text."""
    given = _given_to_the_page(chat)
    if given is not None and "messages" not in given:
        raise Broken(
            expected="The page is given the list: `messages=messages`.",
            seen=f"given: {', '.join(given) or 'nothing'}",
            hint='`render_template("chat.html", …)` in app.py: a loop over what nobody gave shows '
            "nothing, and says nothing.",
        )
    page = BeautifulSoup(_page_with_a_message(chat), "html.parser")
    lines = [text_of(line) for line in page.select("#chat-messages .message")]
    if len(lines) != 1 or not all(part in lines[0] for part in MESSAGE.values()):
        raise Broken(
            expected=f"With {MESSAGE} in `messages` the log has one line, and both are in it.",
            seen=str(lines) if lines else "no line",
            hint="`{% for message in messages %}`, and in the gaps `message.username` and "
            "`message.text`: a misspelt name is an empty gap, and no error.",
        )


def _given_to_the_page(chat: Stage) -> list[str] | None:
    """Return the names that app.py gives to chat.html; None where that cannot be told."""
    for node in ast.walk(ast.parse((chat.folder / "app.py").read_text(encoding="utf-8"))):
        match node:
            case ast.Call(args=[ast.Constant(value="chat.html")], keywords=given):
                names = [keyword.arg for keyword in given]
                return None if None in names else [name for name in names if name]
    return None


def _page_with_a_message(chat: Stage) -> str:
    """Render chat.html as it is, with one message; whatever else it asks for is empty."""

    def nowhere(*_: Any, **__: Any) -> str:
        return ""

    templates = SandboxedEnvironment(
        loader=FileSystemLoader(chat.folder / "templates"),
        autoescape=True,
        undefined=ChainableUndefined,
    )
    try:
        template = templates.get_template("chat.html", globals={"url_for": nowhere})
        return template.render(username="Ada", messages=[MESSAGE])
    except (TemplateError, TypeError) as problem:
        raise Broken(
            expected="chat.html can show a message.",
            seen=f"{type(problem).__name__}: {problem}",
            hint="The empty list hides it: the lines inside of `{% for message in messages %}` are "
            "read only when there is a message. Compare them with the step.",
        ) from None
