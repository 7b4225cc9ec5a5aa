"""The benchmarks run at tiny size and count what they measure; no time is asserted."""

import gzip
import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAIRS = 40


@pytest.fixture(scope="module")
def samples(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Five pairs, one of them with non-ASCII and quotes, in the layout of the published set."""
    data = tmp_path_factory.mktemp("data")
    for folder, splits in {"harmless-base": ("test", "train"), "helpful-base": ("test", "train")}.items():
        for number, split in enumerate(splits, 1):
            opening = f"\n\nHuman: Où est le {folder} {split}?\n\nAssistant: Here.\n\nHuman: And\n\nAssistant:"
            lines = [
                json.dumps(
                    {"chosen": f'{opening} a "{row}" ', "rejected": f"{opening} another\t{row}"}, ensure_ascii=False
                )
                for row in range(number)
            ]
            path = data / "hh-rlhf" / folder / f"{split}.jsonl.gz"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(gzip.compress(("\n".join(lines) + "\n").encode()))
    return data


def figures_of(name: str, out: Path, *arguments: str) -> dict:
    command = [sys.executable, "-m", f"benchmarks.{name}", "--rounds", "1", "--json", str(out), *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "| median s |" in done.stdout
    return json.loads(out.read_text())


@pytest.mark.thorough  # 17 processes, peers among them; `test_checking` shows that such a benchmark runs
def test_loading(samples: Path, tmp_path: Path) -> None:
    if not importlib.util.find_spec("datasets"):
        pytest.skip("the peers of this benchmark need datasets")
    figures = figures_of("loading", tmp_path / "f.json", "--data", str(samples), "--pairs", str(PAIRS), "--distinct")
    results = {each["name"]: each["runs"][0]["result"] for each in figures["candidates"]}
    assert len(results) == 17
    assert {name for name, result in results.items() if result.get("rows") != PAIRS} == {
        "plumbline.stream, twice the rows",
        "floor: gunzip (isal)",
    }
    assert results["plumbline.stream, twice the rows"]["rows"] == 2 * PAIRS
    prints = [result["fingerprint"] for result in results.values() if "fingerprint" in result]
    assert len(prints) == 11
    assert len(set(prints)) == 1
    assert figures["machine"]["cores"] >= 1


def test_checking(samples: Path, tmp_path: Path) -> None:
    figures = figures_of("checking", tmp_path / "f.json", "--data", str(samples), "--pairs", str(PAIRS))
    results = [each["runs"][0]["result"] for each in figures["candidates"]]
    assert len(results) == 3
    assert [result["rows"] for result in results] == [PAIRS] * 3
    # 6 distinct pairs in the samples: every other row repeats one of them.
    assert results[0]["findings"]["PL-CHK-007 exact duplicate of an earlier row (comparisons)"] == PAIRS - 6


@pytest.mark.thorough  # eight processes; `test_checking` shows that such a benchmark runs
def test_startup(tmp_path: Path) -> None:
    figures = figures_of("startup", tmp_path / "f.json")
    results = {each["name"]: each["runs"][0]["result"]["characters"] for each in figures["candidates"]}
    assert len(results) == 4
    assert [name for name, characters in results.items() if not characters] == ["floor: python -c pass"]
    assert [target["figure"] for target in figures["targets"]] == ["plumbline --help, s"]
