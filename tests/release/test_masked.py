"""What was masked and removed later is not told of as if it were in the release; all rows are synthetic and made up here."""

import pytest

from plumbline.lineage import read_manifest
from plumbline.release import build_release, verify_release
from plumbline.release.masked import masked_left
from tests.loop.curating.curations import curated, write
from tests.release.folders import pair
from tests.release.spoiling import places, rewrite_json, tell_anew

RECIPE = """
name = "masks"
version = 1
takes = ["comparisons"]
[[rule]]
name = "personal-data"
action = "mask"
[[rule]]
name = "exact-duplicates"
[[rule]]
name = "lengths"
fewest_reply_characters = {fewest}
"""


def made(root, fewest):
    """Three pairs without personal data, and two that are one once their addresses are masked."""
    rows = [pair(n, good="Yes, of course, and gladly so.") for n in range(3)]
    rows = [{name: text.replace("No.", "No, and never at all.") for name, text in row.items()} for row in rows]
    rows += [pair(9, good=f"{who}@analytical-engine.com") for who in ("ada", "bob")]
    write(root / "in" / "harmless-base" / "train.jsonl", rows)
    curated(root / "made", root / "in", recipe=RECIPE.format(fewest=fewest))
    return root / "made"


@pytest.mark.parametrize(("fewest", "left", "told"), [(1, 1, "1 is here"), (10, 0, "none is here")])
def test_records_that_were_masked_are_counted_where_they_are_still_there(tmp_path, fewest, left, told):
    folder = made(tmp_path, fewest)
    assert masked_left(folder) == left
    build_release(folder, tmp_path / "out")
    sheet = (tmp_path / "out" / "datasheet.md").read_text()
    assert f"masked personal data in 2 records of what was read, of which {told}" in sheet
    assert ("what was masked in" in sheet) == ("Not as they were" in sheet) == bool(left)
    assert ("what was masked in" in (tmp_path / "out" / "croissant.json").read_text()) == bool(left)
    assert read_manifest(tmp_path / "out").configuration["masked_left"] == left
    assert verify_release(tmp_path / "out").is_sound

    def more(manifest):
        manifest["configuration"]["masked_left"] = 3

    rewrite_json(tmp_path / "out" / "manifest.json", more)
    tell_anew(tmp_path / "out")
    assert "manifest.json, configuration.masked_left" in places(tmp_path / "out")["PL-REL-033"]


def test_notes_that_list_no_changes_do_not_tell(tmp_path):
    folder = made(tmp_path, 1)
    (folder / "curation" / "changed.parquet").unlink()
    assert masked_left(folder) is None
