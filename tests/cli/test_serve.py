"""``plumbline serve`` as a process: the official client, policies that change, and an end that loses nothing."""

import json
import os
import re
import signal
import threading
import time
import urllib.error
import urllib.request
from contextlib import contextmanager

import pytest
from openai import APIStatusError, OpenAI

from plumbline.moderate.policy import Policy, Threshold
from plumbline.moderate.policy_text import format_policy
from tests.models.made_up import saved
from tests.moderate.conftest import trained_moderation
from tests.prepared import run_program, start_prepared

RUDE, KIND = "no go away", "happy to help with that"


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return saved(tmp_path_factory.mktemp("models") / "mod", trained_moderation())


@contextmanager
def serving(folder, *words):
    """The address of a server, its process, and the file that its log is in."""
    out, log = folder / "out", folder / "log"
    process = start_prepared(run_program, "serve", *map(str, words), "--port", "0", log=(out, log))
    try:
        for _ in range(600):
            found = re.search(r"at (http\S+)", out.read_text()) if out.exists() else None
            if found or not process.is_alive():
                break
            time.sleep(0.05)
        assert found, log.read_text()
        yield found[1], process, log
    finally:
        if process.is_alive():
            process.kill()
        process.join()


def client_of(address, key):
    return OpenAI(base_url=f"{address}/v1", api_key=key, max_retries=0)


def asked(address, **body):
    request = urllib.request.Request(
        f"{address}/v1/moderations", json.dumps(body).encode(), {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.load(answer)["results"]


def test_the_official_client_and_an_end_on_a_signal(model, tmp_path):
    with serving(tmp_path, model) as (address, process, log), client_of(address, "any") as client:
        answer = client.moderations.create(input=[RUDE, KIND], model="omni-moderation-latest")
        assert [each.flagged for each in answer.results] == [True, False]
        assert answer.model.startswith("mod@")
        assert answer.results[0].to_dict()["categories"]["unsafe"] is True
        single = client.moderations.create(input=RUDE)
        assert single.results[0].flagged
        parts = client.moderations.create(input=[{"type": "text", "text": RUDE}])
        assert parts.results[0].category_applied_input_types.to_dict()["unsafe"] == ["text"]
        assert [each.id for each in client.models.list()] == ["mod"]
        with pytest.raises(APIStatusError) as refused:
            client.moderations.create(input=RUDE, model="none")
        assert (refused.value.status_code, refused.value.body["code"]) == (404, "PL-MDR-012")
        os.kill(process.pid, signal.SIGTERM)
        process.join(30)
        assert process.exitcode == 0
    assert "SYNTHETIC" in log.read_text()


def test_a_changed_policy_decides_from_then_on_and_a_broken_one_changes_nothing(model, tmp_path):
    heads = [each["name"] for each in json.loads((model / "model.json").read_text())["heads"]]

    def text(version, limit):
        return format_policy(Policy("own", version, {heads[0]: Threshold(limit, limit)}, tuple(heads[1:])))

    def write(content):
        aside = tmp_path / "aside"
        aside.write_text(content)
        aside.rename(policy)

    def until(wanted):
        for _ in range(300):
            (result,) = asked(address, input=RUDE)
            if result["judged_by"]["policy"].startswith(wanted):
                return result["flagged"]
            time.sleep(0.05)
        raise AssertionError(result)

    policy = tmp_path / "policy.toml"
    write(text(1, 0.2))
    with serving(tmp_path, model, "--policy", policy) as (address, _, log):
        assert until("own@1@")
        write("broken")
        for _ in range(300):
            if "not replaced" in log.read_text():
                break
            time.sleep(0.05)
        assert until("own@1@")
        write(text(2, 1.0))
        assert not until("own@2@")
    (refused,) = [json.loads(line) for line in log.read_text().splitlines() if "not replaced" in line]
    assert refused["code"] == "PL-POL-003"


def test_what_was_accepted_is_answered_though_it_is_told_to_end(model, tmp_path):
    answered, refused, go = [], [], threading.Event()

    def ask_on(address):
        while not go.is_set():
            try:
                answered.append(len(asked(address, input=[RUDE] * 50)))
            except urllib.error.HTTPError as error:
                answered.append(error.code)
                error.close()
            except (OSError, urllib.error.URLError) as error:
                refused.append(getattr(error, "reason", error))
                return

    with serving(tmp_path, model, "--log-requests") as (address, process, log):
        threads = [threading.Thread(target=ask_on, args=(address,)) for _ in range(8)]
        for thread in threads:
            thread.start()
        time.sleep(1)
        os.kill(process.pid, signal.SIGTERM)
        process.join(30)
        go.set()
        for thread in threads:
            thread.join()
        assert process.exitcode == 0
    assert set(answered) == {50}
    # Those that came after the end found nobody; every request that was let in was answered, and its answer arrived.
    told = [json.loads(line) for line in log.read_text().splitlines() if '"event": "request"' in line]
    assert [each["status"] for each in told] == [200] * len(answered)
    assert refused
    assert {type(each) for each in refused} == {ConnectionRefusedError}, "none had connected, and was then cut off"


@pytest.mark.parametrize(
    ("words", "code"),
    [
        ([], "PL-MDR-006"),
        (["MODEL", "MODEL"], "PL-MDR-002"),
        (["nowhere"], "PL-MOD-001"),
        (["MODEL", "--host", "0.0.0.0"], "PL-MDR-009"),
        (["MODEL", "--keys", "none.toml"], "PL-MDR-003"),
        (["MODEL", "--policy", "none.toml"], "PL-POL-002"),
        (["MODEL", "--host", "192.0.2.1", "--keys", "KEYS"], "PL-STA-011"),
        (["--add-key", "a"], "PL-MDR-005"),
    ],
)
def test_what_cannot_be_served_is_said_before_anything_listens(plumb, model, tmp_path, monkeypatch, words, code):
    monkeypatch.chdir(tmp_path)
    assert plumb("serve", "--add-key", "x", "--keys", "keys.toml")[0] == 0
    named = {"MODEL": model, "KEYS": "keys.toml"}
    exit_code, out, err = plumb("serve", *[named.get(word, word) for word in words])
    assert code in err
    assert exit_code in (1, 2)
    assert not out


@pytest.mark.parametrize("rate", ["inf", "1e308", "nan", "0"])
def test_a_rate_that_is_none_is_refused(plumb, model, rate):
    exit_code, _, err = plumb("serve", model, "--rate-limit", rate)
    assert exit_code == 2
    assert "--rate-limit" in err


def test_a_key_is_printed_once_and_opens_the_service(plumb, model, tmp_path):
    keys = tmp_path / "keys.toml"
    code, key, err = plumb("serve", "--add-key", "staging", "--keys", keys)
    assert (code, key.startswith("plk_"), "staging" in err, "in two seconds" in err) == (0, True, True, True)
    with serving(tmp_path, model, "--keys", keys) as (address, _, log):
        with client_of(address, key.strip()) as client:
            assert client.moderations.create(input=RUDE).results[0].flagged
        with client_of(address, "plk_" + "x" * 40) as client, pytest.raises(APIStatusError) as refused:
            client.moderations.create(input=RUDE)
        assert refused.value.status_code == 401
    assert key.strip() not in log.read_text()
