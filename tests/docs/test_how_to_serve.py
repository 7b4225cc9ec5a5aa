"""docs/how-to/serve.md: every command is run, the client and the request of the page get their answers, limits are the code's."""

import json
import re
import shlex
import shutil
import urllib.request
from pathlib import Path

import pytest

from plumbline.moderate.batching import LINEAR, TRANSFORMER
from plumbline.moderate.requests import MOST_INPUTS
from plumbline.moderate.service.app import AppOptions
from plumbline.moderate.service.running import GRACE_SECONDS
from tests.cli.conftest import plumb as plumb
from tests.cli.test_serve import serving
from tests.models.made_up import saved
from tests.moderate.conftest import trained_cost, trained_moderation, trained_preference

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "how-to" / "serve.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


@pytest.fixture
def models(tmp_path, monkeypatch):
    """The models that the page names, in the folder that it is read in."""
    monkeypatch.chdir(tmp_path)
    for name, train in (("moderation", trained_moderation), ("reward", trained_preference), ("cost", trained_cost)):
        saved(tmp_path / "models" / name, train())


def test_every_command_and_the_client(plumb, models, tmp_path, capsys):
    ran = []
    for line in "\n".join(body for language, body in BLOCKS if language == "bash").splitlines():
        words = shlex.split(line)
        if not words or words[0] == "pip":
            continue
        assert words[:2] == ["plumbline", "serve"], line
        if "--add-key" in words:
            assert plumb(*words[1:])[0] == 0
        else:
            folder = tmp_path / str(len(ran))
            folder.mkdir()
            asked = [word for word in words[2:] if word not in ("--port", "8000")]
            with serving(folder, *asked) as (address, _, _):
                if len(asked) == 3:
                    _score(address)
                elif "--keys" not in asked:
                    _ask(address, capsys)
        ran.append(line)
    assert len(ran) == 4
    shutil.rmtree(tmp_path / "models")


def _ask(address, capsys):
    (body,) = [body for language, body in BLOCKS if language == "py"]
    assert "http://127.0.0.1:8000" in body
    names = {}
    exec(compile(body.replace("http://127.0.0.1:8000", address), "serve.md", "exec"), names)
    names["client"].close()
    assert re.fullmatch(r"\[(True|False), (True|False)\]", capsys.readouterr().out.strip())


def _score(address):
    (body,) = [body for language, body in BLOCKS if language == "json"]
    request = urllib.request.Request(f"{address}/v1/score", body.encode(), {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=30) as answer:
        reward, cost = json.load(answer)["models"]
    assert set(reward["conversations"][0]["replies"][1]) == {"reward", "best_probability", "truncated", "error"}
    assert set(cost["conversations"][0]["replies"][1]) == {"cost", "unsafe_probability", "truncated", "error"}


def test_limits_are_those_of_the_code():
    limits = AppOptions().bodies
    assert f"up to {MOST_INPUTS:,} texts" in PAGE
    assert f"bodies over {limits.most_bytes >> 20} MiB" in PAGE
    assert f"nested deeper than {limits.most_depth}" in PAGE
    assert f"for {GRACE_SECONDS} seconds at most" in PAGE
    assert (LINEAR.most_request_characters, TRANSFORMER.most_request_characters) == (1 << 22, 1 << 20)
