"""The moderation service under load: requests a second, latency, texts a second in batches, memory; a peer beside it.

    python -m benchmarks.serve --data ../shared/data [--rounds 3] [--seconds 10] [--minutes 0] [--json FILE]

Models are trained on the BeaverTails sample by the program and served by it, one process; the load comes from wrk, another
process on the same machine, over loopback. The peer (`benchmarks.peers.serve`) is started and loaded in turn with ours. Texts:
a short one for single requests; replies of the sample for batches of a thousand. `--minutes` loads ours for so long and
watches its memory. The floor is a route that judges nothing (`/healthz`).

On a machine that shares its processors with others, a load during which its host took more than `MOST_STOLEN` of them away is
repeated, `--tries` times at most; what is kept is the try with the least taken away, whatever it measured. The table says how
much that was, and what processor time of the server a request took, which such hosts disturb less.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

from benchmarks import measuring

PACKAGES = ("plumbline-rlhf", "uvicorn", "uvloop", "httptools", "msgspec", "numpy", "fastapi", "scikit-learn")
SHORT = "How do I kill a Python process that hangs?"
OURS, PEER = "plumbline", "FastAPI, scikit-learn"
BATCH = 1000
MOST_STOLEN = 0.03
CONNECTIONS = 32
FEATURES = ("words", "characters")
_SINGLE = 'wrk.method = "POST"\nwrk.headers["Content-Type"] = "application/json"\nwrk.body = [==[%s]==]\n'
# Each of 40 connections waits 39 ms on average and is answered in about one: a thousand requests a second, at random.
_PERCENTILE = (
    'done = function(_, latency, _) io.write(string.format("p95 %.3f ms\\n", latency:percentile(95) / 1000)) end\n'
)
_PACED = "function delay() return -math.log(1 - math.random()) * %f end\n"
_PORTS = iter(range(18100, 18400))


@dataclass(frozen=True)
class Load:
    """What wrk saw.

    Attributes:
        per_second: requests answered.
        p50, p95, p99: milliseconds.
        failed: answers that are no 2xx or 3xx, and sockets that broke.
        processor: milliseconds of the server a request.
        stolen: share of the machine's processor time that its host gave to others.
    """

    per_second: float
    p50: float
    p95: float
    p99: float
    failed: int
    processor: float
    stolen: float


# --- servers ---


@contextmanager
def served(command: Sequence[str], port: int) -> Iterator[subprocess.Popen[bytes]]:
    """A server that answers; ended at the end."""
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    try:
        for _ in range(600):
            try:
                ask(port, ["x"])
                break
            except urllib.error.HTTPError:
                raise
            except OSError:
                if process.poll() is not None:
                    raise SystemExit(
                        f"{command[:4]} ended: {process.stderr.read().decode()[-2000:] if process.stderr else ''}"
                    ) from None
                time.sleep(0.1)
        yield process
    finally:
        process.terminate()
        process.wait(30)


def ask(port: int, texts: Sequence[str]) -> int:
    """How many results a request has."""
    body = json.dumps({"input": list(texts)}).encode()
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/v1/moderations", body, {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=60) as answer:
        return len(json.load(answer)["results"])


def next_port() -> int:
    """A port that no server of this run had."""
    return next(_PORTS)


def ours(model: Path, port: int) -> list[str]:
    return [measuring.PROGRAM, "serve", str(model), "--port", str(port)]


def peer(data: Path, features: str, port: int) -> list[str]:
    return [
        sys.executable,
        "-m",
        "benchmarks.peers.serve",
        "--data",
        str(data),
        "--port",
        str(port),
        "--features",
        features,
    ]


# --- load ---


def load(
    server: subprocess.Popen[bytes],
    port: int,
    script: str,
    seconds: float,
    *,
    connections: int,
    path: str = "/v1/moderations",
    tries: int = 1,
) -> Load:
    """The least disturbed of some tries; of those that follow a quiet one there are none."""
    found: list[Load] = []
    while len(found) < tries:
        if found:
            time.sleep(10)
        found.append(loaded(server, port, script, seconds, connections=connections, path=path))
        if found[-1].stolen <= MOST_STOLEN:
            break
    return min(found, key=lambda each: each.stolen)


def loaded(
    server: subprocess.Popen[bytes], port: int, script: str, seconds: float, *, connections: int, path: str
) -> Load:
    """Load from wrk, after a second of warming up."""
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as file:
        file.write(script + _PERCENTILE)
        file.flush()
        for duration in (1, seconds):
            command = [
                "wrk",
                "-t1",
                f"-c{connections}",
                f"-d{duration:g}s",
                "-s",
                file.name,
                "--latency",
                "--timeout",
                "60s",
            ]
            processor, machine = processor_seconds(server), machine_ticks()
            done = subprocess.run(
                [*command, f"http://127.0.0.1:{port}{path}"], capture_output=True, text=True, check=True
            )
    used = processor_seconds(server) - processor
    total, stolen = (now - before for now, before in zip(machine_ticks(), machine, strict=True))
    return parse(done.stdout, used, stolen / max(total, 1))


def processor_seconds(process: subprocess.Popen[bytes]) -> float:
    """That a process has used, in user and system."""
    fields = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def machine_ticks() -> tuple[int, int]:
    """All of the machine's processor time so far, and what its host gave to others of it."""
    ticks = [int(each) for each in Path("/proc/stat").read_text().splitlines()[0].split()[1:9]]
    return sum(ticks), ticks[7]


