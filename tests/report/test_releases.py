"""What a page says of a release: its version, and how its gates went."""

import json
import re

from tests.report import curation_samples
from tests.report.pages import HOSTILE, build, cards_of

GATES = [
    {"gate": "personal-data", "status": "accepted", "said": "found 3", "reason": f"made up {HOSTILE}"},
    {"gate": "leakage", "status": "passed", "said": "nothing shared", "reason": None},
    "no gate",
]


def write_release(folder, **configuration):
    """A release without its data."""
    curation_samples.write_curated(folder, curation_samples.plain_summary(), holds="release")
    manifest = json.loads((folder / "manifest.json").read_text())
    (folder / "manifest.json").write_text(json.dumps(manifest | {"configuration": configuration}))
    return folder


def test_a_release_stands_with_its_version_and_gates(tmp_path):
    page = build(write_release(tmp_path / "third-try", version="2.1.0", gates=GATES, synthetic=True))
    [card] = [each for each in cards_of(page) if ">Releases" in each]
    for words in (
        "third-try",
        "2.1.0",
        "1 of 2",
        "personal-data",
        "found 3",
        "failed and was accepted",
        "nothing shared",
    ):
        assert words in card
    assert "&lt;script&gt;alert(1)" in card
    assert "<script>alert" not in card
    assert re.search(r"<t[dh][^>]*>third-try \(synthetic\)<", card)
    assert '<span class="badge">synthetic</span>' in card


def test_a_folder_that_is_no_release_has_no_such_card_and_odd_words_break_nothing(tmp_path):
    assert ">Releases" not in build(curation_samples.write_curated(tmp_path / "a", curation_samples.plain_summary()))
    assert "0 of 0" in build(write_release(tmp_path / "b", gates={"gate": 1}, version=None))
