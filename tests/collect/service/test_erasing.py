"""Erasing: a person's words are gone from every place, from the bytes too; the figures and everybody else's words stay."""

import json
import shutil
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import event, text

from plumbline.collect.service.erasing import erase_worker, releases_affected
from plumbline.collect.store.checking import check_store
from plumbline.collect.store.drafts import save_draft
from plumbline.collect.store.events import log_event, read_events
from plumbline.collect.store.failures import ConflictError, NotAllowedError, NotFoundError, StoreError
from plumbline.collect.store.items import count_queues, enter_items
from plumbline.collect.store.judgements import read_judgements
from plumbline.collect.store.keeping.erasing import erase_person
from plumbline.collect.store.migrating import open_store
from plumbline.collect.store.people import add_person, find_by_token, find_person, issue_token, set_blocked
from plumbline.collect.store.rows import NewItem, NewJudgement, Purpose, Role
from plumbline.collect.store.studies import find_study
from plumbline.collect.store.submission import correct
from plumbline.lineage import FileEntry, Manifest, file_digest
from plumbline.records import SourceError
from tests.collect import postgres_server
from tests.collect.api.client import EXAMPLES, Api, rows, toml
from tests.collect.api.made_up_sources import ToldPool, ToldSampler
from tests.collect.store.filled import contents
from tests.collect.store.made_up import START, make_desk

# Long, since columns stand side by side in the files: an id that ends in "zz" and then "owner" held a shorter word.
OWN, OTHERS = "theverywordsofone", "theverywordsofothers"
CHAT = {
    "name": "chat", "axes": ["helpfulness"], "items": "workers", "turns": 2, "edit": True, "comment": True,
    "rating": True, "replies": {"sampler": "two-samples", "sources": ["retrieval:data/comparisons.jsonl"]},
    "spot_check": {"first": 9, "share": 0.5},
}  # fmt: skip


@pytest.fixture(scope="module")
def worked_once(tmp_path_factory, request):
    """By database: a store in which people have worked, and who knows them; made once, and copied for each test."""
    made = {}

    def find(database):
        if database not in made:
            place, address = filled_place(database, request, tmp_path_factory)
            with closing(open_store(address)) as opened:
                api = api_of(opened)
                people = have_work_done(api)
                api.close()
            made[database] = place, api, people
        return made[database]

    return find


def filled_place(database, request, tmp_path_factory):
    """A store that is kept for the module: the file or the database's name, and its address."""
    if database == "sqlite":
        path = tmp_path_factory.mktemp("worked") / "store.db"
        shutil.copyfile(request.getfixturevalue("sqlite_template"), path)
        return path, path
    socket = request.getfixturevalue("postgres")
    name = postgres_server.make_database(socket, template=request.getfixturevalue("postgres_template"))
    return name, postgres_server.address_of(socket, name)


@pytest.fixture
def store(request, database, make_address, worked_once, tmp_path):
    """An empty store; a copy of the one in which people have worked, where the test asks for them."""
    if "worked" not in request.fixturenames:
        address = make_address(database)
    elif database == "sqlite":
        address = shutil.copyfile(worked_once(database)[0], tmp_path / "store.db")
    else:
        socket, (template, *_) = request.getfixturevalue("postgres"), worked_once(database)
        address = postgres_server.address_of(socket, postgres_server.make_database(socket, template=template))
    with closing(open_store(address)) as opened:
        yield opened


def api_of(store, knowing=None):
    """The API over a store; the source quotes what it is asked."""
    if store.is_sqlite:  # some builds overwrite what is removed by themselves; most do not
        event.listen(store.engine, "connect", lambda raw, _: raw.execute("PRAGMA secure_delete=OFF"))
        store.engine.dispose()
    return Api(store, make_pool=ToldPool(Quoting()), knowing=knowing)


@pytest.fixture
def api(request, store, database, worked_once):
    made = api_of(store, worked_once(database)[1] if "worked" in request.fixturenames else None)
    yield made
    made.close()


class Quoting(ToldSampler):
    """A sampler whose replies, shown or not, repeat the last turn, as models do."""

    async def draw(self, conversation, *, seed=None):
        self.text = f"You say: {conversation[-1].text}"
        return await super().draw(conversation, seed=seed)


