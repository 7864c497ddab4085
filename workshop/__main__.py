"""`python -m workshop COMMAND`: start.py runs this when the environment is ready."""

import argparse
import errno
import os
import shutil
import sys
import time


def main(arguments: list[str] | None = None) -> int:
    """Run one command. Return its exit code: 0 for success, 1 for a problem, 2 for invalid arguments."""
    _print_everything()
    options = parser().parse_args(arguments)
    try:
        code: int = options.verb(options)
        return code
    except KeyboardInterrupt:
        return 130  # the usual exit code after Ctrl+C
    except (LookupError, OSError, RuntimeError) as problem:
        print(_explained(problem), file=sys.stderr)
        return 2
    except ModuleNotFoundError as problem:
        print(
            f"{problem}, in {sys.executable}.\n"
            "What to do: run `python3 start.py doctor`, which tells you how to fix it "
            "(Windows: `py start.py doctor`).",
            file=sys.stderr,
        )
        return 2


# Errors of the system, and what to do about them.
REMEDIES = {
    (errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC)): "free some disk space",
    (errno.EEXIST, errno.ENOTDIR): "a file has the name of a folder, so rename the file",
    (errno.EACCES, errno.EPERM, errno.EROFS): (
        "close the programs that use these files, and check that you can write in this folder"
    ),
}


def _explained(problem: Exception) -> str:
    """Return the message of an error. If it comes from the system, add what to do."""
    said = str(problem.args[0] if isinstance(problem, LookupError) else problem)
    if isinstance(problem, shutil.Error):  # many files could not be copied, all for the same reason
        said = problem.args[0][0][2]
    if not isinstance(problem, OSError) or not said.startswith(("[Errno", "[WinError")):
        return said
    sign = f"[Errno {problem.errno}]" if problem.errno else said
    known = (todo for numbers, todo in REMEDIES.items() for n in numbers if f"[Errno {n}]" in sign)
    todo = next(known, "`python3 start.py doctor` looks for the cause")
    return f"{said}.\nWhat to do: {todo}. Then run the same command again."


def _port(text: str) -> int:
    """Return the number of a port. 0 is refused: the server would choose a port and not report it."""
    if not text.isdecimal() or not 0 < int(text) < 65536:
        raise argparse.ArgumentTypeError(f"expected a number from 1 to 65535, not {text!r}")
    return int(text)


def parser() -> argparse.ArgumentParser:
    top = argparse.ArgumentParser(prog="workshop", description="Build a chat, step by step.")
    verbs = top.add_subparsers(required=True, metavar="COMMAND")

    def verb(name: str, handler: object, text: str) -> argparse.ArgumentParser:
        added = verbs.add_parser(name, help=text, description=text)
        added.set_defaults(verb=handler)
        return added

    lab = verb("notebooks", _notebooks, "open the notebooks in JupyterLab")
    lab.add_argument(
        "--no-browser", action="store_true", help="print the address, but open no browser"
    )
    lab.add_argument(
        "--port", type=_port, help="JupyterLab's port (default: 8888 or the next free one)"
    )
    run = verb("run", _run, "run a step or your own chat here; saving reloads it")
    run.add_argument("stage", help="such as 05, 05_broadcast or mine")
    run.add_argument("--port", type=_port, help="port (default: 5000 or the next free one)")
    group = verb("class", _class, "open a step or your own chat to your local network, for phones")
    group.add_argument(
        "stage", nargs="?", default="mine", help="such as 05 (default: your own chat)"
    )
    group.add_argument("--port", type=_port, help="port (default: 5000 or the next free one)")
    group.add_argument(
        "--hours", type=float, default=2, help="how long it stays open (default: 2, at most 10)"
    )
    chat = verb("chat", _chat, "serve the finished application")
    chat.add_argument(
        "--no-browser", action="store_true", help="print the address, but open no browser"
    )
    chat.add_argument(
        "--host", default="127.0.0.1", help="address to listen on (default: 127.0.0.1)"
    )
    chat.add_argument("--port", type=_port, default=5000, help="port (default: 5000)")
    chat.add_argument(
        "--workers", type=int, default=1,
        help="number of processes; more than one needs Linux and PostgreSQL (default: 1)",
    )  # fmt: skip
    check = verb("check", _check, "check your own chat against a step")
    check.add_argument("step", help="such as 05")
    more = check.add_mutually_exclusive_group()
    more.add_argument("--hint", action="store_true", help="show the lines that break the promise")
    more.add_argument("--watch", action="store_true", help="check again whenever you save a file")
    check.add_argument(
        "--class",
        dest="address",
        metavar="ADDRESS",
        help="also show the verdict on your instructor's board; such as 192.168.1.20:5000/k7wmx3",
    )
    check.add_argument("--name", default="", help="your name on the board")
    catch_up = verb("catch-up", _catch_up, "save your chat, then replace it with a copy of a step")
    catch_up.add_argument("step", help="such as 05")
    kit = verb("kit", _kit, "make a folder that sets up a machine without internet")
    kit.add_argument("folder", nargs="?", help="where to make it (default: in build/)")
    kit.add_argument(
        "--for",
        dest="machines",
        action="append",
        default=[],
        metavar="MACHINE",
        help="such as windows-amd64-3.13; can be repeated (default: this machine)",
    )
    doctor = verb("doctor", _doctor, "check your machine, and tell you how to fix problems")
    doctor.add_argument(
        "--line", action="store_true", help="print one line that you can send to your instructor"
    )
    verb("ps", _ps, "list the running servers of the steps and of your chat")
    stop = verb("stop", _stop, "stop these servers")
    stop.add_argument("stage", nargs="?", help="stop only this one")
    refresh = verb("refresh", _refresh, "for authors: run the notebooks and store their outputs")
    refresh.add_argument("notebooks", nargs="*", help="such as 05 (default: all)")
    site = verb("site", _site, "for authors: write the workshop as a website into build/site")
    site.add_argument(
        "--repository",
        default="",
        help="owner/name on GitHub, for buttons that open the workshop in Binder and Codespaces",
    )
    lock = verb("lock", _lock, "for authors: resolve pyproject.toml and write requirements*.lock")
    lock.add_argument("--newest", action="store_true", help="ignore exclude-newer")
    return top


