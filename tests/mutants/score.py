"""The score of the checker: which harmful mutants does it notice, which harmless ones does it reject?

    python -m tests.mutants.score --step 05 --limit 40
    python -m tests.mutants.score --step 04 --step 05 --limit 60 --language HTML --jobs 2
    python -m tests.mutants.score --freeze            # writes all verdicts to harmful.json

Both verdicts are stored in build/mutants. The oracle's verdict is valid until the step or the oracle's
code changes, and the checker's until the step or the code of `workshop` changes. With `--seconds`, a run
ends after this time, and the score contains the mutants that were judged until then.
"""

import argparse
import ast
import hashlib
import json
import multiprocessing
import os
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from dataclasses import asdict
from functools import cache
from pathlib import Path

from tests.mutants.frozen import FROZEN, Frozen, write
from tests.mutants.mechanical import STEPS, Mutant, chosen, in_turn, mutants_of
from tests.mutants.oracle import HARMFUL, Judgement, Oracle
from tests.mutants.scene import SOFT
from workshop import manifest, paths

HERE = Path(__file__).parent
CACHE = paths.ROOT / "build" / "mutants"
SOON = 1.5  # seconds that the checker waits for an answer: many mutants never give one
ORACLE_FILES = ("oracle.py", "scene.py", "scripts.py", "seats.py", "watch.js", "snapshot.js")
NEAR = 1  # lines
CELLS = ("noticed", "certified", "noticed (looks)", "certified (looks)", "accused", "quiet")
PLACES = ("line", "file", "elsewhere")

Checked = dict[str, str]  # "state" and the sentences of a verdict

_oracle: list[Oracle] = []


def digest(*parts: str | bytes) -> str:
    whole = hashlib.sha256()
    for part in parts:
        whole.update(part.encode() if isinstance(part, str) else part)
        whole.update(b"\0")
    return whole.hexdigest()[:20]


def contents(folder: Path, *patterns: str) -> str:
    """Return a digest of the files in a folder: their names and bytes."""
    found = sorted(
        {path for pattern in patterns for path in folder.glob(pattern) if path.is_file()}
    )
    return digest(*(part for path in found for part in (path.name, path.read_bytes())))


def key_of(mutant: Mutant, judges: str) -> str:
    folder = manifest.step(mutant.step).folder
    step = contents(folder, "*.py", "templates/*", "static/*")
    return digest(judges, step, mutant.file, mutant.diff, str(mutant.line))


@cache
def code(folder: Path, *patterns: str) -> str:
    """Return a digest of files. For Python, it does not depend on comments and line breaks."""
    found = sorted({path for pattern in patterns for path in folder.glob(pattern)})
    texts = [(path, path.read_text("utf-8")) for path in found]
    return digest(*(
        ast.dump(ast.parse(text)) if path.suffix == ".py" else text for path, text in texts
    ))  # fmt: skip


def oracle_version() -> str:
    return code(HERE, *ORACLE_FILES)


def checker_version() -> str:
    return code(paths.ROOT / "workshop", "**/*.py", "**/*.js")


class Known:
    """Earlier verdicts, in a JSON file."""

    def __init__(self, name: str) -> None:
        self._path = CACHE / f"{name}.json"
        self.all: dict[str, dict[str, object]] = {}
        if self._path.is_file():
            self.all = json.loads(self._path.read_text("utf-8"))

    def keep(self, key: str, value: dict[str, object]) -> None:
        self.all[key] = value
        CACHE.mkdir(parents=True, exist_ok=True)
        fresh = self._path.with_suffix(".new")
        fresh.write_text(json.dumps(self.all, indent=0, ensure_ascii=False), "utf-8")
        fresh.replace(self._path)


def begin() -> None:
    """Give each worker its own learner's folder."""
    os.environ["WORKSHOP_MINE"] = tempfile.mkdtemp(prefix="workshop-mine-")
    os.environ["TQDM_DISABLE"] = "1"


def judge(mutant: Mutant) -> Judgement:
    if not _oracle:
        steps = contents(paths.STEPS, "*/*.py", "*/templates/*", "*/static/*")
        kept = CACHE / f"records-{digest(oracle_version(), steps)}"
        _oracle.append(Oracle(kept).__enter__())
    return _oracle[0].judge(mutant)


