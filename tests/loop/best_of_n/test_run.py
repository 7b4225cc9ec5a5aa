"""A whole best-of-n run: a made-up policy on loopback that is kind to some seeds, made-up prompts, made-up models."""

import json
import shutil
from dataclasses import replace

import pyarrow.parquet as pq
import pytest

from plumbline.formats import PARQUET, load, write_tables
from plumbline.lineage import StatedTerms, Use, file_digest, read_manifest, terms_of
from plumbline.loop.asked_sources import journal_of
from plumbline.loop.best_of_n import run as best_of_n_run
from plumbline.loop.best_of_n.opening import BestOfNRun
from plumbline.loop.best_of_n.run import CANDIDATES_NAME, SUPERVISED_NAME, run_best_of_n
from plumbline.loop.sources import is_synthetic
from plumbline.measure import Figure
from plumbline.records import Kind, NoDataError, Outcome, PermittedUseError, SourceError, UsageError, records_from_table
from plumbline.sources import ReplyError, Sampling
from tests.models.made_up import BAD, GOOD, labels_table, pairs_table
from tests.redteam.made_up import attempts_table
from tests.redteam.small_models import saved
from tests.sources.chat_server import answer, chat_server, status
from tests.sources.tiny_language_model import saved_model

SECRET = "lapis lazuli"


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """Two preference models of different rows, and a moderation model."""
    folder = tmp_path_factory.mktemp("models")
    return {
        "kind": saved("preference", pairs_table(120), folder / "kind"),
        "other": saved("preference", pairs_table(120, seed=9, axis="harmlessness"), folder / "other"),
        "moderation": saved("moderation", labels_table(160), folder / "moderation"),
    }


@pytest.fixture
def server():
    """Kind by two seeds of three."""
    with chat_server() as running:
        running.always = lambda handler, body: answer(said(body["seed"]))(handler, body)
        yield running


def said(seed):
    return f"{(BAD if seed % 3 == 0 else GOOD)[seed % 4]} {seed % 7}"


def asked_for(body):
    return body["messages"][0]["content"], body["seed"]


@pytest.fixture
def prompts(tmp_path):
    path = tmp_path / "prompts.jsonl"
    path.write_text("".join(f'{{"prompt": "{SECRET} {number}?"}}\n' for number in range(8)))
    return path


def run_of(prompts, server, scorer, out, **changes):
    given = {
        "policy": str(server.address),
        "allow_private": True,
        "sampling": Sampling(seed=3),
        "replies": 4,
        **changes,
    }
    return BestOfNRun(str(prompts), scorer=scorer, out=out, **given)


def rows_of(out):
    return pq.read_table(out / CANDIDATES_NAME).to_pylist()


def chosen_texts(out):
    return [row["reply"] for row in rows_of(out) if row["is_best"]]


def test_a_run_writes_figures_candidates_comparisons_and_replies_to_learn(prompts, server, models, tmp_path, drawn):
    out = tmp_path / "out"
    run = run_of(prompts, server, models["kind"], out, judge=models["other"], write=("comparisons", "supervised"))
    summary = run_best_of_n(run)
    assert len(server.bodies) == 32
    curve = summary["curve"]
    assert [each["n"] for each in curve] == [1, 2, 4]
    assert Figure.from_json(curve[2]["gain"]).low > 0
    assert Figure.from_json(curve[2]["judged_gain"]).value > 0
    assert [row["number"] for row in rows_of(out)] == [0, 1, 2, 3] * 8
    assert is_synthetic(load(out))  # the models are: what is trained on these rows says so
    loaded = load(out)  # the comparisons alone; candidates and replies to learn are none
    found = list(records_from_table(loaded.comparisons))
    better = [each.continuations[0 if each.outcome is Outcome.FIRST else 1][0].text for each in found]
    best = dict(zip([row["prompt_id"] for row in rows_of(out) if row["is_best"]], chosen_texts(out), strict=True))
    assert better == [best[each.parents[0]] for each in found]
    assert all(each.worker.startswith("model:preference@") for each in found)
    assert summary["rows"]["comparisons/prompts.parquet"] == len(found)
    learnt = [json.loads(line) for line in (out / SUPERVISED_NAME).read_text().splitlines()]
    assert [row["completion"][0]["content"] for row in learnt] == list(best.values())
    assert not journal_of(out).exists()
    assert json.loads((out / "best_of_n.json").read_text()) == summary
    assert (
        SECRET not in json.dumps(summary) + (out / "best_of_n.html").read_text() + (out / "manifest.json").read_text()
    )


