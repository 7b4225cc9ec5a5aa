"""Stages on a cluster: pieces as tasks of Ray Data, rows through files that all machines of the cluster share.

Ray hands functions and their arguments to its processes pickled, by itself and to itself; nothing that is pickled is ever
read from data or kept. What goes through Ray are numbers of pieces, names of files, counts and digests: no row, no text.
"""

from __future__ import annotations

import json
import logging
import os
import re
import shutil
import socket
import sys
import traceback
import warnings
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import closing, contextmanager, redirect_stdout
from pathlib import Path
from typing import Any

from plumbline.engine.engines import Answer
from plumbline.engine.exchange import not_shared
from plumbline.lineage import write_error
from plumbline.lineage.workplaces import NEW, workplace
from plumbline.records import EngineError, MissingExtraError, PlumblineError, UsageError, errors

_ATTEMPTS = 4
"""How often a piece is begun whose process ends without a word: by Ray's own count it would be for ever."""
_STORE_BYTES = 200 << 20
_PLACE = Path("/tmp/pl-ray")  # noqa: S108  # a folder beside it, of this user alone; short enough for the sockets in it
_PATIENCE_SECONDS = 10
_HOST_AND_PORT = re.compile(r"(?:\w+://)?(?P<host>[^/]+):(?P<port>\d+)")
_AT_ONCE = min(os.cpu_count() or 1, 4)
ENVIRONMENT = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",  # else 127.0.0.1 becomes the address that others see
    "RAY_DATA_DISABLE_PROGRESS_BARS": "1",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",  # else a warning about graphics cards
    "POLARS_MAX_THREADS": "1",  # a task has one core
}
"""What Ray's processes begin with; Ray reads it when it is imported."""


@contextmanager
def ray_engine(address: str | None) -> Iterator[RayEngine]:
    """Ray, ready to work. What Ray itself has to say while it works goes to the error stream.

    Args:
        address: of a cluster that runs already; None starts one on this machine, for it alone, and ends it.
    Raises:
        MissingExtraError: Ray is not installed.
        UsageError: no cluster answers at the address.
    """
    with _variables(ENVIRONMENT):
        ray = _imported()
        if ray.is_initialized():  # the caller's own
            yield RayEngine(ray)
            return
        with _own_cluster(ray) if address is None else _cluster_at(ray, address):
            yield RayEngine(ray)


def _imported() -> Any:
    try:
        import ray
        import ray.data
    except ImportError as error:
        raise MissingExtraError(
            "PL-ENG-003",
            "--engine ray",
            f"{error.name or 'ray'} is not installed",
            expected="the extra for clusters",
            advice="pip install -c constraints.txt -e '.[ray]', or --engine local",
        ) from error
    return ray


@contextmanager
def _own_cluster(ray: Any) -> Iterator[None]:
    # What Ray writes goes when the run ends; what a killed run left there goes with the next.
    with workplace(_PLACE) as place:
        try:
            ray.init(
                address="local",
                num_cpus=_AT_ONCE,
                object_store_memory=_STORE_BYTES,
                include_dashboard=False,
                log_to_driver=False,
                logging_level=logging.ERROR,
                _node_ip_address="127.0.0.1",
                _temp_dir=str(place / NEW),
            )
            yield
        finally:
            ray.shutdown()


@contextmanager
def _cluster_at(ray: Any, address: str) -> Iterator[None]:
    _require_answer(address)
    here = {"_node_ip_address": "127.0.0.1"} if address.startswith(("127.0.0.1:", "localhost:")) else {}
    try:
        ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR, **here)
    except (OSError, RuntimeError, ValueError) as error:  # whichever step of Ray's refuses
        ray.shutdown()
        raise _no_cluster(address, type(error).__name__) from error
    try:
        yield
    finally:
        ray.shutdown()


def _require_answer(address: str) -> None:
    """Refuse an address where nothing listens at once: Ray would try again for minutes."""
    found = _HOST_AND_PORT.fullmatch(address)
    try:
        if found is not None:
            socket.create_connection((found["host"], int(found["port"])), timeout=_PATIENCE_SECONDS).close()
    except (OSError, OverflowError) as error:
        raise _no_cluster(address, getattr(error, "strerror", None) or type(error).__name__) from error


def _no_cluster(address: str, found: str) -> UsageError:
    return UsageError(
        "PL-ENG-004",
        address,
        "no Ray cluster answers there",
        expected="HOST:PORT of a cluster of the same versions of Ray and Python",
        found=found,
        advice="look at it with ray status --address HOST:PORT, or leave the address out: one is started here",
    )


