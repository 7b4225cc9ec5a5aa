"""``plumbline curate`` as a person calls it."""

import json
import os
import re
import signal
import time

import pyarrow.parquet as pq
import pytest

import plumbline
from plumbline.curate.recipe import read_recipe, shipped_recipes
from plumbline.lineage import ALL_USES, Terms, Use, file_digest, read_manifest, with_terms
from plumbline.loop.curating import run as curation_run
from tests.curate.made_up import attempts, comparisons, kind_of, labels, prompts
from tests.loop.curating.curations import SMALL, pair, pairs, write
from tests.prepared import run_program, start_prepared

SECRET = "the-secret-of-the-conversation"


@pytest.fixture
def source(tmp_path):
    folder = tmp_path / "harmless-base"
    write(folder / "train.jsonl", [*pairs(9), *pairs(2), pair(SECRET)])
    write(folder / "test.jsonl.gz", pairs(4, first=9))
    return folder


@pytest.fixture
def recipe(tmp_path):
    path = tmp_path / "small.toml"
    path.write_text(SMALL)
    return path


def refused(result, code):
    ended, out, err = result
    assert (ended, out) == (2, "")
    assert err.startswith(f"{code}  "), err
    assert "Try: " in err
    return err


# --- the real pairs, whole recipe ---


def test_hh_rlhf_by_hh_clean(plumb, real_data, tmp_path):
    out = tmp_path / "out"
    code, shown, err = plumb("curate", real_data / "hh-rlhf", "--recipe", "hh-clean", "-o", out)
    assert code == 0
    assert "not taken by this recipe: 20 red team attempts" in err
    summary = json.loads((out / "curation" / "summary.json").read_text())
    written = sum(summary["written"]["comparisons"].values())
    assert re.search(rf"^written +{written:,}$", shown, re.MULTILINE)
    assert written + summary["records"]["removed"] == 3467
    assert len(plumbline.load(out).comparisons) == written
    checked = json.loads(plumb("data", "check", out, "--json", "--no-cache")[1])
    removed = set(read_recipe("hh-clean").steps[1].settings.codes) | {"PL-CHK-008", "PL-CHK-010"}
    assert not removed & {finding["code"] for finding in checked["findings"]}, checked["findings"]
    assert checked["rows_quarantined"] == 0
    again = json.loads(plumb("curate", out, "--recipe", "hh-clean", "-o", tmp_path / "again", "--json")[1])
    assert again["records"]["read"] == again["written"] == summary["written"]
    assert not any(step["removed"] or step["changed"] for step in again["steps"])


# --- every kind of record ---

MAIL, OTHER_MAIL = "jo.doe@quietmail.net", "al.roe@quietmail.net"
REVIEWS = [
    {"reviewer": "w1", "rating": 3.5, "tags": ["one", "two"]},
    {"reviewer": "w2", "rating": None, "tags": []},
]
RATED = {"rating": 4.0, "reviews": REVIEWS, "tags": ["a tag"], "outcome": "success", "transcript_score": -1.25}


def _noted(text):
    return json.dumps({"note": text, "number": 1.0, "raw": text})


EVERY_KIND = [
    attempts(
        ("how do I", "no", {**RATED, "worker": "w3", "task_description": "to see", "split": "train"}),
        (f"I am {MAIL}", "no", {**RATED, "worker": "w3", "task_description": f"ask {MAIL}", "split": "train"}),
        ("unrated", "no", {"reviews": [], "extra": _noted(f"by {MAIL}"), "split": "test"}),
        ("unrated", "no", {"reviews": [], "split": "test"}),
    ),
    prompts(
        ("ask me", {"categories": ["theft"]}), *[("ask me",)] * 2, (f"I am {OTHER_MAIL}", {"extra": _noted("plain")})
    ),
    comparisons(
        (
            "noted",
            "a",
            "b",
            "first",
            {"extra": _noted(f"by {MAIL}"), "strength": 2, "worker": "w1", "parents": ["old"]},
        ),
        ("noted", "a", "b", "first", {"extra": _noted("plain"), "strength": 2, "worker": "w2"}),
        ("votes", "a", "b", "first", {"votes": [3, 1, 0]}),
        ("votes", "a", "b", "first"),
    ),
    labels(
        ("noted", "r", True, {"extra": _noted(f"by {MAIL}"), "severity": 1, "worker": "w1"}),
        ("votes", "r", False, {"extra": json.dumps({"aggregated": {"votes": [1, 3]}, "note": 1})}),
        ("votes", "r", False),
    ),
]


