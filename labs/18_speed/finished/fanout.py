"""The broadcast of the finished chat, in the smallest one."""

from final_app.wire.fanout import Manager as Fanout

__all__ = ["Fanout"]
