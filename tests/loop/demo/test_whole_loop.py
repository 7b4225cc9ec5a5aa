"""The whole loop in small: over the real HTTP API, twice around, and figures beside the known truth. All of it made up."""

import json
import re
import shlex
import shutil
import signal
import subprocess
import sys
from contextlib import closing
from urllib.request import Request, urlopen

import pytest

from plumbline.collect.kinds import Purpose
from plumbline.collect.service.overview import store_overview
from plumbline.collect.service.store_places import open_place
from plumbline.formats import load
from plumbline.lineage import FoundManifest, file_digest, read_manifest
from plumbline.loop.demo import starting
from plumbline.loop.demo.serving import is_servable
from plumbline.loop.demo.whole_loop import WorldSize, run_whole_loop
from plumbline.loop.sources import is_synthetic
from plumbline.records import Kind, Outcome, records_from_table
from tests.made_once import made_once

SIZE = WorldSize(tasks=30, wishes=60, unseen=30, replies=4, workers=3)


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    """The folder of a whole loop, what ``loop.json`` in it holds, and what was said meanwhile; made once for all processes."""

    def make(folder):
        folder.mkdir()
        said = []
        run_whole_loop(folder / "out", seed=2, created="today", size=SIZE, say=said.append)
        (folder / "said.json").write_text(json.dumps(said))

    folder = made_once(tmp_path_factory, "whole-loop", make)
    return (
        folder / "out",
        json.loads((folder / "out/loop.json").read_text()),
        json.loads((folder / "said.json").read_text()),
    )


def test_what_is_judged_over_the_api_is_all_there_is_and_all_of_it_is_exported(done):
    out, found, _ = done
    items = {
        "helpfulness-synthetic": 30,
        "harm-synthetic": 120,
        "labels-synthetic": 240,
        "helpfulness-online-synthetic": 30,
    }
    pairs = found["judgements"]["samplers-synthetic"]
    assert pairs
    assert found["judgements"] == items | {"samplers-synthetic": pairs}
    with closing(open_place(out / starting.STORE, connections=1)) as store:
        queues = {each.study.name: each.queues[Purpose.WORK] for each in store_overview(store, []).studies}
    assert {name: queue.submitted for name, queue in queues.items()} == found["judgements"]
    assert all(queue.complete == queue.items for queue in queues.values())
    exported = {(each["name"], each["round"]): each["comparisons"] + each["labels"] for each in found["studies"]}
    assert {name: count for (name, _), count in exported.items()} == found["judgements"]
    first = {name: count for (name, round_name), count in exported.items() if round_name == "round-1"}
    assert first == {"helpfulness-synthetic": 30, "harm-synthetic": 60, "labels-synthetic": 120}


def test_the_second_round_names_the_first_and_learnt_from_the_online_study_too(done):
    out, _, _ = done
    first, second = (FoundManifest.at(out / name / "manifest.json") for name in ("round-1", "round-2"))
    assert first.digest in second.manifest.parents
    assert read_manifest(out).parents == [first.digest, second.digest]
    of_rounds = [load(out / name / "curated", cache=False).comparisons for name in ("round-1", "round-2")]
    online = [
        each
        for each in records_from_table(of_rounds[1])
        if each.tranche == "online" and each.outcome is not Outcome.TIE
    ]
    assert len(online) == 30
    assert len(of_rounds[1]) > len(of_rounds[0]) + 30  # and what was judged of the wishes that came in later
    chosen = load(out / "round-1" / "best", cache=False).comparisons
    assert set(chosen["tranche"].to_pylist()) == {"best-of-8"}


