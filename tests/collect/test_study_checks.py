"""What does not fit together in a study file is told with the key that it is about."""

import re

import pytest

from plumbline.collect.study_checks import KINDS_OF_KEY
from plumbline.collect.study_file import parse_study_file
from plumbline.collect.study_settings import (
    StudyKind,
    Tranche,
)
from tests.collect.study_texts import REPLIES, only_problem, text_of


def test_known_answers_among_live_conversations_are_told_at_a_glance():
    for key in ("gold", "attention"):
        problem = only_problem(text_of("preference-chat") + SETTING_OF[key])
        assert (problem.code, problem.key) == ("PL-STY-005", (key,))
    parse_study_file(text_of("preference-chat") + SETTING_OF["qualification"])


def test_priorities_of_conversations_that_workers_begin():
    rule = '[[priorities]]\nfield = "subset"\nequals = "x"\npriority = 3\n'
    problem = only_problem(text_of("preference-chat", replies=REPLIES + rule))
    assert (problem.code, problem.key) == ("PL-STY-006", ("priorities",))
    parse_study_file(text_of("preference-chat", replies=REPLIES + rule).replace('"workers"', '{ prompts = "p" }'))


@pytest.mark.parametrize(("name", "value"), [("temperature", 0), ("temperature", 0.0), ("top_k", 1)])
def test_samples_without_chance_are_all_the_same(name, value):
    def text(sampler, sources, tranche="base", more=""):
        replies = f'[replies]\nsampler = "{sampler}"\nsources = {sources}\n{name} = {value}\n{more}'
        return text_of("preference-chat", replies=replies, tranche=f'"{tranche}"')

    for refused in (
        text("two-samples", '["openai:a"]'),
        text("two-samples", '["transformers:a"]'),
        text("best-of-k", '["openai:a"]', "rejection-sampled", 'scorer = "m"\n'),
    ):
        problem = only_problem(refused)
        assert (problem.code, problem.key) == ("PL-STY-006", ("replies", name))
    parse_study_file(text("two-samples", '["retrieval:a"]'))
    parse_study_file(text("two-models", '["openai:a", "openai:b"]'))


@pytest.mark.parametrize("unsaid", [" ", "\\n\\t", "\\u200b", "a\\u0000b"])
def test_what_people_are_shown_says_something(unsaid):
    warning = only_problem(text_of("red-team-chat").replace('warning = "w"', f'warning = "{unsaid}"'))
    assert (warning.code, warning.key) == ("PL-STY-006", ("warning",))
    review = f'[review]\ntags = ["a", "{unsaid}"]\nmost_tags = 1\n'
    tag = only_problem(text_of("red-team-chat", replies=REPLIES + review))
    assert (tag.code, tag.key) == ("PL-STY-006", ("review", "tags", 1))


SETTING_OF = {
    "question": 'question = "better"',
    "strengths": "strengths = 4",
    "continues": 'continues = "worse"',
    "turns": "turns = 2",
    "least_turns": "least_turns = 2",
    "edit": "edit = false",
    "rating": "rating = true",
    "replies": REPLIES,
    "warning": 'warning = "w"',
    "review": "[review]",
    "taxonomy": 'taxonomy = "pku-19"',
    "qualification": "[qualification]\nitems = 'x'\npass_share = 0.5",
    "gold": "[gold]\nitems = 'x'\nshare = 0.5",
    "attention": "[attention]\nitems = 'x'\nevery = 5",
    "spot_check": "[spot_check]\nshare = 0.5",
}


@pytest.mark.parametrize("kind", list(StudyKind))
@pytest.mark.parametrize("key", sorted(KINDS_OF_KEY))
def test_a_setting_of_another_kind(kind, key):
    assert set(SETTING_OF) == set(KINDS_OF_KEY)
    text = text_of(kind)
    if not re.search(rf"^\[?{key}\b", text, re.MULTILINE):
        is_table = SETTING_OF[key].startswith("[")
        text = f"{text}\n{SETTING_OF[key]}" if is_table else f"{SETTING_OF[key]}\n{text}"
    if kind in KINDS_OF_KEY[key]:
        parse_study_file(text)
        return
    problem = only_problem(text)
    assert (problem.code, problem.key) == ("PL-STY-005", (key,))
    assert problem.line


@pytest.mark.parametrize(
    ("kind", "axes"),
    [
        ("preference-chat", ["helpfulness", "harmlessness"]),
        ("preference-chat", []),
        ("pairs", []),
        ("red-team-chat", ["helpfulness"]),
        ("red-team-chat", ["helpfulness", "harmlessness"]),
        ("safety-labels", ["harmlessness"]),
        ("two-axis-ranking", ["harmlessness"]),
    ],
)
def test_axes_that_a_kind_does_not_judge(kind, axes):
    text = text_of(kind).replace('axes = ["harmlessness"]\n', "")
    problem = only_problem(f"axes = {axes}\n{text}")
    assert (problem.code, problem.key, problem.line) == ("PL-STY-006", ("axes",), 1)


def test_an_axis_twice():
    text = text_of("pairs").replace('["harmlessness"]', '["harmlessness", "harmlessness"]')
    assert only_problem(text).problem == "an axis stands twice"


def test_harm_is_not_asked_where_it_is_not_judged():
    text = text_of("pairs", 'question = "more harmful"').replace("harmlessness", "helpfulness")
    assert (only_problem(text).code, only_problem(text).key) == ("PL-STY-006", ("question",))


@pytest.mark.parametrize("strengths", [3, 7, 19])
def test_an_odd_scale_would_have_a_tie(strengths):
    problem = only_problem(text_of("pairs", f"strengths = {strengths}"))
    assert (problem.code, problem.advice) == ("PL-STY-006", f"strengths = {strengths + 1}")


