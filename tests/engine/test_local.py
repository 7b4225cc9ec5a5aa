import os
import signal
import threading
import time

import pytest

from plumbline.engine.local import LocalEngine
from tests.engine.contract import CONTRACT, square


class Divided(LocalEngine):
    """Deals rows out in shares, as an engine of several processes does."""

    shares = 3


@pytest.mark.parametrize("engine", [LocalEngine(), Divided()], ids=["local", "divided"])
@pytest.mark.parametrize("kept", CONTRACT)
def test_contract(kept, engine, tmp_path):
    kept(engine, tmp_path)


def test_pieces_after_a_failed_one_are_left(tmp_path):
    def work(number):
        (tmp_path / str(number)).touch()
        if number == 2:
            raise ValueError("no")
        time.sleep(0.01)
        return {}

    with pytest.raises(ValueError, match="no"):
        LocalEngine().each(200, work, tmp_path, lambda: None)
    assert len(list(tmp_path.iterdir())) < 50


def test_an_interrupt_is_heeded_after_the_pieces_at_hand(tmp_path):
    def work(number):
        (tmp_path / str(number)).touch()
        if number == 2:
            os.kill(os.getpid(), signal.SIGINT)
        time.sleep(0.01)
        return {}

    former = signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs begin without it
    try:
        with pytest.raises(KeyboardInterrupt):
            LocalEngine().each(200, work, tmp_path, lambda: None)
    finally:
        signal.signal(signal.SIGINT, former)
    assert len(list(tmp_path.iterdir())) < 50


def test_progress_is_told_by_the_thread_that_asked(tmp_path):
    told = []
    LocalEngine().each(4, square, tmp_path, lambda: told.append(threading.current_thread()))
    assert set(told) == {threading.main_thread()}


def test_a_piece_by_itself_is_done_and_told_by_the_thread_that_asked(tmp_path):
    seen = []

    def work(number):
        seen.append((number, threading.current_thread()))
        return {"number": number}

    answers = LocalEngine().each(1, work, tmp_path, lambda: seen.append("told"))
    assert (answers, seen) == ([{"number": 0}], [(0, threading.main_thread()), "told"])