def chat(api, study, worker, word, *, before=(), after):
    """A conversation with words in every place that takes some."""
    work = api.next(study, worker)
    for submission in before:
        api.submitted(work, worker, **submission)
    for turn in (1, 2):
        step = api.say(work, worker, turn, f"{word} in turn {turn}").json()["step"]
        edit = {"edit": {"position": 0, "text": f"{word} edited"}} if step["fields"]["edit"] and turn == 1 else {}
        api.submitted(work, worker, act="judge-turn", turn=turn, step=2, shown=step["fields"]["shown"], **edit)
    return work, api.submitted(work, worker, **after)


def everything(api, worker, word):
    """The worker finishes one piece of each kind of work, with words in it."""
    chat(api, "chat", worker, word, after={"act": "close", "rating": 2, "comment": f"{word} at the end"})
    described = {"act": "describe", "task_description": f"{word} as intended"}
    rated = {"act": "rate-self", "rating": 1}
    chat(api, "red", worker, word, before=[{"act": "consent", "agreed": True}, described], after=rated)
    work = api.next("pairs", worker)
    done = api.submitted(work, worker, act="judge-pair", helpfulness=2, comment=f"{word} on the pair")
    corrected = {"act": "judge-pair", "helpfulness": 7, "comment": f"{word} corrected"}
    body = {"guidelines_version": 1, "submission": corrected}
    api.got("POST", f"/judgements/{done['judgements'][0]}/correct", worker, json=body, key=api.key())
    work = api.next("labels", worker)
    api.submitted(
        work, worker, act="label", categories=[], none_applies=True, confidence=1, comment=f"{word} on the label"
    )
    _rank(api, worker, word)
    _late(api, worker, word)


def in_hand(api, worker, word):
    """The worker has a draft and an unfinished conversation."""
    work = api.next("pairs", worker)
    draft = {"comment": f"{word} half a thought"}
    save_draft(api.store, work["assignment"], api.ids[worker].id, draft, version_read=0, now=api.now)
    work = api.next("chat", worker)
    api.say(work, worker, 1, f"{word} in an unfinished chat")


def _rank(api, worker, word):
    work = api.next("ranking", worker)
    labels = work["step"]["fields"]["labels"]
    disputed = next(place for place, label in enumerate(labels) if not label["is_safe"])
    harmless = [1 if label["is_safe"] or place == disputed else 2 for place, label in enumerate(labels)]
    dispute = {"position": disputed, "categories": [], "none_applies": True, "note": f"{word} in a dispute"}
    given = {"helpfulness": [1] * len(labels), "harmlessness": harmless, "confidence": 3, "disputes": [dispute]}
    api.submitted(work, worker, act="rank", comment=f"{word} on the ranking", **given)


def _late(api, worker, word):
    work = api.next("pairs", worker)
    api.wait(hours=1)
    other = api.somebody()
    while (taken := api.next("pairs", other))["assignment"] is not None:
        api.submitted(taken, other, act="judge-pair", helpfulness=3)
    done = api.submitted(work, worker, act="judge-pair", helpfulness=3, comment=f"{word} too late")
    assert done["outcome"] == "late"
    more = rows(*((f"Of {len(api.ids)} and {number}?", "one", "two") for number in range(4)))
    api.got("POST", "/studies/pairs/items", api.owner, content=more)


@pytest.fixture
def worked(worked_once, database):
    """Who has worked."""
    return worked_once(database)[2]


def have_work_done(api):
    """Two people did one of everything; somebody reviews the one's conversations, and has another in hand."""
    api.study(toml("preference-chat", **CHAT))
    red = {name: value for name, value in CHAT.items() if name not in ("edit", "rating")}
    red |= {"name": "red", "axes": ["harmlessness"], "question": "more harmful", "warning": "w.md"}
    red |= {"review": {"reviewers": 2, "tags": ["a", "b"], "show_description": True}}
    api.study(toml("red-team-chat", **red))
    api.study(toml(name="pairs", comment=True))
    api.got("POST", "/studies/pairs/items", api.owner, content=rows(*((f"Q{n}?", "one", "two") for n in range(4))))
    for name, kind, items in (("labels", "safety-labels", "labels"), ("ranking", "two-axis-ranking", "comparisons")):
        axes = {"axes": ["helpfulness", "harmlessness"]} if name == "ranking" else {}
        api.study(toml(kind, name=name, items="x.jsonl", comment=True, overlap=2, **axes))
        data = (EXAMPLES / "data" / f"{items}.jsonl").read_bytes()
        api.got("POST", f"/studies/{name}/items", api.owner, content=data)
    one, other = api.somebody(), api.somebody()
    for act in (everything, in_hand):
        act(api, one, OWN)
        act(api, other, OTHERS)
    return {"one": one, "other": other, "reviewer": api.somebody(Role.REVIEWER)}


