"""Finding personal data: speed beside one scan of the bytes and beside peers, and what is found of planted values.

    python -m benchmarks.personal_data --data ../shared/data [--pairs 161840] [--rounds 3] [--planted 300] [--json FILE]

Speed is measured on real texts (hh-rlhf, tiled, both sides of each pair, made distinct), quality on synthetic sentences
(`benchmarks.rows.personal_data_texts`). Peers that are not installed are left out: Presidio's pattern recognisers (extra ``pii``)
and DataFog's regular expressions (``pip install datafog``), both on a part of the texts, for they take minutes on all.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import polars as pl

from benchmarks import measuring
from benchmarks.measuring import Candidate, Session
from benchmarks.rows.personal_data_texts import planted_texts
from benchmarks.rows.tiling import PUBLISHED_PAIRS, tile_pairs, unpacked
from plumbline.measure import format_figure, wilson_figure

PACKAGES = ("plumbline-rlhf", "polars", "presidio-analyzer", "datafog")
OWN, TWICE, MASKED = "plumbline, find", "plumbline, find, twice the texts", "plumbline, find and mask"
FLOOR = "floor: one scan for a string that is nowhere"
PEER_TEXTS = 4_000
BATCH = 16_384
DATAFOG_KINDS = {
    "EMAIL": "email",
    "PHONE": "phone",
    "SSN": "us-ssn",
    "CREDIT_CARD": "credit-card",
    "IP_ADDRESS": "ip-address",
    "DE_IBAN": "iban",
    "DE_TAX_ID": "de-steuer-id",
}

Finder = Callable[[pl.Series], pl.DataFrame]

# --- candidates ---


def find_own(path: str, texts: int | None = None, mask: bool = False) -> Iterator[Any]:
    from plumbline.curate.personal_data import find_personal_data, mask_personal_data

    find_personal_data(pl.Series([""]))
    found = size = 0
    yield
    for batch in _batches(path, texts):
        frame = find_personal_data(batch)
        if mask:
            mask_personal_data(batch, frame)
        found, size = found + len(frame), size + int(batch.str.len_bytes().sum())
    yield
    return {"found": found, "bytes": size}


def find_presidio(path: str, texts: int) -> Iterator[Any]:
    from plumbline.curate.personal_data.presidio import PresidioDetector

    detector = PresidioDetector()
    return _found_by(lambda batch: detector.find(batch, detector.kinds), path, texts)


def find_datafog(path: str, texts: int) -> Iterator[Any]:
    return _found_by(_datafog(), path, texts)


def scan(path: str) -> Iterator[Any]:
    size = 0
    yield
    for batch in _batches(path, None):
        batch.str.contains("\x00\x01", literal=True)
        size += int(batch.str.len_bytes().sum())
    yield
    return {"bytes": size}


def _found_by(find: Finder, path: str, texts: int) -> Iterator[Any]:
    found = size = 0
    yield
    for batch in _batches(path, texts):
        found, size = found + len(find(batch)), size + int(batch.str.len_bytes().sum())
    yield
    return {"found": found, "bytes": size}


def _batches(path: str, texts: int | None) -> Iterator[pl.Series]:
    import pyarrow.parquet as pq

    left = texts
    for batch in pq.ParquetFile(path).iter_batches(BATCH):
        series = pl.Series(batch.column(0))
        yield series if left is None else series.head(left)
        if left is not None and (left := left - len(series)) <= 0:
            return


def _datafog() -> Finder:
    from datafog.processing.text_processing.regex_annotator import RegexAnnotator

    annotator = RegexAnnotator()

    def find(texts: pl.Series) -> pl.DataFrame:
        rows = [
            (number, DATAFOG_KINDS[span.label], span.start, span.end)
            for number, text in enumerate(texts)
            for span in annotator.annotate_with_spans(text)[1].spans
            if span.label in DATAFOG_KINDS
        ]
        schema = {"text": pl.UInt32, "kind": pl.String, "start": pl.UInt32, "end": pl.UInt32}
        return pl.DataFrame(rows, schema=schema, orient="row")

    return find


# --- what is found of what was planted ---


def finders() -> dict[str, tuple[Finder, tuple[str, ...]]]:
    """Name → how it finds, and the kinds it knows."""
    from plumbline.curate.personal_data import ALL, find_personal_data

    known: dict[str, tuple[Finder, tuple[str, ...]]] = {"plumbline": (find_personal_data, ALL)}
    if find_spec("presidio_analyzer"):
        from plumbline.curate.personal_data.presidio import PresidioDetector

        detector = PresidioDetector()
        known["presidio"] = (lambda texts: detector.find(texts, detector.kinds), detector.kinds)
    if find_spec("datafog"):
        known["datafog"] = (_datafog(), tuple(DATAFOG_KINDS.values()))
    return known


def quality(count: int) -> list[dict[str, Any]]:
    """For each finder and kind: recall over planted values, precision over what is found of the kind in all texts.

    A value counts as found where one span of its kind covers all of it; a span is right where it overlaps a planted
    value of its kind.
    """
    planted = pl.DataFrame([vars(each) for each in planted_texts(count)])
    planted = planted.rename({"text": "said"}).with_row_index("text")
    values = planted.filter(pl.col("start").is_not_null()).select("text", "kind", "start", "end")
    rows = []
    for name, (find, kinds) in finders().items():
        joined = find(planted["said"])
        pairs = joined.join(values, on=["text", "kind"], suffix="_planted")
        right = pairs.filter((pl.col("start") < pl.col("end_planted")) & (pl.col("end") > pl.col("start_planted")))
        whole = right.filter((pl.col("start") <= pl.col("start_planted")) & (pl.col("end") >= pl.col("end_planted")))
        for kind in values["kind"].unique(maintain_order=True):
            if kind in kinds:
                mine = joined.filter(kind=kind)
                recall = wilson_figure(whole.filter(kind=kind)["text"].n_unique(), count)
                precision = wilson_figure(len(right.filter(kind=kind).unique(["text", "start"])), len(mine))
                rows.append({"finder": name, "kind": kind, "recall": recall, "precision": precision})
    return rows


def print_quality(rows: Sequence[dict[str, Any]], count: int) -> None:
    print(f"{count} values and {count} near misses of each kind, in synthetic sentences; Wilson intervals of 95 %\n")
    table = [
        [row["kind"], row["finder"], *(format_figure(row[what]) for what in ("recall", "precision"))] for row in rows
    ]
    table.sort(key=lambda row: row[0])
    measuring.print_table(["kind", "", "recall", "precision"], table, left=(0, 1))


# --- the benchmark ---


def candidates(once: Path, twice: Path) -> list[Candidate]:
    """Everything that is timed, in the order of the table."""
    here, at = "benchmarks.personal_data", {"path": str(once)}
    part, note = {**at, "texts": PEER_TEXTS}, f"the first {PEER_TEXTS:,} texts only"
    return [
        Candidate(OWN, f"{here}:find_own", at),
        Candidate(TWICE, f"{here}:find_own", {"path": str(twice)}, {}, "memory must stay flat"),
        Candidate(MASKED, f"{here}:find_own", {**at, "mask": True}),
        Candidate(FLOOR, f"{here}:scan", at),
        Candidate("plumbline, part", f"{here}:find_own", part, {}, note),
        *(
            [Candidate("Presidio's patterns, part", f"{here}:find_presidio", part, {}, note)]
            if find_spec("presidio_analyzer")
            else []
        ),
        *(
            [Candidate("DataFog's patterns, part", f"{here}:find_datafog", part, {}, note)]
            if find_spec("datafog")
            else []
        ),
    ]


def speed(session: Session, name: str) -> float:
    """Megabytes of text a second, median."""
    measured = session[name]
    return float(measured.runs[0].result["bytes"]) / 1e6 / measured.median_seconds


def targets(session: Session) -> list[tuple[str, float, str, float]]:
    """The figures asked for, beside those measured (medians)."""
    return [
        ("find in the published number of pairs, s", session[OWN].median_seconds, "<=", 5),
        ("peak memory, twice the texts / once", session[TWICE].peak_mb / session[OWN].peak_mb, "<=", 1.1),
    ]


def write_texts(folder: Path, out: Path) -> Path:
    """Both texts of every pair as one column of a Parquet file, in row groups of a batch."""
    plain = unpacked(folder, out.with_suffix(".jsonl"))
    pairs = pl.read_ndjson(plain, schema={"chosen": pl.String, "rejected": pl.String})
    pl.DataFrame({"text": pairs["chosen"].append(pairs["rejected"])}).write_parquet(out, row_group_size=BATCH)
    plain.unlink()
    return out


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.personal_data", description=(__doc__ or "").split("\n")[0]
    )
    parser.add_argument("--data", type=Path, required=True, help="folder with hh-rlhf/<subset>/<split>.jsonl.gz")
    parser.add_argument("--pairs", type=int, default=PUBLISHED_PAIRS)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--planted", type=int, default=300, help="values and near misses of each kind")
    parser.add_argument("--json", type=Path, help="also write the figures here")
    asked = parser.parse_args(arguments)
    work = Path(tempfile.mkdtemp(prefix="benchmark-personal-data-"))
    try:
        once, twice = (
            write_texts(
                tile_pairs(asked.data, work / str(times), times * asked.pairs, distinct=True), work / f"{times}.parquet"
            )
            for times in (1, 2)
        )
        session = measuring.measure(candidates(once, twice), rounds=asked.rounds, files=[once, twice])
    finally:
        shutil.rmtree(work, ignore_errors=True)
    rows = quality(asked.planted)
    print_quality(rows, asked.planted)
    print(
        f"\n{asked.pairs:,} hh-rlhf pairs (samples tiled, made distinct), both texts of each; {asked.rounds} rounds\n"
    )
    speeds = {each.candidate.name: round(speed(session, each.candidate.name), 1) for each in session.measured}
    measuring.print_table(["", "MB/s"], [[name, f"{each:,.1f}"] for name, each in speeds.items()])
    print()
    synthetic = [{**row, "recall": asdict(row["recall"]), "precision": asdict(row["precision"])} for row in rows]
    about = {"benchmark": "personal_data", "pairs": asked.pairs, "megabytes_a_second": speeds, "synthetic": synthetic}
    measuring.report(session, targets(session), about, PACKAGES, asked.json)


if __name__ == "__main__":
    main()
