"""The latency benchmark at tiny size: what it counts, not how long it takes."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.thorough  # serves a big study twice; `test_hammer` shows that servers of benchmarks run
def test_every_scenario_is_measured_with_its_floors(tmp_path):
    command = [sys.executable, "-m", "benchmarks.next_item", "--database", "sqlite", "--items", "3000"]
    command += ["--workers", "4", "--think", "0.05", "--processes", "1", "--seconds", "0.7", "--warm-up", "0.2"]
    command += ["--saturated", "0.3", "--json", str(tmp_path / "f.json")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    # 1 says that the target was missed, which a busy machine may do.
    assert done.returncode in (0, 1), done.stderr
    assert "| next p95 |" in done.stdout
    found = json.loads((tmp_path / "f.json").read_text())["scenarios"]
    assert [each["name"] for each in found] == ["sqlite, fresh, 1 process", "sqlite, at its end, 1 process"]
    for each in found:
        assert set(each["floors_ms"]) == {"no such route", "me", "one INSERT"}
        for which in ("thinking", "saturated"):
            assert all(each[which]["latencies"][route]["requests"] > 0 for route in ("next", "submit"))
            assert each[which]["cores"]["servers"] > 0
