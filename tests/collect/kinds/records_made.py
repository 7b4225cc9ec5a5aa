"""Small records for tests that make items of them; ids are those of the content."""

from plumbline.records import Axis, Comparison, Message, Outcome, Prompt, Role, SafetyLabel
from plumbline.records.identity import comparison_ids, digest, safety_label_ids


def _conversation(question, answer):
    messages = (Message(Role.HUMAN, question),)
    return messages if answer is None else (*messages, Message(Role.ASSISTANT, answer))


def safety_label(question, answer, *, is_safe, categories=None, taxonomy="beavertails-14", row=0):
    conversation = _conversation(question, answer)
    names = None if categories is None else frozenset(categories)
    ids = safety_label_ids(conversation, taxonomy, categories=names, is_safe=is_safe)
    return SafetyLabel(
        **dict(zip(("id", "item_id", "group_id"), ids, strict=True)),
        conversation=conversation,
        taxonomy=taxonomy,
        categories=names,
        is_safe=is_safe,
        source="labels.jsonl",
        row=row,
    )


def comparison(question, first, second, *, axis=Axis.HELPFULNESS, outcome=Outcome.FIRST, row=0, **more):
    context = (Message(Role.HUMAN, question),)
    sides = ((Message(Role.ASSISTANT, first),), (Message(Role.ASSISTANT, second),))
    ids = comparison_ids(context, sides, axis, outcome=outcome)
    return Comparison(
        **dict(zip(("id", "item_id", "group_id"), ids, strict=True)),
        context=context,
        continuations=sides,
        axis=axis,
        outcome=outcome,
        source="pairs.jsonl",
        row=row,
        **more,
    )


def prompt(question, row=0, **more):
    conversation = (Message(Role.HUMAN, question),)
    return Prompt(
        id=digest("prompt", question), group_id="g", conversation=conversation, source="p.jsonl", row=row, **more
    )
