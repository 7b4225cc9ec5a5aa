"""What `tests.prepared` has imported before it forks: imports alone, nothing that starts a thread."""

import plumbline.cli.main  # noqa: F401
import tests.browser.served  # noqa: F401
