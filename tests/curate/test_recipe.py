"""Recipes: what decides is in the digest and in the file that is written, and what cannot be is refused with a way on."""

import pytest

from plumbline.curate.recipe import combined_recipes, parse_recipe, read_recipe, shipped_recipes
from plumbline.curate.rules import RULES
from plumbline.records import SourceError, UsageError

HEAD = 'name = "own"\nversion = 1\n'
SETTINGS = {
    "aggregate": ['method = "dawid-skene"', 'ties = "unknown"'],
    "balance": [
        'by = "axis"\nmost = 3',
        'by = "worker"\nmost = 3',
        'by = "axis"\nratio = 3',
        'by = "axis"\nmost = 3\nseed = 1',
    ],
    "conflicts": ['action = "majority"'],
    "exact-duplicates": [""],
    "findings": ['codes = ["PL-CHK-004"]'],
    "keep-axis": ['axes = ["overall"]', 'axes = ["overall", "helpfulness"]'],
    "language": ['keep = ["de"]', "min_confidence = 0.5"],
    "leakage": ["threshold = 0.5", "threshold = 1"],
    "lengths": ["most_messages = 3", "most_characters = 3", "fewest_reply_characters = 3"],
    "moulds": ["most = 1", "threshold = 0.5"],
    "near-duplicates": ["threshold = 0.5"],
    "personal-data": ['action = "remove"', 'kinds = ["email"]', 'detector = "presidio"'],
    "safety-material": ["refusals = false", "requests = false"],
    "safety-prompts": ["records = true"],
    "splits": ["shares = { a = 0.5, b = 0.5 }", "seed = 1", "threshold = 1"],
}


def of(*rules, head=HEAD):
    tables = (rule if rule.startswith("name") else f'name = "{rule}"' for rule in rules)
    return parse_recipe(head + "".join(f"[[rule]]\n{table}\n" for table in tables), "own.toml")


def refused(text):
    with pytest.raises(UsageError) as caught:
        parse_recipe(text, "own.toml")
    return caught.value


@pytest.mark.parametrize("name", shipped_recipes())
def test_those_that_come_along_are_written_as_they_are_read(name):
    recipe = read_recipe(name)
    again = parse_recipe(recipe.to_toml(), "again")
    assert (recipe.name, again) == (name, recipe)
    assert again.digest == recipe.digest
    assert again.to_toml() == recipe.to_toml()
    assert recipe.steps[0].rule.name == "personal-data"
    assert all(step.title for step in recipe.steps)


def test_every_setting_of_every_rule_is_in_the_digest():
    assert set(SETTINGS) == set(RULES)
    least = {
        "balance": '\nby = "axis"\nmost = 9',
        "keep-axis": '\naxes = ["harmlessness"]',
        "lengths": "\nmost_messages = 9",
    }
    digests = []
    for name, settings in SETTINGS.items():
        given = {line.partition(" ")[0] for each in settings for line in each.split("\n")} - {""}
        assert given == set(RULES[name].settings.model_fields), f"{name}: every setting is tried"
        recipes = [
            of(f'name = "{name}"{least.get(name, "")}'),
            *(of(f'name = "{name}"\n{each}') for each in settings if each),
        ]
        assert all(parse_recipe(recipe.to_toml(), "again") == recipe for recipe in recipes)
        digests += [recipe.digest for recipe in recipes]
    plain = of("leakage")
    digests += [
        of("leakage", head=head).digest for head in ('name = "other"\nversion = 1\n', 'name = "own"\nversion = 2\n')
    ]
    digests += [of("leakage", head=HEAD + more).digest for more in ('title = "x"\n', 'takes = ["prompts"]\n')]
    digests += [of("leakage", "conflicts").digest, of("conflicts", "leakage").digest]
    assert len(set(digests)) == len(digests)
    assert of("leakage", head="# a remark\n" + HEAD).digest == plain.digest
    turned = of("leakage", head=HEAD + 'takes = ["prompts", "comparisons", "prompts"]\n')
    assert turned.digest == of("leakage", head=HEAD + 'takes = ["comparisons", "prompts"]\n').digest


