import asyncio
import threading

import pytest

from plumbline.web.bounded_calls import BoundedCalls
from plumbline.web.failures import WebError


def test_what_the_call_gives_or_raises_comes_back():
    calls = BoundedCalls(2)

    def fail():
        raise KeyError("x")

    async def both():
        assert await calls.run(divmod, 7, 2) == (3, 1)
        with pytest.raises(KeyError):
            await calls.run(fail)

    asyncio.run(both())
    calls.close()


def test_no_more_wait_than_may_and_no_more_run_than_there_are_threads():
    calls, gate, running = BoundedCalls(2, most_waiting=3), threading.Event(), []

    def wait():
        running.append(1)
        gate.wait(10)
        return len(running)

    async def main():
        tasks = [asyncio.create_task(calls.run(wait)) for _ in range(5)]
        await asyncio.sleep(0.05)
        assert len(running) == 2
        with pytest.raises(WebError) as caught:
            await calls.run(wait)
        assert (caught.value.code, caught.value.status) == ("PL-WEB-010", 503)
        gate.set()
        await asyncio.gather(*tasks)
        assert await calls.run(wait) == 6

    asyncio.run(main())
    calls.close()


def test_a_call_goes_on_to_its_end_where_nobody_waits_any_more():
    calls, gate, done = BoundedCalls(1), threading.Event(), []

    def work():
        gate.wait(10)
        done.append(1)
        raise ValueError

    async def main():
        task = asyncio.create_task(calls.run(work))
        await asyncio.sleep(0.02)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        gate.set()
        assert await calls.run(len, "ab") == 2

    asyncio.run(main())
    calls.close()
    assert done == [1]
