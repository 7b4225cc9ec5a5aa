"""What `train`, `evaluate` and `score` tell a person: commands that work as printed, figures with intervals, what was scored."""

import gzip
import json
import re
import shlex

import pyarrow.parquet
import pytest

from plumbline.loop.synthetic.corpus import write_synthetic_corpus


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    folder = tmp_path_factory.mktemp("told") / "my corpus"
    write_synthetic_corpus(folder, scale=0.1)
    return folder


def train(plumb, task, *words):
    code, out, err = plumb("train", task, *words, "--features", "words")
    assert code in (0, 1), err
    return out, err


def printed_command(err):
    (line,) = (line for line in err.splitlines() if "next: plumbline " in line)
    return shlex.split(line.partition("next: plumbline ")[2])


@pytest.mark.parametrize(
    ("task", "words"),
    [
        ("preference", ["{corpus}", "--data-dir", "harmless-synthetic"]),
        ("preference", ["{corpus}/harmless-synthetic/train.jsonl.gz"]),
        ("preference", ["{corpus}/preferences-synthetic", "--on", "harmlessness"]),
        ("moderation", ["{corpus}/labels-synthetic"]),
    ],
)
def test_the_next_command_works_as_printed_and_measures_held_out_rows(task, words, plumb, corpus, tmp_path):
    named = [word.format(corpus=corpus) for word in words]
    _, err = train(plumb, task, *named, "-o", tmp_path / "m")
    code, out, err = plumb(*printed_command(err), "--json")
    assert code in (0, 1), err
    result = json.loads(out)
    assert result["split"] == "test"
    assert result["trained_on"]["trained_rows"] == 0
    assert result["rows"]["evaluated"] > 10


def test_further_sources_have_a_command_each(plumb, corpus, tmp_path):
    clean = tmp_path / "harmless-clean"
    clean.mkdir()
    row = {"chosen": "\n\nHuman: Who?\n\nAssistant: I", "rejected": "\n\nHuman: Who?\n\nAssistant: We"}
    (clean / "train.jsonl").write_text(json.dumps(row) + "\n")
    sources = [clean, corpus / "harmless-synthetic", corpus / "preferences-synthetic"]
    _, err = train(plumb, "preference", *sources, "--on", "harmlessness", "-o", tmp_path / "m")
    assert "harmless-synthetic" in " ".join(printed_command(err))
    assert re.search(r"^and: plumbline evaluate .*preferences-synthetic'$", err, re.MULTILINE)
    seen = {line.partition("plumbline data check ")[2] for line in err.splitlines() if line.startswith("not read: ")}
    assert seen == {shlex.quote(str(sources[1]))}, "the source that holds the fault, not the first"


@pytest.mark.parametrize("split", [None, "test"])
def test_where_no_row_is_held_out_it_is_said(split, plumb, corpus, tmp_path):
    if split:
        words = [corpus / "harmless-synthetic", "--split", "test"]
    else:
        rows = gzip.decompress((corpus / "harmless-synthetic" / "train.jsonl.gz").read_bytes())
        (tmp_path / "mine.jsonl").write_bytes(rows)
        words = [tmp_path / "mine.jsonl", "--axis", "harmlessness"]
    _, err = train(plumb, "preference", *words, "-o", tmp_path / "m")
    assert "no split test that was not trained on" in err
    assert "next:" not in err


def test_repeated_rows_are_told_with_the_command_that_names_them(plumb, corpus, tmp_path):
    lines = gzip.decompress((corpus / "harmless-synthetic" / "train.jsonl.gz").read_bytes()).splitlines()
    rows = [json.loads(line) for line in lines if line.endswith(b"}")]
    contrary = [{"chosen": row["rejected"], "rejected": row["chosen"]} for row in rows[:3]]
    folder = tmp_path / "harmless-mine"
    folder.mkdir()
    written = "".join(json.dumps(row) + "\n" for row in [*rows, *rows[:4], *contrary])
    (folder / "train.jsonl").write_text(written)
    _, err = train(plumb, "preference", tmp_path, "--data-dir", "harmless-mine", "-o", tmp_path / "m")
    (told,) = re.findall(r"among the training rows: (\d+) exact repetitions of other rows and (\d+) rows .*", err)
    assert int(told[0]) >= 4
    assert int(told[1]) >= 6
    assert f"see: plumbline data check {tmp_path} --data-dir harmless-mine" in err
    configuration = json.loads((tmp_path / "m" / "manifest.json").read_text())["configuration"]
    assert configuration["repeats"]["exact_duplicates"] == int(told[0])


def test_figures_at_the_threshold_have_n_and_intervals(plumb, corpus, tmp_path):
    out, err = train(plumb, "moderation", corpus / "labels-synthetic", "-o", tmp_path / "m")
    assert "over all deals; the table of the model's threshold shows the first\n" in err
    table = out.partition("at the model's threshold")[2]
    for name in ("(false positive rate)", "(recall)", "(precision)"):
        (line,) = (line for line in table.splitlines() if name in line)
        assert re.search(r"0\.\d{3} \(\d\.\d{3}–\d\.\d{3}, n=\d+\)$", line), line
    assert "ece (calibration error)" in out
    threshold = re.match(r" (0\.\d{3})", table)[1]
    assert re.findall(r"^(accuracy|f1) at the threshold (\S+) ", out, re.MULTILINE) == [
        ("accuracy", threshold),
        ("f1", threshold),
    ]
    assert len(re.findall(r"^f1", out, re.MULTILINE)) == 1, "not twice, of other deals of the folds"


