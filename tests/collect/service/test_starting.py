"""Starting a study: what is looked at first, what is made, what happens the second time and at the same time."""

import json
import threading
from contextlib import closing
from dataclasses import replace

import pytest

from plumbline.collect.example_studies import write_example
from plumbline.collect.export.terms_told import terms_of_study_told
from plumbline.collect.kinds import Purpose
from plumbline.collect.service import store_places
from plumbline.collect.service.collecting import utc_now
from plumbline.collect.service.entering import enter_uploaded
from plumbline.collect.service.failures import ServiceError
from plumbline.collect.service.handing_out import hand_out_first_owner, hand_out_token, owners
from plumbline.collect.service.start_checks import check_start
from plumbline.collect.service.starting import start_study
from plumbline.collect.service.store_places import make_or_open_place, shown_place
from plumbline.collect.store.checking import check_store
from plumbline.collect.store.events import read_events
from plumbline.collect.store.items import count_queues
from plumbline.collect.store.migrating import create_store
from plumbline.collect.store.people import find_by_token, find_person
from plumbline.collect.store.rows import Role
from plumbline.collect.store.studies import create_study, find_study, list_studies
from plumbline.collect.study_file import read_study_file
from plumbline.collect.study_problems import StudyFileError
from plumbline.lineage import Use
from plumbline.sources import TakenUpScorer
from tests.collect.service.desk import Desk


def checked(folder, example="safety-labels", **how):
    write_example(folder, example)
    return check_start(read_study_file(folder / "study.toml"), "study.toml", **how)


def test_a_start_and_the_same_again(store, tmp_path):
    looked = checked(tmp_path / "s")
    told = []
    first = start_study(store, looked, told=lambda *each: told.append(each))
    assert (first.study, first.is_new, first.guidelines_version) == ("safety-labels", True, 1)
    assert {purpose: each.entered.new for purpose, each in first.entered.items()} == {
        Purpose.WORK: 18,
        Purpose.GOLD: 4,
        Purpose.ATTENTION: 2,
    }
    assert (Purpose.WORK, 0, 18) in told
    again = start_study(store, looked)
    assert not again.is_new
    assert [(each.entered.new, each.entered.known) for each in again.entered.values()] == [(0, 18), (0, 4), (0, 2)]
    study = find_study(store, "safety-labels")
    assert count_queues(store, study.id)[Purpose.WORK].slots == 3 * 18
    kinds = [event.kind for event in read_events(store, study_id=study.id)]
    assert (kinds.count("study_started"), kinds.count("study_created")) == (1, 1)
    assert check_store(store) == []


def test_it_is_told_where_no_item_names_a_topic_to_leave_out(store, tmp_path):
    write_example(tmp_path, "pairs")
    path = tmp_path / "study.toml"
    path.write_text(path.read_text().replace("[wellbeing]", "[wellbeing]\ntopics = true"))
    assert start_study(store, check_start(read_study_file(path), "study.toml")).lacks_topics


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("prompts.csv", "prompt,category\nHow are bees?,\nWho are you?,privacy_violation\n"),
        ("prompts.jsonl", '{"prompt": "How are bees?"}\n{"prompt": "Who are you?", "category": "privacy_violation"}\n'),
    ],
)
def test_chats_begin_with_plain_prompts_too(store, tmp_path, name, text):
    write_example(tmp_path, "preference-chat-harmlessness")
    path = tmp_path / "study.toml"
    path.write_text(path.read_text().replace("data/prompts.jsonl", f"data/{name}"))
    (tmp_path / "data" / name).write_text(text)
    started = start_study(store, check_start(read_study_file(path), "study.toml"))
    assert started.entered[Purpose.WORK].entered.new == 2
    desk = Desk(store, tmp_path)
    study = desk.collecting.catalogue.named(started.study)
    entered = enter_uploaded(desk.collecting, study, b'{"prompt": "What is honey?"}\n', "jsonl")
    assert (entered.entered.new, entered.faults) == (1, {})


