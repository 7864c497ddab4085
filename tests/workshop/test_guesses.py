"""A guess is stored until it is compared with the result, and learners can skip it."""

import pytest

from workshop import guess, reveal


def test_a_guess_is_compared_with_what_came() -> None:
    assert guess(" B ").text == "Your guess is b. Run the next cell."
    assert reveal(a=False, b=[1], c=None).text == "You guessed b. It is b."
    guess("a")
    assert reveal(a=False, b=True).text == "You guessed a. It is b."


def test_a_guess_counts_once() -> None:
    guess("a")
    reveal(a=True)
    assert reveal(a=False, b=True).text == "It is b."


def test_nobody_has_to_guess() -> None:
    assert guess("") is None
    assert guess() is None
    assert reveal(a=True, b=False).text == "It is a."
    guess("a")
    guess("")
    assert reveal(a=True, b=False).text == "It is a.", "a guess can be taken back"


def test_several_values_are_compared_one_by_one() -> None:
    guess(200, "404", "")
    assert reveal(200, 302, 405).text == (
        "You guessed 200, 404, –. It is 200, 302, 405. Right: 1 of 3."
    )


def test_what_is_not_a_letter_is_explained() -> None:
    with pytest.raises(ValueError, match=r'Expected one letter, as in guess\("b"\)'):
        guess("Bo and Cy")


def test_a_changed_cell_may_fulfil_no_option() -> None:
    assert "look at the output" in reveal(a=False, b=False).text
