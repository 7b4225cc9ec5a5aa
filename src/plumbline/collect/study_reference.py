"""The reference page of study files, made from the settings themselves: ``python -m plumbline.collect.study_reference``."""

from __future__ import annotations

import inspect
import json
import re
import sys
from collections.abc import Iterator, Mapping
from enum import Enum
from typing import Any

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from plumbline.collect.study_checks import KINDS_OF_KEY
from plumbline.collect.study_file import SECTIONS
from plumbline.collect.study_settings import StudyFile, StudyKind

EXAMPLES: dict[str, str] = {
    "": """\
name = "my-pairs"
kind = "pairs"
axes = ["helpfulness", "harmlessness"]
tranche = "base"
guidelines = "guidelines.md"
items = { data = "my-pairs.jsonl" }
overlap = 2
""",
    "items": """\
[items]
data = "judged"
data_dir = "harmless-base"
split = "test"
""",
    "priorities": """\
[[priorities]]
field = "split"
equals = "test"
priority = 9
""",
    "replies": """\
[replies]
sampler = "two-samples"
sources = ["openai:my-model@https://models.example.org/v1"]
temperature = 0.8
key_variable = "MODEL_KEY"
""",
    "qualification": """\
[qualification]
items = "known.jsonl"
pass_share = 0.75
""",
    "gold": """\
[gold]
items = "known.jsonl"
share = 0.05
""",
    "attention": """\
[attention]
items = "obvious.jsonl"
every = 25
""",
    "review": """\
[review]
reviewers = 3
tags = ["violence & incitement", "hate speech & offensive language", "other"]
most_tags = 2
show_description = false
""",
    "spot_check": """\
[spot_check]
first = 5
share = 0.1
""",
    "wellbeing": """\
[wellbeing]
warning = "Some of these texts are about violence, abuse and self-harm."
blur = true
topics = true
mood_every = 10
break_after_minutes = 45
most_minutes_a_day = 240
""",
    "prolific": """\
[prolific]
study = "60d9f4c1e2a7b80012345678"
completion_code = "C1EXAMPLE"
items = 5
""",
    "mturk": """\
[mturk]
items = 5
sandbox = false
minutes = 15
pay = "We pay the reward within two days, whatever you answered."
""",
}
"""A piece of a study file for each table, by its name; "" is the file before its first table, and whole."""

_HEAD = """\
# The study file

Made from the program's own settings; `make docs` writes it anew. How to use one: [how-to/collect.md](how-to/collect.md); whole ones
of all kinds: `plumbline collect init FOLDER --example NAME`.

A study is one TOML file, `study.toml`. Its paths start in its folder. Keys that are in no table stand before the first `[table]`. What is not
listed here is refused, and so is a key of another kind of study; everything that is wrong is told at once, with its line
([errors.md](errors.md), PL-STY).
"""

_TRANCHE = """\
### `tranche`

Bai et al. 2022 collected in three tranches, told apart by the models whose replies were judged; hh-rlhf names its folders after them
(`helpful-base`, `harmless-online`, …), and so do exports.

| tranche | the replies come from |
|---|---|
| `"base"` | a model as it was before any training on preferences; the one to take where nothing else fits |
| `"rejection-sampled"` | the best of several samples (16 there) by an early preference model; live replies need `sampler = "best-of-k"` |
| `"online"` | models that are trained again on what was collected, there about weekly, while the collecting goes on |

Live replies of `sampler = "best-of-k"` are never `"base"`. Where nothing is drawn live, the tranche says what the replies in the data
came from.
"""


def study_reference() -> str:
    """``docs/study-file.md``: every table and key of a study file, with an example of each table."""
    definitions = StudyFile.model_json_schema()
    parts = [_HEAD, "## The file\n", *_section("", StudyFile, definitions), _TRANCHE]
    for table, section in SECTIONS.items():
        head = f"## `[[{table}]]`" if table == "priorities" else f"## `[{table}]`"
        kinds = _kinds(table)
        parts += [f"{head}\n", f"{summary(section)} For {kinds}.\n", *_section(table, section, definitions)]
    return "\n".join(parts)


