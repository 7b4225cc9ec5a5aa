"""The terms in words: which hold, of which part, and where they are stricter than workers or the exporter were told."""

from plumbline.collect.export.terms import known_terms
from plumbline.collect.export.terms_told import terms_by_form, terms_lines, terms_notes
from plumbline.collect.study_settings import StudyKind
from plumbline.lineage import StatedTerms, Terms, Use
from plumbline.records import Kind
from tests.collect.export import collected
from tests.collect.export.test_terms import NOTHING, PREFERENCE, SOME, entered, opened
from tests.collect.kinds.made_up import study

ALL = [use.value for use in Use]
CORPUS = opened(("retrieval:x", ["preference", "analysis"], "CC-BY-NC-4.0"))


def lines(*events, stated=NOTHING, kinds=(Kind.COMPARISONS,), **settings):
    return terms_lines(known_terms(events), study("pairs", axes=["helpfulness"], **settings), stated, kinds)


def notes(known, terms, stated=NOTHING, **settings):
    return terms_notes(known, study("pairs", axes=["helpfulness"], **settings), stated, terms)


def test_notes_say_what_is_missing_and_what_was_overruled():
    unknown = known_terms([opened(("openai:m@http://x", None, None))])
    (note,) = notes(unknown, Terms(frozenset(), "unknown"))
    assert "openai:m@http://x" in note
    assert "--uses" in note
    (note,) = notes(unknown, Terms(SOME, "MIT"), StatedTerms.of("MIT", ["preference", "analysis"]))
    assert "nothing is known but what was stated" in note
    known = known_terms([entered(["preference"], "MIT")])
    assert notes(known, Terms(PREFERENCE, "MIT")) == ()
    (note,) = notes(known, Terms(PREFERENCE, "MIT"), StatedTerms.of(None, ["policy"]))
    assert "--uses policy is overruled" in note


def test_the_part_that_is_stricter_than_the_study_file_is_named():
    """The strictest holds: whoever reads the study file would expect another licence, and more uses."""
    told = {"licence": "CC-BY-4.0", "uses": ["preference", "policy", "analysis"]}
    first, licence, uses = lines(entered(ALL, "MIT"), CORPUS, **told)
    assert first == "licence CC-BY-NC-4.0, of retrieval:x; for analysis, preference"
    assert licence.startswith("the study file says CC-BY-4.0, and so its workers are told: the strictest holds")
    assert licence.endswith("comes from retrieval:x")
    assert uses == "the study file permits policy, and retrieval:x does not"
    # Where nothing is stricter there is nothing to tell but the terms.
    told = {"licence": "CC-BY-NC-4.0", "uses": ["preference"]}
    assert lines(CORPUS, **told) == ("licence CC-BY-NC-4.0, of retrieval:x and the study file; for preference",)
    assert lines(entered(ALL, "MIT"), stated=StatedTerms.of("CC-BY-4.0", ["analysis"])) == (
        "licence CC-BY-4.0, of --licence; for analysis",
    )


def test_forms_on_other_terms_are_told_apart():
    attack = study("red-team-chat", uses=["preference", "analysis"])
    assert attack.kind is StudyKind.RED_TEAM_CHAT
    pairs, attempts = terms_by_form([CORPUS], attack)
    assert pairs == "as hh-rlhf: licence CC-BY-NC-4.0, of retrieval:x; for analysis, preference"
    assert attempts.startswith("as red-team, parquet, judgements: licence CC-BY-NC-4.0, of retrieval:x; for analysis; ")
    assert attempts.endswith("the study file permits preference, and attempts at an attack are for analysis alone")
    assert terms_by_form([CORPUS], study("preference-chat")) == (
        "licence CC-BY-NC-4.0, of retrieval:x; for analysis, preference",
    )


def test_the_export_its_readme_and_the_manifest_name_the_part(api, tmp_path):
    name, *_ = collected.helpful_chat(api)
    exported = collected.export(api, name, tmp_path / "out", "parquet")
    first = exported.notes[0]
    assert first.startswith("licence CC-BY-NC-4.0, of retrieval:data/comparisons.jsonl and the study file; for ")
    assert f"- {first}\n" in (tmp_path / "out/README.md").read_text()
    parts = collected.manifest(tmp_path / "out")["configuration"]["terms"]["of_parts"]
    assert [(part["part"], part["licence"]) for part in parts] == [("retrieval:data/comparisons.jsonl", "CC-BY-NC-4.0")]
