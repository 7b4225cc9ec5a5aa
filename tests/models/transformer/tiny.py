"""Tokenizers and models made up in memory, small enough to load in no time."""

from pathlib import Path

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
from transformers import (
    BertConfig,
    BertModel,
    BloomConfig,
    BloomModel,
    LlamaConfig,
    LlamaModel,
    PreTrainedTokenizerFast,
    RobertaConfig,
    RobertaModel,
)

from plumbline.models.transformer.trunk.backbone import quiet

torch.set_num_threads(1)

CHAT_TEMPLATE = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n{{ message['content'] }}<|im_end|>\n{% endfor %}"
)
_TEXTS = ["\n\nHuman: how do I make tea\n\nAssistant: boil the water first, then wait\n\nSystem: user assistant"] * 3


def tokenizer(*, end="</s>", padding=None, opening="<s>", chat_template=None):
    """Byte-level BPE of about 300 tokens; it puts `opening` in front by itself, as Llama's does."""
    made = Tokenizer(models.BPE())
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    specials = ["<s>", "</s>", "<|im_start|>", "<|im_end|>", "<pad>"]
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=310, special_tokens=specials, initial_alphabet=alphabet, show_progress=False
    )
    made.train_from_iterator(_TEXTS, trainer)
    if opening:
        made.post_processor = processors.TemplateProcessing(
            single=f"{opening} $A", special_tokens=[(opening, specials.index(opening))]
        )
    return PreTrainedTokenizerFast(
        tokenizer_object=made,
        bos_token=opening,
        eos_token=end,
        pad_token=padding,
        additional_special_tokens=["<|im_start|>", "<|im_end|>"],
        chat_template=chat_template,
    )


def llama(*, vocabulary=310, positions=128, layers=2):
    torch.manual_seed(0)
    return LlamaModel(
        LlamaConfig(
            vocab_size=vocabulary,
            hidden_size=32,
            intermediate_size=64,
            num_hidden_layers=layers,
            num_attention_heads=2,
            num_key_value_heads=2,
            max_position_embeddings=positions,
        )
    )


def bert(positions=128):
    torch.manual_seed(0)
    return BertModel(BertConfig(**_encoder(positions)))


def roberta(positions=130):
    torch.manual_seed(0)
    return RobertaModel(RobertaConfig(pad_token_id=1, **_encoder(positions)))


def _encoder(positions):
    sizes = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2}
    return {"vocab_size": 310, "max_position_embeddings": positions, **sizes}


def bloom():
    torch.manual_seed(0)
    return BloomModel(BloomConfig(vocab_size=310, hidden_size=32, n_layer=2, n_head=2))


def save(folder: Path, model, tokens=None) -> Path:
    """A folder as save_pretrained writes it."""
    with quiet():
        model.save_pretrained(folder)
        if tokens is not None:
            tokens.save_pretrained(folder)
    return folder
