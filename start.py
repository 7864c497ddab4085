"""Set up the workshop in `.venv`, then pass the command to it. Needs only the standard library.

An old interpreter must get as far as the version check, so the code above the check works with Python
3.6. An even older interpreter stops at the first f-string and prints that line, so the line contains a
sentence for users.
"""
# ruff: noqa: E402 - imports that need a current Python come after the check

import os
import sys

OLDEST, NEWEST = "3.11", "3.15"
NEEDED = f"This workshop needs Python {OLDEST} or newer."  # Python 3.5 and older show this line


def too_old(version, executable):
    """Return the error message for a Python that is too old, or None if `version` is new enough."""
    if tuple(version[:2]) >= tuple(int(part) for part in OLDEST.split(".")):
        return None
    found = ".".join(str(part) for part in version[:3])
    return (
        f"{NEEDED}\n"
        f"Expected:   Python {OLDEST} to {NEWEST}\n"
        f"Found:      Python {found}, which is {executable}\n"
        "What to do: install a newer Python from python.org or your system's packages, and use its\n"
        "            name: `python3.13 start.py`, or on Windows `py -3.13 start.py`."
    )


if __name__ == "__main__" and too_old(sys.version_info, sys.executable):
    sys.exit(too_old(sys.version_info, sys.executable))

import contextlib
import hashlib
import importlib.util
import json
import platform
import re
import shutil
import subprocess
import sysconfig
import tempfile
import time
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent
VENV = ROOT / ".venv"
SCRIPTS = VENV / ("Scripts" if os.name == "nt" else "bin")
SUFFIX = ".exe" if os.name == "nt" else ""
PYTHON = SCRIPTS / f"python{SUFFIX}"
UNFINISHED = VENV / "unfinished"  # exists while packages are being installed
BUILD = ROOT / "build"
LOG = BUILD / "setup.log"
LAST_KIT = BUILD / "kit.txt"  # contains the path of the kit from which this folder was set up
UV_PIN = ROOT / "requirements-uv.lock"
UV = BUILD / f"uv-{hashlib.sha256(UV_PIN.read_bytes()).hexdigest()[:8]}{SUFFIX}"
# `choose_kit` adds options to UV_INSTALL and PIP_DOWNLOAD, and a variable to INSTALLERS.
# The setting exclude-newer in pyproject.toml is only for the authors, who choose the pinned versions.
# With it, a mirror without dates would offer no packages. `--project` with another folder prevents uv
# from reading this file.
UV_INSTALL = [str(UV), "pip", "install", "--python", str(PYTHON), "--project", ROOT.anchor]
PIP_DOWNLOAD = ["-m", "pip", "download", "--no-deps", "--require-hashes", "--only-binary", ":all:"]
BUILT_FROM = ("pyproject.toml", "hatch_build.py", "package.json", "package-lock.json", ".npmrc",
              "browser_client/blueprint.py", "browser_client/bounds.py")  # fmt: skip
# In a .pth file, this line has the same effect as the path of this folder, and it is always ASCII.
ADD_TO_PATH = f"import sys; sys.path.append({str(ROOT)!a})"
INSTALLERS = {"PYTHONIOENCODING": "utf-8", "PYTHONUNBUFFERED": "1", "PIP_NO_COLOR": "1"}
WRONG_BYTE_CODE = ("PYTHONDONTWRITEBYTECODE", "PYTHONOPTIMIZE")
LONGEST_LINE = 200  # characters of a line of output that an error message repeats

HELP = """\
Usage: python3 start.py [command] [arguments]        (Windows: py start.py ...)

Sets up .venv next to this file if something is missing, then runs the command.
Without a command, it runs `notebooks`.

  notebooks [--no-browser] [--port N]   open the notebooks in JupyterLab
  run 05 | run mine [--port N]          run a step or your own chat; saving reloads it
  class | class 05 [--port N]           open your chat or a step to phones on your network
  class 05 --hours 6                    keep it open for 6 hours instead of 2
  check 05                              check your chat against a step
  check 05 --hint                       also show which of your lines break the promise
  check 05 --watch                      check again whenever you save a file
  check 05 --class ADDRESS [--name N]   also show the verdict on your instructor's board
  catch-up 05                           save your chat in mine/saved, then replace it with step 05
  chat [--host H] [--port N]            serve the finished chat
  kit [FOLDER] [--for MACHINE]          make a folder that sets up a machine without internet
  doctor                                check your machine, and tell you how to fix problems
  doctor --line                         print one line that you can send to your instructor
  ps                                    list the running servers of the steps and of your chat
  stop                                  stop these servers
  refresh                               for authors: run the notebooks and store their outputs
  site [--repository OWNER/NAME]        for authors: write the website into build/site
  lock                                  for authors: resolve the dependencies
  test quick                            run the quick tests, which take less than a minute
  test [pytest arguments]               run all tests except the slowest

  --offline KIT [command]               set up from a kit, and use no network
  --setup-only                          set up the workshop, and do nothing else
  --setup-only test                     set up what the tests need, too, and do nothing else
  --help                                show this text
"""