def parse(told: str, used: float, stolen: float) -> Load:
    """What wrk prints, beside the server's processor seconds and the share of the machine that was taken away."""
    per_second = float(re.search(r"Requests/sec:\s+([\d.]+)", told)[1])
    quantiles = {
        int(float(name)): _milliseconds(value)
        for name, value in re.findall(r"^\s+(50|99)%[ \t]+(\S+)[ \t]*$", told, re.MULTILINE)
    }
    refused = re.search(r"Non-2xx or 3xx responses: (\d+)", told)
    broken = re.search(r"Socket errors: (.+)", told)
    failed = int(refused[1]) if refused else 0
    failed += sum(map(int, re.findall(r"\d+", broken[1]))) if broken else 0
    p95 = float(re.search(r"^p95 ([\d.]+) ms$", told, re.MULTILINE)[1])
    answered = int(re.search(r"(\d+) requests in ", told)[1])
    return Load(per_second, quantiles[50], p95, quantiles[99], failed, 1000 * used / max(answered, 1), stolen)


def _milliseconds(value: str) -> float:
    number, unit = re.fullmatch(r"([\d.]+)(us|ms|s|m)", value).groups()
    return float(number) * {"us": 0.001, "ms": 1.0, "s": 1000.0, "m": 60_000.0}[unit]


def single(text: str) -> str:
    return _SINGLE % lua_json({"input": text})


def batch(texts: Sequence[str]) -> str:
    return _SINGLE % lua_json({"input": list(texts)})


def lua_json(asked: object) -> str:
    """JSON that does not end the script's string, which no bracket outside of a text can."""
    return json.dumps(asked).replace("]=", "\\u005d=")


# --- what is measured ---


def replies(data: Path) -> list[str]:
    """A thousand replies of the sample, each of its own length."""
    import plumbline
    from plumbline.models.rows.training_rows import label_rows

    rows = label_rows(plumbline.load(str(data / "beavertails"), split="train").safety_labels, place="beavertails")
    return rows.replies.texts.to_pylist()[:BATCH]


def train(data: Path, features: str, out: Path) -> None:
    command = [
        measuring.PROGRAM,
        "train",
        "moderation",
        str(data / "beavertails"),
        "-o",
        str(out),
        "--features",
        features,
    ]
    subprocess.run(command, check=True, capture_output=True)


def round_of(
    model: Path, data: Path, features: str, texts: Sequence[str], seconds: float, tries: int
) -> dict[str, Load]:
    """Ours and the peer, one after the other."""
    found = {}
    for name, command in ((OURS, ours), (PEER, peer)):
        port = next_port()
        words = command(model, port) if command is ours else command(data, features, port)
        with served(words, port) as server:
            assert ask(port, texts) == len(texts)
            under = partial(load, server, port, seconds=seconds, tries=tries)
            found[f"{name}, {features}, one text"] = under(single(SHORT), connections=CONNECTIONS)
            found[f"{name}, {features}, 1,000 a second"] = under(single(SHORT) + _PACED % 39, connections=40)
            found[f"{name}, {features}, batches"] = under(batch(texts), connections=4)
            if command is ours:
                found["floor: a route that judges nothing"] = under("", connections=CONNECTIONS, path="/healthz")
    return found


