"""Hub ids through the real client, against a small hub on loopback.

The client reads its endpoint when it is imported, so each hub gets one process of its own that takes a list of steps.
"""

import gzip
import hashlib
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import httpx2
import pytest

from plumbline.formats import load
from plumbline.formats.hub import pull_dataset
from plumbline.lineage import Manifest, Use, file_digest, read_manifest
from plumbline.records import SourceError, UsageError
from tests.formats.hub_server import COMMIT, serving
from tests.formats.hub_steps import take_steps
from tests.prepared import start_prepared

NAME = "someone/hh-tiny"


def pairs(count, word):
    rows = [
        {
            "chosen": f"\n\nHuman: {word} {n}?\n\nAssistant: Yes.",
            "rejected": f"\n\nHuman: {word} {n}?\n\nAssistant: No.",
        }
        for n in range(count)
    ]
    return gzip.compress(b"".join(json.dumps(row).encode() + b"\n" for row in rows), mtime=0)


FILES = {
    "README.md": b"# hh-tiny\n",
    ".gitattributes": b"*.gz filter=lfs\n",
    "harmless-base/train.jsonl.gz": pairs(5, "train"),
    "harmless-base/test.jsonl.gz": pairs(3, "test"),
    "helpful-base/test.jsonl.gz": pairs(4, "help"),
}


def environment(address, home):
    """What the client finds: this hub, and a folder of its own."""
    return {
        "HF_ENDPOINT": address,
        "HF_HOME": str(home),
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "HF_HUB_DISABLE_PROGRESS_BARS": "1",
        "NO_PROXY": "127.0.0.1",
        "no_proxy": "127.0.0.1",
    }


def run_steps(address, home, *steps):
    """Each step is (load | pull, arguments, options); its answer has a value or a code."""
    with tempfile.TemporaryDirectory() as folder:
        found, log = Path(folder, "answers"), Path(folder, "log")
        process = start_prepared(take_steps, steps, found, environment(address, home), log=log)
        process.join(60)
        assert process.exitcode == 0, log.read_text()
        answers = [json.loads(line) for line in found.read_text().splitlines()]
    assert len(answers) == len(steps)
    assert not [answer["bug"] for answer in answers if "bug" in answer]
    return answers


def test_a_hub_id_loads_like_a_folder(tmp_path):
    with serving(NAME, FILES) as hub:
        one, all_of_it, by_revision = run_steps(
            hub.address,
            tmp_path / "home",
            ("load", [NAME], {"data_dir": "harmless-base", "split": "test"}),
            ("load", [NAME], {}),
            ("pull", [NAME, str(tmp_path / "by-commit")], {"revision": COMMIT}),
        )
    source = f"{NAME}/harmless-base/test.jsonl.gz"
    assert one["value"] == {
        "rows": 3,
        "places": [[source, "harmless-base", "test", "harmlessness"]],
        "files": [source],
    }
    assert all_of_it["value"]["rows"] == 12
    assert sorted(by_revision["value"]) == sorted(FILES)


def test_files_at_the_top_of_a_repository_have_its_name_as_their_subset(tmp_path):
    with serving(NAME, {"train.jsonl.gz": pairs(2, "top")}) as hub:
        (answer,) = run_steps(hub.address, tmp_path / "home", ("load", [NAME], {"axis": "harmlessness"}))
    assert answer["value"]["places"] == [[f"{NAME}/train.jsonl.gz", "hh-tiny", "train", "harmlessness"]]


def test_only_the_folder_asked_for_is_downloaded(tmp_path):
    with serving(NAME, FILES) as hub:
        (answer,) = run_steps(hub.address, tmp_path / "home", ("load", [NAME], {"data_dir": "helpful-base"}))
        assert answer["value"]["rows"] == 4
        assert any("helpful-base/test" in path for path in hub.paths)
        assert not any("harmless-base/" in path for path in hub.paths)


def test_pull_writes_a_folder_with_a_manifest_and_nothing_of_the_client(tmp_path):
    out = tmp_path / "pulled"
    with serving(NAME, FILES) as hub:
        first, again = run_steps(
            hub.address,
            tmp_path / "home",
            ("pull", [NAME, str(out)], {"data_dir": "harmless-base"}),
            ("pull", [NAME, str(out)], {"data_dir": "harmless-base", "revision": "main"}),
        )
    expected = {"README.md": 10} | {
        name: len(data) for name, data in FILES.items() if name.startswith("harmless-base/")
    }
    assert first["value"] == again["value"] == expected
    assert {path.relative_to(out).as_posix() for path in out.rglob("*") if path.is_file()} == {
        *expected,
        "manifest.json",
    }
    manifest = read_manifest(out)
    assert manifest.configuration == {"hub_id": NAME, "revision": "main", "data_dir": "harmless-base"}
    assert {entry.path: entry.sha256 for entry in manifest.outputs} == {
        name: file_digest(out / name) for name in expected
    }
    # What may be done with it is the format's word, since the download looked into no file.
    loaded = load(out, data_dir="harmless-base")
    assert (len(loaded.comparisons), loaded.terms.licence) == (8, "MIT")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["home", "pulled"]


def test_the_terms_of_a_data_set_that_plumbline_wrote_come_along(tmp_path):
    stated = Manifest(
        holds="data", command=[], configuration={}, inputs=[], uses=[Use.ANALYSIS], licence="CC-BY-NC-4.0"
    )
    foreign = b'{"name": "an app"}'
    for content, uses in ((stated.model_dump_json().encode(), {Use.ANALYSIS}), (foreign, None)):
        out = tmp_path / hashlib.sha256(content).hexdigest()
        with serving(NAME, {**FILES, "manifest.json": content}) as hub:
            (answer,) = run_steps(hub.address, tmp_path / "home" / out.name, ("pull", [NAME, str(out)], {}))
        assert "value" in answer
        manifest = read_manifest(out)
        assert (manifest.terms and manifest.terms.uses) == uses
        assert manifest.parents == ([out.name] if uses else [])