@pytest.mark.parametrize(
    ("text", "code", "words"),
    [
        (HEAD + '[[rule]]\nname = "leakege"', "PL-RCP-004", 'name = "leakage"'),
        (HEAD + "[[rule]]\nthreshold = 0.5", "PL-RCP-004", "does not say which"),
        (HEAD + "[[rule]]\nname = [1]", "PL-RCP-004", "no such rule"),
        (HEAD + '[[rule]]\nname = "leakage"\ntreshold = 1', "PL-RCP-005", "threshold in its place"),
        (HEAD + '[[rule]]\nname = "exact-duplicates"\nx = 1', "PL-RCP-005", "this rule has none"),
        (HEAD + 'tittle = "x"\n[[rule]]\nname = "leakage"', "PL-RCP-005", "title in its place"),
        (HEAD + '[[rule]]\nname = "leakage"\nthreshold = "0.7"', "PL-RCP-006", "threshold"),
        (HEAD + '[[rule]]\nname = "leakage"\nthreshold = nan', "PL-RCP-006", "threshold"),
        (HEAD + '[[rule]]\nname = "leakage"\nthreshold = 1979-05-27', "PL-RCP-006", "threshold"),
        (HEAD + '[[rule]]\nname = "moulds"\nmost = true', "PL-RCP-006", "most"),
        (HEAD + '[[rule]]\nname = "moulds"\nmost = 1.0', "PL-RCP-006", "most"),
        (HEAD + f'[[rule]]\nname = "moulds"\nmost = {"9" * 40}', "PL-RCP-006", "most"),
        (HEAD + '[[rule]]\nname = "balance"\nby = "axis"\nratio = inf', "PL-RCP-006", "ratio"),
        (HEAD + '[[rule]]\nname = "balance"\nby = "axis"\nratio = 2\nmost = 2', "PL-RCP-006", "exactly one"),
        (
            HEAD + 'takes = ["comparisons"]\n[[rule]]\nname = "balance"\nby = "verdict"\nmost = 2',
            "PL-RCP-010",
            "rule 1 (b",
        ),
        (HEAD + f"{'a.' * 5000}a = 1", "PL-RCP-003", "in each other without end"),
        (HEAD + f'[[rule]]\nname = "leakage"\n{"a." * 5000}a = 1', "PL-RCP-003", "in each other without end"),
        (HEAD + '[[rule]]\nname = "conflicts"\naction = "keep"', "PL-RCP-006", "'majority'"),
        (HEAD + '[[rule]]\nname = "splits"\nshares = { train = nan }', "PL-RCP-006", "shares"),
        (HEAD + '[[rule]]\nname = "splits"\nshares = { dev = 0.5, Dev = 0.5 }', "PL-RCP-006", "more than case"),
        (HEAD + '[[rule]]\nname = "splits"\nshares = { "../x" = 1.0 }', "PL-RCP-006", "no slash"),
        (HEAD + '[[rule]]\nname = "personal-data"\nkinds = ["emial"]', "PL-RCP-006", "email comes near"),
        (HEAD + '[[rule]]\nname = "personal-data"\nkinds = []', "PL-RCP-006", "kinds"),
        (HEAD + '[[rules]]\nname = "leakage"', "PL-RCP-005", "[[rule]] in its place"),
        ('nmae = "own"\nversion = 1\n[[rule]]\nname = "leakage"', "PL-RCP-005", "name in its place"),
        (HEAD + '[rule]\nname = "leakage"', "PL-RCP-006", "[[rule]] with a name"),
        (HEAD + '[[rule]]\nname = "leakage"\ntitle = "x"', "PL-RCP-005", "above the first [[rule]]"),
        (HEAD + '[[rule]]\nname = "leakage"\n[[rule]]\nname = "leakage"', "PL-RCP-007", "stands twice"),
        (HEAD + '[[rule]]\nname = "lengths"\nmost_messages = 3\n' * 2, "PL-RCP-007", "rules 1 and 2"),
        (HEAD + "rule = []", "PL-RCP-006", "rule"),
        (HEAD + 'rule = "leakage"', "PL-RCP-006", "rule"),
        (HEAD + 'takes = ["pairs"]\n[[rule]]\nname = "leakage"', "PL-RCP-006", "comparisons"),
        ('name = "../own"\nversion = 1\n[[rule]]\nname = "leakage"', "PL-RCP-006", "name"),
        ('name = "own\\n"\nversion = 1\n[[rule]]\nname = "leakage"', "PL-RCP-006", "name"),
        ('name = "own"\nversion = true\n[[rule]]\nname = "leakage"', "PL-RCP-006", "version"),
        ('name = "own"\nversion = 0\n[[rule]]\nname = "leakage"', "PL-RCP-006", "version"),
        ("", "PL-RCP-006", "name"),
        ("name = = 1", "PL-RCP-003", "line 1"),
        (HEAD + "x = " + "9" * 5000, "PL-RCP-003", "no TOML"),
        (HEAD + "x = " + "[" * 10_000, "PL-RCP-003", "no TOML"),
        (HEAD + '[[rule]]\nname = "leakage"\nthreshold = ' + "[" * 150 + "]" * 150, "PL-RCP-003", "without end"),
        (HEAD + f"x = 0x{'f' * 5000}", "PL-RCP-003", "digits without end"),
        (HEAD + '[[rule]]\nname = "leakage"\nname = "leakage"', "PL-RCP-003", "overwrite"),
        (HEAD + '[[rule]]\nname = "leakage"\n[[rule]]\nname = "personal-data"', "PL-RCP-008", "rule 2"),
        (HEAD + '[[rule]]\nname = "leakage"\n[[rule]]\nname = "leakage"\nthreshold = 1', "PL-RCP-007", "leakage"),
    ],
)
def test_what_cannot_be_is_refused_and_says_what_can(text, code, words):
    error = refused(text)
    assert error.code == code
    assert words in str(error)