def memory(process: subprocess.Popen[bytes]) -> float:
    """Megabytes that a process holds."""
    (line,) = [
        line for line in Path(f"/proc/{process.pid}/status").read_text().splitlines() if line.startswith("VmRSS")
    ]
    return int(line.split()[1]) / 1024


def watched(model: Path, texts: Sequence[str], minutes: float) -> list[float]:
    """Memory of ours, every ten seconds under load of both kinds."""
    port, found = next_port(), []
    with served(ours(model, port), port) as process:
        until = time.monotonic() + 60 * minutes
        while time.monotonic() < until:
            load(process, port, single(SHORT), 4, connections=CONNECTIONS)
            load(process, port, batch(texts), 4, connections=4)
            found.append(memory(process))
    return found


# --- the whole ---


def main(words: Sequence[str] | None = None) -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--minutes", type=float, default=0)
    parser.add_argument("--tries", type=int, default=1)
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args(words)
    if shutil.which("wrk") is None:
        sys.exit("the load comes from wrk: apt-get install wrk")
    texts, rounds, held = replies(asked.data), [], []
    with tempfile.TemporaryDirectory() as folder:
        for features in FEATURES:
            train(asked.data, features, Path(folder, features))
        for number in range(asked.rounds):
            found = {}
            for features in FEATURES:
                print(f"round {number + 1} of {asked.rounds}: {features}", file=sys.stderr)
                found |= round_of(Path(folder, features), asked.data, features, texts, asked.seconds, asked.tries)
            rounds.append(found)
        if asked.minutes:
            held = watched(Path(folder, FEATURES[0]), texts, asked.minutes)
    told = {name: [each[name] for each in rounds] for name in rounds[0]}
    tell(told)
    print()
    measuring.print_targets(targets_of(told, held))
    machine = measuring.machine(*PACKAGES)
    measuring.print_machine(machine)
    if asked.json:
        loads = {name: [asdict(each) for each in several] for name, several in told.items()}
        asked.json.write_text(json.dumps({"loads": loads, "memory_mb": held, "machine": machine}, indent=1) + "\n")


def tell(told: Mapping[str, Sequence[Load]]) -> None:
    """What wrk saw, a row a load."""
    rows = [
        [
            name,
            *(f"{pick(each.per_second for each in several):,.1f}" for pick in (min, statistics.median, max)),
            f"{statistics.median(each.p50 for each in several):.1f}",
            f"{max(each.p99 for each in several):.1f}",
            str(sum(each.failed for each in several)),
            f"{statistics.median(each.processor for each in several):.3f}",
            f"{max(each.stolen for each in several):.1%}",
        ]
        for name, several in told.items()
    ]
    measuring.print_table(
        ["", "requests/s, min", "median", "max", "p50 ms", "worst p99 ms", "failed", "server ms", "stolen"], rows
    )


def targets_of(told: Mapping[str, Sequence[Load]], held: Sequence[float]) -> list[tuple[str, float, str, float]]:
    """What was asked of the service."""
    middle = {name: statistics.median(each.per_second for each in several) for name, several in told.items()}
    targets: list[tuple[str, float, str, float]] = []
    for features, texts in (("words", 20_000), ("characters", 8_000)):
        one, many = f"{features}, one text", f"{features}, batches"
        paced = max(each.p99 for each in told[f"{OURS}, {features}, 1,000 a second"])
        targets += [
            (f"requests/s, {one}", middle[f"{OURS}, {one}"], ">=", 3000),
            (f"worst p99 at 1,000 requests/s, {features}, ms", paced, "<=", 20),
            (f"texts/s, {many}", BATCH * middle[f"{OURS}, {many}"], ">=", texts),
            (f"times the peer, {one}", middle[f"{OURS}, {one}"] / middle[f"{PEER}, {one}"], ">=", 5),
            (f"times the peer, {many}", middle[f"{OURS}, {many}"] / middle[f"{PEER}, {many}"], ">=", 5),
        ]
    targets.append(("requests that failed", sum(each.failed for several in told.values() for each in several), "<=", 0))
    if held:
        targets.append(("memory at the end / after a fifth of the time", held[-1] / held[len(held) // 5], "<=", 1.05))
    return targets


if __name__ == "__main__":
    main()
