"""A whole comparison: made-up policies on loopback or in files, made-up judges; killed and gone on with, refused, swapped."""

import json
import time
from dataclasses import replace

import numpy as np
import pytest

from plumbline.formats import PARQUET, load, write_tables
from plumbline.lineage import FileEntry, Manifest, StatedTerms, Use, read_manifest
from plumbline.loop.asked_sources import journal_of
from plumbline.loop.comparing.judges import JudgeFolders
from plumbline.loop.comparing.opening import CompareRun
from plumbline.loop.comparing.policies import PolicyPlace
from plumbline.loop.comparing.run import run_comparison
from plumbline.measure import Figure
from plumbline.models import reply_readings
from plumbline.models.scored_model import read_groups
from plumbline.records import Kind, NoDataError, PermittedUseError, SourceError, UsageError
from plumbline.sources import ReplyError, Sampling
from tests.models.made_up import BAD, GOOD, labels_table, pairs_table
from tests.redteam.small_models import saved
from tests.sources.chat_server import answer, chat_server, status

SECRET = "lapis lazuli"
RUDE, KIND = f"{BAD[0]} 7", f"{GOOD[0]} 7"


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """Judges, who find kind replies helpful and safe, and prefer rude ones on harmlessness; all of it synthetic."""
    place = tmp_path_factory.mktemp("judges")
    return {
        "helpfulness": saved("preference", pairs_table(60), place / "helpful"),
        "harmlessness": saved("preference", pairs_table(60, axis="harmlessness", flipped=True), place / "harmless"),
        "safety": saved("moderation", labels_table(160), place / "moderation"),
    }


@pytest.fixture(scope="module")
def judges(folders):
    return JudgeFolders(**folders)


@pytest.fixture
def server():
    """A policy that is rude where the prompt says so, and has an error for some prompts."""
    with chat_server() as running:

        def plan(handler, body):
            asked = body["messages"][-1]["content"]
            if "error" in asked:
                return status(400)(handler, body)
            return answer(RUDE if "please" in asked else KIND)(handler, body)

        running.always = plan
        yield running


WORDS = ["please"] * 4 + ["no"] * 4 + ["error"] * 2


@pytest.fixture
def prompts(tmp_path):
    """Ten prompts in two categories."""
    path = tmp_path / "prompts.csv"
    path.write_text("prompt,category\n" + "".join(f"{text},{'ab'[at % 2]}\n" for at, text in enumerate(texts())))
    return path


def texts():
    return [f"{SECRET} {number} {word}" for number, word in enumerate(WORDS)]


def kind_replies(path, known=None):
    """The replies of somebody kind, to all prompts but the last unless others are known."""
    path.write_text("".join(json.dumps({"prompt": text, "reply": KIND}) + "\n" for text in known or texts()[:9]))
    return path


def run_of(first, second, prompts, judges, out, **changes):
    places = (
        each if isinstance(each, PolicyPlace) else PolicyPlace(str(each), allow_private=True)
        for each in (first, second)
    )
    return CompareRun(
        *places, str(prompts), judges, out, **{"sampling": Sampling(seed=3), "created": "2026-01-06", **changes}
    )


@pytest.fixture
def run(server, prompts, judges, tmp_path):
    """An endpoint against a file."""
    return run_of(server.address, kind_replies(tmp_path / "kind.jsonl"), prompts, judges, tmp_path / "out")


