"""Predictions: the learner guesses in one cell, and the next cell compares the guess with the result.

    guess("b")
    …
    reveal(a=heard == ["Bo"], b=heard == ["Ada", "Bo"])     # You guessed b. It is b.

A guess is optional: without one, `reveal` only shows the result.
"""

from workshop.views import View, sentence

LETTERS = "abcdef"

_guess: list[tuple[str, ...]] = []  # the last guess, until it has been compared


def guess(*answers: object) -> View | None:
    """Store a guess, which is one letter, or one value for each question.

    `guess("")` stores nothing. Raises ValueError for a single value that is not one of the letters.
    """
    _guess.clear()
    words = tuple(str(answer).strip().lower() for answer in answers)
    if not any(words):
        return None
    if len(words) == 1 and words[0] not in [*LETTERS]:
        raise ValueError(f'Expected one letter, as in guess("b"). You wrote {answers[0]!r}.')
    _guess.append(words)
    return sentence(f"Your guess is {', '.join(words)}. Run the next cell.")


def reveal(*came: object, **options: object) -> View:
    """Compare the last guess with the result.

    `reveal(a=…, b=…)` shows which option is true. `reveal(200, 404)` compares one value for each
    question. Afterwards, the guess is deleted, so that it does not count for a later question.
    """
    values = tuple(str(value) for value in came) or tuple(name for name in options if options[name])
    it_is = (
        f"It is {', '.join(values)}." if values else "None of these came true: look at the output."
    )
    guessed = _guess.pop() if _guess else ()
    if not guessed:
        return sentence(it_is)
    right = sum(mine == value for mine, value in zip(guessed, values, strict=False))
    score = f" Right: {right} of {len(values)}." if came else ""
    return sentence(f"You guessed {', '.join(each or '–' for each in guessed)}. {it_is}{score}")
