"""What the processes of one run of the tests share: a folder that one of them made, and all read or copy."""

import fcntl
import os
import shutil


def made_once(factory, name, make):
    """The folder of this name, made by whoever asks first; the others wait for it. It is never written to again.

    Args:
        factory: pytest's `tmp_path_factory`.
        make: gets the folder, which is not there yet, and makes it.
    """
    shared = factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:  # its own folder stands in that of the run
        shared = shared.parent
    folder, done = shared / "made-once" / name, shared / "made-once" / f"{name}.done"
    folder.parent.mkdir(exist_ok=True)
    with folder.with_name(f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not done.exists():
            shutil.rmtree(folder, ignore_errors=True)  # of somebody who failed
            make(folder)
            done.touch()
    return folder