@contextmanager
def _variables(wanted: Mapping[str, str]) -> Iterator[None]:
    """Variables of the environment, where they are not set otherwise; Ray's processes begin with them."""
    added = {name: value for name, value in wanted.items() if name not in os.environ}
    os.environ.update(added)
    try:
        yield
    finally:
        for name in added:
            os.environ.pop(name, None)


class RayEngine:
    """The engine of a cluster.

    Args:
        ray: the module, connected to a cluster.
    """

    name = "ray"

    def __init__(self, ray: Any) -> None:
        self._ray = ray
        self.shares = max(1, round(2 * ray.cluster_resources().get("CPU", 1)))
        logging.getLogger("ray.data").setLevel(logging.CRITICAL)
        with warnings.catch_warnings():  # it warns of its own defaults
            warnings.simplefilter("ignore")
            context = ray.data.DataContext.get_current()
        context.enable_progress_bars = False
        context.print_on_execution_start = False

    def each(self, count: int, work: Callable[[int], Answer], marks: Path, advance: Callable[[], None]) -> list[Answer]:
        """Do every piece as a task of its own; tasks begin as cores are free.

        Raises:
            EngineError: a piece ended its process again and again, or Ray could not run it.
        """
        if not count:
            return []
        _make_anew(marks)
        pieces = self._ray.data.range(count, override_num_blocks=count).map(
            _attempt, fn_kwargs={"work": work, "marks": str(marks)}
        )
        answers: dict[int, Answer] = {}
        try:
            with redirect_stdout(sys.stderr), closing(_rows(pieces)) as rows:
                for row in rows:
                    answers[row["number"]] = _answer(row["number"], json.loads(row["told"]))
                    advance()
        except self._ray.exceptions.RayError as error:
            raise _broken(marks.parent, f"Ray says {type(error).__name__}") from error
        return [answers[number] for number in range(count)]


def _rows(pieces: Any) -> Generator[dict[str, Any], None, None]:
    """What pieces told, as they are done. Closed early, it leaves those that have not begun."""
    for batch in pieces.iter_batches(batch_size=None, batch_format="pyarrow", prefetch_batches=0):
        yield from batch.to_pylist()


def _make_anew(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    try:
        folder.mkdir(parents=True)
    except OSError as error:
        raise write_error(folder, error) from error


def _attempt(row: dict[str, Any], work: Callable[[int], Answer], marks: str) -> dict[str, Any]:
    """A piece, in a process of Ray's. Failures are answers: Ray would write what is raised, with its text, to its logs."""
    number = int(row["id"])
    told: dict[str, Any]
    try:
        _mark(number, Path(marks))
        told = {"answer": dict(work(number))}
    except PlumblineError as error:
        names = ("code", "place", "problem", "expected", "found", "advice")
        told = {"error": type(error).__name__, "told": {name: getattr(error, name) for name in names}}
    except Exception as error:  # a fault of the program's own: told by the process that asked, and nothing of its text
        frames = traceback.extract_tb(error.__traceback__)
        told = {"fault": type(error).__name__, "at": [f"{each.filename}:{each.lineno} {each.name}" for each in frames]}
    return {"number": number, "told": json.dumps(told)}


def _mark(number: int, marks: Path) -> None:
    """Note that a piece is begun, and refuse to begin it once more than is reasonable."""
    for attempt in range(_ATTEMPTS):
        try:
            (marks / f"{number}-{attempt}").touch(exist_ok=False)
        except FileExistsError:
            continue
        except FileNotFoundError as error:
            raise not_shared(marks.parent, "the folder of the stage", "none") from error
        except OSError as error:
            raise write_error(marks, error) from error
        return
    raise _broken(marks.parent, f"piece {number} ended its process {_ATTEMPTS} times")


def _broken(place: Path, found: str) -> EngineError:
    return EngineError(
        "PL-ENG-005",
        str(place),
        "a process that worked on the stage ended before its time",
        expected="processes that end when their work is done",
        found=found,
        advice="see whether the machines run out of memory, and run the same command again: what is finished stays; "
        "or --engine local",
    )


def _answer(number: int, told: Mapping[str, Any]) -> Answer:
    """What a piece gave.

    Raises:
        PlumblineError: what it raised.
        RuntimeError: it raised something unforeseen.
    """
    if "answer" in told:
        answer: Answer = told["answer"]
        return answer
    if "error" in told:
        texts = dict(told["told"])
        raise _kinds().get(told["error"], PlumblineError)(
            texts.pop("code"), texts.pop("place"), texts.pop("problem"), **texts
        )
    # Without its text, which may quote data.
    raise RuntimeError("\n  ".join([f"{told['fault']} in piece {number}, raised in a process of Ray's:", *told["at"]]))


def _kinds() -> dict[str, type[PlumblineError]]:
    """The kinds of errors that stages raise, by name."""
    found = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, PlumblineError)]
    return {kind.__name__: kind for kind in found}
