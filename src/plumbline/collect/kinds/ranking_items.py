"""Items of two-axis ranking: the replies to one prompt, each with its meta-label, gathered from labels and comparisons."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Annotated

from pydantic import Field

from plumbline.collect.kinds.bounds import MOST_MESSAGES, MOST_REPLIES, Bounded, Messages, Name, ReplyText, messages_of
from plumbline.collect.kinds.harm_labels import HarmLabel, majority_label
from plumbline.collect.kinds.item_entry import Entry, ItemRefusal
from plumbline.collect.kinds.known_answers import KnownOrder, OrderTruth
from plumbline.collect.kinds.strength import SIDE_OUTCOMES
from plumbline.collect.kinds.topics import Topical, categories_of
from plumbline.collect.study_settings import StudyFile
from plumbline.records import TAXONOMIES, UNSPECIFIED, Comparison, Conversation, Record, Role, SafetyLabel
from plumbline.records.identity import canonical_conversation, digest


class RankedReply(Bounded):
    """A reply with the meta-label that stage 1 gave it."""

    text: ReplyText
    label: HarmLabel
    model: Name | None = None


class RankingItem(Topical):
    """A prompt and its replies, in byte order; how they were ranked before is not in it."""

    prompt: Messages
    replies: Annotated[tuple[RankedReply, ...], Field(min_length=2, max_length=MOST_REPLIES)]
    parents: tuple[str, ...] = ()


@dataclass
class _Prompt:
    """What the records say of one prompt; votes and models by reply."""

    record: Record
    conversation: Conversation
    votes: dict[str, list[HarmLabel]] = field(default_factory=dict)
    told: dict[str, list[HarmLabel]] = field(default_factory=dict)
    models: dict[str, str] = field(default_factory=dict)
    orders: dict[tuple[str, str, str], Comparison] = field(default_factory=dict)
    parents: list[str] = field(default_factory=list)


def ranking_entries(records: Iterable[Record], study: StudyFile) -> Iterator[Entry | ItemRefusal]:
    """One entry a prompt with at least two labelled replies.

    Where safety labels speak of a reply their majority counts; else what comparisons carry along, which says nothing of its
    taxonomy: it counts where it names no category of another one, and no safety label of another speaks of the reply. All
    of the records are held until the last is read, since the replies to one prompt may stand anywhere.
    """
    prompts: dict[str, _Prompt] = {}
    of_another: set[tuple[str, str]] = set()  # (prompt's key, reply) that labels of another taxonomy speak of
    for record in records:
        if isinstance(record, SafetyLabel):
            why = _gather_label(record, prompts, of_another, study)
        elif isinstance(record, Comparison):
            why = _gather_comparison(record, prompts, study)
        else:
            why = "it is neither a label nor a comparison"
        if why:
            yield ItemRefusal(record, "PL-ITM-001", why)
    for key, prompt in prompts.items():
        told = {text: labels for text, labels in prompt.told.items() if (key, text) not in of_another}
        yield from _entry(key, prompt, told | prompt.votes, study)


def _gather_label(
    record: SafetyLabel, prompts: dict[str, _Prompt], of_another: set[tuple[str, str]], study: StudyFile
) -> str:
    """Adds what a label says; tells why it says nothing."""
    if not record.conversation or record.conversation[-1].role is not Role.ASSISTANT:
        return "the conversation does not end with a reply"
    text = record.conversation[-1].text
    if record.taxonomy not in (study.taxonomy, UNSPECIFIED) or _names_others(record, study):
        # Another taxonomy draws the line between safe and unsafe elsewhere.
        of_another.add((_key(record.conversation[:-1]), text))
        return f"a label that is not of {study.taxonomy}"
    if record.is_safe is None:
        return "a label that says neither safe nor unsafe"
    prompt = _prompt(prompts, record, record.conversation[:-1])
    prompt.votes.setdefault(text, []).append(_label(record.is_safe, record.categories))
    return ""


def _gather_comparison(record: Comparison, prompts: dict[str, _Prompt], study: StudyFile) -> str:
    """Adds what a comparison says; tells why it says nothing."""
    if any(len(side) != 1 or side[0].role is not Role.ASSISTANT for side in record.continuations):
        return "a side is not one reply"
    texts = [side[0].text for side in record.continuations]
    prompt = _prompt(prompts, record, record.context)
    is_safe = (None, None) if record.is_safe is None or _names_others(record, study) else record.is_safe
    for side, text in enumerate(texts):
        said = is_safe[side]
        if isinstance(said, bool):
            categories = None if record.categories is None else record.categories[side]
            prompt.told.setdefault(text, []).append(_label(said, categories))
        if record.models is not None and record.models[side]:
            prompt.models.setdefault(text, record.models[side])
    if record.outcome in SIDE_OUTCOMES and texts[0] != texts[1]:
        better = SIDE_OUTCOMES.index(record.outcome)
        prompt.orders[(record.axis, texts[better], texts[1 - better])] = record
    return ""


def _names_others(record: SafetyLabel | Comparison, study: StudyFile) -> bool:
    """Whether a category is none of the study's taxonomy."""
    return not categories_of(record) <= set(TAXONOMIES[study.taxonomy])


