"""Events are handled in the order in which they arrive."""

import threading

from engineio.packet import MESSAGE, Packet

from workshop import in_order


def test_an_event_is_handled_after_the_one_before_it() -> None:
    engine, seen, both = in_order.Client().eio, [], threading.Event()

    def handle(data: str) -> None:
        if data == "first":
            both.wait(0.2)  # with a thread for each packet, the second one comes first
        seen.append(data)
        if len(seen) == 2:
            both.set()

    engine.handlers["message"] = handle
    for data in ("first", "second"):
        engine._receive_packet(Packet(MESSAGE, data))
    assert both.wait(5)
    assert seen == ["first", "second"]
