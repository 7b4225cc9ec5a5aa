"""What `tests.prepared` has imported and made before it forks: nothing that starts a thread."""

import gc
from functools import cache

import typer.main

import plumbline.collect.export.folder
import plumbline.collect.service.overview
import plumbline.collect.service.served_studies
import plumbline.collect.service.store_places  # noqa: F401
import tests.browser.served  # noqa: F401
from plumbline.cli.main import app

# Click's commands of the program, which keep nothing from one call to the next: half of what a short command costs a fork.
typer.main.get_command = cache(typer.main.get_command)
typer.main.get_command(app)

# What stays is left to the forks as it is: their collectors would look at all of it, and copy the memory it stands in.
gc.collect()
gc.freeze()
