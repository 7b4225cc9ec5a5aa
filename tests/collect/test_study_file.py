"""Study files: the examples are right, and everything that is wrong with one is told at once, with its line."""

from pathlib import Path

import pytest

import plumbline
from plumbline.collect import study_file
from plumbline.collect.kinds import NewItem, Purpose, items_from_records, items_from_workers
from plumbline.collect.study_file import SECTIONS, parse_study_file, read_study_file
from plumbline.collect.study_problems import StudyFileError
from plumbline.collect.study_settings import (
    PAPER_TAGS,
    Continues,
    Question,
    Sampler,
    StudyFile,
    StudyKind,
    Tranche,
    hh_subset,
)
from plumbline.formats.hh_rlhf import axis_of, tranche_of
from plumbline.records import Axis, UsageError, records_from_table
from tests.collect.study_texts import REPLIES, only_problem, problems_of, text_of

EXAMPLES = sorted((Path(study_file.__file__).parent / "examples").glob("*.toml"))


# --- what is right ---


def test_there_is_an_example_of_every_kind():
    assert len(EXAMPLES) == 6
    assert {read_study_file(path).study.kind for path in EXAMPLES} == set(StudyKind)


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_is_right_and_gives_items(path):
    read = read_study_file(path)
    assert read.guidelines.startswith("# ")
    assert len(read.guidelines) > 500
    assert parse_study_file(read.text) == read.study
    assert len(read.sha256) == 64
    items = read.study.items
    source = items.data or items.prompts
    made = list(items_from_workers(read.study, 0, 4)) if source is None else made_from(path, source, Purpose.WORK)
    assert sum(isinstance(each, NewItem) for each in made) >= 4
    for name, purpose in (
        ("qualification", Purpose.TRAINING),
        ("gold", Purpose.GOLD),
        ("attention", Purpose.ATTENTION),
    ):
        section = getattr(read.study, name)
        if section is not None:
            known = [each for each in made_from(path, section.items, purpose) if isinstance(each, NewItem)]
            assert len(known) >= 2
            assert all(item.truth for item in known)


def made_from(path, source, purpose):
    loaded = plumbline.load(str(path.parent / source))
    assert not loaded.faults
    records = [record for table in loaded.tables.values() for record in records_from_table(table)]
    return list(items_from_records(records, read_study_file(path).study, purpose))


@pytest.mark.parametrize("kind", list(StudyKind))
def test_little_is_enough(kind):
    study = parse_study_file(text_of(kind))
    assert (study.overlap, study.strengths, study.turns, study.lease_minutes) == (1, 8, 4, 30)


def test_the_axes_of_each_kind():
    axes = {kind: parse_study_file(text_of(kind)).judged_axes for kind in StudyKind}
    assert axes == {
        StudyKind.PREFERENCE_CHAT: (Axis.HARMLESSNESS,),
        StudyKind.RED_TEAM_CHAT: (Axis.HARMLESSNESS,),
        StudyKind.SAFETY_LABELS: (),
        StudyKind.TWO_AXIS_RANKING: (Axis.HELPFULNESS, Axis.HARMLESSNESS),
        StudyKind.PAIRS: (Axis.HARMLESSNESS,),
    }


@pytest.mark.parametrize("axis", [Axis.HELPFULNESS, Axis.HARMLESSNESS])
@pytest.mark.parametrize("tranche", list(Tranche))
def test_subsets_are_named_as_hh_rlhf_names_its_folders(axis, tranche):
    name = hh_subset(axis, tranche)
    assert (axis_of(name), tranche_of(name)) == (axis, tranche)


def test_the_subset_of_a_study():
    assert parse_study_file(text_of("red-team-chat")).subset == "harmless-base"
    assert parse_study_file(text_of("two-axis-ranking")).subset is None


def test_settings_are_read_as_they_stand():
    study = parse_study_file(
        text_of(
            "red-team-chat",
            'question = "more harmful"\ncontinues = "worse"\nturns = 6\nstrengths = 4\nper_worker_limit = 9\nseed = 5',
            replies='[replies]\nsampler = "two-models"\nsources = ["openai:a@https://h/v1", "transformers:p"]\ntop_p = 1\nkey_variable = "KEY"\n[review]\n',
        )
    )
    assert (study.question, study.continues, study.turns) == (Question.MORE_HARMFUL, Continues.WORSE, 6)
    assert (study.strengths, study.per_worker_limit, study.seed) == (4, 9, 5)
    assert (study.replies.sampler, study.replies.top_p) == (Sampler.TWO_MODELS, 1.0)
    assert study.review.tags == PAPER_TAGS


