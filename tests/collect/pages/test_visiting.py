"""Where a page leads afterwards is a path of ours, whatever an address says."""

import pytest

from plumbline.web.own_paths import own_path


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
        "javascript:alert(1)",
    ],
)
def test_other_addresses_lead_home(path):
    assert own_path(path) == "/"
