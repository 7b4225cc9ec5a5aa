"""API keys: shown once, kept as digests, asked for on every route but two."""

import json
import stat

import pytest

from plumbline.moderate.failures import ServingError
from plumbline.moderate.service.keys import KeyFile, add_key, read_keys
from plumbline.moderate.service.request_log import JsonLines
from plumbline.records import SourceError
from plumbline.web.rate_limits import Rate
from tests.moderate.service.asking import app_of, ask, while_it_runs


def test_a_key_is_nowhere_but_with_whoever_drew_it(tmp_path):
    path = tmp_path / "keys.toml"
    keys = [add_key(path, "staging"), add_key(path, "live-2")]
    assert all(key not in path.read_text() for key in keys)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert sorted(read_keys(path).values()) == ["live-2", "staging"]
    for name in ("staging", "", "a b", "x" * 65, '"]'):
        with pytest.raises(ServingError, match="PL-MDR-005"):
            add_key(path, name)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "no toml",
        '["a"]\nsha256 = "short"\n',
        '["a"]\nsha256 = 3\n',
        "a = 1\n",
        '["a"]\nsha256 = "%s"\nrole = "x"\n' % ("a" * 64),
    ],
)
def test_a_file_that_is_none_of_keys_is_refused(tmp_path, text):
    path = tmp_path / "keys.toml"
    path.write_text(text)
    path.chmod(0o600)
    with pytest.raises(ServingError, match="PL-MDR-003"):
        read_keys(path)


def test_a_file_too_long_is_refused_and_loses_no_key(tmp_path):
    path = tmp_path / "keys.toml"
    add_key(path, "first")
    path.write_text(path.read_text() + "#\n" * (1 << 19))
    with pytest.raises(SourceError, match="more than 1,048,576 bytes"):
        add_key(path, "last")


def test_a_file_that_others_read_or_that_is_not_there_is_refused(tmp_path):
    path = tmp_path / "keys.toml"
    with pytest.raises(SourceError, match="PL-MDR-003"):
        read_keys(path)
    add_key(path, "a")
    path.chmod(0o640)
    with pytest.raises(ServingError, match="PL-MDR-004"):
        read_keys(path)


def test_every_route_but_two_asks_for_a_key(moderation, tmp_path):
    key = add_key(tmp_path / "keys.toml", "a")
    app = app_of(("mod", moderation), keys=KeyFile(tmp_path / "keys.toml"), is_local=False)
    for path in ("/healthz", "/readyz"):
        assert ask(app, "GET", path).status == 200
    good = f"Bearer {key}"
    for path in ("/v1/models", "/v1/policies", "/metrics", "/openapi.json"):
        assert ask(app, "GET", path, authorization=good).status == 200
        for wrong in (None, "Bearer", f"Bearer {key[:-1]}", f"Basic {key}", f"Bearer {key}x", good + " "):
            answer = ask(app, "GET", path, authorization=wrong)
            assert (answer.status, answer.code) == (401, "PL-MDR-015"), (path, wrong)
            assert answer.headers["www-authenticate"] == "Bearer"
    assert ask(app, "POST", "/v1/moderations", {"input": "x"}).status == 401
    assert ask(app, "POST", "/v1/moderations", {"input": "x"}, authorization=good).status == 200
    assert ask(app, "GET", "/no/such/path").status == 401


def test_the_log_says_whose_key_was_refused_what_and_not_the_key(moderation, tmp_path, caplog):
    key = add_key(tmp_path / "keys.toml", "staging")
    app = app_of(("mod", moderation), keys=KeyFile(tmp_path / "keys.toml"), is_local=False)
    ask(app, "POST", "/v1/moderations", {}, authorization=f"Bearer {key}")
    ask(app, "POST", "/v1/moderations", {}, authorization=f"Bearer {key}x")
    lines = [json.loads(JsonLines().format(each)) for each in caplog.records]
    assert [(each["status"], each["key"]) for each in lines] == [(422, "staging"), (401, None)]
    assert key not in json.dumps(lines)


def asked_with(app, key):
    return ask(app, "GET", "/v1/models", authorization=f"Bearer {key}").status


def test_each_key_has_a_rate_of_its_own_that_nobody_without_it_can_use_up(moderation, tmp_path, caplog):
    first, second = (add_key(tmp_path / "keys.toml", name) for name in ("first", "second"))
    app = app_of(("mod", moderation), keys=KeyFile(tmp_path / "keys.toml"), rate=Rate(0.01, 2), is_local=False)
    # All from one address, as behind a proxy.
    assert [asked_with(app, f"plk_made-up-{number:020}") for number in range(4)] == [401, 401, 429, 429]
    assert [asked_with(app, first) for _ in range(3)] == [200, 200, 429]
    assert [asked_with(app, second) for _ in range(3)] == [200, 200, 429]
    told = [json.loads(JsonLines().format(each)) for each in caplog.records]
    assert [each["key"] for each in told if each["status"] == 429] == [None, None, "first", "second"]


def test_a_key_counts_once_it_stands_in_the_file_and_no_longer_than_that(moderation, tmp_path, monkeypatch, caplog):
    monkeypatch.setattr("plumbline.moderate.service.app.RELOAD_SECONDS", 0.01)
    path, statuses = tmp_path / "keys.toml", []
    old = add_key(path, "old")
    app = app_of(("mod", moderation), keys=KeyFile(path), is_local=False)

    def write(text, mode=0o600):
        aside = tmp_path / "aside"
        aside.write_text(text)
        aside.chmod(mode)
        aside.rename(path)

    while_it_runs(app, (lambda: statuses.append(add_key(path, "new")), lambda: "were replaced" in caplog.text))
    new = statuses.pop()
    assert (asked_with(app, old), asked_with(app, new)) == (200, 200)
    only_new = path.read_text().split("\n\n")[1]
    while_it_runs(app, (lambda: write(only_new), lambda: caplog.text.count("were replaced") == 2))
    assert (asked_with(app, old), asked_with(app, new)) == (401, 200)
    refused = [("", 0o600), (f'{new} = "new"\n', 0o600), (only_new, 0o644)]
    while_it_runs(
        app,
        *(
            (lambda given=given: write(*given), lambda number=number: caplog.text.count("not replaced") == number)
            for number, given in enumerate(refused, 1)
        ),
    )
    assert (asked_with(app, old), asked_with(app, new)) == (401, 200)
    lines = [json.loads(JsonLines().format(each)) for each in caplog.records]
    assert [each["code"] for each in lines if "not replaced" in each["event"]] == [
        "PL-MDR-003",
        "PL-MDR-003",
        "PL-MDR-004",
    ]
    assert [each["keys"] for each in lines if each["event"] == "keys were replaced"] == [["new", "old"], ["new"]]
    digest = only_new.split('sha256 = "')[1][:64]
    assert not any(secret in str(lines) for secret in (old, new, digest))
    metrics = ask(app, "GET", "/metrics", authorization=f"Bearer {new}").body.decode()
    assert 'plumbline_file_reloads_total{files="keys",outcome="changed"} 2.0' in metrics
    assert 'plumbline_file_reloads_total{files="keys",outcome="refused"} 3.0' in metrics
