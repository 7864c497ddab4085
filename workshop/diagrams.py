"""A sequence diagram of what clients sent and received, drawn from their own packets.

    ada, bo = cast(chat, "Ada", "Bo")
    ada.call("new_message", {"text": "Hello"})
    sequence(ada, bo)

Clients receive the same broadcast at slightly different times. The diagram shows the broadcast once,
and its order agrees with what each client received. Therefore the diagram is the same on every run.
"""

import html
import json
from collections.abc import Iterator
from dataclasses import dataclass, field

import socketio

from workshop.clients import Packet, frame_text, meaning, name_of, split_packet, tape_of
from workshop.views import View

SERVER = "Server"
# The following values are in units of the drawing.
LANE, ROW, TOP, SIDE, END = 96, 32, 50, 56, 16
HEAD = 8  # the length of an arrow's head
GAP, WORDS = 24, 490  # the space before the column of contents, and the width of this column
MOST_WORDS = 58  # characters that fit into the column
INK, CARD, EDGE = "#1b1e2b", "#ffffff", "#c9ccd8"
COLOURS = {"Ada": "#1f5fbf", "Bo": "#a8430b", "Cy": "#2f6b3a"}  # the same as in the other pictures
ANOTHER_COLOUR = "#6b3fa0"
SERVERS_COLOUR = "#4a4f63"
NAMES = {"0": "connect", "1": "disconnect", "3": "acknowledgement", "4": "refused"}


@dataclass(frozen=True)
class Message:
    """The content of a Socket.IO packet: the name of an event or "acknowledgement", and its data."""

    sent: bool
    name: str
    data: str
    owner: str  # the client; "" for an event from the server, which other clients receive as well
    count: int  # the number of equal messages before this one
    at: float = field(compare=False)


@dataclass(frozen=True)
class Row:
    """One arrow: from a person to the server, or from the server to one or more people."""

    message: Message
    people: list[str]

    def __str__(self) -> str:
        people = ", ".join(self.people)
        ends = (people, SERVER) if self.message.sent else (SERVER, people)
        return f"{ends[0]} → {ends[1]}: {self.message.name} {self.message.data}".rstrip()


def sequence(*clients: socketio.SimpleClient) -> View:
    """Draw the packets of clients that `cast` has connected, from top to bottom.

    Raises TypeError if a client has no tape, or if no client is given.
    """
    if not clients:
        raise TypeError("Expected one or more clients, as in sequence(ada, bo).")
    people = [name_of(client) for client in clients]
    rows = in_order({
        name: messages(tape_of(client).packets, name)
        for name, client in zip(people, clients, strict=True)
    })  # fmt: skip
    return View("\n".join(map(str, rows)), drawing(people, rows))


def messages(packets: list[Packet], owner: str) -> list[Message]:
    """Return the messages in a client's packets, in order."""
    found: list[Message] = []
    for packet in filter(meaning, packets):
        kind, _, payload = split_packet(frame_text(packet))
        values = payload if isinstance(payload, list) else [payload]
        is_event = kind == "2"
        name = str(values.pop(0)) if is_event else NAMES[kind]
        data = ", ".join(json.dumps(value, ensure_ascii=False) for value in values if value)
        belongs = "" if is_event and not packet.sent else owner
        before = sum((each.name, each.data, each.owner) == (name, data, belongs) for each in found)
        found.append(Message(packet.sent, name, data, belongs, before, packet.at))
    return found


def in_order(tapes: dict[str, list[Message]]) -> list[Row]:
    """Return the rows of the diagram for the messages of several people.

    The messages that people sent are in the order of their calls. Exact times differ on every run, so
    between two calls, the rows first show what the first person received, and then the next person.
    """
    received: dict[Message, float] = {}  # the time when the first person received the message
    for message in (each for tape in tapes.values() for each in tape if not each.sent):
        received[message] = min(message.at, received.get(message, message.at))
    calls = sorted(
        (each.at, name, each) for name, tape in tapes.items() for each in tape if each.sent
    )
    rows: list[Row] = []
    for number in range(len(calls) + 1):
        begin = calls[number - 1][0] if number else 0.0
        end = calls[number][0] if number < len(calls) else float("inf")
        now = {
            name: [each for each in tape if not each.sent and begin <= received[each] < end]
            for name, tape in tapes.items()
        }
        rows += _joined(now)
        rows += [Row(each, [name]) for _, name, each in calls[number : number + 1]]
    return rows


def _joined(left: dict[str, list[Message]]) -> Iterator[Row]:
    """Yield one row for each received message, in an order that agrees with every person's order."""
    while heads := [rest[0] for rest in left.values() if rest]:
        free = (head for head in heads if all(head not in rest[1:] for rest in left.values()))
        message = next(free, heads[0])
        people = [name for name, rest in left.items() if rest[:1] == [message]]
        for name in people:
            del left[name][0]
        yield Row(message, people)


def drawing(people: list[str], rows: list[Row]) -> str:
    """Return the diagram as SVG. Each person and the server have a lane, and each arrow has a row."""
    lanes = {name: SIDE + LANE * number for number, name in enumerate([*people, SERVER])}
    colours = {name: COLOURS.get(name, ANOTHER_COLOUR) for name in people}
    colours[SERVER] = SERVERS_COLOUR
    width, height = lanes[SERVER] + GAP + WORDS, TOP + ROW * len(rows) + END
    parts = [f'<rect width="{width}" height="{height}" rx="10" fill="{CARD}" stroke="{EDGE}"/>']
    for name, x in lanes.items():
        parts.append(
            f'<path d="M{x} 42V{height - END}" stroke="{colours[name]}" stroke-opacity=".4"/>'
            f'<rect x="{x - 42}" y="12" width="84" height="28" rx="8" fill="{colours[name]}"/>'
            f'<text x="{x}" y="31" fill="{CARD}" text-anchor="middle" font-weight="700">'
            f"{html.escape(name)}</text>"
        )
    for number, row in enumerate(rows):
        parts += _arrow(row, lanes, colours, TOP + ROW * number + ROW // 2)
    title = f"What {', '.join(people)} and the server sent to each other"
    return (
        f'<div style="overflow-x: auto"><svg xmlns="http://www.w3.org/2000/svg" role="img" '
        f'aria-label="{html.escape(title)}" viewBox="0 0 {width} {height}" width="{width}" '
        f'height="{height}" style="max-width: none" font-family="system-ui, sans-serif" font-size="14">'
        f"{''.join(parts)}</svg></div>"
    )


def _arrow(row: Row, lanes: dict[str, int], colours: dict[str, str], y: int) -> list[str]:
    """Return the SVG elements of one row: a line, its arrowheads, and the content of the message."""
    ends, server = [lanes[name] for name in row.people], lanes[SERVER]
    colour = colours[row.people[0] if row.message.sent else SERVER]
    dashes = ' stroke-dasharray="5 4"' if row.message.name in NAMES.values() else ""
    heads = [(server, -HEAD)] if row.message.sent else [(x, HEAD) for x in ends]
    name, data = row.message.name, row.message.data
    room = MOST_WORDS - len(name)
    shown = data if len(data) <= room else f"{data[:room]}…"
    return [
        f'<path d="M{min(ends)} {y}H{server}" stroke="{colour}" stroke-width="1.6"{dashes}/>',
        *(f'<path d="M{x} {y}l{way} -5v10z" fill="{colour}"/>' for x, way in heads),
        f'<text x="{server + GAP}" y="{y + 5}" fill="{INK}"><title>{html.escape(data)}</title>'
        f'<tspan font-weight="700">{html.escape(name)}</tspan> {html.escape(shown)}</text>',
    ]