class SetUpError(Exception):
    """Setup cannot continue. The message says what was expected, what happened, and what to do."""


def main(arguments: list[str]) -> int:
    if arguments[:1] in (["--help"], ["-h"], ["help"]):
        print(HELP, end="")
        return 0
    kit, arguments = split_kit(arguments)
    setup_only = arguments[:1] == ["--setup-only"]
    arguments = arguments[setup_only:]
    has_verb = arguments and not arguments[0].startswith("-")
    verb, *rest = arguments if has_verb else ["notebooks", *arguments]
    try:
        set_up(with_tests=verb == "test", kit=kit)
    except SetUpError as failure:
        print(f"\n{failure}", file=sys.stderr)
        is_usable = site_files("socketio_browser") and not UNFINISHED.exists()
        if setup_only or verb == "test" or not is_usable:
            return 1
        print("\nContinuing with what is already installed.\n", file=sys.stderr)
    except KeyboardInterrupt:
        print("\nStopped. Run the same command again to finish.", file=sys.stderr)
        return 130
    if setup_only:
        print(f"The workshop is set up in {VENV}.")
        return 0
    if verb == "test":
        os.chdir(ROOT)
        marked = ["-m", "quick", *rest[1:]] if rest[:1] == ["quick"] else rest
        return hand_over(["-m", "pytest", *marked])
    return hand_over(["-m", "workshop", verb, *rest])


def split_kit(arguments: list[str]) -> "tuple[str | None, list[str]]":
    """Return the KIT from `--offline KIT`, and the other arguments. `--setup-only` can come first."""
    place = arguments[:2].index("--offline") if "--offline" in arguments[:2] else None
    if place is None or (place and arguments[0] != "--setup-only"):
        return None, arguments
    kit = (arguments[place + 1 :] or [""])[0]  # `misfit` explains an empty name
    return kit, arguments[:place] + arguments[place + 2 :]


def set_up(with_tests: bool, kit: "str | None" = None) -> None:
    """Bring `.venv` up to date. Keep an environment that you or uv created, and add what is missing.

    Raises SetUpError if setup cannot continue.
    """
    try:
        BUILD.mkdir(exist_ok=True)
        choose_kit(kit, with_tests)
        with (BUILD / "setup.lock").open("w") as file:  # closing it releases the lock
            wait_for_lock(file.fileno())
            download_uv()
            if not is_in_place():
                make_venv()
            install_packages("requirements-test.lock" if with_tests else "requirements.lock")
            install_project()
            write_ascii_path()
            keep_wheels()
    except OSError as error:
        raise explained("Setup could not start a program or use a file.", str(error)) from error


def choose_kit(given: "str | None", with_tests: bool) -> None:
    """Make the installers take everything from the given kit, and nothing from a network.

    Without a given kit, they use the last one. If the last kit is gone or no longer fits, they use the
    network again. Raises SetUpError if the given kit does not fit.
    """
    if given is None and (with_tests or not LAST_KIT.is_file()):
        return
    kit = Path(LAST_KIT.read_text("utf-8") if given is None else given).resolve()
    trouble = misfit(kit, with_tests)
    if trouble and given is not None:
        raise SetUpError(laid_out("Setup cannot use this kit.", *trouble))
    if trouble:
        return
    LAST_KIT.write_text(str(kit), "utf-8")
    only = ["--no-index", "--find-links", (kit / "wheels").as_uri()]
    UV_INSTALL.extend(["--offline", *only])
    PIP_DOWNLOAD.extend(only)
    INSTALLERS["WORKSHOP_KIT"] = str(kit)  # hatch_build.py takes the browser's files from it


