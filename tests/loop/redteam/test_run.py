"""A whole run of attempts: a made-up target on loopback that gives in to some prompts, a made-up scorer, made-up labels."""

import json
from dataclasses import replace

import pytest

from plumbline.formats import PARQUET, load, write_tables
from plumbline.lineage import StatedTerms, Use, read_manifest
from plumbline.loop.asked_sources import journal_of
from plumbline.loop.redteam.run import RedTeamRun, Target, run_redteam
from plumbline.records import Kind, NoDataError, PermittedUseError, SourceError, UsageError
from plumbline.sources import ReplyError, Sampling
from tests.models.made_up import BAD, GOOD, labels_table, pairs_table
from tests.redteam.small_models import saved
from tests.sources.chat_server import answer, chat_server, status
from tests.sources.tiny_language_model import saved_model

SECRET = "lapis lazuli"
RUDE, KIND = f"{BAD[0]} 7", f"{GOOD[0]} 7"


@pytest.fixture(scope="module")
def scorer(tmp_path_factory):
    return saved("moderation", labels_table(160), tmp_path_factory.mktemp("scorer") / "moderation")


@pytest.fixture(scope="module")
def labels(tmp_path_factory):
    """Labels that the scorer was not trained on, but for the first forty."""
    folder = tmp_path_factory.mktemp("labels") / "labels"
    write_tables({Kind.SAFETY_LABELS: labels_table(160).slice(0, 40)}, folder / "old", PARQUET)
    write_tables({Kind.SAFETY_LABELS: labels_table(160, seed=5)}, folder / "new", PARQUET)
    return {name: folder / name / "safety_labels" / "train.parquet" for name in ("old", "new")}


@pytest.fixture
def server():
    """Gives in where the prompt says so; to a prompt about an error there is none but an error."""
    with chat_server() as running:

        def plan(handler, body):
            asked = body["messages"][-1]["content"]
            if "error" in asked:
                return status(400)(handler, body)
            return answer(RUDE if "please" in asked else KIND)(handler, body)

        running.always = plan
        yield running


@pytest.fixture
def prompts(tmp_path):
    """Ten prompts of which four work and two bring errors, in two categories."""
    words = ["please"] * 4 + ["no"] * 4 + ["error"] * 2
    rows = "".join(f"{SECRET} {number} {word},{'ab'[number % 2]}\n" for number, word in enumerate(words))
    path = tmp_path / "prompts.csv"
    path.write_text("prompt,category\n" + rows)
    return path


def run_of(prompts, server, scorer, out, **changes):
    target = Target(str(server.address), allow_private=True, model_type="rlhf", model_size="52B")
    given = {"target": target, "sampling": Sampling(seed=3), "replies": 2, **changes}
    return RedTeamRun(str(prompts), scorer=scorer, out=out, **given)


def rows_of(out):
    return load(out).red_team_attempts.to_pylist()


def test_attempts_are_records_like_any_other(prompts, server, scorer, labels, tmp_path):
    summary = run_redteam(run_of(prompts, server, scorer, tmp_path / "out", validate_on=str(labels["new"])))
    loaded = load(tmp_path / "out")
    rows = loaded.red_team_attempts.to_pylist()
    assert [row["outcome"] for row in rows] == ["success"] * 8 + ["failure"] * 8 + ["unscored"] * 4
    assert [row["row"] for row in rows] == list(range(20))
    assert {(row["model_type"], row["model_size"], row["worker"], row["rating"]) for row in rows} == {
        ("rlhf", "52B", None, None)
    }
    assert [row["tags"] for row in rows[:4]] == [["a"], ["a"], ["b"], ["b"]]
    assert [message["text"] for message in rows[0]["transcript"]] == [f"{SECRET} 0 please", RUDE]
    assert len(rows[-1]["transcript"]) == 1
    assert all((row["transcript_score"] is None) == (row["outcome"] == "unscored") for row in rows)
    assert max(row["transcript_score"] for row in rows[:8]) < min(row["transcript_score"] for row in rows[8:16])
    trail = json.loads(rows[-1]["extra"])["attempt"]
    assert (trail["unscored"], trail["prompt"]["row"], trail["probability"]) == ("PL-REP-017", 9, None)
    assert (loaded.terms.uses, loaded.terms.licence) == ({Use.ANALYSIS}, "MIT AND unknown")
    assert summary["outcomes"] == {"success": 8, "failure": 8, "unscored": 4}
    assert summary["unscored"] == {"PL-REP-017": 4}
    assert (summary["success_rate"]["value"], summary["success_rate"]["n"]) == (0.5, 16)
    assert summary["by_category"]["a"]["unscored"] == 2
    assert summary["by_category"]["a"]["success_rate"]["n"] == 8