@pytest.mark.parametrize("table", EVERY_KIND, ids=kind_of)
def test_the_clean_recipe_alters_and_drops_nothing_that_it_does_not_tell(table, plumb, tmp_path):
    """Row by row: written as it was but for what was masked and which split was given, or listed as removed."""
    kind, out = str(kind_of(table)), tmp_path / "out"
    path = tmp_path / "in" / "rows.parquet"
    path.parent.mkdir()
    pq.write_table(with_terms(table, Terms(ALL_USES, "MIT")), path)
    assert plumb("curate", path, "-o", out)[0] == 0
    written = [row for file in sorted((out / kind).iterdir()) for row in pq.read_table(file).to_pylist()]
    removed, changed = (
        pq.read_table(out / "curation" / f"{name}.parquet").to_pylist() for name in ("removed", "changed")
    )
    before = {row["row"]: row for row in table.to_pylist()}
    assert sorted(row["row"] for row in [*written, *removed]) == sorted(before)
    assert {(row["rule"], row["partner"]) for row in removed} <= {("exact-duplicates", row["id"]) for row in removed}
    assert len(removed) == {"red_team_attempts": 1, "prompts": 1}.get(kind, 0)
    masked = {row["row"] for row in changed if row["rule"] == "personal-data"}
    assert masked == {number for number, row in before.items() if MAIL in str(row) or OTHER_MAIL in str(row)}
    given = {row["row"] for row in changed if row["rule"] == "splits"}
    assert given == {row["row"] for row in written if before[row["row"]]["split"] is None}
    for row in written:
        assert _restored(row, before[row["row"]]) == before[row["row"]]


def _restored(row, before):
    """The record with its own address again, which may be one of two, and with the id, parent and split that it had."""
    mail = OTHER_MAIL if OTHER_MAIL in str(before) else MAIL
    whole = json.loads(json.dumps(row).replace("[EMAIL]", mail))
    if "[EMAIL]" in str(row) and row["extra"]:
        whole["extra"] = json.dumps({**json.loads(whole["extra"]), "raw": json.loads(before["extra"])["raw"]})
    elif row["extra"]:
        assert row["extra"] == before["extra"]
    if row["id"] != before["id"]:
        assert "[EMAIL]" in str(row)
        assert row.get("parents", [before["id"]]) == [*before.get("parents", []), before["id"]]
        whole = {**whole, **{name: before[name] for name in ("id", "item_id", "group_id", "parents") if name in before}}
    return {**whole, "split": before["split"]}


# --- what it says ---


def test_what_it_tells_and_that_it_quotes_nothing(plumb, source, recipe, tmp_path):
    out = tmp_path / "out"
    code, shown, err = plumb("curate", source, "--recipe", recipe, "-o", out)
    assert code == 0
    assert SECRET not in shown + err
    assert re.search(r"^comparisons/harmlessness +16 +14 +14 +0$", shown, re.MULTILINE)
    assert re.search(r"^removed +2  records that stand there already", shown, re.MULTILINE)
    assert re.search(r"^written +14$", shown, re.MULTILINE)
    assert f"wrote {out}; every record removed or merged stands in {out}/curation/removed.parquet, every" in err
    assert SECRET not in (out / "manifest.json").read_text() + (out / "curation" / "summary.json").read_text()


