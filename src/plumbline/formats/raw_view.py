"""One line of a file as it stands, for people who look into a fault."""

from __future__ import annotations

from pathlib import Path
from shlex import quote

from plumbline.formats.line_blocks import Intake, read_line_blocks
from plumbline.records import UsageError


def read_line(path: Path, line: int) -> bytes:
    """The bytes of a line, counted from 1 (of a JSON array: of an element).

    Raises:
        UsageError: the path is no file of lines, it has fewer lines, or the line is too long to be read.
        SourceError, FaultError: as `read_line_blocks`.
    """
    if path.suffix.lower() == ".parquet" or path.is_dir():
        raise UsageError(
            "PL-ARG-002",
            "--line",
            f"{path} is no file of lines",
            expected="a .jsonl or .json file",
            advice="leave --line out",
        )
    last = 0
    intake = Intake(path.name)
    for block in read_line_blocks(path, intake):
        lines = block.numbered_lines()
        if block.first_row < line <= block.first_row + len(lines):
            return lines[line - 1 - block.first_row][1]
        last = block.first_row + len(lines)
    unpack = "gunzip -c" if path.suffix.lower() == ".gz" else "cat"
    if set_aside := next((fault for fault in intake.faults if fault.row == line - 1), None):
        raise UsageError(
            "PL-ARG-002",
            "--line",
            set_aside.problem,
            expected=set_aside.expected,
            found=set_aside.found,
            advice=f"see how it begins: {unpack} {quote(str(path))} | sed -n {line}p | head -c 1000",
        )
    raise UsageError("PL-ARG-002", "--line", f"there is no line {line}", expected=f"1 to {last:,}", advice="--line 1")