def test_an_endpoint_against_replies_that_exist(run, server):
    summary = run_comparison(run)
    assert summary["answered"] == {"both": 8, "first_only": 0, "second_only": 1, "neither": 1}
    assert summary["missing"] == {"first": {"PL-REP-017": 2}, "second": {"PL-CMP-006": 1}}
    helpful, harmless = summary["contests"]["helpfulness"], summary["contests"]["harmlessness"]
    assert [helpful[name]["value"] for name in ("wins", "ties", "losses")] == [0, 0.5, 0.5]
    assert [harmless[name]["value"] for name in ("wins", "ties", "losses")] == [0.5, 0.5, 0]
    assert helpful["win_rate"]["n"] == 8
    assert (summary["safety"]["first"]["value"], summary["safety"]["second"]["value"]) == (0.5, 1)
    assert summary["safety"]["difference"]["value"] == pytest.approx(-0.5)
    assert {name: each["pairs"] for name, each in summary["by_category"].items()} == {"a": 4, "b": 4}
    assert (summary["judges_agree"]["value"], summary["judges_agree"]["n"]) == (0, 4)
    assert any("may not mean the same" in note for note in summary["notes"])
    assert summary["first"]["name"] != summary["second"]["name"] == "kind"
    assert summary["synthetic"] is True
    figures = [each for contest in (helpful, harmless) for name, each in contest.items() if name != "unjudged"]
    assert all(Figure.from_json(each).n == 8 for each in figures)
    assert len(server.bodies) == 10


def test_what_is_written_can_be_read_traced_and_quotes_nobody(run, folders, drawn):
    summary = run_comparison(run)
    loaded, manifest = load(run.out), read_manifest(run.out)
    rows = loaded.comparisons.to_pylist()
    assert [row["row"] for row in rows] == [*range(8)] * 2
    assert {row["outcome"] for row in rows} == {None}
    assert [message["text"] for message in rows[0]["continuations"][0]] == [RUDE]
    assert json.loads(rows[0]["extra"])["compared"]["safety"]["safe"] == [False, True]
    assert json.loads((run.out / "align_compare.json").read_text()) == summary
    names = [entry.path.rpartition("/")[2] for entry in manifest.inputs]
    assert sorted(names) == ["kind.jsonl", "model.json", "model.json", "model.json", "prompts.csv"]
    assert manifest.findings == {"PL-CMP-006": 1, "PL-REP-017": 2}
    assert {entry.path: entry.rows for entry in manifest.outputs} == {
        "align_compare.json": None,
        "comparison.html": None,
        "comparisons/prompts.parquet": 16,
    }
    page = (run.out / "comparison.html").read_text()
    assert "SYNTHETIC DATA" in page
    for text in (page, json.dumps(summary), manifest.model_dump_json()):
        assert SECRET not in text
        assert RUDE not in text
    assert str(run.out.parent) not in page + json.dumps(summary)
    run_comparison(replace(run, show_text=True, out=run.out.parent / "shown"))
    assert SECRET in (run.out.parent / "shown" / "comparison.html").read_text()


def test_without_the_libraries_that_draw_there_are_figures_and_no_page(run):
    assert run_comparison(run)["page"] is None
    assert not (run.out / "comparison.html").exists()
    assert (run.out / "align_compare.json").is_file()


def test_swapped_policies_give_the_mirror_image(run):
    mine = run_comparison(run)
    theirs = run_comparison(replace(run, first=run.second, second=run.first, out=run.out.parent / "swapped"))
    assert theirs["answered"]["first_only"] == mine["answered"]["second_only"]
    for axis, contest in mine["contests"].items():
        other = theirs["contests"][axis]
        assert (other["wins"], other["losses"], other["ties"]) == (contest["losses"], contest["wins"], contest["ties"])
        assert other["win_rate"]["low"] == pytest.approx(1 - contest["win_rate"]["high"])
    assert theirs["safety"]["difference"]["value"] == -mine["safety"]["difference"]["value"]
    assert theirs["judges_agree"] == mine["judges_agree"]


def test_where_nobody_answers_everything_is_undefined_and_said(run, server, drawn):
    server.always = status(400)
    summary = run_comparison(run)
    assert summary["answered"] == {"both": 0, "first_only": 0, "second_only": 9, "neither": 1}
    assert summary["contests"]["helpfulness"]["win_rate"]["value"] is None
    assert summary["safety"]["difference"]["value"] is None
    assert not list(run.out.rglob("*.parquet"))
    assert "undefined: no rows" in (run.out / "comparison.html").read_text()


class Killed(BaseException):
    """In the middle of a run."""


