"""A whole curation on Ray gives the files that it gives here, byte for byte."""

import json

import pytest

from plumbline.curate.recipe import read_recipe
from plumbline.loop.curating.run import CurationRun, run_curation
from plumbline.loop.synthetic.corpus import write_synthetic_corpus


@pytest.mark.thorough
def test_both_engines_write_the_same_files(tmp_path):
    pytest.importorskip("ray", reason="the extra ray is not installed")
    write_synthetic_corpus(tmp_path / "data", scale=0.25)
    written = {}
    for engine in ("local", "ray"):
        out = tmp_path / engine
        source = str(tmp_path / "data" / "preferences-synthetic")
        run_curation(CurationRun((source,), out, read_recipe("hh-clean"), engine=engine))
        manifest = json.loads((out / "manifest.json").read_bytes())
        assert manifest["configuration"]["engine"] == engine
        written[engine] = {entry["path"]: entry["sha256"] for entry in manifest["outputs"]}
        assert not list(tmp_path.glob(".*.stages"))
    assert len(written["local"]) >= 4
    assert written["local"] == written["ray"]
