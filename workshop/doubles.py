"""Buggy copies of steps, for learners who write a test that catches the bug."""

import shutil

from workshop import changes, manifest
from workshop.learner import LEFT_OUT
from workshop.stages import Stage, temporary_folder

_doubles: dict[str, Stage] = {}  # by name: the copy that is running


def double(which: str, right: str, wrong: str) -> Stage:
    """Run a copy of a step with a bug in one place: double("06", "text.strip()", "text").

    A second copy of the same step replaces the first. Raises LookupError unless the step's files contain
    `right` exactly once.
    """
    step = manifest.step(which)
    name = f"{step.number}_double"
    texts = changes.lesson_files(step.folder)
    places = sum(text.count(right) for text in texts.values())
    if places != 1:
        raise LookupError(
            f"No copy of {step.name} was made.\nExpected: one place in its files that reads {right!r}.\n"
            f"Seen: {places or 'no'} such places.\nWhat to do: copy the code from `show`, with "
            "enough of the code around it to make it unique."
        )
    if name in _doubles:
        _doubles[name].stop()
    copy = _doubles[name] = Stage(name, temporary_folder() / name, "a copy with a bug")
    shutil.copytree(step.folder, copy.folder, ignore=LEFT_OUT)
    file = next(file for file, text in texts.items() if right in text)
    (copy.folder / file).write_text(texts[file].replace(right, wrong), encoding="utf-8")
    copy.start()
    return copy
