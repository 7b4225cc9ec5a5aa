"""Rewrites the assertions of all tests once: each process that runs some would do all of it, in 20 seconds of a core.

    python -m tests.rewritten

Pytest takes over what it finds cached, by the digest of the source. It has no name of its own for rewriting without running:
these are its inner ones, of the version in constraints.txt.
"""

import multiprocessing
import sys
from pathlib import Path

import pytest
from _pytest.assertion import assertstate_key
from _pytest.assertion.rewrite import PYC_TAIL, _read_pyc, _rewrite_test, _write_pyc, get_cache_dir

ROOT = Path(__file__).parent
_configs = []
"""Pytest's, which forks find here."""


@pytest.hookimpl(tryfirst=True)
def pytest_cmdline_main(config):
    """In the place of running tests."""
    _configs.append(config)
    files = [path for name in ("conftest.py", "test_*.py") for path in sorted(ROOT.rglob(name))]
    with multiprocessing.get_context("fork").Pool() as pool:
        pool.map(_rewrite, files, chunksize=8)
    return pytest.ExitCode.OK


def _rewrite(path):
    """One file, as its import would do it."""
    folder = get_cache_dir(path)
    folder.mkdir(exist_ok=True)
    cached = folder / f"{path.stem}{PYC_TAIL}"
    if _read_pyc(path, cached) is None:
        digest, code = _rewrite_test(path, _configs[0])
        _write_pyc(_configs[0].stash[assertstate_key], code, digest, cached)


if __name__ == "__main__":
    sys.exit(pytest.main([], plugins=[sys.modules[__name__]]))
