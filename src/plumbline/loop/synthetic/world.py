"""A small made-up world for a study: prompts, several replies to each, and how harmful and how helpful each reply truly is.

Tasks are harmless, and what tells their replies apart is how much they help. Wishes are unsafe, and what tells their replies
apart is how much they give in. Everything follows from a seed; all of it is synthetic.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import pyarrow as pa

from plumbline.formats import PARQUET, write_tables
from plumbline.lineage import ALL_USES, Terms, with_terms
from plumbline.loop.synthetic.phrases import SHARES
from plumbline.loop.synthetic.writer import Reply, SyntheticWriter
from plumbline.records import BEAVERTAILS_14, Axis, Conversation, Kind, Message, Role, comparison_table
from plumbline.records.message import conversation_column

SOURCE = "made-up-world-synthetic"
TERMS = Terms(ALL_USES, "CC0-1.0")
_HARMS = 4
_SAFE_OF_FOUR = 2
"""Of the four harms that a reply to a wish can have, so many are safe."""


@dataclass(frozen=True, slots=True)
class Situation:
    """A prompt, and what could be replied.

    Attributes:
        categories: names of the harms that replies which give in bring; empty for a task.
        replies: with the truth about each; no text stands in a world twice.
    """

    prompt: str
    replies: tuple[Reply, ...]
    categories: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Truth:
    """What is true of a reply, and the harms that it brings: none where it is safe."""

    reply: Reply
    categories: frozenset[str]


@dataclass(frozen=True)
class World:
    """What is asked, what may be replied, and the truth.

    Attributes:
        tasks, wishes: for studies.
        unseen_tasks, unseen_wishes: that no study asks, to measure models on.
    """

    tasks: tuple[Situation, ...]
    wishes: tuple[Situation, ...]
    unseen_tasks: tuple[Situation, ...]
    unseen_wishes: tuple[Situation, ...]
    _truths: dict[str, Truth] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Every reply is found by its text."""
        everything = (*self.tasks, *self.wishes, *self.unseen_tasks, *self.unseen_wishes)
        object.__setattr__(self, "_truths", dict(_truths_of(everything)))

    def truth(self, reply: str) -> Truth:
        """The truth about a reply.

        Raises:
            KeyError: no reply of this world has this text.
        """
        return self._truths[reply]


def _truths_of(situations: Iterable[Situation]) -> Iterable[tuple[str, Truth]]:
    for situation in situations:
        for reply in situation.replies:
            brought = frozenset() if reply.is_safe else situation.categories
            yield reply.text, Truth(reply, brought)


def make_world(seed: int, *, tasks: int, wishes: int, unseen: int, replies: int) -> World:
    """Make a world.

    Args:
        seed: the same one gives the same texts everywhere.
        tasks, wishes: how many there are for studies.
        unseen: how many of each no study asks.
        replies: to a task; a wish has two, one of them safe in most cases.
    """
    maker = _Maker(SyntheticWriter(f"{seed}/world", set()), replies)
    asked = [maker.task() for _ in range(tasks)]
    wished = [maker.wish() for _ in range(wishes)]
    return World(
        tuple(asked),
        tuple(wished),
        tuple(maker.task() for _ in range(unseen)),
        tuple(maker.wish() for _ in range(unseen)),
    )


class _Maker:
    def __init__(self, writer: SyntheticWriter, replies: int) -> None:
        self._writer, self._replies = writer, replies
        self._taken: set[str] = set()
        self._deck = [category for category, share in enumerate(SHARES) for _ in range(share)]

    def task(self) -> Situation:
        """A harmless task, its replies apart in how much they help."""
        subject = self._writer.subject()
        made = tuple(self._new(partial(self._writer.answer, subject)) for _ in range(self._replies))
        return Situation(self._writer.opening(subject), made)

    def wish(self) -> Situation:
        """An unsafe wish with a safe reply and another of a different harm."""
        category = self._writer.pick(self._deck)
        subject = self._writer.subject((category,))
        safe = self._writer.below(_SAFE_OF_FOUR)
        other = (safe + 1 + self._writer.below(_HARMS - 1)) % _HARMS
        made = tuple(self._new(partial(self._writer.respond, subject, harm)) for harm in (safe, other))
        return Situation(self._writer.opening(subject), made, frozenset({BEAVERTAILS_14[category]}))

    def _new(self, make: Callable[[], Reply]) -> Reply:
        while True:
            reply = make()
            if reply.text not in self._taken:
                self._taken.add(reply.text)
                return reply


# --- as files ---


def write_prompts(situations: Sequence[Situation], path: Path) -> None:
    """A file of prompts, a line each."""
    path.write_text("".join(json.dumps({"prompt": each.prompt}) + "\n" for each in situations), encoding="utf-8")


def write_pairs(situations: Sequence[Situation], axis: Axis, folder: Path) -> None:
    """A folder with the replies in pairs, first and second, third and fourth, …, that nobody judged."""
    write_tables({Kind.COMPARISONS: pair_table(situations, axis)}, folder, PARQUET)


def pair_table(situations: Sequence[Situation], axis: Axis) -> pa.Table:
    """The comparisons that `write_pairs` writes: without outcome, and without the truth."""
    pairs = [
        (each.prompt, each.replies[at : at + 2]) for each in situations for at in range(0, len(each.replies) - 1, 2)
    ]
    contexts: list[Conversation] = [(Message(Role.HUMAN, prompt),) for prompt, _ in pairs]
    sides: list[Conversation] = [(Message(Role.ASSISTANT, reply.text),) for _, two in pairs for reply in two]
    offsets = pa.array(range(0, len(sides) + 1, 2), pa.int32())
    columns: dict[str, object] = {
        "axis": [axis.value] * len(pairs),
        "source": SOURCE,
        "row": list(range(len(pairs))),
    }
    continuations = pa.ListArray.from_arrays(offsets, conversation_column(sides))
    return with_terms(comparison_table(conversation_column(contexts), continuations, columns), TERMS)


def write_truth(world: World, path: Path) -> None:
    """A line for each reply of a study, with the truth about it: for whoever wants to look; no model and no worker reads it."""
    rows = (
        {
            "prompt": each.prompt,
            "reply": reply.text,
            "harm": reply.harm,
            "helpfulness": round(reply.helpfulness, 3),
            "is_safe": reply.is_safe,
        }
        for each in (*world.tasks, *world.wishes)
        for reply in each.replies
    )
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
