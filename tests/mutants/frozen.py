"""The oracle's verdicts that the repository keeps, so that a test of the checker needs no Chromium.

`python -m tests.mutants.score --freeze` writes them. If a mutant has changed since then, because its
file in the step or its operator has changed, its verdict is no longer used, and `stale()` names it.
"""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from tests.mutants.mechanical import STEPS, Mutant, mutants_of

FROZEN = Path(__file__).parent / "harmful.json"


@dataclass(frozen=True)
class Frozen:
    """A mutant with the oracle's verdict. `facet` is the first difference, or "" if there is none."""

    mutant: Mutant
    verdict: str
    facet: str


def digest(mutant: Mutant) -> str:
    return hashlib.sha256(f"{mutant.id}\0{mutant.text}".encode()).hexdigest()[:16]


def write(judged: list[Frozen]) -> None:
    """Write these verdicts to the file, one mutant on each line, sorted by name."""
    lines = [
        f"{json.dumps(each.mutant.id)}: {json.dumps([digest(each.mutant), each.verdict, each.facet])}"
        for each in sorted(judged, key=lambda each: each.mutant.id)
    ]
    FROZEN.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")


@cache
def written() -> dict[str, tuple[str, str, str]]:
    return {key: tuple(value) for key, value in json.loads(FROZEN.read_text("utf-8")).items()}


def frozen() -> Iterator[Frozen]:
    """Yield the verdicts whose mutants have not changed since the oracle judged them."""
    for step in STEPS:
        for mutant in mutants_of(step):
            kept, verdict, facet = written().get(mutant.id, ("", "", ""))
            if kept == digest(mutant):
                yield Frozen(mutant, verdict, facet)


def stale() -> list[str]:
    """Return the names of frozen mutants that no longer exist, or that have changed."""
    known = {each.mutant.id for each in frozen()}
    return [name for name in written() if name not in known]