def test_the_manifest_names_prompts_and_models_and_terms_are_the_strictest(prompts, server, models, tmp_path):
    stated = {"stated_terms": StatedTerms.of("CC-BY-4.0", ["policy", "preference"])}
    run = run_of(prompts, server, models["kind"], tmp_path / "out", judge=models["other"], load_options=stated)
    run_best_of_n(replace(run, write=("comparisons",)))
    manifest = read_manifest(tmp_path / "out")
    assert [entry.path for entry in manifest.inputs[:2]] == ["kind/model.json", "other/model.json"]
    assert len(manifest.parents) == 2
    assert manifest.inputs[2].path.endswith("prompts.jsonl")
    expected = ({Use.POLICY, Use.PREFERENCE}, "CC-BY-4.0")
    assert (set(manifest.uses), manifest.licence) == expected
    for table in (pq.read_table(tmp_path / "out" / CANDIDATES_NAME), load(tmp_path / "out").comparisons):
        assert (terms_of(table).uses, terms_of(table).licence) == expected
    assert manifest.uses_overridden is False


def test_the_scorer_is_named_as_it_was_whatever_becomes_of_its_folder_meanwhile(prompts, server, models, tmp_path):
    scorer = shutil.copytree(models["kind"], tmp_path / "kind")
    digest = file_digest(scorer / "model.json")

    def trained_again(said):
        if said.startswith("asking"):
            shutil.copytree(models["moderation"], scorer, dirs_exist_ok=True)

    summary = run_best_of_n(run_of(prompts, server, scorer, tmp_path / "out"), trained_again)
    assert read_manifest(tmp_path / "out").inputs[0].sha256 == digest != file_digest(scorer / "model.json")
    assert summary["scorer"]["name"].endswith(digest[:12])


def test_replies_to_learn_are_refused_where_the_terms_leave_that_out(prompts, server, models, tmp_path):
    stated = {"stated_terms": StatedTerms.of(None, ["policy", "preference"])}
    run = run_of(prompts, server, models["kind"], tmp_path / "out", load_options=stated, write=("supervised",))
    with pytest.raises(PermittedUseError, match=r"PL-USE-001(.|\n)*--override-uses"):
        run_best_of_n(run)
    assert not server.bodies
    run_best_of_n(replace(run, override_uses=True))
    manifest = read_manifest(tmp_path / "out")
    assert (manifest.uses_overridden, Use.SUPERVISED in manifest.uses) == (True, False)


def test_what_a_scorer_was_trained_on_binds_what_it_chooses(prompts, server, tmp_path):
    scorer = saved("preference", pairs_table(60), tmp_path / "bound", uses=[Use.PREFERENCE, Use.ANALYSIS])
    run = run_of(prompts, server, scorer, tmp_path / "out", write=("supervised",))
    with pytest.raises(PermittedUseError, match=r"PL-USE-001(.|\n)*not among those of (.|\n)*bound"):
        run_best_of_n(run)
    run_best_of_n(replace(run, write=("comparisons",)))
    assert load(tmp_path / "out").terms.uses == {Use.PREFERENCE, Use.ANALYSIS}


def test_the_least_harmful_reply_is_the_best_of_a_model_of_harm(prompts, server, models, tmp_path):
    run_best_of_n(run_of(prompts, server, models["moderation"], tmp_path / "out"))
    rows = rows_of(tmp_path / "out")
    has_kind = {row["prompt_id"] for row in rows if any(row["reply"].startswith(each) for each in GOOD)}
    for row in rows:
        if row["is_best"] and row["prompt_id"] in has_kind:
            assert any(row["reply"].startswith(each) for each in GOOD)


