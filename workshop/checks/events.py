"""Events over the socket: messages, their acknowledgements, and the broadcast."""

from workshop.checks.client import entered
from workshop.checks.families import family_of, has_come_to
from workshop.checks.patience import patience
from workshop.checks.promise import attempted, exercise, expect, promise
from workshop.checks.sources import speaks_of
from workshop.checks.speakers import fields, fresh_name
from workshop.checks.visitors import INNER, Visitor, visitors
from workshop.stages import Stage

BROADCAST = (
    'Is the line `emit("new_message", message, broadcast=True)` in the handler, above its `return`? '
    "`emit` alone answers only the sender, and `send` always uses the event `message`."
)
TO_THE_ROOM = (
    "Is the line `emit(…)` there, above the `return`? Its `to=` must be the room's number, as in "
    "`join_room`: `to=room.id`."
)


@promise(since="socketio", final_app=True)
def a_message_is_acknowledged(chat: Stage) -> None:
    """The server acknowledges each message with `{"ok": true}`."""
    with entered(chat, "Ada") as (ada,):
        answer = ada.say("Hello")
    expect(fields(answer).get("ok") is True, 'The acknowledgement is {"ok": true}.', f"{answer!r}",
           'The acknowledgement is what the handler returns. Put the decorator directly above the '
           'handler, and end the handler itself, not a function below it, with `return {"ok": True, '
           '…}`. If a check refuses this message, it is wrong, because Ada may write here.')  # fmt: skip


@promise(since="socketio", until="broadcast")
def a_plain_text_comes_back_as_message(chat: Stage) -> None:
    """Plain text comes back as the event `message`, which `send` emits."""
    with entered(chat, "Ada") as (ada,):
        ada.emit("message", "Hello")
        seen = ada.hear("message")
    expect(seen == "Hello",
           "When Ada sends `message` with “Hello”, the event `message` comes back with “Hello”.",
           "nothing" if seen is None else f"{seen!r}",
           'Is `@socketio.on("message")` there, and does its function call `send(text)`, without '
           "`include_self=False`?")  # fmt: skip


@promise(since="broadcast", final_app=True)
def everyone_else_hears_it(chat: Stage) -> None:
    """Everyone else receives `new_message` with the message in it."""
    wanted = {"text": "Hello"} | ({"username": "Ada"} if family_of(chat).signed else {})
    if has_come_to(chat, "author"):
        hint = "Send the text from the payload, with the name of whoever opened the connection."
    else:
        hint = "Pass the whole object on: the second argument of `emit` is `message`."
    with entered(chat, "Ada", "Bo", "Cy") as (ada, bo, cy):
        ada.say("Hello")
        for name, listener in (("Bo", bo), ("Cy", cy)):
            seen = listener.hear("new_message")
            instead = [event for event, _ in listener.heard()]
            expect(seen is not None, f"{name} receives `new_message` when Ada sends one.",
                   f"{name} received {instead or 'nothing'}",
                   TO_THE_ROOM if has_come_to(chat, "rooms") else BROADCAST)  # fmt: skip
            expect(wanted.items() <= fields(seen).items(),
                   f"{name} receives {ada.payload('Hello')!r} when Ada sends it.", f"{seen!r}",
                   hint)  # fmt: skip


@promise(since="broadcast", final_app=True)
def the_sender_hears_it_too(chat: Stage) -> None:
    """The sender receives `new_message` too."""
    with entered(chat, "Ada") as (ada,):
        ada.say("Hello")
        expect(ada.hear("new_message") is not None, "Ada, who sent it, receives `new_message` too.",
               f"nothing within {patience():.0f} s",
               "Her page shows only what the server sends, so she would not see her own message. "
               "Is the `emit` line missing? Or does `include_self=False` exclude her?")  # fmt: skip


@promise(since="broadcast", final_app=True)
def each_message_once_and_in_order(chat: Stage) -> None:
    """Each message arrives once, and messages arrive in the order in which they were sent."""
    sent = [f"message {number}" for number in range(1, 6)]
    with entered(chat, "Ada", "Bo") as (ada, bo):
        for text in sent:
            ada.say(text)
        seen = [text for text in bo.texts() if text]
    expect(seen == sent, f"Bo receives five messages: {sent}.", f"{seen}",
           "Is there a second `emit` (or `socketio.emit`)? Is `async_handlers=False` in the "
           "`SocketIO(…)` line? Without it, every event runs in its own thread, and a later one can "
           "overtake an earlier one.")  # fmt: skip


