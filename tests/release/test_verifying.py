"""A folder anyone hands over: what is not as it says is found; nothing leads out of it, nothing unpacks without end."""

import gzip
import json
import os
import shutil
from functools import partial

import pyarrow.parquet as pq
import pytest

from plumbline.formats import line_blocks, load
from plumbline.lineage import file_digest, read_manifest
from plumbline.records import Kind
from plumbline.release import build_release, verify_release
from plumbline.release.agreement import LineSums
from plumbline.release.handed_over import checked_card, checked_croissant, unsafe_name

from .folders import curated, pair


@pytest.fixture(scope="module")
def sound(tmp_path_factory):
    root = tmp_path_factory.mktemp("sound")
    build_release(curated(root / "in", root / "curated"), root / "release")
    return root / "release"


@pytest.fixture
def release(sound, tmp_path):
    """A copy to spoil."""
    shutil.copytree(sound, tmp_path / "release")
    return tmp_path / "release"


def codes(folder):
    """The codes of what is found, each once."""
    found = verify_release(folder)
    assert not found.is_sound
    return {finding.code for finding in found.findings} | {gate.code for gate in found.gates if gate.stops}


def rewrite(path, change):
    path.write_text(change(path.read_text()))


def told_again(release, name):
    """Let manifest and checksums tell a changed file as it is now: what else tells of it is left."""
    manifest = json.loads((release / "manifest.json").read_text())
    for entry in manifest["outputs"]:
        if entry["path"] == name:
            old = entry["sha256"]
            entry |= {"sha256": file_digest(release / name), "size_bytes": (release / name).stat().st_size}
    if name != "SHA256SUMS":
        rewrite(release / "SHA256SUMS", lambda text: text.replace(old, file_digest(release / name)))
        (release / "manifest.json").write_text(json.dumps(manifest))
        told_again(release, "SHA256SUMS")
        return
    (release / "manifest.json").write_text(json.dumps(manifest))


def test_a_release_is_sound_also_where_a_hub_put_its_notes(release):
    (release / ".gitattributes").write_text("*.gz filter=lfs\n")
    found = verify_release(release)
    assert (found.is_sound, found.findings, found.version) == (True, [], "1.0.0")
    assert found.manifest_sha256 == file_digest(release / "manifest.json")
    assert sum(rows for name, rows in found.rows.items() if name.startswith("records/")) == 23


LINES, TABLE = "harmless-base/train.jsonl.gz", "records/comparisons/train.parquet"


def test_files_that_are_gone_added_or_changed(release):
    (release / LINES).unlink()
    (release / "extra.txt").write_text("x")
    rewrite(release / "LICENSE", lambda text: text.replace("analysis", "analysts"))
    rewrite(release / "CHANGES.md", lambda text: text + "more")
    assert codes(release) == {
        "PL-REL-021",
        "PL-REL-022",
        "PL-REL-023",
        "PL-REL-025",
        "PL-REL-026",
        "PL-REL-030",
        "PL-REL-031",
    }


def test_rows_that_were_taken_out_are_missed_though_every_digest_was_made_anew(release):
    pq.write_table(pq.read_table(release / TABLE).slice(1), release / TABLE)
    told_again(release, TABLE)
    assert codes(release) == {"PL-REL-024", "PL-REL-026", "PL-REL-031"}


@pytest.mark.parametrize("change", ["flip", "repeat"])
def test_a_line_that_is_not_its_records_is_found_though_every_digest_was_made_anew(release, change):
    lines = gzip.decompress((release / LINES).read_bytes()).splitlines(keepends=True)
    if change == "flip":
        told = json.loads(lines[1])
        lines[1] = json.dumps({"chosen": told["rejected"], "rejected": told["chosen"]}).encode() + b"\n"
    else:  # as many lines as before, one of them twice
        lines[1] = lines[0]
    (release / LINES).write_bytes(gzip.compress(b"".join(lines)))
    metadata = json.loads((release / "croissant.json").read_text())
    for each in metadata["distribution"]:
        if each["contentUrl"] == LINES:
            size = (release / LINES).stat().st_size
            each |= {"sha256": file_digest(release / LINES), "contentSize": f"{size} B"}
    (release / "croissant.json").write_text(json.dumps(metadata))
    for name in ("croissant.json", LINES):
        told_again(release, name)
    assert codes(release) == {"PL-REL-031"}
    assert [finding.place for finding in verify_release(release).findings] == ["harmless-base, train"]


def test_the_order_of_lines_is_nobodys_fault(release):
    sums = LineSums()
    for name in (TABLE, "records/comparisons/test.parquet"):
        table = load(release / name).comparisons
        for start in range(len(table) - 1, -1, -1):
            sums.give(Kind.COMPARISONS, table.slice(start, 1))
    for path in release.glob("h*/*.gz"):
        sums.read(path, path.relative_to(release).as_posix())
    assert not list(sums.differing())


def test_a_flipped_judgement_is_found(release):
    table = pq.read_table(release / TABLE)
    flipped = ["second" if each == "first" else "first" for each in table["outcome"].to_pylist()]
    pq.write_table(table.set_column(table.schema.get_field_index("outcome"), "outcome", [flipped]), release / TABLE)
    told_again(release, TABLE)
    assert "PL-IO-014" in codes(release)


