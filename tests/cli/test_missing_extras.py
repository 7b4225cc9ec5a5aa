"""Commands whose libraries are not installed: told what to install, before anything that needs them is imported."""

import sys

import pytest

from plumbline.records import errors

NEEDS_TORCH = [
    *(f"aligning.{name}_opening" for name in ("supervised", "ppo_lag", "trl")),
    *("training.transformer_run", "training.joint_run"),
]


@pytest.mark.parametrize(
    ("words", "code"),
    [
        ("train preference source --model owner/name", "PL-MOD-006"),
        ("train together source --model owner/name", "PL-MOD-006"),
        ("align supervised source --replies all --model new", "PL-MOD-006"),
        ("align ppo-lag source --policy p --reward r --cost c", "PL-MOD-006"),
        ("align dpo source --policy p", "PL-TRT-001"),
        ("align grpo source --policy p --reward r", "PL-TRT-001"),
        ("align rloo source --policy p --reward r", "PL-TRT-001"),
    ],
)
def test_without_torch_it_is_told_what_to_install(words, code, plumb, tmp_path, monkeypatch):
    monkeypatch.setattr(errors, "find_spec", lambda name: None if name == "torch" else object())
    for name in NEEDS_TORCH:
        monkeypatch.setitem(sys.modules, f"plumbline.loop.{name}", None)
    ended, out, err = plumb(*words.split(), "-o", tmp_path / "out")
    assert (ended, out, err[:10]) == (2, "", code)
    assert "pip install" in err
