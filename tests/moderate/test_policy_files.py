"""Policies of a running service: all files are taken, or none; what stood before stays where one is broken."""

import os
import threading
import time

import pytest

from plumbline.moderate.policy import OWN_POLICY, Policy, Threshold
from plumbline.moderate.policy_files import PolicyFiles, read_policy
from plumbline.moderate.policy_text import format_policy
from plumbline.records import PlumblineError

HEADS = ("unsafe", "self_harm")
OWN = Policy(OWN_POLICY, 1, {name: Threshold(0.5, 0.5) for name in HEADS})


def write(path, name, flag, version=1):
    """Replace a policy's file at once, as an editor does; its time is long ago, so that it looks settled."""
    aside = path.with_suffix(".new")
    aside.write_text(format_policy(Policy(name, version, {head: Threshold(0.1, flag) for head in HEADS})))
    return put(aside, path, version)


def put(aside, path, second):
    os.utime(aside, (second, second))
    aside.replace(path)
    return path


@pytest.fixture
def paths(tmp_path):
    return [write(tmp_path / f"{name}.toml", name, 0.6) for name in ("strict", "mild")]


def flags(files):
    return {name: policy.thresholds["unsafe"].flag for name, policy in files.current.items()}


def test_policies_stand_in_the_order_of_their_files_and_the_models_own_last(paths):
    assert flags(PolicyFiles(paths, HEADS, OWN)) == {"strict": 0.6, "mild": 0.6, OWN_POLICY: 0.5}
    assert list(PolicyFiles(paths, HEADS).current) == ["strict", "mild"]
    assert list(PolicyFiles([], HEADS, OWN).current) == [OWN_POLICY]


def test_a_changed_file_is_noticed_and_an_unchanged_one_is_not_read_again(paths, monkeypatch):
    files = PolicyFiles(paths, HEADS)
    before = files.current
    write(paths[0], "strict", 0.7, version=2)
    assert files.reload_if_changed()
    assert flags(files) == {"strict": 0.7, "mild": 0.6}
    assert before["strict"].thresholds["unsafe"].flag == 0.6, "whoever began with the old policies ends with them"
    monkeypatch.setattr(
        "plumbline.moderate.policy_files.read_file", lambda path, _most: pytest.fail(f"{path} was read again")
    )
    assert not files.reload_if_changed()


def test_a_file_that_was_only_touched_is_no_change(paths):
    files = PolicyFiles(paths, HEADS)
    before = files.current
    os.utime(paths[0], (1000, 1000))
    assert not files.reload_if_changed()
    assert files.current is before


def test_a_change_within_the_clocks_tick_is_noticed(paths, monkeypatch):
    """Of the same size and times: only its content tells."""
    now = (time.time_ns(), 1, 1, 1)
    monkeypatch.setattr("plumbline.moderate.reloaded_files._stamp", lambda _path: now)
    files = PolicyFiles(paths, HEADS)
    write(paths[0], "strict", 0.7)
    assert files.reload_if_changed()
    assert flags(files)["strict"] == 0.7


def test_a_file_changed_under_its_old_time_is_noticed(paths):
    """As some tools copy: size and modification time are those of before."""
    files = PolicyFiles(paths, HEADS)
    before = paths[0].stat()
    with paths[0].open("r+") as file:
        text = file.read().replace("0.6", "0.7")
        file.seek(0)
        file.write(text)
    os.utime(paths[0], ns=(before.st_atime_ns, before.st_mtime_ns))
    assert paths[0].stat().st_size == before.st_size
    assert files.reload_if_changed()
    assert flags(files)["strict"] == 0.7


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"name = ", "PL-POL-003"),
        (b"\xff\xfe", "PL-POL-002"),
        (b"#" * (1 << 20) + b"#", "PL-POL-001"),
        (b'name = "mild"\nversion = 1\n[thresholds]\nunsafe = { review = 0, flag = 1 }', "PL-POL-007"),
        (b'name = "x"\nversion = 1\n[thresholds]\nother = { review = 0, flag = 1 }', "PL-POL-006"),
        (format_policy(Policy("strict", 1, OWN.thresholds)).encode(), "PL-POL-009"),
        (format_policy(OWN).encode(), "PL-POL-009"),
        (None, "PL-POL-002"),
    ],
)
def test_a_broken_file_leaves_all_as_it_was_and_is_told(paths, content, code):
    files = PolicyFiles(paths, HEADS, OWN)
    before = files.current
    write(paths[0], "strict", 0.7)  # right, and not taken, for the other one is not
    if content is None:
        paths[1].unlink()
    else:
        aside = paths[1].with_suffix(".new")
        aside.write_bytes(content)
        put(aside, paths[1], 7)
    with pytest.raises(PlumblineError) as raised:
        files.reload()
    assert (raised.value.code, files.failure) == (code, raised.value)
    assert files.current is before
    assert not files.reload_if_changed(), "the same broken file is not taken the second time either"
    assert files.current is before
    assert files.failure is not None
    write(paths[1], "mild", 0.8)
    assert files.reload_if_changed()
    assert (flags(files), files.failure) == ({"strict": 0.7, "mild": 0.8, OWN_POLICY: 0.5}, None)


def test_a_pipe_in_a_files_place_holds_nobody_up(paths):
    files = PolicyFiles(paths, HEADS)
    before = files.current
    paths[0].unlink()
    os.mkfifo(paths[0])
    looked = threading.Thread(target=files.reload_if_changed, daemon=True)
    looked.start()
    looked.join(20)
    assert not looked.is_alive(), "it waits for somebody to write"
    assert (files.failure.code, files.current) == ("PL-POL-002", before)


def test_a_broken_file_is_told_by_the_timer_and_forgotten_once_it_is_as_before(paths):
    files = PolicyFiles(paths, HEADS)
    good = paths[0].read_text()
    paths[0].write_text("name = ")
    assert not files.reload_if_changed()
    assert files.failure.code == "PL-POL-003"
    paths[0].write_text(good)
    assert not files.reload_if_changed()
    assert files.failure is None


def test_a_file_read_once_more_for_it_has_just_changed_fails_once(paths):
    files = PolicyFiles(paths, HEADS)
    paths[0].write_bytes(b"#" * ((1 << 20) + 1))
    assert not files.reload_if_changed()
    failure = files.failure
    assert not files.reload_if_changed()
    assert files.failure is failure


def test_a_service_does_not_start_with_a_broken_policy_or_without_any(paths, tmp_path):
    paths[1].write_text("name = ")
    for given in (paths, [], [tmp_path / "none.toml"], [tmp_path], [tmp_path / "\0.toml"]):
        with pytest.raises(PlumblineError):
            PolicyFiles(given, HEADS)


def test_readers_see_all_of_the_old_or_all_of_the_new(paths):
    """Two files change together; whatever moment a reader looks at, both are of one version."""
    files, seen, done = PolicyFiles(paths, HEADS), set(), threading.Event()

    def watch():
        while not done.is_set():
            seen.add(tuple(policy.thresholds["unsafe"].flag for policy in files.current.values()))

    reader = threading.Thread(target=watch)
    reader.start()
    try:
        for version in range(2, 40):
            for path in paths:
                write(path, path.stem, version / 100 + 0.2, version)
            files.reload()
    finally:
        done.set()
        reader.join()
    assert seen
    assert all(first == second for first, second in seen)


def test_a_policy_is_read_from_its_file(paths):
    assert read_policy(paths[0]).name == "strict"
