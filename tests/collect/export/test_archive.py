"""An export as a stream: pieces as they are made, broken where it broke off, logged once it is whole."""

import io
import zipfile

import pytest

from plumbline.collect.export import exporting, stream_export
from plumbline.records import NoDataError, UsageError
from tests.collect.api.client import rows, toml
from tests.collect.export import collected
from tests.collect.export.test_batches import in_batches_of
from tests.collect.export.test_folder import exports


def streamed(api, study, to, **more):
    return stream_export(api.store, study, to, stated=collected.STATED, now=api.now, command=["test"], **more)


def test_the_first_piece_comes_with_the_first_batch(api, monkeypatch):
    study, _ = collected.pairs(api)
    in_batches_of(monkeypatch, 2)
    read = []
    whole = exporting.RecordMaker.records
    monkeypatch.setattr(
        exporting.RecordMaker, "records", lambda maker, batch, tally: read.append(1) or whole(maker, batch, tally)
    )
    pieces = streamed(api, study, "hh-rlhf")
    assert next(pieces).startswith(b"PK")
    assert len(read) == 1
    # No transaction is open while a piece is with the reader.
    assert api.store.engine.pool.checkedout() == 0
    assert sum(1 for _ in pieces) > 5


def test_a_stream_that_breaks_off_is_no_archive_and_not_logged(api):
    study, _ = collected.pairs(api)
    pieces = streamed(api, study, "hh-rlhf")
    begun = [next(pieces) for _ in range(2)]
    pieces.close()
    assert b"".join(begun)
    with pytest.raises(zipfile.BadZipFile):
        zipfile.ZipFile(io.BytesIO(b"".join(begun)))
    all_but_the_last = list(streamed(api, study, "hh-rlhf"))[:-1]
    with pytest.raises(zipfile.BadZipFile):
        zipfile.ZipFile(io.BytesIO(b"".join(all_but_the_last)))
    assert len(exports(api)) == 1


def test_whoever_holds_a_whole_archive_stands_in_the_log(api):
    study, _ = collected.pairs(api)
    pieces = streamed(api, study, "parquet")
    begun = []
    while not exports(api):
        begun.append(next(pieces))
    # What comes with the entry in the log is the list of files, and nothing after it.
    zipfile.ZipFile(io.BytesIO(b"".join(begun))).close()
    assert list(pieces) == []


def test_what_is_wrong_is_said_before_the_first_piece(api):
    api.study(toml())
    with pytest.raises(NoDataError, match="PL-EXP-002"):
        streamed(api, "s", "hh-rlhf")
    with pytest.raises(UsageError, match="PL-EXP-001"):
        streamed(api, "s", "red-team")
    data = rows(("q", "one", "a\n\nHuman: b"))
    api.got("POST", "/studies/s/items", api.owner, content=data)
    worker = api.somebody()
    work = api.next("s", worker)
    api.submitted(work, worker, act="judge-pair", helpfulness=1)
    out = []
    with pytest.raises(NoDataError, match="PL-EXP-003"):
        out.extend(streamed(api, "s", "hh-rlhf"))
    assert b"".join(out) == b""


def test_files_after_the_first_hold_the_same_moment(api, monkeypatch):
    """What is submitted while an archive leaves is in none of its files."""
    study, (worker, _) = collected.pairs(api)
    pieces = streamed(api, study, "hh-rlhf")
    data = [next(pieces)]
    api.wait(seconds=1)
    judgement = api.got("GET", "/assignments/1/judgements", worker)["judgements"][0]["id"]
    body = {"guidelines_version": 1, "submission": {"act": "judge-pair", "helpfulness": 8, "harmlessness": 1}}
    api.got("POST", f"/judgements/{judgement}/correct", worker, json=body, key=api.key())
    before = collected.unzipped(b"".join([*data, *pieces]), study, "hh-rlhf")
    api.wait(seconds=-1)
    assert collected.archive(api, study, "hh-rlhf") == before
    api.wait(seconds=1)
    assert collected.archive(api, study, "hh-rlhf") != before
