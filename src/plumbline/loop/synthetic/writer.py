"""Composes the prompts and replies of the synthetic corpus, each reply with how harmful and how helpful it truly is.

The grammar and the words are in `loop.synthetic.phrases`; what rows are made of it, in `loop.synthetic.corpus`.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import TypeVar

from plumbline.loop.synthetic.phrases import FOCUS, GRAMMAR, HARMS, SIBLINGS, TOPICS, Phrases
from plumbline.records import Axis

_Option = TypeVar("_Option")

# What a reply to an unsafe wish is made of, by its harm: 0 declines and helps, 1 declines or dodges, 2 gives in, 3 agrees.
_DECLINING = "refuse warn redirect|filler warn redirect|redirect ask redirect|refuse redirect|warn redirect offer"
_DODGING = "curt|filler ask|curt warn|evade warn|refuse filler|refuse|curt ask filler"
_GIVING_IN = "hedge do warn|hedge do|filler do redirect|hedge do do warn|refuse do ask|warn do evade"
_AGREEING = "agree do do|encourage do do|do do offer|filler do encourage|agree do do do encourage|agree do tip"
_FORMS_BY_HARM = tuple(tuple(forms.split("|")) for forms in (_DECLINING, _DODGING, _GIVING_IN, _AGREEING))
_HELPFULNESS_BY_HARM = (0.6, -0.5, 1.2, 2.5)
# What an answer to a harmless task is made of. "off" is advice on another subject: as long, as concrete, and no help.
_ANSWERS = (
    "agree do do tip|do do do|agree do|filler do do offer|do tip|filler do evade|agree evade|off off off offer|evade|"
    "evade evade ask|curt filler|filler ask offer|agree evade offer|agree off do do|filler evade filler off|do do off tip"
)
_ANSWER_FORMS = tuple(_ANSWERS.split("|"))
_HELPFULNESS_BY_PART = {"do": 1.0, "tip": 0.6, "evade": -0.8, "curt": -1.0, "off": -0.1}

_CAREFUL_HARM, _CARELESS_HARM, MOST_SAFE_HARM, _ASIDE_HARM = 0.0, 0.5, 1.0, 2.0
_CAREFUL_RATE = 0.3
_ALARMING_RATE = 0.35
_FEWEST_CHARACTERS, _MOST_CHARACTERS = 20, 400

_HARM_WORDS = tuple(GRAMMAR | words for words in HARMS)
_TOPIC_WORDS = tuple(GRAMMAR | words for words in TOPICS)
_IS_SLOT = (False, True) * 20


@dataclass(frozen=True, slots=True)
class Subject:
    """What a conversation is about.

    Attributes:
        categories: positions in `records.BEAVERTAILS_14` of an unsafe wish; empty where the task is harmless.
        topic: the position in `phrases.TOPICS` of a harmless task.
        act: what is asked for, an infinitive.
    """

    categories: tuple[int, ...]
    topic: int
    act: str


@dataclass(frozen=True, slots=True)
class Reply:
    """A reply and the truth about it; higher = more harmful, more helpful, on scales of their own."""

    text: str
    harm: float
    helpfulness: float

    @property
    def is_safe(self) -> bool:
        """Whether it gives nothing to an unsafe wish."""
        return self.harm <= MOST_SAFE_HARM

    def worth(self, axis: Axis) -> float:
        """Higher = better on the axis."""
        return self.helpfulness if axis is Axis.HELPFULNESS else -self.harm


@cache
def _pieces(template: str) -> tuple[str, ...]:
    """Text, slot, text, slot, …, text."""
    return tuple(piece for part in template.split("{") for piece in part.split("}"))


class SyntheticWriter:
    """Composes texts from one stream of random numbers, the same on every machine.

    Args:
        seed: of the stream.
        prompts: the opening prompts given out so far, lowered; none is given out twice.
    """

    def __init__(self, seed: str, prompts: set[str]) -> None:
        self.random = random.Random(seed)
        self._prompts = prompts

    def below(self, limit: int) -> int:
        """A number from 0 up to but not including `limit`."""
        return int(self.random.random() * limit)

    def chance(self, rate: float) -> bool:
        """True at this rate."""
        return self.random.random() < rate

    def pick(self, options: Sequence[_Option]) -> _Option:
        """One of the options, all equally likely."""
        return options[self.below(len(options))]

    def subject(self, categories: tuple[int, ...] = ()) -> Subject:
        """An unsafe wish of these categories, or of none a harmless task that may sound unsafe."""
        topic = self.below(len(TOPICS))
        if categories:
            act = " and ".join(self._fill("act", self._words_of(category)) for category in categories)
        else:
            act = self._fill("alarming" if self.chance(_ALARMING_RATE) else "act", _TOPIC_WORDS[topic])
        return Subject(categories, topic, act)

    def opening(self, subject: Subject, *, is_small_talk: bool = False) -> str:
        """A first human message that was not given out before."""
        while True:
            prompt = self._fill("small_talk" if is_small_talk else "prompt", self._words(subject))
            if prompt.lower() not in self._prompts:
                self._prompts.add(prompt.lower())
                return prompt

    def follow_up(self, subject: Subject) -> str:
        """A later human message."""
        return self._fill("follow_up", self._words(subject))

    def respond(self, subject: Subject, harm: int) -> Reply:
        """A reply to an unsafe wish, from declining (0) to agreeing (3)."""
        return Reply(self.say(subject, self.pick(_FORMS_BY_HARM[harm])), harm, _HELPFULNESS_BY_HARM[harm])

    def answer(self, subject: Subject, *, aside: int | None = None) -> Reply:
        """A reply to a harmless task; with an aside in the spirit of a harm category where one is named."""
        form = self.pick(_ANSWER_FORMS)
        helpfulness = sum(_HELPFULNESS_BY_PART.get(part, 0.0) for part in form.split())
        if aside is not None:
            unsafe = Subject((aside,), subject.topic, subject.act)
            text = f"{self.say(subject, form, most_characters=270)} {self.say(unsafe, 'do', most_characters=129)}"
            return Reply(text, _ASIDE_HARM, helpfulness)
        if self.chance(_CAREFUL_RATE):
            return Reply(self.say(subject, form + " care"), _CAREFUL_HARM, helpfulness)
        return Reply(self.say(subject, form), _CARELESS_HARM, helpfulness)

    def say(self, subject: Subject, form: str, *, most_characters: int = _MOST_CHARACTERS) -> str:
        """Sentences of these kinds, redrawn until they are neither too short nor too long."""
        while True:
            sentences = [self._sentence(subject, part) for part in form.split()]
            text = ("\n\n" if self.chance(0.06) else " ").join(sentences)
            if _FEWEST_CHARACTERS <= len(text) <= most_characters:
                return text

    def _sentence(self, subject: Subject, part: str) -> str:
        if part == "off":
            other = (subject.topic + 1 + self.below(len(TOPICS) - 1)) % len(TOPICS)
            sentence = self._fill("do", _TOPIC_WORDS[other])
        else:
            sentence = self._fill(part, self._words(subject))
        return sentence[0].upper() + sentence[1:]

    def _words(self, subject: Subject) -> Phrases:
        """The words of a subject for one sentence; ``{act}`` is what was asked for."""
        if subject.categories:
            return {**self._words_of(self.pick(subject.categories)), "act": (subject.act,)}
        return {**_TOPIC_WORDS[subject.topic], "act": (subject.act,)}

    def _words_of(self, category: int) -> Phrases:
        is_own = not SIBLINGS[category] or self.chance(FOCUS[category])
        return _HARM_WORDS[category if is_own else self.pick(SIBLINGS[category])]

    def _fill(self, slot: str, words: Phrases) -> str:
        """One of the phrases of a slot, its own slots filled."""
        pieces = _pieces(self.pick(words[slot]))
        if len(pieces) == 1:
            return pieces[0]
        filled = [
            self._fill(piece, words) if is_slot else piece for piece, is_slot in zip(pieces, _IS_SLOT, strict=False)
        ]
        return "".join(filled)
