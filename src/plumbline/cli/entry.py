"""Where the program starts: an interrupt is no error from the first moment on, while the commands are still being imported."""

from __future__ import annotations

import sys


def run() -> None:
    """Import the commands, which takes a moment, and run the one that is asked for."""
    try:
        from plumbline.cli.main import run as run_command

        run_command()
    except KeyboardInterrupt:  # of a command that runs, `main` tells it
        print("interrupted", file=sys.stderr)
        sys.exit(130)
