"""What may be done with an export: the strictest of what is known, and nothing by guessing."""

import json
from datetime import UTC, datetime

import pyarrow.parquet as pq
import pytest

import plumbline
from plumbline.collect.export.terms import export_terms, known_terms
from plumbline.collect.store.study_log import LoggedEvent
from plumbline.lineage import ALL_USES, StatedTerms, Terms, Use, terms_of
from plumbline.records import Kind
from tests.collect.api.client import rows, toml
from tests.collect.export import collected
from tests.collect.kinds.made_up import study

PREFERENCE = frozenset({Use.PREFERENCE})
SOME = frozenset({Use.PREFERENCE, Use.ANALYSIS})
NOTHING = StatedTerms()


def event(kind, payload):
    return LoggedEvent(1, datetime(2026, 1, 1, tzinfo=UTC), kind, None, None, None, payload)


def entered(uses, licence, purpose="work", new=1, files=("f",)):
    payload = {"purpose": purpose, "new": new, "known": 0, "uses": uses, "licence": licence, "files": list(files)}
    return event("data_entered", payload)


def opened(*sources):
    named = [{"source": name, "uses": uses, "licence": licence} for name, uses, licence in sources]
    return event("sources_opened", {"sources": named})


def terms(*events, stated=NOTHING, kinds=(Kind.COMPARISONS,), **settings):
    return export_terms(known_terms(events), study("pairs", axes=["helpfulness"], **settings), stated, kinds)


def test_the_strictest_of_data_and_sources_holds():
    data = entered(["preference", "analysis"], "MIT")
    source = opened(("retrieval:x", ["preference", "moderation"], "CC-BY-NC-4.0"))
    assert terms(data, source) == Terms(PREFERENCE, "CC-BY-NC-4.0")


def test_only_data_for_work_counts_and_only_where_it_gave_items():
    data = entered(["preference"], "MIT")
    others = [entered([], "X", purpose="gold"), entered(["policy"], "X", new=0, files=("g",))]
    assert terms(data, *others) == Terms(PREFERENCE, "MIT")
    assert known_terms([data, *others]).files == ("f",)


@pytest.mark.parametrize(
    "events",
    [
        (),
        (opened(("openai:m@http://x", None, None)),),
        (entered([], "unknown"),),
        (entered(["preference", "analysis"], "MIT"), opened(("openai:m@http://x", None, None))),
    ],
)
def test_where_a_part_is_not_known_nothing_is_permitted_until_somebody_says_so(events):
    assert terms(*events).uses == frozenset()
    assert terms(*events).licence.endswith("unknown")
    stated = StatedTerms.of("CC-BY-4.0", ["preference", "supervised"])
    assert terms(*events, stated=stated).uses <= frozenset({Use.PREFERENCE, Use.SUPERVISED})
    assert Use.PREFERENCE in terms(*events, stated=stated).uses
    assert terms(*events, stated=stated).licence == "CC-BY-4.0"
    told = {"uses": ["preference", "supervised"], "licence": "CC-BY-4.0"}
    assert terms(*events, **told) == terms(*events, stated=stated)


def test_statements_loosen_nothing_that_is_known():
    data = entered(["preference"], "CC-BY-NC-4.0")
    stated = StatedTerms.of("MIT", list(Use))
    assert terms(data, stated=stated) == Terms(PREFERENCE, "CC-BY-NC-4.0")
    assert terms(data, uses=[use.value for use in Use], licence="MIT") == Terms(PREFERENCE, "CC-BY-NC-4.0")


def test_a_licence_that_is_not_known_is_filled_in_though_the_uses_are_known():
    data = entered(["preference", "analysis"], "unknown")
    assert terms(data) == Terms(SOME, "unknown")
    assert terms(data, stated=StatedTerms.of("CC-BY-4.0", None)) == Terms(SOME, "CC-BY-4.0")
    assert terms(data, licence="MIT", stated=StatedTerms.of(None, ["preference"])) == Terms(PREFERENCE, "MIT")
    of_source = opened(("retrieval:x", ["preference"], "CC-BY-NC-4.0"))
    both = terms(data, of_source, stated=StatedTerms.of("CC-BY-4.0", None))
    assert "unknown" not in both.licence
    assert both.uses == PREFERENCE


def test_what_workers_were_told_limits_what_the_exporter_says():
    stated = StatedTerms.of("MIT", ["preference", "policy", "supervised"])
    assert terms(uses=["analysis", "preference"], licence="CC-BY-SA-4.0", stated=stated) == Terms(
        PREFERENCE, "CC-BY-SA-4.0"
    )
    data = entered([use.value for use in Use], "MIT")
    assert terms(data, uses=["analysis"]) == Terms(frozenset({Use.ANALYSIS}), "MIT")