def setting_meanings(section: type[BaseModel]) -> dict[str, str]:
    """What each setting of a table means, from "Attributes" of its docstring.

    Raises:
        ValueError: a setting is not described there, or something is that is no setting.
    """
    described = inspect.cleandoc(section.__doc__ or "").partition("\nAttributes:\n")[2]
    entries = re.findall(r"^    (\w+): (.*(?:\n     .*)*)", described, re.MULTILINE)
    meanings = {name: _one_line(text) for name, text in entries}
    if meanings.keys() != section.model_fields.keys():
        unlike = ", ".join(sorted(meanings.keys() ^ section.model_fields.keys()))
        raise ValueError(f"{section.__name__}: its Attributes are not its settings: {unlike}")
    return meanings


def summary(section: type[BaseModel]) -> str:
    """What a table is, from the beginning of its docstring."""
    return _one_line(inspect.cleandoc(section.__doc__ or "").partition("\nAttributes:\n")[0])


def _one_line(text: str) -> str:
    return " ".join(text.replace("``", "`").split())


def _section(table: str, section: type[BaseModel], whole: Mapping[str, Any]) -> Iterator[str]:
    """The settings of one table as a table of the page, and its example."""
    schema = whole if section is StudyFile else whole["$defs"][section.__name__]
    meanings = setting_meanings(section)
    with_kinds = section is StudyFile
    yield "| key | value | default |" + (" kinds |" if with_kinds else "") + " what it means |"
    yield "|---|---|---|" + ("---|" if with_kinds else "") + "---|"
    for name, field in section.model_fields.items():
        cells = [f"`{name}`", value_of(schema["properties"][name], whole["$defs"]), _default(field)]
        yield "| " + " | ".join([*cells, *([_kinds(name)] if with_kinds else []), meanings[name]]) + " |"
    yield f"\n```toml\n{EXAMPLES[table]}```\n"


def _kinds(key: str) -> str:
    kinds = KINDS_OF_KEY.get(key, tuple(StudyKind))
    if len(kinds) == len(StudyKind):
        return "all kinds"
    if len(kinds) == len(StudyKind) - 1:
        return f"all but {next(kind for kind in StudyKind if kind not in kinds)}"
    return ", ".join(kinds)


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    if field.default is None or field.default == ():
        return "–"
    plain = field.default.value if isinstance(field.default, Enum) else field.default
    if isinstance(plain, tuple):
        return f"the {len(plain)} of the paper: " + "; ".join(map(str, plain))
    return f"`{json.dumps(plain)}`"


# --- what a setting takes, in words ---


def value_of(schema: Mapping[str, Any], definitions: Mapping[str, Any]) -> str:
    """What a setting takes, from its JSON schema: ``a whole number, 1 to 100``."""
    if "$ref" in schema:
        return value_of(definitions[schema["$ref"].rpartition("/")[2]], definitions)
    if "anyOf" in schema:
        return " or ".join(value_of(each, definitions) for each in schema["anyOf"] if each != {"type": "null"})
    if "enum" in schema or "const" in schema:
        return ", ".join(f"`{json.dumps(choice)}`" for choice in schema.get("enum", [schema.get("const")]))
    match schema["type"]:
        case "boolean":
            return "`true`, `false`"
        case "integer" | "number" as kind:
            return f"a {'whole ' if kind == 'integer' else ''}number, {_bounds(schema)}"
        case "array":
            most = f" of at most {schema['maxItems']:,}" if "maxItems" in schema else ""
            return f"a list{most}: {value_of(schema['items'], definitions)}"
        case "string":
            return f"a text of at most {schema['maxLength']:,} characters" if "maxLength" in schema else "a text"
    return "a table"


def _bounds(schema: Mapping[str, Any]) -> str:
    if "exclusiveMaximum" in schema:
        high = f"under {schema['exclusiveMaximum']:,}"
    else:
        high = "2⁶³ − 1" if schema["maximum"] == 2**63 - 1 else f"{schema['maximum']:,}"
    if "exclusiveMinimum" not in schema:
        return f"{schema['minimum']:,} to {high}"
    return f"over {schema['exclusiveMinimum']:,}, {high if high.startswith('under') else f'at most {high}'}"


if __name__ == "__main__":
    sys.stdout.write(study_reference())
