"""The oracle: is a mutant harmful? Chromium, HTTP and Socket.IO clients try the mutated step itself.

    with Oracle() as oracle:
        oracle.judge(mutant)     # Judgement("harmful", "Ada enters, Ada's page: …")

A mutant is harmful if its document, packets, requests, errors or answers differ from those of the
unmutated step. The oracle records the unmutated step and plays it again, and ignores everything that
differs from run to run. If the only difference is in how a page looks or in its structure, the facet of
the verdict says so.
"""

import json
import shutil
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import requests
from playwright.sync_api import Error as PlaywrightError
from playwright.sync_api import sync_playwright

from tests.mutants.mechanical import Mutant
from tests.mutants.scene import Difference, Differs, Record, Scene, View
from tests.mutants.scripts import SCRIPTS
from tests.mutants.seats import Seat
from tests.needs import browser_flags, needs_browser
from workshop import manifest
from workshop.stages import Stage, StageFailed

HARMFUL, HARMLESS = "harmful", "harmless"
MOST_TRIES = 8  # until a step is as recorded
# They may come too late once.
DOUBTFUL = ("packets", "requests", "errors", "said", "answers", "log")
# Up to step 07 nothing is stored, so no page would show what was said before.
ALREADY_SAID = '\nmessages += [{"username": "<b>Past</b>", "text": "<i>said & done</i>"}] * 2\n'
KEEPS_NOTHING = ("03", "04", "05", "06", "07")


@dataclass(frozen=True)
class Judgement:
    """`verdict` is "harmful" or "harmless". `facet` is the first difference: "page", "looks" …"""

    verdict: str
    facet: str = ""
    why: str = ""
    seconds: float = 0.0


class Oracle:
    """A Chromium with three people's contexts, and a record of each requested step."""

    def __init__(self, records: Path | None = None) -> None:
        """`records` is a folder that stores the records of the steps themselves."""
        self._folder = Path(tempfile.mkdtemp(prefix="workshop-mutant-"))
        self._kept = records
        self._records: dict[str, Record] = {}

    def __enter__(self) -> "Oracle":
        self._playwright = sync_playwright().start()
        self._open()
        return self

    def __exit__(self, *_: object) -> None:
        self._browser.close()
        self._playwright.stop()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _open(self) -> None:
        self._browser = self._playwright.chromium.launch(
            executable_path=needs_browser(), args=[*browser_flags(), "--process-per-site"]
        )
        self._seats = [Seat(self._browser) for _ in range(3)]

    def record(self, step: str) -> Record:
        """Return the record of the step itself."""
        kept = self._kept / f"{step}.json" if self._kept else None
        if step not in self._records and kept and kept.is_file():
            views, chance = json.loads(kept.read_text("utf-8"))
            self._records[step] = Record([(a, b) for a, b in views], {(a, b) for a, b in chance})
        if step not in self._records:
            record = Record(self._play(step, None, None)[0])
            self._steady(step, record)
            self._records[step] = record
            if kept:
                kept.parent.mkdir(parents=True, exist_ok=True)
                kept.write_text(describe(record), "utf-8")
        return self._records[step]

    def _steady(self, step: str, record: Record) -> None:
        """Compare the step with its own record until both are the same."""
        for _ in range(MOST_TRIES):
            try:
                _, soft = self._play(step, None, record)
            except Differs as differs:
                found = [differs.difference]
            else:
                found = [*soft.values()]
            if not found:
                return
            record.blurred |= {(each.look, each.facet) for each in found}
        raise AssertionError(f"Step {step} is another each time: {sorted(record.blurred)}")

    def judge(self, mutant: Mutant) -> Judgement:
        """Play the script of a step with this mutant, and again if the result could be due to chance."""
        first = self._judge(mutant)
        return self._judge(mutant) if first.facet in DOUBTFUL else first

    def _judge(self, mutant: Mutant) -> Judgement:
        record, begin = self.record(mutant.step), time.monotonic()
        try:
            _, soft = self._play(mutant.step, mutant, record)
        except StageFailed as failure:
            last = failure.log.strip().rpartition("\n")[2]
            return Judgement(HARMFUL, "start", last, time.monotonic() - begin)
        except Differs as differs:
            facet = differs.difference.facet.rpartition(" ")[2]
            return Judgement(HARMFUL, facet, str(differs), time.monotonic() - begin)
        except (PlaywrightError, requests.RequestException) as error:
            self._browser.close()
            self._open()
            return Judgement(HARMFUL, "hangs", str(error)[:200], time.monotonic() - begin)
        for facet in ("looks", "structure"):
            if facet in soft:
                return Judgement(HARMFUL, facet, str(soft[facet]), time.monotonic() - begin)
        return Judgement(HARMLESS, seconds=time.monotonic() - begin)

    def _play(
        self, step: str, mutant: Mutant | None, record: Record | None
    ) -> tuple[list[View], dict[str, Difference]]:
        chat = self._stage(step, mutant)
        try:
            chat.start()
            scene = Scene(chat, self._seats, record)
            try:
                SCRIPTS[step](scene)
                scene.end()
            finally:
                for client in scene.clients:
                    client.leave()
            return scene.views, scene.soft
        finally:
            chat.stop()
            if chat.data:
                shutil.rmtree(chat.data, ignore_errors=True)

    def _stage(self, step: str, mutant: Mutant | None) -> Stage:
        found = manifest.step(step)
        copy = self._folder / found.name
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(found.folder, copy, ignore=shutil.ignore_patterns("__pycache__"))
        if mutant:
            (copy / mutant.file).write_text(mutant.text, encoding="utf-8")
        if step in KEEPS_NOTHING:
            with (copy / "app.py").open("a", encoding="utf-8") as file:
                file.write(ALREADY_SAID)
        return Stage(found.name, copy, "")


def describe(record: Record) -> str:
    """Return a record as JSON, also for people who want to see what the oracle sees."""
    return json.dumps([record.views, sorted(record.blurred)], indent=1)