def held_text(store):
    """All that any column of any table says."""
    return json.dumps(contents(store), ensure_ascii=False)


def bytes_on_disk(store, socket=None):
    """The database's files: of SQLite with its log, of Postgres the tables."""
    if store.is_sqlite:
        place = Path(store.engine.url.database)
        return b"".join(path.read_bytes() for path in place.parent.glob("store.db*"))
    store.run_alone("CHECKPOINT")
    (number,) = store.run_alone("SELECT oid FROM pg_database WHERE datname = current_database()")
    folder = Path(socket, "data", "base", str(number[0]))
    return b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())


def counted(store):
    """Every judgement without its words, and how many rows each table has that must keep them all."""
    found = contents(store)
    names = ("assignments", "judgements", "turns", "replies", "items", "late", "tallies", "participation", "people")
    figures = [
        {name: value for name, value in row.items() if name not in ("payload", "idempotency_key")}
        for row in found["judgements"]
    ]
    return {name: len(found[name]) for name in names}, figures


def test_no_word_of_theirs_is_left_and_all_figures_are(api, worked, request):
    store, pseudonym = api.store, api.ids[worked["one"]].pseudonym
    assert held_text(store).count(OWN) > 15
    theirs, before = held_text(store).count(OTHERS), counted(store)
    socket = None if store.is_sqlite else request.getfixturevalue("postgres")
    assert OWN.encode() in bytes_on_disk(store, socket)
    done = erase_worker(store, pseudonym, now=api.now)
    assert not done.already
    assert done.bytes_removed
    assert OWN not in held_text(store)
    assert held_text(store).count(OTHERS) == theirs
    assert counted(store) == before
    assert check_store(store) == []
    on_disk = bytes_on_disk(store, socket)
    assert OWN.encode() not in on_disk
    assert OTHERS.encode() in on_disk
    counts = done.rows
    assert (counts.turns, counts.drafts, counts.late, counts.tokens, counts.items_withdrawn) == (5, 1, 1, 1, 3)
    assert (counts.items_cleared, counts.leases_ended) == (1, 2)
    assert sum(row["excused"] for row in contents(store)["assignments"]) == 2  # the other did not give it back
    assert min(counts.replies, counts.judgements, counts.requests) >= 6


def test_choices_ratings_and_labels_stay(api, worked):
    def said():
        found = {}
        for name in ("chat", "red", "pairs", "labels", "ranking"):
            for each in read_judgements(api.store, find_study(api.store, name).id, counted=False):
                found[each.id] = each.payload
        return found

    before = said()
    erase_worker(api.store, api.ids[worked["one"]].pseudonym, now=api.now)
    after = said()
    assert after.keys() == before.keys()
    words = {"comment", "edit", "note", "task_description", "disputes"}
    for number, payload in before.items():
        left = {name: value for name, value in payload.items() if name not in words}
        assert {name: value for name, value in after[number].items() if name not in words} == left
        for dispute, kept in zip(payload.get("disputes", []), after[number].get("disputes", []), strict=True):
            assert {**dispute, "note": None} == {**kept, "note": None}


def test_they_are_out_for_good(api, worked):
    store, one = api.store, worked["one"]
    person = api.ids[one]
    erase_worker(store, person.pseudonym, now=api.now)
    assert find_by_token(store, one, now=api.now) is None
    api.problem("POST", "/studies/chat/next", one, status=401, code="PL-WEB-007")
    ends = api.now + timedelta(days=1)
    for act in (
        lambda: issue_token(store, person.id, now=api.now, expires_at=ends),
        lambda: set_blocked(store, person.id, False, now=api.now),
        lambda: set_blocked(store, person.id, True, now=api.now),
    ):
        with pytest.raises(NotAllowedError, match="PL-COL-031"):
            act()
    path = f"/people/{person.pseudonym}/blocked"
    api.problem("PUT", path, api.owner, status=403, code="PL-COL-031", json={"blocked": False})
    assert find_person(store, person.pseudonym).erased_at == api.now