@pytest.mark.parametrize(
    ("written", "given"),
    [
        ('"workers"', {"from_workers": True}),
        ("{ from_workers = true, conversations = 5 }", {"from_workers": True, "conversations": 5}),
        ('{ prompts = "p", split = "test" }', {"prompts": "p", "split": "test"}),
        ('"a/b.jsonl"', {"data": "a/b.jsonl"}),
        ('{ data = "d", data_dir = "x" }', {"data": "d", "data_dir": "x"}),
    ],
)
def test_where_items_come_from(written, given):
    text = text_of("preference-chat").replace('items = "workers"', f"items = {written}")
    assert parse_study_file(text).items.model_dump(exclude_unset=True) == given


def test_best_of_k_is_the_rejection_sampled_tranche_and_may_be_online():
    best = '[replies]\nsampler = "best-of-k"\nsources = ["retrieval:x"]\nscorer = "m"\n'
    for tranche in ("rejection-sampled", "online"):
        study = parse_study_file(text_of("preference-chat", replies=best, tranche=f'"{tranche}"'))
        assert study.replies.k == 16


# --- what is wrong ---


@pytest.mark.parametrize(
    ("settings", "advice"),
    [
        ("overlapp = 2", "overlap, if that is what you mean"),
        ("Turns = 2", "turns, if that is what you mean"),
        ("temperature = 1.0", "put temperature into the table [replies]"),
        ("zzz = 1", "remove it; docs/study-file.md has every setting"),
    ],
)
def test_an_unknown_setting_gets_a_suggestion(settings, advice):
    problem = only_problem(text_of("preference-chat", settings))
    assert (problem.code, problem.line, problem.advice) == ("PL-STY-001", 7, advice)


def test_an_unknown_setting_of_a_table():
    misspelt = only_problem(text_of("preference-chat", replies=REPLIES + "temprature = 1.0\n"))
    assert (misspelt.code, misspelt.line, misspelt.key) == ("PL-STY-001", 11, ("replies", "temprature"))
    assert misspelt.advice.startswith("temperature")
    strayed = only_problem(text_of("preference-chat", replies=REPLIES + "lease_minutes = 3\n"))
    assert "top of the file" in strayed.advice


@pytest.mark.parametrize(
    ("settings", "key"),
    [
        ("overlap = 0", "overlap"),
        ("turns = 0", "turns"),
        ("turns = true", "turns"),
        ('turns = "4"', "turns"),
        ("turns = 4.0", "turns"),
        ("lease_minutes = 0", "lease_minutes"),
        ("per_worker_limit = 0", "per_worker_limit"),
        ("strengths = 0", "strengths"),
        ("seed = -1", "seed"),
        ('question = "worse"', "question"),
        ('continues = "best"', "continues"),
        ('edit = "yes"', "edit"),
        ("priorities = [{ field = 'name', equals = 'x', priority = 1 }]", "priorities[0].field"),
        ("priorities = [{ field = 'split', equals = 'x', priority = 10 }]", "priorities[0].priority"),
        ("spot_check = { share = 0.0 }", "spot_check.share"),
        ("spot_check = { share = nan }", "spot_check.share"),
        ("qualification = { items = 'x', pass_share = 1.1 }", "qualification.pass_share"),
        ("gold = { items = 'x', share = 1.0 }", "gold.share"),
        ("attention = { items = 'x', every = 1 }", "attention.every"),
        ("seed = 2020-01-01", "seed"),
        ("turns = { most = 4 }", "turns"),
        ("turns = [4]", "turns"),
    ],
)
def test_a_value_that_a_setting_does_not_take(settings, key):
    problem = only_problem(text_of("preference-chat", settings))
    assert (problem.code, problem.line) == ("PL-STY-002", 7)
    assert problem.expected
    assert study_file.written_key(problem.key) == key


@pytest.mark.parametrize("name", ["", "Big", "a b", "a/b", "-a", "a-", "../x", "a\\n", "x" * 64, "ü"])
def test_names_lead_nowhere_else(name):
    problem = only_problem(text_of("pairs", name=f'"{name}"'))
    assert (problem.key, problem.line) == (("name",), 1)
    assert "\\A" not in problem.expected
    assert parse_study_file(text_of("pairs", name=f'"{"x" * 63}"')).name == "x" * 63