def test_a_flipped_model_chooses_the_other_end(prompts, server, models, tmp_path):
    flipped = saved("preference", pairs_table(120, flipped=True), tmp_path / "flipped")
    for name, scorer in (("a", models["kind"]), ("b", flipped)):
        run_best_of_n(run_of(prompts, server, scorer, tmp_path / name))
    kind, rude = (
        [any(text.startswith(each) for each in GOOD) for text in chosen_texts(tmp_path / name)] for name in "ab"
    )
    assert sum(kind) > 6
    assert sum(rude) < 3


class Killed(BaseException):
    """In the middle of a run."""


@pytest.mark.parametrize("when", ["asking, 9 of 32", "scoring", "writing"])
def test_a_killed_run_goes_on_and_comes_to_what_it_would_have(when, prompts, server, models, tmp_path):
    whole = run_of(prompts, server, models["kind"], tmp_path / "whole")
    run_best_of_n(whole)
    killed = replace(whole, out=tmp_path / "killed")
    before = len(server.bodies)

    def kill(said):
        if said.startswith(when):
            raise Killed

    with pytest.raises(Killed):
        run_best_of_n(killed, kill)
    assert not killed.out.exists()
    kept = len(journal_of(killed.out).read_bytes().splitlines()) - 1
    asked = len(server.bodies) - before
    run_best_of_n(killed)
    assert len(server.bodies) - before == asked + 32 - kept
    leave = {"seconds"}
    assert [{key: row[key] for key in row.keys() - leave} for row in rows_of(killed.out)] == [
        {key: row[key] for key in row.keys() - leave} for row in rows_of(whole.out)
    ]


def test_another_configuration_does_not_go_on_from_what_was_kept(prompts, server, models, tmp_path):
    server.always = lambda handler, body: (
        status(400) if body["messages"][-1]["content"].endswith("0?") else answer(said(body["seed"]))
    )(handler, body)
    run = run_of(prompts, server, models["kind"], tmp_path / "out")
    summary = run_best_of_n(run)
    assert (summary["missing"], summary["prompts_in_curve"]) == ({"PL-REP-017": 4}, 7)
    asked = len(server.bodies)
    for change in ({"sampling": Sampling(seed=4)}, {"replies": 5}, {"sampling": Sampling(0.5, seed=3)}):
        with pytest.raises(UsageError, match="PL-RTA-001"):
            run_best_of_n(replace(run, **change))
    assert len(server.bodies) == asked
    server.always = answer(GOOD[0])
    again = run_best_of_n(
        replace(run, scorer=models["other"])
    )  # another scorer may go on: it decides nothing that is asked
    assert (again["missing"], len(server.bodies) - asked) == ({}, 4)
    with pytest.raises(UsageError, match="PL-RTA-009"):
        run_best_of_n(run)


def test_a_scorer_that_gives_no_numbers_is_told_and_the_replies_wait_for_another(
    prompts, server, models, tmp_path, monkeypatch
):
    run = run_of(prompts, server, models["kind"], tmp_path / "out", write=("comparisons",))
    from plumbline.models.linear.model import LinearModel

    read = LinearModel.read_conversations

    def broken(self, conversations, **how):
        found = read(self, conversations, **how)
        found.heads[::2] = float("nan")
        return found

    monkeypatch.setattr(LinearModel, "read_conversations", broken)
    summary = run_best_of_n(run)
    assert summary["missing"]["PL-SCO-005"] > 0
    assert [row["is_best"] for row in rows_of(run.out) if row["score"] is None] == [False] * sum(
        summary["missing"].values()
    )
    assert journal_of(run.out).exists()
    monkeypatch.undo()
    asked = len(server.bodies)
    assert run_best_of_n(run)["missing"] == {}
    assert len(server.bodies) == asked


def test_a_policy_that_dies_in_mid_round_ends_the_run_and_what_came_is_kept(prompts, server, models, tmp_path):
    run = run_of(prompts, server, models["kind"], tmp_path / "out")
    alive = server.always
    server.plans.extend([alive] * 6)
    server.always = status(401)
    with pytest.raises(ReplyError, match="PL-REP-013"):
        run_best_of_n(run)
    assert not run.out.exists()
    kept = len(journal_of(run.out).read_bytes().splitlines()) - 1
    assert kept
    server.always, asked = alive, len(server.bodies)
    run_best_of_n(run)
    # A request that was under way when the run ended may come in late; what it asked for was not answered, and is asked again.
    assert len({asked_for(body) for body in server.bodies[asked:]}) == 32 - kept