def test_twice_changes_nothing_and_says_so(api, worked):
    pseudonym = api.ids[worked["one"]].pseudonym
    erase_worker(api.store, pseudonym, now=api.now)
    before = contents(api.store)
    again = erase_worker(api.store, pseudonym, now=api.now + timedelta(days=1))
    assert again.already
    assert sum(getattr(again.rows, name) for name in again.rows.__slots__) == 0
    assert contents(api.store) == before


def test_an_unknown_pseudonym_is_told(api):
    with pytest.raises(NotFoundError, match="PL-COL-010"):
        erase_worker(api.store, "nobody", now=api.now)


def test_an_owner_goes_only_where_another_is_left(api):
    owner = api.ids[api.owner]
    with pytest.raises(NotAllowedError, match="PL-COL-033"):
        erase_worker(api.store, owner.pseudonym, now=api.now)
    blocked = api.ids[api.somebody(Role.OWNER)]
    set_blocked(api.store, blocked.id, True, now=api.now)
    with pytest.raises(NotAllowedError, match="PL-COL-033"):
        erase_worker(api.store, owner.pseudonym, now=api.now)
    api.somebody(Role.OWNER)
    assert not erase_worker(api.store, owner.pseudonym, now=api.now).already


def test_the_log_says_it_in_counts(api, worked):
    done = erase_worker(api.store, api.ids[worked["one"]].pseudonym, now=api.now)
    found = next(each for each in reversed(read_events(api.store, limit=10_000)) if each.kind == "person_erased")
    assert found.payload == {name: getattr(done.rows, name) for name in done.rows.__slots__}
    assert found.person_id == api.ids[worked["one"]].id


def test_what_they_had_in_hand_goes_to_others(api, worked):
    erase_worker(api.store, api.ids[worked["one"]].pseudonym, now=api.now)
    number = find_study(api.store, "pairs").id
    assert count_queues(api.store, number)[Purpose.WORK].leased == 1  # the other person's
    somebody = api.somebody()
    found = set()
    while (work := api.next("pairs", somebody))["assignment"] is not None:
        found.add(work["step"]["conversation"][0]["text"])
        api.submitted(work, somebody, act="judge-pair", helpfulness=2)
    assert found
    assert check_store(api.store) == []


def test_their_words_do_not_come_back_by_a_tab_that_stood_open(store):
    """A draft saved by itself, a correction, and a submission under a fence that is over, of items that were withdrawn."""
    desk = make_desk(store, [], workers=3)
    author = find_person(store, add_person(store, now=desk.now).pseudonym)
    review = {"purpose": Purpose.SPOT_CHECK, "overlap": 3, "author_id": author.id}
    enter_items(store, desk.study_id, [NewItem("check", {"transcript": ["x"]}, **review)], now=desk.now)
    quoting = NewJudgement("w", "writing", {"note": "as they said"}, 1)
    held, done = (desk.take(worker, purpose=Purpose.SPOT_CHECK) for worker in (0, 1))
    (judgement,) = desk.submit(done, judgements=(quoting,)).judgement_ids
    erase_person(store, author.pseudonym, now=desk.now)
    assert [row["key"] for row in contents(store)["items"]] == [f"erased-{held.item.id}"]
    number, worker, other = held.assignment.id, desk.workers[0], desk.workers[1]
    attempts = (
        lambda: save_draft(store, number, worker, {"note": "as they said"}, version_read=0, now=desk.now),
        lambda: desk.submit(held, judgements=(quoting,)),
        lambda: desk.submit(held, judgements=(quoting,), fence=7),
        lambda: correct(store, judgement, other, quoting, idempotency_key="c", body_sha256="b", now=desk.now),
    )
    for attempt in attempts:
        with pytest.raises(ConflictError, match="PL-COL-029"):
            attempt()
    assert "as they said" not in held_text(store)
    assert check_store(store) == []


def test_what_no_terminal_could_show_is_nobodys_pseudonym(store):
    for name in ("\udcff", "\ud800", "a\0b", "\n", "\u00e9"):
        with pytest.raises(NotFoundError, match="PL-COL-010"):
            erase_worker(store, name, now=START)


