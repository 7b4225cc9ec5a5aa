"""What people and data say stands in the card as words: no markup, no HTML, no key of the YAML, no way out of a fence."""

import re

import pytest
import yaml

from plumbline.lineage import read_manifest
from plumbline.records import UsageError
from plumbline.release import Answers, ReleaseOptions, build_release, read_answers
from plumbline.release.texts.escaping import fenced, markdown
from tests.release.folders import curated, loaded_lines, summary_of, write_folder

HOSTILE = "x'\": }\n---\nconfigs: []\n# <script>alert(1)</script> [a](javascript:1) `b` | ![i](http://e.x) me@e.x \u202e\x1b[2J"


def test_hostile_words_change_neither_the_yaml_nor_the_page(tmp_path):
    loaded = loaded_lines(tmp_path / "in")
    summary = summary_of(loaded, recipe=HOSTILE)
    summary["steps"][0]["title"] = HOSTILE
    folder = write_folder(loaded, tmp_path / "curated", summary=summary, removed=3)
    fence = "@misc{a,\n```\n# out of the fence\n}"
    answers = Answers(title=HOSTILE, summary=HOSTILE, authors=[HOSTILE], limits=[HOSTILE], citation=fence)
    build_release(folder, tmp_path / "out", ReleaseOptions(answers=answers))
    card = (tmp_path / "out" / "README.md").read_text()
    _, front, page = re.split(r"^---\n", card, maxsplit=2, flags=re.MULTILINE)
    read = yaml.safe_load(front)
    assert front.isascii()
    assert read["pretty_name"].startswith("x'\": } --- configs")
    names = [config["config_name"] for config in read["configs"]]
    assert names == ["default", "beavertails", "harmless-base", "helpful-base"]
    for text in (page, (tmp_path / "out" / "datasheet.md").read_text()):
        assert "<script" not in text
        assert "](javascript" not in text
        assert "http://e" not in text
        assert "me@" not in text
        assert "\x1b" not in text
        assert "\u202e" not in text
    assert page.count("\n# ") == 2  # the title, and the citation within its longer fence
    assert "````bibtex\n" + fence + "\n````" in page


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a_b*c", "a\\_b\\*c"),
        ("1. list", "&#49;. list"),
        ("- list", "&#45; list"),
        ("<b>&amp;", "&lt;b&gt;&amp;amp;"),
        ("www.e.x", "www&#46;e.x"),
        ("2026-11-22", "2026-11-22"),
    ],
)
def test_words_in_markdown(text, shown):
    assert markdown(text) == shown


def test_no_text_ends_its_fence():
    assert fenced("a\n````\nb") == "`````\na\n````\nb\n`````"


# --- what the notes of the curation tell ---


def test_the_datasheet_says_of_texts_and_rows_what_the_rules_did(tmp_path):
    loaded = loaded_lines(tmp_path / "in")
    summary = summary_of(loaded)
    masking, last = summary["steps"][0] | {"rule": "personal-data", "removed": {}}, summary["steps"][1]
    masking["changed"] = {"comparisons": {"train": 2}, "safety_labels": {"test": 1}}
    dealing = last | {"rule": "splits", "changed": {"safety_labels": {"train": 4}}}
    merging = summary["steps"][0] | {"rule": "aggregate"}
    summary |= {"steps": [masking, merging, last, dealing], "label_errors": {"file": "x", "n": 9}}
    build_release(write_folder(loaded, tmp_path / "curated", summary=summary, removed=3), tmp_path / "out")
    sheet = (tmp_path / "out" / "datasheet.md").read_text()
    assert (
        "the rule personal-data masked personal data in 3 records of what was read, of which some may have been removed since; no rule changed other texts"
        in sheet
    )
    assert "some may have been removed since; 3 judgements as records of their own, which were made one" in sheet
    assert "2 lines or rows that could not be read; 7 records of kinds that the recipe does not take" in sheet
    assert "4 records had none and were given one by the rule splits" in sheet
    for untrue in ("The tables have every", "records that rules removed", "No rule changed a text"):
        assert untrue not in sheet
    card = (tmp_path / "out" / "README.md").read_text()
    assert "ranked 9 labels" in card
    assert "is no part of this release" in card
    build_release(curated(tmp_path / "more", tmp_path / "unmasked"), tmp_path / "plain")
    sheet = (tmp_path / "plain" / "datasheet.md").read_text()
    assert "No rule changed a text." in sheet
    assert "3 records that rules removed" in sheet
    assert "All are as in what was read." in sheet


# --- the answers file ---


def test_answers_stand_in_datasheet_card_and_metadata(tmp_path):
    path = tmp_path / "release.toml"
    path.write_text(
        'title = "Small"\nlanguage = ["en", "de"]\nauthors = ["A. B."]\n[datasheet]\npurpose = "To test."\nfunding = "Nobody."\n'
    )
    options = ReleaseOptions(answers=read_answers(path))
    built = build_release(curated(tmp_path / "in", tmp_path / "curated"), tmp_path / "out", options)
    without = build_release(tmp_path / "curated", tmp_path / "bare")
    sheet = (tmp_path / "out" / "datasheet.md").read_text()
    assert "To test." in sheet
    assert set(without.unanswered) - set(built.unanswered) == {"purpose", "funding", "creators"}
    assert sheet.count("Not stated.") == len(built.unanswered) + 7  # and the comments that close the sections
    assert "- en\n- de\n" in (tmp_path / "out" / "README.md").read_text()
    assert read_manifest(tmp_path / "out").configuration["answers"]["title"] == "Small"


def test_a_release_of_an_exported_study_says_what_the_export_says_of_it(tmp_path):
    study = {
        **{"study": "<b>tones</b>", "study_kind": "pairs", "study_file_sha256": "c" * 64, "assignments": 40},
        **{"as_of": "2026-11-01T00:00:00+00:00", "people": {"work": 5}, "guidelines_versions": [1, 2]},
    }
    folder = write_folder(loaded_lines(tmp_path / "in"), tmp_path / "export", configuration=study)
    built = build_release(folder, tmp_path / "out")
    sheet = (tmp_path / "out" / "datasheet.md").read_text()
    assert "A study of kind pairs in Plumbline's web app, under versions 1, 2 of its guidelines" in sheet
    assert "Judgements of people, given in the app" in sheet
    assert "People of the study, under pseudonyms: 5 (work); 40 assignments. How they were paid: not stated." in sheet
    assert "Up to 2026-11-01" in sheet
    assert not {"mechanisms", "time_frame", "collectors"} & set(built.unanswered)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('titel = "x"', '"title" in its place'),
        ('[datasheet]\nfundings = "x"', '"datasheet.funding" in its place'),
        ('language = ["English"]', "mend language"),
        ("title = ", "mend the file"),
        ("title = 3", "mend title"),
        ("title = " + "[" * 5000, "without end"),
    ],
)
def test_answers_that_cannot_be_taken(tmp_path, text, told):
    path = tmp_path / "release.toml"
    path.write_text(text)
    with pytest.raises(UsageError, match="PL-REL-002") as raised:
        read_answers(path)
    assert told in str(raised.value)
