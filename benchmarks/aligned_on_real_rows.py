"""A small policy on real rows, aligned by best-of-n, PPO and PPO-Lagrangian, and what a held-out preference model says of it.

    python -m benchmarks.aligned_on_real_rows --data DIR --work DIR [--steps 200] [--best-of 16] [--json FILE]

Everything goes by the commands that users type. Three judges: *teacher*, preferences of hh-rlhf's helpful-base; *cost*, safety
labels of PKU-SafeRLHF; *held out*, what other people preferred (PandaLM, Open-Assistant), which teaches nobody. A policy made from nothing
learns the replies of PKU-SafeRLHF (train) and is aligned on its prompts under teacher and cost, once with λ and once without, while the
held-out model says how often it prefers its replies to those of the start, on prompts that are not trained on: where the teacher is
pleased and the held-out model is not, the policy has learnt the teacher's errors. Each is then held against the policy that it
came from on prompts of another origin (BeaverTails-Evaluation), teacher and cost judging. The policy has less than a million
weights and says nothing that makes sense: this shows how rewards, costs and their measures behave, and no more.

What stands in the work folder already is not made again.
"""

from __future__ import annotations

import argparse
import json
import os
import shlex
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks import measuring
from plumbline.measure import Figure, format_figure

Json = dict[str, Any]
PACKAGES = ("plumbline-rlhf", "torch", "transformers")
NEW_MODEL = "--layers 3 --width 128 --heads 4 --vocabulary 2048 --positions 256"
TEACHING = "--epochs 3 --learning-rate 3e-3 --batch 32"
CLIMBING = "--replies 64 --max-tokens 32 --minibatch 16 --learning-rate 3e-4 --divergence-weight 0.02"
PRICE = "--cost-limit 0 --cost-window 256"
LOOKS = "--held-out-prompts 200 --look-every 20 --checkpoint-every 50"
DRAWS = "--max-tokens 32 --temperature 1"
SIDES = ("first", "second", "difference")
POLICIES = {"PPO, λ = 0": "plain", "PPO-Lagrangian": "aligned"}


@dataclass(frozen=True)
class Place:
    """Where data are, and where outputs go."""

    data: Path
    work: Path

    def made(self, name: str, words: str) -> Path:
        """The output of a command, which is called where it does not stand yet."""
        out = self.work / name
        if not out.exists():
            command = [sys.executable, "-m", "plumbline", *shlex.split(words), "-o", str(out)]
            began = time.perf_counter()
            done = subprocess.run(command, stdout=subprocess.DEVNULL, check=False, env={**os.environ, "COLUMNS": "200"})
            if not out.exists():  # rows that cannot be read end a command with 1, too
                raise SystemExit(f"{shlex.join(command)} ended with {done.returncode}")
            print(f"{name}: {time.perf_counter() - began:.0f} s", file=sys.stderr)
        return out


def trained(place: Place, steps: int) -> dict[str, Path]:
    """Judges and policies, by name."""
    pku = place.data / "pku-saferlhf"
    others = f"{place.data / 'pandalm' / 'testset-v1.json'} {place.data / 'oasst' / 'en_100_tree.jsonl'}"
    judges = {
        "teacher": place.made("teacher", f"train preference {place.data / 'hh-rlhf'} --data-dir helpful-base"),
        "cost": place.made("cost", f"train cost {pku / 'train.jsonl.gz'}"),
        "held-out": place.made("held-out", f"train preference {others}"),
    }
    source = pku / "train.jsonl.gz"
    first = place.made("first", f"align supervised {source} --replies all --model new {NEW_MODEL} {TEACHING}")
    under = f"--policy {first} --reward {judges['teacher']} --cost {judges['cost']} --held-out {judges['held-out']}"
    going = f"align ppo-lag {source} {under} --steps {steps} {CLIMBING} {LOOKS}"
    aligned = {"plain": place.made("plain", f"{going} --plain"), "aligned": place.made("aligned", f"{going} {PRICE}")}
    return {**judges, "first": first, **aligned}


