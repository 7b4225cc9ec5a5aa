"""Where runs that train policies work: none that is done is replaced unasked."""

import pytest

from plumbline.lineage import Manifest
from plumbline.loop.aligning.policy_training import Unfinished, origin_of, working_folder
from plumbline.loop.training.folder import training_folder
from plumbline.records import SourceError, UsageError


@pytest.fixture
def done(tmp_path):
    """The folder of a policy that is done."""
    out = tmp_path / "policy"
    out.mkdir()
    (out / "policy.json").write_text('{"plumbline": "policy"}')
    Manifest(holds="policy", command=[], configuration={}, seed=0, inputs=[], uses=None, licence=None).write(out)
    return out


def test_a_policy_that_is_done_is_replaced_only_where_that_is_said(done):
    with pytest.raises(UsageError, match="PL-PTR-006"), working_folder(done, [], Unfinished()):
        pass
    with pytest.raises(UsageError, match="PL-PTR-005"), working_folder(done, [], Unfinished(resume=True)):
        pass
    with working_folder(done, [], Unfinished(restart=True)):
        assert (done / "policy.json").exists(), "until the new one is written"
    training_folder(done).mkdir()
    (training_folder(done) / "training.json").write_text("{}")
    (training_folder(done) / "metrics.jsonl").write_text("{}\n")
    with working_folder(done, [], Unfinished(resume=True)):
        pass


def test_another_tools_manifest_says_nothing_and_a_damaged_one_of_ours_is_refused(done):
    (done / "manifest.json").write_text('{"files": []}')
    with pytest.raises(SourceError):
        origin_of(str(done), "made up", {})
    (done / "policy.json").unlink()
    origin = origin_of(str(done), "made up", {})
    assert (origin.parent, origin.are_terms_known) == (None, False)


def test_there_must_be_something_to_go_on_with(tmp_path):
    with pytest.raises(UsageError, match="PL-PTR-005"), working_folder(tmp_path / "out", [], Unfinished(resume=True)):
        pass
    assert not list(tmp_path.iterdir())
