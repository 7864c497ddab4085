"""The address at which the reader's browser reaches a page of a stage.

A learner's page is untrusted code, so on your own machine it never has JupyterLab's origin. JupyterLab
and the pages are both at `localhost`, each on its own port. For the browser, another port is another
origin, so a script in a page cannot reach JupyterLab. It is still the same site, so the browser sends
cookies. (127.0.0.1 inside localhost would be another site.)
"""

import os
from pathlib import Path

# Forms and downloads are part of the chat. Everything that is not listed is forbidden, such as
# navigating the whole tab away from the notebook.
SANDBOX = "allow-scripts allow-same-origin allow-forms allow-downloads"
FORWARDING = "GITHUB_CODESPACES_PORT_FORWARDING_DOMAIN"
BELOW_A_HUB = (
    "On this server, the page shares an address with JupyterLab. A script in the page can therefore do "
    "whatever you can do: read and change your files, and open a terminal."
)


def address(port: int, path: str) -> str:
    """Return the address of `path` on a stage's port.

    On a hub, you can reach a port only through its proxy, and in a Codespace only through GitHub's.
    """
    if prefix := hub_prefix():
        return f"{prefix}proxy/{port}{path}"
    if host := codespace_host(port):
        return f"https://{host}{path}"
    return f"http://localhost:{port}{path}"


def sandbox(folder: Path) -> str:
    """Return what a frame allows a stage's pages to do.

    They can open tabs only if a template has such a link.
    """
    templates = (path.read_text("utf-8", "replace") for path in folder.glob("templates/*.html"))
    opens_tabs = any('target="_blank"' in template for template in templates)
    return f"{SANDBOX} allow-popups" if opens_tabs else SANDBOX


def proxied_names() -> str:
    """Return the hosts at which a proxy serves the pages, as in CHAT_HOSTS, or "" without a proxy.

    The name of a hub is unknown here, so for a hub, the answer is "*", which means every name.
    """
    if hub_prefix():
        return "*"
    return f".{os.environ[FORWARDING]}" if codespace_host(0) else ""


def hub_prefix() -> str | None:
    """Return the path where a JupyterHub serves this person's JupyterLab, or None without a hub."""
    return os.environ.get("JUPYTERHUB_SERVICE_PREFIX")


def codespace_host(port: int) -> str | None:
    """Return the host at which GitHub forwards a port of this Codespace, or None outside a Codespace."""
    name, domain = os.environ.get("CODESPACE_NAME"), os.environ.get(FORWARDING)
    return f"{name}-{port}.{domain}" if name and domain else None
