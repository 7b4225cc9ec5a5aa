"""What tests run in processes of their own: a build that dies, and the program beside a client that reads its endpoint once."""

import os
import sys
from pathlib import Path


def build_and_die(where, folder, out):
    """Builds a release in the place of another and dies at the change of places: before it, after it, or between its renames."""
    from plumbline.lineage import writing
    from plumbline.release import ReleaseOptions, build_release

    replace, rename = writing._replace_folder, Path.rename

    def die_before(*places):
        os._exit(9)

    def die_after(*places):
        replace(*places)
        os._exit(9)

    def die_between(path, target):
        rename(path, target)
        os._exit(9)

    if where == "before":
        writing._replace_folder = die_before
    if where == "after":
        writing._replace_folder = die_after
    if where == "between":
        writing.swapped = lambda *_: False
        Path.rename = lambda path, target: (die_between if path == out else rename)(path, target)
    build_release(folder, out, ReleaseOptions(previous=out))


def run_commands(commands, environment):
    """The program again and again; says what each ended with.

    Args:
        environment: what the hub's client finds, and no other variables of its.
    """
    from plumbline.cli.main import run

    for name in [name for name in os.environ if name.startswith(("HF_", "HUGGING"))]:
        del os.environ[name]
    os.environ.update(environment)
    for words in commands:
        sys.argv = ["plumbline", *words.split()]
        try:
            run()
        except SystemExit as ended:
            print("exit", ended.code or 0, flush=True)
