"""Tokens a second of a PPO-Lagrangian step: Plumbline, and the same models run the plain way.

    python -m benchmarks.align [--rounds 3] [--steps 2] [--threads 2] [--ending 0] [--json FILE]

A Llama of 6 layers, 384 wide, vocabulary 4,000, random weights; 64 prompts of 16 to 32 tokens, replies of up to 64, four minibatches of
16, one pass: the same for all. Plain (`benchmarks/peers/align.py`): actor, reference, reward model, cost model and two critics, six
models of full size, each with passes of its own. Plumbline: critics are heads on the policy's trunk, and what the policy says while it
writes is not asked again; with adapters the reference is the policy without them. Reward and cost, three forms:

- *on the reference's trunk*: heads that read the reference's pass (`reply_scorers.TrunkScorer`);
- *one model*: two heads on a trunk of their own, one pass (what `reply_scorers.TextScorer` does with such a model);
- *two models*: of full size each, as in the plain way.

`--ending 0.02`: so many of a hundred tokens end a reply, so that lengths differ; else every reply has 64.

Processor seconds stand beside the clock's, and the share of both processors that the host took away meanwhile. The floor counts
multiplications of the weights that each way cannot leave out, in passes forward of one model over a step's tokens.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks import measuring
from benchmarks.measuring import Candidate, Session

PACKAGES = ("plumbline-rlhf", "torch", "transformers", "peft")
PROMPTS, MINIBATCH, MOST_TOKENS, VOCABULARY, WIDTH, LAYERS, INNER = 64, 16, 64, 4000, 384, 6, 1024
PHASES = ("rollout", "scoring", "learning")
FORMS = ("on the reference's trunk", "one model", "two models")
PLAIN = "six models"


class Clock:
    """Wall and processor seconds by phase."""

    def __init__(self) -> None:
        self.seconds = {phase: [0.0, 0.0] for phase in PHASES}

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """Count what runs inside."""
        before = time.perf_counter(), time.process_time()
        yield
        spent = self.seconds[name]
        spent[0] += time.perf_counter() - before[0]
        spent[1] += time.process_time() - before[1]

    def timed(self, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """The function, counted."""

        def counted(*given: Any, **named: Any) -> Any:
            """Its outcome."""
            with self.phase(name):
                return function(*given, **named)

        return counted


def plumbline(form: str, adapters: bool, steps: int, threads: int, ending: float) -> Iterator[Any]:
    """Candidate: some steps of ours."""
    import torch

    from plumbline.align.lagrangian import Lagrangian, LagrangianSettings
    from plumbline.align.policy import Policy
    from plumbline.align.ppo import ppo_lag
    from plumbline.align.rollouts import RolloutSettings

    torch.set_num_threads(threads)
    clock = Clock()
    actor = with_adapters(causal_model(0)) if adapters else causal_model(0)
    policy = Policy(actor)
    scorer: Any = _scorer(form)
    run = ppo_lag.PpoLag(
        policy,
        scorer,
        ppo_lag.PpoSettings(minibatch=MINIBATCH),
        Lagrangian(LagrangianSettings()),
        end_ids=end_ids(ending),
        padding_id=0,
        rollouts=RolloutSettings(MOST_TOKENS),
    )
    run.step(range(PROMPTS), prompts(0), range(PROMPTS))
    ppo_lag.write_replies = clock.timed("rollout", ppo_lag.write_replies)
    policy.reference = clock.timed("scoring", policy.reference)
    scorer.scores = clock.timed("scoring", scorer.scores)
    run._descend = clock.timed("learning", run._descend)
    told = []
    stolen = stolen_seconds()
    start = time.perf_counter()
    yield
    for step in range(1, steps + 1):
        told.append(run.step(range(PROMPTS), prompts(step), range(step * PROMPTS, (step + 1) * PROMPTS)))
    yield
    tokens = PROMPTS * sum(each.length for each in told)
    return outcome(clock, tokens, stolen, start)


def plain(adapters: bool, steps: int, threads: int, ending: float) -> Iterator[Any]:
    """Candidate: some steps of six models."""
    import torch

    from benchmarks.peers.align import Headed, SixModels
    from plumbline.align.ppo.ppo_lag import PpoSettings
    from plumbline.align.rollouts import padded_left

    torch.set_num_threads(threads)
    torch.manual_seed(1)
    clock = Clock()
    wrap = with_adapters if adapters else (lambda model: model)
    six = SixModels(
        wrap(causal_model(0)),
        causal_model(0),
        [Headed(causal_model(seed).model, WIDTH) for seed in (1, 2)],
        [Headed(wrap(causal_model(seed).model), WIDTH) for seed in (1, 2)],
        PpoSettings(minibatch=MINIBATCH),
    )

    def step(number: int) -> int:
        """Tokens of its replies."""
        tokens, is_token = padded_left(prompts(number), 0, torch.device("cpu"))
        with clock.phase("rollout"):
            written = six.write(tokens, is_token, MOST_TOKENS, sorted(end_ids(ending)))
        with clock.phase("scoring"):
            read = six.read(*written)
        with clock.phase("learning"):
            six.learn(read)
        return int(written[2].sum())

    step(0)
    clock.seconds = Clock().seconds
    stolen = stolen_seconds()
    start = time.perf_counter()
    yield
    tokens = sum(step(number) for number in range(1, steps + 1))
    yield
    return outcome(clock, tokens, stolen, start)


def _scorer(form: str) -> Any:
    """Reward and cost of replies by heads; implements `reply_scorers.ReplyScorer`."""
    import torch

    from plumbline.align.ppo.reply_scorers import ReplyScores

    heads = torch.nn.Linear(WIDTH, 2)

    class OnTheTrunk:
        """Heads that read the reference's last layer."""

        layers = (LAYERS,)

        @torch.no_grad()
        def scores(self, numbers: Any, written: Any, reading: Any) -> ReplyScores:
            """See `ReplyScorer.scores`."""
            del numbers, written
            told = heads(reading.layers[LAYERS])
            return ReplyScores(told[:, 0], told[:, 1])

    class OfTheirOwn:
        """Heads on as many trunks as there are decoders."""

        layers = ()

        def __init__(self, decoders: Sequence[Any]) -> None:
            self.decoders = [each.eval().requires_grad_(False) for each in decoders]

        @torch.no_grad()
        def scores(self, numbers: Any, written: Any, reading: Any) -> ReplyScores:
            """See `ReplyScorer.scores`."""
            del numbers, reading
            told = torch.cat([self._of(written.take(rows)) for rows in torch.arange(PROMPTS).split(MINIBATCH)])
            return ReplyScores(told[:, 0], told[:, 1])

        def _of(self, written: Any) -> Any:
            from benchmarks.peers.align import positions_of

            last = written.prompt_length + written.mask.sum(dim=1) - 1
            hidden = [
                decoder(
                    input_ids=written.tokens,
                    attention_mask=written.is_token.long(),
                    position_ids=positions_of(written.is_token),
                    use_cache=False,
                ).last_hidden_state[torch.arange(len(last)), last]
                for decoder in self.decoders
            ]
            return torch.stack([heads(hidden[0])[:, 0], heads(hidden[-1])[:, 1]], dim=1)

    if form == FORMS[0]:
        return OnTheTrunk()
    return OfTheirOwn([causal_model(seed).model for seed in (1, 2)[: 1 if form == FORMS[1] else 2]])