def _notebooks(options: argparse.Namespace) -> int:
    from workshop.lab import open_notebooks

    return open_notebooks(browser=not options.no_browser, port=options.port)


def _run(options: argparse.Namespace) -> int:
    from workshop.run import run

    return run(options.stage, options.port)


def _class(options: argparse.Namespace) -> int:
    from workshop.teaching.class_mode import serve

    return serve(options.stage, options.port, options.hours)


def _chat(options: argparse.Namespace) -> int:
    from workshop import paths
    from workshop.lab import become

    os.chdir(paths.ROOT)  # the chat's data is in instance/, next to start.py
    words = ["--host", options.host, "--port", str(options.port)]
    words += ["--no-browser"] if options.no_browser else []
    words += ["--workers", str(options.workers)] if options.workers != 1 else []
    return become([sys.executable, "-m", "final_app", *words], dict(os.environ))


def _check(options: argparse.Namespace) -> int:
    from workshop.checker import check
    from workshop.teaching.sharing import share_progress
    from workshop.verdict import BROKEN

    if options.address:
        share_progress(options.address, options.name)
    if options.watch:
        from workshop.watch import watch

        return watch(options.step)
    verdict = check(options.step, hint=2 if options.hint else 1)
    print(verdict)
    return 1 if verdict.state == BROKEN else 0


def _catch_up(options: argparse.Namespace) -> int:
    from workshop.learner import catch_up
    from workshop.views import diff_view

    done = catch_up(options.step)
    if done.hunks:
        print(diff_view(done.hunks, f"from your chat to {done.step}"), end="\n\n")
    print(done)
    return 0


def _kit(options: argparse.Namespace) -> int:
    from workshop.teaching.kit import main

    return main(options.machines, options.folder)


def _doctor(options: argparse.Namespace) -> int:
    from workshop.doctor import one_line, report

    return one_line() if options.line else report()


def _ps(options: argparse.Namespace) -> int:
    from workshop import running

    notes = running.notes()
    for note in notes:
        minutes = f"for {(time.time() - note.since) / 60:.0f} min"
        print(f"{note.name:<15} http://127.0.0.1:{note.port:<6} {minutes}, by {note.by}")
    if not notes:
        print("No server of the workshop is running.")
    return 0


def _stop(options: argparse.Namespace) -> int:
    from workshop import running
    from workshop.stages import locate

    wanted = locate(options.stage)[0] if options.stage else None
    notes = [note for note in running.notes() if wanted in (None, note.name)]
    if not notes:
        print("There is nothing to stop.")
    left = [note for note in notes if not running.end(note)]
    for note in notes:
        print(f"{note.name} on port {note.port}: {'still running' if note in left else 'stopped'}")
    return 1 if left else 0


def _refresh(options: argparse.Namespace) -> int:
    from workshop.refresh import refresh

    return refresh(options.notebooks)


def _site(options: argparse.Namespace) -> int:
    from workshop import site

    begun = time.monotonic()
    pages = site.build(repository=options.repository)
    seconds = time.monotonic() - begun
    print(f"Wrote {len(pages)} pages in {seconds:.1f} s. Open {site.OUTPUT / 'index.html'}")
    return 0


def _lock(options: argparse.Namespace) -> int:
    from workshop.locks import LOCKS, lock

    lock(newest=options.newest)
    print(f"Wrote {', '.join(LOCKS)}.")
    return 0


def _print_everything() -> None:
    """Print a substitute for characters that an old terminal, for example on Windows, cannot show."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure:
            reconfigure(errors="replace")


if __name__ == "__main__":
    sys.exit(main())
