"""Uploaded files. They are checked by their content, and stored under ids that nobody can guess."""

import json
import logging
import os
import re
import subprocess
import sys
import threading
import unicodedata
import uuid
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from final_app.config import Settings
from final_app.errors import DiskFull, TooLarge, Unsupported
from final_app.lib.thread_pool import run_in_thread
from final_app.storage import faults

NAME_LENGTH = 100  # characters
LONGEST_NAME = 2 * NAME_LENGTH
HEAD = 4096  # bytes at the beginning of a file from which its type is determined
PATIENCE = 60  # seconds for one image
CODE = Path(__file__).resolve().parents[2]
IDS = re.compile(r"[0-9a-f]{32}")
DEVICES = re.compile(r"(?:con|prn|aux|nul|com\d|lpt\d)(?:\.|$)", re.IGNORECASE)  # on Windows
SIGNATURES = [
    (rb"\x89PNG\r\n\x1a\n", "image/png"), (rb"\xff\xd8\xff", "image/jpeg"),
    (rb"GIF8[79]a", "image/gif"), (rb"RIFF....WEBP", "image/webp"), (rb"%PDF-", "application/pdf"),
    (rb"PK\x03\x04", "application/zip"), (rb"\x1f\x8b", "application/gzip"),
    (rb"....ftyp(hei|hev|mif1|msf1)", "image/heic"), (rb"....ftypavi[fs]", "image/avif"),
    (rb"....ftypqt  ", "video/quicktime"), (rb"....ftypM4[AB] ", "audio/mp4"),
    (rb"....ftyp", "video/mp4"), (rb"\x1aE\xdf\xa3", "video/webm"), (rb"OggS", "audio/ogg"),
    (rb"ID3|\xff[\xf2\xf3\xfb]", "audio/mpeg"), (rb"RIFF....WAVE", "audio/wav"),
]  # fmt: skip
INLINE = {"image/png", "image/jpeg", "image/gif", "image/webp"}  # re-encoded by `images`

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Kept:
    """A stored file. `size` includes the thumbnail. Only images have `width` and `height`."""

    id: str
    mime: str
    size: int
    width: int | None = None
    height: int | None = None