def test_no_judgement_is_turned_on_its_way_from_the_workers_to_the_models(done):
    _, found, _ = done
    right = {each["name"]: each["right"]["value"] for each in found["studies"]}
    assert all(share > 0.6 for share in right.values()), right
    assert right["labels-synthetic"] > 0.9  # at most 8 of 100 labels slip
    by_truth = {(each["name"], each["round"], each["figure"]): each["by_truth"] for each in found["models"]}
    chance = {"accuracy": 0.5, "auprc": 0.42}  # about two replies of five to an unseen wish are unsafe
    for (name, round_name, key), figure in by_truth.items():
        assert round_name == "round-1" or figure["value"] > chance[key], (name, key, figure)
    agreement = {each["name"]: each["agreement"]["value"] for each in found["studies"]}
    assert agreement["harm-synthetic"] > 0.7
    assert agreement["labels-synthetic"] > 0.8


def test_the_samplers_of_the_rounds_are_better_by_the_workers_word_and_in_truth(done):
    _, found, _ = done
    samplers = {each["name"]: each for each in found["samplers"]}
    assert list(samplers) == ["base", "round-1", "round-2"]
    for name in ("round-1", "round-2"):
        assert samplers[name]["elo"]["value"] > samplers["base"]["elo"]["value"]
        assert samplers[name]["true_helpfulness"]["value"] > samplers["base"]["true_helpfulness"]["value"]
    assert sum(each["elo"]["value"] for each in samplers.values()) == pytest.approx(0, abs=0.01)


def test_everything_says_that_it_is_synthetic(done):
    out, _, _ = done
    page = (out / "report.html").read_text()
    assert "SYNTHETIC DATA" in page
    assert "simulated worker 1" in page
    assert not re.findall(r"""(?:src|href)=["']https?://""", page)
    for link in re.findall(r'href="([^"#]+\.html)"', page):
        assert (out / link).is_file(), link
    assert json.loads((out / "loop.json").read_text())["synthetic"] is True
    for source in ("round-1/curated", "round-2/best", "samplers-export"):
        assert is_synthetic(load(out / source, cache=False)), source
    for evaluation in out.glob("round-*/evaluations/*/evaluation.json"):
        assert json.loads(evaluation.read_text())["synthetic"] is True


def test_its_manifest_lists_what_it_wrote_and_its_corpus_is_what_the_documented_commands_read(done):
    out, _, said = done
    manifest = read_manifest(out)
    assert {"report.html", "loop.json", "round-2/manifest.json"} <= {entry.path for entry in manifest.outputs}
    assert all(file_digest(out / entry.path) == entry.sha256 for entry in manifest.outputs)
    assert (
        load(out / "data-synthetic" / "labels-synthetic", split="test", cache=False).tables[Kind.SAFETY_LABELS].num_rows
    )
    assert is_servable(out)
    assert any("judgements" in each for each in said)
    assert "Traceback" not in (out / "servers.log").read_text()


def test_a_demo_that_is_done_is_served_as_it_is_until_it_is_interrupted(done, tmp_path):
    out = tmp_path / "out"
    shutil.copytree(done[0], out)
    before = (out / "loop.json").read_bytes()
    command = [sys.executable, "-W", "error", "-m", "plumbline", "demo", "-o", str(out), "--serve"]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True) as process:
        try:
            said = list(iter(process.stdout.readline, "Ctrl-C ends both\n"))
            told = next(line for line in said if line.startswith("moderation "))
            address, *_, body = shlex.split(told.partition("curl -s ")[2])
            asked = Request(address, body.encode(), {"Content-Type": "application/json"})
            with urlopen(asked) as answer:
                assert json.load(answer)["results"][0]["flagged"] in (True, False)
            app = next(line for line in said if line.startswith("the app")).split()[-1]
            with urlopen(f"{app}/api/v1/health") as health:
                assert health.status == 200
            assert any("/join#" in line for line in said)
            process.send_signal(signal.SIGINT)
            rest, errors = process.communicate(timeout=60)
        finally:
            process.kill()
    assert (process.returncode, rest) == (0, "ended\n"), errors
    assert "Traceback" not in errors
    assert (out / "loop.json").read_bytes() == before
    with pytest.raises(OSError, match="refused"):
        urlopen(f"{app}/api/v1/health", timeout=5)
