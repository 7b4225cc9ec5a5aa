"""Studies whose items have topics, and what the database was asked meanwhile."""

import json
from contextlib import contextmanager

from sqlalchemy import event

from plumbline.collect.kinds import Purpose
from plumbline.collect.service.entering import enter_uploaded
from plumbline.records import PKU_19
from tests.collect.service.desk import Desk

VIOLENCE, DRUGS, CYBER = "Violence", "Drugs", "Cybercrime"
TOPICS = {"topics": True}


def labelled_rows(*rows):
    """Comparisons (question, categories of the first reply, of the second) as PKU-SafeRLHF writes them."""
    return b"\n".join(json.dumps(_row(question, *sides)).encode() for question, *sides in rows)


def _row(question, *sides):
    row = {"prompt": question, "better_response_id": 0, "safer_response_id": 0}
    for side, categories in enumerate(sides):
        row[f"response_{side}"] = ("one", "other")[side]
        row[f"is_response_{side}_safe"] = not categories
        row[f"response_{side}_harm_category"] = {name: name in categories for name in PKU_19}
    return row


class Study(Desk):
    """A desk whose pairs have topics; `made` is the number of those entered for a purpose."""

    def entered(self, study, *sides, purpose=Purpose.WORK):
        """Pairs with the categories of their second reply; the first is safe and the right one."""
        made = getattr(self, "made", 0)
        self.made = made + len(sides)
        data = labelled_rows(*((f"labelled {purpose} {made + number}", (), each) for number, each in enumerate(sides)))
        found = enter_uploaded(self.collecting, study, data, "jsonl", purpose)
        assert found.entered.new == len(sides), found
        return found

    def open(self, *sides, **settings):
        """A study of pairs with such items."""
        study = self.study(**{"wellbeing": TOPICS, **settings})
        if sides:
            self.entered(study, *sides)
        return study


@contextmanager
def statements(store):
    """Every statement that the database is sent meanwhile."""
    sent = []

    def note(connection, cursor, statement, parameters, context, many):
        sent.append(statement)

    event.listen(store.engine, "before_cursor_execute", note)
    try:
        yield sent
    finally:
        event.remove(store.engine, "before_cursor_execute", note)
