"""A server of the chat starts faster if it does not import what it does not need.

This module imports nothing else, because a stage loads it before gevent patches the standard library.
"""

import sys
from importlib.abc import MetaPathFinder


class WithoutAsyncio(MetaPathFinder):
    """Prevent python-socketio from importing aiohttp and tornado, which takes a third of the start time.

    If these packages are installed, python-socketio imports them for its asyncio clients and servers.
    JupyterLab installs both. The application itself can still import them.
    """

    @staticmethod
    def find_spec(name: str, path: object = None, target: object = None) -> None:
        packages = [sys.modules[each] for each in ("engineio", "socketio") if each in sys.modules]
        are_complete = all(hasattr(each, "__all__") for each in packages)  # in the last line
        if name in ("aiohttp", "tornado") and not are_complete:
            raise ModuleNotFoundError(f"python-socketio does without {name} here.", name=name)
