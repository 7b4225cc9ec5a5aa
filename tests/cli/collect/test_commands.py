"""The commands that collect, as a person meets them when something is wrong: a code, a place, what to do next."""

import json
import re
import shlex
import shutil
import socket
import stat

import pytest

from plumbline.cli.collect import told as collect_told
from plumbline.collect.example_studies import EXAMPLES
from plumbline.collect.service import starting
from plumbline.collect.study_settings import StudyKind
from tests.cli.collect.test_keeping import worked
from tests.cli.collect_client import EXAMPLES as EXAMPLE_FILES
from tests.cli.collect_client import fails

# --- starting ---


@pytest.mark.parametrize("example", EXAMPLES)
def test_every_example_starts_and_starting_again_changes_nothing(plumb, tmp_path, example):
    code, out, err = plumb("collect", "init", tmp_path / "new" / "study", "--example", example, "--json")
    first = json.loads(out)
    assert (code, first["is_new"], first["store_is_new"]) == (0, True, True)
    assert "SYNTHETIC" in err
    assert f"plumbline collect serve {tmp_path}/new/study" in err
    assert len(first["owner_token"]) == 43
    code, out, err = plumb("collect", "init", tmp_path / "new" / "study", "--example", example, "--json")
    again = json.loads(out)
    assert (code, again["is_new"], again["owner_token"]) == (0, False, None)
    assert "--for PSEUDONYM" in err
    assert re.search(
        r"^terms of what \S+ collects: .*licence CC-BY-NC-4\.0, of (the data|retrieval:data/)", err, re.MULTILINE
    )
    for purpose, entered in first["entered"].items():
        assert entered["new"] > 0
        assert (again["entered"][purpose]["new"], again["entered"][purpose]["known"]) == (0, entered["new"])


def test_the_token_stands_nowhere_and_the_store_is_private(plumb, tmp_path):
    _, out, err = plumb("collect", "init", tmp_path / "s", "--example", "pairs")
    (token,) = re.findall(r"token \(shown this once\): (\S+)", out)
    assert token not in err
    assert re.search(r"good once, with the port that it is served at\): http://127\.0\.0\.1:8080/", out)
    files = [path for path in (tmp_path / "s").rglob("*") if path.is_file()]
    assert len(files) >= 5
    assert not [path for path in files if token.encode() in path.read_bytes()]
    assert stat.S_IMODE((tmp_path / "s" / "collect.db").stat().st_mode) == 0o600


def test_new_rows_of_the_data_are_entered_by_the_same_command(plumb, pairs):
    data = pairs / "data" / "comparisons.jsonl"
    row = json.loads(data.read_text().splitlines()[0])
    data.write_text(data.read_text() + json.dumps(row | {"prompt": "How do bees sleep?"}) + "\n")
    code, out, _ = plumb("collect", "init", pairs, "--json")
    entered = json.loads(out)["entered"]["work"]
    assert (code, entered["new"], entered["known"]) == (0, 1, 12)


def test_rows_that_cannot_be_read_are_told_and_end_in_1(plumb, pairs):
    with (pairs / "data" / "comparisons.jsonl").open("a") as data:
        data.write('{"prompt": \n')
    code, _, err = plumb("collect", "init", pairs)
    assert code == 1
    told = r"not read for work: 1 row \(PL-JSON-\d{3}\), the first in \S*comparisons.jsonl line 13: (.*); mend them in"
    look = shlex.split(re.search(told, err)[1])
    assert look[:3] == ["plumbline", "data", "show"]
    assert plumb(*look[1:])[0] == 0
    with (pairs / "data" / "comparisons.jsonl").open("a") as data:
        data.write('{"prompt": \n')
    assert re.search(
        r": 2 rows \(PL-JSON-\d{3}\), the first in \S* line 13: ", plumb("collect", "init", pairs)[2], re.MULTILINE
    )


def test_what_is_passed_over_is_said_in_words(plumb, tmp_path):
    err = plumb("collect", "init", tmp_path / "s", "--example", "pairs")[2]
    assert "passed over for work: 24 records that are no comparisons (PL-ITM-001); nothing to do where" in err
    assert "passed over for work: 12 records of items that are there already (PL-ITM-003); nothing to do: " in err
    assert "×" not in err


def test_what_an_item_is_and_whom_an_examples_workers_ask(plumb, tmp_path):
    _, out, err = plumb("collect", "init", tmp_path / "s", "--example", "two-axis-ranking")
    assert re.search(
        r"^items for work: 8 new, 0 known, of 12 rows; an item is a prompt with all its replies$", out, re.M
    )
    assert "are told to ask replace-this@example.org, which reaches nobody" in err