def test_the_manifest_names_prompts_scorer_and_labels_and_what_is_missing(prompts, server, scorer, labels, tmp_path):
    summary = run_redteam(run_of(prompts, server, scorer, tmp_path / "out", validate_on=str(labels["new"])))
    manifest = read_manifest(tmp_path / "out")
    assert [entry.path.rpartition("/")[2] for entry in manifest.inputs][:2] == ["model.json", "prompts.csv"]
    assert len(manifest.inputs) == 3
    assert (manifest.seed, manifest.findings, manifest.rows_read) == (3, {"PL-REP-017": 4}, 10)
    assert {entry.path: entry.rows for entry in manifest.outputs} == {
        "red_team_attempts/prompts.parquet": 20,
        "redteam_run.json": None,
    }
    assert json.loads((tmp_path / "out" / "redteam_run.json").read_text()) == summary
    assert SECRET not in manifest.model_dump_json() + json.dumps(summary)


def test_without_labels_the_rate_is_the_scorers_word_and_said_to_be(prompts, server, scorer, tmp_path):
    summary = run_redteam(run_of(prompts, server, scorer, tmp_path / "out"))
    assert summary["scorer_error"] is None
    assert summary["corrected_success_rate"]["value"] is None
    assert "--validate-on" in summary["corrected_success_rate"]["why_undefined"]
    assert "not corrected" in summary["notes"][0]


def test_labels_that_the_scorer_was_trained_on_say_nothing_of_its_errors(prompts, server, scorer, labels, tmp_path):
    summary = run_redteam(run_of(prompts, server, scorer, tmp_path / "out", validate_on=str(labels["new"])))
    errors, corrected = summary["scorer_error"], summary["corrected_success_rate"]
    known = labels_table(160)["item_id"].to_pylist()
    fresh = [name for name in labels_table(160, seed=5)["item_id"].to_pylist() if name not in known]
    assert errors["sensitivity"]["n"] + errors["specificity"]["n"] == len(fresh)
    assert errors["left_out"] == {"PL-RTA-007": 160 - len(fresh)}
    assert corrected["low"] < summary["success_rate"]["value"] < corrected["high"]
    assert "as far as the labelled replies are like these attempts" in summary["notes"][0]
    with pytest.raises(NoDataError, match="PL-RTA-006"):
        run_redteam(run_of(prompts, server, scorer, tmp_path / "other", validate_on=str(labels["old"])))


def test_a_scorer_that_does_not_say_what_it_was_trained_on_is_told(prompts, server, labels, tmp_path):
    imported = saved("moderation", labels_table(160), tmp_path / "imported", tells_rows=False)
    summary = run_redteam(run_of(prompts, server, imported, tmp_path / "out", validate_on=str(labels["old"])))
    assert summary["scorer_error"]["left_out"] == {}
    assert any("nothing says what the scorer was trained on" in note for note in summary["notes"])


def test_a_run_whose_replies_are_partly_missing_goes_on_and_then_is_done(prompts, server, scorer, tmp_path):
    run = run_of(prompts, server, scorer, tmp_path / "out")
    run_redteam(run)
    assert journal_of(run.out).is_file()
    before = rows_of(run.out)
    asked = len(server.bodies)
    server.always = answer(KIND)
    summary = run_redteam(run)
    assert summary["outcomes"] == {"success": 8, "failure": 12, "unscored": 0}
    assert len(server.bodies) - asked == 4
    assert rows_of(run.out)[:16] == before[:16]
    assert not journal_of(run.out).exists()
    with pytest.raises(UsageError, match="PL-RTA-009"):
        run_redteam(run)
    assert len(server.bodies) - asked == 4


class Killed(BaseException):
    """In the middle of a run."""


def test_a_killed_run_gives_the_rows_of_one_that_was_not(prompts, server, scorer, tmp_path):
    whole = run_of(prompts, server, scorer, tmp_path / "whole")
    run_redteam(whole)
    killed = run_of(prompts, server, scorer, tmp_path / "killed")

    def kill(said):
        if said.startswith("asking, 9 of 20"):
            raise Killed

    with pytest.raises(Killed):
        run_redteam(killed, kill)
    assert not killed.out.exists()
    run_redteam(killed)
    assert rows_of(killed.out) == rows_of(whole.out)