def test_the_gates_are_run_again_on_the_data(release):
    table = pq.read_table(release / TABLE)
    splits = table.set_column(table.schema.get_field_index("split"), "split", [["x", *["train"] * (len(table) - 1)]])
    named = splits.set_column(splits.schema.get_field_index("worker"), "worker", [["Ada Lovelace"] * len(table)])
    pq.write_table(named.slice(0, 1), release / "records/comparisons/x.parquet")
    assert {"PL-REL-012", "PL-REL-022"} <= codes(release)


def test_terms_that_say_more_than_the_tables_permit(release):
    manifest = json.loads((release / "manifest.json").read_text()) | {"licence": "MIT"}
    manifest["uses"] = ["analysis", "supervised", "policy", "preference", "moderation"]
    (release / "manifest.json").write_text(json.dumps(manifest))
    assert codes(release) == {"PL-REL-013", "PL-REL-014", "PL-REL-028"}


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text.replace("path:\n    - harmless-base/train", "path:\n    - harmless-base/none"),
        lambda text: text.replace("- harmless-base/train.jsonl.gz", "- ../../etc/passwd"),
        lambda text: text.replace("config_name: default", "config_name: usual"),
        lambda text: text.replace("  data_files:", "  data_dir: harmless-base\n  data_files:", 1),
        lambda text: text.replace("---\n", "", 1),
        lambda text: text.replace("configs:", "a: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]\nconfigs:"),
        lambda text: text.replace("configs:", "a: !!python/object/apply:os.getcwd []\nconfigs:"),
    ],
)
def test_cards_that_would_break_or_mislead_a_loader(release, change):
    files = {path.relative_to(release).as_posix(): path for path in release.rglob("*") if path.is_file()}
    assert not list(checked_card(files, read_manifest(release)))
    rewrite(release / "README.md", change)
    assert {finding.code for finding in checked_card(files, None)} == {"PL-REL-025"}


@pytest.mark.parametrize("change", [lambda text: text.replace('"sha256": "', '"sha256": "0'), lambda _: "[" * 50_000])
def test_metadata_that_is_not_of_these_files(release, change):
    files = {path.relative_to(release).as_posix(): path for path in release.rglob("*") if path.is_file()}
    assert not list(checked_croissant(files))
    rewrite(release / "croissant.json", change)
    assert {finding.code for finding in checked_croissant(files)} == {"PL-REL-026"}


# --- hostile folders ---


@pytest.mark.parametrize("name", ["/etc/passwd", "../x", "a/../../x", "a\\b", "C:/x", "a\0b", "", "a\nb", "x" * 2_000])
def test_names_that_lead_out_or_steer(name):
    assert unsafe_name(name)


def test_links_are_told_and_not_followed(release, tmp_path):
    (tmp_path / "secret.jsonl").write_text('{"chosen": "x", "rejected": "y"}\n')
    (release / "records/comparisons/more.parquet").symlink_to(tmp_path / "secret.jsonl")
    (release / "all").symlink_to("/")
    os.mkfifo(release / "pipe")
    found = verify_release(release)
    assert [finding.place for finding in found.findings if finding.code == "PL-REL-027"] == [
        "all",
        "pipe",
        "records/comparisons/more.parquet",
    ]
    assert "records/comparisons/more.parquet" not in found.rows


def test_a_manifest_that_lists_what_is_elsewhere_or_beyond_measure(release):
    manifest = json.loads((release / "manifest.json").read_text())
    manifest["outputs"].append(
        {"path": "../../etc/passwd", "sha256": "0" * 64, "size_bytes": 10**400, "rows": -(10**400)}
    )
    manifest["configuration"]["not_in_lines"] = {"comparisons": {"x": 10**400}}
    manifest["configuration"]["accepted"] = ["workers"]
    (release / "manifest.json").write_text(json.dumps(manifest))
    assert codes(release) == {"PL-REL-027", "PL-REL-031"}
    for text in (json.dumps({**manifest, "holds": "model"}), "[" * 50_000):
        (release / "manifest.json").write_text(text)
        assert codes(release) & {"PL-MAN-001", "PL-REL-020"}


def test_a_bomb_is_not_unpacked(release, monkeypatch):
    monkeypatch.setattr(line_blocks, "Limits", partial(line_blocks.Limits, expansion=2, expansion_floor_bytes=1 << 20))
    line = json.dumps(pair(1)).encode() + b"\n"
    (release / LINES).write_bytes(gzip.compress(line + b"\n" * (4 << 20)))
    assert "PL-IO-004" in codes(release)


def test_folders_of_another_hand(tmp_path):
    (tmp_path / "theirs" / "data").mkdir(parents=True)
    (tmp_path / "theirs" / "data" / "train.jsonl").write_text(
        '{"prompt": "a", "chosen": "b", "rejected": "c"}\n{"a": \n'
    )
    (tmp_path / "theirs" / "data" / "test.parquet").write_bytes(b"PAR1 and no more")
    found = codes(tmp_path / "theirs")
    assert {"PL-REL-020", "PL-REL-025", "PL-REL-026", "PL-REL-030", "PL-REL-013", "PL-REL-014", "PL-IO-012"} <= found
    (tmp_path / "empty").mkdir()
    assert codes(tmp_path / "empty") == {"PL-REL-020"}
    assert codes(tmp_path / "nowhere") == {"PL-REL-020"}
