"""What the runner measures and refuses."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from benchmarks.measuring import FRESH, Candidate, measure, print_targets, run_once

HERE = "tests.benchmarks.test_measuring"


def sleeper(seconds: float) -> Iterator[Any]:
    time.sleep(0.5)
    yield
    time.sleep(seconds)
    yield
    return {"slept": seconds}


def fresh_folder() -> Iterator[Any]:
    import os

    yield
    folder = Path(os.environ["PLACE"])
    yield
    return {"folder": str(folder), "empty": not any(folder.iterdir())}


def three_yields() -> Iterator[Any]:
    yield
    yield
    yield


def test_only_the_time_between_the_yields_counts() -> None:
    session = measure([Candidate("sleep", f"{HERE}:sleeper", {"seconds": 0.05})], rounds=2)
    runs = session["sleep"].runs
    assert [run.result for run in runs] == [{"slept": 0.05}] * 2
    assert all(0.05 <= run.seconds < run.seconds + run.peak_mb for run in runs)
    assert len(session.loads) == 2
    assert session["sleep"].summary()["seconds"]["min"] <= session["sleep"].median_seconds


def test_every_run_has_a_fresh_folder_that_is_removed() -> None:
    candidate = Candidate("fresh", f"{HERE}:fresh_folder", {}, {"PLACE": FRESH})
    one, other = run_once(candidate).result, run_once(candidate).result
    assert one["empty"]
    assert one["folder"] != other["folder"]
    assert not Path(one["folder"]).exists()


def test_a_candidate_that_fails_ends_the_benchmark(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="broken: ended with exit code 1"):
        run_once(Candidate("broken", f"{HERE}:three_yields"))
    assert "must yield twice" in capfd.readouterr().err


def test_tables_line_up(capsys: pytest.CaptureFixture[str]) -> None:
    print_targets([("loading, s", 1.5, "<=", 3), ("times as fast", 4.0, ">=", 5)])
    lines = capsys.readouterr().out.splitlines()
    assert len({len(line) for line in lines}) == 1
    assert [line.split("|")[4].strip() for line in lines[2:]] == ["held", "missed"]
