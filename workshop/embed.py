"""The address under which a page of a stage can be shown inside a notebook.

A page at 127.0.0.1 inside JupyterLab at localhost is another site to the browser, and its cookies
are not sent. So pages go through Jupyter's own proxy where there is one: same host, same port.
"""

import os
from functools import cache
from importlib.util import find_spec


def address(port: int, path: str) -> str:
    """Return the address of `path` on a stage's port, as the reader's browser can reach it."""
    base = jupyter_base()
    return f"{base}proxy/{port}{path}" if base else f"http://localhost:{port}{path}"


@cache
def jupyter_base() -> str | None:
    """Return the base path of the Jupyter server that started this kernel; None when none did."""
    if not find_spec("jupyter_server_proxy") or not os.environ.get("JPY_PARENT_PID"):
        return None
    hub = os.environ.get("JUPYTERHUB_SERVICE_PREFIX")
    if hub:
        return hub
    from jupyter_server.serverapp import list_running_servers

    parents = {os.getppid(), int(os.environ["JPY_PARENT_PID"])}
    for server in list_running_servers():
        if server["pid"] in parents:
            return str(server["base_url"])
    return None
