"""The study that a round ends with: `collect init` takes it, and it is like the one that it was made of."""

import tomllib

import pytest

from plumbline.collect.example_studies import write_example
from plumbline.collect.service.start_checks import check_start
from plumbline.collect.study_file import read_study_file
from plumbline.lineage import FoundManifest, read_manifest
from plumbline.loop.reply_scorer import open_reply_scorer
from plumbline.loop.rounds.next_study import NextStudy, next_tables, toml_text, write_next_study
from plumbline.records import UsageError
from tests.models.made_up import pairs_table
from tests.redteam.small_models import saved


@pytest.fixture(scope="module")
def scorer(tmp_path_factory):
    return saved("preference", pairs_table(60), tmp_path_factory.mktemp("models") / "kind")


def like(folder, scorer, **more):
    given = {"name": "s-2", "tranche": "online", "k": 4, "sources": None, "chosen": scorer, "round_name": "r"}
    return NextStudy(read_study_file(folder / "study.toml"), **given | more)


def example(folder, name, **replaced):
    write_example(folder, name)
    file = folder / "study.toml"
    text = file.read_text()
    for old, new in replaced.items():
        assert old in text
        text = text.replace(old, new)
    file.write_text(text)
    return folder


@pytest.mark.parametrize("name", ["preference-chat", "preference-chat-harmlessness", "red-team-chat"])
def test_of_a_chat_the_scorer_chooses_of_k(tmp_path, scorer, name):
    folder, out = example(tmp_path / "s", name), tmp_path / "next"
    assert write_next_study(like(folder, scorer), out) == []
    read = read_study_file(out / "study.toml")
    before = read_study_file(folder / "study.toml").study
    assert (read.study.name, read.study.tranche, read.study.replies.k) == ("s-2", "online", 4)
    assert read.study.replies.sampler == "best-of-k"
    changed = {"name", "tranche", "replies"}
    fields = type(before).model_fields.keys() - changed
    assert {field: getattr(read.study, field) for field in fields} == {
        field: getattr(before, field) for field in fields
    }
    assert (read.study.replies.sources, read.study.replies.temperature) == (
        before.replies.sources,
        before.replies.temperature,
    )
    assert read.guidelines == (folder / before.guidelines).read_text()
    checked = check_start(read, "study.toml", open_scorer=open_reply_scorer)
    assert not checked.not_tried
    # What it was made of; terms are those of its own parts, which the start looks at.
    manifest = read_manifest(out)
    assert (manifest.holds, manifest.uses) == ("study", None)
    assert manifest.parents == [FoundManifest.at(scorer / "manifest.json").digest]
    # It may be made anew: the scorer's own manifest is no file of somebody else's.
    assert write_next_study(like(folder, scorer, k=5), out) == []
    assert read_study_file(out / "study.toml").study.replies.k == 5


def test_what_stands_elsewhere_is_brought_along_and_ids_of_a_platform_are_not(tmp_path, scorer):
    write_example(tmp_path / "other", "preference-chat")
    ids = '[prolific]\nstudy = "60d9f4c1"\ncompletion_code = "C1"\nitems = 5\n\n[wellbeing]'
    words = {
        "[wellbeing]": ids,
        '"guidelines/': '"../other/guidelines/',
        '"retrieval:data/': '"retrieval:../other/data/',
    }
    folder = example(tmp_path / "s", "preference-chat", **words)
    (told,) = write_next_study(like(folder, scorer), tmp_path / "next")
    assert "prolific" in told
    tables = tomllib.loads((tmp_path / "next/study.toml").read_text())
    assert "prolific" not in tables
    assert tables["guidelines"] == "brought/0-helpfulness.md"
    assert tables["replies"]["sources"] == ["retrieval:brought/1-comparisons.jsonl"]
    (tmp_path / "other").rename(tmp_path / "gone")
    assert read_study_file(tmp_path / "next/study.toml").guidelines


def test_a_study_whose_data_are_its_own_folder_is_refused(tmp_path, scorer):
    folder = example(tmp_path / "s", "preference-chat-harmlessness", **{'"data/prompts.jsonl"': '"../s"'})
    with pytest.raises(UsageError) as refused:
        write_next_study(like(folder, scorer), tmp_path / "next")
    assert refused.value.code == "PL-RND-017"
    assert not (tmp_path / "next").exists()


def test_what_init_would_refuse_is_never_written(tmp_path, scorer):
    study = like(example(tmp_path / "s", "preference-chat"), scorer, sources=("openai:m@http://10.0.0.1/v1",))
    with pytest.raises(UsageError) as refused:
        write_next_study(study, tmp_path / "next")
    assert "allow_private" in refused.value.advice
    assert not (tmp_path / "next").exists()


def test_values_are_written_as_they_are_read(tmp_path):
    tables = {"a": 'say "x"\n\x7f\u2028 é', "b": [1, 2.5, True], "t": {"c d": "x"}, "l": [{"e": 1}, {"e": 2}], "z": []}
    assert tomllib.loads(toml_text(tables)) == tables


def test_what_a_study_was_told_to_be_stays_told(tmp_path, scorer):
    """Settings that were left out stay out: they take the defaults of whoever starts it."""
    folder = example(tmp_path / "s", "preference-chat")
    study = like(folder, scorer)
    tables, _ = next_tables(study, {"guidelines/helpfulness.md": "guidelines/helpfulness.md"})
    assert tables.keys() == tomllib.loads((folder / "study.toml").read_text()).keys()
