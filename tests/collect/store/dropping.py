"""A store whose connections drop at random, and workers who repeat themselves until they are answered."""

import hashlib
import random
import threading
from contextlib import contextmanager

from sqlalchemy import event

from plumbline.collect.store.checking import Acknowledged
from plumbline.collect.store.failures import StoreUnavailableError
from plumbline.collect.store.leasing import LeaseTerms, take
from plumbline.collect.store.rows import Submission
from plumbline.collect.store.submission import submit
from tests.collect.store.made_up import LEASE, START, a_judgement


@contextmanager
def drops(store, *, seed, share):
    """Closes the connection under a share of all statements and commits; counts how often."""
    source, counter = random.Random(seed), {"drops": 0}

    def drop(connection):
        if source.random() < share:
            counter["drops"] += 1
            connection.connection.dbapi_connection.close()

    def before_statement(connection, *_):
        drop(connection)

    event.listen(store.engine, "before_cursor_execute", before_statement)
    event.listen(store.engine, "commit", drop)
    try:
        yield counter
    finally:
        event.remove(store.engine, "before_cursor_execute", before_statement)
        event.remove(store.engine, "commit", drop)


def persistent(act, *, attempts=200):
    """Does it again until the store answers, as a client over a bad line does."""
    for _ in range(attempts):
        try:
            return act()
        except StoreUnavailableError:
            continue
    raise AssertionError("the store never answered")


def work_until_done(store, study_id, worker_id, *, seed, lost_answers=0.1):
    """Takes and submits until nothing is left; a share of the answers is lost, so the same request comes again."""
    source, acknowledged = random.Random(seed), []
    terms = LeaseTerms(START + LEASE)
    while taken := persistent(lambda: take(store, study_id, worker_id, terms, now=START)):
        key = f"{worker_id}-{taken.assignment.id}"
        submission = Submission(
            taken.assignment.id,
            worker_id,
            taken.assignment.fence,
            key,
            hashlib.sha256(key.encode()).hexdigest(),
            (a_judgement(),),
        )
        receipt = persistent(lambda submission=submission: submit(store, submission, now=START))
        while source.random() < lost_answers:
            again = persistent(lambda submission=submission: submit(store, submission, now=START))
            assert again.judgement_ids == receipt.judgement_ids
        acknowledged.append(Acknowledged(worker_id, key, receipt.outcome))
    return acknowledged


def all_at_once(acts):
    """Runs each in a thread of its own; gives their results, or the first error."""
    results, errors = {}, []

    def run(number, act):
        try:
            results[number] = act()
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=run, args=pair) for pair in enumerate(acts)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]
    return [results[number] for number in range(len(acts))]
