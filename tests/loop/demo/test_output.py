"""The demo's folder: what is not the demo's own is never removed, nor what somebody judged in it."""

import pytest

from plumbline.lineage import Manifest
from plumbline.loop.demo import output
from plumbline.loop.demo.output import JUDGEMENTS, STORE, claim_output, clear_parts, held_demo, refuse_output
from plumbline.records import UsageError


@pytest.fixture
def finished(tmp_path, monkeypatch):
    """A demo that is done, after which twelve judgements stood in its store."""
    out = tmp_path / "demo"
    (out / "studies").mkdir(parents=True)
    (out / "studies" / "study.toml").write_text("made by the demo")
    for name in (STORE, "servers.log", "report.html"):
        (out / name).write_text("made by the demo")
    manifest = Manifest(
        holds="demo", command=["demo"], configuration={JUDGEMENTS: 12}, inputs=[], uses=None, licence=None, seed=0
    )
    manifest.write_listing(out, ("studies", "report.html"))
    monkeypatch.setattr(output, "judgement_count", lambda _: 12)
    return out


def test_a_demo_that_is_done_may_be_made_anew(finished):
    refuse_output(finished, None)
    claim_output(finished, 1)
    clear_parts(finished)
    assert [path.name for path in finished.iterdir()] == ["manifest.json"]
    refuse_output(finished, None)  # and so may one that was stopped


@pytest.mark.parametrize("name", ["mine.txt", "studies/mine/judgements.db", "round-1/notes.md"])
def test_a_file_of_somebodys_is_not_removed(finished, name):
    (finished / name).parent.mkdir(exist_ok=True, parents=True)
    (finished / name).write_text("mine")
    with pytest.raises(UsageError, match=f"PL-OUT-002(.|\\n)*{name}"):
        refuse_output(finished, None)
    assert (finished / name).read_text() == "mine"


def test_what_somebody_judged_in_a_demo_is_not_removed(finished, monkeypatch):
    monkeypatch.setattr(output, "judgement_count", lambda _: 13)
    with pytest.raises(UsageError, match="PL-DEM-005"):
        refuse_output(finished, None)


@pytest.mark.parametrize("data", [".", "studies", "report.html", ".."])
def test_the_data_stand_apart_from_the_output(finished, data):
    with pytest.raises(UsageError, match="PL-OUT-008"):
        refuse_output(finished, finished / data)


def test_a_demo_is_made_or_served_by_one_at_a_time(tmp_path):
    with held_demo(tmp_path / "demo"), pytest.raises(UsageError, match="PL-DEM-006"), held_demo(tmp_path / "demo"):
        pytest.fail("it was held")
    with held_demo(tmp_path / "demo"):
        pass
