"""Look for common problems on a learner's machine, and print each fix as a command for three shells."""

import http.client
import importlib.metadata
import json
import os
import platform
import re
import shutil
import socket
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from workshop import paths

OLDEST_PYTHON, NEWEST_PYTHON = (3, 11), (3, 15)
FLASK_PORT = 5000  # where plain `flask run` listens
ANSWER_TIMEOUT_S = 1.0
FREE_DISK_MB = 200  # for the second environment in steps 01 and 04, and for the learner's own files
ENOUGH_TO_SAVE = 100_000  # bytes, as large as a notebook
NAMED_AT_MOST = 8  # packages; if there are more, all of them have the same cause


@dataclass(frozen=True)
class Finding:
    """The result of one check. `fix` contains a command for "bash", "PowerShell" and "cmd"."""

    what: str
    ok: bool
    seen: str
    expected: str
    fix: dict[str, str] = field(default_factory=dict)


def report() -> int:
    """Print every finding, with a fix if one is needed. Return 0 if everything is fine, else 1."""
    findings = examine()
    for finding in findings:
        print("\n".join(lines_of(finding)))
    wrong = sum(not finding.ok for finding in findings)
    found = f"Checks that need a fix: {wrong} of {len(findings)}."
    print(f"\n{found}" if wrong else "\nEverything is fine.")
    return 1 if wrong else 0


def one_line() -> int:
    """Print one line that a learner can send to the instructor. Return 0 if all is fine, else 1."""
    findings = examine()
    wrong = [finding.what for finding in findings if not finding.ok]
    verdict = f"NOT READY: {', '.join(wrong)}" if wrong else "READY"
    system = f"{platform.system()} {platform.release()} {platform.machine()}"
    print(f"{verdict} | Python {platform.python_version()} | {system}")
    return 1 if wrong else 0


def lines_of(finding: Finding) -> list[str]:
    lines = [f"{'ok ' if finding.ok else 'FIX'}  {finding.what}: {finding.seen}"]
    if not finding.ok:
        lines.append(f"       expected    {finding.expected}")
        lines += [f"       {shell:<11} {command}" for shell, command in finding.fix.items()]
    return lines


def examine() -> list[Finding]:
    """Run all checks. An error in a check is reported as a finding, and the other checks still run."""
    return [looked_at(check) for check in CHECKS]


def looked_at(check: Callable[[], Finding]) -> Finding:
    try:
        return check()
    except Exception as error:
        what = check.__name__.replace("_", " ")
        return Finding(what, False, f"{type(error).__name__}: {error}", "no error", SET_UP)


# ---- fixes ---------------------------------------------------------------------------------------


def start_with(verb: str) -> dict[str, str]:
    python3, py = f"python3 start.py {verb}".rstrip(), f"py start.py {verb}".rstrip()
    return {"bash": python3, "PowerShell": py, "cmd": py}


def this_python(arguments: str) -> dict[str, str]:
    plain = f'"{sys.executable}" {arguments}'
    return {"bash": plain, "PowerShell": f"& {plain}", "cmd": plain}


SET_UP = start_with("--setup-only")  # keeps .venv, and installs only packages that are wrong


# ---- Python, environment, kernel, folder --------------------------------------------------------


def python() -> Finding:
    oldest, newest = (".".join(map(str, each)) for each in (OLDEST_PYTHON, NEWEST_PYTHON))
    return Finding(
        "Python",
        OLDEST_PYTHON <= sys.version_info[:2] <= NEWEST_PYTHON,
        f"{sys.version.split()[0]}, {sys.executable}",
        f"{oldest} to {newest}",
        {
            "bash": f"python{newest} start.py",
            "PowerShell": f"py -{newest} start.py",
            "cmd": f"py -{newest} start.py",
        },
    )


def environment() -> Finding:
    """An environment other than `.venv`, such as conda's, is fine if it has the same packages."""
    here = Path(sys.prefix).resolve()
    own = here == (paths.ROOT / ".venv").resolve()
    conda = os.environ.get("CONDA_DEFAULT_ENV") if os.environ.get("CONDA_PREFIX") else None
    seen = "the workshop's .venv" if own else f"another environment, {here}"
    seen += f" (conda's {conda!r} is active as well)" if conda and own else ""
    same = own or packages().ok
    note = "" if own or not same else ", with the same packages"
    return Finding(
        "Environment", same, seen + note, "the .venv that start.py makes", start_with("doctor")
    )


