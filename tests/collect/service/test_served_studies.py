"""Several studies behind one server: each draws from its own folder, whatever the others' files are called."""

import asyncio
import json
import pickle

import pytest

from plumbline.collect.example_studies import write_example
from plumbline.collect.kinds import Purpose
from plumbline.collect.server.running import Served
from plumbline.collect.service import after_work
from plumbline.collect.service.failures import ServiceError
from plumbline.collect.service.opening import open_collecting
from plumbline.collect.service.samplers import SourceRules
from plumbline.collect.service.served_studies import Permits, find_served, permits_of, served_rules
from plumbline.collect.service.start_checks import check_start
from plumbline.collect.service.starting import start_study
from plumbline.collect.service.studies import new_study
from plumbline.collect.store.items import count_items
from plumbline.collect.store.migrating import open_store
from plumbline.collect.study_file import read_study_file
from plumbline.collect.study_settings import Replies, Sampler
from plumbline.loop.reply_scorer import open_reply_scorer
from plumbline.records import Message, Role
from tests.collect.service.desk import Desk
from tests.collect.service.test_after_work import UNSAFE, labelled


@pytest.fixture
def store(make_address):
    opened = open_store(make_address("sqlite"))
    yield opened
    opened.close()


def started(store, folder, name, word):
    """A study whose corpus says one word, in a file called as everybody's is."""
    write_example(folder, "red-team-chat")
    file = folder / "study.toml"
    file.write_text(file.read_text().replace('name = "red-team-chat"', f'name = "{name}"'))
    rows = (folder / "data" / "comparisons.jsonl").read_text().splitlines()
    said = [
        json.dumps(json.loads(row) | {"response_0": f"{word} one {number}", "response_1": f"{word} two {number}"})
        for number, row in enumerate(rows)
    ]
    (folder / "data" / "comparisons.jsonl").write_text("\n".join(said))
    start_study(store, check_start(read_study_file(file), file.name))
    return folder


def served(store, *folders):
    places = find_served(list(folders), "one store")
    return served_rules(store, [(place, read_study_file(place.file).study) for place in places], Permits())


def drawn(store, rules, name):
    async def draw():
        collecting = open_collecting(store, rules)
        try:
            sampler = await collecting.samplers.of_study(collecting.catalogue.named(name))
            return await sampler.draw((Message(Role.HUMAN, "How do I?"),), seed=1)
        finally:
            await collecting.samplers.close()
            collecting.calls.close()

    return {side.text.split()[0] for side in asyncio.run(draw()).sides}


def test_each_study_draws_from_its_own_folder(store, tmp_path):
    folders = [started(store, tmp_path / name, name, name) for name in ("a", "b")]
    rules, notes = served(store, *folders)
    assert notes == []
    assert (drawn(store, rules, "a"), drawn(store, rules, "b")) == ({"a"}, {"b"})


def test_a_study_whose_folder_is_not_served_draws_from_no_others(store, tmp_path):
    first, second = (started(store, tmp_path / name, name, name) for name in ("a", "b"))
    rules, _ = served(store, first)
    with pytest.raises(ServiceError, match=r"PL-SVC-003.*folder of its own"):
        drawn(store, rules, "b")
    assert drawn(store, served(store, second)[0], "b") == {"b"}


def test_a_study_that_came_through_the_api_draws_from_the_servers_folder(store, tmp_path):
    folder = started(store, tmp_path / "a", "a", "a")
    rules, _ = served(store, folder)
    collecting = open_collecting(store, rules)
    text = (folder / "study.toml").read_text().replace('name = "a"', 'name = "sent"')
    new_study(collecting, text, "Read.", rules)
    collecting.calls.close()
    assert drawn(store, rules, "sent") == {"a"}


def test_a_file_that_was_changed_since_is_told_and_does_not_count(store, tmp_path):
    folder = started(store, tmp_path / "a", "a", "a")
    file = folder / "study.toml"
    file.write_text(file.read_text().replace("turns = 4", "turns = 3"))
    _, notes = served(store, folder)
    assert len(notes) == 1
    assert "turns" in notes[0]


def test_what_a_study_needs_is_what_its_command_permits(tmp_path):
    assert permits_of(None) == Permits()
    replies = Replies(
        sampler=Sampler.TWO_MODELS,
        sources=("openai:m@https://host.example/v1", "transformers:gpt"),
        key_variable="MY_KEY",
        allow_private=True,
    )
    assert permits_of(replies) == Permits(frozenset({"MY_KEY"}), True, True)


def test_what_is_served_travels_to_other_processes(store, tmp_path):
    folder = started(store, tmp_path / "a", "a", "a")
    given = Served(tmp_path / "x.db", served(store, folder)[0], open_reply_scorer)
    assert pickle.loads(pickle.dumps(given)) == given


def test_a_server_looks_for_split_labels_when_it_starts(make_address, tmp_path, monkeypatch):
    place = make_address("sqlite")
    desk = Desk(open_store(place))
    with monkeypatch.context() as patched:
        patched.setattr(after_work, "_enter_split", lambda *_: None)  # as if the process had died before
        study = labelled(desk, [[], [UNSAFE]], overlap=2)
    assert count_items(desk.store, study.id, Purpose.ADJUDICATION) == 0
    Served(place, SourceRules(tmp_path)).enter_splits()
    assert count_items(desk.store, study.id, Purpose.ADJUDICATION) == 1
    desk.collecting.calls.close()
    desk.store.close()