def test_terms_splits_and_what_was_replaced_are_told(plumb, source, tmp_path):
    recipe = tmp_path / "own.toml"
    recipe.write_text('name = "own"\nversion = 1\n[[rule]]\nname = "splits"\nshares = { train = 0.5, dev = 0.5 }\n')
    out = tmp_path / "out"
    closed = tmp_path / "closed" / "train.parquet"
    closed.parent.mkdir()
    pq.write_table(
        with_terms(labels(("q", "r", True, {"split": "train"})), Terms(frozenset({Use.ANALYSIS}), "MIT")), closed
    )
    _, _, err = plumb("curate", source, "--recipe", recipe, "-o", out)
    assert "nothing was split: every record stood in a split already (4 in test, 12 in train)" in err
    assert "permitted uses: analysis, policy, preference; licence: MIT\n" in err
    assert "replaced" not in err
    assert "narrowed" not in err
    first = file_digest(out / "manifest.json")
    recipe.write_text(recipe.read_text().replace("dev", "test"))
    _, _, err = plumb("curate", source, closed, "--recipe", recipe, "-o", out)
    assert "nothing was split" not in err, "the splits that were asked for are there"
    assert re.search(rf"replaced {out}: 16 records by own, of \S+, manifest {first[:12]}…", err)
    assert "permitted uses: analysis only; licence: MIT\n" in err
    assert "narrowed by closed/train.parquet (analysis only; 1 records, 1 written): the strictest terms" in err


def test_a_recipe_that_takes_nothing_that_is_there_is_a_wrong_call(plumb, source, recipe, tmp_path):
    recipe.write_text(SMALL.replace('["comparisons"]', '["prompts"]'))
    assert "found comparisons" in refused(
        plumb("curate", source, "--recipe", recipe, "-o", tmp_path / "out"), "PL-CUR-003"
    )
    assert not (tmp_path / "out").exists()
    write(source / "train.jsonl", [{"chosen": 1, "rejected": 2}])
    (source / "test.jsonl.gz").unlink()
    code, _, err = plumb("curate", source, "--recipe", recipe, "-o", tmp_path / "out")
    assert (code, err[:10]) == (1, "PL-CUR-003"), "no other recipe would help"


def test_json_is_one_object_and_nothing_else(plumb, source, recipe, tmp_path):
    with (source / "train.jsonl").open("a") as file:
        file.write('{"chosen": 1, "rejected": 2}\n')
    (source / "more.csv").write_text("a,b\n")
    code, shown, err = plumb("curate", source, "--recipe", recipe, "-o", tmp_path / "out", "--json")
    assert code == 1
    assert json.loads(shown) == json.loads((tmp_path / "out" / "curation" / "summary.json").read_text())
    assert re.search(r"not read: 1 rows, PL-JSON-005", err)
    assert re.search(rf"1 × PL-SRC-012 .*plumbline data check {source}", err)


def test_a_file_left_out_is_told_by_the_exit_code(plumb, source, recipe, tmp_path):
    (source / "train.csv").write_text("a,b\n")
    assert plumb("curate", source, "--recipe", recipe, "-o", tmp_path / "out")[0] == 1


def test_progress_tells_what_begins(source, recipe, tmp_path, monkeypatch, plumb):
    from plumbline.cli import console

    monkeypatch.setattr(console, "_LOGGED_EVERY_SECONDS", -1.0)
    err = plumb("curate", source, "--recipe", recipe, "-o", tmp_path / "out")[2]
    begun = re.findall(r"^curating by small: (.+?)(?:: \d.*)? \(\d+ s\)$", err, re.MULTILINE)
    expected = ["looking at the sources", "reading", "looking at each record", "counting", "writing"]
    assert [title for title in begun if title in expected] == expected
    assert "records that stand there already, word by word and judged the same" in begun


# --- recipes ---


@pytest.mark.parametrize("name", shipped_recipes())
def test_a_recipe_that_is_shown_is_one(name, plumb, tmp_path):
    code, shown, err = plumb("curate", "--recipe", name, "--show-recipe")
    assert (code, err) == (0, "")
    (tmp_path / "mine.toml").write_text(shown)
    assert plumb("curate", "--recipe", tmp_path / "mine.toml", "--show-recipe")[1] == shown
    assert read_recipe(str(tmp_path / "mine.toml")).digest == read_recipe(name).digest
    assert json.loads(plumb("curate", "--recipe", name, "--show-recipe", "--json")[1]) == read_recipe(name).to_json()