@promise(since="broadcast", until="broadcast")
def a_plain_text_reaches_everyone(chat: Stage) -> None:
    """Plain text reaches everyone as the event `message`."""
    with entered(chat, "Ada", "Bo") as (ada, bo):
        ada.emit("message", "Hello")
        seen = bo.hear("message")
    expect(seen == "Hello", "Bo receives the event `message` when Ada sends plain text.",
           "nothing" if seen is None else f"{seen!r}",
           "`send` takes the same option as `emit`: `send(text, broadcast=True)`.")  # fmt: skip


@exercise("socketio")
def the_server_can_shout(chat: Stage) -> None:
    """The event `shout` is acknowledged with the text in capitals."""
    text = fresh_name("hello")
    with entered(chat, "Ada") as (ada,):
        answer = ada.attempt("shout", {"text": text})
    # A `Namespace` also acknowledges events for which it has no method, with an empty answer.
    attempted(answer is not None or speaks_of(chat, "shout"),
              "The event `shout` is acknowledged.", "an empty acknowledgement",
              "Start with a method `on_shout`.")  # fmt: skip
    expect(fields(answer).get("text") == text.upper() and fields(answer).get("ok") is True,
           f'`shout` with {{"text": "{text}"}} is acknowledged with '
           f'{{"ok": true, "text": "{text.upper()}"}}.', f"{answer!r}",
           'Return the object: `return {"ok": True, "text": message["text"].upper()}`.')  # fmt: skip


@exercise("broadcast")
def a_wave_reaches_everyone(chat: Stage) -> None:
    """When somebody waves, everyone receives the event `wave` with the name, and the page shows it."""
    with entered(chat, "Ada", "Bo") as (ada, bo):
        ada.emit("wave", {"username": "Ada"})
        heard = {who.name: who.told("wave") for who in (ada, bo)}
    attempted(any(heard.values()),
              "When Ada emits `wave`, everyone receives the event `wave`.", "nobody does",
              'Write a function below `@socketio.on("wave")`. It calls `emit("wave", …)`.')  # fmt: skip
    for name, events in heard.items():
        expect(events == [{"username": "Ada"}],
               f'{name} receives `wave` with {{"username": "Ada"}}, once.', f"{events or 'nothing'}",
               'Pass on the object that arrived: `emit("wave", person, broadcast=True)`.')  # fmt: skip
    with visitors(chat, "Ada", "Bo") as (page, bos):
        page.clicks("#message-input", "the field")
        page.types("#message-input", "Tea?")
        page.clicks("#wave", "“Wave”")
        bos.did = page.did
        for each in (page, bos):
            _says_who_waves(each, page.called)
        waves = [len(each.sent("wave")) for each in (page, bos)]
        expect(waves == [1, 0],
               "If Ada clicks on “Wave” once, her page emits `wave` once, and Bo's page never does.",
               f"Ada clicked on the field, and then on “Wave”. Her page emitted {waves[0]}, and Bo's "
               f"page emitted {waves[1]}.",
               "Only a click on the button emits `wave`: the callback belongs to the element `#wave`. "
               "The listener for `wave` shows who waves, and emits nothing. Otherwise, the pages send "
               "each other waves forever.", about="static/chat.js")  # fmt: skip
        expect(not page.sent("new_message"), "A click on “Wave” does not send what Ada has typed.",
               "it sends the form", 'Write `type="button"` into the tag of the Wave button.',
               about="templates/chat.html")  # fmt: skip
        bos.did = "Somebody called <b>Cy</b> waved."
        with entered(chat, "Cy") as (cy,):
            cy.emit("wave", {"username": "<b>Cy</b>"})
            bos.expects(
                lambda: "<b>Cy</b>" in bos.page.text("#status"),
                "If somebody called <b>Cy</b> waves, the page shows this name as text.", INNER,
                lambda: f"The status line says “{bos.page.text('#status')}”.",
            )  # fmt: skip


def _says_who_waves(visitor: Visitor, name: str) -> None:
    def said() -> str:
        return visitor.page.text("#status").strip()

    expected = f"{visitor.name}'s page says that Ada waves."
    hint = (
        "When somebody clicks the button, emit `wave` with an object that contains their name. In "
        '`socket.on("wave", (person) => …)`, set `statusLine.textContent`.'
    )
    visitor.expects(lambda: name in said(), expected, hint,
                    lambda: f"The status line says “{said()}”.")  # fmt: skip