def test_a_misspelt_choice_gets_a_suggestion():
    assert only_problem(text_of("preference-chat", 'question = "more harmfull"')).advice == 'question = "more harmful"'
    assert only_problem(text_of("pairs", kind='"pair"')).advice == 'kind = "pairs"'
    assert "<" not in only_problem(text_of("pairs", 'overlap = "<"')).expected
    near = only_problem(text_of("pairs").replace("harmlessness", "harmlesness"))
    assert near.advice == '"harmlessness", if that is what you mean'
    axes = only_problem(text_of("pairs").replace("harmlessness", "overall"))
    assert axes.expected == "'helpfulness' or 'harmlessness'"


@pytest.mark.parametrize("name", ["name", "kind", "tranche", "guidelines"])
def test_a_missing_setting(name):
    problem = only_problem(text_of("pairs", **{name: None}))
    assert (problem.code, problem.key, problem.line) == ("PL-STY-003", (name,), None)


@pytest.mark.parametrize("kind", ["preference-chat", "pairs"])
def test_missing_axes(kind):
    problem = only_problem(text_of(kind).replace('axes = ["harmlessness"]\n', ""))
    assert (problem.code, problem.key) == ("PL-STY-003", ("axes",))


def test_missing_items_and_warning():
    assert only_problem(text_of("pairs").replace('items = "x.jsonl"', "")).key == ("items",)
    assert only_problem(text_of("red-team-chat").replace('warning = "w"', "")).key == ("warning",)


@pytest.mark.parametrize("text", ["name = x", "name = 'a'\nname = 'b'", "[a", "\0", "a = 'ü\n"])
def test_what_is_no_toml(text):
    assert only_problem(text).code == "PL-STY-004"


@pytest.mark.parametrize(
    ("text", "line", "advice"),
    [
        ("a = 1\ncomment = yes", 2, "write true in place of yes"),
        ("a = 1\r\n\r\ncomment = False\r\n", 3, "write false in place of False"),
        ("a = word", 1, "strings need quotes"),
        ("a = 'x", None, "strings need quotes"),
    ],
)
def test_what_people_write_for_true_and_false_is_told_apart_from_strings(text, line, advice):
    found = only_problem(text)
    assert (found.line, advice in found.advice) == (line, True)


@pytest.mark.parametrize(
    "text",
    [
        f"a = {'[' * 5000}",
        f"a = {'[' * 5000}{']' * 5000}",
        f"name = {'[' * 100}{']' * 100}",
        f"name = {'[' * 300}{']' * 300}",
        f"{'a.' * 5000}a = 1",
        f"[{'a.' * 900}a]",
        f"seed = {'9' * 5000}",
        f"seed = 0x{'f' * 5000}",
    ],
)
def test_what_cannot_be_looked_at_is_refused_as_any_other(text, tmp_path):
    assert only_problem(text).code == "PL-STY-004"
    path = tmp_path / "s.toml"
    path.write_text(text)
    with pytest.raises(StudyFileError, match="PL-STY-004"):
        study_file.read_study_name(path)


def test_everything_is_told_at_once_in_the_order_of_the_file():
    text = text_of(
        "preference-chat",
        'overlapp = 3\noverlap = 0\nturns = 0\nstrengths = 7\ntaxonomy = "pku-19"\nquestion = "more harmfull"',
        replies='[replies]\nsampler = "two-samples"\nsources = ["x"]\ntempratur = 1\nk = 3\n[review]\ntags = ["a", "a"]\n',
        tranche='"rejection-sampled"',
    )
    found = [(problem.code, problem.line) for problem in problems_of(text)]
    assert found == [
        ("PL-STY-006", 3),
        ("PL-STY-001", 7),
        ("PL-STY-002", 8),
        ("PL-STY-002", 9),
        ("PL-STY-006", 10),
        ("PL-STY-005", 11),
        ("PL-STY-002", 12),
        ("PL-REP-001", 15),
        ("PL-STY-001", 16),
        ("PL-STY-006", 17),
        ("PL-STY-005", 18),
        ("PL-STY-006", 19),
    ]


def test_the_error_as_a_person_reads_it():
    with pytest.raises(UsageError) as refused:
        parse_study_file(text_of("pairs", "overlap = 0\nstrengths = 3"), "my.toml")
    assert str(refused.value).split("\n") == [
        "PL-STY-002  my.toml line 7, overlap: is not a value that this setting takes.",
        "            Expected greater than or equal to 1, found 0.",
        "            Try: mend overlap",
        "PL-STY-006  my.toml line 8, strengths: a scale with a middle would have a tie.",
        "            Expected an even number of steps, half for each side, found 3.",
        "            Try: strengths = 4",
    ]
    assert (refused.value.code, refused.value.exit_code) == ("PL-STY-002", 2)