def misfit(kit: Path, with_tests: bool) -> "tuple[str, str, str] | None":
    """Return what was expected of a kit, what was found and what to do, or None if it fits."""
    try:
        about = json.loads((kit / "kit.json").read_text("utf-8"))
        machines, locks, sizes = about["machines"], about["locks"], about["files"]
    except (OSError, ValueError, LookupError, TypeError):
        return (
            "`--offline KIT`, where KIT is a folder that `python3 start.py kit` made",
            f"{kit}, which has no kit.json, or a damaged one",
            "check the path. If somebody copied the kit, copy the whole folder again",
        )
    here = this_machine()
    if here not in machines:
        return (
            f"a kit for {here}, which is this system with this Python",
            f"a kit for {', '.join(machines)}",
            "start with a Python for which the kit was made. If .venv has another Python, delete .venv\n"
            "first. Or make a kit on a computer with internet:\n"
            f"`python3 start.py kit --for {here}`",
        )
    changed = [name for name in locks if digest_of(ROOT / name) != locks[name]]
    if changed:
        return (
            "a kit with the packages that this copy of the workshop pins",
            f"a kit that was made with other versions of {', '.join(changed)}",
            "use the copy of the workshop with which the kit was made, or make a new kit with this one",
        )
    lost = [name for name in sizes if not has_size(kit / name, sizes[name])]
    if lost:
        return (
            f"all {len(sizes)} files of the kit",
            f"{len(lost)} missing or incomplete: {', '.join(lost[:3])}",
            "copy the whole folder again",
        )
    if with_tests:
        return (
            "a command other than `test`",
            "`test`, which needs more packages than a kit contains",
            "run the tests on a computer with internet, without `--offline`",
        )
    return None


def this_machine() -> str:
    """Return this machine's name in a kit: system and Python version, such as "linux-x86_64-3.13".

    The version is that of the Python in `.venv`. If there is no `.venv` yet, it is that of the Python
    that is running now, because setup creates `.venv` with it.
    """
    system = {"darwin": "macos", "win32": "windows"}.get(sys.platform, sys.platform)
    # On Windows, Python may have been built for a processor other than this one.
    built_for = sysconfig.get_platform().rpartition("-")[2]
    processor = built_for if os.name == "nt" else platform.machine()
    ask = "import sys; print(*sys.version_info[:2], sep='.')"
    told = answer(PYTHON, "-I", "-S", "-c", ask) if is_in_place() else None
    python = told.strip() if told else f"{sys.version_info[0]}.{sys.version_info[1]}"
    return f"{system}-{processor.lower()}-{python}"


