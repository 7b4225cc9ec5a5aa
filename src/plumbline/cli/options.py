"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Source = Annotated[str, typer.Argument(help="A file, a folder in hub layout, a hub id or a Plumbline folder.")]
Sources = Annotated[list[str], typer.Argument(help="Files, folders in hub layout, hub ids or Plumbline folders.")]
DataDir = Annotated[str | None, typer.Option(help="Only this folder of the source, like harmless-base.")]
Split = Annotated[str | None, typer.Option(help="Only this split, like train; the name of its files.")]
Format = Annotated[str | None, typer.Option(help="The format's name; recognised from the columns by default.")]
Axis = Annotated[
    str | None,
    typer.Option(
        help="What pairs were judged on where neither rows nor folder tell: helpfulness, harmlessness, overall."
    ),
]
Licence = Annotated[
    str | None,
    typer.Option(
        help="Licence of your own data, like CC-BY-4.0, where neither manifest, file nor format tells; loosens nothing."
    ),
]
Uses = Annotated[
    str | None,
    typer.Option(
        help="What your own data may be used for, with commas between: preference, policy, supervised, moderation, "
        "analysis; loosens nothing."
    ),
]
OnError = Annotated[
    str, typer.Option(help="quarantine sets unreadable rows aside and counts them; stop ends at the first.")
]
NoCache = Annotated[bool, typer.Option("--no-cache", help="Neither read nor write the cache of files already read.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]
Out = Annotated[Path, typer.Option("-o", "--out", help="Where to write.")]
Seed = Annotated[int, typer.Option(help="Seed of everything random.", min=0, max=2**31 - 1)]
OverrideUses = Annotated[
    bool,
    typer.Option("--override-uses", help="Go on though the data does not permit this use; written to the manifest."),
]
Model = Annotated[Path, typer.Argument(help="A model's folder.")]
TrustRemoteCode = Annotated[
    bool, typer.Option("--trust-remote-code", help="Run code that comes with a transformer's own architecture.")
]
TokensPerBatch = Annotated[
    int | None,
    typer.Option(
        "--tokens-per-batch", help="Of a transformer: tokens computed at a time, padding included; 8192.", min=1
    ),
]