@pytest.mark.parametrize(
    ("rule", "expected", "found"),
    [
        ("near-duplicates\nthreshold = 1", "a number below 1", "1"),
        ("near-duplicates\nthreshold = -0.5", "a number above 0", "-0.5"),
        ('near-duplicates\nthreshold = "half"', "a number, without quotes", '"half"'),
        ('near-duplicates\nthreshold = "a whole sentence"', "a number, without quotes", "a text"),
        ("moulds\nmost = 1.5", "a whole number", "1.5"),
        ("moulds\nmost = true", "a whole number", "true"),
        ('language\nkeep = ["en", "english"]', "en, not eng", '"english"'),
        ('language\nkeep = ["en", "eng"]', " de ", '"eng"'),
        ("language\nkeep = []", "at least 1 of them", "an empty list"),
        ("keep-axis", "a line axes", None),
        (f"splits\nshares = {{ {', '.join(f's{n} = 0.1' for n in range(101))} }}", "at most 100 of them", None),
        ('conflicts\naction = "keep"', "'remove' or 'majority'", '"keep"'),
        ("splits\nshares = { train = nan }", "a finite number", "nan"),
        ("splits\nshares = { train = 0.8, test = 0.3 }", "that sum to 1", "a sum of 1.1"),
        ("splits\nshares = { train = 1.1, test = -0.1 }", "of at least 0", "-0.1 for test"),
        ('personal-data\nkinds = ["emial"]', "email comes near", None),
        ('findings\ncodes = ["PL-CHK-999"]', "PL-CHK-001", None),
    ],
)
def test_values_are_refused_in_plain_words(rule, expected, found):
    name, _, settings = rule.partition("\n")
    error = refused(HEAD + f'[[rule]]\nname = "{name}"\n{settings}')
    assert error.code == "PL-RCP-006"
    assert expected in error.expected
    assert (error.found or None) == found
    assert f"({name})" in error.place
    assert "own.toml" in error.place
    told = str(error)
    assert not any(raw in told for raw in ("Input should", "Field required", ".0 ", "valid "))
    assert "value 2 of keep" in told or name != "language" or "[]" in rule


def test_an_error_does_not_repeat_what_is_endless():
    assert len(str(refused(HEAD + f'[[rule]]\nname = "{"x" * 9000}"'))) < 1000
    assert len(str(refused(HEAD + f'[[rule]]\nname = "leakage"\n{"x" * 9000} = 1'))) < 1000


def test_a_title_may_hold_any_sign():
    recipe = of("leakage", head=HEAD + 'title = "\\u0000 \\" \\\\ \\n \\u007f \\U0001F600 é"\n')
    assert parse_recipe(recipe.to_toml(), "again") == recipe
    named = of('name = "splits"\nshares = { "é \\U0001F600\\"" = 1.0 }')
    assert parse_recipe(named.to_toml(), "again") == named


