"""The figures of the whole loop, gathered as the rounds go, and as JSON: what ``loop.json`` holds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import JsonValue

from plumbline.loop.demo.truth import (
    Judged,
    SampledTask,
    agreement,
    model_figures,
    rate_samplers,
    same_replies,
    true_helpfulness,
    workers_right,
)
from plumbline.loop.demo.workers import SimulatedWorker
from plumbline.loop.reply_scorer import open_reply_scorer
from plumbline.loop.rounds.model_steps import Measured
from plumbline.loop.synthetic.world import World
from plumbline.measure import Bootstrap
from plumbline.records import Axis

VERSION = 1


@dataclass
class LoopFigures:
    """Figures so far.

    Attributes:
        judgements: by study; of pairs and labels two of an item.
        studies: of each export of a study, all that was judged up to then: judgements, agreement, Krippendorff's α, the share that is right.
        models: of each model of each round: figures by the truth, and the same by the workers' word on the split test.
        samplers: of each: how helpful its replies truly are, and its Elo.
        last_step: by how much the last sampler leads the one before it, and on how many tasks both reply the same.
    """

    world: World
    workers: Sequence[SimulatedWorker]
    bootstrap: Bootstrap
    judgements: Counter[str] = field(default_factory=Counter)
    studies: list[dict[str, Any]] = field(default_factory=list)
    models: list[dict[str, Any]] = field(default_factory=list)
    samplers: list[dict[str, Any]] = field(default_factory=list)
    last_step: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, world: World, workers: Sequence[SimulatedWorker], seed: int) -> LoopFigures:
        """None yet."""
        return cls(world, workers, Bootstrap(seed=seed))

    def add_judgements(self, done: Mapping[str, int]) -> None:
        """What the workers did in a sitting."""
        self.judgements.update(done)

    def add_round(self, name: str, folder: Path, measured: Sequence[Measured]) -> None:
        """The studies as they stood then, and the models that were trained."""
        for export in sorted((folder / "exports").iterdir()):
            self._add_study(export.name, name, Judged.of(export))
        for each in measured:
            axis = Axis(each.model.on or Axis.HARMLESSNESS)
            scorer = open_reply_scorer(folder / "models" / each.model.name)
            for figure, true in model_figures(scorer, self.world, axis, self.bootstrap).items():
                self.models.append(
                    {
                        "round": name,
                        "name": each.model.name,
                        "task": each.model.task,
                        "axis": axis.value,
                        "figure": figure,
                        "by_truth": true.to_json(),
                        "by_workers": each.now.get(figure),
                    }
                )

    def add_samplers(self, sampled: Sequence[SampledTask], judged: Judged) -> None:
        """What the samplers are worth, by the truth and by the workers' word."""
        ratings = rate_samplers(judged, sampled)
        names = list(sampled[0].replies)
        for name in names:
            helpful = true_helpfulness(sampled, name, self.bootstrap)
            self.samplers.append(
                {"name": name, "true_helpfulness": helpful.to_json(), "elo": ratings.elo[name].to_json()}
            )
        earlier, later = names[-2:]
        self.last_step = {
            "earlier": earlier,
            "later": later,
            "tasks": len(sampled),
            "same_replies": same_replies(sampled, earlier, later),
            "lead": ratings.lead(later, earlier).to_json(),
        }
        self._add_study("samplers-synthetic", "side by side", judged)

    def _add_study(self, study: str, round_name: str, judged: Judged) -> None:
        equal, alpha = agreement(judged, self.bootstrap)
        self.studies.append(
            {
                "name": study,
                "round": round_name,
                "comparisons": len(judged.comparisons),
                "labels": len(judged.labels),
                "agreement": equal.to_json(),
                "alpha": alpha.to_json(),
                "right": workers_right(judged, self.world, self.bootstrap).to_json(),
            }
        )

    def to_json(self, seconds: Mapping[str, float]) -> dict[str, Any]:
        """As ``loop.json`` holds it."""
        workers: list[JsonValue] = [
            {
                "name": each.name,
                "sharpness": {axis.value: value for axis, value in each.sharpness.items()},
                "slip_rate": each.slip_rate,
            }
            for each in self.workers
        ]
        return {
            "plumbline": "loop",
            "version": VERSION,
            "synthetic": True,
            "seed": self.bootstrap.seed,
            "simulated_workers": workers,
            "unseen_tasks": len(self.world.unseen_tasks),
            "unseen_wishes": len(self.world.unseen_wishes),
            "judgements": dict(self.judgements),
            "replies": len(self.world.unseen_tasks[0].replies),
            "studies": self.studies,
            "models": self.models,
            "samplers": self.samplers,
            "last_step": self.last_step,
            "seconds": dict(seconds),
        }
