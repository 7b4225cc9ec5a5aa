"""Where a page leads afterwards is a path of ours, whatever an address says."""

import pytest

from plumbline.collect.service.identity.openid.flow import Purpose, new_flow
from plumbline.web.own_paths import MOST_BYTES, own_path


@pytest.mark.parametrize("path", ["/", "/studies/x/work?queue=review", "/account"])
def test_own_paths_stay(path):
    assert own_path(path) == path


@pytest.mark.parametrize(
    "path",
    [
        None,
        "",
        "account",
        "//evil.example",
        "/\\evil.example",
        "https://evil.example",
        "/a\\b",
        "/a\nb",
        "/" + "x" * 2000,
        "/" + "漢" * 400,
        "/\ud800",
        "javascript:alert(1)",
    ],
)
def test_other_addresses_lead_home(path):
    assert own_path(path) == "/"


@pytest.mark.parametrize("letter", ["x", '"', "漢"])
def test_the_longest_path_fits_into_a_cookie(letter):
    """Browsers take 4,096 bytes with the name and the rest; a quotation mark is two in the cookie."""
    path = "/" + letter * ((MOST_BYTES - 1) // len(letter.encode()))
    assert own_path(path) == path
    assert len(new_flow(Purpose.JOIN, goes_on_to=path, invitation="x" * 200).to_cookie()) < 3900
