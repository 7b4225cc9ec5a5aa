"""Moderation models on data of another origin than they were trained on, without and with the recipe ``transfer``.

    python -m benchmarks.transfer --data DIR [--on NAME] [--without] [--json FILE]

Trained by the calls of `plumbline train moderation` on the *train* files of BeaverTails, of PKU-SafeRLHF, of both; measured on the
*test* files of both (with the question, and the reply alone), and on texts of further origins: safe prompts that sound
unsafe (`plumbline.moderate.false_refusals`), replies that nobody labelled (PandaLM, Open-Assistant, helpful-base), pairs of which people
found one reply less harmful (harmless-base), requests alone (BeaverTails-Evaluation). The recipe was chosen on train files
(docs/design/moderation-transfer.md). `--without` also leaves out each part of the recipe in turn, to show what it does.
Intervals draw whole prompts.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from benchmarks import measuring
from benchmarks.models import transfer_figures as figures
from benchmarks.rows.transfer_rows import Flagged, Labelled, Ranked, flagged_sets, labelled_sets, ranked_sets
from plumbline.formats import Loaded, load, merge_loaded
from plumbline.models.linear.default_features import training_options
from plumbline.models.linear.model import LinearModel
from plumbline.models.linear.training import TrainingOptions
from plumbline.models.training import train_task
from plumbline.models.training_recipe import TrainingRecipe

Json = dict[str, Any]
PACKAGES = ("plumbline-rlhf", "numpy", "scipy")
FOLDERS = {"BeaverTails": "beavertails", "PKU": "pku-saferlhf"}
TRAINED_ON = {**{name: (name,) for name in FOLDERS}, "both": tuple(FOLDERS)}
BEFORE, AFTER = "as before", "transfer"
LEFT_OUT: Mapping[str, Json] = {
    "unbalanced": {"balance": False},
    "with prompts alone": {"bare_share": 0.0},
    "one rate over all": {"threshold_for_each_part": False},
}
"""Parts of the recipe left out, by name."""


@dataclass(frozen=True)
class Way:
    """How a model is trained.

    Attributes:
        name: as the tables show it.
        recipe: None for training as without ``--recipe``.
    """

    name: str
    recipe: TrainingRecipe | None

    def options(self, sources: Sequence[str]) -> TrainingOptions:
        """What the command line makes of it."""
        if self.recipe is None:
            return training_options("moderation", {})
        shipped = training_options("moderation", {"recipe": "transfer"}, sources)
        return replace(shipped, training=self.recipe)


def ways(*, without: bool) -> list[Way]:
    """As before, by the recipe as it ships, and where wanted by the recipe less one of its parts."""
    shipped = training_options("moderation", {"recipe": "transfer"}).training
    if shipped is None:
        raise ValueError("expected a recipe, found none")
    less = [Way(name, shipped.model_copy(update=values)) for name, values in LEFT_OUT.items()]
    return [Way(BEFORE, None), Way(AFTER, shipped), *(less if without else [])]


def trained(data: Path, names: Sequence[str], way: Way) -> LinearModel:
    """A model of the train files of these sources."""
    sources = [str(data / FOLDERS[name]) for name in names]
    loaded: Loaded = merge_loaded([load(source, split="train", cache=False) for source in sources])
    return train_task(loaded.tables, "moderation", way.options(sources), place="benchmark").model


def measure(data: Path, chosen: Sequence[Way], on: Sequence[str]) -> Json:
    """Every way on every choice of sources asked for, measured on every set."""
    sets: tuple[list[Labelled], list[Flagged], list[Ranked]] = (
        labelled_sets(data),
        flagged_sets(data),
        ranked_sets(data),
    )
    result: Json = {"labelled": {}, "flagged": {}, "ranked": {}}
    for trained_on in on:
        models = {way.name: trained(data, TRAINED_ON[trained_on], way) for way in chosen}
        for way in chosen:
            model, baseline = models[way.name], None if way.name == BEFORE else models[BEFORE]
            for rows in sets[0]:
                key = f"{trained_on} | {rows.name} | {way.name}"
                result["labelled"][key] = figures.as_json(figures.of_labelled(model, baseline, rows))
            for texts in sets[1]:
                key = f"{trained_on} | {texts.name} | {way.name}"
                result["flagged"][key] = figures.as_json(figures.of_flagged(model, baseline, texts))
            for pairs in sets[2]:
                key = f"{trained_on} | {pairs.name} | {way.name}"
                result["ranked"][key] = figures.as_json(figures.of_ranked(model, baseline, pairs))
    return result


def print_tables(result: Json) -> None:
    """What --json holds, for the eye."""
    for part, columns in figures.COLUMNS.items():
        rows = [
            [*key.split(" | "), *(figures.shown(found.get(column)) for column in columns)]
            for key, found in result[part].items()
        ]
        measuring.print_table(["trained on", "measured on", "way", *columns], rows, left=(0, 1, 2))
        print()


def main(arguments: Sequence[str] | None = None) -> None:
    """Run and report."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.transfer")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--on", action="append", choices=list(TRAINED_ON), help="sources; may be repeated; default all")
    parser.add_argument("--without", action="store_true", help="also the recipe less each of its parts")
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args(arguments)
    result = measure(asked.data, ways(without=asked.without), asked.on or list(TRAINED_ON))
    result["machine"] = measuring.machine(*PACKAGES)
    print_tables(result)
    measuring.print_machine(result["machine"])
    if asked.json:
        asked.json.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
