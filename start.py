"""Set the workshop up in `.venv`, then hand every verb to it. Standard library only.

Old interpreters must be able to read down to the version check, so nothing above it is newer than
Python 3.6, and the file's first f-string is also the sentence that a still older one prints.
"""
# ruff: noqa: E402 - the imports that need a current Python stand below the check

import os
import sys

OLDEST = "3.11"
NEEDED = f"This workshop needs Python {OLDEST} or newer."  # an older one shows this very line


def too_old(version, executable):
    """Return what to tell the owner of a too old Python, or None when `version` will do."""
    if tuple(version[:2]) >= tuple(int(part) for part in OLDEST.split(".")):
        return None
    found = ".".join(str(part) for part in version[:3])
    return (
        f"{NEEDED}\n"
        f"Expected:   Python {OLDEST} or newer\n"
        f"Came:       Python {found}, which is {executable}\n"
        "What to do: install a newer Python from python.org or your system's packages, then call\n"
        "            it by name: `python3.13 start.py`, or on Windows `py -3.13 start.py`."
    )


if __name__ == "__main__" and too_old(sys.version_info, sys.executable):
    sys.exit(too_old(sys.version_info, sys.executable))

import contextlib
import hashlib
import json
import re
import shutil
import subprocess
import textwrap
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent
VENV = ROOT / ".venv"
SCRIPTS = VENV / ("Scripts" if os.name == "nt" else "bin")
PYTHON = SCRIPTS / ("python.exe" if os.name == "nt" else "python")
WHEELS = VENV / "wheels"
STAMPS = VENV / "setup.json"
LOG = VENV / "setup.log"

SIGN_OF_LIFE_S = 15  # how often a line appears where no terminal can show a running clock
LONGEST_NEWS = 80  # characters of an installer's line that a sign of life repeats
LONGEST_LINE = 200  # characters of an installer's line that a failure repeats
UNFINISHED = "unfinished"

HELP = """\
Usage: python3 start.py [verb] [arguments]        (Windows: py start.py ...)

Sets up .venv beside this file when something is missing, then does what the verb says.

  (none), notebooks [--no-browser] [--port N]   open the notebooks in JupyterLab
  run 05 | run mine [--port N]                  run a step, or your own chat; reloads on save
  check 05                                      what is still missing in your chat, one thing
  catch-up 05                                   save your chat, then bring it up to step 05
  doctor                                        look for trouble on this machine, with its cure
  ps | stop                                     list the servers you left running, or end them
  refresh                                       for authors: run the notebooks, store the outputs
  test [pytest arguments]                       run every test

  --setup-only [test]                           set up, for `test` too if named, and do no more
  --help                                        this text
"""


class SetUpError(Exception):
    """Set-up cannot go on; the text says what was expected, what came, and what to do."""


def main(arguments: list[str]) -> int:
    if arguments[:1] in (["--help"], ["-h"], ["help"]):
        print(HELP, end="")
        return 0
    setup_only = arguments[:1] == ["--setup-only"]
    verb, *rest = named(arguments[setup_only:])
    try:
        set_up(with_tests=verb == "test")
    except SetUpError as failure:
        print(f"\n{failure}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nStopped. The same command again mends what was cut off.", file=sys.stderr)
        return 130
    if setup_only:
        print(f"Set up: {VENV}")
        return 0
    if verb == "test":
        os.chdir(ROOT)
        return hand_over(["-m", "pytest", *rest])
    return hand_over(["-m", "workshop", verb, *rest])


def named(arguments: list[str]) -> list[str]:
    """Put the verb that may be left out, as in `start.py --no-browser`, before its options."""
    has_verb = arguments and not arguments[0].startswith("-")
    return arguments if has_verb else ["notebooks", *arguments]


# ---- what set-up consists of --------------------------------------------------------------------


@dataclass(frozen=True)
class Step:
    """One command of the set-up; it runs again when one of the files it reads has changed."""

    name: str
    title: str
    reads: tuple[str, ...]
    command: Callable[[], list[str]]


