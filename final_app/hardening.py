"""Protect the chat's data from other users, keep its secret key, and raise the limit on open files."""

import os
import secrets
import shlex
import tempfile
from contextlib import suppress
from pathlib import Path

from final_app.config import PREFIX, Settings
from final_app.errors import WrongSetting

try:
    import resource
except ImportError:  # Windows
    resource = None  # type: ignore[assignment]

PIN_DIGITS = 12
SECRET_BYTES = 32
FEW_DESCRIPTORS, MOST_DESCRIPTORS = 4096, 65_536
OTHERS = 0o077  # the permission bits of the group and of others


def protect_process() -> None:
    """Make new files private and the debugger's PIN impossible to guess, and allow many connections.

    This is called however the chat is started, so that file modes do not depend on the shell or on
    systemd. New folders get mode 0700, and new files get mode 0600. The PIN protects Werkzeug's debugger
    (`flask run --debug`). By default, Werkzeug calculates it from values that every user of the machine
    can find out.
    """
    os.umask(OTHERS)
    pin = f"{secrets.randbelow(10**PIN_DIGITS):0{PIN_DIGITS}}"
    os.environ.setdefault("WERKZEUG_DEBUG_PIN", pin)  # the reloader's processes inherit it
    _raise_descriptors()


def secret_key(settings: Settings) -> str:
    """Return the secret key from the settings or the data folder.

    This creates the folder, and a key if there is none in either of them. Raises WrongSetting if the
    file is damaged. With an empty key, every form would fail.
    """
    path = settings.data_dir / "secret"
    try:
        settings.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        if settings.secret_key:
            return settings.secret_key
        if not path.exists():
            _make_secret(path)
            give_to_owner(path)
        secret = path.read_text(encoding="utf-8", errors="surrogateescape").strip()
    except OSError as problem:
        raise WrongSetting(
            f"{PREFIX}DATA_DIR: expected a writable folder. It is set to "
            f"{str(settings.data_dir)!r}: {problem.strerror}."
        ) from None
    if not secret or not secret.isprintable():  # bytes that are not UTF-8 are not printable either
        raise WrongSetting(
            f"The file {path.resolve()} should contain the secret key, but it is empty or damaged. "
            "Restore it from a backup, or delete it: the chat then creates a new key, and people who "
            "have the chat open must reload the page."
        )
    return secret


def descriptors() -> int:
    """Return how many connections and files this process can open at once."""
    if resource is None:
        return MOST_DESCRIPTORS
    most, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    # RLIM_INFINITY is negative on some systems, and huge on others.
    return min(most, MOST_DESCRIPTORS) if most >= 0 else MOST_DESCRIPTORS


def too_few_descriptors() -> str:
    """Return a warning if this process can open only a few connections and files, or else ""."""
    most = descriptors()
    if most >= FEW_DESCRIPTORS:
        return ""
    return (
        f"The system lets the chat open only {most:,} connections and files at once. If many people "
        f"use it, allow {MOST_DESCRIPTORS:,}: set LimitNOFILE in the systemd unit, or use "
        f"`ulimit -Hn {MOST_DESCRIPTORS}` in a shell."
    )


def _raise_descriptors() -> None:
    """Allow as many open descriptors as possible. Each connection needs one. Windows has no limit."""
    if resource is None:
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MOST_DESCRIPTORS if hard == resource.RLIM_INFINITY else min(hard, MOST_DESCRIPTORS)
    if 0 <= soft < wanted:
        with suppress(OSError, ValueError):  # macOS also has another limit
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def commands_that_close(settings: Settings) -> list[str]:
    """Return the commands that make existing data private, or an empty list if it already is.

    Earlier versions created the data folder with the umask of the shell. The chat does not change the
    mode of existing files itself. The administrator may have given access to a group on purpose, for a
    backup program for example, and would notice the change only when the backup is needed.
    """
    if os.name != "posix":
        return []
    places = {settings.data_dir: "chmod -R go= {}"}
    if settings.database_url and settings.database_path:
        # The star matches the files that SQLite creates next to its database.
        places[settings.database_path] = "chmod go= {}*"
    return [
        command.format(shlex.quote(str(path.resolve())))
        for path, command in places.items()
        if os.access(path, os.F_OK) and path.stat().st_mode & OTHERS
    ]


def give_to_owner(path: Path) -> None:
    """Give a file or folder that root has created to the owner of its folder. SQLite does this, too.

    Otherwise, the chat could no longer write to it after a command that was run as root.
    """
    if os.name == "posix" and os.geteuid() == 0:
        with suppress(OSError):  # for example, a network disk that does not trust this root
            owner = path.parent.stat()
            os.chown(path, owner.st_uid, owner.st_gid, follow_symlinks=False)


def _make_secret(path: Path) -> None:
    """Create the file atomically. If another process has just created it, keep that file."""
    handle, draft = tempfile.mkstemp(dir=path.parent)  # readable by its owner only
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(secrets.token_hex(SECRET_BYTES))
        try:
            os.link(draft, path)
        except FileExistsError:
            pass
        except OSError:  # a file system without links
            Path(draft).replace(path)
    finally:  # also if the disk is full, because systemd starts the chat again and again
        Path(draft).unlink(missing_ok=True)