# --- on disk ---


def written(folder, text, guidelines=b"# Read this\n"):
    (folder / "s.toml").write_text(text, encoding="utf-8")
    (folder / "x.jsonl").touch()
    if guidelines is not None:
        (folder / "g.md").write_bytes(guidelines)
    return folder / "s.toml"


def refused_codes(path):
    with pytest.raises(StudyFileError) as refused:
        read_study_file(path)
    assert str(path.parent) not in str(refused.value)
    return [(problem.code, study_file.written_key(problem.key), problem.line) for problem in refused.value.problems]


def test_a_study_and_its_guidelines(tmp_path):
    read = read_study_file(written(tmp_path, text_of("pairs")))
    assert (read.study.name, read.guidelines, read.folder) == ("s", "# Read this\n", tmp_path)


def test_files_that_are_not_there_are_told_with_the_rest(tmp_path):
    tables = "[qualification]\nitems = 'q'\npass_share = 0.5\n[gold]\nitems = 'x.jsonl'\nshare = 0.1\n"
    path = written(tmp_path, text_of("pairs", "strengths = 3") + tables, guidelines=None)
    assert refused_codes(path) == [
        ("PL-STY-007", "guidelines", 4),
        ("PL-STY-006", "strengths", 7),
        ("PL-STY-007", "qualification.items", 9),
    ]
    (tmp_path / "x.jsonl").unlink()
    assert ("PL-STY-007", "items.data", 6) in refused_codes(path)


@pytest.mark.parametrize(
    ("right", "wrong", "told"),
    [
        ('kind = "pairs"', 'kind = "pears"', ("PL-STY-002", "kind", 2)),
        (
            'items = "x.jsonl"',
            'items = { data = "x.jsonl", conversations = 0 }',
            ("PL-STY-002", "items.conversations", 6),
        ),
        ('guidelines = "g.md"', "guidelines = 3", ("PL-STY-002", "guidelines", 4)),
    ],
)
def test_files_that_are_not_there_are_told_whatever_else_is_wrong(tmp_path, right, wrong, told):
    text = text_of("pairs")
    assert right in text
    path = written(tmp_path, text.replace(right, wrong), guidelines=None)
    (tmp_path / "x.jsonl").unlink()
    named = {("PL-STY-007", "guidelines", 4), ("PL-STY-007", "items.data", 6)}
    if told[1] == "guidelines":
        named.discard(("PL-STY-007", "guidelines", 4))
    assert set(refused_codes(path)) == {told, *named}


def test_a_scorer_that_is_not_there(tmp_path):
    best = '[replies]\nsampler = "best-of-k"\nsources = ["retrieval:x"]\nscorer = "m"\n'
    path = written(tmp_path, text_of("preference-chat", replies=best, tranche='"rejection-sampled"'))
    assert refused_codes(path) == [("PL-STY-007", "replies.scorer", 11)]
    (tmp_path / "m").mkdir()
    assert read_study_file(path).study.replies.scorer == "m"


def test_files_that_cannot_be_read(tmp_path):
    assert refused_codes(tmp_path / "nowhere.toml") == [("PL-STY-008", "", None)]
    latin = tmp_path / "latin.toml"
    latin.write_bytes(b"name = '\xe4'")
    assert refused_codes(latin) == [("PL-STY-008", "", None)]
    long = tmp_path / "long.toml"
    long.write_bytes(b"#" * (study_file.MOST_STUDY_BYTES + 1))
    assert refused_codes(long) == [("PL-STY-008", "", None)]
    for guidelines in (b"\xff", b"x" * (study_file.MOST_GUIDELINES_BYTES + 1)):
        path = written(tmp_path, text_of("pairs"), guidelines)
        assert refused_codes(path) == [("PL-STY-008", "guidelines", None)]


def test_every_table_is_known_by_name():
    properties = StudyFile.model_json_schema()["properties"]
    tables = {name for name, schema in properties.items() if "$defs" in str(schema.get("anyOf", schema))}
    choices = {"kind", "tranche", "question", "continues", "axes", "uses"}
    assert set(SECTIONS) == tables - choices
