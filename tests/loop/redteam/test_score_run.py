"""Scoring attempts and reporting on them, from folder to folder: terms, manifests, digests, what is refused."""

import json

import pyarrow.parquet as pq
import pytest

from plumbline.formats import load, write_tables
from plumbline.lineage import Terms, Use, file_digest, read_manifest, terms_of
from plumbline.loop.redteam.report_run import RedTeamReporting, run_red_team_report
from plumbline.loop.redteam.score_run import TranscriptScoring, run_transcript_scoring
from plumbline.loop.synthetic.corpus import write_synthetic_corpus
from plumbline.loop.training.run import TrainingRun, run_training
from plumbline.records import Kind, NoDataError, UsageError
from tests.redteam.made_up import attempts_table

ANALYSIS = Terms(frozenset({Use.ANALYSIS}), "MIT")


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    folder = tmp_path_factory.mktemp("corpus")
    write_synthetic_corpus(folder, scale=0.1)
    return folder


@pytest.fixture(scope="module")
def model(corpus):
    out, settings = corpus / "model", {"features": "words", "seed": 0}
    run_training(TrainingRun("preference", (str(corpus / "harmless-synthetic"),), out, settings=settings))
    return out


@pytest.fixture(scope="module")
def attempts(corpus):
    path = corpus / "attempts" / "synthetic.jsonl"
    path.parent.mkdir()
    write_tables({Kind.RED_TEAM_ATTEMPTS: attempts_table(60, reviewed=False)}, path, "red-team")
    return path


def report(sources, out, **more):
    run = RedTeamReporting(tuple(map(str, sources)), out, "Red team", "2026-01-06", **more)
    return run_red_team_report(run).analysis


def test_attempts_are_written_with_scores_turns_and_terms_and_can_be_read_again(model, attempts, tmp_path):
    out = tmp_path / "scored"
    told = run_transcript_scoring(TranscriptScoring(model, str(attempts), out))
    assert (told.attempts, told.transcripts, told.descriptions, told.turns) == (60, 60, 60, 120)
    assert (told.unscored, told.former, told.uses) == ({}, 60, ["analysis"])
    loaded = load(out)
    assert loaded.terms == ANALYSIS
    assert loaded.findings == []
    turns = pq.read_table(out / "scores" / "turns.parquet")
    assert terms_of(turns) == ANALYSIS
    lowest = {}
    for turn in turns.to_pylist():
        lowest[turn["row"]] = min(lowest.get(turn["row"], 9e9), turn["score"])
    rows = loaded.red_team_attempts.select(["id", "row", "transcript_score"]).to_pylist()
    assert {row["row"]: row["transcript_score"] for row in rows} == lowest
    assert [row["id"] for row in rows] == load(attempts).red_team_attempts["id"].to_pylist()
    former = pq.read_table(out / "scores" / "attempts.parquet")["former_transcript_score"]
    assert former.to_pylist() == load(attempts).red_team_attempts["transcript_score"].to_pylist()


def test_the_manifest_names_model_source_counts_and_outputs(model, attempts, tmp_path):
    run_transcript_scoring(TranscriptScoring(model, str(attempts), tmp_path / "scored"))
    manifest = read_manifest(tmp_path / "scored")
    assert manifest.holds == "scored attempts"
    assert [entry.sha256 for entry in manifest.inputs] == [file_digest(model / "model.json"), file_digest(attempts)]
    assert file_digest(model / "manifest.json") in manifest.parents
    assert (manifest.uses, manifest.licence) == ([Use.ANALYSIS], "MIT")
    rows = {entry.path: entry.rows for entry in manifest.outputs}
    assert rows == {
        "red_team_attempts/synthetic.parquet": 60,
        "scores/attempts.parquet": 60,
        "scores/turns.parquet": 120,
    }