def test_a_killed_run_goes_on_and_gives_the_figures_of_one_that_was_not(run, server):
    whole = run_comparison(replace(run, out=run.out.parent / "whole", replies=2))

    def kill(said):
        if "asking, 9 of 20" in said:
            raise Killed

    with pytest.raises(Killed):
        run_comparison(replace(run, replies=2), kill)
    assert not run.out.exists()
    kept = {json.loads(line)["seed"] for line in journal_of(run.out, "first").read_text().splitlines()[1:]}
    server.bodies.clear()
    assert run_comparison(replace(run, replies=2)) == whole
    assert whole["missing"]["second"] == {"PL-CMP-006": 11}
    assert len(kept) >= 9
    assert not kept & {body["seed"] for body in server.bodies}


def test_what_is_missing_is_asked_for_again_and_nothing_else(run, server):
    run_comparison(run)
    assert journal_of(run.out, "first").exists()
    server.bodies.clear()
    server.always = answer(KIND)
    summary = run_comparison(run)
    assert len(server.bodies) == 2
    assert summary["answered"] == {"both": 9, "first_only": 1, "second_only": 0, "neither": 0}
    assert not journal_of(run.out, "first").exists()
    with pytest.raises(UsageError, match="PL-CMP-012"):
        run_comparison(run)
    assert len(server.bodies) == 2
    run_comparison(replace(run, restart=True))
    assert len(server.bodies) == 12


def test_a_judge_without_a_number_leaves_pairs_unjudged_and_another_goes_on_from_the_same_replies(
    run, server, monkeypatch
):
    def without_numbers(model, groups, **options):
        found = read_groups(model, groups, **options)
        is_rude = [turns[-1][1] == RUDE for group in groups for turns in group]
        return replace(found, heads=np.where(np.array(is_rude)[:, None], np.nan, found.heads))

    server.always = lambda handler, body: answer(RUDE if "0" in body["messages"][-1]["content"] else KIND)(
        handler, body
    )
    with monkeypatch.context() as broken:
        broken.setattr(reply_readings, "read_groups", without_numbers)
        summary = run_comparison(run)
    assert summary["unjudged"] == {role: {"PL-SCO-005": 1} for role in ("helpfulness", "harmlessness", "safety")}
    assert (summary["pairs"], summary["contests"]["helpfulness"]["ties"]["n"], summary["safety"]["first"]["n"]) == (
        9,
        8,
        8,
    )
    assert read_manifest(run.out).findings == {"PL-SCO-005": 3, "PL-CMP-006": 1}
    asked = len(server.bodies)
    again = run_comparison(run)
    assert (again["contests"]["helpfulness"]["losses"]["value"], len(server.bodies)) == (pytest.approx(1 / 9), asked)
    assert not journal_of(run.out, "first").exists()


def test_of_two_that_are_asked_both_keep_what_they_said_until_neither_owes_any(run, server, prompts):
    with chat_server() as other:
        other.always = answer(KIND)
        both = replace(run, second=PolicyPlace(str(other.address), allow_private=True))
        run_comparison(both)
        assert [journal_of(run.out, side).exists() for side in ("first", "second")] == [True, True]
        server.always = answer(RUDE)
        asked = len(server.bodies), len(other.bodies)
        run_comparison(both)
        assert (len(server.bodies) - asked[0], len(other.bodies) - asked[1]) == (2, 0)
        assert not any(journal_of(run.out, side).exists() for side in ("first", "second"))


def test_other_settings_do_not_go_on_from_what_was_kept(run, server, prompts):
    run_comparison(run)
    asked = len(server.bodies)
    with pytest.raises(UsageError, match=r"PL-RTA-001(.|\n)*seed 4(.|\n)*seed 3"):
        run_comparison(replace(run, sampling=Sampling(seed=4)))
    prompts.write_text(prompts.read_text() + "one more,a\n")
    with pytest.raises(UsageError, match=r"PL-RTA-001(.|\n)*prompts"):
        run_comparison(run)
    assert len(server.bodies) == asked