@pytest.mark.parametrize(
    ("lines", "licence", "uses"),
    [
        ('uses = ["preference", "analysis"]\nlicence = "CC-BY-4.0"', "CC-BY-4.0", ["analysis", "preference"]),
        ('licence = "CC-BY-4.0"', "CC-BY-4.0", sorted(map(str, Use))),
        ("", "unknown", sorted(map(str, Use))),
    ],
)
def test_what_the_study_file_says_of_the_terms_fills_in_what_its_data_do_not(store, tmp_path, lines, licence, uses):
    write_example(tmp_path / "s", "pairs")
    file = tmp_path / "s" / "study.toml"
    file.write_text(f"{lines}\n{file.read_text()}")
    row = {"prompt": "q", "chosen": "one", "rejected": "other"}
    (tmp_path / "s" / "data" / "comparisons.jsonl").write_text(json.dumps(row) + "\n")
    start_study(store, check_start(read_study_file(file), "study.toml"))
    logged = [event.payload for event in read_events(store, limit=1000) if event.kind == "data_entered"]
    (work,) = [each for each in logged if each["purpose"] == "work"]
    assert (work["licence"], sorted(work["uses"])) == (licence, uses)


def test_on_what_terms_replies_come_is_known_before_the_first_is_drawn(store, tmp_path):
    """The study file says one licence and the corpus another: that is told before workers come, and logged once."""
    looked = checked(tmp_path / "s", "preference-chat")
    for _ in range(2):
        start_study(store, looked)
    (opened,) = [event.payload for event in read_events(store, limit=1000) if event.kind == "sources_opened"]
    ((source, licence),) = [(each["source"], each["licence"]) for each in opened["sources"]]
    assert (source, licence) == ("retrieval:data/comparisons.jsonl", "CC-BY-NC-4.0")
    study = find_study(store, "preference-chat")
    settings = looked.read.study.model_copy(update={"licence": "CC-BY-4.0"})
    told = terms_of_study_told(store, study.id, settings, as_of=utc_now())
    assert told[0].startswith(f"licence CC-BY-NC-4.0, of {source}; for ")
    assert "the study file says CC-BY-4.0" in told[1]