def causal_model(seed: int) -> Any:
    """A Llama with random weights, at the sizes of this benchmark."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(seed)
    config = LlamaConfig(
        vocab_size=VOCABULARY,
        hidden_size=WIDTH,
        intermediate_size=INNER,
        num_hidden_layers=LAYERS,
        num_attention_heads=6,
        max_position_embeddings=256,
        tie_word_embeddings=False,
        bos_token_id=None,
        eos_token_id=None,
        pad_token_id=0,
    )
    return LlamaForCausalLM(config)


def with_adapters(model: Any) -> Any:
    """Adapters of rank 16 on every projection of attention."""
    import warnings

    import peft

    targets = ["q_proj", "k_proj", "v_proj", "o_proj"]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a name of transformers that peft uses will be another
        return peft.get_peft_model(model, peft.LoraConfig(r=16, lora_alpha=32, target_modules=targets))


def prompts(step: int) -> list[list[int]]:
    """Made-up prompts of 16 to 32 tokens."""
    import numpy as np

    numbers = np.random.default_rng(step)
    return [numbers.integers(1, VOCABULARY, size=numbers.integers(16, 33)).tolist() for _ in range(PROMPTS)]


def end_ids(ending: float) -> frozenset[int]:
    """The last tokens of the vocabulary, this share of it."""
    return frozenset(range(VOCABULARY - round(ending * VOCABULARY), VOCABULARY))


def stolen_seconds() -> float:
    """Processor time that the host gave to others, of all processors so far."""
    import os

    return int(Path("/proc/stat").read_text(encoding="ascii").split()[8]) / os.sysconf("SC_CLK_TCK")


def outcome(clock: Clock, tokens: float, stolen: float, start: float) -> dict[str, Any]:
    """What a candidate returns."""
    import os

    spent = (time.perf_counter() - start) * (os.cpu_count() or 1)
    return {"tokens": tokens, "stolen": (stolen_seconds() - stolen) / spent, "phases": clock.seconds}


# --- figures ---


def passes(form: str, *, adapters: bool) -> dict[str, float]:
    """Passes forward over a step's tokens that the weights' multiplications amount to, by phase.

    A pass backward counts 2, or 1 where only adapters learn: their own gradients are small, those of the states are not.
    """
    learning = 2.0 if adapters else 3.0
    if form == PLAIN:
        return {"rollout": 1, "scoring": 6, "learning": 3 * learning}
    return {"rollout": 1, "scoring": 1 + FORMS.index(form), "learning": learning}


def name_of(form: str, adapters: bool) -> str:
    """As tables show it."""
    return f"{form}, {'adapters' if adapters else 'all weights'}"


def candidates(steps: int, threads: int, ending: float) -> list[Candidate]:
    """Everything that is timed, in the order of the table."""
    same = {"steps": steps, "threads": threads, "ending": ending}
    quiet = {"HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false", "OMP_NUM_THREADS": str(threads)}
    found = []
    for adapters in (False, True):
        found.append(
            Candidate(name_of(PLAIN, adapters), "benchmarks.align:plain", {**same, "adapters": adapters}, quiet)
        )
        found += [
            Candidate(
                name_of(form, adapters),
                "benchmarks.align:plumbline",
                {**same, "adapters": adapters, "form": form},
                quiet,
            )
            for form in FORMS
        ]
    return found


def speeds(session: Session) -> dict[str, dict[str, float]]:
    """Medians over the rounds, by candidate: replies' tokens a second of the clock and of the processors, and of each phase."""
    table = {}
    for each in session.measured:
        figures = {
            "tokens_per_second": median(run.result["tokens"] / run.seconds for run in each.runs),
            "tokens_per_cpu_second": median(run.result["tokens"] / run.cpu_seconds for run in each.runs),
            "stolen": max(run.result["stolen"] for run in each.runs),
        }
        for phase in PHASES:
            wall, cpu = zip(*(run.result["phases"][phase] for run in each.runs), strict=True)
            figures |= {f"{phase}_seconds": median(wall), f"{phase}_cpu_seconds": median(cpu)}
        table[each.candidate.name] = figures
    return table