@pytest.mark.parametrize("kind", StudyKind)
@pytest.mark.parametrize("code", ["PL-ITM-001", "PL-ITM-002", "PL-ITM-003", "PL-ITM-004", "PL-ITM-005", "PL-ITM-006"])
def test_every_reason_has_words(kind, code):
    said = {collect_told._passed_over(code, count, kind.value) for count in (1, 1200)}
    assert not any("errors.md" in each for each in said)
    assert {each.split(" ", 2)[:2] == ["1", "record"] for each in said} == {True, False}
    assert any(each.startswith("1,200 records ") for each in said)


def test_new_guidelines_become_a_version_and_old_ones_do_not_come_back(plumb, pairs):
    path = pairs / "guidelines" / "pairs.md"
    old = path.read_text()
    path.write_text("Read both twice.")
    assert json.loads(plumb("collect", "init", pairs, "--json")[1])["guidelines_version"] == 2
    path.write_text(old)
    assert json.loads(plumb("collect", "init", pairs, "--json")[1])["guidelines_version"] == 2


def test_the_same_name_with_other_settings_is_refused(plumb, pairs):
    file = pairs / "study.toml"
    text = file.read_text()
    file.write_text("# how it is written does not matter\n" + text)
    assert plumb("collect", "init", pairs)[0] == 0
    file.write_text(text.replace("overlap = 2", "overlap = 3"))
    err = fails(plumb("collect", "init", pairs), "PL-SVC-011")
    assert "another overlap" in err
    worked(plumb, pairs)
    assert "away" not in fails(plumb("collect", "init", pairs), "PL-SVC-011")


def test_an_example_is_changed_before_it_starts_and_until_somebody_works(plumb, tmp_path, monkeypatch):
    tmp_path.joinpath("s").mkdir()
    monkeypatch.chdir(tmp_path / "s")
    code, out, err = plumb("collect", "init", ".", "--example", "pairs", "--files-only")
    assert (code, "nothing is started" in out, "then: plumbline collect init ." in err) == (0, True, True)
    file, store = tmp_path / "s" / "study.toml", tmp_path / "s" / "collect.db"
    assert not store.exists()
    for number in ("3", "5"):
        file.write_text(re.sub(r"(?<=overlap = )\d", number, file.read_text()).replace("replace-this@", "team@"))
        if store.exists():
            (name,) = re.findall(
                r"move (\S+)\* away", " ".join(fails(plumb("collect", "init", "."), "PL-SVC-011").split())
            )
            assert (tmp_path / "s" / name).samefile(store)
            store.rename(tmp_path / "away.db")
        code, _, err = plumb("collect", "init", ".")
        assert (code, "reaches nobody" in err) == (0, False)
    assert "without --example" in fails(plumb("collect", "init", ".", "--files-only"), "PL-ARG-005")


def test_an_interrupted_start_goes_on(plumb, pairs, tmp_path, monkeypatch):
    entered = []

    def interrupted(collecting, study, loaded, purpose, **more):
        if entered:
            raise KeyboardInterrupt
        entered.append(real(collecting, study, loaded, purpose, **more))
        return entered[0]

    real = starting.enter_loaded
    monkeypatch.setattr(starting, "enter_loaded", interrupted)
    code, _, err = plumb("collect", "init", tmp_path / "l", "--example", "safety-labels")
    assert code == 130
    assert "the same command goes on" in err
    monkeypatch.undo()
    code, out, _ = plumb("collect", "init", tmp_path / "l", "--example", "safety-labels", "--json")
    counts = {purpose: (each["new"], each["known"]) for purpose, each in json.loads(out)["entered"].items()}
    assert counts == {"work": (0, 18), "gold": (4, 0), "attention": (2, 0)}


# --- a folder that is none ---


def test_no_folder_no_study_file_and_two_of_them(plumb, tmp_path):
    assert "--example pairs" in fails(plumb("collect", "init", tmp_path / "nothing"), "PL-STA-001")
    assert "red-team-chat" in fails(plumb("collect", "serve", tmp_path), "PL-STA-001")
    for name in ("a.toml", "b.toml"):
        (tmp_path / name).write_text("")
    assert "a.toml, b.toml" in fails(plumb("collect", "init", tmp_path), "PL-STA-002")
    fails(plumb("collect", "status", tmp_path / "nothing"), "PL-STA-001")