def test_a_model_on_this_machine_reads_a_prompt_once_for_all_of_its_replies(
    prompts, server, models, tmp_path, monkeypatch
):
    from plumbline.sources.local_model import LocalModelSource

    reply, counts = LocalModelSource.reply, []

    async def counting(self, conversation, sampling, count=1):
        counts.append(count)
        return await reply(self, conversation, sampling, count)

    monkeypatch.setattr(LocalModelSource, "reply", counting)
    policy = f"transformers:{saved_model(tmp_path / 'toy')}"
    sampling = Sampling(seed=3, max_tokens=6)
    run = run_of(prompts, server, models["kind"], tmp_path / "out", policy=policy, sampling=sampling, most_prompts=3)
    summary = run_best_of_n(run)
    assert counts == [4, 4, 4]
    assert (summary["replies_came"], summary["prompts_not_drawn"]) == (12, 5)
    first = chosen_texts(run.out)
    run_best_of_n(replace(run, restart=True))
    assert chosen_texts(run.out) == first


def test_a_corpus_can_be_the_policy_and_its_terms_hold(prompts, server, models, tmp_path):
    write_tables({Kind.SAFETY_LABELS: labels_table(60)}, tmp_path / "corpus", PARQUET)
    summary = run_best_of_n(
        run_of(prompts, server, models["kind"], tmp_path / "out", policy=f"retrieval:{tmp_path / 'corpus'}")
    )
    assert summary["policy"].startswith("retrieval:")
    assert summary["terms"]["licence"] == "MIT AND unknown"
    assert summary["replies_came"] == 32


def test_what_is_wrong_is_told_before_anything_is_asked(prompts, server, models, tmp_path):
    attempts = tmp_path / "attempts"
    write_tables({Kind.RED_TEAM_ATTEMPTS: attempts_table(4)}, attempts, PARQUET)
    (tmp_path / "nothing").mkdir()
    toy = saved_model(tmp_path / "toy")
    for error, code, changes in (
        (UsageError, "PL-BON-009", {"replies": 0}),
        (UsageError, "PL-BON-009", {"most_prompts": 0}),
        (UsageError, "PL-BON-009", {"write": ("pairs",)}),
        (UsageError, "PL-BON-010", {"judge": models["kind"]}),
        (SourceError, "PL-MOD-001", {"judge": tmp_path / "nothing"}),
        (UsageError, "PL-REP-001", {"policy": "gpt:x"}),
        (NoDataError, "PL-BON-008", {"prompts": str(attempts)}),
        (UsageError, "PL-OUT-002", {"out": models["kind"]}),
        (UsageError, "PL-OUT-008", {"policy": f"transformers:{toy}", "out": toy / "best"}),
        (PermittedUseError, "PL-USE-001", {"load_options": {"stated_terms": StatedTerms.of(None, ["analysis"])}}),
    ):
        with pytest.raises(error) as refused:
            run_best_of_n(replace(run_of(prompts, server, models["kind"], tmp_path / "out"), **changes))
        assert refused.value.code == code, refused.value
        assert SECRET not in str(refused.value)
    assert not server.bodies


def test_a_judge_that_was_trained_on_rows_of_the_scorer_is_told(prompts, server, models, tmp_path):
    alike = saved("preference", pairs_table(120).slice(0, 60), tmp_path / "alike")
    silent = saved("preference", pairs_table(60), tmp_path / "silent", tells_rows=False)
    for judge, said in ((alike, "trained on 60 of the 120 rows"), (silent, "nothing says what scorer or judge")):
        run = run_of(prompts, server, models["kind"], tmp_path / "out", judge=judge, replies=2, restart=True)
        assert any(said in note for note in run_best_of_n(run)["notes"]), said


def test_without_the_extra_that_draws_there_is_no_page_and_all_else(prompts, server, models, tmp_path, monkeypatch):
    monkeypatch.setattr(best_of_n_run, "can_draw", lambda: False)
    summary = run_best_of_n(run_of(prompts, server, models["kind"], tmp_path / "out"))
    assert summary["page"] is None
    assert not (tmp_path / "out" / "best_of_n.html").exists()
