"""Releases that somebody changed and then told anew: every digest, size and count of a file is as the file now is."""

import json

import pyarrow.parquet as pq

from plumbline.lineage import file_digest, read_manifest
from plumbline.release import verify_release
from plumbline.release.handed_over import open_handed_over
from plumbline.release.texts.written import release_texts
from plumbline.release.told import facts_told, read_told
from plumbline.release.verifying.accounted import notes_of
from plumbline.release.verifying.recounted import Recounted

LINES, TABLE = "harmless-base/train.jsonl.gz", "records/comparisons/train.parquet"
LEDGER = "curation/removed.parquet"


def rewrite(path, old, new):
    """A text with something in place of something else, which must stand there."""
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def rewrite_json(path, change):
    """JSON after a change in place."""
    told = json.loads(path.read_text())
    change(told)
    path.write_text(json.dumps(told))


def rewrite_table(path, change):
    """A Parquet file after a change of its table."""
    pq.write_table(change(pq.read_table(path)), path)


def tell_anew(release):
    """Let metadata, checksums and manifest tell the files as they now are: what else tells of them is left."""

    def of_files(told):
        for each in told["distribution"]:
            path = release / each["contentUrl"]
            if path.is_file():
                each |= {"sha256": file_digest(path), "contentSize": f"{path.stat().st_size} B"}

    rewrite_json(release / "croissant.json", of_files)
    files = {path.relative_to(release).as_posix(): path for path in sorted(release.rglob("*")) if path.is_file()}
    files = {name: path for name, path in files.items() if name not in ("manifest.json", "SHA256SUMS")}
    (release / "SHA256SUMS").write_text("".join(f"{file_digest(path)}  {name}\n" for name, path in files.items()))

    def outputs(told):
        rows = {entry["path"]: entry["rows"] for entry in told["outputs"]}
        told["outputs"] = [
            {"path": name, "sha256": file_digest(path), "size_bytes": path.stat().st_size, "rows": rows.get(name)}
            for name, path in {**files, "SHA256SUMS": release / "SHA256SUMS"}.items()
        ]
        for entry in told["outputs"]:
            if entry["path"].startswith("records/") and entry["path"].endswith(".parquet"):
                entry["rows"] = pq.read_metadata(release / entry["path"]).num_rows

    rewrite_json(release / "manifest.json", outputs)


_RECOUNTED = {}
"""Names and digests of a release's data files → what is counted in them: most that is spoiled here are texts."""


def _recounted(release):
    handed = open_handed_over(release)
    data = [name for name in handed.files if name.endswith((".parquet", ".gz"))]
    files = frozenset((name, file_digest(handed.files[name])) for name in data)
    if files not in _RECOUNTED:
        _RECOUNTED[files] = Recounted()
        _RECOUNTED[files].read(handed, None)
    return _RECOUNTED[files]


def say_anew(release):
    """As `tell_anew`, with every text made again from a manifest that somebody changed, as a release of it has them."""
    recounted = _recounted(release)
    for _ in range(2):  # the metadata tell the digests of the other texts
        manifest, handed = read_manifest(release), open_handed_over(release)
        facts = facts_told(
            read_told(manifest),
            manifest,
            manifest.terms,
            recounted.laid(handed),
            notes_of(handed, []),
            recounted.observer.synthetic_rows,
        )
        for name, text in release_texts(facts).items():
            (release / name).write_text(text)
        tell_anew(release)


def codes(folder):
    """The codes of what is found, each once."""
    found = verify_release(folder)
    assert not found.is_sound
    return {finding.code for finding in found.findings} | {gate.code for gate in found.gates if gate.stops}


def places(folder):
    """Code → where it was found."""
    found = {}
    for finding in verify_release(folder).findings:
        found.setdefault(finding.code, []).append(finding.place)
    return found