def check(step: str, file: str = "", text: str = "") -> Checked:
    """Return the checker's verdict on a copy of the step, in which one file has this text."""
    from workshop import checker
    from workshop.checks.patience import hurried
    from workshop.learner import catch_up

    catch_up(step)
    if file:
        (paths.my_chat() / file).write_text(text, encoding="utf-8")
    begun = time.monotonic()
    with hurried(SOON):
        verdict = checker.check(step)
    return {
        "state": verdict.state, "sentence": verdict.sentence, "expected": verdict.expected,
        "seen": verdict.seen, "hint": verdict.hint, "seconds": f"{time.monotonic() - begun:.2f}",
        "place": verdict.report.place if verdict.report else "", "about": verdict.about,
        "raised": verdict.report.words if verdict.report else "",
    }  # fmt: skip


def noticed(checked: Checked, clean: Checked) -> bool:
    """Return whether the checker's verdict differs from its verdict on the step itself."""
    return checked["state"] == "broken" or (checked["state"], checked["sentence"]) != (
        clean["state"], clean["sentence"],
    )  # fmt: skip


def place(mutant: Mutant, checked: Checked) -> str:
    """Return how exact the place in a verdict is: "line", "file" or "elsewhere"."""
    file, _, rest = (checked["place"] or checked["about"]).partition(":")
    if file != mutant.file:
        return "elsewhere"
    line = rest.partition(":")[0]
    return "line" if line and abs(int(line) - mutant.line) <= NEAR else "file"


def judge_all(mutants: list[Mutant], jobs: int, seconds: float) -> None:
    """Get the verdicts of the oracle and the checker that are not known yet, and print them."""
    oracles, checks = Known("oracle"), Known("checker")
    versions = {"oracle": oracle_version(), "checker": checker_version()}
    end = time.monotonic() + seconds
    todo: list[tuple[str, str, Mutant | None, str]] = []
    for step in sorted({mutant.step for mutant in mutants}):
        key = clean_key(step, versions["checker"])
        if key not in checks.all:
            todo.append(("clean", key, None, step))
    for mutant in mutants:
        for kind, known in (("oracle", oracles), ("checker", checks)):
            key = key_of(mutant, versions[kind])
            if key not in known.all:
                todo.append((kind, key, mutant, mutant.step))
    new = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(jobs, mp_context=new, initializer=begin) as workers:
        running: dict[Future[object], tuple[str, str, Mutant | None, str]] = {}
        waiting, done, total = iter(todo), 0, len(todo)
        while True:
            while len(running) < jobs and time.monotonic() < end:
                each = next(waiting, None)
                if each is None:
                    break
                running[submit(workers, each)] = each
            if not running:
                break
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                kind, key, mutant_, step = running.pop(future)
                done += 1
                if problem := future.exception():
                    print(f"{done}/{total} {kind} {step}: {problem}", flush=True)
                    continue
                found = future.result()
                value = asdict(found) if isinstance(found, Judgement) else dict(found)  # type: ignore[call-overload]
                (oracles if kind == "oracle" else checks).keep(key, value)
                name = mutant_.id if mutant_ else f"{step} as it is"
                said = value.get("verdict") or value["state"]
                why = value.get("why") or value.get("sentence")
                print(f"{done}/{total} {kind} {name}: {said}. {str(why)[:110]}", flush=True)


def submit(
    workers: ProcessPoolExecutor, task: tuple[str, str, Mutant | None, str]
) -> "Future[object]":
    kind, _, mutant, step = task
    if kind == "oracle" and mutant:
        return workers.submit(judge, mutant)
    return workers.submit(check, step, *((mutant.file, mutant.text) if mutant else ()))


def clean_key(step: str, version: str) -> str:
    folder = manifest.step(step).folder
    return digest(version, contents(folder, "*.py", "templates/*", "static/*"), "as it is")


