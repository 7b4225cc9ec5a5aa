"""A pool of samplers that does as it is told; implements the port `SamplerPool`."""

from plumbline.sources import Considered, Drawn, Reply, ReplyError, Sampling
from plumbline.sources.failures import ThrottledReplyError


def reply(text, seed=1, model="model-a"):
    return Reply(text, "made-up", model, "snapshot-1", seed, Sampling(seed=seed), "stop", 0.1)


class ToldSampler:
    """Gives two replies, or raises what stands next in `failures`; notes the seeds it was asked with."""

    def __init__(self, failures=(), text="reply"):
        self.failures, self.text, self.seeds = list(failures), text, []
        self.before = None

    def description(self):
        return {"sampler": "told"}

    async def draw(self, conversation, *, seed=None):  # noqa: ARG002 - the port's signature
        self.seeds.append(seed)
        if self.before is not None:
            await self.before()
        if self.failures:
            raise self.failures.pop(0)
        number = len(self.seeds)
        replies = [reply(f"{self.text} {number}.{place}", seed=place) for place in range(3)]
        considered = tuple(Considered(each, float(place)) for place, each in enumerate(replies))
        return Drawn((replies[2], replies[1]), seed, self.description(), considered, 1)

    async def close(self):
        pass


class ToldPool:
    def __init__(self, sampler):
        self.sampler = sampler

    async def of_study(self, study):  # noqa: ARG002 - the port's signature
        return self.sampler

    async def close(self):
        pass


def passing_failure():
    return ReplyError("PL-REP-016", "openai:secret@https://inside.example", "the endpoint failed")


def throttled_failure(retry_after_seconds):
    return ThrottledReplyError("openai:secret@https://inside.example", 429, retry_after_seconds)