def install(*arguments: str) -> list[str]:
    """uv when there is one, else pip: the same hashed pins either way."""
    uv = shutil.which("uv")
    if uv:
        # pyproject.toml's exclude-newer is for whoever makes the pins: a mirror that gives no dates
        # would have nothing to offer under it. Another "project" keeps uv from reading it here.
        elsewhere = ["--project", ROOT.anchor]
        return [uv, "pip", "install", *elsewhere, "--python", str(PYTHON), *arguments]
    return [str(PYTHON), "-m", "pip", "install", "--disable-pip-version-check", *arguments]


def install_pins(lock: str) -> list[str]:
    # Wheels only: a learner's laptop has no compiler, and a wheel runs no code while it installs.
    return install("--require-hashes", "--only-binary", ":all:", "-r", lock)


def download_wheels() -> list[str]:
    """Lesson 01 installs Flask into a second environment, in a class room without network."""
    pip = [str(PYTHON), "-m", "pip", "--disable-pip-version-check"]
    pins = ["--require-hashes", "--only-binary", ":all:", "-r", "requirements-steps.lock"]
    return [*pip, "download", "--no-deps", *pins, "-d", str(WHEELS)]


PACKAGES = Step(
    "packages",
    "Install the pinned packages",
    ("requirements.lock",),
    lambda: install_pins("requirements.lock"),
)
PROJECT = Step(
    "project",
    "Install the workshop and the browser's Socket.IO client",
    (
        "pyproject.toml",
        "hatch_build.py",
        "package.json",
        "package-lock.json",
        ".npmrc",
        "browser_client/blueprint.py",
    ),
    lambda: install("--no-deps", "-e", "."),
)
OFFLINE = Step(
    "wheels",
    "Keep what lesson 01 installs, for a room without network",
    ("requirements-steps.lock",),
    download_wheels,
)
TESTS = Step(
    "tests",
    "Install the test tools",
    ("requirements-test.lock",),
    lambda: install_pins("requirements-test.lock"),
)


# ---- doing it -----------------------------------------------------------------------------------


def set_up(with_tests: bool) -> None:
    """Bring `.venv` up to date; costs one short-lived Python when there is nothing to do.

    Raises SetUpError.
    """
    steps = [PACKAGES, PROJECT, OFFLINE, *([TESTS] if with_tests else [])]
    try:
        if is_sound() and not unfinished(steps):
            return
        with one_at_a_time():
            anew = not is_sound()
            todo = steps if anew else unfinished(steps)
            total = len(todo) + anew
            if anew:
                make_venv(total)
            for number, step in enumerate(todo, start=1 + anew):
                do(step, number, total)
    except OSError as error:
        raise explained("Set-up could not read or write its files.", str(error)) from error


def is_sound() -> bool:
    """Tell whether `.venv` is ours, complete, in its place, and its Python runs.

    A step that was cut off (Ctrl-C, power) may have left half a package behind: not sound.
    """
    stamps = read_stamps()
    return (
        stamps.get("place") == str(ROOT)
        and stamps.get(PACKAGES.name, UNFINISHED) != UNFINISHED
        and UNFINISHED not in stamps.values()
        and stamps.get("python") == venv_python()
    )


def unfinished(steps: list[Step]) -> list[Step]:
    stamps = read_stamps()
    return [step for step in steps if stamps.get(step.name) != fingerprint(step)]


def venv_python() -> str | None:
    """Return the feature version of the Python in `.venv`, None when it does not run."""
    ask = "import sys; print('%d.%d' % sys.version_info[:2])"
    try:
        answer = subprocess.run(
            [PYTHON, "-I", "-S", "-c", ask], capture_output=True, text=True, check=True
        )
    except (OSError, subprocess.CalledProcessError):
        return None
    return answer.stdout.strip()


