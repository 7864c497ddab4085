"""The promise of step 09 about a room's page: what its script finds there."""

from urllib.parse import urljoin, urlsplit

from bs4 import Tag

from workshop.contract.browse import attribute, read_chat
from workshop.contract.promise import Broken, promise
from workshop.contract.rooms import make_room, rooms_of
from workshop.stages import Stage


@promise(since="09")
def a_rooms_page_knows_where_it_is(chat: Stage) -> None:
    """The page of a room says the room's number, and from where its addresses count."""
    room = make_room(chat, "Ada")
    path = rooms_of(chat).room_page(chat, room)
    page = read_chat(chat, "Ada", path)
    number = attribute(page.body, "data-room") if page.body else ""
    if number != str(room):
        raise Broken(
            expected=f'The page {path} begins with `<body data-room="{room}" …>`.',
            seen=f'data-room="{number}"' if number else "no data-room",
            hint='`data-room="{{ room_id }}"`, under the name that `render_template` is given; chat.js '
            "reads it as `document.body.dataset.room`.",
        )
    base = page.find("base", href=True)
    start = attribute(base, "href") if isinstance(base, Tag) else ""
    socket = urlsplit(urljoin(urljoin(chat.url + path, start), "socket.io")).path
    if socket != "/socket.io":
        raise Broken(
            expected=f"From {path}, the address `socket.io` leads to `/socket.io`.",
            seen=f"it leads to `{socket}`",
            hint="In the head: `<base href=\"{{ url_for('index') }}\">`. Without it, an address counts "
            "from the page that one is on.",
        )
