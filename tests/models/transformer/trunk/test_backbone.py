"""Trunks: what loads, what is decided, and what is refused with which code."""

import json
import logging
import os
import subprocess
import sys
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from transformers import T5Config, ViTConfig, ViTModel
from transformers.utils import logging as library_logging

from plumbline.models.transformer.scorer import Scorer, plain_inputs
from plumbline.models.transformer.settings import BackboneSettings, LoraSettings
from plumbline.models.transformer.trunk.backbone import load_trunk
from plumbline.records import ModelError, PlumblineError, SourceError, UsageError
from tests.formats.hub_server import serving
from tests.models.transformer import tiny


def settings_of(folder, **more):
    return BackboneSettings(name=str(folder), **more)


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    return tiny.save(tmp_path_factory.mktemp("llama") / "model", tiny.llama(), tiny.tokenizer())


@pytest.fixture
def folder(tmp_path, saved):
    """A copy that a test may spoil."""
    copy = tmp_path / "model"
    copy.mkdir()
    for file in saved.iterdir():
        (copy / file.name).write_bytes(file.read_bytes())
    return copy


def change(folder, name="config.json", **values):
    path = folder / name
    path.write_text(json.dumps({**json.loads(path.read_text()), **values}))


def refusal(kind, settings):
    with pytest.raises(kind) as refused:
        load_trunk(settings)
    return refused.value


# --- what loads ---


def test_a_causal_model(saved):
    trunk = load_trunk(settings_of(saved))
    assert (trunk.is_causal, trunk.pooling, trunk.positions) == (True, "last", 128)
    assert trunk.padding_id == trunk.tokenizer.eos_token_id == 1
    assert trunk.tokenizer.pad_token is None, "the tokenizer stays as it is"
    assert any("no pad token" in note and "EOS" in note for note in trunk.notes)
    assert not trunk.model.training
    assert {parameter.dtype for parameter in trunk.model.parameters()} == {torch.float32}
    original = tiny.llama().state_dict()
    assert all(torch.equal(value, original[name]) for name, value in trunk.model.state_dict().items())


def test_weights_of_another_precision_become_32_bits(tmp_path):
    folder = tiny.save(tmp_path / "half", tiny.llama().to(torch.bfloat16), tiny.tokenizer())
    assert next(load_trunk(settings_of(folder)).model.parameters()).dtype == torch.float32


def test_an_encoder_loses_its_pooler_and_reads_the_mean(tmp_path):
    folder = tiny.save(tmp_path / "bert", tiny.bert(), tiny.tokenizer(padding="<pad>"))
    trunk = load_trunk(settings_of(folder))
    assert (trunk.is_causal, trunk.pooling, trunk.positions, trunk.padding_id) == (False, "mean", 128, 4)
    assert trunk.model.pooler is None
    assert trunk.model.config._attn_implementation == "sdpa"
    loss = Scorer(trunk.model, ["a"], pooling="mean")(plain_inputs([torch.arange(5).numpy()], padding_id=4)).sum()
    loss.backward()
    without = [name for name, weight in trunk.model.named_parameters() if weight.grad is None]
    assert without == [], "every weight learns, as distributed training asks for"


def test_positions_that_the_padding_id_takes_are_not_counted(tmp_path):
    folder = tiny.save(tmp_path / "roberta", tiny.roberta(130), tiny.tokenizer(padding="<s>"))
    trunk = load_trunk(settings_of(folder))
    assert trunk.positions == 128
    with torch.no_grad():
        trunk.model(input_ids=torch.full((1, trunk.positions), 7))
        with pytest.raises((IndexError, RuntimeError)):
            trunk.model(input_ids=torch.full((1, trunk.positions + 1), 7))


def test_no_positions_and_no_better_attention(tmp_path):
    folder = tiny.save(tmp_path / "bloom", tiny.bloom(), tiny.tokenizer())
    trunk = load_trunk(settings_of(folder))
    assert (trunk.positions, trunk.is_causal) == (None, True)
    assert trunk.model.config._attn_implementation == "eager"
    assert "Attention: eager; the architecture has no blocks." in trunk.notes


@pytest.mark.parametrize(("asked", "found"), [("sdpa", "sdpa"), ("eager", "eager"), ("blocks", "plumbline_tree")])
def test_the_attention_asked_for(saved, asked, found):
    trunk = load_trunk(settings_of(saved, attention=asked))
    assert trunk.model.config._attn_implementation == found
    assert f"Attention: {asked}." in trunk.notes


@pytest.mark.skipif(torch.cuda.is_available(), reason="says what happens without a GPU")
def test_flex_without_a_gpu_is_not_taken(saved):
    trunk = load_trunk(settings_of(saved, attention="flex"))
    assert trunk.model.config._attn_implementation == "sdpa"
    assert any("without a GPU" in note for note in trunk.notes)


def test_neither_pad_token_nor_eos(tmp_path):
    trunk = load_trunk(settings_of(tiny.save(tmp_path / "m", tiny.llama(), tiny.tokenizer(end=None))))
    assert trunk.padding_id == 0
    assert any("neither pad token nor EOS" in note for note in trunk.notes)
    assert any("none is put behind the reply" in note for note in trunk.notes)


