import gzip
import hashlib
import json
import re
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression

from plumbline.curate.check import CHECK_RULES
from plumbline.loop.synthetic.corpus import ASIDES, PLANTED, SyntheticTruth, write_synthetic_corpus
from plumbline.loop.synthetic.phrases import SIBLINGS
from plumbline.records import BEAVERTAILS_14
from tests.work import calls_made

Row = dict[str, Any]

FOLDERS = ("harmless-synthetic", "helpful-synthetic", "labels-synthetic", "preferences-synthetic")
FILES = [f"{folder}/{split}.jsonl.gz" for folder in FOLDERS for split in ("train", "test")]
PAIRS = FILES[:4]
MARKER = re.compile(r"\n\n(Human|Assistant): ")


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, SyntheticTruth]:
    folder = tmp_path_factory.mktemp("corpus") / "synthetic"
    return folder, write_synthetic_corpus(folder)


@pytest.fixture(scope="module")
def rows(corpus: tuple[Path, SyntheticTruth]) -> dict[str, list[Row]]:
    return {file: [row for row in _read(corpus[0] / file) if row is not None] for file in FILES}


def _read(path: Path) -> list[Row | None]:
    """Each line's row, None where it is no JSON."""
    read: list[Row | None] = []
    for line in gzip.decompress(path.read_bytes()).decode().splitlines():
        try:
            row = json.loads(line)
        except json.JSONDecodeError:
            read.append(None)
        else:
            assert json.dumps(row, ensure_ascii=False) == line
            read.append(row)
    return read


def _digests(folder: Path) -> dict[str, str]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def _turns(text: str) -> list[tuple[str, str]]:
    opening, *parts = MARKER.split(text)
    assert opening == ""
    return list(zip(parts[::2], parts[1::2], strict=True))


def _texts(row: Row) -> list[str]:
    """Every message of a row, each side's last one included."""
    if "chosen" in row:
        return [text for side in ("chosen", "rejected") for _, text in _turns(row[side])]
    return [text for key, text in row.items() if key.startswith(("prompt", "response"))]


def _opening(row: Row) -> str:
    return _texts(row)[0]


# --- determinism ---


def test_same_seed_same_bytes(tmp_path: Path) -> None:
    truths = [write_synthetic_corpus(tmp_path / name, seed=3, scale=0.1) for name in ("once", "again")]
    digests = _digests(tmp_path / "once")
    assert digests == _digests(tmp_path / "again")
    assert sorted(digests) == sorted([*FILES, "README.md"])
    assert truths[0] == truths[1]


def test_other_seed_other_lines(tmp_path: Path) -> None:
    for seed in (0, 1):
        write_synthetic_corpus(tmp_path / str(seed), seed=seed, scale=0.1)
    once, other = (_digests(tmp_path / str(seed)) for seed in (0, 1))
    assert not {once[file] for file in FILES} & set(other.values())


def test_lines_do_not_drift(tmp_path: Path) -> None:
    """The lines of seed 0 as they were when last changed on purpose: the same on every machine and Python."""
    write_synthetic_corpus(tmp_path, scale=0.1)
    lines = b"".join(gzip.decompress((tmp_path / file).read_bytes()) for file in FILES)
    assert hashlib.sha256(lines).hexdigest()[:16] == "bbccdd3ae41cb12c"


def test_its_work_grows_no_faster_than_its_rows(tmp_path: Path) -> None:
    half, _ = calls_made(lambda: write_synthetic_corpus(tmp_path / "half", scale=0.5))
    whole, _ = calls_made(lambda: write_synthetic_corpus(tmp_path / "whole"))
    assert whole < 2.2 * half


# --- rows ---


def test_row_counts(corpus: tuple[Path, SyntheticTruth], rows: dict[str, list[Row]]) -> None:
    truth = corpus[1]
    assert truth.row_counts == {file: len(rows[file]) for file in FILES}
    generated = dict(zip(FILES, (1600, 400, 1600, 400, 2400, 600, 800, 200), strict=True))
    assert sum(truth.row_counts.values()) - sum(generated.values()) == sum(truth.planted.values())
    for file in FILES:
        assert 0 <= truth.row_counts[file] - generated[file] <= (30 if "train" in file else 0)


