"""A study on Prolific or MTurk, and who comes from there."""

from plumbline.collect.service.identity.arriving import Arriving, arrive_from

PROLIFIC = {"study": "theirs", "completion_code": "C0DE-1", "items": 2}
MTURK = {"items": 2, "sandbox": True}


def arrive(desk, participant="zzwho", **changed):
    given = {
        "provider": "prolific",
        "study": "s",
        "participant": participant,
        "visit": "zzvisit",
        "study_of_provider": "theirs",
        **changed,
    }
    return arrive_from(desk.collecting, Arriving(**given))


def come_for(desk, assignment, worker="zzworker", study="s"):
    """A worker of MTurk, for a HIT that they accepted."""
    return arrive_from(desk.collecting, Arriving("mturk", study, worker, assignment))