REFUSED = [
    ("PL-HUB-001", "load", ["someone/unknown"], {}),
    ("PL-HUB-001", "load", ["someone/no--name"], {}),
    ("PL-HUB-003", "load", ["someone/gated"], {}),
    ("PL-HUB-004", "pull", [NAME], {"revision": "v9"}),
    ("PL-HUB-005", "pull", [NAME], {"data_dir": "helpfull-base"}),
    ("PL-SRC-003", "load", [NAME], {"data_dir": "helpfull-base"}),
    ("PL-SRC-004", "load", [NAME], {"data_dir": "helpful-base", "split": "train"}),
]


def test_what_the_hub_refuses_ends_in_a_code_and_leaves_nothing(tmp_path):
    out = tmp_path / "out" / "folder"
    steps = [(call, [*names, str(out)] if call == "pull" else names, how) for _, call, names, how in REFUSED]
    with serving(NAME, FILES) as hub:
        answers = run_steps(hub.address, tmp_path / "home", *steps)
    assert [answer.get("code") for answer in answers] == [code for code, *_ in REFUSED]
    for answer in answers:
        assert answer["exit"] == 2
        assert "Try: " in answer["text"]
        assert "Traceback" not in answer["text"]
    assert not list(tmp_path.rglob("*.partial"))
    assert not out.exists()


def test_a_full_disk_is_called_so(tmp_path, small_disk):
    files = {**FILES, "harmless-base/extra.jsonl": os.urandom(2 << 20)}
    with serving(NAME, files) as hub:
        (pulled,) = run_steps(hub.address, tmp_path / "home", ("pull", [NAME, str(small_disk / "out")], {}))
        (loaded,) = run_steps(hub.address, small_disk / "home", ("load", [NAME], {}))
    assert (pulled["code"], loaded["code"]) == ("PL-OUT-001", "PL-OUT-001")
    assert pulled["exit"] == 1
    assert not list(small_disk.glob("**/out*"))


def test_a_failed_pull_leaves_what_was_pulled_before(tmp_path):
    out = tmp_path / "pulled"
    with serving(NAME, FILES) as hub:
        pulled, refused = run_steps(
            hub.address,
            tmp_path / "home",
            ("pull", [NAME, str(out)], {}),
            ("pull", [NAME, str(out)], {"revision": "v9"}),
        )
    assert "value" in pulled
    assert refused["code"] == "PL-HUB-004"
    assert len(load(out).comparisons) == 12
    assert sorted(path.name for path in tmp_path.iterdir()) == ["home", "pulled"]


def test_with_the_hub_down_a_cached_copy_still_loads_and_without_one_it_says_so(tmp_path):
    how = {"data_dir": "harmless-base", "split": "test"}
    with serving(NAME, FILES) as hub:
        address = hub.address
        (before,) = run_steps(address, tmp_path / "home", ("load", [NAME], how))
    after, other, pulled = run_steps(
        address,
        tmp_path / "home",
        ("load", [NAME], how),
        ("load", ["someone/other"], how),
        ("pull", [NAME, str(tmp_path / "out")], {}),
    )
    assert after == before
    assert other["code"] == pulled["code"] == "PL-HUB-002"
    assert not (tmp_path / "out").exists()
    (nothing,) = run_steps(address, tmp_path / "fresh-home", ("load", [NAME], how))
    assert nothing["code"] == "PL-HUB-002"


@pytest.mark.parametrize("raised", [httpx2.ProxyError, httpx2.ReadTimeout, httpx2.RemoteProtocolError])
def test_a_connection_that_breaks_off_or_a_proxy_that_refuses_ends_in_a_code(tmp_path, monkeypatch, raised):
    def broken(*_, **__):
        raise raised("on the way")

    monkeypatch.setattr("huggingface_hub.snapshot_download", broken)
    with pytest.raises(SourceError, match=f"PL-HUB-002(?s:.)*{raised.__name__}"):
        pull_dataset(NAME, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_the_command_prints_the_code_and_no_traceback(tmp_path):
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("HF_", "HUGGING"))}
    with serving(NAME, FILES) as hub:
        command = [sys.executable, "-W", "ignore", "-c", "from plumbline.cli.main import run; run()"]
        refused, pulled = (
            subprocess.run(
                [*command, "data", "pull", name, str(tmp_path / "out")],
                env=kept | environment(hub.address, tmp_path / "home"),
                capture_output=True,
                text=True,
                timeout=60,
            )
            for name in ("someone/gated", NAME)
        )
    assert refused.returncode == 2
    assert refused.stderr.startswith("PL-HUB-003  someone/gated: the data set is gated.")
    assert "hf auth login" in refused.stderr
    assert refused.stdout == ""
    assert pulled.returncode == 0
    assert "harmless-base/train.jsonl.gz" in pulled.stdout


def test_a_hub_id_that_is_also_a_path_reads_the_path(tmp_path, monkeypatch):
    folder = tmp_path / NAME / "harmless-base"
    folder.mkdir(parents=True)
    (folder / "test.jsonl.gz").write_bytes(pairs(2, "here"))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)  # importing it would fail
    loaded = load(NAME, data_dir="harmless-base", split="test")
    assert len(loaded.comparisons) == 2


def test_a_pull_into_a_folder_of_someone_elses_is_refused_before_the_network(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(UsageError, match="PL-OUT-002"):
        pull_dataset(NAME, tmp_path)
    assert [path.name for path in Path(tmp_path).iterdir()] == ["notes.txt"]
