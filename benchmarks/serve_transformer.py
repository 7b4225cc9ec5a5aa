"""Micro-batching of a transformer: requests a second within one limit of p95, judged together and one by one.

    python -m benchmarks.serve_transformer MODEL --data ../shared/data [--limit-ms 500] [--rounds 3] [--seconds 10] [--in-half]

MODEL is a moderation model that is a transformer. Two services of the same program: as it is, and with batches of one text.
Each is loaded by wrk with 1, 2, 4 … 64 connections, a text a request, the next request as soon as the answer is there; what
counts is the most requests a second whose p95 stays within the limit. Texts: questions of the BeaverTails sample, which are
short, and its replies. The two are started in turn.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from benchmarks import measuring
from benchmarks.serve import Load, load, lua_json, next_port, served

PACKAGES = ("plumbline-rlhf", "uvicorn", "torch", "transformers", "tokenizers")
MODES = {"together": 32, "one by one": 1}
CONNECTIONS = (1, 2, 4, 8, 16, 32, 64)
TEXTS = 256


def serve(model: Path, most_turns: int, port: int, *, in_half: bool) -> None:
    """The program's service, with batches of so many texts at most."""
    from dataclasses import replace

    from plumbline.moderate.batching import TRANSFORMER
    from plumbline.moderate.loaded_models import read_models
    from plumbline.moderate.service.app import AppOptions, make_app
    from plumbline.moderate.service.running import run_server
    from plumbline.moderate.service.served import served_models
    from plumbline.web.listening import bind

    models = served_models(read_models([model], in_half=in_half), settings=replace(TRANSFORMER, most_turns=most_turns))
    run_server(
        make_app(models, AppOptions()),
        bind("127.0.0.1", port),
        log_requests=False,
        ready=lambda: None,
    )


def texts_of(data: Path) -> dict[str, list[str]]:
    """Questions and replies of the sample, each once."""
    import plumbline
    from plumbline.models.rows.training_rows import label_rows

    rows = label_rows(plumbline.load(str(data / "beavertails"), split="train").safety_labels, place="beavertails")
    found = {"questions": rows.replies.prompts.to_pylist(), "replies": rows.replies.texts.to_pylist()}
    return {name: list(dict.fromkeys(each))[:TEXTS] for name, each in found.items()}


def script(texts: Sequence[str]) -> str:
    """One text a request, in turn."""
    bodies = ",\n".join(f"[==[{lua_json({'input': text})}]==]" for text in texts)
    return (
        f"local bodies = {{{bodies}}}\nlocal sent = 0\n"
        'local headers = {["Content-Type"] = "application/json"}\n'
        "request = function()\n  sent = sent % #bodies + 1\n"
        '  return wrk.format("POST", "/v1/moderations", headers, bodies[sent])\nend\n'
    )


def best_within(
    server: subprocess.Popen[bytes], port: int, texts: Sequence[str], seconds: float, limit_ms: float, tries: int
) -> tuple[int, Load] | None:
    """The number of connections with the most requests a second of those whose p95 is within the limit; None of none."""
    found = {}
    for connections in CONNECTIONS:
        told = load(server, port, script(texts), seconds, connections=connections, tries=tries)
        print(f"  {connections} connections: {told.per_second:.1f}/s, p95 {told.p95:.0f} ms", file=sys.stderr)
        if told.p95 > limit_ms:
            break
        found[connections] = told
    return max(found.items(), key=lambda each: each[1].per_second) if found else None


def main(words: Sequence[str] | None = None) -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--limit-ms", type=float, default=500)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--in-half", action="store_true", help="both compute in bfloat16")
    parser.add_argument("--tries", type=int, default=1, help="see benchmarks.serve")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--serve", type=int, metavar="MOST_TURNS", help=argparse.SUPPRESS)
    parser.add_argument("--port", type=int, help=argparse.SUPPRESS)
    asked = parser.parse_args(words)
    if asked.serve:
        serve(asked.model, asked.serve, asked.port, in_half=asked.in_half)
        return
    if asked.data is None:
        parser.error("--data says where the texts are")
    rows, ratios, kept = [], {}, []
    for kind, texts in texts_of(asked.data).items():
        told: dict[str, list[tuple[int, Load]]] = {name: [] for name in MODES}
        for number in range(asked.rounds):
            for name, most_turns in MODES.items():
                print(f"round {number + 1} of {asked.rounds}: {kind}, {name}", file=sys.stderr)
                port = next_port()
                command = [sys.executable, "-m", "benchmarks.serve_transformer", str(asked.model)]
                command += ["--in-half"] if asked.in_half else []
                with served([*command, "--serve", str(most_turns), "--port", str(port)], port) as server:
                    best = best_within(server, port, texts, asked.seconds, asked.limit_ms, asked.tries)
                if best is None:
                    sys.exit(f"{kind}, {name}: no load stays within {asked.limit_ms:g} ms")
                told[name].append(best)
                kept.append({"kind": kind, "mode": name, "connections": best[0], **asdict(best[1])})
        rows += [row_of(kind, name, several) for name, several in told.items()]
        middle = {name: statistics.median(each.per_second for _, each in several) for name, several in told.items()}
        ratios[kind] = middle["together"] / middle["one by one"]
    measuring.print_table(
        ["", "requests/s, min", "median", "max", "connections", "worst p95 ms", "failed", "server ms", "stolen"],
        rows,
    )
    print()
    measuring.print_targets([(f"together / one by one, {kind}", ratio, ">=", 3.0) for kind, ratio in ratios.items()])
    machine = measuring.machine(*PACKAGES)
    measuring.print_machine(machine)
    if asked.json:
        asked.json.write_text(json.dumps({"loads": kept, "machine": machine}, indent=1) + "\n")


def row_of(kind: str, name: str, several: Sequence[tuple[int, Load]]) -> list[str]:
    """A row of the table."""
    rates = [told.per_second for _, told in several]
    return [
        f"{kind}, {name}",
        *(f"{pick(rates):,.1f}" for pick in (min, statistics.median, max)),
        ", ".join(str(connections) for connections, _ in several),
        f"{max(told.p95 for _, told in several):.0f}",
        str(sum(told.failed for _, told in several)),
        f"{statistics.median(told.processor for _, told in several):.1f}",
        f"{max(told.stolen for _, told in several):.1%}",
    ]


if __name__ == "__main__":
    main()
