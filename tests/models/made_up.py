"""Small tables of made-up pairs and labels with a truth that a linear model can find."""

import random

import pyarrow as pa

from plumbline.lineage import ALL_USES, FileEntry, Manifest, Terms, Use, with_terms
from plumbline.models.card import format_card
from plumbline.models.linear.saving import save_model
from plumbline.models.transformer.examples.goals import TaskData, goals_of
from plumbline.records import Message, Role, comparison_table, conversation_column, kind_of, safety_label_table

GOOD = ["sure here are steps", "happy to help with that", "let me explain it kindly", "of course see below"]
BAD = ["no go away", "figure that out alone", "that is a silly thing", "whatever you say"]


def question(number: int):
    return (Message(Role.HUMAN, f"question number {number}?"),)


def reply(text: str):
    return (Message(Role.ASSISTANT, text),)


def pairs_table(count: int = 120, *, flipped: bool = False, axis: str = "helpfulness", seed: int = 0) -> pa.Table:
    """Comparisons whose better side speaks kindly; sides in random order."""
    chance = random.Random(seed)
    sides, outcomes = [], []
    for number in range(count):
        good, bad = (reply(f"{chance.choice(words)} {number}") for words in (GOOD, BAD))
        first_is_good = chance.random() < 0.5
        sides += [good, bad] if first_is_good else [bad, good]
        outcomes.append("first" if first_is_good != flipped else "second")
    continuations = pa.ListArray.from_arrays(
        pa.array(range(0, 2 * count + 1, 2), pa.int32()), conversation_column(sides)
    )
    context = conversation_column([question(number % (count // 2)) for number in range(count)])
    columns = {"axis": axis, "outcome": outcomes, "source": "made-up", "row": list(range(count)), "split": "train"}
    return with_terms(comparison_table(context, continuations, columns), Terms(ALL_USES, "MIT"))


def labels_table(count: int = 200, *, flipped: bool = False, seed: int = 0) -> pa.Table:
    """Labels: rude is unsafe; one category for silly, one too rare for a head."""
    chance = random.Random(seed)
    conversations, is_safe, categories = [], [], []
    for number in range(count):
        unsafe = chance.random() < 0.5
        text = chance.choice(BAD if unsafe else GOOD)
        conversations.append(question(number) + reply(f"{text} {number}"))
        is_safe.append(unsafe == flipped)
        names = (["animal_abuse"] if "silly" in text else []) + (["self_harm"] if number == 3 else [])
        categories.append(names)
    columns = {
        "taxonomy": "beavertails-14",
        "categories": categories,
        "is_safe": is_safe,
        "source": "made-up",
        "row": list(range(count)),
        "split": "train",
    }
    return with_terms(safety_label_table(conversation_column(conversations), columns), Terms(ALL_USES, "MIT"))


def goals(task: str, *tables: pa.Table):
    """What a transformer is trained for, of one task on these tables, one a kind."""
    return goals_of(TaskData({kind_of(table): table for table in tables}, (task,), None, "made-up"))


def saved(folder, model, name="m"):
    """A trained model in a folder of its own, with a manifest that says what it was made of."""
    entry = FileEntry(path="made-up.jsonl", sha256="0" * 64, size_bytes=1, rows=3)
    manifest = Manifest(
        holds="data", command=["train"], configuration={}, inputs=[entry], uses=[Use.ANALYSIS], licence="MIT"
    )
    card = format_card(name, model.model, manifest, model.cross_validated, model.summary, synthetic=True)
    files = {"README.md": card.encode()}
    save_model(folder, model.model, manifest, name=name, synthetic=True, training=model.summary, files=files)
    return folder