def qualities(place: Place, made: dict[str, Path]) -> Json:
    """How often the teacher agrees with people on rows of their own, and the cost model on which reply is the more harmful."""
    tests = {
        "teacher": f"{place.data / 'hh-rlhf'} --data-dir helpful-base",
        "cost": str(place.data / "pku-saferlhf" / "test.jsonl.gz"),
    }
    found = {}
    for name, source in tests.items():
        out = place.made(f"quality-{name}", f"evaluate {made[name]} {source}")
        found[name] = json.loads((out / "evaluation.json").read_text())
    return found


def best_of_n(place: Place, made: dict[str, Path], most: int) -> Json:
    """The curve of the policy before it is aligned, by teacher and held-out model."""
    prompts = place.data / "beavertails-evaluation"
    asked = (
        f"--policy transformers:{made['first']} --scorer {made['teacher']} --judge {made['held-out']} -n {most} {DRAWS}"
    )
    out = place.made("best", f"align best-of-n {prompts} {asked} --most-prompts 200")
    found: Json = json.loads((out / "best_of_n.json").read_text())
    return found


def against_the_first(place: Place, made: dict[str, Path], name: str) -> Json:
    """A policy against the one that it came from, teacher and cost model judging."""
    prompts = place.data / "beavertails-evaluation"
    asked = f"transformers:{made[name]} transformers:{made['first']} --prompts {prompts} {DRAWS}"
    judges = f"--helpfulness {made['teacher']} --safety {made['cost']}"
    out = place.made(f"{name}-compared", f"align compare {asked} {judges}")
    found: Json = json.loads((out / "align_compare.json").read_text())
    return found


def main() -> None:
    """Make what is missing, and print the tables."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--data", type=Path, required=True)
    options.add_argument("--work", type=Path, required=True)
    options.add_argument("--steps", type=int, default=200)
    options.add_argument("--best-of", type=int, default=16)
    options.add_argument("--json", type=Path)
    given = options.parse_args()
    given.work.mkdir(parents=True, exist_ok=True)
    place = Place(given.data.resolve(), given.work.resolve())
    made = trained(place, given.steps)
    found = {
        "machine": measuring.machine(*PACKAGES),
        "settings": {
            "new model": NEW_MODEL,
            "teaching": TEACHING,
            "climbing": CLIMBING,
            "price": PRICE,
            "steps": given.steps,
        },
        "judges": qualities(place, made),
        "best of n": best_of_n(place, made, given.best_of),
        "training": {name: json.loads((made[folder] / "policy.json").read_text()) for name, folder in POLICIES.items()},
        "compared": {name: against_the_first(place, made, folder) for name, folder in POLICIES.items()},
    }
    if given.json:
        given.json.write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n")
    measuring.print_machine(found["machine"])
    print_curve(found["best of n"])
    print_training(found["training"])
    print_compared(found["compared"])


def _told(figure: Json | None) -> str:
    return "–" if figure is None else format_figure(Figure(**figure))


def print_curve(told: Json) -> None:
    """n against what the best of n gains."""
    rows = [
        [str(point["n"]), _told(point["gain"]), _told(point["judged_gain"]), f"{point['divergence_bound_nats']:.2f}"]
        for point in told["curve"]
    ]
    measuring.print_table(["n", "gain by the teacher", "by the held-out model", "nats, at most"], rows)


def print_training(told: dict[str, Json]) -> None:
    """Means of the first and last ten steps."""
    rows = []
    for name, summary in told.items():
        first, last = summary["first"], summary["last"]
        moved = [f"{first[key]:.2f} → {last[key]:.2f}" for key in ("reward", "cost", "divergence", "length")]
        rows.append([name, *moved, _told(summary["held_out_preference"]["last"])])
        print(f"{name}: alarms {[each['kind'] for each in summary['alarms']] or 'none'}")
    measuring.print_table(["", "reward", "cost", "nats from the first", "tokens", "held-out preference"], rows)


def print_compared(told: dict[str, Json]) -> None:
    """Each policy against the first one."""
    rows = [
        [name, _told(found["contests"]["helpfulness"]["win_rate"]), *(_told(found["safety"][side]) for side in SIDES)]
        for name, found in told.items()
    ]
    measuring.print_table(["", "wins by the teacher", "safe rate", "of the first policy", "difference"], rows)


if __name__ == "__main__":
    main()
