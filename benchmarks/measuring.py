"""Candidates measured side by side: each in a fresh process, one round of all after the other.

A candidate is a generator function, named ``module:function``, that yields twice:

    def gunzip(folder):
        from isal import igzip          # imports and preparation: not counted
        yield                           # the clock starts
        size = ...
        yield                           # the clock stops
        return {"bytes": size}          # what came out, so that candidates can be compared

Before each run the page cache of the files named is dropped. Not covered: processor frequency, other work on the
machine; the processors that others kept busy are printed beside the figures, so that a busy machine shows.
"""

from __future__ import annotations

import json
import os
import platform
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from statistics import median
from typing import Any

PROGRAM = str(Path(sys.executable).with_name("plumbline"))
"""The command line program of this environment."""

FRESH = "{fresh}"
"""In a candidate's environment: replaced by a new empty folder in every run."""


@dataclass(frozen=True)
class Candidate:
    """One way of doing the job.

    Attributes:
        name: as the table shows it.
        function: ``module:function``, a generator function as described above.
        arguments: keyword arguments, as JSON.
        environment: variables on top of this process's own; `FRESH` in a value becomes a new folder.
        note: what is left out of it or comes on top, for the table.
    """

    name: str
    function: str
    arguments: Mapping[str, Any] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)
    note: str = ""


@dataclass(frozen=True)
class Run:
    """One run of a candidate.

    Attributes:
        seconds: wall clock between the two yields.
        cpu_seconds: processor time of the process and its children in between.
        peak_mb: most memory resident at once up to the second yield, imports included, in the process or in a child
            that has ended, whichever is larger; several processes are not added up.
        others_cores: processors that the rest of the machine kept busy meanwhile, on average; 0 on a quiet machine.
        result: what the candidate returned.
    """

    seconds: float
    cpu_seconds: float
    others_cores: float
    peak_mb: float
    result: Any


@dataclass(frozen=True)
class Measured:
    """All runs of a candidate."""

    candidate: Candidate
    runs: Sequence[Run]

    @property
    def median_seconds(self) -> float:
        """The figure that targets are held against."""
        return median(run.seconds for run in self.runs)

    @property
    def peak_mb(self) -> float:
        """The highest peak of all runs."""
        return max(run.peak_mb for run in self.runs)

    def summary(self) -> dict[str, Any]:
        """The figures, for JSON."""
        seconds = [run.seconds for run in self.runs]
        return {
            "name": self.candidate.name,
            "note": self.candidate.note,
            "seconds": {"min": min(seconds), "median": median(seconds), "max": max(seconds)},
            "others_cores": max(run.others_cores for run in self.runs),
            "cpu_seconds": median(run.cpu_seconds for run in self.runs),
            "peak_mb": self.peak_mb,
            "runs": [asdict(run) for run in self.runs],
        }


@dataclass(frozen=True)
class Session:
    """The outcome of `measure`: candidates in the order given, and the load average at the start of each round."""

    measured: Sequence[Measured]
    loads: Sequence[float]

    def __getitem__(self, name: str) -> Measured:
        return next(each for each in self.measured if each.candidate.name == name)


def measure(candidates: Sequence[Candidate], *, rounds: int, files: Iterable[Path] = ()) -> Session:
    """Run the candidates A B C A B C ..., each run in a fresh process.

    Args:
        candidates: their names differ.
        rounds: runs of each.
        files: files whose pages are dropped from the page cache before every run.
    """
    files = list(files)
    runs: dict[str, list[Run]] = {candidate.name: [] for candidate in candidates}
    loads = []
    for number in range(rounds):
        loads.append(os.getloadavg()[0])
        for candidate in candidates:
            print(f"round {number + 1} of {rounds}: {candidate.name}", file=sys.stderr)
            drop_pages(files)
            runs[candidate.name].append(run_once(candidate))
    return Session([Measured(candidate, runs[candidate.name]) for candidate in candidates], loads)


def run_once(candidate: Candidate) -> Run:
    """One run in a process of its own.

    Raises:
        SystemExit: the candidate failed; its own words stand on stderr.
    """
    fresh = tempfile.mkdtemp(prefix="benchmark-")
    try:
        own = {name: value.replace(FRESH, fresh) for name, value in candidate.environment.items()}
        command = [sys.executable, "-m", "benchmarks.measuring", candidate.function, json.dumps(candidate.arguments)]
        done = subprocess.run(
            command, env={**os.environ, **own}, stdout=subprocess.PIPE, check=False, cwd=Path(__file__).parents[1]
        )
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
    if done.returncode:
        raise SystemExit(f"{candidate.name}: ended with exit code {done.returncode}")
    return Run(**json.loads(done.stdout.splitlines()[-1]))


