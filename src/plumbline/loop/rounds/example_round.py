"""A round's file to start from: it runs on what the demo leaves, and holds every table, those that need more as comments."""

from __future__ import annotations

from pathlib import Path

from plumbline.lineage import refuse_foreign_file, write_aside

EXAMPLE = """\
# A round; docs/how-to/rounds.md has every setting. Paths start in the folder of this file.
name = "first"
# before = "zeroth"                # the folder of the round before; left out in a first one
seed = 0

[data]
# studies = ["my-study"]           # exported as they stand when the round begins
sources = ["demo-out/data-synthetic/harmless-synthetic"]   # SYNTHETIC: put your own here

[curate]
recipe = "clean"

[release]

[[models]]
name = "harmless"
task = "preference"                # cost, moderation
model = "linear"                   # or a transformer: a folder, a hub id
# settings = { features = "words" }

[sampler]
prompts = { source = "demo-out/data-synthetic/harmless-synthetic", split = "test" }
policy = "retrieval:demo-out/data-synthetic/preferences-synthetic"   # openai:MODEL@https://HOST/v1, transformers:PATH
scorer = "harmless"
replies = 4
most_prompts = 20
write = ["comparisons"]

# [next]                           # the study that the next round begins with
# study = "my-study"               # like this one
# name = "my-study-2"
"""


def write_example_round(path: Path) -> None:
    """Write the example's file; one that stands there unchanged is as good.

    Raises:
        UsageError: PL-OUT-002, something else stands there.
        WriteError: it cannot be written.
    """
    refuse_foreign_file(path, is_ours=_is_the_example(path))
    with write_aside(path) as aside:
        aside.write_text(EXAMPLE, encoding="utf-8")


def _is_the_example(path: Path) -> bool:
    try:
        return path.is_file() and path.read_bytes() == EXAMPLE.encode()
    except OSError:
        return False
