"""The journal: every reply that was kept comes back, whenever the run was killed; nothing else does."""

import os

import msgspec
import pytest

from plumbline.records import SourceError, UsageError, WriteError
from plumbline.sources import reply_journal as module
from plumbline.sources.reply_journal import KeptReply, open_journal

ASKED = {"target": "openai:toy@http://127.0.0.1/v1", "replies": 2, "seed": 7}
SECRET = "lapis lazuli"


def reply(number, text=SECRET):
    return KeptReply(number=number, text=text, model="m", snapshot="s", seed=3, finish="stop", seconds=0.25)


def kept_in(path, asked=ASKED, count=6, **options):
    with open_journal(path, asked, count, **options) as journal:
        return dict(journal.kept)


@pytest.fixture
def journal(tmp_path):
    """A journal with replies to the numbers 4, 0 and 2."""
    path = tmp_path / "out.replies"
    with open_journal(path, ASKED, 6) as opened:
        for number in (4, 0, 2):
            opened.keep(reply(number, f"{SECRET}\n{number} \u2028"))
    return path


def test_what_was_kept_comes_back(journal):
    assert kept_in(journal) == {number: reply(number, f"{SECRET}\n{number} \u2028") for number in (4, 0, 2)}


def test_a_reply_is_on_the_disk_when_it_is_called_kept(tmp_path, monkeypatch):
    waited = []
    monkeypatch.setattr(os, "fsync", lambda file: waited.append(os.fstat(file).st_size))
    with open_journal(tmp_path / "out.replies", ASKED, 6) as opened:
        opened.keep(reply(4))
        assert waited[-1] == (tmp_path / "out.replies").stat().st_size > waited[0]


def test_a_run_killed_at_any_byte_keeps_every_whole_line(journal):
    content = journal.read_bytes()
    ends = [end for end in range(len(content)) if b"\n" in content[max(0, end - 1) : end + 2] or end % 19 == 0]
    assert len(ends) > 30
    for end in ends:
        journal.write_bytes(content[:end])
        whole = max(0, content[:end].count(b"\n") - 1)
        with open_journal(journal, ASKED, 6) as opened:
            assert list(opened.kept) == [4, 0, 2][:whole]
            opened.keep(reply(5))
        assert list(kept_in(journal)) == [*[4, 0, 2][:whole], 5]


@pytest.mark.parametrize("change", [{"seed": 8}, {"replies": 1}, {"target": "other"}, {"temperature": 0.5}])
def test_the_journal_of_another_run_is_refused_and_says_what_differs(journal, change):
    before = journal.read_bytes()
    with pytest.raises(UsageError) as refused:
        kept_in(journal, ASKED | change)
    assert refused.value.code == "PL-RTA-001"
    assert all(name in refused.value.expected for name in change)
    assert "replies kept here (3)" in refused.value.problem
    assert journal.read_bytes() == before
    assert kept_in(journal, ASKED | change, restart=True) == {}


def test_a_journal_without_replies_is_begun_anew_by_whichever_run(tmp_path):
    path = tmp_path / "out.replies"
    assert kept_in(path) == {}
    with open_journal(path, ASKED | {"seed": 8}, 6) as opened:
        opened.keep(reply(1))
    assert list(kept_in(path, ASKED | {"seed": 8})) == [1]
    with pytest.raises(UsageError, match="PL-RTA-001"):
        kept_in(path)


def line_of(number, **changes):
    return msgspec.json.encode({**msgspec.to_builtins(reply(number)), **changes})


@pytest.mark.parametrize(
    "line",
    [
        *(b"{}", b"[]", b"", b"\xff", b"[" * 5000, b'{"text": "' + SECRET.encode()),
        *(line_of(6), line_of(-1), line_of(4), line_of(1, text="  "), line_of(1, seed="3"), line_of(1, more=1)),
    ],
)
def test_a_damaged_line_is_refused_and_nothing_of_it_is_told(journal, line):
    before = journal.read_bytes()
    journal.write_bytes(before + line + b"\n" + line_of(3) + b"\n")
    with pytest.raises(SourceError) as refused:
        kept_in(journal)
    assert (refused.value.code, "line 5" in refused.value.place) == ("PL-RTA-002", True)
    assert SECRET not in str(refused.value)
    assert journal.read_bytes() == before + line + b"\n" + line_of(3) + b"\n"


def test_a_file_of_somebody_else_is_left_as_it_is(tmp_path):
    path = tmp_path / "out.replies"
    for content in (b"notes\nof mine", b'{"plumbline": "x", "version": 1, "configuration": {}}\n'):
        path.write_bytes(content)
        with pytest.raises(SourceError, match="PL-RTA-002"):
            kept_in(path)
        assert path.read_bytes() == content


def test_two_runs_never_write_one_journal(journal):
    with open_journal(journal, ASKED, 6), pytest.raises(UsageError, match="PL-RTA-003"):
        kept_in(journal, restart=True)
    assert len(kept_in(journal)) == 3


def test_a_journal_that_another_run_took_away_before_the_lock_is_begun_anew(journal, monkeypatch):
    lock, taken = module._lock, [journal]

    def late(file, path):
        """The other run ends between opening and locking."""
        for each in taken:
            each.unlink()
        taken.clear()
        lock(file, path)

    monkeypatch.setattr(module, "_lock", late)
    with open_journal(journal, ASKED, 6) as opened:
        opened.keep(reply(5))
    assert list(kept_in(journal)) == [5]


def test_a_journal_as_earlier_versions_wrote_it_is_gone_on_from(tmp_path):
    path = tmp_path / "out.replies"
    path.write_text(
        '{"configuration":{"seed":7},"plumbline":"attempts","version":1}\n'
        '{"attempt":3,"text":"so","model":"m","snapshot":"s","seed":3,"finish":"stop","seconds":0.25}\n'
    )
    assert kept_in(path, {"seed": 7}) == {3: reply(3, "so")}


def test_a_journal_of_another_kind_of_run_is_refused_and_says_so(journal):
    with pytest.raises(UsageError, match=r'PL-RTA-001(.|\n)*run "candidates"(.|\n)*run "attempts"'):
        kept_in(journal, kind="candidates")
    assert len(kept_in(journal)) == 3


def test_replies_that_came_together_are_kept_together(tmp_path):
    path = tmp_path / "out.replies"
    with open_journal(path, ASKED, 6) as opened:
        opened.keep(reply(1), reply(3), reply(2))
    assert list(kept_in(path)) == [1, 3, 2]


def test_a_full_disk_loses_no_reply_that_was_kept(small_disk):
    path = small_disk / "out.replies"
    with open_journal(path, ASKED, 6) as opened:
        opened.keep(reply(0, "x" * 400_000))
        with pytest.raises(WriteError):
            opened.keep(reply(1, "y" * 900_000))
        opened.keep(reply(2))
    assert list(kept_in(path)) == [0, 2]
