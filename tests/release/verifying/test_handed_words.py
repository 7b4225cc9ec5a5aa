"""What a handed-over release says beside its rows is looked at as it was when it was built, though all was told anew."""

import json

import pyarrow as pa
import pytest

from plumbline.release import verify_release
from tests.release.spoiling import LEDGER, codes, places, rewrite_json, rewrite_table, say_anew

SAID = "jane.doe@example.org, card 4111 1111 1111 1111"


def in_manifest(change):
    return lambda release: rewrite_json(release / "manifest.json", change)


def in_ledger(column, value):
    def set_all(table):
        field = table.schema.field(column)
        return table.set_column(table.schema.get_field_index(column), field, pa.array([value] * len(table), field.type))

    return lambda release: rewrite_table(release / LEDGER, set_all)


def commented(release):
    path = release / "recipe.toml"
    path.write_text(f"# {SAID}\n{path.read_text()}")


def titled(summary):
    summary["steps"][0]["title"] = SAID


@pytest.mark.parametrize(
    "change",
    [
        in_manifest(lambda told: told["configuration"]["answers"].update(summary=SAID)),
        in_manifest(lambda told: told["configuration"].update(source=SAID)),
        in_manifest(lambda told: told["command"].append(SAID)),
        in_manifest(lambda told: told["configuration"]["made_of"]["inputs"][0].update(path=SAID)),
        in_ledger("reason", SAID),
        commented,
        lambda release: rewrite_json(release / "curation" / "summary.json", titled),
    ],
    ids=["answers", "name", "command", "files read", "ledger", "recipe", "summary"],
)
def test_personal_data_in_words_beside_the_rows(spoiled, change):
    change(spoiled)
    say_anew(spoiled)
    assert "PL-REL-010" in codes(spoiled)
    assert "jane.doe" not in json.dumps(verify_release(spoiled).to_json())


@pytest.mark.parametrize(
    ("change", "place"),
    [
        (in_ledger("source", "/home/jane.doe/train.jsonl"), LEDGER),
        (in_ledger("source", "/data/train.jsonl"), LEDGER),
        (in_manifest(lambda told: told["command"].append("--previous=/data/x")), "manifest.json, command"),
        (in_manifest(lambda told: told["inputs"][0].update(path="/data/x")), "manifest.json, inputs"),
        (
            lambda release: rewrite_json(
                release / "curation" / "summary.json", lambda told: told["steps"][0].update(title="/data/x")
            ),
            "curation/summary.json",
        ),
    ],
)
def test_paths_of_a_machine(spoiled, change, place):
    change(spoiled)
    say_anew(spoiled)
    assert place in places(spoiled)["PL-REL-034"]


@pytest.mark.parametrize(
    "more",
    [
        {"note": "anything"},
        {"workers": [{"worker": "Jane Doe", "family": "f", "judgements": 1, "model": "m", "ability": {}}]},
        {
            "workers": [
                {"worker": "w1", "name": "Jane Doe", "family": "f", "judgements": 1, "model": "m", "ability": {}}
            ]
        },
    ],
)
def test_a_summary_with_what_no_curation_notes(spoiled, more):
    rewrite_json(spoiled / "curation" / "summary.json", lambda told: told.update(more))
    say_anew(spoiled)
    assert places(spoiled)["PL-REL-009"] == ["curation/summary.json"]
