"""Pushing through the hub's own client to a hub on loopback: one commit, sound folders only, old files gone.

The client reads its endpoint when it is imported, so it runs in a process of its own: the program, with people's words.
"""

import socket
import tempfile
from pathlib import Path

import pytest

from plumbline.records import UsageError
from plumbline.release import push_release
from tests.prepared import start_prepared
from tests.release.hub_uploads import taking_uploads
from tests.release.processes import run_commands

NAME = "someone/hh-small"


def run(address, home, *commands, token="hf_none"):
    """What the commands ended with, and what they said."""
    environment = {"HF_ENDPOINT": address, "HF_HOME": str(home)}
    environment |= {} if token is None else {"HF_TOKEN": token}
    environment |= {"HF_HUB_DISABLE_TELEMETRY": "1", "HF_HUB_DISABLE_XET": "1"}
    with tempfile.TemporaryDirectory() as folder:
        streams = Path(folder, "out"), Path(folder, "err")
        process = start_prepared(run_commands, commands, environment, log=streams)
        process.join(120)
        assert process.exitcode == 0, process.exitcode
        out, err = (stream.read_text() for stream in streams)
    return [int(line.split()[1]) for line in out.splitlines() if line.startswith("exit")], err


def test_a_release_is_pushed_as_one_commit_and_pulled_as_it_was(sound, tmp_path):
    stale = {"old/train.jsonl.gz": b"old", ".gitattributes": b"*.gz filter=lfs\n"}
    with taking_uploads(NAME, stale, most_commits=1) as hub:
        codes, said = run(
            hub.address,
            tmp_path / "home",
            f"release push {sound} {NAME} --private",
            f"data pull {NAME} {tmp_path / 'pulled'}",
            f"release verify {tmp_path / 'pulled'}",
            f"data show {NAME}",
            f"release push {sound} {NAME}",
        )
    assert codes == [0, 0, 0, 0, 1], said
    assert "is what it says it is: version 1.0.0" in said
    sent = {path.relative_to(sound).as_posix(): path.read_bytes() for path in sound.rglob("*") if path.is_file()}
    assert hub.files == {**sent, ".gitattributes": stale[".gitattributes"]}
    assert (len(hub.commits), hub.created[0]["visibility"]) == (1, "private")
    assert "PL-REL-008" in said
    assert "hf_none" not in said


def test_what_is_not_sound_or_has_no_name_is_not_pushed(spoiled):
    with pytest.raises(UsageError, match="PL-REL-017"):
        push_release(spoiled, "no-owner")
    (spoiled / "extra.txt").write_text("x")
    with pytest.raises(UsageError, match="PL-REL-018"):
        push_release(spoiled, NAME)


REFUSALS = [
    ("/repos/create", 401, b'{"error": "Invalid credentials: hf_none"}'),
    ("/repos/create", 403, b'{"error": "hf_none may not"}'),
    ("/repos/create", 404, b""),
    ("/repos/create", 500, b"<html>hf_none"),
    ("/repos/create", 200, b"no JSON"),
    ("/repos/create", 200, b"[]"),
    ("/preupload/", 403, b""),
    ("/preupload/", 200, b"no JSON"),
    ("/preupload/", 200, b"{}"),
    ("/preupload/", 200, b'{"files": [{"path": "x"}]}'),
    ("/commit/", 404, b""),
    ("/commit/", 500, b"hf_none"),
    ("/commit/", 200, b"no JSON"),
    ("/commit/", 200, b"{}"),
]


def test_a_hub_that_refuses_or_answers_nonsense_is_an_error_with_a_code_and_without_the_token(sound, tmp_path):
    with taking_uploads(NAME, {}, most_commits=0, refusals=REFUSALS) as hub:
        codes, said = run(hub.address, tmp_path / "home", *[f"release push {sound} {NAME}"] * len(REFUSALS))
    assert codes == [1] * len(REFUSALS), said
    assert said.count("PL-REL-008") == len(REFUSALS)
    assert "Traceback" not in said
    assert "hf_none" not in said
    assert hub.files == {}


def test_no_hub_at_all_and_no_token(sound, tmp_path):
    with socket.socket() as taken:  # bound, and nobody listens
        taken.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{taken.getsockname()[1]}"
        codes, said = run(address, tmp_path / "home", f"release push {sound} {NAME}")
        without, said_without = run(address, tmp_path / "home", f"release push {sound} {NAME}", token=None)
    assert (codes, without) == ([1], [1])
    assert "PL-REL-008" in said
    assert "PL-REL-008" in said_without
    assert "Traceback" not in said + said_without
    assert "hf_none" not in said
