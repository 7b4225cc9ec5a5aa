"""A causal language model with random weights, small enough to load in no time."""

import torch
from transformers import GPT2Config, GPT2LMHeadModel, LlamaConfig, LlamaForCausalLM

from tests.models.transformer.tiny import save, tokenizer

VOCABULARY = 310
CHAT_TEMPLATE = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n{{ message['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


def language_model(kind="llama", positions=256):
    torch.manual_seed(0)
    if kind == "gpt2":
        made = GPT2LMHeadModel(GPT2Config(vocab_size=VOCABULARY, n_embd=32, n_layer=2, n_head=2, n_positions=positions))
    else:
        made = LlamaForCausalLM(
            LlamaConfig(
                vocab_size=VOCABULARY,
                hidden_size=32,
                intermediate_size=64,
                num_hidden_layers=2,
                num_attention_heads=2,
                num_key_value_heads=2,
                max_position_embeddings=positions,
                eos_token_id=1,
            )
        )
    return made.eval()


def saved_model(folder, *, chat=True, **sizes):
    return save(folder, language_model(**sizes), tokenizer(chat_template=CHAT_TEMPLATE if chat else None))
