"""README.md of an export: what it is, and which of its files belong together, as `datasets.load_dataset` reads it.

One configuration a folder, and the first of them as ``default`` too: without these, files of several kinds would be
read as one. Source: https://huggingface.co/docs/hub/datasets-manual-configuration
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import PurePosixPath

from plumbline.collect.export.as_stored import AS_STORED
from plumbline.collect.export.column_kinds import columns_of
from plumbline.collect.export.forms import TEST, TRAIN, Form
from plumbline.collect.export.left_out import HOLDS, left_out_lines, unsaid_lines
from plumbline.lineage import FileEntry

README_NAME = "README.md"
_DEFAULT = "default"

_AS_READ: dict[Form, str] = {
    Form.HH_RLHF: "`chosen` is the better reply on the axis that the folder names, whatever the worker was asked.",
    Form.RED_TEAM: "`rating` is the author's own, from 0 (nothing came of the attack) to 4 (it went very well).",
    Form.BEAVERTAILS: "`is_safe` is true where no category was given.",
    Form.PKU_SAFERLHF: "`better_response_id` is the more helpful reply, `safer_response_id` the more harmless one.",
    Form.PARQUET: "`outcome` names the better side on the row's `axis`, whatever the worker was asked.",
    Form.JUDGEMENTS: "Payloads are as they are stored: `outcome` names the better side on the axis, whatever the worker "
    "was asked, and sides are those of the store, not those on the screen. `counts` is false where a later judgement "
    "takes its place, where the work was never handed in, and in conversations of people who were erased: no form of "
    "records has these. `purpose` tells real work from training, gold and "
    "attention items, which measure workers.",
    Form.EVENTS: "The log: ids, counts and states, no texts; people by pseudonym.",
}


@dataclass(frozen=True, slots=True)
class ReadMe:
    """What the page says.

    Attributes:
        study, study_kind: by name.
        as_of: nothing later is in it.
        files: with their rows.
        terms: which hold for all files together, and of what they come; see `terms_told.terms_lines`.
        left_out: work that stays inside, by why.
        quarantined: records that could not be made or written, by code.
    """

    study: str
    study_kind: str
    form: Form
    as_of: datetime
    files: Sequence[FileEntry]
    terms: Sequence[str]
    left_out: Mapping[str, int]
    quarantined: Mapping[str, int]

    def text(self) -> str:
        """The page, with the header that tools read."""
        return "\n".join([*self._header(), "", *self._body()]) + "\n"

    def _header(self) -> list[str]:
        by_folder: dict[str, list[str]] = {}
        for file in self.files:
            by_folder.setdefault(str(PurePosixPath(file.path).parent), []).append(file.path)
        named = {folder: paths for folder, paths in by_folder.items() if folder != "."}
        lines = ["---", "configs:"]
        for name, paths in [(_DEFAULT, next(iter(by_folder.values()))), *named.items()]:
            lines += [f"- config_name: {name}", "  data_files:"]
            for path in paths:
                lines += [f"  - split: {_split(path)}", f"    path: {path}"]
        columns = {name: columns_of(paths[0], self.form) for name, paths in by_folder.items()}
        told = {(_DEFAULT if name == "." else name): each for name, each in columns.items() if each}
        if told:
            told = {_DEFAULT: next(iter(told.values()))} | told
            lines.append("dataset_info:")
        for name, each in told.items():
            # JSON is YAML: one line, and nothing in it to be escaped.
            lines += [f"- config_name: {name}", f"  features: {json.dumps(each)}"]
        return [*lines, "---"]

    def _body(self) -> list[str]:
        return [
            f"# {self.study}, as {self.form.value}",
            "",
            f"What workers judged in the study `{self.study}` (kind `{self.study_kind}`) up to "
            f"{self.as_of:%Y-%m-%d %H:%M:%S} UTC, exported by Plumbline; `manifest.json` says how. **The texts may be "
            "offensive or disturbing.**",
            "",
            "| file | rows |",
            "|---|---|",
            *(f"| `{file.path}` | {file.rows or 0:,} |" for file in self.files),
            "",
            f"{_AS_READ[self.form]}",
            "",
            *self._left_out(),
            "Terms:",
            "",
            *(f"- {told}" for told in self.terms),
        ]

    def _left_out(self) -> list[str]:
        counted = left_out_lines(self.left_out) + unsaid_lines(self.quarantined)
        holds = [] if self.form in AS_STORED else [f"{HOLDS}{'' if counted else ' Here that is nothing.'}", ""]
        return holds + (
            ["Left out, and still in the study's store:", "", *(f"- {line}" for line in counted), ""] if counted else []
        )


def _split(path: str) -> str:
    """The split that a file holds; what is dealt to none is all train."""
    return TEST if PurePosixPath(path).name.startswith(f"{TEST}.") else TRAIN
