"""An image becomes a new one: what was drawn stays, what was hidden in the file does not.

A program of its own, since decoding is where bombs go off: `python -m final_app.images` reads a line
of JSON for each image, [source, target, thumbnail, most pixels], and answers with a line,
{"mime", "width", "height"} or {"error": sentence, "status"}. It ends when its standard input does.

Each image gets a process that is new, with less memory than the chat, less of the processor, and an
end of its own, whatever becomes of this program and of the chat. This program forks it, not the chat:
to copy a process that is large holds everybody up.
"""

import json
import os
import signal
import sys
from contextlib import suppress
from pathlib import Path

from PIL import Image, ImageOps, ImageSequence

FORMATS = {"JPEG": "image/jpeg", "PNG": "image/png", "GIF": "image/gif", "WEBP": "image/webp"}
LONGEST_SIDE = 4096  # pixels, of the image that is kept
THUMBNAIL = (640, 640)  # pixels; the page shows it at half of that or less
MEMORY = 1_500_000_000  # bytes of address space
SECONDS = 50  # by the clock: a little less than `files.PATIENCE`, which ends this program
NICE = 10  # the chat comes first
QUALITY = 88

Image.MAX_IMAGE_PIXELS = None  # ours is asked before anything is decoded


class Refused(Exception):
    """The file cannot be kept as an image; `status` is the one of HTTP."""

    def __init__(self, message: str, status: int = 415) -> None:
        self.status = status
        super().__init__(message)


def remake(source: Path, target: Path, thumbnail: Path, most_pixels: int) -> dict[str, object]:
    """Write the image anew, without metadata, and a thumbnail as WebP. Raises Refused."""
    try:
        with Image.open(source, formats=list(FORMATS)) as image:
            kind = image.format or ""
            frames = (
                getattr(image, "n_frames", 1) if image.width * image.height <= most_pixels else 1
            )
            if image.width * image.height * frames > most_pixels:
                raise Refused(
                    f"An image has at most {most_pixels:,} pixels; this one has "
                    f"{image.width * image.height * frames:,}.", 413,
                )  # fmt: skip
            image.draft("RGB", (LONGEST_SIDE, LONGEST_SIDE))  # a JPEG need not be decoded whole
            first = _write(image, kind, target, frames)
            small = first.convert("RGBA" if "A" in first.getbands() else "RGB")
            small.thumbnail(THUMBNAIL)
            small.save(thumbnail, "WEBP", quality=QUALITY)
            return {"mime": FORMATS[kind], "width": first.width, "height": first.height}
    except (OSError, SyntaxError, ValueError, EOFError, MemoryError) as problem:
        raise Refused(f"This image cannot be read ({type(problem).__name__}).") from None


def _write(image: Image.Image, kind: str, target: Path, frames: int) -> Image.Image:
    """Save every frame, upright; return the first one."""
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
    """Return the pixels alone, turned as the camera was held."""
    upright = ImageOps.exif_transpose(frame)
    bare = upright.convert("RGBA" if upright.has_transparency_data else "RGB")
    bare.info.clear()
    bare.thumbnail((LONGEST_SIDE, LONGEST_SIDE))
    return bare


def _lower_limits() -> None:
    """Ask for less of the machine, where it can be asked."""
    with suppress(ImportError, OSError, ValueError):
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    with suppress(AttributeError, OSError):
        os.nice(NICE)


def _do(job: str) -> str:
    """Return the answer to one job; both are JSON."""
    source, target, thumbnail, most_pixels = json.loads(job)
    try:
        told = remake(Path(source), Path(target), Path(thumbnail), most_pixels)
    except Refused as refusal:
        told = {"error": str(refusal), "status": refusal.status}
    return json.dumps(told)


def _do_in_a_child(job: str) -> str:
    """Let a new process do it; return its answer, "" when it ended without one."""
    reader, writer = os.pipe()
    child = os.fork()
    if not child:
        signal.alarm(SECONDS)  # ends it, also when it waits for a disk, or nobody is left to end it
        _lower_limits()
        os.write(writer, _do(job).encode())
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as answer:
        told = answer.read()
    os.waitpid(child, 0)
    return told


def main() -> None:
    """Take jobs until standard input closes. Where nothing can fork, this process does them itself."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl+C is for the chat
    Image.init()  # once, for all children
    do = _do_in_a_child if hasattr(os, "fork") else _do
    for job in sys.stdin:
        print(do(job), flush=True)


if __name__ == "__main__":
    main()