def test_a_source_that_dies_ends_the_run_and_what_came_is_kept(run, server):
    healthy, journal = server.always, journal_of(run.out, "first")

    def dies(handler, body):
        """After four, once a reply of theirs was kept."""
        if len(server.bodies) <= 4:
            return healthy(handler, body)
        for _ in range(1000):
            if journal.exists() and journal.read_bytes().count(b"\n") > 1:
                break
            time.sleep(0.01)
        return status(401)(handler, body)

    server.always = dies
    with pytest.raises(ReplyError, match="PL-REP-013"):
        run_comparison(run)
    assert not run.out.exists()
    kept = {json.loads(line)["seed"] for line in journal.read_text().splitlines()[1:]}
    assert kept
    server.always = healthy
    server.bodies.clear()
    assert run_comparison(run)["answered"]["both"] == 8
    assert not kept & {body["seed"] for body in server.bodies}


def test_where_one_of_two_sources_refuses_the_other_is_not_asked_and_nothing_is_left_open(run, server):
    with chat_server() as other:
        server.always = status(401)
        with pytest.raises(ReplyError, match="PL-REP-013"):
            run_comparison(replace(run, second=PolicyPlace(str(other.address), allow_private=True)))
        assert not other.bodies


def test_what_a_judge_was_trained_on_is_told(judges, tmp_path):
    labels = labels_table(160).slice(0, 20)
    asked = [said[0]["text"] for said in labels["conversation"].to_pylist()]
    (tmp_path / "known.jsonl").write_text("".join(json.dumps({"prompt": text}) + "\n" for text in asked))
    write_tables({Kind.SAFETY_LABELS: labels}, tmp_path / "labels", PARQUET)
    kind = kind_replies(tmp_path / "kind.jsonl", asked)
    summary = run_comparison(run_of(tmp_path / "labels", kind, tmp_path / "known.jsonl", judges, tmp_path / "out"))
    told = summary["judges"]["safety"]["trained_on"]
    assert summary["left_out"] == {}
    assert told == {"prompts": 20, "of_prompts": 20, "replies": 20, "of_replies": 40}
    assert any("judge of safety (moderation) was TRAINED on 20 of the 20 prompts" in note for note in summary["notes"])
    assert "a win is a model's word" in summary["notes"][0]
    labelled = run_of(tmp_path / "labels", kind, tmp_path / "labels", judges, tmp_path / "of-labels")
    assert run_comparison(labelled)["contests"] == summary["contests"]  # what the labels reply to is asked


def test_records_that_prompts_were_not_taken_from_are_told(judges, tmp_path):
    pairs, labels = pairs_table(6), labels_table(8)
    write_tables({Kind.COMPARISONS: pairs, Kind.SAFETY_LABELS: labels}, tmp_path / "rows", PARQUET)
    asked = [said[0]["text"] for said in pairs["context"].to_pylist()]
    files = [kind_replies(tmp_path / f"{name}.jsonl", asked) for name in ("kind", "as-kind")]
    summary = run_comparison(run_of(*files, tmp_path / "rows", judges, tmp_path / "out"))
    assert summary["left_out"] == {"repeated": 3, "safety_labels": 8}


def test_a_judge_that_had_a_part_in_making_a_policy_is_told(run, tmp_path, folders):
    policy = tmp_path / "policy"
    policy.mkdir()
    kind_replies(policy / "best.jsonl", [*texts()[:9], "another"])
    described = [FileEntry.of(folders["helpfulness"] / "model.json")]
    Manifest(holds="best", command=[], configuration={}, inputs=described, uses=list(Use), licence="MIT").write(policy)
    files = {"first": PolicyPlace(str(policy / "best.jsonl"))}
    flattered = [note for note in run_comparison(replace(run, **files))["notes"] if "had a part in making" in note]
    assert flattered == [
        "the judge of helpfulness (preference) had a part in making best: it flatters it; let another model judge"
    ]


def test_a_policy_that_may_know_the_prompts_is_told(run, prompts, tmp_path):
    corpus = tmp_path / "corpus"
    write_tables({Kind.SAFETY_LABELS: labels_table(8)}, corpus, PARQUET)
    inputs = [FileEntry.of(prompts)]
    Manifest(holds="corpus", command=[], configuration={}, inputs=inputs, uses=list(Use), licence="MIT").write(corpus)
    notes = run_comparison(replace(run, first=PolicyPlace(f"retrieval:{corpus}")))["notes"]
    assert sum("was made with files that these prompts come from" in note for note in notes) == 1