def digest_of(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


def has_size(file: Path, size: int) -> bool:
    return file.is_file() and file.stat().st_size == size


def wait_for_lock(descriptor: int) -> None:
    """Wait until no other setup is running in this folder."""
    if os.name != "nt":
        import fcntl

        return fcntl.flock(descriptor, fcntl.LOCK_EX)
    import msvcrt

    while True:
        with contextlib.suppress(OSError):  # `locking` gives up after ten seconds
            return msvcrt.locking(descriptor, msvcrt.LK_LOCK, 1)


def download_uv() -> None:
    """Download uv with pip, in the version that requirements-uv.lock pins, unless it is there already.

    uv is not installed in `.venv`, because an exact sync would remove it from there.
    """
    if UV.is_file():
        return
    python, folder = sys.executable, BUILD / "pip"
    if not importlib.util.find_spec("pip"):
        run([python, "-m", "venv", "--clear", str(folder)], "Create an environment for pip")
        python = str(folder / PYTHON.relative_to(VENV))
    with tempfile.TemporaryDirectory(dir=BUILD) as downloads:
        command = [python, *PIP_DOWNLOAD, "-r", str(UV_PIN), "-d", downloads]
        run(command, "Get uv, the installer")
        (wheel,) = Path(downloads).glob("uv-*.whl")
        with zipfile.ZipFile(wheel) as archive:
            programs = filter(re.compile(r"/scripts/uv(\.exe)?$").search, archive.namelist())
            unpacked = Path(archive.extract(next(programs), downloads))
        unpacked.chmod(0o755)
        unpacked.replace(UV)


def is_in_place() -> bool:
    """Return whether the Python of `.venv` runs, and `.venv` is in the folder that it was made for."""
    if not (VENV / "pyvenv.cfg").is_file() or not answer(PYTHON, "-I", "-S", "-c", "print(1)"):
        return False
    texts = "\n".join(path.read_text("utf-8") for path in site_files("_chat_workshop.pth"))
    paths = texts.replace(ADD_TO_PATH, str(ROOT)).split("\n")
    return {Path(path).resolve() for path in paths if path} <= {ROOT}


def make_venv() -> None:
    # Clear only a virtual environment. uv refuses to touch anything else.
    clear = ["--clear"] if (VENV / "pyvenv.cfg").is_file() and not VENV.is_symlink() else []
    if clear:
        ask_first("create the environment .venv again (it was moved, or its Python is gone)")
    # If the old .venv's Python is running now, sys.executable is about to be deleted.
    python = getattr(sys, "_base_executable", None) or sys.executable
    run([str(UV), "venv", *clear, "--python", python, str(VENV)], "Create the environment .venv")


def install_packages(lock: str) -> None:
    # Use only wheels, because a learner's laptop has no compiler, and a wheel runs no code during
    # installation.
    install = [*UV_INSTALL, "--no-deps", "--require-hashes", "--only-binary", ":all:", "-r", lock]
    if UNFINISHED.exists():  # a package may be incomplete, which uv does not notice
        install.append("--reinstall")
    plan = answer(*install, "--dry-run") if site_files("*.dist-info") else None
    if plan and "Would make no changes" in plan:
        return
    if plan and "Would uninstall" in plan:
        ask_first("replace packages in .venv with other versions")
    UNFINISHED.touch()  # remains after Ctrl+C or a power cut; an installer that fails cleans up
    try:
        run(install, "Install the pinned packages")
    except SetUpError:
        UNFINISHED.unlink()
        raise
    UNFINISHED.unlink()


def install_project() -> None:
    """Install the project, unless the installed one was built from the files that are here."""
    digest = hashlib.sha256(b"".join((ROOT / name).read_bytes() for name in BUILT_FROM)).hexdigest()
    records = [file.read_text("utf-8") for file in site_files("socketio_browser/built_from.sha256")]
    if records == [digest]:
        return
    if records:
        ask_first("replace the workshop's own package in .venv")
    hashed = ["--require-build-hashes", "--preview-features", "build-dependency-hashes"]
    hashed += ["--build-constraints", "requirements-build.lock"]
    command = [*UV_INSTALL, "--no-deps", *hashed, "-e", "."]
    run(command, "Install the workshop and the browser's Socket.IO client")


def write_ascii_path() -> None:
    """Let every Python find the workshop in a folder whose path contains an umlaut, for example.

    Before version 3.12.4, Python on Windows does not read .pth files as UTF-8, but in the system's code
    page. It would look for another folder, or not even start.
    """
    for file in site_files("_chat_workshop.pth"):
        if not file.read_bytes().isascii():
            file.unlink()  # it may be a hard link into uv's cache
            file.write_text(f"{ADD_TO_PATH}\n", "utf-8")


def keep_wheels() -> None:
    """Download the wheels that step 01 installs, so that it works in classrooms without internet."""
    pins, wheels = ROOT / "requirements-steps.lock", VENV / "wheels"
    copy = wheels / pins.name
    if copy.is_file() and copy.read_bytes() == pins.read_bytes():
        return
    command = [str(PYTHON), *PIP_DOWNLOAD, "-r", str(pins), "-d", str(wheels)]
    run(command, "Download the packages for step 01, for classrooms without internet")
    shutil.copyfile(pins, copy)


def site_files(name: str) -> list[Path]:
    """Return the paths of this name in the site-packages of `.venv`."""
    folders = "Lib/site-packages" if os.name == "nt" else "lib/python*/site-packages"
    return list(VENV.glob(f"{folders}/{name}"))


def ask_first(what: str) -> None:
    """Ask before changing `.venv` while programs use it. Raises SetUpError unless the user agrees."""
    users = programs_in_venv()
    if not users:
        return
    print(f"To continue, setup has to {what}.", "These programs use .venv:", *users, sep="\n  ")
    if sys.stdin.isatty() and input("Do it now? They may crash. [y/N] ").strip().lower() == "y":
        return
    raise SetUpError(
        "Setup changed nothing, because programs are using .venv.\n"
        "Expected:   no program runs from .venv while setup changes it\n"
        f"Found:      {len(users)}, listed above\n"
        "What to do: stop them (press Ctrl+C in their terminals, or use `python3 start.py stop` for\n"
        "            servers), then run the same command again."
    )


def programs_in_venv() -> list[str]:
    """Return the other commands that run from `.venv`, if the system can list them."""
    ask, own = ["ps", "-A", "-ww", "-o", "pid=,args="], {str(os.getpid())}
    if os.name == "nt":
        own.add(str(os.getppid()))  # perhaps the Python of `.venv`, which has started the real one
        # PowerShell compares the paths, because it prints umlauts in an encoding that differs.
        chosen = "\"$($_.Path)\".StartsWith($env:VIRTUAL_ENV, 'OrdinalIgnoreCase')"
        listed = f'Get-Process | ? {{ {chosen} }} | % {{ "$($_.Id) $($_.Path)" }}'
        ask = ["powershell", "-NoProfile", "-Command", listed]
    told = (line.split(maxsplit=1) for line in (answer(*ask) or "").splitlines())
    others = ("".join(args) for pid, *args in told if pid not in own)
    # macOS shows the path of the real Python instead of that of `.venv`, but also JupyterLab's options.
    signs = str(SCRIPTS), str(ROOT / "workshop" / "lab_settings")
    is_nt = os.name == "nt"
    return [args[:LONGEST_LINE] for args in others if is_nt or any(sign in args for sign in signs)]


def answer(*command: "str | Path") -> "str | None":
    """Return what a command printed, or None if it does not start or fails."""
    told = {"capture_output": True, "encoding": "utf-8", "errors": "replace"}
    try:
        done = subprocess.run(command, cwd=ROOT, env=environment(), check=True, **told)
    except (OSError, subprocess.CalledProcessError):
        return None
    return done.stdout + done.stderr


def run(command: list[str], title: str) -> None:
    """Run `command` in the workshop's folder, show its progress, and log what it prints.

    Raises SetUpError if the command fails. If the output shows a known problem, the error explains it.
    """
    lines: list[str] = []
    began = time.monotonic()
    show(f"{title} ...", stays=not sys.stdout.isatty())
    with subprocess.Popen(
        command, cwd=ROOT, env=environment() | INSTALLERS, stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, encoding="utf-8", errors="replace",
    ) as child:  # fmt: skip
        for line in child.stdout:
            lines.append(line)
            show(f"{title} ... {time.monotonic() - began:.0f} s {line.strip()}")
    with LOG.open("a", encoding="utf-8") as log:
        log.write(f"\n$ {' '.join(command)}\n{''.join(lines)}")
    outcome = "FAILED" if child.returncode else "done"
    show(f"{title}: {outcome}, {time.monotonic() - began:.1f} s", stays=True)
    if child.returncode:
        raise explained(f"{title}: FAILED.", "".join(lines))


def show(text: str, stays: bool = False) -> None:
    """Show one line. In a terminal, the next line replaces it unless it `stays`.

    If the output is not a terminal, only the lines that stay are printed.
    """
    if sys.stdout.isatty():
        width = shutil.get_terminal_size().columns - 1
        print("\r" + text[:width].ljust(width), end="\n" if stays else "", flush=True)
    elif stays:
        print(text, flush=True)


# For each pattern in an installer's output: what was expected, and what to do.
TROUBLES = {
    r"already exists at|File exists": (
        f"no {VENV}, or a virtual environment in its place",
        "rename what is there, or move it away. Setup deletes only virtual environments",
    ),
    r"No space left|Errno 28\b|os error 28\b|ENOSPC|not enough space on the disk|WinError 112": (
        "about 1 GB of free disk space",
        "free some space, or move the workshop's folder to a larger disk",
    ),
    r"do not match the hashes|Hash mismatch|EINTEGRITY|Failed to extract|Invalid zip|Bad CRC": (
        "exactly the files that the workshop was tested with",
        "try another network or, with `--offline`, another copy of the kit. A file is damaged, or\n"
        "something in the network replaces files",
    ),
    r"ensurepip is not|No module named '?(ensurepip|venv|pip)\b": (
        "a Python that has pip, or can create virtual environments",
        "on Debian and Ubuntu, run `sudo apt install python3-venv`. On other systems, install Python\n"
        "from python.org, and run it by its full path",
    ),
    r"WinError 206|name or extension is too long|File ?name too long|LongPathsEnabled": (
        "a folder whose path is short enough for Windows",
        "move the workshop's folder to a short path outside OneDrive, such as C:\\chat",
    ),
    r"Permission ?denied|EACCES|EPERM|Access is denied|WinError (5|32)\b|Errno 13\b": (
        f"permission to write in {ROOT}",
        "stop notebooks and servers that still use .venv. Put the workshop into a folder in which\n"
        "you can write, such as your home folder. Do not use OneDrive or an administrator's folder",
    ),
    r"name resolution|not known|getaddrinfo|nodename|connect|network is|no route|proxyerror|SSL"
    r"|certificate|timed out|dns error|error sending|ECONN|ETIMEDOUT|ENOTFOUND|EAI_AGAIN|to fetch": (
        "an answer from the package index. Setup needs an internet connection, but only this once",
        "check your network and try again. Behind a proxy, set HTTPS_PROXY, and if it has its own\n"
        "certificate, set SSL_CERT_FILE and PIP_CERT. If the classroom has no internet, ask your\n"
        "instructor for a kit, and use `--offline KIT`",
    ),
    r"No solution found|No matching distribution|no wheels|no usable wheels|No interpreter": (
        "every pinned package as a wheel for this Python and this system",
        f"use a 64-bit Python from {OLDEST} to {NEWEST}, and a complete package index. Check whether\n"
        "PIP_INDEX_URL or UV_DEFAULT_INDEX is set to another one",
    ),
    r"": (
        "the command succeeds",
        "read the log. If it does not help, delete .venv and try again. If that does not help either,\n"
        "show somebody the log",
    ),
}


def explained(headline: str, output: str) -> SetUpError:
    """Return an error with what was expected, the end of the output, and what to do."""
    sign = next(sign for sign in TROUBLES if re.search(sign, output, re.I))
    expected, fix = TROUBLES[sign]
    words = [line.rstrip() for line in output.splitlines() if line.strip()]
    telling = [line for line in words if sign and re.search(sign, line, re.I)][:2]
    telling += [line for line in words[-2:] if line not in telling]
    end = "\n".join(line[:LONGEST_LINE] for line in telling)
    return SetUpError(f"{laid_out(headline, expected, end, fix)}\nLog:        {LOG}")


def laid_out(headline: str, expected: str, found: str, fix: str) -> str:
    """Return the text of an error message. Each part can have several lines."""
    parts = ("Expected:", expected), ("Found:", found), ("What to do:", f"{fix}.")
    told = [f"{name:<12}" + text.replace("\n", "\n" + " " * 12) for name, text in parts]
    return "\n".join([headline, *told])


def environment() -> dict[str, str]:
    """Return the environment in which child processes find the programs and modules of `.venv`."""
    env = dict(os.environ)
    # uv installs no byte code. If Python could not write any, every server would compile Flask again.
    # With PYTHONOPTIMIZE=2, the checks would lose their docstrings, which contain their sentences.
    for name in ("PYTHONHOME", "PYTHONPATH", "__PYVENV_LAUNCHER__", *WRONG_BYTE_CODE):
        env.pop(name, None)
    env["PATH"] = os.pathsep.join([str(SCRIPTS), env.get("PATH", os.defpath)])
    env["VIRTUAL_ENV"] = str(VENV)
    env["JUPYTER_PREFER_ENV_PATH"] = "1"  # .venv's kernel must win over one in the home folder
    env["PIP_USER"] = env["PIP_REQUIRE_VIRTUALENV"] = "0"  # some machines set these for all pips
    env["UV"] = str(UV)  # as `uv run` does
    env.setdefault("UV_SYSTEM_CERTS", "1")  # uv asks the system which certificates to trust
    return env


def hand_over(arguments: list[str]) -> int:
    """Replace this process with `.venv`'s Python. On Windows, run it and return its exit code."""
    if os.environ.get("CONDA_PREFIX"):
        text = "A conda environment is active, but the workshop uses its own .venv."
        print(text, file=sys.stderr)
    command = [str(PYTHON), *arguments]
    sys.stdout.flush()
    if os.name != "nt":
        os.execve(command[0], command, environment())
    child = subprocess.Popen(command, env=environment())
    while True:
        # Ctrl+C also reaches the child, which decides how to exit.
        with contextlib.suppress(KeyboardInterrupt):
            return child.wait()


if __name__ == "__main__":
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="replace")  # a Windows console may not have every character
    sys.exit(main(sys.argv[1:]))