def judged(
    mutants: list[Mutant],
) -> Iterator[tuple[Mutant, dict[str, object], Checked, Checked]]:
    """Yield the mutants that both have judged, with both verdicts, and the one on the step itself."""
    oracles, checks = Known("oracle"), Known("checker")
    versions = {"oracle": oracle_version(), "checker": checker_version()}
    for mutant in mutants:
        one = oracles.all.get(key_of(mutant, versions["oracle"]))
        other = checks.all.get(key_of(mutant, versions["checker"]))
        clean = checks.all.get(clean_key(mutant.step, versions["checker"]))
        if one and other and clean:
            yield mutant, one, other, clean  # type: ignore[misc]


def cell_of(judgement: dict[str, object], checked: Checked, clean: Checked) -> str:
    seen = noticed(checked, clean)
    if judgement["verdict"] != HARMFUL:
        return "accused" if seen else "quiet"
    only = " (looks)" if judgement["facet"] in SOFT else ""
    return ("noticed" if seen else "certified") + only


def report(mutants: list[Mutant]) -> str:
    """Return tables by language, step and operator, where hints lead, and the unnoticed mutants."""
    found = [
        (mutant, cell_of(one, other, clean), one, other)
        for mutant, one, other, clean in judged(mutants)
    ]
    text = [f"{len(found)} of {len(mutants)} mutants judged."]
    for title, group in (
        ("language", lambda m: m.language), ("step", lambda m: m.step),
        ("language and operator", lambda m: f"{m.language}: {m.operator}"),
    ):  # fmt: skip
        rows = defaultdict[str, Counter[str]](Counter)
        for mutant, cell, _, _ in found:
            rows[group(mutant)][cell] += 1
        text += ["", table(title, rows)]
    places = defaultdict[str, Counter[str]](Counter)
    for mutant, cell, _, checked in found:
        if cell.startswith("noticed"):
            how = "raised" if checked["raised"] else "nothing raised"
            places[f"{mutant.language}, {how}"][place(mutant, checked)] += 1
    text += ["", table("place that the verdict names", places, PLACES)]
    for wrong in ("certified", "certified (looks)", "accused"):
        text += ["", f"{wrong}:"]
        for mutant, cell, judgement, checked in found:
            if cell == wrong:
                accused = f"{checked['sentence']} {checked['seen']}"
                why = accused if cell == "accused" else judgement["why"]
                text.append(f"- {mutant.id}: {mutant.diff!r}\n  {str(why)[:300]}")
    return "\n".join(text)


def table(title: str, rows: dict[str, Counter[str]], columns: tuple[str, ...] = CELLS) -> str:
    """Return a table in Markdown, with the sum of its rows."""
    total: Counter[str] = sum(rows.values(), Counter())
    lines = [f"| {title} | {' | '.join(columns)} |", f"|---|{'--:|' * len(columns)}"]
    for name, counts in [*sorted(rows.items()), ("all", total)]:
        lines.append(f"| {name} | {' | '.join(str(counts[each]) for each in columns)} |")
    return "\n".join(lines)


def freeze() -> None:
    """Write the oracle's verdicts on all mutants that it has judged to harmful.json."""
    known, version = Known("oracle").all, oracle_version()
    judged = [
        Frozen(mutant, str(found["verdict"]), str(found["facet"]))
        for step in STEPS
        for mutant in mutants_of(step)
        if (found := known.get(key_of(mutant, version)))
    ]
    write(judged)
    print(f"{len(judged)} mutants are in {FROZEN.relative_to(paths.ROOT)}.")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument(
        "--step", action="append", choices=STEPS, help="again for more; all without"
    )
    parser.add_argument("--limit", type=int, default=40, help="mutants of each step")
    parser.add_argument("--language", choices=("Python", "HTML", "JavaScript"), default="")
    parser.add_argument("--seed", type=int, default=16)
    parser.add_argument("--jobs", type=int, default=1, help="workers, each with a Chromium")
    parser.add_argument("--seconds", type=float, default=3600.0, help="begin nothing after these")
    parser.add_argument("--freeze", action="store_true", help="write harmful.json")
    asked = parser.parse_args()
    if asked.freeze:
        freeze()
        return
    steps = asked.step or STEPS
    mutants = in_turn([chosen(each, asked.limit, asked.language, asked.seed) for each in steps])
    judge_all(mutants, asked.jobs, asked.seconds)
    print(report(mutants))


if __name__ == "__main__":
    main()