def print_speeds(table: dict[str, dict[str, float]]) -> None:
    """A row a candidate, beside the plain way with the same weights learning."""
    rows = []
    for adapters in (False, True):
        peer = table[name_of(PLAIN, adapters)]
        for form in (PLAIN, *FORMS):
            found, floor = table[name_of(form, adapters)], passes(form, adapters=adapters)
            ratio = sum(passes(PLAIN, adapters=adapters).values()) / sum(floor.values())
            rows.append(
                [
                    name_of(form, adapters),
                    f"{found['tokens_per_second']:.0f}",
                    f"{found['tokens_per_second'] / peer['tokens_per_second']:.2f}",
                    f"{found['tokens_per_cpu_second'] / peer['tokens_per_cpu_second']:.2f}",
                    f"{sum(floor.values()):g}",
                    f"{ratio:.2f}",
                    *(f"{found[f'{phase}_seconds']:.2f} ({found[f'{phase}_cpu_seconds']:.2f})" for phase in PHASES),
                    f"{found['stolen']:.1%}",
                ]
            )
    titles = [
        "",
        "tokens/s",
        "× plain",
        "× plain, CPU",
        "passes",
        "× by passes",
        *(f"{each} s (CPU)" for each in PHASES),
    ]
    measuring.print_table([*titles, "stolen"], rows)


def targets_of(table: dict[str, dict[str, float]]) -> list[tuple[str, float, str, float]]:
    """At least twice the plain way's tokens a second, in every form."""
    return [
        (
            f"{name_of(form, adapters)}: × plain",
            table[name_of(form, adapters)]["tokens_per_second"] / table[name_of(PLAIN, adapters)]["tokens_per_second"],
            ">=",
            2.0,
        )
        for adapters in (False, True)
        for form in FORMS
    ]


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.align")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=2, help="timed steps a round, after one that is not")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--ending", type=float, default=0.0, help="share of the vocabulary that ends a reply")
    parser.add_argument("--json", type=Path, help="also write the figures here")
    asked = parser.parse_args(arguments)
    session = measuring.measure(candidates(asked.steps, asked.threads, asked.ending), rounds=asked.rounds)
    table = speeds(session)
    print_speeds(table)
    print()
    about = {"benchmark": "align", "threads": asked.threads, "ending": asked.ending, "speeds": table}
    measuring.report(session, targets_of(table), json.loads(json.dumps(about)), PACKAGES, asked.json)


if __name__ == "__main__":
    main()