def test_a_pad_token_without_an_embedding_is_not_used(tmp_path):
    tokens = tiny.tokenizer()
    tokens.add_special_tokens({"pad_token": "<late>"})
    model = tiny.llama(vocabulary=len(tokens) - 1)
    trunk = load_trunk(settings_of(tiny.save(tmp_path / "m", model, tokens)))
    assert trunk.padding_id == 1
    assert trunk.model.get_input_embeddings().num_embeddings == len(tokens) - 1


def test_adapters_alone_train_and_the_scores_are_the_same_at_first(saved):
    plain = load_trunk(settings_of(saved))
    trunk = load_trunk(settings_of(saved, lora=LoraSettings(rank=4)))
    trained = [name for name, weight in trunk.model.named_parameters() if weight.requires_grad]
    assert len(trained) == 2 * 7 * 2
    assert all("lora_" in name for name in trained)
    inputs = plain_inputs([torch.arange(3, 9).numpy()], padding_id=trunk.padding_id)
    scorers = [Scorer(each.model, ["a"], pooling="last").eval() for each in (plain, trunk)]
    assert scorers[1].padding_free_parts == 3
    one, other = (scorer(inputs) for scorer in scorers)
    assert torch.allclose(one, other, atol=1e-6)
    other.sum().backward()
    assert scorers[1].heads.weight.grad is not None


def test_the_library_is_quiet_and_then_as_loud_as_before(saved, capfd, caplog):
    before = library_logging.get_verbosity(), library_logging.is_progress_bar_enabled()
    with caplog.at_level(logging.DEBUG):
        load_trunk(settings_of(saved))
    assert (library_logging.get_verbosity(), library_logging.is_progress_bar_enabled()) == before
    captured = capfd.readouterr()
    assert captured.out == captured.err == ""


# --- what is refused ---


def test_a_path_where_nothing_stands(tmp_path):
    assert refusal(SourceError, settings_of(tmp_path / "nothing")).code == "PL-BBN-001"
    assert refusal(SourceError, BackboneSettings(name="./nothing")).code == "PL-BBN-001"


def test_a_file_is_no_folder(tmp_path):
    (tmp_path / "model").write_text("x")
    assert refusal(SourceError, settings_of(tmp_path / "model")).code == "PL-BBN-001"


def test_a_folder_without_a_model(tmp_path):
    assert refusal(ModelError, settings_of(tmp_path)).code == "PL-BBN-006"


def test_adapters_without_their_model(tmp_path):
    (tmp_path / "adapter_config.json").write_text("{}")
    assert refusal(ModelError, settings_of(tmp_path)).code == "PL-BBN-018"


@pytest.mark.parametrize("content", ["{nope", "[]", "", "[" * 100_000], ids=["broken", "a list", "empty", "nested"])
def test_an_unreadable_configuration(folder, content):
    (folder / "config.json").write_text(content)
    assert refusal(ModelError, settings_of(folder)).code == "PL-BBN-006"


def test_pickled_weights_are_not_read(folder):
    (folder / "model.safetensors").unlink()
    (folder / "pytorch_model.bin").write_bytes(b"x")
    error = refusal(ModelError, settings_of(folder))
    assert error.code == "PL-BBN-007"
    assert "pytorch_model.bin" in error.found
    (folder / "pytorch_model.bin").unlink()
    assert refusal(ModelError, settings_of(folder)).code == "PL-BBN-008"


def test_no_tokenizer(folder):
    (folder / "tokenizer.json").unlink()
    assert refusal(ModelError, settings_of(folder)).code == "PL-BBN-009"


def test_an_unreadable_tokenizer(folder):
    (folder / "tokenizer.json").write_text("{")
    assert refusal(ModelError, settings_of(folder)).code == "PL-BBN-009"


def test_code_that_comes_with_the_model_is_not_run(folder):
    ran = folder / "ran"
    (folder / "own.py").write_text(f"open({str(ran)!r}, 'w').close()\n")
    change(folder, model_type="made-up", auto_map={"AutoConfig": "own.C", "AutoModel": "own.M"})
    error = refusal(UsageError, settings_of(folder))
    assert error.code == "PL-BBN-010"
    assert "--trust-remote-code" in error.advice
    assert not ran.exists()


def test_code_of_the_tokenizer_is_not_run_either(folder):
    change(folder, "tokenizer_config.json", auto_map={"AutoTokenizer": ["own.T", None]}, tokenizer_class="T")
    (folder / "tokenizer.json").rename(folder / "vocab.json")
    assert refusal(UsageError, settings_of(folder)).code == "PL-BBN-010"


def test_an_unknown_architecture(folder):
    change(folder, model_type="made-up")
    error = refusal(ModelError, settings_of(folder))
    assert (error.code, error.found) == ("PL-BBN-011", "model_type made-up")