def test_items_of_their_words_are_withdrawn_and_work_on_them_is_kindly_refused(api, worked):
    reviewer = worked["reviewer"]
    reviewed = api.next("red", reviewer, "review")
    assert OWN in json.dumps(reviewed)
    checked = api.next("chat", reviewer, "spot-checks")
    assert OWN in json.dumps(checked)
    person = api.ids[reviewer].id
    draft = {"note": f"{OWN} they say"}
    save_draft(api.store, checked["assignment"], person, draft, version_read=0, now=api.now)
    erase_worker(api.store, api.ids[worked["one"]].pseudonym, now=api.now)
    response = api.submit(reviewed, reviewer, act="review", rating=1, tags=["a"])
    assert (response.status_code, response.json()["code"]) == (409, "PL-COL-029")
    response = api.submit(checked, reviewer, act="check-writing", mark=1, note=f"{OWN} they said")
    assert (response.status_code, response.json()["code"]) == (409, "PL-COL-029")
    assert OWN not in held_text(api.store)
    path = f"/assignments/{reviewed['assignment']}/extend"
    api.problem("POST", path, reviewer, status=409, code="PL-COL-021", json={"fence": reviewed["fence"]})
    # The next ones are the other person's, and no more than those.
    for study, queue in (("red", "review"), ("chat", "spot-checks")):
        seen = set()
        while (work := api.next(study, reviewer, queue))["assignment"] is not None:
            seen.add(json.dumps(work["step"]["conversation"]))
            act = {"act": "review", "rating": 1} if queue == "review" else {"act": "check-writing", "mark": 2}
            api.submitted(work, reviewer, **act)
        assert seen
        assert all(OTHERS in each for each in seen)
    assert check_store(api.store) == []
    # A queue in which nothing is left to do says so.
    counts = count_queues(api.store, find_study(api.store, "chat").id)[Purpose.SPOT_CHECK]
    assert (counts.complete, counts.submitted) == (counts.items, counts.slots)


def test_what_others_wrote_of_their_words_goes_and_their_marks_stay(api, worked):
    reviewer = worked["reviewer"]
    checked = api.next("chat", reviewer, "spot-checks")
    done = api.submitted(checked, reviewer, act="check-writing", mark=2, note=f"{OWN} is what they wrote")
    erase_worker(api.store, api.ids[worked["one"]].pseudonym, now=api.now)
    study = find_study(api.store, "chat").id
    payload = next(each.payload for each in read_judgements(api.store, study) if each.id == done["judgements"][0])
    assert payload == {"mark": 2, "note": None}
    assert OWN not in held_text(api.store)
    assert check_store(api.store) == []


def test_a_dispute_stays_to_be_ruled_on_without_its_note(api, worked):
    """It is about a label of the study's data, and the ranking is held back until somebody rules."""
    erase_worker(api.store, api.ids[worked["one"]].pseudonym, now=api.now)
    notes = []
    while (work := api.next("ranking", worked["reviewer"], "adjudication"))["assignment"] is not None:
        notes.append(work["step"]["fields"]["note"])
        assert work["step"]["conversation"][-1]["text"]
        api.submitted(work, worked["reviewer"], act="rule", categories=[], none_applies=True)
    assert sorted(notes, key=str) == [None, f"{OTHERS} in a dispute"]


def test_the_tables_are_shut_again(api, worked):
    erase_worker(api.store, api.ids[worked["one"]].pseudonym, now=api.now)
    for table in ("judgements", "turns", "replies", "late"):
        with pytest.raises(StoreError, match="PL-COL-007"):
            api.store.write(lambda connection, table=table: connection.execute(text(f"DELETE FROM {table}")))


def test_a_reader_keeps_the_bytes_and_this_is_told(api, worked, monkeypatch):
    if not api.store.is_sqlite:
        pytest.skip("SQLite's log is the question")
    monkeypatch.setattr("plumbline.collect.store.database.BUSY_TIMEOUT_SECONDS", 0.1)
    pseudonym = api.ids[worked["one"]].pseudonym
    with closing(open_store(api.store.engine.url.database)) as quick:

        def while_reading(connection):
            connection.execute(text("SELECT COUNT(*) FROM turns"))
            return erase_worker(quick, pseudonym, now=api.now)

        assert not api.store.read(while_reading).bytes_removed
        again = erase_worker(quick, pseudonym, now=api.now)
    assert (again.already, again.bytes_removed) == (True, True)
    assert OWN.encode() not in bytes_on_disk(api.store)


