"""A licence stated at the release stands beside those that the sources carry; all rows are synthetic and made up here."""

from plumbline.lineage import StatedTerms, read_manifest
from plumbline.release import ReleaseOptions, build_release, verify_release
from plumbline.release.terms import licence_text, licences_beside, licences_stated, origin_told
from tests.release.folders import loaded_lines, write_folder
from tests.release.spoiling import places, rewrite_json, tell_anew

STATED = "CC-BY-4.0 was stated at the release; the sources carry MIT"


def test_a_stricter_licence_that_is_stated_leaves_the_sources_licence_told(tmp_path):
    folder = write_folder(loaded_lines(tmp_path / "in", labels=None), tmp_path / "made")
    options = ReleaseOptions(stated=StatedTerms.of("CC-BY-4.0", None))
    built = build_release(folder, tmp_path / "one", options)
    assert built.terms.licence == "CC-BY-4.0"
    for name in ("README.md", "datasheet.md", "LICENSE"):
        assert STATED in (tmp_path / "one" / name).read_text()
    assert "MIT: https://spdx.org/licenses/MIT.html" in (tmp_path / "one" / "LICENSE").read_text()
    assert "strictest of everything" not in (tmp_path / "one" / "datasheet.md").read_text()
    assert read_manifest(tmp_path / "one").configuration["source_licences"] == ["MIT"]
    assert [gate.said for gate in built.gates if gate.name == "licence"] == [
        f"CC-BY-4.0; no parent's is stricter; {STATED}"
    ]
    assert verify_release(tmp_path / "one").is_sound
    again = build_release(folder, tmp_path / "two", ReleaseOptions(previous=tmp_path / "one"))
    assert again.changes.terms == (
        "the licence was CC-BY-4.0 and is MIT (it was stated at that release, with --licence CC-BY-4.0, and not at this one)",
    )
    assert "strictest of everything it was made of. †" in (tmp_path / "two" / "datasheet.md").read_text()
    assert "Notice" not in (tmp_path / "two" / "LICENSE").read_text()


def test_a_release_looser_than_the_sources_that_it_tells_is_found(tmp_path):
    folder = write_folder(loaded_lines(tmp_path / "in", labels=None), tmp_path / "made")
    build_release(folder, tmp_path / "out")

    def stricter(manifest):
        manifest["configuration"]["source_licences"] = ["CC-BY-NC-4.0"]

    rewrite_json(tmp_path / "out" / "manifest.json", stricter)
    tell_anew(tmp_path / "out")
    assert "manifest.json, configuration.source_licences" in places(tmp_path / "out")["PL-REL-033"]


def test_of_sources_under_several_licences_the_notices_of_all_go_along(tmp_path):
    build_release(write_folder(loaded_lines(tmp_path / "in"), tmp_path / "made"), tmp_path / "out")
    sources = ("CC-BY-NC-4.0", "MIT")
    assert (licences_beside("CC-BY-NC-4.0", sources), licences_stated("CC-BY-NC-4.0", sources)) == (["MIT"], [])
    told = "the strictest of everything it was made of; the sources carry CC-BY-NC-4.0, MIT"
    assert origin_told("CC-BY-NC-4.0", sources) == told
    terms = read_manifest(tmp_path / "out").terms
    assert "MIT: https://spdx.org" in licence_text(terms, sources)
