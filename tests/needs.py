"""What a test needs from the machine. If it is missing, the test is skipped with one clear line.

REQUIRE=browser,nginx,uv,postgres,repo2docker,mount,namespace (a comma-separated list) turns these skips
into failures, so that CI cannot pass without having installed anything.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from workshop.cluster import find_postgres

COMMANDS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "msedge",
            "chrome")  # fmt: skip
HEADLESS_SHELLS = ("chromium-headless-shell", "chrome-headless-shell")
NGINX = ("nginx", "/usr/sbin/nginx", "/usr/local/sbin/nginx", "/opt/homebrew/bin/nginx")
APPLICATIONS = (  # below /Applications on macOS
    "Google Chrome.app/Contents/MacOS/Google Chrome",
    "Chromium.app/Contents/MacOS/Chromium",
    "Microsoft Edge.app/Contents/MacOS/Microsoft Edge",
)
PROGRAMS = (  # below the folders for programs on Windows
    "Google/Chrome/Application/chrome.exe",
    "Chromium/Application/chrome.exe",
    "Microsoft/Edge/Application/msedge.exe",
)
PLAYWRIGHTS_OWN = (  # below Playwright's cache, on Linux, macOS and Windows
    "chromium-*/chrome-linux*/chrome",
    "chromium-*/chrome-mac*/*.app/Contents/MacOS/*",
    "chromium-*/chrome-win*/chrome.exe",
)
PLAYWRIGHTS_SHELLS = ("chromium_headless_shell-*/chrome-*/*headless*shell*",)
NO_BROWSER = (
    "no Chromium, Chrome or Edge was found; install one, "
    "or run `playwright install chromium` in this environment"
)


def needs_browser() -> str:
    """Return the path of a browser, or skip (fail under REQUIRE=browser).

    If there is Chromium's headless shell, it is used: without windows, a page takes half the CPU time.
    """
    return need(
        "browser", _first(HEADLESS_SHELLS, PLAYWRIGHTS_SHELLS) or find_browser(), NO_BROWSER
    )


def needs_windows() -> str:
    """Return the path of a Chromium, Chrome or Edge with windows, or skip like `needs_browser`."""
    return need("browser", find_browser(), NO_BROWSER)


def needs_nginx() -> str:
    """Return the path of nginx, which may be in sbin, or skip (fail under REQUIRE=nginx)."""
    found = next((path for path in map(shutil.which, NGINX) if path), None)
    return need("nginx", found, "no nginx was found; install it, such as with `apt install nginx`")


def needs_postgres() -> str:
    """Return the path of PostgreSQL's initdb, or skip (fail under REQUIRE=postgres)."""
    without = "no PostgreSQL was found; install it, such as with `apt install postgresql`"
    return need("postgres", find_postgres("initdb"), without)


def needs_uv() -> str:
    """Return the path of uv, which start.py and `uv run` set in UV, or skip the test."""
    found = os.environ.get("UV") or shutil.which("uv")
    return need("uv", found, "no uv was found; run the tests with `python3 start.py test`")


def needs_mount() -> str:
    """Return the path of mount, which makes a small disk, or skip (fail under REQUIRE=mount)."""
    is_root = hasattr(os, "geteuid") and os.geteuid() == 0
    found = shutil.which("mount") if is_root and sys.platform == "linux" else None
    return need("mount", found, "only root on Linux can mount a small disk")


def needs_namespace() -> list[str]:
    """Return a command that runs another one without a network, or skip (fail if REQUIRE=namespace)."""
    found = next((flags for flags in ("-rn", "-n") if _can_unshare(flags)), None)
    flags = need("namespace", found, "`unshare` cannot make a network namespace here")
    return ["unshare", flags]


def needs_repo2docker() -> str:
    """Return the path of repo2docker, which no lock contains, or skip (fail if REQUIRE=repo2docker)."""
    return need(
        "repo2docker",
        shutil.which("repo2docker"),
        "repo2docker was not found; install it, such as with `uv tool install jupyter-repo2docker`",
    )


def need(name: str, found: str | None, without: str) -> str:
    """Return what was found.

    If nothing was, skip the test with one line, or fail if REQUIRE names it.
    """
    if found:
        return found
    if name in os.environ.get("REQUIRE", "").replace(" ", "").split(","):
        pytest.fail(f"REQUIRE names `{name}`, but {without}", pytrace=False)
    pytest.skip(without)


def find_browser() -> str | None:
    """Return the first browser of the Chromium family on this machine."""
    return _first(COMMANDS, PLAYWRIGHTS_OWN, *_usual_places())


def browser_flags() -> list[str]:
    """Return flags that let a browser connect only to this machine."""
    flags = [
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        "--no-first-run",
        "--disable-quic",
        "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost",
    ]
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        flags.append("--no-sandbox")  # Chromium's sandbox refuses to start as root
    return flags


def _can_unshare(flags: str) -> bool:
    command = ["unshare", flags, "true"]
    found = shutil.which("unshare")
    return bool(found) and not subprocess.run(command, capture_output=True).returncode


def _first(commands: Sequence[str], in_the_cache: Sequence[str], *paths: Path) -> str | None:
    """Return the first program that is on the PATH, at one of the paths or in Playwright's cache."""
    cached = (
        path for each in in_the_cache for path in sorted(_playwrights_cache().glob(each))[::-1]
    )
    on_path = (shutil.which(command) for command in commands)
    installed = (str(path) for path in (*paths, *cached) if path.is_file())
    return next((found for found in (*on_path, *installed) if found), None)


def _usual_places() -> Iterator[Path]:
    yield from (Path("/Applications") / name for name in APPLICATIONS)
    for variable in ("PROGRAMFILES", "PROGRAMFILES(X86)", "LOCALAPPDATA"):
        if os.environ.get(variable):
            yield from (Path(os.environ[variable]) / name for name in PROGRAMS)


def _playwrights_cache() -> Path:
    """Return where `playwright install` stores its browsers (playwright.dev/python/docs/browsers)."""
    if os.environ.get("PLAYWRIGHT_BROWSERS_PATH"):
        return Path(os.environ["PLAYWRIGHT_BROWSERS_PATH"])
    caches = {"darwin": "Library/Caches", "win32": "AppData/Local"}.get(sys.platform, ".cache")
    return Path.home() / caches / "ms-playwright"