class Files:
    """The folder that contains the uploaded files."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.folder = settings.data_dir.resolve() / "uploads"

    def path(self, upload_id: str, *, thumbnail: bool = False) -> Path:
        """Return the path of a file. Raises ValueError if `upload_id` is not a valid id."""
        if not IDS.fullmatch(upload_id):
            raise ValueError(upload_id)
        return self.folder / upload_id[:2] / (upload_id + (".thumb" if thumbnail else ""))

    def keep(self, source: Path) -> Kept:
        """Check a file by its content and store it. Raises TooLarge and Unsupported.

        When this returns, the file is on the disk, as a message is when it is acknowledged.
        """
        most, size = self.settings.upload_size, source.stat().st_size
        if size > most:
            raise TooLarge(
                f"A file can have at most {most:,} bytes; this one has {size:,}.", field="file"
            )
        if not size:
            raise Unsupported("This file is empty.", field="file")
        mime = sniffed(source)
        wanted = tuple(self.settings.upload_types.split())
        if wanted and not mime.startswith(wanted):
            raise Unsupported(
                f"Files of type {mime} aren't allowed here. Allowed types: {', '.join(wanted)}.",
                field="file",
            )
        upload_id = uuid.uuid4().hex
        self.path(upload_id).parent.mkdir(parents=True, exist_ok=True)
        if mime in INLINE:
            kept = self._keep_image(source, upload_id)
        else:
            source.replace(self.path(upload_id))
            kept = Kept(upload_id, mime, size)
        try:
            run_in_thread(self._flush, upload_id)
        except BaseException:
            self.remove([upload_id])
            raise
        return kept

    def incoming(self) -> Path:
        """Return the folder for uploads in progress, which is on the same disk."""
        folder = self.folder / "incoming"
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    @contextmanager
    def arrivals(self) -> Iterator[Callable[..., IO[bytes]]]:
        """Provide a function that opens files for incoming data.

        At the end, delete the files that `keep` has not stored. Raises DiskFull if the disk is full.
        """
        opened: list[IO[bytes]] = []

        def open_one(**_: object) -> IO[bytes]:
            opened.append((self.incoming() / uuid.uuid4().hex).open("w+b"))
            return opened[-1]

        try:
            with faults.refusing_if_full(self.folder):
                yield open_one
        finally:
            for file in opened:
                with suppress(OSError):  # `close` also writes the data that is still in the buffer
                    file.close()
                Path(file.name).unlink(missing_ok=True)

    def remove(self, upload_ids: Iterable[str]) -> None:
        """Remove files and their thumbnails, if they exist.

        If a file cannot be removed, the error is logged. The file no longer has a row, so retention
        tries to remove it again.
        """
        for upload_id in upload_ids:
            for thumbnail in (False, True):
                try:
                    self.path(upload_id, thumbnail=thumbnail).unlink(missing_ok=True)
                except OSError:
                    log.exception("Failed to remove a file")

    def _flush(self, upload_id: str) -> None:
        """Wait until the disk has a file, its thumbnail, and the folders that contain their names."""
        file, small = self.path(upload_id), self.path(upload_id, thumbnail=True)
        paths = [file, small] if small.exists() else [file]
        if os.name == "posix":  # Windows cannot open a folder
            paths += [file.parent, self.folder]
        for path in paths:
            handle = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR)
            try:
                os.fsync(handle)
            finally:
                os.close(handle)

    def _keep_image(self, source: Path, upload_id: str) -> Kept:
        target, small = self.path(upload_id), self.path(upload_id, thumbnail=True)
        told = _images.remake(source, target, small, self.settings.upload_pixels)
        if "error" in told:
            self.remove([upload_id])
            if told["status"] == DiskFull.status:
                raise faults.disk_full(self.folder)
            kind = TooLarge if told["status"] == TooLarge.status else Unsupported
            raise kind(str(told["error"]), field="file")
        size = target.stat().st_size + small.stat().st_size
        return Kept(upload_id, told["mime"], size, told["width"], told["height"])


def sniffed(path: Path) -> str:
    """Return the MIME type of a file, which is determined from its first bytes and not from its name."""
    with path.open("rb") as file:
        head = file.read(HEAD)
    for signature, mime in SIGNATURES:
        if re.match(signature, head, re.DOTALL):
            return mime
    try:
        # The last character may be incomplete.
        head[:-4].decode() if len(head) == HEAD else head.decode()
    except UnicodeDecodeError:
        return "application/octet-stream"
    return "application/octet-stream" if b"\x00" in head else "text/plain"


def label(name: str) -> str:
    """Return a safe file name, which has no path, no control characters and is no device name."""
    name = re.split(r"[/\\]", name)[-1]
    if len(name) > LONGEST_NAME:  # normalizing 40,000 accents takes seconds, and blocks the process
        name = name[:NAME_LENGTH] + name[-NAME_LENGTH:]
    name = unicodedata.normalize("NFC", name)
    shown = "".join(each for each in name if unicodedata.category(each)[0] != "C")
    shown = " ".join(re.sub(r'[<>:"|?*]', "_", shown).split()).strip(". ")
    if len(shown) > NAME_LENGTH:
        stem, dot, suffix = shown.rpartition(".")
        shown = f"{stem[: NAME_LENGTH - 12]}.{suffix[:11]}" if dot else shown[:NAME_LENGTH]
    return f"_{shown}" if DEVICES.match(shown) else shown or "file"


class _Images:
    """The subprocess that runs `storage.images`. It is started when the first image arrives."""

    def __init__(self) -> None:
        self._one = threading.Lock()  # one image at a time; the chat needs the rest of the CPU
        self._program: subprocess.Popen[str] | None = None

    def remake(self, source: Path, target: Path, small: Path, most_pixels: int) -> dict[str, Any]:
        """Send the subprocess one job. Return its answer, or an error if it ends without answering."""
        job = json.dumps([str(source), str(target), str(small), most_pixels])
        with self._one:
            program = self._running()
            assert program.stdout
            give_up = threading.Timer(PATIENCE, program.kill)
            give_up.start()
            try:
                print(job, file=program.stdin, flush=True)
                told = json.loads(program.stdout.readline())
            except (OSError, ValueError):
                program.kill()
                program.wait()  # otherwise, it would still seem to run when the next image arrives
                return {
                    "error": "Processing this image takes too much time or memory.",
                    "status": 413,
                }
            finally:
                give_up.cancel()
        assert isinstance(told, dict)
        return told

    def _running(self) -> "subprocess.Popen[str]":
        if self._program is None or self._program.poll() is not None:
            self._program = subprocess.Popen(
                [sys.executable, "-m", "final_app.storage.images"], cwd=CODE, text=True,
                stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            )  # fmt: skip
        return self._program


_images = _Images()