def _prompt(prompts: dict[str, _Prompt], record: Record, conversation: Conversation) -> _Prompt:
    prompt = prompts.setdefault(_key(conversation), _Prompt(record, conversation))
    prompt.parents.append(record.id)
    return prompt


def _key(conversation: Conversation) -> str:
    return digest("ranking prompt", canonical_conversation(conversation))


def _label(is_safe: bool, categories: frozenset[str] | None) -> HarmLabel:
    return HarmLabel(is_safe=is_safe, categories=None if categories is None else tuple(sorted(categories)))


def _entry(
    key: str, prompt: _Prompt, given: dict[str, list[HarmLabel]], study: StudyFile
) -> Iterator[Entry | ItemRefusal]:
    labels = {text: majority_label(votes) for text, votes in given.items()}
    replies = [(text, label) for text, label in sorted(labels.items(), key=lambda pair: pair[0].encode()) if label]
    if not 2 <= len(replies) <= MOST_REPLIES:
        why = f"{len(replies)} labelled replies to the prompt; a ranking has 2 to {MOST_REPLIES}"
        yield ItemRefusal(prompt.record, "PL-ITM-006", why)
        return
    if len(prompt.conversation) >= MOST_MESSAGES:
        # With a reply to it, the conversation of a dispute could not be stored. Of items that are entered: one that is
        # stored already was judged, and is read.
        yield ItemRefusal(prompt.record, "PL-ITM-002", "there are too many texts")
        return
    names = [text for text, _ in replies]
    yield Entry(
        prompt.record,
        digest("ranking", key, *names),
        partial(_item, prompt, replies),
        _truth(prompt, names, study),
        frozenset(category for _, label in replies for category in label.categories or ()),
    )


def _item(prompt: _Prompt, replies: list[tuple[str, HarmLabel]]) -> RankingItem:
    return RankingItem(
        prompt=messages_of(prompt.conversation),
        replies=tuple(RankedReply(text=text, label=label, model=prompt.models.get(text)) for text, label in replies),
        parents=tuple(dict.fromkeys(prompt.parents)),
    )


def _truth(prompt: _Prompt, names: list[str], study: StudyFile) -> OrderTruth | None:
    """The orders that records agree on; where two contradict each other neither is known."""
    orders = tuple(
        KnownOrder(axis=record.axis, better=names.index(better), worse=names.index(worse))
        for (axis, better, worse), record in prompt.orders.items()
        if record.axis in study.judged_axes
        and better in names
        and worse in names
        and (axis, worse, better) not in prompt.orders
    )
    return OrderTruth(orders=orders) if orders else None
