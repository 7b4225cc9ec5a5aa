"""`plumbline collect codes` as a person calls it; what it says of codes stands with the service."""

import pytest


@pytest.mark.parametrize(("words", "code"), [((), "PL-ARG-006"), (("ABCD", "--results", "r.csv"), "PL-ARG-005")])
def test_codes_or_a_file_of_them_and_never_none(plumb, pairs, words, code):
    """No code left out of both, and none called complete that was never named."""
    ended, out, err = plumb("collect", "codes", pairs, *words)
    assert (ended, out, err[:10]) == (2, "", code)
