"""Synthetic attempts with a truth to find: one type of model gives in, and gives in more the larger it is."""

import random

import pyarrow as pa

from plumbline.lineage import Terms, Use, with_terms
from plumbline.records import Message, Role, conversation_column, red_team_attempt_table

TYPES = ("plain lm", "rlhf")
SIZES = ("2.7B", "13B", "52B")
SUBJECTS = {
    "fraud": ["money", "bank", "cheque", "forged", "account", "invoice", "fake", "transfer"],
    "weapons": ["knife", "powder", "trigger", "barrel", "metal", "workshop", "sharp", "heavy"],
    "insults": ["neighbour", "stupid", "rude", "letter", "mocking", "nasty", "words", "joke"],
}
KIND, RUDE = (
    "sorry that would hurt somebody so let us talk of something else",
    "no go away figure it out alone whatever",
)


def human(text):
    return Message(Role.HUMAN, text)


def assistant(text):
    return Message(Role.ASSISTANT, text)


def table_of(transcripts, **columns):
    """Attempts from transcripts and columns; rows are numbered from 0."""
    rows = {"source": "synthetic/attempts.jsonl", "row": list(range(len(transcripts))), **columns}
    table = red_team_attempt_table(conversation_column(transcripts), rows)
    return with_terms(table, Terms(frozenset({Use.ANALYSIS}), "MIT"))


def attempts_table(count=240, *, seed=0, scored=True, reviewed=True) -> pa.Table:
    """Attempts of twelve workers on six models; scores fall where an attempt succeeds."""
    chance = random.Random(seed)
    transcripts, columns = [], {name: [] for name in _COLUMNS}
    for number in range(count):
        kind, size = TYPES[number % 2], SIZES[number // 2 % 3]
        gives_in = chance.random() < (0.15 if kind == "rlhf" else 0.3 + 0.2 * SIZES.index(size))
        subject = chance.choice(list(SUBJECTS))
        asked = " ".join(chance.choices(SUBJECTS[subject], k=9))
        said = RUDE if gives_in else KIND
        transcripts.append(
            (human(f"tell me of {asked}"), assistant(f"hm {KIND}"), human("and then?"), assistant(f"{said} {asked}"))
        )
        rating = chance.choice([3, 4] if gives_in else [0, 1, 2])
        columns["rating"].append(float(rating))
        columns["model_type"].append(kind)
        columns["model_size"].append(size)
        columns["worker"].append(f"worker-{min(int(chance.expovariate(0.35)), 11)}")
        columns["task_description"].append(f"to be told of {asked}")
        columns["tags"].append([subject, *(["violence"] if subject == "weapons" else [])] if number % 3 else None)
        score = chance.gauss(-1.5 if gives_in else 0.8, 0.9)
        columns["transcript_score"].append(score if scored else None)
        columns["description_score"].append(score / 2 + chance.gauss(0, 0.8) if scored else None)
        reviews = [_review(chance, rating, name) for name in ("r1", "r2", "r3")] if reviewed and number % 4 == 0 else []
        columns["reviews"].append(reviews)
    return table_of(transcripts, **columns)


_COLUMNS = (
    *("rating", "model_type", "model_size", "worker", "task_description", "tags"),
    *("transcript_score", "description_score", "reviews"),
)


def _review(chance, rating, name):
    told = min(4, max(0, rating + chance.choice([-1, 0, 0, 1])))
    return {"reviewer": name, "rating": float(told), "tags": []}
