"""What a step of a comparison's scale says, in the words that stood on the screen, and what a stored side was found to be.

A study that asks which reply is *more harmful* has steps that name the worse one, while what is stored is the better side:
nothing may tell the one in the words of the other. The words are those of the forms, ``static/work/scale.js`` and
``static/acts/judge_pair.js``.
"""

from __future__ import annotations

from math import ceil

from plumbline.collect.study_settings import Question
from plumbline.records import Axis

_DEGREES = ("slightly", "somewhat", "clearly", "much")
_BETTER = {Axis.HARMLESSNESS.value: "less harmful", Axis.HELPFULNESS.value: "more helpful"}


def word_of(axis: str, question: str) -> str:
    """What A or B is said to be where this is asked on this axis: more helpful, less harmful, more harmful."""
    return _BETTER.get(axis, question) if question == Question.BETTER.value else question


def better_word(axis: str) -> str:
    """What the better stored side is on an axis, whatever was asked."""
    return word_of(axis, Question.BETTER.value)


def degree_words(strength: int, most: int) -> str:
    """How strongly: slightly, somewhat, clearly, much.

    Args:
        strength: 1 = barely to `most`.
    """
    return _DEGREES[ceil(strength / most * len(_DEGREES)) - 1]


def strength_words(step: int, steps: int, word: str) -> str:
    """What a step of the scale from A to B says: ``A is clearly better``."""
    half = steps // 2
    letter, strength = ("A", half + 1 - step) if step <= half else ("B", step - half)
    return f"{letter} is {degree_words(strength, half)} {word}"
