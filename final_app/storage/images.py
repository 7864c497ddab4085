"""Re-encode uploaded images, so that nothing hidden in a file is kept.

This is a separate program, because image decoders are a common target of attacks. `python -m
final_app.storage.images` reads one line of JSON for each image: [source, target, thumbnail, most
pixels]. It answers with one line of JSON: {"mime", "width", "height"} or {"error": message, "status"}.
It exits when its standard input closes.

This program forks a new process for each image, with limits on memory and time. The limits apply even if
this program or the chat ends. The chat does not fork these processes itself, because forking a large
process blocks it for a while.
"""

import errno
import json
import os
import signal
import sys
from contextlib import suppress
from pathlib import Path

from PIL import Image, ImageOps, ImageSequence

FORMATS = {"JPEG": "image/jpeg", "PNG": "image/png", "GIF": "image/gif", "WEBP": "image/webp"}
LONGEST_SIDE = 4096  # pixels of the image that is stored
THUMBNAIL = (640, 640)  # pixels; the page shows it at half this size or less
MEMORY = 1_500_000_000  # bytes of address space
SECONDS = 50  # of wall time; less than `files.PATIENCE`, after which this program is killed
NO_SPACE = {errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC)}  # Windows has no EDQUOT
DISK_FULL = 507  # HTTP status
NICE = 10  # the chat has priority
QUALITY = 88
MOST_FRAMES = 1000

Image.MAX_IMAGE_PIXELS = None  # `remake` checks its own limit before decoding


class Refused(Exception):
    """The file cannot be stored as an image. `status` is the HTTP status of the response."""

    def __init__(self, message: str, status: int = 415) -> None:
        self.status = status
        super().__init__(message)


def remake(source: Path, target: Path, thumbnail: Path, most_pixels: int) -> dict[str, object]:
    """Re-encode the image without metadata, and write a thumbnail as WebP. Raises Refused."""
    try:
        with Image.open(source, formats=list(FORMATS)) as image:
            kind = image.format or ""
            frames = _frames(image) if image.width * image.height <= most_pixels else 1
            if kind == "MPO":  # a photo with another picture, such as a map of depth or brightness
                kind, frames = "JPEG", 1
            if image.width * image.height * frames > most_pixels:
                raise Refused(
                    f"An image can have at most {most_pixels:,} pixels; this one has "
                    f"{image.width * image.height * frames:,}.", 413,
                )  # fmt: skip
            image.draft("RGB", (LONGEST_SIDE, LONGEST_SIDE))  # decodes a large JPEG at lower size
            first = _write(image, kind, target, frames)
            small = first.convert("RGBA" if "A" in first.getbands() else "RGB")
            small.thumbnail(THUMBNAIL)
            small.save(thumbnail, "WEBP", quality=QUALITY)
            return {"mime": FORMATS[kind], "width": first.width, "height": first.height}
    except Refused:
        raise
    except Exception as problem:  # a decoder can raise anything if a file is damaged
        if getattr(problem, "errno", 0) in NO_SPACE:
            raise Refused("The disk is full.", DISK_FULL) from None
        raise Refused(f"This image can't be read ({type(problem).__name__}).") from None


def _frames(image: Image.Image) -> int:
    """Return the number of frames. Raises Refused if there are too many, whatever their size."""
    frames: int = getattr(image, "n_frames", 1)
    if frames > MOST_FRAMES:
        raise Refused(
            f"An image can have at most {MOST_FRAMES:,} frames; this one has {frames:,}.", 413
        )
    return frames


def _write(image: Image.Image, kind: str, target: Path, frames: int) -> Image.Image:
    """Save all frames and return the first one."""
    if frames > 1:
        pictures = [_bare(frame) for frame in ImageSequence.Iterator(image)]
        pauses = [frame.info.get("duration", 100) for frame in ImageSequence.Iterator(image)]
        pictures[0].save(
            target, kind, save_all=True, append_images=pictures[1:], duration=pauses, loop=0
        )
        return pictures[0]
    picture = _bare(image)
    options = {"quality": QUALITY} if kind in ("JPEG", "WEBP") else {}
    picture.save(target, kind, **options)
    return picture


def _bare(frame: Image.Image) -> Image.Image:
    """Return the pixels of an image without its metadata, rotated as the EXIF data specifies."""
    upright = ImageOps.exif_transpose(frame)
    bare = upright.convert("RGBA" if upright.has_transparency_data else "RGB")
    bare.info.clear()
    bare.thumbnail((LONGEST_SIDE, LONGEST_SIDE))
    return bare


def _lower_limits() -> None:
    """Limit the memory and lower the priority of this process, if the system supports this."""
    with suppress(ImportError, OSError, ValueError):
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    with suppress(AttributeError, OSError):
        os.nice(NICE)


def _do(job: str) -> str:
    """Do one job and return the answer. Both are JSON."""
    source, target, thumbnail, most_pixels = json.loads(job)
    try:
        told = remake(Path(source), Path(target), Path(thumbnail), most_pixels)
    except Refused as refusal:
        told = {"error": str(refusal), "status": refusal.status}
    return json.dumps(told)


def _do_in_a_child(job: str) -> str:
    """Do one job in a new process. Return its answer, or "" if the process ended without one."""
    reader, writer = os.pipe()
    child = os.fork()
    if not child:
        signal.alarm(SECONDS)  # kills it even if it hangs or this program is gone
        _lower_limits()
        os.write(writer, _do(job).encode())
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as answer:
        told = answer.read()
    os.waitpid(child, 0)
    return told


def main() -> None:
    """Do jobs until standard input closes. If the system cannot fork, do them in this process."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl+C is for the chat
    Image.init()  # once, for all children
    do = _do_in_a_child if hasattr(os, "fork") else _do
    for job in sys.stdin:
        print(do(job), flush=True)


if __name__ == "__main__":
    main()