def test_an_encoder_decoder(folder):
    (folder / "config.json").write_text(T5Config().to_json_string())
    assert refusal(ModelError, settings_of(folder)).code == "PL-BBN-012"


@pytest.mark.parametrize("spoil", ["cut", "junk", "empty", "missing", "mismatch", "shard"])
def test_weights_that_are_not_whole(folder, spoil):
    weights = folder / "model.safetensors"
    content = weights.read_bytes()
    if spoil in ("cut", "junk", "empty"):
        weights.write_bytes({"cut": content[: len(content) // 2], "junk": b"junk" * 99, "empty": b""}[spoil])
    elif spoil == "shard":
        weights.rename(folder / "model-00001-of-00002.safetensors")
        index = {"metadata": {}, "weight_map": {"norm.weight": "model-00002-of-00002.safetensors"}}
        (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    else:
        change(folder, **({"num_hidden_layers": 3} if spoil == "missing" else {"intermediate_size": 96}))
    assert refusal(ModelError, settings_of(folder)).code == "PL-BBN-013"


def test_a_model_of_images(folder):
    for name in ("config.json", "model.safetensors"):
        (folder / name).unlink()
    sizes = {"hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 64}
    tiny.save(folder, ViTModel(ViTConfig(image_size=32, **sizes)))
    assert refusal(ModelError, settings_of(folder)).code == "PL-BBN-014"


def test_a_tokenizer_of_another_model(tmp_path):
    folder = tiny.save(tmp_path / "m", tiny.llama(vocabulary=200), tiny.tokenizer())
    assert refusal(ModelError, settings_of(folder)).code == "PL-BBN-015"


def test_the_first_token_of_a_causal_model_tells_nothing(saved):
    assert refusal(UsageError, settings_of(saved, pooling="first")).code == "PL-BBN-016"


def test_adapters_on_modules_that_are_not_there(saved):
    error = refusal(UsageError, settings_of(saved, lora=LoraSettings(target_modules=("nope",))))
    assert error.code == "PL-BBN-017"
    assert "q_proj" in error.expected


_LOAD = """
import json, sys
from huggingface_hub import close_session
from plumbline.models.transformer.trunk.backbone_files import model_folder
from plumbline.models.transformer.settings import BackboneSettings
from plumbline.records import PlumblineError
for name in map(json.loads, sys.stdin):
    try:
        model_folder(BackboneSettings(name=name))
        print("found", flush=True)
    except PlumblineError as error:
        print(error.code, flush=True)
    close_session()  # a kept connection would outlive the hub
"""


@contextmanager
def asking(address, home):
    """Name → what becomes of it, in a process whose hub stands at an address."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("HF_", "HUGGING"))}
    hub = {"HF_ENDPOINT": address, "HF_HOME": str(home), "NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1"}
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen([sys.executable, "-W", "ignore", "-c", _LOAD], env={**kept, **hub}, **pipes) as process:

        def code(name):
            process.stdin.write(json.dumps(name) + "\n")
            process.stdin.flush()
            return process.stdout.readline().strip()

        yield code
        process.stdin.close()
        assert process.wait(timeout=90) == 0


def test_the_hub_has_it_not_or_is_not_there(tmp_path):
    """Unknown, gated and badly named ids at a hub that answers; then the same hub gone."""
    with ExitStack() as at_the_end:
        with serving("owner/name", {}) as hub:
            code = at_the_end.enter_context(asking(hub.address, tmp_path))
            assert [code(name) for name in ("owner/other", "not a name", "no-such-model")] == ["PL-BBN-002"] * 3
        assert code("owner/another") == "PL-BBN-003"


@pytest.mark.parametrize(
    ("header", "code"), [("GatedRepo", "PL-BBN-004"), ("RevisionNotFound", "PL-BBN-005"), ("Other", "PL-BBN-003")]
)
def test_what_the_hub_answers(monkeypatch, header, code):
    import huggingface_hub
    from huggingface_hub.errors import GatedRepoError, HfHubHTTPError, RevisionNotFoundError

    kinds = {"GatedRepo": GatedRepoError, "RevisionNotFound": RevisionNotFoundError, "Other": HfHubHTTPError}
    response = SimpleNamespace(headers={}, request=None, status_code=404)

    def answer(*args, **options):
        assert "*.bin" not in options["allow_patterns"]
        assert "*.py" not in options["allow_patterns"]
        raise kinds[header]("no", response=response)

    monkeypatch.setattr(huggingface_hub, "snapshot_download", answer)
    assert refusal(SourceError, BackboneSettings(name="owner/name", revision="r")).code == code


def test_a_snapshot_loads_like_a_folder(monkeypatch, saved):
    import huggingface_hub

    monkeypatch.setattr(huggingface_hub, "snapshot_download", lambda *_, **__: str(saved))
    assert load_trunk(BackboneSettings(name="owner/name")).positions == 128


def test_no_error_is_without_advice(tmp_path):
    error = refusal(PlumblineError, settings_of(tmp_path))
    assert Path(error.place) == tmp_path
    assert error.advice