def test_a_licence_in_the_study_file_and_uses_at_the_export_complete_each_other():
    assert terms(licence="CC-BY-4.0", stated=StatedTerms(uses=SOME)) == Terms(SOME, "CC-BY-4.0")
    assert terms(uses=["preference", "analysis"], stated=StatedTerms(licence="CC-BY-4.0")) == Terms(SOME, "CC-BY-4.0")


def test_red_team_attempts_are_for_analysis_alone():
    data = entered([use.value for use in Use], "MIT")
    assert terms(data) == Terms(ALL_USES, "MIT")
    assert terms(data, kinds=(Kind.COMPARISONS, Kind.RED_TEAM_ATTEMPTS)) == Terms(frozenset({Use.ANALYSIS}), "MIT")


# --- in what is written ---


def test_the_terms_stand_in_the_manifest_and_in_each_table(api, tmp_path):
    study_name, *_ = collected.red_team(api)
    stated = StatedTerms.of("CC-BY-4.0", ["preference", "analysis"])
    exported = collected.export(api, study_name, tmp_path / "own", "parquet", stated=stated)
    # The examples' corpus is in the form of preference rows, whose licence is known.
    assert exported.terms == Terms(frozenset({Use.ANALYSIS}), "CC-BY-NC-4.0")
    manifest = collected.manifest(tmp_path / "own")
    assert (manifest["uses"], manifest["licence"]) == (["analysis"], "CC-BY-NC-4.0")
    assert manifest["configuration"]["terms"]["stated"] == stated.to_json()
    found = plumbline.load(tmp_path / "own")
    assert found.terms == exported.terms
    assert terms_of(found.tables[Kind.RED_TEAM_ATTEMPTS]).uses == frozenset({Use.ANALYSIS})
    # In the file itself too, should it be taken out of its folder; the comparisons are for more.
    of_files = {
        path.parent.name: terms_of(pq.read_schema(path).empty_table()) for path in (tmp_path / "own").rglob("*.parquet")
    }
    assert of_files == {
        "red_team_attempts": Terms(frozenset({Use.ANALYSIS}), "CC-BY-NC-4.0"),
        "comparisons": Terms(SOME, "CC-BY-NC-4.0"),
    }
    pairs = collected.export(api, study_name, tmp_path / "pairs", "hh-rlhf", stated=stated)
    assert pairs.terms == Terms(SOME, "CC-BY-NC-4.0")
    assert plumbline.load(tmp_path / "pairs", data_dir="harmless-base").terms == pairs.terms


@pytest.mark.parametrize("licence", ["CC-BY-4.0", None])
def test_a_licence_in_the_study_file_is_that_of_data_that_have_none(api, tmp_path, licence):
    api.study(toml(**({} if licence is None else {"licence": licence, "uses": ["preference", "analysis"]})))
    row = {"prompt": "q", "chosen": "one", "rejected": "other"}
    api.got("POST", "/studies/s/items", api.owner, content=json.dumps(row).encode())
    worker = api.somebody()
    api.submitted(api.next("s", worker), worker, act="judge-pair", helpfulness=1)
    collected.export(api, "s", tmp_path / "out", "parquet")
    manifest = collected.manifest(tmp_path / "out")
    assert (manifest["licence"], manifest["uses"] == ["analysis", "preference"]) == (
        licence or "unknown",
        licence is not None,
    )


def test_files_that_were_entered_are_ancestors(api, tmp_path):
    api.study(toml())
    api.got("POST", "/studies/s/items", api.owner, content=rows(("q", "one", "other")))
    worker = api.somebody()
    work = api.next("s", worker)
    api.submitted(work, worker, act="judge-pair", helpfulness=1)
    collected.export(api, "s", tmp_path / "out", "parquet")
    (ancestor,) = collected.manifest(tmp_path / "out")["ancestors"]
    assert len(ancestor) == 64
    assert plumbline.load(tmp_path / "out").derived_from == {ancestor}


@pytest.mark.parametrize(
    ("settings", "code"),
    [({"uses": ["preference", "preference"]}, "PL-STY-006"), ({"licence": "do what you like"}, "PL-USE-003"),
     ({"uses": ["selling"]}, "PL-STY-002"), ({"uses": []}, "PL-STY-002")],
)  # fmt: skip
def test_a_study_file_is_checked_for_them(api, settings, code):
    response = api("POST", "/studies", api.owner, json={"file": toml(**settings), "guidelines": "Read."})
    assert (response.status_code, response.json()["code"]) == (422, code)


def test_a_study_file_with_both(api):
    api.study(toml(uses=["preference", "analysis"], licence="LicenseRef-ours"))
    known = api.collecting.catalogue.named("s").settings
    assert (known.uses, known.licence) == ((Use.PREFERENCE, Use.ANALYSIS), "LicenseRef-ours")
