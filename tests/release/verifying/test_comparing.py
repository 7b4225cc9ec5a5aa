"""A change of one word, number or field in what a release says of itself is found, with file and field."""

import json

import pytest

from plumbline.release import verify_release
from plumbline.release.handed_over import open_handed_over
from plumbline.release.verifying.comparing import checked_sums
from tests.release.spoiling import LINES, codes, places, rewrite, rewrite_json, tell_anew

CARD_CHANGES = {
    "the default loads another file": (
        "- harmless-base/test.jsonl.gz",
        "- harmless-base/train.jsonl.gz",
        "configs, default",
    ),
    "a file is left out": (
        "    - harmless-base/train.jsonl.gz\n",
        "    - helpful-base/train.jsonl.gz\n",
        "configs, default",
    ),
    "a configuration more": ("configs:\n", "configs:\n- config_name: x\n  data_files: []\n", "configs, default"),
    "a folder in place of files": ("  data_files:", "  data_dir: x\n  data_files:", "configs, default"),
    "out of the folder": ("- harmless-base/train.jsonl.gz", "- ../../etc/passwd", "configs, default"),
    "features for readers": ("configs:\n", "dataset_info: {}\nconfigs:\n", "dataset_info"),
    "no configurations": ("configs:", "config:", "config"),
    "another size": ("n<1K", "n>10M", "size_categories, 0"),
    "a tag less": ("- not-for-all-audiences\n", "", "tags, 5"),
}


@pytest.mark.parametrize("change", CARD_CHANGES)
def test_fields_of_the_card(spoiled, change):
    old, new, place = CARD_CHANGES[change]
    rewrite(spoiled / "README.md", old, new)
    tell_anew(spoiled)
    assert places(spoiled)["PL-REL-025"][0] == f"README.md, {place}"


def test_the_licence_of_the_card(spoiled):
    rewrite(spoiled / "README.md", "license: cc-by-nc-4.0", "license: cc0-1.0")
    tell_anew(spoiled)
    assert places(spoiled) == {"PL-REL-028": ["README.md, license"]}


@pytest.mark.parametrize(
    ("name", "old", "new", "under"),
    [
        ("README.md", "`train` | hh-rlhf | 5 |", "`train` | hh-rlhf | 50 |", "Contents"),
        ("README.md", "Not for:", "Also for:", "Permitted uses and licence"),
        ("README.md", "year = {", "year = {1", "Citation"),
        ("README.md", '"harmless-base")', '"harmless-best")', "Loading"),
        ("README.md", "| counts | passed |", "| counts | waived |", "Gates"),
        ("README.md", "| removed |", "| Removed |", "How it was made"),
        ("datasheet.md", "14 comparisons", "140 comparisons", None),
        ("datasheet.md", "Permitted:", "Demanded:", None),
        ("CHANGES.md", "1.0.0", "7.0.0", None),
        ("LICENSE", "CC-BY-NC-4.0", "CC0-1.0", None),
    ],
)
def test_words_and_numbers_of_the_texts(spoiled, name, old, new, under):
    rewrite(spoiled / name, old, new)
    tell_anew(spoiled)
    [place] = places(spoiled)["PL-REL-033"]
    assert place == f"{name}, {under}" if under else place.startswith(name)


CROISSANT_CHANGES = {
    "license": lambda told: told.update(license="https://spdx.org/licenses/CC0-1.0.html"),
    "version": lambda told: told.update(version="2.0.0"),
    "citeAs": lambda told: told.update(citeAs="@misc{x}"),
    f"distribution, {LINES}": lambda told: told["distribution"][1].update(sha256="0" * 64),
    "distribution, beavertails/train.jsonl.gz": lambda told: told["distribution"][0].update(contentSize="1 B"),
    "distribution, 9 in place of 10": lambda told: told["distribution"].pop(),
    "recordSet, beavertails-train": lambda told: told["recordSet"][0].update(description="The 60 rows."),
    "recordSet, harmless-base-train": lambda told: told["recordSet"][2]["field"].reverse(),
    "isLiveDataset": lambda told: told.update(isLiveDataset=0),
    "rai:dataUseCases": lambda told: told.update({"rai:dataUseCases": "All."}),
    "more": lambda told: told.update(more=1),
}


@pytest.mark.parametrize("place", CROISSANT_CHANGES)
def test_fields_of_the_metadata(spoiled, place):
    rewrite_json(spoiled / "croissant.json", CROISSANT_CHANGES[place])
    found = places(spoiled)["PL-REL-026"]
    assert all(each.startswith("croissant.json, ") for each in found)
    assert place.partition(",")[0] in found[0]


@pytest.mark.parametrize(
    "text", ["[" * 50_000, "[]", '{"a": NaN}', '{"name": 1, "name": 2}', "", '{"a": ' + "9" * 5_000 + "}"]
)
def test_metadata_that_is_none(spoiled, text):
    (spoiled / "croissant.json").write_text(text)
    assert places(spoiled)["PL-REL-026"] == ["croissant.json"]


def test_checksums_that_name_a_file_again_or_none(spoiled):
    lines = (spoiled / "SHA256SUMS").read_text().splitlines()
    for text in (
        "\n".join([*lines, lines[0]]),
        "\n".join([*lines, "x"]),
        "\n".join(lines[1:]),
        lines[0].replace("  ", " *"),
    ):
        (spoiled / "SHA256SUMS").write_text(text + "\n")
        assert list(checked_sums(open_handed_over(spoiled)))
        assert "PL-REL-030" in codes(spoiled)


@pytest.mark.parametrize(
    "change",
    [
        lambda told: told.update(answers={"title": "x" * 2_000}),
        lambda told: told["made_of"].update(study={"study": "s", "people": {"1": "MANY DIGITS"}}),
        lambda told: told["made_of"].update(study={"study": "s", "people": [], "guidelines_versions": [[]]}),
        lambda told: told.update(masked_before="MANY DIGITS"),
        lambda told: told["gates"][0].update(said=1),
        lambda told: told["gates"].append(told["gates"][0]),
        lambda told: told.update(
            changes={"version": "1.0.0", "manifest_sha256": "x", "rows": {"a": {"b": {"c": "d"}}}, "unchanged": 0}
        ),
    ],
)
def test_a_manifest_of_which_no_text_can_be_made(spoiled, change):
    rewrite_json(spoiled / "manifest.json", lambda told: change(told["configuration"]))
    path = spoiled / "manifest.json"
    path.write_text(path.read_text().replace('"MANY DIGITS"', "9" * 4_300))
    found = verify_release(spoiled)
    assert not found.is_sound
    assert json.dumps(found.to_json())