@pytest.mark.parametrize(
    ("kind", "items", "key"),
    [
        ("pairs", '"workers"', ("items", "from_workers")),
        ("safety-labels", '{ prompts = "p" }', ("items", "prompts")),
        ("preference-chat", '{ prompts = "p", data = "d" }', ("items",)),
        ("preference-chat", "{ }", ("items",)),
        ("preference-chat", '{ prompts = "p", conversations = 3 }', ("items", "conversations")),
        ("preference-chat", '{ from_workers = true, split = "test" }', ("items", "split")),
        ("preference-chat", '{ prompts = "p", data_dir = "x" }', ("items", "data_dir")),
    ],
)
def test_items_that_do_not_fit(kind, items, key):
    text = re.sub("^items = .*$", f"items = {items}", text_of(kind), flags=re.MULTILINE)
    problem = only_problem(text)
    assert (problem.code, problem.key) == ("PL-STY-006", key)
    assert problem.line == text.split("\n").index(f"items = {items}") + 1


@pytest.mark.parametrize(
    ("tags", "most", "key"),
    [
        ('["a", "b", "a"]', 1, "tags"),
        ('["a", "A "]', 1, "tags"),
        ('["a"]', 2, "most_tags"),
        ("[]", 0, "tags"),
        ('[""]', 1, "tags"),
    ],
)
def test_tags_that_do_not_fit(tags, most, key):
    review = f"[review]\ntags = {tags}\nmost_tags = {most}\n"
    assert only_problem(text_of("red-team-chat", replies=REPLIES + review)).key[:2] == ("review", key)


def test_a_chat_needs_replies():
    problem = only_problem(text_of("preference-chat", replies=""))
    assert (problem.code, problem.key) == ("PL-STY-003", ("replies",))


@pytest.mark.parametrize(
    ("replies", "tranche", "key", "code"),
    [
        ('sampler = "two-samples"\nsources = []', "base", "sources", "PL-STY-006"),
        ('sampler = "two-samples"\nsources = ["openai:a", "openai:b"]', "base", "sources", "PL-STY-006"),
        ('sampler = "two-models"\nsources = ["openai:a"]', "base", "sources", "PL-STY-006"),
        ('sampler = "two-models"\nsources = ["openai:a", "openai:a"]', "base", "sources", "PL-STY-006"),
        ('sampler = "two-samples"\nsources = ["opnai:a"]', "base", "sources", "PL-REP-001"),
        ('sampler = "two-samples"\nsources = ["sk-secret"]', "base", "sources", "PL-REP-001"),
        ('sampler = "two-samples"\nsources = ["openai:a@https://u:secret@h/v1"]', "base", "sources", "PL-REP-003"),
        (
            'sampler = "two-samples"\nsources = ["openai:a"]\nkey_variable = "sk-secret"',
            "base",
            "key_variable",
            "PL-STY-002",
        ),
        (
            'sampler = "two-samples"\nsources = ["retrieval:a"]\nkey_variable = "KEY"',
            "base",
            "key_variable",
            "PL-STY-006",
        ),
        (
            'sampler = "two-samples"\nsources = ["retrieval:a"]\nallow_private = true',
            "base",
            "allow_private",
            "PL-STY-006",
        ),
        ('sampler = "two-samples"\nsources = ["openai:a"]\npairing = "halves"', "base", "pairing", "PL-STY-006"),
        ('sampler = "two-samples"\nsources = ["openai:"]', "base", "sources", "PL-REP-002"),
        ('sampler = "two-samples"\nsources = ["openai:a"]\nscorer = "m"', "base", "scorer", "PL-STY-006"),
        ('sampler = "two-samples"\nsources = ["openai:a"]\nk = 4', "base", "k", "PL-STY-006"),
        ('sampler = "best-of-k"\nsources = ["openai:a"]', "rejection-sampled", "scorer", "PL-STY-003"),
        ('sampler = "best-of-k"\nsources = ["openai:a"]\nscorer = "m"\nk = 1', "rejection-sampled", "k", "PL-STY-002"),
        ('sampler = "best"\nsources = ["openai:a"]', "base", "sampler", "PL-STY-002"),
        ('sources = ["openai:a"]', "base", "sampler", "PL-STY-003"),
    ],
)
def test_replies_that_do_not_fit(replies, tranche, key, code):
    problem = only_problem(text_of("preference-chat", replies=f"[replies]\n{replies}\n", tranche=f'"{tranche}"'))
    assert (problem.key[:2], problem.code) == (("replies", key), code)
    assert problem.line
    assert "secret" not in str(problem)


@pytest.mark.parametrize(("sampler", "tranche"), [("two-samples", "rejection-sampled"), ("best-of-k", "base")])
def test_a_tranche_that_the_sampler_does_not_give(sampler, tranche):
    scorer = 'scorer = "m"' if sampler == "best-of-k" else ""
    replies = f'[replies]\nsampler = "{sampler}"\nsources = ["openai:a"]\n{scorer}\n'
    problem = only_problem(text_of("preference-chat", replies=replies, tranche=f'"{tranche}"'))
    assert (problem.code, problem.key, problem.line) == ("PL-STY-006", ("tranche",), 3)


def test_pairs_of_any_tranche_are_judged():
    assert parse_study_file(text_of("pairs", tranche='"rejection-sampled"')).tranche is Tranche.REJECTION_SAMPLED


def test_the_least_turns_are_not_more_than_the_most():
    for least in (1, 4):
        assert parse_study_file(text_of("preference-chat", settings=f"least_turns = {least}\n")).least_turns == least
    problem = only_problem(text_of("preference-chat", settings="turns = 3\nleast_turns = 4\n"))
    assert (problem.code, problem.key) == ("PL-STY-006", ("least_turns",))
