"""Permitted uses: the strictest wins, and a table says for itself what may be done with it."""

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from plumbline.lineage import (
    ALL_USES,
    LICENCE_KEY,
    USES_KEY,
    StatedTerms,
    Terms,
    Use,
    require_use,
    strictest_terms,
    terms_of,
    with_terms,
)
from plumbline.records import PermittedUseError, UsageError

LICENCES = ["CC0-1.0", "MIT", "Apache-2.0", "CC-BY-4.0", "CC-BY-NC-4.0", "CC-BY-SA-4.0"]
OTHERS = ["Our-Own-1.0", "LicenseRef-b", "(MIT OR GPL-3.0-only)", "unknown"]
TERMS = st.builds(Terms, st.frozensets(st.sampled_from(list(Use))), st.sampled_from([*LICENCES, *OTHERS]))
TABLE = pa.table({"x": [1]})


@given(st.lists(TERMS, min_size=1, max_size=5))
def test_the_strictest_wins(parts):
    whole = strictest_terms(parts)
    for use in Use:
        assert (use in whole.uses) == all(use in part.uses for part in parts)
    named = whole.licence.split(" AND ")
    known = {part.licence for part in parts if part.licence in LICENCES}
    # Share-alike and non-commercial bind both where they meet; of the others the strictest does.
    binding = known & set(LICENCES[4:]) or {*sorted(known, key=LICENCES.index)[-1:]}
    assert {name for name in named if name in LICENCES} == binding
    assert {name for name in named if name in OTHERS} == {part.licence for part in parts if part.licence in OTHERS}


@pytest.mark.parametrize(
    ("one", "two", "together"),
    [
        ("CC-BY-NC-4.0", "my own", "CC-BY-NC-4.0 AND my own"),
        ("cc-by-nc-4.0", "unknown", "CC-BY-NC-4.0 AND unknown"),
        ("MIT AND LicenseRef-a", "CC-BY-4.0 AND LicenseRef-b", "CC-BY-4.0 AND LicenseRef-a AND LicenseRef-b"),
        ("(A AND B) AND C", "MIT", "MIT AND (A AND B) AND C"),
        ("A AND B OR C", "MIT", "MIT AND (A AND B OR C)"),
        ("CC-BY-SA-4.0", "CC-BY-NC-4.0", "CC-BY-NC-4.0 AND CC-BY-SA-4.0"),
        ("CC-BY-SA-4.0 AND CC-BY-NC-4.0", "CC-BY-4.0", "CC-BY-NC-4.0 AND CC-BY-SA-4.0"),
    ],
)
def test_a_licence_of_unknown_strictness_replaces_none(one, two, together):
    for pair in ((one, two), (two, one)):
        whole = strictest_terms(Terms(ALL_USES, licence) for licence in pair)
        assert whole.licence == together
        assert strictest_terms([whole, whole]) == whole


@given(TERMS, TERMS, TERMS)
def test_order_and_grouping_do_not_matter(one, two, three):
    whole = strictest_terms([one, two, three])
    assert strictest_terms([three, one, two]) == whole
    assert strictest_terms([strictest_terms([one, two]), three]) == whole
    assert strictest_terms([one, one]) == one


def test_no_parts_have_no_terms():
    with pytest.raises(ValueError, match="at least one"):
        strictest_terms([])


@given(TERMS)
def test_terms_travel_with_the_table(terms):
    table = with_terms(TABLE.replace_schema_metadata({"other": "kept"}), terms)
    assert terms_of(table) == terms
    assert table.schema.metadata[b"other"] == b"kept"
    assert terms_of(table.slice(0, 0)) == terms
    assert terms.to_json() == {"uses": sorted(terms.uses), "licence": terms.licence}


def test_a_table_without_terms():
    assert terms_of(TABLE) is None
    assert terms_of(TABLE.replace_schema_metadata({USES_KEY: b""})) == Terms(frozenset(), "unknown")
    assert terms_of(TABLE.replace_schema_metadata({LICENCE_KEY: b"MIT"})) is None


