"""Help, well-being and Prolific in a study file: what is refused, and where."""

import pytest

from plumbline.collect.service.starting import differing_settings
from plumbline.collect.study_file import parse_study_file
from plumbline.collect.study_settings import StudyKind
from tests.collect.study_texts import WHOLE, only_problem, problems_of, text_of

PROLIFIC = '[prolific]\nstudy = "60d9f4c1e2a7b8001234"\ncompletion_code = "C1-x_2"\nitems = 5\n'


@pytest.mark.parametrize("kind", list(StudyKind))
def test_every_kind_takes_them_and_none_needs_them(kind):
    plain = parse_study_file(text_of(kind))
    assert (plain.help, plain.wellbeing, plain.prolific, plain.has_topics) == (None, None, None, False)
    text = text_of(kind, 'help = "https://example.org/a?b=c#d"')
    study = parse_study_file(f'{text}\n[wellbeing]\nwarning = "w"\nblur = true\nmood_every = 10\n{PROLIFIC}')
    assert study.wellbeing.blur
    assert not study.has_topics
    assert (study.prolific.study, study.prolific.completion_code, study.prolific.items) == (
        "60d9f4c1e2a7b8001234",
        "C1-x_2",
        5,
    )
    assert differing_settings(plain, study) == ("help", "wellbeing", "prolific")


@pytest.mark.parametrize(
    "link",
    [
        "https://example.org", "http://example.org:8080/a", "HTTPS://EXAMPLE.org", "mailto:team@example.org",
        "mailto:team@example.org?subject=help", "https://[2001:db8::1]/help",
    ],
)  # fmt: skip
def test_links_that_a_page_may_show(link):
    assert parse_study_file(text_of("pairs", f'help = "{link}"')).help == link


@pytest.mark.parametrize(
    "link",
    [
        "javascript:alert(1)", "data:text/html,x", "//example.org", "/help", "example.org", "ftp://example.org", "https://",
        "https:///x", "https://me:secret@example.org", "https://a b", "https://example.org/\\u0007", "mailto:", "mailto:team",
        "mailto:@example.org", "mailto://team@example.org/", "https://example.org:99999", "https://[::1", " https://example.org",
        "java\\tscript:x", "https://exa\\u202emple.org", "vbscript:x",
    ],
)  # fmt: skip
def test_links_that_no_page_shows(link):
    problem = only_problem(text_of("pairs", f'help = "{link}"'))
    assert (problem.code, problem.key, problem.line) == ("PL-STY-006", ("help",), 7)
    assert "secret" not in problem.found


@pytest.mark.parametrize(
    ("settings", "code", "key"),
    [
        ('warning = " \\u200b"', "PL-STY-006", "warning"),
        ("mood_every = 0", "PL-STY-002", "mood_every"),
        ("mood_every = 1001", "PL-STY-002", "mood_every"),
        ("break_after_minutes = 1441", "PL-STY-002", "break_after_minutes"),
        ("most_minutes_a_day = 0", "PL-STY-002", "most_minutes_a_day"),
        ("most_minutes_a_day = 30\nbreak_after_minutes = 30", "PL-STY-006", "break_after_minutes"),
        ('topics = "all"', "PL-STY-002", "topics"),
        ("moods = 1", "PL-STY-001", "moods"),
    ],
)
def test_well_being_that_is_refused(settings, code, key):
    problem = only_problem(f"{text_of('pairs')}\n[wellbeing]\n{settings}\n")
    assert (problem.code, problem.key) == (code, ("wellbeing", key))
    assert problem.line is not None


@pytest.mark.parametrize("kind", list(StudyKind))
def test_topics_where_items_bring_some(kind):
    text = (
        text_of(kind).replace('items = "workers"', 'items = { prompts = "x.jsonl" }') + "\n[wellbeing]\ntopics = true\n"
    )
    if kind is StudyKind.SAFETY_LABELS:
        problem = only_problem(text)
        assert (problem.code, problem.key) == ("PL-STY-006", ("wellbeing", "topics"))
        assert "answer" in problem.problem
    else:
        assert parse_study_file(text).has_topics


def test_workers_who_begin_conversations_bring_none():
    assert "workers" in WHOLE["preference-chat"]
    problem = only_problem(text_of("preference-chat") + "\n[wellbeing]\ntopics = true\n")
    assert "bring no topics" in problem.problem


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        ("items = 5", "items = 0", "PL-STY-002"),
        ("items = 5", "", "PL-STY-003"),
        ('"C1-x_2"', '"C 1"', "PL-STY-002"),
        ('"C1-x_2"', '""', "PL-STY-002"),
        ('"C1-x_2"', '"C1&cc=x"', "PL-STY-002"),
        ('"C1-x_2"', f'"{"x" * 65}"', "PL-STY-002"),
        ('"60d9f4c1e2a7b8001234"', '"{{%STUDY_ID%}}"', "PL-STY-002"),
        ('"60d9f4c1e2a7b8001234"', '"a\\n"', "PL-STY-002"),
    ],
)
def test_prolific_that_is_refused(old, new, code):
    assert old in PROLIFIC
    problem = only_problem(f"{text_of('pairs')}\n{PROLIFIC.replace(old, new)}")
    assert (problem.code, problem.key[0]) == (code, "prolific")
    if "C 1" in new:
        assert problem.expected == "at most 64 letters, digits, hyphens and underscores"


MTURK = '[mturk]\nitems = 5\nsandbox = true\nminutes = 9\npay = "Soon."\n'


@pytest.mark.parametrize(
    ("old", "new", "code", "key"),
    [
        ("items = 5", "items = 0", "PL-STY-002", "items"),
        ("sandbox = true\n", "", "PL-STY-003", "sandbox"),
        ("sandbox = true", 'sandbox = "yes"', "PL-STY-002", "sandbox"),
        ('"Soon."', '" \\u200b"', "PL-STY-006", "pay"),
        ("minutes = 9", "host = 'https://evil.example'", "PL-STY-001", "host"),
    ],
)
def test_mturk_that_is_refused(old, new, code, key):
    assert old in MTURK
    assert parse_study_file(f"{text_of('pairs')}\n{MTURK}{PROLIFIC}").mturk.sandbox
    problem = only_problem(f"{text_of('pairs')}\n{MTURK.replace(old, new)}")
    assert (problem.code, problem.key) == (code, ("mturk", key))


def test_a_visit_that_nobody_can_complete():
    text = text_of("pairs", "per_worker_limit = 4")
    assert only_problem(f"{text}\n{MTURK}").key == ("mturk", "items")
    problem = only_problem(f"{text}\n{PROLIFIC}")
    assert (problem.code, problem.key) == ("PL-STY-006", ("prolific", "items"))
    assert parse_study_file(f"{text}\n{PROLIFIC.replace('items = 5', 'items = 4')}").prolific.items == 4
    # A limit that is itself wrong causes no second problem.
    wrong = text_of("pairs", "per_worker_limit = 0")
    assert [each.key for each in problems_of(f"{wrong}\n{PROLIFIC}")] == [("per_worker_limit",)]