def kernel() -> Finding:
    """If the home folder contains a kernel called python3, it can belong to another environment."""
    from jupyter_client.kernelspec import KernelSpecManager

    spec = KernelSpecManager().get_kernel_spec("python3")
    program = spec.argv[0]
    if program in ("python", "python3", "python{}.{}".format(*sys.version_info)):
        program = sys.executable  # jupyter_client does the same
    found = shutil.which(program)
    ok = bool(found) and Path(str(found)).parent.resolve() == Path(sys.executable).parent.resolve()
    ours = Path(spec.resource_dir).resolve().is_relative_to(Path(sys.prefix).resolve())
    return Finding(
        "Jupyter kernel",
        ok,
        f"python3 starts {program}" + ("" if ok else f", according to {spec.resource_dir}"),
        f"python3 starts {sys.executable}",
        this_python("-m ipykernel install --sys-prefix") if ours else start_with("notebooks"),
    )


def working_folder() -> Finding:
    here = Path.cwd()
    inside = here.resolve().is_relative_to(paths.ROOT)
    note = " (in OneDrive: pause it if files are locked)" if "OneDrive" in str(here) else ""
    root = paths.ROOT
    return Finding(
        "Folder",
        inside,
        f"{here}{note}",
        f"{root}, or a folder in it",
        {"bash": f'cd "{root}"', "PowerShell": f'cd "{root}"', "cmd": f'cd /d "{root}"'},
    )


# ---- packages -----------------------------------------------------------------------------------


def packages() -> Finding:
    wanted = pins(paths.ROOT / "requirements.lock")
    wanted.pop("pip", None)  # pip asks people to upgrade it, and upgrading it breaks nothing
    wrong = differing(wanted)
    named = ", ".join(wrong[:NAMED_AT_MOST]) + (", ..." if len(wrong) > NAMED_AT_MOST else "")
    return Finding(
        "Packages",
        bool(wanted) and not wrong,
        named or f"{len(wanted)} as pinned",
        "the versions in requirements.lock",
        SET_UP,
    )


def pins(lock: Path) -> dict[str, str]:
    """Return name -> version for the lines of a lock file that apply to this Python and system."""
    from packaging.markers import Marker

    line = re.compile(r"^([A-Za-z0-9._-]+)==([^\s;]+)(?: ; (.+?))? *\\?$", re.MULTILINE)
    return {
        name: version
        for name, version, marker in line.findall(lock.read_text("utf-8"))
        if not marker or Marker(marker).evaluate()
    }


def differing(wanted: dict[str, str]) -> list[str]:
    """Return a phrase for each package that is missing or has a different version."""
    found = []
    for name, version in wanted.items():
        try:
            installed = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            found.append(f"{name} is missing (pinned {version})")
            continue
        if installed != version:
            found.append(f"{name} is {installed} (pinned {version})")
    return found


def browser_client() -> Finding:
    """If the client's major version doesn't fit the server, the client connects but receives nothing."""
    from socketio_browser import client_version

    package = json.loads((paths.ROOT / "package.json").read_text("utf-8"))
    pin = package["dependencies"]["socket.io-client"]
    server = importlib.metadata.version("python-socketio")
    client = client_version()
    speaks = client.startswith("4.") and server.startswith("5.")
    return Finding(
        "Browser client",
        client == pin and speaks,
        f"socket.io-client {client}, python-socketio {server}",
        f"socket.io-client {pin} (4.x works with python-socketio 5.x)",
        SET_UP,
    )


def websocket() -> Finding:
    """Without simple-websocket, `flask run` serves the chat only by polling, without a warning."""
    try:
        importlib.import_module("simple_websocket")
    except ImportError as error:
        return Finding("WebSocket", False, str(error), "simple_websocket is installed", SET_UP)
    return Finding(
        "WebSocket", True, "simple_websocket is installed", "simple_websocket is installed"
    )