def test_rules_that_may_stand_twice():
    narrowed = of('name = "balance"\nby = "axis"\nmost = 3', 'name = "balance"\nby = "worker"\nmost = 3')
    assert len(narrowed.steps) == 2


def test_by_name_or_of_a_file(tmp_path):
    path = tmp_path / "own.toml"
    path.write_bytes(of("leakage").to_toml().encode())
    assert read_recipe(str(path)) == of("leakage")
    with pytest.raises(UsageError, match="--recipe hh-clean"):
        read_recipe("hh-claen")
    for content in (b"\xff", None):
        other = tmp_path / "other.toml"
        other.unlink(missing_ok=True)
        if content is not None:
            other.write_bytes(content)
        with pytest.raises(SourceError, match="PL-RCP-002"):
            read_recipe(str(other))
    path.write_bytes(b"#" * (1 << 21))
    with pytest.raises(SourceError, match=r"PL-RCP-002(.|\n)*more than 1,048,576 bytes"):
        read_recipe(str(path))
    (tmp_path / "folder.toml").mkdir()
    with pytest.raises(SourceError, match="PL-RCP-002"):
        read_recipe(str(tmp_path / "folder.toml"))


def test_combined():
    first = of("conflicts", 'name = "lengths"\nmost_messages = 3')
    second = of(
        "personal-data",
        "conflicts",
        'name = "lengths"\nmost_messages = 4',
        head='name = "b"\nversion = 4\ntitle = "B"\n',
    )
    both = combined_recipes([first, second])
    assert [step.rule.name for step in both.steps] == ["personal-data", "conflicts", "lengths", "lengths"]
    assert (both.name, both.version, both.title) == ("own+b", 4, "B")
    assert parse_recipe(both.to_toml(), "again") == both
    assert combined_recipes([first]) is first
    shipped = combined_recipes([read_recipe("clean"), of("conflicts")])
    assert parse_recipe(shipped.to_toml(), "again") == shipped
    long = [of("leakage", head=f'name = "{letter * 99}"\nversion = 1\ntitle = "{letter * 400}"\n') for letter in "ab"]
    assert parse_recipe(combined_recipes(long).to_toml(), "again").steps == long[0].steps


def test_recipes_that_fight():
    with pytest.raises(UsageError, match=r"PL-RCP-007[\s\S]*conflicts"):
        combined_recipes(
            [of("conflicts"), of('name = "conflicts"\naction = "majority"', head='name = "b"\nversion = 1\n')]
        )
    other = 'name = "b"\nversion = 1\n'
    with pytest.raises(UsageError, match="PL-RCP-007") as told:
        combined_recipes([of("conflicts"), of("conflicts", head=other + 'takes = ["prompts"]\n')])
    assert told.value.found.endswith("; b takes prompts")
    with pytest.raises(UsageError, match="rules splits, leakage") as told:
        combined_recipes(
            [of("leakage", "splits"), of('name = "splits"\nseed = 7', 'name = "leakage"\nthreshold = 0.5', head=other)]
        )
    assert told.value.found == "splits, seed: 0 in own and 7 in b; leakage, threshold: 0.7 in own and 0.5 in b"
    with pytest.raises(UsageError) as told:
        of("leakage", 'name = "leakage"\nthreshold = 1')
    assert told.value.found == "leakage, threshold: 0.7 in rule 1 and 1.0 in rule 2"


BY_MAJORITY = 'conflicts"\naction = "majority'


@pytest.mark.parametrize(
    "rules",
    [
        ("exact-duplicates", "aggregate"),
        ("exact-duplicates", "conflicts", "aggregate"),
        ("exact-duplicates", BY_MAJORITY),
        (BY_MAJORITY, "aggregate"),
    ],
)
def test_votes_are_not_dropped_before_they_are_counted(rules):
    def text(names):
        return 'name = "x"\nversion = 1\n' + "".join(f'[[rule]]\nname = "{name}"\n' for name in names)

    with pytest.raises(UsageError, match="PL-RCP-009"):
        parse_recipe(text(rules), "x.toml")
    assert len(parse_recipe(text(rules[::-1]), "x.toml").steps) == len(rules)
    assert parse_recipe(text(("exact-duplicates", "conflicts")), "x.toml"), "to remove all asks for no numbers"