@pytest.mark.parametrize("written", [b"analysis,resale", b"ANALYSIS", b"analysis;policy", b"analysis, policy", b"\xff"])
def test_a_use_that_does_not_exist_is_refused_not_dropped(written):
    with pytest.raises(UsageError, match=r"PL-USE-002(.|\n)*preference, policy"):
        terms_of(TABLE.replace_schema_metadata({USES_KEY: written, LICENCE_KEY: b"MIT"}))


@given(st.frozensets(st.sampled_from(list(Use))), st.sampled_from(list(Use)))
def test_a_use_is_required_or_overridden(uses, use):
    table = with_terms(TABLE, Terms(uses, "MIT"))
    require_use(table, use, place="x", override=True)
    if use in uses:
        require_use(table, use, place="x")
        return
    with pytest.raises(PermittedUseError, match=r"PL-USE-001(.|\n)*--override-uses") as refused:
        require_use(table, use, place="the/place")
    assert refused.value.exit_code == 2
    assert refused.value.place == "the/place"


def test_a_table_that_says_nothing_permits_nothing():
    for use in ALL_USES:
        with pytest.raises(PermittedUseError, match="none"):
            require_use(TABLE, use, place="x")


# --- what a user states ---

OWN = StatedTerms.of("mit", ["preference", " analysis"])


def test_what_is_stated_fills_in_what_nothing_tells():
    assert StatedTerms("MIT", frozenset({Use.PREFERENCE, Use.ANALYSIS})) == OWN
    assert OWN.applied([], None) == Terms(OWN.uses, "MIT")
    assert OWN.applied([], Terms(ALL_USES, "unknown")) == Terms(OWN.uses, "MIT")
    assert StatedTerms.of("MIT", None).applied([], None) == Terms(frozenset(), "MIT")
    assert StatedTerms().applied([], None) == Terms(frozenset(), "unknown")


def test_what_is_stated_loosens_nothing():
    narrow = Terms(frozenset({Use.ANALYSIS}), "CC-BY-NC-4.0")
    assert OWN.applied([narrow], Terms(ALL_USES, "unknown")) == narrow
    assert OWN.applied([], narrow) == narrow
    # A set whose parts were of unknown licences stays so: nobody can tell which part the statement is about.
    assert OWN.applied([Terms(ALL_USES, "unknown")], None).licence == "MIT AND unknown"
    both = Terms(narrow.uses, "CC-BY-NC-4.0 AND LicenseRef-ours")
    for carried, assumed in (([narrow], None), ([], narrow)):
        assert StatedTerms.of("LicenseRef-ours", None).applied(carried, assumed) == both
    assert StatedTerms().applied([narrow], None) == narrow


def test_what_is_overruled_is_said():
    narrow = Terms(frozenset({Use.ANALYSIS}), "CC-BY-NC-4.0")
    assert OWN.overruled(narrow) == (
        "--licence MIT is overruled by what the data carry: CC-BY-NC-4.0; "
        "--uses preference is overruled by what the data carry: analysis"
    )
    ours = StatedTerms.of("LicenseRef-ours", None)
    assert "stands beside" in ours.overruled(ours.applied([narrow], None))
    assert OWN.overruled(OWN.applied([], None)) == StatedTerms().overruled(narrow) == ""


@pytest.mark.parametrize("name", ["", "  ", "x" * 101, "a\nb", "\x1b[2J", "my own", "unknown", "UNKNOWN", "MIT AND"])
def test_a_licence_is_a_name(name):
    with pytest.raises(UsageError, match="PL-USE-003"):
        StatedTerms.of(name, None)


@pytest.mark.parametrize("name", ["CC-BY-40", "CC BY 4.0", "cc_by-4.0"])
def test_a_misspelt_licence_is_refused_and_the_nearest_named(name):
    with pytest.raises(UsageError, match=r"PL-USE-003(.|\n)*--licence CC-BY-4.0"):
        StatedTerms.of(name, None)
    assert StatedTerms.of("odbl-1.0 AND licenseref-ours", None).licence == "LicenseRef-ours AND ODbL-1.0"


def test_an_unknown_use_is_refused_and_the_nearest_named():
    with pytest.raises(UsageError, match=r"PL-ARG-001(.|\n)*--uses preference"):
        StatedTerms.of(None, ["preferences"])
    assert StatedTerms.of(None, ["policy"]).to_json() == {"uses": ["policy"]}
    assert StatedTerms().to_json() == {}
