"""``plumbline align``: replies chosen, compared and learnt from under our own models."""

from __future__ import annotations

import typer

from plumbline.cli.align import best_of_n, compare, ppo, supervised, trl

app = typer.Typer(
    help="Align a policy: choose among its replies, train it, hold it against another.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
best_of_n.register(app)
compare.register(app)
supervised.register(app)
ppo.register(app)
trl.register(app)
