"""``plumbline align``: replies chosen, compared and learnt from under our own models."""

from __future__ import annotations

import typer

from plumbline.cli import align_best_of_n, align_compare, align_ppo, align_supervised, align_trl

app = typer.Typer(
    help="Align a policy: choose among its replies, train it, hold it against another.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
align_best_of_n.register(app)
align_compare.register(app)
align_supervised.register(app)
align_ppo.register(app)
align_trl.register(app)