def test_other_settings_do_not_go_on_from_what_was_kept(prompts, server, scorer, tmp_path):
    run_redteam(run_of(prompts, server, scorer, tmp_path / "out"))
    asked = len(server.bodies)
    other = {"sampling": Sampling(seed=4)}
    with pytest.raises(UsageError, match=r"PL-RTA-001(.|\n)*seed 4(.|\n)*seed 3(.|\n)*--restart"):
        run_redteam(run_of(prompts, server, scorer, tmp_path / "out", **other))
    prompts.write_text(prompts.read_text() + "one more,a\n")
    with pytest.raises(UsageError, match=r"PL-RTA-001(.|\n)*prompts"):
        run_redteam(run_of(prompts, server, scorer, tmp_path / "out"))
    assert len(server.bodies) == asked
    assert run_redteam(run_of(prompts, server, scorer, tmp_path / "out", restart=True, **other))["attempts"] == 22


def test_a_key_that_is_refused_ends_the_run_without_an_output(prompts, server, scorer, tmp_path):
    server.always = status(401)
    with pytest.raises(ReplyError, match="PL-REP-013"):
        run_redteam(run_of(prompts, server, scorer, tmp_path / "out"))
    assert not (tmp_path / "out").exists()


def test_what_is_wrong_is_told_before_anything_is_asked(prompts, server, scorer, labels, tmp_path):
    out = tmp_path / "out"
    preference = saved("preference", pairs_table(60, axis="harmlessness"), tmp_path / "preference")
    empty = tmp_path / "pairs.jsonl"
    empty.write_text('{"prompt": "p", "response_0": "a", "response_1": "b"}\n')
    not_for_this = {"load_options": {"stated_terms": StatedTerms.of(None, ["policy"])}}
    (tmp_path / "nothing").mkdir()
    for error, code, changes in (
        (UsageError, "PL-RTA-005", {"scorer": preference}),
        (SourceError, "PL-MOD-001", {"scorer": tmp_path / "nothing"}),
        (NoDataError, "PL-RTA-008", {"prompts": empty}),
        (NoDataError, "PL-TRN-015", {"validate_on": str(empty)}),
        (UsageError, "PL-REP-001", {"target": Target("gpt:x")}),
        (ReplyError, "PL-REP-004", {"target": Target(str(server.address))}),
        (UsageError, "PL-REP-005", {"target": Target(str(server.address), "NO_SUCH_KEY", allow_private=True)}),
        (UsageError, "PL-OUT-002", {"out": scorer}),
        (UsageError, "PL-OUT-008", {"out": scorer / "attempts"}),
        (UsageError, "PL-OUT-008", {"target": Target(f"retrieval:{tmp_path / 'nothing'}"), "out": tmp_path / "nothing/out"}),
        (UsageError, "PL-OUT-002", {"out": labels["new"].parent}),
        (UsageError, "PL-SRC-004", {"validate_on": str(labels["new"].parent)}),
        (PermittedUseError, "PL-USE-001", not_for_this),
    ):  # fmt: skip
        given = {"prompts": prompts, "scorer": scorer, "out": out, **changes}
        with pytest.raises(error) as refused:
            run_redteam(run_of(given.pop("prompts"), server, given.pop("scorer"), given.pop("out"), **given))
        assert refused.value.code == code
        assert refused.value.place != "source", "an option that nobody has"
        assert SECRET not in str(refused.value)
    assert not server.bodies
    assert not out.exists()


def test_a_corpus_can_be_the_target_and_its_terms_hold(prompts, scorer, server, labels, tmp_path):
    run = run_of(prompts, server, scorer, tmp_path / "out", target=Target(f"retrieval:{labels['new']}"))
    summary = run_redteam(run)
    assert summary["attempts"] == sum(summary["outcomes"].values()) == 20
    assert {row["model_type"] for row in rows_of(run.out)} == {"train.parquet"}
    assert summary["target"] == "retrieval:safety_labels/train.parquet"
    assert str(labels["new"].parent) not in json.dumps(rows_of(run.out))
    assert rows_of(run.out) == (run_redteam(replace(run, restart=True)) and rows_of(run.out))


def test_a_model_on_this_machine_can_be_the_target(prompts, scorer, server, tmp_path):
    target = Target(f"transformers:{saved_model(tmp_path / 'toy')}")
    run = run_of(prompts, server, scorer, tmp_path / "out", target=target, sampling=Sampling(seed=3, max_tokens=8))
    summary = run_redteam(run)
    assert (summary["attempts"], summary["unscored"], list(summary["snapshots"].values())) == (20, {}, [20])
    first = rows_of(run.out)
    assert {row["model_type"] for row in first} == {"toy"}
    assert len({row["transcript"][-1]["text"] for row in first}) > 10
    assert (run_redteam(replace(run, restart=True)), rows_of(run.out)) == (summary, first)