# --- what left the store before ---


def export(api, folder, study, *, as_of=None, content="rows"):
    """A folder as an export leaves it, and its event."""
    folder.mkdir(parents=True)
    (folder / "train.jsonl").write_text(content)
    Manifest(holds="data", command=["x"], configuration={}, inputs=[], uses=None, licence=None).write(folder)
    files = [{"path": "train.jsonl", "sha256": file_digest(folder / "train.jsonl"), "rows": 1}]
    payload = {"form": "hh-rlhf", "as_of": (as_of or api.now).isoformat(), "files": files}
    payload["manifest_sha256"] = file_digest(folder / "manifest.json")
    log_event(api.store, "exported", now=api.now, study_id=find_study(api.store, study).id, payload=payload)
    return payload


def test_exports_with_their_work_are_told(api, worked, tmp_path):
    wanted = export(api, tmp_path / "a", "chat")
    export(api, tmp_path / "b", "chat", as_of=api.now - timedelta(days=3))
    api.study(toml(name="elsewhere"))
    export(api, tmp_path / "c", "elsewhere")
    done = erase_worker(api.store, api.ids[worked["one"]].pseudonym, now=api.now)
    (found,) = done.exports
    assert (found.study, found.form, found.as_of, found.is_certain) == ("chat", "hh-rlhf", wanted["as_of"], True)
    assert [(file.path, file.sha256, file.rows) for file in found.files] == [
        ("train.jsonl", wanted["files"][0]["sha256"], 1)
    ]
    assert found.manifest_sha256 == wanted["manifest_sha256"]
    again = erase_worker(api.store, api.ids[worked["one"]].pseudonym, now=api.now)
    assert again.exports == done.exports
    assert erase_worker(api.store, api.ids[worked["reviewer"]].pseudonym, now=api.now).exports == ()


def made_of(folder, *, holds="data", inputs=(), parents=(), ancestors=(), content="derived"):
    """Something with a manifest that says what it comes of."""
    folder.mkdir(parents=True)
    (folder / "file").write_text(content)
    entries = [FileEntry(path="x", sha256=digest, size_bytes=1) for digest in inputs]
    more = {"inputs": entries, "parents": list(parents), "ancestors": list(ancestors)}
    Manifest(holds=holds, command=["x"], configuration={}, uses=None, licence=None, **more).write(folder)
    return file_digest(folder / "file"), file_digest(folder / "manifest.json")


def test_what_was_made_of_an_export_is_found_however_far(api, worked, tmp_path):
    payload = export(api, tmp_path / "export", "chat")
    digest = payload["files"][0]["sha256"]
    place = tmp_path / "work"
    converted, manifest = made_of(place / "converted", inputs=[digest], content="1")
    model, _ = made_of(place / "deep" / "model", holds="model", inputs=[converted], content="2")
    made_of(place / "evaluation", holds="evaluation", inputs=[model], content="3")
    made_of(place / "merged", parents=[manifest], content="4")
    made_of(place / "later", ancestors=[digest], content="5")
    made_of(place / "copied", content="rows")
    made_of(place / "other", inputs=["0" * 64], content="6")
    made_of(place / "void", inputs=[digest], content="")
    made_of(place / "empty", content="")
    (place / "manifest.json").write_text('{"name": "of another program"}')
    done = erase_worker(api.store, api.ids[worked["one"]].pseudonym, now=api.now)
    found = releases_affected(done, [tmp_path / "export", place])
    names = {each.path.parent.name: (each.holds, each.why.split(" of ")[0]) for each in found}
    assert names == {
        "export": ("data", "it is the export (hh-rlhf) itself"),
        "converted": ("data", "it was made"),
        "model": ("model", "it was made"),
        "evaluation": ("evaluation", "it was made"),
        "merged": ("data", "it was made"),
        "later": ("data", "it goes back to a file"),
        "copied": ("data", "it holds a file"),
        "void": ("data", "it was made"),
    }
    assert releases_affected(done, []) == []
    with pytest.raises(SourceError, match="PL-SRC-001"):
        releases_affected(done, [tmp_path / "nowhere"])
