"""Checks of the files beside the data, of a folder that anybody may have made: checksums, card, Croissant.

Each reads a bounded file and compares what it says with the files that are there; nothing it says is followed or run.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import yaml

from plumbline.lineage import Manifest, file_digest
from plumbline.release.names import DEFAULT_CONFIG
from plumbline.release.terms import hub_licence

CARD, CROISSANT, SUMS = "README.md", "croissant.json", "SHA256SUMS"
_MOST_BYTES = 16 << 20
_MOST_YAML_BYTES = 1 << 20
_SUM = re.compile(r"([0-9a-f]{64}) [ *](.+)")
_MOST_TOLD = 20

Files = Mapping[str, Path]
"""Name from the folder → plain file."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What is wrong with a folder that was handed over.

    Attributes:
        code: listed in ``docs/errors.md``.
        place: the file, from the folder.
        problem: one clause.
    """

    code: str
    place: str
    problem: str


def unsafe_name(name: str) -> str | None:
    """Why a name must not be used as a path below the folder; None where it may."""
    path = PurePosixPath(name)
    if not name or "\0" in name or "\\" in name or not name.isprintable() or len(name) > 1_000:
        return "not a plain name"
    if path.is_absolute() or ".." in path.parts or re.match(r"[A-Za-z]:", name):
        return "leads out of the folder"
    return None


def _text(files: Files, name: str) -> str | None:
    """A text file of bounded size; None where there is none that can be read."""
    path = files.get(name)
    if path is None or path.stat().st_size > _MOST_BYTES:
        return None
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return None


# --- checksums ---


def checked_sums(files: Files) -> Iterator[Finding]:
    """`SHA256SUMS` names every file and its digest."""
    text = _text(files, SUMS)
    if text is None:
        yield Finding("PL-REL-030", SUMS, "there are no checksums that can be read")
        return
    named = set()
    told = 0
    for line in text.splitlines():
        found = _SUM.fullmatch(line)
        if found is None or unsafe_name(found[2]) or found[2] not in files:
            told += 1
            if told <= _MOST_TOLD:
                yield Finding("PL-REL-030", SUMS, "a line that names no file here")
            continue
        named.add(found[2])
        if file_digest(files[found[2]]) != found[1]:
            yield Finding("PL-REL-030", found[2], "the content is not what SHA256SUMS says")
    missing = sorted(files.keys() - named - {SUMS, "manifest.json"})
    yield from (Finding("PL-REL-030", name, "SHA256SUMS does not name it") for name in missing[:_MOST_TOLD])


# --- card ---


class _PlainLoader(yaml.SafeLoader):
    """YAML without references: a few lines of them unpack to more than a machine holds."""

    def compose_node(self, parent: Any, index: Any) -> Any:
        """Refuse a reference."""
        if self.check_event(yaml.events.AliasEvent):
            raise yaml.YAMLError("a reference")
        return super().compose_node(parent, index)


def checked_card(files: Files, manifest: Manifest | None) -> Iterator[Finding]:
    """The card's YAML: configurations of explicit files that exist, one of them the default; the manifest's licence."""
    front = _front_matter(files)
    if isinstance(front, str):
        yield Finding("PL-REL-025", CARD, front)
        return
    configs = front.get("configs")
    if not isinstance(configs, list) or not all(isinstance(each, dict) for each in configs):
        yield Finding("PL-REL-025", CARD, "there are no configurations (configs)")
        return
    names = [str(each.get("config_name"))[:80] for each in configs]
    if DEFAULT_CONFIG not in names:
        yield Finding("PL-REL-025", CARD, "no configuration is the default")
    if len(set(names)) != len(names):
        yield Finding("PL-REL-025", CARD, "two configurations have one name")
    for name, config in zip(names, configs, strict=True):
        yield from _checked_config(name, config, files)
    if manifest is not None and manifest.licence and front.get("license") != hub_licence(manifest.licence):
        yield Finding("PL-REL-028", CARD, "its licence is not that of the manifest")


def _front_matter(files: Files) -> dict[str, Any] | str:
    """What stands in the YAML of the card, or why nothing does."""
    text = _text(files, CARD)
    if text is None:
        return "there is no card that can be read"
    found = re.match(r"---\r?\n(.*?)\n---\r?\n", text[:_MOST_YAML_BYTES], re.DOTALL)
    if found is None:
        return "it does not begin with YAML between two lines of ---, at most 1 MiB"
    try:
        front = _PlainLoader(found[1]).get_single_data()
    except (yaml.YAMLError, ValueError, LookupError, AttributeError, TypeError, RecursionError):  # tags on odd values
        return "its YAML cannot be read, or holds references"
    return front if isinstance(front, dict) else "its YAML is no mapping"


def _checked_config(name: str, config: Mapping[str, Any], files: Files) -> Iterator[Finding]:
    told = config.get("data_files")
    if "data_dir" in config or not isinstance(told, list):
        yield Finding(
            "PL-REL-025", CARD, f"configuration {name!r} does not list its files, which breaks data_dir= of callers"
        )
        return
    for each in told:
        paths = each.get("path") if isinstance(each, dict) else None
        for path in paths if isinstance(paths, list) else [paths]:
            if not isinstance(path, str) or unsafe_name(path) or path not in files:
                yield Finding("PL-REL-025", CARD, f"configuration {name!r} names a file that is not here")


# --- Croissant ---


def checked_croissant(files: Files) -> Iterator[Finding]:
    """`croissant.json`: each file that it distributes is here, of its size and digest."""
    text = _text(files, CROISSANT)
    try:
        told = json.loads(text) if text is not None else None
        distribution = told.get("distribution") if isinstance(told, dict) else None
    except (ValueError, RecursionError):
        distribution = None
    if not isinstance(distribution, list):
        yield Finding("PL-REL-026", CROISSANT, "there is no Croissant metadata that can be read")
        return
    named = set()
    for each in distribution:
        address = each.get("contentUrl") if isinstance(each, dict) else None
        if not isinstance(address, str) or unsafe_name(address) or address not in files:
            yield Finding("PL-REL-026", CROISSANT, "it distributes a file that is not here")
            continue
        named.add(address)
        if each.get("sha256") != file_digest(files[address]):
            yield Finding("PL-REL-026", address, "the content is not what croissant.json says (sha256)")
        elif str(each.get("contentSize")).split(" ", 1)[0] != str(files[address].stat().st_size):
            yield Finding("PL-REL-026", address, "the size is not what croissant.json says")
    data = [name for name in files if name.endswith((".jsonl.gz", ".parquet")) and not name.startswith("curation/")]
    for name in sorted(set(data) - named):
        yield Finding("PL-REL-026", name, "croissant.json does not distribute it")
