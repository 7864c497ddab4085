"""The address at which the reader's browser reaches a page of a stage.

A learner's page is untrusted code, so on your own machine it never has JupyterLab's origin. JupyterLab
and the pages are all at `localhost`, but on different ports. For the browser, a different port is a
different origin, so a script in a page cannot reach JupyterLab. The pages still belong to the same site
as JupyterLab, so the browser sends their cookies. With 127.0.0.1, they would belong to another site.
"""

import os
from pathlib import Path

# The chat needs forms and downloads. Everything that is not listed here is forbidden. For example, a
# page cannot navigate the whole tab away from the notebook.
SANDBOX = "allow-scripts allow-same-origin allow-forms allow-downloads"
FORWARDING = "GITHUB_CODESPACES_PORT_FORWARDING_DOMAIN"
BELOW_A_HUB = (
    "On this server, the page shares an address with JupyterLab. A script in the page can therefore do "
    "whatever you can do: read and change your files, and open a terminal."
)


def address(port: int, path: str) -> str:
    """Return the address of `path` on a stage's port.

    On a hub, you can reach a port only through the hub's proxy. In a Codespace, you can reach it only
    through GitHub's proxy.
    """
    if prefix := hub_prefix():
        return f"{prefix}proxy/{port}{path}"
    if host := codespace_host(port):
        return f"https://{host}{path}"
    return f"http://localhost:{port}{path}"


def sandbox(folder: Path) -> str:
    """Return the value of the `sandbox` attribute for a stage's pages.

    The pages can open new tabs only if a template contains a link that does this.
    """
    templates = (path.read_text("utf-8", "replace") for path in folder.glob("templates/*.html"))
    opens_tabs = any('target="_blank"' in template for template in templates)
    return f"{SANDBOX} allow-popups" if opens_tabs else SANDBOX


def proxied_names() -> str:
    """Return the hosts at which a proxy serves the pages, in the form of CHAT_HOSTS.

    Without a proxy, return "". For a hub, return "*", which means every name, because the hub's name is
    unknown here.
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
