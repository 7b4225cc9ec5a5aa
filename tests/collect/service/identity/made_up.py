"""A study on Prolific, and who comes from there."""

from plumbline.collect.service.identity.arriving import Arriving, arrive_from_prolific

PROLIFIC = {"study": "theirs", "completion_code": "C0DE-1", "items": 2}


def arrive(desk, participant="zzwho", **changed):
    given = {"study": "s", "participant": participant, "visit": "zzvisit", "study_of_provider": "theirs", **changed}
    return arrive_from_prolific(desk.collecting, Arriving(**given))
