"""What a model looks at, in words: the recipe of its features as ``model.json`` has it.

Covers the linear models' recipe; of any other its plain settings are named, lists and objects left to the file.
"""

from __future__ import annotations

from typing import Any

from plumbline.report.wording import listed, shorten

_MOST = 200
_TEXTS = {
    "reply": "the reply",
    "opening": "the reply's opening",
    "ending": "the reply's last character",
    "prompt": "the prompt",
}


def describe_recipe(recipe: Any) -> str:
    """A recipe in words: ``the reply: runs of 1 and 2 words; the prompt: runs of 3 to 5 characters``; empty for none.

    Args:
        recipe: any JSON; made by whoever wrote the file.
    """
    if isinstance(recipe, dict) and isinstance(recipe.get("blocks"), list):
        told = [_block(block) for block in recipe["blocks"] if isinstance(block, dict)]
        if recipe.get("length_weight"):
            told.append("the reply's length")
        return shorten("; ".join(told), _MOST)
    if isinstance(recipe, dict):
        plain = {name: value for name, value in recipe.items() if isinstance(value, str | int | float)}
        return shorten("; ".join(f"{name.replace('_', ' ')}: {value}" for name, value in plain.items()), _MOST)
    return shorten(recipe, _MOST) if isinstance(recipe, str) else ""


def _block(block: dict[str, Any]) -> str:
    space = block.get("space")
    sizes = space if isinstance(space, dict) else {}
    runs = [
        f"runs of {listed([str(order) for order in orders])} {unit}"
        for orders, unit in ((sizes.get("word_orders"), "words"), (sizes.get("character_orders"), "characters"))
        if isinstance(orders, list) and orders
    ]
    text = str(block.get("text", "text"))
    return f"{_TEXTS.get(text, text)}: {' and '.join(runs) or 'n-grams'}"
