"""Numbers of a curation's summary that do not follow from the rest of it or from the ledger; all rows are synthetic."""

import shutil

import pytest

from plumbline.release import build_release, verify_release
from tests.loop.curating.curations import curated, write
from tests.release.folders import pair
from tests.release.spoiling import places, rewrite_json, tell_anew

RECIPE = """
name = "sums"
version = 1
takes = ["comparisons"]
[[rule]]
name = "personal-data"
action = "mask"
[[rule]]
name = "exact-duplicates"
[[rule]]
name = "leakage"
threshold = 0.6
"""
LONG = "How do I best wash a very old woollen jumper without any shrinking of it at all"


def asked(question, good="Yes."):
    """A pair on a question."""
    return {
        "chosen": f"\n\nHuman: {question}?\n\nAssistant: {good}",
        "rejected": f"\n\nHuman: {question}?\n\nAssistant: No.",
    }


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A release whose curation masked one pair, removed two duplicates and one pair with nearly a prompt of test."""
    root = tmp_path_factory.mktemp("whole")
    train = [*(pair(n) for n in (*range(6), 0, 1)), asked(LONG), pair(20, good="Write to ada@analytical-engine.com.")]
    write(root / "in" / "harmless-base" / "train.jsonl", train)
    write(
        root / "in" / "harmless-base" / "test.jsonl", [asked(f"{LONG} please"), asked("Why is the sky so blue today")]
    )
    curated(root / "made", root / "in", recipe=RECIPE)
    build_release(root / "made", root / "release")
    assert verify_release(root / "release").is_sound
    return root / "release"


def set_near(told, cells):
    told["leakage"]["near"] = cells


def first_reason(told, step, count):
    reasons = told["steps"][step]["reasons"]
    reasons[next(iter(reasons))] = count


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (lambda told: told["records"].update(removed=2), "records.removed is 2 and the rules removed 3"),
        (lambda told: told["records"]["read"]["comparisons"].update(train=9, test=3), "records.read is not"),
        (lambda told: first_reason(told, 0, 2), "step 1, personal-data: its reasons do not sum"),
        (lambda told: first_reason(told, 2, 0), "step 3, leakage: its reasons do not sum"),
        (
            lambda told: told["steps"][1].update(reasons={"another reason": 2}),
            "step 2, exact-duplicates: its reasons are not those that the list of removed records gives",
        ),
        (lambda told: told["steps"][0]["kinds"].update(phone=1), "step 1, personal-data: its kinds of personal data"),
        (lambda told: told["census"][0].update(records=11), "census: its records are not those that were read"),
        (lambda told: told["census"][0].update(items=99), "census, comparisons/harmlessness: more items than records"),
        (lambda told: set_near(told, [[None, 0], [0, None]]), "leakage: it tells none for train"),
        (lambda told: set_near(told, [[None, 1], [0, None]]), "leakage: no matrix of splits by splits"),
    ],
)
def test_a_number_that_was_forged_is_found_though_every_digest_was_made_anew(whole, tmp_path, change, problem):
    shutil.copytree(whole, tmp_path / "release")
    rewrite_json(tmp_path / "release" / "curation" / "summary.json", change)
    tell_anew(tmp_path / "release")
    found = [each for each in verify_release(tmp_path / "release").findings if each.place == "curation/summary.json"]
    assert [each.code for each in found][:1] == ["PL-REL-034"]
    assert problem in " ".join(each.problem for each in found)


def test_removed_records_of_another_split_are_missed(whole, tmp_path):
    def moved(told):
        told["steps"][1]["removed"]["comparisons"] = {"train": 1, "test": 1}

    shutil.copytree(whole, tmp_path / "release")
    rewrite_json(tmp_path / "release" / "curation" / "summary.json", moved)
    tell_anew(tmp_path / "release")
    assert "curation/removed.parquet, step 2" in places(tmp_path / "release")["PL-REL-034"]
