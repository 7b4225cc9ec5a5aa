"""Policies on disk; a model made from nothing."""

import json

import pytest
import torch
from transformers import AutoModelForCausalLM

from plumbline.align.new_adapters import seeded_adapters
from plumbline.align.new_model import NewModelSettings, make_new_model
from plumbline.align.policy_folder import SavedPolicy, read_description, save_policy, weights_of
from plumbline.lineage import Manifest
from plumbline.records import ModelError
from plumbline.sources.causal_model import load_causal_model


def saved(folder, model, tokenizer):
    manifest = Manifest(holds="policy", command=[], configuration={}, seed=0, inputs=[], uses=None, licence=None)
    save_policy(folder, weights_of(model, tokenizer), SavedPolicy({"method": "none"}, "# card\n", manifest, b"{}\n"))


def test_adapters_stand_beside_a_whole_model_and_name_no_place_of_this_machine(tmp_path):
    made = make_new_model(["a text"], NewModelSettings(layers=1, width=32, heads=2, vocabulary=300, positions=32))
    saved(tmp_path / "first", made.model, made.tokenizer)
    start = load_causal_model(str(tmp_path / "first"), place="here", device="cpu", whole=True)
    saved(tmp_path / "out", seeded_adapters(start.model, 2, seed=0, place="--lora"), start.tokenizer)
    AutoModelForCausalLM.from_pretrained(tmp_path / "out")
    assert read_description(tmp_path / "out") == {"plumbline": "policy", "version": 1, "method": "none"}
    names = sorted(path.name for path in (tmp_path / "out" / "adapter").iterdir())
    assert names == ["adapter_config.json", "adapter_model.safetensors"]
    for path in (tmp_path / "out").rglob("*.json"):
        assert str(tmp_path) not in json.dumps(json.loads(path.read_text())), path


def test_a_policy_whose_weights_are_no_numbers_is_not_written(tmp_path):
    made = make_new_model(["a text"], NewModelSettings(layers=1, width=32, heads=2, vocabulary=300, positions=32))
    with torch.no_grad():
        made.model.lm_head.weight[3, 0] = torch.inf
    with pytest.raises(ModelError, match="PL-PTR-003"):
        saved(tmp_path / "out", made.model, made.tokenizer)
    assert not list(tmp_path.iterdir())


def test_a_policy_without_an_end_token_is_not_trained(tmp_path):
    made = make_new_model(["a text"], NewModelSettings(layers=1, width=32, heads=2, vocabulary=300, positions=32))
    made.tokenizer.eos_token = None
    made.model.generation_config.eos_token_id = made.model.config.eos_token_id = None
    saved(tmp_path / "endless", made.model, made.tokenizer)
    with pytest.raises(ModelError, match=r"PL-PTR-007  here"):
        load_causal_model(str(tmp_path / "endless"), place="here", device="cpu", whole=True)
    assert not load_causal_model(str(tmp_path / "endless"), place="here", device="cpu").end_ids, "it may write"


def test_what_describes_no_policy_says_nothing(tmp_path):
    assert read_description(tmp_path) == {}
    for text in ("[1]", "[" * 100_000):
        (tmp_path / "policy.json").write_text(text)
        assert read_description(tmp_path) == {}
