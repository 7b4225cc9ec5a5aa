"""Calls against a hub, for a process of its own: the client reads its endpoint when it is imported."""

import json
import os
import traceback
import warnings
from pathlib import Path


def take_steps(steps, answers, environment):
    """Takes each step (load | pull, arguments, options) and writes its answer, a value or a code, as a line.

    Args:
        environment: what the client finds, and no other variables of its.
    """
    for name in [name for name in os.environ if name.startswith(("HF_", "HUGGING"))]:
        del os.environ[name]
    os.environ.update(environment)
    warnings.simplefilter("ignore")
    with Path(answers).open("w") as file:
        for call, names, how in steps:
            file.write(json.dumps(_answered({"load": _load, "pull": _pull}[call], names, how)) + "\n")


def _answered(call, names, how):
    from plumbline.records import PlumblineError

    try:
        return {"value": call(*names, **how)}
    except PlumblineError as error:
        return {"code": error.code, "exit": error.exit_code, "text": str(error)}
    except Exception:  # whatever else is raised is a bug, which the test that reads the answer shows with its traceback
        return {"bug": traceback.format_exc()}


def _load(*names, **how):
    import plumbline

    loaded = plumbline.load(*names, **how)
    table = loaded.comparisons
    columns = ("source", "subset", "split", "axis")
    places = sorted(set(zip(*(table[name].to_pylist() for name in columns), strict=True)))
    return {"rows": len(table), "places": places, "files": [file.path for file in loaded.files]}


def _pull(hub_id, out, **how):
    from plumbline.formats.hub import pull_dataset

    return pull_dataset(hub_id, Path(out), **how)
