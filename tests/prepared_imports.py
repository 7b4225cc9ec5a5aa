"""What `tests.prepared` has imported before it forks: imports alone, nothing that starts a thread."""

import gc

import plumbline.cli.main  # noqa: F401
import tests.browser.served  # noqa: F401

# What stays is left to the forks as it is: their collectors would look at all of it, and copy the memory it stands in.
gc.collect()
gc.freeze()
