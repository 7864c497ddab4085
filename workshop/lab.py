"""Open the learner's copies of the notebooks in a local JupyterLab, which asks no questions."""

import contextlib
import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

from workshop import paths
from workshop.run import free

FIRST_PORT = 8888
HERE = Path(__file__).resolve().parent
TERMINAL = HERE / "terminal"
OWN_WAYS = {
    # These settings prevent a question about news on the first day, and open HTML files as text.
    "LabApp.app_settings_dir": str(HERE / "lab_settings"),
    # This extension leaves HTML in the editor as it was typed.
    "LabApp.extra_labextensions_path": str(HERE / "lab_extensions"),
}
CHANGES_PYTHON = ("PYTHONHOME", "PYTHONPATH", "PYTHONOPTIMIZE")  # what runs, or what is left out
ORIGINALS = ".originals.json"  # next to the copies: the notebooks from which they were copied


def open_notebooks(browser: bool = True, port: int | None = None) -> int:
    """Copy new notebooks to `mine/notebooks`, then replace this process with JupyterLab.

    Without `port`, JupyterLab uses 8888 or the next free port. Raises OSError if `port` is taken. This
    function returns only on Windows. It then returns JupyterLab's exit code.
    """
    if port:
        free(port)
    for notebook in copy_notebooks():
        print(f"Copied to {shown(notebook)}")
    for notebook in changed_since_copied():
        print(
            f"{shown(notebook)}: the workshop has a newer version of this notebook. Yours was kept.\n"
            "  To get the new version, rename yours and start again."
        )
    print("JupyterLab is starting. Press Ctrl+C here to stop it.", flush=True)
    os.chdir(paths.ROOT)  # terminals start here if terminal_command does not support their shell
    return become(lab_command(browser, port), environment())


def copy_notebooks() -> list[Path]:
    """Copy each notebook that the learner does not have yet, without outputs. Return the copies."""
    target = paths.mine() / "notebooks"
    target.mkdir(parents=True, exist_ok=True)
    known = read_originals()
    copied = []
    for original in sorted(paths.NOTEBOOKS.glob("*.ipynb")):
        copy = target / original.name
        if not copy.exists():
            text = without_outputs(original)
            paths.store(copy, text)
            known[copy.name] = digest(text)
            copied.append(copy)
    if copied:
        paths.store(target / ORIGINALS, json.dumps(known, indent=1))
    return copied


def changed_since_copied() -> list[Path]:
    """Return the learner's copies whose original now has different cells. Outputs do not count."""
    return [
        paths.mine() / "notebooks" / name
        for name, then in sorted(read_originals().items())
        if (paths.mine() / "notebooks" / name).exists()
        and (paths.NOTEBOOKS / name).exists()
        and digest(without_outputs(paths.NOTEBOOKS / name)) != then
    ]


def read_originals() -> dict[str, str]:
    try:
        known = json.loads((paths.mine() / "notebooks" / ORIGINALS).read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return dict(known) if isinstance(known, dict) else {}


def without_outputs(notebook: Path) -> str:
    """Return the notebook as text, without execution counts and outputs, which would be spoilers."""
    content = json.loads(notebook.read_text("utf-8"))
    for cell in content["cells"]:
        if cell["cell_type"] == "code":
            cell["outputs"] = []
            cell["execution_count"] = None
    return json.dumps(content, indent=1, ensure_ascii=False) + "\n"


def digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def shown(path: Path) -> str:
    """Return the path as a learner sees it: relative to the workshop's folder, if it is inside."""
    return path.relative_to(paths.ROOT).as_posix() if path.is_relative_to(paths.ROOT) else str(path)


def lab_command(browser: bool, port: int | None) -> list[str]:
    mine = paths.mine()
    root = paths.ROOT if mine.is_relative_to(paths.ROOT) else mine
    start = (mine / "notebooks" / "00_start.ipynb").relative_to(root).as_posix()
    options = {
        "ServerApp.root_dir": str(root),
        "ServerApp.ip": "localhost",
        # With the proxy, a learner's page, which is untrusted code, would have JupyterLab's own origin.
        "ServerApp.jpserver_extensions": repr({"jupyter_server_proxy": False}),
        "ServerApp.port": str(port or FIRST_PORT),
        "ServerApp.port_retries": "0" if port else "50",
        "ServerApp.open_browser": str(browser),
        "ServerApp.answer_yes": "True",  # one Ctrl+C ends JupyterLab, without a question
        # A learner needs only the address, which is printed anyway.
        "ServerApp.log_level": "ERROR",
        "LabApp.log_level": "ERROR",
        "KernelManager.transport_encryption": "auto",  # without this, there would be a warning
        "ServerApp.terminado_settings": repr({"shell_command": terminal_command()}),
        "LabApp.default_url": f"/lab/tree/{start}",
        **OWN_WAYS,
        # Send nothing to any other host.
        "LabApp.news_url": "None",
        "LabApp.check_for_updates_class": "jupyterlab.NeverCheckForUpdate",
        "LabApp.extension_manager": "readonly",
    }
    as_root = ["--allow-root"] if sys.platform != "win32" and os.geteuid() == 0 else []
    settings = [f"--{name}={value}" for name, value in options.items()]
    return [sys.executable, "-m", "workshop.localhost", *settings, *as_root]


def environment() -> dict[str, str]:
    """Return the environment for JupyterLab, its kernels and terminals. This Python is first on PATH."""
    env = {k: v for k, v in os.environ.items() if k not in CHANGES_PYTHON}
    scripts = str(Path(sys.executable).parent)
    env["PATH"] = os.pathsep.join([scripts, env.get("PATH", os.defpath)])
    env["WORKSHOP_BIN"] = scripts
    env["JUPYTERLAB_WORKSPACES_DIR"] = str(paths.mine() / ".jupyterlab")  # stores the open tabs
    env["JUPYTER_PREFER_ENV_PATH"] = "1"  # this kernel must win over one in the home folder
    return env


def terminal_command() -> list[str]:
    """Return the shell for JupyterLab's terminals, with this interpreter's folder first on PATH.

    By default, Jupyter starts a login shell, in which /etc/profile resets PATH.
    """
    scripts = str(Path(sys.executable).parent)
    if sys.platform == "win32":
        quoted = scripts.replace("'", "''")
        first = f"$env:PATH = '{quoted};' + $env:PATH; Set-Location $env:JUPYTER_SERVER_ROOT"
        return ["powershell.exe", "-NoExit", "-Command", first]
    shell = os.environ.get("SHELL") or shutil.which("bash") or "/bin/sh"
    own = os.environ.get("ZDOTDIR") or str(Path.home())
    known = {
        "bash": [shell, "--rcfile", str(TERMINAL / "bashrc")],
        "zsh": ["env", f"ZDOTDIR={TERMINAL}", f"LEARNER_ZDOTDIR={own}", shell],
        "fish": [shell, "-C", "set -gx PATH $WORKSHOP_BIN $PATH; cd $JUPYTER_SERVER_ROOT"],
    }
    return known.get(Path(shell).name, [shell])


def become(command: list[str], env: dict[str, str]) -> int:
    if sys.platform != "win32":
        os.execve(command[0], command, env)
    child = subprocess.Popen(command, env=env)
    while True:
        # Ctrl+C also reaches the child, which decides how to exit.
        with contextlib.suppress(KeyboardInterrupt):
            return child.wait()