def test_an_example_takes_no_place_of_anything(plumb, tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes.txt").write_text("keep me")
    fails(plumb("collect", "init", tmp_path / "mine", "--example", "pairs"), "PL-STA-003")
    fails(plumb("collect", "init", tmp_path / "mine" / "notes.txt", "--example", "pairs"), "PL-STA-003")
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["notes.txt"]
    assert "pairs" in fails(plumb("collect", "init", tmp_path / "x", "--example", "pars"), "PL-ARG-001")


def test_all_that_is_wrong_with_a_study_is_told_at_once_and_nothing_is_made(plumb, tmp_path):
    folder = tmp_path / "s"
    plumb("collect", "init", folder, "--example", "preference-chat-harmlessness", "--store", tmp_path / "other.db")
    text = (folder / "study.toml").read_text()
    (folder / "study.toml").write_text(text.replace("overlap", "overlop"))
    assert "Try: overlap, if that is what you mean" in fails(plumb("collect", "init", folder), "PL-STY-001")
    # Data, training set and corpus each say what is wrong with them, with the lines that name them.
    (folder / "study.toml").write_text(text)
    (folder / "data" / "prompts.jsonl").write_text('{"prompt": 3}\n')
    (folder / "data" / "known-comparisons.jsonl").write_text("")
    (folder / "data" / "comparisons.jsonl").write_text("not json\n")
    code, out, err = plumb("collect", "init", folder)
    found = re.findall(r"^(PL-[A-Z]+-\d{3})  study\.toml line (\d+), ([\w.\[\]]+)", err, re.MULTILINE)
    assert (code, out) == (2, "")
    assert [key for _, _, key in found] == ["items.prompts", "qualification.items", "replies.sources[0]"], err
    assert not (folder / "collect.db").exists()


def test_data_of_another_kind_gives_no_items(plumb, pairs, tmp_path):
    shutil.copyfile(EXAMPLE_FILES / "data" / "prompts.jsonl", pairs / "data" / "comparisons.jsonl")
    err = fails(plumb("collect", "init", pairs, "--store", tmp_path / "new.db"), "PL-SVC-010")
    assert "4 × PL-ITM-001" in err
    assert f"plumbline data show {pairs}/data/comparisons.jsonl" in err


def test_sources_are_asked_only_where_that_is_wanted(plumb, tmp_path):
    folder = tmp_path / "s"
    plumb("collect", "init", folder, "--example", "red-team-chat", "--store", tmp_path / "other.db")
    text = (folder / "study.toml").read_text()
    (folder / "study.toml").write_text(
        text.replace(
            'sources = ["retrieval:data/comparisons.jsonl"]',
            'sources = ["openai:m@http://127.0.0.1:9/v1"]\nkey_variable = "MY_KEY"\nallow_private = true',
        )
    )
    err = fails(plumb("collect", "init", folder, "--try-sources"), "PL-REP-005")
    assert "MY_KEY" in err
    assert not (folder / "collect.db").exists()
    code, _, err = plumb("collect", "init", folder)
    assert code == 0
    assert "not tried: openai:m@http://127.0.0.1:9/v1" in err
    assert f"plumbline collect serve {folder} --permit-variable MY_KEY --permit-private" in err
    assert "--permit-variable MY_KEY" in fails(plumb("collect", "serve", folder), "PL-SVC-003")
    assert "--permit-private" in fails(plumb("collect", "serve", folder, "--permit-variable", "MY_KEY"), "PL-SVC-003")


def test_sources_that_are_asked_answer(plumb, tmp_path):
    assert plumb("collect", "init", tmp_path / "s", "--example", "red-team-chat", "--try-sources")[0] == 0


# --- serving ---


def test_a_port_in_use_and_one_that_cannot_be(plumb, pairs):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        err = fails(plumb("collect", "serve", pairs, "--port", taken.getsockname()[1]), "PL-STA-010")
    assert "--port 0" in err
    fails(plumb("collect", "serve", pairs, "--host", "192.0.2.1"), "PL-STA-011")
    fails(plumb("collect", "serve", pairs, "--host", "no.such.host.invalid"), "PL-STA-011")


def test_what_was_entered_once_need_not_be_there_to_be_served(plumb, pairs):
    shutil.rmtree(pairs / "data")
    shutil.rmtree(pairs / "guidelines")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        fails(plumb("collect", "serve", pairs, "--port", taken.getsockname()[1]), "PL-STA-010")
    (pairs / "study.toml").write_text("name = 3")
    assert plumb("collect", "serve", pairs)[2].startswith("PL-STY-00")


def test_a_study_that_was_not_started_and_studies_of_two_stores(plumb, pairs, tmp_path):
    plumb("collect", "init", tmp_path / "l", "--example", "safety-labels")
    fails(plumb("collect", "serve", pairs, tmp_path / "l"), "PL-STA-012")
    fails(plumb("collect", "serve", tmp_path / "l", "--store", pairs / "collect.db"), "PL-STA-013")
    fails(plumb("collect", "serve", pairs, pairs), "PL-STA-014")


# --- looking, tokens ---


def test_status_in_words(plumb, pairs):
    code, out, err = plumb("collect", "status", pairs)
    assert (code, err) == (0, "")
    assert re.search(r"^pairs +pairs +open +attention +2 ", out, re.MULTILINE)
    assert "pairs: 0 workers, 0 late submissions, guidelines version 1" in out
    assert "people in the store: 1 owner\n" in out
    plumb("collect", "token", pairs, "--role", "owner")
    assert "people in the store: 2 owners\n" in plumb("collect", "status", pairs)[1]


def test_status_shows_the_studies_that_are_named(plumb, pairs, tmp_path, monkeypatch):
    store, labels = pairs / "collect.db", tmp_path / "labels"
    plumb("collect", "init", labels, "--example", "safety-labels", "--store", store)

    def shown(*arguments):
        """The names of the studies."""
        return [study["name"] for study in json.loads(plumb("collect", "status", *arguments, "--json")[1])["studies"]]

    assert shown(pairs) == ["pairs"]
    assert shown(labels, "--store", store) == ["safety-labels"]
    assert shown(labels, pairs, labels, "--store", store) == ["safety-labels", "pairs"]
    assert shown("--store", store) == ["pairs", "safety-labels"]
    fails(plumb("collect", "status", pairs, labels), "PL-STA-012")
    plumb("collect", "init", tmp_path / "chat", "--example", "preference-chat")
    fails(plumb("collect", "status", tmp_path / "chat", "--store", store), "PL-STA-013")
    monkeypatch.chdir(pairs)
    assert shown() == ["pairs"]
    (pairs / "study.toml").unlink()
    assert shown() == ["pairs", "safety-labels"], "a folder whose study file is gone stands for its store"


def test_status_lists_people(plumb, pairs):
    made = json.loads(plumb("collect", "token", pairs, "--json")[1])["pseudonym"]
    gone = json.loads(plumb("collect", "token", pairs, "--role", "reviewer", "--json")[1])["pseudonym"]
    plumb("collect", "erase", pairs, gone, "--yes")
    out = plumb("collect", "status", pairs, "--people")[1]
    assert re.search(rf"^{made} +worker +0$", out, re.MULTILINE)
    assert re.search(rf"^{gone} +reviewer +\d{{4}}-\d\d-\d\d( +\d{{4}}-\d\d-\d\d)? +0$", out, re.MULTILINE)
    listed = json.loads(plumb("collect", "status", pairs, "--people", "--json")[1])["people_listed"]
    assert [each["role"] for each in listed] == ["owner", "worker", "reviewer"]
    assert listed[1] == {"pseudonym": made, "role": "worker", "blocked_at": None, "erased_at": None, "finished": 0}
    assert listed[2]["erased_at"] is not None
    assert "people_listed" not in json.loads(plumb("collect", "status", pairs, "--json")[1])
    assert made not in plumb("collect", "status", pairs)[1]
    assert "status STUDY --people" in fails(plumb("collect", "token", pairs, "--for", "nobody-here"), "PL-COL-010")


def test_tokens_for_somebody_new_and_somebody_there(plumb, pairs):
    new = json.loads(plumb("collect", "token", pairs, "--role", "reviewer", "--days", "2", "--json")[1])
    assert (new["role"], new["is_new_person"]) == ("reviewer", True)
    again = json.loads(plumb("collect", "token", pairs, "--for", new["pseudonym"], "--json")[1])
    assert (again["pseudonym"], again["role"], again["is_new_person"]) == (new["pseudonym"], "reviewer", False)
    assert again["token"] != new["token"]
    assert new["pseudonym"] in plumb("collect", "token", pairs, "--for", new["pseudonym"])[1]


def test_a_role_that_does_not_exist_and_somebody_who_does_not(plumb, pairs):
    assert "owner" in fails(plumb("collect", "token", pairs, "--role", "boss"), "PL-ARG-001")
    fails(plumb("collect", "token", pairs, "--for", "nobody-here"), "PL-COL-010")
    fails(plumb("collect", "token", pairs, "--for", "nobody-here", "--role", "worker"), "PL-ARG-005")


def test_tables_that_are_up_to_date(plumb, pairs):
    code, out, _ = plumb("collect", "migrate", pairs)
    assert (code, "already" in out) == (0, True)