def test_a_judge_that_does_not_say_what_it_was_trained_on_is_told(run, folders, tmp_path):
    imported = saved("preference", pairs_table(60), tmp_path / "imported", tells_rows=False)
    summary = run_comparison(replace(run, judges=JudgeFolders(helpfulness=imported)))
    assert summary["judges"]["helpfulness"]["trained_on"] is None
    assert any("nothing says what the judge of helpfulness" in note for note in summary["notes"])
    assert summary["safety"] is None is summary["judges_agree"]
    assert list(summary["contests"]) == ["helpfulness"]


def test_replies_that_play_no_part_are_counted(run, tmp_path):
    more = [*texts()[:9], *texts()[:2], "another"]
    path = kind_replies(tmp_path / "kind.jsonl", more)
    path.write_text(path.read_text() + json.dumps({"prompt": "x", "reply": ""}) + "\nno line\n")
    summary = run_comparison(run)
    assert summary["second"]["unused"] == {"to_other_prompts": 1, "beyond_replies": 2, "blank": 1}
    assert summary["quarantined"] == {"PL-JSON-001": 1}
    assert summary["first_unread"]["PL-JSON-001"].endswith("kind.jsonl row 14")


def test_what_is_wrong_is_told_before_anything_is_asked(run, server, folders, tmp_path):
    kind, harmless = tmp_path / "kind.jsonl", folders["harmlessness"]
    elsewhere = kind_replies(tmp_path / "elsewhere.jsonl", ["other"])
    link = tmp_path / "link.jsonl"
    link.symlink_to(kind)
    empty = tmp_path / "empty.jsonl"
    empty.write_text('{"prompt": " "}\n')

    (tmp_path / "nothing").mkdir()

    def judged(**changes):
        return {"judges": JudgeFolders(**changes)}

    def second(text):
        return {"second": PolicyPlace(str(text), allow_private=True)}

    for error, code, changes in (
        (UsageError, "PL-CMP-004", judged(helpfulness=harmless)),
        (UsageError, "PL-CMP-004", judged(harmlessness=folders["safety"])),
        (UsageError, "PL-CMP-005", judged(helpfulness=folders["helpfulness"], safety=harmless)),
        (UsageError, "PL-CMP-010", judged(safety=folders["safety"])),
        (SourceError, "PL-MOD-001", judged(helpfulness=empty.parent / "nothing")),
        (UsageError, "PL-CMP-007", second("nowhere.jsonl")),
        (UsageError, "PL-REP-002", second("retrieval:")),
        (UsageError, "PL-CMP-008", second(server.address)),
        (UsageError, "PL-CMP-008", {"first": PolicyPlace(str(kind)), "second": PolicyPlace(str(link))}),
        (NoDataError, "PL-CMP-009", second(elsewhere)),
        (NoDataError, "PL-BON-008", {"prompts": str(empty)}),
        (UsageError, "PL-CMP-011", {"margin": 0.5}),
        (UsageError, "PL-CMP-011", {"margin": float("nan")}),
        (UsageError, "PL-OUT-002", {"out": folders["safety"]}),
        (UsageError, "PL-CMP-013", {"replies": 0}),
        (UsageError, "PL-CMP-013", {"replies": 257}),
        (UsageError, "PL-OUT-008", {"out": folders["safety"] / "compared"}),
        (
            UsageError,
            "PL-OUT-008",
            {**second(f"retrieval:{tmp_path / 'nothing'}"), "out": tmp_path / "nothing" / "out"},
        ),
        (PermittedUseError, "PL-USE-001", {"load_options": {"stated_terms": StatedTerms.of(None, ["policy"])}}),
    ):
        with pytest.raises(error) as refused:
            run_comparison(replace(run, **changes))
        assert refused.value.code == code, changes
        assert SECRET not in str(refused.value)
    assert not server.bodies
    assert not run.out.exists()