def fingerprint(step: Step) -> str:
    digest = hashlib.sha256()
    for name in step.reads:
        digest.update((ROOT / name).read_bytes())
    return digest.hexdigest()


def read_stamps() -> dict[str, str]:
    try:
        stamps = json.loads(STAMPS.read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return stamps if isinstance(stamps, dict) else {}


def stamp(**changes: str | None) -> None:
    """Write the stamps; None takes one away."""
    stamps = {**read_stamps(), **changes}
    kept = {name: value for name, value in stamps.items() if value is not None}
    STAMPS.write_text(json.dumps(kept, indent=1), "utf-8")


def make_venv(total: int) -> None:
    remove_venv()
    run(venv_command(), f"[1/{total}] Make the environment .venv")
    stamp(place=str(ROOT), python=venv_python())


def venv_command() -> list[str]:
    # Called from inside the old .venv, sys.executable would be a Python that is just gone.
    base = getattr(sys, "_base_executable", None) or sys.executable
    uv = shutil.which("uv")
    # uv leaves pip out; the lock pins it.
    return [uv, "venv", "--python", base, str(VENV)] if uv else [base, "-m", "venv", str(VENV)]


def remove_venv() -> None:
    if not VENV.exists() and not VENV.is_symlink():
        return
    if VENV.is_symlink() or not (VENV / "pyvenv.cfg").is_file():
        raise SetUpError(
            "There is something in the way.\n"
            f"Expected:   no {VENV}, or a virtual environment there\n"
            "Came:       something else, and set-up deletes nothing that it does not know\n"
            "What to do: rename it or move it away, then run the same command again."
        )
    shutil.rmtree(VENV)


def do(step: Step, number: int, total: int) -> None:
    stamp(**{step.name: UNFINISHED})
    try:
        run(step.command(), f"[{number}/{total}] {step.title}")
    except SetUpError:
        # The installer ended by itself and tidied up: the next call need not begin anew.
        stamp(**{step.name: None})
        raise
    stamp(**{step.name: fingerprint(step)})


@contextlib.contextmanager
def one_at_a_time() -> Iterator[None]:
    """Make a second set-up wait for the first, instead of undoing its work."""
    folder = ROOT / "build"
    folder.mkdir(exist_ok=True)
    with (folder / "setup.lock").open("w") as lock:
        if not try_to_lock(lock.fileno()):
            print("Another set-up is at work here; waiting until it is done.", flush=True)
            while not try_to_lock(lock.fileno()):
                time.sleep(0.2)
        yield  # closing the file gives the lock back, and so does the end of this process


def try_to_lock(descriptor: int) -> bool:
    try:
        if sys.platform == "win32":
            import msvcrt

            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):
        return False
    return True


# ---- one command, shown alive -------------------------------------------------------------------


def run(command: list[str], title: str) -> None:
    """Run `command` in the workshop's folder: its output goes to the log, a clock to the screen.

    Raises SetUpError with the cause, where the output shows one that we know.
    """
    clock = Clock(title)
    lines: list[str] = []
    try:
        child = start(command)
    except OSError as error:
        raise explained(f"{title}: {command[0]} does not start.", str(error)) from error
    reader = threading.Thread(target=collect, args=(child.stdout, lines))
    reader.start()
    try:
        while child.poll() is None:
            clock.show(news(lines))
            with contextlib.suppress(subprocess.TimeoutExpired):
                child.wait(timeout=0.2)
    finally:
        child.kill()  # does nothing to a child that has ended
        child.wait()
        reader.join()
        write_log(command, lines)
    clock.stop("done" if child.returncode == 0 else "FAILED")
    if child.returncode:
        raise explained(f"{title}: FAILED.", "".join(lines))


def start(command: list[str]) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        command,
        cwd=ROOT,
        env={**environment(), "PYTHONIOENCODING": "utf-8", "PYTHONUNBUFFERED": "1"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        errors="replace",
    )


def collect(pipe: Iterator[str], lines: list[str]) -> None:
    for line in pipe:
        lines.append(line)