def test_a_title_of_any_signs_survives_being_shown(plumb, tmp_path, recipe):
    title = 'emoji \\U0001F600, \\"quotes\\", \\\\ and \\u007f\\u202e'
    recipe.write_text(SMALL.replace("version = 1", f'version = 1\ntitle = "{title}"'))
    shown = plumb("curate", "--recipe", recipe, "--show-recipe")[1]
    assert all(sign.isprintable() or sign == "\n" for sign in shown)
    (tmp_path / "mine.toml").write_text(shown)
    assert read_recipe(str(tmp_path / "mine.toml")) == read_recipe(str(recipe))


def test_show_recipe_shows_the_recipe_that_is_named(plumb, recipe):
    clean = plumb("curate", "--recipe", "hh-clean", "--show-recipe")[1]
    assert plumb("curate", "--show-recipe", "hh-clean")[1] == clean != plumb("curate", "--show-recipe")[1]
    assert plumb("curate", "data", "--recipe", "hh-clean", "--show-recipe")[1] == clean
    assert 'name = "small"' in plumb("curate", "--show-recipe", recipe)[1]
    refused(plumb("curate", "--recipe", "clean", "--show-recipe", "hh-nosafe"), "PL-RCP-007")
    assert "--recipe hh-clean" in refused(plumb("curate", "--show-recipe", "hh-claen"), "PL-RCP-001")


def test_unreadable_rows_are_told_with_the_source_that_holds_them(plumb, source, recipe, tmp_path):
    other = write(tmp_path / "helpful-base" / "train.jsonl", [pair("fine"), {"chosen": 1, "rejected": 2}]).parent
    _, _, err = plumb("curate", source, other, "--recipe", recipe, "-o", tmp_path / "out")
    assert f"not read: 1 rows, PL-JSON-005; see: plumbline data check {other}\n" in err
    assert f"data check {source}\n" not in err


def test_what_was_merged_and_settled_against_most_is_told(plumb, tmp_path):
    said = [(item, f"w{n}", True) for item in range(30) for n in range(5)]
    said += [(item, f"wrong{n}", False) for item in range(31) for n in range(2)] + [(30, "w0", True)]
    rows = labels(*[(f"q {item}", "r", good, {"worker": who}) for item, who, good in said])
    path = tmp_path / "labels" / "train.parquet"
    path.parent.mkdir()
    pq.write_table(with_terms(rows, Terms(ALL_USES, "MIT")), path)
    recipe = tmp_path / "own.toml"
    recipe.write_text('name = "own"\nversion = 1\n[[rule]]\nname = "aggregate"\nmethod = "dawid-skene"\n')
    _, shown, err = plumb("curate", path, "--recipe", recipe, "-o", tmp_path / "out")
    assert re.search(r"^merged +182  judgements of one item", shown, re.MULTILINE), shown
    assert "1 of 31 labels by dawid-skene go against the majority of their judges" in err


def test_every_recipe_that_comes_along_is_named_in_the_help(plumb):
    text = " ".join(plumb("curate", "--help")[1].split())
    assert len(shipped_recipes()) >= 4
    assert all(name in text for name in shipped_recipes())


BAD_RECIPES = {
    "an unknown key": (SMALL.replace("threshold", "treshold", 1), "PL-RCP-005", "threshold in its place"),
    "an unknown key of the recipe": (SMALL.replace("takes", "take"), "PL-RCP-005", "takes in its place"),
    "an unknown rule": (SMALL.replace('"leakage"', '"leakege"'), "PL-RCP-004", 'name = "leakage"'),
    "two wishes": (SMALL + '[[rule]]\nname = "leakage"\nthreshold = 0.5\n', "PL-RCP-007", "recipe of your own"),
    "a share too much": (SMALL.replace("test = 0.5", "test = 0.6"), "PL-RCP-006", "sum to 1"),
    "no TOML": ("name = ", "PL-RCP-003", "mend"),
}