def test_of_a_cost_model_only_the_figures_of_labels_hang_on_a_threshold(plumb, corpus, tmp_path):
    out, _ = train(plumb, "cost", corpus / "harmless-synthetic", corpus / "labels-synthetic", "-o", tmp_path / "m")
    assert re.findall(r"^(accuracy|f1) at the threshold", out, re.MULTILINE) == ["f1"]


def test_an_evaluation_says_task_and_axis_and_no_figures_that_such_a_model_never_has(plumb, corpus, tmp_path):
    out, err = train(plumb, "preference", corpus / "harmless-synthetic", "-o", tmp_path / "m")
    assert "undefined" not in out
    assert "figures and out_of_fold.parquet are over all deals\n" in err, "it has no threshold"
    _, out, _ = plumb("evaluate", tmp_path / "m", corpus / "harmless-synthetic")
    assert ": preference model of harmlessness, " in out.splitlines()[0]
    assert "undefined" not in out, "it is no model that could have f1"
    beside = next(line for line in out.splitlines() if line.startswith("the best any model could reach "))
    assert re.search(r" (unknown: .*|\d\.\d{3}–\d\.\d{3} \(n=\d+ judged twice\))$", beside), beside


def test_scoring_says_which_splits_and_what_was_trained_on(plumb, corpus, tmp_path):
    train(plumb, "preference", corpus / "harmless-synthetic", "-o", tmp_path / "m")
    _, _, err = plumb("score", tmp_path / "m", corpus / "harmless-synthetic", "-o", tmp_path / "s.csv")
    told = (
        r"replies, of [\d,]+ comparisons of split test, [\d,]+ comparisons of split train; [\d,]+ of them are of items"
    )
    assert re.search(told, err), err
    _, _, err = plumb("score", tmp_path / "m", corpus / "helpful-synthetic", "-o", tmp_path / "h.csv")
    assert "trained on harmlessness, and scores comparisons on helpfulness" in err


def test_one_file_is_one_file(plumb, corpus):
    _, out, _ = plumb("data", "check", corpus / "harmless-synthetic" / "test.jsonl.gz")
    assert " rows read in 1 file: " in out
    _, out, _ = plumb("data", "check", corpus / "harmless-synthetic")
    assert " rows read in 2 files: " in out


def test_rows_that_no_model_scored_out_of_fold_are_told_and_the_flag_scores_them(plumb, corpus, tmp_path, monkeypatch):
    monkeypatch.setattr("plumbline.models.rows.folds.LARGEST_FOR_FOLDS", 50)
    words = [corpus / "harmless-synthetic", "-o", tmp_path / "m"]
    told = []
    for flags in ([], ["--out-of-fold"]):
        _, err = train(plumb, "preference", *words, *flags)
        scored = pyarrow.parquet.read_metadata(tmp_path / "m" / "out_of_fold.parquet").num_rows
        told.append((scored, "have no score in out_of_fold.parquet: --out-of-fold" in err))
    (some, few_told), (every, all_told) = told
    assert some < every / 4
    assert (few_told, all_told) == (True, False)


def test_a_recipe_tells_what_each_source_gave_and_the_manifest_says_so(plumb, corpus, tmp_path):
    sources = [corpus / "labels-synthetic", corpus / "preferences-synthetic"]
    _, err = train(plumb, "moderation", *sources, "--recipe", "transfer", "-o", tmp_path / "m")
    told = dict(re.findall(r"^(\S+): (\d+) safe and \d+ unsafe rows, which count as ", err, re.MULTILINE))
    assert sorted(told) == ["labels-synthetic", "preferences-synthetic"]
    configuration = json.loads((tmp_path / "m" / "manifest.json").read_text())["configuration"]
    assert configuration["recipe"]["name"] == "transfer"
    assert configuration["recipe"]["digest"]
    assert {each["source"]: str(each["safe"]) for each in configuration["by_source"]} == told
    assert configuration["l2"] == configuration["recipe"]["l2"]
    assert "### By source" in (tmp_path / "m" / "README.md").read_text()


def test_a_recipe_that_is_not_there_and_one_for_a_transformer_are_refused(plumb, corpus, tmp_path):
    words = ["train", "moderation", corpus / "labels-synthetic", "-o", tmp_path / "m", "--recipe"]
    code, _, err = plumb(*words, "trasnfer")
    assert code == 2
    assert "PL-TRP-001" in err
    assert "--recipe transfer" in err
    code, _, err = plumb(*words, "transfer", "--model", tmp_path)
    assert code == 2
    assert "PL-ARG-003" in err
    assert not (tmp_path / "m").exists()