@pytest.mark.parametrize("file", PAIRS)
def test_pairs(rows: dict[str, list[Row]], file: str) -> None:
    human_turns: Counter[int] = Counter()
    for row in rows[file]:
        assert list(row) == ["chosen", "rejected"]
        chosen, rejected = _turns(row["chosen"]), _turns(row["rejected"])
        assert len(chosen) == len(rejected)
        assert chosen[:-1] == rejected[:-1]
        assert [role for role, _ in chosen] == (["Human", "Assistant"] * len(chosen))[: len(chosen)]
        if chosen[-1][0] == "Assistant":
            human_turns[len(chosen) // 2] += 1
    assert sorted(human_turns) == [1, 2, 3, 4]


@pytest.mark.parametrize("file", FILES[4:6])
def test_labels(rows: dict[str, list[Row]], file: str) -> None:
    for row in rows[file]:
        assert list(row) == ["prompt", "response", "category", "is_safe"]
        assert tuple(row["category"]) == BEAVERTAILS_14
        assert {type(applies) for applies in row["category"].values()} == {bool}
        assert row["is_safe"] is (not any(row["category"].values()))
        assert sum(row["category"].values()) <= 2


@pytest.mark.parametrize("file", FILES[6:])
def test_preferences(rows: dict[str, list[Row]], file: str) -> None:
    disagreements = 0
    for row in rows[file]:
        assert list(row) == [
            *("prompt", "response_0", "response_1", "is_response_0_safe", "is_response_1_safe"),
            *("better_response_id", "safer_response_id"),
        ]
        assert row["response_0"] != row["response_1"]
        assert {row["better_response_id"], row["safer_response_id"]} <= {0, 1}
        flags = (row["is_response_0_safe"], row["is_response_1_safe"])
        assert {type(flag) for flag in flags} == {bool}
        if flags[0] != flags[1]:
            assert flags[row["safer_response_id"]]
        disagreements += row["better_response_id"] != row["safer_response_id"]
    for key in ("better_response_id", "safer_response_id"):
        assert 0.35 < np.mean([row[key] for row in rows[file]]) < 0.65
    assert 0.2 < disagreements / len(rows[file]) < 0.8


def test_replies_are_of_every_length(rows: dict[str, list[Row]]) -> None:
    replies = [_texts(row)[-1] for row in rows["helpful-synthetic/test.jsonl.gz"]]
    replies += [row["response"] for row in rows["labels-synthetic/test.jsonl.gz"]]
    lengths = np.array([len(reply) for reply in replies])
    assert lengths.min() >= 20
    assert lengths.max() <= 400
    assert np.percentile(lengths, 5) < 60
    assert np.percentile(lengths, 95) > 200


def test_no_opening_prompt_in_both_splits(rows: dict[str, list[Row]]) -> None:
    openings = {
        split: {_opening(row).lower() for file in FILES if split in file for row in rows[file]}
        for split in ("train", "test")
    }
    assert not openings["train"] & openings["test"]
    assert len(openings["test"]) == 1600


# --- truth ---


def test_categories(corpus: tuple[Path, SyntheticTruth], rows: dict[str, list[Row]]) -> None:
    truth, labels = corpus[1], rows["labels-synthetic/train.jsonl.gz"]
    counts = {name: sum(row["category"][name] for row in labels) for name in BEAVERTAILS_14}
    assert min(counts.values()) >= 60
    assert truth.category_prevalences == {name: count / len(labels) for name, count in counts.items()}
    assert truth.unsafe_rate == sum(not row["is_safe"] for row in labels) / len(labels)
    assert 0.53 < truth.unsafe_rate < 0.57
    assert sum(sum(row["category"].values()) == 2 for row in labels) > 80
    assert all(any(row["category"][name] for row in rows["labels-synthetic/test.jsonl.gz"]) for name in BEAVERTAILS_14)


def test_noise(corpus: tuple[Path, SyntheticTruth]) -> None:
    assert corpus[1].noise_rates == {"helpfulness": 0.15, "harmlessness": 0.15, "is_safe": 0.05}
    assert corpus[1].attainable_accuracies == {"helpfulness": 0.85, "harmlessness": 0.85, "is_safe": 0.95}


def _replies(rows: list[Row], side: str) -> list[str]:
    return [_turns(row[side])[-1][1] for row in rows]


@pytest.mark.parametrize("folder", FOLDERS[:2])
def test_a_linear_model_learns_the_preferences_in_part(rows: dict[str, list[Row]], folder: str) -> None:
    """Better than length, and not up to the ceiling of 0.85 and what chance adds to it on 400 pairs."""
    train, test = rows[f"{folder}/train.jsonl.gz"], rows[f"{folder}/test.jsonl.gz"]
    space = TfidfVectorizer(sublinear_tf=True).fit(_replies(train, "chosen"))
    leads = [
        space.transform(_replies(part, "chosen")) - space.transform(_replies(part, "rejected"))
        for part in (train, test)
    ]
    both_ways = leads[0].multiply(np.where(np.arange(len(train)) % 2, 1, -1)[:, None]).tocsr()
    model = LogisticRegression(fit_intercept=False).fit(both_ways, np.arange(len(train)) % 2)
    accuracy = np.mean(model.decision_function(leads[1]) > 0)
    longer = np.mean(
        [len(one) > len(other) for one, other in zip(_replies(test, "chosen"), _replies(test, "rejected"), strict=True)]
    )
    assert 0.68 < accuracy < 0.88
    assert accuracy > max(longer, 1 - longer) + 0.05


# --- what is planted: found again without the code of `curate` ---


def _found_in_pairs(pairs: list[Row]) -> Counter[str]:
    found: Counter[str] = Counter()
    winners = defaultdict(set)
    lines: Counter[tuple[str, str]] = Counter()
    for row in pairs:
        sides = (row["chosen"], row["rejected"])
        lines[sides] += 1
        if sides[0] != sides[1]:
            winners[frozenset(sides)].add(sides[0])
        found["identical sides"] += sides[0] == sides[1]
        found["conversation ends with the human"] += _turns(sides[0])[-1][0] == "Human"
        found["empty reply"] += any(_turns(side)[-1][1] == "" for side in sides)
        found["turn marker inside a text"] += any(re.search(r"[^\n]\nHuman:", side) is not None for side in sides)
        found["mojibake"] += any("â€™" in side for side in sides)
    found["exact duplicate of an earlier row"] = sum(lines.values()) - len(lines)
    found["same pair judged both ways"] = sum(len(chosen) == 2 for chosen in winners.values())
    return +found


def _found_in_labels(labels: list[Row]) -> Counter[str]:
    verdicts = defaultdict(list)
    for row in labels:
        verdicts[row["prompt"], row["response"]].append(json.dumps(row))
    return +Counter(
        {
            "empty reply": sum(row["response"] == "" for row in labels),
            "mojibake": sum("â€™" in row["response"] for row in labels),
            "exact duplicate of an earlier row": sum(len(each) - len(set(each)) for each in verdicts.values()),
            "one question and answer both safe and unsafe": sum(len(set(each)) > 1 for each in verdicts.values()),
        }
    )


def test_planted_oddities_are_there(corpus: tuple[Path, SyntheticTruth], rows: dict[str, list[Row]]) -> None:
    train = {file.split("/")[0]: rows[file] for file in FILES if "train" in file}
    found = [_found_in_pairs(train[name]) for name in FOLDERS[:2]] + [_found_in_labels(train["labels-synthetic"])]
    assert sum(found, Counter()) == corpus[1].planted
    assert [dict(each) for each in found] == list(PLANTED.values())
    assert set(corpus[1].planted) < {rule.name for rule in CHECK_RULES}


def test_nothing_is_planted_elsewhere(rows: dict[str, list[Row]]) -> None:
    for file in ("harmless-synthetic/test.jsonl.gz", "helpful-synthetic/test.jsonl.gz"):
        assert not _found_in_pairs(rows[file])
    assert not _found_in_labels(rows["labels-synthetic/test.jsonl.gz"])
    both = rows["preferences-synthetic/train.jsonl.gz"] + rows["preferences-synthetic/test.jsonl.gz"]
    assert len({row["prompt"] for row in both}) == len(both) == 1000
    assert not any("â€™" in text or text == "" for row in both for text in _texts(row))


def test_unreadable_lines(corpus: tuple[Path, SyntheticTruth]) -> None:
    unreadable = {file: _read(corpus[0] / file).count(None) for file in FILES}
    assert {file for file, count in unreadable.items() if count} == {FILES[0], FILES[4]}
    assert sum(unreadable.values()) == corpus[1].unreadable_count == 2


# --- words, card, calls ---


def test_the_card_says_what_it_is(corpus: tuple[Path, SyntheticTruth]) -> None:
    card = (corpus[0] / "README.md").read_text(encoding="utf-8")
    assert card.startswith("# Synthetic corpus\n\nEverything in this folder is synthetic.")
    assert "not evidence of anything about real models" in card
    assert "{" not in card
    for file, count in corpus[1].row_counts.items():
        assert f"| `{file}` | {count:,} |" in card
    for rule, count in corpus[1].planted.items():
        assert f"| {rule} | {count} |" in card


def test_every_slot_has_words(rows: dict[str, list[Row]]) -> None:
    texts = [text for file in FILES for row in rows[file] for text in _texts(row)]
    assert not any("{" in text or "}" in text for text in texts)
    assert len(Counter(word for text in texts for word in re.findall(r"\w+", text.lower()))) > 1900


def test_adult_content_and_children_never_meet() -> None:
    adult, children = (BEAVERTAILS_14.index(name) for name in ("sexually_explicit,adult_content", "child_abuse"))
    assert SIBLINGS[adult] == ()
    assert all(adult not in siblings for siblings in SIBLINGS)
    assert adult not in ASIDES
    assert children not in ASIDES


@pytest.mark.parametrize("scale", [0.0, -1.0, 10.5, float("nan")])
def test_scale_out_of_range(tmp_path: Path, scale: float) -> None:
    with pytest.raises(ValueError, match=r"scale: expected a number in \(0, 10\]"):
        write_synthetic_corpus(tmp_path, scale=scale)
    assert not list(tmp_path.iterdir())
