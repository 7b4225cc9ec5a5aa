"""docs/how-to/ray.md: its commands are spelled as the programs spell them; those for one machine give the same files."""

import json
from pathlib import Path

import pytest

from plumbline.engine.on_ray import ENVIRONMENT
from plumbline.loop.synthetic.corpus import write_synthetic_corpus
from tests.cli.conftest import plumb as plumb
from tests.docs.pages import blocks_of, options_of, words_of

PAGE = "how-to/ray.md"
COMMANDS = [words for _, body in blocks_of(PAGE, "text") for words in words_of(body)]
OURS = [words for words in COMMANDS if words[0] == "plumbline"]
STARTING = [words for words in COMMANDS if "start" in words]


def test_the_programs_take_these_words():
    assert [options_of(words)["engine"] for words in OURS] == ["local", "ray", "ray"]
    assert options_of(OURS[2])["ray_address"] in STARTING[1]
    assert options_of(OURS[2])["work"] == Path("/shared/work")
    for words in STARTING:
        variables = dict(word.split("=") for word in words[: words.index("ray")])
        assert variables == {name: ENVIRONMENT[name] for name in ("POLARS_MAX_THREADS", "RAY_USAGE_STATS_ENABLED")}
    assert len(COMMANDS) == 7


@pytest.mark.thorough  # starting Ray takes most of it; tests/engine does so in every run
def test_one_machine_gives_the_same_files(plumb, tmp_path, monkeypatch):
    scripts = pytest.importorskip("ray.scripts.scripts", reason="the extra ray is not installed")
    for words in STARTING:
        scripts.start.make_context("start", words[words.index("start") + 1 :])
    monkeypatch.chdir(tmp_path)
    write_synthetic_corpus(tmp_path / "demo-out" / "data-synthetic", scale=0.0625)
    written = []
    for words in OURS[:2]:
        assert plumb(*words[1:])[0] == 0
        outputs = json.loads((options_of(words)["out"] / "manifest.json").read_bytes())["outputs"]
        written.append({entry["path"]: entry["sha256"] for entry in outputs})
    assert written[0] == written[1]
    assert len(written[0]) >= 4
