"""The address at which the reader's browser reaches a page of a stage.

A learner's page is foreign code, so at home it never has JupyterLab's own origin: JupyterLab and the
pages are both at `localhost`, each on its own port. To the browser, another port is another origin,
so a script in a page reaches nothing in JupyterLab; but it is the same site, so cookies are sent.
(127.0.0.1 inside localhost would be another site.)
"""

import os
from pathlib import Path

# Forms and downloads are part of the chat. What is not listed, such as leaving the notebook by
# navigating the whole tab, is not allowed.
SANDBOX = "allow-scripts allow-same-origin allow-forms allow-downloads"
FORWARDING = "GITHUB_CODESPACES_PORT_FORWARDING_DOMAIN"
BELOW_A_HUB = (
    "This page shares an address with JupyterLab here, so a script in it can do whatever you can do: "
    "read and change your files, and open a terminal."
)


def address(port: int, path: str) -> str:
    """Return the address of `path` on a stage's port.

    Below a hub only its proxy reaches a port, and in a Codespace only GitHub's.
    """
    if prefix := hub_prefix():
        return f"{prefix}proxy/{port}{path}"
    if host := codespace_host(port):
        return f"https://{host}{path}"
    return f"http://localhost:{port}{path}"


def sandbox(folder: Path) -> str:
    """Return what a frame lets a stage's pages do; they open a tab only if a template says so."""
    templates = (path.read_text("utf-8", "replace") for path in folder.glob("templates/*.html"))
    opens_tabs = any('target="_blank"' in template for template in templates)
    return f"{SANDBOX} allow-popups" if opens_tabs else SANDBOX


def proxied_names() -> str:
    """Return the hosts at which a proxy serves the pages, as CHAT_HOSTS has them; "" without one.

    The name of a hub is not known here, so it is "*": every name.
    """
    if hub_prefix():
        return "*"
    return f".{os.environ[FORWARDING]}" if codespace_host(0) else ""


def hub_prefix() -> str | None:
    """Return the path where a JupyterHub serves this person's JupyterLab; None without a hub."""
    return os.environ.get("JUPYTERHUB_SERVICE_PREFIX")


def codespace_host(port: int) -> str | None:
    """Return the host at which GitHub forwards a port of this Codespace; None when it is none."""
    name, domain = os.environ.get("CODESPACE_NAME"), os.environ.get(FORWARDING)
    return f"{name}-{port}.{domain}" if name and domain else None
