"""Records made by hand for the rules of `plumbline data check`, and what these find."""

from collections import defaultdict

import pyarrow as pa

from plumbline.curate.check import CHECK_RULES, check_tables
from plumbline.records import (
    Axis,
    Message,
    Outcome,
    Role,
    comparison_table,
    conversation_column,
    prompt_table,
    red_team_attempt_table,
    safety_label_table,
)

HUMAN, ASSISTANT, SYSTEM = Role.HUMAN, Role.ASSISTANT, Role.SYSTEM
NAMES = {rule.code: rule.name for rule in CHECK_RULES}
CODES = {name: code for code, name in NAMES.items()}


def turns(*messages):
    """A conversation: humans and assistants in turn, or (role, text)."""
    usual = (HUMAN, ASSISTANT)
    return tuple(
        Message(usual[number % 2], message) if isinstance(message, str) else Message(*message)
        for number, message in enumerate(messages)
    )


def said(*texts):
    """The assistant's side of a comparison, then perhaps the human's again."""
    return tuple(Message((ASSISTANT, HUMAN)[number % 2], text) for number, text in enumerate(texts))


def comparisons(rows):
    """A table of (context, first, second, outcome, split)."""
    sides = conversation_column([side for _, first, second, *_ in rows for side in (first, second)])
    pairs = pa.ListArray.from_arrays(pa.array(range(0, 2 * len(rows) + 1, 2), pa.int32()), sides)
    columns = {
        "axis": Axis.HARMLESSNESS,
        "outcome": [row[3] for row in rows],
        "split": [row[4] for row in rows],
        "source": "pairs.jsonl",
        "row": list(range(len(rows))),
    }
    return comparison_table(conversation_column([row[0] for row in rows]), pairs, columns)


def labels(rows):
    """A table of (conversation, is_safe, categories, split)."""
    columns = {
        "taxonomy": "beavertails-14",
        "is_safe": [row[1] for row in rows],
        "categories": [row[2] for row in rows],
        "split": [row[3] for row in rows],
        "source": "labels.jsonl",
        "row": list(range(len(rows))),
    }
    return safety_label_table(conversation_column([row[0] for row in rows]), columns)


def attempts(conversations):
    columns = {"source": "attempts.jsonl", "row": list(range(len(conversations)))}
    return red_team_attempt_table(conversation_column(conversations), columns)


def prompts(rows):
    columns = {"source": "prompts.jsonl", "row": list(range(len(rows))), "split": [split for _, split in rows]}
    return prompt_table(conversation_column([conversation for conversation, _ in rows]), columns)


def pair(first="Yes.", second="No.", *, context=None, outcome=Outcome.FIRST, split="train"):
    sides = (said(side) if isinstance(side, str) else side for side in (first, second))
    return (turns("May I?") if context is None else context, *sides, outcome, split)


def label(*texts, is_safe=True, categories=None, split="train"):
    return turns(*texts), is_safe, categories, split


def found(tables):
    """{(rule's name, kind): rows}."""
    places = defaultdict(list)
    for finding in check_tables(tables).to_pylist():
        places[NAMES[finding["code"]], finding["kind"]].append(finding["row"])
    return dict(places)