def drop_pages(files: Iterable[Path]) -> None:
    """Write the files out and forget their pages, so that the next reader reads the disk."""
    for path in files:
        with path.open("rb") as file:
            os.fsync(file.fileno())
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def _run_here(function: str, arguments: Mapping[str, Any]) -> Run:
    module, name = function.split(":")
    steps = getattr(import_module(module), name)(**arguments)
    next(steps)
    cpu, busy, start = _cpu_seconds(), busy_seconds(), time.perf_counter()
    next(steps)
    seconds, cpu, busy = time.perf_counter() - start, _cpu_seconds() - cpu, busy_seconds() - busy
    others = max(0.0, busy - cpu) / seconds
    peak = _peak_mb()
    try:
        next(steps)
    except StopIteration as end:
        return Run(seconds, cpu, others, peak, end.value)
    raise RuntimeError(f"{function} must yield twice, found a third yield")


def _cpu_seconds() -> float:
    return sum(os.times()[:4])


def busy_seconds() -> float:
    """Processor time of the whole machine so far: all but idle and waiting for the disk."""
    times = [int(ticks) for ticks in _lines_of("/proc/stat")[0].split()[1:9]]
    return (sum(times) - times[3] - times[4]) / os.sysconf("SC_CLK_TCK")


def resident_mb() -> float:
    """Memory of this process resident now."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(status.split("VmRSS:")[1].split()[0]) / 1024


def _peak_mb() -> float:
    """VmHWM; unlike ru_maxrss it does not begin with what the parent process had."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    own = int(status.split("VmHWM:")[1].split()[0])
    return max(own, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss) / 1024


# --- the machine, tables, JSON ---


def machine(*packages: str) -> dict[str, Any]:
    """What the figures hold for: processor, cores, memory, system, Python and package versions, date."""
    cpu = next(
        (line.split(":")[1].strip() for line in _lines_of("/proc/cpuinfo") if line.startswith("model name")),
        platform.processor(),
    )
    memory_kb = next((int(line.split()[1]) for line in _lines_of("/proc/meminfo") if line.startswith("MemTotal")), 0)
    return {
        "cpu": cpu,
        "cores": os.cpu_count(),
        "memory_gib": round(memory_kb / 2**20, 1),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "versions": {name: found for name in packages if (found := _version(name))},
        "date": datetime.now(UTC).date().isoformat(),
    }


def _lines_of(path: str) -> list[str]:
    file = Path(path)
    return file.read_text(encoding="utf-8").splitlines() if file.exists() else []


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def print_machine(described: Mapping[str, Any]) -> None:
    """The machine in one paragraph."""
    versions = ", ".join(f"{name} {number}" for name, number in described["versions"].items())
    print(
        f"{described['cpu']}, {described['cores']} cores, {described['memory_gib']} GiB, {described['system']}; "
        f"Python {described['python']}; {versions}; {described['date']}"
    )


def print_session(session: Session) -> None:
    """The figures as a Markdown table."""
    rows = [
        [
            each.candidate.name,
            *(f"{pick(run.seconds for run in each.runs):.3f}" for pick in (min, median, max)),
            f"{median(run.cpu_seconds for run in each.runs):.2f}",
            f"{max(run.others_cores for run in each.runs):.1f}",
            f"{each.peak_mb:,.0f}",
            each.candidate.note,
        ]
        for each in session.measured
    ]
    print_table(["", "min s", "median s", "max s", "CPU s", "others", "peak MB", ""], rows, left=(0, 7))
    print("\nothers: processors kept busy by other work on the machine, in the worst run")
    print(f"load average at the start of the rounds: {min(session.loads):.1f} to {max(session.loads):.1f}")


def print_table(titles: Sequence[str], rows: Sequence[Sequence[str]], *, left: Sequence[int] = (0,)) -> None:
    """A Markdown table; columns are flush right but those in `left`."""
    widths = [max(len(row[column]) for row in [titles, *rows]) for column in range(len(titles))]
    ruler = [
        "-" * (width - (column not in left)) + ":" * (column not in left)
        for column, width in enumerate(max(width, 3) for width in widths)
    ]
    for row in [titles, ruler, *rows]:
        cells = (
            cell.ljust(width) if column in left else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        print(f"| {' | '.join(cells)} |")


def print_targets(targets: Sequence[tuple[str, float, str, float]]) -> None:
    """What was asked and what was measured: (figure, measured, "<=" or ">=", asked)."""
    rows = []
    for figure, found, relation, asked in targets:
        held = found <= asked if relation == "<=" else found >= asked
        rows.append([figure, f"{found:,.2f}", f"{relation} {asked:,g}", "held" if held else "missed"])
    print_table(["target", "measured", "asked", ""], rows, left=(0, 3))


def report(
    session: Session,
    targets: Sequence[tuple[str, float, str, float]],
    about: Mapping[str, Any],
    packages: Sequence[str],
    path: Path | None,
) -> None:
    """Print the figures, the targets and the machine; write all of it as JSON where a path is given."""
    described = machine(*packages)
    print_session(session)
    print()
    print_targets(targets)
    print()
    print_machine(described)
    if path:
        named = [dict(zip(("figure", "measured", "relation", "asked"), target, strict=True)) for target in targets]
        figures = {
            **about,
            "machine": described,
            "loads": list(session.loads),
            "candidates": [each.summary() for each in session.measured],
            "targets": named,
        }
        path.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    print("\n" + json.dumps(asdict(_run_here(sys.argv[1], json.loads(sys.argv[2])))))
