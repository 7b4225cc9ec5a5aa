"""The logic of the five kinds of study, and of review, adjudication and spot checks; pure: no database, no clock.

`registry` is the door: `task_for(study, purpose)` gives what asks, accepts and corrects; `comparisons_of`,
`safety_labels_of` and `attempt_of` make records of what is stored. `work` holds the values that go in and out.
"""

from plumbline.collect.kinds.adjudication import rulings_for, split_item
from plumbline.collect.kinds.draws import reply_seed
from plumbline.collect.kinds.judged import Judged, judged
from plumbline.collect.kinds.known_answers import QualificationResult, Score, qualification_result, total
from plumbline.collect.kinds.queues import WorkerStanding, purposes_due
from plumbline.collect.kinds.refusals import (
    FieldProblem,
    InvalidSubmissionError,
    PassedOver,
    StoredWorkError,
    SubmissionError,
)
from plumbline.collect.kinds.registry import (
    SUBMISSIONS,
    StudyTask,
    Task,
    attempt_of,
    comparisons_of,
    described_for_checks,
    items_from_records,
    items_from_workers,
    rows_per_assignment,
    safety_labels_of,
    score_of,
    side_labels_of,
    task_for,
    transcript_of,
)
from plumbline.collect.kinds.spot_check import is_spot_checked, writing_item, writing_key
from plumbline.collect.kinds.work import (
    ACTS,
    KNOWN_ANSWERS,
    Accepted,
    Ask,
    Draw,
    DrawnReply,
    Finished,
    HumanTurn,
    NewItem,
    NewJudgement,
    Purpose,
    Step,
    StoredJudgement,
    Work,
)

__all__ = [
    "ACTS",
    "KNOWN_ANSWERS",
    "SUBMISSIONS",
    "Accepted",
    "Ask",
    "Draw",
    "DrawnReply",
    "FieldProblem",
    "Finished",
    "HumanTurn",
    "InvalidSubmissionError",
    "Judged",
    "NewItem",
    "NewJudgement",
    "PassedOver",
    "Purpose",
    "QualificationResult",
    "Score",
    "Step",
    "StoredJudgement",
    "StoredWorkError",
    "StudyTask",
    "SubmissionError",
    "Task",
    "Work",
    "WorkerStanding",
    "attempt_of",
    "comparisons_of",
    "described_for_checks",
    "is_spot_checked",
    "items_from_records",
    "items_from_workers",
    "judged",
    "purposes_due",
    "qualification_result",
    "reply_seed",
    "rows_per_assignment",
    "rulings_for",
    "safety_labels_of",
    "score_of",
    "side_labels_of",
    "split_item",
    "task_for",
    "total",
    "transcript_of",
    "writing_item",
    "writing_key",
]
