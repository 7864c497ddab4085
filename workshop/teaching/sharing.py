"""Show a learner's verdicts on the board of the class, if the learner wants this.

    share_progress("192.168.1.20:5000/k7wmx3", name="Ada")      # each later check in this notebook
    share_progress(None)                                        # stop
    python3 start.py check 05 --class 192.168.1.20:5000/k7wmx3  # only this check

Only three things leave this machine: a name that the learner chooses, the number of the step, and the
verdict. A server gets the name only after it has accepted the join code. A problem with the board never
stops a check. The check waits for PATIENCE at most, and prints why the board does not show it.
"""

import contextlib
import json
import re
import secrets
import sys
import threading
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException, HTTPResponse

from workshop import paths
from workshop.teaching.door import COOKIE
from workshop.verdict import WORDS, Verdict

PATIENCE = 3.0  # seconds
LONGEST_NAME = 30  # characters
ADDRESS = re.compile(r"(?:http://)?([\w.-]+(?::\d+)?)/(?:join\?code=)?(\w+)/?")
EXAMPLE = "192.168.1.20:5000/k7wmx3"
# In a class of 25, two people rarely get the same name. The name reveals nothing about the machine.
FIRST = ("Brave", "Calm", "Clever", "Gentle", "Happy", "Kind", "Lucky", "Merry", "Quick", "Quiet")
SECOND = ("Badger", "Falcon", "Heron", "Lynx", "Marten", "Otter", "Owl", "Panda", "Robin", "Seal")
NO_ANSWER = "nothing answers there"
REASONS = {
    403: "the join code is wrong",
    429: "too many checks have come from your address, so wait a minute",
    503: "the board is full",
}
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
JSON = {"Content-Type": "application/json"}


@dataclass(frozen=True)
class Share:
    """The server to which verdicts are sent, and the learner's name on the board."""

    host: str  # with the port
    code: str
    name: str

    def send(self, verdict: Verdict) -> str:
        """Send a verdict. Return "", or the reason why the board does not show it."""
        report = {"name": self.name, "step": verdict.step, "verdict": verdict.state}
        try:
            answer = self._post("/join", f"code={self.code}", FORM)
            joined = answer.headers.get("Set-Cookie", "").partition(";")[0]
            if joined.startswith(COOKIE):
                answer = self._post("/board", json.dumps(report), JSON | {"Cookie": joined})
        except (OSError, ValueError, HTTPException):
            return NO_ANSWER
        if answer.status == 204:
            return ""
        return REASONS.get(answer.status, f"it answers with status {answer.status}")

    def _post(self, path: str, body: str, headers: dict[str, str]) -> HTTPResponse:
        """Send a request without a proxy and without a password. Do not follow redirects."""
        line = HTTPConnection(self.host, timeout=PATIENCE)
        line.request("POST", path, body, headers)
        return line.getresponse()


_share: Share | None = None


def share_progress(address: str | None, name: str = "") -> None:
    """Show each later check in this notebook on the board of the class. With None, stop this.

    `address` is the address that the instructor shows, such as "192.168.1.20:5000/k7wmx3". Without a
    `name`, the board shows the last name that you used. If there is none, you are asked for a name in a
    terminal, and get a made-up name in a notebook.
    """
    global _share
    found = ADDRESS.fullmatch((address or "").strip())
    _share = Share(found[1], found[2].lower(), _chosen(name)) if found else None
    if _share:
        sent = f"the name {_share.name!r}, the step, and the verdict"
        is_notebook = "ipykernel" in sys.modules
        sender = "Each check in this notebook now" if is_notebook else "This command"
        print(f"{sender} sends {sent}, and nothing else, to the class at {_share.host}.")
    elif address:
        print(f"Nothing is sent to a board: {address!a} is not an address such as {EXAMPLE}.")
    else:
        print("Checks in this notebook no longer send anything to a class.")


def report(verdict: Verdict) -> None:
    """Send a verdict if the learner has asked for it, and print one line about it."""
    if not (share := _share):
        return
    problems = [NO_ANSWER]  # unless the server answers in time
    sending = threading.Thread(target=lambda: problems.append(share.send(verdict)), daemon=True)
    sending.start()
    sending.join(PATIENCE)
    if problem := problems[-1]:
        print(f"The class board at {share.host} does not show this check: {problem}.")
    else:
        shown = f"{share.name}, step {verdict.step}, {WORDS[verdict.state]}"
        print(f"The class board now shows: {shown}.")


def _chosen(name: str) -> str:
    """Return the given name, the last name, a name that is typed in a terminal, or a made-up name."""
    note = paths.mine() / "board-name.txt"
    made_up = f"{secrets.choice(FIRST)} {secrets.choice(SECOND)} {secrets.randbelow(90) + 10}"
    with contextlib.suppress(OSError, ValueError):
        name = name or note.read_text(encoding="utf-8")
    if not name and sys.stdin.isatty():
        print("The board shows a name, the step and the verdict.")
        name = input(f"Type a name, or press Enter for {made_up!r}: ")
    name = "".join(filter(str.isprintable, name))[:LONGEST_NAME].strip() or made_up
    with contextlib.suppress(OSError):
        note.parent.mkdir(exist_ok=True)
        note.write_text(name, encoding="utf-8")
    return name