def test_what_is_no_model_of_harmlessness_or_holds_no_attempts_is_refused_and_nothing_is_left(
    corpus, model, attempts, tmp_path
):
    other = tmp_path / "other"
    run_training(TrainingRun("preference", (str(corpus / "helpful-synthetic"),), other, settings={"features": "words"}))
    with pytest.raises(UsageError, match="PL-RTS-001"):
        run_transcript_scoring(TranscriptScoring(other, str(attempts), tmp_path / "scored"))
    with pytest.raises(NoDataError, match="PL-RTS-006"):
        run_transcript_scoring(TranscriptScoring(model, str(corpus / "harmless-synthetic"), tmp_path / "scored"))
    with pytest.raises(UsageError, match="PL-OUT-008"):
        run_transcript_scoring(TranscriptScoring(model, str(attempts), attempts.parent))
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes.txt").write_text("mine")
    with pytest.raises(UsageError, match="PL-OUT-002"):
        run_transcript_scoring(TranscriptScoring(model, str(attempts), tmp_path / "mine"))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["mine", "other"]


def test_reports_are_of_the_raw_lines_and_of_scored_attempts_alike(model, attempts, tmp_path):
    run_transcript_scoring(TranscriptScoring(model, str(attempts), tmp_path / "scored"))
    raw, scored = (report([source], tmp_path / "page.html") for source in (attempts, tmp_path / "scored"))
    assert raw.success == scored.success
    assert raw.models.everything.scores.mean != scored.models.everything.scores.mean
    page = (tmp_path / "page.html").read_text()
    assert "SYNTHETIC DATA" in page
    assert f"Scores by model ({file_digest(model / 'model.json')[:12]})." in page
    with pytest.raises(UsageError, match="PL-SRC-013"):
        report([attempts, tmp_path / "scored"], tmp_path / "twice.html")
    assert not (tmp_path / "twice.html").exists()


def test_scores_of_two_models_are_not_compared_without_a_word(model, attempts, tmp_path):
    run_transcript_scoring(TranscriptScoring(model, str(attempts), tmp_path / "scored"))
    other, silent = tmp_path / "other.jsonl", tmp_path / "silent.jsonl"
    write_tables({Kind.RED_TEAM_ATTEMPTS: attempts_table(5, seed=1, reviewed=False)}, other, "red-team")
    write_tables({Kind.RED_TEAM_ATTEMPTS: attempts_table(5, seed=2, reviewed=False, scored=False)}, silent, "red-team")
    report([tmp_path / "scored", silent], tmp_path / "page.html")
    assert "do not compare:" not in (tmp_path / "page.html").read_text()
    report([tmp_path / "scored", other], tmp_path / "page.html")
    warning = "The scores are by 2 models and do not compare: a model that the data do not name and model ("
    assert warning in (tmp_path / "page.html").read_text()


def test_success_is_counted_as_asked(attempts, tmp_path):
    found = report([attempts], tmp_path / "page.html", success="outcome")
    assert found.success.rates[found.success.by].why_undefined == "no attempt has an outcome"
    with pytest.raises(UsageError, match="--success reviews"):
        report([attempts], tmp_path / "other.html", success="review")


@pytest.mark.parametrize("name", ["sample-10.jsonl", "sample-10.json"])
def test_the_real_sample_is_scored_and_reported(real_data, model, tmp_path, name):
    sample = real_data / "hh-rlhf" / "red-team-attempts" / name
    run_transcript_scoring(TranscriptScoring(model, str(sample), tmp_path / "scored"))
    found = report([tmp_path / "scored"], tmp_path / "page.html")
    assert (found.attempts, found.scored, len(found.map.places)) == (10, 10, 10)
    assert found.success.rates[found.success.by].n == 10
    page = (tmp_path / "page.html").read_text()
    texts = [
        message["text"].strip()
        for transcript in load(sample).red_team_attempts["transcript"].to_pylist()
        for message in transcript
    ]
    assert len(texts) > 50
    assert not [text for text in texts if len(text) > 25 and text[:40] in page]
    assert json.loads((tmp_path / "scored" / "manifest.json").read_text())["uses"] == ["analysis"]
