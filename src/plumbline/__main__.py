"""``python -m plumbline`` is ``plumbline``."""

from plumbline.cli.entry import run

run()
