"""``python -m plumbline`` is ``plumbline``."""

from plumbline.cli.main import run

run()