def test_two_starts_at_once_make_one_study(store, tmp_path):
    looked, results = checked(tmp_path / "s"), []
    threads = [threading.Thread(target=lambda: results.append(start_study(store, looked))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(each.is_new for each in results) == [False, False, False, True]
    assert sum(each.entered[Purpose.WORK].entered.new for each in results) == 18
    assert len(list_studies(store)) == 1
    assert check_store(store) == []


def test_another_file_under_the_same_name_changes_nothing(store, tmp_path):
    looked = checked(tmp_path / "s")
    start_study(store, looked)
    before = read_events(store)
    settings = looked.read.study.model_copy(update={"overlap": 5, "seed": 9})
    with pytest.raises(ServiceError, match="PL-SVC-011") as refused:
        start_study(store, replace(looked, read=replace(looked.read, study=settings)))
    assert refused.value.found == "another overlap, seed"
    assert read_events(store) == before
    # As long as nobody has worked, and nothing else is in the store, its file may be moved away.
    assert (f"move {store.engine.url.database}* away" in refused.value.advice) == store.is_sqlite
    create_study(store, "another", "pairs", looked.read.text, "", now=utc_now())
    with pytest.raises(ServiceError) as refused:
        start_study(store, replace(looked, read=replace(looked.read, study=settings)))
    assert "away" not in refused.value.advice


def test_the_first_owner_and_no_second(store):
    owner = hand_out_first_owner(store, now=utc_now())
    assert find_by_token(store, owner.token, now=utc_now()).role is Role.OWNER
    assert hand_out_first_owner(store, now=utc_now()) is None
    hand_out_token(store, role=Role.MANAGER, now=utc_now())
    assert [person.pseudonym for person in owners(store)] == [owner.pseudonym]


def test_of_two_who_make_a_store_at_once_the_second_takes_the_firsts(tmp_path, monkeypatch):
    place, first = tmp_path / "new" / "store.db", []

    def faster(path):
        made = create_store(path)
        if not first:
            first.append(None)
            store, is_new = make_or_open_place(place)  # somebody else, in the meantime
            with closing(store):
                first[0] = (is_new, hand_out_token(store, now=utc_now()).pseudonym)
        return made

    monkeypatch.setattr(store_places, "create_store", faster)
    store, is_new = make_or_open_place(place)
    with closing(store):
        assert (is_new, first[0][0]) == (False, True)
        assert find_person(store, first[0][1]) is not None  # nobody's store took the place of another
    assert [path.name for path in place.parent.iterdir()] == ["store.db"]


def test_where_no_links_can_be_made_a_store_is_renamed(tmp_path, monkeypatch):
    def no_links(*_):
        raise OSError(1, "Operation not permitted")

    monkeypatch.setattr(store_places.os, "link", no_links)
    store, is_new = make_or_open_place(tmp_path / "store.db")
    store.close()
    assert is_new
    assert (tmp_path / "store.db").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    ("place", "shown"),
    [
        ("a/b.db", "a/b.db"),
        ("postgresql://me:secret@host/db", "postgresql://me:***@host/db"),
        ("postgresql://me@/db?host=/run&password=secret&sslpassword=secret", "postgresql://me@/db?host=%2Frun"),
        ("postgresql+psycopg://me:secret@host:7/db", "postgresql://me:***@host:7/db"),
    ],
)
def test_a_place_is_shown_without_its_password(place, shown):
    assert shown_place(place) == shown


# --- what is looked at first ---


def test_everything_that_is_wrong_is_told_at_once(tmp_path):
    write_example(tmp_path / "s", "preference-chat-harmlessness")
    data = tmp_path / "s" / "data"
    (data / "prompts.jsonl").write_bytes((data / "comparisons.jsonl").read_bytes().splitlines()[0][:20])
    (data / "known-comparisons.jsonl").unlink()
    (data / "known-comparisons.jsonl").mkdir()
    (data / "comparisons.jsonl").write_text("")
    with pytest.raises(StudyFileError) as refused:
        checked_again(tmp_path / "s")
    keys = [problem.key for problem in refused.value.problems]
    assert keys == [("items", "prompts"), ("qualification", "items"), ("replies", "sources", 0)]
    assert all(problem.line for problem in refused.value.problems)


def checked_again(folder, **how):
    return check_start(read_study_file(folder / "study.toml"), "study.toml", **how)


def test_a_corpus_outside_the_folder_and_a_scorer_that_cannot_be_opened(tmp_path):
    write_example(tmp_path / "s", "red-team-chat")
    (tmp_path / "outside.jsonl").write_bytes((tmp_path / "s/data/comparisons.jsonl").read_bytes())
    (tmp_path / "s" / "model").mkdir()
    file = tmp_path / "s" / "study.toml"
    best = 'sampler = "best-of-k"\nk = 4\nscorer = "model"'
    text = file.read_text().replace('sampler = "two-samples"', best).replace("retrieval:data", "retrieval:../data")
    file.write_text(text.replace('tranche = "base"', 'tranche = "rejection-sampled"'))

    def broken(folder):
        raise ServiceError("PL-SVC-003", str(folder), "no model", advice="train one")

    with pytest.raises(StudyFileError) as refused:
        checked_again(tmp_path / "s", open_scorer=broken)
    assert [problem.key[-1] for problem in refused.value.problems] == [0, "scorer"]
    file.write_text(file.read_text().replace("retrieval:../data", "retrieval:data"))
    looked = checked_again(tmp_path / "s", open_scorer=lambda _: TakenUpScorer(), try_sources=True)
    assert looked.not_tried == ()
    assert looked.data == {}  # the workers begin the conversations


@pytest.mark.parametrize(
    ("url", "more", "codes"),
    [
        ("https://10.0.0.1:9/v1", "", ["PL-REP-004"]),
        ("http://localhost:8000/v1", "", ["PL-REP-004"]),
        ("http://models.example/v1", "", ["PL-REP-010"]),
        ("http://localhost:8000/v1", "allow_private = true\n", []),
        ("https://models.example/v1", "", []),
    ],
)
def test_an_endpoint_that_could_never_be_asked_is_told_before_anything_is_made(tmp_path, url, more, codes):
    write_example(tmp_path / "s", "preference-chat")
    file = tmp_path / "s" / "study.toml"
    text = file.read_text().replace('"retrieval:data/comparisons.jsonl"', f'"openai:m@{url}"')
    file.write_text(text.replace("max_tokens = 256\n", f"max_tokens = 256\n{more}"))
    if not codes:
        assert checked_again(tmp_path / "s").not_tried == (f"openai:m@{url}",)
        return
    with pytest.raises(StudyFileError) as refused:
        checked_again(tmp_path / "s")
    assert [(problem.code, problem.key) for problem in refused.value.problems] == [
        (codes[0], ("replies", "sources", 0))
    ]