def news(lines: list[str]) -> str:
    """Return the last line that tells of progress; pip's warnings and details do not."""
    tells = (line for line in reversed(lines) if line[:1].isalpha() and "WARNING" not in line)
    return next(tells, "").strip()


def write_log(command: list[str], lines: list[str]) -> None:
    if VENV.is_dir():
        with LOG.open("a", encoding="utf-8") as log:
            log.write(f"\n$ {' '.join(command)}\n{''.join(lines)}")


class Clock:
    """One line per step: rewritten in place on a terminal, elsewhere a line now and then."""

    def __init__(self, title: str) -> None:
        self.title = title
        self.began = time.monotonic()
        self.next_sign_s = SIGN_OF_LIFE_S
        self.in_place = sys.stdout.isatty()
        if not self.in_place:
            print(f"{title} ...", flush=True)

    def show(self, doing: str) -> None:
        seconds = time.monotonic() - self.began
        if self.in_place:
            self.rewrite(f"{self.title} ... {seconds:.0f} s {doing}")
        elif seconds >= self.next_sign_s:
            self.next_sign_s += SIGN_OF_LIFE_S
            print(f"      {seconds:.0f} s: {cut(doing, LONGEST_NEWS)}", flush=True)

    def stop(self, outcome: str) -> None:
        seconds = time.monotonic() - self.began
        if self.in_place:
            self.rewrite(f"{self.title}: {outcome}, {seconds:.1f} s")
            print(flush=True)
        else:
            print(f"      {outcome}, {seconds:.1f} s", flush=True)

    def rewrite(self, text: str) -> None:
        width = shutil.get_terminal_size().columns - 1
        print("\r" + cut(text, width).ljust(width), end="", flush=True)


def cut(text: str, width: int) -> str:
    """Return as many whole words of the text as fit, and dots for the rest."""
    return textwrap.shorten(text, width, placeholder=" ...", break_on_hyphens=False)


# ---- when it fails ------------------------------------------------------------------------------


@dataclass(frozen=True)
class Trouble:
    """A cause that can be told from an installer's output."""

    sign: str
    expected: str
    cure: str


TROUBLES = (
    Trouble(
        r"No space left|Errno 28\b|os error 28\b|ENOSPC|not enough space on the disk|WinError 112",
        "about 1 GB of free disk space",
        "free some space, or move the workshop's folder to a larger disk",
    ),
    Trouble(
        r"do not match the hashes|Hash mismatch|EINTEGRITY",
        "exactly the files that the workshop was tested with",
        "a download was damaged, or something on the way replaces files. Try another network;\n"
        f"if it comes again, empty the download cache: `{PYTHON} -m pip cache purge`",
    ),
    Trouble(
        r"ensurepip is not|No module named '?(ensurepip|venv)\b",
        "a Python that can make virtual environments",
        "on Debian and Ubuntu: `sudo apt install python3-venv`. Elsewhere: the Python from\n"
        "python.org, called by its full name",
    ),
    Trouble(
        r"WinError 206|name or extension is too long|File ?name too long|LongPathsEnabled",
        "a folder whose path is short enough for Windows",
        "move the workshop's folder to a short path outside OneDrive, such as C:\\chat",
    ),
    Trouble(
        r"Permission ?denied|EACCES|EPERM|Access is denied|WinError (5|32)\b|Errno 13\b",
        f"leave to write in {ROOT}",
        "stop notebooks and servers that still use .venv, and put the workshop where you may\n"
        "write (your home folder; not OneDrive, and not a folder that an administrator made)",
    ),
    Trouble(
        r"Temporary failure in name|Name or service not known|getaddrinfo|nodename nor servname"
        r"|NewConnectionError|ConnectTimeout|Connection (refused|reset|aborted|timed out)"
        r"|Network is unreachable|No route to host|ProxyError|Proxy Auth|CERTIFICATE_VERIFY_FAILED"
        r"|SSLError|Read timed out|dns error|error sending request|operation timed out|ECONN"
        r"|ETIMEDOUT|ENOTFOUND|EAI_AGAIN|Could not fetch URL|Failed to fetch",
        "the package index to answer: set-up needs the network, this one time",
        "check the network and try again. Behind a proxy, set HTTPS_PROXY (and PIP_CERT, if it\n"
        "has a certificate of its own). If the class room has no network, set up at home: the\n"
        "lessons themselves need none",
    ),
    Trouble(
        r"browser client could not be fetched|npm (ERR!|error)",
        "npm to fetch the pinned Socket.IO browser client",
        "look at npm's words above. An npm older than 7 is too old: update Node, or take it off\n"
        "PATH, and set-up brings one of its own",
    ),
    Trouble(
        r"No matching distribution|from versions:|no wheels|no usable wheels|has no matching",
        "the package index to have every pinned package, ready-made for this Python and system",
        "use a Python from 3.11 to 3.14 in its 64-bit form, and the index that has everything\n"
        "(`pip config list` shows whether another one is set)",
    ),
)
UNKNOWN = Trouble(
    "",
    "the command to succeed",
    "read the log. If it does not help, delete .venv, try again, and show the log to someone",
)


