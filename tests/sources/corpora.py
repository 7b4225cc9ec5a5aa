"""Small corpora for retrieval."""

import pyarrow as pa

from plumbline.records import Message, Role, comparison_table, conversation_column, safety_label_table
from plumbline.sources import RetrievalSource, parse_address

PAIRS = [
    ("how do I make green tea", "heat the water to eighty degrees"),
    ("how do I make green tea", "two minutes are enough for green leaves"),
    ("how do I make black tea", "boiling water and four minutes"),
    ("how do I grow tomatoes", "plant them in a sunny place"),
    ("where is the harbour", "down the hill and to the left"),
    ("who wrote this song", "nobody knows any more"),
]


def pair_table(pairs=PAIRS):
    return pa.table({"prompt": [prompt for prompt, _ in pairs], "reply": [reply for _, reply in pairs]})


def human(text):
    return Message(Role.HUMAN, text)


def assistant(text):
    return Message(Role.ASSISTANT, text)


def comparisons(rows):
    """Comparisons from (context, first continuation, second continuation), each a conversation."""
    sides = [side for _, first, second in rows for side in (first, second)]
    offsets = pa.array(range(0, 2 * len(rows) + 1, 2), pa.int32())
    return comparison_table(
        conversation_column([context for context, _, _ in rows]),
        pa.ListArray.from_arrays(offsets, conversation_column(sides)),
        {"axis": "helpfulness", "source": "toy", "row": list(range(len(rows)))},
    )


def labels(conversations):
    columns = {"taxonomy": "beavertails-14", "source": "toy", "row": list(range(len(conversations)))}
    return safety_label_table(conversation_column(conversations), columns)


def retrieval(table=None):
    return RetrievalSource(parse_address("retrieval:toy"), pair_table() if table is None else table)