@pytest.mark.parametrize("kind", BAD_RECIPES)
def test_a_recipe_that_is_none(kind, plumb, source, recipe, tmp_path):
    text, code, advice = BAD_RECIPES[kind]
    recipe.write_text(text)
    assert advice in refused(plumb("curate", source, "--recipe", recipe, "-o", tmp_path / "out"), code)
    assert not (tmp_path / "out").exists()


def test_recipes_that_fight(plumb, source, recipe, tmp_path):
    other = tmp_path / "other.toml"
    other.write_text(SMALL.replace('"small"', '"other"').replace("threshold = 1\n", "threshold = 0.5\n"))
    words = ("curate", source, "-o", tmp_path / "out", "--recipe", recipe, "--recipe")
    err = refused(plumb(*words, other), "PL-RCP-007")
    assert "small and other" in err
    refused(plumb(*words, "clean"), "PL-RCP-007")
    assert "--recipe hh-clean" in refused(plumb("curate", source, "--recipe", "hh_clean"), "PL-RCP-001")
    refused(plumb("curate", source, "--recipe", tmp_path / "no.toml"), "PL-RCP-002")
    assert not (tmp_path / "out").exists()


# --- calls that are wrong ---


def test_what_is_missing_is_said(plumb, source, tmp_path):
    refused(plumb("curate", "-o", tmp_path / "out"), "PL-ARG-006")
    refused(plumb("curate", source), "PL-ARG-006")
    refused(plumb("curate", source, "-o", tmp_path / "out", "--engine", "rai"), "PL-ARG-001")
    refused(plumb("curate", source, "-o", tmp_path / "out", "--ray-address", "host:1"), "PL-ARG-005")
    refused(plumb("curate", source, "-o", tmp_path / "out", "--uses", "fun"), "PL-ARG-001")
    assert not (tmp_path / "out").exists()


def test_what_was_asked_for_is_in_the_manifest(plumb, source, recipe, tmp_path):
    words = ("--split", "train", "--on-error", "stop", "--work", tmp_path / "work", "--uses", "preference")
    assert plumb("curate", source, "--recipe", recipe, "-o", tmp_path / "out", *words)[0] == 0
    manifest = read_manifest(tmp_path / "out")
    told = manifest.configuration
    assert manifest.command[:2] == ["curate", str(source)]
    assert (told["split"], told["on_error"], told["stated_terms"]) == ("train", "stop", {"uses": ["preference"]})
    assert manifest.uses == ["preference"]
    assert list((tmp_path / "work").iterdir()) == []


# --- Ctrl-C ---


def _interrupted(mark, *words):
    """The program, with its last step waiting to be interrupted."""
    step = curation_run.write_records

    def waiting(*arguments):
        mark.touch()
        time.sleep(60)
        return step(*arguments)

    curation_run.write_records = waiting
    run_program(*words)


def test_an_interrupted_run_says_so_and_goes_on_later(plumb, source, recipe, tmp_path):
    words = ("curate", source, "--recipe", recipe, "-o", tmp_path / "runs" / "out")
    log = tmp_path / "log"
    process = start_prepared(_interrupted, tmp_path / "writing", *map(str, words), log=log)
    deadline = time.monotonic() + 60
    while not (tmp_path / "writing").exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    os.kill(process.pid, signal.SIGINT)
    process.join(60)
    assert process.exitcode == 130, log.read_text()
    stopped, ended = log.read_text().splitlines()
    assert stopped.startswith("stopped: the same command goes on from the stages that are finished")
    assert f"{tmp_path / 'runs' / '.out.stages'} holds what was read, texts that are not masked" in stopped
    assert ended == "interrupted; nothing was left half-written"
    assert [path.name for path in (tmp_path / "runs").iterdir()] == [".out.stages"]
    code, _, err = plumb(*words)
    assert (code, "goes on where an earlier run" in err) == (0, True)
    assert [path.name for path in (tmp_path / "runs").iterdir()] == ["out"]