def explained(headline: str, output: str) -> SetUpError:
    """Make the failure that says what was expected, what came (the last words), what to do."""
    trouble = next((t for t in TROUBLES if re.search(t.sign, output, re.IGNORECASE)), UNKNOWN)
    words = [line.rstrip() for line in output.splitlines() if line.strip()]
    lines = [
        headline,
        f"Expected:   {trouble.expected}",
        f"Came:       {indent(chr(10).join(telling(words, trouble)))}",
        f"What to do: {indent(trouble.cure)}.",
        f"Python:     {sys.version.split()[0]}, {sys.executable}",
    ]
    if LOG.is_file():
        lines.append(f"Everything: {LOG}")
    return SetUpError("\n".join(lines))


def telling(words: list[str], trouble: Trouble) -> list[str]:
    """Return the first two lines that show the trouble and the last two of all, cut short."""
    first = [line for line in words if trouble.sign and re.search(trouble.sign, line, re.I)][:2]
    last = [line for line in words[-2:] if line not in first]
    return [
        line if len(line) <= LONGEST_LINE else line[:LONGEST_LINE] + " ..." for line in first + last
    ]


def indent(text: str) -> str:
    return text.replace("\n", "\n" + " " * 12)


# ---- handing over -------------------------------------------------------------------------------


def environment() -> dict[str, str]:
    """Return what children see: `.venv` first, whatever else is activated, and no stray modules."""
    env = dict(os.environ)
    for name in ("PYTHONHOME", "PYTHONPATH", "__PYVENV_LAUNCHER__"):
        env.pop(name, None)
    env["PATH"] = os.pathsep.join([str(SCRIPTS), env.get("PATH", os.defpath)])
    env["VIRTUAL_ENV"] = str(VENV)
    env["JUPYTER_PREFER_ENV_PATH"] = "1"  # a kernel in the home folder must not win over .venv's
    env["PIP_USER"] = "0"  # some machines set `user = true`, which pip refuses inside .venv
    return env


def hand_over(arguments: list[str]) -> int:
    """Become `.venv`'s Python; on Windows, which cannot, wait for it and return its exit code."""
    if os.environ.get("CONDA_PREFIX"):
        print("A conda environment is active; the workshop uses its own .venv.", file=sys.stderr)
    command = [str(PYTHON), *arguments]
    sys.stdout.flush()
    if os.name != "nt":
        os.execve(command[0], command, environment())
    child = subprocess.Popen(command, env=environment())
    while True:
        # Ctrl-C reaches the child too, and it is the child who decides how to end.
        with contextlib.suppress(KeyboardInterrupt):
            return child.wait()


if __name__ == "__main__":
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="replace")  # a Windows console may not know every letter
    sys.exit(main(sys.argv[1:]))