def offline_wheels() -> Finding:
    """Step 01 can install from this folder without a network. `uv run` can leave the folder empty."""
    from packaging.utils import parse_wheel_filename

    folder = Path(sys.prefix) / "wheels"
    wanted = pins(paths.ROOT / "requirements-steps.lock")
    there = {str(parse_wheel_filename(wheel.name)[0]) for wheel in folder.glob("*.whl")}
    missing = sorted(set(wanted) - there)
    named = ", ".join(missing[:NAMED_AT_MOST])
    return Finding(
        "Wheels for step 01",
        True,
        f"{len(wanted) - len(missing)} found. Step 01 needs the network for: {named}"
        if missing
        else f"{len(wanted)} found",
        f"every package in requirements-steps.lock, in {folder}",
    )


# ---- port, disk ---------------------------------------------------------------------------------


def port(number: int = FLASK_PORT) -> Finding:
    holder = who_listens(number)
    own = holder is not None and number in own_ports()
    seen = "free" if holder is None else f"taken by {holder}"
    expected = "free (`start.py run` takes the next free one by itself; plain `flask run` does not)"
    if holder is not None and "AirPlay" in holder:
        expected += ", or AirPlay Receiver switched off in the system's settings"
    flask = f"flask run --port {number + 1}"
    return Finding(
        f"Port {number}",
        holder is None or own,
        "your own chat runs there" if own else seen,
        expected,
        {"bash": flask, "PowerShell": flask, "cmd": flask},
    )


def own_ports() -> set[int]:
    from workshop import running

    return {note.port for note in running.notes()}


def who_listens(number: int) -> str | None:
    """Return the name of the program that uses a port on 127.0.0.1, or None if the port is free."""
    from workshop.run import can_bind

    try:
        socket.create_connection(("127.0.0.1", number), ANSWER_TIMEOUT_S).close()
    except OSError:
        return None if can_bind(number) else "the system (reserved)"
    if "AirTunes" in server_header(number):
        return "macOS AirPlay Receiver, which answers 403"
    return process_at(number) or server_header(number) or "an unknown program"


def server_header(number: int) -> str:
    connection = http.client.HTTPConnection("127.0.0.1", number, timeout=ANSWER_TIMEOUT_S)
    try:
        connection.request("GET", "/")
        return connection.getresponse().getheader("Server") or ""
    except (OSError, http.client.HTTPException):
        return ""
    finally:
        connection.close()


def process_at(number: int) -> str:
    """Return the name and id of the process that uses a port, or "" if the system does not show it."""
    import psutil  # type: ignore[import-untyped]

    try:
        for connection in psutil.net_connections("tcp"):
            if connection.status == psutil.CONN_LISTEN and connection.laddr.port == number:
                return f"{psutil.Process(connection.pid).name()} (process {connection.pid})"
    except (psutil.Error, OSError):
        pass
    return ""


def learners_folder() -> Finding:
    folder = paths.mine()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(bytes(ENOUGH_TO_SAVE))
            trouble = ""
    except OSError as error:
        trouble = str(error)
    if folder.is_file():
        rename = {"bash": f'mv "{folder}" "{folder}.txt"'}
        rename |= dict.fromkeys(("PowerShell", "cmd"), f'ren "{folder}" mine.txt')
        return Finding("Your folder", False, f"{folder} is a file", "a folder of this name", rename)
    return Finding(
        "Your folder",
        not trouble,
        trouble or f"{folder} is writable",
        f"permission to write in {folder}, and free disk space",
        {
            "bash": f'chmod -R u+rwX "{folder}"',
            "PowerShell": f'icacls "{folder}" /grant "$($env:USERNAME):(OI)(CI)F" /T',
            "cmd": f'icacls "{folder}" /grant "%USERNAME%:(OI)(CI)F" /T',
        },
    )


def disk() -> Finding:
    free_mb = shutil.disk_usage(paths.ROOT).free // 1_000_000
    return Finding(
        "Disk",
        free_mb >= FREE_DISK_MB,
        f"{free_mb} MB free",
        f"{FREE_DISK_MB} MB free; this command empties pip's cache",
        this_python("-m pip cache purge"),
    )


CHECKS: tuple[Callable[[], Finding], ...] = (
    python,
    environment,
    kernel,
    working_folder,
    packages,
    browser_client,
    websocket,
    offline_wheels,
    port,
    learners_folder,
    disk,
)
